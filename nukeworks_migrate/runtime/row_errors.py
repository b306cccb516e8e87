"""Rows that cannot be computed or written: the first ends the migration, or each is put into quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from ..databases.quarantine import Quarantined
from ..databases.rows import Key
from ..databases.writing import TransactionLost
from ..errors import MigrateError, StepFailed
from ..model.redaction import HIDDEN, is_redacted

STOP, QUARANTINE = "stop", "quarantine"
SHOWN_ROWS = 10
_SHOWN_CHARACTERS = 60  # of a value

# What is raised in a row's place and is not about the row.
NOT_THE_ROWS = (MigrateError, TransactionLost)


class RedactedError(Exception):
    """What a function raised about a row, without the values that the settings hide."""


class RowErrors:
    """What becomes of the rows that fail in one call of `db.transform` or `db.copy_rows`."""

    def __init__(
        self,
        call: str,
        table: str,
        key_columns: tuple[str, ...],
        *,
        on_error: str,
        max_errors: int,
        redact: tuple[str, ...],
        quarantined: Callable[[Key, str, dict[str, Any]], Quarantined],
        hidden: Callable[[str], str],
    ) -> None:
        if on_error not in (STOP, QUARANTINE):
            raise ValueError(f'{call}() knows on_error="{STOP}" and "{QUARANTINE}", not {on_error!r}')
        self.stops = on_error == STOP
        self.count = 0  # of rows in quarantine, those of an interrupted run among them
        self._call, self._table, self._key_columns = call, table, key_columns
        self._max_errors = max_errors
        self._redact = redact
        self._quarantined = quarantined
        self._hidden = hidden  # what resources hold
        self._new: list[Quarantined] = []

    def failed(self, key: Key, values: Mapping[str, Any], error: Exception, *, or_later: bool = False) -> None:
        """Note a row in quarantine, or raise for it; with `or_later` it may be a later row that holds the same.

        Raises:
            StepFailed: there are more than `max_errors` of them.
            And `error` itself, with the row in its notes, where a row that fails stops the migration.
        """
        if self.stops:
            self._stop(key, values, error, or_later)
        self.count += 1
        words = self._hidden(_scrubbed(f"{type(error).__name__}: {error}", self._hidden_values(key, values)))
        shown = {name: HIDDEN if self._hides(name) else value for name, value in values.items()}
        self._new.append(self._quarantined(key, words, shown))
        if self.count > self._max_errors:
            raise StepFailed(
                f"{self._call}() of {self._table}: more than {self._max_errors:,} rows failed",
                cause=f"the last of them, {self.place(key)}:\n{words}",
                next_step="correct the function, or the rows; or allow more of them: max_errors=…",
            )

    def take(self) -> list[Quarantined]:
        """The rows since the last time, to be noted in the transaction that left them as they were."""
        taken, self._new = self._new, []
        return taken

    def place(self, key: Key) -> str:
        """A row's key in words, without what the settings hide."""
        named = zip(self._key_columns, key, strict=True)
        return ", ".join(f"{name} = {HIDDEN if self._hides(name) else repr(value)}" for name, value in named)

    def _stop(self, key: Key, values: Mapping[str, Any], error: Exception, or_later: bool) -> NoReturn:
        hidden = self._hidden_values(key, values)
        if hidden:
            told: Exception = RedactedError(_scrubbed(f"{type(error).__name__}: {error}", hidden))
            told.__traceback__ = error.__traceback__
            told.__suppress_context__ = True
        elif isinstance(error, StopIteration):  # raised within a generator it would only end that
            told = RuntimeError(f"{type(error).__name__}: {error}".removesuffix(": "))
            told.__traceback__, told.__cause__ = error.__traceback__, error
        else:
            told = error
        later = ", or at a later row that holds the same" if or_later else ""
        told.add_note(f"in {self._call}() of {self._table}, at {self.place(key)}{later}")
        if values:
            told.add_note(f"with {', '.join(f'{name} = {self._shown(name, value)}' for name, value in values.items())}")
        raise told

    def unplaced(self, columns: Iterable[str], error: Exception) -> Exception:
        """What to raise for a row that is not known, for computed again it did not fail."""
        if any(map(self._hides, columns)):
            told: Exception = RedactedError(type(error).__name__)
            told.__traceback__ = error.__traceback__
            told.__suppress_context__ = True
        else:
            told = error
        told.add_note(f"in {self._call}() of {self._table}, at a row that did not fail when it was computed again")
        return told

    def _hides(self, column: str) -> bool:
        return is_redacted(self._redact, self._table, column)

    def _hidden_values(self, key: Key, values: Mapping[str, Any]) -> list[Any]:
        told = [*zip(self._key_columns, key, strict=True), *values.items()]
        return [value for name, value in told if self._hides(name) and value is not None]

    def _shown(self, name: str, value: object) -> str:
        if self._hides(name):
            return HIDDEN
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"{len(value)} bytes"
        words = repr(value)
        return words if len(words) <= _SHOWN_CHARACTERS else f"{words[:_SHOWN_CHARACTERS]} …"


def _scrubbed(words: str, hidden: list[Any]) -> str:
    """`words` without the values, as they are and as Python writes them."""
    forms = {form for value in hidden for form in (str(value), repr(value), repr(value)[1:-1])}
    for form in sorted(forms, key=len, reverse=True):
        if form:
            words = words.replace(form, HIDDEN)
    return words
