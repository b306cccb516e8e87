"""Changes of one table as values: what `db.alter_table` was asked for, the same on every database.

They come in the order in which they were asked for, and each sees what the ones before it have made: after
`RenameColumn("name", "title")` the column is called title. The SQL in them (definitions of columns, expressions,
defaults) is in the words of the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias


class Keep(Enum):
    """The value of what a change does not name."""

    KEEP = "as it is"


KEEP: Literal[Keep.KEEP] = Keep.KEEP


@dataclass(frozen=True, slots=True)
class AddColumn:
    definition: str  # as CREATE TABLE has it: price REAL NOT NULL DEFAULT 0
    before: str | None = None  # the column that it stands in front of; None: it is the last


@dataclass(frozen=True, slots=True)
class DropColumn:
    """A column goes, with what is about it alone: its constraints and its indexes."""

    name: str
    with_indexes: bool = False  # also those that hold other columns besides


@dataclass(frozen=True, slots=True)
class RenameColumn:
    name: str
    to: str


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    name: str
    type: str | Keep = KEEP
    not_null: bool | Keep = KEEP
    default: str | Keep | None = KEEP  # an expression; None: it has none any more
    collation: str | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class AddCheck:
    expression: str
    name: str | None = None  # of the constraint


@dataclass(frozen=True, slots=True)
class DropCheck:
    expression: str  # found by what it means, not by how it was written


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ()  # empty: the parent's primary key
    on_delete: str = ""
    on_update: str = ""
    deferred: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    columns: tuple[str, ...]
    parent: str | None = None  # needed only where these columns refer to several tables


@dataclass(frozen=True, slots=True)
class AddUnique:
    columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DropUnique:
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetPrimaryKey:
    columns: tuple[str, ...]  # empty: the table has none any more


@dataclass(frozen=True, slots=True)
class RenameTable:
    to: str


@dataclass(frozen=True, slots=True)
class Fill:
    """A column gets the value of an expression over the row as it was before."""

    column: str
    expression: str


TableChange: TypeAlias = (
    AddColumn
    | DropColumn
    | RenameColumn
    | ChangeColumn
    | AddCheck
    | DropCheck
    | AddForeignKey
    | DropForeignKey
    | AddUnique
    | DropUnique
    | SetPrimaryKey
    | RenameTable
    | Fill
)
