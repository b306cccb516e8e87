"""`migrate status`: where the database stands."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ..errors import HotJournal
from ..model.history import History, LedgerState
from ..model.standing import Drift, Standing
from ..project import Project
from .standing import load_project_folder, read_standing


class State(StrEnum):
    """What a migration is to a database."""

    APPLIED = "applied"
    PENDING = "pending"
    DRIFTED = "drifted"  # applied, and its file is not the one that ran
    MISSING = "missing"  # applied, and without a file
    NEWER = "newer"  # applied, and above every file
    INTERRUPTED = "interrupted"  # begun without a transaction, and never ended
    FAILED = "failed"  # pending, and its last run failed; the graph alone tells these from the others


class StatusLine(NamedTuple):
    """One migration, in files or ledger or both."""

    version: int
    name: str
    state: State
    description: str
    applied_at: str = ""  # UTC; empty when pending
    duration_ms: int | None = None
    depends_on: tuple[str, ...] = ()


class Status(NamedTuple):
    """A database against its files. `problem` says why its ledger could not be read, where it could not."""

    database: str
    engine: str
    database_exists: bool
    ledger: LedgerState
    version: int  # the highest applied one, as the application reads it
    versions_folder: str
    heads: tuple[str, ...]
    lines: tuple[StatusLine, ...]  # by version
    drifts: tuple[Drift, ...]
    problem: str = ""

    def how_many(self, *states: State) -> int:
        return sum(line.state in states for line in self.lines)


def status(project: Project) -> Status:
    """Read where the database stands. Nothing is written, and a database that is not there is not made.

    Raises:
        FilesRefused: the files cannot be read.
        DatabaseRefused, LedgerNotOurs, Busy: the ledger cannot be.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    problem = ""
    try:
        standing = read_standing(folder, database)
    except HotJournal as error:
        # What the ledger holds is not known until SQLite has recovered the file, which would write.
        problem = error.what
        standing = Standing(folder.graph, History(state=LedgerState.NONE))
    return Status(
        database=database.label,
        engine=database.engine,
        database_exists=database.exists(),
        ledger=standing.history.state,
        version=standing.history.version,
        versions_folder=folder.shown,
        heads=tuple(folder.graph[version].name for version in folder.graph.heads),
        lines=() if problem else tuple(status_lines(standing)),
        drifts=standing.drifts,
        problem=problem,
    )


def status_lines(standing: Standing) -> list[StatusLine]:
    """Return what each migration in files or ledger is to the database, by version."""
    drifted = {drift.version for drift in standing.drifts}
    unfinished = {item.version for item in standing.history.unfinished}
    lines = []
    for version in sorted(standing.graph.versions | standing.history.applied | unfinished):
        entry = standing.history.by_version.get(version)
        migration = standing.graph.migrations.get(version)
        if version in unfinished:
            state = State.INTERRUPTED
        elif entry is None:
            state = State.PENDING
        elif migration is None:
            state = State.NEWER if version > standing.graph.highest else State.MISSING
        else:
            state = State.DRIFTED if version in drifted else State.APPLIED
        applied_name = entry.name if entry is not None and entry.name else ""
        lines.append(
            StatusLine(
                version=version,
                name=migration.name if migration is not None else applied_name or str(version),
                state=state,
                description=migration.description if migration is not None else entry.description if entry else "",
                applied_at=entry.applied_at if entry is not None else "",
                duration_ms=entry.duration_ms if entry is not None else None,
                depends_on=tuple(
                    standing.graph[dependency].name for dependency in standing.graph.dependencies.get(version, ())
                ),
            )
        )
    return lines
