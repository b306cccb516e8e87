"""`migrate resume`: go on with a migration without transaction that was interrupted."""

from __future__ import annotations

from ..errors import Interrupted, MissingFiles
from ..model.events import OnEvent, ignore
from ..model.plan import CommitMode, Direction, Plan, Step
from ..model.report import RunReport
from ..model.standing import Standing
from ..project import Project
from .running import Confirm, agree, run


def resume(project: Project, *, rerun: bool = False, confirm: Confirm = agree, on_event: OnEvent = ignore) -> RunReport:
    """Go on with an interrupted migration behind its last checkpoint.

    Where it had run statements that have none, they would run again: `rerun` says that it can bear that. Transforms,
    updates and copies of rows go on where they were all the same. An empty report means that nothing was interrupted.

    Raises:
        Interrupted: something was, and it needs `rerun`, which was not said; the message names the choices.
        And what `up` raises.
    """

    def planning(standing: Standing) -> Plan:
        if not standing.history.unfinished:
            return Plan(Direction.UP, target="resume")
        unfinished = standing.history.unfinished[0]
        if unfinished.version not in standing.graph:
            raise MissingFiles(
                f"{unfinished.name} was interrupted, and has no file any more",
                next_step=f"bring the file back, or: migrate stamp --not-applied {unfinished.version}",
            )
        if not rerun and not unfinished.has_checkpoints:
            back = f"\nor go back: migrate restore {unfinished.snapshot}" if unfinished.snapshot else ""
            raise Interrupted(
                f"{unfinished.name} ran statements that have no checkpoint",
                cause="it would run them again, over what they had already done",
                unchanged="nothing was run now",
                next_step="if it can bear that: migrate resume --rerun"
                f"\nif it counts as applied now: migrate stamp --applied {unfinished.name}"
                f"\nif it does not: migrate stamp --not-applied {unfinished.name}{back}",
            )
        direction = Direction(unfinished.direction)
        step = Step(standing.graph[unfinished.version], direction)
        if not step.alone:  # in one transaction it knows of no checkpoints, and would do all rows again
            raise Interrupted(
                f"{step.name} was interrupted, and does not say any more that it runs without a transaction",
                where=step.migration.path,
                cause="it would begin again, over what it had already done",
                unchanged="nothing was run now",
                next_step='write in the file again: transaction = "none"; then: migrate resume',
            )
        return Plan(direction, (step,), CommitMode.RUN, target=step.name)

    return run(project, "resume", planning, confirm=confirm, on_event=on_event, resuming=True)
