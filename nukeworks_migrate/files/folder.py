"""Reading `versions/`: which files there are, what they say, and everything that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import FilesRefused, Problem, Refused
from ..model.graph import MigrationGraph, find_problems
from ..model.migration import HIGHEST_VERSION, Migration, TransactionMode
from .header import Header
from .index import HeaderIndex, KnownFile, known_folder
from .source import SourceFile, bundle_checksum, normalised, read_bytes, read_source, sha256_of

_WORDS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class Folder(NamedTuple):
    """The migrations of one folder, with the bytes that they were read from."""

    path: str
    shown: str  # the path as the user wrote it
    migrations: tuple[Migration, ...]  # by version
    sources: dict[str, SourceFile]  # by name, without .py; helpers too
    helpers: dict[str, tuple[str, ...]]  # for each migration, the helpers that it imports, however far
    graph: MigrationGraph

    def sources_of(self, name: str) -> list[SourceFile]:
        """The file of the migration `name`, then its helpers by name: what its checksum covers."""
        return [self.sources[name], *(self.sources[helper] for helper in self.helpers.get(name, ()))]


def load_folder(path: str | os.PathLike[str], *, shown: str = "", use_index: bool = True) -> Folder:
    """Read every migration in `path`, without importing or running any of them.

    Raises:
        FilesRefused: with every problem of names, headers and dependencies, each with file, line and remedy.
        Refused: there is no such folder.
    """
    path = os.fspath(path)
    shown = (shown or path).rstrip("/\\") or shown
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        raise Refused(
            f"the folder of migrations cannot be read: {shown}",
            cause=error.strerror or str(error),
            unchanged="nothing was run; no database was opened",
            next_step='say where it is with --versions, or make the first migration: migrate new "first"',
        ) from error
    reading = _Reading(path, shown)
    with HeaderIndex(path, enabled=use_index) as index:
        for entry in entries:
            reading.read(entry, index)
        folder = reading.folder()
        # A folder with problems does not come this far, and so is never taken as known.
        fingerprint = _fingerprint((source.name, source.sha256) for source in folder.sources.values())
        index.keep_folder(fingerprint, [KnownFile(m.version, m.name, m.checksum) for m in folder.migrations])
    return folder


def known_checksums(path: str | os.PathLike[str]) -> list[KnownFile] | None:
    """Return version, name and checksum of each migration in `path`, by version, where the index knows the folder.

    Every file is read and hashed, as always. Where all of them together are what `load_folder` saw when it found no
    problems, no header is needed to say so again, and no graph. None where they are not: `load_folder` tells why.
    """
    path = os.fspath(path)
    prefix = os.path.join(path, "")
    hashes = []
    try:
        for name in sorted(os.listdir(path)):
            if _looks_like_one(name):
                if not name.endswith(".py"):
                    return None  # it is refused, and may be a dump of gigabytes
                hashes.append((name, sha256_of(normalised(read_bytes(prefix + name)))))
    except OSError:
        return None
    return known_folder(path, _fingerprint(hashes))


def _fingerprint(hashes: Iterable[tuple[str, str]]) -> str:
    """One hash of all files, by names and hashes of their contents, in the order of their names."""
    return sha256_of("".join([f"{sha256}{name}\0" for name, sha256 in hashes]).encode("utf-8", "surrogatepass"))


def _looks_like_one(name: str) -> bool:
    """Whether a name is a migration's or a helper's, or comes near enough to be judged: README.md does not."""
    return not name.startswith(".") and (name.lower().endswith(".py") or name[:1].isdigit())


class _Reading:
    def __init__(self, path: str, shown: str) -> None:
        self.path, self.shown = path, shown
        self.problems: list[Problem] = []
        self.sources: dict[str, SourceFile] = {}
        self.headers: dict[str, Header] = {}
        self.numbers: dict[str, int] = {}

    def problem(self, name: str, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(f"{self.shown}/{name}", line, what, remedy))

    def read(self, entry: os.DirEntry[str], index: HeaderIndex) -> None:
        name = entry.name
        if not _looks_like_one(name):
            return
        version = _version_of(name)
        is_helper = _is_helper(name)
        if version is None and not is_helper:
            self.problem(name, 0, *_wrong_name(name))
            return
        if entry.is_dir():
            self.problem(name, 0, "is a folder, not a file", "a migration is one file; rename the folder")
            return
        try:
            source = read_source(entry.path, name)
        except OSError as error:
            self.problem(name, 0, f"cannot be read: {error.strerror or error}", "make it readable")
            return
        except UnicodeDecodeError as error:
            self.problem(name, 0, f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
            return
        stem = name.removesuffix(".py")
        if version is not None:
            if version > HIGHEST_VERSION:
                self.problem(name, 0, f"the version is above {HIGHEST_VERSION}", "give it a smaller number")
                return
            self.numbers[stem] = version
        self.sources[stem] = source
        self.headers[stem] = index.header(source, is_helper=is_helper)
        for found in self.headers[stem].problems:
            self.problem(name, found.line, found.what, found.remedy)

    def folder(self) -> Folder:
        helpers: dict[str, tuple[str, ...]] = {}
        migrations = []
        for stem, version in self.numbers.items():
            header = self.headers[stem]
            if header.imports:
                helpers[stem] = self.helpers_of(stem)
            bundle = [self.sources[name] for name in helpers.get(stem, ())]
            migrations.append(
                Migration(
                    version=version,
                    name=stem,
                    path=f"{self.shown}/{stem}.py",
                    description=header.description,
                    depends_on=header.depends_on,
                    depends_on_line=header.depends_on_line,
                    checksum=bundle_checksum(self.sources[stem], bundle),
                    transaction=TransactionMode(header.transaction),
                    resources=header.resources,
                    has_downgrade=header.has_downgrade,
                    has_check=header.has_check,
                    has_verify=header.has_verify,
                )
            )
        self.check_imports()
        self.problems.extend(find_problems(migrations))
        if self.problems:
            ordered = sorted(self.problems, key=lambda p: (p.path, p.line))
            raise FilesRefused(self.shown, tuple(ordered))
        migrations.sort(key=lambda m: m.version)
        graph = MigrationGraph(migrations)
        return Folder(self.path, self.shown, tuple(migrations), self.sources, helpers, graph)

    def helpers_of(self, stem: str) -> tuple[str, ...]:
        """The helpers that `stem` imports, and those that they import, by name."""
        reached: set[str] = set()
        stack = [stem]
        while stack:
            for name, _line in self.headers[stack.pop()].imports:
                if name not in reached and name in self.sources:
                    reached.add(name)
                    stack.append(name)
        return tuple(sorted(reached))

    def check_imports(self) -> None:
        for stem, header in self.headers.items():
            for name, line in header.imports:
                if name not in self.sources:
                    self.problem(
                        f"{stem}.py",
                        line,
                        f"imports ._{name.removeprefix('_')}, and there is no {name}.py",
                        "add the helper, or correct its name",
                    )


def _is_helper(name: str) -> bool:
    return name.startswith("_") and name.endswith(".py")


def _version_of(name: str) -> int | None:
    """The version of a migration's file; None where the name is not digits, underscore, lower-case words."""
    digits, underscore, words = name.removesuffix(".py").partition("_")
    number = name.endswith(".py") and digits.isascii() and digits.isdigit()
    if not (number and underscore and words and words[0] != "_" and _WORDS.issuperset(words)):
        return None
    return int(digits) if len(digits) <= 40 else HIGHEST_VERSION + 1


def _wrong_name(name: str) -> tuple[str, str]:
    stem, _, ending = name.rpartition(".")
    if not name.lower().endswith(".py"):
        if ending.lower() == "sql":
            return "is SQL, which is not run", 'put it into a Python migration: db.script("""…""")'
        return "looks like a migration, and is none", "rename it so that it ends in .py, or move it away"
    from unicodedata import normalize

    plain = normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    fits = "".join(character if character in _WORDS else "_" for character in plain).strip("_") + ".py"
    if _version_of(fits) is not None:
        remedy = f"rename it: {fits}"
    else:
        remedy = "rename it, number first: 0001_what_it_does.py; a helper begins with _"
    return "its name is not digits, underscore, lower-case words", remedy
