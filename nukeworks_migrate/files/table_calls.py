"""Calls of the handle that make their SQL by themselves, put into plain words: `db.transform`, `db.copy_rows`,
`db.update`, and the blocks of `db.alter_table`.

What is no literal is told by its source, with "(not a literal)" behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .expressions import shown

ALTER_TABLE = "alter_table"
_NOT_KNOWN = "(not a literal)"


class Lookup(Protocol):
    """What the names in an expression stand for, in one place of a migration."""

    def text(self, expression: ast.expr) -> str | None:
        """The string that `expression` comes to, or None if that cannot be told."""

    def follow(self, expression: ast.expr) -> tuple[ast.expr, Lookup]:
        """What the name stands for that `expression` is; `expression` itself, if it is none or that cannot be told."""


@dataclass(frozen=True, slots=True)
class TableCall:
    """What one call does to a table, as far as its file tells."""

    text: str  # alter table products: add price REAL, drop old_price
    line: int  # where the call begins
    call: str  # transform, copy_rows, update or alter_table
    sql: str = ""  # one statement that does to the table what is judged of this call; for the eye it is not meant
    may_lose: bool = True  # what was there, beyond what `sql` tells


class Change(NamedTuple):
    """One call in a block of `db.alter_table`."""

    text: str  # drop old_price
    action: str = ""  # DROP COLUMN "old_price", where it is one that is judged


def is_table_call(call: ast.Call) -> bool:
    """Whether `call`, of a method, is told by `table_call`; dictionaries and sets have an update() too."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return method in _CALLS and (method != "update" or any(keyword.arg == "set" for keyword in call.keywords))


def table_call(call: ast.Call, names: Lookup) -> TableCall:
    """Put `call` into words; a call of alter_table is one that no `with … as` gives a name."""
    return _CALLS[_method(call)](_Arguments(call, names))


def alteration(call: ast.Call, names: Lookup, changes: Sequence[Change], *, is_whole: bool) -> TableCall:
    """Put a block of `db.alter_table` into words; it is not whole where it asks for more than `changes`."""
    table = _Arguments(call, names).name(0, "table")
    parts = [change.text for change in changes] + ([] if is_whole else [f"more {_NOT_KNOWN}"])
    actions = ", ".join(change.action for change in changes if change.action)
    sql = f"ALTER TABLE {_quoted(table)} {actions}".rstrip()
    return TableCall(f"alter table {table}: {', '.join(parts)}", call.lineno, ALTER_TABLE, sql)


def change_of(call: ast.Call, names: Lookup) -> Change:
    """Put a call on what a block of `db.alter_table` gives into words; its method is one of `CHANGES`."""
    return _CHANGES[_method(call)](_Arguments(call, names))


class _Arguments:
    """The arguments of one call, in words."""

    def __init__(self, call: ast.Call, names: Lookup) -> None:
        self.call = call
        self.names = names

    def given(self, place: int, keyword: str) -> ast.expr | None:
        """What is given for a parameter, or what stands for it in `*args` or `**more`; `place` -1: by name alone."""
        arguments = self.call.args[: place + 1]
        starred = next((each for each in arguments if isinstance(each, ast.Starred)), None)
        if starred is not None:
            return starred
        if 0 <= place < len(arguments):
            return arguments[place]
        named = {each.arg: each.value for each in self.call.keywords}
        return named.get(keyword, named.get(None))

    def is_none(self, place: int, keyword: str) -> bool:
        """Whether nothing is given for it, or None."""
        given = self.given(place, keyword)
        followed = None if given is None else self.names.follow(given)[0]
        return followed is None or (isinstance(followed, ast.Constant) and followed.value is None)

    def text(self, place: int, keyword: str) -> str | None:
        given = self.given(place, keyword)
        return None if given is None else self.names.text(given)

    def name(self, place: int, keyword: str) -> str:
        """The text that is given for it; its source where that is not known."""
        given = self.given(place, keyword)
        return "?" if given is None else _told(given, self.names)

    def listed(self, place: int, keyword: str) -> str:
        """One name or several, with commas between."""
        given = self.given(place, keyword)
        if given is None:
            return ""
        followed, names = self.names.follow(given)
        if isinstance(followed, (ast.Tuple, ast.List)):
            return ", ".join(_told(each, names) for each in followed.elts)
        return _told(given, self.names)

    def function(self, place: int) -> str:
        given = self.given(place, "fn")
        if given is None:
            return ""
        return f" by {shown(given)}{'()' if isinstance(given, (ast.Name, ast.Attribute)) else ''}"

    def where(self) -> str:
        return "" if self.is_none(-1, "where") else f" where {self.name(-1, 'where')}"


def _transform(its: _Arguments) -> TableCall:
    table, writes, reads = its.name(0, "table"), its.listed(-1, "writes"), its.listed(-1, "reads")
    columns = f": {writes}" if writes else ""
    columns += f" from {reads}" if reads else ""
    text = f"transform {table}{columns}{its.function(1)}{its.where()}"
    return TableCall(text, its.call.lineno, "transform", f"REPLACE INTO {_quoted(table)} VALUES (?)")  # row by row


def _copy_rows(its: _Arguments) -> TableCall:
    into = its.name(1, "into")
    text = f"copy rows from {its.name(0, 'source')} into {into}{its.function(2)}{its.where()}"
    return TableCall(text, its.call.lineno, "copy_rows", f"INSERT INTO {_quoted(into)} VALUES (?)")


def _update(its: _Arguments) -> TableCall:
    table, where = its.name(0, "table"), its.text(-1, "where")
    given = its.given(-1, "set")
    told, assigned = "?", '"?" = ?'
    if given is not None:
        followed, names = its.names.follow(given)
        told = f"{shown(given)} {_NOT_KNOWN}"
        if isinstance(followed, ast.Dict) and None not in followed.keys:
            pairs = [
                (_told(key, names), value) for key, value in zip(followed.keys, followed.values, strict=True) if key
            ]
            told = ", ".join(f"{column} = {_value(value, names)}" for column, value in pairs)
            assigned = ", ".join(f"{_quoted(column)} = {_expression(value, names)}" for column, value in pairs)
    condition = "" if its.is_none(-1, "where") else f" WHERE ({where}\n)" if where is not None else " WHERE ?"
    return TableCall(
        f"update {table}: {told}{its.where()}",
        its.call.lineno,
        "update",
        f"UPDATE {_quoted(table)} SET {assigned}{condition}",
        may_lose=its.text(0, "table") is None or (bool(condition) and where is None),
    )


def _unnamed_alteration(its: _Arguments) -> TableCall:
    return alteration(its.call, its.names, (), is_whole=False)


_CALLS: dict[str, Callable[[_Arguments], TableCall]] = {
    "transform": _transform,
    "copy_rows": _copy_rows,
    "update": _update,
    ALTER_TABLE: _unnamed_alteration,
}


def _add_column(its: _Arguments) -> Change:
    before = "" if its.is_none(-1, "before") else f" before {its.name(-1, 'before')}"
    return Change(f"add {its.name(0, 'definition')}{before}")


def _drop_column(its: _Arguments) -> Change:
    name = its.name(0, "name")
    indexes = its.given(-1, "with_indexes")
    with_them = " with its indexes" if isinstance(indexes, ast.Constant) and indexes.value else ""
    return Change(f"drop {name}{with_them}", f"DROP COLUMN {_quoted(name)}")


def _rename_column(its: _Arguments) -> Change:
    return Change(f"rename {its.name(0, 'name')} to {its.name(-1, 'to')}")


def _change_column(its: _Arguments) -> Change:
    parts = []
    for keyword in its.call.keywords:
        value = keyword.value
        if keyword.arg == "not_null" and isinstance(value, ast.Constant) and isinstance(value.value, bool):
            parts.append("NOT NULL" if value.value else "NULL")
        elif keyword.arg in ("default", "collation") and isinstance(value, ast.Constant) and value.value is None:
            parts.append(f"no {keyword.arg}")
        elif keyword.arg not in ("name", None):
            parts.append(f"{keyword.arg} {_told(value, its.names)}")
        elif keyword.arg is None:
            parts.append(f"{shown(value)} {_NOT_KNOWN}")
    return Change(f"change {its.name(0, 'name')} ({', '.join(parts)})")


def _add_check(its: _Arguments) -> Change:
    return Change(f"add CHECK ({its.name(0, 'expression')})")


def _drop_check(its: _Arguments) -> Change:
    return Change(f"drop CHECK ({its.name(0, 'expression')})")


def _add_foreign_key(its: _Arguments) -> Change:
    columns = its.listed(2, "parent_columns")
    parent = its.name(1, "parent") + (f" ({columns})" if columns else "")
    return Change(f"add FOREIGN KEY ({its.listed(0, 'columns')}) to {parent}")


def _drop_foreign_key(its: _Arguments) -> Change:
    return Change(f"drop FOREIGN KEY ({its.listed(0, 'columns')})")


def _add_unique(its: _Arguments) -> Change:
    return Change(f"add UNIQUE ({its.listed(0, 'columns')})")


def _drop_unique(its: _Arguments) -> Change:
    return Change(f"drop UNIQUE ({its.listed(0, 'columns')})")


def _set_primary_key(its: _Arguments) -> Change:
    columns = its.listed(0, "columns")
    return Change(f"set PRIMARY KEY ({columns})" if columns else "drop PRIMARY KEY")


def _rename_to(its: _Arguments) -> Change:
    name = its.name(0, "name")
    return Change(f"rename it to {name}", f"RENAME TO {_quoted(name)}")


def _fill(its: _Arguments) -> Change:
    return Change(f"fill {its.name(0, 'column')} with {its.name(1, 'expression')}")


_CHANGES: dict[str, Callable[[_Arguments], Change]] = {
    "add_column": _add_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "change_column": _change_column,
    "add_check": _add_check,
    "drop_check": _drop_check,
    "add_foreign_key": _add_foreign_key,
    "drop_foreign_key": _drop_foreign_key,
    "add_unique": _add_unique,
    "drop_unique": _drop_unique,
    "set_primary_key": _set_primary_key,
    "rename_to": _rename_to,
    "fill": _fill,
}
CHANGES = frozenset(_CHANGES)


def _method(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def _told(expression: ast.expr, names: Lookup) -> str:
    text = names.text(expression)
    return f"{shown(expression)} {_NOT_KNOWN}" if text is None else " ".join(text.split())


def _value(expression: ast.expr, names: Lookup) -> str:
    """What a column is set to: SQL in a text, or a value of Python's."""
    followed, _ = names.follow(expression)
    if isinstance(followed, ast.Constant) and not isinstance(followed.value, str):
        return "NULL" if followed.value is None else shown(followed)
    if isinstance(followed, ast.UnaryOp) and isinstance(followed.operand, ast.Constant):  # -1
        return shown(followed)
    return _told(expression, names)


def _expression(expression: ast.expr, names: Lookup) -> str:
    text = names.text(expression)
    return "?" if text is None else f"({text}\n)"  # it may end in a comment


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
