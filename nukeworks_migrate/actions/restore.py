"""`migrate restore`: make the database what a snapshot holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..databases.base import Deadline
from ..databases.ledger import LogEvent, read_history
from ..databases.recording import Ledger
from ..databases.writing import CopyResult, Restore, Writer
from ..errors import HotJournal, MigrateError, SnapshotRefused
from ..model.events import OnEvent, SnapshotTaken, ignore
from ..model.history import History
from ..project import Project
from ..runtime import clock
from ..runtime.snapshots import Snapshot
from .running import Call


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What would be put back, and over what."""

    snapshot: Snapshot
    database: str
    database_exists: bool
    version_now: int | None  # None where the ledger cannot be read
    other_database: bool  # the snapshot was taken of another one


@dataclass(frozen=True, slots=True)
class Restored:
    snapshot: Snapshot
    database: str
    saved: Snapshot | None  # the state before, from which one can come back; None where there was none
    saved_path: str
    moved_aside: str  # where a file went that could not be opened


def restore(
    project: Project,
    snapshot_id: str,
    *,
    confirm: Callable[[RestorePlan], None] = lambda plan: None,
    on_event: OnEvent = ignore,
) -> Restored:
    """Verify the snapshot, save the present state as another one, and put the rows back through SQLite.

    Nobody's write falls between the two: what was committed before is in the saved state, and what comes after, in
    the restored database.

    Raises:
        UsageError: there is no such snapshot.
        SnapshotRefused: it is damaged, or of another engine, or the present state could not be saved.
        Busy: somebody migrates, or uses the database, and did until the lock timeout.
    """
    current = Call.begin(project, "restore", on_event)
    store = current.snapshots
    snapshot = store.find(snapshot_id)
    if snapshot.engine != current.database.engine:
        raise SnapshotRefused(
            f"{snapshot.id} is a snapshot of {snapshot.engine}, and this is {current.database.engine}",
            unchanged="nothing was restored",
            next_step="migrate snapshot list",
        )
    store.refuse_if_damaged(snapshot)
    now_there = _history(current)
    confirm(
        RestorePlan(
            snapshot,
            current.database.label,
            current.database.exists(),
            now_there.version if now_there is not None else None,
            snapshot.database != current.database.identity,
        )
    )
    saved: list[Snapshot] = []
    history = History()

    def save_present(copy: Callable[[Path], CopyResult]) -> None:
        for earlier in saved:
            store.remove(earlier)  # somebody wrote in between, so that it is not the last state any more
        saved.clear()
        saved.append(
            store.take(
                copy,
                now=clock.now(),
                reason="restore",
                run_id=current.actor.run_id,
                versions=history.applied,
                version_after=snapshot.version_before,
                note=f"before the restore of {snapshot.id}",
            )
        )
        on_event(SnapshotTaken(saved[0].id, store.shown_path(saved[0]), saved[0].size_bytes))

    def prepare(writer: Writer) -> None:
        writer.begin(Deadline(2.0))
        ledger = Ledger(writer, current.actor, read_history(writer))
        ledger.prepare()
        ledger.log(
            LogEvent.RESTORED,
            None,
            now=clock.now(),
            snapshot=snapshot.id,
            detail=f"taken {snapshot.taken_at}",
        )
        ledger.flush()
        writer.commit(Deadline(2.0))

    with current.listening(), current.lock():
        history = _history(current, recover=True) or History()  # it changes only under this lock
        aside = current.database.restore(store.path(snapshot), Restore(save_present, prepare, current.deadline()))
    return Restored(
        snapshot,
        current.database.label,
        saved[0] if saved else None,
        store.shown_path(saved[0]) if saved else "",
        aside,
    )


def _history(current: Call, *, recover: bool = False) -> History | None:
    """The ledger as it is now; None where the file cannot be read, which may be why it is restored."""
    if not current.database.exists():
        return None
    try:
        try:
            with current.database.reader(current.deadline()) as reader:
                return read_history(reader)
        except HotJournal:
            if not recover:
                return None
            current.database.recover()
            with current.database.reader() as reader:
                return read_history(reader)
    except MigrateError:
        return None
