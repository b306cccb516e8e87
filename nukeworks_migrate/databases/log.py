"""Reading the ledger's log, and the text of what was applied."""

from __future__ import annotations

from typing import Any, NamedTuple

from .base import Reader
from .ledger import LOG, SOURCE


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
