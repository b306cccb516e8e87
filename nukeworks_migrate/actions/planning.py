"""From the words of a call to the plan: the same for a run and for a look at what it would do."""

from __future__ import annotations

from collections.abc import Callable

from ..model.plan import CommitMode, Direction, Plan
from ..model.planner import plan_down, plan_up
from ..model.standing import Standing
from ..project import Project

Planning = Callable[[Standing], Plan]


def planning_for(
    project: Project,
    direction: Direction,
    *,
    to: str | int | None,
    only: str | None,
    steps: int | None,
    commit: CommitMode | str,
) -> Planning:
    """Return what makes the plan for a database, once it is known how it stands."""
    target = None if to is None else str(to)
    mode = CommitMode(commit)

    def planning(standing: Standing) -> Plan:
        if direction is Direction.DOWN:
            return plan_down(standing.graph, standing.history, to=target, only=only, steps=steps, commit=mode)
        return plan_up(
            standing.graph,
            standing.history,
            to=target,
            only=only,
            steps=steps,
            commit=mode,
            refuse_out_of_order=project.out_of_order == "refuse",
        )

    return planning
