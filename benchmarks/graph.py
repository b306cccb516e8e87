"""`migrate graph` of 1,000 migrations, half of them applied: the whole command, start-up and reading included.

    python benchmarks/graph.py [ROUNDS]

Four shapes: a chain, one that all others depend on, two dependencies each at random, and none at all. The promise is
a second for each picture; beside it stands what `migrate status` takes in the same folder. The folder was looked at
before, so that the index of headers is there.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from measure import seconds_of

COUNT = 1000
AT_MOST_S = 1.0
FORMATS = ("svg", "text", "mermaid", "dot")


def chain(number: int) -> Sequence[int]:
    return [number - 1] if number > 1 else []


def fan(number: int) -> Sequence[int]:
    return [1] if number > 1 else []


def at_random(number: int) -> Sequence[int]:
    return sorted(random.Random(number).sample(range(1, number), min(2, number - 1)))


def alone(number: int) -> Sequence[int]:
    return []


def write_versions(folder: Path, dependencies: Callable[[int], Sequence[int]]) -> None:
    folder.mkdir(parents=True)
    for number in range(1, COUNT + 1):
        depends_on = [f"{other:04d}_step" for other in dependencies(number)]
        (folder / f"{number:04d}_step.py").write_text(
            f'"""Do the step with the number {number}."""\n\ndepends_on = {depends_on!r}\n\n\n'
            "def upgrade(db):\n    pass\n",
            encoding="utf-8",
        )


def main(rounds: int = 7) -> bool:
    held = True
    migrate = [str(Path(sys.executable).with_name("migrate")), "--database", "app.sqlite"]
    with tempfile.TemporaryDirectory() as name:
        for shape in (chain, fan, at_random, alone):
            folder = Path(name) / shape.__name__
            write_versions(folder / "versions", shape)
            subprocess.run(
                [*migrate, "up", "--steps", str(COUNT // 2), "--yes", "-q"],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print(f"{COUNT:,} migrations, {shape.__name__.replace('_', ' ')}")
            commands = {"status": ["status"]} | {form: ["graph", "--format", form] for form in FORMATS}
            for title, words in commands.items():
                times = [seconds_of([*migrate, *words], folder) for _ in range(rounds)]
                median = statistics.median(times)
                limit = "" if title == "status" else f"   ≤ {AT_MOST_S:g} s  {'ok' if median <= AT_MOST_S else 'short'}"
                held = held and (title == "status" or median <= AT_MOST_S)
                print(f"    {title:8} median {median * 1000:7.1f} ms   fastest {min(times) * 1000:7.1f} ms{limit}")
    return held


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
