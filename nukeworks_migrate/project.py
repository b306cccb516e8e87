"""Where things are, and what was set: a `Project` is the first argument of every action."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .databases.base import Database
from .errors import BadSetting

SNAPSHOT_POLICIES = ("always", "destructive", "never")


@dataclass(frozen=True)
class Project:
    """A database, its migrations and its snapshots, with the settings that a run needs.

    Paths are relative to `base` (default: the current folder), a relative path in `database` too.
    `resources` are what migrations ask for by name, an encryption key for example.

    Raises:
        BadSetting: a value means nothing here.
    """

    database: str  # sqlite:///data/app.sqlite, or a path
    versions: str | os.PathLike[str] = "versions"
    snapshots: str | os.PathLike[str] = "snapshots"
    lock_timeout_s: float = 10.0  # how long a run waits for the migration lock, and for the database
    out_of_order: str = "apply"  # or "refuse"
    snapshot: str | None = None  # before which runs: always (as None is), destructive, never
    snapshot_keep: int = 10
    snapshot_keep_days: float | None = None
    snapshot_keep_bytes: int | None = None
    snapshot_max_bytes: int | None = None  # a larger database is refused until `snapshot` is chosen
    header_index: bool = True  # keep what was read from files in versions/__pycache__
    resources: Mapping[str, Any] = field(default_factory=dict, repr=False)
    base: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        if self.out_of_order not in ("apply", "refuse"):
            raise _bad("out_of_order", self.out_of_order, "apply or refuse")
        if self.snapshot is not None and self.snapshot not in SNAPSHOT_POLICIES:
            raise _bad("snapshot", self.snapshot, ", ".join(SNAPSHOT_POLICIES))
        if not 0 <= self.lock_timeout_s < 1e9:
            raise _bad("lock_timeout", self.lock_timeout_s, "seconds, 0 or more")
        if self.snapshot_keep < 1:
            raise _bad("snapshot_keep", self.snapshot_keep, "1 or more")

    @property
    def versions_path(self) -> Path:
        return self.base / self.versions

    @property
    def snapshots_path(self) -> Path:
        return self.base / self.snapshots

    def open_database(self) -> Database:
        """Return the database that the URL names; nothing is opened yet.

        Raises:
            BadSetting: the URL names no database that this version knows.
        """
        scheme, colon, _rest = self.database.partition("://")
        # `C:\data` is a path and `sqlite:///` a URL; a scheme is at least two letters long.
        if not colon or len(scheme) < 2 or scheme.lower() == "sqlite":
            from .databases.sqlite.database import SqliteDatabase

            return SqliteDatabase(self.database, base=self.base)
        raise BadSetting(
            f"{scheme}:// is no database that this version knows",
            cause="known are sqlite:///path and plain paths",
            unchanged="nothing was opened",
            next_step="name a SQLite file: --database sqlite:///data/app.sqlite",
        )


def _bad(name: str, value: object, expected: str) -> BadSetting:
    return BadSetting(
        f"{name} = {value!r} means nothing here",
        cause=f"expected: {expected}",
        unchanged="nothing was opened",
        next_step="correct the setting",
    )
