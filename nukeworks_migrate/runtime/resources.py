"""What migrations ask for by name: values that were handed in, and what factories make of themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import ResourceNotLoaded

# What their words can hold is a name: of a variable, of a module, of a file.
_TELLING = (KeyError, ImportError, AttributeError, NameError)


class Resources(Mapping[str, Any]):
    """The resources of one run, by name. `in` says who is provided for; a factory is called when it is first asked.

    What was `given` counts before a factory of the same name. `factories` holds "module:factory" by name.
    """

    def __init__(self, given: Mapping[str, Any], factories: Mapping[str, str]) -> None:
        self._values = dict(given)
        self._factories = factories

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._factories

    def __iter__(self) -> Iterator[str]:
        return iter({**self._factories, **self._values})

    def __len__(self) -> int:
        return len({**self._factories, **self._values})

    def __getitem__(self, name: str) -> Any:
        """Return the resource called `name`.

        Raises:
            ResourceNotLoaded: its factory cannot be imported, or raised.
        """
        if name not in self._values:
            self._values[name] = load_resource(name, self._factories[name])
        return self._values[name]

    def load(self, names: Iterable[str]) -> None:
        """Have these ready.

        Raises:
            ResourceNotLoaded: as for one.
        """
        for name in names:
            self.__getitem__(name)


def load_resource(name: str, factory: str) -> Any:
    """Call `factory`, as "module:function", and return what it returns; the current folder can be imported from.

    Raises:
        ResourceNotLoaded: it cannot be imported or called, it raised, or it returned None. The exception is not in
            the chain, because its words may hold what the factory was about to return.
    """
    try:
        with _current_folder_first():
            made, cause, where = _made(factory), f"{factory}() returned None", ""
    except BaseException as error:  # SystemExit is a failure, too; a signal is noted by whoever listens
        made, cause, where = None, _words_of(error), _place_of(error, factory)
    if made is None:
        raise ResourceNotLoaded(
            f"{factory} cannot give the resource {name!r}",
            where=where,
            cause=cause,
            next_step=f"correct it, or name another one: --resource {name}=module:factory",
        )
    return made


def _made(factory: str) -> Any:
    from importlib import import_module

    module, _, path = factory.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise _NotCallable(f"{factory} is of type {type(found).__name__}, and no function")
    return found()


class _NotCallable(Exception):
    """In words of our own."""


@contextmanager
def _current_folder_first() -> Iterator[None]:
    """Let modules beside which the program was started be imported; programs of the same kind do so too."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # whatever else was done to it stays
            sys.path.remove(folder)


def _words_of(error: BaseException) -> str:
    """The type of `error`, and its words only where they can hold nothing but names."""
    kind, words = type(error), ""
    if isinstance(error, _NotCallable):
        return str(error)
    if kind.__module__ == "builtins" and isinstance(error, _TELLING):
        words = str(error)
    elif kind.__module__ == "builtins" and isinstance(error, OSError) and error.errno is not None:
        words = os.strerror(error.errno)  # and not what the error has in its place
        if isinstance(error.filename, str):
            words = f"{words}: {error.filename!r}"
    return f"{kind.__name__}: {words}" if words else kind.__name__


def _place_of(error: BaseException, factory: str) -> str:
    """File and line: the deepest in the package of `factory`, else the deepest that is no part of importing."""
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        return f"{_shown(error.filename)}:{error.lineno}"
    package = factory.partition(":")[0].partition(".")[0]
    own = other = ""
    link = error.__traceback__
    while link is not None:
        code, module = link.tb_frame.f_code, str(link.tb_frame.f_globals.get("__name__", ""))
        place = f"{_shown(code.co_filename)}:{link.tb_lineno}"
        if module.partition(".")[0] == package:
            own = place
        elif module != __name__ and module.partition(".")[0] not in ("importlib", "contextlib"):
            other = other if code.co_filename.startswith("<") else place
        link = link.tb_next
    return own or other


def _shown(path: str) -> str:
    try:
        folder = os.path.join(os.getcwd(), "")
    except OSError:
        return path
    return path.removeprefix(folder)
