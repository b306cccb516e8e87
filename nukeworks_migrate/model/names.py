"""Names of tables and columns: when two are the same, and how they are shown."""

from __future__ import annotations

import re
import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def fold(name: str) -> str:
    """`name` as SQLite compares it: without the case of ASCII letters, and of no others."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def shown_name(name: str) -> str:
    """`name` as it can stand in SQL-like text: quoted where it is not a plain word."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'
