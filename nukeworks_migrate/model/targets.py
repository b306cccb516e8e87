"""What the words after --to and --only mean."""

from __future__ import annotations

from ..errors import UnknownTarget
from .graph import MigrationGraph

BASE = "base"  # the empty database, before the first migration
HEAD = "head"  # everything in the folder


def resolve_state(graph: MigrationGraph, target: str) -> frozenset[int]:
    """Return the versions that are applied in the state named by `target`.

    `target` is a version (a number is always a version), a name, a unique prefix of one, `head` or `base`.

    Raises:
        UnknownTarget: it names no migration of `graph`.
    """
    if target == HEAD:
        return graph.versions
    if target == BASE:
        return frozenset()
    return graph.state_at(resolve_migration(graph, target))


def resolve_migration(graph: MigrationGraph, target: str) -> int:
    """Return the version of the one migration that `target` names.

    Raises:
        UnknownTarget: it names no migration of `graph`.
    """
    if target.isascii() and target.isdigit():
        if len(target) < 40 and int(target) in graph:
            return int(target)
        hint = f"versions go from {min(graph.migrations)} to {graph.highest}" if len(graph) else ""
        raise _unknown(f"no migration has version {target}", hint)
    if target in graph.by_name:
        return graph.by_name[target].version
    # A beginning with an underscore in it holds the whole number, so that it is the beginning of one name at most.
    matches = [m for m in graph.migrations.values() if "_" in target and m.name.startswith(target)]
    if matches:
        return matches[0].version
    from difflib import get_close_matches  # 3 ms, and only for a message

    close = get_close_matches(target, graph.by_name, n=1)
    raise _unknown(f"no migration is called {target!r}", f"did you mean {close[0]}?" if close else "")


def _unknown(what: str, cause: str) -> UnknownTarget:
    return UnknownTarget(
        what,
        cause=cause,
        unchanged="nothing was run; database and ledger are as they were",
        next_step="see what there is: migrate status --all",
    )
