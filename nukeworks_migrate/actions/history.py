"""`migrate history`: what happened, from the append-only log; of one migration also what ran."""

from __future__ import annotations

from dataclasses import dataclass

from ..databases.ledger import LogEvent, read_history
from ..databases.log import LogRow, StoredFile, read_log, read_source
from ..errors import UnknownTarget
from ..files.folder import Folder
from ..model.graph import MigrationGraph
from ..model.history import Entry
from ..model.standing import Drift
from ..model.targets import resolve_migration
from ..project import Project
from .standing import load_project_folder, standing_in

_RAN = (LogEvent.APPLIED, LogEvent.STAMPED)


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """The log, oldest first; rows of the old system, which has no log, stand in `entries` alone."""

    database: str
    entries: tuple[Entry, ...]  # what is applied now
    log: tuple[LogRow, ...]


@dataclass(frozen=True, slots=True)
class MigrationHistory:
    """One migration: its events, the text that ran, and how the file differs from it."""

    database: str
    version: int
    name: str
    entry: Entry | None  # None: not applied now
    log: tuple[LogRow, ...]
    source: tuple[StoredFile, ...]
    drift: Drift | None


def history(project: Project) -> HistoryReport:
    """Return the log of `project`'s database; empty where there is no database or ledger yet."""
    database = project.open_database()
    if not database.exists():
        return HistoryReport(database.label, (), ())
    with database.reader() as reader:
        return HistoryReport(database.label, read_history(reader).entries, tuple(read_log(reader)))


def migration_history(project: Project, name: str) -> MigrationHistory:
    """Return what happened to one migration, named as for --only; one without a file by its number or old name.

    Raises:
        UnknownTarget: neither files nor ledger know it.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    if not database.exists():
        version = resolve_migration(folder.graph, name)
        return MigrationHistory(database.label, version, folder.graph[version].name, None, (), (), None)
    with database.reader() as reader:
        standing = standing_in(folder, reader)
        log = read_log(reader)
        version = _version(name, standing.history.entries, log, folder.graph)
        entry = standing.history.by_version.get(version)
        events = tuple(row for row in log if row.version == version)
        # What ran, and not what was accepted in its place later; rows of the old system have neither.
        ran = next((row for row in reversed(events) if row.event in _RAN), None)
        checksum, ran_as = (ran.checksum, ran.name) if ran else (entry.checksum, entry.name) if entry else ("", "")
        return MigrationHistory(
            database.label,
            version,
            _name(version, folder, entry, events),
            entry,
            events,
            _own_files(read_source(reader, checksum or ""), ran_as),
            next((drift for drift in standing.drifts if drift.version == version), None),
        )


def _version(name: str, entries: tuple[Entry, ...], log: list[LogRow], graph: MigrationGraph) -> int:
    try:
        return resolve_migration(graph, name)
    except UnknownTarget:
        known = {entry.name: entry.version for entry in entries if entry.name}
        known.update({str(entry.version): entry.version for entry in entries})
        known.update({row.name: row.version for row in log if row.name and row.version is not None})
        known.update({str(version): version for version in known.values()})
        if name.isdigit():
            name = name.lstrip("0") or "0"
        if name in known:
            return known[name]
        raise


def _own_files(files: list[StoredFile], name: str | None) -> tuple[StoredFile, ...]:
    """The files of one checksum without the same text under another name, which it had before it was renamed."""
    own = [file for file in files if file.file.startswith("_") or name is None or file.file == f"{name}.py"]
    return tuple(own or files)


def _name(version: int, folder: Folder, entry: Entry | None, events: tuple[LogRow, ...]) -> str:
    """What a version is called: in the files, else in the ledger, else in the log."""
    if version in folder.graph:
        return folder.graph[version].name
    if entry is not None and entry.name:
        return entry.name
    return next((row.name for row in reversed(events) if row.name), str(version))
