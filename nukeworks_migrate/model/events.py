"""What happens during a run, as values for whoever draws or records it: `on_event` gets each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .plan import Plan, Step

if TYPE_CHECKING:
    from .report import QuarantinedRows


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody else has the migration lock; `holder` is who, where it is known."""

    holder: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    plan: Plan
    run_id: str


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """How far the copy is that a rehearsal runs on."""

    pages_done: int
    pages_total: int


@dataclass(frozen=True, slots=True)
class SnapshotProgress:
    pages_done: int
    pages_total: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    snapshot_id: str
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StepStarted:
    step: Step
    number: int  # from 1
    total: int


@dataclass(frozen=True, slots=True)
class StatementRan:
    """A statement of a migration's own; parameters are never in it."""

    step: Step
    sql: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Logged:
    step: Step
    message: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a step says it is: one of these for each call of `db.progress`, however many that are."""

    step: Step
    done: int
    total: int | None  # None when it is not known
    label: str
    rows_s: float | None = None  # rows a second, over the last seconds; None before it is known
    left_s: float | None = None  # seconds left at that rate; None where total or rate is not known


@dataclass(frozen=True, slots=True)
class RowsQuarantined:
    """A transform has ended, and rows of it were left as they were."""

    step: Step
    rows: QuarantinedRows


@dataclass(frozen=True, slots=True)
class StepFinished:
    step: Step
    number: int
    total: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class StepBroke:
    """The step failed; the error that the run ends with tells the rest."""

    step: Step
    number: int
    total: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What has run so far is in the database for good."""

    names: tuple[str, ...]


Event = (
    Waiting
    | CopyProgress
    | RunStarted
    | SnapshotProgress
    | SnapshotTaken
    | StepStarted
    | StatementRan
    | Logged
    | Progressed
    | RowsQuarantined
    | StepFinished
    | StepBroke
    | Committed
)
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener of those who do not listen."""
