"""Going through the rows of a table in batches: transaction, checkpoint, pace and progress are the same for all.

Inside the run's transaction that is all there is to it. In a migration without transaction each batch is committed
together with a checkpoint that says behind which key the next one begins: a kill at any instant loses the work of
one batch at most, and repeats none.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..databases.base import Parameters
from ..databases.checkpoints import Checkpoints, Saved
from ..databases.quarantine import Quarantined
from ..databases.rows import Chosen, Key
from ..databases.writing import StepSession
from ..errors import StepFailed
from ..model.names import fold

_ROWID_NAMES = frozenset(("rowid", "oid", "_rowid_"))  # of SQLite's number of a row, unless a column is called so
Progress = Callable[[int, int, str], None]  # rows done, rows in all, table


class Page(NamedTuple):
    """What was done with the rows up to `last_key`."""

    last_key: Key
    visited: int
    written: int


@dataclass(frozen=True)
class Pace:
    """How much of the database a walk leaves to others."""

    pause_s: float = 0.0  # after each batch
    max_rows_s: float | None = None

    def __post_init__(self) -> None:
        if self.pause_s < 0:
            raise ValueError(f"pause_s is {self.pause_s}, and no pause is shorter than 0 seconds")
        if self.max_rows_s is not None and self.max_rows_s <= 0:
            raise ValueError(f"max_rows_s is {self.max_rows_s}: at that rate it never ends")

    @property
    def holds_up(self) -> bool:
        return self.pause_s > 0 or self.max_rows_s is not None

    def batch(self, wanted: int) -> int:
        """A batch of at most what one second may take, so that the rate is even."""
        return wanted if self.max_rows_s is None else max(1, min(wanted, int(self.max_rows_s)))

    def pause(self, visited: int, took_s: float) -> float:
        """How long to wait after a batch of `visited` rows that took `took_s` seconds."""
        due = 0.0 if self.max_rows_s is None else visited / self.max_rows_s - took_s
        return max(self.pause_s, due)


class Walk(ABC):
    """One call that goes through the rows of a table."""

    call: str  # the method's name
    table: str
    pace: Pace

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """What makes it the same call when it is resumed; all of it fits JSON."""

    @abstractmethod
    def count(self, after: Key | None) -> int:
        """How many rows are to be visited behind `after`."""

    @abstractmethod
    def pages(self, after: Key | None, total: int, *, exact: bool) -> Iterator[Page]:
        """Do the work, a page for each value; with `exact`, no page has more rows than the batch says."""

    def quarantined(self) -> list[Quarantined]:
        """Rows of the last page that were left as they were, each once."""
        return []


class Walker:
    """Drives the walks of one step."""

    def __init__(
        self,
        session: StepSession,
        progress: Progress,
        *,
        checkpoints: Checkpoints | None,
        put_into_quarantine: Callable[[list[Quarantined]], None],
        hidden: Callable[[str], str],
        paced: bool = True,
    ) -> None:
        self._session = session
        self._progress = progress
        self._checkpoints = checkpoints  # None inside the run's transaction
        self._put_into_quarantine = put_into_quarantine
        self._hidden = hidden  # what resources hold
        self._paced = paced  # a rehearsal does not wait for anybody

    def run(self, number: int, walk: Walk, *, begun: Callable[[], None] = lambda: None) -> Saved:
        """Go through the rows, from the last checkpoint on; return how far it has come, which is to the end.

        `begun` is called before the first row, where what an earlier run had left can be read.

        Raises:
            StepFailed: what is resumed is not the call that was interrupted.
            ValueError: a pace was asked for where all is one transaction.
        """
        if walk.pace.holds_up and not self._session.commits_each_statement:
            raise ValueError(
                f"{walk.call}() can pause only where its batches are committed one by one: in a migration with"
                ' transaction = "none", outside of db.transaction(). Here it would only hold the lock for longer'
            )
        identity = self._hidden(json.dumps(walk.identity(), sort_keys=True))
        with self._batch():
            place = self._begin(number, walk, identity)
            begun()
        if place.done:
            return place
        total = place.visited + walk.count(place.last_key)
        pages = walk.pages(place.last_key, total, exact=self._checkpoints is not None)
        while not place.done:
            started = time.perf_counter()
            with self._batch():
                page = next(pages, None)
                before, place = place, _moved(place, page)
                self._note(number, walk, place)
            if page is not None:
                self._progress(place.visited, max(total, place.visited), walk.table)
            if self._paced and not place.done:
                self._wait(walk.pace.pause(place.visited - before.visited, time.perf_counter() - started))
        return place

    def _batch(self) -> AbstractContextManager[None]:
        return self._session.transaction() if self._session.commits_each_statement else nullcontext()

    def _begin(self, number: int, walk: Walk, identity: str) -> Saved:
        if self._checkpoints is None:
            return Saved(identity, None, 0, 0, False)
        with self._session.own_statements():
            found = self._checkpoints.find(number)
            # One that had come to no row has done nothing, and may have been wrong: it may be another now.
            if found is None or (found.last_key is None and not found.done):
                found = Saved(identity, None, 0, 0, False)
                self._checkpoints.save(number, found)
        if found.call != identity:
            raise StepFailed(
                f"{walk.call}() of {walk.table} is not the call that was interrupted",
                cause=_differences(json.loads(found.call), json.loads(identity)),
                next_step="write that call as it was (its function may change), and let it be number"
                f" {number} of its migration",
            )
        return found

    def _note(self, number: int, walk: Walk, place: Saved) -> None:
        rows = walk.quarantined()
        if not rows and self._checkpoints is None:
            return
        with self._session.own_statements():
            if rows:
                self._put_into_quarantine(rows)
            if self._checkpoints is not None:
                self._checkpoints.save(number, place)

    @staticmethod
    def _wait(seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)  # a signal ends it: while a migration's code runs, it raises where it is


def _moved(place: Saved, page: Page | None) -> Saved:
    if page is None:
        return place._replace(done=True)
    return place._replace(
        last_key=page.last_key, visited=place.visited + page.visited, written=place.written + page.written
    )


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    return "\n".join(f"{name}: it was {was.get(name)!r}, and is {now.get(name)!r}" for name in names)


def written_keys(session: StepSession, chosen: Chosen, names: Iterable[str]) -> list[str]:
    """Those of `names` that would move a row along the key by which rows are walked."""
    if not chosen.key:
        return []
    key, columns = set(map(fold, chosen.key)), set(map(fold, session.column_names(chosen.table)))
    return sorted(name for name in names if fold(name) in key or fold(name) in _ROWID_NAMES - columns)


def fingerprint(params: Parameters | None) -> str:
    """What tells parameters from others without holding them: they may be secret."""
    if params is None:
        return ""
    from hashlib import sha256

    ordered = sorted(params.items()) if isinstance(params, Mapping) else list(params)
    return sha256(repr(ordered).encode()).hexdigest()[:16]
