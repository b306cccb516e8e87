"""The run's connection to SQLite."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import Busy, DatabaseRefused, StepFailed
from ..base import Deadline, Parameters, StopRequested
from ..writing import BrokenKeys, Fate, StepSession, TransactionLost, Violation, Writer
from .connection import SqliteReader, connect, explain, is_busy, retry_while_busy
from .foreign_keys import ForeignKeyMap, broken_keys, is_mismatch, violations_of
from .guard import Guard
from .session import SqliteSession


class SqliteWriter(SqliteReader, Writer):
    """One connection, foreign keys off, every transaction begun and ended by name."""

    def __init__(self, path: Path, label: str, stop_requested: StopRequested) -> None:
        self.path, self.label = path, label
        self._stop_requested = stop_requested
        refuse_unwritable(path, label)
        try:
            super().__init__(connect(path, "rwc"))
            # SQLite ignores this pragma inside a transaction without saying so, hence before BEGIN.
            self.raw.execute("PRAGMA foreign_keys = OFF")
        except sqlite3.Error as error:
            raise explain(error, path, label) from error
        # Another connection's data_version moves when this one commits, and not when it rolls back
        # (sqlite.org/pragma.html#pragma_data_version).
        self._watch: sqlite3.Connection | None = None
        self._seen: object = None
        self._foreign_keys = ForeignKeyMap(self.raw)
        self._known: BrokenKeys | None = BrokenKeys()  # None: to be read from the snapshot
        self._snapshot: Path | None = None

    def close(self) -> None:
        self._end_watch()
        self.raw.close()

    def _end_watch(self) -> None:
        """Close the second connection: while it is open, a migration could not change the journal mode."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    def begin(self, deadline: Deadline) -> None:
        try:
            retry_while_busy(lambda: self.raw.execute("BEGIN IMMEDIATE"), deadline)
        except sqlite3.Error as error:
            raise explain(error, self.path, self.label) from error
        self._seen = self._data_version()

    def _data_version(self) -> object:
        """The count of foreign commits as a second connection sees it; None where it cannot look."""
        try:
            if self._watch is None:
                self._watch = connect(self.path, "ro")
            return self._watch.execute("PRAGMA main.data_version").fetchone()[0]
        except sqlite3.Error:
            return None

    def fate(self) -> Fate:
        now = self._data_version()
        if now is None or self._seen is None:
            return Fate.UNKNOWN
        return Fate.ROLLED_BACK if now == self._seen else Fate.COMMITTED

    def commit(self, deadline: Deadline) -> None:
        try:
            retry_while_busy(lambda: self.raw.execute("COMMIT"), deadline)
            self._end_watch()
        except sqlite3.Error as error:
            busy = is_busy(error)
            self.rollback()
            if not busy:
                raise
            raise Busy(
                f"{self.label} is being read by another program, which held up the commit",
                cause=str(error),
                unchanged="the run was rolled back; database and ledger are as they were",
                next_step="run it again when nobody reads for long, or wait longer: --lock-timeout 60",
            ) from error

    def rollback(self) -> None:
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")
        self._end_watch()

    def execute(self, sql: str, params: Parameters = ()) -> int:
        cursor = self.raw.execute(sql, params)
        changed = cursor.rowcount
        cursor.close()
        return max(changed, 0)

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> None:
        self.raw.executemany(sql, rows).close()

    def create_own_table(self, name: str, sql: str) -> None:
        if not self.columns(name):
            self.raw.execute(sql).close()
        self._foreign_keys.note_own(name)

    @contextmanager
    def step(
        self, *, in_transaction: bool, before_first: Callable[[], None] | None = None, wait_s: float = 0
    ) -> Iterator[StepSession]:
        # A name that no migration can guess: RELEASE of it would hand the step's work to the run unchecked.
        savepoint = f"migrate_{secrets.token_hex(8)}"

        def waiting(action: Callable[[], None]) -> None:
            """Without a transaction, somebody else may be committing just while this reads."""
            retry_while_busy(action, Deadline(0 if in_transaction else wait_s, self._stop_requested))

        def begin_in_log() -> None:
            assert before_first is not None
            before_first()
            # The ledger may have been made there: its tables are not what a migration renamed.
            waiting(self._foreign_keys.read_again)

        waiting(self._foreign_keys.read)

        session = SqliteSession(
            self.raw,
            Guard(savepoint, in_transaction=in_transaction),
            stop_requested=self._stop_requested,
            before_first=begin_in_log if before_first is not None else None,
            wait_s=wait_s,
        )
        if not in_transaction:
            yield session
            return
        self.raw.execute(f"SAVEPOINT {savepoint}")
        try:
            yield session
            if not self._release(savepoint):
                raise TransactionLost("the savepoint around the step is gone")
        except BaseException:
            if self.raw.in_transaction:
                try:
                    self.raw.execute(f"ROLLBACK TO {savepoint}")
                    self.raw.execute(f"RELEASE {savepoint}")
                except sqlite3.Error:
                    pass  # the run is rolled back as a whole, and its own error is the one to tell
            raise

    def _release(self, savepoint: str) -> bool:
        try:
            self.raw.execute(f"RELEASE {savepoint}")
        except sqlite3.OperationalError:
            return False
        return self.raw.in_transaction

    def drop_temporary(self) -> None:
        """Drop what a step left in the connection's own schema, where it would hide tables of its name."""
        for kind, name in self.raw.execute("SELECT type, name FROM temp.sqlite_master").fetchall():
            if kind != "index":
                self.raw.execute(f'DROP {kind} IF EXISTS temp."{name.replace(chr(34), chr(34) * 2)}"')

    def remember_violations(self, snapshot: Path | None) -> None:
        self._snapshot = snapshot
        self._known = broken_keys(self.raw) if snapshot is None else None

    def new_violations(self, session: StepSession, *, everywhere: bool = False) -> list[Violation]:
        assert isinstance(session, SqliteSession)
        touched = session.guard.touched
        if touched.makes_temporary:
            self.drop_temporary()
        found: list[Violation] = []
        tables = self._foreign_keys.to_check(touched)
        for table in self.tables() if everywhere else tables:
            try:
                found.extend(violations_of(self.raw, [table]))
            except sqlite3.OperationalError as error:
                if not is_mismatch(error):
                    raise
                if str(error) not in self._known_before().mismatches:
                    raise StepFailed(
                        "a foreign key refers to columns that are no key of their table",
                        cause=str(error),
                        next_step="make the parent's columns a PRIMARY KEY or UNIQUE",
                    ) from error
        if not found:
            return []
        known = self._known_before().violations
        return [violation for violation in found if violation not in known]

    def _known_before(self) -> BrokenKeys:
        if self._known is None:
            assert self._snapshot is not None
            connection = connect(self._snapshot, "ro", immutable="1")
            try:
                self._known = broken_keys(connection)
            finally:
                connection.close()
        return self._known


def refuse_unwritable(path: Path, label: str) -> None:
    """Raise DatabaseRefused for a file that SQLite would open for reading only, and say so in the middle of a run."""
    if path.exists() and not os.access(path, os.W_OK):
        raise DatabaseRefused(
            f"{label} cannot be written", where=str(path), next_step="see who owns the file, and its permissions"
        )
