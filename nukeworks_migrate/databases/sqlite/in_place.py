"""Columns computed by a Python function inside SQLite's own UPDATE.

That is the fastest way there is from Python: no row is carried out and back, the function is called by SQLite for
each row (two to three times the rate of SELECT and executemany). It holds only where SQLite visits the rows in the
order of the key, which is asked of the query plan, and where no trigger could tell a row that was left as it was
from one that was written.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...errors import StatementRefused
from ...model.names import fold
from ..base import Parameters
from ..rows import Key
from ..writing import ComputedColumns, InPlace, PageDone
from .connection import quote

if TYPE_CHECKING:
    from .session import SqliteSession

_MOST_ARGUMENTS = 100  # of an SQL function; SQLite's own limit is 127, or what it was compiled with


def in_place(session: SqliteSession, computed: ComputedColumns) -> InPlace | None:
    """The way to compute `computed` in place, or None where it has to be done row by row."""
    if len(computed.reads) + len(computed.writes) > _MOST_ARGUMENTS or _has_trigger(session.raw, computed.chosen.table):
        return None
    if _writes_primary_key(session.raw, computed):
        return None  # it is evaluated before the other columns, and rows change their places
    for forced in _orders(session.raw, computed):
        way = SqliteInPlace(session, computed, forced)
        if way.keeps_order():
            return way
        way.close()
    return None


def _has_trigger(raw: sqlite3.Connection, table: str) -> bool:
    found = raw.execute(
        "SELECT tbl_name FROM main.sqlite_master WHERE type = 'trigger'"
        " UNION ALL SELECT tbl_name FROM temp.sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    return any(fold(name) == fold(table) for (name,) in found)


def _writes_primary_key(raw: sqlite3.Connection, computed: ComputedColumns) -> bool:
    columns = raw.execute(f"PRAGMA table_xinfo({quote(computed.chosen.table)})").fetchall()
    return not {fold(row[1]) for row in columns if row[5]}.isdisjoint(map(fold, computed.writes))


def _orders(raw: sqlite3.Connection, computed: ComputedColumns) -> Iterator[str]:
    """What makes SQLite walk by the key: the table itself for a rowid, or an index of just these columns, ascending."""
    if len(computed.chosen.key) == 1:
        yield "NOT INDEXED"
    wanted = [fold(name) for name in computed.chosen.key]
    for _number, name, unique, _origin, partial in raw.execute(
        f"PRAGMA index_list({quote(computed.chosen.table)})"
    ).fetchall():
        if not unique or partial:
            continue
        columns = [row for row in raw.execute(f"PRAGMA index_xinfo({quote(name)})").fetchall() if row[5]]
        if [fold(row[2] or "") for row in columns] == wanted and not any(row[3] for row in columns):
            yield f"INDEXED BY {quote(name)}"


class SqliteInPlace(InPlace):
    """One transform's function, registered as an SQL function, and the UPDATE that calls it."""

    def __init__(self, session: SqliteSession, computed: ComputedColumns, forced: str) -> None:
        self._session = session
        self._computed = computed
        self._forced = forced
        # What the function raised, which SQLite would hide, and for what values.
        self._caught: list[tuple[BaseException, tuple[Any, ...]]] = []
        self._skipped: list[None] = []
        self._others: list[deque[Any]] = [deque() for _ in computed.writes[1:]]  # values for all columns but the first
        self._name = f"nm_{re.sub(r'[^A-Za-z0-9_]+', '_', computed.name)[:40]}"
        self._columns = _in_table_order(session.raw, computed)
        try:
            self._register()
        except sqlite3.Error:  # the name is in use by a cursor that a migration has left open
            self._name = f"{self._name}_{secrets.token_hex(4)}"
            self._register()

    def _register(self) -> None:
        raw, computed = self._session.raw, self._computed
        compute = _computing(computed, self._columns, self._caught, self._skipped, self._others)
        raw.create_function(self._name, len(_arguments(computed)), compute)
        for number, values in enumerate(self._others, 1):
            # SQLite evaluates SET in the order of the table's columns. Were it to ask for one of these before the
            # row is computed, the queue would be empty, and the statement would fail.
            raw.create_function(f"{self._name}_{number}", 0, values.popleft)

    def close(self) -> None:
        raw, computed = self._session.raw, self._computed
        # With a cursor of the migration's still open SQLite refuses that, and nobody minds.
        with suppress(sqlite3.Error):
            raw.create_function(self._name, len(_arguments(computed)), None)
            for number in range(1, len(computed.writes)):
                raw.create_function(f"{self._name}_{number}", 0, None)

    def keeps_order(self) -> bool:
        """Whether SQLite would go by the key from bound to bound, as its own plan says.

        INDEXED BY is refused by SQLite where it cannot be obeyed; with NOT INDEXED the table's own order is left, but
        for a table WITHOUT ROWID, where it may still choose an index.
        """
        values = ((0,) * len(self._computed.chosen.key),) * 2
        sql, params = self._statement(*values)
        try:
            plan = self._session.raw.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
        except sqlite3.Error:
            return False
        walks = [row[3] for row in plan if row[1] == 0 and "SUBQUERY" not in row[3]]
        if len(walks) != 1 or not walks[0].startswith("SEARCH "):
            return False
        # An index in another collation serves a condition of that, and sorts otherwise than the column does.
        order = ", ".join(map(quote, self._computed.chosen.key))
        condition, _ = self._computed.chosen.condition(*values)
        table = quote(self._computed.chosen.table)
        plan = self._session.raw.execute(
            f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} {self._forced}{condition} ORDER BY {order}", params
        ).fetchall()
        if any("TEMP B-TREE" in row[3] for row in plan):
            return False
        return self._forced != "NOT INDEXED" or "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in walks[0]

    def ranges(self, after: Key | None, batch: int, total: int | None) -> Iterator[Key]:
        if self._forced == "NOT INDEXED" and total is not None:
            yield from self._spans(after, batch, total)
        else:
            yield from self._computed.chosen.bounds(self._session, batch, after)

    def _spans(self, after: Key | None, batch: int, total: int) -> Iterator[Key]:
        """Spans of numbers that hold about `batch` rows each: reckoned, for looking costs a twentieth of it all."""
        table, key = quote(self._computed.chosen.table), quote(self._computed.chosen.key[0])
        # Each by itself is one step into the table; both at once would read all of it.
        limits = f"SELECT (SELECT min({key}) FROM {table}), (SELECT max({key}) FROM {table})"
        low, high = self._session.raw.execute(limits).fetchone()
        if low is None:
            return
        low = max(low, after[0] + 1) if after is not None else low
        width = max(1, (high - low + 1) * batch // max(total, 1))
        while low <= high:
            until = min(low + width - 1, high)
            yield (until,)
            low = until + 1

    def update(self, after: Key | None, until: Key) -> PageDone:
        session = self._session
        sql, params = self._statement(after, until)
        self._caught.clear()
        self._skipped.clear()

        def run() -> sqlite3.Cursor:
            with session.computing():
                return session.raw.execute(sql, params)

        try:
            cursor = session.run(sql, run, params)
        except (sqlite3.Error, StatementRefused):
            for values in self._others:
                values.clear()
            if not self._caught:
                raise
        else:
            visited = max(cursor.rowcount, 0)
            cursor.close()
            return PageDone(visited, visited - len(self._skipped))
        error, self.failed_values = self._caught[0]
        raise error  # out here, so that its own cause and context stay what they are

    def _statement(self, after: Key | None, until: Key) -> tuple[str, Parameters]:
        computed = self._computed
        arguments = ", ".join(map(quote, _arguments(computed)))
        values = [f"{self._name}({arguments})", *(f"{self._name}_{n}()" for n in range(1, len(computed.writes)))]
        assigned = ", ".join(
            f"{quote(computed.writes[place])} = {value}" for place, value in zip(self._columns, values, strict=True)
        )
        condition, params = computed.chosen.condition(after, until)
        return f"UPDATE {quote(computed.chosen.table)} {self._forced} SET {assigned}{condition}", params


def _arguments(computed: ComputedColumns) -> tuple[str, ...]:
    """Columns that the function is called with: `reads`, behind what `writes` hold now where a row may be left."""
    return computed.reads if computed.skip is None else (*computed.writes, *computed.reads)


def _in_table_order(raw: sqlite3.Connection, computed: ComputedColumns) -> list[int]:
    """Places in `writes`, in the order of the table's columns."""
    names = [fold(row[1]) for row in raw.execute(f"PRAGMA table_xinfo({quote(computed.chosen.table)})").fetchall()]
    places = range(len(computed.writes))
    return sorted(places, key=lambda place: _index(names, fold(computed.writes[place])))


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _computing(
    computed: ComputedColumns,
    columns: list[int],
    caught: list[tuple[BaseException, tuple[Any, ...]]],
    skipped: list[None],
    others: list[deque[Any]],
) -> Callable[..., Any]:
    """The function that SQLite calls: with what the columns in `writes` hold, and the values of `reads`.

    It is written out for its number of arguments and compiled, because `*values` would cost a tenth of the rate.
    """
    old = [] if computed.skip is None else [f"old_{place}" for place in range(len(computed.writes))]
    read = [f"read_{place}" for place in range(len(computed.reads))]
    if others:
        left = f"values = ({', '.join(old)})"
        result = f"for queue, place in others:\n        queue.append(values[place])\n    return values[{columns[0]}]"
    else:
        left, result = f"return {''.join(old)}", "return values"
    skipping = f"""
    if values is skip:
        skipped.append(None)
        {left}
    {result}
"""
    source = f"""
def compute({", ".join([*old, *read])}):
    try:
        {"return" if computed.skip is None else "values ="} fn({", ".join(read)})
    except BaseException as error:
        caught.append((error, ({"".join(f"{name}, " for name in read)})))
        raise
{skipping if computed.skip is not None else ""}"""
    names: dict[str, Any] = {
        "fn": computed.fn,
        "skip": computed.skip,
        "caught": caught,
        "skipped": skipped,
        "others": list(zip(others, columns[1:], strict=True)),
    }
    exec(source, names)
    return names["compute"]  # type: ignore[no-any-return]
