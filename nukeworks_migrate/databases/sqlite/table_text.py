"""The text of a CREATE TABLE, taken apart by SQLite's grammar so that one thing in it can be changed.

Whatever is not changed stays as it was written, comments too. A comment behind a column in its line is taken to be
about that column, as is what stands above it: both go with it when it goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ...model.names import fold
from .connection import quote
from .tokens import KEYWORDS, RESERVED, Kind, Token, Tokens, split, tokens, without_parentheses

_CONSTRAINTS = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))  # they begin one of a table
_NAMES = (Kind.WORD, Kind.DOUBLE, Kind.QUOTED, Kind.STRING)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REST_OF_LINE = re.compile(r"[ \t]*+(?:--[^\n]*+|/\*[^\n]*?\*/[ \t\r]*+(?=\n|\Z))")
_CONSTANTS = frozenset(("NULL", "TRUE", "FALSE"))
_TIMES = frozenset(("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))


class NotUnderstood(Exception):
    """A text is not in the grammar that is known here."""


def written(name: str) -> str:
    """`name` as it can stand in SQL, quoted only where it has to be."""
    return name if _PLAIN.fullmatch(name) and name.upper() not in KEYWORDS else quote(name)


def listed(names: Iterable[str]) -> str:
    return ", ".join(written(name) for name in names)


def same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether these are the same names in the same order."""
    return [fold(name) for name in one] == [fold(name) for name in other]


def checked_sql(sql: str) -> str:
    """`sql` without the white space around it, if it is one expression or definition and cannot break out of its place.

    Raises:
        NotUnderstood: a parenthesis or a string is not closed, or there is a semicolon in it.
    """
    parts = tokens(sql)
    depth = 0
    for part in parts:
        depth += (part.word == "(") - (part.word == ")")
        if depth < 0 or part.kind is Kind.UNKNOWN or part.word == ";" or part.kind is Kind.VARIABLE:
            raise NotUnderstood(f"{part.text} cannot stand in: {sql}")
    if depth or not parts:
        raise NotUnderstood(f"a parenthesis is not closed in: {sql}" if parts else "there is nothing but comments")
    return sql[parts[0].begin : parts[-1].end]


def columns_in(parts: Tokens, names: Collection[str]) -> set[str]:
    """Those of the folded `names` that an expression names; what is in double quotes counts as a name."""
    found = set()
    for place, part in enumerate(parts):
        name = fold(part.name)
        if part.kind not in (Kind.WORD, Kind.DOUBLE, Kind.QUOTED) or name not in names:
            continue
        before = parts[place - 1].word if place else ""
        after = parts[place + 1].word if place + 1 < len(parts) else ""
        if after != "(" and before not in ("COLLATE", "AS"):
            found.add(name)
    return found


@dataclass(frozen=True, slots=True)
class Clause:
    """One constraint or property: which tokens it is, its name before it included, and what it says."""

    kind: str  # NOT NULL, DEFAULT, COLLATE, GENERATED, PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY, DEFERRABLE …
    begin: int
    end: int
    inside: Tokens = ()  # of the parentheses, or the value of DEFAULT and COLLATE
    columns: tuple[str, ...] = ()  # of a key at the table
    parent: str = ""
    parent_columns: tuple[str, ...] = ()
    is_stored: bool = False  # GENERATED … STORED


@dataclass(frozen=True, slots=True)
class Item:
    """What stands between two commas: a column, or constraints of the table."""

    text: str  # from its first token to its last
    lead: str = " "  # white space and comments before it
    trail: str = ""  # and between it and the comma
    note: str = ""  # a comment behind the comma, in the same line
    source: str | None = None  # the column that it was before; None for a new one and for constraints

    @property
    def parts(self) -> list[Token]:
        return tokens(self.text)

    @property
    def is_column(self) -> bool:
        return self.parts[0].word not in _CONSTRAINTS

    @property
    def name(self) -> str:
        return self.parts[0].name

    @property
    def clauses(self) -> list[Clause]:
        return _Clauses(self.parts).read()

    @property
    def type_end(self) -> int:
        """The token behind a column's name and type."""
        return _type_end(self.parts)

    def all_of(self, kind: str) -> list[Clause]:
        return [clause for clause in self.clauses if clause.kind == kind]

    def clause(self, kind: str) -> Clause | None:
        return next(iter(self.all_of(kind)), None)

    def without(self, clause: Clause) -> Item:
        """This without `clause`; its text is empty if that was all."""
        parts = self.parts
        if clause.begin:
            cut = self.text[: parts[clause.begin - 1].end] + self.text[parts[clause.end - 1].end :]
        else:
            cut = self.text[parts[clause.end].begin :] if clause.end < len(parts) else ""
        return replace(self, text=cut)

    def with_clause(self, clause: Clause | None, sql: str) -> Item:
        """This with `sql` in place of `clause`, or after the type."""
        parts = self.parts
        if clause is None:
            at = parts[self.type_end - 1].end
            return replace(self, text=f"{self.text[:at]} {sql}{self.text[at:]}")
        text = self.text[: parts[clause.begin].begin] + sql + self.text[parts[clause.end - 1].end :]
        return replace(self, text=text)

    def with_type(self, sql: str) -> Item:
        parts = self.parts
        head, tail = self.text[: parts[0].end], self.text[parts[self.type_end - 1].end :]
        return replace(self, text=f"{head} {sql}{tail}" if sql else head + tail)


class TableText:
    """A CREATE TABLE in pieces. It is changed by replacing `items`."""

    def __init__(self, sql: str) -> None:
        parts = tokens(sql)
        if [part.word for part in parts[:2]] != ["CREATE", "TABLE"] or len(parts) < 5 or parts[3].word != "(":
            raise NotUnderstood("it is no CREATE TABLE with columns")
        self.name = parts[2].name
        self._before = sql[: parts[2].begin]
        close = _closing(parts, 3)
        self._tail = sql[parts[close].begin :]
        self.options = {part.word for part in parts[close + 1 :]}
        after, self._head_note = _cut_note(sql, parts[3].end, parts[4].begin)
        self._head = sql[parts[2].end : parts[3].end]
        self.items: list[Item] = []
        place = 4
        for piece in split(parts[4:close]):
            if not piece:
                raise NotUnderstood("there is nothing between two commas")
            place += len(piece)
            begin, end, behind = piece[0].begin, piece[-1].end, parts[place]  # a comma, or the closing parenthesis
            lead, trail = sql[after:begin], ""
            if place < close:
                trail, end = sql[end : behind.begin], behind.end
                behind = parts[place + 1]
            after, note = _cut_note(sql, end, behind.begin)
            item = Item(sql[begin : piece[-1].end], lead, trail, note)
            self.items.append(replace(item, source=item.name) if item.is_column else item)
            place += 1
        self._end = sql[after : parts[close].begin]

    @property
    def columns(self) -> list[Item]:
        return [item for item in self.items if item.is_column]

    @property
    def constraints(self) -> list[Item]:
        return [item for item in self.items if not item.is_column]

    @property
    def names(self) -> list[str]:
        return [item.name for item in self.columns]

    @property
    def is_without_rowid(self) -> bool:
        return "WITHOUT" in self.options

    def place(self, name: str) -> int | None:
        """Where the column is among the items."""
        wanted = fold(name)
        return next((n for n, i in enumerate(self.items) if i.is_column and fold(i.name) == wanted), None)

    def primary_key(self) -> tuple[str, ...]:
        for item in self.items:
            for clause in item.all_of("PRIMARY KEY"):
                return (item.name,) if item.is_column else clause.columns
        return ()

    def rowid_alias(self) -> str | None:
        """The column that is the rowid by another name: the one INTEGER of a primary key; DESC at it makes it none."""
        key = self.primary_key()
        if self.is_without_rowid or len(key) != 1:
            return None
        place = self.place(key[0])
        if place is None:
            return None
        item = self.items[place]
        if [part.name.upper() for part in item.parts[1 : item.type_end]] != ["INTEGER"]:
            return None
        clause = item.clause("PRIMARY KEY")
        if clause is not None and any(part.word == "DESC" for part in item.parts[clause.begin : clause.end]):
            return None
        return item.name

    def add(self, sql: str, *, is_column: bool, place: int | None = None) -> None:
        """Add a column or a constraint, laid out as what is there.

        It stands at `place` among the items; without one, a column behind the columns, a constraint at the end.
        """
        if place is None:
            place = len(self.columns) if is_column else len(self.items)
        model = self.items[max(place - 1, 0)]
        margin = model.lead.rpartition("\n")[2]
        if "\n" in model.lead:
            lead = "\n" + (margin if not margin.strip() else "    ")
        else:
            lead = " " if place else ""
        if not place and not model.lead:
            self.items[0] = replace(model, lead=" ")  # it stood behind a parenthesis, and stands behind a comma now
        self.items.insert(place, Item(sql, lead))

    def sql(self, name: str) -> str:
        """The whole statement under another name, also where a CHECK has the table's name before a dot."""
        pieces = [self._before, quote(name), self._head, self._head_note]
        for number, item in enumerate(self.items):
            comma = "," if number + 1 < len(self.items) else ""
            pieces += [item.lead, _requalified(item, self.name, name), item.trail + comma, item.note]
        pieces += [self._end, self._tail]
        whole = ""
        is_comment = False
        for piece in pieces:
            if is_comment and piece and not piece.lstrip(" \t\r").startswith("\n"):
                whole += "\n"
            if piece:
                is_comment = piece.lstrip(" \t").startswith("--") and "\n" not in piece
            whole += piece
        return whole


def is_constant(clause: Clause) -> bool:
    """Whether a DEFAULT is one that ADD COLUMN takes for rows that are there."""
    value = clause.inside
    if len(value) == 2:
        return value[0].word in ("+", "-") and value[1].kind is Kind.NUMBER
    if len(value) != 1:
        return False
    return value[0].kind in (Kind.NUMBER, Kind.STRING, Kind.BLOB) or value[0].word in _CONSTANTS


def default_sql(expression: str) -> str:
    """What stands after DEFAULT: expressions are put into parentheses."""
    text = checked_sql(expression)
    parts = tokens(text)
    is_word = len(parts) == 1 and parts[0].word in _TIMES
    is_enclosed = parts[0].word == "(" and len(without_parentheses(parts)) < len(parts)
    if is_word or is_enclosed or is_constant(Clause("DEFAULT", 0, 0, parts)):
        return f"DEFAULT {text}"
    return f"DEFAULT ({text})"


def _cut_note(sql: str, begin: int, end: int) -> tuple[int, str]:
    """A comment that goes on in the line at `begin`, and where it ends."""
    match = _REST_OF_LINE.match(sql, begin, end)
    return (match.end(), match[0]) if match else (begin, "")


def _closing(parts: Tokens, at: int) -> int:
    """Where the parenthesis at `at` is closed."""
    depth = 0
    for place in range(at, len(parts)):
        depth += (parts[place].word == "(") - (parts[place].word == ")")
        if not depth:
            return place
    raise NotUnderstood("a parenthesis is not closed")


def _requalified(item: Item, old: str, new: str) -> str:
    """The text with `new` where the name `old` stands before a dot."""
    text, parts = item.text, item.parts
    for place in range(len(parts) - 2, -1, -1):
        part = parts[place]
        if part.kind in _NAMES and fold(part.name) == fold(old) and parts[place + 1].word == ".":
            text = text[: part.begin] + quote(new) + text[part.end :]
    return text


def _type_end(parts: Tokens) -> int:
    at = 1
    while at < len(parts) and parts[at].kind in _NAMES and parts[at].word not in RESERVED:
        if [part.word for part in parts[at : at + 3]] == ["GENERATED", "ALWAYS", "AS"]:
            break
        at += 1
    if 1 < at < len(parts) and parts[at].word == "(":
        at = _closing(parts, at) + 1
    return at


class _Clauses:
    """Reads the clauses of a column or of the table, token by token."""

    def __init__(self, parts: Tokens) -> None:
        self.parts = parts
        self.at = _type_end(parts) if parts[0].word not in _CONSTRAINTS else 0

    def read(self) -> list[Clause]:
        found = []
        while self.at < len(self.parts):
            begin = self.at
            while self._take("CONSTRAINT"):
                self.at += 1
            found.append(self._clause(begin))
        return found

    def _take(self, *words: str) -> bool:
        if [part.word for part in self.parts[self.at : self.at + len(words)]] != [*words]:
            return False
        self.at += len(words)
        return True

    def _group(self) -> Tokens:
        if self.at >= len(self.parts) or self.parts[self.at].word != "(":
            raise NotUnderstood("a parenthesis was expected")
        begin, close = self.at, _closing(self.parts, self.at)
        self.at = close + 1
        return self.parts[begin + 1 : close]

    def _conflict(self) -> None:
        if self._take("ON", "CONFLICT"):
            self.at += 1

    def _opens(self) -> bool:
        return self.at < len(self.parts) and self.parts[self.at].word == "("

    def _clause(self, begin: int) -> Clause:
        if self.at >= len(self.parts):
            return Clause("CONSTRAINT", begin, self.at)
        if self._take("NOT", "NULL"):
            self._conflict()
            return Clause("NOT NULL", begin, self.at)
        if self._take("NULL"):
            self._conflict()
            return Clause("NULL", begin, self.at)
        if self._take("DEFAULT"):
            first = self.at
            if self._opens():
                self._group()
            else:
                self.at += 2 if self.parts[first].word in ("+", "-") else 1
            return Clause("DEFAULT", begin, self.at, self.parts[first : self.at])
        if self._take("COLLATE"):
            self.at += 1
            return Clause("COLLATE", begin, self.at, self.parts[self.at - 1 : self.at])
        if self._take("PRIMARY", "KEY"):
            columns = _key_columns(self._group()) if self._opens() else ()
            if not self._take("ASC"):
                self._take("DESC")
            self._conflict()
            self._take("AUTOINCREMENT")
            return Clause("PRIMARY KEY", begin, self.at, columns=columns)
        if self._take("UNIQUE"):
            columns = _key_columns(self._group()) if self._opens() else ()
            self._conflict()
            return Clause("UNIQUE", begin, self.at, columns=columns)
        if self._take("CHECK"):
            inside = self._group()
            self._conflict()
            return Clause("CHECK", begin, self.at, inside)
        if self._take("REFERENCES"):
            return self._references(begin, ())
        if self._take("FOREIGN", "KEY"):
            columns = _key_columns(self._group())
            if not self._take("REFERENCES"):
                raise NotUnderstood("REFERENCES was expected")
            return self._references(begin, columns)
        if self._deferrable():
            return Clause("DEFERRABLE", begin, self.at)
        self._take("GENERATED", "ALWAYS")
        if self._take("AS"):
            inside = self._group()
            is_stored = self._take("STORED")
            if not is_stored:
                self._take("VIRTUAL")
            return Clause("GENERATED", begin, self.at, inside, is_stored=is_stored)
        raise NotUnderstood(f"{self.parts[self.at].text} was not expected")

    def _references(self, begin: int, columns: tuple[str, ...]) -> Clause:
        parent = self.parts[self.at].name
        self.at += 1
        parent_columns = _key_columns(self._group()) if self._opens() else ()
        while self.at < len(self.parts):
            if self._take("ON"):
                self.at += 3 if self.parts[self.at + 1].word in ("SET", "NO") else 2
            elif self._take("MATCH"):
                self.at += 1
            elif not self._deferrable():
                break
        return Clause("FOREIGN KEY", begin, self.at, columns=columns, parent=parent, parent_columns=parent_columns)

    def _deferrable(self) -> bool:
        if not self._take("NOT", "DEFERRABLE") and not self._take("DEFERRABLE"):
            return False
        if self._take("INITIALLY"):
            self.at += 1
        return True


def _key_columns(inside: Tokens) -> tuple[str, ...]:
    """The columns in parentheses, without collations and directions."""
    return tuple(_bare(piece).name for piece in split(inside) if piece)


def _bare(piece: Tokens) -> Token:
    while piece[0].word == "(":
        piece = piece[1:]
    return piece[0]
