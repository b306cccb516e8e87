"""The index of headers: what was read from a file's syntax tree, kept by the file's hash.

It lies in `versions/__pycache__/` and only saves parsing: every file is still read and hashed each time, so
a stale index cannot be believed. Losing it, or not being able to write it, costs time and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

from .header import Header, read_header
from .source import SourceFile

_FORMAT = 1  # raised when a header is read differently


class HeaderIndex:
    """Headers by hash of file; used as a context manager, it is written back when something was added."""

    def __init__(self, folder: str, *, enabled: bool = True) -> None:
        # By version of Python too: what is a syntax error for one is none for another.
        tag = f"{sys.implementation.cache_tag or 'python'}-{_FORMAT}"
        self._path = os.path.join(folder, "__pycache__", f"nukeworks_migrate.{tag}.json")
        self._enabled = enabled
        self._kept: dict[str, object] = {}
        self._used: dict[str, object] = {}
        self._added = False

    def __enter__(self) -> HeaderIndex:
        if self._enabled:
            try:
                with open(self._path, "rb") as file:
                    kept = json.loads(file.read())
                self._kept = kept if isinstance(kept, dict) else {}
            except (OSError, ValueError, RecursionError):
                self._kept = {}
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled and self._added:
            self._write()

    def header(self, source: SourceFile, *, is_helper: bool) -> Header:
        """Return the header of `source`, from the index when it holds these very bytes."""
        key = f"{'helper' if is_helper else 'migration'}:{source.sha256}"
        record = self._kept.get(key)
        if isinstance(record, dict):
            try:
                header = Header.from_record(record)
            except (TypeError, KeyError, ValueError):
                header = None
            if header is not None:
                self._used[key] = record
                return header
        header = read_header(source.content, is_helper=is_helper)
        if not header.problems:  # problems are read again, until they are gone
            self._used[key] = header.as_record()
            self._added = True
        return header

    def _write(self) -> None:
        temporary = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(json.dumps(self._used, separators=(",", ":")))
            os.replace(temporary, self._path)
        except OSError:
            # A folder that cannot be written is read more slowly, and that is all.
            with suppress(OSError):
                os.unlink(temporary)
