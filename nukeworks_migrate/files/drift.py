"""Whether an applied migration's file still means what ran: syntax trees are compared, not bytes."""

from __future__ import annotations

import ast
from difflib import unified_diff

_HAS_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# `kind` is the u of u"…", which formatters take away; type comments are comments.
_NO_MEANING = frozenset({"kind", "type_comment", "type_ignores"})


def means_the_same(stored: str, current: str) -> bool:
    """Return whether two texts have the same syntax tree, comments, layout, quotes and docstrings aside.

    Both are parsed by the interpreter that is running, so that no version of Python can make a difference.
    Texts that cannot be parsed, or are nested too deeply, are compared as they stand.
    """
    if stored == current:
        return True
    try:
        return _same_tree(ast.parse(stored), ast.parse(current))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def difference(stored: str, current: str, name: str) -> str:
    """Return a unified diff from the text that ran to the text in the file."""
    lines = unified_diff(stored.splitlines(), current.splitlines(), f"{name} as applied", f"{name} now", lineterm="")
    return "\n".join(lines)


def _same_tree(left: ast.AST, right: ast.AST) -> bool:
    """Compare with a stack of our own: a long sum of strings is nested as deeply as it is long."""
    stack: list[tuple[object, object]] = [(left, right)]
    while stack:
        one, other = stack.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, ast.AST):
            for field in one._fields:
                if field in _NO_MEANING:
                    continue
                pair = getattr(one, field, None), getattr(other, field, None)
                if field == "body" and isinstance(one, _HAS_DOCSTRING):
                    pair = _without_docstring(pair[0]), _without_docstring(pair[1])
                stack.append(pair)
        elif isinstance(one, list):
            if len(one) != len(other):  # type: ignore[arg-type]  # the types are equal
                return False
            stack.extend(zip(one, other, strict=True))  # type: ignore[call-overload]
        elif isinstance(one, (float, complex)):
            if repr(one) != repr(other):  # 0.0 == -0.0, and nan is not nan
                return False
        elif one != other:
            return False
    return True


def _without_docstring(body: list[ast.stmt] | None) -> list[ast.stmt]:
    body = body or []
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        body = body[1:]
    return body or [ast.Pass()]
