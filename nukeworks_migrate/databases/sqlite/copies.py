"""Whole databases copied: out into a snapshot, and back over the file, through SQLite alone.

A file is never copied as a file: in WAL mode the copy would lack committed rows, and during a write it would be torn.
"""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ...errors import Busy, DatabaseRefused, SnapshotRefused
from ..base import Deadline
from ..writing import CopyResult, Restore
from .connection import connect, explain, is_busy, retry_while_busy
from .files import COMPANIONS
from .writer import SqliteWriter

_PAGES_PER_STEP = 4096  # between two looks at the clock and at signals; 16 MiB at the usual page size


class _OutOfTime(Exception):
    """Ends a backup from within its progress callback, the only way to end one."""


def copy_database(
    source: sqlite3.Connection, path: Path, deadline: Deadline, on_progress: Callable[[int, int], None]
) -> CopyResult:
    """Copy what `source` sees to `path`, an empty file; check and flush it.

    The caller holds off writers: at a foreign write the copy would begin again.
    """
    copy_pages(source, path, deadline, on_progress)
    wrong = check_copy(path, thorough=False)
    if wrong:
        raise SnapshotRefused(
            "the copy of the database is damaged",
            cause=wrong,
            next_step="check the database itself (PRAGMA integrity_check) and the disk",
        )
    flush(path)
    return CopyResult(path.stat().st_size, sha256_of(path))


def copy_pages(
    source: sqlite3.Connection,
    path: Path,
    deadline: Deadline,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Copy what `source` sees to `path`, an empty file, without flushing it.

    It is a private file that counts only when it is whole, so that no journal need keep it safe meanwhile.
    """
    target = connect(path, "rw")
    try:
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        backup(source, target, deadline, on_progress)
    finally:
        target.close()


def backup(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    deadline: Deadline,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Run SQLite's online backup with an end to its waiting: on a lock, it would try again for ever.

    Raises:
        Busy: one of the two was locked until the deadline.
    """
    last_remaining = -1

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal last_remaining
        moved = remaining != last_remaining
        last_remaining = remaining
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or not moved:
            if not deadline.pause():
                raise _OutOfTime
        on_progress(total - remaining, total)

    try:
        source.backup(target, pages=_PAGES_PER_STEP, progress=progress, sleep=0.01)
    except _OutOfTime:
        raise Busy(
            "the database stayed locked while it was copied",
            unchanged="nothing was changed",
            next_step="try again, or wait longer: --lock-timeout 60",
        ) from None


def check_copy(path: Path, *, thorough: bool) -> str:
    """Return what SQLite finds wrong in the copy at `path`; empty when nothing.

    immutable=1, because a copy of a database in WAL mode would otherwise get a -wal and a -shm of its own.
    """
    try:
        connection = connect(path, "ro", immutable="1")
        try:
            rows = connection.execute(f"PRAGMA {'integrity_check' if thorough else 'quick_check'}").fetchall()
            if not thorough and rows != [("ok",)]:
                # SQLite 3.40's quick_check finds NULL where none is: in a table WITHOUT ROWID whose key has all its
                # columns in another order. The whole check does not.
                rows = connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        # A collation of the application's own cannot be had here; what it orders cannot be checked, nor is it damaged.
        return "" if "no such collation sequence" in str(error) else str(error)
    found = "; ".join(str(row[0]) for row in rows[:3])
    return "" if found == "ok" else found


def flush(path: Path) -> None:
    """Flush a file that is not open in SQLite in this process, and the entry of its folder."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder to flush it; its file systems order the rename themselves
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def restore_database(path: Path, label: str, snapshot: Path, restore: Restore) -> str:
    """Make `path` what `snapshot` holds; see `Database.restore`.

    The snapshot is first copied to a private file, into which the ledger's row about the restore is
    written, so that the rows and the note of their return become visible together.
    """
    with _prepared(path, label, snapshot, restore) as prepared:
        if not path.exists():
            return _place(path, prepared, aside=False)
        try:
            target = connect(path, "rw")
        except sqlite3.Error as error:
            raise explain(error, path, label) from error
        try:
            mode = _journal_mode(target, restore.wait)
            if mode is None:
                target.close()
                return _place(path, prepared, aside=True)
            if mode == "wal":
                _restore_wal(path, label, target, prepared, restore)
            else:
                _restore_rollback(path, label, target, prepared, restore)
        except sqlite3.Error as error:
            raise explain(error, path, label) from error
        finally:
            target.close()
    return ""


@contextmanager
def _prepared(path: Path, label: str, snapshot: Path, restore: Restore) -> Iterator[Path]:
    for left in path.parent.glob(f".{glob.escape(path.name)}.restore-*"):
        left.unlink(missing_ok=True)  # of a restore that was killed: this one holds the migration lock
    copy = path.with_name(f".{path.name}.restore-{secrets.token_hex(4)}")
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise DatabaseRefused(
            f"the folder of {label} cannot be written", cause=str(error), next_step="look at its permissions"
        ) from error
    try:
        source = connect(snapshot, "ro", immutable="1")
        target = connect(copy, "rw")
        try:
            backup(source, target, restore.wait)
            # A snapshot of a database in WAL mode would carry that mode into a file in rollback mode.
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            source.close()
            target.close()
        writer = SqliteWriter(copy, label, lambda: False)
        try:
            restore.prepare(writer)
        finally:
            writer.close()
        yield copy
    finally:
        for ending in ("", *COMPANIONS):
            Path(f"{copy}{ending}").unlink(missing_ok=True)


def _journal_mode(target: sqlite3.Connection, wait: Deadline) -> str | None:
    """Return the journal mode, or None where SQLite cannot make sense of the file."""

    def ask() -> str:
        target.execute("SELECT count(*) FROM main.sqlite_master").fetchall()
        return str(target.execute("PRAGMA main.journal_mode").fetchone()[0])

    try:
        return retry_while_busy(ask, wait)
    except sqlite3.DatabaseError as error:
        code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return None
        raise


def _restore_rollback(path: Path, label: str, target: sqlite3.Connection, prepared: Path, restore: Restore) -> None:
    """One connection holds the file exclusively from the snapshot of the present to the last page."""
    try:
        retry_while_busy(lambda: target.execute("BEGIN EXCLUSIVE"), restore.wait)
    except sqlite3.Error as error:
        if is_busy(error):
            raise _still_in_use(label, error) from error
        raise
    # Neither side of a backup may be in a transaction; in this mode the file stays locked after it. It is set only
    # now, because while waiting it would keep the lock of each attempt, and stand in the way of who writes.
    target.execute("PRAGMA main.locking_mode = EXCLUSIVE")
    target.execute("COMMIT")
    restore.save_present(lambda copy: copy_database(target, copy, restore.wait, lambda done, total: None))
    source = connect(prepared, "ro", immutable="1")
    try:
        backup(source, target, restore.wait)
    finally:
        source.close()


def _restore_wal(path: Path, label: str, target: sqlite3.Connection, prepared: Path, restore: Restore) -> None:
    """Readers stay; writers are held off while the present is saved.

    Between that lock and the one that the backup's first page takes, somebody may have written: then all begins again.
    """
    source = connect(prepared, "ro", immutable="1")
    watch = connect(path, "ro")
    try:
        if _pragma(source, "page_size") != _pragma(target, "page_size"):
            raise SnapshotRefused(
                f"{label} is in WAL mode and its pages have another size than the snapshot's",
                cause=f"{_pragma(target, 'page_size')} bytes here, {_pragma(source, 'page_size')} in the snapshot",
                next_step="close all programs that use it, set PRAGMA journal_mode = DELETE, and restore again",
            )
        while True:
            try:
                retry_while_busy(lambda: target.execute("BEGIN IMMEDIATE"), restore.wait)
            except sqlite3.Error as error:
                raise (_still_in_use(label, error) if is_busy(error) else error) from error
            seen = _pragma(watch, "data_version")
            restore.save_present(lambda copy: _copy_of(path, copy, restore.wait))
            target.execute("ROLLBACK")
            if _write_all_pages(source, target, watch, seen, restore.wait, label):
                return
    finally:
        watch.close()
        source.close()


class _Moved(Exception):
    """Somebody committed between the snapshot of the present and the restore's own write lock."""


def _write_all_pages(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    watch: sqlite3.Connection,
    seen: object,
    wait: Deadline,
    label: str,
) -> bool:
    looked = False

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal looked
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if not wait.pause():
                raise _OutOfTime
            return
        if not looked:
            looked = True
            if _pragma(watch, "data_version") != seen:
                raise _Moved

    try:
        source.backup(target, pages=1, progress=progress, sleep=0.0005)
    except _Moved:
        return False
    except _OutOfTime as error:
        raise _still_in_use(label, error) from error
    return True


def _copy_of(path: Path, copy: Path, wait: Deadline) -> CopyResult:
    reader = connect(path, "ro")
    try:
        reader.execute("BEGIN")  # one view of the database, however long the copy takes
        reader.execute("SELECT 1 FROM main.sqlite_master").fetchall()
        return copy_database(reader, copy, wait, lambda done, total: None)
    finally:
        reader.close()


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA main.{name}").fetchone()[0]


def _place(path: Path, prepared: Path, *, aside: bool) -> str:
    """Put the prepared copy where no database is, or where what is there cannot be opened.

    The damaged file keeps its companions: a -journal left behind would be played into the new file.
    """
    put = ""
    if aside:
        put = f"{path}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for ending in (*COMPANIONS, ""):
            if os.path.exists(f"{path}{ending}"):
                os.replace(f"{path}{ending}", f"{put}{ending}")
    else:
        for ending in COMPANIONS:
            if os.path.exists(f"{path}{ending}"):
                os.replace(f"{path}{ending}", f"{path}.stale-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{ending}")
    flush(prepared)
    os.replace(prepared, path)
    flush_folder(path.parent)
    return put


def _still_in_use(label: str, cause: BaseException) -> Busy:
    return Busy(
        f"{label} is in use by another program",
        cause=str(cause) or "it stayed locked",
        unchanged="nothing was restored; the database is as it was",
        next_step="close the programs that use it, or wait longer: --lock-timeout 60",
    )
