"""`migrate data errors` and `retry`: rows that transforms left as they were, and another try at them."""

from __future__ import annotations

from dataclasses import dataclass

from ..databases.ledger import ledger_columns
from ..databases.quarantine import Quarantined, count_quarantine, read_quarantine
from ..errors import UnknownTarget
from ..model.events import OnEvent, ignore
from ..model.plan import CommitMode, Direction, Plan, Step
from ..model.report import RunReport
from ..model.standing import Standing
from ..model.targets import resolve_migration
from ..project import Project
from .running import Confirm, agree, run
from .standing import load_project_folder


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """Rows in quarantine, oldest first."""

    database: str
    rows: tuple[Quarantined, ...]  # up to the limit that was asked for
    total: int


def quarantined(project: Project, name: str | None = None, *, limit: int | None = None) -> QuarantineReport:
    """Return the rows in quarantine: all, or those of one migration, named as for --only.

    Raises:
        UnknownTarget: no file has that name.
        Refused: the files cannot be read, or the database is none.
    """
    version = resolve_migration(load_project_folder(project).graph, name) if name is not None else None
    database = project.open_database()
    if not database.exists():
        return QuarantineReport(database.label, (), 0)
    with database.reader() as reader:
        ledger_columns(reader)  # refuses what is not ours
        return QuarantineReport(
            database.label,
            tuple(read_quarantine(reader, version, limit=limit)),
            count_quarantine(reader, version),
        )


def retry(project: Project, name: str, *, confirm: Confirm = agree, on_event: OnEvent = ignore) -> RunReport:
    """Run the function of a migration again for the rows that it left in quarantine, and for no others.

    Its code runs from the beginning, with a handle that only reads and that computes only those rows; a row that fails
    again is in quarantine again. All is one transaction, with a snapshot before it. An empty report means that
    there was nothing in quarantine.

    Raises:
        UnknownTarget: no file has that name, or what was left in quarantine is of a migration that is not applied.
        And what `up` raises.
    """
    folder = load_project_folder(project)
    version = resolve_migration(folder.graph, name)
    nothing = Plan(Direction.UP, target="retry")

    def planning(standing: Standing) -> Plan:
        rows = quarantined(project, name, limit=1).rows
        if not rows:
            return nothing
        direction = Direction(rows[0].direction)
        if (direction is Direction.UP) != (version in standing.history.applied):
            state = "is not applied" if direction is Direction.UP else "is applied"
            raise UnknownTarget(
                f"{folder.graph[version].name} {state}, and what it left in quarantine is of its way {direction.value}",
                unchanged="nothing was run",
                next_step="see what happened to it: migrate history " + folder.graph[version].name,
            )
        step = Step(standing.graph[version], direction)
        return Plan(direction, (step,), CommitMode.RUN, target=step.name)

    return run(project, "data retry", planning, confirm=confirm, on_event=on_event, retrying=True)
