"""0008: created_date becomes created_timestamp and back, without losing what dates said."""

import pytest
from nukeworks.file_content import execute, insert, query, rows_of, schema_of
from nukeworks.runner import down, up

ODD_DATES = [
    pytest.param("2025-03-04 00:00:00", id="midnight already, as spreadsheets leave it"),
    pytest.param("2025-03-04 10:11:12.123456", id="a time part"),
    pytest.param("2025-03-04T10:11:12+02:00", id="a zone"),
    pytest.param("2025-02-30", id="a day that does not exist"),
    pytest.param("04.03.2025", id="another notation"),
    pytest.param("now", id="a word that SQLite's date functions would read"),
    pytest.param("", id="empty text"),
    pytest.param(" 2025-03-04", id="a blank in front"),
    pytest.param("2025-03-04\0x", id="an embedded NUL"),
    pytest.param(20250304, id="an integer"),
    pytest.param(2460738.5, id="a Julian day"),
    pytest.param(b"2025-03-04", id="bytes"),
]


def add_note(path, created, meeting="2025-01-15", **values):
    values = {
        "entity_type": "Project",
        "entity_id": 1,
        "meeting_date": meeting,
        "created_date": created,
        **values,
    }
    return insert(path, "roundtable_history", **values)


def test_created_date_becomes_midnight_of_that_day(database_at):
    path = database_at(7)
    add_note(path, "2025-03-04", discussion="siting")

    up(path, to=8)

    notes = query(
        path,
        "SELECT history_id, entity_type, entity_id, discussion, created_timestamp FROM roundtable_history",
    )
    assert notes == [(1, "Project", 1, "siting", "2025-03-04 00:00:00")]


@pytest.mark.parametrize("created", [pytest.param("2025-03-04", id="a plain date"), *ODD_DATES])
def test_going_down_gives_back_the_very_value_of_created_date(created, database_at):
    path = database_at(7)
    add_note(path, created)
    before = rows_of(path)

    up(path, to=8)
    down(path, 7)

    assert rows_of(path) == before


@pytest.mark.parametrize("created", ODD_DATES)
def test_a_created_date_that_is_no_plain_date_is_carried_over_as_it_stands(created, database_at):
    path = database_at(7)
    add_note(path, created)
    written = query(path, "SELECT created_date, typeof(created_date) FROM roundtable_history")

    up(path, to=8)

    carried = query(path, "SELECT created_timestamp, typeof(created_timestamp) FROM roundtable_history")
    assert carried == written


@pytest.mark.parametrize("meeting", ["2025-01-15", "soon", "", 7, 1.5, b"\xff"])
def test_going_down_gives_back_the_very_meeting_date(meeting, database_at):
    path = database_at(7)
    add_note(path, "2025-03-04", meeting=meeting)
    before = rows_of(path)

    up(path, to=8)
    kept = query(path, "SELECT history_id, meeting_date FROM kept_0008_meeting_date")
    down(path, 7)

    assert kept == [(1, meeting)]
    assert rows_of(path) == before


def test_what_changed_in_an_old_note_stays_changed(database_at):
    path = database_at(7)
    add_note(path, "2025-03-04", discussion="siting")
    up(path, to=8)
    execute(path, "UPDATE roundtable_history SET discussion = 'licensing', next_steps = 'call'")

    down(path, 7)

    notes = query(path, "SELECT meeting_date, created_date, discussion, next_steps FROM roundtable_history")
    assert notes == [("2025-01-15", "2025-03-04", "licensing", "call")]


@pytest.mark.parametrize(
    ("created", "day"),
    [
        pytest.param("2026-05-06 23:59:59", "2026-05-06", id="a timestamp of SQLite"),
        pytest.param("2026-05-06T23:59:59.123456", "2026-05-06", id="an ISO timestamp"),
        pytest.param("2026-05-06 23:59:59-08:00", "2026-05-06", id="the day as it is written, whatever the zone"),
        pytest.param("2026-05-06", "2026-05-06", id="a date"),
        pytest.param("yesterday", "yesterday", id="no date at all"),
    ],
)
def test_a_note_added_since_gets_the_day_of_its_timestamp_for_both_dates(created, day, database_at):
    path = database_at(7)
    add_note(path, "2025-03-04")
    up(path, to=8)
    added = insert(path, "roundtable_history", entity_type="Project", entity_id=2, created_timestamp=created)

    down(path, 7)

    notes = query(path, "SELECT history_id, meeting_date, created_date FROM roundtable_history ORDER BY history_id")
    assert notes == [(1, "2025-01-15", "2025-03-04"), (added, day, day)]


def test_a_note_that_got_the_id_of_a_deleted_one_does_not_get_its_meeting_date(database_at):
    path = database_at(7)
    old = add_note(path, "2025-03-04")
    up(path, to=8)
    execute(path, "DELETE FROM roundtable_history")
    new = insert(
        path,
        "roundtable_history",
        entity_type="Project",
        entity_id=2,
        created_timestamp="2026-05-06 07:08:09",
    )

    down(path, 7)

    assert new == old
    notes = query(path, "SELECT history_id, meeting_date, created_date FROM roundtable_history")
    assert notes == [(new, "2026-05-06", "2026-05-06")]


def test_a_note_without_a_timestamp_gets_the_present_time(database_at):
    path = database_at(8)

    insert(path, "roundtable_history", entity_type="Project", entity_id=1)

    [(recent,)] = query(
        path, "SELECT julianday('now') - julianday(created_timestamp) BETWEEN 0 AND 1 FROM roundtable_history"
    )
    assert recent


def test_the_schema_comes_back_column_for_column(database_at):
    path = database_at(7)
    before = schema_of(path)

    up(path, to=8)
    down(path, 7)

    assert schema_of(path) == before
    assert before["roundtable_history"].columns[3][0] == "meeting_date"
