"""status, plan, check, verify, history and graph: they make nothing, and not a byte of what is there changes."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from cli.screens import screen
from support import footprint

LOOKS = [
    pytest.param(["status"], id="status"),
    pytest.param(["status", "--all", "--json"], id="status --json"),
    pytest.param(["plan"], id="plan"),
    pytest.param(["plan", "--down", "--to", "base"], id="plan --down"),
    pytest.param(["check"], id="check"),
    pytest.param(["verify"], id="verify"),
    pytest.param(["schema", "dump"], id="schema dump"),
    pytest.param(["history"], id="history"),
    pytest.param(["history", "1"], id="history of one"),
    pytest.param(["graph"], id="graph"),
    pytest.param(["graph", "--format", "svg"], id="graph as a picture"),
    pytest.param(["snapshot", "list"], id="snapshot list"),
    pytest.param(["snapshot", "verify"], id="snapshot verify"),
]
MAY_APPEAR = {"app.sqlite-shm", "app.sqlite-wal"}


def no_database(folder):
    folder.database.unlink()
    folder.database.with_name("app.sqlite-migrate-lock").unlink()
    shutil.rmtree(folder.path / "snapshots")


def an_empty_file(folder):
    no_database(folder)
    folder.database.touch()


def no_ledger(folder):
    no_database(folder)
    folder.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY); INSERT INTO clients VALUES (1)")


def an_old_ledger(folder):
    no_ledger(folder)
    folder.sql(
        """
        CREATE TABLE schema_version (version INTEGER PRIMARY KEY,
            applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);
        INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'Clients')
        """
    )


def a_changed_file(folder):
    path = folder.versions / "0001_clients.py"
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))


def a_missing_file(folder):
    (folder.versions / "0001_clients.py").unlink()


def bad_files(folder):
    (folder.versions / "foo.py").write_text("")


def no_folder_of_migrations(folder):
    shutil.rmtree(folder.versions)


def nothing_at_all(folder):
    no_database(folder)
    no_folder_of_migrations(folder)


def as_it_is(folder):
    pass


SITUATIONS = [
    pytest.param(situation, id=situation.__name__.replace("_", " "))
    for situation in (
        as_it_is,
        no_database,
        an_empty_file,
        no_ledger,
        an_old_ledger,
        a_changed_file,
        a_missing_file,
        bad_files,
        no_folder_of_migrations,
        nothing_at_all,
    )
]


@pytest.fixture
def used(folder, migrate):
    """Two migrations applied, the second by a run of its own with a snapshot before it, and a third pending."""
    folder.add_table("0001_clients", "clients")
    migrate("up", "--yes")
    folder.add_table("0002_contacts", "contacts")
    migrate("up", "--yes")
    folder.add_table("0003_notes", "notes")
    return folder


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("words", LOOKS)
def test_looking_changes_nothing(used, migrate, words, situation):
    situation(used)
    before = footprint(used.path)

    migrate(*words)

    assert footprint(used.path) == before


def test_reading_a_folder_writes_its_index_and_nothing_else(used, migrate):
    shutil.rmtree(used.versions / "__pycache__")

    migrate("status")

    assert [path.name.split(".")[0] for path in (used.versions / "__pycache__").iterdir()] == ["nukeworks_migrate"]


def test_with_the_index_switched_off_not_even_that_is_written(used, migrate, monkeypatch):
    shutil.rmtree(used.versions / "__pycache__")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_HEADER_INDEX", "off")

    for words in (["status"], ["plan"], ["check"], ["history", "1"], ["up", "--yes"]):
        migrate(*words)

    assert used.applied() == [1, 2, 3]
    assert not (used.versions / "__pycache__").exists()


def closed_to_writing(folder):
    """Take away every leave to write in a project."""
    for path in [folder.path, *folder.path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.fixture
def opened_again(folder):
    """Give back the leave to write, so that the folder can be removed."""
    yield
    for path in [folder.path, *folder.path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.usefixtures("opened_again")
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_and_a_folder_that_can_only_be_read_are_read(used, powerless, mode):
    used.sql(f"PRAGMA journal_mode = {mode}")
    closed_to_writing(used)
    before = footprint(used.path)

    status, plan, check, history, verify = (
        powerless(*words)
        for words in (["status", "--json"], ["plan", "--json"], ["check"], ["history", "--json"], ["verify"])
    )

    assert status.object["version"] == 2
    assert [step["name"] for step in plan.object["steps"]] == ["0003_notes"]
    assert (check.exit_code, check.err) == (7, "")
    assert (verify.exit_code, verify.err) == (0, "")
    assert [row["name"] for row in history.object["log"]] == ["0001_clients", "0002_contacts"]
    assert footprint(used.path) == before


def unlogged(found):
    """A footprint without SQLite's shared memory, which readers write."""
    return {name: value for name, value in found.items() if name != "app.sqlite-shm"}


def append(connection, version, name):
    connection.execute(
        "INSERT INTO schema_version (version, applied_date, applied_by, name, position)"
        " VALUES (?, '2026-11-20 14:02:11', 'ann', ?, ?)",
        (version, name, version),
    )
    connection.commit()


def test_of_a_database_in_wal_mode_the_newest_committed_rows_are_read(used, migrate):
    with closing(sqlite3.connect(used.database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA wal_autocheckpoint = 0")
        append(other, 3, "0003_notes")
        before = footprint(used.path)

        status, check, history = migrate("status", "--json"), migrate("check"), migrate("history", "--json")

        assert status.object["version"] == 3
        assert check.exit_code == 0
        assert [entry["version"] for entry in history.object["applied"]] == [1, 2, 3]
        assert before["app.sqlite-wal"][0] != b""
        assert unlogged(footprint(used.path)) == unlogged(before)


def test_rows_that_were_not_committed_are_not_read(used, migrate):
    with closing(sqlite3.connect(used.database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("INSERT INTO schema_version (version, applied_by) VALUES (3, 'ann')")

        status = migrate("status", "--json")

    assert status.object["version"] == 2


def test_of_a_closed_database_in_wal_mode_nothing_but_sqlites_own_files_may_appear(used, migrate):
    used.sql("PRAGMA journal_mode = WAL")
    before = footprint(used.path)

    for words in LOOKS:
        migrate(*words.values[0])

    after = footprint(used.path)
    appeared = set(after) - set(before)
    assert appeared <= MAY_APPEAR
    assert after.get("app.sqlite-wal", (b"",))[0] == b""
    assert {name: value for name, value in after.items() if name in before} == before


def leave_a_wal(folder):
    """Leave the database as a process does that was killed: with committed rows in its -wal alone."""
    away = folder.path / "away"
    away.mkdir()
    with closing(sqlite3.connect(folder.database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA wal_autocheckpoint = 0")
        append(other, 3, "0003_notes")
        for ending in ("", "-wal"):
            shutil.copy(f"{folder.database}{ending}", away)
    for ending in ("", "-wal"):
        shutil.move(away / f"app.sqlite{ending}", f"{folder.database}{ending}")
    away.rmdir()


def test_a_wal_that_was_left_behind_is_read_and_left(used, migrate):
    leave_a_wal(used)
    before = footprint(used.path)

    status, check = migrate("status", "--json"), migrate("check")

    assert status.object["version"] == 3
    assert check.exit_code == 0
    assert len(before["app.sqlite-wal"][0]) > 0
    assert unlogged(footprint(used.path)) == unlogged(before)


@pytest.mark.usefixtures("opened_again")
def test_beside_a_wal_that_cannot_be_read_nothing_is_said_that_is_not_so(used, powerless):
    """immutable=1 would read the file without the rows in the -wal."""
    leave_a_wal(used)
    closed_to_writing(used)
    before = footprint(used.path)

    status, check = powerless("status", "--json"), powerless("check", "--json")

    assert (status.exit_code, check.exit_code) == (3, 3)
    assert status.error["code"] == "database-refused"
    assert footprint(used.path) == before


def leave_a_hot_journal(folder):
    """Leave the database as a process does that was killed in the middle of writing its pages."""
    folder.sql(
        """
        CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT);
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO many SELECT i, hex(randomblob(100)) FROM n;
        """
    )
    away = folder.path / "away"
    away.mkdir()
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("PRAGMA cache_size = 5")
        other.execute("BEGIN")
        other.execute("DELETE FROM schema_version")
        other.execute("UPDATE many SET text = 'half of it'")
        for ending in ("", "-journal"):
            shutil.copy(f"{folder.database}{ending}", away)
        other.execute("ROLLBACK")
    for ending in ("", "-journal"):
        shutil.move(away / f"app.sqlite{ending}", f"{folder.database}{ending}")
    away.rmdir()


def test_an_interrupted_write_is_reported_and_left_for_the_next_run(used, migrate):
    leave_a_hot_journal(used)
    before = footprint(used.path)

    status, check, plan = migrate("status"), migrate("check", "--json"), migrate("plan", "--json")
    verify = migrate("verify", "--json")

    assert status.exit_code == 0
    assert status.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     not read
        files      versions/

        note: app.sqlite has an interrupted write; SQLite recovers it at the next run
        """
    )
    assert (check.exit_code, plan.exit_code) == (5, 5)
    assert check.error["code"] == plan.error["code"] == verify.error["code"] == "hot-journal"
    assert footprint(used.path) == before


def test_the_next_run_recovers_an_interrupted_write(used, migrate):
    leave_a_hot_journal(used)

    answer = migrate("up", "--yes")

    assert answer.exit_code == 0
    assert used.applied() == [1, 2, 3]
    assert used.query("SELECT count(*) FROM many WHERE text = 'half of it'") == [(0,)]


def test_nothing_to_do_is_looking_too(used, migrate):
    migrate("up", "--yes")
    used.database.with_name("app.sqlite-migrate-lock").unlink()
    before = footprint(used.path)

    answers = [
        migrate(*words) for words in (["up", "--yes"], ["up"], ["down", "--to", "head"], ["resume"], ["stamp", "3"])
    ]

    assert [answer.exit_code for answer in answers] == [0] * 5
    assert footprint(used.path) == before


def test_asking_for_help_or_the_version_needs_no_settings_and_no_folder(tmp_path, monkeypatch, capsys):
    from nukeworks_migrate.cli.main import run

    (tmp_path / "pyproject.toml").write_text("[tool.nukeworks_migrate]\nno_such = 1\n")
    monkeypatch.chdir(tmp_path)
    before = footprint(tmp_path)

    assert [run(words) for words in (["--help"], ["up", "--help"], ["--version"], ["snapshot", "-h"])] == [0] * 4

    assert footprint(tmp_path) == before


def test_a_journal_mode_is_never_changed_by_looking_or_running(used, migrate):
    used.sql("PRAGMA journal_mode = WAL")

    migrate("status")
    migrate("up", "--yes")

    with closing(sqlite3.connect(used.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_project_may_be_looked_at_from_below(used, migrate, monkeypatch):
    below = used.path / "app" / "views"
    below.mkdir(parents=True)
    (used.path / "setup.cfg").write_text("[nukeworks_migrate]\ndatabase = app.sqlite\n")
    before = footprint(used.path)
    monkeypatch.delenv("NUKEWORKS_MIGRATE_DATABASE")
    monkeypatch.chdir(below)

    status = migrate("status", "--json")

    assert status.object["version"] == 2
    assert footprint(used.path) == before


def test_the_footprint_tells_a_change_apart(used):
    before = footprint(used.path)
    used.sql("UPDATE clients SET name = 'other'")

    assert footprint(used.path) != before
