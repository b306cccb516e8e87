"""What can be done with data work that stopped part-way: going on, and everything else that one might say then."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from faults.processes import LONG_S, POSIX_ONLY, WAIT, read_lock, started
from support import Folder, footprint, integrity

from nukeworks_migrate import resume, up
from nukeworks_migrate.errors import Interrupted

ALONE = 'transaction = "none"'
ROWS, BATCH, ODD = 100, 10, 61
NUMBERS = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
SETUP = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);
INSERT INTO t {NUMBERS} SELECT i, 'row' FROM n;
CREATE TABLE counts (name TEXT PRIMARY KEY, value INTEGER);
INSERT INTO counts VALUES ('ran', 0);
"""
MARK = f"""
def mark(id, text):
    if id == {ODD}:
        raise ValueError("this row is odd")
    return text + "x"
"""
CORRECTED = 'mark = lambda id, text: text + "x"\n'
CALL = f'db.transform("t", mark, reads=["id", "text"], writes=["text"], batch={BATCH})\n'
COUNT = "db.execute(\"UPDATE counts SET value = value + 1 WHERE name = 'ran'\")\n"


def marks(folder: Folder) -> list[tuple[str, int]]:
    """How many rows were done how often: row, rowx, rowxx …"""
    return folder.query("SELECT text, count(*) FROM t GROUP BY text ORDER BY text")


def checkpoints(folder: Folder) -> list[tuple]:
    if "schema_version_checkpoint" not in folder.tables():
        return []
    return folder.query("SELECT number, visited, done FROM schema_version_checkpoint ORDER BY number")


def events(folder: Folder) -> list[str]:
    return [event for (event,) in folder.query("SELECT event FROM schema_version_log ORDER BY id")]


def words_of(text: str) -> str:
    """What is said, without the line breaks of the screen."""
    return " ".join(text.split())


DONE = [("rowx", ROWS)]
PART = 51  # rows before the batch of the odd one


@pytest.fixture
def data(folder):
    folder.sql(SETUP)
    return folder


@pytest.fixture
def interrupted(data):
    """A transform that has failed at a row of its second half, and another migration behind it."""
    data.add("0001_marks", MARK + CALL, head=ALONE)
    data.add("0002_later", 'db.execute("CREATE TABLE later (id)")', 'db.execute("DROP TABLE later")')
    failed = data.run("up", "--yes")
    assert failed.returncode == 6, failed.stderr
    assert marks(data) == [("row", ROWS - PART), ("rowx", PART)]
    return data


def test_a_row_that_fails_is_named_and_what_was_done_is_counted(interrupted):
    failed = interrupted.run("resume", "--yes", "--json")
    ((_, done, _),) = checkpoints(interrupted)[1:]

    error = json.loads(failed.stdout)["error"]
    assert failed.returncode == 6
    assert error["code"] == "interrupted"
    assert error["cause"] == (
        f"ValueError: this row is odd\nin transform() of t, at id = {ODD}\nwith id = {ODD}, text = 'row'"
    )
    assert error["changed"] == f"{done} rows of its data are done and committed"
    assert error["next"].startswith("correct file or row, then go on from the checkpoint: migrate resume\n")
    assert "--rerun" not in error["next"]
    assert marks(interrupted) == [("row", ROWS - done), ("rowx", done)]
    assert PART <= done < ODD


def test_with_another_function_resume_goes_on_behind_the_last_checkpoint(interrupted):
    interrupted.add("0001_marks", CORRECTED + CALL, head=ALONE)

    resumed = interrupted.run("resume", "--yes")
    went_on = interrupted.run("up", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert marks(interrupted) == DONE
    assert interrupted.applied() == [1, 2]
    assert checkpoints(interrupted) == []
    assert events(interrupted) == ["started", "failed", "started", "applied", "applied"]


def test_with_another_row_resume_goes_on_behind_the_last_checkpoint(interrupted):
    interrupted.sql(f"UPDATE t SET id = 1000 WHERE id = {ODD}")

    resumed = interrupted.run("resume", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert marks(interrupted) == DONE


@pytest.mark.parametrize(
    ("call", "difference"),
    [
        (CALL.replace(", batch", ', where="id > 0", batch'), "where: it was None, and is 'id > 0'"),
        (CALL.replace('"t"', '"s"'), "table: it was 't', and is 's'"),
        (CALL.replace('"id", ', "").replace("mark", "str"), "reads: it was ['id', 'text'], and is ['text']"),
        (CALL.replace('writes=["text"]', 'writes=["note"]'), "writes: it was ['text'], and is ['note']"),
        (CALL.replace("reads", 'key="text", reads').replace('["text"]', '["note"]'), "key: it was ['id']"),
        (f'db.update("t", set={{"text": "1"}}, batch={BATCH})\n', "call: it was 'transform', and is 'update'"),
        ("db.update('t', set={'text': '1'})\n" + CALL, "call: it was 'transform', and is 'update'"),
    ],
    ids=["where", "table", "reads", "writes", "key", "another call", "another number"],
)
def test_another_call_is_refused_with_the_difference_and_changes_no_row(interrupted, call, difference):
    interrupted.sql(
        "CREATE TABLE s (id INTEGER PRIMARY KEY, text TEXT); ALTER TABLE t ADD COLUMN note TEXT;"
        "UPDATE t SET text = text || id;"
    )
    before, saved = interrupted.application_content(), checkpoints(interrupted)
    interrupted.add("0001_marks", CORRECTED + call, head=ALONE)

    refused = interrupted.run("resume", "--yes")

    assert refused.returncode == 6
    assert "is not the call that was interrupted" in refused.stderr
    assert difference in refused.stderr
    assert interrupted.application_content() == before
    assert checkpoints(interrupted) == saved


def test_another_call_is_told_what_to_write(interrupted):
    interrupted.add("0001_marks", CORRECTED + CALL.replace(", batch", ', where="id > 0", batch'), head=ALONE)

    refused = interrupted.run("resume", "--yes")

    assert "write that call as it was (its function may change), and let it be number 1" in words_of(refused.stderr)


def test_a_call_that_had_come_to_no_row_may_become_another(data):
    data.add("0001_marks", CORRECTED + CALL.replace('"text"]', '"txt"]', 1), head=ALONE)
    failed = data.run("up", "--yes")
    data.add("0001_marks", CORRECTED + CALL, head=ALONE)

    resumed = data.run("resume", "--yes")

    assert failed.returncode == 6
    assert "no such column" in failed.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert marks(data) == DONE


@pytest.mark.parametrize("words", [["resume", "--yes"], ["resume", "--rerun", "--yes"]], ids=" ".join)
def test_without_the_word_about_its_transaction_it_is_not_begun_again(interrupted, words):
    interrupted.add("0001_marks", CORRECTED + CALL)
    before = interrupted.content()

    refused = interrupted.run(*words)

    assert refused.returncode == 6
    assert "does not say any more that it runs without a transaction" in words_of(refused.stderr)
    assert interrupted.content() == before


# Statements without a checkpoint.


OWN_STATEMENTS = {
    "execute": COUNT,
    "script": "db.script(\"UPDATE counts SET value = value + 1 WHERE name = 'ran'\")\n",
    "executemany": "db.executemany('UPDATE counts SET value = value + 1 WHERE name = ?', [('ran',)])\n",
    "a query that writes": "db.query(\"UPDATE counts SET value = value + 1 WHERE name = 'ran' RETURNING 1\")\n",
    "connection": "db.connection.execute(\"UPDATE counts SET value = value + 1 WHERE name = 'ran'\")\n",
    "transaction": "with db.transaction():\n    " + COUNT,
}


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        # Between two calls, the others of them only where all is run.
        pytest.param(statement, place, id=f"{name} {place}", marks=[] if name in plain else pytest.mark.faults)
        for place, plain in (("before", OWN_STATEMENTS), ("between", ("execute", "transaction")))
        for name, statement in OWN_STATEMENTS.items()
    ],
)
def test_with_a_statement_of_its_own_resume_needs_rerun_which_runs_it_again(data, statement, place):
    update = f'db.update("t", set={{"id": "id"}}, key="rowid", batch={BATCH})\n' if place == "between" else ""
    data.add("0001_marks", MARK + update + statement + CALL, head=ALONE)
    failed = data.run("up", "--yes")
    data.add("0001_marks", CORRECTED + update + statement + CALL, head=ALONE)
    before = data.content()

    refused = data.run("resume", "--yes")
    after_the_refusal = data.content()
    resumed = data.run("resume", "--rerun", "--yes")

    assert failed.returncode == 6
    assert "migrate resume --rerun" in failed.stderr
    assert refused.returncode == 6
    assert "0001_marks ran statements that have no checkpoint" in refused.stderr
    assert "if it can bear that: migrate resume --rerun" in refused.stderr
    assert after_the_refusal == before
    assert resumed.returncode == 0, resumed.stderr
    assert data.query("SELECT value FROM counts") == [(2,)]
    assert marks(data) == DONE  # the transform went on from its checkpoint all the same
    assert checkpoints(data) == []


def test_a_statement_that_was_not_reached_does_not_need_rerun(data):
    data.add("0001_marks", MARK + CALL + COUNT, head=ALONE)
    data.run("up", "--yes")
    data.add("0001_marks", CORRECTED + CALL + COUNT, head=ALONE)

    resumed = data.run("resume", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert data.query("SELECT value FROM counts") == [(1,)]
    assert marks(data) == DONE


def test_reading_does_not_need_rerun(data):
    reading = 'db.query("SELECT * FROM counts")\ndb.scalar("SELECT count(*) FROM t")\ndb.log("begun")\n'
    data.add("0001_marks", MARK + reading + CALL, head=ALONE)
    data.run("up", "--yes")
    data.add("0001_marks", CORRECTED + reading + CALL, head=ALONE)

    resumed = data.run("resume", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert marks(data) == DONE


def test_check_is_not_asked_again_and_what_it_kept_of_the_connection_needs_rerun(data):
    text = f"""
        {ALONE}
        kept = []


        def check(db):
            if db.scalar("SELECT count(*) FROM t WHERE text <> 'row'"):
                raise RuntimeError("begun already")
            KEEP


        def upgrade(db):
            for connection in kept:
                connection.execute("UPDATE counts SET value = value + 1")
            db.transform("t", mark, reads=["id", "text"], writes=["text"], batch={BATCH})


        def mark(id, text):
            return text + "x" if id != ODD else 1 / 0
    """
    codes = []
    for keep in ("pass", "kept.append(db.connection)"):
        data.sql("DROP TABLE t; DROP TABLE counts;" + SETUP)
        data.write("0001_marks.py", text.replace("KEEP", keep).replace("ODD", str(ODD)))
        failed = data.run("up", "--yes")
        assert failed.returncode == 6
        data.write("0001_marks.py", text.replace("KEEP", keep).replace("ODD", "0"))
        codes.append(data.run("resume", "--yes").returncode)
        data.run("stamp", "base", "--yes")

    assert codes == [0, 6]


# What else one might say.


def test_up_down_plan_and_lint_refuse_and_name_resume(interrupted):
    before = interrupted.content()

    for words in (
        ["up", "--yes"],
        ["up", "--only", "0002_later", "--yes"],
        ["up", "--dry-run"],
        ["down", "--to", "base", "--yes"],
        ["plan"],
        ["plan", "--rehearse"],
        ["lint"],
    ):
        refused = interrupted.run(*words)

        assert refused.returncode == 6, words
        assert "error: 0001_marks was interrupted: it began at" in refused.stderr
        assert f"up to a checkpoint behind {PART} rows" in refused.stderr
        assert "go on from the checkpoint: migrate resume" in refused.stderr
        assert "--rerun" not in refused.stderr
    assert interrupted.content() == before


def test_status_check_history_and_verify_show_it_and_change_nothing(interrupted):
    before = footprint(interrupted.path)

    status = interrupted.run("status")
    check = interrupted.run("check")
    history = interrupted.run("history", "0001_marks")
    verify = interrupted.run("verify")

    assert status.returncode == 0
    assert "  interrupted 0001_marks" in status.stdout
    assert status.stdout.splitlines()[-1] == "Interrupted. What can be done: migrate resume"
    assert check.returncode == 6
    assert check.stdout.startswith("interrupted: 0001_marks was interrupted")
    assert history.returncode == 0
    assert f"in transform() of t, at id = {ODD}" in history.stdout
    assert verify.returncode == 8
    assert "NWM405" in verify.stdout
    assert verify.stdout.splitlines()[-1] == "Interrupted. What can be done: migrate resume"
    assert footprint(interrupted.path) == before


def test_stamp_applied_takes_it_as_finished_and_clears_the_checkpoints(interrupted):
    stamped = interrupted.run("stamp", "--applied", "0001_marks", "--yes")
    went_on = interrupted.run("up", "--yes")

    assert stamped.returncode == 0, stamped.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert checkpoints(interrupted) == []
    assert interrupted.applied() == [1, 2]
    assert marks(interrupted) == [("row", ROWS - PART), ("rowx", PART)]


@pytest.mark.parametrize("words", [["--not-applied", "0001_marks"], ["base"]], ids=" ".join)
def test_stamp_not_applied_takes_it_as_undone_and_up_begins_with_the_first_row(interrupted, words):
    interrupted.add("0001_marks", CORRECTED + CALL, head=ALONE)
    interrupted.sql("UPDATE t SET text = 'row'")

    stamped = interrupted.run("stamp", *words, "--yes")
    went_on = interrupted.run("up", "--yes")

    assert stamped.returncode == 0, stamped.stderr
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2]
    assert marks(interrupted) == DONE
    assert checkpoints(interrupted) == []


@pytest.mark.parametrize("words", [["--not-applied", "0001_marks"], ["base"]], ids=" ".join)
def test_stamp_not_applied_clears_the_checkpoints(interrupted, words):
    stamped = interrupted.run("stamp", *words, "--yes")

    assert stamped.returncode == 0, stamped.stderr
    assert checkpoints(interrupted) == []


def test_one_whose_file_is_gone_can_be_stamped_as_resume_says(interrupted):
    (interrupted.versions / "0001_marks.py").unlink()

    refused = interrupted.run("resume", "--yes")
    stamped = interrupted.run("stamp", "--not-applied", "1", "--yes")

    assert refused.returncode == 3
    assert "migrate stamp --not-applied 1" in refused.stderr
    assert stamped.returncode == 0, stamped.stderr
    assert interrupted.run("check").returncode == 7


def test_the_snapshot_is_the_way_back_and_up_begins_with_the_first_row(interrupted):
    said = interrupted.run("up", "--yes").stderr
    snapshot = re.search(r"or go back: migrate restore (\S+)", said).group(1)
    interrupted.add("0001_marks", CORRECTED + CALL, head=ALONE)

    restored = interrupted.run("restore", snapshot, "--yes")
    as_before = marks(interrupted)
    went_on = interrupted.run("up", "--yes")

    assert restored.returncode == 0, restored.stderr
    assert as_before == [("row", ROWS)]
    assert went_on.returncode == 0, went_on.stderr
    assert interrupted.applied() == [1, 2]
    assert marks(interrupted) == DONE


def test_after_a_second_break_the_way_back_is_still_the_snapshot_before_the_first(interrupted):
    said = interrupted.run("resume", "--yes").stderr
    snapshot = re.search(r"or go back: migrate restore (\S+)", said).group(1)

    interrupted.run("restore", snapshot, "--yes")

    assert marks(interrupted) == [("row", ROWS)]
    assert interrupted.run("check").returncode == 7


BROKEN_KEYS = f"""
CREATE TABLE parents (id INTEGER PRIMARY KEY);
INSERT INTO parents VALUES (1);
CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents);
INSERT INTO t {NUMBERS} SELECT i, 1 FROM n;
"""


@pytest.mark.parametrize("broken", ["killed", "refused"])
def test_rows_that_refer_to_nothing_are_not_let_pass_by_a_resume(folder, broken):
    folder.sql(BROKEN_KEYS)
    kill = (
        'import os, pathlib, signal\nif not pathlib.Path("again").exists():\n    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    call = f'db.transform("t", lambda parent: 7, reads="parent", writes="parent", batch={BATCH})\n'
    folder.add("0001_parents", call + (kill if broken == "killed" else ""), head=ALONE)
    assert folder.run("up", "--yes").returncode == (-9 if broken == "killed" else 6)
    (folder.path / "again").touch()

    resumed = folder.run("resume", "--yes")

    assert resumed.returncode == 6
    assert f"{ROWS} rows would refer to nothing" in resumed.stderr


def test_what_was_in_quarantine_when_it_was_given_up_is_not_counted_again(data):
    quarantine = CALL.replace("batch=", 'on_error="quarantine", max_errors=1, batch=')
    data.add("0001_marks", MARK + quarantine + 'raise RuntimeError("not now")', head=ALONE)
    data.run("up", "--yes")
    data.sql("UPDATE t SET text = 'row'")
    data.run("stamp", "--not-applied", "0001_marks", "--yes")
    data.add("0001_marks", MARK + quarantine, head=ALONE)

    applied = data.run("up", "--yes")

    assert applied.returncode == 0, applied.stderr
    assert data.query("SELECT row_key FROM schema_version_quarantine") == [(f"[{ODD}]",)]


def test_rows_that_fail_may_be_put_into_quarantine_by_the_resume(interrupted):
    interrupted.add("0001_marks", MARK + CALL.replace("batch=", 'on_error="quarantine", batch='), head=ALONE)

    resumed = interrupted.run("resume", "--yes")

    assert resumed.returncode == 0, resumed.stderr
    assert marks(interrupted) == [("row", 1), ("rowx", ROWS - 1)]
    assert interrupted.query("SELECT row_key FROM schema_version_quarantine") == [(f"[{ODD}]",)]


# What a checkpoint remembers.

INFINITE = float("inf")
KEYS = {
    "whole numbers": ("id INTEGER PRIMARY KEY", [-(2**63), -1, 0, 1, 2**63 - 1], None),
    "real numbers": ("k REAL PRIMARY KEY", [0.1, 0.1 + 0.2, 0.3, 1e308, 5e-324, -INFINITE, INFINITE, 1 / 3], None),
    "bytes": ("k BLOB PRIMARY KEY", [b"", b"\0", b"\0\0", b"{}", b"\xff"], None),
    "of every kind": (
        "k PRIMARY KEY",
        [1, 1.5, "", "1", "a", "A", "z\0a", "é", "😀", b"", b"a", '{"hex": "61"}'],
        None,
    ),
    "without case": ("k TEXT COLLATE NOCASE PRIMARY KEY", ["a", "B", "c", "D"], None),
    "NULL": ("k TEXT PRIMARY KEY", ["a", None, None, "b"], None),
    "another than the primary one": ("id INTEGER PRIMARY KEY, k NUMERIC UNIQUE NOT NULL", ["3", 2.5, "x"], "k"),
}


@pytest.mark.parametrize(("columns", "keys", "key"), KEYS.values(), ids=KEYS)
def test_a_key_of_any_kind_is_found_again(folder, columns, keys, key):
    """Each row fails the first time that the function sees it."""
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.execute(f"CREATE TABLE t ({columns}, number INTEGER, text TEXT)")
        name = "id" if columns.startswith("id") and key is None else "k"
        rows = [(value, number) for number, value in enumerate(keys)]
        connection.executemany(f"INSERT INTO t ({name}, number, text) VALUES (?, ?, 'row')", rows)
        connection.commit()
    seen = folder.path / "seen"
    seen.touch()
    folder.add(
        "0001_marks",
        f"""
        import pathlib
        seen = pathlib.Path({str(seen)!r})

        def mark(number, text):
            if f"{{number}};" not in seen.read_text():
                seen.write_text(seen.read_text() + f"{{number}};")
                raise ValueError("the first time")
            return text + "x"

        db.transform("t", mark, reads=["number", "text"], writes=["text"], batch=2, key={key!r})
        """,
        head=ALONE,
    )
    project = folder.project(snapshot="never")

    with pytest.raises(Interrupted):
        up(project)
    for _ in keys[1:]:
        with pytest.raises(Interrupted):
            resume(project)
    resume(project)

    assert folder.query("SELECT text, count(*) FROM t GROUP BY text") == [("rowx", len(keys))]


# The way back.


def test_a_way_back_that_fails_goes_on_with_what_is_accepted(data):
    data.add("0001_marks", "pass", MARK + CALL, head=ALONE)
    assert data.run("up", "--yes").returncode == 0
    failed = data.run("down", "--to", "base", "--yes")
    data.add("0001_marks", "pass", CORRECTED + CALL, head=ALONE)

    refused = data.run("resume", "--yes")
    accepted = data.run("accept", "0001_marks", "--reason", "corrected")
    resumed = data.run("resume", "--yes")

    assert failed.returncode == 6
    assert refused.returncode == 3
    assert "migrate accept 0001_marks --reason" in refused.stderr
    assert accepted.returncode == 0, accepted.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert data.applied() == []
    assert marks(data) == DONE
    assert checkpoints(data) == []


# Others, meanwhile.

PAUSED = """
import pathlib, time

def mark(id, text):
    pathlib.Path("inside").touch()
    return text + "x"
"""


def paused(pause_s: float) -> str:
    return CALL.replace("batch=", f"pause_s={pause_s}, batch=")


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_what_others_write_between_the_batches_is_done_once_or_left_alone(data, journal_mode):
    data.sql(f"PRAGMA journal_mode = {journal_mode}; UPDATE t SET id = -id * 10; UPDATE t SET id = -id")
    data.add("0001_marks", PAUSED + paused(0.2), head=ALONE)

    with started(data, "up", "--yes") as process:
        process.wait_until(lambda: checkpoints(data)[1:] and checkpoints(data)[1][1] > 10, "it did a batch")
        with closing(sqlite3.connect(data.database, timeout=LONG_S)) as other:
            other.executescript(
                """
                BEGIN IMMEDIATE;
                INSERT INTO t VALUES (1, 'before'), (5, 'before'), (2000, 'behind'), (995, 'behind');
                DELETE FROM t WHERE id IN (20, 990, 980, 970);
                UPDATE t SET text = 'other' WHERE id IN (30, 960);
                COMMIT;
                """
            )
        ended = process.end()
        told = process.stderr

    assert ended == 0, told
    assert marks(data) == [("before", 2), ("behindx", 2), ("other", 1), ("otherx", 1), ("rowx", ROWS - 6)]


def test_during_a_pause_others_write_at_once(data):
    data.add("0001_marks", PAUSED + paused(LONG_S), head=ALONE)

    with started(data, "up", "--yes") as process:
        process.wait_until(lambda: checkpoints(data)[1:] and checkpoints(data)[1][1], "it did a batch")
        began = time.monotonic()
        data.sql("INSERT INTO t VALUES (1000, 'other')")
        took = time.monotonic() - began
        process.kill()

    assert took < LONG_S / 4


@pytest.mark.skipif("os.name == 'nt'", reason="signals to another process are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_pause_ends_it_at_once_and_resume_goes_on(data, number):
    data.add("0001_marks", PAUSED + paused(LONG_S), head=ALONE)

    with started(data, "up", "--yes") as process:
        process.wait_until(lambda: checkpoints(data)[1:] and checkpoints(data)[1][1], "it did a batch")
        began = time.monotonic()
        process.send(number)
        ended = process.end()
        took = time.monotonic() - began
        told = process.stderr
    ((_, visited, _),) = checkpoints(data)[1:]
    data.add("0001_marks", PAUSED + CALL, head=ALONE)
    resumed = data.run("resume", "--yes")

    assert ended == 6, told
    assert took < LONG_S / 4
    assert f"cause      stopped by {number.name}" in told
    assert f"changed    {visited} rows of its data are done and committed" in told
    assert "go on from the checkpoint: migrate resume" in told
    assert resumed.returncode == 0, resumed.stderr
    assert marks(data) == DONE


@contextmanager
def all_locked(database) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None, timeout=LONG_S)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("lock", [read_lock, all_locked], ids=["a reader", "a writer"])
def test_who_holds_the_database_for_too_long_interrupts_it_and_resume_goes_on(data, lock):
    data.add("0001_marks", PAUSED + paused(0.3), head=ALONE)

    with started(data, "up", "--yes", "--lock-timeout", "0.5") as process:
        process.wait_until(lambda: checkpoints(data)[1:] and checkpoints(data)[1][1], "it did a batch")
        with lock(data.database):
            ended = process.end()
            told = process.stderr
    after = marks(data)
    ((_, visited, _),) = checkpoints(data)[1:]
    resumed = data.run("resume", "--yes")

    assert ended == 6, told
    assert "locked" in told
    assert "migrate resume" in told
    assert "Traceback" not in told
    assert after == [("row", ROWS - visited), ("rowx", visited)]
    assert resumed.returncode == 0, resumed.stderr
    assert marks(data) == DONE


def test_who_lets_nobody_read_makes_no_rerun_necessary(data):
    data.add("0001_marks", PAUSED + paused(0.3), head=ALONE)

    with started(data, "up", "--yes", "--lock-timeout", "0.5") as process:
        process.wait_until(lambda: checkpoints(data)[1:] and checkpoints(data)[1][1], "it did a batch")
        with all_locked(data.database):
            process.end()
            told = process.stderr

    assert "go on from the checkpoint: migrate resume" in told
    assert "--rerun" not in told


@POSIX_ONLY
@pytest.mark.parametrize(
    "call",
    [
        pytest.param('db.update("t", set={"text": "text || \'x\'"})', id="update at once"),
        pytest.param(
            CALL,
            id="transform",
        ),
    ],
)
def test_who_holds_the_database_for_a_moment_holds_it_up_and_that_is_all(data, call):
    data.add("0001_marks", WAIT + CORRECTED + call, head=ALONE)

    with started(data, "up", "--yes", "--lock-timeout", "60") as process:
        process.wait_until((data.path / "inside").exists, "the migration began")
        with all_locked(data.database):
            (data.path / "go").touch()
            time.sleep(1)
        ended = process.end()
        told = process.stderr

    assert ended == 0, told
    assert marks(data) == DONE


@pytest.mark.skipif("os.name == 'nt'", reason="processes that run together are started as on POSIX")
def test_of_two_that_resume_one_does_and_the_other_finds_nothing_to_do(interrupted):
    interrupted.add("0001_marks", CORRECTED + paused(0.02), head=ALONE)
    words = ("--yes", "--lock-timeout", "60")

    with started(interrupted, "resume", *words) as one, started(interrupted, "resume", *words) as other:
        codes = [one.end(), other.end()]

    assert codes == [0, 0], one.stderr + other.stderr
    assert marks(interrupted) == DONE
    assert events(interrupted).count("applied") == 1


@pytest.mark.skipif("os.name == 'nt'", reason="processes that run together are started as on POSIX")
def test_up_beside_a_resume_refuses_or_comes_after_it(interrupted):
    interrupted.add("0001_marks", CORRECTED + paused(0.02), head=ALONE)
    words = ("--yes", "--lock-timeout", "60")

    with started(interrupted, "resume", *words) as one, started(interrupted, "up", *words) as other:
        codes = [one.end(), other.end()]
        told = other.stderr

    assert codes[0] == 0, one.stderr
    assert codes[1] in (0, 6), told
    assert ("migrate resume" in told) == (codes[1] == 6)
    assert marks(interrupted) == DONE
    assert interrupted.run("up", "--yes").returncode == 0
    assert interrupted.applied() == [1, 2]


# On a copy.


@pytest.mark.parametrize("words", [["up", "--dry-run"], ["plan", "--rehearse"]], ids=" ".join)
def test_a_rehearsal_does_not_pause_and_leaves_the_database_to_the_byte(data, words):
    data.add("0001_marks", CORRECTED + paused(LONG_S), head=ALONE)
    before = footprint(data.path)

    rehearsed = data.run(*words)

    assert rehearsed.returncode == 0, rehearsed.stderr
    assert footprint(data.path) == before


def test_a_rehearsal_of_one_that_fails_leaves_the_database_to_the_byte(data):
    data.add("0001_marks", MARK + CALL, head=ALONE)
    before = footprint(data.path)

    rehearsed = data.run("up", "--dry-run")

    assert rehearsed.returncode == 4, rehearsed.stdout
    assert footprint(data.path) == before


@POSIX_ONLY
def test_a_rehearsal_that_is_killed_leaves_the_database_to_the_byte(data, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    wait = 'import pathlib, time\ndef mark(id, text):\n    pathlib.Path("../inside").touch()\n    time.sleep(0.5)\n'
    data.add("0001_marks", wait + '    return text + "x"\n' + CALL, head=ALONE)
    before = footprint(data.path)

    with started(data, "up", "--dry-run") as process:
        process.wait_until((tmp_path / "inside").exists, "it began")
        process.kill()

    assert footprint(data.path) == before
    assert data.run("check").returncode == 7


# A full disk.


@pytest.fixture
def small_disk(tmp_path):
    """A project on a disk of 4 MiB."""
    path = tmp_path / "small"
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a full disk was not tested: there is no mount")
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a full disk was not tested: {done.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@POSIX_ONLY
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_disk_that_is_full_interrupts_it_and_with_room_resume_goes_on(small_disk, journal_mode):
    data = Folder(small_disk / "project")
    data.sql(f"PRAGMA journal_mode = {journal_mode};" + SETUP)
    ballast = small_disk / "ballast"
    data.add(
        "0001_marks",
        f'db.transform("t", lambda text: text + "x" * 30000, reads=["text"], writes=["text"], batch={BATCH})',
        head=ALONE,
    )
    ballast.write_bytes(b"x" * 2_000_000)

    full = data.run("up", "--yes")
    sound = integrity(data.database)
    lengths = data.query("SELECT length(text), count(*) FROM t GROUP BY 1 ORDER BY 1")
    ((_, visited, _),) = checkpoints(data)[1:]
    ballast.unlink()
    resumed = data.run("resume", "--yes", "--snapshot", "never")

    assert full.returncode == 6, full.stderr
    assert "database or disk is full" in full.stderr
    assert "Traceback" not in full.stderr
    assert sound == "ok"
    assert 0 < visited < ROWS
    assert lengths == [(3, ROWS - visited), (30003, visited)]
    assert resumed.returncode in (0, 6), resumed.stderr
    if resumed.returncode == 0:
        assert data.query("SELECT DISTINCT length(text) FROM t") == [(30003,)]
