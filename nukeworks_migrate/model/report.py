"""What a run did, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .plan import Plan, Step


class TouchedTables(NamedTuple):
    """Which tables a step's statements touched, as the database reported it; names in lower case.

    A statement that found no row to change touched its table too.
    """

    written: frozenset[str] = frozenset()  # rows or definition, in whatever way
    created: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()  # rows, by DELETE or REPLACE
    updated: frozenset[tuple[str, str]] = frozenset()  # table and column
    renumbered: bool = False  # rows may have got other numbers where they have no key, by VACUUM

    def joined(self, other: TouchedTables) -> TouchedTables:
        """What either of the two touched."""
        return TouchedTables(
            self.written | other.written,
            self.created | other.created,
            self.dropped | other.dropped,
            self.deleted | other.deleted,
            self.updated | other.updated,
            self.renumbered or other.renumbered,
        )


NOTHING_TOUCHED = TouchedTables()


class QuarantinedRows(NamedTuple):
    """Rows of one table that were left as they were, because they could not be computed or written."""

    table: str
    total: int
    first: tuple[tuple[str, str], ...]  # of up to ten rows: the key in words, and the error


@dataclass(frozen=True, slots=True)
class StepReport:
    step: Step
    duration_ms: int
    statements: int
    messages: tuple[str, ...] = ()  # what the migration logged
    touched: TouchedTables = NOTHING_TOUCHED
    quarantined: tuple[QuarantinedRows, ...] = ()
    retried: int | None = None  # rows in quarantine that it was run again for; None in any other run


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
