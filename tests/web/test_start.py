"""What an application does at its start with a database that does not fit, by its policy."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import flask_sqlalchemy
import pytest
from faults.five import make_in_use
from faults.processes import POSIX_ONLY, python
from faults.test_hot_journal import HALF_A_WRITE
from flask import Flask
from support import Folder, environment, footprint
from web.starting import FLASK, program

from nukeworks_migrate import Project, down, up
from nukeworks_migrate.errors import BadSetting, Busy, FilesRefused, MigrateError, PartWay, StepFailed
from nukeworks_migrate.web import Migrations, start
from nukeworks_migrate.web.start import StartRefused

POLICIES = ("refuse", "warn", "dialog", "apply", "off")


def settings_of(folder, **more):
    return {
        "SECRET_KEY": "for tests only",
        "MIGRATIONS_DATABASE": "app.sqlite",
        "MIGRATIONS_BASE": str(folder.path),
        "MIGRATIONS_HEADER_INDEX": False,
        **more,
    }


def application(folder, policy="refuse", *, resources=None, **more):
    """An application over `folder`, as it is after its start; `more` are settings."""
    app = Flask("application")
    app.config.update(settings_of(folder, MIGRATIONS_AT_START=policy, **more))

    @app.get("/")
    def index():
        return "the application"

    @app.get("/login")
    def login():
        return "log in"

    Migrations(app, authorize=lambda: True, resources=resources)
    return app


# --- the states of a database


def one_and_two(folder):
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts")


def fits(folder):
    one_and_two(folder)
    up(folder.project())


def pending(folder):
    one_and_two(folder)
    up(folder.project(), to=1)


def too_new(folder):
    fits(folder)
    (folder.versions / "0002_contacts.py").unlink()


def drifted(folder):
    fits(folder)
    folder.add_table("0002_contacts", "people")


def missing(folder):
    fits(folder)
    (folder.versions / "0001_clients.py").unlink()


def interrupted(folder):
    pending(folder)
    folder.add("0003_alone", 'db.execute("CREATE TABLE t (id)")\nraise ValueError("no")', head='transaction = "none"')
    with pytest.raises(PartWay):
        up(folder.project())


def files_with_errors(folder):
    fits(folder)
    folder.write("0003_wrong.py", "def upgrade(db:\n")
    folder.write("0004_wrong.py", 'depends_on = ["0009_nothing"]\n\n\ndef upgrade(db):\n    pass\n')


def no_database(folder):
    folder.path.joinpath("app.sqlite").write_bytes(b"this is no database" * 100)
    one_and_two(folder)


def too_new_for_what_is_required(folder):
    fits(folder)


def at_what_is_required(folder):
    pending(folder)


def below_what_is_required(folder):
    one_and_two(folder)
    folder.add_table("0003_tiers", "tiers")
    up(folder.project(), to=1)


# What each policy does about each; the words are those of the refusal, of the log or of the page that answers 503.
STATES = {
    fits: ("", "starts starts starts starts starts"),
    pending: ("1 pending: 0002_contacts", "refused warned closed applied starts"),
    one_and_two: ("2 pending: 0001_clients, 0002_contacts", "refused warned closed applied starts"),
    too_new: (
        "this database (version 2) is newer than this application (knows 1)",
        "refused refused closed refused starts",
    ),
    drifted: ("0002_contacts was changed after it was applied", "refused warned closed refused starts"),
    missing: ("applied, and without a file: 0001_clients", "refused warned closed refused starts"),
    interrupted: ("0003_alone was interrupted", "refused refused closed refused starts"),
    files_with_errors: ("2 problems in versions", "refused warned closed refused starts"),
    no_database: ("app.sqlite is no SQLite database", "refused warned closed refused starts"),
    at_what_is_required: ("", "starts starts starts starts starts"),
    below_what_is_required: ("1 pending: 0002_contacts", "refused warned closed applied starts"),
    too_new_for_what_is_required: ("is newer than this application", "refused refused closed refused starts"),
}
REQUIRED = {
    at_what_is_required: {"REQUIRED_SCHEMA_VERSION": 1},
    below_what_is_required: {"REQUIRED_SCHEMA_VERSION": 2},
    too_new_for_what_is_required: {"VERSION_SCHEMA_MAP": {"1.0.0": 1}, "APPLICATION_VERSION": "1.0.0"},
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__.replace("_", " "))
def test_what_a_policy_does_about_a_state(folder, caplog, state, policy):
    state(folder)
    words, all_outcomes = STATES[state]
    outcome = all_outcomes.split()[POLICIES.index(policy)]
    before = footprint(folder.path)

    if outcome == "refused":
        with pytest.raises(StartRefused) as refusal:
            application(folder, policy, **REQUIRED.get(state, {}))
        assert words in refusal.value.what
        assert refusal.value.unchanged.endswith("the application was not started")
        assert refusal.value.next_step
    else:
        answer = application(folder, policy, **REQUIRED.get(state, {})).test_client().get("/")
        if outcome == "closed":
            assert (answer.status_code, words in answer.text) == (503, True)
        else:
            assert (answer.status_code, answer.text) == (200, "the application")
    log = [record for record in caplog.records if record.levelno >= logging.WARNING]
    if outcome == "warned":
        assert len(log) == 1 and words in log[0].getMessage()
    elif policy != "apply":
        assert log == []
    if outcome == "applied":
        assert folder.applied() == [1, 2]
    else:
        assert footprint(folder.path) == before


def test_a_refusal_is_an_error_with_all_its_parts(folder):
    pending(folder)

    with pytest.raises(MigrateError) as error:
        application(folder)

    refusal = error.value
    assert refusal.code == "start-refused"
    assert refusal.what == "the database does not fit this application: 1 pending: 0002_contacts"
    assert refusal.unchanged == "the database is as it was; the application was not started"
    assert refusal.next_step == "apply them: flask apply-migrations, or flask migrations up"
    assert str(refusal) == refusal.what


def test_a_refusal_because_of_files_names_each_of_them(folder):
    files_with_errors(folder)

    with pytest.raises(StartRefused) as error:
        application(folder)

    assert isinstance(error.value.__cause__, FilesRefused)
    assert re.search(r"0003_wrong\.py:\d+: ", error.value.cause)
    assert "0004_wrong.py" in error.value.cause


def test_a_version_that_no_file_has_is_refused_in_words(folder):
    fits(folder)

    with pytest.raises(StartRefused, match="version 9 is required, and versions has no such migration"):
        application(folder, REQUIRED_SCHEMA_VERSION=9)


# --- the policy apply


def test_apply_says_in_the_log_what_it_did(folder, caplog):
    pending(folder)
    caplog.set_level(logging.INFO)

    application(folder, "apply")

    said = [record.getMessage() for record in caplog.records if record.name == "application"]
    assert re.fullmatch(r"Snapshot .*snapshots.*\.sqlite", said[0])
    assert re.fullmatch(r"1/1 0002_contacts ran, \d+\.\d\d s", said[1])
    assert said[2:] == ["1 migration applied, version 1 → 2"]


def test_apply_whose_migration_fails_does_not_start_and_changes_nothing(folder, caplog):
    pending(folder)
    folder.add("0003_wrong", 'db.execute("INSERT INTO nowhere VALUES (1)")')
    before = folder.application_content()

    with pytest.raises(StartRefused) as error:
        application(folder, "apply")

    assert isinstance(error.value.__cause__, StepFailed)
    assert error.value.what == "0003_wrong failed"
    assert "no such table: nowhere" in error.value.cause
    assert error.value.unchanged.endswith("; the application was not started")
    assert folder.application_content() == before
    assert folder.applied() == [1]
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "error: 0003_wrong failed" in record.getMessage()


def test_apply_that_ends_part_way_says_what_has_stayed(folder):
    pending(folder)
    folder.add("0003_alone", 'db.execute("CREATE TABLE t (id)")\nraise ValueError("no")', head='transaction = "none"')

    with pytest.raises(StartRefused) as error:
        application(folder, "apply")

    assert isinstance(error.value.__cause__, PartWay)
    assert error.value.exit_code == 6
    assert "the database is as it was" not in error.value.unchanged
    assert "0002_contacts" in error.value.changed
    assert "migrate resume" in error.value.next_step


def test_apply_with_nothing_to_do_writes_nothing_and_says_nothing(folder, caplog):
    fits(folder)
    before = footprint(folder.path)
    caplog.set_level(logging.INFO)

    application(folder, "apply")

    assert footprint(folder.path) == before
    assert [record for record in caplog.records if record.name == "application"] == []


WORKER = """
import sys, time
from flask import Flask
from nukeworks_migrate.web import Migrations

app = Flask("application")
app.config.update(MIGRATIONS_DATABASE="app.sqlite", MIGRATIONS_BASE=".", MIGRATIONS_AT_START=sys.argv[2])
while time.time() < float(sys.argv[1]):
    pass
Migrations(app)
print(app.test_client().get("/none").status_code)
"""


def four_workers(folder, policy):
    """Start four processes that look at the same instant; each has to start."""
    together = str(time.time() + 1.5)

    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, together, policy],
            cwd=folder.path,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    told = [worker.communicate(timeout=60) for worker in workers]

    assert [(worker.returncode, out) for worker, (out, _) in zip(workers, told, strict=True)] == [(0, "404\n")] * 4, (
        told
    )


def test_of_several_workers_that_apply_at_once_one_does_and_all_start(folder):
    pending(folder)
    folder.add("0003_slow", "import time\ntime.sleep(0.3)\ndb.execute(\"INSERT INTO contacts (name) VALUES ('x')\")")

    four_workers(folder, "apply")

    assert folder.applied() == [1, 2, 3]
    assert folder.query("SELECT count(*) FROM contacts WHERE name = 'x'") == [(1,)]
    assert folder.query("SELECT event FROM schema_version_log WHERE name = '0003_slow'").count(("applied",)) == 1


# --- somebody else is at it

HOLD = """
import pathlib, sqlite3, sys, time
connection = sqlite3.connect("app.sqlite", isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
pathlib.Path("held").touch()
time.sleep(float(sys.argv[1]))
connection.execute("ROLLBACK")
connection.close()
time.sleep(60)
"""


@contextmanager
def held(folder, seconds):
    """Another process that keeps readers out for so long."""
    with python(folder, HOLD, str(seconds)) as holder:
        holder.wait_until((folder.path / "held").exists, "it holds the database")
        yield


@POSIX_ONLY
@pytest.mark.parametrize("policy", ["refuse", "warn", "dialog", "apply"])
def test_who_commits_for_half_a_second_is_waited_for(folder, policy, caplog):
    fits(folder)

    with held(folder, 0.5):
        answer = application(folder, policy).test_client().get("/")

    assert (answer.status_code, answer.text) == (200, "the application")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@POSIX_ONLY
def test_who_holds_the_database_for_long_is_not_waited_for(folder, caplog, monkeypatch):
    fits(folder)
    monkeypatch.setattr(start, "_PATIENCE_S", 0.3)
    before = folder.content()

    with held(folder, 30):
        for policy in ("refuse", "apply"):
            with pytest.raises(StartRefused) as refusal:
                application(folder, policy, MIGRATIONS_LOCK_TIMEOUT=0.3)
            assert isinstance(refusal.value.__cause__, Busy)
        assert "app.sqlite" in refusal.value.what
        caplog.clear()
        assert application(folder, "warn").test_client().get("/").status_code == 200
        (said,) = (record.getMessage() for record in caplog.records)
        closed = application(folder, "dialog").test_client().get("/")

    assert said.startswith("error: app.sqlite") and "[busy]" in said
    assert (closed.status_code, "The database cannot be looked at" in closed.text) == (503, True)
    assert folder.content() == before


@pytest.fixture
def hot(folder):
    """A database in which another program was killed while it wrote, and nothing is pending."""
    make_in_use(folder, "delete")
    folder.add_table("0001_one", "one")
    up(folder.project())
    folder.before = folder.content()
    with python(folder, HALF_A_WRITE) as writer:
        writer.wait_until((folder.path / "written").exists, "it wrote")
        writer.kill()
    folder.journal = Path(f"{folder.database}-journal")
    assert folder.journal.exists()
    return folder


@POSIX_ONLY
@pytest.mark.parametrize("policy", POLICIES)
def test_an_interrupted_write_is_recovered_as_any_reader_does(hot, policy):
    half = hot.database.read_bytes()

    answer = application(hot, policy).test_client().get("/")

    assert (answer.status_code, answer.text) == (200, "the application")
    if policy == "off":
        assert hot.database.read_bytes() == half
    else:
        assert not hot.journal.exists()
        assert hot.content() == hot.before


@POSIX_ONLY
def test_several_workers_at_once_all_recover_it_and_start(hot):
    four_workers(hot, "refuse")

    assert not hot.journal.exists()
    assert hot.content() == hot.before


# --- under flask, in a process of its own

APPLICATION = """
from flask import Flask
from nukeworks_migrate.web import Migrations

app = Flask(__name__)
app.config.update(SECRET_KEY="s", MIGRATIONS_DATABASE="app.sqlite", **{settings!r})

@app.cli.command("count")
def count():
    print("counted")

Migrations(app)
"""


def write_application(folder, name="web_app.py", **settings):
    (folder.path / name).write_text(APPLICATION.format(settings=settings), encoding="utf-8")


def flask(folder, *words, app="web_app", **variables):
    return subprocess.run(
        [*FLASK, "--app", app, *words],
        cwd=folder.path,
        env={**environment(folder), **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


REFUSAL = """\
error: the database does not fit this application: 1 pending: 0002_contacts   [start-refused]
  unchanged  the database is as it was; the application was not started
  next       apply them: flask apply-migrations, or flask migrations up
"""


@pytest.mark.parametrize("words", ["run --port 0", "run --debug --port 0", "shell", "count"])
def test_what_would_use_the_database_ends_with_words_and_3(folder, words):
    pending(folder)
    write_application(folder)
    before = footprint(folder.database.parent / "versions"), folder.database.read_bytes()

    done = flask(folder, *words.split())

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == REFUSAL
    assert (footprint(folder.database.parent / "versions"), folder.database.read_bytes()) == before


def test_an_application_that_is_called_as_a_command_of_ours_is_looked_at_all_the_same(folder):
    pending(folder)
    write_application(folder, "migrations.py")

    done = flask(folder, "run", "--port", "0", app="migrations")

    assert (done.returncode, done.stderr) == (3, REFUSAL)


@pytest.mark.parametrize("policy", ["refuse", "apply"])
def test_flask_lists_its_commands_and_looks_at_no_database(folder, policy):
    pending(folder)
    write_application(folder, MIGRATIONS_AT_START=policy)
    before = folder.database.read_bytes()

    done = flask(folder, "--help")

    assert done.returncode == 0
    assert "apply-migrations" in done.stdout and "  count" in done.stdout
    assert done.stderr == ""
    assert folder.database.read_bytes() == before


def test_our_own_commands_work_where_the_application_would_not_start(folder):
    pending(folder)
    write_application(folder)

    checked = flask(folder, "check-migrations")
    listed = flask(folder, "migration-history")
    planned = flask(folder, "migrations", "plan")
    applied = flask(folder, "apply-migrations", "--yes")
    back = flask(folder, "migrations", "down", "--to", "1", "--yes")

    assert (checked.returncode, "1 migration(s) pending" in checked.stdout) == (7, True)
    assert (listed.returncode, "Current Version: 1" in listed.stdout) == (0, True)
    assert (planned.returncode, "0002_contacts" in planned.stdout) == (0, True)
    assert applied.returncode == 0, applied.stderr
    assert (back.returncode, folder.applied()) == (0, [1])


@pytest.mark.parametrize(
    ("state", "words", "exit_code"),
    [
        (too_new, "migrations status", 0),
        (interrupted, "check-migrations", 6),
        (files_with_errors, "migrations plan", 3),
        (no_database, "migrations status", 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_our_own_commands_say_what_is_wrong_themselves(folder, state, words, exit_code):
    state(folder)
    write_application(folder, MIGRATIONS_AT_START="apply")

    done = flask(folder, *words.split())

    assert done.returncode == exit_code, done.stderr
    assert "start-refused" not in done.stderr and "Traceback" not in done.stderr


def test_a_failed_run_at_the_start_ends_with_its_words_and_its_exit_code(folder):
    pending(folder)
    folder.add("0003_wrong", 'db.execute("INSERT INTO nowhere VALUES (1)")')
    write_application(folder, MIGRATIONS_AT_START="apply")

    done = flask(folder, "run", "--port", "0")

    assert done.returncode == 4
    assert "error: 0003_wrong failed   [start-refused]" in done.stderr
    assert "no such table: nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert folder.applied() == [1]


def test_a_setting_that_means_nothing_ends_flask_with_words_and_2(folder):
    pending(folder)
    write_application(folder, MIGRATIONS_AT_START="refused")

    for words in (["run", "--port", "0"], ["migrations", "status"]):
        done = flask(folder, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "error: MIGRATIONS_AT_START = 'refused' means nothing here   [bad-setting]\n"
            "  cause      expected: refuse, warn, dialog, apply, off\n"
            "  unchanged  nothing was opened\n"
            "  next       correct the setting\n"
        )


GROUP = """
import click
from web_app_factory import create_app

@click.group(invoke_without_command=True)
def serve():
    create_app()
    print("served")

serve()
"""


def test_a_program_of_the_applications_own_that_needs_no_command_is_refused_too(folder):
    pending(folder)
    factory = APPLICATION.format(settings={}).replace("\n", "\n    ")
    (folder.path / "web_app_factory.py").write_text(f"def create_app():\n    {factory}", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", GROUP],
        cwd=folder.path,
        env=environment(folder),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (3, "", REFUSAL)


def test_completions_of_the_shell_are_found_where_the_application_would_not_start(folder):
    pending(folder)
    write_application(folder)

    done = subprocess.run(
        [sys.executable, "-c", "import sys; from flask.cli import main; sys.argv[0] = 'flask'; main()"],
        cwd=folder.path,
        env={
            **environment(folder),
            "FLASK_APP": "web_app",
            "_FLASK_COMPLETE": "bash_complete",
            "COMP_WORDS": "flask app",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,apply-migrations\n", "")


def test_flask_run_serves_an_application_that_fits(folder, tmp_path):
    fits(folder)
    write_application(folder)
    words = [*FLASK, "--app", "web_app", "run", "--port", "0"]

    with program(words, folder, tmp_path / "said") as served:
        served.wait_until(lambda: "Running on" in served.stderr, "it is served")


# --- the policy dialog


def test_what_is_closed_says_so_to_people_and_to_programs(folder):
    pending(folder)
    client = application(folder, "dialog", MIGRATIONS_OPEN_ENDPOINTS=["login"]).test_client()

    page = client.get("/")
    told = client.get("/", headers={"Accept": "application/json"})

    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "<title>The database has to be updated first</title>" in page.text
    assert 'href="/migrations/"' in page.text
    assert page.headers["Retry-After"] == "30" and page.headers["Cache-Control"] == "no-store"
    assert (told.status_code, told.mimetype) == (503, "application/json")
    assert told.json == {
        "error": {"code": "database-does-not-fit", "what": "The database does not fit: 1 pending: 0002_contacts."}
    }
    assert client.post("/").status_code == client.get("/nothing").status_code == 503
    assert client.get("/login").text == "log in"
    assert client.get("/migrations/").status_code == 200
    with client.get("/migrations/static/dialog.css") as style:
        assert style.status_code == 200


def test_a_page_of_a_database_that_is_too_new_does_not_ask_for_an_update(folder):
    too_new(folder)

    page = application(folder, "dialog").test_client().get("/").text

    assert "<title>The database does not fit this application</title>" in page
    assert "has to be updated first" not in page


def test_what_stands_in_a_file_name_is_escaped_on_the_page(folder):
    pending(folder)
    app = application(folder, "dialog", MIGRATIONS_VERSIONS="<b>")

    page = app.test_client().get("/").text

    assert "<b>" not in page


def test_the_static_files_of_the_application_stay_open(folder, tmp_path):
    pending(folder)
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "logo.svg").write_text("<svg/>")
    app = Flask("application", root_path=str(tmp_path))
    app.config.update(settings_of(folder, MIGRATIONS_AT_START="dialog"))
    Migrations(app)

    with app.test_client().get("/static/logo.svg") as answer:
        assert (answer.status_code, answer.text) == (200, "<svg/>")


def test_the_applications_own_code_is_not_asked_before_it_fits(folder):
    pending(folder)
    asked = []
    app = Flask("application")
    app.config.update(settings_of(folder, MIGRATIONS_AT_START="dialog"))
    app.before_request(lambda: asked.append("before"))
    Migrations(app, authorize=lambda: True)
    app.before_request(lambda: asked.append("behind"))
    client = app.test_client()

    assert client.get("/nothing").status_code == 503
    assert asked == []

    assert client.get("/migrations/").status_code == 200
    assert asked == ["before", "behind"]  # which the dialog needs: who is logged in is said there


def test_it_opens_by_itself_when_another_process_has_migrated(folder):
    pending(folder)
    client = application(folder, "dialog").test_client()
    assert client.get("/").status_code == 503

    assert folder.run("up", "--yes").returncode == 0

    assert client.get("/").text == "the application"


def test_it_opens_by_itself_when_the_dialog_has_migrated(folder, own_temporary_folder):
    pending(folder)
    client = application(folder, "dialog").test_client()
    confirm = client.get("/migrations/confirm").text
    fields = dict(re.findall(r'name="(form_token|plan)" value="([^"]+)"', confirm))

    answer = client.post("/migrations/apply", data=fields, headers={"Origin": "http://localhost"})
    end = time.monotonic() + 30
    while client.get(f"{answer.location}/state").json["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.01)

    assert client.get("/").text == "the application"
    assert folder.applied() == [1, 2]


def test_once_open_nobody_looks_any_more(folder):
    fits(folder)
    client = application(folder, "dialog").test_client()
    assert client.get("/").status_code == 200

    down(folder.project(), to=1)

    assert client.get("/").status_code == 200


def test_many_requests_at_once_find_it_open_at_once(folder):
    pending(folder)
    app = application(folder, "dialog")
    up(folder.project())
    found = []

    threads = [threading.Thread(target=lambda: found.append(app.test_client().get("/").status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [200] * 8


# --- how it is tied to an application


def test_a_factory_hands_the_application_in_later(folder):
    pending(folder)
    migrations = Migrations(authorize=lambda: True)
    app = Flask("application")
    app.config.update(settings_of(folder))

    with pytest.raises(StartRefused):
        migrations.init_app(app)
    up(folder.project())
    again = Flask("application")
    again.config.update(settings_of(folder))
    migrations.init_app(again)

    assert again.test_client().get("/migrations/").status_code == 200


def test_one_application_cannot_be_tied_twice(folder):
    fits(folder)
    app = application(folder)

    with pytest.raises(BadSetting, match="Migrations was tied to this application twice"):
        Migrations(app)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"MIGRATIONS_AT_START": "Refuse"}, "MIGRATIONS_AT_START = 'Refuse' means nothing here"),
        ({"MIGRATIONS_AT_START": True}, "MIGRATIONS_AT_START = True means nothing here"),
        ({"MIGRATIONS_AT_START": ["warn"]}, "MIGRATIONS_AT_START = ['warn'] means nothing here"),
        ({"MIGRATIONS_URL_PREFIX": "migrations"}, "MIGRATIONS_URL_PREFIX = 'migrations' means nothing here"),
        ({"MIGRATIONS_URL_PREFIX": "/migrations/"}, "MIGRATIONS_URL_PREFIX = '/migrations/' means nothing here"),
        ({"MIGRATIONS_URL_PREFIX": "/"}, "MIGRATIONS_URL_PREFIX = '/' means nothing here"),
        ({"MIGRATIONS_URL_PREFIX": 5}, "MIGRATIONS_URL_PREFIX = 5 means nothing here"),
        ({"MIGRATIONS_URL_PREFIX": "/<int:x>"}, "MIGRATIONS_URL_PREFIX = '/<int:x>' means nothing here"),
        ({"MIGRATIONS_HOSTS": 5}, "MIGRATIONS_HOSTS = 5 means nothing here"),
        ({"MIGRATIONS_HOSTS": [5]}, "MIGRATIONS_HOSTS = [5] means nothing here"),
        ({"MIGRATIONS_ORIGINS": True}, "MIGRATIONS_ORIGINS = True means nothing here"),
        ({"MIGRATIONS_OPEN_ENDPOINTS": [None]}, "MIGRATIONS_OPEN_ENDPOINTS = [None] means nothing here"),
        ({"MIGRATIONS_AT_STRAT": "warn"}, "unknown setting MIGRATIONS_AT_STRAT in the application's configuration"),
        ({"MIGRATIONS_LOCK_TIMEOUT": "soon"}, "MIGRATIONS_LOCK_TIMEOUT is 'soon'"),
        ({"MIGRATIONS_DATABASE": "mysql://db/x"}, "mysql:// is no database that this version knows"),
        ({"REQUIRED_SCHEMA_VERSION": "two"}, "REQUIRED_SCHEMA_VERSION is 'two'"),
    ],
    ids=str,
)
def test_a_setting_that_means_nothing_is_said_in_words(folder, settings, what):
    app = Flask("application")
    app.config.update(settings_of(folder))
    app.config.update(settings)

    with pytest.raises(BadSetting) as error:
        Migrations(app)

    assert error.value.what == what
    assert error.value.unchanged and error.value.next_step
    assert app.blueprints == {} and app.extensions == {}


def test_two_applications_in_one_process_have_each_their_own_database(folder, tmp_path):
    other = Folder(tmp_path / "other")
    other.add_table("0001_vendors", "vendors")
    up(other.project())
    pending(folder)

    closed = application(folder, "dialog").test_client()
    open_ = application(other, "dialog").test_client()

    assert (closed.get("/").status_code, open_.get("/").status_code) == (503, 200)
    assert "0002_contacts" in closed.get("/migrations/").text
    assert "up to date" in open_.get("/migrations/").text
    answer = open_.application.test_cli_runner().invoke(args=["check-migrations"])
    assert "Current schema version: 1" in answer.stdout


def test_a_project_that_is_handed_in_counts_instead_of_settings(folder):
    pending(folder)
    app = Flask("application")
    app.config.update(MIGRATIONS_DATABASE="of the settings.sqlite", SQLALCHEMY_DATABASE_URI="postgresql://x/y")
    app.config.update(MIGRATIONS_AT_START="apply", REQUIRED_SCHEMA_VERSION=2)

    Migrations(app, project=Project("app.sqlite", base=folder.path))

    assert folder.applied() == [1, 2]


def test_resources_beside_a_project_are_refused_and_not_lost(folder):
    pending(folder)

    with pytest.raises(BadSetting, match="Migrations was handed a project and resources"):
        Migrations(Flask("application"), project=folder.project(), resources={"notes_key": "s3cret"})


ASKS = """
resources = ["notes_key"]


def upgrade(db):
    db.execute("CREATE TABLE keys (key TEXT)")
    db.execute("INSERT INTO keys VALUES (?)", [db.resource("notes_key")])
"""


def test_a_resource_that_is_handed_in_reaches_the_migration(folder):
    folder.write("0001_keys.py", ASKS)

    application(folder, "apply", resources={"notes_key": "s3cret"})

    assert folder.query("SELECT key FROM keys") == [("s3cret",)]


def test_a_resource_that_nobody_hands_in_is_refused_in_words(folder):
    folder.write("0001_keys.py", ASKS)

    with pytest.raises(StartRefused) as error:
        application(folder, "apply")

    assert "notes_key" in error.value.what
    assert not folder.database.exists()


def test_the_database_of_flask_sqlalchemy_is_in_the_instance_folder(folder):
    one_and_two(folder)
    app = Flask("application", instance_path=str(folder.path / "instance"))
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite:///app.sqlite")
    app.config.update(MIGRATIONS_BASE=str(folder.path), MIGRATIONS_AT_START="apply")
    database = flask_sqlalchemy.SQLAlchemy(app)

    Migrations(app)

    with app.app_context():
        count = database.session.execute(database.text("SELECT count(*) FROM contacts")).scalar()
        database.session.remove()
        database.engine.dispose()
    assert count == 1
    assert (folder.path / "instance" / "app.sqlite").exists()
    assert not folder.database.exists()


def test_a_relative_uri_before_flask_sqlalchemy_is_there_is_refused_in_words(folder):
    app = Flask("application")
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite:///app.sqlite")

    with pytest.raises(BadSetting, match="SQLALCHEMY_DATABASE_URI is relative, and it is not known to which folder"):
        Migrations(app)


def test_the_folders_of_a_package_lie_beside_it(folder):
    pending(folder)
    (folder.path / "shop").mkdir()
    (folder.path / "shop" / "__init__.py").touch()

    for root in (folder.path, folder.path / "shop"):
        app = Flask("shop", root_path=str(root))
        app.config.update(MIGRATIONS_DATABASE="app.sqlite", MIGRATIONS_AT_START="refuse")
        with pytest.raises(StartRefused, match="1 pending: 0002_contacts"):
            Migrations(app)


def test_in_a_frozen_program_what_stays_lies_beside_the_program(folder, tmp_path, monkeypatch):
    one_and_two(folder)
    beside = tmp_path / "program"
    beside.mkdir()
    with closing(sqlite3.connect(beside / "app.sqlite")) as connection:
        connection.execute("CREATE TABLE older (id)")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(folder.path), raising=False)
    monkeypatch.setattr(sys, "executable", str(beside / "program.exe"))
    app = Flask("application")
    app.config.update(MIGRATIONS_DATABASE="app.sqlite", MIGRATIONS_AT_START="apply", MIGRATIONS_HEADER_INDEX=False)
    before = footprint(folder.path)

    Migrations(app)

    assert sorted(path.suffix for path in (beside / "snapshots").iterdir()) == [".json", ".sqlite"]
    with closing(sqlite3.connect(beside / "app.sqlite")) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (2,)
    assert footprint(folder.path) == before


def test_an_application_that_fits_imports_no_more_than_the_look_needs(folder):
    fits(folder)
    write_application(folder)
    script = "import sys, web_app; print(json.dumps(sorted(sys.modules)))".replace("import sys", "import json, sys")

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder.path, env=environment(folder), capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert not {"rich", "sqlparse", "asyncio", "flask_sqlalchemy"} & set(json.loads(done.stdout))
    assert os.listdir(folder.path)  # the folder was the current one
