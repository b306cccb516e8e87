"""A database as NukeWorks' hand-made system left it: carried on as it stands, and nothing run again."""

import sqlite3
from contextlib import closing

import pytest
from nukeworks.file_content import rows_of, schema_of
from nukeworks.runner import VERSIONS, down, project_of, up
from support import MIGRATE, Folder

from nukeworks_migrate import check, status

OLD_LEDGER = """
    CREATE TABLE schema_version (
        version INTEGER PRIMARY KEY,
        applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
        applied_by TEXT,
        description TEXT);
"""
ROWS = [
    (1, "2025-10-04 20:18:45", "system", "Initial schema creation"),
    (2, "2025-10-05 08:00:00", "system", "Offtakers"),
]


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def old(request, tmp_path):
    """The old system's database at that version, with a row of the application's."""
    path = tmp_path / "nukeworks.sqlite"
    up(path, to=request.param)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("schema_version", "schema_version_log", "schema_version_source"):
            connection.execute(f"DROP TABLE {table}")
        connection.executescript(OLD_LEDGER)
        connection.executemany("INSERT INTO schema_version VALUES (?, ?, ?, ?)", ROWS[: request.param])
        connection.execute("INSERT INTO technology_vendors (vendor_name) VALUES ('Acme')")
        connection.commit()
    return path, request.param


def read(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_looking_at_it_changes_nothing_and_says_where_it_stands(old):
    path, version = old
    before = path.read_bytes()

    found, verdict = status(project_of(path)), check(project_of(path)).verdict

    assert (found.ledger, found.version, verdict) == ("legacy", version, "pending")
    assert path.read_bytes() == before
    assert read(path, "SELECT max(version) FROM schema_version") == [(version,)]


def test_it_is_carried_on_to_head_and_nothing_is_run_again(old):
    path, version = old

    up(path)

    applied = read(path, "SELECT version FROM schema_version_log WHERE event = 'applied' ORDER BY id")
    assert [v for (v,) in applied] == list(range(version + 1, 11))
    assert read(path, "SELECT max(version) FROM schema_version") == [(10,)]
    assert read(path, "SELECT version, applied_date, applied_by, description FROM schema_version LIMIT 1") == ROWS[:1]
    assert read(path, "SELECT vendor_name FROM technology_vendors") == [("Acme",)]
    assert check(project_of(path)).verdict == "ok"


def test_it_can_go_back_to_where_it_was(old):
    path, version = old
    schema, rows = schema_of(path), rows_of(path)
    up(path)

    down(path, to=version)

    assert (schema_of(path), rows_of(path)) == (schema, rows)
    assert read(path, "SELECT snapshot_type FROM database_snapshots") == [("MIGRATION_BACKUP",)] * 2
    assert read(path, "SELECT max(version) FROM schema_version") == [(version,)]


def test_the_highest_version_is_right_after_every_command(old, tmp_path):
    path, version = old
    folder = Folder(tmp_path / "project")
    path.rename(folder.database)
    words = ["--versions", str(VERSIONS), "--yes"]

    seen = []
    for command in (["status"], ["plan"], ["up", "--to", "4"], ["down", "--to", "3"], ["stamp", "2"], ["history"]):
        done = folder.run(*command, *words)
        assert done.returncode == 0, f"{MIGRATE} {command}: {done.stderr}"
        seen.append(folder.query("SELECT max(version) FROM schema_version")[0][0])

    assert seen == [version, version, 4, 3, 2, 2]
