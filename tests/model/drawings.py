"""Graphs and histories written as short as they can be drawn."""

from hypothesis import strategies as st

from nukeworks_migrate.model.graph import MigrationGraph
from nukeworks_migrate.model.history import Entry, History
from nukeworks_migrate.model.migration import Migration


def graph_of(**edges: str) -> MigrationGraph:
    """Migrations a, b, c … with versions 1, 2, 3 …; each value names what it depends on: `b="a"`."""
    versions = {letter: number for number, letter in enumerate(edges, 1)}
    return MigrationGraph(
        Migration(
            version,
            f"{version:04d}_{letter}",
            depends_on=tuple(f"{versions[other]:04d}_{other}" for other in edges[letter].split()),
        )
        for letter, version in versions.items()
    )


def history_of(graph: MigrationGraph, applied: str) -> History:
    """A history in which these letters were applied, in this order."""
    letters = {name.split("_")[1]: m.version for name, m in graph.by_name.items()}
    return History().with_applied([letters[letter] for letter in applied.split()])


def letters(plan) -> str:
    return " ".join(step.name.split("_")[1] for step in plan.steps)


@st.composite
def graphs(draw, most: int = 12) -> MigrationGraph:
    """Any graph without cycles: numbers and dependencies know nothing of each other."""
    numbers = draw(st.lists(st.integers(1, 40), min_size=1, max_size=most, unique=True))
    migrations = []
    for place, number in enumerate(numbers):  # `numbers` is in an order in which it could be written
        earlier = draw(st.lists(st.sampled_from(numbers[:place]), max_size=3, unique=True)) if place else []
        depends_on = tuple(str(other) if draw(st.booleans()) else f"{other:04d}_m" for other in earlier)
        migrations.append(Migration(number, f"{number:04d}_m", depends_on=depends_on))
    return MigrationGraph(draw(st.permutations(migrations)))


@st.composite
def graphs_with_history(draw) -> tuple[MigrationGraph, History]:
    """A graph and any history that running it could have left: closed under dependencies, in any such order.

    Some of its oldest rows are the old system's, which have no position.
    """
    graph = draw(graphs())
    remaining, order = set(draw(st.sets(st.sampled_from(sorted(graph.versions))))), []
    remaining = set(graph.with_dependencies(remaining))
    while remaining:
        free = sorted(v for v in remaining if not remaining & set(graph.dependencies[v]))
        order.append(draw(st.sampled_from(free)))
        remaining.remove(order[-1])
    legacy = draw(st.integers(0, len(order)))
    entries = [Entry(v, position=None if place < legacy else place) for place, v in enumerate(order)]
    return graph, History(tuple(sorted(entries, key=lambda entry: entry.version)))
