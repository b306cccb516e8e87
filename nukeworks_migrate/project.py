"""Where things are, and what was set: a `Project` is the first argument of every action.

Here and in all that `status` imports, paths are strings: pathlib alone takes as long as a third of this package.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import BadSetting

if TYPE_CHECKING:
    from .databases.base import Database

StrPath = str | os.PathLike[str]

MOST_DAYS = 36_500  # a hundred years
SNAPSHOT_POLICIES = ("always", "destructive", "never")


class Project:
    """A database, its migrations and its snapshots, with the settings that a run needs; it is not changed.

    Paths are relative to `base` (default: the current folder), a relative path in `database` too.

    Raises:
        BadSetting: a value means nothing here.
    """

    def __init__(
        self,
        database: str,
        versions: StrPath = "versions",
        snapshots: StrPath = "snapshots",
        *,
        lock_timeout_s: float = 10.0,
        out_of_order: str = "apply",
        snapshot: str | None = None,
        snapshot_keep: int = 10,
        snapshot_keep_days: float | None = None,
        snapshot_keep_bytes: int | None = None,
        snapshot_max_bytes: int | None = None,
        header_index: bool = True,
        redact: Sequence[str] = (),
        resources: Mapping[str, Any] | None = None,
        resource_factories: Sequence[str] = (),
        base: StrPath | None = None,
    ) -> None:
        self.database = database  # sqlite:///data/app.sqlite, or a path
        self.versions = os.fspath(versions)
        self.snapshots = os.fspath(snapshots)
        self.lock_timeout_s = lock_timeout_s  # how long a run waits for the migration lock, and for the database
        self.out_of_order = out_of_order  # apply or refuse
        self.snapshot = snapshot  # before which runs: always (as None is), destructive, never
        self.snapshot_keep = snapshot_keep
        self.snapshot_keep_days = snapshot_keep_days
        self.snapshot_keep_bytes = snapshot_keep_bytes
        self.snapshot_max_bytes = snapshot_max_bytes  # a larger database is refused until `snapshot` is chosen
        self.header_index = header_index  # keep what was read from files in versions/__pycache__
        self.redact = (redact,) if isinstance(redact, str) else tuple(redact)  # never shown: table.column, or column
        self.resources = dict(resources or {})  # what migrations ask for by name, an encryption key for one
        # By name, "module:factory" that makes one when a run needs it; what is in `resources` counts before that.
        self.resource_factories = _factories(resource_factories)
        self.base = os.path.abspath(base if base is not None else current_folder())
        if out_of_order not in ("apply", "refuse"):
            raise _bad("out_of_order", out_of_order, "apply or refuse")
        if snapshot is not None and snapshot not in SNAPSHOT_POLICIES:
            raise _bad("snapshot", snapshot, ", ".join(SNAPSHOT_POLICIES))
        if not 0 <= lock_timeout_s < 1e9:
            raise _bad("lock_timeout", lock_timeout_s, "seconds, 0 or more")
        if snapshot_keep < 1:
            raise _bad("snapshot_keep", snapshot_keep, "1 or more")
        for name, value in (
            ("snapshot_keep_bytes", snapshot_keep_bytes),
            ("snapshot_max_bytes", snapshot_max_bytes),
        ):
            if value is not None and not 0 <= value < float("inf"):
                raise _bad(name, value, "0 or more")
        if snapshot_keep_days is not None and not 0 <= snapshot_keep_days <= MOST_DAYS:
            raise _bad("snapshot_keep_days", snapshot_keep_days, f"days, from 0 to {MOST_DAYS}")

    @property
    def versions_path(self) -> str:
        return os.path.join(self.base, self.versions)

    @property
    def snapshots_path(self) -> str:
        return os.path.join(self.base, self.snapshots)

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

    def any_database(self) -> Database:
        """Return a database of the project's kind, for what is built in a scratch one: none need be named or exist."""
        named = self if self.database.strip() else Project("none.sqlite", base=self.base)
        return named.open_database()


def resource_factory(entry: str) -> tuple[str, str]:
    """Return the name and the "module:factory" of NAME=module:factory.

    Raises:
        ValueError: it is not written like that. The words do not hold it: it may be the secret itself.
    """
    name, _, factory = entry.partition("=")
    module, _, path = factory.partition(":")
    parts = [part for dotted in (module, path) for part in dotted.split(".")]
    if not name or name != name.strip() or not all(part.isidentifier() for part in parts):
        raise ValueError("expected: NAME=module:factory")
    return name, factory


def _factories(entries: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in [entries] if isinstance(entries, str) else entries:
        try:
            name, factory = resource_factory(entry)
        except ValueError as error:
            raise BadSetting(
                "a resource is not written as it should be",
                cause=str(error),
                unchanged="nothing was opened",
                next_step="correct the setting",
            ) from None
        if found.setdefault(name, factory) != factory:
            raise BadSetting(
                f"the resource {name!r} has two factories",
                cause=f"{found[name]} and {factory}",
                unchanged="nothing was opened",
                next_step="say one of them",
            )
    return found


def _bad(name: str, value: object, expected: str) -> BadSetting:
    return BadSetting(
        f"{name} = {value!r} means nothing here",
        cause=f"expected: {expected}",
        unchanged="nothing was opened",
        next_step="correct the setting",
    )


def current_folder() -> str:
    """Return the current folder.

    Raises:
        BadSetting: it has been deleted.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise BadSetting(
            "the current folder is gone",
            cause=str(error),
            unchanged="nothing was opened",
            next_step="go to a folder that is there: cd …",
        ) from error
