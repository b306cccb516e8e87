"""A schema as values: what a database's catalogue says, in a form that can be compared.

Two of these values are equal when they mean the same to the database, not when they were written the same.
Names keep the case that they were written in and are compared without it. Expressions, types, defaults and
bodies are in the canonical text of their database: white space, comments and quoting are gone. What is no
difference is not in here (names of constraints), is spelled out or left out always (ON DELETE NO ACTION), or
has one order (constraints of a table are sorted). The order of columns stays, because SELECT * shows it.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from .names import fold, shown_name

Facts: TypeAlias = tuple[Any, ...]  # nested tuples of texts and truth values: what is compared of a value

_LITERAL = re.compile(r"""[-+]?[\w.]+|(?:[xX])?'(?:[^']|'')*+'""")  # a default that needs no parentheses


class _Compared:
    """Equality by `facts`, so that == and `Schema.fingerprint` can never disagree."""

    __slots__ = ()

    @property
    def facts(self) -> Facts:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Compared) or type(other) is not type(self):
            return NotImplemented
        return self.facts == other.facts

    def __hash__(self) -> int:
        return hash(self.facts)


@dataclass(frozen=True, slots=True, eq=False)
class Generated(_Compared):
    """How a generated column comes to its value."""

    expression: str
    stored: bool = False  # otherwise computed when it is read

    @property
    def facts(self) -> Facts:
        return self.expression, self.stored

    @property
    def definition(self) -> str:
        return f"({self.expression}) {'STORED' if self.stored else 'VIRTUAL'}"


@dataclass(frozen=True, slots=True, eq=False)
class Column(_Compared):
    name: str
    type: str = ""  # upper case, words one space apart: VARCHAR(10); empty where none is given
    not_null: bool = False
    not_null_conflict: str = ""  # REPLACE, IGNORE …; empty where it is ABORT
    default: str | None = None  # DEFAULT NULL is none
    generated: Generated | None = None
    collation: str = ""  # upper case; empty for BINARY
    hidden: bool = False  # not in SELECT *; virtual tables have such columns

    @property
    def facts(self) -> Facts:
        return (
            fold(self.name),
            self.type,
            self.not_null,
            self.not_null_conflict,
            self.default,
            self.generated.facts if self.generated else None,
            self.collation,
            self.hidden,
        )

    @property
    def definition(self) -> str:
        return _words(
            shown_name(self.name),
            self.type,
            self.null_text,
            f"DEFAULT {self.default_text}" if self.default is not None else "",
            f"COLLATE {shown_name(self.collation)}" if self.collation else "",
            f"GENERATED ALWAYS AS {self.generated.definition}" if self.generated else "",
            "HIDDEN" if self.hidden else "",
        )

    @property
    def null_text(self) -> str:
        return _words("NOT NULL" if self.not_null else "", _on_conflict(self.not_null_conflict))

    @property
    def default_text(self) -> str:
        """The default as it stands after DEFAULT; "" where there is none."""
        if self.default is None or _LITERAL.fullmatch(self.default):
            return self.default or ""
        return f"({self.default})"


@dataclass(frozen=True, slots=True, eq=False)
class Term(_Compared):
    """One column or expression of an index, a primary key or a unique constraint."""

    column: str = ""
    expression: str = ""  # where it is no column
    collation: str = ""  # upper case; empty where it is the column's own
    descending: bool = False

    @property
    def facts(self) -> Facts:
        return fold(self.column), self.expression, self.collation, self.descending

    @property
    def definition(self) -> str:
        return _words(
            shown_name(self.column) if self.column else self.expression,
            f"COLLATE {shown_name(self.collation)}" if self.collation else "",
            "DESC" if self.descending else "",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Key(_Compared):
    """A primary key or a unique constraint."""

    terms: tuple[Term, ...]
    conflict: str = ""  # REPLACE, IGNORE …; empty where it is ABORT

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(term.column for term in self.terms)

    @property
    def facts(self) -> Facts:
        return tuple(term.facts for term in self.terms), self.conflict

    @property
    def definition(self) -> str:
        return _words(_list(self.terms), _on_conflict(self.conflict))


@dataclass(frozen=True, slots=True, eq=False)
class ForeignKey(_Compared):
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ()  # empty where none are given and the parent has no primary key to take
    on_update: str = ""  # CASCADE, SET NULL …; empty for NO ACTION
    on_delete: str = ""
    deferred: bool = False  # DEFERRABLE INITIALLY DEFERRED; any other wording is checked at once
    match: str = ""  # as it is written; empty for SIMPLE

    @property
    def facts(self) -> Facts:
        return (
            _folded(self.columns),
            fold(self.parent),
            _folded(self.parent_columns),
            self.on_update,
            self.on_delete,
            self.deferred,
            self.match,
        )

    @property
    def definition(self) -> str:
        return _words(
            f"({_names(self.columns)}) REFERENCES {shown_name(self.parent)}",
            f"({_names(self.parent_columns)})" if self.parent_columns else "",
            f"ON UPDATE {self.on_update}" if self.on_update else "",
            f"ON DELETE {self.on_delete}" if self.on_delete else "",
            f"MATCH {self.match}" if self.match else "",
            "DEFERRABLE INITIALLY DEFERRED" if self.deferred else "",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Table(_Compared):
    """A table. Of a virtual one, module and arguments are compared; its columns follow from them."""

    name: str
    columns: tuple[Column, ...] = ()
    primary_key: Key | None = None
    uniques: tuple[Key, ...] = ()
    checks: tuple[str, ...] = ()  # canonical expressions
    foreign_keys: tuple[ForeignKey, ...] = ()
    strict: bool = False
    without_rowid: bool = False
    autoincrement: bool = False
    module: str = ""  # of a virtual table
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "uniques", tuple(sorted(self.uniques, key=_sort_key)))
        _set(self, "checks", tuple(sorted(self.checks)))
        _set(self, "foreign_keys", tuple(sorted(self.foreign_keys, key=_sort_key)))

    def column(self, name: str) -> Column | None:
        wanted = fold(name)
        return next((column for column in self.columns if fold(column.name) == wanted), None)

    @property
    def options(self) -> tuple[str, ...]:
        named = {"STRICT": self.strict, "WITHOUT ROWID": self.without_rowid, "AUTOINCREMENT": self.autoincrement}
        return tuple(name for name, is_set in named.items() if is_set)

    @property
    def facts(self) -> Facts:
        return (
            fold(self.name),
            tuple(column.facts for column in self.columns) if not self.module else (),
            self.primary_key.facts if self.primary_key else None,
            tuple(key.facts for key in self.uniques),
            self.checks,
            tuple(key.facts for key in self.foreign_keys),
            self.options,
            fold(self.module),
            self.arguments,
        )

    @property
    def definition(self) -> str:
        """The definition in lines, one for each column, constraint and option."""
        if self.module:
            return f"USING {shown_name(self.module)} ({', '.join(self.arguments)})"
        lines = [column.definition for column in self.columns]
        if self.primary_key:
            lines.append(f"PRIMARY KEY {self.primary_key.definition}")
        lines += [f"UNIQUE {key.definition}" for key in self.uniques]
        lines += [f"CHECK ({check})" for check in self.checks]
        lines += [f"FOREIGN KEY {key.definition}" for key in self.foreign_keys]
        return "\n".join([*lines, *self.options])


@dataclass(frozen=True, slots=True, eq=False)
class Index(_Compared):
    """An index that was created as one; what a constraint brings with it is that constraint."""

    name: str
    table: str
    terms: tuple[Term, ...]
    unique: bool = False
    where: str = ""  # canonical expression; empty where every row is in it

    @property
    def facts(self) -> Facts:
        return fold(self.name), fold(self.table), tuple(t.facts for t in self.terms), self.unique, self.where

    @property
    def definition(self) -> str:
        """What follows CREATE INDEX name ON table, with UNIQUE before it."""
        return _words("UNIQUE" if self.unique else "", _list(self.terms), f"WHERE {self.where}" if self.where else "")


@dataclass(frozen=True, slots=True, eq=False)
class View(_Compared):
    name: str
    sql: str  # canonical, in lines
    original: str = ""  # as it was written; not compared

    @property
    def definition(self) -> str:
        return self.sql

    @property
    def facts(self) -> Facts:
        return fold(self.name), self.sql


@dataclass(frozen=True, slots=True, eq=False)
class Trigger(_Compared):
    name: str
    table: str  # or the view that it belongs to
    sql: str  # canonical, in lines
    original: str = ""  # as it was written; not compared

    @property
    def definition(self) -> str:
        return self.sql

    @property
    def facts(self) -> Facts:
        return fold(self.name), fold(self.table), self.sql


@dataclass(frozen=True, slots=True, eq=False)
class Schema(_Compared):
    """Tables, indexes, views and triggers, each ordered by folded name."""

    tables: tuple[Table, ...] = ()
    indexes: tuple[Index, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    def __post_init__(self) -> None:
        for field in ("tables", "indexes", "views", "triggers"):
            _set(self, field, tuple(sorted(getattr(self, field), key=_folded_name)))

    def table(self, name: str) -> Table | None:
        place = bisect_left(self.tables, fold(name), key=_folded_name)
        if place < len(self.tables) and _folded_name(self.tables[place]) == fold(name):
            return self.tables[place]
        return None

    def without_prefix(self, prefix: str) -> Schema:
        """This schema without the tables whose names begin with `prefix`, their indexes and their triggers."""
        gone = {fold(table.name) for table in self.tables if fold(table.name).startswith(fold(prefix))}
        return replace(
            self,
            tables=tuple(table for table in self.tables if fold(table.name) not in gone),
            indexes=tuple(index for index in self.indexes if fold(index.table) not in gone),
            triggers=tuple(trigger for trigger in self.triggers if fold(trigger.table) not in gone),
        )

    @property
    def facts(self) -> Facts:
        return tuple(
            tuple(value.facts for value in values) for values in (self.tables, self.indexes, self.views, self.triggers)
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex of all that is compared, the order of columns included; equal schemas have equal ones."""
        return hashlib.sha256(json.dumps(self.facts).encode("ascii")).hexdigest()


Named = TypeVar("Named", Table, Index, View, Trigger)


def _folded_name(value: Named) -> str:
    return fold(value.name)


def _sort_key(value: _Compared) -> str:
    return json.dumps(value.facts)


def _set(value: object, field: str, content: object) -> None:
    object.__setattr__(value, field, content)


def _folded(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(fold(name) for name in names)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(shown_name(name) for name in names)


def _list(terms: tuple[Term, ...]) -> str:
    return f"({', '.join(term.definition for term in terms)})"


def _on_conflict(conflict: str) -> str:
    return f"ON CONFLICT {conflict}" if conflict else ""


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
