"""Changes of a table worked into the text of its CREATE TABLE; nothing here asks the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...model.alteration import (
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
    SetPrimaryKey,
    TableChange,
)
from ...model.names import fold
from .table_text import (
    Clause,
    Item,
    TableText,
    checked_sql,
    columns_in,
    default_sql,
    is_constant,
    listed,
    same,
    written,
)
from .tokens import canonical_expression

_ROWID = ("rowid", "oid", "_rowid_")
_HARMLESS = frozenset(("NOT NULL", "NULL", "DEFAULT", "COLLATE"))  # what ALTER TABLE drops together with a column


class CannotAlter(Exception):
    """A change does not fit the table; `next_step` says what would."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.next_step = next_step


class TableEdits:
    """A table on its way from one text to the next, change by change."""

    def __init__(self, text: TableText, version: tuple[int, int, int]) -> None:
        self.text = text
        self.version = version  # of SQLite
        self.is_in_place = True  # whether ALTER TABLE can do all changes up to here
        self.dropped: dict[str, DropColumn] = {}  # by the folded name that the column had before
        self.filled: dict[str, str] = {}  # expressions by folded name
        self.statements: list[tuple[TableChange, str]] = []  # ALTER TABLE, where that is enough; without the table

    def apply(self, change: TableChange) -> None:
        match change:
            case AddColumn():
                self._add_column(change)
            case DropColumn():
                self._drop_column(change)
            case _:
                self.is_in_place = False
                self._rebuilding(change)

    def _rebuilding(self, change: TableChange) -> None:
        match change:
            case ChangeColumn():
                self._change_column(change)
            case AddCheck():
                self._add(change.name, f"CHECK ({checked_sql(change.expression)})")
            case DropCheck():
                self._drop_check(change)
            case AddForeignKey():
                self._add_foreign_key(change)
            case DropForeignKey():
                self._drop_foreign_key(change)
            case AddUnique():
                self._named(change.columns)
                self._add(change.name, f"UNIQUE ({listed(change.columns)})")
            case DropUnique():
                self._drop_unique(change)
            case SetPrimaryKey():
                self._set_primary_key(change)
            case Fill():
                self._fill(change)
            case _:
                raise AssertionError(change)

    def _column(self, name: str) -> int:
        place = self.text.place(name)
        if place is None:
            raise CannotAlter(f"it has no column {name}; there are {listed(self.text.names)}")
        return place

    def _named(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._column(name)

    def _add(self, name: str | None, sql: str) -> None:
        self.text.add(f"CONSTRAINT {written(name)} {sql}" if name else sql, is_column=False)

    def _add_column(self, change: AddColumn) -> None:
        sql = checked_sql(change.definition)
        item = Item(sql)
        if not item.is_column or len(TableText(f"CREATE TABLE t ({sql})").items) != 1:
            raise CannotAlter(f"{sql} is not the definition of one column", 'write: add_column("price REAL DEFAULT 0")')
        if self.text.place(item.name) is not None:
            raise CannotAlter(f"it has a column {item.name} already", "change_column() changes one that is there")
        place = self._column(change.before) if change.before is not None else None
        if place is not None or not self._can_add(item):  # ADD COLUMN knows one place only
            self.is_in_place = False
        self.text.add(sql, is_column=True, place=place)
        self.statements.append((change, f"ADD COLUMN {sql}"))

    def _can_add(self, item: Item) -> bool:
        """Whether ADD COLUMN takes it whatever rows there are (sqlite.org/lang_altertable.html, 4)."""
        clauses = {clause.kind: clause for clause in item.clauses}
        if clauses.keys() & {"PRIMARY KEY", "UNIQUE", "CONSTRAINT"}:
            return False
        default, generated = clauses.get("DEFAULT"), clauses.get("GENERATED")
        if generated is not None:
            return not generated.is_stored and "NOT NULL" not in clauses and "CHECK" not in clauses
        if default is not None and not is_constant(default):
            return False
        if "NOT NULL" in clauses and (default is None or default.inside[0].word == "NULL"):
            return False
        # Before 3.37, rows that are there were not held against it.
        return "CHECK" not in clauses or self.version >= (3, 37, 0)

    def _drop_column(self, change: DropColumn) -> None:
        place = self._column(change.name)
        item = self.text.items[place]
        if len(self.text.columns) == 1:
            raise CannotAlter(f"{item.name} is its only column", "drop the table")
        before = len(self.text.items)
        # DROP COLUMN goes back to a comma, and takes one in a comment for it.
        beside = "".join(i.lead + i.trail + i.note for i in self.text.items[max(place - 1, 0) : place + 1])
        del self.text.items[place]
        self._drop_constraints_of(item.name)
        # Before 3.35.5, DROP COLUMN could damage the file (sqlite.org/changes.html).
        is_plain = {clause.kind for clause in item.clauses} <= _HARMLESS and len(self.text.items) == before - 1
        if not is_plain or beside.strip() or self.version < (3, 35, 5):
            self.is_in_place = False
        if item.source is not None:
            self.dropped[fold(item.source)] = change
        self.filled.pop(fold(item.name), None)
        self.statements.append((change, f"DROP COLUMN {written(item.name)}"))

    def _drop_constraints_of(self, name: str) -> None:
        """Drop the constraints that are about a column alone; refuse it where others name it.

        Of these SQLite would take a name in double quotes for a string, once there is no such column.
        """
        gone = fold(name)
        names = {fold(other) for other in self.text.names} | {gone}
        kept = []
        for item in self.text.items:
            for clause in reversed(item.clauses):
                if clause.kind in ("CHECK", "GENERATED"):
                    used = columns_in(clause.inside, names)
                else:
                    used = {fold(column) for column in clause.columns}
                if clause.kind == "FOREIGN KEY" and fold(clause.parent) == fold(self.text.name):
                    if gone in (fold(column) for column in clause.parent_columns) and used != {gone}:
                        columns = clause.columns or (item.name,)
                        raise CannotAlter(
                            f"{name} is what {listed(columns)} refers to",
                            f"take that away first: table.drop_foreign_key({_python(columns)})",
                        )
                if gone not in used:
                    continue
                if item.is_column or used != {gone}:
                    raise CannotAlter(*self._in_the_way(name, item, clause))
                item = item.without(clause)
            if item.text:
                kept.append(item)
        self.text.items = kept

    def _in_the_way(self, name: str, item: Item, clause: Clause) -> tuple[str, str]:
        parts = item.parts
        text = item.text[parts[clause.begin].begin : parts[clause.end - 1].end]
        if clause.kind == "CHECK":
            inside = item.text[clause.inside[0].begin : clause.inside[-1].end]
            advice = f"take it away first: table.drop_check({inside!r})"
        elif clause.kind == "GENERATED":
            advice = f"take it away first: table.drop_column({item.name!r})"
        elif clause.kind == "UNIQUE":
            advice = f"take it away first: table.drop_unique({_python(clause.columns)})"
        elif clause.kind == "PRIMARY KEY":
            advice = "say what identifies a row before: table.set_primary_key((…,))"
        else:
            advice = f"take it away first: table.drop_foreign_key({_python(clause.columns)})"
        at = f"{item.name} " if item.is_column else ""
        return f"{name} is still named in: {at}{text}", advice

    def _change_column(self, change: ChangeColumn) -> None:
        place = self._column(change.name)
        item = self.text.items[place]
        if change.type is not KEEP:
            kind = checked_sql(change.type) if change.type else ""
            bare = Item(f"{written(item.name)} {kind}".rstrip())
            if bare.clauses or TableText(f"CREATE TABLE t ({bare.text})").items[0].text != bare.text:
                raise CannotAlter(f"{kind} is more than a type", "name the rest apart: not_null=, default=, collation=")
            item = item.with_type(kind)
        if change.not_null is not KEEP:
            item = _changed_null(item, change.not_null)
        if change.default is not KEEP:
            if item.clause("GENERATED") is not None:
                raise CannotAlter(f"{item.name} is generated and can have no default")
            sql = default_sql(change.default) if change.default is not None else ""
            item = _with_or_without(item, "DEFAULT", sql)
        if change.collation is not KEEP:
            item = _with_or_without(item, "COLLATE", f"COLLATE {written(change.collation)}" if change.collation else "")
        self.text.items[place] = item

    def _drop_check(self, change: DropCheck) -> None:
        names = {fold(name) for name in self.text.names}
        if not self.text.is_without_rowid:
            names |= set(_ROWID)
        wanted = canonical_expression(checked_sql(change.expression), names)
        found = []

        def is_wanted(item: Item, clause: Clause) -> bool:
            if clause.kind == "CHECK":
                found.append(canonical_expression(clause.inside, names))
            return clause.kind == "CHECK" and found[-1] == wanted

        if not self._cut(is_wanted):
            checks = "; ".join(dict.fromkeys(found)) or "none"
            raise CannotAlter(f"it has no CHECK ({wanted})", f"its checks are: {checks}")

    def _drop_unique(self, change: DropUnique) -> None:
        def is_wanted(item: Item, clause: Clause) -> bool:
            columns = (item.name,) if item.is_column else clause.columns
            return clause.kind == "UNIQUE" and same(columns, change.columns)

        if not self._cut(is_wanted):
            raise CannotAlter(
                f"it has no UNIQUE constraint of {listed(change.columns)}",
                "one that was made with CREATE UNIQUE INDEX is dropped with DROP INDEX",
            )

    def _add_foreign_key(self, change: AddForeignKey) -> None:
        self._named(change.columns)
        if change.parent_columns and len(change.parent_columns) != len(change.columns):
            raise CannotAlter(f"{listed(change.columns)} cannot refer to {listed(change.parent_columns)}: not as many")
        sql = f"FOREIGN KEY ({listed(change.columns)}) REFERENCES {written(change.parent)}"
        sql += f" ({listed(change.parent_columns)})" if change.parent_columns else ""
        sql += f" ON UPDATE {change.on_update}" if change.on_update else ""
        sql += f" ON DELETE {change.on_delete}" if change.on_delete else ""
        sql += " DEFERRABLE INITIALLY DEFERRED" if change.deferred else ""
        self._add(change.name, sql)

    def _drop_foreign_key(self, change: DropForeignKey) -> None:
        parents: list[str] = []

        def is_wanted(item: Item, clause: Clause) -> bool:
            columns = (item.name,) if item.is_column else clause.columns
            if clause.kind != "FOREIGN KEY" or not same(columns, change.columns):
                return False
            if change.parent is not None and fold(change.parent) != fold(clause.parent):
                return False
            parents.append(clause.parent)
            return True

        items = list(self.text.items)
        if not self._cut(is_wanted):
            raise CannotAlter(f"it has no foreign key of {listed(change.columns)}")
        if len(parents) > 1:
            self.text.items = items
            raise CannotAlter(
                f"{listed(change.columns)} has several foreign keys: to {listed(parents)}",
                "say which: drop_foreign_key(…, parent=…)",
            )

    def _set_primary_key(self, change: SetPrimaryKey) -> None:
        self._named(change.columns)
        if same(self.text.primary_key(), change.columns):
            return
        self._cut(lambda item, clause: clause.kind == "PRIMARY KEY")
        if change.columns:
            self._add(None, f"PRIMARY KEY ({listed(change.columns)})")

    def _fill(self, change: Fill) -> None:
        item = self.text.items[self._column(change.column)]
        if item.clause("GENERATED") is not None:
            raise CannotAlter(f"{item.name} is generated: it fills itself")
        self.filled[fold(change.column)] = checked_sql(change.expression)

    def _cut(self, is_wanted: Callable[[Item, Clause], bool]) -> bool:
        """Take away the clauses that are wanted, and a DEFERRABLE behind them; return whether there were any."""
        kept, has_cut = [], False
        for item in self.text.items:
            clauses = item.clauses
            for place in range(len(clauses) - 1, -1, -1):
                if is_wanted(item, clauses[place]):
                    for clause in reversed([clauses[place], *_deferrable_behind(clauses, place)]):
                        item = item.without(clause)
                    has_cut = True
            if item.text:
                kept.append(item)
        self.text.items = kept
        return has_cut


def _deferrable_behind(clauses: list[Clause], place: int) -> Iterator[Clause]:
    """The DEFERRABLE that stands behind a foreign key, with other clauses between."""
    if clauses[place].kind == "FOREIGN KEY":
        for clause in clauses[place + 1 :]:
            if clause.kind == "FOREIGN KEY":
                return
            if clause.kind == "DEFERRABLE":
                yield clause


def _changed_null(item: Item, not_null: bool) -> Item:
    has = item.clause("NOT NULL")
    if not_null and has is None:
        null = item.clause("NULL")
        return (item.without(null) if null else item).with_clause(None, "NOT NULL")
    while not not_null and has is not None:
        item = item.without(has)
        has = item.clause("NOT NULL")
    return item


def _with_or_without(item: Item, kind: str, sql: str) -> Item:
    """`item` with `sql` as its one clause of that kind, or with none."""
    clauses = item.all_of(kind)
    for clause in reversed(clauses[1:] if sql else clauses):
        item = item.without(clause)
    return item.with_clause(clauses[0] if clauses else None, sql) if sql else item


def _python(names: tuple[str, ...]) -> str:
    """The names as a migration would write them."""
    return f"({', '.join(map(repr, names))}{',' if len(names) == 1 else ''})"
