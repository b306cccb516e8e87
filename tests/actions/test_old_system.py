"""A database of the old system: four columns, rows by 'system'. It is carried on, and nothing runs again."""

import sqlite3
from contextlib import closing

import pytest

from nukeworks_migrate import accept, check, create_snapshot, down, history, plan, restore, stamp, status, up

OLD_LEDGER = """
CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    applied_by TEXT,
    description TEXT
);
"""
FIRST = "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO clients (name) VALUES ('kept');"
SECOND = "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT);"
NAMES = ("0001_clients", "0002_contacts", "0003_notes")


def row(version, date="2024-05-01 00:00:00", description="By hand"):
    return f"INSERT INTO schema_version VALUES ({version}, '{date}', 'system', '{description}');"


@pytest.fixture
def files(folder):
    """Three migrations; the first two would fail where their tables are there already."""
    for name, table in zip(NAMES, ("clients", "contacts", "notes"), strict=True):
        folder.add_table(name, table)
    return folder


@pytest.fixture
def at_1(files):
    files.sql(OLD_LEDGER + FIRST + row(1))
    return files


@pytest.fixture
def at_2(files):
    # The dates lie: the old files carried them.
    files.sql(OLD_LEDGER + FIRST + SECOND + row(1, "2025-01-01 00:00:00") + row(2, "2024-01-01 00:00:00"))
    return files


def version(folder):
    """What the application reads."""
    with closing(sqlite3.connect(folder.database)) as connection:
        return connection.execute("SELECT MAX(version) FROM schema_version").fetchone()[0]


def columns(folder):
    return [name for _, name, *_ in folder.query("PRAGMA table_info(schema_version)")]


def test_it_is_read_as_it_stands(at_2):
    before = at_2.content()

    found = status(at_2.project())

    assert (found.ledger, found.version) == ("legacy", 2)
    assert [(line.name, line.state) for line in found.lines] == [
        ("0001_clients", "applied"),
        ("0002_contacts", "applied"),
        ("0003_notes", "pending"),
    ]
    assert plan(at_2.project()).preview.plan.names == ("0003_notes",)
    assert check(at_2.project()).verdict == "pending"
    assert [entry.applied_by for entry in history(at_2.project()).entries] == ["system", "system"]
    assert at_2.content() == before


@pytest.mark.parametrize(("start", "pending"), [("at_1", NAMES[1:]), ("at_2", NAMES[2:])])
def test_the_first_run_carries_it_on_without_running_anything_again(request, start, pending):
    folder = request.getfixturevalue(start)

    report = up(folder.project())

    assert tuple(done.step.name for done in report.steps) == pending
    assert folder.applied() == [1, 2, 3]
    assert version(folder) == 3
    assert folder.query("SELECT name FROM clients") == [("kept",)]


def test_its_rows_keep_what_they_say_and_take_name_and_checksum_of_todays_files(at_2):
    up(at_2.project())

    rows = at_2.query(
        "SELECT version, applied_date, applied_by, description, name, length(checksum), position, duration_ms"
        " FROM schema_version WHERE version < 3 ORDER BY version"
    )
    assert rows == [
        (1, "2025-01-01 00:00:00", "system", "By hand", "0001_clients", 64, None, None),
        (2, "2024-01-01 00:00:00", "system", "By hand", "0002_contacts", 64, None, None),
    ]
    assert columns(at_2)[:4] == ["version", "applied_date", "applied_by", "description"]
    assert at_2.query("SELECT event, version FROM schema_version_log WHERE event = 'adopted' ORDER BY id") == [
        ("adopted", 1),
        ("adopted", 2),
    ]


def test_from_then_on_a_change_is_drift(at_2):
    up(at_2.project())
    path = at_2.versions / "0001_clients.py"
    path.write_text(path.read_text().replace("name TEXT", "name TEXT NOT NULL"))

    assert check(at_2.project()).verdict == "drifted"


def test_before_that_it_is_none(at_2):
    """Nobody knows what ran: its rows take today's files."""
    path = at_2.versions / "0001_clients.py"
    path.write_text(path.read_text().replace("name TEXT", "name TEXT NOT NULL"))

    assert check(at_2.project()).verdict == "pending"


def test_a_first_run_that_fails_leaves_the_four_columns(at_2):
    from nukeworks_migrate.errors import StepFailed

    at_2.add("0003_notes", "raise ValueError")
    before = at_2.content()

    with pytest.raises(StepFailed):
        up(at_2.project())

    assert at_2.content() == before
    assert columns(at_2) == ["version", "applied_date", "applied_by", "description"]


def test_nothing_to_do_adds_no_columns(at_2):
    at_2.versions.joinpath("0003_notes.py").unlink()
    before = at_2.content()

    up(at_2.project())

    assert at_2.content() == before


def test_its_migrations_are_taken_back_by_number_because_their_dates_lie(at_2):
    up(at_2.project())

    report = down(at_2.project(), to="base")

    assert [done.step.version for done in report.steps] == [3, 2, 1]
    assert version(at_2) is None
    assert not {"clients", "contacts", "notes"} & at_2.tables()


def test_down_is_possible_as_the_first_run(at_2):
    down(at_2.project(), to="1")

    assert version(at_2) == 1
    assert at_2.query("SELECT name, checksum IS NOT NULL FROM schema_version") == [("0001_clients", 1)]
    assert "contacts" not in at_2.tables()


def test_the_application_reads_the_right_version_after_every_command(at_1):
    project = at_1.project()
    seen = {}

    for words, call in {
        "status": lambda: status(project),
        "plan": lambda: plan(project),
        "check": lambda: check(project),
        "snapshot": lambda: create_snapshot(project),
        "up to 2": lambda: up(project, to="2"),
        "up": lambda: up(project),
        "down to 2": lambda: down(project, to="2"),
        "stamp 3": lambda: stamp(project, "3"),
        "stamp 2": lambda: stamp(project, "2"),
        "history": lambda: history(project),
        "up with its table there": lambda: at_1.sql("DROP TABLE IF EXISTS notes") or up(project),
    }.items():
        call()
        seen[words] = version(at_1)

    assert seen == {
        "status": 1,
        "plan": 1,
        "check": 1,
        "snapshot": 1,
        "up to 2": 2,
        "up": 3,
        "down to 2": 2,
        "stamp 3": 3,
        "stamp 2": 2,
        "history": 2,
        "up with its table there": 3,
    }


def test_restore_brings_the_old_version_back_for_the_application_too(at_2):
    before = at_2.application_content()
    taken = up(at_2.project())

    restore(at_2.project(), taken.snapshot_id)

    assert version(at_2) == 2
    assert at_2.application_content() == before
    assert check(at_2.project()).verdict == "pending"


def test_stamp_and_accept_carry_it_on_as_well(at_2):
    from nukeworks_migrate.errors import Refused

    stamp(at_2.project(), "3")

    assert version(at_2) == 3
    assert at_2.query("SELECT name FROM schema_version ORDER BY version") == [(name,) for name in NAMES]
    with pytest.raises(Refused):
        accept(at_2.project(), "1", reason="nothing has changed")


def test_the_old_application_can_go_on_writing_its_four_columns(at_2):
    """What is not named in an INSERT is NULL: the row counts, and takes name and checksum at the next run."""
    up(at_2.project(), to="2")
    at_2.sql("INSERT INTO schema_version (version, applied_by, description) VALUES (3, 'system', 'By hand')")
    at_2.add("0004_last")

    report = up(at_2.project())

    assert [done.step.name for done in report.steps] == ["0004_last"]
    assert at_2.query("SELECT name FROM schema_version WHERE version = 3") == [("0003_notes",)]


def test_an_old_database_newer_than_the_files_is_refused(at_2):
    from nukeworks_migrate.errors import NewerDatabase

    at_2.sql(row(14))
    before = at_2.content()

    with pytest.raises(NewerDatabase) as refusal:
        up(at_2.project())

    assert refusal.value.what == "this database (version 14) is newer than this application (knows 3)"
    assert refusal.value.cause == "applied and not known here: 14"
    assert at_2.content() == before


def test_an_old_row_without_a_file_is_refused_by_its_number(at_2):
    from nukeworks_migrate.errors import MissingFiles

    at_2.versions.joinpath("0002_contacts.py").unlink()

    with pytest.raises(MissingFiles) as refusal:
        up(at_2.project())

    assert refusal.value.what == "applied, and without a file: 2"


def test_capitals_and_other_types_in_the_old_table_are_no_reason_to_refuse_it(files):
    files.sql(
        "CREATE TABLE Schema_Version (Version INTEGER PRIMARY KEY, Applied_Date DATETIME, Applied_By VARCHAR(80),"
        " Description VARCHAR(255), note TEXT);"
        + FIRST
        + "INSERT INTO schema_version VALUES (1, NULL, NULL, NULL, 'x');"
    )

    report = up(files.project())

    assert [done.step.version for done in report.steps] == [2, 3]
    assert version(files) == 3


def test_an_empty_old_ledger_is_a_database_at_no_version(files):
    files.sql(OLD_LEDGER)

    report = up(files.project())

    assert (report.version_before, report.version_after) == (0, 3)
