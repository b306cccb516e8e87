"""Database files: what a URL means, and how SQLite is told to open exactly that file."""

from __future__ import annotations

import os

from ...errors import BadSetting

_PREFIX = "sqlite:///"
COMPANIONS = ("-wal", "-shm", "-journal")  # files that SQLite keeps beside a database


def path_of(url: str, *, base: str) -> str:
    """Return the file that `url` means: `sqlite:///relative`, `sqlite:////absolute`, or a plain path.

    Relative ones mean `base`. A plain path is taken to the letter. In a URL, `%20` and its like are
    characters to decode, unless a file with the undecoded name is what is there; `?` would begin
    options, of which there are none.

    Raises:
        BadSetting: the URL means no file, or could mean two.
    """
    if url == ":memory:" or url.lower() == f"{_PREFIX}:memory:":
        raise BadSetting(
            f"{url} names no file",
            cause="a database in memory is gone when the command ends, and has no second connection",
            unchanged="nothing was opened",
            next_step="name a file: sqlite:///data/app.sqlite",
        )
    if not url.lower().startswith("sqlite:"):
        if not url.strip():
            raise BadSetting(
                "the name of the database is empty",
                unchanged="nothing was opened",
                next_step="name a file: --database data/app.sqlite",
            )
        return url
    rest = url[len(_PREFIX) :]
    if not url.lower().startswith(_PREFIX) or not rest:
        name = url[len("sqlite:") :].lstrip("/") or "data/app.sqlite"
        raise BadSetting(
            f"{url} names no file",
            cause="in a URL, three slashes stand before a path, and four before one from the root",
            unchanged="nothing was opened",
            next_step=f"write sqlite:///{name}, or the plain path: {name}",
        )
    if "?" in rest:
        raise BadSetting(
            f"{url} has options after the question mark, and there are none",
            unchanged="nothing was opened",
            next_step="give the plain path where the ? is part of the file's name, or write it %3F",
        )
    decoded = _decode(rest)
    if decoded != rest and os.path.exists(os.path.join(base, rest)):
        if os.path.exists(os.path.join(base, decoded)):
            raise BadSetting(
                f"{url} could mean two files that both exist",
                where=f"{decoded} and {rest}",
                unchanged="nothing was opened",
                next_step="give the plain path, without sqlite:///",
            )
        return rest
    return decoded


def file_uri(path: str | os.PathLike[str], **options: str) -> str:
    """Return the URI by which SQLite opens exactly `path`, whatever characters are in it.

    Source: sqlite.org/uri.html; a UNC path keeps its two slashes behind an empty authority.
    """
    name = os.fspath(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    if os.name == "nt":
        name = name.replace("\\", "/")
        if name[1:2] == ":":
            name = "/" + name
    if name.startswith("//"):
        name = "//" + name
    elif not name.startswith("/"):
        name = "./" + name
    query = "&".join(f"{option}={value}" for option, value in options.items())
    return f"file:{name}?{query}"


def _decode(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text, errors="strict")
