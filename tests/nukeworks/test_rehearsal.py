"""What a rehearsal of NukeWorks' migrations tells is what the real run then does: schema, counts, and every row.

The real side is read and compared in Python here, without the framework's own comparison.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from typing import NamedTuple

import pytest
from nukeworks.file_content import BUT_SNAPSHOTS, execute, insert, query, tables_of
from nukeworks.runner import VERSIONS, project_of
from nukeworks.sample_data import fill, insert_firms, make_firms
from support import MIGRATE, footprint

import nukeworks_migrate
from nukeworks_migrate import rehearse
from nukeworks_migrate.model.differences import schema_changes
from nukeworks_migrate.model.rehearsal import WayBack

HEAD = 10
CATALOGUE = {"vendor", "constructor", "developer", "operator", "offtaker", "client", "engineer"}
LONG_AGO = "2025-01-01 00:00:00"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files that nobody else uses."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


class State(NamedTuple):
    """What is in a table: its columns with their defaults as values, its key, and its rows by key."""

    defaults: dict
    key: tuple
    rows: dict


def read_state(path):
    """Each of the application's tables by name; rows that the framework makes are left out."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: _read_table(connection, name) for name in tables_of(path)}


def _read_table(connection, name):
    columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
    defaults = {column: _value_of(connection, default) for _, column, _, _, default, _ in columns}
    key = tuple(column for place, column in sorted((row[5], row[1]) for row in columns if row[5]))
    assert key, f"{name} has no key"
    rows = {}
    for row in connection.execute(f"SELECT * FROM {name} {BUT_SNAPSHOTS.get(name, '')}"):
        values = {column: (type(value), value) for column, value in zip(defaults, row, strict=True)}
        rows[tuple(values[column] for column in key)] = values
    return State(defaults, key, rows)


def _value_of(connection, default):
    value = None if default in (None, "CURRENT_TIMESTAMP") else connection.execute(f"SELECT {default}").fetchone()[0]
    return type(value), value


NOTHING = (type(None), None)


class Changes(NamedTuple):
    """How the rows of a table differ: rows, rows as before and after with the columns that differ, and rows."""

    before: int
    after: int
    added: dict
    changed: dict
    deleted: dict


def changes_of(before, after):
    """Compare two states row by row; tables in which no row differs are left out."""
    found = {}
    for name in {*before, *after}:
        was, now = before.get(name), after.get(name)
        if was is not None and now is not None:
            assert was.key == now.key, f"{name} has another key"
        old, new = (was.rows if was else {}), (now.rows if now else {})
        changed = {}
        for key in old.keys() & new.keys():
            differing = [
                column
                for column in {**was.defaults, **now.defaults}
                if old[key].get(column, now.defaults.get(column)) != new[key].get(column, NOTHING)
            ]
            if differing:
                changed[key] = tuple({c: row[key][c] for c in differing if c in row[key]} for row in (old, new))
        added = {key: new[key] for key in new.keys() - old.keys()}
        deleted = {key: old[key] for key in old.keys() - new.keys()}
        if added or changed or deleted:
            found[name] = Changes(len(old), len(new), added, changed, deleted)
    return found


def told_changes(difference):
    """The same of what a rehearsal tells with all rows as samples."""
    found = {}
    for rows in difference.rows:
        changes = Changes(rows.before, rows.after, {}, {}, {})
        for sample in rows.samples:
            key = tuple((type(value), value) for value in sample.key)
            before, after = (
                None if side is None else {column: (type(value), value) for column, value in side.items()}
                for side in (sample.before, sample.after)
            )
            if before is None:
                changes.added[key] = after
            elif after is None:
                changes.deleted[key] = before
            else:
                changes.changed[key] = (before, after)
        told = (len(changes.added), len(changes.changed), len(changes.deleted))
        assert told == (rows.added, rows.changed, rows.deleted), rows.table
        found[rows.table] = changes
    return found


def without_dates(found):
    """The same changes without the dates of the role catalogue, which are when the migration wrote it."""
    if "company_roles" not in found:
        return found
    changes = found["company_roles"]
    sides = [
        {
            key: {
                c: v for c, v in row.items() if c != "created_date" or row.get("role_code", NOTHING)[1] not in CATALOGUE
            }
            for key, row in rows.items()
        }
        for rows in (changes.added, changes.deleted)
    ]
    return {**found, "company_roles": changes._replace(added=sides[0], deleted=sides[1])}


def read_schema(path):
    with project_of(path).open_database().reader() as reader:
        return reader.schema()


def counts_at(path):
    return {name: len(state.rows) for name, state in read_state(path).items()}


def own_copy(path, name):
    """A copy of a database in a folder of its own, with what is made beside it."""
    copy = path.parent / name / path.name
    copy.parent.mkdir()
    shutil.copyfile(path, copy)
    return copy


def hold_against_the_real_run(path, direction):
    """Rehearse, then run it really: at once, and step by step. Return what the rehearsal told."""
    run = {"up": nukeworks_migrate.up, "down": nukeworks_migrate.down}[direction]
    target = {"up": "head", "down": "base"}[direction]
    at_once, by_steps = own_copy(path, "at_once"), own_copy(path, "by_steps")
    untouched = path.read_bytes(), path.stat().st_mtime_ns

    found = rehearse(project_of(path), direction=direction, to=target, samples=1000)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == untouched
    assert found.failure is None
    schema, counts = read_schema(at_once), counts_at(at_once)
    run(project_of(at_once), to=target)
    assert found.schema == schema_changes(schema, read_schema(at_once))
    after = counts_at(at_once)
    told = {count.table: (count.before, count.after) for count in found.counts}
    for table in {*counts, *after}:
        real = counts.get(table, 0), after.get(table, 0)
        assert told.get(table, real) == real, table
        assert table in told or real[0] == real[1], table
    assert {*told} <= {*counts, *after}
    for step in found.steps:
        before, schema = read_state(by_steps), read_schema(by_steps)
        report = run(project_of(by_steps), steps=1)
        assert [done.step.name for done in report.steps] == [step.step.name]
        assert report.steps[0].messages == step.messages, step.step.name
        assert step.difference.schema == schema_changes(schema, read_schema(by_steps)), step.step.name
        real = changes_of(before, read_state(by_steps))
        assert without_dates(told_changes(step.difference)) == without_dates(real), step.step.name
    assert run(project_of(by_steps), to=target).steps == ()
    return found


def verdicts_of(found):
    return {step.step.version: step.way_back.verdict for step in found.steps}


@pytest.fixture
def filled(database_at):
    """Give a database at a version, with rows in every table."""

    def make(version):
        path = database_at(version or "base")
        if version:
            fill(path)
            empty = [name for name in tables_of(path) if not counts_at(path)[name] and not name.startswith("kept_")]
            assert empty == []
        return path

    return make


@pytest.mark.parametrize("version", range(HEAD))
def test_up_from_any_version_is_what_the_rehearsal_told(filled, temporary, version):
    path = filled(version)

    found = hold_against_the_real_run(path, "up")

    assert verdicts_of(found) == dict.fromkeys(range(version + 1, HEAD + 1), WayBack.EXACT)
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("version", [0, 2, 6, 9])
def test_down_from_head_is_what_the_rehearsal_told(filled, temporary, version):
    path = filled(version)
    nukeworks_migrate.up(project_of(path))
    execute(path, "UPDATE company_roles SET created_date = ?", (LONG_AGO,))

    found = hold_against_the_real_run(path, "down")

    # What goes with the tables that had rows does not come back with them, and neither does the moment at which
    # the roles were entered; all else that is above comes back from what is below.
    lossy = {*range(1, version + 1), 5, 10}
    expected = {number: WayBack.LOSSY if number in lossy else WayBack.EXACT for number in range(HEAD, 0, -1)}
    assert verdicts_of(found) == expected
    left = {step.step.version: step.way_back.left for step in found.steps}
    assert all(not difference.schema for difference in left.values())
    if version < 5:
        for number in (5, 10):
            assert {rows.table for rows in left[number].rows} == {"company_roles"}
            (rows,) = left[number].rows
            assert (rows.added, rows.deleted) == (0, 0)
            assert {column for sample in rows.samples for column in sample.after} == {"created_date"}
    assert os.listdir(temporary) == []


def test_a_database_that_was_used_at_every_version_is_what_the_rehearsal_told(database_at, temporary):
    path = database_at("base")
    for version in range(1, HEAD + 1):
        nukeworks_migrate.up(project_of(path), to=version)
        fill(path)

    found = hold_against_the_real_run(path, "down")

    assert set(verdicts_of(found).values()) == {WayBack.LOSSY}


def test_companies_in_all_their_spellings_are_what_the_rehearsal_told(database_at, temporary):
    path = database_at(5)
    insert_firms(path, make_firms(60, seed=7))

    found = hold_against_the_real_run(path, "up")

    assert verdicts_of(found) == dict.fromkeys(range(6, HEAD + 1), WayBack.EXACT)
    backfill = told_changes(found.steps[0].difference)
    assert backfill["companies"].after == 60
    assert os.listdir(temporary) == []


def test_the_rows_of_the_frameworks_own_snapshots_are_left_out(filled, temporary):
    path = filled(2)
    insert(path, "database_snapshots", snapshot_type="MIGRATION_BACKUP", file_path="snapshots/x.sqlite")

    found = rehearse(project_of(path), direction="down", to="base", samples=1000)

    (rows,) = (rows for rows in found.steps[-1].difference.rows if rows.table == "database_snapshots")
    assert (rows.before, rows.after, rows.deleted) == (4, 0, 4)
    assert "MIGRATION_BACKUP" not in {sample.before["snapshot_type"] for sample in rows.samples}


def test_the_frameworks_tables_are_told_nowhere(filled, temporary):
    found = rehearse(project_of(filled(2)), samples=1000)

    tables = {count.table for count in found.counts} | {change.table for change in found.schema}
    assert not any(name.startswith("schema_version") for name in tables)
    assert "kept_0008_meeting_date" in tables


def test_the_program_tells_the_same_and_touches_nothing(filled, temporary, tmp_path):
    path = filled(2)
    before = footprint(tmp_path)
    words = ["--database", str(path), "--versions", str(VERSIONS), "--snapshots", str(tmp_path / "snapshots")]
    environment = {**os.environ, "NUKEWORKS_MIGRATE_HEADER_INDEX": "off"}

    ended = subprocess.run(
        [*MIGRATE, *words, "up", "--dry-run", "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr
    assert footprint(tmp_path) == before
    told = json.loads(ended.stdout)
    nukeworks_migrate.up(project_of(path))
    real = counts_at(path)
    assert {count["table"]: count["after"] for count in told["rows"]}.items() <= real.items()
    assert [step["way_back"]["verdict"] for step in told["steps"]] == ["exact"] * 8


def test_these_tests_tell_a_row_apart_that_differs_in_the_type_of_a_value_alone(filled):
    path = filled(2)
    before = read_state(path)
    execute(path, "UPDATE users SET full_name = CAST(full_name AS BLOB) WHERE user_id = 2")

    changes = changes_of(before, read_state(path))

    assert {name: (len(c.added), len(c.changed), len(c.deleted)) for name, c in changes.items()} == {"users": (0, 1, 0)}
    assert query(path, "SELECT count(*) FROM users") == [(4,)]
