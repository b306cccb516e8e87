"""A signal from outside ends a run wherever it is, and the database is as it was before."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import textwrap
import time
from contextlib import closing
from datetime import datetime

import pytest
from faults.processes import LONG_S, MARK, POSIX_ONLY, WAIT, python, read_lock, started, write_lock
from support import MIGRATE, Folder, environment

from nukeworks_migrate import create_snapshot, up

pytestmark = POSIX_ONLY

SIGNALS = [
    pytest.param(signal.SIGINT, 130, "SIGINT (Ctrl-C)", id="SIGINT"),
    pytest.param(signal.SIGTERM, 143, "SIGTERM", id="SIGTERM"),
]
COUNTING = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900000000) SELECT count(*) FROM n"
BEFORE = 'db.execute("CREATE TABLE half (id INTEGER PRIMARY KEY)")\ndb.execute("DELETE FROM clients WHERE id = 1")\n'

# What a migration may be doing when the signal comes; each would go on for minutes.
AT_WORK = {
    "pure Python": "while True: sum(range(100))",
    "asleep": "import time; time.sleep(600)",
    "in one long statement": f'db.execute("{COUNTING}")',
    "in one long query": f'db.query("{COUNTING}")',
    "in a statement of the connection": f'db.connection.execute("{COUNTING}").fetchall()',
    "in a long fetch": f"""
        cursor = db.connection.execute("{COUNTING.replace("count(*)", "i")} WHERE i % 100000000 = 99")
        cursor.fetchall()
        """,
    "in a function of a transform": """
        import time
        db.transform("clients", lambda name: time.sleep(600), reads=["name"], writes=["name"])
        """,
    "in the rows of executemany": """
        import time
        db.executemany("INSERT INTO half VALUES (?)", ((time.sleep(0.01), None)[1:] for _ in range(60000)))
        """,
    "in a function that a statement calls": """
        import time
        db.connection.create_function("wait", 0, lambda: time.sleep(600))
        db.query("SELECT wait()")
        """,
    "waiting for a process": """
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "import time; time.sleep(5)"])
        """,
    "catching Exception all the time": f"""
        while True:
            try:
                db.query("{COUNTING}")
            except Exception:
                pass
        """,
    "in a finally that goes on": """
        import time
        try:
            time.sleep(600)
        finally:
            db.execute("INSERT INTO half VALUES (1)")
        """,
}


@pytest.fixture
def clients(folder):
    """One migration is applied, so that there is content, and a log."""
    folder.add(
        "0001_clients",
        """
        db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("INSERT INTO clients VALUES (1, 'first'), (2, 'second')")
        """,
    )
    up(folder.project())
    folder.add("0002_before", 'db.execute("CREATE TABLE before (id INTEGER PRIMARY KEY)")')
    return folder


def without_failures(lines: list[str]) -> list[str]:
    """Content without rows of the log about failures; one is allowed."""
    return [line for line in lines if not (line.startswith("schema_version_log: ") and "'failed'" in line)]


def assert_as_it_was(folder: Folder, before: list[str]) -> None:
    now = folder.content()
    assert without_failures(now) == before
    assert len(now) <= len(before) + 1


def body(text: str) -> str:
    return BEFORE + MARK + textwrap.dedent(text).strip()


def at_work() -> list:
    """Each kind of work with one of the signals, in turns; with the other too where all is run."""
    cases = []
    for place, (kind, text) in enumerate(AT_WORK.items()):
        for turn, given in enumerate(SIGNALS):
            marks = [] if place % 2 == turn else [pytest.mark.faults]
            cases.append(pytest.param(text, *given.values, id=f"{kind}-{given.id}", marks=marks))
    return cases


@pytest.mark.parametrize(("work", "number", "code", "name"), at_work())
def test_a_migration_is_stopped_at_work(clients, work, number, code, name):
    clients.add("0003_at_work", body(work))
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        time.sleep(0.1)  # into the work; where it is then makes no difference
        process.send(number)
        ended = process.end()
        told = process.stderr

    assert ended == code, told
    assert f"error: stopped by {name}   [stopped]" in told
    assert "unchanged  the run was rolled back; database and ledger are as they were" in told
    assert_as_it_was(clients, before)


@pytest.mark.parametrize("function", ["check", "verify", "downgrade"])
def test_the_other_functions_of_a_migration_are_stopped_too(clients, function):
    clients.add("0003_at_work", 'db.execute("CREATE TABLE three (id)")')
    path = clients.versions / "0003_at_work.py"
    text = path.read_text().replace("def downgrade(db):\n    pass\n", "")
    path.write_text(f"{text}\n\ndef {function}(db):\n{textwrap.indent(MARK, '    ')}\n    while True:\n        pass\n")
    words = ["up", "--yes"]
    if function == "downgrade":
        up(clients.project())
        words = ["down", "--steps", "1", "--yes"]
    before = clients.content()

    with started(clients, *words) as process:
        process.wait_until((clients.path / "inside").exists, f"{function}() began")
        process.send(signal.SIGTERM)
        ended = process.end()

    assert ended == 143, process.stderr
    assert_as_it_was(clients, before)


@pytest.mark.parametrize(("number", "code", "name"), SIGNALS)
def test_a_migration_that_catches_the_stop_gets_nothing_more_from_its_handle(clients, number, code, name):
    clients.add(
        "0003_stubborn",
        body(
            """
            import time
            refused = 0
            end = time.monotonic() + 60
            while refused < 50 and time.monotonic() < end:
                try:
                    db.execute("INSERT INTO half (id) VALUES (NULL)")
                    time.sleep(0.005)
                except BaseException:
                    refused += 1
            pathlib.Path("refused").write_text(str(refused))
            """
        ),
    )
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(number)
        ended = process.end()
        told = process.stderr

    assert ended == code
    assert f"stopped by {name}" in told
    assert (clients.path / "refused").read_text() == "50"
    assert_as_it_was(clients, before)


WAYS = (
    'db.execute("INSERT INTO half VALUES (1)")',
    'db.executemany("INSERT INTO half VALUES (?)", [(1,)])',
    'db.query("SELECT 1")',
    'db.scalar("SELECT 1")',
    'db.script("INSERT INTO half VALUES (1); INSERT INTO half VALUES (2)")',
    'db.transform("clients", lambda name: "x", reads=["name"], writes=["name"])',
    'db.connection.execute("INSERT INTO half VALUES (1)")',
    'db.connection.cursor().execute("SELECT 1")',
    "cursor.fetchone()",
    "list(cursor)",
    'db.execute("SAVEPOINT mine")',
)


def test_each_way_to_the_database_is_closed_after_a_stop_that_was_caught(clients):
    ways = "\n".join(f"    lambda: {way}," for way in WAYS)
    clients.add(
        "0003_stubborn",
        BEFORE
        + 'cursor = db.connection.execute("SELECT * FROM clients")\n'
        + f"ways = [\n{ways}\n]\n"
        + MARK
        + textwrap.dedent(
            """
            import time
            try:
                time.sleep(600)
            except BaseException:
                pass
            raised = []
            for way in ways:
                try:
                    way()
                    raised.append("nothing")
                except BaseException as error:
                    raised.append(type(error).__name__)
            pathlib.Path("raised").write_text(" ".join(raised))
            """
        ),
    )
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        time.sleep(0.1)
        process.send(signal.SIGTERM)
        ended = process.end()

    assert ended == 143
    assert (clients.path / "raised").read_text().split() == ["StopSignal"] * len(WAYS)
    assert_as_it_was(clients, before)


@pytest.mark.parametrize(("number", "code", "name"), SIGNALS)
def test_a_migration_that_catches_the_stop_and_ends_as_if_nothing_had_been_is_undone(clients, number, code, name):
    clients.add(
        "0003_stubborn",
        body(
            """
            import time
            end = time.monotonic() + 60
            stopped = False
            while not stopped and time.monotonic() < end:
                try:
                    time.sleep(0.01)
                except BaseException:
                    stopped = True
            """
        ),
    )
    clients.add("0004_after", 'db.execute("CREATE TABLE after (id)")')
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(number)
        ended = process.end()
        told = process.stderr

    assert ended == code, told
    assert f"stopped by {name}" in told
    assert_as_it_was(clients, before)


@pytest.mark.parametrize(("number", "code", "name"), SIGNALS)
def test_a_migration_that_catches_for_ever_is_ended_by_the_second_signal(clients, number, code, name):
    """It never asks the handle for anything again, so nothing but the end of the process can stop it."""
    clients.add(
        "0003_stubborn",
        body(
            """
            import time
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    time.sleep(0.01)
                except BaseException:
                    pathlib.Path("caught").touch()
            """
        ),
    )
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(number)
        process.wait_until((clients.path / "caught").exists, "the migration caught it")
        process.send(number)
        ended = process.end(15)

    assert ended in (code, -number)  # a shell shows both alike
    assert_as_it_was(clients, before)


def test_a_stop_while_the_files_are_loaded_runs_nothing(clients):
    clients.add("0003_slow", head=f"{MARK}\nwhile True:\n    pass")
    before = clients.content()

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the file was loaded")
        process.send(signal.SIGINT)
        ended = process.end()
        told = process.stderr

    assert ended == 130, told
    assert "error: stopped while the files were loaded   [stopped]" in told
    assert clients.content() == before


# How each of these commands is begun, for the waits below.
WORDS = {
    "up": ["up", "--yes"],
    "down": ["down", "--to", "base", "--yes"],
    "stamp": ["stamp", "--applied", "0002_before", "--yes"],
    "restore": ["restore", "SNAPSHOT", "--yes"],
}


def words_of(folder: Folder, command: str) -> list[str]:
    if command != "restore":
        return WORDS[command]
    snapshot = create_snapshot(folder.project()).id
    return [snapshot if word == "SNAPSHOT" else word for word in WORDS[command]]


@pytest.mark.parametrize("command", WORDS)
def test_a_stop_while_it_waits_for_the_migration_lock(clients, command):
    words = words_of(clients, command)
    before = clients.content()
    lock = clients.path / "app.sqlite-migrate-lock"

    with write_lock(lock), started(clients, *words, "--lock-timeout", "600") as process:
        process.wait_until(lambda: "waiting   the migration lock is held by" in process.stderr, "it waited")
        process.send(signal.SIGINT)
        ended = process.end()
        told = process.stderr

    assert ended == 130, told
    assert "error: stopped before anything ran   [stopped]" in told
    assert "unchanged  nothing was run; database and ledger are as they were" in told
    assert clients.content() == before


@pytest.mark.parametrize(
    ("command", "journal_mode"),
    [("up", "delete"), ("up", "wal"), ("down", "delete"), ("stamp", "wal"), ("restore", "delete"), ("restore", "wal")],
)
def test_a_stop_while_it_waits_for_the_database(clients, command, journal_mode):
    clients.sql(f"PRAGMA journal_mode = {journal_mode}")
    words = words_of(clients, command)
    before = clients.content()
    since = time.time()

    with write_lock(clients.database), started(clients, *words, "--lock-timeout", "600") as process:
        process.wait_until(lambda: holder_since(clients, since), "it had the migration lock")
        time.sleep(0.5)  # into the wait; where it is then makes no difference
        process.send(signal.SIGTERM)
        ended = process.end()
        told = process.stderr

    assert ended == 143, told
    assert "error: stopped before anything ran   [stopped]" in told
    assert clients.content() == before


def holder_since(folder: Folder, moment: float) -> bool:
    """Whether somebody took the migration lock after `moment`."""
    with closing(sqlite3.connect(f"{folder.database}-migrate-lock")) as connection:
        found = connection.execute("SELECT since FROM holder").fetchone()
    return datetime.fromisoformat(found[0]).timestamp() >= moment - 0.001


@pytest.mark.parametrize(("number", "code", "name"), SIGNALS)
def test_a_stop_while_a_reader_holds_up_the_commit(clients, number, code, name):
    clients.add("0003_last", body(""))
    before = clients.content()

    with read_lock(clients.database), started(clients, "up", "--yes", "--lock-timeout", "600") as process:
        process.wait_until((clients.path / "inside").exists, "the migration ran")
        time.sleep(0.5)  # into the wait
        process.send(number)
        ended = process.end()
        told = process.stderr

    assert ended == code, told
    assert f"error: stopped by {name}   [stopped]" in told
    assert clients.content() == before


def test_a_stop_while_the_snapshot_is_taken(clients):
    clients.sql(
        "CREATE TABLE blobs (data BLOB);"
        "INSERT INTO blobs WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)"
        " SELECT zeroblob(1000000) FROM n"
    )
    clients.add("0003_never", body(""))
    before = clients.content()
    snapshots = clients.path / "snapshots"

    with started(clients, "up", "--yes") as process:
        process.wait_until(lambda: [*snapshots.glob(".partial-*")], "the snapshot was begun")
        process.send(signal.SIGINT)
        ended = process.end()
        told = process.stderr

    assert ended == 130, told
    assert "[stopped]" in told
    assert_as_it_was(clients, before)
    assert not (clients.path / "inside").exists()
    assert [*snapshots.glob(".partial-*")] == []


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_stop_during_a_restore_leaves_the_old_content_or_the_new(clients, journal_mode):
    clients.sql(
        f"PRAGMA journal_mode = {journal_mode}; CREATE TABLE blobs (data BLOB);"
        "INSERT INTO blobs WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
        " SELECT zeroblob(1000000) FROM n"
    )
    words = words_of(clients, "restore")
    clients.sql("DELETE FROM clients")
    before = clients.content()

    with started(clients, *words) as process:
        process.wait_until(lambda: "saved     snapshots/" in process.stderr, "the present state was saved")
        process.send(signal.SIGTERM)
        ended = process.end()
        told = process.stdout + process.stderr

    assert "Traceback" not in told
    if ended == 143:
        assert clients.content() == before
    else:
        assert ended == 0
        assert clients.query("SELECT count(*) FROM clients") == [(2,)]
    assert [*clients.path.glob(".app.sqlite.restore-*")] == []


def test_with_commit_each_the_steps_that_are_committed_stay_and_are_named(clients):
    clients.add("0003_at_work", body("while True: pass"))

    with started(clients, "up", "--yes", "--commit", "each") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(signal.SIGINT)
        ended = process.end()
        told = process.stderr

    assert ended == 130
    assert "changed    0002_before is applied and committed" in told
    assert clients.applied() == [1, 2]
    assert "half" not in clients.tables()


def test_a_stopped_migration_without_transaction_is_interrupted(clients):
    clients.add("0003_alone", body("while True: pass"), head='transaction = "none"')

    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(signal.SIGINT)
        ended = process.end()
        told = process.stderr

    assert ended == 6, told
    assert "migrate resume --rerun" in told
    assert clients.run("check").returncode == 6


def test_a_migration_without_transaction_that_is_stopped_before_it_could_begin_is_pending(clients):
    """A reader holds up the row that says it has begun."""
    clients.add("0003_alone", WAIT + 'db.execute("CREATE TABLE three (id)")', head='transaction = "none"')
    up(clients.project(), to=2)
    before = clients.content()

    with started(clients, "up", "--yes", "--lock-timeout", "600") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        with read_lock(clients.database):
            (clients.path / "go").touch()
            time.sleep(0.5)  # into the wait for the reader
            process.send(signal.SIGINT)
            ended = process.end()
            told = process.stderr

    assert ended == 130, told
    assert clients.content() == before
    assert clients.run("check").returncode == 7


def test_the_command_can_be_given_again_after_a_stop(clients):
    clients.add(
        "0003_at_work",
        BEFORE + MARK + 'import time\nif not pathlib.Path("go").exists(): time.sleep(600)',
    )
    with started(clients, "up", "--yes") as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(signal.SIGTERM)
        assert process.end() == 143
    (clients.path / "go").touch()

    again = clients.run("up", "--yes", "--lock-timeout", "0")

    assert again.returncode == 0, again.stderr
    assert clients.applied() == [1, 2, 3]
    assert "half" in clients.tables()


def test_a_signal_that_comes_after_the_commit_is_not_told_as_if_nothing_had_changed(clients):
    """The report is written to a pipe that nobody empties, so that the process stands behind its commit."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 512)
    os.set_blocking(writing, True)
    process = subprocess.Popen(
        [*MIGRATE, "-q", "up", "--yes"],
        cwd=clients.path,
        env=environment(clients),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: 2 in clients.applied())
        time.sleep(0.3)  # to the report
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=LONG_S)
    finally:
        process.kill()
        os.close(reading)
        os.close(writing)

    assert clients.applied() == [1, 2]
    assert "nothing was changed" not in told.decode()
    assert "Traceback" not in told.decode()


def wait_for(condition) -> None:
    end = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# A process that has the program as a library, in which the signal handlers are the application's own.
EMBEDDED = """
import pathlib, signal, sys
from nukeworks_migrate import Project, up
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
try:
    up(Project("app.sqlite"))
except Exception as error:
    print(error.code, flush=True)
signal.raise_signal(signal.SIGTERM)
print(heard, flush=True)
"""


def test_an_application_has_its_own_signal_handlers_back_after_a_stop(clients):
    clients.add("0003_at_work", body("while True: pass"))
    before = clients.content()

    with python(clients, EMBEDDED) as process:
        process.wait_until((clients.path / "inside").exists, "the migration began")
        process.send(signal.SIGTERM)
        ended = process.end()
        told = process.stdout

    assert ended == 0, process.stderr
    assert told.splitlines() == ["stopped", "[15]"]
    assert_as_it_was(clients, before)


def test_the_tests_tell_a_row_about_a_failure_from_any_other_difference(clients):
    before = clients.content()
    clients.sql("UPDATE clients SET name = 'failed'")

    assert without_failures(clients.content()) != before
