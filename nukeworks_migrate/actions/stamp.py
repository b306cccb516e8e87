"""`migrate stamp`: mark migrations as applied, or as not applied, without running them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..databases.ledger import LogEvent
from ..databases.recording import Ledger
from ..errors import Refused, UsageError
from ..model.events import OnEvent, ignore
from ..model.migration import Migration
from ..model.standing import Standing
from ..model.targets import resolve_migration, resolve_state
from ..project import Project
from ..runtime import clock
from .running import Run, change_ledger
from .standing import stored_files


@dataclass(frozen=True, slots=True)
class StampPlan:
    """What a stamp marks, each in order of version; `settled` were interrupted, and count as ended."""

    database: str
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]
    settled: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.applied or self.not_applied or self.settled)


def stamp(
    project: Project,
    to: str | int | None = None,
    *,
    applied: Sequence[str] = (),
    not_applied: Sequence[str] = (),
    confirm: Callable[[StampPlan], None] = lambda plan: None,
    on_event: OnEvent = ignore,
) -> StampPlan:
    """Make the ledger say so, and log it; no migration runs and no other table is touched.

    `to` makes it say exactly the state at that target. `applied` and `not_applied` name single migrations; a
    migration without a file is named by its number.

    Raises:
        UsageError: none, or both, of the two ways to say it; a target that does not exist.
        Refused: a migration would be applied without what it depends on, or not applied below what does.
    """
    if (to is not None) == bool(applied or not_applied):
        raise UsageError(
            "stamp needs a target, or the names to mark",
            unchanged="nothing was changed",
            next_step="migrate stamp VERSION\nor: migrate stamp --applied NAME\nor: migrate stamp --not-applied NAME",
        )
    current = Run.begin(project, "stamp", on_event)

    def choose(standing: Standing) -> tuple[set[int], set[int], set[int]]:
        return _choose(standing, None if to is None else str(to), applied, not_applied)

    with current.listening():
        current.refuse_missing()
        standing = current.standing()
        plan = _plan(current, standing, *choose(standing))
        if plan.is_empty:
            return plan
        with current.stop.user_code():
            confirm(plan)
        done: list[StampPlan] = []

        def change(ledger: Ledger, standing: Standing) -> None:
            marked, unmarked, settled = choose(standing)
            done.append(_plan(current, standing, marked, unmarked, settled))
            _write(current, ledger, standing, marked, unmarked, settled)

        change_ledger(current, change)
        return done[0]


def _choose(
    standing: Standing, to: str | None, applied: Sequence[str], not_applied: Sequence[str]
) -> tuple[set[int], set[int], set[int]]:
    graph, history = standing.graph, standing.history
    unfinished = {item.version for item in history.unfinished}
    if to is not None:
        wanted = resolve_state(graph, to)
        return set(wanted - history.applied), set(history.applied - wanted), unfinished
    marked = {resolve_migration(graph, name) for name in applied}
    unmarked = {_applied_version(standing, name) for name in not_applied}
    settled = (marked | unmarked) & unfinished
    after = (history.applied | marked) - unmarked
    for version in sorted(marked & after):
        for dependency in graph.dependencies[version]:
            if dependency not in after:
                raise _torn(graph[version].name, graph[dependency].name)
    for version in sorted(after & graph.versions):
        for dependency in graph.dependencies[version]:
            if dependency in unmarked:
                raise _torn(graph[version].name, graph[dependency].name)
    return marked - history.applied, unmarked & history.applied, settled


def _applied_version(standing: Standing, name: str) -> int:
    for entry in standing.history.entries:
        if name in (str(entry.version), entry.name) or (name.isdigit() and int(name) == entry.version):
            return entry.version
    for item in standing.history.unfinished:  # perhaps without a file, and not in the ledger yet
        if name in (str(item.version), item.name):
            return item.version
    return resolve_migration(standing.graph, name)


def _torn(name: str, dependency: str) -> Refused:
    return Refused(
        f"{name} would count as applied, and {dependency}, which it depends on, would not",
        unchanged="nothing was changed",
        next_step="name both of them, or give a target: migrate stamp VERSION",
    )


def _plan(current: Run, standing: Standing, marked: set[int], unmarked: set[int], settled: set[int]) -> StampPlan:
    def names(versions: set[int]) -> tuple[str, ...]:
        return tuple(_migration(standing, version).name for version in sorted(versions))

    return StampPlan(current.database.label, names(marked), names(unmarked), names(settled - marked - unmarked))


def _write(
    current: Run, ledger: Ledger, standing: Standing, marked: set[int], unmarked: set[int], settled: set[int]
) -> None:
    for version in standing.graph.in_order(marked):
        migration = standing.graph[version]
        files = stored_files(current.folder, migration.name)
        ledger.add(migration, files, now=clock.now(), duration_ms=None, event=LogEvent.STAMPED)
    for version in sorted(unmarked, reverse=True):
        ledger.remove(_migration(standing, version), now=clock.now(), duration_ms=None, event=LogEvent.UNSTAMPED)
    for version in sorted(settled - marked - unmarked):
        ledger.settle(_migration(standing, version), applied=version in standing.history.applied, now=clock.now())


def _migration(standing: Standing, version: int) -> Migration:
    """The migration of a version; one without a file is known by its ledger row alone."""
    if version in standing.graph:
        return standing.graph[version]
    entry = standing.history.by_version.get(version)
    unfinished = next((item.name for item in standing.history.unfinished if item.version == version), "")
    name = entry.name if entry is not None and entry.name else unfinished or str(version)
    return Migration(version, name, checksum=(entry.checksum or "") if entry is not None else "")
