"""Reading the rows of a table in pages of its key: plain SQL that every database knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .base import Parameters, Row

if TYPE_CHECKING:
    from .writing import StepSession

Key = tuple[Any, ...]  # the values of a row's key


def quoted(name: str) -> str:
    """An identifier in the standard's double quotes."""
    return '"' + name.replace('"', '""') + '"'


class Chosen(NamedTuple):
    """Some rows of a table, and the key by which they are walked."""

    table: str
    key: tuple[str, ...]
    where: str | None = None
    params: Parameters | None = None
    only: tuple[Key, ...] | None = None  # no rows but these, of those that are chosen

    def how_many(self, session: StepSession, after: Key | None, until: Key | None = None) -> int:
        if self.only is not None:
            return len(self.only)
        condition, params = self.condition(after, until)
        return int(session.query(f"SELECT count(*) FROM {quoted(self.table)}{condition}", params)[0][0])

    def pages(
        self, session: StepSession, columns: tuple[str, ...], batch: int, after: Key | None, until: Key | None = None
    ) -> Iterator[list[Row]]:
        """Pages of rows in the order of the key, `batch` at most in each: the key's values, then those of `columns`.

        Each begins behind the last key of the one before, so that it makes no difference what is written meanwhile
        into columns that the condition or an index looks at.
        """
        # With the table before it: SQLite takes a name in double quotes that is no column's for a text.
        selected = ", ".join(f"{quoted(self.table)}.{quoted(name)}" for name in (*self.key, *columns))
        order = ", ".join(map(quoted, self.key))
        for key in self.only or ():
            condition, params = self.condition(equal=key)
            if rows := session.query(f"SELECT {selected} FROM {quoted(self.table)}{condition}", params):
                yield rows
        while self.only is None:
            condition, params = self.condition(after, until)
            rows = session.query(
                f"SELECT {selected} FROM {quoted(self.table)}{condition} ORDER BY {order} LIMIT {batch}", params
            )
            if rows:
                yield rows
            if len(rows) < batch:
                return
            after = tuple(rows[-1])[: len(self.key)]

    def bounds(self, session: StepSession, batch: int, after: Key | None) -> Iterator[Key]:
        """The key of every `batch`-th row behind `after`, and of the last; rows that are not chosen count too."""
        everything = Chosen(self.table, self.key)
        columns, order = ", ".join(map(quoted, self.key)), ", ".join(map(quoted, self.key))
        backwards = ", ".join(f"{quoted(name)} DESC" for name in self.key)
        while True:
            condition, params = everything.condition(after)
            rows = f"SELECT {columns} FROM {quoted(self.table)}{condition}"
            found = session.query(f"{rows} ORDER BY {order} LIMIT 1 OFFSET {batch - 1}", params)
            last = not found
            found = found or session.query(f"{rows} ORDER BY {backwards} LIMIT 1", params)
            if found:
                after = tuple(found[0])
                yield after
            if last:
                return

    def condition(
        self, after: Key | None = None, until: Key | None = None, equal: Key | None = None
    ) -> tuple[str, Parameters]:
        """WHERE for the rows behind `after`, up to `until`, with parameters in the form that `params` has."""
        conditions = [f"({self.where}\n)"] if self.where else []  # it may end with a comment
        by_name = isinstance(self.params, Mapping)
        named: dict[str, Any] = dict(self.params) if isinstance(self.params, Mapping) else {}
        placed: list[Any] = [] if self.params is None or by_name else list(self.params)
        names = ", ".join(map(quoted, self.key))
        for sign, word, values in ((">", "after", after), ("<=", "until", until), ("=", "equal", equal)):
            if values is None:
                continue
            marks = [f":nm_{word}_{place}" if by_name else "?" for place in range(len(values))]
            conditions.append(f"({names}) {sign} ({', '.join(marks)})")
            named.update(zip((mark[1:] for mark in marks), values, strict=True) if by_name else ())
            placed.extend(values)
        return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), named if by_name else placed
