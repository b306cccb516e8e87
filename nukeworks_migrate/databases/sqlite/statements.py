"""The statements of an SQLite script, cut where SQLite itself would cut them.

Python's executescript() commits before it begins, and execute() takes one statement at a time, so a
script that is to stay inside a transaction has to be cut first. `sqlite3.complete_statement` decides
where a statement ends: it is SQLite's own answer, and knows that the semicolons of a trigger's body end
nothing. It reads from the beginning of the statement each time, though, and asking it at each of
the thousand semicolons of one long string would be quadratic. Strings, quoted names and comments are
therefore stepped over here, and it is asked only at the semicolons that are left.

Known gap: SQLite reads `$name(…)` as one parameter, whatever is in its parentheses. A semicolon or a
quote in there is taken for what it looks like, and SQLite then refuses the piece; nothing is misread
in silence.
"""

from __future__ import annotations

import re
from sqlite3 import complete_statement

# Each alternative ends at the end of the text if nothing closes it, as in SQLite, which then refuses the
# string and takes the comment. 'it''s' is two strings side by side here, which comes to the same
# and cannot backtrack.
_MARK = re.compile(
    r"""
      ;
    | '[^']*'?  |  "[^"]*"?  |  `[^`]*`?  |  \[[^\]]*\]?
    | --[^\n]*  |  /\*.*?(?:\*/|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)

# What SQLite passes over, and only that: to it a vertical tab is white space after other white space, a
# no-break space is a letter, a byte-order mark is white space where a word may begin (files that were
# joined have them inside), and /* as the last two characters of all is a division and a star.
_WHITE_SPACE = r"[ \t\n\f\r][ \t\n\v\f\r]*+ | \ufeff"
_LEADING = re.compile(rf"(?: {_WHITE_SPACE} )*+", re.VERBOSE)
_NOTHING = re.compile(rf"(?: {_WHITE_SPACE} | --[^\n]* | /\*(?=.).*?(?:\*/|\Z) )*+", re.VERBOSE | re.DOTALL)

# Past the first semicolon of a trigger, the answer depends on what stands since the last one and on nothing
# else: it ends where END stands alone between two. This stands for all that came before, so that a body
# of many statements is not read again from its top at each of them.
_INSIDE_A_TRIGGER = "CREATE TRIGGER t BEGIN;"


def split_statements(sql: str) -> list[str]:
    """Return the statements of `sql` in order, each as it is written.

    White space around a statement and the semicolon that ends it are left out. A comment stays
    with the statement that it stands before or in; so does one that follows a semicolon on its
    line, which thereby belongs to the next statement. What has nothing but white space and comments
    in it is no statement and is dropped, between two semicolons as at the end.

    What SQLite cannot read, such as a string or a trigger without an end, is the last
    statement as far as the text goes, for SQLite to refuse.

    Raises:
        ValueError: `sql` has a NUL character, where SQLite would stop reading, or half a surrogate
            pair, which is not text.
    """
    if (nul := sql.find("\0")) >= 0:
        line = sql.count("\n", 0, nul) + 1
        raise ValueError(f"the SQL has a NUL character in line {line}; SQLite would read no further")
    # These two are letters to complete_statement. Same length, so that positions hold for both texts.
    text = sql.replace("\ufeff", " ").replace("\v", " ")
    statements: list[str] = []
    begin = asked = 0  # where the statement begins, and where complete_statement has read up to
    inside = ""
    mark = None
    for mark in _MARK.finditer(text):
        if mark[0] != ";":
            continue
        end = mark.end()
        # Strings and comments are closed here, so nothing but the body of a trigger can be incomplete.
        if complete_statement(inside + text[asked:end]):
            _keep(statements, sql, begin, end - 1)
            begin, inside = end, ""
        else:
            inside = _INSIDE_A_TRIGGER
        asked = end
    # What is open at the end of the text keeps its white space: of "/* " would be left "/*", no comment.
    is_open = mark is not None and mark.end() == len(sql)
    _keep(statements, sql, begin, len(sql), is_open=is_open)
    return statements


def _keep(statements: list[str], sql: str, begin: int, end: int, *, is_open: bool = False) -> None:
    nothing = _NOTHING.match(sql, begin, end)
    if nothing is not None and nothing.end() == end:
        return
    leading = _LEADING.match(sql, begin, end)
    statement = sql[leading.end() if leading else begin : end]
    # Only plain white space at the end: a byte-order mark there can be the last letter of a name.
    statements.append(statement if is_open else statement.rstrip(" \t\n\f\r"))
