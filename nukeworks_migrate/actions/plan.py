"""`migrate plan`: what would happen, from the files and the ledger alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.plan import CommitMode, Direction
from ..project import Project, StrPath
from .planning import planning_for
from .preview import Preview, Proposal
from .standing import load_project_folder, read_standing, read_standing_and_schema

if TYPE_CHECKING:
    from ..model.schema import Schema


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan with what its files tell, and the database that it is for."""

    preview: Preview
    database: str
    engine: str
    database_exists: bool
    takes_snapshot: bool
    saved_to: str = ""  # the file that the plan was saved in


def plan(
    project: Project,
    *,
    direction: Direction | str = Direction.UP,
    to: str | int | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode | str | None = None,
    save_to: StrPath | None = None,
) -> PlanReport:
    """Return what `up` (or `down`) with these words would do; nothing is run, and not a byte is written.

    With `save_to`, the plan is written to that file, and `up(project, plan_file=…)` runs exactly it.

    Raises:
        FilesRefused, Refused, Interrupted: what up and down would refuse for.
        UnknownTarget, UsageError: the words mean nothing.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    schema: Schema | None = None
    if save_to is None:
        standing = read_standing(folder, database)
    else:
        standing, schema = read_standing_and_schema(folder, database)
    standing.refuse_unsound()
    planned = planning_for(project, Direction(direction), to=to, only=only, steps=steps, commit=commit)(standing)
    proposal = Proposal(planned, folder, database)
    report = PlanReport(
        proposal.preview,
        database.label,
        database.engine,
        database.exists(),
        takes_snapshot=database.size_bytes() > 0 and proposal.calls_for_snapshot(project.snapshot),
        saved_to=os.fspath(save_to) if save_to is not None else "",
    )
    if save_to is not None and schema is not None:
        from ..model.saved_plan import asked_for
        from .plan_file import plan_to_save, write_plan

        asked = asked_for(to, only, steps)
        write_plan(plan_to_save(planned, asked, folder, database, standing.history, schema), save_to, database)
    return report
