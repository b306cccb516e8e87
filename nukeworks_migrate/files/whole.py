"""Files that are written wholly or not at all, also when the machine stops in the middle."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

StrPath = str | os.PathLike[str]


def write_whole(path: StrPath, content: bytes, *, mode: int = 0o644, partial: StrPath = "") -> None:
    """Write `content` to `path`, in place of what is there: under another name in its folder, flushed, then renamed.

    `mode` is the file's from its first moment. `partial` is the other name, where it matters which; nothing may be
    there by that name.

    Raises:
        OSError: it cannot be written; `path` is as it was, and nothing is left behind.
    """
    path = os.fspath(path)
    name = os.fspath(partial) or os.path.join(
        os.path.dirname(path), f".{os.path.basename(path)[:100]}.{secrets.token_hex(4)}"
    )
    descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    flush_folder(os.path.dirname(path) or ".")


def flush_folder(folder: StrPath) -> None:
    """Flush the entries of a folder, so that a name which was given in it is there after a crash."""
    if os.name == "nt":
        return  # Windows cannot open a folder to flush it; its file systems order the rename themselves
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
