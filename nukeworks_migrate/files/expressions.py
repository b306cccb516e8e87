"""Expressions of a migration's source, for the eye."""

from __future__ import annotations

import ast

_MOST_CHARACTERS = 40


def shown(node: ast.expr) -> str:
    """The source of `node` in one line, shortened."""
    if isinstance(node, ast.FormattedValue):
        node = node.value
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        return "an expression"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
