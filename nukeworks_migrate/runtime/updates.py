"""`db.update`: columns set to what SQL can say, at once or in chunks of the table's key."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..databases.base import Parameters
from ..databases.rows import Chosen, Key, quoted
from ..databases.writing import StepSession
from .walking import Pace, Page, Walk, fingerprint, written_keys


class Update(Walk):
    """One call: which columns, to what, of which rows."""

    call = "update"

    def __init__(
        self,
        session: StepSession,
        chosen: Chosen,
        values: Mapping[str, Any],
        *,
        batch: int | None,
        pace: Pace,
    ) -> None:
        if not values:
            raise ValueError("update() sets no column: set={…} is empty")
        if clash := written_keys(session, chosen, values):
            raise ValueError(f"update() in chunks cannot set {', '.join(clash)}: the rows are walked by it")
        if batch is None and pace.holds_up:
            raise ValueError("update() pauses between chunks, and without batch= there is one")
        self.table, self.pace = chosen.table, pace
        self._session, self._chosen = session, chosen
        self._assigned = ", ".join(f"{quoted(name)} = {_expression(value)}" for name, value in values.items())
        self._batch = pace.batch(batch) if batch is not None else None

    def identity(self) -> Mapping[str, Any]:
        return {
            "call": self.call,
            "table": self.table,
            "set": self._assigned,
            "key": list(self._chosen.key),
            "where": self._chosen.where,
            "params": fingerprint(self._chosen.params),
        }

    def count(self, after: Key | None) -> int:
        """All rows that are passed: those of `params` that are for `set` would be too many for a count by `where`."""
        if self._batch is None:
            return 0
        everything = Chosen(self.table, self._chosen.key)
        return everything.how_many(self._session, after)

    def pages(self, after: Key | None, total: int, *, exact: bool) -> Iterator[Page]:
        if self._batch is None:
            if after is None:
                changed = self._update(*self._chosen.condition())
                yield Page((), changed, changed)
            return
        everything = Chosen(self.table, self._chosen.key)
        for until in everything.bounds(self._session, self._batch, after):
            rows = everything.how_many(self._session, after, until)
            yield Page(until, rows, self._update(*self._chosen.condition(after, until)))
            after = until

    def _update(self, condition: str, params: Parameters) -> int:
        return self._session.execute(f"UPDATE {quoted(self.table)} SET {self._assigned}{condition}", params)


def _expression(value: object) -> str:
    """A text is an expression of SQL; any other value is itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int)):
        if not -(2**63) <= value < 2**63:
            raise OverflowError(f"update() cannot write {int(value)}: an integer has 64 bits")  # it would be rounded
        return str(int(value))
    if isinstance(value, float) and math.isfinite(value):
        return repr(float(value))  # a subclass may have a repr of its own
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"X'{bytes(value).hex()}'"
    raise TypeError(f"update() cannot write {value!r} as SQL: give an expression, or a parameter: set={{…: ':name'}}")
