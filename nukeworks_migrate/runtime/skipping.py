"""Whether a function can return SKIP, told by what it could reach.

A row that is left as it is needs its old value at hand, which costs a tenth of the rate of a plain function. So a
function whose names all lead to plain values, builtins, the standard library, or to functions of that kind, is
called without. Whatever else it touches, it is taken for one that skips.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

_PLAIN = (int, float, complex, str, bytes, bool, type(None), re.Pattern, range)
_HOLDS = (tuple, list, set, frozenset, dict)
# Builtins through which anything can be reached.
_REACHES = frozenset("__import__ eval exec getattr globals locals next vars open input breakpoint compile".split())
_MOST = 200  # objects that are looked at


def never_skips(fn: object) -> bool:
    """Whether `fn` is a function that cannot come by SKIP, as far as that can be seen; False where it cannot."""
    seen: set[int] = set()
    waiting = [fn]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if len(seen) > _MOST:
            return False
        if isinstance(thing, FunctionType):
            found = _reached(thing)
            if found is None:
                return False
            waiting.extend(found)
        elif isinstance(thing, dict):
            waiting.extend([*thing.keys(), *thing.values()])
        elif isinstance(thing, _HOLDS):
            waiting.extend(thing)
        elif not _is_plain(thing):
            return False
    return True


def _is_plain(thing: object) -> bool:
    if isinstance(thing, ModuleType):
        return thing.__name__.partition(".")[0] in sys.stdlib_module_names
    if isinstance(thing, (type, BuiltinFunctionType)):
        module = str(getattr(thing, "__module__", None) or "").partition(".")[0]
        return module in sys.stdlib_module_names and thing.__name__ not in _REACHES
    return type(thing) in _PLAIN


def _reached(fn: FunctionType) -> list[object] | None:
    """What the names of a function lead to; None where one of them leads nowhere yet."""
    if fn.__kwdefaults__ or fn.__code__.co_flags & 0x2A0:  # a generator or a coroutine gives something else
        return None
    found: list[object] = list(fn.__defaults__ or ())
    for cell in fn.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            return None
    for name in _names(fn.__code__):
        if name in fn.__globals__:
            found.append(fn.__globals__[name])
        elif hasattr(builtins, name):
            found.append(getattr(builtins, name))
        elif name == "SKIP":
            return None
        # Else it is an attribute of a value, and those of plain values are plain.
    return found


def _names(code: CodeType) -> Iterator[str]:
    """Names of globals and attributes, of functions inside too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
