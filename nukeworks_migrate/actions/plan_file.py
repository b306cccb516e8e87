"""Plans in files: written by `migrate plan -o`, read by `up --plan` and `down --plan`.

Reading ends in a plan or in words, whatever is in the file. That a plan is whole says nothing about whether it still
holds: that is seen when it is run.
"""

from __future__ import annotations

import json
import os
from typing import Any, NoReturn, TypeVar

from ..databases.base import Database
from ..errors import Refused, UsageError
from ..files.folder import Folder
from ..files.whole import write_whole
from ..model.history import History
from ..model.migration import HIGHEST_VERSION, TransactionMode
from ..model.plan import CommitMode, Direction, Plan
from ..model.saved_plan import (
    Asked,
    FilesOf,
    SavedEntry,
    SavedFile,
    SavedPlan,
    SavedStep,
    saved_ledger,
    saved_steps,
)
from ..model.schema import Schema
from ..project import StrPath
from ..runtime import clock
from ..version import __version__

FORMAT = 1
_MOST_BYTES = 64 * 1024 * 1024  # ten thousand steps with a helper each have 6 MB
_UNCHANGED = "nothing was run; database and ledger are as they were"


def plan_to_save(
    plan: Plan, asked: Asked, folder: Folder, database: Database, history: History, schema: Schema
) -> SavedPlan:
    """The plan together with the state that it was made in: `history` and `schema` as one look saw them."""
    return SavedPlan(
        direction=plan.direction,
        asked=asked,
        commit=plan.commit,
        steps=saved_steps(plan, files_of(folder)),
        ledger=saved_ledger(history),
        schema_fingerprint=schema.fingerprint,
        engine=database.engine,
        database=database.label,
        tool_version=__version__,
        made_at=clock.now(),
    )


def files_of(folder: Folder) -> FilesOf:
    return lambda name: tuple(SavedFile(source.name, source.sha256) for source in folder.sources_of(name))


def write_plan(saved: SavedPlan, path: StrPath, database: Database) -> None:
    """Write `saved` to `path`, relative to the current folder: whole, or not at all.

    A plan that is there already gives way to it; any other file does not.

    Raises:
        UsageError: something that is no plan has that name, or its folder is not there.
        Refused: it cannot be written.
    """
    refuse_other_file(path, database)
    try:
        write_whole(os.path.realpath(path), f"{json.dumps(_as_json(saved), indent=2)}\n".encode("ascii"))
    except OSError as error:
        raise Refused(
            f"the plan cannot be saved as {os.fspath(path)}",
            cause=error.strerror or str(error),
            next_step="name another file: -o plan.json",
        ) from error


def refuse_other_file(path: StrPath, database: Database) -> None:
    """Keep a plan from taking the place of what is none: the database, for one.

    Raises:
        UsageError: there is such a file, or no folder for it.
    """
    shown = os.fspath(path)
    what = ""
    if not os.path.basename(shown):
        what = f"{shown or 'an empty name'} is no name of a file"
    elif not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        what = f"the folder of {shown} does not exist"
    elif database.keeps(path):
        what = f"{shown} is the database"
    elif os.path.exists(path) and not _gives_way(path):
        what = f"{shown} is there already, and is no plan"
    if what:
        raise UsageError(
            what, unchanged="nothing was run, and no file was written", next_step="name another file: -o plan.json"
        )


def _gives_way(path: StrPath) -> bool:
    """Whether what is at `path` may be replaced: a plan, or an empty file."""
    if not os.path.isfile(path):
        return False
    try:
        if os.path.getsize(path):
            _object(_content(path))
    except (OSError, ValueError, _Unfit):
        return False
    return True


def _as_json(saved: SavedPlan) -> dict[str, Any]:
    return {
        "plan_format": FORMAT,
        "tool_version": saved.tool_version,
        "made_at": saved.made_at,
        "database": saved.database,
        "engine": saved.engine,
        "direction": saved.direction.value,
        "asked": {"to": saved.asked.to, "only": saved.asked.only, "steps": saved.asked.steps},
        "commit": saved.commit.value,
        "steps": [
            {
                "version": step.version,
                "name": step.name,
                "direction": saved.direction.value,
                "checksum": step.checksum,
                "transaction": step.transaction,
                "files": [{"file": file.file, "sha256": file.sha256} for file in step.files],
            }
            for step in saved.steps
        ],
        "ledger": [
            {"version": entry.version, "name": entry.name, "checksum": entry.checksum} for entry in saved.ledger
        ],
        "schema_fingerprint": saved.schema_fingerprint,
    }


class _Unfit(Exception):
    """Something in the file is not what it should be; the message says where and what."""


def read_plan(path: StrPath, database: Database) -> SavedPlan:
    """Read the plan in the file `path`, relative to the current folder.

    Raises:
        UsageError: there is no such file, or no plan of a format that is known here is in it.
    """
    shown = os.fspath(path)
    if database.keeps(path):
        _refuse_file(f"{shown} is no saved plan", "it is the database")
    try:
        content = _content(path)
    except (OSError, ValueError) as error:
        _refuse_file(f"the plan {shown} cannot be read", getattr(error, "strerror", None) or str(error))
    try:
        found = _object(content)
    except _Unfit as error:
        _refuse_file(f"{shown} is no saved plan", str(error))
    if found["plan_format"] > FORMAT:
        raise UsageError(
            f"the plan {shown} was saved by a later version of this program",
            cause=f"its format is {_brief(found['plan_format'])}, and this version ({__version__}) knows {FORMAT}",
            unchanged=_UNCHANGED,
            next_step="update the program, or make the plan again with this one",
        )
    try:
        return _plan(found)
    except _Unfit as error:
        _refuse_file(f"the plan {shown} is damaged", str(error))


def _content(path: StrPath) -> bytes:
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("it is too large to be a plan")
    return content


def _object(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a plan, of whatever format.

    Raises:
        _Unfit: it is none.
    """
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _Unfit(f"it is no JSON: {error}") from None
    number = found.get("plan_format") if isinstance(found, dict) else None
    if type(number) is not int or number < 1:
        raise _Unfit("it has no plan_format")
    return dict(found)


def _refuse_file(what: str, cause: str) -> NoReturn:
    raise UsageError(what, cause=cause, unchanged=_UNCHANGED, next_step="make one: migrate plan -o plan.json") from None


def _plan(found: dict[str, Any]) -> SavedPlan:
    direction = _choice(found, "direction", Direction)
    return SavedPlan(
        direction=direction,
        asked=_asked(_get(found, "asked", dict), direction),
        commit=_choice(found, "commit", CommitMode),
        steps=tuple(_step(step, where, direction) for where, step in _objects(found, "steps")),
        ledger=tuple(
            SavedEntry(
                _version(entry, where),
                _get(entry, "name", str, where, or_none=True),
                _get(entry, "checksum", str, where, or_none=True),
            )
            for where, entry in _objects(found, "ledger")
        ),
        schema_fingerprint=_text(found, "schema_fingerprint"),
        engine=_text(found, "engine"),
        database=_text(found, "database"),
        tool_version=_text(found, "tool_version"),
        made_at=_text(found, "made_at"),
    )


def _asked(found: dict[str, Any], direction: Direction) -> Asked:
    asked = Asked(
        _get(found, "to", str, "asked.", or_none=True),
        _get(found, "only", str, "asked.", or_none=True),
        _get(found, "steps", int, "asked.", or_none=True),
    )
    given = sum(word is not None for word in (asked.to, asked.only, asked.steps))
    if given > 1 or (direction is Direction.DOWN and not given) or (asked.steps is not None and asked.steps < 1):
        raise _Unfit("asked is not what can be asked for")
    return asked


def _step(found: dict[str, Any], where: str, direction: Direction) -> SavedStep:
    if _choice(found, "direction", Direction, where) is not direction:
        raise _Unfit(f"{where}direction is not that of the plan")
    return SavedStep(
        _version(found, where),
        _text(found, "name", where),
        _text(found, "checksum", where),
        _choice(found, "transaction", TransactionMode, where).value,
        tuple(
            SavedFile(_text(file, "file", within), _text(file, "sha256", within))
            for within, file in _objects(found, "files", where)
        ),
    )


def _get(found: dict[str, Any], key: str, kind: type, where: str = "", *, or_none: bool = False) -> Any:
    if key not in found:
        raise _Unfit(f"{where}{key} is missing")
    value = found[key]
    if type(value) is not kind and not (or_none and value is None):  # True is no number here
        raise _Unfit(f"{where}{key} is {_brief(value)}, which is no {_KINDS[kind]}")
    return value


def _text(found: dict[str, Any], key: str, where: str = "") -> str:
    text: str = _get(found, key, str, where)
    return text


def _version(found: dict[str, Any], where: str) -> int:
    version: int = _get(found, "version", int, where)
    if not 0 <= version <= HIGHEST_VERSION:
        raise _Unfit(f"{where}version is {_brief(version)}, which is no version")
    return version


C = TypeVar("C", Direction, CommitMode, TransactionMode)


def _choice(found: dict[str, Any], key: str, kind: type[C], where: str = "") -> C:
    text = _text(found, key, where)
    try:
        return kind(text)
    except ValueError:
        raise _Unfit(f"{where}{key} is {_brief(text)}, which means nothing here") from None


def _objects(found: dict[str, Any], key: str, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The objects in a list, each with how it is named in a message."""
    items = _get(found, key, list, where)
    for place, item in enumerate(items):
        if type(item) is not dict:
            raise _Unfit(f"{where}{key}[{place}] is {_brief(item)}, which is no object")
    return [(f"{where}{key}[{place}].", item) for place, item in enumerate(items)]


_KINDS: dict[type, str] = {str: "text", int: "whole number", list: "list", dict: "object"}


def _brief(value: object) -> str:
    """A value of the file for a message: short, whatever it is."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a very large number"  # of so many digits that Python may not even print it
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
