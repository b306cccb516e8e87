"""The migration lock of SQLite: a small database beside the file, held by a transaction.

The holder writes who it is, commits, and then holds BEGIN IMMEDIATE, under which others can still read. The
operating system frees it with the process, however that ends. The file is never deleted: two runners could
otherwise each hold a lock on a file of that name.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import Busy, DatabaseRefused
from ..base import Deadline
from ..writing import Holder
from .connection import connect, is_busy, retry_while_busy

# Closing a descriptor of the lock file would drop the POSIX locks that another thread holds on it through
# SQLite; the file is therefore made, and first opened, by one thread at a time.
_one_at_a_time = threading.Lock()

_COLUMNS = "token, who, host, pid, since, command, run_id"


def lock_path(database: Path) -> Path:
    return Path(f"{database}-migrate-lock")


@contextmanager
def hold_lock(
    database: Path, label: str, holder: Holder, deadline: Deadline, on_wait: Callable[[Holder | None], None]
) -> Iterator[None]:
    """Hold the lock of `database`; see `Database.migration_lock`."""
    path = lock_path(database)
    connection = _open(path, label)
    try:
        _acquire(connection, path, label, holder, deadline, on_wait)
        yield
    finally:
        connection.close()  # which ends the transaction, and with it the lock


def _open(path: Path, label: str) -> sqlite3.Connection:
    try:
        with _one_at_a_time:
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                pass
            return connect(path, "rw")
    except (OSError, sqlite3.Error) as error:
        raise DatabaseRefused(
            f"the migration lock of {label} cannot be opened",
            where=str(path),
            cause=str(error),
            next_step="see that the folder and this file can be written",
        ) from error


def _acquire(
    connection: sqlite3.Connection,
    path: Path,
    label: str,
    holder: Holder,
    deadline: Deadline,
    on_wait: Callable[[Holder | None], None],
) -> None:
    token = secrets.token_hex(8)
    waiting = False
    while True:
        try:
            if _take(connection, token, holder):
                return
            continue  # somebody came between our name and our lock; they may have it back at once
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not is_busy(error):
                raise DatabaseRefused(
                    f"the migration lock of {label} cannot be used",
                    where=str(path),
                    cause=str(error),
                    next_step="look at that file; when no migration runs, it may be deleted",
                ) from error
            if not waiting:
                waiting = True
                on_wait(_read_holder(connection))
            if not deadline.pause():
                other = _read_holder(connection)
                raise Busy(
                    f"{label} is being migrated by somebody else",
                    cause=f"the lock is held by {other}" if other else "the lock is held by another process",
                    unchanged="nothing was changed",
                    next_step=f"wait for it, or longer than {deadline.seconds:g} s: --lock-timeout 600",
                ) from error


def _take(connection: sqlite3.Connection, token: str, holder: Holder) -> bool:
    """Write who we are, then lock; return whether nobody else wrote in between."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS holder"
        " (token TEXT, who TEXT, host TEXT, pid INTEGER, since TEXT, command TEXT, run_id TEXT)"
    )
    connection.execute("DELETE FROM holder")
    connection.execute(
        f"INSERT INTO holder ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (token, holder.who, holder.host, holder.pid, holder.since, holder.command, holder.run_id),
    )
    # A waiter that reads the holder's name just now must not make this look like a lock.
    retry_while_busy(lambda: connection.execute("COMMIT"), Deadline(1.0))
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("SELECT token FROM holder").fetchall() == [(token,)]:
        return True
    connection.execute("ROLLBACK")
    return False


def _read_holder(connection: sqlite3.Connection) -> Holder | None:
    try:
        row = connection.execute("SELECT who, host, pid, since, command, run_id FROM holder").fetchone()
    except sqlite3.Error:
        return None  # it is only for a message, and the holder may be writing just now
    return Holder(*row) if row else None
