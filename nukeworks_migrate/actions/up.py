"""`migrate up`: apply what is pending."""

from __future__ import annotations

from ..model.events import OnEvent, ignore
from ..model.plan import CommitMode, Direction
from ..model.report import RunReport
from ..project import Project, StrPath
from .planning import planning_or_held
from .running import Confirm, agree, run


def up(
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
    """Apply what is pending of the state at `to` (default: everything), and report what happened.

    The run happens wholly or not at all; with `commit="each"`, that holds for each step. `confirm` is asked with the
    plan before anything is locked; `on_event` gets what happens as it happens.

    With `plan_file`, exactly the plan runs that `plan(project, save_to=…)` saved there; `to`, `only`, `steps` and
    `commit` are in it.

    Raises:
        FilesRefused, Refused: turned down before anything ran.
        PlanMoved: files, ledger or schema are not what they were when the plan was saved.
        StepFailed: a migration failed; nothing of the run is left.
        Busy: somebody else migrates, or writes, and did until the lock timeout.
        PartWay: a migration without transaction stopped in the middle.
        Stopped: a signal ended the run; nothing of it is left.
    """
    planning = planning_or_held(
        project, Direction.UP, plan_file=plan_file, to=to, only=only, steps=steps, commit=commit
    )
    return run(project, "up", planning, confirm=confirm, on_event=on_event)
