"""The ledger: what is applied, the log of all that happened, and the text of what ran.

    schema_version         a row for each applied migration; its first four columns are the hand-made
                           system's, and what reads them goes on working
    schema_version_log     append-only: every step, failure, stamp, acceptance and restore
    schema_version_source  the text of what was applied, by checksum

Made when they are needed: schema_version_checkpoint and schema_version_quarantine; their modules tell of them.

The statements are plain SQL with `?` parameters, for every database.
"""

from __future__ import annotations

from enum import StrEnum

from ..errors import LedgerNotOurs
from ..model.history import Entry, History, LedgerState, Unfinished
from .base import Column, Reader

LEDGER = "schema_version"
LOG = "schema_version_log"
SOURCE = "schema_version_source"
CHECKPOINT = "schema_version_checkpoint"
QUARANTINE = "schema_version_quarantine"
ONLY_CHECKPOINTS = "with checkpoints"  # what a migration's own row among the checkpoints says when it can be resumed

LEGACY_COLUMNS = ("version", "applied_date", "applied_by", "description")
ADDED_COLUMNS = {
    "name": "TEXT",
    "checksum": "TEXT",
    "position": "INTEGER",
    "run_id": "TEXT",
    "duration_ms": "INTEGER",
}


LOG_COLUMNS = (
    *("id", "happened_at", "event", "version", "name", "direction", "checksum", "duration_ms", "run_id", "who"),
    *("host", "tool_version", "snapshot", "detail"),
)
SOURCE_COLUMNS = ("checksum", "file", "text")
CREATE_LEDGER = f"""CREATE TABLE {LEDGER} (
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
CREATE_LOG = f"""CREATE TABLE {LOG} (
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
CREATE_SOURCE = f"""CREATE TABLE {SOURCE} (
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
    RETRIED = "retried"  # the rows that it had left in quarantine


_CREATED_BY = {LEDGER: CREATE_LEDGER, LOG: CREATE_LOG, SOURCE: CREATE_SOURCE}
_ENDS_A_START = (LogEvent.APPLIED, LogEvent.REVERTED, LogEvent.STAMPED, LogEvent.UNSTAMPED)


def read_history(reader: Reader) -> History:
    """Return what is applied. A database without a ledger has an empty history.

    Raises:
        LedgerNotOurs: a table has the ledger's name but not its columns.
    """
    tables = _own_tables(reader)
    columns = _names(tables[LEDGER])
    if not columns:
        return History(state=LedgerState.NONE)
    added = [name if name in columns else f"NULL AS {name}" for name in ADDED_COLUMNS]
    rows = reader.query(f"SELECT {', '.join(LEGACY_COLUMNS)}, {', '.join(added)} FROM {LEDGER} ORDER BY version")
    if not all(isinstance(row[0], int) for row in rows):
        raise LedgerNotOurs(
            f"the table {LEDGER} has a row whose version is no whole number",
            next_step="rename that table, or keep the two in separate databases",
        )
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
    state = LedgerState.CURRENT if columns.issuperset(ADDED_COLUMNS) else LedgerState.LEGACY
    return History(entries, _read_unfinished(reader) if tables[LOG] else (), state)


def read_checksums(reader: Reader) -> list[tuple[int, str | None, str | None]] | None:
    """Return version, name and checksum of what is applied, by version: whether the files are those that ran.

    None where there is more to tell: nothing is applied, it is the old system's ledger, or something was interrupted.
    `read_history` tells all of it.

    Raises:
        LedgerNotOurs: a table has the ledger's name but not its columns.
    """
    # Where their text is the one that we write, there is no need to look at the columns.
    if reader.created_by((LEDGER, LOG, SOURCE)) != _CREATED_BY:
        tables = _own_tables(reader)
        if not _names(tables[LEDGER]).issuperset(ADDED_COLUMNS) or not tables[LOG]:
            return None
    rows = reader.query(
        f"SELECT version, name, checksum, EXISTS (SELECT 1 FROM {LOG} WHERE event = '{LogEvent.STARTED}')"
        f" FROM {LEDGER} ORDER BY version"
    )
    if not rows or (rows[0][3] and _read_unfinished(reader)):
        return None
    return [(version, name, checksum) for version, name, checksum, _ in rows]


def ledger_columns(reader: Reader) -> list[Column]:
    """Return the columns of the ledger; none where there is no such table.

    Raises:
        LedgerNotOurs: a table or view has the ledger's name, or that of its log or sources, and is none of ours.
    """
    return _own_tables(reader)[LEDGER]


def _own_tables(reader: Reader) -> dict[str, list[Column]]:
    """The columns of the ledger, its log and its sources; refuses what has their names and is none of ours."""
    tables = reader.columns_of((LEDGER, LOG, SOURCE))
    columns = tables[LEDGER]
    key = [column.name.lower() for column in columns if column.primary_key]
    integer = not columns or any(
        column.name.lower() == "version" and "INT" in column.type.upper() for column in columns
    )
    if columns and (key != ["version"] or not integer):
        raise _not_ours(LEDGER, columns, LEGACY_COLUMNS, ", with a whole number, version, as the primary key")
    for name, expected in ((LEDGER, LEGACY_COLUMNS), (LOG, LOG_COLUMNS), (SOURCE, SOURCE_COLUMNS)):
        found = tables[name]
        if found and not _names(found).issuperset(expected):
            raise _not_ours(name, found, expected)
        if not found and reader.is_view(name):
            raise LedgerNotOurs(
                f"{name} is a view, and this tool keeps its ledger in a table of that name",
                next_step="rename that view, or keep the two in separate databases",
            )
    return tables


def _names(columns: list[Column]) -> set[str]:
    return {column.name.lower() for column in columns}


def _not_ours(name: str, found: list[Column], expected: tuple[str, ...], more: str = "") -> LedgerNotOurs:
    return LedgerNotOurs(
        f"the table {name} is not this tool's" + (", nor the old system's" if name == LEDGER else ""),
        cause=f"it has the columns {', '.join(column.name for column in found)};"
        f" expected are at least {', '.join(expected)}{more}",
        next_step="rename that table, or keep the two in separate databases",
    )


def _read_unfinished(reader: Reader) -> tuple[Unfinished, ...]:
    ends = ", ".join(f"'{event}'" for event in _ENDS_A_START)
    rows = reader.query(
        "SELECT s.version, s.name, s.direction, s.run_id, s.happened_at, coalesce(s.snapshot, '')"
        f" FROM {LOG} AS s WHERE s.event = '{LogEvent.STARTED}' AND NOT EXISTS"
        f" (SELECT 1 FROM {LOG} AS e WHERE e.version = s.version AND e.id > s.id AND e.event IN"
        f" ({ends}, '{LogEvent.STARTED}')) ORDER BY s.id"
    )
    if not rows:
        return ()
    visited = _visited(reader)
    found = (Unfinished(*row) for row in rows)
    return tuple(item._replace(visited=visited.get((item.version, item.direction))) for item in found)


def _visited(reader: Reader) -> dict[tuple[int, str], int]:
    """How many rows the checkpoints of each migration and direction cover, where everything that it ran has one."""
    if not reader.columns(CHECKPOINT):
        return {}
    rows = reader.query(
        f"SELECT version, direction, sum(visited) FROM {CHECKPOINT} GROUP BY version, direction"
        " HAVING sum(CASE WHEN number = 0 AND call = ? THEN 1 ELSE 0 END) = 1",
        (ONLY_CHECKPOINTS,),
    )
    return {(version, direction): visited for version, direction, visited in rows}
