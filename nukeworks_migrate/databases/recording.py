"""Writing the ledger: over the run's own connection, inside whatever transaction it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import PlanMoved
from ..model.history import History, Unfinished
from ..model.migration import Migration
from .ledger import (
    ADDED_COLUMNS,
    CHECKPOINT,
    CREATE_LEDGER,
    CREATE_LOG,
    CREATE_SOURCE,
    LEDGER,
    LOG,
    QUARANTINE,
    SOURCE,
    LogEvent,
    ledger_columns,
)
from .log import StoredFile
from .writing import Writer


class Actor(NamedTuple):
    """Who does a run, for every row that it writes."""

    run_id: str
    who: str
    host: str
    tool_version: str


class Ledger:
    """Writes the ledger over the run's own connection, inside whatever transaction it has."""

    def __init__(self, writer: Writer, actor: Actor, history: History) -> None:
        self._writer = writer
        self._actor = actor
        self._position = history.next_position
        self._stored: set[str] = set()
        self._sources: list[tuple[str, ...]] = []
        self._log: list[tuple[object, ...]] = []
        self._applied = set(history.applied)
        self._unfinished = history.unfinished
        self._has_checkpoints = self._has_quarantine = False

    def prepare(self) -> None:
        """Make the ledger's tables, or add to the old system's what it lacks."""
        columns = {column.name.lower() for column in ledger_columns(self._writer)}
        if not columns:
            self._writer.execute(CREATE_LEDGER)
        for name, kind in ADDED_COLUMNS.items():
            if columns and name not in columns:
                self._writer.execute(f"ALTER TABLE {LEDGER} ADD COLUMN {name} {kind}")
        if not self._writer.columns(LOG):
            self._writer.execute(CREATE_LOG)
        if not self._writer.columns(SOURCE):
            self._writer.execute(CREATE_SOURCE)
        self._has_checkpoints = bool(self._writer.columns(CHECKPOINT))
        self._has_quarantine = bool(self._writer.columns(QUARANTINE))

    @property
    def run_id(self) -> str:
        return self._actor.run_id

    def was_interrupted(self, migration: Migration, direction: str) -> Unfinished | None:
        """What is known of an earlier run of `migration` that never ended; None where there was none."""
        found = (item for item in self._unfinished if item.version == migration.version and item.direction == direction)
        return next(found, None)

    def refuse_if_moved(self) -> None:
        """Look whether somebody without the migration lock wrote the ledger since the last commit.

        Raises:
            PlanMoved: somebody did.
        """
        expected = (len(self._applied), max(self._applied, default=None))
        if tuple(self._writer.query(f"SELECT count(*), max(version) FROM {LEDGER}")[0]) != expected:
            raise PlanMoved(
                "somebody else changed the ledger during the run",
                cause=f"{LEDGER} is written by a program that does not take the migration lock",
                next_step="see where it stands: migrate status",
            )

    def has_log(self) -> bool:
        return bool(self._writer.columns(LOG))

    def add(
        self,
        migration: Migration,
        files: Iterable[StoredFile],
        *,
        now: str,
        duration_ms: int | None,
        event: LogEvent = LogEvent.APPLIED,
        snapshot: str = "",
        detail: str = "",
    ) -> None:
        """Record `migration` as applied, with the text of its files, and log it. `now` is UTC, ISO 8601."""
        self._writer.execute(
            f"INSERT INTO {LEDGER} (version, applied_date, applied_by, description, name, checksum, position,"
            " run_id, duration_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                migration.version,
                _seconds(now),
                self._actor.who,
                migration.description,
                migration.name,
                migration.checksum,
                self._position,
                self._actor.run_id,
                duration_ms,
            ),
        )
        self._position += 1
        self._applied.add(migration.version)
        self._forget_data_work(migration.version, "down")
        self._store(migration.checksum, files)
        self.log(
            event,
            migration,
            now=now,
            direction="up",
            duration_ms=duration_ms,
            snapshot=snapshot,
            detail=detail,
        )

    def remove(
        self,
        migration: Migration,
        *,
        now: str,
        duration_ms: int | None,
        event: LogEvent = LogEvent.REVERTED,
        snapshot: str = "",
        detail: str = "",
    ) -> None:
        """Record `migration` as not applied, and log it."""
        self._writer.execute(f"DELETE FROM {LEDGER} WHERE version = ?", (migration.version,))
        self._applied.discard(migration.version)
        self._forget_data_work(migration.version, "up")
        self.log(
            event,
            migration,
            now=now,
            direction="down",
            duration_ms=duration_ms,
            snapshot=snapshot,
            detail=detail,
        )

    def settle(self, migration: Migration, *, applied: bool, now: str) -> None:
        """Log that `migration`, which was interrupted, counts as ended as it stands in the ledger."""
        self._forget_data_work(migration.version, "down" if applied else "up")
        self.log(LogEvent.STAMPED if applied else LogEvent.UNSTAMPED, migration, now=now)

    def _forget_data_work(self, version: int, opposite: str) -> None:
        """Drop the checkpoints of what has ended, and what the `opposite` direction had left in quarantine."""
        if self._has_checkpoints:
            self._writer.execute(f"DELETE FROM {CHECKPOINT} WHERE version = ?", (version,))
        if self._has_quarantine:
            self._writer.execute(f"DELETE FROM {QUARANTINE} WHERE version = ? AND direction = ?", (version, opposite))

    def adopt(self, migration: Migration, files: Iterable[StoredFile], *, now: str) -> None:
        """Give a row of the old system the name and the checksum of today's file."""
        self._identify(migration, files)
        self.log(LogEvent.ADOPTED, migration, now=now)

    def accept(self, migration: Migration, files: Iterable[StoredFile], *, now: str, reason: str) -> None:
        """Take today's file for the one that ran, and log why."""
        self._identify(migration, files)
        self.log(LogEvent.ACCEPTED, migration, now=now, detail=reason)

    def _identify(self, migration: Migration, files: Iterable[StoredFile]) -> None:
        self._writer.execute(
            f"UPDATE {LEDGER} SET name = ?, checksum = ? WHERE version = ?",
            (migration.name, migration.checksum, migration.version),
        )
        self._store(migration.checksum, files)

    def _store(self, checksum: str, files: Iterable[StoredFile]) -> None:
        if checksum in self._stored:
            return
        self._stored.add(checksum)
        self._sources.extend((checksum, stored.file, stored.text, checksum, stored.file) for stored in files)

    def log(
        self,
        event: LogEvent,
        migration: Migration | None,
        *,
        now: str,
        direction: str = "",
        duration_ms: int | None = None,
        snapshot: str = "",
        detail: str = "",
    ) -> None:
        """Append one row to the log, with the next `flush`."""
        self._log.append(
            (
                now,
                event.value,
                migration.version if migration else None,
                migration.name if migration else None,
                direction or None,
                migration.checksum if migration else None,
                duration_ms,
                self._actor.run_id,
                self._actor.who,
                self._actor.host,
                self._actor.tool_version,
                snapshot or None,
                detail or None,
            )
        )

    def flush(self) -> None:
        """Write the rows of the log and the texts that have been collected; to be called before each commit.

        They wait until then because DDL makes the database compile every statement again: written one by one
        between the steps, they would cost more than small steps themselves.
        """
        self._writer.executemany(
            f"INSERT INTO {SOURCE} (checksum, file, text) SELECT ?, ?, ? WHERE NOT EXISTS"
            f" (SELECT 1 FROM {SOURCE} WHERE checksum = ? AND file = ?)",
            self._sources,
        )
        self._writer.executemany(
            f"INSERT INTO {LOG} (happened_at, event, version, name, direction, checksum, duration_ms, run_id,"
            " who, host, tool_version, snapshot, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._log,
        )
        self.forget()

    def forget(self) -> None:
        """Drop what has been collected and not written: its transaction was rolled back."""
        self._sources.clear()
        self._log.clear()


def _seconds(now: str) -> str:
    """The ledger's own date, in the form in which the old system's rows and CURRENT_TIMESTAMP have it."""
    return now.replace("T", " ")[:19]
