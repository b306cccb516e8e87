"""What a database owes to the rest: nothing above this folder knows which one it talks to.

A `Database` says where a database is and opens nothing until asked. A `Reader` sees it without changing a
byte, a `Writer` is the run's one connection, and a `StepSession` is the part of the writer that a
migration's code may use: guarded, so that it can neither end the run's transaction nor step around it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Parameters = Sequence[Any] | Mapping[str, Any]
StopRequested = Callable[[], bool]  # whether a signal has asked to end


class StopSignal(BaseException):
    """Raised inside a migration when a signal asked to end; no `except Exception` holds it up."""


class TransactionLost(Exception):
    """The transaction ended under the migration; whether that undid or kept its work, `Writer.fate` tells."""


class Fate(StrEnum):
    """What became of a transaction that ended without the runner."""

    ROLLED_BACK = "rolled back"
    COMMITTED = "committed"
    UNKNOWN = "unknown"


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
        self._pause = 0.002
        self._stop_requested = stop_requested

    def pause(self) -> bool:
        """Sleep a little, longer each time up to 0.1 s; return False when the time is over or a stop was asked."""
        left = self._end - time.monotonic()
        if left <= 0 or self._stop_requested():
            return False
        time.sleep(min(self._pause, left))
        self._pause = min(self._pause * 1.5, 0.1)
        return not self._stop_requested()


class Holder(NamedTuple):
    """Who holds the migration lock, as a waiter reads it."""

    who: str
    host: str
    pid: int
    since: str  # UTC, ISO 8601
    command: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (process {self.pid}, migrate {self.command}, since {self.since})"


class Column(NamedTuple):
    name: str
    type: str
    not_null: bool
    default: str | None
    primary_key: int  # place in the primary key, from 1; 0 when it is not in it


class KeyPath(NamedTuple):
    """How the rows of a table are walked in pages: unique, not null, in this order."""

    columns: tuple[str, ...]


class Violation(NamedTuple):
    """A row whose foreign key finds nothing."""

    table: str
    key: tuple[Any, ...]  # the row's primary key, or its rowid where it has none
    columns: tuple[str, ...]  # of the foreign key
    parent: str

    def __str__(self) -> str:
        key = ", ".join(repr(value) for value in self.key)
        return f"{self.table} ({key}): {', '.join(self.columns)} has no row in {self.parent}"


class CopyResult(NamedTuple):
    """A finished copy of a database: one file, flushed, and checked."""

    size_bytes: int
    sha256: str


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


def row_type(columns: Iterable[str]) -> type[Row]:
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
    def columns(self, table: str) -> list[Column]:
        """Columns of `table` in their order; empty where there is no such table (a view is none)."""


class StepSession(ABC):
    """What one migration may do to the database.

    From the first refusal or stop on every call raises, whatever the migration catches.
    """

    last_statement: str = ""  # the one that ran last, or failed
    failure: BaseException | None = None  # what the database or the guard raised last
    statements: int = 0

    @property
    @abstractmethod
    def commits_each_statement(self) -> bool:
        """Whether a statement would commit by itself now: the step has no transaction, nor one of its own."""

    @abstractmethod
    def execute(self, sql: str, params: Parameters = ()) -> int: ...

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int: ...

    @abstractmethod
    def query(self, sql: str, params: Parameters = ()) -> list[Row]: ...

    @property
    @abstractmethod
    def connection(self) -> Any:
        """A DB-API connection for libraries that want one; a proxy, guarded as the session is."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A transaction of its own, in a step that has none; refused in one that has."""

    @abstractmethod
    def key_path(self, table: str, key: Sequence[str] | None) -> KeyPath:
        """How to walk `table` in pages: by `key`, or by its primary key."""

    @abstractmethod
    def user_code(self) -> AbstractContextManager[None]:
        """Put the guard up while the migration's own code runs.

        Leaving it closes what the step left open, and raises what the migration swallowed: a refusal, a lost
        transaction, a stop.
        """


class Writer(Reader):
    """The run's one connection."""

    @abstractmethod
    def begin(self, deadline: Deadline) -> None:
        """Begin the run's transaction, holding out other writers.

        Raises:
            Busy: another writer was there until the deadline.
        """

    @abstractmethod
    def commit(self, deadline: Deadline) -> None:
        """Commit; a reader may hold it up until the deadline.

        Raises:
            Busy: it did; the transaction has been rolled back.
        """

    @abstractmethod
    def rollback(self) -> None: ...

    @property
    @abstractmethod
    def in_transaction(self) -> bool: ...

    @abstractmethod
    def execute(self, sql: str, params: Parameters = ()) -> int:
        """Run a statement of the framework's own."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Parameters]) -> None: ...

    @abstractmethod
    def step(
        self, *, in_transaction: bool, before_first: Callable[[], None] | None = None
    ) -> AbstractContextManager[StepSession]:
        """Give the session for one step.

        With `in_transaction`, a savepoint stands around it: kept by leaving, undone by raising.
        `before_first` is called before the migration's first statement.
        """

    @abstractmethod
    def fate(self) -> Fate:
        """What became of the transaction since `begin`, when it is not there any more."""

    @abstractmethod
    def remember_violations(self, snapshot: Path | None) -> None:
        """Learn which foreign-key violations were there before the run: from its snapshot, or by a check now."""

    @abstractmethod
    def new_violations(self, session: StepSession) -> list[Violation]:
        """Rows that break a foreign key since `session`'s step, and did not before the run."""


class Restore:
    """What a restore does besides putting the rows back; the database calls it at the right instant."""

    def __init__(
        self,
        save_present: Callable[[Callable[[Path], CopyResult]], None],
        prepare: Callable[[Writer], None],
        wait: Deadline,
    ) -> None:
        self.save_present = save_present  # given how to copy what is there now
        self.prepare = prepare  # writes into the copy before it becomes the database
        self.wait = wait


class Database(ABC):
    """One database, named; each call opens what it needs and closes it."""

    engine: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    snapshot_ending: ClassVar[str]
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

    @abstractmethod
    def reader(self) -> AbstractContextManager[Reader]:
        """Open it for reading; not a byte is written.

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
    def check_copy(self, path: Path, *, thorough: bool) -> str:
        """Return what is wrong inside the copy at `path`; empty when nothing is."""

    @abstractmethod
    def restore(self, snapshot: Path, restore: Restore) -> str:
        """Make the database what `snapshot` holds; return where a file that could not be opened was put."""
