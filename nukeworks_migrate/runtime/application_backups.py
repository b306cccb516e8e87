"""The application's own list of backups: NukeWorks keeps one in a table, and a run's snapshot belongs there."""

from __future__ import annotations

from collections.abc import Iterable

from ..databases.base import Reader
from ..databases.writing import Writer

TABLE = "database_snapshots"
KIND = "MIGRATION_BACKUP"
OWN_ROWS = (TABLE, f"snapshot_type = '{KIND}'")  # what comparisons of rows leave out: table and condition
_COLUMNS = ("snapshot_type", "file_path", "description", "snapshot_size_bytes", "is_retained")


def keeps_backups(reader: Reader) -> bool:
    """Whether the application has such a table, with the columns that a row needs."""
    return {column.name for column in reader.columns(TABLE)}.issuperset(_COLUMNS)


def record_backup(writer: Writer, file_path: str, size_bytes: int, description: str) -> None:
    """Add the row for one snapshot, inside the transaction that is open."""
    if keeps_backups(writer):
        writer.execute(
            f"INSERT INTO {TABLE} ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, 0)",
            (KIND, file_path, description, size_bytes),
        )


def forget_backups(writer: Writer, file_paths: Iterable[str]) -> None:
    """Delete the rows of snapshots that are going away."""
    if keeps_backups(writer):
        for file_path in file_paths:
            writer.execute(f"DELETE FROM {TABLE} WHERE snapshot_type = ? AND file_path = ?", (KIND, file_path))
