"""Connections to SQLite: how they are opened, how long they wait, and what their errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import Busy, DatabaseRefused, HotJournal, MigrateError
from ..base import Column, Deadline, Parameters, Reader, Row, row_type
from .files import COMPANIONS, file_uri

if TYPE_CHECKING:
    from ...model.schema import Schema
    from ..writing import BrokenKeys

T = TypeVar("T")
StrPath = str | os.PathLike[str]

_READ_WAIT_S = 2.0  # how long a look waits for a writer that is just committing
_OWN = "sqlite\\_%"  # sqlite_sequence, sqlite_stat1: SQLite's own


def connect(path: StrPath, mode: str, **options: str) -> sqlite3.Connection:
    """Open `path` with nothing left to chance: no implicit transactions, no waiting inside SQLite.

    `mode` is SQLite's: ro, rw or rwc. Waiting is done by callers with a `Deadline`, because SQLite's own
    busy handler does not hear signals.
    """
    return sqlite3.connect(
        file_uri(path, mode=mode, **options), uri=True, isolation_level=None, timeout=0, cached_statements=64
    )


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def retry_while_busy(action: Callable[[], T], deadline: Deadline) -> T:
    """Return what `action` returns, again and again while SQLite says busy and the deadline is not over."""
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or not deadline.pause():
                raise


def explain(error: sqlite3.Error, path: StrPath, label: str) -> MigrateError:
    """Say in our words why SQLite could not open or read `path`."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    cause = f"{error} ({getattr(error, 'sqlite_errorname', None) or type(error).__name__})"
    if code == sqlite3.SQLITE_READONLY_ROLLBACK or (code & 0xFF == sqlite3.SQLITE_CANTOPEN and _has_journal(path)):
        return HotJournal(
            f"{label} has an interrupted write; SQLite recovers it at the next run",
            where=f"{path}-journal",
            cause=cause,
            unchanged="nothing was read and nothing was written",
            next_step="start the application, or: migrate up",
        )
    if is_busy(error):
        return Busy(
            f"{label} is locked by another program",
            cause=cause,
            unchanged="nothing was changed",
            next_step="try again, or wait longer: --lock-timeout 60",
        )
    if code & 0xFF == sqlite3.SQLITE_NOTADB:
        return DatabaseRefused(
            f"{label} is no SQLite database",
            cause=cause,
            next_step="name another file with --database, or go back to a snapshot: migrate snapshot list",
        )
    return DatabaseRefused(
        f"{label} cannot be opened",
        cause=cause,
        next_step="look at the file, its folder and their permissions",
    )


def _has_journal(path: StrPath) -> bool:
    try:
        return os.path.getsize(f"{path}-journal") > 0
    except OSError:
        return False


class SqliteReader(Reader):
    """Queries over one connection, for reading and for the run alike."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.raw = connection

    def query(self, sql: str, params: Parameters = ()) -> list[Row]:
        return fetch_rows(self.raw.execute(sql, params))

    def tables(self) -> list[str]:
        rows = self.raw.execute(
            "SELECT name FROM main.sqlite_master WHERE type = 'table'"
            f" AND name NOT LIKE '{_OWN}' ESCAPE '\\' ORDER BY name"
        )
        return [name for (name,) in rows]

    def is_view(self, name: str) -> bool:
        sql = "SELECT 1 FROM main.sqlite_master WHERE type = 'view' AND name = ? COLLATE NOCASE"
        return self.raw.execute(sql, (name,)).fetchone() is not None

    def columns(self, table: str) -> list[Column]:
        rows = self.raw.execute(
            'SELECT i.name, i.type, i."notnull", i.dflt_value, i.pk'
            " FROM main.sqlite_master AS m, pragma_table_info(m.name, 'main') AS i"
            " WHERE m.type = 'table' AND m.name = ? COLLATE NOCASE ORDER BY i.cid",
            (table,),
        )
        return [Column(name, kind, bool(null), default, key) for name, kind, null, default, key in rows]

    def columns_of(self, tables: Sequence[str]) -> dict[str, list[Column]]:
        # One look for views and a plain pragma for each: joined to pragma_table_info as above, it takes five times as
        # long. table_info tells of views too, and says nothing where there is neither.
        views = {name for (name,) in self.raw.execute("SELECT lower(name) FROM main.sqlite_master WHERE type = 'view'")}
        found: dict[str, list[Column]] = {}
        for table in tables:
            rows = () if table.lower() in views else self.raw.execute(f"PRAGMA main.table_info({quote(table)})")
            found[table] = [Column(name, kind, bool(null), default, key) for _, name, kind, null, default, key in rows]
        return found

    def created_by(self, tables: Sequence[str]) -> dict[str, str]:
        marks = ", ".join("?" * len(tables))
        sql = f"SELECT name, sql FROM main.sqlite_master WHERE type = 'table' AND name IN ({marks})"
        # No two tables have one name. The limit ends the search with the last that was found, often the first of all.
        return dict(self.raw.execute(f"{sql} LIMIT {len(tables)}", tables).fetchall())

    def schema(self) -> Schema:
        from .catalogue import read_schema
        from .guard import LEDGER_PREFIX

        return read_schema(self.raw).without_prefix(LEDGER_PREFIX)

    def create_statements(self) -> list[str]:
        from .catalogue import create_statements
        from .guard import LEDGER_PREFIX

        return create_statements(self.raw, without=LEDGER_PREFIX)

    def broken_keys(self) -> BrokenKeys:
        from .foreign_keys import broken_keys

        return broken_keys(self.raw)

    def damage(self) -> list[str]:
        found: list[str] = []
        try:
            found.extend(str(text) for (text,) in self.raw.execute("PRAGMA main.integrity_check"))
        except sqlite3.DatabaseError as error:
            if not found:
                raise
            found.append(f"the check ended there: {error}")
        return [] if found == ["ok"] else found


def fetch_rows(cursor: sqlite3.Cursor) -> list[Row]:
    """All rows of `cursor`, which is closed: an open one would lock its tables against DROP."""
    try:
        rows: list[Any] = cursor.fetchall()
        if not rows:
            return []
        kind = row_type(tuple([column[0] for column in cursor.description]))
        return [kind(row) for row in rows]
    finally:
        cursor.close()


@contextmanager
def open_reader(
    path: str, label: str, wait: Deadline | None = None, refuse: Callable[[], None] = lambda: None
) -> Iterator[SqliteReader]:
    """Open `path` so that not a byte of it changes.

    mode=ro is tried first; a database in WAL mode in a folder that cannot be written needs immutable=1, which is
    right only where no -wal and no journal is there (beside one it reads wrong rows) and nobody can write.

    Where it cannot be opened, `refuse` may raise what says better than SQLite why not. Nothing is asked beforehand:
    each question to the file system takes as long as a short query.
    """
    try:
        connection = _open_to_read(path, label, wait or Deadline(_READ_WAIT_S))
    except MigrateError:
        refuse()
        if os.path.exists(path):
            raise
        raise DatabaseRefused(
            f"there is no database {label} yet",
            where=path,
            next_step="make it: migrate up; or name another one with --database",
        ) from None
    try:
        yield SqliteReader(connection)
    except sqlite3.Error as error:
        raise explain(error, path, label) from error
    finally:
        connection.close()


def _open_to_read(path: str, label: str, wait: Deadline) -> sqlite3.Connection:
    try:
        return _look(path, wait)
    except sqlite3.Error as error:
        folder_is_closed = not os.access(os.path.dirname(path), os.W_OK)
        alone = not any(os.path.exists(f"{path}{ending}") for ending in COMPANIONS)
        code = getattr(error, "sqlite_errorcode", 0) or 0
        if code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and folder_is_closed and alone:
            try:
                return _look(path, wait, immutable="1")
            except sqlite3.Error as second:
                raise explain(second, path, label) from second
        raise explain(error, path, label) from error


def _look(path: str, wait: Deadline, **options: str) -> sqlite3.Connection:
    """Open for reading and read the schema once, so that a lock or a wrong file shows here.

    What is seen stays the same until the connection is closed: no writer comes between two queries.
    """
    connection = connect(path, "ro", **options)
    try:
        connection.execute("BEGIN")
        retry_while_busy(lambda: connection.execute("SELECT 1 FROM main.sqlite_master LIMIT 1").fetchall(), wait)
    except BaseException:
        connection.close()
        raise
    return connection
