"""Database migrations as Python modules.

The names below are those that users may rely on; the rest of the package may move. They are imported when they
are first used, so that `import nukeworks_migrate` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from . import errors
    from .actions.accept import accept
    from .actions.check import check
    from .actions.data import quarantined, retry
    from .actions.down import down
    from .actions.graph import graph
    from .actions.history import history, migration_history
    from .actions.lint import lint
    from .actions.new import new
    from .actions.plan import plan
    from .actions.rehearse import rehearse
    from .actions.restore import restore
    from .actions.resume import resume
    from .actions.schema import check_schema, dump_schema, write_schema
    from .actions.snapshot import create_snapshot, list_snapshots, prune_snapshots, verify_snapshots
    from .actions.stamp import stamp
    from .actions.status import status
    from .actions.up import up
    from .actions.verify import verify
    from .errors import MigrateError
    from .model import events
    from .project import Project
    from .runtime.handle import Handle
    from .runtime.row_function import SKIP

__all__ = [
    "SKIP",
    "Handle",
    "MigrateError",
    "Project",
    "__version__",
    "accept",
    "check",
    "check_schema",
    "create_snapshot",
    "down",
    "dump_schema",
    "errors",
    "events",
    "graph",
    "history",
    "lint",
    "list_snapshots",
    "migration_history",
    "new",
    "plan",
    "prune_snapshots",
    "quarantined",
    "rehearse",
    "restore",
    "resume",
    "retry",
    "stamp",
    "status",
    "up",
    "verify",
    "verify_snapshots",
    "write_schema",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = _find(name)
    globals()[name] = value
    return value


def _find(name: str) -> Any:
    """Import what holds `name`. Written as imports, so that tools that freeze applications see them."""
    match name:
        case "errors":
            from . import errors

            return errors
        case "events":
            from .model import events

            return events
        case "Project":
            from .project import Project

            return Project
        case "MigrateError":
            from .errors import MigrateError

            return MigrateError
        case "SKIP":
            from .runtime.row_function import SKIP

            return SKIP
        case "Handle":
            from .runtime.handle import Handle

            return Handle
        case "up":
            from .actions.up import up

            return up
        case "down":
            from .actions.down import down

            return down
        case "plan":
            from .actions.plan import plan

            return plan
        case "rehearse":
            from .actions.rehearse import rehearse

            return rehearse
        case "status":
            from .actions.status import status

            return status
        case "check":
            from .actions.check import check

            return check
        case "quarantined":
            from .actions.data import quarantined

            return quarantined
        case "retry":
            from .actions.data import retry

            return retry
        case "verify":
            from .actions.verify import verify

            return verify
        case "dump_schema":
            from .actions.schema import dump_schema

            return dump_schema
        case "check_schema":
            from .actions.schema import check_schema

            return check_schema
        case "write_schema":
            from .actions.schema import write_schema

            return write_schema
        case "history":
            from .actions.history import history

            return history
        case "migration_history":
            from .actions.history import migration_history

            return migration_history
        case "graph":
            from .actions.graph import graph

            return graph
        case "lint":
            from .actions.lint import lint

            return lint
        case "new":
            from .actions.new import new

            return new
        case "accept":
            from .actions.accept import accept

            return accept
        case "stamp":
            from .actions.stamp import stamp

            return stamp
        case "resume":
            from .actions.resume import resume

            return resume
        case "restore":
            from .actions.restore import restore

            return restore
        case "create_snapshot":
            from .actions.snapshot import create_snapshot

            return create_snapshot
        case "list_snapshots":
            from .actions.snapshot import list_snapshots

            return list_snapshots
        case "prune_snapshots":
            from .actions.snapshot import prune_snapshots

            return prune_snapshots
        case _:
            from .actions.snapshot import verify_snapshots

            return verify_snapshots
