"""`migrate snapshot …`: the copies that one can go back to."""

from __future__ import annotations

from dataclasses import dataclass

from ..databases.base import Deadline
from ..databases.ledger import read_history
from ..errors import DatabaseRefused, SnapshotRefused, UsageError
from ..project import MOST_DAYS, Project
from ..runtime import clock
from ..runtime.snapshots import Retention, Snapshot, copying
from .running import open_store, prune_store


@dataclass(frozen=True, slots=True)
class SnapshotList:
    database: str
    folder: str
    snapshots: tuple[Snapshot, ...]  # newest first


@dataclass(frozen=True, slots=True)
class Verified:
    snapshot: Snapshot
    problem: str  # empty: whole


def list_snapshots(project: Project) -> SnapshotList:
    """Return the snapshots of `project`'s database, newest first."""
    database = project.open_database()
    store = open_store(project, database)
    return SnapshotList(database.label, store.shown, tuple(store.all()))


def create_snapshot(project: Project, *, note: str = "") -> Snapshot:
    """Take a snapshot now. It stays until it is pruned by name of its kind: retention leaves it alone.

    Raises:
        DatabaseRefused: there is no database.
        SnapshotRefused: it could not be written or checked.
    """
    database = project.open_database()
    if not database.exists():
        raise DatabaseRefused(f"there is no database {database.label} yet", next_step="make it: migrate up")
    with database.reader() as reader:
        applied = read_history(reader).applied
    deadline = Deadline(project.lock_timeout_s)
    return open_store(project, database).take(
        copying(database, deadline), now=clock.now(), reason="manual", versions=applied, note=note
    )


def verify_snapshots(project: Project, snapshot_id: str | None = None) -> list[Verified]:
    """Check one snapshot, or all of them: size, SHA-256 and SQLite's integrity_check.

    Raises:
        UsageError: there is no such snapshot.
    """
    store = open_store(project, project.open_database())
    chosen = store.all() if snapshot_id is None else [store.find(snapshot_id)]
    return [Verified(snapshot, store.problems(snapshot, thorough=True)) for snapshot in chosen]


def prune_snapshots(
    project: Project,
    *,
    keep: int | None = None,
    days: float | None = None,
    total_bytes: int | None = None,
    also_manual: bool = False,
) -> list[Snapshot]:
    """Remove what retention lets go, by these numbers or by the settings; return what is gone.

    The newest good one always stays.

    Raises:
        SnapshotRefused: `keep` is below 1.
    """
    if keep is not None and keep < 1:
        raise SnapshotRefused(
            f"--keep {keep} would leave no way back",
            unchanged="nothing was removed",
            next_step="keep 1 or more; the newest good one always stays",
        )
    for option, value, most in (("--days", days, MOST_DAYS), ("--bytes", total_bytes, float("inf"))):
        if value is not None and not 0 <= value <= most:
            raise UsageError(
                f"{option} {value} means nothing",
                unchanged="nothing was removed",
                next_step="say 0 or more, within reason",
            )
    database = project.open_database()
    retention = Retention(
        project.snapshot_keep if keep is None else keep,
        project.snapshot_keep_days if days is None else days,
        project.snapshot_keep_bytes if total_bytes is None else total_bytes,
    )
    return prune_store(open_store(project, database), database, retention, also_manual=also_manual)
