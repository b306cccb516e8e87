"""`check` at the start of an application, against opening the file and one SELECT, as the hand-made system did.

    python benchmarks/check.py [ROUNDS]

All in one process that has imported what it needs, with the `Project` made beforehand. The first figure is the promise:
NukeWorks' own database with its ten migrations, in a program that has loaded hashlib, as every web application has.
The second is the same without hashlib, where Python's own SHA-256 is used. The third has 1,000 small migrations.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from measure import Side, compare
from thousand import COUNT, write_versions

from nukeworks_migrate import Project, check, up

VERSIONS = Path(__file__).resolve().parents[1] / "versions"


def timed(project: Project) -> tuple[Side, Side]:
    """Both sides on the database of `project`: the check, and one SELECT."""
    path = str(Path(project.base, project.database))

    def ours() -> float:
        started = time.perf_counter()
        assert check(project).ok
        return time.perf_counter() - started

    def theirs() -> float:
        started = time.perf_counter()
        connection = sqlite3.connect(path)
        connection.execute("SELECT MAX(version) FROM schema_version").fetchone()
        connection.close()
        return time.perf_counter() - started

    return ours, theirs


def main(rounds: int = 1000) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(VERSIONS, folder / "versions", ignore=shutil.ignore_patterns("__pycache__"))
        write_versions(folder / "thousand")
        nukeworks = Project("nukeworks.sqlite", base=folder)
        thousand = Project("thousand.sqlite", versions="thousand", base=folder)
        for project in (nukeworks, thousand):
            up(project)
        title = "check of NukeWorks' database / opening it and one SELECT"
        held = compare(title, *timed(nukeworks), rounds=rounds, at_most=1.5)
        del sys.modules["hashlib"]
        compare(f"{title}, without hashlib", *timed(nukeworks), rounds=rounds)
        sys.modules["hashlib"] = hashlib
        compare(f"check of {COUNT:,} small migrations / the same", *timed(thousand), rounds=rounds // 10)
        return held


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
