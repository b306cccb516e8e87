"""SQLite's SQL cut into tokens by SQLite's own rules, and the canonical text of what they say.

Two texts with one canonical text mean the same to SQLite: white space, comments, the case of keywords and of
ASCII letters in names, and the way a name is quoted are no difference. String literals and numbers stay as they
are. Nothing is parsed here beyond what stands beside a token, and everything is linear in the length of the text.

Many keywords are names wherever the keyword cannot stand: `key` and "key" are one column, KEY in PRIMARY KEY is
none. No valid statement changes its meaning when such a word is quoted, because the quoted word is a syntax error
where the keyword was meant; so they have one canonical text. Reserved keywords ("order" and ORDER), the words of
joins ("left" and LEFT), "current_date", "true" and "false" mean another thing in quotes, and stay apart.

Sources: sqlite.org/lang_keywords.html; tokenize.c and the %fallback list of parse.y.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from ...model.names import fold

RESERVED = frozenset(
    "ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE"
    " DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL JOIN"
    " LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION"
    " UNION UNIQUE UPDATE USING VALUES WHEN WHERE".split()
)
# Names where the keyword cannot stand.
FALLBACK = frozenset(
    "ABORT ACTION AFTER ALWAYS ANALYZE ASC ATTACH BEFORE BEGIN BY CASCADE COLUMN CONFLICT CURRENT DATABASE"
    " DEFERRED DESC DETACH DO EACH END EXCLUDE EXCLUSIVE EXPLAIN FAIL FILTER FIRST FOLLOWING FOR GENERATED GLOB GROUPS"
    " IF IGNORE IMMEDIATE INITIALLY INSTEAD KEY LAST LIKE MATCH MATERIALIZED NO NULLS OF OFFSET OTHERS OVER PARTITION"
    " PLAN PRAGMA PRECEDING QUERY RANGE RECURSIVE REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT ROLLBACK ROW"
    " ROWS SAVEPOINT TEMP TEMPORARY TIES TRIGGER UNBOUNDED VACUUM VIEW VIRTUAL WINDOW WITH WITHOUT".split()
)
# Names in some of the places where names stand, and something else in quotes where they do not.
_SOMETIMES = frozenset(
    "CAST CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP FULL INDEXED INNER LEFT NATURAL OUTER RAISE RIGHT".split()
)
KEYWORDS = RESERVED | FALLBACK | _SOMETIMES

_JOINS = frozenset("CROSS FULL INNER LEFT NATURAL OUTER RIGHT".split())
_NAMEABLE = FALLBACK | _SOMETIMES
_TIMES = frozenset(("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))  # values, where a column could stand, too
_TRUTH = frozenset(("true", "false"))

_LETTER = r"[A-Za-z0-9_$\x80-\U0010ffff]"
# A byte-order mark is white space where a token may begin and a letter inside a word; a vertical tab is white
# space after other white space; /* as the last two characters of all is a division and a star.
_TOKEN = re.compile(
    rf"""
      (?P<blank> (?: [ \t\n\f\r][ \t\n\v\f\r]*+ | \ufeff )++ )
    | (?P<comment> --[^\n]*+ | /\*(?=.)(?: .*?\*/ | .*+ ) )
    | (?P<string> '[^']*+(?:''[^']*+)*+' )
    | (?P<double> "[^"]*+(?:""[^"]*+)*+" )
    | (?P<quoted> `[^`]*+(?:``[^`]*+)*+` | \[[^\]]*+\] )
    | (?P<blob> [xX]'(?:[0-9A-Fa-f]{{2}})*+' )
    | (?P<number> (?: 0[xX][0-9A-Fa-f]++ | (?: [0-9][0-9_]*+(?:\.[0-9_]*+)? | \.[0-9][0-9_]*+ )(?:[eE][-+]?[0-9]++)? )
        {_LETTER}*+ )
    | (?P<variable> \?[0-9]*+ | [$@:\#](?: {_LETTER} | :: )++(?: \([^)\s]*+\)? )? )
    | (?P<word> (?!\$){_LETTER}++ )
    | (?P<sign> ->>? | \|\| | << | >> | <= | >= | <> | != | == | [-+*/%&|~<>=(),.;] )
    | (?P<unknown> ['"`\[].*+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"(?!\ufeff)[a-z_\x80-\U0010ffff][a-z0-9_$\x80-\U0010ffff]*+")
_ONE_SPELLING = {"<>": "!=", "==": "="}


class Kind(Enum):
    """What a token is before grammar has its say."""

    WORD = "word"  # a keyword or a name without quotes
    DOUBLE = "double"  # "…": a name, or a string where there is no such name
    QUOTED = "quoted"  # […] or `…`: a name
    STRING = "string"
    BLOB = "blob"
    NUMBER = "number"
    VARIABLE = "variable"
    SIGN = "sign"
    UNKNOWN = "unknown"  # what SQLite refuses


_KINDS = {kind.value: kind for kind in Kind}
_IN_QUOTES = (Kind.DOUBLE, Kind.QUOTED, Kind.STRING)


class Token(NamedTuple):
    kind: Kind
    text: str  # as it is written
    word: str  # an unquoted word in upper case, or a sign in its one spelling; otherwise empty
    begin: int  # where it stands in the text

    @property
    def name(self) -> str:
        """The name that it is where a name is expected; SQLite takes a string for one, too."""
        if self.kind not in _IN_QUOTES:
            return self.text
        quote = self.text[-1]
        inside = self.text[1:-1]
        return inside if quote == "]" else inside.replace(quote * 2, quote)

    @property
    def end(self) -> int:
        return self.begin + len(self.text)


Tokens = Sequence[Token]


def tokens(sql: str) -> list[Token]:
    """Return the tokens of `sql` without white space and comments; no text makes it fail."""
    found: list[Token] = []
    for match in _TOKEN.finditer(sql):
        group = match.lastgroup or ""
        if group == "blank" or group == "comment":
            continue
        text = match[0]
        word = ""
        if group == "word":
            word = text.upper() if text.isascii() else ""
        elif group == "sign":
            word = _ONE_SPELLING.get(text, text)
        found.append(Token(_KINDS[group], text, word, match.start()))
    return found


def canonical_text(parts: Tokens | str, columns: Collection[str] | None = None) -> str:
    """Return the canonical text of an expression or a statement, in one line.

    `columns` are the folded names that an expression can mean; a word in double quotes that is none of them is
    then the string that SQLite takes it for. Without them it is a name.
    """
    parts = tokens(parts) if isinstance(parts, str) else parts
    return _joined(parts, _spellings(parts, columns))


def canonical_expression(parts: Tokens | str, columns: Collection[str] | None = None) -> str:
    """Return the canonical text of an expression without the parentheses around all of it."""
    return canonical_text(without_parentheses(tokens(parts) if isinstance(parts, str) else parts), columns)


def canonical_lines(parts: Tokens | str, margin: str = "") -> str:
    """Return the canonical text of a statement, a line for each clause and each thing in a list.

    `margin` stands before each line, but not inside a string that has several.
    """
    parts = tokens(parts) if isinstance(parts, str) else parts
    spelled = _spellings(parts, None)
    lines = []
    for indent, begin, end in _lines(spelled):
        lines.append(margin + "  " * indent + _joined(parts, spelled, begin, end))
    return "\n".join(lines)


def canonical_name(name: str) -> str:
    """Return the canonical text of a name, with no more quotes than it needs."""
    return _name(fold(name))


def exact_text(parts: Tokens) -> str:
    """Return the tokens as they are written, with white space of ours between."""
    return _joined(parts, [part.text for part in parts])


def without_parentheses(parts: Tokens) -> Tokens:
    """Return `parts` without the pairs of parentheses that enclose all of it."""
    partner: dict[int, int] = {}
    opened: list[int] = []
    for place, part in enumerate(parts):
        if part.word == "(":
            opened.append(place)
        elif part.word == ")" and opened:
            partner[opened.pop()] = place
    pairs = 0
    while partner.get(pairs) == len(parts) - 1 - pairs:
        pairs += 1
    return parts[pairs : len(parts) - pairs]


def split(parts: Tokens, at: str = ",") -> list[Tokens]:
    """Return the pieces of `parts` between the signs `at` that stand in no parentheses."""
    pieces: list[Tokens] = []
    begin = depth = 0
    for place, part in enumerate(parts):
        if part.word == "(":
            depth += 1
        elif part.word == ")":
            depth -= 1
        elif part.word == at and depth == 0:
            pieces.append(parts[begin:place])
            begin = place + 1
    return [*pieces, parts[begin:]]


def tidy(sql: str) -> str:
    """Return `sql` as it is written, with LF at line ends and without the indentation that all its lines share.

    What is in quotes stays as it is, line ends too; comments and white space after the last token go, because
    a semicolon that follows a comment would be part of it.
    """
    parts = tokens(sql)
    gaps = [
        re.sub(r"(?<![ \t])[ \t]++\n", "\n", sql[before.end : after.begin].replace("\r\n", "\n").replace("\r", " "))
        for before, after in pairwise(parts)
    ]
    margins = [margin for gap in gaps for margin in re.findall(r"\n([ \t]*+)(?!\n)", gap)]
    margin, last = min(margins, default=""), max(margins, default="")  # what these two share, all share
    while not last.startswith(margin):
        margin = margin[:-1]
    pieces = [part.text for part in parts[:1]]
    for gap, part in zip(gaps, parts[1:], strict=True):
        pieces += [gap.replace("\n" + margin, "\n"), part.text]
    return "".join(pieces)


def _spellings(parts: Tokens, columns: Collection[str] | None) -> list[str]:
    """The one spelling of each token, by what stands beside it."""
    found: list[str] = []
    last = len(parts) - 1
    before = ""
    for place, (kind, text, word, _) in enumerate(parts):
        after = parts[place + 1].word if place < last else ""
        if kind is Kind.SIGN:
            found.append(word)
        elif kind is Kind.WORD:
            found.append(_word(text, word, columns, of_dot=before == "." or after == "."))
        elif kind in _IN_QUOTES:
            found.append(_in_quotes(parts[place], columns, before, after))
        else:
            found.append(text)
        before = word
    return found


def _word(text: str, word: str, columns: Collection[str] | None, *, of_dot: bool) -> str:
    name = fold(text)
    if word in KEYWORDS:
        is_name = of_dot or (columns is not None and name in columns and word not in _TIMES)
        return name if is_name and word in _NAMEABLE else word
    if name in _TRUTH and not of_dot:
        return f'"{name}"' if columns is not None and name in columns else word
    return name


def _in_quotes(token: Token, columns: Collection[str] | None, before: str, after: str) -> str:
    """The spelling of what is in quotes: a string, or a name with as few quotes as it can have."""
    of_dot = before == "." or after == "."
    # Where no value can stand, SQLite takes both kinds of quotes for a name.
    is_name = of_dot or before in ("AS", "COLLATE")
    if token.kind is Kind.STRING and not is_name:
        return token.text
    name = fold(token.name)
    is_column = columns is not None and name in columns
    if token.kind is Kind.DOUBLE and columns is not None and not (is_column or is_name or after == "("):
        return "'" + token.name.replace("'", "''") + "'"
    return _name(name, of_dot=of_dot, is_column=is_column)


def _name(name: str, *, of_dot: bool = False, is_column: bool = False) -> str:
    """The spelling of a folded name that was, or could have been, in quotes."""
    word = name.upper() if name.isascii() else ""
    if word in KEYWORDS:
        if word in _NAMEABLE and (of_dot or (is_column and word not in _TIMES)):
            return name
        if word in FALLBACK:
            return word
    elif _PLAIN.fullmatch(name) and (of_dot or name not in _TRUTH):
        return name
    return '"' + name.replace('"', '""') + '"'


_CALLED = frozenset(("CAST", "IF", "RAISE", "REPLACE"))  # keywords with their parenthesis close by
_UNARY = frozenset(("+", "-", "~"))


def _joined(parts: Tokens, spelled: list[str], begin: int = 0, end: int | None = None) -> str:
    """One line of text. Where no space is put, the two are read as two tokens all the same."""
    pieces: list[str] = []
    for place in range(begin, len(parts) if end is None else end):
        if place > begin and not _is_close(parts, spelled, place, begin):
            pieces.append(" ")
        pieces.append(spelled[place])
    return "".join(pieces)


def _is_close(parts: Tokens, spelled: list[str], place: int, begin: int) -> bool:
    before, here = parts[place - 1], parts[place]
    if here.kind is Kind.SIGN:
        if here.word in (")", ",", ";"):
            return True
        if here.word == "." or here.word == "(":
            is_name = before.kind is Kind.WORD or before.kind in _IN_QUOTES
            if here.word == ".":
                return is_name
            return before.word == "(" or (is_name and _takes_arguments(before, spelled[place - 1]))
        return before.word == "(" or (before.word == "." and here.word == "*")
    if before.kind is not Kind.SIGN:
        return False
    if before.word == "." and here.kind is not Kind.NUMBER:
        return place - 2 >= begin and parts[place - 2].kind is not Kind.NUMBER
    if before.word in _UNARY:
        if place - 2 < begin:
            return True
        operand = parts[place - 2]
        return spelled[place - 2] in KEYWORDS or (operand.kind is Kind.SIGN and operand.word != ")")
    return before.word == "("


def _takes_arguments(token: Token, spelled: str) -> bool:
    if token.kind is Kind.STRING and spelled == token.text:
        return False
    return spelled not in KEYWORDS or spelled in _CALLED


_CLAUSES = frozenset("EXCEPT FROM GROUP HAVING INTERSECT LIMIT ORDER RETURNING SELECT SET UNION VALUES WHERE".split())
_STAYS = frozenset((("DELETE", "FROM"), ("DISTINCT", "FROM"), ("DEFAULT", "VALUES")))


def _lines(spelled: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where a statement's lines begin and end, and how far they are moved right.

    Parentheses that hold a SELECT are broken up, others stay in their line.
    """
    inside = [True]  # for each open parenthesis, whether it holds statements
    begin, indent, depth = 0, 0, 0
    for place, text in enumerate(spelled):
        before = spelled[place - 1] if place else ""
        breaks = None
        if before == "(":
            holds = text in ("SELECT", "VALUES", "WITH")
            inside.append(holds)
            depth += holds
            breaks = depth if holds else None
        if text == ")" and len(inside) > 1:
            holds = inside.pop()
            depth -= holds
            breaks = depth if holds else None
        elif inside[-1] and breaks is None and place:
            if before == ",":
                breaks = depth + 1
            elif (text in _CLAUSES and (before, text) not in _STAYS) or _begins_join(before, text):
                breaks = depth
        if breaks is not None and place > begin:
            yield indent, begin, place
            begin = place
        if breaks is not None:
            indent = breaks
    if begin < len(spelled):
        yield indent, begin, len(spelled)


def _begins_join(before: str, text: str) -> bool:
    return (text in _JOINS or text == "JOIN") and before not in _JOINS
