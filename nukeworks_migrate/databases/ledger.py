"""The ledger: what is applied, the log of all that happened, and the text of what ran.

    schema_version         a row for each applied migration; its first four columns are the hand-made
                           system's, and what reads them goes on working
    schema_version_log     append-only: every step, failure, stamp, acceptance and restore
    schema_version_source  the text of what was applied, by checksum

The statements are plain SQL with `?` parameters, for every database.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from ..errors import LedgerNotOurs, PlanMoved
from ..model.history import Entry, History, LedgerState, Unfinished
from ..model.migration import Migration
from .base import Column, Reader, Writer

LEDGER = "schema_version"
LOG = "schema_version_log"
SOURCE = "schema_version_source"

_LEGACY = ("version", "applied_date", "applied_by", "description")
_ADDED = {
    "name": "TEXT",
    "checksum": "TEXT",
    "position": "INTEGER",
    "run_id": "TEXT",
    "duration_ms": "INTEGER",
}
_CREATE_LEDGER = f"""
CREATE TABLE {LEDGER} (
    version INTEGER PRIMARY KEY,
    applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    applied_by TEXT,
    description TEXT,
    name TEXT,
    checksum TEXT,
    position INTEGER,
    run_id TEXT,
    duration_ms INTEGER
)"""
_CREATE_LOG = f"""
CREATE TABLE {LOG} (
    id INTEGER PRIMARY KEY,
    happened_at TEXT NOT NULL,
    event TEXT NOT NULL,
    version INTEGER,
    name TEXT,
    direction TEXT,
    checksum TEXT,
    duration_ms INTEGER,
    run_id TEXT,
    who TEXT,
    host TEXT,
    tool_version TEXT,
    snapshot TEXT,
    detail TEXT
)"""
_CREATE_SOURCE = f"""
CREATE TABLE {SOURCE} (
    checksum TEXT NOT NULL,
    file TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (checksum, file)
)"""


class LogEvent(StrEnum):
    """What a row of the log says happened."""

    APPLIED = "applied"
    REVERTED = "reverted"
    STARTED = "started"  # of a migration without transaction, before its first statement
    FAILED = "failed"
    STAMPED = "stamped"  # marked as applied, without running
    UNSTAMPED = "unstamped"  # marked as not applied, without running
    ACCEPTED = "accepted"  # a changed file was accepted in place of the one that ran
    ADOPTED = "adopted"  # a row of the old system got its name and checksum
    RESTORED = "restored"
    RUN = "run"  # one run, at its end


_ENDS_A_START = (LogEvent.APPLIED, LogEvent.REVERTED, LogEvent.STAMPED, LogEvent.UNSTAMPED)


class Actor(NamedTuple):
    """Who does a run, for every row that it writes."""

    run_id: str
    who: str
    host: str
    tool_version: str


class LogRow(NamedTuple):
    """One row of the log, as it is read."""

    id: int
    happened_at: str  # UTC, ISO 8601
    event: str
    version: int | None
    name: str
    direction: str
    checksum: str
    duration_ms: int | None
    run_id: str
    who: str
    host: str
    tool_version: str
    snapshot: str
    detail: str


class StoredFile(NamedTuple):
    """One file of what was applied under a checksum: the migration itself, or a helper of it."""

    file: str
    text: str


def read_history(reader: Reader) -> History:
    """Return what is applied. A database without a ledger has an empty history.

    Raises:
        LedgerNotOurs: a table has the ledger's name but not its columns.
    """
    columns = {column.name.lower() for column in _checked_columns(reader)}
    if not columns:
        return History(state=LedgerState.NONE)
    added = [name if name in columns else f"NULL AS {name}" for name in _ADDED]
    rows = reader.query(f"SELECT {', '.join(_LEGACY)}, {', '.join(added)} FROM {LEDGER} ORDER BY version")
    entries = tuple(
        Entry(
            version=version,
            applied_at=str(applied_at or ""),
            applied_by=str(applied_by or ""),
            description=str(description or ""),
            name=name,
            checksum=checksum,
            position=position,
            run_id=run_id or "",
            duration_ms=duration_ms,
        )
        for version, applied_at, applied_by, description, name, checksum, position, run_id, duration_ms in rows
    )
    state = LedgerState.CURRENT if columns.issuperset(_ADDED) else LedgerState.LEGACY
    return History(entries, _read_unfinished(reader), state)


def _checked_columns(reader: Reader) -> list[Column]:
    columns = reader.columns(LEDGER)
    names = {column.name.lower() for column in columns}
    key = [column.name.lower() for column in columns if column.primary_key]
    if columns and (not names.issuperset(_LEGACY) or key != ["version"]):
        raise LedgerNotOurs(
            f"the table {LEDGER} is not this tool's, nor the old system's",
            cause=f"it has the columns {', '.join(sorted(names))}; expected are at least {', '.join(_LEGACY)},"
            " with version as the primary key",
            next_step="rename that table, or keep the two in separate databases",
        )
    return columns


def _read_unfinished(reader: Reader) -> tuple[Unfinished, ...]:
    if not reader.columns(LOG):
        return ()
    ends = ", ".join(f"'{event}'" for event in _ENDS_A_START)
    rows = reader.query(
        "SELECT s.version, s.name, s.direction, s.run_id, s.happened_at, s.snapshot"
        f" FROM {LOG} AS s WHERE s.event = '{LogEvent.STARTED}' AND NOT EXISTS"
        f" (SELECT 1 FROM {LOG} AS e WHERE e.version = s.version AND e.id > s.id AND e.event IN"
        f" ({ends}, '{LogEvent.STARTED}')) ORDER BY s.id"
    )
    return tuple(Unfinished(*row) for row in rows)


def read_log(reader: Reader, version: int | None = None) -> list[LogRow]:
    """Return the log, oldest first: all of it, or what concerns one version."""
    if not reader.columns(LOG):
        return []
    names = ", ".join(LogRow._fields)
    where, params = ("", ()) if version is None else (" WHERE version = ?", (version,))
    rows = reader.query(f"SELECT {names} FROM {LOG}{where} ORDER BY id", params)
    texts = [name not in ("id", "version", "duration_ms") for name in LogRow._fields]
    found = []
    for row in rows:
        values: list[Any] = ["" if text and value is None else value for text, value in zip(texts, row, strict=True)]
        found.append(LogRow(*values))
    return found


def read_source(reader: Reader, checksum: str) -> list[StoredFile]:
    """Return the files that were applied under `checksum`, the migration first; empty when not kept."""
    if not reader.columns(SOURCE):
        return []
    rows = reader.query(f"SELECT file, text FROM {SOURCE} WHERE checksum = ? ORDER BY file", (checksum,))
    files = [StoredFile(file, text) for file, text in rows]
    return sorted(files, key=lambda stored: stored.file.startswith("_"))


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

    def prepare(self) -> None:
        """Make the ledger's tables, or add to the old system's what it lacks."""
        columns = {column.name.lower() for column in _checked_columns(self._writer)}
        if not columns:
            self._writer.execute(_CREATE_LEDGER)
        for name, kind in _ADDED.items():
            if columns and name not in columns:
                self._writer.execute(f"ALTER TABLE {LEDGER} ADD COLUMN {name} {kind}")
        if not self._writer.columns(LOG):
            self._writer.execute(_CREATE_LOG)
        if not self._writer.columns(SOURCE):
            self._writer.execute(_CREATE_SOURCE)

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
        self.log(
            event,
            migration,
            now=now,
            direction="down",
            duration_ms=duration_ms,
            snapshot=snapshot,
            detail=detail,
        )

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
