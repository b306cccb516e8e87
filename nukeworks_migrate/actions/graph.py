"""`migrate graph`: what depends on what, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass

from ..databases.base import Reader
from ..databases.ledger import LogEvent
from ..databases.log import read_log, read_source
from ..errors import HotJournal
from ..files.header import read_header
from ..model.graph import MigrationGraph
from ..model.history import Entry, History, LedgerState
from ..model.migration import Migration
from ..model.standing import Standing
from ..project import Project
from .standing import load_project_folder, standing_in
from .status import State, StatusLine, status_lines


@dataclass(frozen=True, slots=True)
class Node:
    """One migration, in files or ledger or both."""

    version: int
    name: str
    state: State
    description: str
    applied_at: str = ""  # UTC; empty when it is not applied


@dataclass(frozen=True, slots=True)
class Edge:
    """That one migration depends on another, both by version."""

    dependency: int  # has to be applied first
    dependent: int


@dataclass(frozen=True, slots=True)
class GraphReport:
    """The graph of migrations and where each of them stands. There is no cycle in it.

    `problem` says why the ledger could not be read, where it could not; nodes and edges are empty then.
    """

    database: str
    engine: str
    database_exists: bool
    versions_folder: str
    heads: tuple[str, ...]  # names of the migrations in files that nothing in files depends on
    nodes: tuple[Node, ...]  # as they run: by version, but none before what it depends on
    edges: tuple[Edge, ...]  # by dependent as `nodes` are, and then as its dependencies are written
    problem: str = ""

    def how_many(self, *states: State) -> int:
        return sum(node.state in states for node in self.nodes)


def graph(project: Project) -> GraphReport:
    """Read what depends on what, and the state of each migration. Nothing is written.

    A migration without a file has the dependencies of the text that the ledger stores; where it stores none, it
    stands alone. Where there is no database yet, all are pending.

    Raises:
        FilesRefused: the files cannot be read.
        DatabaseRefused, LedgerNotOurs, Busy: the ledger cannot be.
    """
    folder = load_project_folder(project)
    database = project.open_database()
    standing, failed, gone, problem = Standing(folder.graph, History(state=LedgerState.NONE)), set[int](), [], ""
    if database.exists():
        try:
            with database.reader() as reader:
                standing = standing_in(folder, reader)
                failed = _failed(standing, reader)
                gone = _without_files(standing, reader)
        except HotJournal as error:
            # What the ledger holds is not known until SQLite has recovered the file, which would write.
            problem = error.what
    lines = {} if problem else {line.version: line for line in status_lines(standing)}
    whole = MigrationGraph([*folder.graph.migrations.values(), *gone])
    shown = whole.in_order(lines.keys() & whole.versions)
    # What was begun, is not applied and has no file any more is in neither.
    shown += sorted(lines.keys() - whole.versions)
    return GraphReport(
        database=database.label,
        engine=database.engine,
        database_exists=database.exists(),
        versions_folder=folder.shown,
        heads=tuple(folder.graph[version].name for version in folder.graph.heads),
        nodes=tuple(_node(lines[version], failed=version in failed) for version in shown),
        edges=tuple(
            Edge(dependency, version) for version in shown for dependency in whole.dependencies.get(version, ())
        ),
        problem=problem,
    )


def _node(line: StatusLine, *, failed: bool) -> Node:
    state = State.FAILED if failed and line.state is State.PENDING else line.state
    return Node(line.version, line.name, state, line.description, line.applied_at)


def _failed(standing: Standing, reader: Reader) -> set[int]:
    """The pending migrations of which the log tells, last of all, that they failed; one of another name is another."""
    pending = standing.graph.versions - standing.history.applied
    if not pending:
        return set()
    last = {row.version: row for row in read_log(reader) if row.version is not None}
    return {
        version
        for version in pending & last.keys()
        if last[version].event == LogEvent.FAILED and last[version].name == standing.graph[version].name
    }


def _without_files(standing: Standing, reader: Reader) -> list[Migration]:
    """The applied migrations without a file, with the dependencies that the stored text names."""
    gone = [entry for entry in standing.history.entries if entry.version not in standing.graph]
    known = {migration.name: version for version, migration in standing.graph.migrations.items()}
    known.update({entry.name: entry.version for entry in gone if entry.name})
    earlier = {entry.version: _applied_as(entry) for entry in gone}
    found = []
    for entry in gone:
        references = (_version_of(reference, known) for reference in _stored_dependencies(entry, reader))
        # Among those without files an edge counts only as it was applied: whatever is stored, there is no cycle.
        dependencies = [
            version
            for version in references
            if version in standing.graph or (version in earlier and earlier[version] < earlier[entry.version])
        ]
        # Its number for a name: under the name that the ledger has, it could be taken for a file.
        found.append(Migration(entry.version, str(entry.version), depends_on=tuple(map(str, dependencies))))
    return found


def _applied_as(entry: Entry) -> tuple[int, int]:
    """Sort key of when it was applied: those of the old system have no position, and came first."""
    return (entry.position or 0, entry.version)


def _stored_dependencies(entry: Entry, reader: Reader) -> tuple[str, ...]:
    own = [stored.text for stored in read_source(reader, entry.checksum or "") if not stored.file.startswith("_")]
    return read_header(own[0].encode("utf-8", "replace")).depends_on if own else ()


def _version_of(reference: str, known: dict[str, int]) -> int | None:
    if reference in known:
        return known[reference]
    return int(reference) if reference.isascii() and reference.isdigit() and len(reference) < 40 else None
