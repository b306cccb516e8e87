"""How far the data work of a migration without transaction has come, for whoever resumes it.

    schema_version_checkpoint  a row for each transform, update or copy of rows that has begun, written in the same
                               transaction as each of its batches; row 0 stands for the migration itself, and says
                               whether it ran statements that have no checkpoint

The rows go when the migration has ended, or was settled by hand.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .base import Reader
from .ledger import CHECKPOINT, ONLY_CHECKPOINTS, QUARANTINE
from .rows import Key
from .writing import Writer

_STATEMENTS_TOO = "with statements of its own"
_CREATE = f"""
CREATE TABLE {CHECKPOINT} (
    version INTEGER NOT NULL,
    direction TEXT NOT NULL,
    number INTEGER NOT NULL,
    call TEXT NOT NULL,
    last_key TEXT,
    visited INTEGER NOT NULL,
    written INTEGER NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (version, direction, number)
)"""


class Saved(NamedTuple):
    """How far one of a migration's calls has come."""

    call: str  # what was called, as text that is the same when it is the same call
    last_key: Key | None  # of the last row that was visited; None before the first
    visited: int
    written: int
    done: bool


class Checkpoints:
    """The checkpoints of one migration in one direction, over the run's own connection."""

    def __init__(self, writer: Writer, version: int, direction: str) -> None:
        self._writer = writer
        self._step = (version, direction)
        self.begun = False
        self.says_statements = False  # that something ran, or is about to, which has no checkpoint

    def begin(self, *, resuming: bool) -> None:
        """Begin anew, or go on with what is there, in the transaction that says in the log that it began."""
        self._writer.create_own_table(CHECKPOINT, _CREATE)
        self.begun = True
        if resuming and self._row(0) is not None:
            if self.says_statements:
                self.note_statements()
            return
        clear_checkpoints(self._writer, self._step[0])
        if not resuming and self._writer.columns(QUARANTINE):  # left by one that was interrupted and given up
            self._writer.execute(f"DELETE FROM {QUARANTINE} WHERE version = ? AND direction = ?", self._step)
        # Begun by a tool that kept no checkpoints: nobody knows what has run.
        call = _STATEMENTS_TOO if resuming or self.says_statements else ONLY_CHECKPOINTS
        self._insert(0, Saved(call, None, 0, 0, False))

    def note_statements(self) -> None:
        """Say that a statement without checkpoint comes: it may have run or not when the migration is resumed."""
        self._writer.execute(
            f"UPDATE {CHECKPOINT} SET call = ? WHERE version = ? AND direction = ? AND number = 0",
            (_STATEMENTS_TOO, *self._step),
        )

    def find(self, number: int) -> Saved | None:
        """How far call `number`, from 1, has come; None where it has not begun."""
        return self._row(number)

    def save(self, number: int, saved: Saved) -> None:
        self._writer.execute(
            f"DELETE FROM {CHECKPOINT} WHERE version = ? AND direction = ? AND number = ?", (*self._step, number)
        )
        self._insert(number, saved)

    def _row(self, number: int) -> Saved | None:
        rows = self._writer.query(
            f"SELECT call, last_key, visited, written, done FROM {CHECKPOINT}"
            " WHERE version = ? AND direction = ? AND number = ?",
            (*self._step, number),
        )
        if not rows:
            return None
        call, last_key, visited, written, done = rows[0]
        return Saved(call, key_from_text(last_key) if last_key else None, visited, written, bool(done))

    def _insert(self, number: int, saved: Saved) -> None:
        self._writer.execute(
            f"INSERT INTO {CHECKPOINT} (version, direction, number, call, last_key, visited, written, done)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *self._step,
                number,
                saved.call,
                key_as_text(saved.last_key) if saved.last_key is not None else None,
                saved.visited,
                saved.written,
                int(saved.done),
            ),
        )


def clear_checkpoints(writer: Writer, version: int) -> None:
    """Forget how far a migration had come: it has ended, or was settled by hand."""
    if has_checkpoints(writer):
        writer.execute(f"DELETE FROM {CHECKPOINT} WHERE version = ?", (version,))


def has_checkpoints(reader: Reader) -> bool:
    return bool(reader.columns(CHECKPOINT))


def key_as_text(key: Key) -> str:
    """A key as JSON: numbers and texts as they are, bytes as {"hex": …}."""
    return json.dumps([{"hex": bytes(part).hex()} if isinstance(part, bytes) else part for part in key])


def key_from_text(text: str) -> Key:
    """The key that `key_as_text` wrote; floats come back to the last bit."""
    return tuple(bytes.fromhex(part["hex"]) if isinstance(part, dict) else part for part in _parts(text))


def _parts(text: str) -> list[Any]:
    parts = json.loads(text)
    assert isinstance(parts, list)
    return parts
