"""What `with db.alter_table(…) as table:` gives: it collects changes, and makes none."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.alteration import (
    KEEP,
    AddCheck,
    AddColumn,
    AddForeignKey,
    AddUnique,
    ChangeColumn,
    DropCheck,
    DropColumn,
    DropForeignKey,
    DropUnique,
    Fill,
    Keep,
    RenameColumn,
    RenameTable,
    SetPrimaryKey,
    TableChange,
)

_ACTIONS = frozenset(("CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION"))


class TableAlteration:
    """The changes of one table, made together when the block ends without an error.

    Each call sees what the calls before it have made: after `rename_column("name", to="title")` the column is title.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        self._changes: list[TableChange] = []
        self._is_closed = False

    def add_column(self, definition: str, *, before: str | None = None) -> None:
        """Add a column as CREATE TABLE would have it: `add_column("price REAL NOT NULL DEFAULT 0")`.

        Old rows get its default, or what `fill` says. It is the last column, or stands in front of `before`.
        """
        self._note(AddColumn(_text(definition, "add_column"), None if before is None else _text(before, "add_column")))

    def drop_column(self, name: str, *, with_indexes: bool = False) -> None:
        """Drop a column with the constraints and indexes that are about it alone.

        `with_indexes` drops also indexes that hold other columns. What else names it is a failure.
        """
        self._note(DropColumn(_text(name, "drop_column"), with_indexes))

    def rename_column(self, name: str, *, to: str) -> None:
        """Rename a column, also where indexes, triggers, views and foreign keys name it."""
        self._note(RenameColumn(_text(name, "rename_column"), _text(to, "rename_column")))

    def change_column(
        self,
        name: str,
        *,
        type: str | Keep = KEEP,
        not_null: bool | Keep = KEEP,
        default: str | Keep | None = KEEP,
        collation: str | Keep | None = KEEP,
    ) -> None:
        """Change what is named of a column, and nothing else; `default=None` takes the default away.

        `default` is SQL: `"0"`, `"'new'"`, `"CURRENT_TIMESTAMP"`, or an expression.
        """
        if type is KEEP and not_null is KEEP and default is KEEP and collation is KEEP:
            raise TypeError(f"change_column({name!r}) names nothing to change: type=, not_null=, default=, collation=")
        if not isinstance(default, (str, Keep)) and default is not None:
            raise TypeError(f"default= is SQL in a string or None, not {default!r}: write default={str(default)!r}")
        self._note(ChangeColumn(_text(name, "change_column"), type, not_null, default, collation))

    def add_check(self, expression: str, *, name: str | None = None) -> None:
        """Add a CHECK; every row has to fulfil it."""
        self._note(AddCheck(_text(expression, "add_check"), name))

    def drop_check(self, expression: str) -> None:
        """Drop the CHECK that means the same as `expression`, however it was written."""
        self._note(DropCheck(_text(expression, "drop_check")))

    def add_foreign_key(
        self,
        columns: Sequence[str] | str,
        parent: str,
        parent_columns: Sequence[str] | str = (),
        *,
        on_delete: str = "",
        on_update: str = "",
        deferred: bool = False,
        name: str | None = None,
    ) -> None:
        """Let `columns` refer to `parent_columns` of `parent`, or to its primary key."""
        for action in (on_delete, on_update):
            if action and action.upper() not in _ACTIONS:
                raise ValueError(f"{action!r} is no action of a foreign key: {', '.join(sorted(_ACTIONS))}")
        self._note(
            AddForeignKey(
                _names(columns, "add_foreign_key"),
                _text(parent, "add_foreign_key"),
                _names(parent_columns, "add_foreign_key", may_be_empty=True),
                on_delete.upper(),
                on_update.upper(),
                deferred,
                name,
            )
        )

    def drop_foreign_key(self, columns: Sequence[str] | str, *, parent: str | None = None) -> None:
        """Drop the foreign key of `columns`; `parent` says which, where they have several."""
        self._note(DropForeignKey(_names(columns, "drop_foreign_key"), parent))

    def add_unique(self, columns: Sequence[str] | str, *, name: str | None = None) -> None:
        """Add a UNIQUE constraint; no two rows may have the same values in `columns`."""
        self._note(AddUnique(_names(columns, "add_unique"), name))

    def drop_unique(self, columns: Sequence[str] | str) -> None:
        """Drop the UNIQUE constraint of `columns`."""
        self._note(DropUnique(_names(columns, "drop_unique")))

    def set_primary_key(self, columns: Sequence[str] | str) -> None:
        """Make `columns` the primary key, in place of what was; an empty tuple takes it away."""
        self._note(SetPrimaryKey(_names(columns, "set_primary_key", may_be_empty=True)))

    def rename_to(self, name: str) -> None:
        """Rename the table; what refers to it follows."""
        self._note(RenameTable(_text(name, "rename_to")))

    def fill(self, column: str, expression: str) -> None:
        """Give a column the value of an SQL expression over each row as it was before.

        Other columns still have their old values in it, those that this block drops as well.
        """
        self._note(Fill(_text(column, "fill"), _text(expression, "fill")))

    def close(self) -> tuple[TableChange, ...]:
        """End the block; return the changes in the order in which they were asked for."""
        self._is_closed = True
        return tuple(self._changes)

    def _note(self, change: TableChange) -> None:
        if self._is_closed:
            raise RuntimeError(f'the block of db.alter_table("{self.table}") has ended: changes belong inside of it')
        self._changes.append(change)


def _text(value: str, call: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{call}() takes text, not {type(value).__name__}")
    if not value.strip() or "\0" in value:
        raise ValueError(f"{call}() takes a name or SQL, not {value!r}")
    return value


def _names(value: Sequence[str] | str, call: str, *, may_be_empty: bool = False) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names and not may_be_empty:
        raise ValueError(f"{call}() names no column")
    return tuple(_text(name, call) for name in names)
