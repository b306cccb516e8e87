"""The index of headers: what was read from a file's syntax tree, kept by the file's hash.

It lies in `versions/__pycache__/` and only saves parsing: every file is still read and hashed each time, so
a stale index cannot be believed. Losing it, or not being able to write it, costs time and nothing else.

It is text, a line for each file with tabs between the fields; the json module takes longer to import than
the index of a small folder to read. Its first line is the folder's: by one hash of all names and contents, the
checksums of the migrations. It is written only where there was no problem, and so says that there is none.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NamedTuple

from ..version import __version__
from .header import Header, read_header
from .source import SourceFile, read_bytes

_FORMAT = 3  # raised when a header is read or written differently, or something else in a folder is a problem
_FIELDS = len(Header._fields) - 1  # all but the problems: a header with problems is read again, until they are gone


class KnownFile(NamedTuple):
    """A migration of a folder that was judged before."""

    version: int
    name: str
    checksum: str  # of its helpers, too


class HeaderIndex:
    """Headers by hash of file; used as a context manager, it is written back when something was added."""

    def __init__(self, folder: str, *, enabled: bool = True) -> None:
        self._path = _path_of(folder)
        self._enabled = enabled
        self._kept: dict[str, str] = {}
        self._folder = ""
        self._used: list[str] = []
        self._added = False

    def __enter__(self) -> HeaderIndex:
        if self._enabled:
            with suppress(OSError, ValueError), open(self._path, encoding="utf-8", newline="\n") as file:
                self._kept = {line.partition("\t")[0]: line for line in file.read().split("\n")}
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled and self._added:
            self._write()

    def header(self, source: SourceFile, *, is_helper: bool) -> Header:
        """Return the header of `source`, from the index when it holds these very bytes."""
        key = f"{'helper' if is_helper else 'migration'}:{source.sha256}"
        line = self._kept.get(key)
        header = _from_line(line) if line is not None else None
        if header is None:
            header = read_header(source.content, is_helper=is_helper)
            line = _to_line(key, header)
            self._added = self._added or line is not None
        if line is not None:
            self._used.append(line)
        return header

    def keep_folder(self, fingerprint: str, files: list[KnownFile]) -> None:
        """Note that the folder of this fingerprint has no problems, and what its migrations are."""
        key = _folder_key(fingerprint)
        self._folder = "\t".join([key, *(f"{file.version},{file.name},{file.checksum}" for file in files)])
        self._added = self._added or self._kept.get(key) != self._folder

    def _write(self) -> None:
        temporary = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(temporary, "w", encoding="utf-8", newline="\n") as file:
                file.write("\n".join([self._folder, *self._used]))
            os.replace(temporary, self._path)
        except (OSError, ValueError):
            # A folder that cannot be written is read more slowly, and that is all.
            with suppress(OSError):
                os.unlink(temporary)


def known_folder(folder: str, fingerprint: str) -> list[KnownFile] | None:
    """Return the migrations of a folder that had no problems, by version; None where it is not known."""
    try:
        line = read_bytes(_path_of(folder)).partition(b"\n")[0].decode("utf-8")
        key, *files = line.split("\t")
        if key != _folder_key(fingerprint):
            return None
        known = []
        for file in files:
            version, name, checksum = file.split(",")
            known.append(KnownFile(int(version), name, checksum))
    except (OSError, ValueError):
        return None
    return known


def _path_of(folder: str) -> str:
    # By version of Python too: what is a syntax error for one is none for another.
    tag = f"{sys.implementation.cache_tag or 'python'}-{_FORMAT}"
    return os.path.join(folder, "__pycache__", f"nukeworks_migrate.{tag}.txt")


def _folder_key(fingerprint: str) -> str:
    return f"folder:{__version__}:{fingerprint}"


def _to_line(key: str, header: Header) -> str | None:
    """The line of a header; None for one that a line cannot hold, and for one with problems."""
    fields = [
        header.description,
        ",".join(header.depends_on),
        str(header.depends_on_line),
        header.transaction,
        ",".join(header.resources),
        str(int(header.has_downgrade)),
        str(int(header.has_check)),
        str(int(header.has_verify)),
        ",".join(f"{name}:{line}" for name, line in header.imports),
    ]
    line = "\t".join([key, *fields])
    written = not header.problems and "\n" not in line and _from_line(line) == header
    return line if written else None


def _from_line(line: str) -> Header | None:
    """The header of a line; None where the line is not what `_to_line` writes."""
    fields = line.split("\t")[1:]
    if len(fields) != _FIELDS:
        return None
    description, depends_on, depends_on_line, transaction, resources, downgrade, check, verify, imports = fields
    try:
        return Header(
            description,
            tuple(depends_on.split(",")) if depends_on else (),
            int(depends_on_line),
            transaction,
            tuple(resources.split(",")) if resources else (),
            downgrade == "1",
            check == "1",
            verify == "1",
            tuple((name, int(at)) for name, _, at in (item.partition(":") for item in imports.split(",") if item)),
        )
    except ValueError:
        return None
