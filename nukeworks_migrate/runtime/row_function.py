"""The function of a transform: how it is called with a row, and what it may return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any

_COROUTINE, _GENERATOR = 0x80 | 0x200, 0x20  # of code.co_flags, as the module inspect names them


class Skip:
    """The value that leaves a row as it is."""

    def __repr__(self) -> str:
        return "SKIP"


SKIP = Skip()


class RowFunction:
    """A function of some columns that gives the values of others."""

    def __init__(
        self, fn: Callable[..., Any], reads: Sequence[str], writes: Sequence[str], storable: tuple[type, ...]
    ) -> None:
        refuse_deferred(fn, _COROUTINE | _GENERATOR)
        self.fn = fn
        self.reads = _in_parameter_order(fn, reads)  # the order in which `call` takes their values
        self.writes = tuple(writes)
        self.call = called_with(fn, self.reads)
        self.returned_mapping = self.returned_value = False  # so far
        self._storable = storable

    @property
    def name(self) -> str:
        return name_of(self.fn)

    def compute(self, *values: Any) -> Any:
        """The new values in the order of `writes`, or SKIP; every value is one that can be stored."""
        result = self.call(*values)
        if result is SKIP:
            return SKIP
        computed = self._in_order(result)
        refuse_unstorable(self.name, computed, self._storable)
        return computed

    def value(self, *values: Any) -> Any:
        """As `compute`, where `writes` is one column: the value itself, or SKIP."""
        computed = self.compute(*values)
        return computed if computed is SKIP else computed[0]

    def _in_order(self, result: object) -> tuple[Any, ...]:
        if isinstance(result, Mapping):
            self.returned_mapping = True
            self._refuse_both()
            if set(result) != set(self.writes):
                raise ValueError(
                    f"{self.name}() returned {', '.join(map(str, result)) or 'an empty mapping'},"
                    f" and writes= says {', '.join(self.writes)}"
                )
            return tuple(result[name] for name in self.writes)
        if len(self.writes) != 1:
            raise ValueError(
                f"{self.name}() returned {_kind(result)}: for {', '.join(self.writes)} it has to return a mapping with"
                " these names, or SKIP"
            )
        self.returned_value = True
        self._refuse_both()
        return (result,)

    def _refuse_both(self) -> None:
        # The database takes values as they come, and could not tell in time that a mapping is one.
        if self.returned_mapping and self.returned_value:
            raise TypeError(
                f"{self.name}() returned a mapping for one row and a value for another: let it return one of the two"
            )


def name_of(fn: Callable[..., Any]) -> str:
    """What a function is called, in messages."""
    return str(getattr(fn, "__name__", None) or type(fn).__name__)


def refuse_deferred(fn: Callable[..., Any], kinds: int = _COROUTINE) -> None:
    """Raise TypeError for a function whose call runs nothing of it yet: a coroutine, or a generator."""
    code = getattr(getattr(fn, "func", fn), "__code__", None)
    if code is not None and code.co_flags & kinds:
        what = "a coroutine" if code.co_flags & _COROUTINE else "a generator"
        raise TypeError(f"{name_of(fn)}() is {what}: give a plain function, which returns what is to be written")


def refuse_unstorable(name: str, values: Iterable[Any], storable: tuple[type, ...]) -> None:
    """Raise TypeError for a value that no column holds, returned by the function `name`."""
    for value in values:
        if not isinstance(value, storable):
            raise TypeError(
                f"{name}() returned {_kind(value)}, which no column holds: return None, a number, a text or bytes"
            )


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _in_parameter_order(fn: Callable[..., Any], reads: Sequence[str]) -> tuple[str, ...]:
    """`reads` as the function names them, where it is one whose first parameters are just these."""
    if isinstance(fn, FunctionType):
        first = fn.__code__.co_varnames[: fn.__code__.co_argcount][: len(reads)]
        if set(first) == set(reads) and len(first) == len(reads):
            return first
    return tuple(reads)


def called_with(fn: Callable[..., Any], reads: tuple[str, ...]) -> Callable[..., Any]:
    """`fn` as it is called with the values of `reads` by place; by name costs a tenth of the rate."""
    if isinstance(fn, FunctionType) and fn.__code__.co_varnames[: fn.__code__.co_argcount][: len(reads)] == reads:
        return fn
    return lambda *values: fn(**dict(zip(reads, values, strict=True)))
