"""A column computed in Python from another one: against the best program by hand, and against other tools.

    python benchmarks/transforms.py [ROUNDS] [--peers FOLDER] [--quick] [--rows N] [--rows-large N]

Everything runs in one call, in turns: `db.transform` in one transaction and with checkpoints, three programs by hand,
and the other tools, which pip installs into FOLDER where they are not there yet; without --peers they are not measured.
What takes minutes runs once and on fewer rows. Each run has a process of its own and a copy of its own of the same
table, made and flushed before; what is in the column afterwards is checked. contenders.py holds the programs, and says
what is within their time and which documentation they follow.

Rates are rows in a second of the transform alone. Ratios are those of the median rates; beside them stand those of the
fastest runs, and of the seconds of processor, which others on the machine move less. The whole program is told besides:
with start-up and, of ours, with the snapshot before the run. SQLite's settings are those of a new database. The exit
code tells only whether all of it ran and was right.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
AT_MOST_MIB = 60_000_000 / 2**20  # 60 MB
MAY_GROW_MIB = 2.0  # from the smallest table to the largest: what one run differs from another


class Contender(NamedTuple):
    function: str  # in contenders.py
    title: str
    python: str = sys.executable
    slow: bool = False  # once, and on the table of --slow-rows
    remark: str = ""  # why it may well fall short of what is asked


OURS = Contender("ours", "ours, one transaction")
CHECKPOINTED = Contender("ours_checkpointed", "ours, checkpoint each 10,000")
BY_HAND = (
    Contender("by_hand_update", "by hand: function, one UPDATE"),
    Contender("by_hand_update_in_pages", "by hand: function, key pages"),
    Contender("by_hand_executemany", "by hand: executemany, key pages"),
)
PEERS = {  # by the name that pip knows
    "alembic": (
        Contender("alembic_a_row_at_a_time", "Alembic, a row at a time", slow=True),
        Contender("alembic_executemany", "Alembic, executemany"),
    ),
    "yoyo-migrations": (Contender("yoyo", "yoyo"),),
    "caribou": (Contender("caribou", "caribou"),),
    "sqlite-utils": (
        Contender(
            "sqlite_utils", "sqlite-utils", remark="not to be expected: it runs one UPDATE with a function itself"
        ),
    ),
}


class Table(NamedTuple):
    """A database with the table `projects` that is copied for each run."""

    path: Path
    rows: int
    total: float  # of all capacities


Entry = tuple[Contender, Table]
OfRounds = Callable[[Iterable[float]], float]  # the median, or the least


class Measured(NamedTuple):
    seconds: float  # of the transform alone
    cpu_s: float  # of the process, meanwhile
    whole_s: float  # of the program, from its start to its end
    peak_mib: float


def main() -> bool:
    """Run what the command line asks for; return whether all of it ran."""
    options = options_of(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        print(f'"12.5 MW" into a REAL column; Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}')
        bench = Bench(Path(name))
        peers = [peer for package in PEERS for peer in bench.peers_of(package, options.peers)]
        table, fewer = bench.table(options.rows), bench.table(options.slow_rows)
        field = [(one, fewer if one.slow else table) for one in (OURS, CHECKPOINTED, *BY_HAND, *peers)]
        print_load()
        for turn in range(options.rounds):
            for contender, on in field:
                if turn == 0 or not contender.slow:
                    bench.run(contender, on)
        print(f"\n{table.rows:,} rows, {rounds_in_words(options.rounds)} in turns, the median of each")
        bench.print_figures(field, table)
        bench.print_ratios(field, table)
        bench.print_wal(table, turns=min(options.rounds, 3))
        bench.print_memory([bench.table(options.rows_small), table, bench.table(options.rows_large)])
        print_load()
        for failure in bench.failures:
            print(f"FAILED  {failure}")
        return not bench.failures


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast db.transform is, and how much memory it takes.")
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="other tools: installed here where missing")
    parser.add_argument("--quick", action="store_true", help="a sample of a few seconds: small tables")
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the table that times are measured on")
    parser.add_argument("--slow-rows", type=int, default=200_000, help="of the table for what takes minutes")
    parser.add_argument("--rows-small", type=int, default=200_000, help="of the small one for memory")
    parser.add_argument("--rows-large", type=int, default=10_000_000, help="of the large one for memory")
    if parser.parse_args(words).quick:
        parser.set_defaults(rows=100_000, rows_small=50_000, rows_large=300_000, slow_rows=10_000)
    return parser.parse_args(words)


class Bench:
    """The folder that all happens in, what was measured so far, and what did not run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: list[str] = []
        self.measured: dict[tuple[str, Path], list[Measured]] = {}

    def peers_of(self, package: str, folder: Path | None) -> list[Contender]:
        """The ways of another tool, with its Python, or none; its environment is made where it is missing."""
        if folder is None:
            print(f"{package}: not measured; --peers FOLDER says where it may be installed")
            return []
        home = folder.resolve() / package
        python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        version = [python, "-c", f"from importlib.metadata import version; print(version({package!r}))"]
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", package]
        if not Path(python).exists() or subprocess.run(version, capture_output=True).returncode:
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            subprocess.run(pip, check=False)
        done = subprocess.run(version, capture_output=True, text=True)
        if done.returncode:
            self.fail(f"{package} could not be installed into {home}")
            return []
        return [way._replace(python=python, title=f"{way.title} ({done.stdout.strip()})") for way in PEERS[package]]

    def table(self, rows: int, journal_mode: str = "delete") -> Table:
        path = self.folder / f"{rows}-{journal_mode}.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode = {journal_mode}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS projects"
                " (id INTEGER PRIMARY KEY, name TEXT NOT NULL, capacity_text TEXT, note TEXT, capacity REAL)"
            )
            if connection.execute("SELECT NOT EXISTS (SELECT 1 FROM projects)").fetchone()[0]:
                connection.execute(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
                    " INSERT INTO projects (id, name, capacity_text, note)"
                    " SELECT i, 'project ' || i, (i * 7919 % 40000 / 10.0) || ' MW', 'surveyed, ' || i % 97 FROM n",
                    (rows,),
                )
                connection.commit()
            # As the run's result is summed, in the same order: the sums of one SQLite are then the same to the bit.
            (total,) = connection.execute("SELECT sum(CAST(capacity_text AS REAL)) FROM projects").fetchone()
        return Table(path, rows, total)

    def run(self, contender: Contender, table: Table) -> None:
        """Run a contender on a copy of the table, look at what it has done, and keep what it measured."""
        folder = self.folder / "run"
        folder.mkdir()
        try:
            copy = folder / "app.sqlite"
            copy_flushed(table.path, copy)
            started = time.perf_counter()
            done = subprocess.run(
                [contender.python, HERE / "contenders.py", contender.function],
                cwd=folder,
                capture_output=True,
                text=True,
            )
            whole_s = time.perf_counter() - started
            if done.returncode:
                self.fail(f"{contender.title} ended with {done.returncode}", done.stderr)
                return
            with closing(sqlite3.connect(copy)) as connection:
                filled = connection.execute("SELECT count(capacity), sum(capacity) FROM projects").fetchone()
            if filled != (table.rows, table.total):
                self.fail(f"{contender.title}: count and sum are {filled}, not {table.rows, table.total}")
                return
            told = json.loads(done.stdout.splitlines()[-1])
            measured = Measured(told["seconds"], told["cpu_s"], whole_s, told["peak_mib"])
            self.measured.setdefault((contender.function, table.path), []).append(measured)
        finally:
            shutil.rmtree(folder)

    def fail(self, what: str, why: str = "") -> None:
        if what not in self.failures:
            self.failures.append(what)
            sys.stderr.write(why)

    def middle(self, contender: Contender, table: Table, of: OfRounds = statistics.median) -> Measured | None:
        """The median of each figure, or what `of` makes of the rounds; None where nothing was measured."""
        rounds = self.measured.get((contender.function, table.path))
        return Measured(*map(of, zip(*rounds, strict=True))) if rounds else None

    def rate(self, contender: Contender, table: Table) -> float | None:
        middle = self.middle(contender, table)
        return table.rows / middle.seconds if middle else None

    def best_by_hand(self, table: Table) -> Contender:
        return max(BY_HAND, key=lambda one: self.rate(one, table) or 0.0)

    def print_figures(self, field: list[Entry], table: Table) -> None:
        print(f"  {'':<33}  transform alone              whole     peak")
        for contender, on in field:
            middle = self.middle(contender, on)
            if middle is None:
                print(f"  {contender.title:<33} failed")
                continue
            print(
                f"  {contender.title:<33}{middle.seconds:7.2f} s  {on.rows / middle.seconds:9,.0f} rows/s"
                f"{middle.whole_s:8.2f} s{middle.peak_mib:6.0f} MiB"
            )
            if contender.slow:
                print(f"  {'':<33}   once, on {on.rows:,} rows")

    def print_ratios(self, field: list[Entry], table: Table) -> None:
        best = self.best_by_hand(table)
        ours, checkpointed, by_hand = (OURS, table), (CHECKPOINTED, table), (best, table)
        print(f"\nratios of the rates; the best by hand: {best.title.removeprefix('by hand: ')}")
        print(f"  {'':<40} median fastest    cpu")
        self.print_ratio("ours / the best by hand", ours, by_hand, at_least=0.9)
        self.print_ratio("checkpoints / the best by hand", checkpointed, by_hand, at_least=0.5)
        self.print_ratio("checkpoints / ours in one transaction", checkpointed, ours, at_least=0.5)
        for contender, on in field:
            if contender not in (OURS, CHECKPOINTED, *BY_HAND):
                self.print_ratio(f"ours / {contender.title}", ours, (contender, on), at_least=2.5)

    def print_wal(self, table: Table, *, turns: int) -> None:
        best = self.best_by_hand(table)
        in_wal = self.table(table.rows, "wal")
        for _ in range(turns):
            for contender in (OURS, CHECKPOINTED, best):
                self.run(contender, in_wal)
        self.print_ratio(f"in WAL, {rounds_in_words(turns)}: ours / by hand", (OURS, in_wal), (best, in_wal))
        self.print_ratio("in WAL: checkpoints / by hand", (CHECKPOINTED, in_wal), (best, in_wal))

    def print_ratio(self, title: str, mine: Entry, other: Entry, *, at_least: float | None = None) -> None:
        ours, theirs = self.middle(*mine), self.middle(*other)
        ours_fastest, theirs_fastest = self.middle(*mine, min), self.middle(*other, min)
        if not (ours and theirs and ours_fastest and theirs_fastest):
            print(f"  {title:<40} not measured")
            return
        rows = mine[1].rows / other[1].rows
        ratio = rows * theirs.seconds / ours.seconds
        fastest = rows * theirs_fastest.seconds / ours_fastest.seconds
        cpu = rows * theirs.cpu_s / ours.cpu_s
        held = at_least is None or ratio >= at_least
        limit = "" if at_least is None else f"   ≥ {at_least}  {'ok' if held else 'short'}"
        print(f"  {title:<40}{ratio:7.2f}{fastest:8.2f}{cpu:7.2f}{limit}", flush=True)
        if other[0].remark and not held:
            print(f"      {other[0].remark}")

    def print_memory(self, tables: list[Table]) -> None:
        print(f"\npeak memory of ours, MiB; at most {AT_MOST_MIB:.1f} (60 MB), and the same for every table")
        print(f"  {'':<33}" + "".join(f"{table.rows:>12,}" for table in tables) + "  rows")
        for contender in (OURS, CHECKPOINTED):
            peaks = []
            for table in tables:
                if (contender.function, table.path) not in self.measured:
                    self.run(contender, table)
                middle = self.middle(contender, table)
                peaks.extend([middle.peak_mib] if middle else [])
            if len(peaks) < len(tables):
                print(f"  {contender.title:<33} failed")
                continue
            small = "ok" if max(peaks) <= AT_MOST_MIB else "short"
            grown = peaks[-1] - peaks[0]
            same = "ok" if grown <= MAY_GROW_MIB else "short"
            print(f"  {contender.title:<33}" + "".join(f"{peak:12.1f}" for peak in peaks) + f"  {small}")
            print(f"  {'':<33}grows by {grown:.1f} (at most {MAY_GROW_MIB})  {same}")
        for contender in (OURS, CHECKPOINTED):
            rate = self.rate(contender, tables[-1])
            if rate:
                print(f"  {contender.title}, {tables[-1].rows:,} rows: {rate:,.0f} rows/s")


def rounds_in_words(rounds: int) -> str:
    return "1 round" if rounds == 1 else f"{rounds} rounds"


def print_load() -> None:
    if hasattr(os, "getloadavg"):
        print(f"load average {', '.join(f'{load:.2f}' for load in os.getloadavg())}, {os.cpu_count()} processors")


def copy_flushed(source: Path, target: Path) -> None:
    """Copy, and wait until it is on the disk: the measured time is not to wait for that."""
    shutil.copyfile(source, target)
    with open(target, "rb+") as file:
        os.fsync(file.fileno())


if __name__ == "__main__":
    sys.exit(not main())
