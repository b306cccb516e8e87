"""Migrations as modules: from the very bytes that were hashed, in a private package for each run.

Nothing is looked up on sys.path, and no byte code is read or written, so that what runs is what was
planned, also from the data folder of a frozen application.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType

from ..errors import ModuleNotLoaded
from ..model.migration import Migration
from .source import SourceFile


@contextmanager
def loaded_modules(
    sources: Mapping[str, SourceFile], migrations: Sequence[Migration]
) -> Iterator[dict[str, ModuleType]]:
    """Import `migrations` and give them by name; they and their helpers can be imported until it closes.

    `sources` has their files and the helpers', by name without .py.

    Raises:
        ModuleNotLoaded: one of them raised; whatever it raised, also SystemExit, is its cause.
    """
    package = f"_nukeworks_migrate_{secrets.token_hex(8)}"
    finder = _Finder(package, sources)
    root = ModuleType(package, "The migrations of one run.")
    root.__path__ = []
    sys.modules[package] = root
    sys.meta_path.insert(0, finder)
    try:
        yield {migration.name: _load(package, migration, sources[migration.name]) for migration in migrations}
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
            del sys.modules[name]


def _load(package: str, migration: Migration, source: SourceFile) -> ModuleType:
    module = ModuleType(f"{package}.{migration.name}")
    module.__package__ = package
    sys.modules[module.__name__] = module  # where dataclasses and pickle look for it
    try:
        _execute(source, module)
    except BaseException as cause:
        raise ModuleNotLoaded(
            f"{migration.name} cannot be imported",
            where=f"{migration.path}:{line}" if (line := line_in(cause, source.path)) else migration.path,
            cause=f"{type(cause).__name__}: {cause}",
            next_step="correct the file, then: migrate up",
        ) from cause
    return module


def _execute(source: SourceFile, module: ModuleType) -> None:
    module.__file__ = source.path
    exec(compile(source.content, source.path, "exec", dont_inherit=True), module.__dict__)


def line_in(cause: BaseException, path: str) -> int:
    """The deepest line of the file at `path` that `cause` passed through; 0 when there is none."""
    line = 0
    frames = cause.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename == path:
            line = frames.tb_lineno
        frames = frames.tb_next
    if not line and cause.__cause__ is not None:
        return line_in(cause.__cause__, path)
    return line


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the helpers that a run's migrations import."""

    def __init__(self, package: str, sources: Mapping[str, SourceFile]) -> None:
        self._prefix = package + "."
        self._sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(self._prefix):
            return None
        source = self._sources.get(fullname.removeprefix(self._prefix))
        if source is None:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader(source), origin=source.path)


class _Loader(importlib.abc.InspectLoader):
    def __init__(self, source: SourceFile) -> None:
        self._source = source

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        _execute(self._source, module)

    def get_source(self, fullname: str) -> str:
        return self._source.text
