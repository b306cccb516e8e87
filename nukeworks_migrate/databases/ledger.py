"""The ledger: what is applied, the log of all that happened, and the text of what ran.

    schema_version         a row for each applied migration; its first four columns are the hand-made
                           system's, and what reads them goes on working
    schema_version_log     append-only: every step, failure, stamp, acceptance and restore
    schema_version_source  the text of what was applied, by checksum

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

LEGACY_COLUMNS = ("version", "applied_date", "applied_by", "description")
ADDED_COLUMNS = {
    "name": "TEXT",
    "checksum": "TEXT",
    "position": "INTEGER",
    "run_id": "TEXT",
    "duration_ms": "INTEGER",
}


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


_ENDS_A_START = (LogEvent.APPLIED, LogEvent.REVERTED, LogEvent.STAMPED, LogEvent.UNSTAMPED)


def read_history(reader: Reader) -> History:
    """Return what is applied. A database without a ledger has an empty history.

    Raises:
        LedgerNotOurs: a table has the ledger's name but not its columns.
    """
    columns = {column.name.lower() for column in ledger_columns(reader)}
    if not columns:
        return History(state=LedgerState.NONE)
    added = [name if name in columns else f"NULL AS {name}" for name in ADDED_COLUMNS]
    rows = reader.query(f"SELECT {', '.join(LEGACY_COLUMNS)}, {', '.join(added)} FROM {LEDGER} ORDER BY version")
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
    return History(entries, _read_unfinished(reader), state)


def ledger_columns(reader: Reader) -> list[Column]:
    """Return the columns of the ledger; none where there is no such table.

    Raises:
        LedgerNotOurs: a table has its name and other columns.
    """
    columns = reader.columns(LEDGER)
    names = {column.name.lower() for column in columns}
    key = [column.name.lower() for column in columns if column.primary_key]
    if columns and (not names.issuperset(LEGACY_COLUMNS) or key != ["version"]):
        raise LedgerNotOurs(
            f"the table {LEDGER} is not this tool's, nor the old system's",
            cause=f"it has the columns {', '.join(sorted(names))}; expected are at least {', '.join(LEGACY_COLUMNS)},"
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
