"""A migration without transaction that was broken off stands in the way until somebody decides what it is worth."""

from __future__ import annotations

import json

import pytest
from faults.processes import MARK, POSIX_ONLY, started
from support import integrity

from nukeworks_migrate import up

pytestmark = POSIX_ONLY

ALONE = 'transaction = "none"'
KILL = "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
# The first time it is killed as its last act; when it is run again, it comes to its end.
ONCE = f"""
import pathlib
if not pathlib.Path("killed").exists():
    pathlib.Path("killed").touch()
    {KILL.strip().replace(chr(10), chr(10) + "    ")}
"""
WORK = """
db.execute("CREATE TABLE IF NOT EXISTS two (id INTEGER PRIMARY KEY, name TEXT)")
db.execute("INSERT INTO two (name) VALUES ('a')")
"""


@pytest.fixture
def one(folder):
    """One migration is applied."""
    folder.add_table("0001_one", "one")
    up(folder.project())
    return folder


@pytest.fixture
def interrupted(one):
    """The second was killed after its last statement, before its row in the ledger; a third waits."""
    one.add("0002_alone", WORK + ONCE, 'db.execute("DROP TABLE two")', head=ALONE)
    one.add_table("0003_three", "three")
    killed = one.run("up", "--yes")
    assert killed.returncode == -9
    return one


def test_what_it_had_done_has_stayed_and_the_ledger_does_not_call_it_applied(interrupted):
    assert interrupted.query("SELECT name FROM two") == [("a",)]
    assert interrupted.applied() == [1]
    assert interrupted.query("SELECT event, version FROM schema_version_log ORDER BY id") == [
        ("applied", 1),
        ("started", 2),
    ]


def test_status_shows_it_as_interrupted_and_check_exits_6(interrupted):
    before = interrupted.content()

    status = interrupted.run("status")
    check = interrupted.run("check")
    plan = interrupted.run("plan")

    assert status.returncode == 0
    assert "  interrupted 0002_alone" in status.stdout
    assert status.stdout.splitlines()[-1] == "Interrupted. What can be done: migrate resume"
    assert check.returncode == 6
    assert check.stdout.startswith("interrupted: 0002_alone was interrupted")
    assert plan.returncode == 6
    assert interrupted.content() == before


@pytest.mark.parametrize(
    "words",
    [["up", "--yes"], ["up", "--only", "0003_three", "--yes"], ["down", "--to", "base", "--yes"]],
    ids=["up", "up --only another", "down"],
)
def test_up_and_down_refuse_and_name_resume(interrupted, words):
    before = interrupted.content()

    refused = interrupted.run(*words)

    assert refused.returncode == 6
    assert "error: 0002_alone was interrupted: it began at" in refused.stderr
    assert "[interrupted]" in refused.stderr
    assert "migrate resume --rerun" in refused.stderr
    assert "migrate stamp --applied 0002_alone" in refused.stderr
    assert interrupted.content() == before


def test_resume_alone_refuses_and_names_the_choices(interrupted):
    before = interrupted.content()

    refused = interrupted.run("resume", "--yes")

    assert refused.returncode == 6
    for choice in (
        "migrate resume --rerun",
        "migrate stamp --applied 0002_alone",
        "migrate stamp --not-applied 0002_alone",
        "migrate restore 2",
    ):
        assert choice in refused.stderr
    assert interrupted.content() == before


def test_resume_rerun_runs_it_again_and_records_it(interrupted):
    resumed = interrupted.run("resume", "--rerun", "--yes")
    went_on = interrupted.run("up", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2, 3]
    assert interrupted.query("SELECT name FROM two") == [("a",), ("a",)]  # at least once: here, twice
    assert interrupted.run("check").returncode == 0


def test_a_rerun_that_is_killed_too_is_still_interrupted(interrupted):
    (interrupted.path / "killed").unlink()

    assert interrupted.run("resume", "--rerun", "--yes").returncode == -9

    assert interrupted.run("up", "--yes").returncode == 6
    assert interrupted.run("resume", "--rerun", "--yes").returncode == 0
    assert interrupted.run("up", "--yes").returncode == 0
    assert interrupted.applied() == [1, 2, 3]


def test_stamp_applied_takes_it_as_finished(interrupted):
    stamped = interrupted.run("stamp", "--applied", "0002_alone", "--yes")
    went_on = interrupted.run("up", "--yes")

    assert stamped.returncode == 0, stamped.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2, 3]
    assert interrupted.query("SELECT name FROM two") == [("a",)]
    assert interrupted.run("check").returncode == 0


def test_stamp_not_applied_takes_it_as_undone(interrupted):
    interrupted.sql("DROP TABLE two")

    stamped = interrupted.run("stamp", "--not-applied", "0002_alone", "--yes")
    went_on = interrupted.run("up", "--yes")

    assert stamped.returncode == 0, stamped.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2, 3]
    assert interrupted.query("SELECT name FROM two") == [("a",)]


def test_the_snapshot_that_was_taken_before_it_is_the_way_back(interrupted):
    ((snapshot,),) = interrupted.query("SELECT snapshot FROM schema_version_log WHERE event = 'started'")

    restored = interrupted.run("restore", snapshot, "--yes")
    went_on = interrupted.run("up", "--yes")

    assert restored.returncode == 0, restored.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2, 3]
    assert interrupted.query("SELECT name FROM two") == [("a",)]


@pytest.mark.parametrize("function", ["upgrade", "verify"])
def test_wherever_behind_its_first_statement_it_is_killed_it_is_interrupted(one, function):
    text = f'{ALONE}\n\n\ndef upgrade(db):\n    db.execute("CREATE TABLE two (id)")\n'
    kill = "\n".join(f"    {line}" for line in KILL.strip().splitlines())
    one.write("0002_alone.py", text + kill if function == "upgrade" else f"{text}\n\ndef verify(db):\n{kill}\n")

    killed = one.run("up", "--yes")

    assert killed.returncode == -9
    assert one.run("check").returncode == 6
    assert "two" in one.tables()


def test_killed_before_its_first_statement_it_is_merely_pending(one):
    one.add("0002_alone", MARK + KILL + WORK, head=ALONE)

    killed = one.run("up", "--yes")

    assert killed.returncode == -9
    assert one.run("check").returncode == 7


def test_killed_on_the_way_down_it_is_interrupted_and_rerun_downwards(one):
    one.add("0002_alone", WORK, 'db.execute("DROP TABLE IF EXISTS two")' + ONCE, head=ALONE)
    up(one.project())

    killed = one.run("down", "--steps", "1", "--yes")
    check = one.run("check")
    resumed = one.run("resume", "--rerun", "--yes")

    assert killed.returncode == -9
    assert check.returncode == 6
    assert resumed.returncode == 0, resumed.stderr
    assert one.applied() == [1]
    assert one.run("check").returncode == 7


def test_one_that_fails_after_a_statement_exits_6(one):
    one.add("0002_alone", WORK + '\nraise RuntimeError("half way")', head=ALONE)

    failed = one.run("up", "--yes", "--json")

    error = json.loads(failed.stdout)["error"]
    assert failed.returncode == 6
    assert error["code"] == "interrupted"
    assert error["cause"] == "RuntimeError: half way"
    assert "migrate resume --rerun" in error["next"]
    assert one.query("SELECT name FROM two") == [("a",)]
    assert one.applied() == [1]
    assert one.run("check").returncode == 6


def test_one_that_fails_before_any_statement_exits_4_and_is_not_interrupted(one):
    one.add("0002_alone", 'raise RuntimeError("at once")', head=ALONE)

    failed = one.run("up", "--yes")

    assert failed.returncode == 4, failed.stderr
    assert one.run("check").returncode == 7
    assert one.applied() == [1]


def test_what_only_such_a_migration_can_do_works_in_it(one):
    one.add(
        "0002_alone",
        """
        db.execute("VACUUM")
        assert db.scalar("PRAGMA journal_mode = WAL") == "wal"
        db.execute("CREATE TABLE two (id INTEGER PRIMARY KEY, name TEXT)")
        with db.transaction():
            db.execute("INSERT INTO two (name) VALUES ('kept')")
        try:
            with db.transaction():
                db.execute("INSERT INTO two (name) VALUES ('undone')")
                raise ValueError
        except ValueError:
            pass
        """,
        head=ALONE,
    )
    one.add_table("0003_three", "three")

    applied = one.run("up", "--yes")

    assert applied.returncode == 0, applied.stderr
    assert one.query("PRAGMA journal_mode") == [("wal",)]
    assert one.query("SELECT name FROM two") == [("kept",)]
    assert one.applied() == [1, 2, 3]
    assert integrity(one.database) == "ok"


def test_the_transactions_before_and_after_it_stand_for_themselves(one):
    one.add_table("0002_two", "two")
    one.add("0003_alone", 'db.execute("CREATE TABLE three (id)")', head=ALONE)
    one.add("0004_four", 'db.execute("CREATE TABLE four (id)")')
    one.add("0005_fails", 'raise RuntimeError("no")')

    failed = one.run("up", "--yes")

    assert failed.returncode == 4
    assert "changed    0002_two, 0003_alone are applied and committed" in failed.stderr
    assert one.applied() == [1, 2, 3]
    assert "four" not in one.tables()


def test_a_transaction_of_its_own_that_is_killed_inside_is_undone_by_sqlite(one):
    one.add(
        "0002_alone",
        """
        db.execute("CREATE TABLE two (id INTEGER PRIMARY KEY, name TEXT)")
        with db.transaction():
            db.execute("INSERT INTO two (name) VALUES ('undone')")
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        head=ALONE,
    )

    killed = one.run("up", "--yes")

    assert killed.returncode == -9
    assert one.query("SELECT * FROM two") == []
    assert one.run("check").returncode == 6


def test_while_it_runs_others_are_told_that_somebody_migrates(one):
    one.add("0002_alone", WORK + MARK + "import time; time.sleep(600)", head=ALONE)

    with started(one, "up", "--yes") as process:
        process.wait_until((one.path / "inside").exists, "the migration began")
        second = one.run("resume", "--rerun", "--yes", "--lock-timeout", "0.2")
        process.kill()

    assert second.returncode == 5
    assert f"(process {process.pid}, migrate up, since" in second.stderr


def test_a_check_that_refuses_has_begun_nothing(folder):
    folder.write(
        "0001_checked.py",
        """
        transaction = "none"


        def check(db):
            assert db.scalar("SELECT 1") == 2, "not yet"


        def upgrade(db):
            db.execute("CREATE TABLE t (id INTEGER)")
        """,
    )

    done = folder.run("up", "--yes")

    assert done.returncode == 4
    assert folder.run("check").returncode == 7
