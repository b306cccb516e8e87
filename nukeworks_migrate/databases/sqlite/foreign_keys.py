"""Foreign keys during a run: not enforced by SQLite, checked by us at the end of each step.

They are off because a rebuild drops its table, and with enforcement on that would delete every row of its
children with ON DELETE CASCADE, without an error (sqlite.org/lang_altertable.html, 7).
Only what a step can have broken is checked: the tables that it wrote, and the children of those whose rows
or keys it removed or changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...errors import StatementRefused
from ...model.names import fold
from ..writing import BrokenKeys, Violation
from .connection import quote
from .guard import LEDGER_PREFIX, Touched, refused_ledger

_MISMATCH = "foreign key mismatch"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    child: str  # lower case, as all names here
    parent: str
    parent_columns: frozenset[str]  # empty: the parent's primary key


class ForeignKeyMap:
    """Which tables refer to which; read once, and again after statements that change tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._keys: dict[str, list[ForeignKey]] | None = None  # by child
        self._children: dict[str, list[ForeignKey]] = {}  # by parent
        self._names: set[str] = set()  # all tables

    def read(self) -> None:
        """Read the whole map, if it is not there yet."""
        if self._keys is None:
            # Both at once, so that a database which is busy leaves no half of it.
            rows = self._connection.execute(
                "SELECT lower(name) FROM main.sqlite_master WHERE type = 'table'"
            ).fetchall()
            keys = self._connection.execute(
                'SELECT lower(m.name), lower(k."table"), lower(k."to"), k.id FROM main.sqlite_master AS m,'
                " pragma_foreign_key_list(m.name, 'main') AS k WHERE m.type = 'table' ORDER BY m.name, k.id, k.seq"
            ).fetchall()
            self._names = {name for (name,) in rows}
            self._keys = {}
            for child, parent, column, number in keys:
                self._add(child, parent, column, number)
            self._index()

    def read_again(self) -> None:
        self._keys = None
        self.read()

    def note_own(self, name: str) -> None:
        """Know a table that the framework made: it is none that a migration renamed, and has no foreign keys."""
        self._names.add(fold(name))

    def _add(self, child: str, parent: str, column: str | None, number: int) -> None:
        assert self._keys is not None
        keys = self._keys.setdefault(child, [])
        columns = frozenset() if column is None else frozenset({column})
        if len(keys) > number:
            keys[number] = ForeignKey(child, parent, keys[number].parent_columns | columns)
        else:
            keys.append(ForeignKey(child, parent, columns))

    def _index(self) -> None:
        assert self._keys is not None
        self._children = {}
        for keys in self._keys.values():
            for key in keys:
                self._children.setdefault(key.parent, []).append(key)

    def _follow(self, touched: Touched) -> set[str]:
        """Bring the map up to date with what a step did; return tables that came by renaming."""
        before = self._names
        if touched.altered or touched.dropped:
            self._keys = None  # a rename changes other tables' references too
            self.read()
            return self._names - before - touched.created if touched.altered else set()
        assert self._keys is not None
        created = touched.created - before
        self._names |= created
        if touched.says_references:
            for name in created:
                # Nothing comes back for a temporary table, or for one that went with a savepoint.
                for number, _seq, parent, _from, to, *_ in self._connection.execute(
                    f"PRAGMA main.foreign_key_list({quote(name)})"
                ).fetchall():
                    self._add(name, fold(parent), fold(to) if to is not None else None, number)
                for key in self._keys.get(name, ()):
                    self._children.setdefault(key.parent, []).append(key)
        return set()

    def to_check(self, touched: Touched) -> list[str]:
        """Tables whose foreign keys a step can have broken, by name.

        Raises:
            StatementRefused: the step gave a table a name that is the framework's.
        """
        renamed = self._follow(touched)
        # The authorizer is not told what a table is renamed to.
        taken = sorted(name for name in renamed if name.startswith(LEDGER_PREFIX))
        if taken:
            refusal = refused_ledger(taken[0])
            raise StatementRefused(refusal.what, next_step=refusal.instead)
        assert self._keys is not None
        rebuilt = renamed | (touched.dropped & self._names) | touched.altered
        updated = {table for table, _column in touched.updated}
        written = touched.inserted | updated | rebuilt | touched.created
        checked = {table for table in written if table in self._keys}
        lost_rows = touched.deleted | touched.dropped | rebuilt
        lost_rows |= self._replacing_among({table for table in touched.inserted if table in self._children})
        for parent in lost_rows:
            checked |= {key.child for key in self._children.get(parent, ())}
        for parent in updated - lost_rows:
            columns = {column for table, column in touched.updated if table == parent}
            for key in self._children.get(parent, ()):
                if not key.parent_columns or key.parent_columns & columns:
                    checked.add(key.child)
        return sorted(table for table in checked if table in self._names)

    def _replacing_among(self, parents: set[str]) -> set[str]:
        """Those of `parents` whose own definition says REPLACE: inserting into them may delete a row."""
        if not parents:
            return set()
        marks = ", ".join("?" * len(parents))
        return {
            name
            for (name,) in self._connection.execute(
                "SELECT lower(name) FROM main.sqlite_master WHERE type = 'table'"
                f" AND instr(lower(sql), 'replace') AND lower(name) IN ({marks})",
                tuple(parents),
            )
        }


def violations_of(connection: sqlite3.Connection, tables: Iterable[str] | None = None) -> list[Violation]:
    """Return the rows of `tables` (None: of all) whose foreign keys find nothing, by table and key.

    Raises:
        sqlite3.OperationalError: "foreign key mismatch": the parent has no such unique key.
    """
    found: list[Violation] = []
    for table in [None] if tables is None else tables:
        sql = "PRAGMA main.foreign_key_check" + ("" if table is None else f"({quote(table)})")
        broken: dict[tuple[str, int], list[int | None]] = {}
        for child, rowid, _parent, number in connection.execute(sql):
            broken.setdefault((child, number), []).append(rowid)
        for (child, number), rowids in broken.items():
            found.extend(_identified(connection, child, number, rowids))
    return found


def broken_keys(connection: sqlite3.Connection) -> BrokenKeys:
    """Look at every table by itself: one foreign key that refers to no key would end a check of all of them."""
    violations: set[Violation] = set()
    mismatches: set[str] = set()
    names = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        try:
            violations.update(violations_of(connection, [name]))
        except sqlite3.OperationalError as error:
            if not is_mismatch(error):
                raise
            mismatches.add(str(error))
    return BrokenKeys(frozenset(violations), frozenset(mismatches))


def is_mismatch(error: sqlite3.Error) -> bool:
    return _MISMATCH in str(error)


def _identified(connection: sqlite3.Connection, child: str, number: int, rowids: list[int | None]) -> list[Violation]:
    """Name rows by their primary key: a rowid is another one after a rebuild."""
    parts = connection.execute(
        'SELECT "from", "to", "table" FROM pragma_foreign_key_list(?, \'main\') WHERE id = ? ORDER BY seq',
        (child, number),
    ).fetchall()
    columns = tuple(part[0] for part in parts)
    parent = parts[0][2]
    primary = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_info(?, 'main') WHERE pk ORDER BY pk", (child,)
        )
    ]
    if any(rowid is None for rowid in rowids):  # WITHOUT ROWID: the check names no row, so it is looked for
        keys = _orphans(connection, child, primary, parts)
    elif not primary:
        keys = [(rowid,) for rowid in rowids]
    else:
        selected = ", ".join(map(quote, primary))
        sql = f"SELECT {selected} FROM main.{quote(child)} WHERE rowid = ?"
        keys = [row for rowid in rowids for row in connection.execute(sql, (rowid,))]
    return [Violation(child, tuple(key), columns, parent) for key in keys]


def _orphans(
    connection: sqlite3.Connection, child: str, primary: list[str], parts: list[tuple[str, str | None, str]]
) -> list[tuple[Any, ...]]:
    parent = parts[0][2]
    own_keys = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_info(?, 'main') WHERE pk ORDER BY pk", (parent,)
        )
    ]
    targets = [to if to is not None else own_keys[place] for place, (_from, to, _table) in enumerate(parts)]
    exists = connection.execute(
        "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (parent,)
    ).fetchone()
    given = " AND ".join(f"c.{quote(part[0])} IS NOT NULL" for part in parts)
    sql = f"SELECT {', '.join('c.' + quote(name) for name in primary)} FROM main.{quote(child)} AS c WHERE {given}"
    if exists:
        equal = " AND ".join(
            f"p.{quote(target)} = c.{quote(part[0])}" for target, part in zip(targets, parts, strict=True)
        )
        sql += f" AND NOT EXISTS (SELECT 1 FROM main.{quote(parent)} AS p WHERE {equal})"
    return connection.execute(sql).fetchall()
