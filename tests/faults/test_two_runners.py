"""Runners that start together: each migration is run once, and who has to wait knows for whom."""

from __future__ import annotations

import getpass
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from faults.processes import LONG_S, POSIX_ONLY, WAIT, Process, started
from support import Folder

from nukeworks_migrate import create_snapshot, up

pytestmark = POSIX_ONLY

VERSIONS = [1, 2, 3, 4, 5]


def add_counted(folder: Folder) -> None:
    """Write five migrations; each inserts a row by which one sees how often it ran."""
    folder.add("0001_ran", 'db.execute("CREATE TABLE ran (version INTEGER)")\ndb.execute("INSERT INTO ran VALUES (1)")')
    for version in VERSIONS[1:]:
        folder.add(f"{version:04}_ran", f'db.execute("INSERT INTO ran VALUES ({version})")')


def run_together(folder: Folder, runners: int, *words: str) -> list[int]:
    """Start several runners at once and return their exit codes."""
    with ExitStack() as stack:
        processes = [stack.enter_context(started(folder, *words)) for _ in range(runners)]
        codes = [process.end(2 * LONG_S) for process in processes]
        assert codes == [0] * runners, [process.stderr for process in processes]
    return codes


def assert_each_ran_once(folder: Folder) -> None:
    assert folder.query("SELECT version FROM ran ORDER BY rowid") == [(version,) for version in VERSIONS]
    assert folder.query("SELECT event, version FROM schema_version_log ORDER BY id") == [
        ("applied", version) for version in VERSIONS
    ]
    assert folder.query("SELECT version, position FROM schema_version ORDER BY version") == [
        (version, version) for version in VERSIONS
    ]


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, id="a sample"),
        pytest.param(20, id="all", marks=[pytest.mark.faults, pytest.mark.timeout(3600)]),
    ],
)
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("commit", ["run", "each"])
def test_two_runners_that_start_together_apply_each_migration_once(tmp_path, commit, journal_mode, rounds):
    for number in range(rounds):
        folder = Folder(tmp_path / str(number))
        if number % 2 == 0:  # the other half begins without a database
            folder.sql(f"PRAGMA journal_mode = {journal_mode}; CREATE TABLE clients (id)")
        add_counted(folder)

        run_together(folder, 2, "up", "--yes", "--commit", commit, "--lock-timeout", "60")

        assert_each_ran_once(folder)


@pytest.mark.parametrize("commit", ["run", "each"])
def test_four_runners_that_start_together_apply_each_migration_once(folder, commit):
    add_counted(folder)

    run_together(folder, 4, "up", "--yes", "--commit", commit, "--lock-timeout", "60")

    assert_each_ran_once(folder)


@contextmanager
def holder_of_the_lock(folder: Folder) -> Iterator[Process]:
    """A runner in the middle of a migration, until the test says go."""
    with started(folder, "up", "--yes") as process:
        process.wait_until((folder.path / "inside").exists, "its migration began")
        yield process


@pytest.fixture
def held(folder):
    """One migration is applied; the next waits until the test says go."""
    folder.add_table("0001_one", "one")
    up(folder.project())
    folder.add("0002_waiting", WAIT + 'db.execute("CREATE TABLE two (id)")')
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--yes"],
        ["down", "--to", "base", "--yes"],
        ["stamp", "--applied", "0002_waiting", "--yes"],
        ["restore", "SNAPSHOT", "--yes"],
    ],
    ids=lambda words: words[0],
)
def test_who_may_not_wait_longer_is_told_who_holds_the_lock_and_changes_nothing(held, words):
    snapshot = create_snapshot(held.project()).id
    words = [snapshot if word == "SNAPSHOT" else word for word in words]
    before = held.content()

    with holder_of_the_lock(held) as first:
        began = time.monotonic()
        second = held.run(*words, "--lock-timeout", "0.2")
        took = time.monotonic() - began
        meanwhile = held.content()
        (held.path / "go").touch()
        first_code = first.end()

    assert second.returncode == 5
    assert took < 20
    assert "error: app.sqlite is being migrated by somebody else   [busy]" in second.stderr
    who = f"{getpass.getuser()} on {platform.node()} (process {first.pid}, migrate up, since 2"
    assert f"  cause      the lock is held by {who}" in second.stderr
    assert meanwhile == before
    assert first_code == 0
    assert held.applied() == [1, 2]


def test_the_lock_of_a_killed_runner_is_free_at_once(held):
    with holder_of_the_lock(held) as first:
        assert first.kill() == -9
    (held.path / "go").touch()

    second = held.run("up", "--yes", "--lock-timeout", "0")

    assert second.returncode == 0, second.stderr
    assert held.applied() == [1, 2]


def test_a_runner_waits_for_the_other_and_then_runs_only_what_is_left(held):
    held.add_table("0003_three", "three")
    with started(held, "up", "--to", "2", "--yes") as first:
        first.wait_until((held.path / "inside").exists, "its migration began")
        with started(held, "up", "--yes", "--lock-timeout", "60") as second:
            second.wait_until(lambda: "waiting   the migration lock is held by" in second.stderr, "it waits")
            (held.path / "go").touch()
            codes = first.end(), second.end()
            told = second.stdout

    assert codes == (0, 0)
    assert "1/1  0003_three   ran" in told
    assert held.query("SELECT event, version FROM schema_version_log ORDER BY id") == [
        ("applied", 1),
        ("applied", 2),
        ("applied", 3),
    ]


BIG_WRITE = """
db.execute("CREATE TABLE big (data BLOB)")
db.execute(
    "INSERT INTO big WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
    " SELECT randomblob(20000) FROM n"
)
"""


@pytest.fixture
def held_in_a_big_write(folder):
    """The same, where the migration has written more than SQLite keeps in memory: now nobody can even read."""
    folder.add_table("0001_one", "one")
    up(folder.project())
    folder.add("0002_waiting", BIG_WRITE + WAIT)
    return folder


def test_a_runner_waits_as_long_as_it_was_told_also_when_the_other_keeps_readers_out(held_in_a_big_write):
    folder = held_in_a_big_write
    with holder_of_the_lock(folder) as first:
        with started(folder, "up", "--yes", "--lock-timeout", "60") as second:
            time.sleep(4)  # longer than a mere look would wait
            waited = second.runs
            (folder.path / "go").touch()
            codes = first.end(), second.end()
            told = second.stdout + second.stderr

    assert waited, told
    assert codes == (0, 0), told
    assert folder.applied() == [1, 2]


def test_who_holds_the_lock_is_told_also_when_the_other_keeps_readers_out(held_in_a_big_write):
    folder = held_in_a_big_write
    with holder_of_the_lock(folder) as first:
        second = folder.run("up", "--yes", "--lock-timeout", "0.2")
        (folder.path / "go").touch()
        first_code = first.end()

    assert second.returncode == 5
    assert f"(process {first.pid}, migrate up, since 2" in second.stderr
    assert first_code == 0
