"""Changes of a table on SQLite: by ALTER TABLE where it can do exactly that, else by a rebuild.

The rebuild is the one that SQLite's documentation prescribes (sqlite.org/lang_altertable.html, 7): a new table under
a name of its own, the rows copied, the old table dropped, the new one renamed, indexes, views and triggers made again.
Foreign keys are off during a run, so that the drop deletes nothing; those of other tables go on naming the
table, because what is renamed is the new table, which nobody refers to yet. With legacy_alter_table off, RENAME
looks at every view and trigger of the schema, hence those that name the table are out of the way meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

from ...errors import StatementRefused, StepFailed
from ...model.alteration import DropColumn, RenameColumn, RenameTable, TableChange
from ...model.names import fold
from ..writing import StopSignal, TransactionLost
from .connection import quote
from .copying import Copy
from .dependents import Dependents, Stored, ailments, dependents_of, index_columns, read_stored, says_column
from .guard import LEDGER_PREFIX, refused_ledger
from .table_edits import CannotAlter, TableEdits
from .table_text import NotUnderstood, TableText, listed, written
from .tokens import tokens

if TYPE_CHECKING:
    from .session import SqliteSession


def alter_table(session: SqliteSession, table: str, changes: Sequence[TableChange]) -> None:
    """Make all of `changes`, or none.

    Raises:
        StepFailed: the table, its rows or what else names it stand against it. Nothing was changed.
    """
    alteration = _Alteration(session, table)
    with session.savepoint(), alteration.told():  # nothing is left also where the migration catches the error
        alteration.find()
        for group in _groups(changes):
            alteration.make(group)


def _groups(changes: Sequence[TableChange]) -> Iterator[list[TableChange]]:
    """The changes in runs of renames and of others; a rename comes before what does not mention its names.

    Renames are SQLite's own work, which knows every place where a name stands; and the fewer runs
    of other changes there are, the fewer rebuilds.
    """
    ordered: list[TableChange] = []
    for change in changes:
        place = len(ordered)
        if _is_rename(change):
            while place and not _is_rename(ordered[place - 1]) and not _share_names(change, ordered[place - 1]):
                place -= 1
        ordered.insert(place, change)
    group: list[TableChange] = []
    for change in ordered:
        if group and _is_rename(group[-1]) != _is_rename(change):
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _is_rename(change: TableChange) -> bool:
    return isinstance(change, (RenameColumn, RenameTable))


def _share_names(rename: TableChange, other: TableChange) -> bool:
    return isinstance(rename, RenameTable) or bool(_words(rename) & _words(other))


def _words(change: TableChange) -> set[str]:
    """Every folded word of the change that can be a name."""
    found: set[str] = set()
    for field in fields(change):
        value = getattr(change, field.name)
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            found.add(fold(text))
            found |= {fold(part.name) for part in tokens(text)}
    return found


class _Alteration:
    def __init__(self, session: SqliteSession, table: str) -> None:
        self.session = session
        self.raw = session.raw
        self.table = table

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say of what goes wrong that it was this table that could not be altered."""
        try:
            yield
        except (CannotAlter, NotUnderstood) as error:
            raise StepFailed(
                f"{self.table} was not altered: {error}", next_step=getattr(error, "next_step", "")
            ) from error
        except (StatementRefused, StopSignal, TransactionLost):
            raise
        except sqlite3.Error as error:
            words = str(error).split()
            is_beside = words[:2] == ["error", "in"] and words[2:3] in (["view"], ["trigger"])
            raise StepFailed(
                f"{self.table} was not altered",
                cause=str(error),
                next_step=_out_of_the_way(f"{words[2]} {words[3].rstrip(':')}") if is_beside else "",
            ) from error

    def find(self) -> None:
        """Take the table's name as it was written, and refuse what is no table of the application."""
        if fold(self.table).startswith(LEDGER_PREFIX):
            self.session.refuse(refused_ledger(self.table))
        rows = self.raw.execute(
            "SELECT type, name FROM temp.sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
            (self.table,),
        ).fetchall()
        if rows:
            raise CannotAlter("a temporary table or view has the same name", "drop that before")
        named = [s for s in read_stored(self.raw) if fold(s.name) == fold(self.table)]
        found = min(named, key=lambda s: s.kind != "table", default=None)  # a trigger may have the name of a table
        if found is None or fold(self.table).startswith("sqlite_"):
            raise CannotAlter("there is no such table")
        if found.kind != "table":
            raise CannotAlter(
                f"it is {'an' if found.kind == 'index' else 'a'} {found.kind}",
                f"drop it and make it again: DROP {found.kind.upper()} …",
            )
        if tokens(found.sql)[1].word == "VIRTUAL":
            raise CannotAlter("it is a virtual table, whose columns are its module's", "make it again in SQL")
        self.table = found.name

    def make(self, group: list[TableChange]) -> None:
        if _is_rename(group[0]):
            for change in group:
                self._rename(change)
            return
        stored = read_stored(self.raw)
        sql = next(s.sql for s in stored if s.kind == "table" and s.name == self.table)
        old, edits = TableText(sql), TableEdits(TableText(sql), sqlite3.sqlite_version_info[:3])
        for change in group:
            edits.apply(change)
        dependents = dependents_of(stored, self.table)
        gone = self._indexes_gone(dependents, edits, old)
        self._refuse_lost_columns(dependents, edits)
        before = ailments(self.raw, dependents, self.session.own_statements)
        if edits.is_in_place:
            for statement in [f"DROP INDEX {quote(index.name)}" for index in gone]:
                self.session.execute(statement)
            for _, words in edits.statements:
                self.session.execute(f"ALTER TABLE {quote(self.table)} {words}")
        else:
            self._rebuild(Copy(self.table, self._free_name(stored), old, edits), dependents, gone)
        self._refuse_new_ailments(dependents, before)

    def _rename(self, change: TableChange) -> None:
        if isinstance(change, RenameColumn):
            self._rename_column(change)
            return
        assert isinstance(change, RenameTable)
        if fold(change.to).startswith(LEDGER_PREFIX):
            self.session.refuse(refused_ledger(change.to))
        steps = [change.to]
        if fold(change.to) == fold(self.table):  # by letters that are the same to SQLite: it takes the name as taken
            steps = [self._free_name(read_stored(self.raw)), change.to] if change.to != self.table else []
        for name in steps:
            self.session.execute(f"ALTER TABLE {quote(self.table)} RENAME TO {quote(name)}")
            self.table = name

    def _rename_column(self, change: RenameColumn) -> None:
        sql = next(s.sql for s in read_stored(self.raw) if s.kind == "table" and s.name == self.table)
        names = TableText(sql).names
        if fold(change.name) not in map(fold, names):
            raise CannotAlter(f"it has no column {change.name}; there are {listed(names)}")
        self.session.execute(
            f"ALTER TABLE {quote(self.table)} RENAME COLUMN {quote(change.name)} TO {quote(change.to)}"
        )

    def _free_name(self, stored: list[Stored]) -> str:
        taken = {fold(s.name) for s in stored}
        number = 1
        while fold(name := f"{self.table}_rebuilt" + (f"_{number}" if number > 1 else "")) in taken:
            number += 1
        return name

    def _indexes_gone(self, dependents: Dependents, edits: TableEdits, old: TableText) -> list[Stored]:
        """The indexes that go with a column; those that hold others too stand in the way, unless they may go."""
        columns = {fold(name) for name in old.names}
        gone = []
        for index in dependents.indexes:
            named = index_columns(index, columns)
            for column in sorted(named & edits.dropped.keys()):
                change = edits.dropped[column]
                if not change.with_indexes and not named <= edits.dropped.keys():
                    raise CannotAlter(
                        f"index {index.name} holds {change.name}, and other columns",
                        f"drop it before, or say: table.drop_column({change.name!r}, with_indexes=True)",
                    )
                if index not in gone:
                    gone.append(index)
        return gone

    def _refuse_lost_columns(self, dependents: Dependents, edits: TableEdits) -> None:
        for change in edits.dropped.values():
            if edits.text.place(change.name) is not None:
                continue  # there is another one of that name
            for stored in (*dependents.views, *dependents.triggers):
                if says_column(stored, self.table, change.name):
                    raise CannotAlter(
                        f"{stored.kind} {stored.name} uses {change.name}",
                        _out_of_the_way(f"{stored.kind} {stored.name}"),
                    )
            self._refuse_referring(change)

    def _refuse_referring(self, change: DropColumn) -> None:
        rows = self.raw.execute(
            "SELECT m.name, k.\"from\" FROM main.sqlite_master AS m, pragma_foreign_key_list(m.name, 'main') AS k"
            ' WHERE m.type = \'table\' AND k."table" = :table COLLATE NOCASE AND ifnull(k."to", ('
            "  SELECT name FROM pragma_table_info(:table, 'main') WHERE pk = k.seq + 1"
            " )) = :column COLLATE NOCASE",
            {"table": self.table, "column": change.name},
        ).fetchall()
        for child, column in rows:
            if fold(child) != fold(self.table):
                raise CannotAlter(
                    f"{written(child)} ({written(column)}) refers to {change.name}",
                    f"drop its foreign key before: with db.alter_table({child!r}) as child:"
                    f" child.drop_foreign_key(({column!r},))",
                )

    def _rebuild(self, copy: Copy, dependents: Dependents, gone: list[Stored]) -> None:
        run = self.session.execute
        copy.refuse_nulls_in_key(self.raw)
        is_analysed = self._is_analysed()
        for statement in dependents.drops():
            run(statement)
        run(copy.create)
        self._copy_rows(copy)
        if copy.keeps_counter:
            run(f"DELETE FROM sqlite_sequence WHERE name = {_literal(copy.new_name)}")
            run(
                f"INSERT INTO sqlite_sequence (name, seq) SELECT {_literal(copy.new_name)}, seq FROM sqlite_sequence"
                f" WHERE name = {_literal(self.table)}"
            )
        run(f"DROP TABLE {quote(self.table)}")
        run(f"ALTER TABLE {quote(copy.new_name)} RENAME TO {quote(self.table)}")
        for index in dependents.indexes:
            if index not in gone:
                self._make_again(index)
        for stored in (*dependents.views, *dependents.triggers):
            run(stored.sql)
        if is_analysed:
            run(f"ANALYZE {quote(self.table)}")

    def _make_again(self, index: Stored) -> None:
        try:
            self.session.execute(index.sql)
        except sqlite3.IntegrityError as error:
            raise CannotAlter(f"index {index.name} would not be unique any more: {error}") from error

    def _copy_rows(self, copy: Copy) -> None:
        try:
            copied = self.session.execute(copy.insert)
        except sqlite3.IntegrityError as error:
            raise copy.explain(error, self.raw) from error
        if copy.edits.filled:
            (count,) = self.raw.execute(f"SELECT count(*) FROM main.{quote(self.table)}").fetchone()
            if copied != count:
                raise CannotAlter(
                    f"of {count:,} rows {copied:,} would be left",
                    "an expression of fill() is over one row: write an aggregate as (SELECT … FROM …)",
                )

    def _is_analysed(self) -> bool:
        try:
            sql = "SELECT 1 FROM main.sqlite_stat1 WHERE tbl = ?"
            return self.raw.execute(sql, (self.table,)).fetchone() is not None
        except sqlite3.OperationalError:  # there are no statistics at all
            return False

    def _refuse_new_ailments(self, dependents: Dependents, before: dict[str, str]) -> None:
        for what, error in ailments(self.raw, dependents, self.session.own_statements).items():
            if what not in before:
                raise CannotAlter(
                    f"{what} would not work any more: {error}",
                    _out_of_the_way(what),
                )


def _out_of_the_way(what: str) -> str:
    return f"drop {what} before, and make it again afterwards"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
