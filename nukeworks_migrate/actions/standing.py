"""Reading where a database stands: files and ledger, without a byte written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..databases.base import Database, Deadline, Reader
from ..databases.ledger import read_history
from ..files.folder import Folder, load_folder
from ..model.history import Entry, History, LedgerState
from ..model.standing import Drift, DriftKind, Standing
from ..project import Project

if TYPE_CHECKING:
    from ..databases.log import StoredFile
    from ..model.schema import Schema


def load_project_folder(project: Project) -> Folder:
    """Read the migrations of `project`.

    Raises:
        FilesRefused: with every problem in them.
    """
    return load_folder(project.versions_path, shown=project.versions, use_index=project.header_index)


def read_standing(folder: Folder, database: Database, wait: Deadline | None = None) -> Standing:
    """Compare files and ledger; a database that does not exist yet has an empty history.

    Raises:
        LedgerNotOurs, DatabaseRefused, HotJournal, Busy: the ledger cannot be read.
    """
    if not database.exists():
        return Standing(folder.graph, History(state=LedgerState.NONE))
    with database.reader(wait) as reader:
        return standing_in(folder, reader)


def read_standing_and_schema(folder: Folder, database: Database) -> tuple[Standing, Schema]:
    """Compare files and ledger, and read the application's schema as it was at the same instant."""
    from ..model.schema import Schema

    if not database.exists():
        return Standing(folder.graph, History(state=LedgerState.NONE)), Schema()
    with database.reader() as reader:
        return standing_in(folder, reader), reader.schema()


def read_schema(database: Database, wait: Deadline | None = None) -> Schema:
    """Read the application's schema; of a database that does not exist yet it is empty.

    Raises:
        DatabaseRefused, HotJournal, Busy: it cannot be read.
    """
    from ..model.schema import Schema

    if not database.exists():
        return Schema()
    with database.reader(wait) as reader:
        return reader.schema()


def standing_in(folder: Folder, reader: Reader) -> Standing:
    """Compare files and ledger over a connection that is open: the run's own, inside its transaction."""
    history = read_history(reader)
    drifts = [
        drift
        for entry in history.entries
        if entry.version in folder.graph and (drift := _drift(folder, reader, entry)) is not None
    ]
    return Standing(folder.graph, history, tuple(drifts))


def stored_files(folder: Folder, name: str) -> tuple[StoredFile, ...]:
    """The text of a migration and of its helpers, as the ledger keeps it."""
    from ..databases.log import StoredFile

    return tuple(StoredFile(source.name, source.text) for source in folder.sources_of(name))


def _drift(folder: Folder, reader: Reader, entry: Entry) -> Drift | None:
    migration = folder.graph[entry.version]
    if entry.name is None or entry.checksum is None:
        return None  # a row of the old system takes what today's file says
    diff = ""
    if entry.checksum != migration.checksum:
        diff, same = _compare(folder, reader, entry, migration.name)
        if not same:
            return Drift(
                entry.version,
                entry.name,
                migration.name,
                migration.path,
                entry.applied_at,
                DriftKind.CHANGED,
                diff,
            )
    if entry.name != migration.name:
        return Drift(
            entry.version,
            entry.name,
            migration.name,
            migration.path,
            entry.applied_at,
            DriftKind.RENAMED,
            diff,
        )
    return None


def _compare(folder: Folder, reader: Reader, entry: Entry, name: str) -> tuple[str, bool]:
    """The diff from what ran to the files of today, and whether they mean the same."""
    from ..databases.log import read_source
    from ..files.drift import difference, means_the_same  # parses; only where a checksum differs

    assert entry.checksum is not None
    stored = {_key(file.file, entry.name): file.text for file in read_source(reader, entry.checksum)}
    current = {_key(file.file, name): file.text for file in stored_files(folder, name)}
    if not stored:
        return "", False
    differing = [
        key
        for key in sorted({*stored, *current})
        if key not in stored or key not in current or not means_the_same(stored[key], current[key])
    ]
    diffs = [difference(stored.get(key, ""), current.get(key, ""), key or name) for key in differing]
    return "\n".join(diffs), not differing


def _key(file: str, name: str | None) -> str:
    """Helpers by their name; the migration itself by none, for it may have been renamed."""
    return file if file.startswith("_") else ""
