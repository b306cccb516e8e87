"""The schema of an SQLite database, read from the statements that it keeps.

sqlite_master holds the text of each CREATE statement, with the changes of ALTER TABLE worked in, and that text is
all that SQLite itself has: it is parsed anew whenever a database is opened. It is read here the same way, by
SQLite's grammar, in one query. The pragmas tell less (no CHECK, no collation of a column, no conflict clause,
no DEFERRABLE, before 3.37 no STRICT), differ between versions, and fail where the module of a virtual table is not
loaded; the tests hold the two against each other. The columns of virtual tables alone are asked for.

Not seen as the same: an expression that names its table (`t.a > 0`) and one that does not, redundant parentheses
inside an expression, a string in double quotes inside a view or a trigger, an AS that can be left out.
"""

from __future__ import annotations

import sqlite3
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from ...errors import DatabaseRefused
from ...model.names import fold
from ...model.schema import (
    Column,
    ForeignKey,
    Generated,
    Index,
    Key,
    Schema,
    Table,
    Term,
    Trigger,
    View,
)
from .tokens import (
    RESERVED,
    Kind,
    Token,
    Tokens,
    canonical_expression,
    canonical_lines,
    canonical_name,
    canonical_text,
    exact_text,
    split,
    tidy,
    tokens,
    without_parentheses,
)

# What the modules of SQLite keep their content in; these tables are made with the virtual one.
_SHADOWS = {
    "fts3": ("content", "docsize", "segdir", "segments", "stat"),
    "fts4": ("content", "docsize", "segdir", "segments", "stat"),
    "fts5": ("config", "content", "data", "docsize", "idx"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
    "spellfix1": ("vocab",),
}
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_ROWID = frozenset(("rowid", "oid", "_rowid_"))
_CONSTRAINTS = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))  # they begin one of a table
_NAMES = (Kind.WORD, Kind.DOUBLE, Kind.QUOTED, Kind.STRING)
_KIND_ORDER = ("table", "index", "view", "trigger")


class _Stored(NamedTuple):
    """One row of sqlite_master."""

    kind: str
    name: str
    table: str
    sql: str


def read_schema(connection: sqlite3.Connection) -> Schema:
    """Read the schema "main", without what SQLite makes by itself: its own tables and indexes, shadow tables.

    Raises:
        DatabaseRefused: a stored statement is in a syntax that is not known here.
    """
    tables: dict[str, Table] = {}
    indexes: list[Index] = []
    views: list[View] = []
    triggers: list[Trigger] = []
    for stored in _stored(connection):
        with _named(stored):
            if stored.kind == "table":
                tables[fold(stored.name)] = _read_table(connection, stored)
            elif stored.kind == "index":
                indexes.append(_read_index(stored, tables.get(fold(stored.table))))
            elif stored.kind == "view":
                views.append(_read_view(stored))
            else:
                triggers.append(_read_trigger(stored))
    return Schema(
        tuple(_with_parent_columns(table, tables) for table in tables.values()),
        tuple(indexes),
        tuple(views),
        tuple(triggers),
    )


def create_statements(connection: sqlite3.Connection, *, without: str = "") -> list[str]:
    """Return the statements that make the schema "main", in an order that loads: the same for the same schema.

    Tables whose names begin with `without`, and what belongs to them, are left out.

    Tables come by name, then indexes, views and triggers. They are as they were written but for line ends and
    indentation, and end without a semicolon.
    """
    kept = [s for s in _stored(connection) if not (without and fold(s.table).startswith(without))]
    return [tidy(stored.sql) for stored in kept]


def _stored(connection: sqlite3.Connection) -> list[_Stored]:
    """The rows of sqlite_master that somebody wrote, tables first, each kind by name."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master WHERE sql IS NOT NULL")
    stored = [_Stored(kind, name, table, sql) for kind, name, table, sql in rows.fetchall()]
    hidden = _shadow_tables(connection, stored)
    kept = [s for s in stored if not fold(s.name).startswith("sqlite_") and fold(s.table) not in hidden]
    return sorted(kept, key=lambda s: (_KIND_ORDER.index(s.kind), fold(s.name)))


def _shadow_tables(connection: sqlite3.Connection, stored: list[_Stored]) -> set[str]:
    """Folded names of the tables that virtual tables keep their content in.

    Those of SQLite's own modules are known by name, so that they are found where the module is not loaded, too.
    """
    found = set()
    virtual = [s for s in stored if s.kind == "table" and _is_virtual(s.sql)]
    for table in virtual:
        with _named(table):
            module, _ = _virtual_parts(table.sql)
        found |= {f"{fold(table.name)}_{ending}" for ending in _SHADOWS.get(fold(module), ())}
    if virtual:
        try:
            names = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
            found |= {fold(name) for (name,) in names.fetchall()}
        except sqlite3.Error:  # SQLite before 3.37 has no such list
            pass
    return found


class _NotUnderstood(Exception):
    """A statement is not in the grammar that is known here."""


@contextmanager
def _named(stored: _Stored) -> Iterator[None]:
    """Say of what is not understood which statement it is in."""
    try:
        yield
    except _NotUnderstood as error:
        raise DatabaseRefused(
            f"the definition of {stored.kind} {stored.name} cannot be read",
            where=stored.sql,
            cause=str(error),
            unchanged="nothing was written",
        ) from error


_END = Token(Kind.UNKNOWN, "the end", "", 0)


class _Words:
    """A statement read from its beginning, token by token."""

    def __init__(self, parts: Tokens) -> None:
        self._parts = parts
        self._at = 0

    @property
    def here(self) -> Token:
        return self._parts[self._at] if self._at < len(self._parts) else _END

    @property
    def rest(self) -> Tokens:
        return self._parts[self._at :]

    def step(self) -> Token:
        token = self.here
        self._at += 1
        return token

    def are(self, *words: str) -> bool:
        if self.here.word != words[0]:
            return False  # as nearly always
        return [token.word for token in self._parts[self._at : self._at + len(words)]] == [*words]

    def take(self, *words: str) -> bool:
        """Step over `words` if they are next; return whether they were."""
        if not self.are(*words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.take(*words):
            raise _NotUnderstood(f"{' '.join(words)} was expected at {self.here.text}")

    def one_of(self, *words: str) -> str:
        """Step over the next token if it is one of `words`; return it, or nothing."""
        word = self.here.word
        if word not in words:
            return ""
        self._at += 1
        return word

    def name(self) -> str:
        token = self.step()
        if token is _END or token.kind in (Kind.SIGN, Kind.UNKNOWN):
            raise _NotUnderstood(f"a name was expected at {token.text}")
        return token.name

    def until(self, word: str) -> Tokens:
        """Step up to the keyword `word` outside of parentheses; return what is before it."""
        begin, depth = self._at, 0
        after_dot = False  # where the word is a name
        while depth or after_dot or self.here.word != word:
            token = self.step()
            if token is _END:
                raise _NotUnderstood(f"{word} was expected")
            depth += (token.word == "(") - (token.word == ")")
            after_dot = token.word == "."
        return self._parts[begin : self._at]

    def group(self) -> Tokens:
        """Step over parentheses; return what is in them."""
        self.expect("(")
        begin, depth = self._at, 1
        while depth:
            token = self.step()
            if token is _END:
                raise _NotUnderstood("a parenthesis is not closed")
            depth += (token.word == "(") - (token.word == ")")
        return self._parts[begin : self._at - 1]

    def names(self) -> tuple[str, ...]:
        return tuple(_Words(part).name() for part in split(self.group()))


def _is_virtual(sql: str) -> bool:
    return sql[:15].upper() == "CREATE VIRTUAL "  # SQLite writes these words itself


def _virtual_parts(sql: str) -> tuple[str, tuple[str, ...]]:
    """The module of a virtual table and its arguments, which only the module understands."""
    words = _Words(tokens(sql))
    words.expect("CREATE", "VIRTUAL", "TABLE")
    words.name()
    words.expect("USING")
    module = words.name()
    if not words.are("("):
        return module, ()
    return module, tuple(exact_text(argument) for argument in split(words.group()))


def _read_table(connection: sqlite3.Connection, stored: _Stored) -> Table:
    if not _is_virtual(stored.sql):
        return _Definition(stored).table()
    module, arguments = _virtual_parts(stored.sql)
    return Table(stored.name, _virtual_columns(connection, stored.name), module=module, arguments=arguments)


def _virtual_columns(connection: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    """The columns of a virtual table, as its module says; none where it is not loaded."""
    try:
        rows = connection.execute(
            "SELECT name, type, \"notnull\", hidden FROM pragma_table_xinfo(?, 'main') ORDER BY cid", (table,)
        ).fetchall()
    except sqlite3.Error:
        return ()
    return tuple(Column(name, kind, bool(null), hidden=hidden == 1) for name, kind, null, hidden in rows)


class _Definition:
    """The text of one CREATE TABLE, read into the parts of a value."""

    def __init__(self, stored: _Stored) -> None:
        self.name = stored.name
        self.columns: dict[str, Column] = {}
        self.keys: list[tuple[bool, Key]] = []  # as they were made, and whether it is the primary one
        self.checks: set[str] = set()
        self.foreign_keys: list[ForeignKey] = []
        self.strict = self.without_rowid = self.autoincrement = False
        self.is_descending_at_column = False
        words = _Words(tokens(stored.sql))
        words.expect("CREATE", "TABLE")
        words.name()
        pieces = split(words.group())
        self._read_options(words)
        # A column's name is none of these words without quotes, and no column follows a constraint.
        count = next((n for n, piece in enumerate(pieces) if piece and piece[0].word in _CONSTRAINTS), len(pieces))
        self.names = frozenset(fold(_Words(piece).name()) for piece in pieces[:count])
        for piece in pieces[:count]:
            self._read_column(_Words(piece))
        for piece in pieces[count:]:
            self._read_constraints(_Words(piece))

    def table(self) -> Table:
        alone = self._integer_key()
        is_rowid = alone is not None and not self.without_rowid
        made = [(is_primary, alone if alone and is_primary else key) for is_primary, key in self.keys]
        # The rowid needs no index, so that a unique constraint beside it has its own.
        keys = made if is_rowid else _merged(made)
        primary_key = next((key for is_primary, key in keys if is_primary), None)
        in_key = frozenset(fold(name) for name in primary_key.columns) if primary_key else frozenset()
        columns = []
        for name, column in self.columns.items():
            if name in in_key and is_rowid:
                # The rowid is never null: NULL is where it gets its next value, NOT NULL or not.
                column = replace(column, not_null=False, not_null_conflict="")
            elif name in in_key and (self.strict or self.without_rowid):
                column = replace(column, not_null=True)
            columns.append(column)
        uniques = _merged([(is_primary, key) for is_primary, key in keys if not is_primary])
        return Table(
            self.name,
            tuple(columns),
            primary_key,
            tuple(key for _, key in uniques),
            tuple(self.checks),
            tuple(set(self.foreign_keys)),
            self.strict,
            self.without_rowid,
            self.autoincrement,
        )

    def _integer_key(self) -> Key | None:
        """The primary key, if it is one INTEGER column, as SQLite understands it.

        SQLite knows of it by the column alone: a collation has no effect, and DESC, if it stands in a
        constraint of the table, only where there is no rowid. DESC at the column makes it a key like others.
        """
        key = next((key for is_primary, key in self.keys if is_primary), None)
        if key is None or len(key.terms) != 1 or self.is_descending_at_column:
            return None
        column = self.columns.get(fold(key.terms[0].column))
        if column is None or column.type != "INTEGER":
            return None
        return Key((Term(column.name, descending=self.without_rowid and key.terms[0].descending),), key.conflict)

    def _read_options(self, words: _Words) -> None:
        while words.here is not _END:
            if words.take("STRICT"):
                self.strict = True
            elif words.take("WITHOUT", "ROWID"):
                self.without_rowid = True
            else:
                words.expect(",")

    def _read_column(self, words: _Words) -> None:
        name, kind = words.name(), _type(words)
        not_null, not_null_conflict, default, collation = False, "", None, ""
        generated: Generated | None = None
        while words.here is not _END:
            if words.take("CONSTRAINT"):
                words.name()
            elif words.take("NOT", "NULL"):
                not_null, not_null_conflict = True, _conflict(words)
            elif words.take("NULL"):
                _conflict(words)
            elif words.take("DEFAULT"):
                default = _default(words)
            elif words.take("COLLATE"):
                collation = _collation(words.name())
            elif words.take("PRIMARY", "KEY"):
                is_descending = words.one_of("ASC", "DESC") == "DESC"
                self.is_descending_at_column = is_descending
                self.keys.append((True, Key((Term(name, descending=is_descending),), _conflict(words))))
                self.autoincrement = words.take("AUTOINCREMENT")
            elif words.take("UNIQUE"):
                self.keys.append((False, Key((Term(name),), _conflict(words))))
            elif words.take("CHECK"):
                self._read_check(words)
            elif words.take("REFERENCES"):
                self.foreign_keys.append(_foreign_key((name,), words))
            elif (deferred := _deferred(words)) is not None:
                # The last one made, in this column or before it: that is how SQLite reads it.
                if self.foreign_keys:
                    self.foreign_keys[-1] = replace(self.foreign_keys[-1], deferred=deferred)
            else:
                words.take("GENERATED", "ALWAYS")
                words.expect("AS")
                expression = canonical_expression(words.group(), self.names)
                generated = Generated(expression, stored=words.one_of("STORED", "VIRTUAL") == "STORED")
        self.columns[fold(name)] = Column(name, kind, not_null, not_null_conflict, default, generated, collation)

    def _read_constraints(self, words: _Words) -> None:
        """Read a constraint of the table; more may follow without a comma."""
        while words.here is not _END:
            if words.take("CONSTRAINT"):
                words.name()
            elif words.take("PRIMARY", "KEY"):
                inside = words.group()
                self.autoincrement = bool(inside) and inside[-1].word == "AUTOINCREMENT"
                terms = _terms(inside[:-1] if self.autoincrement else inside, self.columns)
                self.keys.append((True, Key(terms, _conflict(words))))
            elif words.take("UNIQUE"):
                terms = _terms(words.group(), self.columns)
                self.keys.append((False, Key(terms, _conflict(words))))
            elif words.take("CHECK"):
                self._read_check(words)
                _conflict(words)  # accepted by SQLite, and without effect
            else:
                words.expect("FOREIGN", "KEY")
                columns = words.names()
                words.expect("REFERENCES")
                self.foreign_keys.append(_foreign_key(columns, words))

    def _read_check(self, words: _Words) -> None:
        names = self.names if self.without_rowid else self.names | _ROWID
        self.checks.add(canonical_expression(words.group(), names))


def _type(words: _Words) -> str:
    """Step over the type of a column: any number of names, and up to two numbers in parentheses."""
    found = []
    while not words.are("GENERATED", "ALWAYS", "AS"):
        here = words.here
        if here.kind not in _NAMES or here.word in RESERVED:
            break
        found.append(_upper(words.name()))
    numbers = "".join(part.text for part in words.group()) if found and words.are("(") else ""
    return " ".join(found) + (f"({numbers})" if numbers else "")


def _default(words: _Words) -> str | None:
    """Step over what follows DEFAULT; a name there is a string, but for TRUE, FALSE and the words for times."""
    if words.are("("):
        text = canonical_expression(words.group(), ())
    elif words.are("+") or words.are("-"):
        text = canonical_text((words.step(), words.step()))
    else:
        token = words.step()
        is_name = token.kind in (Kind.DOUBLE, Kind.QUOTED) or (token.kind is Kind.WORD and token.word not in _VALUES)
        text = "'" + token.name.replace("'", "''") + "'" if is_name else token.word or token.text
    return None if text == "NULL" else text


_VALUES = frozenset(("NULL", "TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))


def _conflict(words: _Words) -> str:
    if not words.take("ON", "CONFLICT"):
        return ""
    word = words.step().word
    return "" if word == "ABORT" else word


def _collation(name: str) -> str:
    upper = _upper(name)
    return "" if upper == "BINARY" else upper


def _foreign_key(columns: tuple[str, ...], words: _Words) -> ForeignKey:
    """Step over what follows REFERENCES, as far as it is the same at a column and at the table."""
    parent = words.name()
    parent_columns = words.names() if words.are("(") else ()
    actions = {"UPDATE": "", "DELETE": ""}
    match, deferred = "", False
    while True:
        if words.take("ON"):
            event = words.step().word  # INSERT too, which means nothing
            action = words.step().word
            if action in ("SET", "NO"):
                action = f"{action} {words.step().word}"
            actions[event] = "" if action == "NO ACTION" else action
        elif words.take("MATCH"):
            match = _upper(words.name())
        elif (found := _deferred(words)) is not None:
            deferred = found
        else:
            break
    match = "" if match == "SIMPLE" else match
    return ForeignKey(columns, parent, parent_columns, actions["UPDATE"], actions["DELETE"], deferred, match)


def _deferred(words: _Words) -> bool | None:
    """Step over [NOT] DEFERRABLE …; return whether the key is checked at the end, or None if it is not there."""
    is_not = words.take("NOT", "DEFERRABLE")
    if not is_not and not words.take("DEFERRABLE"):
        return None
    initially = words.take("INITIALLY") and words.step().word == "DEFERRED"
    return initially and not is_not


def _terms(parts: Tokens, columns: Mapping[str, Column]) -> tuple[Term, ...]:
    return tuple(_term(part, columns) for part in split(parts))


def _term(parts: Tokens, columns: Mapping[str, Column]) -> Term:
    """One column or expression of a key or an index."""
    is_descending = False
    if parts[-1].word in ("ASC", "DESC") and len(parts) > 1:
        is_descending = parts[-1].word == "DESC"
        parts = parts[:-1]
    parts = without_parentheses(parts)
    collation = None
    inner = parts
    if len(parts) > 2 and parts[-2].word == "COLLATE":
        collation = _collation(parts[-1].name)
        inner = without_parentheses(parts[:-2])
    column = columns.get(fold(inner[0].name)) if len(inner) == 1 else None
    if column is None:
        return Term(expression=canonical_text(parts, columns.keys()), descending=is_descending)
    if collation is None or collation == column.collation:
        collation = ""
    elif not collation:
        collation = "BINARY"
    return Term(column.name, collation=collation, descending=is_descending)


def _merged(keys: Sequence[tuple[bool, Key]]) -> list[tuple[bool, Key]]:
    """`keys`, with one for those that SQLite makes one index for: the same columns with the same collations."""
    found: dict[tuple[tuple[str, str], ...], tuple[bool, Key]] = {}
    for is_primary, key in keys:
        identity = tuple((fold(term.column), term.collation) for term in key.terms)
        if identity in found:
            was_primary, first = found[identity]
            is_primary, key = is_primary or was_primary, Key(first.terms, first.conflict or key.conflict)
        found[identity] = is_primary, key
    return list(found.values())


def _with_parent_columns(table: Table, tables: Mapping[str, Table]) -> Table:
    """`table` with the primary key of the parent written out where its foreign keys leave it out."""
    if all(key.parent_columns for key in table.foreign_keys):
        return table
    found = []
    for key in table.foreign_keys:
        parent = tables.get(fold(key.parent))
        primary_key = parent.primary_key if parent else None
        if not key.parent_columns and primary_key and len(primary_key.terms) == len(key.columns):
            key = replace(key, parent_columns=primary_key.columns)
        found.append(key)
    return replace(table, foreign_keys=tuple(set(found)))


def _read_index(stored: _Stored, table: Table | None) -> Index:
    if table is None:
        raise _NotUnderstood(f"there is no table {stored.table}")
    columns = {fold(column.name): column for column in table.columns}
    words = _Words(tokens(stored.sql))
    words.expect("CREATE")
    is_unique = words.take("UNIQUE")
    words.expect("INDEX")
    words.name()
    words.expect("ON")
    words.name()
    terms = _terms(words.group(), columns)
    where = ""
    if words.here is not _END:
        words.expect("WHERE")
        names = columns.keys() if table.without_rowid else columns.keys() | _ROWID
        where = canonical_expression(words.rest, names)
    return Index(stored.name, stored.table, terms, is_unique, where)


def _read_view(stored: _Stored) -> View:
    words = _Words(tokens(stored.sql))
    words.expect("CREATE", "VIEW")
    words.name()
    columns = f" ({', '.join(canonical_name(name) for name in words.names())})" if words.are("(") else ""
    words.expect("AS")
    head = f"CREATE VIEW {canonical_name(stored.name)}{columns} AS"
    return View(stored.name, f"{head}\n{canonical_lines(words.rest)}", stored.sql)


def _read_trigger(stored: _Stored) -> Trigger:
    words = _Words(tokens(stored.sql))
    words.expect("CREATE", "TRIGGER")
    words.name()
    moment = words.one_of("BEFORE", "AFTER", "INSTEAD") or "BEFORE"
    if moment == "INSTEAD":
        words.expect("OF")
        moment = "INSTEAD OF"
    event = words.one_of("DELETE", "INSERT", "UPDATE")
    if words.take("OF"):
        columns = (canonical_name(_Words(part).name()) for part in split(words.until("ON")))
        event += f" OF {', '.join(columns)}"
    words.expect("ON")
    table = words.name()
    if words.take("."):
        table = words.name()
    words.take("FOR", "EACH", "ROW")
    lines = [f"CREATE TRIGGER {canonical_name(stored.name)} {moment} {event} ON {canonical_name(table)}"]
    if words.take("WHEN"):
        lines.append(f"WHEN {canonical_expression(words.until('BEGIN'))}")
    words.expect("BEGIN")
    lines.append("BEGIN")
    for statement in split(words.rest[:-1], ";"):
        if statement:
            lines.append(f"{canonical_lines(statement, '  ')};")
    return Trigger(stored.name, stored.table, "\n".join([*lines, "END"]), stored.sql)


def _upper(name: str) -> str:
    """`name` in upper case, as far as SQLite sees case."""
    return name.upper() if name.isascii() else name.translate(_UPPER)
