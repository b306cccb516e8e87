"""Rows that a transform could not compute or write, and left as they were: `on_error="quarantine"`.

schema_version_quarantine  a row for each of them: which migration and which of its calls, the row's key, what the
                           function read, and the error; it goes when a retry settles it
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .base import Reader
from .checkpoints import key_as_text, key_from_text
from .ledger import QUARANTINE
from .rows import Key
from .writing import Writer

_CREATE = f"""
CREATE TABLE {QUARANTINE} (
    id INTEGER PRIMARY KEY,
    happened_at TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    direction TEXT NOT NULL,
    number INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    key_columns TEXT NOT NULL,
    row_key TEXT NOT NULL,
    error TEXT NOT NULL,
    row TEXT NOT NULL,
    run_id TEXT
)"""


class Quarantined(NamedTuple):
    """A row that was left as it was, and why."""

    version: int
    name: str  # of the migration
    direction: str
    number: int  # which of the migration's transforms, updates and copies, from 1
    table: str
    key_columns: tuple[str, ...]
    key: Key
    error: str
    row: dict[str, Any]  # what the function read; bytes as {"hex": …}, redacted columns as ***
    happened_at: str = ""  # UTC, ISO 8601
    run_id: str = ""
    id: int = 0

    @property
    def place(self) -> str:
        """The key in words: `id = 17`."""
        return key_in_words(self.key_columns, self.key)


def key_in_words(columns: Iterable[str], key: Key) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in zip(columns, key, strict=True))


def put_into_quarantine(writer: Writer, rows: Iterable[Quarantined]) -> None:
    """Note rows, in the transaction that left them as they were."""
    writer.create_own_table(QUARANTINE, _CREATE)
    writer.executemany(
        f"INSERT INTO {QUARANTINE} (happened_at, version, name, direction, number, table_name, key_columns, row_key,"
        " error, row, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                found.happened_at,
                found.version,
                found.name,
                found.direction,
                found.number,
                found.table,
                json.dumps(found.key_columns),
                key_as_text(found.key),
                found.error,
                json.dumps({name: _as_json(value) for name, value in found.row.items()}, default=str),
                found.run_id,
            )
            for found in rows
        ],
    )


def read_quarantine(
    reader: Reader, version: int | None = None, number: int | None = None, *, limit: int | None = None
) -> list[Quarantined]:
    """The rows in quarantine, oldest first: all, those of one migration, or of one of its calls."""
    if not reader.columns(QUARANTINE):
        return []
    condition, params = _of(version, number)
    rows = reader.query(
        "SELECT version, name, direction, number, table_name, key_columns, row_key, error, row, happened_at, run_id, id"
        f" FROM {QUARANTINE}{condition} ORDER BY id{'' if limit is None else f' LIMIT {limit}'}",
        params,
    )
    return [
        Quarantined(
            version=row["version"],
            name=row["name"],
            direction=row["direction"],
            number=row["number"],
            table=row["table_name"],
            key_columns=tuple(json.loads(row["key_columns"])),
            key=key_from_text(row["row_key"]),
            error=row["error"],
            row=json.loads(row["row"]),
            happened_at=row["happened_at"],
            run_id=row["run_id"] or "",
            id=row["id"],
        )
        for row in rows
    ]


def count_quarantine(reader: Reader, version: int | None = None, number: int | None = None) -> int:
    if not reader.columns(QUARANTINE):
        return 0
    condition, params = _of(version, number)
    return int(reader.query(f"SELECT count(*) FROM {QUARANTINE}{condition}", params)[0][0])


def release_from_quarantine(writer: Writer, ids: Iterable[int]) -> None:
    """Take rows out: they are settled."""
    writer.executemany(f"DELETE FROM {QUARANTINE} WHERE id = ?", [(number,) for number in ids])


def _of(version: int | None, number: int | None) -> tuple[str, tuple[int, ...]]:
    wanted: Mapping[str, int | None] = {"version": version, "number": number}
    given = {name: value for name, value in wanted.items() if value is not None}
    return (f" WHERE {' AND '.join(f'{name} = ?' for name in given)}" if given else ""), tuple(given.values())


def _as_json(value: object) -> object:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"hex": bytes(value).hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value
