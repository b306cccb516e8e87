"""Holding a run to a saved plan: it runs exactly that, or nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from shlex import quote

from ..errors import MigrateError, PlanMoved, UsageError
from ..files.folder import Folder
from ..model.plan import CommitMode, Direction, Plan
from ..model.saved_plan import Moved, Present, SavedPlan, what_moved
from ..model.schema import Schema
from ..model.standing import Standing
from ..project import Project, StrPath
from ..version import __version__
from .plan_file import files_of, read_plan
from .planning import HeldPlanning, Planning, planning_for

_UNCHANGED = "nothing was run; database and ledger are as they were"


@dataclass(frozen=True, slots=True)
class HeldPlan(HeldPlanning):
    """A saved plan, and how its words are planned today."""

    saved: SavedPlan
    path: str  # as it was written
    planning: Planning

    def plan(self, standing: Standing, schema: Schema, folder: Folder, engine: str) -> Plan:
        plan: Plan | None = None
        no_plan = ""
        try:
            plan = self.planning(standing)
        except MigrateError as error:
            no_plan = "; ".join(words for words in (error.what, error.cause) if words)
        now = Present(
            standing.graph,
            files_of(folder),
            standing.history,
            schema.fingerprint,
            engine,
            __version__,
            plan,
            no_plan,
        )
        moved = what_moved(self.saved, now)
        if moved.lines:
            raise self._refusal(moved)
        assert plan is not None
        return plan

    def _refusal(self, moved: Moved) -> PlanMoved:
        next_step = f"make it again: migrate plan{_words(self.saved)} -o {quote(self.path)}"
        if moved.done:
            happened = "taken back" if self.saved.direction is Direction.DOWN else "applied"
            what = f"every step of the plan {self.path} is {happened} already"
            next_step = "see where it stands: migrate status"
        elif moved.what:
            what = f"the plan {self.path} does not hold any more: {_and(moved.what)} moved"
        else:
            what = f"the plan {self.path} is not what would be planned here"
        return PlanMoved(
            what,
            where=f"{self.path}, made {self.saved.made_at[:16].replace('T', ' ')} UTC for {self.saved.database}",
            cause="\n".join(moved.lines),
            next_step=next_step,
        )


def hold_to(project: Project, plan_file: StrPath, direction: Direction, *, said: tuple[object, ...]) -> HeldPlan:
    """Read a plan that goes in `direction`; it says itself how far it goes, so that nothing else may be `said`.

    Raises:
        UsageError: it is none, or goes the other way, or something else was said besides.
    """
    shown = os.fspath(plan_file)
    if any(word is not None for word in said):
        raise UsageError(
            "--plan excludes --to, --only, --steps and --commit",
            cause="the plan says how far it goes, and where it commits",
            unchanged=_UNCHANGED,
            next_step="leave them out, or make another plan: migrate plan … -o plan.json",
        )
    saved = read_plan(plan_file, project.open_database())
    if saved.direction is not direction:
        raise UsageError(
            f"the plan {shown} goes {saved.direction.value}, not {direction.value}",
            unchanged=_UNCHANGED,
            next_step=f"run it: migrate {saved.direction.value} --plan {quote(shown)}",
        )
    asked = saved.asked
    planning = planning_for(project, direction, to=asked.to, only=asked.only, steps=asked.steps, commit=saved.commit)
    return HeldPlan(saved, shown, planning)


def _words(saved: SavedPlan) -> str:
    """What was said to `migrate plan` when the plan was made."""
    words = [" --down" if saved.direction is Direction.DOWN else ""]
    for option, value in (("--to", saved.asked.to), ("--only", saved.asked.only), ("--steps", saved.asked.steps)):
        words.append(f" {option} {quote(str(value))}" if value is not None else "")
    words.append(" --commit each" if saved.commit is CommitMode.EACH else "")
    return "".join(words)


def _and(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
