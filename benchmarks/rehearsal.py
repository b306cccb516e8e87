"""What a rehearsal costs beside the copy that it cannot do without, and how fast touched rows are compared.

    python benchmarks/rehearsal.py [ROUNDS] [GIBIBYTES]

Everything runs in one call, interleaved: the backup API's copy of a database, made by a program of ten lines, and
`rehearse` of one small migration on small tables of the same database; then the comparison of a million rows that one
step changed, upwards (committed) and for the way back (inside a transaction). Peak memory is that of a process of its
own. Ratios hold better than seconds: the machine is shared.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from peak import peak_mib

ROWS = 1_000_000
MIGRATION = '''"""A small table more, and a small one changed."""


def upgrade(db):
    db.execute("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    db.executemany("INSERT INTO tags (name) VALUES (?)", [(f"tag {n}",) for n in range(100)])
    db.execute("UPDATE settings SET value = value || '!' WHERE id <= 10")


def downgrade(db):
    db.execute("DROP TABLE tags")
    db.execute("UPDATE settings SET value = rtrim(value, '!') WHERE id <= 10")
'''
ALL_ROWS = '''"""Every row of a large table changed."""


def upgrade(db):
    db.execute("UPDATE parts SET capacity = capacity + 1")


def downgrade(db):
    db.execute("UPDATE parts SET capacity = capacity - 1")
'''


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    gibibytes = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    with tempfile.TemporaryDirectory() as folder:
        small = project(Path(folder) / "small", MIGRATION)
        fill_bytes(small / "app.sqlite", int(gibibytes * 2**30))
        many = project(Path(folder) / "many", ALL_ROWS)
        fill_rows(many / "app.sqlite")
        copies, rehearsals = [], []
        for _ in range(rounds):
            copies.append(timed(small, "copy"))
            rehearsals.append(timed(small, "rehearse"))
        size = (small / "app.sqlite").stat().st_size
        copy, rehearsal = middle(copies), middle(rehearsals)
        print(f"a database of {size / 2**30:.2f} GiB, one small migration, {rounds} rounds, the middle one")
        print(f"  copy by the backup API    {copy[0]:6.2f} s   peak {copy[1]:4.0f} MiB")
        print(f"  rehearsal, whole          {rehearsal[0]:6.2f} s   peak {rehearsal[1]:4.0f} MiB")
        print(f"  ratio                     {rehearsal[0] / copy[0]:6.2f}     (the limit: 1.3)")
        compared = [timed(many, "compare") for _ in range(rounds)]
        print(f"{ROWS:,} rows that one step changed")
        for place, name in ((2, "compared after the step"), (3, "compared for the way back")):
            print(f"  {name:<26}{statistics.median(one[place] for one in compared):6.2f} s   (the limit: 3)")
        print(f"  peak memory               {middle(compared)[1]:6.0f} MiB")


def project(folder: Path, migration: str) -> Path:
    (folder / "versions").mkdir(parents=True)
    (folder / "versions" / "0001_change.py").write_text(migration, encoding="utf-8")
    return folder


def fill_bytes(path: Path, wanted: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE settings (id INTEGER PRIMARY KEY, value TEXT)")
        connection.executemany("INSERT INTO settings (value) VALUES (?)", [(f"value {n}",) for n in range(1000)])
        connection.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, content BLOB)")
        connection.executemany(
            "INSERT INTO documents (content) VALUES (randomblob(?))", ((100_000,) for _ in range(wanted // 100_000))
        )
        connection.commit()


def fill_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, text TEXT, capacity REAL, kind INTEGER, made TEXT)"
        )
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO parts"
            " SELECT i, 'part ' || i, '12.5 MW', i * 1.5, i % 7, '2026-01-01' FROM n",
            (ROWS,),
        )
        connection.commit()


def timed(folder: Path, what: str) -> tuple[float, ...]:
    """Seconds, peak MiB and what the process measured itself, from a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", what], cwd=folder, capture_output=True, text=True, check=True
    )
    return tuple(float(word) for word in done.stdout.split())


def one(what: str) -> None:
    more: list[float] = []
    started = time.perf_counter()
    if what == "copy":
        with tempfile.TemporaryDirectory() as folder:
            with closing(sqlite3.connect("file:app.sqlite?mode=ro", uri=True)) as source:
                with closing(sqlite3.connect(Path(folder) / "copy.sqlite")) as target:
                    target.execute("PRAGMA synchronous = OFF")  # as the rehearsal's own copy, which is never flushed
                    source.backup(target)
            took = time.perf_counter() - started
    else:
        from nukeworks_migrate import Project, rehearse
        from nukeworks_migrate.databases.sqlite import scratch

        real = scratch.SqliteBefore.difference

        def measured(*words: object) -> object:
            begun = time.perf_counter()
            try:
                return real(*words)  # type: ignore[arg-type]
            finally:
                more.append(time.perf_counter() - begun)

        scratch.SqliteBefore.difference = measured  # type: ignore[assignment, method-assign]
        started = time.perf_counter()
        rehearsal = rehearse(Project("app.sqlite"))
        took = time.perf_counter() - started
        assert rehearsal.failure is None and rehearsal.steps[0].way_back.verdict == "exact"
    print(took, peak_mib(), *more)


def middle(measured: list[tuple[float, ...]]) -> tuple[float, ...]:
    return sorted(measured)[len(measured) // 2]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2])
    else:
        main()
