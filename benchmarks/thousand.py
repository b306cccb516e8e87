"""`up` of 1,000 small migrations, against a plain sqlite3 program that loads the same modules in one transaction.

    python benchmarks/thousand.py [ROUNDS]

Both are started as programs, on a new database each time. Ours is measured as it runs on a folder that was looked at
before (status or plan have left the index of headers) and on one that nobody has looked at yet.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measure import compare, seconds_of

COUNT = 1000
PLAIN = '''
import os, sqlite3, types
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
'''


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
        migrate = [str(Path(sys.executable).with_name("migrate")), "--database", "ours.sqlite", "up", "--yes", "--quiet"]

        def ours(*, known: bool) -> float:
            for left in folder.glob("ours.sqlite*"):
                left.unlink()
            if not known:
                shutil.rmtree(folder / "versions" / "__pycache__", ignore_errors=True)
            return seconds_of(migrate, folder)

        def plain() -> float:
            for left in folder.glob("plain.sqlite*"):
                left.unlink()
            return seconds_of([sys.executable, "plain.py"], folder)

        title = f"up of {COUNT:,} small migrations / a plain sqlite3 program"
        compare(f"{title}, on a folder never looked at", lambda: ours(known=False), plain, rounds=rounds, at_most=1.5)
        return compare(f"{title}, on a known folder", lambda: ours(known=True), plain, rounds=rounds, at_most=1.5)


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
