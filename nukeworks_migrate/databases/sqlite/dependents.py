"""What stands beside a table in the schema and names it: indexes, triggers, views.

A view or a trigger is taken to name a table if its name is anywhere in the text, also as something else. That
finds some too many, which does no harm: they are dropped and made again as they were.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import NamedTuple

from ...model.names import fold
from .connection import quote
from .table_text import columns_in
from .tokens import Kind, Token, tokens


class Stored(NamedTuple):
    """One row of sqlite_master with a text."""

    kind: str
    name: str
    table: str
    sql: str


class Dependents(NamedTuple):
    """All that goes with a table, or has to be out of the way while it is renamed; each in the order it was made in."""

    indexes: tuple[Stored, ...]
    views: tuple[Stored, ...]  # that name it, or name one of these views
    triggers: tuple[Stored, ...]  # on it, on these views, and where others name it
    table: str

    def drops(self) -> list[str]:
        """Statements that drop what would not go with the table itself."""
        gone = {fold(self.table), *(fold(view.name) for view in self.views)}
        triggers = [f"DROP TRIGGER {quote(t.name)}" for t in self.triggers if fold(t.table) not in gone]
        return triggers + [f"DROP VIEW {quote(view.name)}" for view in reversed(self.views)]


def read_stored(connection: sqlite3.Connection) -> list[Stored]:
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    )
    return [Stored(*row) for row in rows.fetchall()]


def dependents_of(stored: list[Stored], table: str) -> Dependents:
    names = {s.name: {fold(part.name) for part in tokens(s.sql)} for s in stored if s.kind in ("view", "trigger")}
    wanted = {fold(table)}
    size = 0
    while len(wanted) > size:
        size = len(wanted)
        wanted |= {fold(s.name) for s in stored if s.kind == "view" and names[s.name] & wanted}
    views = [s for s in stored if s.kind == "view" and fold(s.name) in wanted]
    # With one trigger of a table come all of them: they fire by the order in which they were made.
    on = wanted | {fold(s.table) for s in stored if s.kind == "trigger" and names[s.name] & wanted}
    return Dependents(
        tuple(s for s in stored if s.kind == "index" and fold(s.table) == fold(table)),
        tuple(views),
        tuple(s for s in stored if s.kind == "trigger" and fold(s.table) in on),
        table,
    )


def index_columns(index: Stored, columns: Collection[str]) -> set[str]:
    """The folded columns that an index names, in its expressions and its WHERE too."""
    parts = tokens(index.sql)
    at = next(n for n, part in enumerate(parts) if part.word == "(")
    return columns_in(parts[at:], columns)


def says_column(stored: Stored, table: str, column: str) -> bool:
    """Whether a view or trigger names the column in a way that SQLite would not complain of once it is gone.

    UPDATE OF takes any name, and what is in double quotes becomes a string. For what names it behind
    the name of the table, or behind NEW and OLD, the answer is the better message.
    """
    parts = tokens(stored.sql)
    is_own = stored.kind == "trigger" and fold(stored.table) == fold(table)
    before_dot = {fold(table), *(("new", "old") if is_own else ())}
    if is_own and _is_update_of(parts, column):
        return True
    for place, part in enumerate(parts):
        if fold(part.name) != fold(column) or part.kind is Kind.STRING:
            continue
        if place > 1 and parts[place - 1].word == ".":
            if fold(parts[place - 2].name) in before_dot:
                return True
        elif part.kind is Kind.DOUBLE and parts[place - 1].word != "AS":
            return True
    return False


def _is_update_of(parts: list[Token], column: str) -> bool:
    words = [part.word for part in parts]
    for place in range(2, len(parts) - 1):
        if words[place : place + 2] == ["UPDATE", "OF"]:
            end = words.index("ON", place)
            return fold(column) in {fold(part.name) for part in parts[place + 2 : end]}
        if words[place] == "BEGIN":
            break
    return False


def ailments(
    connection: sqlite3.Connection, dependents: Dependents, unguarded: Callable[[], AbstractContextManager[None]]
) -> dict[str, str]:
    """What SQLite finds wrong with the views and triggers now, by what they are; it only compiles statements."""
    found: dict[str, str] = {}

    def compile_(what: str, sql: str) -> None:
        try:
            connection.execute(sql).close()
        except sqlite3.Error as error:
            found[what] = str(error)

    with unguarded():
        for view in dependents.views:
            compile_(f"view {view.name}", f"SELECT * FROM main.{quote(view.name)} LIMIT 0")
        by_event: dict[tuple[str, str], list[str]] = {}
        for trigger in dependents.triggers:
            by_event.setdefault((trigger.table, _event(trigger)), []).append(trigger.name)
        for (table, event), names in by_event.items():
            what = f"trigger {' or '.join(names)}"
            compile_(what, f"EXPLAIN {_statement(connection, event, table)}")
    return found


def _event(trigger: Stored) -> str:
    return next(part.word for part in tokens(trigger.sql)[3:] if part.word in ("INSERT", "UPDATE", "DELETE"))


def _statement(connection: sqlite3.Connection, event: str, table: str) -> str:
    name = f"main.{quote(table)}"
    if event == "INSERT":
        return f"INSERT INTO {name} DEFAULT VALUES"
    if event == "DELETE":
        return f"DELETE FROM {name}"
    try:
        rows = connection.execute(
            "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0", (table,)
        ).fetchall()
    except sqlite3.Error:  # a view that is broken by itself
        rows = []
    columns = [quote(column) for (column,) in rows]
    return f"UPDATE {name} SET {', '.join(f'{c} = {c}' for c in columns)}" if columns else f"DELETE FROM {name}"
