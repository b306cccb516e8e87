"""Snapshots: restorable copies of the database, each one file with a manifest beside it.

A snapshot is written under a temporary name, checked, hashed and flushed, and only then gets its own name;
a file without a manifest is therefore never one.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..databases.base import Database, Deadline
from ..databases.writing import CopyResult
from ..errors import SnapshotRefused, UsageError
from ..files.whole import write_whole
from .clock import stamp

_ID = re.compile(r"[A-Za-z0-9._-]+")
_PARTIAL = ".partial-"
_SPARE_BYTES = 1 << 20  # room for the manifest and for what the file system takes itself


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the manifest says of one snapshot."""

    id: str
    file: str  # its name in the folder of snapshots
    taken_at: str  # UTC, ISO 8601
    reason: str  # up, down, restore: before a run of that kind; manual: asked for
    run_id: str
    version_before: int  # the version that is in it
    version_after: int | None  # what the run was to reach; None where no run followed
    versions: tuple[int, ...]  # applied in it
    size_bytes: int
    sha256: str
    database: str  # which one it was taken of
    engine: str
    tool_version: str
    note: str = ""
    failed: bool = False  # its run was rolled back, so that the database went on as it is in here


@dataclass(frozen=True, slots=True)
class Retention:
    """How many snapshots are kept, of each database; the newest good one always is."""

    keep: int = 10
    days: float | None = None  # and none older than that
    total_bytes: int | None = None  # and no more than that altogether


class SnapshotStore:
    """The snapshots of one database in one folder."""

    def __init__(self, folder: Path, shown: str, database: Database, tool_version: str) -> None:
        self.folder = folder
        self.shown = shown.rstrip("/\\") or shown
        self._database = database
        self._tool_version = tool_version

    def take(
        self,
        copy: Callable[[Path], CopyResult],
        *,
        now: str,
        reason: str,
        run_id: str = "",
        versions: Iterable[int] = (),
        version_after: int | None = None,
        note: str = "",
    ) -> Snapshot:
        """Make a snapshot by `copy`, which writes the database to the empty file that it is given.

        Raises:
            SnapshotRefused: no room, no such folder and no leave to make it, or the copy is damaged.
        """
        applied = tuple(sorted(versions))
        version = max(applied, default=0)
        self._make_folder()
        self._sweep(under_lock=reason != "manual")
        self._refuse_without_room()
        snapshot_id = f"{stamp(now)}-{version:04d}-{secrets.token_hex(2)}"
        partial = self.folder / f"{self._partial(under_lock=reason != 'manual')}{snapshot_id}"
        try:
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            try:
                result = copy(partial)
                snapshot = Snapshot(
                    id=snapshot_id,
                    file=snapshot_id + self._database.snapshot_ending,
                    taken_at=now,
                    reason=reason,
                    run_id=run_id,
                    version_before=version,
                    version_after=version_after,
                    versions=applied,
                    size_bytes=result.size_bytes,
                    sha256=result.sha256,
                    database=self._database.identity,
                    engine=self._database.engine,
                    tool_version=self._tool_version,
                    note=note,
                )
                os.replace(partial, self.folder / snapshot.file)
            finally:
                for leftover in self.folder.glob(f"{partial.name}*"):
                    leftover.unlink(missing_ok=True)
            self._write_manifest(snapshot)
        except OSError as error:
            raise SnapshotRefused(
                f"no snapshot could be written to {self.shown}",
                cause=str(error),
                next_step="make room, or name another folder: --snapshots",
            ) from error
        return snapshot

    def _partial(self, *, under_lock: bool) -> str:
        """How unfinished files of this database begin; those that are made under its migration lock by themselves."""
        import hashlib

        mark = hashlib.sha256(self._database.identity.encode()).hexdigest()[:8]
        return f"{_PARTIAL}{mark if under_lock else f'manual-{mark}'}-"

    def _sweep(self, *, under_lock: bool) -> None:
        """Remove what a killed run left unfinished.

        Who holds the migration lock knows that nobody else is writing such a file of this database. Those that
        are made by hand, without the lock, are taken for abandoned after a day.
        """
        if under_lock:
            for left in self.folder.glob(f"{self._partial(under_lock=True)}*"):
                left.unlink(missing_ok=True)
        yesterday = datetime.now(UTC).timestamp() - 24 * 3600
        for left in self.folder.glob(f"{_PARTIAL}manual-*"):
            with suppress(OSError):
                if left.stat().st_mtime < yesterday:
                    left.unlink()

    def all(self) -> list[Snapshot]:
        """Return this database's snapshots, newest first; files without a readable manifest are none."""
        found = []
        for path in self._manifests():
            snapshot = _read_manifest(path)
            if snapshot is not None and snapshot.database == self._database.identity:
                found.append(snapshot)
        return sorted(found, key=lambda s: (s.taken_at, s.id), reverse=True)

    def find(self, snapshot_id: str) -> Snapshot:
        """Return the snapshot `snapshot_id` names: a whole id, or a unique beginning of one; also another database's.

        Raises:
            UsageError: it is no id, or names none, or several.
        """
        if not _ID.fullmatch(snapshot_id):
            raise _no_such(f"{snapshot_id!r} is no snapshot's id")
        matches = [path for path in self._manifests() if path.name.startswith(snapshot_id)]
        exact = [path for path in matches if path.name == f"{snapshot_id}.json"]
        chosen = exact or matches
        if len(chosen) != 1:
            raise _no_such(f"{'several snapshots begin' if chosen else 'no snapshot begins'} with {snapshot_id}")
        snapshot = _read_manifest(chosen[0])
        if snapshot is None:
            raise SnapshotRefused(
                f"the manifest of {chosen[0].stem} cannot be read",
                where=f"{self.shown}/{chosen[0].name}",
                unchanged="nothing was changed",
                next_step="take another one: migrate snapshot list",
            )
        return snapshot

    def path(self, snapshot: Snapshot) -> Path:
        return self.folder / snapshot.file

    def shown_path(self, snapshot: Snapshot) -> str:
        return f"{self.shown}/{snapshot.file}"

    def problems(self, snapshot: Snapshot, *, thorough: bool) -> str:
        """Return what is wrong with a snapshot: size, hash, and with `thorough` SQLite's whole integrity check."""
        path = self.path(snapshot)
        try:
            size = path.stat().st_size
        except OSError as error:
            return f"the file is not there: {error.strerror}"
        if size != snapshot.size_bytes:
            return f"the file has {size} bytes, its manifest says {snapshot.size_bytes}"
        import hashlib

        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != snapshot.sha256:
            return "the SHA-256 of the file is not the one in its manifest"
        return self._database.check_copy(path, thorough=thorough)

    def refuse_if_damaged(self, snapshot: Snapshot) -> None:
        """Raise SnapshotRefused where `problems` finds something."""
        wrong = self.problems(snapshot, thorough=True)
        if wrong:
            raise SnapshotRefused(
                f"the snapshot {snapshot.id} is damaged",
                where=self.shown_path(snapshot),
                cause=wrong,
                unchanged="nothing was restored; the database is as it was",
                next_step="take another one: migrate snapshot list",
            )

    def to_prune(self, retention: Retention, now: datetime, *, also_manual: bool = False) -> list[Snapshot]:
        """Return the snapshots that `retention` does not keep, oldest first; never the newest good one.

        Those that were asked for by hand stay, unless `also_manual`.
        """
        every = self.all()
        newest_good = next((s for s in every if self._looks_whole(s)), None)
        going: list[Snapshot] = []
        kept = total = 0
        for snapshot in every:
            if snapshot.reason == "manual" and not also_manual:
                continue
            if snapshot.failed:
                continue  # an attempt that came to nothing must not push out what one can go back to
            age = now - datetime.fromisoformat(snapshot.taken_at)
            too_many = kept >= retention.keep
            too_old = retention.days is not None and age > timedelta(days=retention.days)
            too_big = retention.total_bytes is not None and total + snapshot.size_bytes > retention.total_bytes
            if (too_many or too_old or too_big) and snapshot is not newest_good:
                going.append(snapshot)
            else:
                kept += 1
                total += snapshot.size_bytes
        return going[::-1]

    def mark_failed(self, snapshot: Snapshot) -> None:
        """Note in the manifest that the run was rolled back; of such snapshots only the newest is kept.

        They hold what the database holds, and do not count for retention.
        """
        self._write_manifest(replace(snapshot, failed=True))
        for earlier in self.all():
            if earlier.failed and earlier.id != snapshot.id:
                self.remove(earlier)

    def remove(self, snapshot: Snapshot) -> None:
        """Delete a snapshot: its manifest first, so that no manifest is ever without its file."""
        (self.folder / f"{snapshot.id}.json").unlink(missing_ok=True)
        self.path(snapshot).unlink(missing_ok=True)

    def _looks_whole(self, snapshot: Snapshot) -> bool:
        try:
            return self.path(snapshot).stat().st_size == snapshot.size_bytes
        except OSError:
            return False

    def _manifests(self) -> list[Path]:
        return [path for path in self.folder.glob("*.json") if not path.name.startswith(".")]

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SnapshotRefused(
                f"the folder of snapshots cannot be made: {self.shown}",
                cause=str(error),
                next_step="name another folder: --snapshots",
            ) from error

    def _refuse_without_room(self) -> None:
        needed = self._database.size_bytes() + _SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise SnapshotRefused(
                f"there is no room for a snapshot in {self.shown}",
                cause=f"it takes {needed:,} bytes, and {free:,} are free",
                next_step="make room, name another folder (--snapshots), or migrate snapshot prune --keep 3",
            )

    def _write_manifest(self, snapshot: Snapshot) -> None:
        path = self.folder / f"{snapshot.id}.json"
        partial = self.folder / f"{self._partial(under_lock=snapshot.reason != 'manual')}{snapshot.id}.json"
        partial.unlink(missing_ok=True)
        write_whole(path, f"{json.dumps(asdict(snapshot), indent=2)}\n".encode(), mode=0o600, partial=partial)


def utc_now() -> datetime:
    return datetime.now(UTC)


def copying(
    database: Database, deadline: Deadline, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Callable[[Path], CopyResult]:
    """The way in which a snapshot is usually made: by a connection of its own."""
    return lambda path: database.copy_to(path, deadline, on_progress)


def _read_manifest(path: Path) -> Snapshot | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record["versions"] = tuple(record["versions"])
        snapshot = Snapshot(**record)
        datetime.fromisoformat(snapshot.taken_at)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # What a file says is data: a manifest must not lead out of the folder.
    whole = _ID.fullmatch(snapshot.file) and path.name == f"{snapshot.id}.json"
    return snapshot if whole else None


def _no_such(what: str) -> UsageError:
    return UsageError(what, unchanged="nothing was changed", next_step="see which there are: migrate snapshot list")
