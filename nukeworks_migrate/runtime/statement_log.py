"""Which statements a migration ran: told apart by text and line, counted, and timed."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..model.rehearsal import StatementReport
from .secrets import Secrets

_MOST_STATEMENTS = 500  # of one step, told apart; a transform repeats few, and whoever builds each anew has thousands
_SHOWN_CHARACTERS = 40  # of a value
_SHOWN_VALUES = 12
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*+(\w*)", re.DOTALL)
_READS = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "VALUES"})
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class StatementLog:
    """Collects the statements of one step, without what resources hold."""

    def __init__(self, path: str, secrets: Secrets, *, show_values: bool = False) -> None:
        self._path = path
        self._secrets = secrets
        self._show_values = show_values
        self._found: dict[tuple[str, int], list[Any]] = {}  # times, rows, most, seconds, parameters
        self.more = 0

    def note(self, sql: str, params: object, rows: int, seconds: float) -> None:
        """Note one execution. Called from within it, so that the migration's own line is on the stack."""
        key = self._secrets.hidden(sql), self._line()
        known = self._found.get(key)
        changed = 0 if _only_reads(sql) else rows
        if known is None:
            if len(self._found) >= _MOST_STATEMENTS:
                self.more += 1
                return
            shown = described(self._secrets.told(params), show_values=self._show_values)
            self._found[key] = [1, rows, changed, seconds, shown]
            return
        known[0] += 1
        known[1] += rows
        known[2] = max(known[2], changed)
        known[3] += seconds

    def _line(self) -> int:
        frame = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename == self._path:
                return frame.f_lineno
            frame = frame.f_back  # type: ignore[assignment]
        return 0

    @property
    def statements(self) -> tuple[StatementReport, ...]:
        """In the order in which they first ran."""
        return tuple(
            StatementReport(sql, line, times, rows, most, seconds, parameters)
            for (sql, line), (times, rows, most, seconds, parameters) in self._found.items()
        )


def _only_reads(sql: str) -> bool:
    first = _FIRST_WORD.match(sql)
    word = first[1].upper() if first else ""
    return word in _READS or (word == "WITH" and _WRITES.search(sql) is None)


def described(params: object, *, show_values: bool) -> str:
    """What parameters there were: their kinds and lengths; with `show_values` the values, shortened."""
    if isinstance(params, (list, tuple)) and params and isinstance(params[0], (list, tuple, Mapping)):
        return f"rows of {described(params[0], show_values=show_values)}"
    if isinstance(params, Mapping):
        shown = [f"{name}: {_value(value, show_values)}" for name, value in list(params.items())[:_SHOWN_VALUES]]
    elif isinstance(params, Sequence) and not isinstance(params, (str, bytes)):
        shown = [_value(value, show_values) for value in params[:_SHOWN_VALUES]]
    else:
        return "rows that were made one by one"
    count = len(params)
    return ", ".join(shown) + (f" and {count - len(shown)} more" if count > len(shown) else "")


def _value(value: object, show: bool) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        if not show:
            return f"text of {len(value)}"
        cut = value[:_SHOWN_CHARACTERS]
        return f"'{cut}'" + (" …" if len(value) > len(cut) else "")
    if isinstance(value, (bool, int)):
        return str(int(value)) if show else "integer"
    if isinstance(value, float):
        return repr(value) if show else "real"
    return str(value)[:_SHOWN_CHARACTERS] if show else type(value).__name__
