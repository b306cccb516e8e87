"""A write that another program was killed in: looking leaves it alone, and the next run recovers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faults.five import make_in_use
from faults.processes import POSIX_ONLY, python
from support import integrity

from nukeworks_migrate import up

pytestmark = POSIX_ONLY

# Writes more than SQLite keeps in memory, so that the file itself is changed, and waits to be killed.
HALF_A_WRITE = """
import pathlib, sqlite3, time
connection = sqlite3.connect("app.sqlite", isolation_level=None)
connection.execute("BEGIN")
connection.execute("UPDATE readings SET note = upper(note), size = 1")
pathlib.Path("written").touch()
time.sleep(600)
"""


@pytest.fixture
def broken(folder):
    """A database with one applied migration, in which another program was killed while it wrote."""
    make_in_use(folder, "delete")
    folder.add_table("0001_one", "one")
    up(folder.project())
    folder.add_table("0002_two", "two")
    folder.before = folder.content()
    with python(folder, HALF_A_WRITE) as writer:
        writer.wait_until((folder.path / "written").exists, "it wrote")
        writer.kill()
    folder.journal = Path(f"{folder.database}-journal")
    assert folder.journal.read_bytes()[:8] == bytes.fromhex("d9d505f920a163d7")  # sqlite.org/fileformat.html: hot
    return folder


def files(folder) -> tuple[bytes, bytes, list[str]]:
    names = sorted(path.name for path in folder.path.glob("app.sqlite*") if "migrate-lock" not in path.name)
    return folder.database.read_bytes(), folder.journal.read_bytes(), names


def test_status_reports_it_and_changes_not_a_byte(broken):
    before = files(broken)

    status = broken.run("status")
    told = json.loads(broken.run("status", "--json").stdout)

    assert status.returncode == 0
    assert "note: app.sqlite has an interrupted write; SQLite recovers it at the next run" in status.stdout
    assert told["problem"] == "app.sqlite has an interrupted write; SQLite recovers it at the next run"
    assert told["ok"] is False
    assert files(broken) == before


@pytest.mark.parametrize("words", [["plan"], ["check"], ["history"], ["snapshot", "create"]], ids=" ".join)
def test_what_only_looks_is_busy_and_changes_not_a_byte(broken, words):
    before = files(broken)

    looked = broken.run(*words)

    assert looked.returncode == 5
    assert "error: app.sqlite has an interrupted write; SQLite recovers it at the next run" in looked.stderr
    assert "[hot-journal]" in looked.stderr
    assert "migrate up" in looked.stderr
    assert files(broken) == before


def test_up_recovers_it_and_goes_on(broken):
    went_on = broken.run("up", "--yes")

    assert went_on.returncode == 0, went_on.stderr
    assert broken.applied() == [1, 2]
    assert not broken.journal.exists()
    assert broken.query("SELECT count(*) FROM readings WHERE size = 1") == [(0,)]
    assert integrity(broken.database) == "ok"


def test_up_with_nothing_to_do_recovers_it_too(broken):
    (broken.versions / "0002_two.py").unlink()

    nothing = broken.run("up", "--yes")

    assert nothing.returncode == 0, nothing.stderr
    assert "Nothing to do" in nothing.stdout
    assert broken.content() == broken.before


@pytest.mark.parametrize(
    "words",
    [["down", "--to", "base", "--yes"], ["stamp", "--applied", "0002_two", "--yes"]],
    ids=lambda words: words[0],
)
def test_other_commands_that_change_something_recover_it_and_go_on(broken, words):
    went_on = broken.run(*words)

    assert went_on.returncode == 0, went_on.stderr
    assert broken.applied() == ([] if words[0] == "down" else [1, 2])
    assert broken.query("SELECT count(*) FROM readings WHERE size = 1") == [(0,)]
    assert integrity(broken.database) == "ok"


def test_restore_recovers_it_and_saves_it_with_its_versions(broken):
    (snapshot,) = (path.stem for path in broken.path.glob("snapshots/*.json"))

    restored = broken.run("restore", snapshot, "--yes", "--json")

    assert restored.returncode == 0, restored.stderr
    assert "one" not in broken.tables()
    saved = json.loads(restored.stdout)["saved"]
    assert saved["versions"] == [1]
    assert saved["version_before"] == 1
    assert saved["note"] == f"before the restore of {snapshot}"


def test_the_recovered_database_is_the_one_before_the_write(broken):
    assert broken.run("up", "--yes").returncode == 0
    assert broken.run("down", "--to", "1", "--yes").returncode == 0

    assert broken.application_content() == [line for line in broken.before if "schema_version" not in line]
