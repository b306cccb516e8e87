"""`migrate schema dump`: the schema that the migrations make, as text that changes only when it does."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import TypeVar

from ..databases.base import Database
from ..databases.writing import StopSignal, Writer
from ..errors import MigrateError, ModuleNotLoaded, PartWay, Refused, StepFailed, Stopped
from ..files.source import SourceFile
from ..files.whole import write_whole
from ..model.differences import SchemaChange, schema_changes
from ..model.migration import Migration
from ..model.plan import Direction, Plan, Step
from ..model.schema import Schema
from ..project import Project, StrPath
from ..runtime.building import Recipe, built_database
from ..runtime.signals import StopFlag
from .running import load_resources, resources_of
from .standing import load_project_folder

T = TypeVar("T")

_BUILT_APART = "no database was touched: the migrations ran in an empty one of their own, which is gone"
_HEADER = """\
-- The schema that the migrations make: these, and all that they depend on.
-- Written by nukeworks-migrate (migrate schema dump); a change belongs in a new migration.
"""
_MOST_DIFFERING = 20  # lines of a difference of words


@dataclass(frozen=True, slots=True)
class SchemaDump:
    """The schema at head. The same migrations give the same `text` whenever, wherever and however often."""

    text: str  # SQL, with LF at line ends and one at its end
    heads: tuple[str, ...]  # names of the migrations that nothing depends on
    schema: Schema


class FileVerdict(StrEnum):
    """What a file is to the schema at head."""

    SAME = "same"  # it has the text, line ends aside
    OTHER_WORDS = "other-words"  # another text that makes the same schema
    OTHER_SCHEMA = "other-schema"
    NOT_LOADABLE = "not-loadable"  # the database does not take it
    MISSING = "missing"  # there is no such file


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """A file against the schema at head."""

    dump: SchemaDump
    verdict: FileVerdict
    changes: tuple[SchemaChange, ...] = ()  # from the schema in the file to the one at head
    diff: tuple[str, ...] = ()  # of the words, from the file to the dump, where the schema is the same; shortened
    cause: str = ""  # why it cannot be loaded


def dump_schema(project: Project) -> SchemaDump:
    """Build the schema from the files alone, all of them in their order, in an empty database that is gone then.

    No database has to be there, or to be named; one that is named only says which kind it is.

    Raises:
        FilesRefused, Refused: the files cannot be read.
        MissingResource, ModuleNotLoaded, StepFailed: a migration cannot run on an empty database.
        RehearsalRefused: there is no room for a scratch database.
        Stopped: a signal ended it.
    """
    return _dump(project, project.any_database())


def write_schema(dump: SchemaDump, path: StrPath) -> bool:
    """Write the text to `path`, wholly or not at all; return False where it was there already, line ends aside.

    Raises:
        Refused: it cannot be written.
    """
    target = os.path.realpath(path)  # a link stays a link
    try:
        if _read(target) == dump.text:
            return False
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else 0o644
        write_whole(target, dump.text.encode(), mode=mode)
    except OSError as error:
        raise _unwritable(path, error) from error
    return True


def check_schema(project: Project, path: StrPath) -> SchemaCheck:
    """Compare the file at `path` with the schema at head: its text, and where that differs, the schema that it makes.

    Raises:
        Refused: it cannot be read; otherwise as `dump_schema`.
    """
    database = project.any_database()
    dump = _dump(project, database)
    try:
        text = _read(path)
    except FileNotFoundError:
        return SchemaCheck(dump, FileVerdict.MISSING)
    except UnicodeDecodeError as error:
        return SchemaCheck(dump, FileVerdict.NOT_LOADABLE, cause=f"it is not UTF-8 (byte {error.start})")
    except OSError as error:
        raise Refused(
            f"{os.fspath(path)} cannot be read",
            cause=error.strerror or str(error),
            unchanged="nothing was written",
            next_step="name a file that can be read: migrate schema dump --check FILE",
        ) from error
    if text == dump.text:
        return SchemaCheck(dump, FileVerdict.SAME)
    try:
        schema = build(project, database, [_recipe_of_script(text, os.fspath(path))], lambda writer: writer.schema())
    except (StepFailed, ModuleNotLoaded) as error:
        statement = error.where.partition("\n")[2]
        cause = "\n".join(words for words in (error.cause, statement) if words)
        return SchemaCheck(dump, FileVerdict.NOT_LOADABLE, cause=cause)
    changes = schema_changes(schema, dump.schema)
    if changes:
        return SchemaCheck(dump, FileVerdict.OTHER_SCHEMA, changes)
    return SchemaCheck(dump, FileVerdict.OTHER_WORDS, diff=_difference_of_words(text, dump.text))


def build(project: Project, database: Database, recipes: Sequence[Recipe], look: Callable[[Writer], T]) -> T:
    """Run `recipes` on an empty scratch database, and return what `look` sees there.

    Raises:
        MissingResource, ModuleNotLoaded, StepFailed: one of them cannot run there; the message says which.
        RehearsalRefused: there is no room for a scratch database.
        Stopped: a signal ended it.
    """
    plan = Plan(Direction.UP, tuple(Step(recipe.migration, Direction.UP) for recipe in recipes))
    resources = resources_of(project)
    stop = StopFlag()
    with stop.listening():
        load_resources(plan, resources, stop)
        try:
            with built_database(
                database, recipes, resources=resources, stop=stop, lock_timeout_s=project.lock_timeout_s
            ) as writer:
                return look(writer)
        except (MigrateError, StopSignal) as error:
            if stop.requested() or not isinstance(error, MigrateError):
                raise Stopped(
                    stop.signal_number, "stopped while the schema was built", unchanged=_BUILT_APART
                ) from error
            if isinstance(error, (StepFailed, PartWay)):
                raise _not_on_empty(error) from error
            error.unchanged = _BUILT_APART
            error.next_step = error.next_step.replace("migrate up", "migrate schema dump")
            raise


def _not_on_empty(error: StepFailed | PartWay) -> StepFailed:
    """The failure as it is told here, where no run and no database is spoken of."""
    name = getattr(error, "name", "")
    told = StepFailed(
        f"{name or 'a migration'} cannot run on an empty database",
        where=error.where,
        cause=error.cause or error.what,
        unchanged=_BUILT_APART,
        next_step="correct it: a new database would fail there, too",
    )
    told.name = name
    return told


def _dump(project: Project, database: Database) -> SchemaDump:
    folder = load_project_folder(project)
    graph = folder.graph
    recipes = []
    for version in graph.in_order(graph.versions):
        name = graph[version].name
        recipes.append(Recipe(graph[version], {s.name.removesuffix(".py"): s for s in folder.sources_of(name)}))
    statements, schema = build(project, database, recipes, lambda writer: (writer.create_statements(), writer.schema()))
    heads = tuple(graph[version].name for version in graph.heads)
    lines = [_HEADER, *(f"-- head: {name}\n" for name in heads)]
    lines += [f"\n{statement};\n" for statement in statements]
    return SchemaDump("".join(lines), heads, schema)


def _recipe_of_script(sql: str, path: str) -> Recipe:
    """A migration that runs `sql`, so that what keeps migrations in bounds keeps a file in bounds."""
    name = "schema"
    content = f"def upgrade(db):\n    db.script({sql!r})\n".encode()
    return Recipe(Migration(1, name, path), {name: SourceFile(f"{name}.py", path, content, "")})


def _read(path: StrPath) -> str:
    """The text of a file, with LF at line ends and without byte-order mark."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return file.read().replace("\r\n", "\n")


def _difference_of_words(before: str, after: str) -> tuple[str, ...]:
    lines = list(
        unified_diff(before.split("\n"), after.split("\n"), "the file", "migrate schema dump", lineterm="", n=1)
    )
    if len(lines) > _MOST_DIFFERING:
        lines = [*lines[:_MOST_DIFFERING], f"… {len(lines) - _MOST_DIFFERING} more lines"]
    return tuple(lines)


def _unwritable(path: StrPath, error: OSError) -> Refused:
    return Refused(
        f"{os.fspath(path)} cannot be written",
        cause=error.strerror or str(error),
        unchanged="the file is as it was",
        next_step="name a file in a folder that can be written: migrate schema dump -o FILE",
    )
