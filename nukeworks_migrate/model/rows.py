"""Which rows of a table differ between two moments: counts, and a few of them as examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .differences import SchemaChange


@dataclass(frozen=True, slots=True)
class RowSample:
    """One row that differs. `before` and `after` hold the columns that differ, or all of an added or deleted row.

    Values are as the database gave them, but for columns that the settings redact: those are `REDACTED`.
    """

    key: tuple[Any, ...]  # its primary key, or rowid; empty where the table has neither
    before: dict[str, Any] | None = None  # None: the row was added
    after: dict[str, Any] | None = None  # None: the row was deleted


class _Redacted:
    """Stands for a value that the settings keep from being shown."""

    def __repr__(self) -> str:
        return "***"


REDACTED = _Redacted()


@dataclass(frozen=True, slots=True)
class TableRows:
    """How the rows of one table differ; all counts are of rows.

    A row is the same one by its primary key. A column that came counts as having held its default before, and one
    that went as holding NULL afterwards, so that a column which is added and not filled changes no row.
    """

    table: str
    before: int
    after: int
    added: int = 0
    changed: int = 0
    deleted: int = 0
    samples: tuple[RowSample, ...] = ()

    @property
    def same(self) -> bool:
        return not (self.added or self.changed or self.deleted)


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two moments of a database, the framework's own tables left out."""

    schema: tuple[SchemaChange, ...] = ()
    rows: tuple[TableRows, ...] = ()  # of tables whose rows differ, by name

    @property
    def empty(self) -> bool:
        return not self.schema and not self.rows


NO_DIFFERENCE = Difference()
