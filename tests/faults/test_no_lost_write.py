"""What another program has committed is never lost, whatever runs meanwhile."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from faults.five import add_five, make_in_use
from faults.processes import POSIX_ONLY, Process, python, read_lock, started
from support import Folder, integrity

from nukeworks_migrate import up

pytestmark = POSIX_ONLY

# Commits numbered rows as fast as it can, and notes each number behind its commit.
WRITER = """
import pathlib, sqlite3, time
connection = sqlite3.connect("app.sqlite", isolation_level=None, timeout=0)
number = 0
with open("committed", "w", buffering=1) as committed:
    while not pathlib.Path("stop").exists():
        number += 1
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO notes (number) VALUES (?)", (number,))
                connection.execute("COMMIT")
                break
            except sqlite3.OperationalError as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise
                time.sleep(0.001)
        print(number, file=committed)
        time.sleep(0.0005)
"""
SOME = 20  # commits before and after: the command fell into the middle of them


@contextmanager
def a_program_that_writes(folder: Folder) -> Iterator[Process]:
    for name in ("committed", "stop"):
        (folder.path / name).unlink(missing_ok=True)
    with python(folder, WRITER) as process:
        wait_for_more(folder, process)
        yield process
        wait_for_more(folder, process)
        (folder.path / "stop").touch()
        assert process.end() == 0, process.stderr


def wait_for_more(folder: Folder, process: Process) -> None:
    seen = len(committed(folder))
    process.wait_until(lambda: len(committed(folder)) >= seen + SOME, f"{SOME} more were committed")


def committed(folder: Folder) -> set[int]:
    """The numbers whose commit has returned."""
    path = folder.path / "committed"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return {int(line) for line in lines}


def numbers(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as connection:
        return {number for (number,) in connection.execute("SELECT number FROM notes")}


def done(folder: Folder, *words: str) -> dict:
    finished = folder.run(*words, "--yes", "--json", "--lock-timeout", "60")
    assert finished.returncode == 0, f"{words}\n{finished.stdout}\n{finished.stderr}"
    return json.loads(finished.stdout)


@pytest.fixture
def in_use(folder, journal_mode):
    make_in_use(folder, journal_mode)
    add_five(folder)
    return folder


ROUNDS = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, id="a sample"),
        pytest.param(30, id="all", marks=[pytest.mark.faults, pytest.mark.timeout(3600)]),
    ],
)
JOURNAL_MODES = pytest.mark.parametrize("journal_mode", ["delete", "wal"])


@ROUNDS
@JOURNAL_MODES
def test_up_and_down_lose_no_write(in_use, rounds):
    for _ in range(rounds):
        in_use.sql("DELETE FROM notes")
        with a_program_that_writes(in_use):
            done(in_use, "up")
            done(in_use, "down", "--to", "base")

        assert committed(in_use) <= numbers(in_use.database)
        assert in_use.applied() == []
    assert integrity(in_use.database) == "ok"


@ROUNDS
@JOURNAL_MODES
def test_a_run_that_fails_loses_no_write(in_use, rounds):
    in_use.add("0006_fails", 'raise RuntimeError("no")')
    for _ in range(rounds):
        in_use.sql("DELETE FROM notes")
        with a_program_that_writes(in_use):
            failed = in_use.run("up", "--yes", "--lock-timeout", "60")

        assert failed.returncode == 4, failed.stderr
        assert committed(in_use) <= numbers(in_use.database)
        assert "copies" not in in_use.tables()
    assert integrity(in_use.database) == "ok"


@ROUNDS
@JOURNAL_MODES
def test_after_a_restore_each_write_is_in_the_database_or_in_the_snapshot_of_before(in_use, rounds):
    snapshot = up(in_use.project()).snapshot_id
    for _ in range(rounds):
        in_use.sql("DELETE FROM notes")
        with a_program_that_writes(in_use):
            saved = done(in_use, "restore", snapshot)["saved"]

        before = numbers(in_use.path / "snapshots" / saved["file"])
        after = numbers(in_use.database)
        assert committed(in_use) <= before | after
        assert before & after == set()  # what was before is saved, what came after is in the restored database
        assert len(before) >= SOME
        assert len(after) >= SOME
    assert integrity(in_use.database) == "ok"
    assert "copies" not in in_use.tables()


@pytest.mark.parametrize("journal_mode", ["delete"])
@pytest.mark.parametrize("words", [["up"], ["down", "--to", "1"], ["restore", "SNAPSHOT"]], ids=lambda words: words[0])
def test_a_reader_that_stays_makes_it_busy_and_nothing_is_changed(in_use, words):
    snapshot = up(in_use.project(), to=3).snapshot_id
    before = in_use.content()
    words = [snapshot if word == "SNAPSHOT" else word for word in words]

    with read_lock(in_use.database):
        busy = in_use.run(*words, "--yes", "--lock-timeout", "0.5")

    assert busy.returncode == 5
    assert "[busy]" in busy.stderr
    assert "unchanged  " in busy.stderr
    assert in_use.content() == before
    done(in_use, *words)


@pytest.mark.parametrize("journal_mode", ["wal"])
@pytest.mark.parametrize("words", [["up"], ["down", "--to", "1"], ["restore", "SNAPSHOT"]], ids=lambda words: words[0])
def test_in_wal_a_reader_holds_nothing_up_and_goes_on_seeing_what_it_saw(in_use, words):
    snapshot = up(in_use.project(), to=3).snapshot_id
    words = [snapshot if word == "SNAPSHOT" else word for word in words]
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY name"

    with closing(sqlite3.connect(in_use.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute(schema).fetchall()
        done(in_use, *words)
        seen = reader.execute(schema).fetchall()
        reader.execute("COMMIT")
        after = reader.execute(schema).fetchall()

    assert seen == before
    assert after != before
    assert integrity(in_use.database) == "ok"


@JOURNAL_MODES
@pytest.mark.parametrize("words", [["up"], ["down", "--to", "1"], ["restore", "SNAPSHOT"]], ids=lambda words: words[0])
def test_a_program_that_holds_its_write_open_makes_it_busy_and_nothing_is_changed(in_use, words):
    snapshot = up(in_use.project(), to=3).snapshot_id
    words = [snapshot if word == "SNAPSHOT" else word for word in words]
    before = in_use.content()

    with closing(sqlite3.connect(in_use.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO notes VALUES (1)")
        busy = in_use.run(*words, "--yes", "--lock-timeout", "0.5")
        writer.execute("COMMIT")

    assert busy.returncode == 5, busy.stderr
    in_use.sql("DELETE FROM notes")
    assert in_use.content() == before


@pytest.mark.parametrize("journal_mode", ["delete"])
def test_a_restore_that_waits_for_a_writer_does_not_stand_in_its_way(in_use):
    """Both wait: the writer wants to commit what it has begun, the restore wants the file for itself."""
    snapshot = up(in_use.project()).snapshot_id
    script = """
import pathlib, sqlite3, time
connection = sqlite3.connect("app.sqlite", isolation_level=None, timeout=0)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO notes VALUES (1)")
pathlib.Path("inside").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.005)
end = time.monotonic() + 20
while connection.in_transaction:
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError:
        if time.monotonic() > end:
            raise
        time.sleep(0.01)
"""
    with python(in_use, script) as writer:
        writer.wait_until((in_use.path / "inside").exists, "it wrote")
        with started(in_use, "restore", snapshot, "--yes", "--json", "--lock-timeout", "60") as restore:
            time.sleep(1.0)  # into the wait
            (in_use.path / "go").touch()
            codes = writer.end(), restore.end()
            told = writer.stderr + restore.stderr
            answer = restore.stdout

    assert codes == (0, 0), told
    saved = json.loads(answer)["saved"]
    assert numbers(in_use.path / "snapshots" / saved["file"]) == {1}


LOOKS = {
    "status": {0},
    "plan": {0},
    "check": {7, 5},  # the one that waits for nobody, and so may meet a commit
    "history": {0},
    "snapshot list": {0},
    "snapshot create": {0},
}


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, id="a sample"),
        pytest.param(50, id="all", marks=[pytest.mark.faults, pytest.mark.timeout(3600)]),
    ],
)
@JOURNAL_MODES
def test_looking_is_not_disturbed_by_a_program_that_writes_all_the_time(in_use, rounds):
    up(in_use.project(), to=1)
    codes = {command: set() for command in LOOKS}

    with a_program_that_writes(in_use):
        for _ in range(rounds):
            for command in LOOKS:
                codes[command].add(in_use.run(*command.split()).returncode)

    assert {command: seen - LOOKS[command] for command, seen in codes.items()} == {command: set() for command in LOOKS}


@JOURNAL_MODES
def test_a_migration_without_transaction_waits_for_other_writers(in_use):
    """Each of its statements commits by itself, and at each of them somebody else may be writing."""
    in_use.add(
        "0006_alone",
        """
        db.execute("CREATE TABLE alone (id INTEGER PRIMARY KEY)")
        for number in range(200):
            db.execute("INSERT INTO alone VALUES (NULL)")
        """,
        head='transaction = "none"',
    )

    with a_program_that_writes(in_use):
        applied = in_use.run("up", "--yes", "--lock-timeout", "60")

    assert applied.returncode == 0, applied.stderr
    assert in_use.query("SELECT count(*) FROM alone") == [(200,)]
    assert committed(in_use) <= numbers(in_use.database)


@pytest.mark.faults
@pytest.mark.parametrize("journal_mode", ["delete"])
@pytest.mark.parametrize("command", ["up", "restore"])
def test_a_program_that_keeps_readers_out_for_a_while_is_waited_for(in_use, command):
    """As one does that writes more than SQLite keeps in memory; a mere look waits 2 s, a run as long as it was told."""
    snapshot = up(in_use.project(), to=3).snapshot_id
    words = [command] if command == "up" else [command, snapshot]

    with closing(sqlite3.connect(in_use.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with started(in_use, *words, "--yes", "--json", "--lock-timeout", "60") as process:
            time.sleep(6)
            other.execute("COMMIT")
            code = process.end()
            answer = process.stdout

    assert code == 0, answer
    if command == "restore":
        assert json.loads(answer)["saved"]["versions"] == [1, 2, 3]
