"""The difference of two schemas, change by change, as values, as lines and as JSON.

There is no change exactly where the two schemas have one fingerprint. A renamed table or column is one that is
removed and one that is added: no schema tells where a name came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from itertools import islice
from textwrap import wrap
from typing import Any, TypeAlias, TypeVar

from .names import fold, shown_name
from .schema import Column, ForeignKey, Index, Key, Schema, Table, Trigger, View

T = TypeVar("T")
Of = TypeVar("Of", Index, Trigger)
_Defined: TypeAlias = Table | Column | Key | ForeignKey | Index | View | Trigger


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Kind(StrEnum):
    """What has changed."""

    TABLE = "table"
    COLUMN = "column"
    COLUMN_ORDER = "column order"
    PRIMARY_KEY = "primary key"
    UNIQUE = "unique"
    CHECK = "check"
    FOREIGN_KEY = "foreign key"
    OPTION = "option"  # STRICT, WITHOUT ROWID, AUTOINCREMENT
    INDEX = "index"
    VIEW = "view"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One thing that one schema has and the other has not, or has otherwise.

    `before` and `after` are SQL-like texts without the name of what they belong to, but for a column's; a table
    has one line for each part. `details` says what in it has changed, where that is shorter: "default 0 → 1" of
    a column, the lines of a unified diff of a view or a trigger.
    """

    change: Change
    kind: Kind
    table: str  # empty for a view
    name: str = ""  # constraints of one column or several are named by these, a check and a primary key by nothing
    before: str = ""
    after: str = ""
    details: tuple[str, ...] = ()


def schema_changes(before: Schema, after: Schema) -> tuple[SchemaChange, ...]:
    """Return what has to change in `before` to make it `after`: by table, then the views, each with its triggers."""
    tables = _pairs(before.tables, after.tables, _name)
    views = _pairs(before.views, after.views, _name)
    indexes = _by_table(before.indexes), _by_table(after.indexes)
    triggers = _by_table(before.triggers), _by_table(after.triggers)
    found: list[SchemaChange] = []
    named = {*tables, *indexes[0], *indexes[1], *triggers[0], *triggers[1]}
    for name in sorted(named):
        found += _table_changes(*tables.get(name, (None, None)))
        found += _index_changes(indexes[0][name], indexes[1][name])
        if name not in views:
            found += _trigger_changes(triggers[0][name], triggers[1][name])
    for name in sorted(views):
        found += _view_changes(*views[name])
        found += _trigger_changes(triggers[0][name], triggers[1][name])
    return tuple(found)


def changes_as_json(changes: Iterable[SchemaChange]) -> list[dict[str, Any]]:
    return [
        {
            "change": change.change.value,
            "kind": change.kind.value,
            "table": change.table,
            "name": change.name,
            "before": change.before,
            "after": change.after,
            "details": list(change.details),
        }
        for change in changes
    ]


def difference_lines(changes: Iterable[SchemaChange], width: int = 80, *, definitions: bool = True) -> list[str]:
    """Return the changes as lines for a terminal, in `width` columns where the words allow it.

    Without `definitions`, what is added or removed as a whole is named and not described. Control characters are
    written as escapes, so that no text becomes two lines.
    """
    lines: list[str] = []
    table = None
    for change in changes:
        if change.kind in _PARTS and change.table != table:
            lines += _wrapped(f"~ table {shown_name(change.table)}", 0, width)
        table = change.table if change.kind in _PARTS else None
        lines += _change_lines(change, 2 if change.kind in _PARTS else 0, width, definitions)
    return lines


_MARKS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}
_BODIES = (Kind.TABLE, Kind.VIEW, Kind.TRIGGER)  # described in lines of their own
_PARTS = tuple(kind for kind in Kind if kind not in (*_BODIES, Kind.INDEX))  # what belongs into a changed table
_BODY_LINES = 20  # shown of how a view or a trigger has changed; the rest is counted


def _table_changes(old: Table | None, new: Table | None) -> Iterator[SchemaChange]:
    if old == new:
        return
    if old is None or new is None or old.module or new.module:
        name = _either(old, new).name
        yield _change(Kind.TABLE, name, name, old, new)
        return
    table = new.name
    for column, new_column in _pairs(old.columns, new.columns, _name).values():
        if column != new_column:
            details = _column_details(column, new_column) if column and new_column else ()
            yield _change(Kind.COLUMN, table, _either(column, new_column).name, column, new_column, details)
    order, new_order = _shared_columns(old, new), _shared_columns(new, old)
    if [fold(name) for name in order] != [fold(name) for name in new_order]:
        yield _change(Kind.COLUMN_ORDER, table, "", _listed(order), _listed(new_order))
    if old.primary_key != new.primary_key:
        yield _change(Kind.PRIMARY_KEY, table, "", old.primary_key, new.primary_key)
    for unique, new_unique in _matched(old.uniques, new.uniques, _columns):
        yield _change(Kind.UNIQUE, table, ", ".join(_either(unique, new_unique).columns), unique, new_unique)
    for check, new_check in _matched(old.checks, new.checks):
        yield _change(Kind.CHECK, table, "", check and f"({check})", new_check and f"({new_check})")
    for key, new_key in _matched(old.foreign_keys, new.foreign_keys, _columns):
        yield _change(Kind.FOREIGN_KEY, table, ", ".join(_either(key, new_key).columns), key, new_key)
    for option in sorted({*old.options} ^ {*new.options}):
        is_new = option in new.options
        yield _change(Kind.OPTION, table, option, None if is_new else option, option if is_new else None)


def _column_details(old: Column, new: Column) -> tuple[str, ...]:
    sides = [
        {
            "type": column.type or "none",
            "": column.null_text or "NULL",
            "default": column.default_text or "none",
            "collation": column.collation or "BINARY",
            "generated": column.generated.definition if column.generated else "no",
            "hidden": "yes" if column.hidden else "no",
        }
        for column in (old, new)
    ]
    return tuple(
        f"{what} {before} → {sides[1][what]}".strip() for what, before in sides[0].items() if before != sides[1][what]
    )


def _shared_columns(table: Table, other: Table) -> list[str]:
    return [column.name for column in table.columns if other.column(column.name)]


def _index_changes(old: Sequence[Index], new: Sequence[Index]) -> Iterator[SchemaChange]:
    for index, new_index in _pairs(old, new, _name).values():
        if index != new_index:
            either = _either(index, new_index)
            yield _change(Kind.INDEX, either.table, either.name, index, new_index)


def _trigger_changes(old: Sequence[Trigger], new: Sequence[Trigger]) -> Iterator[SchemaChange]:
    for trigger, new_trigger in _pairs(old, new, _name).values():
        if trigger != new_trigger:
            either = _either(trigger, new_trigger)
            details = _body_details(trigger, new_trigger)
            yield _change(Kind.TRIGGER, either.table, either.name, trigger, new_trigger, details)


def _view_changes(old: View | None, new: View | None) -> Iterator[SchemaChange]:
    if old != new:
        yield _change(Kind.VIEW, "", _either(old, new).name, old, new, _body_details(old, new))


def _body_details(old: View | Trigger | None, new: View | Trigger | None) -> tuple[str, ...]:
    """The lines of a unified diff; what it leaves out between two places is a line with dots."""
    if old is None or new is None:
        return ()
    diff = unified_diff(old.sql.split("\n"), new.sql.split("\n"), lineterm="", n=1)
    return tuple("…" if line.startswith("@@") else line for line in islice(diff, 3, None))


def _change(
    kind: Kind,
    table: str,
    name: str,
    before: _Defined | str | None,
    after: _Defined | str | None,
    details: tuple[str, ...] = (),
) -> SchemaChange:
    change = Change.ADDED if before is None else Change.REMOVED if after is None else Change.CHANGED
    return SchemaChange(change, kind, table, name, _text(before), _text(after), details)


def _text(value: _Defined | str | None) -> str:
    return value if isinstance(value, str) else value.definition if value else ""


def _name(value: Table | Column | Index | View | Trigger) -> str:
    return fold(value.name)


def _columns(value: Key | ForeignKey) -> tuple[str, ...]:
    return tuple(fold(name) for name in value.columns)


def _listed(names: list[str]) -> str:
    return ", ".join(shown_name(name) for name in names)


def _either(old: T | None, new: T | None) -> T:
    value = old if new is None else new
    assert value is not None
    return value


def _pairs(old: Iterable[T], new: Iterable[T], name: Callable[[T], str]) -> dict[str, tuple[T | None, T | None]]:
    """What is in `old` and in `new` under each name; first what is in `old`, in its order."""
    before = {name(value): value for value in old}
    after = {name(value): value for value in new}
    return {key: (before.get(key), after.get(key)) for key in before | after}


def _by_table(values: Iterable[Of]) -> defaultdict[str, list[Of]]:
    found: defaultdict[str, list[Of]] = defaultdict(list)
    for value in values:
        found[fold(value.table)].append(value)
    return found


def _matched(
    old: Sequence[T], new: Sequence[T], identity: Callable[[T], Any] = lambda value: None
) -> Iterator[tuple[T | None, T | None]]:
    """Pairs of what is not in both: one in `old` and one in `new` are one thing if they alone have an identity."""
    sides: dict[Any, tuple[list[T], list[T]]] = {}
    for side, values, others in ((0, old, new), (1, new, old)):
        for value in values:
            if value not in others:
                sides.setdefault(identity(value), ([], []))[side].append(value)
    for before, after in sides.values():
        if len(before) == len(after) == 1:
            yield before[0], after[0]
        else:
            yield from ((value, None) for value in before)
            yield from ((None, value) for value in after)


def _change_lines(change: SchemaChange, margin: int, width: int, definitions: bool) -> list[str]:
    mark, is_change = _MARKS[change.change], change.change is Change.CHANGED
    title = f"{mark} {_title(change)}"
    if change.kind in _BODIES and not (is_change and change.kind is Kind.TABLE):
        text = change.details if is_change else (change.after or change.before).split("\n")
        if len(text) > _BODY_LINES and is_change:
            text = [*text[:_BODY_LINES], f"… {len(text) - _BODY_LINES} more lines"]
        shown = text if is_change or definitions else []
        lines = _wrapped(title, margin, width)
        return lines + [line for part in shown for line in _wrapped(part, margin + 4, width)]
    if not is_change:
        return _wrapped(f"{title} {_definition(change)}".rstrip(), margin, width)
    details = change.details or (f"{change.before} → {change.after}",)
    line = _visible(f"{title}: {', '.join(details)}")
    if margin + len(line) <= width:
        return [" " * margin + line]
    parts = change.details or (f"- {change.before}", f"+ {change.after}")
    return [
        *_wrapped(title, margin, width),
        *(line for part in parts for line in _wrapped(part, margin + 4, width)),
    ]


def _title(change: SchemaChange) -> str:
    """What has changed, named; what has no name of its own is told by its definition."""
    if change.kind in (Kind.INDEX, Kind.TRIGGER):
        return f"{change.kind} {shown_name(change.name)} on {shown_name(change.table)}"
    if change.kind in (Kind.UNIQUE, Kind.FOREIGN_KEY, Kind.OPTION):
        return str(change.kind)
    return f"{change.kind} {shown_name(change.name)}" if change.name else str(change.kind)


def _definition(change: SchemaChange) -> str:
    text = change.after or change.before
    return text.removeprefix(shown_name(change.name)).lstrip() if change.kind is Kind.COLUMN else text


def _wrapped(text: str, margin: int, width: int) -> list[str]:
    """`text` moved right by `margin`; what does not fit goes on below, further right."""
    text = _visible(text)
    if margin + len(text) <= width:
        return [" " * margin + text]
    own = len(text) - len(text.lstrip())
    return wrap(
        text,
        width,
        initial_indent=" " * margin,
        subsequent_indent=" " * (margin + own + 4),
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
