"""Columns whose values the settings hide."""

from __future__ import annotations

from collections.abc import Iterable

from .names import fold

HIDDEN = "***"


def is_redacted(redact: Iterable[str], table: str, column: str) -> bool:
    """Whether `redact` names the column, for every table or as table.column."""
    names = {fold(column), f"{fold(table)}.{fold(column)}"}
    return any(fold(entry) in names for entry in redact)
