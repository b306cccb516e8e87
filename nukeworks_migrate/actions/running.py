"""A run, from the first look to the last commit: what up, down and resume have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..databases.base import Database, Deadline
from ..databases.recording import Actor, Ledger
from ..databases.writing import CopyResult, Holder, StopSignal, Writer
from ..errors import (
    Busy,
    DatabaseRefused,
    HotJournal,
    MigrateError,
    MissingResource,
    ModuleNotLoaded,
    PartWay,
    PlanMoved,
    ResourceNotLoaded,
    SnapshotRefused,
    Stopped,
)
from ..files.folder import Folder
from ..model.events import OnEvent, RunStarted, SnapshotProgress, SnapshotTaken, Waiting
from ..model.plan import Direction, Plan
from ..model.report import RunReport
from ..model.standing import Standing
from ..project import Project
from ..runtime import clock
from ..runtime.application_backups import forget_backups, record_backup
from ..runtime.executor import Executor, RunMaterial
from ..runtime.resources import Resources
from ..runtime.signals import StopFlag
from ..runtime.snapshots import Retention, Snapshot, SnapshotStore, copying, utc_now
from ..version import __version__
from .planning import HeldPlanning, Planning
from .preview import Proposal
from .standing import load_project_folder, read_schema, read_standing, standing_in, stored_files

if TYPE_CHECKING:
    from ..model.schema import Schema

Confirm = Callable[[Proposal], None]  # raises NotConfirmed to turn the run down

_MOST_ATTEMPTS = 3  # at a run whose ledger moves between two looks at it


def agree(proposal: Proposal) -> None:
    """The confirmation of those who have decided before they called."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that changes something: who does it, to which database."""

    project: Project
    database: Database
    actor: Actor
    command: str
    stop: StopFlag
    on_event: OnEvent

    @classmethod
    def begin(cls, project: Project, command: str, on_event: OnEvent) -> Call:
        """Name the call; nothing is opened, and no file is read."""
        return cls(**_beginning(project, command, on_event))

    @property
    def snapshots(self) -> SnapshotStore:
        return open_store(self.project, self.database)

    def deadline(self) -> Deadline:
        return Deadline(self.project.lock_timeout_s, self.stop.requested)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the migration lock; everything that changes the ledger does."""
        holder = Holder(self.actor.who, self.actor.host, os.getpid(), clock.now(), self.command, self.actor.run_id)
        return self.database.migration_lock(
            holder, self.deadline(), lambda other: self.on_event(Waiting(str(other) if other else ""))
        )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals; one that ended a wait is what happened, and not the lock that was waited for."""
        with self.stop.listening():
            try:
                yield
            except StopSignal:
                raise self._stopped_early() from None
            except MigrateError as error:
                if self.stop.requested() and not isinstance(error, (Stopped, PartWay)):
                    raise self._stopped_early() from error
                raise

    def _stopped_early(self) -> Stopped:
        return Stopped(
            self.stop.signal_number,
            "stopped before anything ran",
            unchanged="nothing was run; database and ledger are as they were",
        )


@dataclass(frozen=True, kw_only=True)
class Run(Call):
    """A call that needs the migrations too."""

    folder: Folder
    resources: Resources
    resuming: bool = False
    retrying: bool = False  # what it left in quarantine, and nothing else

    @classmethod
    def begin(
        cls,
        project: Project,
        command: str,
        on_event: OnEvent,
        *,
        resuming: bool = False,
        retrying: bool = False,
        any_database: bool = False,
    ) -> Run:
        """Read the files, and name the run; no database is opened, and with `any_database` none need be named."""
        folder = load_project_folder(project)
        beginning = _beginning(project, command, on_event, any_database=any_database)
        resources = resources_of(project)
        return cls(folder=folder, resources=resources, resuming=resuming, retrying=retrying, **beginning)

    def refuse_missing(self) -> None:
        """Raise DatabaseRefused where there is no database: a ledger alone would make one, by a typo, of nothing."""
        if not self.database.exists():
            raise DatabaseRefused(
                f"there is no database {self.database.label} yet",
                next_step="make it: migrate up; or name another one with --database",
            )

    def standing(self) -> Standing:
        """Read where the database stands; an interrupted write is recovered first, under the migration lock."""
        try:
            return read_standing(self.folder, self.database)
        except HotJournal:
            with self.lock():
                self.database.recover()
                return read_standing(self.folder, self.database, self.deadline())
        except Busy:
            # Another run may keep readers out: waiting for its lock tells who it is, and when it ends.
            with self.lock():
                return read_standing(self.folder, self.database, self.deadline())

    def plan(self, planning: Planning | HeldPlanning, standing: Standing, schema: Callable[[], Schema]) -> Plan:
        """Return the plan for `standing`; the schema is looked at only where it is to be a plan that was saved."""
        if isinstance(planning, HeldPlanning):
            return planning.plan(standing, schema(), self.folder, self.database.engine)
        return planning(standing)

    def schema(self) -> Schema:
        return read_schema(self.database, self.deadline())


def _beginning(project: Project, command: str, on_event: OnEvent, *, any_database: bool = False) -> dict[str, Any]:
    return {
        "project": project,
        "database": project.any_database() if any_database else project.open_database(),
        "actor": Actor(clock.new_run_id(clock.now()), clock.who(), clock.host(), __version__),
        "command": command,
        "stop": StopFlag(),
        "on_event": on_event,
    }


def open_store(project: Project, database: Database) -> SnapshotStore:
    return SnapshotStore(Path(project.snapshots_path), project.snapshots, database, __version__)


def run(
    project: Project,
    command: str,
    planning: Planning | HeldPlanning,
    *,
    confirm: Confirm = agree,
    on_event: OnEvent,
    resuming: bool = False,
    retrying: bool = False,
) -> RunReport:
    """Plan, ask, lock, plan again, snapshot, run, commit: and report what happened.

    With nothing to do no lock is taken and not a byte is written. An interrupted migration stands in the way of
    every run but the one that resumes it. A saved plan is compared before the question, and again inside the run's
    transaction, where nobody else can write any more.
    """
    current = Run.begin(project, command, on_event, resuming=resuming, retrying=retrying)
    with current.listening():
        return _run(current, planning, confirm)


def _run(current: Run, planning: Planning | HeldPlanning, confirm: Confirm) -> RunReport:
    standing = current.standing()
    standing.refuse_unsound(but_unfinished=current.resuming)
    plan = current.plan(planning, standing, current.schema)
    version = standing.history.version
    if not plan.steps:
        return RunReport(plan, version_before=version, version_after=version)
    load_resources(plan, current.resources, current.stop)
    proposal = Proposal(plan, current.folder, current.database)
    with current.stop.user_code():  # a signal at the question ends it
        confirm(proposal)
    with current.lock():
        for _attempt in range(_MOST_ATTEMPTS):
            report = _run_locked(current, planning, proposal, standing)
            if report is not None:
                return report
    raise PlanMoved(
        "somebody else keeps changing the ledger",
        cause="a program that does not take the migration lock writes to it",
        next_step="see where it stands: migrate status",
    )


def _run_locked(current: Run, planning: Planning | HeldPlanning, agreed: Proposal, seen: Standing) -> RunReport | None:
    """Run under the migration lock; None where the ledger moved under our eyes, and all begins again.

    `agreed` is what was asked about before there was a lock, and `seen` how the database stood then.
    """
    standing = read_standing(current.folder, current.database, current.deadline())
    standing.refuse_unsound(but_unfinished=current.resuming)
    unmoved = standing.history == seen.history
    plan = agreed.plan if unmoved else current.plan(planning, standing, current.schema)
    before = standing.history.version
    if not plan.steps:
        return RunReport(plan, version_before=before, version_after=before)
    _refuse_grown(plan, agreed.plan)
    created = not current.database.exists()
    started = time.perf_counter()
    with loading(current, plan) as modules, current.database.writer(current.stop.requested) as writer:
        writer.begin(current.deadline())
        inside = standing_in(current.folder, writer)
        if inside.history != standing.history:
            writer.rollback()
            return None
        if isinstance(planning, HeldPlanning):
            current.plan(planning, inside, writer.schema)
        report = _execute(current, plan, standing, writer, modules, agreed)
    after = _version_after(standing, plan)
    report = replace(
        report,
        version_before=before,
        version_after=after,
        duration_ms=round((time.perf_counter() - started) * 1000),
        created_database=created,
    )
    return _with_retention(current, report)


@contextmanager
def loading(current: Run, plan: Plan) -> Iterator[dict[str, ModuleType]]:
    """Import the plan's migrations, all of them, for as long as this is open.

    Raises:
        ModuleNotLoaded: one of them raised.
        Stopped: a signal came meanwhile.
    """
    from ..files.loader import loaded_modules

    with ExitStack() as stack:
        try:
            with current.stop.user_code():
                migrations = [step.migration for step in plan.steps]
                modules = stack.enter_context(loaded_modules(current.folder.sources, migrations))
        except ModuleNotLoaded:
            if current.stop.requested():
                raise Stopped(
                    current.stop.signal_number,
                    "stopped while the files were loaded",
                    unchanged="nothing was run; database and ledger are as they were",
                ) from None
            raise
        yield modules


def _execute(
    current: Run,
    plan: Plan,
    standing: Standing,
    writer: Writer,
    modules: dict[str, ModuleType],
    agreed: Proposal,
) -> RunReport:
    """Snapshot and run, in a writer that has begun its transaction."""
    current.on_event(RunStarted(plan, current.actor.run_id))
    snapshot = _take_snapshot(current, plan, standing, writer, agreed)
    store = current.snapshots
    ledger = Ledger(writer, current.actor, standing.history)
    if not current.resuming:
        writer.remember_violations(store.path(snapshot) if snapshot else None)
    elif (first := _first_snapshot(store, standing)) is not None:
        writer.remember_violations(first)

    def before_commit() -> None:
        if snapshot is not None:
            record_backup(
                writer,
                store.shown_path(snapshot),
                snapshot.size_bytes,
                f"before migrate {plan.direction.value} from version {snapshot.version_before}",
            )

    up = plan.direction is Direction.UP
    executor = Executor(
        plan,
        current.database,
        writer,
        ledger,
        RunMaterial(
            modules=modules,
            files={step.name: stored_files(current.folder, step.name) if up else () for step in plan.steps},
            paths={step.name: current.folder.sources[step.name].path for step in plan.steps},
            resources=current.resources,
            snapshot_id=snapshot.id if snapshot else "",
            redact=current.project.redact,
        ),
        current.stop,
        lock_timeout_s=current.project.lock_timeout_s,
        on_event=current.on_event,
        prepare_ledger=lambda: prepare_ledger(current, ledger, standing),
        before_commit=before_commit,
    )
    try:
        steps = executor.retry() if current.retrying else executor.run()
    except MigrateError as error:
        if snapshot is not None and not executor.kept and not isinstance(error, PartWay):
            with suppress(OSError, MigrateError):
                store.mark_failed(snapshot)
        raise
    return RunReport(
        plan,
        run_id=current.actor.run_id,
        steps=steps,
        snapshot_id=snapshot.id if snapshot else "",
        snapshot_path=store.shown_path(snapshot) if snapshot else "",
        snapshot_bytes=snapshot.size_bytes if snapshot else 0,
    )


def _first_snapshot(store: SnapshotStore, standing: Standing) -> Path | None:
    """The copy of the database before what is being resumed had begun; None where there is none any more.

    Then rows that refer to nothing are taken for its doing.
    """
    for unfinished in standing.history.unfinished:
        with suppress(MigrateError):
            return store.path(store.find(unfinished.snapshot))
    return None


def prepare_ledger(current: Run, ledger: Ledger, standing: Standing) -> None:
    """Make the ledger ready to be written; rows of the old system get the names of today's files."""
    ledger.prepare()
    for entry in standing.history.entries:
        if (entry.name is None or entry.checksum is None) and entry.version in current.folder.graph:
            migration = current.folder.graph[entry.version]
            ledger.adopt(migration, stored_files(current.folder, migration.name), now=clock.now())


def change_ledger(current: Run, change: Callable[[Ledger, Standing], None]) -> None:
    """Change the ledger alone, in one transaction under the migration lock; no migration runs."""
    with current.lock(), current.database.writer(current.stop.requested) as writer:
        writer.begin(current.deadline())
        try:
            standing = standing_in(current.folder, writer)
            ledger = Ledger(writer, current.actor, standing.history)
            prepare_ledger(current, ledger, standing)
            change(ledger, standing)
            ledger.flush()
            writer.commit(current.deadline())
        except BaseException:
            with suppress(Exception):
                writer.rollback()
            raise


def _take_snapshot(current: Run, plan: Plan, standing: Standing, writer: Writer, agreed: Proposal) -> Snapshot | None:
    """Take the run's snapshot by a connection of its own, under the run's write lock."""
    if not writer.tables():
        return None
    project = current.project
    if not agreed.calls_for_snapshot(project.snapshot):
        return None
    if too_large := too_large_for_a_snapshot(project, current.database):
        raise SnapshotRefused(
            too_large,
            cause="a snapshot of that size is taken, or left out, only when it was said in so many words",
            next_step="choose: --snapshot always, --snapshot destructive or --snapshot never",
        )

    def progress(done: int, total: int) -> None:
        if current.stop.requested():
            raise Stopped(
                current.stop.signal_number,
                "stopped while the snapshot was taken",
                unchanged="nothing was run; database and ledger are as they were",
            )
        current.on_event(SnapshotProgress(done, total))

    def copy(path: Path) -> CopyResult:
        return copying(current.database, current.deadline(), progress)(path)

    snapshot = current.snapshots.take(
        copy,
        now=clock.now(),
        reason=plan.direction.value,
        run_id=current.actor.run_id,
        versions=standing.history.applied,
        version_after=_version_after(standing, plan),
    )
    current.on_event(SnapshotTaken(snapshot.id, current.snapshots.shown_path(snapshot), snapshot.size_bytes))
    return snapshot


def too_large_for_a_snapshot(project: Project, database: Database) -> str:
    """Why a run is refused until somebody has chosen whether a snapshot is taken; empty where none need choose."""
    size, most = database.size_bytes(), project.snapshot_max_bytes
    if project.snapshot is not None or most is None or size <= most:
        return ""
    return f"the database has {size:,} bytes, more than snapshot_max_bytes ({most:,})"


def _with_retention(current: Run, report: RunReport) -> RunReport:
    """Let go of old snapshots; what goes wrong here is told, and is no failure of the run."""
    try:
        gone = prune_store(current.snapshots, current.database, _retention(current.project))
    except Exception as error:  # whatever it is: the run is committed
        return replace(report, remarks=(f"old snapshots were left where they are: {error}",))
    return replace(report, pruned=tuple(snapshot.id for snapshot in gone))


def _retention(project: Project) -> Retention:
    return Retention(project.snapshot_keep, project.snapshot_keep_days, project.snapshot_keep_bytes)


def prune_store(
    store: SnapshotStore, database: Database, retention: Retention, *, also_manual: bool = False
) -> list[Snapshot]:
    """Remove what `retention` lets go: the application's rows about them first, then the files."""
    going = store.to_prune(retention, utc_now(), also_manual=also_manual)
    if not going:
        return []
    if database.exists():
        with database.writer(lambda: False) as writer:
            writer.begin(Deadline(2.0))
            try:
                forget_backups(writer, [store.shown_path(snapshot) for snapshot in going])
                writer.commit(Deadline(2.0))
            except BaseException:
                with suppress(Exception):
                    writer.rollback()
                raise
    for snapshot in going:
        store.remove(snapshot)
    return going


def resources_of(project: Project) -> Resources:
    """The resources of one run; no factory is called before one of its migrations needs it."""
    return Resources(project.resources, project.resource_factories)


def load_resources(plan: Plan, resources: Resources, stop: StopFlag) -> None:
    """Have all that the plan's migrations ask for, and nothing else, before anything is written.

    Raises:
        MissingResource: nobody provides one of them; then none is loaded.
        ResourceNotLoaded: a factory cannot be imported, or raised.
        Stopped: a signal came meanwhile.
    """
    wanted: list[str] = []
    for step in plan.steps:
        for name in step.migration.resources:
            if name not in resources:
                raise MissingResource(
                    f"{step.name} needs the resource {name!r}, and nobody handed it in",
                    where=step.migration.path,
                    next_step=f"name what makes it: --resource {name}=module:factory"
                    f"\nor hand it in: Project(…, resources={{{name!r}: …}})",
                )
            wanted.append(name)
    failure = None
    try:
        with stop.user_code():
            resources.load(wanted)
    except ResourceNotLoaded as error:
        failure = error
    if stop.requested():  # also where the factory took no notice
        raise Stopped(
            stop.signal_number,
            "stopped while the resources were loaded",
            unchanged="nothing was run; database and ledger are as they were",
        )
    if failure is not None:
        raise failure


def _refuse_grown(plan: Plan, agreed: Plan) -> None:
    """What another runner did meanwhile may be left out; what nobody has seen may not be added."""
    seen = {(step.name, step.direction) for step in agreed.steps}
    new = [step.name for step in plan.steps if (step.name, step.direction) not in seen]
    if new:
        raise PlanMoved(
            "the plan has grown since it was shown",
            cause=f"somebody else changed the ledger; new in the plan: {', '.join(new)}",
            next_step="look again: migrate plan",
        )


def _version_after(standing: Standing, plan: Plan) -> int:
    versions = [step.version for step in plan.steps]
    history = standing.history
    after = history.with_applied(versions) if plan.direction is Direction.UP else history.without(versions)
    return after.version
