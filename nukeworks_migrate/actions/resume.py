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
    """Run an interrupted migration again from its beginning, where `rerun` says that it can bear that.

    Its statements are then run at least once: those that had finished before it was interrupted run again.
    An empty report means that nothing was interrupted.

    Raises:
        Interrupted: something was, and `rerun` was not said; the message names the choices.
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
        if not rerun:
            back = f"\nor go back: migrate restore {unfinished.snapshot}" if unfinished.snapshot else ""
            raise Interrupted(
                f"{unfinished.name} has no checkpoint to go on from",
                cause="it would run again from its beginning, over what it had already done",
                unchanged="nothing was run now",
                next_step="if it can bear that: migrate resume --rerun"
                f"\nif it counts as applied now: migrate stamp --applied {unfinished.name}"
                f"\nif it does not: migrate stamp --not-applied {unfinished.name}{back}",
            )
        direction = Direction(unfinished.direction)
        step = Step(standing.graph[unfinished.version], direction)
        return Plan(direction, (step,), CommitMode.RUN, target=step.name)

    return run(project, "resume", planning, confirm=confirm, on_event=on_event, resuming=True)
