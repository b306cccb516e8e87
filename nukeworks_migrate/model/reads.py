"""Whether a statement only reads, told by its words alone."""

from __future__ import annotations

import re

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*+(\w*)", re.DOTALL)
_READS = frozenset({"SELECT", "EXPLAIN", "PRAGMA", "VALUES"})
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


def only_reads(sql: str) -> bool:
    """Whether `sql` is a query. With words of both kinds it is taken for one that writes."""
    first = _FIRST_WORD.match(sql)
    word = first[1].upper() if first else ""
    return word in _READS or (word == "WITH" and _WRITES.search(sql) is None)
