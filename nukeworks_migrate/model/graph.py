"""The graph of migrations: what depends on what, and in which order it can run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush

from ..errors import Problem
from .migration import Migration


class MigrationGraph:
    """Migrations by version, with their dependencies resolved.

    Every walk is iterative and linear in migrations and dependencies, so that ten thousand in a chain are no
    deeper than one. Build it from migrations in which `find_problems` found nothing.
    """

    def __init__(self, migrations: Iterable[Migration]) -> None:
        self.migrations: dict[int, Migration] = {m.version: m for m in sorted(migrations, key=_version)}
        self.by_name: dict[str, Migration] = {m.name: m for m in self.migrations.values()}
        self.dependencies: dict[int, tuple[int, ...]] = {
            m.version: tuple(
                dict.fromkeys(
                    version
                    for reference in m.depends_on
                    if (version := _resolve(reference, self.by_name, self.migrations)) is not None
                )
            )
            for m in self.migrations.values()
        }
        self.dependents: dict[int, list[int]] = {version: [] for version in self.migrations}
        for version, dependencies in self.dependencies.items():
            for dependency in dependencies:
                self.dependents[dependency].append(version)

    def __len__(self) -> int:
        return len(self.migrations)

    def __contains__(self, version: object) -> bool:
        return version in self.migrations

    def __getitem__(self, version: int) -> Migration:
        return self.migrations[version]

    @property
    def versions(self) -> frozenset[int]:
        return frozenset(self.migrations)

    @property
    def heads(self) -> tuple[int, ...]:
        """Versions that nothing depends on, lowest first."""
        return tuple(version for version, dependents in self.dependents.items() if not dependents)

    @property
    def highest(self) -> int:
        """The highest version of all; 0 for an empty folder."""
        return max(self.migrations, default=0)

    def state_at(self, version: int) -> frozenset[int]:
        """Every migration numbered `version` or lower, and whatever those depend on."""
        return self.with_dependencies(v for v in self.migrations if v <= version)

    def with_dependencies(self, versions: Iterable[int]) -> frozenset[int]:
        """`versions` and all that they depend on, however far."""
        return _closure(versions, self.dependencies)

    def with_dependents(self, versions: Iterable[int]) -> frozenset[int]:
        """`versions` and all that depends on them, however far."""
        return _closure(versions, self.dependents)

    def in_order(self, versions: Collection[int]) -> list[int]:
        """`versions` in the order to run them: by number, but none before what it depends on.

        Only dependencies among `versions` count: the rest is taken as applied.
        """
        return _kahn(versions, self.dependencies, self.dependents, priority=lambda version: (version,))

    def in_reverse_order(self, versions: Collection[int], priority: Callable[[int], tuple[int, ...]]) -> list[int]:
        """`versions` in the order to take them back: none before what depends on it.

        Where that leaves a choice, the lowest `priority` goes first.
        """
        return _kahn(versions, self.dependents, self.dependencies, priority=priority)


def find_problems(migrations: Iterable[Migration]) -> list[Problem]:
    """Return what is wrong with the dependencies of `migrations`, in order of version.

    Two files of one version, a dependency that does not exist or on itself, and cycles, each of them with
    the file and line to look at. Two files of one version hide nothing else: both are judged.
    """
    ordered = sorted(migrations, key=lambda m: (m.version, m.name))
    by_name = {m.name: m for m in ordered}
    by_version: dict[int, Migration] = {}
    problems: list[Problem] = []
    for migration in ordered:
        first = by_version.setdefault(migration.version, migration)
        if first is not migration:
            problems.append(
                Problem(
                    migration.path,
                    0,
                    f"version {migration.version} is taken twice: {first.name} and {migration.name}",
                    "give one of them another number",
                )
            )
    for migration in ordered:
        problems.extend(_dependency_problems(migration, by_name, by_version))
    problems.extend(_cycle_problems(ordered, by_name, by_version))
    return problems


def _dependency_problems(
    migration: Migration, by_name: Mapping[str, Migration], by_version: Mapping[int, Migration]
) -> Iterable[Problem]:
    for reference in migration.depends_on:
        version = _resolve(reference, by_name, by_version)
        if version is None:
            from difflib import get_close_matches  # 3 ms, and only for a message

            close = get_close_matches(reference, by_name, n=1)
            yield Problem(
                migration.path,
                migration.depends_on_line,
                f"{migration.name} depends on {reference!r}, and there is no such migration",
                f"did you mean {close[0]!r}?" if close else "correct the name, or add the file",
            )
        elif version == migration.version:
            yield Problem(
                migration.path,
                migration.depends_on_line,
                f"{migration.name} depends on itself",
                "take it out of depends_on",
            )


def _cycle_problems(
    ordered: list[Migration], by_name: Mapping[str, Migration], by_version: Mapping[int, Migration]
) -> Iterable[Problem]:
    edges: dict[str, list[str]] = {m.name: [] for m in ordered}
    for migration in ordered:
        for reference in migration.depends_on:
            version = _resolve(reference, by_name, by_version)
            if version is not None and version != migration.version:
                edges[migration.name].append(by_version[version].name)
    if _is_acyclic(edges):
        return
    from graphlib import CycleError, TopologicalSorter  # slower than our own order, but it names the path

    while True:
        try:
            TopologicalSorter(edges).prepare()
            return
        except CycleError as error:
            # graphlib lists each node before the one that depends on it; readers expect the way of the arrows.
            path = list(reversed(error.args[1]))
            first = min(range(len(path) - 1), key=lambda i: by_name[path[i]].version)
            path = [*path[first:-1], *path[:first], path[first]]
            yield Problem(
                by_name[path[0]].path,
                by_name[path[0]].depends_on_line,
                "a cycle of dependencies: " + " → ".join(path),
                "take one of these dependencies out",
            )
            edges[path[0]].remove(path[1])  # and look whether there is another


def _is_acyclic(edges: Mapping[str, list[str]]) -> bool:
    waiting = {name: len(set(targets)) for name, targets in edges.items()}
    dependents: dict[str, list[str]] = {name: [] for name in edges}
    for name, targets in edges.items():
        for target in set(targets):
            dependents[target].append(name)
    free = [name for name, count in waiting.items() if not count]
    seen = 0
    while free:
        seen += 1
        for dependent in dependents[free.pop()]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                free.append(dependent)
    return seen == len(edges)


def _version(migration: Migration) -> int:
    return migration.version


def _resolve(reference: str, by_name: Mapping[str, Migration], by_version: Mapping[int, Migration]) -> int | None:
    """Return the version that an entry of `depends_on` means: a whole name, or a number."""
    if reference in by_name:
        return by_name[reference].version
    if reference.isascii() and reference.isdigit() and len(reference) < 40 and int(reference) in by_version:
        return int(reference)
    return None


def _closure(start: Iterable[int], edges: Mapping[int, Collection[int]]) -> frozenset[int]:
    reached = set(start)
    stack = list(reached)
    while stack:
        for version in edges[stack.pop()]:
            if version not in reached:
                reached.add(version)
                stack.append(version)
    return frozenset(reached)


def _kahn(
    versions: Collection[int],
    before: Mapping[int, Collection[int]],
    after: Mapping[int, Collection[int]],
    *,
    priority: Callable[[int], tuple[int, ...]],
) -> list[int]:
    wanted = versions if isinstance(versions, (set, frozenset)) else frozenset(versions)
    waiting = {version: sum(1 for other in before[version] if other in wanted) for version in wanted}
    ready = [(priority(version), version) for version, count in waiting.items() if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        _, version = heappop(ready)
        order.append(version)
        for other in after[version]:
            if other in waiting:
                waiting[other] -= 1
                if not waiting[other]:
                    heappush(ready, (priority(other), other))
    return order
