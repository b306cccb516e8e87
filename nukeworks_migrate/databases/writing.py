"""What a run asks of a database: a writer, a guarded session for each step, and the values between them.

A `Writer` is the run's one connection, and a `StepSession` the part of it that a migration's code may use: guarded, so
that it can neither end the run's transaction nor step around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ..model.alteration import TableChange
from ..model.report import TouchedTables
from .base import Deadline, Parameters, Reader, Row
from .rows import Chosen, Key

OnStatement = Callable[[str, Any, int, float], None]  # SQL, parameters, rows changed or given, seconds


class StopSignal(BaseException):
    """Raised inside a migration when a signal asked to end; no `except Exception` holds it up."""


class TransactionLost(Exception):
    """The transaction ended under the migration; whether that undid or kept its work, `Writer.fate` tells."""


class Fate(StrEnum):
    """What became of a transaction that ended without the runner."""

    ROLLED_BACK = "rolled back"
    COMMITTED = "committed"
    UNKNOWN = "unknown"


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


class KeyPath(NamedTuple):
    """How the rows of a table are walked in pages: unique, not null, in this order."""

    columns: tuple[str, ...]


class ComputedColumns(NamedTuple):
    """Columns of a table that a function of Python computes from others."""

    chosen: Chosen
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    name: str  # of the function, for the statement that is shown
    fn: Callable[..., Any]  # gets the values of `reads` by place; gives the value, or several in a tuple
    skip: object | None  # what it gives to leave the row; None where it never does


class PageDone(NamedTuple):
    """What became of the rows of one page."""

    visited: int
    written: int


class InPlace(ABC):
    """Computes columns within an UPDATE of the database's own, which calls the function for each row.

    The function is called once for each row, in the order of the key.
    """

    failed_values: tuple[Any, ...] | None = None  # of `reads`, where the function raised; None: it was not the function

    @abstractmethod
    def ranges(self, after: Key | None, batch: int, total: int | None) -> Iterator[Key]:
        """Where pages of `batch` rows end, from behind `after` to the last row.

        With `total`, how many rows are chosen, the pages need be no more than about that large.
        """

    @abstractmethod
    def update(self, after: Key | None, until: Key) -> PageDone:
        """Compute the rows behind `after`, up to `until`.

        What the function raises comes through as it is. After any error nothing of the page is left.
        """

    @abstractmethod
    def close(self) -> None: ...


class Violation(NamedTuple):
    """A row whose foreign key finds nothing."""

    table: str
    key: tuple[Any, ...]  # the row's primary key, or its rowid where it has none
    columns: tuple[str, ...]  # of the foreign key
    parent: str

    def __str__(self) -> str:
        key = ", ".join(repr(value) for value in self.key)
        return f"{self.table} ({key}): {', '.join(self.columns)} has no row in {self.parent}"


class BrokenKeys(NamedTuple):
    """What is wrong with foreign keys in a database."""

    violations: frozenset[Violation] = frozenset()
    mismatches: frozenset[str] = frozenset()  # foreign keys that refer to columns which are no key, in words


class CopyResult(NamedTuple):
    """A finished copy of a database: one file, flushed, and checked."""

    size_bytes: int
    sha256: str


class StepSession(ABC):
    """What one migration may do to the database.

    From the first refusal or stop on every call raises, whatever the migration catches.
    """

    last_statement: str = ""  # the one that ran last, or failed
    statements: int = 0
    on_statement: OnStatement | None = None  # told after each statement, however the migration ran it

    armed: bool = False  # whether a statement now is the migration's own work, and not its check

    storable: ClassVar[tuple[type, ...]]  # what a value may be
    row_errors: ClassVar[tuple[type[Exception], ...]]  # what is raised because of a row's own values

    @property
    @abstractmethod
    def commits_each_statement(self) -> bool:
        """Whether a statement would commit by itself now: the step has no transaction, nor one of its own."""

    @property
    @abstractmethod
    def touched(self) -> TouchedTables:
        """The tables that its statements were about to touch, so far."""

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
    def column_names(self, table: str) -> tuple[str, ...]:
        """All columns that can be read of `table`, in their order."""

    @abstractmethod
    def is_same_table(self, one: str, other: str) -> bool:
        """Whether two names are of one table to this database."""

    def in_place(self, computed: ComputedColumns) -> InPlace | None:
        """A way to compute columns in place; None where it would not keep the order, or touch a row that is skipped."""
        return None

    @abstractmethod
    def computing(self) -> AbstractContextManager[None]:
        """While the function of a transform runs: it may read, and what would write is refused."""

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """A part of the transaction that is undone when it raises, and no more than that."""

    @abstractmethod
    def own_statements(self) -> AbstractContextManager[None]:
        """While the framework writes its own tables, over the writer, in the middle of a migration's code."""

    @abstractmethod
    def alter_table(self, table: str, changes: Sequence[TableChange]) -> None:
        """Make all of `changes`, each on what the ones before it have made, or none.

        Raises:
            StepFailed: the table, its rows or what else names it stand against it. Nothing was changed.
        """

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
    def create_own_table(self, name: str, sql: str) -> None:
        """Run `sql`, which creates one of the framework's own tables, where it is not there yet."""

    @abstractmethod
    def step(
        self, *, in_transaction: bool, before_first: Callable[[], None] | None = None, wait_s: float = 0
    ) -> AbstractContextManager[StepSession]:
        """Give the session for one step.

        Without a transaction of its own, each of its statements waits up to `wait_s` for other writers.

        With `in_transaction`, a savepoint stands around it: kept by leaving, undone by raising.
        `before_first` is called before the first statement after the session was armed.
        """

    @abstractmethod
    def fate(self) -> Fate:
        """What became of the transaction since `begin`, when it is not there any more."""

    @abstractmethod
    def remember_violations(self, snapshot: Path | None) -> None:
        """Learn which foreign-key violations were there before the run: from its snapshot, or by a check now."""

    @abstractmethod
    def new_violations(self, session: StepSession, *, everywhere: bool = False) -> list[Violation]:
        """Rows that break a foreign key since `session`'s step, and did not before the run.

        With `everywhere`, all tables are looked at, and not only those that the step can have broken.
        """


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
