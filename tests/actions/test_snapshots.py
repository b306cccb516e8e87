"""Snapshots: when they are taken, what their files are, how many are kept, and the application's own list."""

import json
import os
import sqlite3
import stat
from contextlib import closing

import pytest
from support import content, integrity

from nukeworks_migrate import (
    create_snapshot,
    down,
    list_snapshots,
    plan,
    prune_snapshots,
    restore,
    up,
    verify_snapshots,
)
from nukeworks_migrate.errors import SnapshotRefused, StepFailed, UsageError

# As NukeWorks has it.
BACKUPS = """
CREATE TABLE users (user_id INTEGER PRIMARY KEY);
CREATE TABLE database_snapshots (
    snapshot_id INTEGER PRIMARY KEY,
    snapshot_timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    created_by_user_id INTEGER REFERENCES users (user_id),
    snapshot_type TEXT NOT NULL,
    file_path TEXT NOT NULL,
    description TEXT,
    snapshot_size_bytes INTEGER,
    is_retained BOOLEAN DEFAULT 0
);
INSERT INTO database_snapshots (snapshot_type, file_path, description) VALUES ('MANUAL', '/somewhere.db', 'own');
"""


@pytest.fixture
def one(folder):
    """One migration applied, and a second that goes up and down."""
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.add_table("0002_contacts", "contacts")
    return folder


def files(folder):
    return sorted(path.name for path in (folder.path / "snapshots").iterdir())


def test_a_snapshot_is_a_whole_database_as_it_was_before_the_run(one):
    before = one.content()

    report = up(one.project())

    path = one.path / report.snapshot_path
    assert content(path) == before
    assert integrity(path) == "ok"
    assert files(one) == [f"{report.snapshot_id}.json", f"{report.snapshot_id}.sqlite"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are something else there")
def test_a_snapshot_is_for_its_owner_alone(one):
    mask = os.umask(0)
    try:
        up(one.project())
    finally:
        os.umask(mask)

    folder = one.path / "snapshots"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(one.database.with_name("app.sqlite-migrate-lock").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "schema",
    [
        # SQLite 3.40's quick_check says of it: NULL value in pairs.id.
        pytest.param(
            "CREATE TABLE pairs (id INTEGER, name TEXT, PRIMARY KEY (name, id)) WITHOUT ROWID;"
            " INSERT INTO pairs VALUES (1, 'a')",
            id="a key of all columns in another order",
        ),
        pytest.param("CREATE TABLE plain (id INTEGER PRIMARY KEY)", id="nothing special"),
    ],
)
def test_a_sound_database_is_not_taken_for_a_damaged_one(one, schema):
    one.sql(schema)
    one.add_table("0003_more", "more")

    assert up(one.project()).snapshot_id != ""
    assert [found.problem for found in verify_snapshots(one.project())] == [""]


def test_a_database_with_a_collation_of_the_applications_own_is_not_damaged(one):
    with closing(sqlite3.connect(one.database)) as connection:
        connection.create_collation("reversed", lambda a, b: (a < b) - (a > b))
        connection.execute("CREATE TABLE names (name TEXT COLLATE reversed PRIMARY KEY)")
        connection.execute("INSERT INTO names VALUES ('a'), ('b')")
        connection.commit()
    one.add_table("0003_more", "more")

    assert up(one.project()).snapshot_id != ""


def test_its_manifest_says_what_it_is(one):
    import hashlib

    from nukeworks_migrate import __version__

    report = up(one.project())

    told = json.loads((one.path / "snapshots" / f"{report.snapshot_id}.json").read_text())
    data = (one.path / report.snapshot_path).read_bytes()
    assert told.pop("taken_at")[:4].isdigit()
    assert told == {
        "id": report.snapshot_id,
        "file": f"{report.snapshot_id}.sqlite",
        "reason": "up",
        "run_id": report.run_id,
        "version_before": 1,
        "version_after": 2,
        "versions": [1],
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "database": f"sqlite:{one.database}",
        "engine": "sqlite",
        "tool_version": __version__,
        "note": "",
        "failed": False,
    }


def test_a_database_without_tables_needs_none(folder):
    folder.add("0001_clients")
    folder.database.touch()

    assert up(folder.project()).snapshot_id == ""
    assert not folder.path.joinpath("snapshots").exists()


@pytest.mark.parametrize(
    ("policy", "body", "taken"),
    [
        pytest.param(None, "pass", True, id="always is the default"),
        pytest.param("always", "pass", True, id="always"),
        pytest.param("never", 'db.execute("DROP TABLE clients")', False, id="never"),
        pytest.param("destructive", 'db.execute("CREATE TABLE more (id)")', False, id="nothing destructive"),
        pytest.param("destructive", 'db.execute("DROP TABLE clients")', True, id="something destructive"),
        pytest.param("destructive", 'db.execute("DELETE FROM clients")', True, id="rows deleted"),
    ],
)
def test_the_policy_says_before_which_runs_one_is_taken(one, policy, body, taken):
    one.add("0002_contacts", body)

    report = up(one.project(snapshot=policy))

    assert (report.snapshot_id != "") == taken


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute("".join(["DR", "OP TABLE clients"]))', id="a statement built at run time"),
        pytest.param('db.transform("clients", lambda name: "", reads=["name"], writes=["name"])', id="a transform"),
        pytest.param('db.connection.cursor().execute("DELETE FROM clients")', id="a connection of its own"),
        pytest.param(
            'db.execute("CREATE TABLE t (id)")\nwith db.alter_table("clients") as t:\n    t.drop_column("name")',
            id="a table altered",
        ),
    ],
)
def test_destructive_takes_one_where_the_file_does_not_tell_what_will_be_lost(one, body):
    one.add("0002_contacts", body)

    report = up(one.project(snapshot="destructive"))

    assert report.snapshot_id != ""


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        pytest.param(
            'db.update("clients", set={"name": "upper(name)"}, where="id = 1")', False, id="some rows updated"
        ),
        pytest.param('db.update("clients", set={"name": "upper(name)"})', True, id="all rows updated"),
        pytest.param('db.update("clients", set={"name": "1"}, where=wanted())', True, id="rows that are not known"),
        pytest.param('db.copy_rows("clients", "clients", f)', True, id="rows copied"),
        pytest.param(
            'db.execute("CREATE TABLE t (id)")\nwith db.alter_table("clients") as t:\n    t.drop_column("name")',
            True,
            id="a column dropped in a block",
        ),
    ],
)
def test_destructive_looks_at_calls_that_make_their_sql(one, body, taken):
    one.add("0002_contacts", body)

    report = plan(one.project(snapshot="destructive"))

    assert report.takes_snapshot == taken
    assert one.query("SELECT count(*) FROM clients") == [(1,)]


def test_destructive_takes_one_before_every_way_down(one):
    up(one.project())

    assert down(one.project(snapshot="destructive"), to="1").snapshot_id != ""


def test_a_large_database_is_refused_until_the_policy_was_said_in_so_many_words(one):
    before = one.content()

    with pytest.raises(SnapshotRefused) as refusal:
        up(one.project(snapshot_max_bytes=100))

    assert "more than snapshot_max_bytes (100)" in refusal.value.what
    assert one.content() == before
    assert up(one.project(snapshot_max_bytes=100, snapshot="never")).snapshot_id == ""


def test_without_room_the_run_is_refused(one, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 10))
    before = one.content()

    with pytest.raises(SnapshotRefused) as refusal:
        up(one.project())

    assert refusal.value.what == "there is no room for a snapshot in snapshots"
    assert one.content() == before
    assert files(one) == []


def go_up_and_down(folder, times):
    for _ in range(times):
        up(folder.project())
        down(folder.project(), to="1")


def test_the_last_ten_are_kept(one):
    go_up_and_down(one, 4)
    kept = [snapshot.id for snapshot in list_snapshots(one.project()).snapshots]

    report = None
    for _ in range(2):
        up(one.project())
        report = down(one.project(), to="1")

    now = [snapshot.id for snapshot in list_snapshots(one.project()).snapshots]
    assert len(kept) == 8
    assert len(now) == 10
    assert now[4:] == kept[:6]
    assert len(report.pruned) == 1
    assert len(files(one)) == 20


def test_a_run_that_fails_again_and_again_keeps_no_more_either(one):
    one.add("0002_contacts", "raise ValueError")

    for _ in range(13):
        with pytest.raises(StepFailed):
            up(one.project())

    assert len(list_snapshots(one.project()).snapshots) <= 10


def test_a_run_that_fails_pushes_out_nothing_that_one_could_go_back_to(nukeworks):
    """It was rolled back: its attempt at a snapshot is no reason to let an older state go, nor to touch a row."""
    go_up_and_down(nukeworks, 5)
    kept = {snapshot.id for snapshot in list_snapshots(nukeworks.project()).snapshots}
    nukeworks.add("0002_contacts", "raise ValueError")
    before = nukeworks.application_content()

    for _ in range(3):
        with pytest.raises(StepFailed):
            up(nukeworks.project())

    assert len(kept) == 10
    assert kept <= {snapshot.id for snapshot in list_snapshots(nukeworks.project()).snapshots}
    assert nukeworks.application_content() == before


def test_what_goes_wrong_with_old_snapshots_is_told_and_is_no_failure_of_the_run(one, monkeypatch):
    """It is committed by then."""
    from nukeworks_migrate.runtime.snapshots import SnapshotStore

    def broken(*_args, **_more):
        raise OverflowError("date value out of range")

    monkeypatch.setattr(SnapshotStore, "to_prune", broken)

    report = up(one.project())

    assert report.remarks == ("old snapshots were left where they are: date value out of range",)
    assert one.applied() == [1, 2]


def test_how_many_are_kept_can_be_set(one):
    for _ in range(3):
        up(one.project(snapshot_keep=2))
        down(one.project(snapshot_keep=2), to="1")

    assert len(list_snapshots(one.project()).snapshots) == 2


def test_the_newest_good_one_always_stays(one):
    go_up_and_down(one, 2)
    newest, second, *_ = list_snapshots(one.project()).snapshots
    (one.path / "snapshots" / newest.file).write_bytes(b"")

    gone = prune_snapshots(one.project(), days=0.0, total_bytes=0)

    left = [snapshot.id for snapshot in list_snapshots(one.project()).snapshots]
    assert second.id in left
    assert second.id not in [snapshot.id for snapshot in gone]


def test_keeping_none_is_refused(one):
    go_up_and_down(one, 1)

    with pytest.raises(SnapshotRefused):
        prune_snapshots(one.project(), keep=0)

    assert len(list_snapshots(one.project()).snapshots) == 2


def test_those_that_were_asked_for_stay_until_that_is_said(one):
    asked = [create_snapshot(one.project(), note=f"number {number}").id for number in range(3)]
    go_up_and_down(one, 2)

    prune_snapshots(one.project(), keep=1)
    left = {snapshot.id for snapshot in list_snapshots(one.project()).snapshots}
    prune_snapshots(one.project(), keep=1, also_manual=True)

    assert set(asked) < left
    assert len(left) == 4
    assert len(list_snapshots(one.project()).snapshots) == 1


def test_another_databases_snapshots_are_neither_listed_nor_pruned(one):
    from nukeworks_migrate import Project

    go_up_and_down(one, 2)
    other = Project("other.sqlite", base=one.path)
    up(other)

    listed = list_snapshots(other).snapshots
    gone = prune_snapshots(other, keep=1)

    assert (listed, gone) == ((), [])
    assert len(list_snapshots(one.project()).snapshots) == 4


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(lambda path: path.unlink(), "the file is not there: ", id="gone"),
        pytest.param(lambda path: path.write_bytes(b""), "the file has 0 bytes, its manifest says ", id="empty"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"),
            "the SHA-256 of the file is not the one in its manifest",
            id="one byte",
        ),
    ],
)
def test_a_damaged_one_is_found_and_never_restored(one, damage, problem):
    report = up(one.project())
    damage(one.path / report.snapshot_path)
    before = one.content()

    (verified,) = verify_snapshots(one.project())
    with pytest.raises(SnapshotRefused):
        restore(one.project(), report.snapshot_id)

    assert verified.problem.startswith(problem)
    assert one.content() == before


def test_a_file_without_a_manifest_and_a_manifest_that_is_none_are_no_snapshots(one):
    report = up(one.project())
    folder = one.path / "snapshots"
    (folder / "20260101T000000Z-0001-abcd.sqlite").write_bytes(b"")
    (folder / "20260101T000000Z-0001-abce.json").write_text("{}")
    (folder / "notes.json").write_text("[1, 2]")
    (folder / "broken.json").write_text("{")

    assert [snapshot.id for snapshot in list_snapshots(one.project()).snapshots] == [report.snapshot_id]


def test_a_manifest_cannot_lead_out_of_the_folder(one):
    report = up(one.project())
    path = one.path / "snapshots" / f"{report.snapshot_id}.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "file": "../app.sqlite"}))

    assert list_snapshots(one.project()).snapshots == ()
    with pytest.raises(SnapshotRefused):
        restore(one.project(), report.snapshot_id)


@pytest.mark.parametrize("name", ["", "..", "../app", "a/b", "x y", "nothing", "*"])
def test_what_names_no_snapshot_is_a_usage_error(one, name):
    up(one.project())
    before = one.content()

    with pytest.raises((UsageError, SnapshotRefused)):
        restore(one.project(), name)

    assert one.content() == before


def backups(folder):
    return folder.query(
        "SELECT snapshot_type, file_path, description, snapshot_size_bytes, is_retained, created_by_user_id"
        " FROM database_snapshots ORDER BY snapshot_id"
    )


OWN = ("MANUAL", "/somewhere.db", "own", None, 0, None)


@pytest.fixture
def nukeworks(one):
    """The same, in an application that keeps a list of its backups."""
    one.sql(BACKUPS)
    return one


def test_a_run_writes_its_snapshot_into_the_applications_list(nukeworks):
    report = up(nukeworks.project())

    path = nukeworks.path / report.snapshot_path
    assert backups(nukeworks) == [
        OWN,
        (
            "MIGRATION_BACKUP",
            str(report.snapshot_path),
            "before migrate up from version 1",
            path.stat().st_size,
            0,
            None,
        ),
    ]


def test_a_run_without_a_snapshot_writes_no_row(nukeworks):
    up(nukeworks.project(snapshot="never"))

    assert backups(nukeworks) == [OWN]


def test_a_run_that_fails_writes_no_row(nukeworks):
    nukeworks.add("0002_contacts", "raise ValueError")

    with pytest.raises(StepFailed):
        up(nukeworks.project())

    assert backups(nukeworks) == [OWN]


def test_a_run_that_drops_the_list_needs_none(nukeworks):
    nukeworks.add("0002_contacts", 'db.execute("DROP TABLE database_snapshots")')

    up(nukeworks.project())

    assert nukeworks.applied() == [1, 2]


def test_a_run_that_makes_the_list_writes_into_it(one):
    body = "".join(f"db.execute({statement.strip()!r})\n" for statement in BACKUPS.split(";") if statement.strip())
    one.add("0002_contacts", body)

    report = up(one.project())

    assert [row[:2] for row in backups(one)] == [
        ("MANUAL", "/somewhere.db"),
        ("MIGRATION_BACKUP", report.snapshot_path),
    ]


def test_a_table_of_that_name_with_other_columns_is_left_alone(one):
    one.sql("CREATE TABLE database_snapshots (id INTEGER PRIMARY KEY, picture BLOB)")

    up(one.project())

    assert one.query("SELECT * FROM database_snapshots") == []


def test_prune_takes_the_rows_of_what_it_removes_and_no_others(nukeworks):
    go_up_and_down(nukeworks, 2)
    kept = list_snapshots(nukeworks.project()).snapshots[0]

    prune_snapshots(nukeworks.project(), keep=1)

    assert [row[:2] for row in backups(nukeworks)] == [
        ("MANUAL", "/somewhere.db"),
        ("MIGRATION_BACKUP", f"snapshots/{kept.file}"),
    ]


def test_a_run_takes_the_rows_of_what_it_lets_go(nukeworks):
    go_up_and_down(nukeworks, 6)

    found = list_snapshots(nukeworks.project()).snapshots
    assert len(found) == 10
    assert [row[1] for row in backups(nukeworks)[1:]] == [f"snapshots/{snapshot.file}" for snapshot in found[::-1]]


def test_prune_changes_no_database_where_there_is_nothing_to_prune(nukeworks):
    up(nukeworks.project())
    with closing(sqlite3.connect(nukeworks.database)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        prune_snapshots(nukeworks.project())
        assert connection.execute("PRAGMA data_version").fetchone() == before


def test_a_missing_database_has_snapshots_that_can_be_listed_verified_and_pruned(one):
    go_up_and_down(one, 2)
    one.database.unlink()

    listed = list_snapshots(one.project()).snapshots
    verified = verify_snapshots(one.project())
    gone = prune_snapshots(one.project(), keep=1)

    assert (len(listed), [item.problem for item in verified], len(gone)) == (4, [""] * 4, 3)
    assert not one.database.exists()
