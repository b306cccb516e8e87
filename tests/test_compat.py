"""The hand-made system's functions, under their names: what callers rely on, on databases of either system."""

import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from cli.terminal import Terminal
from flask import Flask
from support import REPOSITORY, Folder, content, environment, footprint

from nukeworks_migrate import compat, up
from nukeworks_migrate.compat import (
    MigrationError,
    ValidationError,
    apply_migrations,
    check_and_apply_migrations,
    create_migration_backup,
    get_current_schema_version,
    get_pending_migrations,
    get_required_schema_version,
    get_schema_version_info,
    validate_migration_sql,
    verify_database_integrity,
)
from nukeworks_migrate.errors import (
    BadSetting,
    ChecksumDrift,
    DatabaseRefused,
    FilesRefused,
    Interrupted,
    LedgerNotOurs,
    MigrateError,
    MissingFiles,
    NewerDatabase,
    Refused,
    StepFailed,
)

POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="there is no pty")


@pytest.fixture(autouse=True)
def _nothing_configured():
    yield
    compat.configure(None)


@pytest.fixture
def app(folder):
    """An application that is configured: three migrations, of which none is applied."""
    for name, table in (("0001_clients", "clients"), ("0002_tiers", "tiers"), ("0003_notes", "notes")):
        folder.add_table(name, table)
    compat.configure({}, base=folder.path)
    return folder


def snapshots(folder):
    return sorted(str(path) for path in (folder.path / "snapshots").glob("*.sqlite"))


# The versions


def test_a_database_that_is_not_there_has_version_0_and_is_not_made(folder):
    assert get_current_schema_version(folder.database) == 0
    assert get_schema_version_info(str(folder.database)) == {"current_version": 0, "migration_history": []}
    assert get_current_schema_version(folder.path / "no folder" / "app.sqlite") == 0
    assert [path.name for path in folder.path.iterdir()] == ["versions"]


def test_a_database_without_a_ledger_has_version_0(folder):
    folder.sql("CREATE TABLE t (id)")
    before = footprint(folder.path)

    assert get_current_schema_version(folder.database) == 0
    assert get_schema_version_info(folder.database)["current_version"] == 0
    assert footprint(folder.path) == before


def test_the_current_version_is_the_highest_that_is_applied(app):
    up(app.project(), to=2)

    assert get_current_schema_version(app.database) == 2


def test_a_relative_path_means_the_current_folder(app, monkeypatch):
    up(app.project(), to=2)
    monkeypatch.chdir(app.path)

    assert get_current_schema_version("app.sqlite") == 2


def test_the_versions_of_a_database_need_no_settings(folder):
    folder.add_table("0001_one", "one")
    up(folder.project())

    assert get_current_schema_version(folder.database) == 1
    assert verify_database_integrity(folder.database) is True


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        pytest.param(lambda folder: folder.database.write_text("no database" * 100), DatabaseRefused, id="no database"),
        pytest.param(lambda folder: folder.database.mkdir(), DatabaseRefused, id="a folder"),
        pytest.param(
            lambda folder: folder.sql("CREATE TABLE schema_version (name TEXT)"), LedgerNotOurs, id="not our ledger"
        ),
    ],
)
@pytest.mark.parametrize("ask", [get_current_schema_version, get_schema_version_info])
def test_what_cannot_be_read_raises_with_our_error_as_its_cause(folder, broken, error, ask):
    broken(folder)

    with pytest.raises(MigrationError) as failure:
        ask(folder.database)

    assert type(failure.value.__cause__) is error
    assert str(failure.value) == failure.value.__cause__.what


def test_the_required_version_is_what_the_application_says_or_else_the_highest_file(app):
    assert get_required_schema_version() == 3

    compat.configure({"REQUIRED_SCHEMA_VERSION": 2}, base=app.path)

    assert get_required_schema_version() == 2


def test_the_required_version_may_come_from_the_old_systems_map(app):
    config = {"APPLICATION_VERSION": "1.1.0", "VERSION_SCHEMA_MAP": {"1.0.0": 1, "1.1.0": 2}}

    compat.configure(config, base=app.path)

    assert get_required_schema_version() == 2


def test_the_history_has_the_old_systems_keys(app):
    up(app.project(), to=2)

    info = get_schema_version_info(app.database)

    assert info["current_version"] == 2
    assert [(row["version"], row["description"]) for row in info["migration_history"]] == [
        (1, "0001_clients does something."),
        (2, "0002_tiers does something."),
    ]
    assert all(
        set(row) == {"version", "applied_date", "applied_by", "description"} for row in info["migration_history"]
    )
    assert all(row["applied_date"] and row["applied_by"] for row in info["migration_history"])


# What is pending


@pytest.mark.parametrize(
    ("current", "required", "expected"),
    [
        (0, 3, ["0001_clients.py", "0002_tiers.py", "0003_notes.py"]),
        (1, 3, ["0002_tiers.py", "0003_notes.py"]),
        (0, 1, ["0001_clients.py"]),
        (3, 3, []),
        (3, 1, []),
        (9, 1, []),
    ],
)
def test_pending_is_what_leads_from_one_version_to_another(app, current, required, expected):
    assert get_pending_migrations(current, required) == expected
    assert not app.database.exists()


def test_pending_comes_in_the_order_in_which_it_runs(folder):
    for name, depends_on in (("0001_a", ""), ("0002_b", "0009_d"), ("0009_d", ""), ("0010_e", "")):
        folder.add_table(name, name[5:], depends_on=depends_on)
    compat.configure({}, base=folder.path)

    assert get_pending_migrations(1, 2) == ["0009_d.py", "0002_b.py"]
    assert get_pending_migrations(0, 10) == ["0001_a.py", "0009_d.py", "0002_b.py", "0010_e.py"]


@pytest.mark.parametrize(("current", "required", "missing"), [(0, 4, 4), (1, 9, 9), (-1, 2, -1)])
def test_a_version_without_a_file_is_an_error(app, current, required, missing):
    with pytest.raises(MigrationError, match=f"^there is no file for version {missing}$"):
        get_pending_migrations(current, required)


def test_problems_of_the_files_are_in_the_words_of_the_error(app):
    app.write("0003_again.py", "def upgrade(db):\n    pass\n")

    with pytest.raises(MigrationError) as failure:
        get_pending_migrations(0, 3)

    assert isinstance(failure.value.__cause__, FilesRefused)
    assert "version 3 is taken twice" in str(failure.value)


# Applying


def test_migrations_are_applied_behind_a_backup_whose_path_comes_back(app):
    up(app.project(), to=1)
    before = app.content()

    backup = apply_migrations(str(app.database), get_pending_migrations(1, 3))

    assert app.applied() == [1, 2, 3]
    assert snapshots(app)[-1:] == [backup]
    assert content(app.path / backup) == before


def test_a_new_database_needs_no_backup(app):
    assert apply_migrations(app.database, get_pending_migrations(0, 3)) == ""
    assert app.applied() == [1, 2, 3]


def test_nothing_pending_and_no_files_is_nothing_done(app):
    up(app.project())
    before = footprint(app.path)

    assert apply_migrations(app.database, []) == ""
    assert footprint(app.path) == before


def test_the_order_of_the_files_does_not_matter_nor_their_folder(app):
    files = [app.versions / "0003_notes.py", "versions/0001_clients.py", "0002_tiers.py"]

    apply_migrations(app.database, iter(files))

    assert app.applied() == [1, 2, 3]


@pytest.mark.parametrize(
    ("applied", "files", "words"),
    [
        pytest.param(
            0,
            ["0001_clients.py", "0003_notes.py"],
            "the files are not what is pending: pending, and not among the files: 0002_tiers",
            id="one is left out",
        ),
        pytest.param(
            1,
            ["0001_clients.py", "0002_tiers.py", "0003_notes.py"],
            "the files are not what is pending: among the files, and not pending: 0001_clients",
            id="one is applied",
        ),
        pytest.param(
            2,
            ["0004_new.py"],
            "the files are not what is pending: pending, and not among the files: 0003_notes;"
            " among the files, and not pending: 0004_new",
            id="one is not there",
        ),
        pytest.param(0, [], "the files are not what is pending: pending, and not among the files: "
                     "0001_clients, 0002_tiers, 0003_notes", id="none"),
        pytest.param(
            3,
            ["0003_notes.py"],
            "the files are not what is pending: among the files, and not pending: 0003_notes",
            id="nothing is pending",
        ),
        pytest.param(
            0,
            ["0001_clients.py", "0002_tiers.py"],
            "the files are not what is pending: pending, and not among the files: 0003_notes",
            id="they do not lead to the required version",
        ),
    ],
)  # fmt: skip
def test_other_files_than_what_is_pending_are_refused_and_nothing_runs(app, applied, files, words):
    if applied:
        up(app.project(), to=applied)
    before = footprint(app.path)

    with pytest.raises(MigrationError) as failure:
        apply_migrations(app.database, files)

    assert str(failure.value) == words
    assert isinstance(failure.value.__cause__, Refused)
    assert footprint(app.path) == before


def test_up_to_the_version_that_the_application_requires(app):
    compat.configure({"REQUIRED_SCHEMA_VERSION": 2}, base=app.path)

    apply_migrations(app.database, get_pending_migrations(0, 2))

    assert app.applied() == [1, 2]
    with pytest.raises(MigrationError):
        apply_migrations(app.database, ["0003_notes.py"])
    assert app.applied() == [1, 2]


def test_a_database_that_is_newer_than_required_is_refused(app):
    up(app.project())
    compat.configure({"REQUIRED_SCHEMA_VERSION": 2}, base=app.path)

    with pytest.raises(MigrationError, match="newer than this application") as failure:
        apply_migrations(app.database, [])

    assert isinstance(failure.value.__cause__, NewerDatabase)


def test_a_newer_database_is_refused_before_what_it_lacks_is_run(app):
    up(app.project(), only="0001_clients")
    up(app.project(), only="0003_notes")
    compat.configure({"REQUIRED_SCHEMA_VERSION": 2}, base=app.path)

    with pytest.raises(MigrationError, match="newer than this application"):
        apply_migrations(app.database, ["0002_tiers.py"])

    assert app.applied() == [1, 3]


def test_a_failing_migration_leaves_nothing_of_the_run(app):
    up(app.project(), to=1)
    app.add("0003_notes", 'db.execute("CREATE TABLE notes (id)"); db.execute("INSERT INTO nowhere VALUES (1)")')
    before = app.application_content()

    with pytest.raises(MigrationError) as failure:
        apply_migrations(app.database, get_pending_migrations(1, 3))

    assert isinstance(failure.value.__cause__, StepFailed)
    assert app.applied() == [1]
    assert app.application_content() == before


# Backups


def test_a_backup_is_a_whole_copy_in_the_configured_folder(app):
    compat.configure({"SNAPSHOT_DIR": "copies"}, base=app.path)
    up(app.project(), to=2)
    with closing(sqlite3.connect(app.database)) as other:
        other.execute("INSERT INTO tiers (name) VALUES ('not committed')")

        backup = create_migration_backup(app.database)

    assert os.path.dirname(backup) == str(app.path / "copies")
    assert content(app.path / backup) == app.content()


def test_a_backup_of_nothing_is_an_error(app):
    with pytest.raises(MigrationError, match="there is no database"):
        create_migration_backup(app.database)

    assert not app.database.exists()


# Judging SQL

WHOLE = """
-- Description: Clients
-- Version: 3
BEGIN TRANSACTION;
CREATE TABLE clients (id INTEGER PRIMARY KEY, note TEXT DEFAULT 'DROP TABLE; COMMIT');
INSERT INTO schema_version (version, applied_by, description) VALUES (3, 'system', 'Clients');
COMMIT;
"""


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(WHOLE, id="as the old files were"),
        pytest.param(WHOLE.lower(), id="in small letters"),
        pytest.param(f"/*{'x' * 5000}*/{WHOLE}", id="behind a long comment"),
        pytest.param(WHOLE.replace("BEGIN TRANSACTION", "BEGIN IMMEDIATE"), id="begun at once"),
        pytest.param(WHOLE.replace("COMMIT;\n", "END TRANSACTION;\n"), id="ended by another word"),
        pytest.param(WHOLE.replace("INSERT INTO", "INSERT OR REPLACE INTO"), id="the row replaced"),
        pytest.param(WHOLE.replace("INSERT INTO schema_version", 'INSERT INTO main."schema_version"'), id="quoted"),
    ],
)
def test_sql_that_has_what_it_needs_passes_without_a_word(sql, caplog):
    validate_migration_sql(sql)

    assert caplog.messages == []


@pytest.mark.parametrize(
    ("sql", "missing"),
    [
        ("", "BEGIN TRANSACTION, COMMIT, a row written to schema_version"),
        (WHOLE.replace("BEGIN TRANSACTION;", "-- BEGIN TRANSACTION;"), "BEGIN TRANSACTION"),
        (WHOLE.replace("COMMIT;\n", "/* COMMIT; */"), "COMMIT"),
        (WHOLE.replace("COMMIT;\n", "SELECT 'COMMIT;';"), "COMMIT"),
        (WHOLE.replace("INTO schema_version", "INTO schema_versions"), "a row written to schema_version"),
        (
            WHOLE.replace("INSERT INTO schema_version", "-- schema_version\nINSERT INTO versions"),
            "a row written to schema_version",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END;",
            "BEGIN TRANSACTION, COMMIT, a row written to schema_version",
        ),
    ],
)
def test_what_stands_in_comments_strings_and_triggers_satisfies_nothing(sql, missing):
    with pytest.raises(ValidationError) as failure:
        validate_migration_sql(sql)

    assert str(failure.value) == f"the migration lacks {missing}"
    assert isinstance(failure.value, MigrationError)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE clients", ["NWM101: table clients is dropped with all its rows"]),
        ("DELETE FROM clients", ["NWM103: rows of clients are deleted without WHERE"]),
        ("DELETE FROM clients WHERE id = 1", ["rows of clients are deleted"]),
        ("ALTER TABLE clients DROP COLUMN tier", ["NWM102: column tier of clients is dropped with its values"]),
        ("SELECT 'DROP TABLE clients'", []),
        ("-- DELETE FROM clients\nSELECT 1", []),
        ("DROP VIEW all_clients", []),
    ],
)
def test_what_loses_data_is_warned_of_by_logging(statement, words, caplog):
    validate_migration_sql(WHOLE.replace("COMMIT;\n", f"{statement};\nCOMMIT;\n"))

    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("nukeworks_migrate.compat", logging.WARNING) for _ in words
    ]
    assert caplog.messages == words


def test_sql_that_cannot_be_read_is_refused():
    with pytest.raises(ValidationError, match="cannot be read"):
        validate_migration_sql(f"{WHOLE}\0")


# Integrity


def test_a_sound_database_is_true(app):
    up(app.project())

    assert verify_database_integrity(app.database) is True


def test_a_foreign_key_that_finds_nothing_is_an_error_that_names_the_row(folder):
    folder.sql(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a_id REFERENCES a (id));"
        "INSERT INTO b VALUES (7, 1)"
    )

    with pytest.raises(MigrationError, match=r"b \(7\): a_id has no row in a"):
        verify_database_integrity(folder.database)


def test_a_damaged_file_is_an_error(folder):
    folder.sql("CREATE TABLE t (x); CREATE INDEX i ON t (x);")
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(f"value {n}" * 20,) for n in range(1000)])
        connection.commit()
    size = folder.database.stat().st_size
    with folder.database.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)

    with pytest.raises(MigrationError) as failure:
        verify_database_integrity(folder.database)

    assert isinstance(failure.value.__cause__, DatabaseRefused)


def test_the_integrity_of_nothing_is_an_error(folder):
    with pytest.raises(MigrationError, match="there is no database"):
        verify_database_integrity(folder.database)
    assert not folder.database.exists()


# The check at the start, on the screen

APPLICATION = """
import logging, sys
logging.basicConfig(stream=open("app.log", "a", encoding="utf-8"), format="%(name)s %(levelname)s %(message)s")
from nukeworks_migrate.compat import check_and_apply_migrations, configure
configure({config!r}, base=".")
print("answer:", check_and_apply_migrations("app.sqlite", interactive={interactive}))
"""


def start(folder, *, interactive=True, typed="", config=None, **variables):
    """Start the application in a process of its own, and return all that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", APPLICATION.format(config=config or {}, interactive=interactive)],
        cwd=folder.path,
        env={**environment(folder), **variables},
        input=typed.encode(),
        capture_output=True,
        timeout=60,
    )
    assert done.stderr == b""
    assert done.returncode == 0
    return done.stdout.decode().replace("\r\n", "\n")


QUESTION = """
Database update required:
  Current version: 1
  Required version: 3

Pending migrations:
  • Version 2: 0002_tiers does something.
  • Version 3: 0003_notes does something.

A backup will be created before updating.


Apply migrations? (yes/no): """
APPLIED = """
[SUCCESS] Database updated successfully!
  Backup location: {backup}
answer: True
"""


def test_a_database_that_fits_is_true_without_a_word(app):
    up(app.project())
    before = footprint(app.path)

    assert start(app) == "answer: True\n"

    (app.path / "app.log").unlink()
    assert footprint(app.path) == before


@pytest.mark.parametrize("typed", ["yes\n", "YES\n", " Yes \r\n", "yes"])
def test_yes_in_any_case_applies(app, typed):
    up(app.project(), to=1)

    shown = start(app, typed=typed)

    (backup,) = snapshots(app)
    end_of_line = "" if typed.endswith("\n") else "\n"
    assert shown == f"{QUESTION}{end_of_line}{APPLIED.format(backup=backup)}"
    assert app.applied() == [1, 2, 3]


@pytest.mark.parametrize("typed", ["no\n", "y\n", "\n", "yess\n", ""], ids=["no", "y", "enter", "yess", "end of input"])
def test_anything_but_yes_changes_nothing(app, typed):
    up(app.project(), to=1)
    before = app.content()

    shown = start(app, typed=typed)

    assert shown == f"{QUESTION}{'' if typed else chr(10)}\nMigration cancelled. Nothing was changed.\nanswer: False\n"
    assert (app.content(), snapshots(app)) == (before, [])


def test_without_standard_input_nobody_says_yes(app, monkeypatch, capsys):
    up(app.project(), to=1)
    monkeypatch.setattr(sys, "stdin", None)

    assert check_and_apply_migrations(app.database) is False
    assert app.applied() == [1]
    assert capsys.readouterr().out.endswith("Nothing was changed.\n")


def test_without_standard_output_it_goes_on(app, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    assert check_and_apply_migrations(app.database, interactive=False) is True
    assert app.applied() == [1, 2, 3]


@POSIX_ONLY
def test_at_a_real_terminal_it_asks_and_hears(app):
    up(app.project(), to=1)
    program = [sys.executable, "-c", APPLICATION.format(config={}, interactive=True)]

    answer = Terminal(app, program, "(yes/no): ")(answers=("yes\n",))

    (backup,) = snapshots(app)
    assert answer.out == f"{QUESTION}yes\n{APPLIED.format(backup=backup)}"
    assert app.applied() == [1, 2, 3]


@POSIX_ONLY
def test_ctrl_c_at_the_question_ends_the_program_and_changes_nothing(app):
    up(app.project(), to=1)
    before = app.content()
    program = [sys.executable, "-c", APPLICATION.format(config={}, interactive=True)]

    answer = Terminal(app, program, "(yes/no): ")(answers=("\x03",))

    assert answer.exit_code in (-2, 130)
    assert "KeyboardInterrupt" in answer.out
    assert app.content() == before


def test_without_asking_it_applies_at_once(app):
    up(app.project(), to=1)

    shown = start(app, interactive=False)

    (backup,) = snapshots(app)
    assert shown == APPLIED.format(backup=backup)


def test_a_new_database_is_made_and_has_no_backup(app):
    shown = start(app, typed="yes\n")

    assert "There is no database yet, and nothing to back up.\n" in shown
    assert shown.endswith("\n[SUCCESS] Database updated successfully!\nanswer: True\n")
    assert app.applied() == [1, 2, 3]


def test_a_console_that_cannot_show_a_character_gets_an_escape(app):
    up(app.project(), to=1)

    shown = start(app, typed="yes\n", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert "  \\u2022 Version 2: 0002_tiers does something.\n" in shown
    assert app.applied() == [1, 2, 3]


def test_a_newer_database_is_refused_in_the_old_systems_words(app):
    up(app.project())

    shown = start(app, config={"REQUIRED_SCHEMA_VERSION": 1})

    assert shown == (
        "ERROR: This database (version 3) is newer than this application (requires version 1).\n"
        "\n"
        "Please update the application to the latest version.\n"
        "answer: False\n"
    )
    assert (app.path / "app.log").read_text(encoding="utf-8") == (
        "nukeworks_migrate.compat ERROR this database (version 3) is newer than this application (requires version 1)\n"
    )


def test_a_migration_that_fails_is_told_with_what_to_do_next(app):
    up(app.project(), to=1)
    app.add("0003_notes", 'db.execute("INSERT INTO nowhere VALUES (1)")')
    before = app.application_content()

    shown = start(app, interactive=False)

    assert shown == (
        "\n"
        "[ERROR] Migration error: 0003_notes failed\n"
        "  where      versions/0003_notes.py:5\n"
        "             INSERT INTO nowhere VALUES (1)\n"
        "  cause      no such table: nowhere\n"
        "  unchanged  the run was rolled back; database and ledger are as they were\n"
        "  next       correct the file, then: migrate up\n"
        "answer: False\n"
    )
    assert app.application_content() == before
    assert "ERROR Migration error: 0003_notes failed" in (app.path / "app.log").read_text(encoding="utf-8")


def drifted(folder):
    up(folder.project())
    folder.add_table("0002_tiers", "levels")


def missing(folder):
    up(folder.project())
    (folder.versions / "0002_tiers.py").unlink()


def interrupted(folder):
    up(folder.project())
    folder.sql(
        "INSERT INTO schema_version_log (happened_at, event, version, name, direction, run_id)"
        " VALUES ('2026-01-01', 'started', 4, '0004_four', 'up', 'x')"
    )


@pytest.mark.parametrize(
    ("happened", "words", "error"),
    [
        pytest.param(drifted, "0002_tiers was changed after it was applied", ChecksumDrift, id="drifted"),
        pytest.param(missing, "applied, and without a file: 0002_tiers", MissingFiles, id="missing"),
        pytest.param(
            interrupted,
            "0004_four was interrupted: it began at 2026-01-01 and never ended",
            Interrupted,
            id="interrupted",
        ),
    ],
)
def test_what_must_not_be_ignored_is_an_error_in_our_words(app, happened, words, error, capsys, caplog):
    happened(app)
    before = app.content()

    assert check_and_apply_migrations(app.database, interactive=False) is False

    shown = capsys.readouterr().out
    assert shown.startswith(f"\n[ERROR] Migration error: {words}\n")
    assert "\n  next       " in shown
    assert caplog.messages == [f"Migration error: {words}"]
    assert app.content() == before
    with pytest.raises(MigrationError) as failure:
        apply_migrations(app.database, [])
    assert isinstance(failure.value.__cause__, error)


def test_it_never_raises_whatever_is_wrong(app, capsys, monkeypatch):
    monkeypatch.chdir(app.path)
    for damage in (
        lambda: app.write("foo.py", ""),
        lambda: compat.configure(None),
        lambda: compat.configure({"MIGRATIONS_VERSIONS": "nowhere"}, base=app.path),
        lambda: app.database.write_text("no database" * 100),
    ):
        damage()

        assert check_and_apply_migrations(app.database) is False
        assert capsys.readouterr().out.startswith("\n[ERROR] Migration error: ")
    assert check_and_apply_migrations(7) is False
    assert "[ERROR] Migration error: TypeError" in capsys.readouterr().out


def test_control_characters_of_a_file_do_not_reach_the_terminal(folder):
    folder.write("0001_one.py", '"""Make \\x1b[31mone."""\n\n\ndef upgrade(db):\n    pass\n')

    shown = start(folder, typed="no\n")

    assert "\x1b" not in shown
    assert "  • Version 1: Make \\x1b[31mone.\n" in shown


@POSIX_ONLY
def test_an_interrupted_write_of_the_application_is_recovered_as_by_any_program(app):
    up(app.project())
    # A hot journal: the file as it was, the journal of a write that was killed.
    script = (
        "import os, sqlite3; c = sqlite3.connect('app.sqlite', isolation_level=None); c.execute('PRAGMA cache_size=1');"
        "c.execute('BEGIN');"
        "c.executemany('INSERT INTO notes (name) VALUES (?)', [('x' * 900,) for _ in range(2000)]);"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=app.path, check=False)
    assert os.path.getsize(f"{app.database}-journal") > 0

    assert start(app) == "answer: True\n"
    assert app.query("SELECT name FROM notes") == [("notes",)]


# Where the settings come from


def test_configure_replaces_what_was_said_and_refuses_what_means_nothing(app, tmp_path):
    other = Folder(tmp_path / "other")
    other.add_table("0007_seven", "seven")

    with pytest.raises(MigrationError, match="unknown setting MIGRATIONS_DIRS"):
        compat.configure({"MIGRATIONS_DIRS": "x"}, base=app.path)
    assert get_required_schema_version() == 3
    compat.configure({"MIGRATIONS_DIR": other.versions}, base=app.path)
    assert get_required_schema_version() == 7


def test_the_current_flask_application_is_asked(folder):
    folder.add_table("0001_one", "one")
    app = Flask("shop", root_path=str(folder.path))
    app.config.update(REQUIRED_SCHEMA_VERSION=1, SNAPSHOT_DIR="copies")

    with app.app_context():
        assert get_required_schema_version() == 1
        assert apply_migrations(folder.database, ["0001_one.py"]) == ""
        assert os.path.dirname(create_migration_backup(folder.database)) == str(folder.path / "copies")


def test_what_the_extension_of_that_application_was_given_counts(folder, tmp_path):
    from nukeworks_migrate.web import Migrations

    folder.add_table("0001_one", "one")
    app = Flask("shop", root_path=str(tmp_path))
    app.config["MIGRATIONS_AT_START"] = "off"
    Migrations(app, project=folder.project(snapshots="copies"))

    with app.app_context():
        other = folder.path / "other.sqlite"
        assert apply_migrations(other, ["0001_one.py"]) == ""
        assert os.path.dirname(create_migration_backup(other)) == str(folder.path / "copies")
    assert not folder.database.exists()


def test_what_was_configured_counts_before_the_current_application(app):
    other = Flask("other", root_path=str(app.path / "elsewhere"))

    with other.app_context():
        assert get_required_schema_version() == 3


def test_else_the_settings_file_is_read_and_the_database_is_the_one_that_was_given(folder, monkeypatch):
    folder.add_table("0001_one", "one")
    (folder.path / "setup.cfg").write_text(
        "[nukeworks_migrate]\ndatabase = other.sqlite\nsnapshots = copies\n", encoding="utf-8"
    )
    (folder.path / "below").mkdir()
    monkeypatch.chdir(folder.path / "below")

    apply_migrations("../app.sqlite", ["0001_one.py"])

    assert folder.applied() == [1]
    assert not (folder.path / "other.sqlite").exists()
    assert os.path.dirname(create_migration_backup(folder.database)) == str(folder.path / "copies")


def test_else_the_environment(folder, tmp_path, monkeypatch):
    folder.add_table("0001_one", "one")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUKEWORKS_MIGRATE_VERSIONS", str(folder.versions))

    assert get_required_schema_version() == 1


def test_where_nothing_says_anything_it_is_an_error_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(MigrationError, match="nothing says where the migrations are") as failure:
        get_required_schema_version()

    assert isinstance(failure.value.__cause__, BadSetting)
    assert "configure" in failure.value.__cause__.next_step


def test_importing_it_is_light_and_flask_is_left_alone():
    script = (
        "import sys; import nukeworks_migrate.compat;"
        "import json; print(json.dumps([name for name in sys.modules if name.startswith('nukeworks_migrate.')"
        " or name in ('flask', 'click', 'sqlite3', 'logging', 'rich')]))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert sorted(json.loads(done.stdout)) == [
        "nukeworks_migrate.compat",
        "nukeworks_migrate.errors",
        "nukeworks_migrate.version",
    ]


def test_every_error_of_ours_comes_out_as_the_one_that_callers_know(app):
    with pytest.raises(MigrationError) as failure:
        create_migration_backup(app.path / "nowhere.sqlite")

    assert isinstance(failure.value.__cause__, MigrateError)
    assert not isinstance(failure.value, MigrateError)


# A database that the old system left behind, with NukeWorks' own migrations

OLD_LEDGER = """
    CREATE TABLE schema_version (
        version INTEGER PRIMARY KEY,
        applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
        applied_by TEXT,
        description TEXT);
    INSERT INTO schema_version VALUES
        (1, '2025-10-04 20:18:45', 'system', 'Initial schema creation'),
        (2, '2025-10-05 08:00:00', 'system', 'Offtakers');
"""


@pytest.fixture
def old(tmp_path):
    """What the old system left at version 2, with a row of the application's."""
    folder = Folder(tmp_path / "nukeworks")
    compat.configure({"MIGRATIONS_DIR": REPOSITORY / "versions", "MIGRATIONS_HEADER_INDEX": False}, base=folder.path)
    compat.apply_migrations(folder.database, get_pending_migrations(0, get_required_schema_version()))
    from nukeworks_migrate import Project, down

    down(Project("app.sqlite", REPOSITORY / "versions", base=folder.path, header_index=False), to=2)
    for path in snapshots(folder):
        os.unlink(path)
    for table in sorted(table for table in folder.tables() if table.startswith("schema_version")):
        folder.sql(f"DROP TABLE {table}")
    folder.sql(
        OLD_LEDGER + "DELETE FROM database_snapshots; INSERT INTO technology_vendors (vendor_name) VALUES ('Acme')"
    )
    return folder


def test_an_old_database_is_read_as_it_stands(old):
    before = footprint(old.path)

    assert get_current_schema_version(old.database) == 2
    assert get_schema_version_info(old.database) == {
        "current_version": 2,
        "migration_history": [
            {
                "version": 1,
                "applied_date": "2025-10-04 20:18:45",
                "applied_by": "system",
                "description": "Initial schema creation",
            },
            {"version": 2, "applied_date": "2025-10-05 08:00:00", "applied_by": "system", "description": "Offtakers"},
        ],
    }
    assert get_pending_migrations(2, 4) == ["0003_add_clients_crm.py", "0004_add_project_coordinates.py"]
    assert get_required_schema_version() == 10
    assert footprint(old.path) == before


def test_an_old_database_is_brought_up_behind_a_backup_of_it_as_it_was(old):
    before = old.content()

    backup = apply_migrations(old.database, get_pending_migrations(2, 10))

    assert old.query("SELECT max(version) FROM schema_version") == [(10,)]
    assert old.query("SELECT vendor_name FROM technology_vendors") == [("Acme",)]
    assert old.query("SELECT snapshot_type FROM database_snapshots") == [("MIGRATION_BACKUP",)]
    assert content(old.path / backup) == before
    assert check_and_apply_migrations(old.database) is True
    assert verify_database_integrity(old.database) is True
    history = get_schema_version_info(old.database)["migration_history"]
    assert [row["version"] for row in history] == list(range(1, 11))
    assert history[0]["applied_date"] == "2025-10-04 20:18:45"


def test_an_old_database_is_asked_about_to_the_letter(old):
    config = {"MIGRATIONS_DIR": str(REPOSITORY / "versions"), "MIGRATIONS_HEADER_INDEX": False}

    shown = start(old, typed="yes\n", config=config)

    (backup,) = snapshots(old)
    assert shown.startswith(
        "\nDatabase update required:\n  Current version: 2\n  Required version: 10\n\nPending migrations:\n"
        "  • Version 3: Add clients and their relationships, and three client topics to roundtable notes.\n"
        "  • Version 4: "
    )
    assert re.findall(r"  • Version (\d+): ", shown) == [str(version) for version in range(3, 11)]
    assert shown.endswith(
        "\n\nA backup will be created before updating.\n\n\nApply migrations? (yes/no): "
        f"\n[SUCCESS] Database updated successfully!\n  Backup location: {backup}\nanswer: True\n"
    )
