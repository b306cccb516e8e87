"""What the ledger says, read into values.

Here and in all that `status` imports, values are named tuples: the methods of a dataclass are written and compiled
when its module is imported, which takes ten times as long, and that is most of what a short command takes.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class LedgerState(StrEnum):
    """What was found where the ledger should be."""

    NONE = "none"  # no table yet: nothing was ever applied
    LEGACY = "legacy"  # the four columns of the hand-made system; the first run adds the others
    CURRENT = "current"


class Entry(NamedTuple):
    """One row of the ledger: a migration that is applied.

    A row of the old system has neither name, checksum nor position.
    """

    version: int
    name: str | None = None
    checksum: str | None = None
    position: int | None = None  # counts up as migrations are applied; the order in which it happened
    applied_at: str = ""  # UTC, as the column holds it: YYYY-MM-DD HH:MM:SS
    applied_by: str = ""
    description: str = ""
    run_id: str = ""
    duration_ms: int | None = None


class Unfinished(NamedTuple):
    """A migration without transaction that has begun and not ended."""

    version: int
    name: str
    direction: str  # up or down
    run_id: str
    started_at: str
    snapshot: str = ""  # the one taken before its run
    visited: int | None = None  # rows that its checkpoints cover; None where it ran statements that have none

    @property
    def has_checkpoints(self) -> bool:
        """Whether it can go on where it stopped: nothing of it would run twice."""
        return self.visited is not None


class History:
    """The ledger's entries by version, and what was left unfinished. Two with the same content are equal."""

    def __init__(
        self,
        entries: tuple[Entry, ...] = (),
        unfinished: tuple[Unfinished, ...] = (),
        state: LedgerState = LedgerState.CURRENT,
    ) -> None:
        self.entries = entries
        self.unfinished = unfinished
        self.state = state

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return (self.entries, self.unfinished, self.state) == (other.entries, other.unfinished, other.state)

    def __hash__(self) -> int:
        return hash((self.entries, self.unfinished, self.state))

    def __repr__(self) -> str:
        return f"History({self.entries!r}, {self.unfinished!r}, {self.state!r})"

    @cached_property
    def by_version(self) -> dict[int, Entry]:
        return {entry.version: entry for entry in self.entries}

    @cached_property
    def applied(self) -> frozenset[int]:
        return frozenset(entry.version for entry in self.entries)

    @property
    def version(self) -> int:
        """The highest applied version, as the application reads it; 0 when nothing is applied."""
        return max(self.applied, default=0)

    @property
    def next_position(self) -> int:
        return max((entry.position or 0 for entry in self.entries), default=0) + 1

    def undo_priority(self, version: int) -> tuple[int, ...]:
        """Sort key of `version` for taking back: latest applied first, then the old system's by version.

        The rows of the old system come last because all of them are older, and by number because
        their dates lie: its files carried the date themselves.
        """
        position = self.by_version[version].position
        return (1, -version) if position is None else (0, -position)

    def with_applied(self, versions: list[int], names: dict[int, str] | None = None) -> History:
        """This history after `versions` were applied in that order."""
        entries = list(self.entries)
        for position, version in enumerate(versions, self.next_position):
            entries.append(Entry(version, (names or {}).get(version), position=position))
        return History(tuple(entries), self.unfinished, self.state)

    def without(self, versions: list[int]) -> History:
        """This history after `versions` were taken back."""
        gone = frozenset(versions)
        return History(tuple(e for e in self.entries if e.version not in gone), self.unfinished, self.state)
