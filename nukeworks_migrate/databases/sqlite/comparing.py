"""Which rows of a table differ between two databases that one connection sees, found by SQLite itself.

A join over the key compares a million rows in half a second; fetching them into Python takes ten times as long.
Values are compared exactly: by their bytes, whatever collation a column has, and 1 is not 1.0 nor '1'.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

from ...model.names import fold
from ...model.rows import REDACTED, RowSample, TableRows
from ...model.schema import Column, Table
from ..scratch import Looking
from .connection import quote

_MOST_TERMS = 500  # columns that are compared inside an aggregate; SQLite takes 2,000 terms there
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
# A default that is the same whenever it is asked for.
_CONSTANT = re.compile(r"[-+]?\s*(?:\d|\.\d)[\w.+-]*|x?'(?:[^']|'')*'|null|true|false", re.IGNORECASE)


class Affinity(Enum):
    """What a column makes of the values that are put into it; sqlite.org/datatype3.html, 3.1."""

    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"  # nothing
    REAL = "real"
    NUMERIC = "numeric"


def affinity_of(column: Column) -> Affinity:
    kind = column.type.upper()
    for words, affinity in (
        (("INT",), Affinity.INTEGER),
        (("CHAR", "CLOB", "TEXT"), Affinity.TEXT),
        (("BLOB",), Affinity.BLOB),
        (("REAL", "FLOA", "DOUB"), Affinity.REAL),
    ):
        if any(word in kind for word in words):
            return affinity
    return Affinity.NUMERIC if kind and kind != "ANY" else Affinity.BLOB


class Side(NamedTuple):
    """One of the two states of a table."""

    schema: str  # the name under which the connection has its database: main, or that of an ATTACH
    table: Table
    name: str = ""  # where the table is called differently there

    @property
    def source(self) -> str:
        return f"{quote(self.schema)}.{quote(self.name or self.table.name)}"


class Key(NamedTuple):
    """What makes a row of one side the same as a row of the other; no columns: nothing does."""

    columns: tuple[str, ...]
    collations: tuple[str, ...] = ()
    is_rowid: bool = False


_NO_KEY = Key(())


def key_of(before: Table, after: Table, *, rebuilt: bool) -> Key:
    """How rows of the two are matched: by the primary key, else by rowid where the table was not made anew.

    A key whose columns have become of another kind, or are compared otherwise, matches nothing.
    """
    key = _primary_key(before)
    if key.columns or _primary_key(after).columns:
        return key if _key_facts(before) == _key_facts(after) else _NO_KEY
    has_rowid = not (before.without_rowid or after.without_rowid or before.module or after.module)
    if has_rowid and not rebuilt:
        for name in _ROWID_NAMES:
            if before.column(name) is None and after.column(name) is None:
                return Key((name,), ("BINARY",), is_rowid=True)
    return _NO_KEY


def compare_rows(connection: sqlite3.Connection, before: Side, after: Side, key: Key, looking: Looking) -> TableRows:
    """Compare a table that is there on both sides."""
    comparison = _Comparison(connection, before, after, key, looking)
    if not comparison.columns:
        was, now = comparison.count("b"), comparison.count("a")
        return TableRows(after.table.name, was, now, added=max(now - was, 0), deleted=max(was - now, 0))
    if not key.columns or comparison.has_null_keys():
        return comparison.as_bags()
    return comparison.by_key()


def count_all(connection: sqlite3.Connection, side: Side, looking: Looking, *, added: bool) -> TableRows:
    """All rows of a table that is there on one side only, as added or as deleted."""
    comparison = _Comparison(connection, side, side, _NO_KEY, looking)
    count = comparison.count("a")
    samples = tuple(comparison.first_rows(added=added))
    if added:
        return TableRows(side.table.name, 0, count, added=count, samples=samples)
    return TableRows(side.table.name, count, 0, deleted=count, samples=samples)


def mirror(connection: sqlite3.Connection, source: Side, target: Side, key: Key) -> Side:
    """Copy the rows of `source` into `target`, a new table with the same columns, found by the same key.

    Its columns have no type, so that every value stays as it is.
    """
    columns = [column.name for column in stored_columns(source.table)]
    names = [*key.columns, *columns] if key.is_rowid else columns
    listed = ", ".join(map(quote, names))
    connection.execute(f"CREATE TABLE {target.source} ({listed})")
    connection.execute(f"INSERT INTO {target.source} SELECT {listed} FROM {source.source}")
    if key.columns:
        index = f"{quote(target.schema)}.{quote(f'{target.name}_key')}"
        terms = ", ".join(
            f"{quote(name)} COLLATE {quote(collation)}"
            for name, collation in zip(key.columns, key.collations, strict=True)
        )
        connection.execute(f"CREATE INDEX {index} ON {quote(target.name)} ({terms})")
    return target


def stored_columns(table: Table) -> list[Column]:
    """The columns that hold values of their own: a generated one follows from them."""
    return [column for column in table.columns if not column.generated and not column.hidden]


class _Pair(NamedTuple):
    """A column as the two sides have it."""

    column: Column
    was: Column | None
    now: Column | None
    b: str  # the expression for its value before
    a: str  # and after

    @property
    def may_differ_in_type_alone(self) -> bool:
        """Whether a value may be 1 on one side and 1.0 on the other, which SQLite calls equal."""
        if self.was is None or self.now is None:
            return True
        before, after = affinity_of(self.was), affinity_of(self.now)
        return before is not after or after not in (Affinity.TEXT, Affinity.REAL)


class _Comparison:
    def __init__(self, connection: sqlite3.Connection, before: Side, after: Side, key: Key, looking: Looking) -> None:
        self._connection = connection
        self.before, self.after, self.key, self.looking = before, after, key, looking
        was = {fold(column.name): column for column in stored_columns(before.table)}
        now = {fold(column.name): column for column in stored_columns(after.table)}
        self.columns = [_pair(was.get(name), now.get(name)) for name in dict.fromkeys((*was, *now))]

    def count(self, letter: str) -> int:
        return int(self._ask(f"SELECT count(*) FROM {self._rows(letter)} AS {letter}")[0])

    def has_null_keys(self) -> bool:
        """Whether some row has no whole key: SQLite lets NULL into most primary keys, and more than once."""
        sides = (self.before, self.after)
        if self.key.is_rowid or all(_never_null(side.table) for side in sides):
            return False
        missing = " OR ".join(f"{quote(name)} IS NULL" for name in self.key.columns)
        return any(self._ask(f"SELECT EXISTS (SELECT 1 FROM {side.source} WHERE {missing})")[0] for side in sides)

    def by_key(self) -> TableRows:
        was, now = self.count("b"), self.count("a")
        # CROSS JOIN keeps SQLite to this order: one walk over the rows before, one look for each after.
        both = f"{self._rows('b')} AS b CROSS JOIN {self._rows('a')} AS a ON {self._same_key()}"
        differs = self._differs()
        if len(self.columns) <= _MOST_TERMS:
            matched, changed = self._ask(f"SELECT count(*), total({differs}) FROM {both}")
        else:
            matched = self._ask(f"SELECT count(*) FROM {both}")[0]
            changed = self._ask(f"SELECT count(*) FROM {both} WHERE {differs}")[0]
        added, deleted = now - matched, was - matched
        samples = list(self._changed_rows(f"{both} WHERE {differs}")) if changed else []
        samples += self._rows_of_one_side(added=True) if added else []
        samples += self._rows_of_one_side(added=False) if deleted else []
        return self._found(was, now, added, int(changed), deleted, samples)

    def as_bags(self) -> TableRows:
        """Compare tables without a key: how often each row is there on either side."""
        was, now = self.count("b"), self.count("a")
        names = [f"c{place}" for place in range(len(self.columns))]
        kinds = {f"t{place}": place for place, pair in enumerate(self.columns) if pair.may_differ_in_type_alone}

        def rows(letter: str, sign: int) -> str:
            values = [pair.b if letter == "b" else pair.a for pair in self.columns]
            listed = [f"{value} AS {name}" for value, name in zip(values, names, strict=True)]
            listed += [f"typeof({values[place]}) AS {kind}" for kind, place in kinds.items()]
            return f"SELECT {', '.join(listed)}, {sign} AS n FROM {self._rows(letter)} AS {letter}"

        by = ", ".join([*(f"{name} COLLATE BINARY" for name in names), *kinds])
        both = f"{rows('a', 1)} UNION ALL {rows('b', -1)}"
        differing = f"SELECT {', '.join(names)}, sum(n) AS n FROM ({both}) GROUP BY {by} HAVING sum(n) <> 0"
        counts = {True: 0, False: 0}  # by whether rows were added
        samples: dict[bool, list[RowSample]] = {True: [], False: []}  # a row that is there twice is shown once
        with closing(self._connection.execute(differing)) as cursor:  # once: it sorts the whole table
            for *values, count in cursor:
                added = count > 0
                counts[added] += abs(count)
                if len(samples[added]) < self.looking.samples:
                    there = [place for place, pair in enumerate(self.columns) if (pair.now if added else pair.was)]
                    shown = self._shown([self.columns[place] for place in there], [values[place] for place in there])
                    samples[added].append(_one_sided((), shown, added=added))
        return self._found(was, now, counts[True], 0, counts[False], [*samples[True], *samples[False]])

    def first_rows(self, *, added: bool) -> Iterator[RowSample]:
        """The first rows of a side, where there is no other."""
        if not self.columns:
            return
        values = ", ".join(pair.a for pair in self.columns)
        for row in self._all(f"SELECT {values} FROM {self._rows('a')} AS a LIMIT {self.looking.samples}"):
            yield _one_sided(self._key_in(row), self._shown(self.columns, row), added=added)

    def _found(
        self, was: int, now: int, added: int, changed: int, deleted: int, samples: Sequence[RowSample]
    ) -> TableRows:
        name = self.after.table.name
        return TableRows(name, was, now, added=added, changed=changed, deleted=deleted, samples=tuple(samples))

    def _rows(self, letter: str) -> str:
        """The table of one side, without the rows that are left out of every comparison."""
        side = self.before if letter == "b" else self.after
        conditions = [
            condition
            for table, condition in self.looking.leave_out
            if fold(table) == fold(side.table.name)
            and all(self._can_ask(either, condition) for either in (self.before, self.after))
        ]
        if not conditions:
            return side.source
        key = f"{quote(self.key.columns[0])}, " if self.key.is_rowid and not side.name else ""  # no * has it
        return f"(SELECT {key}* FROM {side.source} WHERE NOT coalesce({' OR '.join(conditions)}, 0))"

    def _can_ask(self, side: Side, condition: str) -> bool:
        """Whether the side has the columns that `condition` names; a migration may have taken them away."""
        try:
            self._connection.execute(f"SELECT 1 FROM {side.source} WHERE {condition} LIMIT 0").close()
        except sqlite3.OperationalError:
            return False
        return True

    def _same_key(self) -> str:
        pairs = zip(self.key.columns, self.key.collations, strict=True)
        return " AND ".join(f"a.{quote(name)} = b.{quote(name)} COLLATE {quote(how)}" for name, how in pairs)

    @cached_property
    def _vectors(self) -> tuple[str, str]:
        """What is compared of a row, before and after. The plus takes away affinity: '1' is not 1."""
        b = [f"+{pair.b} COLLATE BINARY" for pair in self.columns]
        a = [f"+{pair.a}" for pair in self.columns]
        for pair in self.columns:
            if pair.may_differ_in_type_alone:
                b.append(f"typeof({pair.b})")
                a.append(f"typeof({pair.a})")
        return ", ".join(b), ", ".join(a)

    def _differs(self) -> str:
        b, a = self._vectors
        return f"(({b}) IS NOT ({a}))"

    def _changed_rows(self, rows: str) -> Iterator[RowSample]:
        """Samples of rows on both sides; each side is asked by itself, for a result has at most 2,000 columns."""
        limit = f"LIMIT {self.looking.samples}"
        rowid = f"b.{quote(self.key.columns[0])}, " if self.key.is_rowid else ""
        before = self._all(f"SELECT {rowid}{', '.join(pair.b for pair in self.columns)} FROM {rows} {limit}")
        after = self._all(f"SELECT {', '.join(pair.a for pair in self.columns)} FROM {rows} {limit}")
        for whole, now in zip(before, after, strict=True):
            was = whole[1:] if rowid else whole
            places = [place for place in range(len(now)) if not _same(was[place], now[place])]
            differing = [self.columns[place] for place in places]
            yield RowSample(
                whole[:1] if rowid else self._key_in(was),
                before=self._shown_there("was", differing, [was[place] for place in places]),
                after=self._shown_there("now", differing, [now[place] for place in places]),
            )

    def _shown_there(self, side: str, pairs: list[_Pair], values: list[Any]) -> dict[str, Any]:
        """What one side shows of a changed row: nothing for a column that it does not have."""
        there = [(pair, value) for pair, value in zip(pairs, values, strict=True) if getattr(pair, side) is not None]
        return self._shown([pair for pair, _ in there], [value for _, value in there])

    def _rows_of_one_side(self, *, added: bool) -> Iterator[RowSample]:
        letter, other = ("a", "b") if added else ("b", "a")
        pairs = [pair for pair in self.columns if (pair.now if added else pair.was) is not None]
        rowid = f"{letter}.{quote(self.key.columns[0])}, " if self.key.is_rowid else ""
        values = ", ".join(pair.a if added else pair.b for pair in pairs)
        for row in self._all(
            f"SELECT {rowid}{values} FROM {self._rows(letter)} AS {letter} WHERE NOT EXISTS"
            f" (SELECT 1 FROM {self._rows(other)} AS {other} WHERE {self._same_key()}) LIMIT {self.looking.samples}"
        ):
            held = row[1:] if rowid else row
            key = row[:1] if rowid else self._key_in(held, pairs)
            yield _one_sided(key, self._shown(pairs, held), added=added)

    def _key_in(self, values: Sequence[Any], pairs: Sequence[_Pair] | None = None) -> tuple[Any, ...]:
        """The primary key of a row, found among its values."""
        shown = {fold(name): value for name, value in self._shown(pairs or self.columns, values).items()}
        names = self.key.columns or _primary_key(self.after.table).columns
        return tuple(shown[fold(name)] for name in names if fold(name) in shown)

    def _shown(self, pairs: Sequence[_Pair], values: Sequence[Any]) -> dict[str, Any]:
        """Values by column, those that the settings redact as REDACTED."""
        return {
            pair.column.name: REDACTED if self._is_redacted(pair.column.name) else value
            for pair, value in zip(pairs, values, strict=True)
        }

    def _is_redacted(self, column: str) -> bool:
        names = {fold(column), *(f"{fold(side.table.name)}.{fold(column)}" for side in (self.before, self.after))}
        return any(fold(entry) in names for entry in self.looking.redact)

    def _ask(self, sql: str) -> tuple[Any, ...]:
        with closing(self._connection.execute(sql)) as cursor:
            row: tuple[Any, ...] = cursor.fetchone()
        return row

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self._connection.execute(sql)) as cursor:
            return cursor.fetchall()


def _pair(was: Column | None, now: Column | None) -> _Pair:
    column = now or was
    assert column is not None
    b = f"b.{quote(was.name)}" if was is not None else _default_of(column)
    a = f"a.{quote(now.name)}" if now is not None else "NULL"
    return _Pair(column, was, now, b, a)


def _default_of(column: Column) -> str:
    """What a column that is added holds in the rows that are there; NULL where it is not the same in all of them.

    SQLite itself is asked, because the column's type may make another value of the default: of 0, the text '0'.
    """
    if not column.default or not _CONSTANT.fullmatch(column.default):
        return "NULL"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute(f"ALTER TABLE t ADD COLUMN c {_type_for_sql(column)} DEFAULT {column.default}")
        return str(connection.execute("SELECT quote(c) FROM t").fetchone()[0])


def _type_for_sql(column: Column) -> str:
    """A type of the column's affinity; its own need not be one word, or plain."""
    affinity = affinity_of(column)
    return "" if affinity is Affinity.BLOB else affinity.value


def _primary_key(table: Table) -> Key:
    if table.primary_key is None:
        return _NO_KEY
    columns = tuple(table.primary_key.columns)
    return Key(columns, tuple(_collation(table, term.column, term.collation) for term in table.primary_key.terms))


def _collation(table: Table, name: str, own: str) -> str:
    column = table.column(name)
    return own or (column.collation if column is not None else "") or "BINARY"


def _key_facts(table: Table) -> list[tuple[str, str, Affinity]]:
    key = _primary_key(table)
    return [
        (fold(name), collation, affinity_of(column))
        for name, collation in zip(key.columns, key.collations, strict=True)
        if (column := table.column(name)) is not None
    ]


def _never_null(table: Table) -> bool:
    """Whether no row can lack its primary key: it is the rowid, or NOT NULL."""
    if table.primary_key is None or table.without_rowid:
        return table.without_rowid
    terms = table.primary_key.terms
    columns = [table.column(term.column) for term in terms]
    is_rowid = len(terms) == 1 and not terms[0].descending and columns[0] is not None and columns[0].type == "INTEGER"
    return is_rowid or all(column is not None and column.not_null for column in columns)


def _same(left: object, right: object) -> bool:
    return type(left) is type(right) and left == right


def _one_sided(key: tuple[Any, ...], row: dict[str, Any], *, added: bool) -> RowSample:
    return RowSample(key, after=row) if added else RowSample(key, before=row)
