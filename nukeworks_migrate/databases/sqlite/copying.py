"""The copy of a table's rows into its new shape, and what is said where a row does not fit."""

from __future__ import annotations

import sqlite3
from typing import Any

from ...model.names import fold
from .connection import quote
from .table_edits import CannotAlter, TableEdits
from .table_text import Item, TableText, listed

_SHOWN = 3  # rows that a message names
_ROWIDS = ("rowid", "_rowid_", "oid")


class Copy:
    """From `old` to the table that `edits` has made of it, under a name of its own."""

    def __init__(self, table: str, new_name: str, old: TableText, edits: TableEdits) -> None:
        self.table, self.new_name = table, new_name
        self.old, self.edits, self.new = old, edits, edits.text
        self.create = self.new.sql(new_name)
        self.values: dict[str, str] = {}  # by column: what it is filled with, over the old row
        for item in self.new.columns:
            if item.clause("GENERATED") is None and (value := self._value(item)):
                self.values[item.name] = value

    def _value(self, item: Item) -> str:
        filled = self.edits.filled.get(fold(item.name))
        if filled is not None:
            return f"({filled})"
        return quote(item.source) if item.source is not None else ""

    @property
    def insert(self) -> str:
        """The statement that copies all rows.

        ABORT is said aloud, because it overrules what the table itself says: ON CONFLICT IGNORE would
        leave rows behind, and ON CONFLICT REPLACE replace them.
        """
        into = [quote(name) for name in self.values]
        values = list(self.values.values())
        rowid = self._rowid()
        if rowid:
            into.insert(0, rowid)
            values.insert(0, rowid)
        if not into:  # nothing of the old row is kept, and each row is what the defaults make of it
            into, values = [quote(self.new.names[0])], ["NULL"]
        return (
            f"INSERT OR ABORT INTO {quote(self.new_name)} ({', '.join(into)})"
            f" SELECT {', '.join(values)} FROM {quote(self.table)}"
        )

    def _rowid(self) -> str:
        """The name by which the rowid is copied; empty where there is none, or it has a name of its own.

        Columns can take all three of its names; then nobody can have seen it.
        """
        if self.old.is_without_rowid or self.new.is_without_rowid:
            return ""
        alias = self.new.rowid_alias()
        if alias is not None and alias in self.values:
            return ""
        taken = {fold(name) for name in (*self.old.names, *self.new.names)}
        return next((name for name in _ROWIDS if name not in taken), "")

    def refuse_nulls_in_key(self, connection: sqlite3.Connection) -> None:
        """Refuse rows with NULL in what becomes the primary key: SQLite would take it, or number the row by itself.

        Raises:
            CannotAlter: there are some.
        """
        was = {fold(name) for name in self.old.primary_key()} - self.edits.filled.keys()
        alias = self.new.rowid_alias()
        if alias is not None and self.old.rowid_alias() is None:
            was = set()
        for name in map(self._spelled, self.new.primary_key()):
            item = self.new.items[self.new.place(name) or 0]
            if name in self.values and fold(item.source or "") not in was:
                rows = self._rows(f"{quote(name)} IS NULL", connection)
                if rows:
                    raise CannotAlter(f"{name} is to be in the primary key, and is NULL in {rows}", _give_values(name))

    @property
    def keeps_counter(self) -> bool:
        """Whether the old table has a counter for AUTOINCREMENT, and the new one goes on with it."""
        return all(_is_autoincrement(text) for text in (self.old, self.new))

    def explain(self, error: sqlite3.IntegrityError, connection: sqlite3.Connection) -> CannotAlter:
        """Say which rows do not fit."""
        message = str(error)
        found = (
            self._nulls(message, connection)
            or self._duplicates(message, connection)
            or self._unchecked(message, connection)
        )
        return found or CannotAlter(message.replace(f"{self.new_name}.", f"{self.table}."))

    def _nulls(self, message: str, connection: sqlite3.Connection) -> CannotAlter | None:
        for item in self.new.columns:
            if message == f"NOT NULL constraint failed: {self.new_name}.{item.name}":
                if item.name not in self.values:
                    return CannotAlter(
                        f"{item.name} would be NULL in the rows that are there, and is NOT NULL",
                        f'give it a DEFAULT, or a value: table.fill({item.name!r}, "…")',
                    )
                rows = self._rows(f"{quote(item.name)} IS NULL", connection)
                return CannotAlter(
                    f"{item.name} is to be NOT NULL, and is NULL in {rows}",
                    _give_values(item.name),
                )
        return None

    def _duplicates(self, message: str, connection: sqlite3.Connection) -> CannotAlter | None:
        for item in self.new.items:
            for clause in item.clauses:
                if clause.kind not in ("UNIQUE", "PRIMARY KEY"):
                    continue
                names = (item.name,) if item.is_column else clause.columns
                failed = ", ".join(f"{self.new_name}.{self._spelled(name)}" for name in names)
                if message != f"UNIQUE constraint failed: {failed}":
                    continue
                terms = ", ".join(f"{quote(name)}{self._collation(name)}" for name in names)
                found = self._query(
                    f"SELECT {terms} FROM ({self._shaped()}) GROUP BY {terms} HAVING count(*) > 1 LIMIT {_SHOWN + 1}",
                    connection,
                )
                shown = "; ".join(", ".join(map(repr, row)) for row in found[:_SHOWN])
                more = " …" if len(found) > _SHOWN else ""
                values = f": {shown}{more}" if shown else ""
                return CannotAlter(
                    f"{listed(names)} {'is' if len(names) == 1 else 'are'} to be unique,"
                    f" and the same in several rows{values}",
                    "correct the rows before",
                )
        return None

    def _unchecked(self, message: str, connection: sqlite3.Connection) -> CannotAlter | None:
        if not message.startswith("CHECK constraint failed"):
            return None
        for item in self.new.items:
            for clause in item.all_of("CHECK"):
                text = item.text[clause.inside[0].begin : clause.inside[-1].end]
                rows = self._rows(f"NOT ({text})", connection)
                if rows:
                    return CannotAlter(
                        f"CHECK ({text}) does not hold for {rows}",
                        "correct the rows before, or fill the column in the block: table.fill(…)",
                    )
        return None

    def _rows(self, condition: str, connection: sqlite3.Connection) -> str:
        """The first rows that fulfil `condition`, by their key, and how many more there are."""
        key = self._key()
        names = ", ".join(f'"nm_key_{number}"' for number in range(len(key)))
        inner = self._shaped(key)
        where = f"FROM ({inner}) AS {quote(self.table)} WHERE {condition}"
        rows = self._query(f"SELECT {names or 1} {where} LIMIT {_SHOWN}", connection)
        if not rows:
            return ""
        (count,) = self._query(f"SELECT count(*) {where}", connection)[0]
        shown = ", ".join(f"({', '.join(map(repr, row))})" for row in rows) if key else ""
        if not shown:
            return f"{count:,} row{'s' if count != 1 else ''} of {self.table}"
        more = f" and {count - len(rows):,} more" if count > len(rows) else ""
        return f"{self.table} {shown}{more}"

    def _key(self) -> list[str]:
        """What tells the rows of the old table apart."""
        primary = [quote(name) for name in self.old.primary_key()]
        if primary or self.old.is_without_rowid:
            return primary
        taken = {fold(name) for name in self.old.names}
        return [name for name in _ROWIDS if name not in taken][:1]

    def _shaped(self, key: list[str] | None = None) -> str:
        """The old rows with the names and values of the new ones; generated columns are left out."""
        columns = [f'{term} AS "nm_key_{number}"' for number, term in enumerate(key or [])]
        for item in self.new.columns:
            if item.clause("GENERATED") is not None:
                continue
            value = self.values.get(item.name) or self._default(item)
            columns.append(f"{value} AS {quote(item.name)}")
        return f"SELECT {', '.join(columns)} FROM main.{quote(self.table)}"

    def _default(self, item: Item) -> str:
        clause = item.clause("DEFAULT")
        if clause is None:
            return "NULL"
        return item.text[clause.inside[0].begin : clause.inside[-1].end]

    def _query(self, sql: str, connection: sqlite3.Connection) -> list[Any]:
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.Error:  # the answer only makes the message better
            return []

    def _spelled(self, name: str) -> str:
        place = self.new.place(name)
        return self.new.items[place].name if place is not None else name

    def _collation(self, name: str) -> str:
        place = self.new.place(name)
        clause = self.new.items[place].clause("COLLATE") if place is not None else None
        return f" COLLATE {quote(clause.inside[0].name)}" if clause else ""


def _give_values(name: str) -> str:
    return f'give these a value before, or in the block: table.fill({name!r}, "coalesce({name}, …)")'


def _is_autoincrement(text: TableText) -> bool:
    return any(
        part.word == "AUTOINCREMENT"
        for item in text.items
        for clause in item.all_of("PRIMARY KEY")
        for part in item.parts[clause.begin : clause.end]
    )
