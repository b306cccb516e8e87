"""What a database owes to the rest: nothing above this folder knows which one it talks to.

A `Database` says where a database is and opens nothing until asked; a `Reader` sees it without changing a byte.
What a run needs besides is in `writing`, which only runs import.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from ..model.schema import Schema
    from .scratch import Scratch
    from .writing import BrokenKeys, CopyResult, Holder, Restore, Writer

Parameters = Sequence[Any] | Mapping[str, Any]
StrPath = str | os.PathLike[str]
StopRequested = Callable[[], bool]  # whether a signal has asked to end


Lifted = Callable[[], AbstractContextManager[None]]


class Capabilities(NamedTuple):
    """Where databases differ, as data; whoever needs a difference asks here, not for a name."""

    transactional_ddl: bool  # CREATE, ALTER and DROP can be rolled back
    alters_columns_in_place: bool  # otherwise the table is rebuilt and its rows copied
    session_lock: bool  # a lock held by the connection; otherwise a lock file beside the database


class Deadline:
    """A moment after which waiting ends; every wait has one."""

    def __init__(self, seconds: float, stop_requested: StopRequested = lambda: False) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._pause = 0.001
        self._stop_requested = stop_requested

    def pause(self) -> bool:
        """Sleep a moment, up to 0.02 s; return False when the time is over or a stop was asked.

        Short and never twice the same: another program that writes without a pause leaves gaps of a
        millisecond, and a steady beat could miss every one of them.
        """
        left = self._end - time.monotonic()
        if left <= 0 or self._stop_requested():
            return False
        self._pause = min(self._pause * 1.3, 0.02)
        time.sleep(min(self._pause * (time.perf_counter_ns() % 1000 + 1) / 1000, left))
        return not self._stop_requested()


class Column(NamedTuple):
    name: str
    type: str
    not_null: bool
    default: str | None
    primary_key: int  # place in the primary key, from 1; 0 when it is not in it


class Row(tuple[Any, ...]):
    """A row: a tuple that also takes a column's name. Two rows are equal when their values are."""

    __slots__ = ()
    _columns: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                key = self._columns[key]
            except KeyError:
                raise KeyError(f"no column {key!r}; there are {', '.join(self._columns)}") from None
        return tuple.__getitem__(self, key)

    def keys(self) -> list[str]:
        return list(self._columns)

    def as_dict(self) -> dict[str, Any]:
        return {name: tuple.__getitem__(self, place) for name, place in self._columns.items()}


@lru_cache(maxsize=256)  # making a class takes longer than a short query
def row_type(columns: tuple[str, ...]) -> type[Row]:
    """A Row class for one result; of two columns with one name, the first is found by it."""
    places: dict[str, int] = {}
    for place, name in enumerate(columns):
        places.setdefault(name, place)
    return type("Row", (Row,), {"__slots__": (), "_columns": places})


class Reader(ABC):
    """A connection that looks and changes nothing."""

    @abstractmethod
    def query(self, sql: str, params: Parameters = ()) -> list[Row]: ...

    @abstractmethod
    def tables(self) -> list[str]:
        """Names of all tables, the ledger's among them, the engine's own left out."""

    @abstractmethod
    def is_view(self, name: str) -> bool:
        """Whether `name` is a view, which `columns` does not tell from what is not there."""

    @abstractmethod
    def columns(self, table: str) -> list[Column]:
        """Columns of `table` in their order; empty where there is no such table (a view is none)."""

    @abstractmethod
    def columns_of(self, tables: Sequence[str]) -> dict[str, list[Column]]:
        """What `columns` gives, for several tables at once; by the names that were asked for."""

    def created_by(self, tables: Sequence[str]) -> dict[str, str]:
        """The statement that made each of `tables`, where the database keeps it to the letter; others are left out."""
        return {}

    @abstractmethod
    def schema(self) -> Schema:
        """The whole schema as values, without the framework's own tables."""

    @abstractmethod
    def create_statements(self) -> list[str]:
        """The statements that make the schema, as the database keeps them, in an order in which they run."""

    @abstractmethod
    def broken_keys(self) -> BrokenKeys:
        """Everything that is wrong with foreign keys now. It looks at every table that has one."""

    @abstractmethod
    def damage(self) -> list[str]:
        """What the database finds wrong with itself, in its words; empty when nothing is. It reads everything."""


class Database(ABC):
    """One database, named; each call opens what it needs and closes it."""

    engine: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    snapshot_ending: ClassVar[str]
    run_locks: ClassVar[str]  # what a run keeps others from, in words
    label: str  # as the user wrote it, a password shown as ***

    @property
    @abstractmethod
    def identity(self) -> str:
        """What tells this database from others, for manifests: the same however it was written."""

    @abstractmethod
    def exists(self) -> bool: ...

    @abstractmethod
    def size_bytes(self) -> int:
        """About what a copy will take; 0 where there is nothing to copy."""

    def keeps(self, path: StrPath) -> bool:
        """Whether `path` is, or would be, a file of the database itself, which nobody else may so much as open."""
        return False

    @abstractmethod
    def reader(self, wait: Deadline | None = None) -> AbstractContextManager[Reader]:
        """Open it for reading; not a byte is written. A look waits two seconds for who is committing, or until `wait`.

        Raises:
            DatabaseRefused: it is not there, or is no database.
            HotJournal: an interrupted write has to be recovered first.
            Busy: a writer is committing just now, and was until a moment later.
        """

    @abstractmethod
    def writer(self, stop_requested: StopRequested) -> AbstractContextManager[Writer]:
        """Open it for a run, making it if it is not there."""

    @abstractmethod
    def recover(self) -> None:
        """Undo an interrupted write that `reader` reported as a HotJournal; the database does it by itself."""

    @abstractmethod
    def migration_lock(
        self, holder: Holder, deadline: Deadline, on_wait: Callable[[Holder | None], None]
    ) -> AbstractContextManager[None]:
        """Hold the one lock that all runners take; it dies with the process.

        `on_wait` is called once when somebody else has it, with who that is where it is known.

        Raises:
            Busy: it was not free until the deadline; the message names the holder.
        """

    @abstractmethod
    def statements(self, sql: str) -> list[str]:
        """Split a script as this database does."""

    @abstractmethod
    def copy_to(self, path: Path, deadline: Deadline, on_progress: Callable[[int, int], None]) -> CopyResult:
        """Write a consistent copy to `path`, which exists and is empty; check and flush it."""

    @abstractmethod
    def scratch(
        self, deadline: Deadline, on_progress: Callable[[int, int], None], *, empty: bool = False
    ) -> AbstractContextManager[Scratch]:
        """Make a private copy to run on, or an `empty` database; not a byte of this one is changed.

        Raises:
            RehearsalRefused: there is no room for it.
            DatabaseRefused, HotJournal, Busy: as `reader`.
        """

    @abstractmethod
    def out_of_reach(self) -> AbstractContextManager[Lifted]:
        """Keep code of this thread from opening the database by its name in order to write, while this is open.

        What it gives lifts that again, for code that is not the migration's.
        """

    @abstractmethod
    def check_copy(self, path: Path, *, thorough: bool) -> str:
        """Return what is wrong inside the copy at `path`; empty when nothing is."""

    @abstractmethod
    def restore(self, snapshot: Path, restore: Restore) -> str:
        """Make the database what `snapshot` holds; return where a file that could not be opened was put."""
