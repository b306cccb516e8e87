"""`migrate status` with 20 applied, against a Python that only imports sqlite3 and click.

    python benchmarks/startup.py [ROUNDS]

Both are started as programs; `migrate` has to be installed, with its byte code, as pip installs it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, seconds_of


def main(rounds: int = 30) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "versions").mkdir()
        for number in range(1, 21):
            (folder / "versions" / f"{number:04d}_table.py").write_text(
                f'"""Make table {number}."""\n\n\ndef upgrade(db):\n    db.execute("CREATE TABLE t{number} (id)")\n',
                encoding="utf-8",
            )
        migrate = [str(Path(sys.executable).with_name("migrate")), "--database", "app.sqlite"]
        subprocess.run([*migrate, "up", "--yes"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return compare(
            "migrate status with 20 applied / python -c 'import sqlite3, click'",
            lambda: seconds_of([*migrate, "status"], folder),
            lambda: seconds_of([sys.executable, "-c", "import sqlite3, click"], folder),
            rounds=rounds,
            at_most=1.4,
        )


if __name__ == "__main__":
    sys.exit(not main(*map(int, sys.argv[1:])))
