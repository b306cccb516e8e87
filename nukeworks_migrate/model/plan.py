"""A plan: what a run will do, and in which order. Making one touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .migration import Migration, TransactionMode


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


class CommitMode(StrEnum):
    """Where a run commits."""

    RUN = "run"  # once, at its end; a migration without transaction still stands alone
    EACH = "each"  # after each step


@dataclass(frozen=True, slots=True)
class Step:
    """One migration of a plan, in one direction."""

    migration: Migration
    direction: Direction
    out_of_order: bool = False  # a higher number was applied before

    @property
    def name(self) -> str:
        return self.migration.name

    @property
    def version(self) -> int:
        return self.migration.version

    @property
    def alone(self) -> bool:
        """Whether it runs between two commits, without a transaction."""
        return self.migration.transaction is TransactionMode.NONE


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they run; none when there is nothing to do."""

    direction: Direction
    steps: tuple[Step, ...] = ()
    commit: CommitMode = CommitMode.RUN
    target: str = "head"  # as it was asked for
    remarks: tuple[str, ...] = ()  # what the reader should know besides the steps

    def groups(self) -> tuple[tuple[Step, ...], ...]:
        """The steps between two commits: each group happens wholly or not at all."""
        groups: list[list[Step]] = []
        for step in self.steps:
            joins = groups and self.commit is CommitMode.RUN and not step.alone and not groups[-1][-1].alone
            if joins:
                groups[-1].append(step)
            else:
                groups.append([step])
        return tuple(tuple(group) for group in groups)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)
