"""check-migrations, apply-migrations and migration-history: the screens of the program before, and what they do."""

import re
import signal
import sqlite3
import subprocess
import textwrap
import threading
import time
from contextlib import closing

import pytest
from cli.screens import normalised, screen
from cli.terminal import Terminal
from documents.reading import code, table
from support import footprint
from web.flask_side import PROGRAM, Application, app_for, app_of, call, flask_environment, run_flask, write_app

from nukeworks_migrate.errors import BadSetting, Busy
from nukeworks_migrate.web.commands import _wait_and_check

# The two screens as they stand in the facts of the first user, one under the other.
FACTS = """
      Current schema version: 2
      Required schema version: 2
      ✓ Database is up to date

      Current Version: 2

      Migration History:
      ----------------------------------------------------------------------
      Version   1: Initial schema creation
                   Applied: 2025-10-04 20:18:45 by system
"""
CHECK_FACTS, _, HISTORY_FACTS = textwrap.dedent(FACTS).strip("\n").partition("\n\n")


@pytest.fixture
def two(folder):
    """Two migrations, and no database yet."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts")
    return folder


@pytest.fixture
def old(two):
    """A database that the system before has left behind at version 2."""
    two.sql(
        """
        CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE schema_version (
            version INTEGER PRIMARY KEY,
            applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
            applied_by TEXT,
            description TEXT);
        INSERT INTO schema_version VALUES (2, '2025-10-05 08:00:00', 'system', 'Energy off-takers');
        INSERT INTO schema_version VALUES (1, '2025-10-04 20:18:45', 'system', 'Initial schema creation');
        """
    )
    return two


def apply(folder, *words, **settings):
    return call(app_for(folder, **settings), "apply-migrations", *words)


@pytest.fixture
def at_terminal(folder):
    pytest.importorskip("pty", reason="there are no pseudo-terminals on this platform")
    return Terminal(folder, PROGRAM, "Apply migrations? (yes/no): ")


# --- check-migrations


def test_the_screen_of_a_database_that_is_up_to_date_is_that_of_the_facts(old):
    answer = call(app_for(old), "check-migrations")

    assert (answer.exit_code, answer.out, answer.err) == (0, f"{CHECK_FACTS}\n", "")


def test_pending_migrations_are_counted_and_the_exit_code_is_7(old):
    for version in range(3, 11):
        old.add(f"{version:04}_step")

    answer = call(app_for(old), "check-migrations")

    assert answer.exit_code == 7
    assert answer.out == screen(
        """
        Current schema version: 2
        Required schema version: 10
        ⚠ Database needs update (8 migration(s) pending)
        """
    )


def test_a_database_newer_than_the_files_exits_with_10(old):
    (old.versions / "0002_contacts.py").unlink()

    answer = call(app_for(old), "check-migrations")

    assert answer.exit_code == 10
    assert answer.out == screen(
        """
        Current schema version: 2
        Required schema version: 1
        ⚠ Database is newer than application
        """
    )


def test_what_the_application_requires_counts_and_not_all_that_the_files_hold(old):
    old.add("0003_more")

    required_2 = call(app_for(old, 2), "check-migrations")
    required_1 = call(app_for(old, 1), "check-migrations")

    assert required_2.out == f"{CHECK_FACTS}\n"
    assert required_1.exit_code == 10
    assert required_1.out.endswith("Required schema version: 1\n⚠ Database is newer than application\n")


def test_a_changed_file_is_named_and_the_exit_code_is_9(two):
    apply(two, "--yes")
    two.add_table("0001_clients", "customers")

    answer = call(app_for(two), "check-migrations")

    assert answer.exit_code == 9
    assert answer.out == screen(
        """
        Current schema version: 2
        Required schema version: 2
        ✗ 0001_clients was changed after it was applied
        What can be done: flask migrations plan
        """
    )


def test_a_missing_file_is_named_and_the_exit_code_is_9(two):
    apply(two, "--yes")
    (two.versions / "0001_clients.py").unlink()

    answer = call(app_for(two), "check-migrations")

    assert answer.exit_code == 9
    assert "\n✗ applied, and without a file: 0001_clients\nWhat can be done: flask migrations plan\n" in answer.out


def test_an_interrupted_migration_is_named_and_the_exit_code_is_6(two):
    two.add("0003_alone", 'db.execute("CREATE TABLE t (id)")\nraise ValueError("no")', head='transaction = "none"')
    apply(two, "--yes")

    answer = call(app_for(two), "check-migrations")

    assert answer.exit_code == 6
    assert re.search(r"\n✗ 0003_alone was interrupted: .*\nWhat can be done: flask migrations resume\n$", answer.out)


def test_files_that_cannot_be_read_exit_with_3_and_say_what_to_type(two):
    two.write("0003_wrong.py", "def upgrade(db:\n")

    answer = call(app_for(two), "check-migrations")

    assert (answer.exit_code, answer.out) == (3, "")
    assert answer.err == "✗ 1 problem in versions\ncorrect the files, then: flask migrations plan\n"


def test_a_file_that_is_no_database_exits_with_3(two):
    two.database.write_bytes(b"no database at all" * 100)

    answer = call(app_for(two), "check-migrations")

    assert answer.exit_code == 3
    assert answer.err.startswith("✗ ")


def test_a_wrong_setting_of_the_application_exits_with_2(two):
    def application():
        raise BadSetting("MIGRATIONS_SNAPSHOT = 'no' means nothing here", next_step="correct the setting")

    for command in ("check-migrations", "migration-history"):
        answer = call(app_of(application), command)
        assert (answer.exit_code, answer.out) == (2, "")
        assert answer.err == "✗ MIGRATIONS_SNAPSHOT = 'no' means nothing here\ncorrect the setting\n"


def test_a_database_that_somebody_holds_exits_with_5_at_once(two):
    apply(two, "--yes")
    with closing(sqlite3.connect(two.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answer = call(app_for(two), "check-migrations")

    assert answer.exit_code == 5
    assert answer.err.startswith("✗ ")


@pytest.mark.parametrize("words", [["check-migrations"], ["migration-history"]], ids=lambda words: words[0])
@pytest.mark.parametrize("state", ["nothing there", "the old system's", "ours"])
def test_looking_writes_nothing(request, two, words, state):
    if state == "the old system's":
        request.getfixturevalue("old")
    if state == "ours":
        apply(two, "--yes")
    before = footprint(two.path)

    call(app_for(two), *words)

    assert footprint(two.path) == before


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", "✓"), ("ascii", "[OK]"), ("cp1252", "[OK]")],
)
def test_a_console_that_has_no_such_marks_gets_words(old, encoding, mark):
    write_app(old)

    answer = run_flask(old, "check-migrations", PYTHONIOENCODING=encoding)

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.out.splitlines()[2] == f"{mark} Database is up to date"


def test_each_mark_has_a_word_for_such_a_console(two):
    write_app(two)
    asked = {"PYTHONIOENCODING": "ascii"}

    pending = run_flask(two, "check-migrations", **asked)
    applied = run_flask(two, "apply-migrations", "--yes", **asked)
    two.add_table("0001_clients", "größer")
    drifted = run_flask(two, "check-migrations", **asked)
    refused = run_flask(two, "apply-migrations", "--yes", **asked)
    two.write("0003_wrong.py", "def upgrade(db:\n")
    unreadable = run_flask(two, "check-migrations", **asked)

    assert pending.out.splitlines()[2].startswith("[WARNING] Database needs update")
    assert "  - Version 1: 0001_clients does something.\n" in applied.out
    assert "[OK] Migrations completed successfully\n" in applied.out
    assert drifted.out.splitlines()[2].startswith("[ERROR] 0001_clients was changed")
    assert refused.err.endswith("[ERROR] Migration failed or cancelled\n")
    assert unreadable.err.startswith("[ERROR] 1 problem in versions\n")


def test_check_migrations_as_a_program(old):
    write_app(old)
    old.add("0003_more")

    answer = run_flask(old, "check-migrations")

    assert (answer.exit_code, answer.err) == (7, "")
    assert answer.out.endswith("⚠ Database needs update (1 migration(s) pending)\n")


# --- migration-history


def test_the_history_is_the_one_of_the_facts_line_by_line(old):
    answer = call(app_for(old), "migration-history")

    assert answer.exit_code == 0
    assert answer.out.startswith(f"\n{HISTORY_FACTS}\n\n")
    assert (
        answer.out
        == screen(
            """
        .
        Current Version: 2

        Migration History:
        ----------------------------------------------------------------------
        Version   1: Initial schema creation
                     Applied: 2025-10-04 20:18:45 by system

        Version   2: Energy off-takers
                     Applied: 2025-10-05 08:00:00 by system
        """
        ).replace(".\n", "\n", 1)
        + "\n"
    )


def test_both_screens_of_the_facts_come_from_a_program(old):
    write_app(old)

    shown = run_flask(old, "check-migrations").out + run_flask(old, "migration-history").out

    lines = iter(shown.splitlines())
    assert [line for line in textwrap.dedent(FACTS).strip("\n").splitlines() if line not in lines] == []


def test_what_ran_here_is_shown_as_the_ledger_has_it(two):
    apply(two, "--yes")
    (row,) = two.query("SELECT applied_date, applied_by FROM schema_version WHERE version = 2")

    answer = call(app_for(two), "migration-history")

    assert f"Version   2: 0002_contacts does something.\n             Applied: {row[0]} by {row[1]}\n\n" in answer.out


def test_an_empty_database_has_version_0_and_no_entries(two):
    expected = "\nCurrent Version: 0\n\nMigration History:\n" + "-" * 70 + "\n"

    assert call(app_for(two), "migration-history").out == expected
    two.sql("CREATE TABLE other (id)")
    assert call(app_for(two), "migration-history").out == expected


def test_values_of_the_ledger_cannot_steer_the_terminal(old):
    old.sql("UPDATE schema_version SET description = char(27) || '[2J' || char(10) || 'x', applied_by = char(7)")

    answer = call(app_for(old), "migration-history")

    assert "Version   1: \\x1b[2J\\nx\n             Applied: 2025-10-04 20:18:45 by \\x07\n" in answer.out


def test_a_version_of_more_digits_and_a_row_without_description_or_user(old):
    old.sql(
        "UPDATE schema_version SET version = 20251004201845, description = NULL, applied_by = NULL WHERE version = 2"
    )

    answer = call(app_for(old), "migration-history")

    assert answer.out.startswith("\nCurrent Version: 20251004201845\n")
    assert answer.out.endswith("\nVersion 20251004201845:\n             Applied: 2025-10-05 08:00:00\n\n")


# --- apply-migrations

UPDATE = """
    .
    Database update required:
      Current version: 2
      Required version: 4

    Pending migrations:
      • Version 3: 0003_tiers does something.
      • Version 4: 0004_units does something.

    A backup will be created before updating.
    """


def update_screen():
    return screen(UPDATE).replace(".\n", "\n", 1)


@pytest.fixture
def pending(old):
    """The old system's database at version 2, and two more migrations."""
    old.add_table("0003_tiers", "tiers")
    old.add_table("0004_units", "units")
    return old


DONE = """
    snapshot  snapshots/SNAPSHOT-0002.sqlite   4.2 KiB
    1/2  0003_tiers   ran       0.04 s
    2/2  0004_units   ran       0.04 s

    ✓ Migrations completed successfully
    Current schema version: 4
    Back to where it was: flask migrations restore SNAPSHOT-0002
    """


def test_with_yes_it_applies_what_is_pending(pending):
    answer = apply(pending, "--yes")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == update_screen() + screen(DONE)
    assert pending.applied() == [1, 2, 3, 4]


def test_the_way_back_that_it_names_is_one(pending):
    before = pending.application_content()
    (snapshot,) = re.findall(r"flask migrations restore (\S+)", apply(pending, "-y").out)

    answer = call(app_for(pending), "migrations", "restore", snapshot, "--yes")

    assert answer.exit_code == 0
    assert pending.application_content() == before


def test_at_a_terminal_it_asks_and_a_yes_applies(pending, at_terminal):
    write_app(pending)

    answer = at_terminal("apply-migrations", answers=("YES\n",), NO_COLOR="1")

    assert answer.exit_code == 0
    done = screen(DONE).replace("flask migrations", "flask --app web_app migrations")
    assert answer.screen == f"{update_screen()}\nApply migrations? (yes/no): YES\n{done}"
    assert pending.applied() == [1, 2, 3, 4]


@pytest.mark.parametrize("typed", ["no\n", "y\n", "\n", "\x04"], ids=["no", "y", "the return key alone", "Ctrl-D"])
def test_anything_but_yes_changes_nothing_and_exits_with_3(pending, at_terminal, typed):
    write_app(pending)
    before = pending.content()

    answer = at_terminal("apply-migrations", answers=(typed,), NO_COLOR="1")

    assert answer.exit_code == 3
    assert pending.content() == before
    assert answer.screen.endswith(
        screen(
            """
            error: answered no   [not-confirmed]
              unchanged  nothing was changed
              next       run it again to be asked again
            ✗ Migration failed or cancelled
            """
        )
    )


def test_ctrl_c_at_the_question_exits_with_130(pending, at_terminal):
    write_app(pending)
    before = pending.content()

    answer = at_terminal("apply-migrations", answers=("\x03",), NO_COLOR="1")

    assert answer.exit_code == 130
    assert pending.content() == before
    assert "Traceback" not in answer.out


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal on this platform")
def test_a_signal_while_it_runs_rolls_back(pending):
    pending.add("0005_slow", 'import time\nopen("begun", "w").close()\ntime.sleep(60)')
    write_app(pending)
    before = pending.content()

    process = subprocess.Popen(
        [*PROGRAM, "apply-migrations", "--yes"],
        cwd=pending.path,
        env=flask_environment(pending),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not (pending.path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=60)

    assert process.returncode == 143
    assert err.decode().endswith("✗ Migration failed or cancelled\n")
    assert pending.content() == before


@pytest.mark.parametrize("typed", [None, b"yes\n"], ids=["nothing", "a yes in a pipe"])
def test_without_a_terminal_and_without_yes_it_is_refused(pending, typed):
    write_app(pending)
    before = pending.content()

    done = subprocess.run(
        [*PROGRAM, "apply-migrations"],
        cwd=pending.path,
        env=flask_environment(pending),
        capture_output=True,
        timeout=60,
        **({"stdin": subprocess.DEVNULL} if typed is None else {"input": typed}),
    )

    assert done.returncode == 3
    assert pending.content() == before
    assert normalised(done.stderr.decode()) == screen(
        """
        error: this needs a yes, and there is no terminal to ask at   [not-confirmed]
          unchanged  nothing was changed
          next       say it beforehand: --yes
        ✗ Migration failed or cancelled
        """
    )


def test_nothing_to_do_shows_the_three_lines_and_asks_nothing(old):
    before = footprint(old.path)

    answer = apply(old)

    assert (answer.exit_code, answer.out, answer.err) == (0, f"{CHECK_FACTS}\n", "")
    assert footprint(old.path) == before


def test_a_migration_that_fails_leaves_nothing_and_exits_with_4(pending):
    pending.add("0005_wrong", 'db.execute("INSERT INTO nowhere VALUES (1)")')
    before = pending.application_content()

    answer = apply(pending, "--yes")

    assert answer.exit_code == 4
    assert pending.application_content() == before
    assert answer.screen.endswith("3/3  0005_wrong   failed    0.04 s\n")
    assert answer.err.startswith("error: 0005_wrong failed   [step-failed]\n")
    assert answer.err.endswith("then: flask migrations up\n✗ Migration failed or cancelled\n")


def test_it_applies_what_the_application_requires_and_no_more(pending):
    answer = call(app_for(pending, 3), "apply-migrations", "--yes")

    assert answer.exit_code == 0
    assert "  Required version: 3\n" in answer.out
    assert "0004_units" not in answer.out
    assert "Current schema version: 3\n" in answer.out
    assert pending.applied() == [1, 2, 3]


@pytest.mark.parametrize("applied_too", [False, True], ids=["all below applied", "one below pending"])
def test_a_database_newer_than_required_is_refused_though_the_files_know_it(pending, applied_too):
    apply(pending, "--yes")
    if applied_too:
        call(app_for(pending), "migrations", "down", "--only", "3", "--yes")
    before = pending.application_content()

    answer = call(app_for(pending, 3), "apply-migrations", "--yes")

    assert answer.exit_code == 3
    assert "[newer-database]" in answer.err
    assert pending.application_content() == before


def test_drift_is_refused_with_the_error_of_up(pending):
    apply(pending, "--yes")
    pending.add_table("0003_tiers", "levels")
    pending.add("0005_more")

    answer = apply(pending, "--yes")

    assert answer.exit_code == 3
    assert answer.err.startswith("error: 0003_tiers was changed after it was applied   [checksum-drift]\n")
    assert "flask migrations accept 0003_tiers --reason …\n" in answer.err


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "A backup will be created before updating."),
        ({"snapshot": "destructive"}, "No backup will be created: the setting is snapshot = destructive."),
        ({"snapshot": "never"}, "No backup will be created: the setting is snapshot = never."),
    ],
    ids=["always", "destructive", "never"],
)
def test_it_says_whether_there_will_be_a_backup_and_keeps_to_it(pending, settings, line):
    answer = apply(pending, "--yes", **settings)

    assert f"\n{line}\n" in answer.out
    assert ("flask migrations restore" in answer.out) == (settings == {})
    assert (pending.path / "snapshots").exists() == (settings == {})


def test_a_new_database_is_made_and_needs_no_backup(two):
    answer = apply(two, "--yes")

    assert answer.exit_code == 0
    assert "\nThere is no database yet, and nothing to back up.\n1/2  0001_clients" in answer.out
    assert answer.out.endswith("\n✓ Migrations completed successfully\nCurrent schema version: 2\n")


def test_what_may_be_lost_is_said_before_the_question(pending, at_terminal):
    pending.add("0005_drop", 'db.execute("DROP TABLE tiers")')
    write_app(pending)

    answer = at_terminal("apply-migrations", answers=("no\n",), NO_COLOR="1")

    shown, _, _ = answer.out.partition("Apply migrations?")
    assert "0005_drop" in shown and "NWM101" in shown


def test_a_writer_that_is_about_to_commit_is_waited_for(pending):
    other = sqlite3.connect(pending.database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    write_app(pending)

    with closing(other):
        process = subprocess.Popen(
            [*PROGRAM, "apply-migrations", "--yes"], cwd=pending.path, env=flask_environment(pending)
        )
        time.sleep(1.5)
        other.execute("COMMIT")

    assert process.wait(timeout=60) == 0
    assert pending.applied() == [1, 2, 3, 4]


def test_a_look_in_between_waits_as_long_as_a_run_would(two):
    apply(two, "--yes")
    with closing(sqlite3.connect(two.database, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy):
            _wait_and_check(Application(two.project(lock_timeout_s=0.2), None))
        committing = threading.Timer(0.4, other.execute, ["COMMIT"])
        committing.start()
        found = _wait_and_check(Application(two.project(), None))
        committing.join()

    assert found.ok


@pytest.mark.parametrize("command", ["check-migrations", "apply-migrations", "migration-history", "migrations"])
def test_ctrl_c_while_it_looks_is_said_in_words(two, command):
    def application():
        raise KeyboardInterrupt

    answer = call(app_of(application), command, *(["status"] if command == "migrations" else []))

    assert answer.exit_code == 130
    assert answer.err == "\nstopped by Ctrl-C. See where it stands: flask migrations status\n"


def test_the_three_commands_have_help_and_take_no_other_words(two):
    app = app_for(two)

    for command in ("check-migrations", "apply-migrations", "migration-history"):
        helped = call(app, command, "--help")
        assert (helped.exit_code, f"{command} [OPTIONS]" in helped.out) == (0, True)
        assert call(app, command, "word").exit_code == 2
    assert "-y, --yes  Do not ask.\n" in call(app, "apply-migrations", "--help").out


def test_every_command_is_in_the_reference(two):
    told = {name for row in table("docs/reference.md", "Flask command") for name in code(row[0])}
    registered = {f"flask {name}" for name in app_for(two).cli.commands}

    assert {" ".join(name.split()[:2]) for name in told} == registered


def test_the_application_is_asked_when_a_command_runs_and_not_before(two):
    asked = []

    def application():
        asked.append(1)
        return Application(two.project(), None)

    app = app_of(application)
    call(app, "--help")
    call(app, "check-migrations", "--help")
    assert asked == []

    call(app, "check-migrations")

    assert asked == [1]
