"""A statement of SQL as tokens: words, names and signs, without comments, white space and what strings hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

OWN_PREFIX = "schema_version"

_MOST_TOKENS = 20_000  # for which the lexer needs 0.25 s; for a statement of 5 MB it would need 10 s
_QUOTES = "'\"`[´$"
_NAME = re.compile(r"[^\W\d]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name or sign of a statement; white space and comments are none."""

    word: str  # in capitals; empty if it is quoted, so that "where" is never WHERE
    name: str  # without its quotes; empty if it cannot be a name
    depth: int  # of parentheses; that of both parentheses is the one outside of them

    @property
    def is_quoted(self) -> bool:
        return not self.word


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, as far as it was read."""

    tokens: tuple[Token, ...]
    is_whole: bool  # False if something may follow that could not be read


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name as a statement gives it."""

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


def read_statement(text: str, *, is_whole: bool, past_where: bool = False) -> Statement:
    """The tokens of the first statement in `text`, up to a WHERE outside of all parentheses unless past it, too."""
    # Untyped in some versions of sqlparse, and typed in others.
    from sqlparse import lexer as sql_lexer  # type: ignore[import-untyped, unused-ignore]
    from sqlparse import tokens as sql_tokens  # type: ignore[import-untyped, unused-ignore]

    lexer: Any = sql_lexer
    kinds: Any = sql_tokens
    tokens: list[Token] = []
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
            tokens.append(Token("", _unquoted(value), depth))
        else:
            # The lexer gives some words together: IF EXISTS, LEFT JOIN, CREATE OR REPLACE.
            words = value.split()
            tokens.extend(Token(word.upper(), word if _NAME.match(word) else "", depth) for word in words)
            if depth == 0 and words[0].upper() == "WHERE" and before != "." and not past_where:
                break  # most rules look for nothing behind it, and it may be followed by a long list
        if value == "(":
            depth += 1
        before = value
        if len(tokens) > _MOST_TOKENS:
            is_whole = False
            break
    return Statement(tuple(tokens), is_whole)


def _unquoted(value: str) -> str:
    quote = value[-1]
    return value[1:-1].replace(quote * 2, quote) if value[0] in "'\"`[" else ""


class Cursor:
    """Reads a statement from one of its tokens on."""

    def __init__(self, statement: Statement, at: int = 0) -> None:
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

    def parenthesis(self) -> tuple[Token, ...]:
        """What stands directly in the parentheses that open at the cursor, which stays where it is."""
        outside = self._tokens[self._at].depth
        inside = []
        for token in self._tokens[self._at + 1 :]:
            if token.depth <= outside:
                break
            if token.depth == outside + 1:
                inside.append(token)
        return tuple(inside)

    def name(self) -> str:
        if not self.left:
            return ""
        self._at += 1
        return self._tokens[self._at - 1].name

    def table(self) -> Table | None:
        parts = [self.name()]
        while self.peek() == "." and self.peek(1) != "*":
            self._at += 1
            parts.append(self.name())
        self.skip(".", "*")
        return Table(tuple(parts)) if all(parts) else None

    def tables(self) -> list[Table]:
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
