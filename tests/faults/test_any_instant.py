"""A process that is killed at any instant leaves the database as before or as after, and the next one goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from faults.five import add_five, logical_content, make_in_use
from faults.processes import POSIX_ONLY, python, started
from support import Folder, integrity

from nukeworks_migrate import up

pytestmark = POSIX_ONLY

LOGGER = logging.getLogger("faults")  # where the kills have hit: pytest -m faults -o log_cli=true --log-cli-level=INFO
KILLED = -9
# `migrate`, with a mark that Python has started.
BEGUN = """
import pathlib
from nukeworks_migrate.cli.main import main
pathlib.Path("begun").touch()
main()
"""
COMPANIONS = ("-journal", "-wal", "-shm")


class Bench:
    """One command and the state that it starts from, to be put back before every kill."""

    def __init__(self, folder: Folder, template: Path, words: list[str], *, each: bool = False) -> None:
        self.folder = folder
        self.words = words
        self._template = template
        self.put_back()
        self.states = {"before": logical_content(folder.database)}
        if each:  # what was committed step by step may stay step by step
            for version in range(1, 5):
                up(folder.project(), to=version)
                self.states[f"{version} of 5"] = logical_content(folder.database)
            self.put_back()
        began = time.monotonic()
        self.done(*words)
        self.duration_s = time.monotonic() - began
        self.states["after"] = logical_content(folder.database)
        self.wanted = folder.application_content()

    def done(self, *words: str) -> str:
        finished = self.folder.run(*words)
        assert finished.returncode == 0, f"{words}\n{finished.stdout}\n{finished.stderr}"
        return finished.stdout

    def put_back(self) -> None:
        shutil.rmtree(self.folder.path)
        shutil.copytree(self._template, self.folder.path)

    def measure(self) -> None:
        """Learn how long the command takes when nobody kills it: the median of five."""
        took = []
        for _ in range(5):
            self.put_back()
            began = time.monotonic()
            self.done(*self.words)
            took.append(time.monotonic() - began)
        self.duration_s = sorted(took)[2]

    def send_at(self, instant_s: float, number: int, *, from_mark: bool = False) -> tuple[int, str]:
        """Run the command, send it a signal at that instant, and return its exit code and what it said.

        With `from_mark`, the instant counts from where Python has started: what it says before is not ours.
        """
        self.put_back()
        running = python(self.folder, BEGUN, *self.words) if from_mark else started(self.folder, *self.words)
        with running as process:
            if from_mark:
                process.wait_until((self.folder.path / "begun").exists, "Python had started")
            began = time.monotonic() if from_mark else process.started
            time.sleep(max(0.0, began + instant_s - time.monotonic()))
            process.send(number)
            return process.end(), process.stderr

    def state(self) -> tuple[str, str]:
        """Open the database as any program would, which recovers it; in a copy, so that it stays for the command."""
        copy = self.folder.path / "looked-at.sqlite"
        for ending in ("", *COMPANIONS):
            if Path(f"{self.folder.database}{ending}").exists():
                shutil.copyfile(f"{self.folder.database}{ending}", f"{copy}{ending}")
        sound, found = integrity(copy), logical_content(copy)
        for ending in ("", *COMPANIONS):
            Path(f"{copy}{ending}").unlink(missing_ok=True)
        return sound, next((name for name, known in self.states.items() if known == found), "none of them")

    def left_behind(self) -> Iterator[str]:
        """What shows where the kill has hit."""
        journal = Path(f"{self.folder.database}-journal")
        if journal.exists() and journal.read_bytes()[:1] not in (b"", b"\0"):
            yield "hot journal"
        wal = Path(f"{self.folder.database}-wal")
        if wal.exists() and wal.stat().st_size:
            yield "wal"
        if [*self.folder.path.glob("snapshots/.partial-*")]:
            yield "half a snapshot"
        if [*self.folder.path.glob(".app.sqlite.restore-*")]:
            yield "a prepared copy"

    def damaged_snapshots(self) -> list[str]:
        """Snapshots that are offered and are not what their manifest says."""
        damaged = []
        for path in self.folder.path.glob("snapshots/[!.]*.json"):
            manifest = json.loads(path.read_text())
            file = path.with_name(manifest["file"])
            if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != manifest["sha256"]:
                damaged.append(path.name)
        return damaged


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """Give the bench of a command in a journal mode; the states that they start from are made once."""
    made: dict[str, tuple[Folder, Path, Path, str]] = {}

    def bench(command: str, journal_mode: str) -> Bench:
        if journal_mode not in made:
            path = tmp_path_factory.mktemp(journal_mode)
            folder = Folder(path / "project")
            make_in_use(folder, journal_mode)
            add_five(folder)
            old = shutil.copytree(folder.path, path / "old")
            snapshot = up(folder.project()).snapshot_id
            new = shutil.copytree(folder.path, path / "new")
            made[journal_mode] = folder, old, new, snapshot
        folder, old, new, snapshot = made[journal_mode]
        words = {"restore": ["restore", snapshot], "down": ["down", "--to", "base"]}.get(command, command.split())
        template = old if words[0] == "up" else new
        return Bench(folder, template, [*words, "--yes"], each=command == "up --commit each")

    return bench


def instants(count: int, duration_s: float) -> list[float]:
    """Random instants, one in each of as many equal parts of the duration."""
    return [(part + random.random()) / count * duration_s for part in range(count)]


def kill_and_go_on(bench: Bench, instant_s: float) -> Counter[str]:
    """Kill once, and hold what was promised; return where it hit."""
    code, _ = bench.send_at(instant_s, signal.SIGKILL)
    hit = Counter(bench.left_behind())
    sound, state = bench.state()

    assert sound == "ok", f"killed after {instant_s:.3f} s"
    assert state in bench.states, f"killed after {instant_s:.3f} s"
    assert code == KILLED or state == "after"

    # The next command needs no flag, and comes to what was wanted.
    bench.done(*bench.words)
    assert bench.folder.application_content() == bench.wanted
    assert integrity(bench.folder.database) == "ok"
    assert bench.damaged_snapshots() == []
    return hit + Counter([state if code == KILLED else "had ended"])


FAULTS = [pytest.mark.faults, pytest.mark.timeout(3600)]
KILLS = [
    pytest.param(command, journal_mode, count, marks=marks, id=f"{command}, {journal_mode}, {count} kills")
    for command in ("up", "down", "restore", "up --commit each")
    for journal_mode in ("delete", "wal")
    for count, marks in ((2, FAULTS if "each" in command else []), (100, FAULTS))
]


@pytest.mark.parametrize(("command", "journal_mode", "count"), KILLS)
def test_a_kill_at_any_instant_leaves_the_state_before_or_after(benches, command, journal_mode, count):
    bench = benches(command, journal_mode)
    wanted = {"before", "after", "hot journal" if journal_mode == "delete" else "wal"} if count > 10 else set()
    outcomes: Counter[str] = Counter()

    for longer in (1.0, 1.3, 1.6, 2.0):  # a machine may be busier than when it was measured
        if count > 10:
            bench.measure()
        for instant in instants(count, bench.duration_s * longer):
            outcomes += kill_and_go_on(bench, instant)
        if wanted <= set(outcomes):
            break

    LOGGER.info("%s in %s mode, killed within %.3f s: %s", command, journal_mode, bench.duration_s, dict(outcomes))
    assert wanted <= set(outcomes)


# What a process may say that a signal has ended: our code, or that the signal itself ended it, before we listened
# or after the last word was said.
ENDED_BY = {signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15)}
STOPS = [
    pytest.param("up", signal.SIGINT, 3, id="up, 3 SIGINT"),
    pytest.param("down", signal.SIGTERM, 3, id="down, 3 SIGTERM"),
    pytest.param("up", signal.SIGINT, 100, marks=FAULTS, id="up, 100 SIGINT"),
    pytest.param("up", signal.SIGTERM, 100, marks=FAULTS, id="up, 100 SIGTERM"),
    pytest.param("down", signal.SIGINT, 100, marks=FAULTS, id="down, 100 SIGINT"),
    pytest.param("down", signal.SIGTERM, 100, marks=FAULTS, id="down, 100 SIGTERM"),
]


@pytest.mark.parametrize(("command", "number", "count"), STOPS)
def test_a_signal_at_any_instant_leaves_the_state_that_is_told(benches, command, number, count):
    bench = benches(command, "delete")
    outcomes: Counter[str] = Counter()

    for instant in instants(count, bench.duration_s):
        code, told = bench.send_at(instant, number, from_mark=True)
        if code > 0 and command == "down":  # a row about the failure may have been added to the log
            bench.folder.sql("DELETE FROM schema_version_log WHERE event = 'failed'")
        sound, state = bench.state()
        outcomes[f"{state}, exit code {code}"] += 1

        assert sound == "ok"
        assert code in (0, *ENDED_BY[number]), told
        assert state == "after" if code == 0 else state in ("before", "after"), told
        if "nothing" in told or "rolled back" in told:
            assert state == "before", told

    LOGGER.info("%s, %d of signal %d in %.3f s: %s", command, count, number, bench.duration_s, dict(outcomes))


def big_database(folder: Folder) -> None:
    folder.sql(
        "CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB);"
        "INSERT INTO blobs (data) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
        " SELECT randomblob(1000000) FROM n;"
    )


def make_old(paths: Iterable[Path]) -> None:
    """Let these files look as if they had been there for two days."""
    then = time.time() - 2 * 86400
    for path in paths:
        os.utime(path, (then, then))


def test_half_a_snapshot_is_never_offered_and_is_cleared_away(folder):
    big_database(folder)
    folder.add_table("0001_one", "one")
    before = folder.content()

    with started(folder, "up", "--yes") as process:
        process.wait_until(lambda: [*folder.path.glob("snapshots/.partial-*")], "a snapshot was begun")
        assert process.kill() == KILLED
    make_old(folder.path.glob("snapshots/.partial-*"))
    after_the_kill = folder.content()
    listed = folder.run("snapshot", "list", "--json")
    again = folder.run("up", "--yes")

    assert after_the_kill == before
    assert json.loads(listed.stdout)["snapshots"] == []
    assert again.returncode == 0
    assert [path.name for path in folder.path.glob("snapshots/.partial-*")] == []


def test_the_copy_that_a_killed_restore_had_prepared_is_cleared_away_by_the_next(folder):
    big_database(folder)
    folder.add_table("0001_one", "one")
    snapshot = up(folder.project()).snapshot_id
    before = folder.content()

    with started(folder, "restore", snapshot, "--yes") as process:
        process.wait_until(lambda: [*folder.path.glob(".app.sqlite.restore-*")], "the copy was begun")
        assert process.kill() == KILLED
    make_old(folder.path.glob(".app.sqlite.restore-*"))
    after_the_kill = folder.content()
    again = folder.run("restore", snapshot, "--yes")

    assert after_the_kill == before
    assert again.returncode == 0
    assert "one" not in folder.tables()
    assert [path.name for path in folder.path.glob(".app.sqlite.restore-*")] == []
