"""10,000 migrations planned, as a chain and as a wide graph with merges: graph and plan from values, in seconds.

    python benchmarks/planning.py [ROUNDS]

Theirs is the fastest that one could hope for with the standard library: graphlib's static order over the same graph.
"""

from __future__ import annotations

import graphlib
import statistics
import sys
import time
from functools import partial

from nukeworks_migrate.model.graph import MigrationGraph
from nukeworks_migrate.model.history import History
from nukeworks_migrate.model.migration import Migration
from nukeworks_migrate.model.planner import plan_down, plan_up

COUNT = 10_000
AT_MOST_S = 0.1


def chain() -> list[Migration]:
    return [Migration(n, f"{n}_m", depends_on=(f"{n - 1}_m",) if n > 1 else ()) for n in range(1, COUNT + 1)]


def wide() -> list[Migration]:
    """Branches of nine, merged again by every tenth."""
    migrations = []
    for n in range(1, COUNT + 1):
        before = range(n - 9, n) if n % 10 == 0 else ([(n - 1) // 10 * 10] if n > 10 else [])
        migrations.append(Migration(n, f"{n}_m", depends_on=tuple(f"{other}_m" for other in before)))
    return migrations


def static_order(graph: MigrationGraph) -> list[int]:
    return list(graphlib.TopologicalSorter(graph.dependencies).static_order())


def timed(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main(rounds: int = 9) -> bool:
    held = True
    for shape in (chain, wide):
        migrations = shape()
        graph = MigrationGraph(migrations)
        everything = History().with_applied(list(range(1, COUNT + 1)))
        up, down, build, theirs = [], [], [], []
        for _ in range(rounds):
            theirs.append(timed(partial(static_order, graph)))
            build.append(timed(partial(MigrationGraph, migrations)))
            up.append(timed(partial(plan_up, graph, History())))
            down.append(timed(partial(plan_down, graph, everything, to="base")))
        worst = max(statistics.median(up), statistics.median(down))
        held = held and worst <= AT_MOST_S
        print(f"{COUNT:,} migrations, {shape.__name__}")
        for name, times in (("graph", build), ("up", up), ("down", down), ("graphlib", theirs)):
            print(f"    {name:9} median {statistics.median(times) * 1000:7.1f} ms")
        print(f"    ratio to graphlib {worst / statistics.median(theirs):.2f}; at most {AT_MOST_S} s: ", end="")
        print("held" if worst <= AT_MOST_S else "NOT HELD")
    return held


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
