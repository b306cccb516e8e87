"""From the words of a call to the plan: the same for a run and for a look at what it would do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..files.folder import Folder
from ..model.plan import CommitMode, Direction, Plan
from ..model.planner import plan_down, plan_up
from ..model.standing import Standing
from ..project import Project, StrPath

if TYPE_CHECKING:
    from ..model.schema import Schema

Planning = Callable[[Standing], Plan]


class HeldPlanning(ABC):
    """Planning that is held to a plan that was saved."""

    @abstractmethod
    def plan(self, standing: Standing, schema: Schema, folder: Folder, engine: str) -> Plan:
        """Return what is planned of `standing`: the saved plan again, step by step.

        Raises:
            PlanMoved: files, ledger or schema are not what they were; the message names what is not.
        """


def planning_or_held(
    project: Project,
    direction: Direction,
    *,
    plan_file: StrPath | None,
    to: str | int | None,
    only: str | None,
    steps: int | None,
    commit: CommitMode | str | None,
) -> Planning | HeldPlanning:
    """Return what plans these words, or what is held to the plan in `plan_file`.

    Raises:
        UsageError: the file is no plan, or goes the other way, or something else was said besides.
    """
    if plan_file is None:
        return planning_for(project, direction, to=to, only=only, steps=steps, commit=commit)
    from .held_plan import hold_to  # takes as long to import as a small run does to run

    return hold_to(project, plan_file, direction, said=(to, only, steps, commit))


def planning_for(
    project: Project,
    direction: Direction,
    *,
    to: str | int | None,
    only: str | None,
    steps: int | None,
    commit: CommitMode | str | None,
) -> Planning:
    """Return what makes the plan for a database, once it is known how it stands; `commit` is once unless it is said."""
    target = None if to is None else str(to)
    mode = CommitMode.RUN if commit is None else CommitMode(commit)

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
