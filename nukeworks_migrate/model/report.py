"""What a run did, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Plan, Step


@dataclass(frozen=True, slots=True)
class StepReport:
    step: Step
    duration_ms: int
    statements: int
    messages: tuple[str, ...] = ()  # what the migration logged


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run that reached its end. No steps: there was nothing to do, and nothing was touched."""

    plan: Plan
    run_id: str = ""
    steps: tuple[StepReport, ...] = ()
    snapshot_id: str = ""  # empty: the database had no tables, or none was wanted
    snapshot_path: str = ""
    snapshot_bytes: int = 0
    duration_ms: int = 0
    version_before: int = 0
    version_after: int = 0
    created_database: bool = False
    pruned: tuple[str, ...] = ()  # snapshots that retention took away
    remarks: tuple[str, ...] = ()  # what did not go as wished, and was no reason to fail
