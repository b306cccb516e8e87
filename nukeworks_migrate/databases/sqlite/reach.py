"""Keeping a migration's own code away from the real file while it runs on a copy.

In a run, a second connection to the same file cannot write, because the run holds the lock. In a rehearsal nothing is
locked, and code that opens the file by its name would write to the real one. Python tells an audit hook of every
connection and every file before it is opened (docs.python.org/3/library/audit_events.html), and the hook turns it down.

Known gaps, none of which Python tells of: code in a thread that the migration starts, other programs that it calls,
libraries in C that open files by themselves, ATTACH in a connection of the migration's own, and connections that were
open before and are handed in as resources.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import StepFailed
from ..base import Lifted
from .files import COMPANIONS

_here = threading.local()  # what this thread must not open
_installing = threading.Lock()
_installed = False
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND


class _Kept:
    """The file that is kept from this thread's code, with what SQLite has beside it."""

    def __init__(self, path: str, label: str) -> None:
        self.label = label
        self.paths = frozenset((path, *(f"{path}{ending}" for ending in COMPANIONS)))
        self._path = path
        self._found = [os.stat(name) for name in self.paths if os.path.exists(name)]

    def is_meant(self, name: object, folder: object = None) -> bool:
        """Whether `name`, in the folder of that descriptor, is one of the files, by whatever path or link."""
        if isinstance(name, int):
            return self._is_one_of_them(name)
        if not isinstance(name, (str, bytes, os.PathLike)):
            return False
        text = os.fsdecode(name)
        if isinstance(folder, int) and folder >= 0:
            return self._is_one_of_them(text, dir_fd=folder)
        return os.path.realpath(text) in self.paths or self._is_one_of_them(text)

    def is_inside(self, name: object) -> bool:
        """Whether `name` is a folder that the file is in."""
        if not isinstance(name, (str, bytes, os.PathLike)):
            return False
        return self._path.startswith(os.path.join(os.path.realpath(os.fsdecode(name)), ""))

    def is_opened(self, name: object) -> bool:
        """Whether a connection to `name` could write to the file; a URI that only reads cannot."""
        if isinstance(name, (bytes, os.PathLike)):
            name = os.fsdecode(name)
        if not isinstance(name, str) or not name or name == ":memory:":
            return False
        if not name.startswith("file:"):
            return self.is_meant(name)
        parts = urlsplit(name)
        asked = parse_qs(parts.query)
        if asked.get("mode") == ["ro"] or asked.get("immutable") == ["1"]:
            return False
        path = unquote(parts.path)
        return self.is_meant(path.lstrip("/") if os.name == "nt" else path)

    def _is_one_of_them(self, name: str | int, dir_fd: int | None = None) -> bool:
        try:
            about = os.stat(name) if dir_fd is None else os.stat(name, dir_fd=dir_fd)
        except (OSError, ValueError):
            return False
        return any(os.path.samestat(about, one) for one in self._found)

    def refusal(self) -> StepFailed:
        return StepFailed(
            f"{self.label} is opened by its name, and this is a rehearsal: it must not be touched",
            cause="what the migration does by a connection of its own cannot be rehearsed; in a run it could not write",
            next_step="use db.execute() and db.query(), or db.connection for libraries",
        )


@contextmanager
def out_of_reach(path: str, label: str) -> Iterator[Lifted]:
    """Raise in this thread's code when it opens `path` to write, while this is open; see `Database.out_of_reach`."""
    _install()
    before = getattr(_here, "kept", None)
    kept = _here.kept = _Kept(path, label)

    @contextmanager
    def lifted() -> Iterator[None]:
        _here.kept = before
        try:
            yield
        finally:
            _here.kept = kept

    try:
        yield lifted
    finally:
        _here.kept = before


def _install() -> None:
    """Install the hook once; Python has no way to take one out, so it looks each time whether it is wanted."""
    global _installed
    with _installing:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    reaches = _REACHES.get(event)
    if reaches is None:
        return
    kept: _Kept | None = getattr(_here, "kept", None)
    if kept is None:
        return
    _here.kept = None  # what is done here to look must not come back here
    try:
        reached = reaches(kept, *arguments)
    finally:
        _here.kept = kept
    if reached:
        raise kept.refusal()


def _opens(kept: _Kept, name: object, mode: object = None, flags: object = None) -> bool:
    """open() and os.open(): the mode is a text for the one and nothing for the other."""
    writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return (writes or (isinstance(flags, int) and bool(flags & _WRITES))) and kept.is_meant(name)


_REACHES: dict[str, Callable[..., bool]] = {
    "sqlite3.connect": lambda kept, name: kept.is_opened(name),
    "open": _opens,
    "os.remove": lambda kept, name, folder=-1: kept.is_meant(name, folder),
    "os.rename": lambda kept, name, to, folder=-1, other=-1: (
        kept.is_meant(name, folder) or kept.is_meant(to, other) or kept.is_inside(name)
    ),
    "os.truncate": lambda kept, name, length: kept.is_meant(name),
    "os.chmod": lambda kept, name, mode, folder=-1: kept.is_meant(name, folder),
    "os.chown": lambda kept, name, user, group, folder=-1: kept.is_meant(name, folder),
    "os.utime": lambda kept, name, times, ns, folder=-1: kept.is_meant(name, folder),
    "shutil.rmtree": lambda kept, name, folder=None: kept.is_inside(name),
}
