"""`migrate down`: take back what is applied."""

from __future__ import annotations

from ..model.events import OnEvent, ignore
from ..model.plan import CommitMode, Direction
from ..model.report import RunReport
from ..project import Project, StrPath
from .planning import planning_or_held
from .running import Confirm, agree, run


def down(
    project: Project,
    *,
    to: str | int | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode | str | None = None,
    plan_file: StrPath | None = None,
    confirm: Confirm = agree,
    on_event: OnEvent = ignore,
) -> RunReport:
    """Take back what is applied outside of the state at `to`, and report what happened.

    `to="base"` takes back everything. One of `to`, `only` and `steps` has to be given, or a `plan_file`.

    Raises:
        NoWayBack: one of the steps has no downgrade; nothing was run.
        UsageError: not told how far.
        And what `up` raises.
    """
    planning = planning_or_held(
        project, Direction.DOWN, plan_file=plan_file, to=to, only=only, steps=steps, commit=commit
    )
    return run(project, "down", planning, confirm=confirm, on_event=on_event)
