"""What a rehearsal saw, as values: a plan that ran on a copy, and what each of its steps did there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import MigrateError
from .differences import SchemaChange
from .plan import Plan, Step
from .report import NOTHING_TOUCHED, QuarantinedRows, TouchedTables
from .rows import NO_DIFFERENCE, Difference
from .schema import Schema

_NO_SCHEMA = Schema()


class WayBack(StrEnum):
    """Whether the opposite direction gives back what was there before a step."""

    EXACT = "exact"  # the same schema and the same rows
    LOSSY = "lossy"  # something is missing or other than it was
    NONE = "none"  # the migration has no downgrade
    FAILED = "failed"  # it raised, or was refused
    NOT_TRIED = "not tried"  # it was not asked for, or the step itself failed


@dataclass(frozen=True, slots=True)
class WayBackReport:
    verdict: WayBack
    left: Difference = NO_DIFFERENCE  # from before the step to after its way back: what does not come back
    cause: str = ""  # why it failed
    where: str = ""  # in which file and line
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class StatementReport:
    """One statement of a step, however often it ran from that line."""

    sql: str
    line: int  # of the migration's file; 0 where no line of it called
    times: int
    rows: int  # changed or given, in all
    most_rows: int  # changed by one execution; 0 for a query
    seconds: float
    parameters: str  # what kinds of values the first execution had, or the values where they were asked for


@dataclass(frozen=True, slots=True)
class StepRehearsal:
    """What one step did to the copy."""

    step: Step
    duration_ms: int
    statements: tuple[StatementReport, ...]
    more_statements: int  # that ran besides, too many to be told apart
    difference: Difference
    way_back: WayBackReport
    messages: tuple[str, ...] = ()  # what the migration logged
    touched: TouchedTables = NOTHING_TOUCHED
    before: Schema = _NO_SCHEMA
    after: Schema = _NO_SCHEMA
    failed: bool = False
    quarantined: tuple[QuarantinedRows, ...] = ()


@dataclass(frozen=True, slots=True)
class TableCount:
    table: str
    before: int  # rows; 0 for a table that was not there
    after: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A plan that was run on a private copy. The database itself was only read.

    `failure` is the error that the run would have ended with; the steps after it were not tried.
    """

    plan: Plan
    database: str
    engine: str
    steps: tuple[StepRehearsal, ...] = ()
    failure: MigrateError | None = None
    schema: tuple[SchemaChange, ...] = ()  # from before the first step to after the last that ran
    counts: tuple[TableCount, ...] = ()  # of every table whose rows were touched
    size_before: int = 0  # bytes of the copy
    size_after: int = 0
    copy_ms: int = 0
    duration_ms: int = 0  # of the whole rehearsal
    locks: str = ""  # what a run would keep others from, meanwhile
    takes_snapshot: bool = False
    database_exists: bool = True
    remarks: tuple[str, ...] = ()  # what would stand in the way of the run
    saved_to: str = ""  # the file that the plan was saved in; none after a failure

    @property
    def estimate_ms(self) -> int:
        """About how long the real run would hold its lock: the steps as measured, and the snapshot as the copy."""
        return sum(step.duration_ms for step in self.steps) + (self.copy_ms if self.takes_snapshot else 0)
