"""The text of one file of `versions/`, as it is hashed, stored and run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import sha256 as _builtin_sha256
else:
    # hashlib loads OpenSSL for the same function, which takes longer than hashing a folder of migrations does.
    try:
        from _sha2 import sha256 as _builtin_sha256  # Python 3.12 and later
    except ImportError:
        try:
            from _sha256 import sha256 as _builtin_sha256
        except ImportError:
            from hashlib import sha256 as _builtin_sha256

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_CHUNK = 1 << 16  # bytes; most migrations are one


class SourceFile(NamedTuple):
    """A file's bytes with line endings as LF and without byte-order mark, and their SHA-256 in hex.

    What is hashed is what is stored in the ledger and what is run: the file is read once.
    """

    name: str  # with .py: 0017_client_tier.py
    path: str  # as tracebacks name it
    content: bytes
    sha256: str

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")


def read_source(path: str, name: str) -> SourceFile:
    """Read the file `name` of versions/, at `path`.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    content = normalised(read_bytes(path))
    if not content.isascii():
        content.decode("utf-8")
    return SourceFile(name, path, content, sha256_of(content))


def normalised(content: bytes) -> bytes:
    """Return the bytes of a file with line endings as LF and without byte-order mark."""
    if content.startswith(_BYTE_ORDER_MARK):
        content = content[len(_BYTE_ORDER_MARK) :]
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of `content` in lower-case hex.

    A program that has loaded hashlib anyway, as every web application has, gets OpenSSL's: five times as fast.
    """
    loaded = sys.modules.get("hashlib")
    digest: str = getattr(loaded, "sha256", _builtin_sha256)(content).hexdigest()
    return digest


def bundle_checksum(main: SourceFile, helpers: list[SourceFile]) -> str:
    """Return the checksum of a migration and of the helpers that it imports, however far.

    Without helpers it is the file's own SHA-256, so that `sha256sum` shows it. With helpers it is the
    SHA-256 of a list of them all, a line each: hash, two spaces, name, as `sha256sum` prints it.
    """
    if not helpers:
        return main.sha256
    lines = [f"{source.sha256}  {source.name}\n" for source in [main, *sorted(helpers, key=lambda h: h.name)]]
    return sha256_of("".join(lines).encode())


def read_bytes(path: str) -> bytes:
    """Return the bytes of a file. There is no file object around them: that takes as long again as the reading.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, _READ_FLAGS)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
