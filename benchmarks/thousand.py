"""`up` of 1,000 small migrations, against a plain sqlite3 program that loads the same modules in one transaction.

    python benchmarks/thousand.py [ROUNDS]

Three figures, each on a new database every time. The first is the promise: both sides inside an interpreter that has
imported what it needs, on a folder that was looked at before (status or plan have left the index of headers). The
second is the same on a folder that nobody has looked at yet, where each file has to be parsed for its header. The
third is both as programs, start-up and imports included.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, seconds_of

COUNT = 1000
PLAIN = """
import os, sqlite3, sys, time, types

def run():
    connection = sqlite3.connect("plain.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE done (version INTEGER PRIMARY KEY, name TEXT, at TEXT DEFAULT CURRENT_TIMESTAMP)")
    for file in sorted(os.listdir("versions")):
        if file.endswith(".py"):
            path = os.path.join("versions", file)
            module = types.ModuleType(file[:-3])
            exec(compile(open(path, "rb").read(), path, "exec"), module.__dict__)
            module.upgrade(connection)
            connection.execute("INSERT INTO done (version, name) VALUES (?, ?)", (int(file[:4]), file[:-3]))
    connection.execute("COMMIT")
    connection.close()

started = time.perf_counter()
run()
print(time.perf_counter() - started)
"""
OURS = """
import time
from nukeworks_migrate import Project, up
import nukeworks_migrate.files.loader
import nukeworks_migrate.databases.sqlite.lock, nukeworks_migrate.databases.sqlite.writer

started = time.perf_counter()
up(Project("ours.sqlite"))
print(time.perf_counter() - started)
"""


def write_versions(folder: Path) -> None:
    folder.mkdir()
    for number in range(1, COUNT + 1):
        depends_on = f'depends_on = ["{number - 1:04d}_table"]\n\n\n' if number > 1 else ""
        (folder / f"{number:04d}_table.py").write_text(
            f'"""Make table {number}."""\n\n{depends_on}def upgrade(db):\n'
            f'    db.execute("CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, amount REAL)")\n'
            f'    db.execute("INSERT INTO t{number} (name, amount) VALUES (?, ?)", ("first", {number}))\n\n\n'
            f'def downgrade(db):\n    db.execute("DROP TABLE t{number}")\n',
            encoding="utf-8",
        )


def main(rounds: int = 9) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_versions(folder / "versions")
        (folder / "plain.py").write_text(PLAIN, encoding="utf-8")
        (folder / "ours.py").write_text(OURS, encoding="utf-8")
        program = [str(Path(sys.executable).with_name("migrate")), "--database", "ours.sqlite", "up", "--yes", "-q"]

        def clean(*, known: bool = True) -> None:
            for left in folder.glob("*.sqlite*"):
                left.unlink()
            if not known:
                shutil.rmtree(folder / "versions" / "__pycache__", ignore_errors=True)

        def told(script: str, *, known: bool = True) -> float:
            """The seconds that a script says its run took, without start-up and imports."""
            clean(known=known)
            done = subprocess.run([sys.executable, script], cwd=folder, check=True, capture_output=True, text=True)
            return float(done.stdout)

        def whole(command: list[str]) -> float:
            clean()
            return seconds_of(command, folder)

        title = f"up of {COUNT:,} small migrations / a plain sqlite3 program"
        told("ours.py")
        held = compare(title, lambda: told("ours.py"), lambda: told("plain.py"), rounds=rounds, at_most=1.5)
        compare(
            f"{title}, on a folder never looked at",
            lambda: told("ours.py", known=False),
            lambda: told("plain.py"),
            rounds=rounds,
        )
        compare(
            f"{title}, both with start-up and imports",
            lambda: whole(program),
            lambda: whole([sys.executable, "plain.py"]),
            rounds=rounds,
        )
        return held


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
