"""Two programs in turn, as often as asked, and the ratio of their times.

These machines are noisy: both sides run in turn in one call, and the figure is the ratio of the medians, with
the ratio of the fastest runs beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Side = Callable[[], float]


def seconds_of(command: Sequence[str], folder: Path) -> float:
    """Run a command and return how long it took, in seconds of wall clock."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(title: str, ours: Side, theirs: Side, *, rounds: int, at_most: float | None = None) -> bool:
    """Run both sides in turn, print times and ratio, and return whether the ratio is within `at_most`.

    Without `at_most` nothing is promised, and the figure is only told.
    """
    mine, other = [], []
    for _ in range(rounds):
        other.append(theirs())
        mine.append(ours())
    ratio = statistics.median(mine) / statistics.median(other)
    held = at_most is None or ratio <= at_most
    promise = "" if at_most is None else f"; at most {at_most}: {'held' if held else 'NOT HELD'}"
    print(f"{title}")
    print(f"    ours    median {statistics.median(mine) * 1000:8.1f} ms   fastest {min(mine) * 1000:8.1f} ms")
    print(f"    theirs  median {statistics.median(other) * 1000:8.1f} ms   fastest {min(other) * 1000:8.1f} ms")
    print(f"    ratio   {ratio:.2f}, of the fastest {min(mine) / min(other):.2f}{promise}")
    return held
