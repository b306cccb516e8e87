"""What deserves a second thought in a migration's SQL, judged one statement at a time by its words.

What is in comments, strings and quoted names neither trips a rule nor satisfies one. Dropping a view, an
index or a trigger loses no data and is no finding, and neither is anything done to a temporary table by
that name (temp.x, DROP TEMPORARY TABLE). A write to the framework's own tables is reported as that
alone: however it is worded, it has to go.

The body of a trigger is not judged with its CREATE TRIGGER. It does not run now but at some later write,
for the rows which that write touches; nothing is lost by creating it, and what it will delete is
for the application to know.

The words are cut by sqlparse's lexer, which knows no dialect for certain: where a backslash stands in
front of a quote, SQLite and PostgreSQL read on differently from MariaDB, and only what both readings find is
reported. Not seen: MariaDB's `/*! … */`, which is taken for the comment that it is elsewhere, and what is put
together inside a DO block or a procedure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from .findings import (
    COLUMN_DROPPED,
    DELETE_WITHOUT_WHERE,
    OWN_TABLE_WRITTEN,
    TABLE_DROPPED,
    TABLE_TRUNCATED,
    TRANSACTION_CONTROL,
    UPDATE_WITHOUT_WHERE,
    VALUE_DIFFERS,
    Finding,
    Rule,
)
from .tokens import OWN_PREFIX, Cursor, Statement, Table, read_statement


def statement_findings(statement: str) -> tuple[Finding, ...]:
    """Return what there is to say about one statement of SQL; most often nothing.

    `where` of the findings is left empty. A long statement is read up to 200,000 characters or
    20,000 words; a WHERE that did not come by then may come later, and is not missed. Several statements
    in one text are judged by the first.
    """
    if not _could_matter(statement):
        return ()
    return _in_both_readings(statement, _judge)


def value_findings(statement: str) -> tuple[Finding, ...]:
    """Return what an INSERT or UPDATE writes that is not the same in every run: the time, a random number.

    A DEFAULT CURRENT_TIMESTAMP in a CREATE TABLE is none: it writes nothing now. `where` is left empty, and
    a long statement read as by `statement_findings`.
    """
    if first_word(statement) not in _WRITES or not _DIFFERING.search(statement, 0, _MOST_CHARACTERS):
        return ()
    return _in_both_readings(statement, _judge_values, past_where=True)


class Deed(NamedTuple):
    """What a statement does to which table; names are as they are written, without the database's."""

    verb: str = ""  # CREATE, ALTER, DROP, INSERT, UPDATE, DELETE: of a table; empty for all else
    table: str = ""  # the first, where a DROP names several
    renamed_to: str = ""
    dropped_columns: tuple[str, ...] = ()
    renamed_columns: tuple[tuple[str, str], ...] = ()  # from, to


def deed_of(statement: str) -> Deed:
    """Return what one statement does to a table; nothing for what does not begin with its verb, as WITH does."""
    reading = _DEEDS.get(first_word(statement))
    if reading is None:
        return Deed()
    cursor = Cursor(read_statement(statement[:_MOST_CHARACTERS], is_whole=True))
    return reading(cursor.next(), cursor)


def renamed_to(statement: str) -> str:
    """Return the name that ALTER TABLE … RENAME TO gives a table, as it is written; empty for all else."""
    return deed_of(statement).renamed_to if "rename" in statement.lower() else ""


def _deed_to_table(verb: str, cursor: Cursor) -> Deed:
    """CREATE, ALTER and DROP TABLE."""
    cursor.skip("TEMP", "TEMPORARY", "ONLINE", "IGNORE")
    if not cursor.take("TABLE"):
        return Deed()
    if cursor.take("IF"):
        cursor.skip("NOT", "EXISTS")
    cursor.take("ONLY")
    table = cursor.table()
    if table is None:
        return Deed()
    deed = Deed(verb, table.parts[-1])
    return _with_alterations(deed, cursor) if verb == "ALTER" else deed


def _with_alterations(deed: Deed, cursor: Cursor) -> Deed:
    dropped: list[str] = []
    renamed: list[tuple[str, str]] = []
    new_name = ""
    while True:  # one action after the other
        if cursor.take("DROP"):
            dropped += [column] if (column := _dropped_column(cursor)) else []
        elif cursor.take("RENAME", "TO"):
            table = cursor.table()
            new_name = table.parts[-1] if table is not None else ""
        elif cursor.take("RENAME"):
            if cursor.peek(1) != "TO":
                cursor.take("COLUMN")
            before = cursor.name()
            if cursor.take("TO"):
                renamed.append((before, cursor.name()))
        if not cursor.seek(","):
            return deed._replace(renamed_to=new_name, dropped_columns=tuple(dropped), renamed_columns=tuple(renamed))


def _deed_to_rows(verb: str, cursor: Cursor) -> Deed:
    """INSERT, REPLACE, UPDATE and DELETE."""
    if cursor.take("OR"):
        cursor.next()
    cursor.skip("INTO", "FROM", "ONLY")
    table = cursor.table()
    return Deed("INSERT" if verb == "REPLACE" else verb, table.parts[-1]) if table is not None else Deed()


# Enough for what stands before the first table's name, and for every WHERE that was typed by hand.
_MOST_CHARACTERS = 200_000

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

# What may follow DROP in ALTER TABLE instead of a column. With nothing behind it, it is a name: SQLite
# has columns called key.
_NOT_COLUMNS = frozenset({"CHECK", "CONSTRAINT", "FOREIGN", "INDEX", "KEY", "PARTITION", "PERIOD", "PRIMARY", "SYSTEM"})

_VERBS = frozenset({"DELETE", "INSERT", "MERGE", "REPLACE", "SELECT", "UPDATE", "VALUES"})

# What has another value in another run: a word by itself, functions, functions where they have no arguments.
_MOMENTS = frozenset({"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"})
_DIFFERING_FUNCTIONS = frozenset(
    {"CLOCK_TIMESTAMP", "GEN_RANDOM_UUID", "NOW", "RANDOM", "RANDOMBLOB", "STATEMENT_TIMESTAMP", "SYSDATE"}
    | {"CURDATE", "CURTIME", "TRANSACTION_TIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UUID"}
)
_DIFFERING_WITHOUT_ARGUMENTS = frozenset({"RAND", "UNIX_TIMESTAMP"})
_TIME_FUNCTIONS = frozenset({"DATE", "DATETIME", "JULIANDAY", "STRFTIME", "TIME", "UNIXEPOCH"})  # of SQLite, of 'now'
_DIFFERING = re.compile(r"current_|(?<!up)date|julianday|now|rand|time|unixepoch|utc_|uuid", re.IGNORECASE)
_WRITES = frozenset({"INSERT", "MERGE", "REPLACE", "UPDATE", "WITH"})


def first_word(statement: str) -> str:
    """Return the word that a statement begins with, in capitals; comments are passed over."""
    first = _FIRST_WORD.match(statement, 0, _MOST_CHARACTERS)
    return first[1].upper() if first else ""


def _could_matter(statement: str) -> bool:
    needed = _MUST_CONTAIN.get(first_word(statement))
    return needed is not None and needed.search(statement, 0, _MOST_CHARACTERS) is not None


def _in_both_readings(
    statement: str, judge: Callable[[Statement], tuple[Finding, ...]], *, past_where: bool = False
) -> tuple[Finding, ...]:
    beginning = statement[:_MOST_CHARACTERS]
    is_whole = len(beginning) == len(statement)
    findings = judge(read_statement(beginning, is_whole=is_whole, past_where=past_where))
    if findings and _ESCAPED_QUOTE.search(beginning):
        # The lexer reads as MariaDB does. With another character for the backslash, it reads as SQLite does.
        other = judge(read_statement(beginning.replace("\\", "_"), is_whole=is_whole, past_where=past_where))
        return tuple(finding for finding in findings if finding in other)
    return findings


def _judge(statement: Statement) -> tuple[Finding, ...]:
    if not statement.tokens:
        return ()
    begins = _common_table_verbs(statement) if statement.tokens[0].word == "WITH" else [0]
    return tuple(finding for at in begins for finding in _judge_from(statement, at))


def _judge_from(statement: Statement, at: int) -> Iterator[Finding]:
    cursor = Cursor(statement, at)
    judge = _JUDGES.get(cursor.next())
    if judge is not None:
        yield from judge(cursor)


def _common_table_verbs(statement: Statement) -> Iterator[int]:
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


def _if_own(table: Table | None) -> Iterator[Finding]:
    if table is not None and table.is_own:
        what = "is a table of the framework's own, and not for migrations to write to"
        yield OWN_TABLE_WRITTEN.finding(f"{table.label} {what}")


def _about(rule: Rule, table: Table, message: str) -> Iterator[Finding]:
    """The finding about `table`: none if it is temporary; if it is the framework's own, that alone."""
    if table.is_own:
        yield from _if_own(table)
    elif not table.is_temporary:
        yield rule.finding(message)


def _judge_drop(cursor: Cursor) -> Iterator[Finding]:
    if cursor.take("TABLE"):
        cursor.take("IF", "EXISTS")
        for table in cursor.tables():
            about = _about(TABLE_DROPPED, table, f"table {table.label} is dropped with all its rows")
            yield from (replace(finding, table=table.label) for finding in about)


def _judge_truncate(cursor: Cursor) -> Iterator[Finding]:
    cursor.take("TABLE")
    cursor.take("ONLY")
    for table in cursor.tables():
        yield from _about(TABLE_TRUNCATED, table, f"table {table.label} is truncated: all its rows go")


def _judge_alter(cursor: Cursor) -> Iterator[Finding]:
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


def _dropped_column(cursor: Cursor) -> str:
    is_followed = cursor.left > 1 and cursor.peek(1) not in (",", "CASCADE", "RESTRICT")
    if is_followed and cursor.peek() in _NOT_COLUMNS:
        return ""
    if is_followed:
        cursor.take("COLUMN")
    cursor.take("IF", "EXISTS")
    return cursor.name()


def _judge_delete(cursor: Cursor) -> Iterator[Finding]:
    cursor.skip("LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY")
    cursor.take("FROM")
    cursor.take("ONLY")
    tables = cursor.tables()
    is_limited = bool(cursor.seek("WHERE", "JOIN"))
    yield from _about_rows(DELETE_WITHOUT_WHERE, tables, "deleted", is_limited or not cursor.is_whole)


def _judge_update(cursor: Cursor) -> Iterator[Finding]:
    if cursor.take("OR"):
        cursor.next()
    while cursor.peek() in ("LOW_PRIORITY", "IGNORE", "ONLY") and cursor.peek(1) != "SET":
        cursor.next()
    tables = cursor.tables()
    # Before SET, a JOIN picks the rows, as in MariaDB. Behind FROM it only picks what they are filled with.
    is_limited = cursor.seek("SET", "JOIN") != "SET" or bool(cursor.seek("WHERE"))
    yield from _about_rows(UPDATE_WITHOUT_WHERE, tables, "updated", is_limited or not cursor.is_whole)


def _about_rows(rule: Rule, tables: list[Table], done: str, is_limited: bool) -> Iterator[Finding]:
    own = [table for table in tables if table.is_own]
    for table in own or ([] if is_limited else tables):
        yield from _about(rule, table, f"rows of {table.label} are {done} without WHERE")


def _judge_insert(cursor: Cursor) -> Iterator[Finding]:
    if cursor.take("OR"):
        cursor.next()
    cursor.skip("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE")
    cursor.take("INTO")
    cursor.take("ONLY")
    yield from _if_own(cursor.table())


def _judge_create(cursor: Cursor) -> Iterator[Finding]:
    """Only the framework's tables matter, and what is put on them; a trigger's body is not looked into."""
    kind = cursor.seek("TABLE", "INDEX", "TRIGGER", "VIEW", "FUNCTION", "PROCEDURE")
    if kind == "TABLE":
        cursor.take("IF", "NOT", "EXISTS")
        yield from _if_own(cursor.table())
    elif kind in ("INDEX", "TRIGGER") and cursor.seek("ON"):
        cursor.take("ONLY")
        yield from _if_own(cursor.table())


def _judge_transaction(cursor: Cursor) -> Iterator[Finding]:
    verb, follows = cursor.peek(-1), cursor.peek()
    if verb == "ROLLBACK" and cursor.seek("TO"):  # a savepoint of the migration's own
        return
    if (verb == "BEGIN" and follows == "NOT") or (verb in ("START", "PREPARE") and follows != "TRANSACTION"):
        return  # BEGIN NOT ATOMIC, MariaDB's block of statements
    words = f"{verb} TRANSACTION" if follows == "TRANSACTION" else verb
    message = f"{words} is for the run alone: it begins and ends the transaction itself"
    yield TRANSACTION_CONTROL.finding(message)


_JUDGES: dict[str, Callable[[Cursor], Iterator[Finding]]] = {
    "ALTER": _judge_alter,
    "CREATE": _judge_create,
    "DELETE": _judge_delete,
    "DROP": _judge_drop,
    "TRUNCATE": _judge_truncate,
    "UPDATE": _judge_update,
    **dict.fromkeys(("INSERT", "MERGE", "REPLACE"), _judge_insert),
    **dict.fromkeys(("ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "ROLLBACK", "START"), _judge_transaction),
}


def _judge_values(statement: Statement) -> tuple[Finding, ...]:
    tokens = statement.tokens
    begins = list(_common_table_verbs(statement)) if tokens and tokens[0].word == "WITH" else [0]
    if not any(tokens[at].word in _WRITES for at in begins if at < len(tokens)):
        return ()
    cursor = Cursor(statement)
    if cursor.next() in ("INSERT", "REPLACE"):
        cursor.seek("VALUES", "VALUE", "SELECT", "SET", "WITH")  # a column may be called current_date
    labels: dict[str, None] = {}
    while cursor.left:
        follows_a_point = cursor.peek(-1) == "."
        word = cursor.next()
        if not follows_a_point and (label := _differing(word, cursor)):
            labels[label] = None
    return tuple(VALUE_DIFFERS.finding(f"{label} has another value in every run") for label in labels)


def _differing(word: str, cursor: Cursor) -> str:
    """What stands in front of the cursor, for a reader, if it differs from run to run."""
    if word in _MOMENTS:
        return word
    if cursor.peek() != "(":
        return ""
    if word in _DIFFERING_FUNCTIONS or (word in _DIFFERING_WITHOUT_ARGUMENTS and cursor.peek(1) == ")"):
        return f"{word.lower()}()"
    if word not in _TIME_FUNCTIONS:
        return ""
    arguments = cursor.parenthesis()
    # Without a time SQLite takes the present one.
    needed = 2 if word == "STRFTIME" else 1
    is_now = len(arguments) < needed or any(token.is_quoted and token.name.lower() == "now" for token in arguments)
    return f"{word.lower()}('now')" if is_now else ""


_DEEDS: dict[str, Callable[[str, Cursor], Deed]] = {
    **dict.fromkeys(("ALTER", "CREATE", "DROP"), _deed_to_table),
    **dict.fromkeys(("DELETE", "INSERT", "REPLACE", "UPDATE"), _deed_to_rows),
}
