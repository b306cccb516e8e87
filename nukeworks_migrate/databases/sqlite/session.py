"""What a migration holds in its hands: a session for one step, and a DB-API connection that is guarded."""

from __future__ import annotations

import secrets
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from ...errors import StatementRefused
from ...model.alteration import TableChange
from ...model.names import fold
from ...model.reads import only_reads
from ...model.report import TouchedTables
from ..base import Column, Deadline, Parameters, Row, StopRequested
from ..writing import ComputedColumns, InPlace, KeyPath, StepSession, StopSignal, TransactionLost
from .connection import SqliteReader, fetch_rows, quote, retry_while_busy
from .guard import Guard, Refusal, refused_transaction

T = TypeVar("T")

_INSTRUCTIONS_PER_LOOK = 20_000  # of SQLite's virtual machine, between two looks for a signal: about 0.5 ms
_WRITES_WHILE_COMPUTING = Refusal(
    "the function of a transform runs a statement that writes",
    "let it return what is to be written; for rows of another table: db.copy_rows(…)",
)


class SqliteSession(StepSession):
    """The session of one step on SQLite.

    Before each statement it looks whether the transaction is still there: INSERT OR ROLLBACK and
    RAISE(ROLLBACK) end it without a statement that the authorizer sees, and the next statement would commit by itself.
    """

    storable = (int, float, str, bytes, bytearray, memoryview, type(None))
    row_errors = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError, BufferError)

    def __init__(
        self,
        raw: sqlite3.Connection,
        guard: Guard,
        *,
        stop_requested: StopRequested,
        before_first: Callable[[], None] | None,
        wait_s: float,
    ) -> None:
        self.raw = raw
        self.guard = guard
        self.in_transaction = guard.in_transaction
        self._stop_requested = stop_requested
        self._before_first = before_first
        self._wait_s = wait_s
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        self._refusal: StatementRefused | None = None
        self._lost: TransactionLost | None = None
        self._own_transaction = False
        self._computing = False
        self._proxy: GuardedConnection | None = None

    @contextmanager
    def user_code(self) -> Iterator[None]:
        # Set anew for each step: that makes SQLite compile its cached statements again, and ask again.
        self.raw.set_authorizer(self.guard.authorize)
        self.raw.set_progress_handler(self._stop_requested, _INSTRUCTIONS_PER_LOOK)
        try:
            yield
            self._finish()
        finally:
            self.raw.set_progress_handler(None, 0)
            self.raw.set_authorizer(None)

    @property
    def commits_each_statement(self) -> bool:
        return not self.in_transaction and not self._own_transaction

    @property
    def touched(self) -> TouchedTables:
        touched = self.guard.touched
        columns = frozenset(touched.updated)
        written = {*touched.inserted, *touched.deleted, *touched.created, *touched.dropped, *touched.altered}
        return TouchedTables(
            written=frozenset(written | {table for table, _ in columns}),
            created=frozenset(touched.created),
            dropped=frozenset(touched.dropped),
            deleted=frozenset(touched.deleted),
            updated=columns,
            renumbered=touched.vacuumed,
        )

    def execute(self, sql: str, params: Parameters = ()) -> int:
        cursor = self.run(sql, lambda: self.raw.execute(sql, params), params)
        changed = cursor.rowcount
        cursor.close()
        return max(changed, 0)

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int:
        if self.commits_each_statement:
            # One statement and one commit: else each row would commit by itself, and a busy one leave the earlier.
            with self.transaction():
                return self.executemany(sql, rows)
        cursor = self.run(sql, lambda: self.raw.executemany(sql, rows), rows)
        changed = cursor.rowcount
        cursor.close()
        return max(changed, 0)

    def query(self, sql: str, params: Parameters = ()) -> list[Row]:
        return self.run(sql, lambda: fetch_rows(self.raw.execute(sql, params)), params)

    @property
    def connection(self) -> GuardedConnection:
        if self._proxy is None:
            self._proxy = GuardedConnection(self)
        return self._proxy

    def run(self, sql: str, action: Callable[[], T], params: object = ()) -> T:
        """Do `action`, which runs `sql` with `params`, between the looks that the guard needs."""
        self.look_before()
        if not isinstance(sql, str):
            raise TypeError(f"a statement is a string, not {type(sql).__name__}")
        if self._computing and not only_reads(sql):
            self.refuse(_WRITES_WHILE_COMPUTING, statement=sql)
        if self._before_first is not None and self.armed:
            hook, self._before_first = self._before_first, None
            with self.own_statements():
                hook()
        self.last_statement = sql
        self.statements += 1
        refusal = self.guard.about_to_run(sql)
        if refusal is not None:
            self.refuse(refusal, statement=sql)
        if self.on_statement is not None:
            changes, started = self.raw.total_changes, time.perf_counter()
        try:
            result = self._waiting(action) if self.commits_each_statement else action()
        except BaseException as cause:
            self._explain(sql, cause)
            raise
        self.guard.has_run(sql)
        if self.on_statement is not None:
            seconds = time.perf_counter() - started
            self.on_statement(sql, params, _rows_of(result) or self.raw.total_changes - changes, seconds)
        return result

    def _while_others_write(self, action: Callable[[], T]) -> T:
        """Look something up; outside of a transaction somebody else may be committing just then."""
        return self._waiting(action) if self.commits_each_statement else action()

    def _waiting(self, action: Callable[[], T]) -> T:
        """Do a statement that commits by itself; a busy one has done nothing yet, and is tried again for a while."""
        return retry_while_busy(action, Deadline(self._wait_s, self._stop_requested))

    def look_before(self) -> None:
        """Raise what stands against another statement: a stop, a refusal, a lost transaction."""
        if self._stop_requested():
            raise StopSignal
        if self._refusal is not None:
            raise self._refusal
        if self._lost is not None:
            raise self._lost
        if self.in_transaction and not self.raw.in_transaction:
            self._lost = TransactionLost("the transaction has ended before the step did")
            raise self._lost

    def _explain(self, sql: str, cause: BaseException) -> None:
        """Raise something better than `cause` where the session knows better."""
        if isinstance(cause, sqlite3.Error):
            cause.statement = sql  # type: ignore[attr-defined]  # for the message about the step
        if self._stop_requested():
            raise StopSignal from cause
        if self.guard.refused is not None:
            self.refuse(self.guard.refused, cause, statement=sql)
        if self.in_transaction and not self.raw.in_transaction:
            self._lost = TransactionLost("the transaction has ended with a statement")
            raise self._lost from cause

    def refuse(self, refusal: Refusal, cause: BaseException | None = None, *, statement: str = "") -> None:
        """Turn a statement down; the step fails with it, also when the migration swallows it."""
        self._refusal = StatementRefused(refusal.what, next_step=refusal.instead)
        self._refusal.statement = statement
        raise self._refusal from cause

    def track(self, cursor: sqlite3.Cursor) -> sqlite3.Cursor:
        self._cursors.add(cursor)
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.in_transaction or self._own_transaction:
            self.refuse(refused_transaction("db.transaction()", in_transaction=self.in_transaction))
        self._own_transaction = True
        self.run("BEGIN IMMEDIATE", lambda: None)
        with self.own_statements():
            retry_while_busy(lambda: self.raw.execute("BEGIN IMMEDIATE"), Deadline(self._wait_s, self._stop_requested))
        try:
            yield
            self.look_before()
            if not self.raw.in_transaction:
                raise TransactionLost("the transaction has ended before the step did")
            with self.own_statements():
                retry_while_busy(lambda: self.raw.execute("COMMIT"), Deadline(self._wait_s, self._stop_requested))
        except BaseException:
            if self.raw.in_transaction:
                with self.own_statements():
                    self.raw.execute("ROLLBACK")
            raise
        finally:
            self._own_transaction = False

    @contextmanager
    def own_statements(self) -> Iterator[None]:
        self.raw.set_authorizer(None)
        try:
            yield
        finally:
            self.raw.set_authorizer(self.guard.authorize)

    @contextmanager
    def computing(self) -> Iterator[None]:
        before, self._computing = self._computing, True
        try:
            yield
        finally:
            self._computing = before

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self.look_before()
        self._refuse_while_computing()
        name = f"nm_part_{secrets.token_hex(8)}"
        self.raw.execute(f"SAVEPOINT {name}")
        try:
            yield
            self.raw.execute(f"RELEASE {name}")
        except BaseException:
            if self.raw.in_transaction:
                try:
                    self.raw.execute(f"ROLLBACK TO {name}")
                    self.raw.execute(f"RELEASE {name}")
                except sqlite3.Error:
                    pass  # the step is rolled back as a whole, and its own error is the one to tell
            raise

    def in_place(self, computed: ComputedColumns) -> InPlace | None:
        from .in_place import in_place

        return in_place(self, computed)

    def key_path(self, table: str, key: Sequence[str] | None) -> KeyPath:
        if key is not None:
            self._refuse_loose_key(table, tuple(key))
            return KeyPath(tuple(key))
        columns = self._while_others_write(lambda: SqliteReader(self.raw).columns(table))
        if not columns and SqliteReader(self.raw).is_view(table):
            raise ValueError(f"{table} is a view, which has no key: name columns that tell its rows apart, key=…")
        if not columns:
            raise ValueError(f"there is no table {table!r}")
        primary = tuple(c.name for c in sorted(columns, key=lambda c: c.primary_key) if c.primary_key)
        if not primary:
            return KeyPath((_rowid_name(columns),))
        # SQLite lets NULL into a primary key that is neither INTEGER nor WITHOUT ROWID; a page would
        # end before such a row and never come to it.
        nullable = [c for c in columns if c.primary_key and not c.not_null]
        if len(primary) == 1 and nullable and nullable[0].type.upper() == "INTEGER":
            nullable = []
        nulls = " OR ".join(f"{quote(column.name)} IS NULL" for column in nullable)
        if nulls and self.query(f"SELECT 1 FROM {quote(table)} WHERE {nulls} LIMIT 1"):
            return KeyPath((_rowid_name(columns),))
        return KeyPath(primary)

    def column_names(self, table: str) -> tuple[str, ...]:
        cursor = self._while_others_write(lambda: self.raw.execute(f"SELECT * FROM {quote(table)} LIMIT 0"))
        names = tuple(column[0] for column in cursor.description)
        cursor.close()
        return names

    def is_same_table(self, one: str, other: str) -> bool:
        return fold(one) == fold(other)

    def _refuse_loose_key(self, table: str, key: tuple[str, ...]) -> None:
        if not key:
            raise ValueError("key=[] names no column")
        if key == ("rowid",) and "rowid" not in map(fold, self.column_names(table)):
            return
        # With the table before it: a name in double quotes that is no column's would be taken for a text.
        columns = [f"{quote(table)}.{quote(name)}" for name in key]
        names = ", ".join(columns)
        nulls = " OR ".join(f"{column} IS NULL" for column in columns)
        loose = self.query(
            f"SELECT 1 FROM {quote(table)} WHERE {nulls} UNION ALL"
            f" SELECT * FROM (SELECT 1 FROM {quote(table)} GROUP BY {names} HAVING count(*) > 1 LIMIT 1) LIMIT 1"
        )
        if loose:
            raise ValueError(f"{', '.join(key)} does not tell the rows of {table} apart: it holds NULL or duplicates")

    def alter_table(self, table: str, changes: Sequence[TableChange]) -> None:
        from .alteration import alter_table

        self._refuse_while_computing()
        with self.transaction() if self.commits_each_statement else nullcontext():
            alter_table(self, table, changes)

    def _refuse_while_computing(self) -> None:
        if self._computing:
            self.refuse(_WRITES_WHILE_COMPUTING)

    def _finish(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        if self._own_transaction:
            raise RuntimeError("db.transaction() was entered and never left")
        self.look_before()


def _rowid_name(columns: Iterable[Column]) -> str:
    """A name by which the rowid is reached: a column of such a name hides it (sqlite.org/rowidtable.html)."""
    taken = {fold(column.name) for column in columns}
    for name in ("rowid", "_rowid_", "oid"):
        if name not in taken:
            return name
    raise ValueError("the table has no primary key without NULL, and its columns hide the rowid: name a key")


def _rows_of(result: object) -> int:
    """How many rows a statement changed, or gave: an open cursor does not tell yet."""
    return len(result) if isinstance(result, list) else max(getattr(result, "rowcount", 0), 0)


class GuardedConnection:
    """A DB-API connection over the run's own, without what would end or escape the run's transaction."""

    def __init__(self, session: SqliteSession) -> None:
        self._session = session
        self.row_factory: Any = None

    def cursor(self, factory: Any = None) -> GuardedCursor:
        if factory is not None:
            self._refuse("a cursor class of its own goes past the guard", "use the cursor that is given")
        return GuardedCursor(self)

    def execute(self, sql: str, parameters: Parameters = (), /) -> GuardedCursor:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> GuardedCursor:
        return self.cursor().executemany(sql, parameters)

    def create_function(self, name: str, narg: int, func: Any, *, deterministic: bool = False) -> None:
        self._session.raw.create_function(name, narg, func, deterministic=deterministic)

    def create_aggregate(self, name: str, n_arg: int, aggregate_class: Any) -> None:
        self._session.raw.create_aggregate(name, n_arg, aggregate_class)

    def create_collation(self, name: str, callable: Any) -> None:
        self._session.raw.create_collation(name, callable)

    @property
    def in_transaction(self) -> bool:
        return self._session.raw.in_transaction

    @property
    def total_changes(self) -> int:
        return self._session.raw.total_changes

    @property
    def isolation_level(self) -> None:
        return None

    @isolation_level.setter
    def isolation_level(self, value: object) -> None:
        self._refuse("isolation_level decides who commits, and that is the run", "leave it as it is")

    @property
    def autocommit(self) -> bool:
        return not self._session.in_transaction

    @autocommit.setter
    def autocommit(self, value: object) -> None:
        self._refuse("autocommit decides who commits, and that is the run", "leave it as it is")

    def commit(self) -> None:
        self._refuse_transaction("commit()")

    def rollback(self) -> None:
        self._refuse_transaction("rollback()")

    def __enter__(self) -> GuardedConnection:
        self._refuse_transaction("with connection:, whose end commits,")
        return self

    def __exit__(self, *_: object) -> None: ...

    def executescript(self, sql_script: str, /) -> None:
        self._refuse("executescript() commits before it begins", "write: db.script(…)")

    def close(self) -> None:
        self._refuse("close() would end the run's transaction", "leave it open: the run closes it")

    def __getattr__(self, name: str) -> Any:
        if not hasattr(sqlite3.Connection, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        # Refused when it is called, not when it is asked for: libraries look with hasattr().
        def not_given(*_: object, **__: object) -> None:
            self._refuse(f"connection.{name}() is not given to migrations", "use what db itself offers")

        return not_given

    def __setattr__(self, name: str, value: object) -> None:
        if name not in ("_session", "row_factory", "isolation_level", "autocommit"):
            self._refuse(f"connection.{name} cannot be set by migrations", "convert the values in Python")
        super().__setattr__(name, value)

    def _refuse(self, what: str, instead: str) -> None:
        self._session.refuse(Refusal(what, instead))

    def _refuse_transaction(self, word: str) -> None:
        self._session.refuse(refused_transaction(word, in_transaction=self._session.in_transaction))


class GuardedCursor:
    """A DB-API cursor whose every step goes through the session; it ends with the step."""

    arraysize = 1

    def __init__(self, connection: GuardedConnection) -> None:
        self._connection = connection
        self._session = connection._session
        self._raw = self._session.track(self._session.raw.cursor())
        self._raw.row_factory = connection.row_factory

    @property
    def connection(self) -> GuardedConnection:
        return self._connection

    @property
    def description(self) -> Any:
        return self._raw.description

    @property
    def rowcount(self) -> int:
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._raw.lastrowid

    def execute(self, sql: str, parameters: Parameters = (), /) -> GuardedCursor:
        self._session.run(sql, lambda: self._raw.execute(sql, parameters), parameters)
        return self

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> GuardedCursor:
        if self._session.commits_each_statement:
            with self._session.transaction():
                return self.executemany(sql, parameters)
        self._session.run(sql, lambda: self._raw.executemany(sql, parameters), parameters)
        return self

    def executescript(self, sql_script: str, /) -> None:
        self._connection.executescript(sql_script)

    def fetchone(self) -> Any:
        return self._fetch(self._raw.fetchone)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._fetch(lambda: self._raw.fetchmany(self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        return self._fetch(self._raw.fetchall)

    def __iter__(self) -> GuardedCursor:
        return self

    def __next__(self) -> Any:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def close(self) -> None:
        self._raw.close()

    def setinputsizes(self, sizes: object, /) -> None: ...

    def setoutputsize(self, size: object, column: object = None, /) -> None: ...

    def _fetch(self, action: Callable[[], T]) -> T:
        """A fetch runs the statement on, and it can fail as the statement can."""
        self._session.look_before()
        try:
            return action()
        except BaseException as cause:
            self._session._explain(self._session.last_statement, cause)
            raise
