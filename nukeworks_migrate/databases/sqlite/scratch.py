"""Private copies of an SQLite database, to rehearse on: in a folder of their own among the temporary files.

The copy is in WAL mode, so that a reader which was opened before a step goes on seeing what was there before it. A
step without transaction, which may change the journal mode or vacuum, gets the mode of the original instead, and what
was there before it is kept as a second file.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import RehearsalRefused
from ...model.differences import schema_changes
from ...model.names import fold
from ...model.report import TouchedTables
from ...model.rows import Difference, TableRows
from ...model.schema import Schema
from ..base import Deadline, StopRequested
from ..scratch import UNTOUCHED, Before, Looking, Scratch
from ..writing import BrokenKeys, StopSignal, Writer
from .comparing import Side, compare_rows, count_all, key_of, mirror
from .connection import SqliteReader, StrPath, connect, retry_while_busy
from .copies import copy_pages
from .database import SqliteDatabase
from .files import COMPANIONS
from .foreign_keys import broken_keys
from .writer import SqliteWriter

_PREFIX = "nukeworks-migrate-"
_INSTRUCTIONS_PER_LOOK = 100_000  # of SQLite's virtual machine, between two looks for a signal
_ALIVE = "alive"  # a small database, locked for as long as its process lives
_ROWS = "migrate_rows"  # the name of a file beside the kept state, in the connection that keeps it
_MORE_ROOM = "make room, or name another folder for temporary files: " + (
    "set TEMP=D:\\temp" if os.name == "nt" else "TMPDIR=/path migrate …"
)
_SPARE_BYTES = 8 << 20  # for what the steps write into the copy, at the least
_ABANDONED_S = 24 * 3600  # after which a folder that was never locked is taken to be nobody's


@contextmanager
def scratch_copy(
    source: sqlite3.Connection | None,
    label: str,
    size_bytes: int,
    deadline: Deadline,
    on_progress: Callable[[int, int], None],
) -> Iterator[SqliteScratch]:
    """Copy what `source` sees (None: nothing) into a private file that is gone when this closes.

    Raises:
        RehearsalRefused: there is no room for it, or no folder to make it in.
        Busy: the database stayed locked until the deadline.
    """
    sweep()
    with _private_folder() as folder:
        free = shutil.disk_usage(folder).free
        if free < size_bytes + _SPARE_BYTES:
            raise RehearsalRefused(
                f"there is no room for a copy of {label} in {folder.parent}",
                cause=f"it takes {size_bytes + _SPARE_BYTES:,} bytes, and {free:,} are free",
                next_step=_MORE_ROOM,
            )
        started = time.perf_counter()
        path = _new_file(folder, "copy.sqlite")
        mode = "delete"
        try:
            if source is not None:
                mode = str(source.execute("PRAGMA main.journal_mode").fetchone()[0])
                copy_pages(source, path, deadline, on_progress)
            yield SqliteScratch(folder, path, mode, time.perf_counter() - started)
        except sqlite3.Error as error:
            refusal = _refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error


class SqliteScratch(Scratch):
    """A copy on which a rehearsal runs."""

    def __init__(self, folder: Path, path: Path, journal_mode: str, seconds: float) -> None:
        self._folder = folder
        self._mode = journal_mode  # of the original
        self.path = path
        self.database = SqliteDatabase(str(path), base=str(folder))
        self.size_bytes = path.stat().st_size
        self.seconds = seconds
        self._schema: Schema | None = None  # after the last step, so that it need not be read before the next

    @contextmanager
    def writer(self, stop_requested: StopRequested) -> Iterator[ScratchWriter]:
        writer = ScratchWriter(self.path, self.database.label, stop_requested)
        try:
            writer.set_journal_mode("wal")
            yield writer
        finally:
            writer.close()

    @contextmanager
    def before(self, writer: Writer, *, alone: bool) -> Iterator[Before]:
        assert isinstance(writer, ScratchWriter)
        with self._kept_file(writer) if alone else self._kept_reader(writer) as kept:
            writer.before = kept.connection
            try:
                yield kept
                self._schema = kept.after
            finally:
                writer.before = None
                writer.detach()

    @contextmanager
    def _kept_reader(self, writer: ScratchWriter) -> Iterator[SqliteBefore]:
        # What is in the -wal goes into the file while nobody reads, so that it does not grow from step to step.
        # Looked at first, because SQLite may hold a schema that is not the file's any more after a rollback, and says
        # "database table is locked" then.
        writer.raw.execute("SELECT 1 FROM main.sqlite_master LIMIT 1").fetchall()
        writer.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = _new_file(self._folder, f"rows-{secrets.token_hex(4)}.sqlite")
        connection = connect(writer.path, "rw")
        try:
            connection.execute(f"ATTACH ? AS {_ROWS}", (str(rows),))
            connection.execute(f"PRAGMA {_ROWS}.journal_mode = OFF")
            connection.execute(f"PRAGMA {_ROWS}.synchronous = OFF")
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM main.sqlite_master LIMIT 1").fetchall()
            yield SqliteBefore(connection, writer, self._schema, rows)
        finally:
            connection.close()
            _remove_file(rows)

    @contextmanager
    def _kept_file(self, writer: ScratchWriter) -> Iterator[SqliteBefore]:
        writer.set_journal_mode(self._mode)
        with self._another(writer, "before") as path:
            connection = connect(path, "rw")
            try:
                yield SqliteBefore(connection, writer, self._schema)
            finally:
                connection.close()
                with suppress(sqlite3.Error):
                    writer.set_journal_mode("wal")

    @contextmanager
    def aside(self, writer: Writer) -> Iterator[ScratchWriter]:
        assert isinstance(writer, ScratchWriter)
        with self._another(writer, "aside") as path:
            other = ScratchWriter(path, self.database.label, writer.stop_requested)
            try:
                other.before = writer.before
                yield other
            finally:
                other.close()

    @contextmanager
    def _another(self, writer: ScratchWriter, name: str) -> Iterator[Path]:
        """Copy what is committed in the copy into one more file, for as long as this is open."""
        path = _new_file(self._folder, f"{name}-{secrets.token_hex(4)}.sqlite")
        try:
            copy_pages(writer.raw, path, Deadline(60))
            yield path
        finally:
            _remove_file(path)

    def refusal_of(self, error: BaseException) -> RehearsalRefused | None:
        return _refusal_of(error)

    def size_now(self, writer: Writer) -> int:
        pages = writer.query("PRAGMA main.page_count")[0][0]
        return int(pages * writer.query("PRAGMA main.page_size")[0][0])


def _refusal_of(error: BaseException) -> RehearsalRefused | None:
    link: BaseException | None = error
    while link is not None:
        if getattr(link, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return RehearsalRefused(
                "the copy ran out of room", cause=str(link), unchanged=UNTOUCHED, next_step=_MORE_ROOM
            )
        link = link.__cause__
    return None


class ScratchWriter(SqliteWriter):
    """A writer over a copy: it need not survive anything, and knows the state before the step that runs."""

    def __init__(self, path: Path, label: str, stop_requested: StopRequested) -> None:
        super().__init__(path, label, stop_requested)
        self.raw.execute("PRAGMA synchronous = OFF")
        self.stop_requested = stop_requested
        self.before: sqlite3.Connection | None = None
        self._attached: list[str] = []

    def set_journal_mode(self, mode: str) -> None:
        self.raw.execute(f"PRAGMA main.journal_mode = {mode}").fetchall()

    def attach(self, path: StrPath) -> str:
        """Open another file in this connection, until `detach`; return its name there."""
        name = f"migrate_{secrets.token_hex(8)}"
        self.raw.execute(f"ATTACH ? AS {name}", (str(path),))
        self._attached.append(name)
        return name

    def detach(self) -> None:
        while self._attached:
            self.raw.execute(f"DETACH {self._attached.pop()}")

    def _known_before(self) -> BrokenKeys:
        if self.before is None:
            return super()._known_before()
        if self._known is None:
            self._known = broken_keys(self.before)
        return self._known

    def begin(self, deadline: Deadline) -> None:
        self._known = None  # what was there before this step, and not before the one that came first
        super().begin(deadline)


class SqliteBefore(Before):
    """The state before a step, in a connection that goes on seeing it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        writer: ScratchWriter,
        schema: Schema | None,
        rows: Path | None = None,
    ) -> None:
        self.connection = connection
        self._writer = writer
        self._rows = rows  # a file that is attached too, empty, to carry rows to the writer
        self.schema = schema if schema is not None else SqliteReader(connection).schema()
        self.after: Schema | None = None  # once it was looked at, of what is committed

    def difference(self, writer: Writer, touched: TouchedTables, looking: Looking) -> Difference:
        assert isinstance(writer, ScratchWriter)
        after = writer.schema()
        if writer is self._writer and not writer.in_transaction:
            self.after = after
        changes = schema_changes(self.schema, after)
        compare = self._rows_inside if writer.in_transaction else self._rows_committed
        with self._ready_to_compare(writer.raw):
            rows = compare(writer, after, touched, looking)
        return Difference(changes, tuple(found for found in rows if not found.same or found.before != found.after))

    @contextmanager
    def _ready_to_compare(self, writing: sqlite3.Connection) -> Iterator[None]:
        """Let a signal end a statement that looks at millions of rows, and text be read that is none."""
        both = (self.connection, writing)
        for connection in both:
            connection.set_progress_handler(self._writer.stop_requested, _INSTRUCTIONS_PER_LOOK)
            connection.text_factory = _lenient_text
        try:
            yield
        except sqlite3.OperationalError:
            if self._writer.stop_requested():
                raise StopSignal from None
            raise
        finally:
            for connection in both:
                connection.set_progress_handler(None, 0)
                connection.text_factory = str

    def _rows_committed(
        self, writer: ScratchWriter, after: Schema, touched: TouchedTables, looking: Looking
    ) -> list[TableRows]:
        """Compare in the kept connection: the same file, opened once more, has in it what is committed now."""
        now = f"migrate_{secrets.token_hex(8)}"
        self.connection.execute(f"ATTACH ? AS {now}", (str(writer.path),))
        return [
            _compare(self.connection, ("main", now), name, (self.schema, after), touched, looking)
            for name in _to_compare(self.schema, after, touched.written)
        ]

    def _rows_inside(
        self, writer: ScratchWriter, after: Schema, touched: TouchedTables, looking: Looking
    ) -> list[TableRows]:
        """Compare in the writer, which alone sees its transaction: what is to be compared is copied to it."""
        chosen = list(_to_compare(self.schema, after, touched.written))
        assert self._rows is not None
        mirrored: dict[str, str] = {}
        for number, name in enumerate(chosen):
            table, other = self.schema.table(name), after.table(name)
            if table is None:
                continue
            key = key_of(table, other if other is not None else table, rebuilt=_is_rebuilt(name, touched))
            mirrored[name] = mirror(self.connection, Side("main", table), Side(_ROWS, table, f"t{number}"), key).name
        self.connection.execute("COMMIT")
        self.connection.execute("BEGIN")
        there = writer.attach(self._rows)
        return [
            _compare(writer.raw, (there, "main"), name, (self.schema, after), touched, looking, mirrored.get(name, ""))
            for name in chosen
        ]


def _lenient_text(held: bytes) -> str:
    """Text as Python has it, also what is no UTF-8: SQLite stores whatever it was given."""
    return held.decode("utf-8", "surrogateescape")


def _to_compare(before: Schema, after: Schema, tables: Iterable[str]) -> Iterator[str]:
    """The touched tables that are there on either side, and all that came, went, or changed their columns."""
    wanted = {fold(name) for name in tables}
    names = {fold(table.name) for table in (*before.tables, *after.tables)}
    for name in sorted(names):
        was, now = before.table(name), after.table(name)
        if name in wanted or was is None or now is None or was.columns != now.columns:
            yield name


def _compare(
    connection: sqlite3.Connection,
    schemas: tuple[str, str],
    name: str,
    states: tuple[Schema, Schema],
    touched: TouchedTables,
    looking: Looking,
    called: str = "",
) -> TableRows:
    was, now = states[0].table(name), states[1].table(name)
    if was is None:
        assert now is not None
        return count_all(connection, Side(schemas[1], now), looking, added=True)
    before = Side(schemas[0], was, called)
    if now is None:
        return count_all(connection, before, looking, added=False)
    key = key_of(was, now, rebuilt=_is_rebuilt(name, touched))
    return compare_rows(connection, before, Side(schemas[1], now), key, looking)


def _is_rebuilt(table: str, touched: TouchedTables) -> bool:
    """Whether the table was made anew, so that a row need not have kept its rowid."""
    return touched.renumbered or table in touched.dropped or table in touched.created


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder that only this user may open, held by a lock that dies with the process."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # mode 0700
    except OSError as error:
        raise RehearsalRefused(
            "there is no folder for temporary files",
            cause=str(error),
            next_step="name one that can be written: TMPDIR=/path migrate …",
        ) from error
    alive = None
    try:
        alive = connect(_new_file(folder, _ALIVE), "rw")
        # In this mode the lock of the first write stays until the connection is closed.
        alive.execute("PRAGMA locking_mode = EXCLUSIVE")
        retry_while_busy(lambda: alive.execute("CREATE TABLE holder (pid INTEGER)"), Deadline(5))
        yield folder
    finally:
        if alive is not None:
            alive.close()
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the copies of processes that are no more: their lock can be taken, and was held once."""
    for entry in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, sqlite3.Error):
            if _is_abandoned(entry):
                shutil.rmtree(entry, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    about = folder.lstat()
    if folder.is_symlink() or not folder.is_dir():
        return False
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        return False
    if not (folder / _ALIVE).exists():
        return not any(folder.iterdir()) and about.st_mtime < time.time() - _ABANDONED_S
    connection = connect(folder / _ALIVE, "rw")
    try:
        connection.execute("BEGIN EXCLUSIVE")
        held_once = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    finally:
        connection.close()
    return held_once or about.st_mtime < time.time() - _ABANDONED_S


def _new_file(folder: Path, name: str) -> Path:
    path = folder / name
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return path


def _remove_file(path: Path) -> None:
    for ending in ("", *COMPANIONS):
        with suppress(OSError):
            Path(f"{path}{ending}").unlink()
