"""`migrate plan`: what would happen, from the files and the ledger alone."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.plan import CommitMode, Direction
from ..project import Project
from .planning import planning_for
from .preview import Preview, Proposal
from .standing import load_project_folder, read_standing


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan with what its files tell, and the database that it is for."""

    preview: Preview
    database: str
    engine: str
    database_exists: bool
    takes_snapshot: bool


def plan(
    project: Project,
    *,
    direction: Direction | str = Direction.UP,
    to: str | int | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode | str = CommitMode.RUN,
) -> PlanReport:
    """Return what `up` (or `down`) with these words would do; nothing is run, and not a byte is written.

    Raises:
        FilesRefused, Refused, Interrupted: what up and down would refuse for.
        UnknownTarget, UsageError: the words mean nothing.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    standing = read_standing(folder, database)
    standing.refuse_unsound()
    planned = planning_for(project, Direction(direction), to=to, only=only, steps=steps, commit=commit)(standing)
    proposal = Proposal(planned, folder, database)
    policy = project.snapshot or "always"
    return PlanReport(
        proposal.preview,
        database.label,
        database.engine,
        database.exists(),
        takes_snapshot=database.size_bytes() > 0
        and (policy == "always" or (policy == "destructive" and proposal.may_destroy)),
    )
