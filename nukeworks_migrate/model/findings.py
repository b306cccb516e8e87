"""What deserves a second thought in a migration's SQL, judged one statement at a time by its words.

    NWM101  warning  a table is dropped
    NWM102  warning  a column is dropped
    NWM103  warning  rows are deleted without WHERE
    NWM104  info     rows are updated without WHERE
    NWM105  warning  a table is truncated
    NWM106  error    a transaction is begun or ended in the file
    NWM107  error    a table of the framework's own is written to

What is in comments, strings and quoted names neither trips a rule nor satisfies one. An error
is something that the run would refuse or that would break the ledger; a warning loses data if it was
not meant; an info is as often meant as not: filling a new column is an UPDATE without WHERE. Dropping a
view, an index or a trigger loses no data and is no finding, and neither is anything done to a
temporary table by that name (temp.x, DROP TEMPORARY TABLE). A write to the framework's own tables is
reported as that alone: however it is worded, it has to go.

The body of a trigger is not judged with its CREATE TRIGGER. It does not run now but at some later write,
for the rows which that write touches; nothing is lost by creating it, and what it will delete is
for the application to know.

These findings advise; nothing that is executed is ever decided by them. The words are cut by sqlparse's
lexer, which knows no dialect for certain: where a backslash stands in front of a quote, SQLite and
PostgreSQL read on differently from MariaDB, and only what both readings find is reported. Not seen:
MariaDB's `/*! … */`, which is taken for the comment that it is elsewhere, and what is put together inside
a DO block or a procedure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

OWN_PREFIX = "schema_version"


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"  # worth knowing
    WARNING = "warning"  # loses data, if it was not meant
    ERROR = "error"  # has to be changed


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for, under a code that does not change."""

    code: str
    severity: Severity
    title: str


TABLE_DROPPED = Rule("NWM101", Severity.WARNING, "a table is dropped")
COLUMN_DROPPED = Rule("NWM102", Severity.WARNING, "a column is dropped")
DELETE_WITHOUT_WHERE = Rule("NWM103", Severity.WARNING, "rows are deleted without WHERE")
UPDATE_WITHOUT_WHERE = Rule("NWM104", Severity.INFO, "rows are updated without WHERE")
TABLE_TRUNCATED = Rule("NWM105", Severity.WARNING, "a table is truncated")
TRANSACTION_CONTROL = Rule("NWM106", Severity.ERROR, "a transaction is begun or ended in the file")
OWN_TABLE_WRITTEN = Rule("NWM107", Severity.ERROR, "a table of the framework's own is written to")

RULES = (
    TABLE_DROPPED,
    COLUMN_DROPPED,
    DELETE_WITHOUT_WHERE,
    UPDATE_WITHOUT_WHERE,
    TABLE_TRUNCATED,
    TRANSACTION_CONTROL,
    OWN_TABLE_WRITTEN,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule applies."""

    code: str
    severity: Severity
    message: str  # names the table; names are as they are in the SQL, so escape them before a terminal
    where: str = ""  # versions/0017_x.py:24
    table: str = ""  # the table that is dropped, for NWM101

    def at(self, where: str) -> Finding:
        """The same finding, in the place where its statement stands."""
        return replace(self, where=where)


def statement_findings(statement: str) -> tuple[Finding, ...]:
    """Return what there is to say about one statement of SQL; most often nothing.

    `where` of the findings is left empty. A long statement is read up to 200,000 characters or
    20,000 words; a WHERE that did not come by then may come later, and is not missed. Several statements
    in one text are judged by the first.
    """
    if not _could_matter(statement):
        return ()
    beginning = statement[:_MOST_CHARACTERS]
    findings = _judge(_read(beginning, is_whole=len(beginning) == len(statement)))
    if findings and _ESCAPED_QUOTE.search(beginning):
        # The lexer reads as MariaDB does. With another character for the backslash, it reads as SQLite does.
        other = _judge(_read(beginning.replace("\\", "_"), is_whole=len(beginning) == len(statement)))
        return tuple(finding for finding in findings if finding in other)
    return findings


# Enough for what stands before the first table's name, and for every WHERE that was typed by hand. The lexer
# needs 0.25 s for so many tokens, and 10 s for a statement of 5 MB.
def renamed_to(statement: str) -> str:
    """Return the name that ALTER TABLE … RENAME TO gives a table, as it is written; empty for all else."""
    first = _FIRST_WORD.match(statement)
    if first is None or first[1].upper() != "ALTER" or "rename" not in statement.lower():
        return ""
    read = _read(statement[:_MOST_CHARACTERS], is_whole=True)
    cursor = _Cursor(read)
    if cursor.next() != "ALTER" or not cursor.take("TABLE"):
        return ""
    cursor.take("IF", "EXISTS")
    cursor.table()
    table = cursor.table() if cursor.take("RENAME", "TO") else None
    return table.label if table is not None else ""


_MOST_CHARACTERS = 200_000
_MOST_TOKENS = 20_000

# Whether a statement can matter is asked of its first word, and of a word that must come somewhere in
# it: the lexer takes 40 ms to import, and a folder of CREATE TABLE and INSERT has no need of it.
_FIRST_WORD = re.compile(r"(?:[\s\ufeff;]|--[^\n]*|#[^\n]*|/\*.*?\*/)*+(\w+)", re.DOTALL)
_ANYTHING = re.compile("")
_OWN = re.compile(OWN_PREFIX, re.IGNORECASE)
_MUST_CONTAIN = {
    "ALTER": re.compile(rf"drop|{OWN_PREFIX}", re.IGNORECASE),
    "DROP": re.compile("table", re.IGNORECASE),
    "WITH": re.compile(rf"delete|update|{OWN_PREFIX}", re.IGNORECASE),
    "PREPARE": re.compile("transaction", re.IGNORECASE),
    "START": re.compile("transaction", re.IGNORECASE),
    **dict.fromkeys(("CREATE", "INSERT", "MERGE", "REPLACE"), _OWN),
    **dict.fromkeys(("ABORT", "BEGIN", "COMMIT", "DELETE", "END", "ROLLBACK", "TRUNCATE", "UPDATE"), _ANYTHING),
}

_ESCAPED_QUOTE = re.compile(r"\\['\"]")
_QUOTES = "'\"`[´$"
_NAME = re.compile(r"[^\W\d]")

# What may follow DROP in ALTER TABLE instead of a column. With nothing behind it, it is a name: SQLite
# has columns called key.
_NOT_COLUMNS = frozenset({"CHECK", "CONSTRAINT", "FOREIGN", "INDEX", "KEY", "PARTITION", "PERIOD", "PRIMARY", "SYSTEM"})

_VERBS = frozenset({"DELETE", "INSERT", "MERGE", "REPLACE", "SELECT", "UPDATE", "VALUES"})


def _could_matter(statement: str) -> bool:
    first = _FIRST_WORD.match(statement, 0, _MOST_CHARACTERS)
    needed = _MUST_CONTAIN.get(first[1].upper()) if first else None
    return needed is not None and needed.search(statement, 0, _MOST_CHARACTERS) is not None


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, name or sign of a statement; white space and comments are none."""

    word: str  # in capitals; empty if it is quoted, so that "where" is never WHERE
    name: str  # without its quotes; empty if it cannot be a name
    depth: int  # of parentheses; that of both parentheses is the one outside of them


@dataclass(frozen=True, slots=True)
class _Statement:
    tokens: tuple[_Token, ...]
    is_whole: bool  # False if something may follow that could not be read


@dataclass(frozen=True, slots=True)
class _Table:
    parts: tuple[str, ...]  # main, t

    @property
    def label(self) -> str:
        return ".".join(self.parts)

    @property
    def is_own(self) -> bool:
        return self.parts[-1].lower().startswith(OWN_PREFIX)

    @property
    def is_temporary(self) -> bool:
        return len(self.parts) > 1 and self.parts[-2].lower() in ("temp", "pg_temp")


def _read(text: str, *, is_whole: bool) -> _Statement:
    """The tokens of the first statement in `text`."""
    # Untyped in some versions of sqlparse, and typed in others.
    from sqlparse import lexer as sql_lexer  # type: ignore[import-untyped, unused-ignore]
    from sqlparse import tokens as sql_tokens  # type: ignore[import-untyped, unused-ignore]

    lexer: Any = sql_lexer
    kinds: Any = sql_tokens
    tokens: list[_Token] = []
    depth = 0
    before = ""  # what stands directly before a token, without white space between
    for kind, value in lexer.tokenize(text):
        if kind in kinds.Whitespace or kind in kinds.Comment or value == "\ufeff":
            before = ""
            continue
        if value == "*" and before.endswith("/"):
            tokens.pop()  # /* without an end: the rest is a comment
            break
        if kind in kinds.Error and value in _QUOTES:
            is_whole = False  # a quote without an end: whatever follows is not code
            break
        if value == ";":
            if tokens:
                break
            continue
        if value == ")":
            depth -= 1
        if value[0] in _QUOTES and len(value) > 1:
            tokens.append(_Token("", _unquoted(value), depth))
        else:
            # The lexer gives some words together: IF EXISTS, LEFT JOIN, CREATE OR REPLACE.
            words = value.split()
            tokens.extend(_Token(word.upper(), word if _NAME.match(word) else "", depth) for word in words)
            if depth == 0 and words[0].upper() == "WHERE" and before != ".":
                break  # nothing is looked for behind it, and it may be followed by a long list
        if value == "(":
            depth += 1
        before = value
        if len(tokens) > _MOST_TOKENS:
            is_whole = False
            break
    return _Statement(tuple(tokens), is_whole)


def _unquoted(value: str) -> str:
    quote = value[-1]
    return value[1:-1].replace(quote * 2, quote) if value[0] in "'\"`[" else ""


class _Cursor:
    """Reads a statement from one of its tokens on."""

    def __init__(self, statement: _Statement, at: int = 0) -> None:
        self._tokens = statement.tokens
        self._depth = statement.tokens[at].depth
        self._at = at
        self.is_whole = statement.is_whole

    @property
    def left(self) -> int:
        return len(self._tokens) - self._at

    def peek(self, ahead: int = 0) -> str:
        """The word at the cursor, or one further on; empty at the end and for what is quoted."""
        at = self._at + ahead
        return self._tokens[at].word if at < len(self._tokens) else ""

    def next(self) -> str:
        self._at += 1
        return self.peek(-1)

    def take(self, *words: str) -> bool:
        """Step over these words if exactly they come next."""
        if any(self.peek(ahead) != word for ahead, word in enumerate(words)):
            return False
        self._at += len(words)
        return True

    def skip(self, *words: str) -> None:
        """Step over as many of these words as come next."""
        while self.peek() in words:
            self._at += 1

    def name(self) -> str:
        if not self.left:
            return ""
        self._at += 1
        return self._tokens[self._at - 1].name

    def table(self) -> _Table | None:
        parts = [self.name()]
        while self.peek() == "." and self.peek(1) != "*":
            self._at += 1
            parts.append(self.name())
        self.skip(".", "*")
        return _Table(tuple(parts)) if all(parts) else None

    def tables(self) -> list[_Table]:
        """The tables of a list with commas."""
        found = [self.table()]
        while self.take(","):
            found.append(self.table())
        return [table for table in found if table is not None]

    def seek(self, *words: str) -> str:
        """Go on behind the first of these words that stands outside of all parentheses; return it."""
        while self.left and self._tokens[self._at].depth >= self._depth:
            token = self._tokens[self._at]
            follows_a_point = self.peek(-1) == "."
            self._at += 1
            if token.depth == self._depth and token.word in words and not follows_a_point:
                return token.word
        return ""


def _judge(statement: _Statement) -> tuple[Finding, ...]:
    if not statement.tokens:
        return ()
    begins = _common_table_verbs(statement) if statement.tokens[0].word == "WITH" else [0]
    return tuple(finding for at in begins for finding in _judge_from(statement, at))


def _judge_from(statement: _Statement, at: int) -> Iterator[Finding]:
    cursor = _Cursor(statement, at)
    judge = _JUDGES.get(cursor.next())
    if judge is not None:
        yield from judge(cursor)


def _common_table_verbs(statement: _Statement) -> Iterator[int]:
    """Where the statements of a WITH begin: in its parentheses, which PostgreSQL runs too, and after them."""
    words = ["", "", *(token.word for token in statement.tokens)]
    for at, token in enumerate(statement.tokens):
        if token.word not in _VERBS:
            continue
        before, last = words[at : at + 2]
        if token.depth == 0 and last not in ("WITH", "RECURSIVE", ",", "."):
            yield at
            return
        if token.depth == 1 and last == "(" and before in ("AS", "MATERIALIZED"):
            yield at


def _finding(rule: Rule, message: str) -> Finding:
    return Finding(rule.code, rule.severity, message)


def _if_own(table: _Table | None) -> Iterator[Finding]:
    if table is not None and table.is_own:
        what = "is a table of the framework's own, and not for migrations to write to"
        yield _finding(OWN_TABLE_WRITTEN, f"{table.label} {what}")


def _about(rule: Rule, table: _Table, message: str) -> Iterator[Finding]:
    """The finding about `table`: none if it is temporary; if it is the framework's own, that alone."""
    if table.is_own:
        yield from _if_own(table)
    elif not table.is_temporary:
        yield _finding(rule, message)


def _judge_drop(cursor: _Cursor) -> Iterator[Finding]:
    if cursor.take("TABLE"):
        cursor.take("IF", "EXISTS")
        for table in cursor.tables():
            about = _about(TABLE_DROPPED, table, f"table {table.label} is dropped with all its rows")
            yield from (replace(finding, table=table.label) for finding in about)


def _judge_truncate(cursor: _Cursor) -> Iterator[Finding]:
    cursor.take("TABLE")
    cursor.take("ONLY")
    for table in cursor.tables():
        yield from _about(TABLE_TRUNCATED, table, f"table {table.label} is truncated: all its rows go")


def _judge_alter(cursor: _Cursor) -> Iterator[Finding]:
    cursor.skip("ONLINE", "IGNORE")
    if not cursor.take("TABLE"):
        return
    cursor.take("IF", "EXISTS")
    cursor.take("ONLY")
    table = cursor.table()
    if table is None or table.is_own:
        yield from _if_own(table)
        return
    cursor.take("*")
    while True:  # one action after the other
        if cursor.take("DROP"):
            if column := _dropped_column(cursor):
                message = f"column {column} of {table.label} is dropped with its values"
                yield from _about(COLUMN_DROPPED, table, message)
        elif cursor.take("RENAME", "TO"):
            yield from _if_own(cursor.table())
        if not cursor.seek(","):
            return


def _dropped_column(cursor: _Cursor) -> str:
    is_followed = cursor.left > 1 and cursor.peek(1) not in (",", "CASCADE", "RESTRICT")
    if is_followed and cursor.peek() in _NOT_COLUMNS:
        return ""
    if is_followed:
        cursor.take("COLUMN")
    cursor.take("IF", "EXISTS")
    return cursor.name()


def _judge_delete(cursor: _Cursor) -> Iterator[Finding]:
    cursor.skip("LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY")
    cursor.take("FROM")
    cursor.take("ONLY")
    tables = cursor.tables()
    is_limited = bool(cursor.seek("WHERE", "JOIN"))
    yield from _about_rows(DELETE_WITHOUT_WHERE, tables, "deleted", is_limited or not cursor.is_whole)


def _judge_update(cursor: _Cursor) -> Iterator[Finding]:
    if cursor.take("OR"):
        cursor.next()
    while cursor.peek() in ("LOW_PRIORITY", "IGNORE", "ONLY") and cursor.peek(1) != "SET":
        cursor.next()
    tables = cursor.tables()
    # Before SET, a JOIN picks the rows, as in MariaDB. Behind FROM it only picks what they are filled with.
    is_limited = cursor.seek("SET", "JOIN") != "SET" or bool(cursor.seek("WHERE"))
    yield from _about_rows(UPDATE_WITHOUT_WHERE, tables, "updated", is_limited or not cursor.is_whole)


def _about_rows(rule: Rule, tables: list[_Table], done: str, is_limited: bool) -> Iterator[Finding]:
    own = [table for table in tables if table.is_own]
    for table in own or ([] if is_limited else tables):
        yield from _about(rule, table, f"rows of {table.label} are {done} without WHERE")


def _judge_insert(cursor: _Cursor) -> Iterator[Finding]:
    if cursor.take("OR"):
        cursor.next()
    cursor.skip("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE")
    cursor.take("INTO")
    cursor.take("ONLY")
    yield from _if_own(cursor.table())


def _judge_create(cursor: _Cursor) -> Iterator[Finding]:
    """Only the framework's tables matter, and what is put on them; a trigger's body is not looked into."""
    kind = cursor.seek("TABLE", "INDEX", "TRIGGER", "VIEW", "FUNCTION", "PROCEDURE")
    if kind == "TABLE":
        cursor.take("IF", "NOT", "EXISTS")
        yield from _if_own(cursor.table())
    elif kind in ("INDEX", "TRIGGER") and cursor.seek("ON"):
        cursor.take("ONLY")
        yield from _if_own(cursor.table())


def _judge_transaction(cursor: _Cursor) -> Iterator[Finding]:
    verb, follows = cursor.peek(-1), cursor.peek()
    if verb == "ROLLBACK" and cursor.seek("TO"):  # a savepoint of the migration's own
        return
    if (verb == "BEGIN" and follows == "NOT") or (verb in ("START", "PREPARE") and follows != "TRANSACTION"):
        return  # BEGIN NOT ATOMIC, MariaDB's block of statements
    words = f"{verb} TRANSACTION" if follows == "TRANSACTION" else verb
    message = f"{words} is for the run alone: it begins and ends the transaction itself"
    yield _finding(TRANSACTION_CONTROL, message)


_JUDGES: dict[str, Callable[[_Cursor], Iterator[Finding]]] = {
    "ALTER": _judge_alter,
    "CREATE": _judge_create,
    "DELETE": _judge_delete,
    "DROP": _judge_drop,
    "TRUNCATE": _judge_truncate,
    "UPDATE": _judge_update,
    **dict.fromkeys(("INSERT", "MERGE", "REPLACE"), _judge_insert),
    **dict.fromkeys(("ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "START"), _judge_transaction),
}
