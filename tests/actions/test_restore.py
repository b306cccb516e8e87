"""Restoring through SQLite: the rows come back, the file stays the same file, and nobody's write is lost."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support import content, integrity

from nukeworks_migrate import create_snapshot, down, list_snapshots, restore, up, verify_snapshots
from nukeworks_migrate.errors import Busy, SnapshotRefused, UsageError

MODES = pytest.mark.parametrize("mode", ["delete", "wal", "truncate", "persist"])


@pytest.fixture
def three(folder):
    """Three migrations applied; the snapshot before the last of them holds version 2."""
    folder.add_table("0001_one", "one")
    folder.add_table("0002_two", "two")
    up(folder.project())
    folder.add("0003_gone", 'db.execute("DELETE FROM one")', None)
    return folder


def journal_mode(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


@MODES
def test_restore_brings_back_schema_and_rows_and_keeps_the_journal_mode(three, mode):
    three.sql(f"PRAGMA journal_mode = {mode}")
    before = three.application_content()
    report = up(three.project())
    assert three.application_content() != before

    done = restore(three.project(), report.snapshot_id)

    assert three.application_content() == before
    assert three.applied() == [1, 2]
    assert integrity(three.database) == "ok"
    assert (journal_mode(three.database) == "wal") == (mode == "wal")
    assert done.saved is not None and done.saved.version_before == 3
    assert three.query("SELECT event, snapshot FROM schema_version_log ORDER BY id DESC LIMIT 1") == [
        ("restored", report.snapshot_id)
    ]


def test_restore_can_be_taken_back(three):
    report = up(three.project())
    after = three.application_content()
    done = restore(three.project(), report.snapshot_id)

    restore(three.project(), done.saved.id)

    assert three.application_content() == after
    assert three.applied() == [1, 2, 3]


def test_after_a_restore_up_goes_on_from_there(three):
    report = up(three.project())
    after = three.application_content()
    restore(three.project(), report.snapshot_id)

    up(three.project())

    assert three.application_content() == after


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_an_open_connection_sees_the_restored_rows_and_can_write_on(three, mode):
    three.sql(f"PRAGMA journal_mode = {mode}")
    report = up(three.project())
    with closing(sqlite3.connect(three.database, isolation_level=None)) as application:
        assert application.execute("SELECT count(*) FROM one").fetchone() == (0,)

        restore(three.project(), report.snapshot_id)

        assert application.execute("SELECT count(*) FROM one").fetchone() == (1,)
        application.execute("INSERT INTO one (name) VALUES ('after')")
    assert three.query("SELECT name FROM one ORDER BY id") == [("one",), ("after",)]
    assert integrity(three.database) == "ok"


def test_a_reader_that_stays_ends_the_restore_and_nothing_has_changed(three):
    report = up(three.project())
    before = three.content()
    with closing(sqlite3.connect(three.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM two").fetchall()

        with pytest.raises(Busy) as error:
            restore(three.project(lock_timeout_s=0.2), report.snapshot_id)

    assert error.value.unchanged == "nothing was restored; the database is as it was"
    assert three.content() == before
    assert len(list_snapshots(three.project()).snapshots) == 1


def test_a_reader_in_wal_mode_goes_on_with_what_it_saw(three):
    three.sql("PRAGMA journal_mode = wal")
    report = up(three.project())
    with closing(sqlite3.connect(three.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM one").fetchone() == (0,)

        restore(three.project(lock_timeout_s=2), report.snapshot_id)

        assert reader.execute("SELECT count(*) FROM one").fetchone() == (0,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM one").fetchone() == (1,)


def test_a_writer_that_stays_in_wal_mode_ends_the_restore(three):
    three.sql("PRAGMA journal_mode = wal")
    report = up(three.project())
    before = three.content()
    with closing(sqlite3.connect(three.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        with pytest.raises(Busy):
            restore(three.project(lock_timeout_s=0.2), report.snapshot_id)

    assert three.content() == before


@pytest.mark.parametrize("damage", [b"this is no database at all", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_cannot_be_opened_is_moved_aside_with_its_companions(three, damage):
    report = up(three.project())
    three.database.write_bytes(damage)
    for ending in ("-wal", "-shm", "-journal"):
        (three.path / f"app.sqlite{ending}").write_bytes(b"left over")  # SQLite itself may delete some of them

    done = restore(three.project(), report.snapshot_id)

    assert three.applied() == [1, 2]
    assert integrity(three.database) == "ok"
    assert Path(done.moved_aside).read_bytes() == damage
    assert sorted(p.name for p in three.path.glob("app.sqlite*") if ".damaged-" not in p.name) == [
        "app.sqlite",
        "app.sqlite-migrate-lock",
    ]
    assert done.saved is None


def test_a_database_that_is_gone_comes_back(three):
    before = three.application_content()
    report = up(three.project())
    three.database.unlink()

    restore(three.project(), report.snapshot_id)

    assert three.application_content() == before


def test_another_page_size_is_restored_in_rollback_mode(three):
    before = three.application_content()
    report = up(three.project())
    three.sql("PRAGMA page_size = 8192; VACUUM")

    restore(three.project(), report.snapshot_id)

    assert three.application_content() == before
    assert integrity(three.database) == "ok"


def test_another_page_size_in_wal_mode_is_refused_and_nothing_has_changed(three):
    report = up(three.project())
    three.sql("PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = wal")
    before = three.content()

    with pytest.raises(SnapshotRefused, match="pages have another size"):
        restore(three.project(), report.snapshot_id)

    assert three.content() == before


def test_a_damaged_snapshot_is_refused_and_nothing_has_changed(three):
    report = up(three.project())
    path = three.path / report.snapshot_path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = three.content()

    with pytest.raises(SnapshotRefused, match="is damaged") as error:
        restore(three.project(), report.snapshot_id)

    assert "SHA-256" in error.value.cause
    assert three.content() == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", "nothing", "..", "*"])
def test_an_id_that_is_no_snapshot_is_refused(three, name):
    up(three.project())

    with pytest.raises(UsageError):
        restore(three.project(), name)


def test_a_manifest_cannot_lead_out_of_the_folder(three):
    report = up(three.project())
    manifest = three.path / "snapshots" / f"{report.snapshot_id}.json"
    manifest.write_text(manifest.read_text().replace(f'"{report.snapshot_id}.sqlite"', '"../app.sqlite"'))

    with pytest.raises(SnapshotRefused, match="manifest"):
        restore(three.project(), report.snapshot_id)


def test_a_snapshot_is_private_and_whole_from_its_first_moment(three):
    report = up(three.project())

    path = three.path / report.snapshot_path
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
    assert sorted(p.name for p in path.parent.iterdir()) == [f"{report.snapshot_id}.json", path.name]
    assert [item.problem for item in verify_snapshots(three.project())] == [""]
    assert [line for line in content(path) if line.startswith("one:")] == ["one: (1, 'one')"]


def test_a_snapshot_of_a_wal_database_has_the_rows_of_its_wal(three):
    three.sql("PRAGMA journal_mode = wal")
    with closing(sqlite3.connect(three.database, isolation_level=None)) as application:
        application.execute("INSERT INTO one (name) VALUES ('in the wal')")

        taken = create_snapshot(three.project())

    assert sorted(p.suffix for p in (three.path / "snapshots").iterdir()) == [".json", ".sqlite"]
    assert "one: (2, 'in the wal')" in content(three.path / "snapshots" / taken.file)


def test_an_empty_database_needs_no_snapshot(folder):
    folder.add_table("0001_one", "one")

    assert up(folder.project()).snapshot_id == ""
    assert not (folder.path / "snapshots").exists()


def test_a_snapshot_before_a_down_too(three):
    up(three.project(), to=2)

    report = down(three.project(), to=1)

    assert report.snapshot_id
    before = three.application_content()
    restore(three.project(), report.snapshot_id)
    assert three.application_content() != before
    assert three.applied() == [1, 2]
