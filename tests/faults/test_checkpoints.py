"""Data work without a transaction that is killed at any instant: each row is done once, however often it is resumed."""

from __future__ import annotations

import logging
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from faults.checkpointed import (
    BATCH,
    DOWNGRADE,
    ROWS,
    THREE_CALLS,
    TRANSFORM,
    WORKS,
    State,
    Work,
    assert_agrees,
    look,
    make,
)
from faults.processes import POSIX_ONLY, python, started
from support import Folder, integrity

pytestmark = POSIX_ONLY

LOGGER = logging.getLogger("faults")  # where the kills have hit: pytest -m faults -o log_cli=true --log-cli-level=INFO
KILLED = -9
FAULTS = [pytest.mark.faults, pytest.mark.timeout(7200)]
# `migrate`, with a mark that Python has started.
BEGUN = """
import pathlib
from nukeworks_migrate.cli.main import main
pathlib.Path("begun").touch()
main()
"""
KEPT = {"versions", "snapshots", "app.sqlite", "app.sqlite-migrate-lock", "calls", "begun", "inside"}


class Bench:
    """One migration, the state that it starts from, and how far it has come in it."""

    def __init__(self, path: Path, work: Work, journal_mode: str) -> None:
        self.folder = Folder(path / "project")
        self.work = work
        make(self.folder, work, journal_mode)
        self.begin = ["up", "--yes"]
        if work is DOWNGRADE:
            assert self.folder.run("up", "--yes").returncode == 0
            self.begin = ["down", "--to", "base", "--yes"]
            (self.folder.path / "calls").unlink()
            (self.folder.path / "inside").unlink()
        self._template = shutil.copytree(self.folder.path, path / "template")
        self.began = look(self.folder, work).events
        self.measure(1)

    def measure(self, times: int) -> None:
        """Learn how long it takes when nobody kills it, in all and from its first line on: the median of so many."""
        took, inside = [], []
        for _ in range(times):
            self.put_back()
            with started(self.folder, *self.begin) as process:
                process.wait_until((self.folder.path / "inside").exists, "the migration began")
                began = time.monotonic()
                assert process.end() == 0, process.stderr
                inside.append(time.monotonic() - began)
                took.append(time.monotonic() - process.started)
        self.duration_s, self.inside_s = sorted(took)[times // 2], sorted(inside)[times // 2]
        self.put_back()

    def put_back(self) -> None:
        shutil.rmtree(self.folder.path)
        shutil.copytree(self._template, self.folder.path)

    def look(self) -> State:
        state = look(self.folder, self.work)
        assert_agrees(state, self.work)
        return state

    def words(self, state: State) -> list[str]:
        """What goes on from there: no flag tells how."""
        return ["resume", "--yes"] if state.begun else self.begin

    def kill_at(self, instant: float, words: list[str], *, inside: bool) -> int:
        """Kill it at that part of its life, or of what it does once the migration has begun."""
        (self.folder.path / "inside").unlink(missing_ok=True)
        with started(self.folder, *words) as process:
            if inside:
                process.wait_until((self.folder.path / "inside").exists, "the migration began")
                time.sleep(instant * self.inside_s)
            else:
                time.sleep(max(0.0, process.started + instant * self.duration_s - time.monotonic()))
            return process.kill()

    def finish(self, state: State) -> None:
        """Go on to the end, and hold what was promised of the end."""
        words = self.words(state)
        ended = self.folder.run(*words)
        after = self.look()

        assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
        assert after.applied
        assert after.checkpoints == 0
        happened = after.events[len(self.began) :]
        assert happened[-1] == ("reverted" if self.work is DOWNGRADE else "applied")
        assert set(happened[:-1]) <= {"started"}
        assert {path.name for path in self.folder.path.iterdir()} <= KEPT
        assert integrity(self.folder.database) == "ok"

    def calls(self) -> list[int]:
        path = self.folder.path / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line) for line in lines]


def where(state: State) -> str:
    if state.applied:
        return "after the end"
    if not state.begun:
        return "before the beginning"
    if all(rows == ROWS for rows in state.reached):
        return "between the last row and the end"
    return "among the rows" if any(state.reached) else "before the first batch"


def kill_until_done(bench: Bench, instants: list[float], again: float) -> Counter[str]:
    """Kill at each instant, and go on from what is left with a probability of `again`; return where it hit.

    One half of the instants are of the whole life of a process, the other of that in which it goes through the rows.
    """
    hits: Counter[str] = Counter()
    state = bench.look()
    for number, instant in enumerate(instants):
        known = len(bench.calls())
        words = bench.words(state)
        code = bench.kill_at(instant, words, inside=number % 2 == 0)
        hits["with a hot journal"] += _has_journal(bench.folder)
        before, state = state, bench.look()
        hits[f"{words[0]}, {where(state)}" if code == KILLED else "had ended"] += 1
        # What the function was called for and is not done: at most a batch, which is lost.
        lost = [row for row in bench.calls()[known:] if row > state.reached[0]]
        assert len(lost) <= BATCH
        assert state.reached >= before.reached
        if state.applied or random.random() > again:
            if state.applied:
                state = bench.look()
            else:
                bench.finish(state)
            bench.put_back()
            state = bench.look()
    if state.begun:
        bench.finish(state)
        bench.put_back()
    return hits


def _has_journal(folder: Folder) -> bool:
    journal = Path(f"{folder.database}-journal")
    return journal.exists() and journal.read_bytes()[:1] not in (b"", b"\0")


def instants(count: int) -> list[float]:
    """Random parts of a life, one in each of as many equal ones, in any order."""
    found = [(part + random.random()) / count for part in range(count)]
    random.shuffle(found)
    return found


EVERY_RUN = [(TRANSFORM, "delete", 5), (TRANSFORM, "wal", 5)]
EVERY_RUN += [(work, ("delete", "wal")[place % 2], 1) for place, work in enumerate(WORKS) if work is not TRANSFORM]
LONG_RUN = [(work, mode, 200 if work is TRANSFORM else 20) for work in WORKS for mode in ("delete", "wal")]
KILLS = [
    pytest.param(work, mode, count, marks=marks, id=f"{work}, {mode}, {count} kills")
    for cases, marks in ((EVERY_RUN, []), (LONG_RUN, FAULTS))
    for work, mode, count in cases
]


@pytest.mark.parametrize(("work", "journal_mode", "count"), KILLS)
def test_killed_at_any_instant_and_resumed_each_row_is_done_once(tmp_path, work, journal_mode, count):
    bench = Bench(tmp_path, work, journal_mode)
    if count > 8:
        bench.measure(5)

    hits = kill_until_done(bench, instants(count), again=0.7)

    LOGGER.info("%s in %s mode, killed within %.3f s: %s", work, journal_mode, bench.duration_s, dict(hits))
    assert count < 100 or {"up, among the rows", "resume, among the rows", "up, before the beginning"} <= set(hits)
    assert sum(hits.values()) - hits["with a hot journal"] == count


# What a process may say that a signal has ended: our code, or that the signal itself ended it, before we listened
# or after the last word was said.
ENDED_BY = {signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15)}
STOPPED = [(work, number) for work in (TRANSFORM, DOWNGRADE, THREE_CALLS) for number in ENDED_BY]
STOPS = [
    pytest.param(work, number, count, marks=marks, id=f"{work}, {count} {number.name}")
    for cases, count, marks in ((STOPPED[::5], 2, []), (STOPPED, 30, FAULTS))
    for work, number in cases
]


@pytest.mark.parametrize(("work", "number", "count"), STOPS)
def test_stopped_at_any_instant_and_resumed_each_row_is_done_once(tmp_path, work, number, count):
    bench = Bench(tmp_path, work, "delete")
    outcomes: Counter[str] = Counter()

    for instant in instants(count):
        bench.put_back()
        state = bench.look()
        for part in (instant, random.random()):
            before, words = state, bench.words(state)
            (bench.folder.path / "begun").unlink(missing_ok=True)
            with python(bench.folder, BEGUN, *words) as process:
                process.wait_until((bench.folder.path / "begun").exists, "Python had started")
                time.sleep(part * bench.duration_s)
                process.send(number)
                code, told = process.end(), process.stderr
            forget_failures(bench.folder)
            state = bench.look()
            outcomes[f"{words[0]}, {where(state)}, exit code {code}"] += 1
            assert code in (0, 6, *ENDED_BY[number]), told
            if code == 0:
                assert state.applied
            if code == 6:
                assert state.begun and "[interrupted]" in told and "migrate resume" in told
                assert f"{sum(state.reached):,} rows of its data are done and committed" in told
                assert "--rerun" not in told
            if code in ENDED_BY[number]:
                assert state.applied or (state.reached, state.begun) == (before.reached, before.begun)
            if "nothing was run" in told or "rolled back" in told:
                assert (state.reached, state.begun) == (before.reached, before.begun)
            if state.applied:
                break
        if not state.applied:
            bench.finish(state)

    LOGGER.info("%s, %d of %s in %.3f s: %s", work, count, number.name, bench.duration_s, dict(outcomes))


def forget_failures(folder: Folder) -> None:
    """Take away the row about the failure, which a stop adds to the log where it can."""
    if "schema_version_log" in folder.tables():
        folder.sql("DELETE FROM schema_version_log WHERE event = 'failed'")
