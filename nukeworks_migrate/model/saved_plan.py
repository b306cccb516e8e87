"""A plan as it is kept in a file, and what is not as it was when it was made.

It is held to the letter: somebody has read these files and agreed to them, so that their checksums are compared, and
not what they mean, as drift does. What does not belong to it (other files, rows, the name of the database) may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .graph import MigrationGraph
from .history import Entry, History
from .migration import Migration
from .plan import CommitMode, Direction, Plan

_MOST_NAMES = 5  # in one line of what moved


@dataclass(frozen=True, slots=True)
class SavedFile:
    """One file of a migration: its own, or a helper that it imports."""

    file: str  # with .py
    sha256: str


FilesOf = Callable[[str], tuple[SavedFile, ...]]  # the files of a migration by its name, its own first


@dataclass(frozen=True, slots=True)
class SavedStep:
    """One migration of the plan, and the text that it had."""

    version: int
    name: str
    checksum: str  # of all its files, as the ledger will have it
    transaction: str
    files: tuple[SavedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedEntry:
    """One migration that was applied; a row of the old system has neither name nor checksum."""

    version: int
    name: str | None = None
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """How far the plan was to go, in the words that were given."""

    to: str | None = None
    only: str | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan, and the state of files, ledger and schema that it was made in."""

    direction: Direction
    asked: Asked
    commit: CommitMode
    steps: tuple[SavedStep, ...]
    ledger: tuple[SavedEntry, ...]  # in the order in which they were applied
    schema_fingerprint: str
    engine: str
    database: str  # as it was named; for the reader, and not compared
    tool_version: str
    made_at: str  # UTC, ISO 8601


@dataclass(frozen=True, slots=True)
class Present:
    """What a saved plan is held against: how things stand now."""

    graph: MigrationGraph
    files_of: FilesOf
    history: History
    schema_fingerprint: str
    engine: str
    tool_version: str
    plan: Plan | None  # what is planned now of the same words
    no_plan: str = ""  # why there is none


@dataclass(frozen=True, slots=True)
class Moved:
    """What is not as it was when the plan was made, a line each, by what it belongs to."""

    files: tuple[str, ...] = ()
    ledger: tuple[str, ...] = ()
    schema: tuple[str, ...] = ()
    planning: tuple[str, ...] = ()  # the same files and ledger, and another plan
    done: bool = False  # every step of the plan has happened already

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self.files, *self.ledger, *self.schema, *self.planning)

    @property
    def what(self) -> tuple[str, ...]:
        """Which of them it was, in words."""
        kinds = {"the files": self.files, "the ledger": self.ledger, "the schema": self.schema}
        return tuple(name for name, lines in kinds.items() if lines)


def asked_for(to: str | int | None, only: str | None, steps: int | None) -> Asked:
    return Asked(None if to is None else str(to), only, steps)


def saved_steps(plan: Plan, files_of: FilesOf) -> tuple[SavedStep, ...]:
    return tuple(_saved_step(step.migration, files_of) for step in plan.steps)


def saved_ledger(history: History) -> tuple[SavedEntry, ...]:
    """The rows of the ledger in the order in which they came; those of the old system first, by version."""
    ordered = sorted(history.entries, key=lambda entry: (entry.position or 0, entry.version))
    return tuple(SavedEntry(entry.version, entry.name, entry.checksum) for entry in ordered)


def what_moved(saved: SavedPlan, now: Present) -> Moved:
    """Compare `saved` with how things stand; nothing has moved where `lines` is empty, and the plan is the same."""
    files = tuple(_moved_files(saved, now))
    ledger = tuple(_moved_ledger(saved, now))
    # Where other migrations are applied the schema is another one of course, and so is the plan.
    schema = () if ledger else tuple(_moved_schema(saved, now))
    planning = () if files or ledger else tuple(_moved_planning(saved, now))
    if saved.engine != now.engine:
        planning = (f"the plan was made for {saved.engine}, and this is {now.engine}", *planning)
    done = all(_has_happened(step, saved.direction, now.history) for step in saved.steps) if saved.steps else False
    return Moved(files, ledger, schema, planning, done)


def short(checksum: str | None) -> str:
    """As much of a checksum as tells it from another."""
    return "none" if checksum is None else checksum[:12]


def _saved_step(migration: Migration, files_of: FilesOf) -> SavedStep:
    return SavedStep(
        migration.version,
        migration.name,
        migration.checksum,
        migration.transaction.value,
        files_of(migration.name),
    )


def _has_happened(step: SavedStep, direction: Direction, history: History) -> bool:
    return (step.version in history.applied) is (direction is Direction.UP)


def _moved_files(saved: SavedPlan, now: Present) -> Iterator[str]:
    for step in saved.steps:
        if _has_happened(step, saved.direction, now.history):
            continue  # that is what the ledger tells
        migration = now.graph.migrations.get(step.version)
        if migration is None:
            yield f"{step.name}.py is gone ({short(step.checksum)} in the plan)"
        elif migration.name != step.name:
            yield (
                f"{step.name}.py is now {migration.name}.py"
                f" ({short(step.checksum)} in the plan, {short(migration.checksum)} now)"
            )
        elif migration.checksum != step.checksum:
            yield from _changed_files(step, migration, now.files_of(migration.name))
    known = {step.version for step in saved.steps} | {entry.version for entry in saved.ledger}
    for planned in now.plan.steps if now.plan else ():
        if planned.version not in known and planned.version not in now.history.applied:
            path, checksum = planned.migration.path, planned.migration.checksum
            yield f"{path} is not in the plan, and would run now ({short(checksum)})"


def _changed_files(step: SavedStep, migration: Migration, files: tuple[SavedFile, ...]) -> Iterator[str]:
    then = {file.file: file.sha256 for file in step.files}
    current = {file.file: file.sha256 for file in files}
    folder = migration.path.rpartition("/")[0]
    found = False
    for file in dict.fromkeys((*then, *current)):
        before, after = then.get(file), current.get(file)
        if before == after:
            continue
        found = True
        path = f"{folder}/{file}" if folder else file
        of = "" if file == f"{step.name}.py" else f", a helper of {step.name},"
        if after is None:
            yield f"{step.name} does not import {file} any more ({short(before)} in the plan)"
        elif before is None:
            yield f"{step.name} imports {file} now ({short(after)})"
        else:
            yield f"{path}{of} was changed: {short(before)} in the plan, {short(after)} now"
    if not found:  # the plan itself was edited
        yield f"{migration.path} is another: {short(step.checksum)} in the plan, {short(migration.checksum)} now"


def _moved_ledger(saved: SavedPlan, now: Present) -> Iterator[str]:
    then = {entry.version: entry for entry in saved.ledger}
    current = now.history.by_version
    more = [_shown(entry) for version, entry in sorted(current.items()) if version not in then]
    fewer = [_shown(entry) for version, entry in sorted(then.items()) if version not in current]
    if more:
        yield f"applied now, and not when the plan was made: {_listed(more)}"
    if fewer:
        yield f"applied when the plan was made, and not now: {_listed(fewer)}"
    others = list(_other_entries(then, current))
    yield from others
    order = [entry.version for entry in saved.ledger]
    if not (more or fewer or others) and order != [entry.version for entry in saved_ledger(now.history)]:
        yield "the same migrations were applied in another order"


def _other_entries(then: dict[int, SavedEntry], current: dict[int, Entry]) -> Iterator[str]:
    for version in sorted(then.keys() & current.keys()):
        before, after = then[version], current[version]
        # A row of the old system takes name and checksum from today's file: to get them is no change.
        if None not in (before.name, after.name) and before.name != after.name:
            yield f"version {version} was applied as {before.name}, and is {after.name} now"
        if None not in (before.checksum, after.checksum) and before.checksum != after.checksum:
            yield (
                f"{_shown(after)} is applied from another file:"
                f" {short(before.checksum)} when the plan was made, {short(after.checksum)} now"
            )


def _moved_schema(saved: SavedPlan, now: Present) -> Iterator[str]:
    if saved.schema_fingerprint != now.schema_fingerprint:
        yield (
            "the schema is another, and no migration made it so"
            f"\n({short(saved.schema_fingerprint)} when the plan was made, {short(now.schema_fingerprint)} now;"
            " migrate verify shows where)"
        )


def _moved_planning(saved: SavedPlan, now: Present) -> Iterator[str]:
    """Where nothing that is read has moved: the settings, or the program itself."""
    if now.plan is None:
        yield f"no such plan can be made now: {now.no_plan}"
        return
    planned = saved_steps(now.plan, now.files_of)
    if planned == saved.steps and now.plan.commit is saved.commit and now.plan.direction is saved.direction:
        return
    names = _listed([step.name for step in planned]) or "nothing"
    versions = (
        f"\n(the plan was made by version {saved.tool_version} of this program, and this is {now.tool_version})"
        if saved.tool_version != now.tool_version
        else ""
    )
    yield f"the same words make other steps now: {names}{versions}"


def _shown(entry: Entry | SavedEntry) -> str:
    return entry.name or str(entry.version)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
