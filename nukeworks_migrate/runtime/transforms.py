"""Transforms: columns computed by a Python function, in pages of the table's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..databases.base import Parameters
from ..databases.writing import StepSession


class _Skip:
    """The value that leaves a row as it is."""

    def __repr__(self) -> str:
        return "SKIP"


SKIP = _Skip()


@dataclass(frozen=True)
class Transform:
    """One call of `db.transform`: what to read, what to write, and by which function."""

    table: str
    fn: Callable[..., Any]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    where: str | None
    params: Parameters | None
    batch: int

    def __post_init__(self) -> None:
        if not self.writes:
            raise ValueError("transform() writes no column: writes=[…] is empty")
        if self.batch < 1:
            raise ValueError(f"transform() needs a batch of 1 row or more, not {self.batch}")

    def count_statement(self) -> str:
        condition = f" WHERE ({self.where})" if self.where else ""
        return f"SELECT count(*) FROM {quoted(self.table)}{condition}"

    def run(self, session: StepSession, key: tuple[str, ...] | None, on_progress: Callable[[int], None]) -> int:
        """Visit the rows once each, in the order of the key; return how many were written.

        Each page begins behind the last key of the one before, so that it makes no difference what
        the transform writes into the columns that `where` or an index looks at.
        """
        columns = session.key_path(self.table, key).columns
        if clash := set(columns) & set(self.writes):
            raise ValueError(f"transform() cannot write {', '.join(clash)}: the rows are walked by it")
        names = [f"nm_key_{place}" for place in range(len(columns))]
        update = (
            f"UPDATE {quoted(self.table)} SET {', '.join(f'{quoted(name)} = ?' for name in self.writes)}"
            f" WHERE {' AND '.join(f'{quoted(name)} = ?' for name in columns)}"
        )
        last: tuple[Any, ...] | None = None
        visited = written = 0
        while True:
            params = self._page_params(names, last)
            rows = session.query(self._page(columns, names, first=last is None), params)
            if not rows:
                return written
            changes = []
            for row in rows:
                at, values = tuple(row)[: len(columns)], tuple(row)[len(columns) :]
                computed = self._compute(at, dict(zip(self.reads, values, strict=True)))
                if computed is not None:
                    changes.append((*computed, *at))
            if changes:
                session.executemany(update, changes)
            written += len(changes)
            visited += len(rows)
            last = tuple(rows[-1])[: len(columns)]
            on_progress(visited)
            if len(rows) < self.batch:
                return written

    def _compute(self, at: tuple[Any, ...], values: dict[str, Any]) -> tuple[Any, ...] | None:
        """The new values in the order of `writes`, or None to leave the row."""
        try:
            result = self.fn(**values)
        except Exception as error:
            error.add_note(f"in transform() of {self.table}, at key {', '.join(map(repr, at))}")
            raise
        if result is SKIP:
            return None
        if isinstance(result, Mapping):
            if set(result) != set(self.writes):
                raise ValueError(
                    f"transform() of {self.table}: the function returned {', '.join(map(str, result)) or 'nothing'},"
                    f" and writes= says {', '.join(self.writes)}"
                )
            return tuple(result[name] for name in self.writes)
        if len(self.writes) != 1:
            raise ValueError(
                f"transform() of {self.table} writes {', '.join(self.writes)}: the function has to return a"
                " mapping with these names, or SKIP"
            )
        return (result,)

    def _page(self, columns: tuple[str, ...], names: list[str], *, first: bool) -> str:
        conditions = [f"({self.where})"] if self.where else []
        by_name = self.params is None or isinstance(self.params, Mapping)
        if not first:
            marks = ", ".join(f":{name}" if by_name else "?" for name in names)
            conditions.append(f"({', '.join(map(quoted, columns))}) > ({marks})")
        selected = ", ".join(map(quoted, (*columns, *self.reads)))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ", ".join(map(quoted, columns))
        return f"SELECT {selected} FROM {quoted(self.table)}{where} ORDER BY {order} LIMIT {self.batch}"

    def _page_params(self, names: list[str], last: tuple[Any, ...] | None) -> Parameters:
        keys = dict(zip(names, last, strict=True)) if last is not None else {}
        if self.params is None:
            return keys
        if isinstance(self.params, Mapping):
            return {**self.params, **keys}
        return (*self.params, *(last or ()))


def quoted(name: str) -> str:
    """An identifier in the standard's double quotes."""
    return '"' + name.replace('"', '""') + '"'
