"""A rehearsal tells what a run would do: statements, schema, rows, the way back. The database is only read."""

import sqlite3
import tempfile
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from support import content, footprint

from nukeworks_migrate import Project, accept, down, rehearse, up
from nukeworks_migrate.errors import (
    ChecksumDrift,
    FilesRefused,
    Interrupted,
    MissingFiles,
    MissingResource,
    ModuleNotLoaded,
    NoWayBack,
    SnapshotRefused,
    StatementRefused,
    StepFailed,
    UnknownTarget,
    UsageError,
)
from nukeworks_migrate.model.events import Committed, CopyProgress, Logged, StepBroke, StepFinished, StepStarted
from nukeworks_migrate.model.rehearsal import TableCount, WayBack
from nukeworks_migrate.model.rows import REDACTED, RowSample

CLIENTS = """
CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, email TEXT);
INSERT INTO clients VALUES (1, 'ann', 'a@x'), (2, 'bob', 'b@x'), (3, 'cy', NULL);
"""
ALONE = 'transaction = "none"'


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The folder in which copies are made."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def rehearsed(folder, temporary):
    """Rehearse, and look that nothing of the project was touched and nothing of the copy is left."""

    def call(*, settings=None, **words):
        before = untouched(folder)
        try:
            return rehearse(folder.project(**(settings or {})), **words)
        finally:
            assert untouched(folder) == before
            assert list(temporary.iterdir()) == []

    return call


def untouched(folder):
    """Every file but the two that SQLite makes beside a database in WAL mode when it is read."""
    found = footprint(folder.path)
    for name in [name for name in found if name.endswith("-shm") or (name.endswith("-wal") and found[name][0] == b"")]:
        del found[name]
    return found


def counts(difference):
    """By table: rows before and after; added, changed, deleted."""
    return {r.table: (r.before, r.after, r.added, r.changed, r.deleted) for r in difference.rows}


def changes(schema):
    return [f"{change.change} {change.kind} {change.name}".strip() for change in schema]


def verdicts(found):
    return [step.way_back.verdict.value for step in found.steps]


# Statements


def test_statements_are_told_with_their_lines_times_and_rows(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.write(
        "0001_change.py",
        """
        def upgrade(db):
            db.execute("UPDATE clients SET name = upper(name)")
            for number in (10, 11, 12):
                db.execute("INSERT INTO clients (id) VALUES (?)", (number,))
            db.execute("DELETE FROM clients WHERE id = 99")
            db.query("SELECT name FROM clients")
            db.scalar("SELECT count(*) FROM clients")
            db.script("CREATE TABLE a (id); INSERT INTO a VALUES (1); CREATE INDEX i ON a (id)")
        """,
    )

    (step,) = rehearsed().steps

    assert [(s.line, s.sql, s.times, s.rows, s.most_rows) for s in step.statements] == [
        (2, "UPDATE clients SET name = upper(name)", 1, 3, 3),
        (4, "INSERT INTO clients (id) VALUES (?)", 3, 3, 1),
        (5, "DELETE FROM clients WHERE id = 99", 1, 0, 0),
        (6, "SELECT name FROM clients", 1, 6, 0),
        (7, "SELECT count(*) FROM clients", 1, 1, 0),
        (8, "CREATE TABLE a (id)", 1, 0, 0),
        (8, "INSERT INTO a VALUES (1)", 1, 1, 1),
        (8, "CREATE INDEX i ON a (id)", 1, 0, 0),
    ]
    assert all(0 <= s.seconds < 10 for s in step.statements)
    assert step.more_statements == 0


def test_one_statement_from_two_lines_is_told_twice(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_change", 'sql = "UPDATE clients SET name = 1"\ndb.execute(sql)\ndb.execute(sql)')

    (step,) = rehearsed().steps

    assert [(s.line, s.times) for s in step.statements] == [(6, 1), (7, 1)]


def test_statements_of_check_and_verify_and_of_helpers_are_told(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.write("_names.py", "def shout(db):\n    db.execute('UPDATE clients SET name = upper(name)')\n")
    folder.write(
        "0001_change.py",
        """
        from ._names import shout

        def check(db):
            db.query("SELECT 1")

        def upgrade(db):
            shout(db)

        def verify(db):
            db.query("SELECT 2")
        """,
    )

    (step,) = rehearsed().steps

    assert [(s.line, s.sql) for s in step.statements] == [
        (4, "SELECT 1"),
        (7, "UPDATE clients SET name = upper(name)"),
        (10, "SELECT 2"),
    ]


def test_statements_of_connections_cursors_and_transforms_are_told(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.write(
        "0001_change.py",
        """
        def upgrade(db):
            db.connection.execute("UPDATE clients SET name = ?", ("x",))
            cursor = db.connection.cursor()
            cursor.execute("DELETE FROM clients WHERE id = ?", (3,))
            cursor.executemany("INSERT INTO clients (id) VALUES (?)", [(4,), (5,)])
            db.executemany("INSERT INTO clients (id) VALUES (:id)", ({"id": n} for n in (6, 7)))
            db.transform("clients", str.upper, reads=["email"], writes=["email"], where="email IS NOT NULL")
        """.replace("str.upper", "lambda email: email.upper()"),
    )

    (step,) = rehearsed().steps
    told = [(s.line, s.sql.split()[0], s.rows, s.parameters) for s in step.statements]

    assert told[:4] == [
        (2, "UPDATE", 3, "text of 1"),
        (4, "DELETE", 1, "integer"),
        (5, "INSERT", 2, "rows of integer"),
        (6, "INSERT", 2, "rows that were made one by one"),
    ]
    assert {line for line, *_ in told[4:]} == {7}
    assert told[-1] == (7, "UPDATE", 2, "rows of text of 3, integer")


def test_statements_before_a_failure_are_told(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_change", 'db.execute("DELETE FROM clients")\ndb.execute("INSERT INTO nowhere VALUES (1)")')

    (step,) = rehearsed().steps

    assert [(s.sql, s.rows) for s in step.statements] == [("DELETE FROM clients", 3)]
    assert step.failed


def test_statements_that_are_too_many_to_tell_apart_are_counted(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add(
        "0001_change", 'for n in range(510):\n    db.query(f"SELECT {n}")\nfor n in range(5):\n    db.query("SELECT 1")'
    )

    (step,) = rehearsed().steps

    assert len(step.statements) == 500
    assert step.more_statements == 15


PARAMETERS = [
    pytest.param("(1, 2.5, None, True)", "integer, real, NULL, integer", "1, 2.5, NULL, 1", id="plain ones"),
    pytest.param("('s3cret', b's3cret')", "text of 6, 6 bytes", "'s3cret', 6 bytes", id="text and bytes"),
    pytest.param("{'a': 's3cret', 'b': 1}", "a: text of 6, b: integer", "a: 's3cret', b: 1", id="by name"),
    pytest.param("['s3cret' + 'x' * 60]", "text of 66", f"'s3cret{'x' * 34}' …", id="long text"),
    pytest.param("list(range(14))", "integer, " * 11 + "integer and 2 more", None, id="many"),
    pytest.param("()", "", "", id="none"),
    pytest.param("bytearray(b'') and () or (memoryview(b's3cret'),)", "6 bytes", "6 bytes", id="other buffers"),
]


@pytest.mark.parametrize(("params", "kinds", "values"), PARAMETERS)
def test_parameters_are_told_by_kind_and_their_values_only_when_asked(folder, rehearsed, params, kinds, values):
    folder.sql("CREATE TABLE t (id)")
    count = len(eval(params))
    names = "(:a, :b)" if params.startswith("{") else f"({', '.join('?' * count)})" if count else "(1)"
    folder.add("0001_change", f'db.execute("SELECT 1 WHERE 1 IN {names}", {params})')

    told, shown = rehearsed(), rehearsed(show_values=True)

    assert [s.parameters for s in told.steps[0].statements] == [kinds]
    assert "s3cret" not in repr(told)
    if values is not None:
        assert [s.parameters for s in shown.steps[0].statements] == [values]


def test_values_of_many_rows_are_told_by_the_first(folder, rehearsed):
    folder.sql("CREATE TABLE t (id, name)")
    folder.add("0001_change", 'db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "s3cret"), (2, None)])')

    told, shown = rehearsed(samples=0), rehearsed(show_values=True)

    assert [(s.times, s.rows, s.parameters) for s in told.steps[0].statements] == [(1, 2, "rows of integer, text of 6")]
    assert "s3cret" not in repr(told)
    assert shown.steps[0].statements[0].parameters == "rows of 1, 's3cret'"


def test_redacted_columns_are_not_in_the_samples(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_change", "db.execute(\"UPDATE clients SET name = 'x', email = 'y' WHERE id = 1\")")

    (step,) = rehearsed(settings={"redact": ["clients.email"]}).steps

    assert step.difference.rows[0].samples == (
        RowSample((1,), before={"name": "ann", "email": REDACTED}, after={"name": "x", "email": REDACTED}),
    )


# Schema, rows, messages


def test_each_step_has_its_own_difference_and_all_have_one(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_tiers", 'db.execute("CREATE TABLE tiers (id INTEGER PRIMARY KEY)")')
    folder.add(
        "0002_fill",
        """
        db.execute("INSERT INTO tiers VALUES (1), (2)")
        db.execute("ALTER TABLE clients ADD COLUMN tier INTEGER")
        db.execute("UPDATE clients SET tier = 1 WHERE id = 1")
        """,
    )
    folder.add("0003_less", 'db.execute("DELETE FROM tiers WHERE id = 2")\ndb.execute("CREATE INDEX i ON tiers (id)")')
    folder.add("0004_nothing")

    found = rehearsed()

    assert found.failure is None
    assert [changes(step.difference.schema) for step in found.steps] == [
        ["added table tiers"],
        ["added column tier"],
        ["added index i"],
        [],
    ]
    assert [counts(step.difference) for step in found.steps] == [
        {},
        {"clients": (3, 3, 0, 1, 0), "tiers": (0, 2, 2, 0, 0)},
        {"tiers": (2, 1, 0, 0, 1)},
        {},
    ]
    assert found.steps[1].difference.rows[0].samples == (RowSample((1,), before={}, after={"tier": 1}),)
    assert changes(found.schema) == ["added column tier", "added table tiers", "added index i"]
    assert found.counts == (TableCount("clients", 3, 3), TableCount("tiers", 0, 1))
    assert found.steps[3].difference.empty


def test_what_one_step_makes_and_another_takes_away_is_in_no_total(folder, rehearsed):
    folder.add("0001_make", 'db.execute("CREATE TABLE t (id)")\ndb.execute("INSERT INTO t VALUES (1)")')
    folder.add("0002_drop", 'db.execute("DROP TABLE t")', None)

    found = rehearsed()

    assert found.schema == ()
    assert found.counts == (TableCount("t", 0, 0),)
    assert counts(found.steps[1].difference) == {"t": (1, 0, 0, 0, 1)}


def test_a_rehearsal_says_what_the_run_then_does(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_tiers", 'db.execute("CREATE TABLE tiers (id)")\ndb.execute("INSERT INTO tiers VALUES (1), (1)")')
    folder.add("0002_less", 'db.execute("DELETE FROM clients WHERE id > 1")\ndb.execute("DROP TABLE tiers")', None)
    folder.add(
        "0003_more", 'db.execute("CREATE TABLE tiers AS SELECT * FROM clients")', 'db.execute("DROP TABLE tiers")'
    )

    found = rehearsed()
    up(folder.project())

    for count in found.counts:
        assert folder.query(f"SELECT count(*) FROM {count.table}") == [(count.after,)]
    with folder.project().open_database().reader() as reader:
        assert found.steps[-1].after == reader.schema()
    assert found.steps[0].after == found.steps[1].before
    assert found.steps[1].after == found.steps[2].before


def test_a_table_that_was_only_looked_at_is_not_compared(folder, rehearsed):
    folder.sql(CLIENTS + "CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1);")
    folder.add("0001_change", 'db.query("SELECT * FROM clients")\ndb.execute("DELETE FROM notes")')

    (step,) = rehearsed().steps

    assert counts(step.difference) == {"notes": (1, 0, 0, 0, 1)}
    assert step.touched.written == {"notes"}


def test_messages_are_those_of_the_step_and_not_of_its_way_back(folder, rehearsed):
    folder.add("0001_one", 'db.log("up")\ndb.log(2)', 'db.log("down")')
    folder.add("0002_two")

    found = rehearsed()

    assert [step.messages for step in found.steps] == [("up", "2"), ()]


def test_messages_of_a_step_that_fails_are_told_too(folder, rehearsed):
    folder.add("0001_one", 'db.log("half way")\nraise RuntimeError')

    (step,) = rehearsed().steps

    assert step.messages == ("half way",)


def test_events_number_the_steps_and_speak_of_no_commit(folder, rehearsed):
    folder.add("0001_one", 'db.log("hello")')
    folder.add("0002_two", head=ALONE)
    folder.add("0003_three", "raise RuntimeError")
    events = []

    rehearsed(on_event=events.append)

    numbered = [event for event in events if isinstance(event, (StepStarted, StepFinished, StepBroke))]
    assert [(type(event), event.step.name, event.number, event.total) for event in numbered] == [
        (StepStarted, "0001_one", 1, 3),
        (StepFinished, "0001_one", 1, 3),
        (StepStarted, "0002_two", 2, 3),
        (StepFinished, "0002_two", 2, 3),
        (StepStarted, "0003_three", 3, 3),
        (StepBroke, "0003_three", 3, 3),
    ]
    assert [e.message for e in events if isinstance(e, Logged)] == ["hello"]
    assert not any(isinstance(e, Committed) for e in events)


def test_samples_are_as_many_as_were_asked_for(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_change", 'db.execute("DELETE FROM clients")')

    found = {samples: rehearsed(samples=samples).steps[0].difference.rows[0] for samples in (0, 1, 3, 1000)}

    assert {samples: len(rows.samples) for samples, rows in found.items()} == {0: 0, 1: 1, 3: 3, 1000: 3}
    assert all(rows.deleted == 3 for rows in found.values())


# The way back


WAYS_BACK = {
    "a table made and dropped": (
        'db.execute("CREATE TABLE t (id)")\ndb.execute("INSERT INTO t VALUES (1)")',
        'db.execute("DROP TABLE t")',
        "exact",
        [],
        {},
    ),
    "rows in another order": (
        'db.execute("DELETE FROM clients")',
        "for row in [(3, 'cy', None), (1, 'ann', 'a@x'), (2, 'bob', 'b@x')]:\n"
        '    db.execute("INSERT INTO clients VALUES (?, ?, ?)", row)',
        "exact",
        [],
        {},
    ),
    "a rebuild and another rebuild": (
        'db.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)")\n'
        'db.execute("INSERT INTO c SELECT * FROM clients ORDER BY id DESC")\n'
        'db.execute("DROP TABLE clients")\ndb.execute("ALTER TABLE c RENAME TO clients")\n'
        'db.execute("CREATE INDEX by_name ON clients (name)")',
        'db.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT, email TEXT)")\n'
        'db.execute("INSERT INTO c SELECT * FROM clients")\n'
        'db.execute("DROP TABLE clients")\ndb.execute("ALTER TABLE c RENAME TO clients")\n'
        'db.execute("CREATE INDEX by_name ON clients (name)")',
        "exact",
        [],
        {},
    ),
    "rows without a key rebuilt in another order": (
        'db.execute("CREATE TABLE n AS SELECT * FROM notes ORDER BY v DESC")\n'
        'db.execute("DROP TABLE notes")\ndb.execute("ALTER TABLE n RENAME TO notes")',
        'db.execute("CREATE TABLE n (v)")\ndb.execute("INSERT INTO n SELECT * FROM notes")\n'
        'db.execute("DROP TABLE notes")\ndb.execute("ALTER TABLE n RENAME TO notes")',
        "exact",
        [],
        {},
    ),
    "a row without a key lost": (
        'db.execute("CREATE TABLE n (v)")\ndb.execute("INSERT INTO n SELECT DISTINCT v FROM notes")\n'
        'db.execute("DROP TABLE notes")\ndb.execute("ALTER TABLE n RENAME TO notes")',
        "pass",
        "lossy",
        [],
        {"notes": (3, 2, 0, 0, 1)},
    ),
    "lost rows": (
        'db.execute("DELETE FROM clients WHERE id = 2")',
        "pass",
        "lossy",
        [],
        {"clients": (3, 2, 0, 0, 1)},
    ),
    "rows that stay": (
        "db.execute(\"INSERT INTO clients VALUES (4, 'd', NULL)\")",
        "pass",
        "lossy",
        [],
        {"clients": (3, 4, 1, 0, 0)},
    ),
    "lost values of a column": (
        'db.execute("ALTER TABLE clients DROP COLUMN email")',
        'db.execute("ALTER TABLE clients ADD COLUMN email TEXT")',
        "lossy",
        [],
        {"clients": (3, 3, 0, 2, 0)},
    ),
    "lost case of a value": (
        'db.execute("UPDATE clients SET name = upper(name)")',
        "db.execute(\"UPDATE clients SET name = 'Ann' WHERE id = 1\")\n"
        'db.execute("UPDATE clients SET name = lower(name) WHERE id > 1")',
        "lossy",
        [],
        {"clients": (3, 3, 0, 1, 0)},
    ),
    "a value of another type": (
        'db.execute("UPDATE levels SET v = 5.0")',
        "pass",
        "lossy",
        [],
        {"levels": (1, 1, 0, 1, 0)},
    ),
    "an index forgotten": (
        'db.execute("DROP INDEX by_name")',
        "pass",
        "lossy",
        ["removed index by_name"],
        {},
    ),
    "an index left": (
        'db.execute("CREATE INDEX by_email ON clients (email)")',
        "pass",
        "lossy",
        ["added index by_email"],
        {},
    ),
    "a column renamed": (
        'db.execute("ALTER TABLE clients RENAME COLUMN email TO mail")',
        'db.execute("ALTER TABLE clients RENAME COLUMN mail TO email")',
        "exact",
        [],
        {},
    ),
    "a column that comes back as the last": (
        'db.execute("DROP INDEX by_name")\ndb.execute("ALTER TABLE clients RENAME COLUMN name TO old")\n'
        'db.execute("ALTER TABLE clients ADD COLUMN name TEXT")\ndb.execute("UPDATE clients SET name = old")\n'
        'db.execute("ALTER TABLE clients DROP COLUMN old")\ndb.execute("CREATE INDEX by_name ON clients (name)")',
        "pass",
        "lossy",
        ["changed column order"],
        {},
    ),
    "more than there was before": (
        "pass",
        'db.execute("DELETE FROM clients WHERE id = 1")\ndb.execute("DROP TABLE notes")',
        "lossy",
        ["removed table notes"],
        {"clients": (3, 2, 0, 0, 1), "notes": (3, 0, 0, 0, 3)},
    ),
    "a view and a trigger changed": (
        'db.execute("DROP VIEW named")\ndb.execute("CREATE VIEW named AS SELECT id FROM clients")',
        "pass",
        "lossy",
        ["changed view named"],
        {},
    ),
    "nothing and nothing": ("pass", "pass", "exact", [], {}),
}
BEFORE = (
    CLIENTS
    + """
CREATE TABLE notes (v);
INSERT INTO notes VALUES (5), (7), (7);
CREATE TABLE levels (id INTEGER PRIMARY KEY, v);
INSERT INTO levels VALUES (1, 5);
CREATE INDEX by_name ON clients (name);
CREATE VIEW named AS SELECT name FROM clients;
"""
)
# The view of the test stands in the way of some changes of the table that it looks at.
WITHOUT_VIEW = "DROP VIEW named;"


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
@pytest.mark.parametrize(
    ("upgrade", "downgrade", "verdict", "schema", "rows"), WAYS_BACK.values(), ids=WAYS_BACK.keys()
)
def test_the_way_back_is_compared_with_what_was_there(
    folder, rehearsed, upgrade, downgrade, verdict, schema, rows, head
):
    folder.sql(BEFORE if "VIEW" in upgrade else BEFORE + WITHOUT_VIEW)
    folder.add("0000_base")
    up(folder.project())
    folder.add("0001_change", upgrade, downgrade, head=head)

    found = rehearsed()

    assert found.failure is None
    assert verdicts(found) == [verdict]
    left = found.steps[0].way_back.left
    assert changes(left.schema) == schema
    assert counts(left) == rows
    assert left.empty is (verdict == "exact")


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
@pytest.mark.parametrize(
    ("upgrade", "downgrade", "verdict", "schema", "rows"), WAYS_BACK.values(), ids=WAYS_BACK.keys()
)
def test_the_way_back_of_a_way_down_is_the_way_up(folder, rehearsed, upgrade, downgrade, verdict, schema, rows, head):
    # The other way round: what was the downgrade is the upgrade that is tried after it.
    folder.sql(BEFORE if "VIEW" in upgrade else BEFORE + WITHOUT_VIEW)
    path = folder.add("0001_change", downgrade, upgrade, head=head)
    text = path.read_text()
    folder.add("0001_change", "pass", upgrade, head=head)
    up(folder.project())
    if path.read_text() != text:
        path.write_text(text)
        accept(folder.project(), "0001_change", reason="the test's own")

    found = rehearsed(direction="down", to="base")

    assert found.failure is None
    assert verdicts(found) == [verdict]
    assert changes(found.steps[0].way_back.left.schema) == schema
    assert counts(found.steps[0].way_back.left) == rows


def test_samples_of_the_way_back_show_what_was_and_what_is(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_change", 'db.execute("UPDATE clients SET name = 7 WHERE id < 3")')

    (step,) = rehearsed(samples=1).steps

    assert step.way_back.left.rows[0].samples == (RowSample((1,), before={"name": "ann"}, after={"name": "7"}),)


def test_without_a_downgrade_there_is_no_way_back(folder, rehearsed):
    folder.add("0001_change", downgrade=None)

    assert verdicts(rehearsed()) == ["none"]
    assert verdicts(rehearsed(way_back=False)) == ["none"]


def test_the_way_back_is_not_tried_when_it_is_not_wanted(folder, rehearsed):
    folder.add("0001_change", downgrade="raise RuntimeError")

    (step,) = rehearsed(way_back=False).steps

    assert step.way_back.verdict is WayBack.NOT_TRIED
    assert not step.failed


def test_the_way_back_of_a_step_that_failed_is_not_tried(folder, rehearsed):
    folder.add("0001_change", "raise RuntimeError")

    assert verdicts(rehearsed()) == ["not tried"]


FAILING_WAYS_BACK = {
    "it raises": ("db.execute('DELETE FROM clients')\nraise RuntimeError('no way')", "RuntimeError: no way", ":12"),
    "a statement fails": ('db.execute("DROP TABLE nowhere")', "no such table: nowhere", ":11\nDROP TABLE nowhere"),
    "a statement is refused": ('db.execute("COMMIT")', "COMMIT", ":11\nCOMMIT"),
    "foreign keys are broken": (
        'db.execute("DELETE FROM clients WHERE id = 1")',
        "1 row would refer to nothing\nforeign keys without their row:\norders (1)",
        "",
    ),
    "it exits": ("raise SystemExit(0)", "SystemExit: 0", ":11"),
    "it returns a generator": ("return (db.execute(sql) for sql in [])", "returned a generator", ""),
    "it lacks what upgrade made": ('db.execute("DROP TABLE made")', "no such table: made", ":11\nDROP TABLE made"),
}


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
@pytest.mark.parametrize(("downgrade", "cause", "where"), FAILING_WAYS_BACK.values(), ids=FAILING_WAYS_BACK.keys())
def test_a_way_back_that_fails_is_told_and_changes_nothing(folder, rehearsed, downgrade, cause, where, head):
    folder.sql(CLIENTS + "CREATE TABLE orders (id INTEGER PRIMARY KEY, client REFERENCES clients (id));")
    upgrade = 'db.execute("INSERT INTO orders VALUES (1, 1)")'
    folder.add("0001_change", upgrade, downgrade, head=head or "# no header")
    folder.add("0002_next", 'assert db.scalar("SELECT count(*) FROM clients") == 3')

    found = rehearsed()

    assert found.failure is None
    assert verdicts(found) == ["failed", "exact"]
    back = found.steps[0].way_back
    assert cause in back.cause
    assert where in back.where
    assert back.left.empty
    assert counts(found.steps[0].difference) == {"orders": (0, 1, 1, 0, 0)}


@pytest.mark.parametrize("second", ["", ALONE], ids=["then one transaction", "then no transaction"])
@pytest.mark.parametrize("first", ["", ALONE], ids=["one transaction", "no transaction"])
def test_the_next_step_finds_what_a_run_would_give_it(folder, rehearsed, first, second):
    folder.sql(CLIENTS)
    lossy = (
        'db.execute("DELETE FROM clients")\ndb.execute("DROP TABLE tiers")\n'
        'db.execute("CREATE TABLE rubbish (id)")\ndb.execute("CREATE TEMP TABLE also (id)")'
    )
    folder.add("0001_first", 'db.execute("CREATE TABLE tiers (id)")', lossy, head=first)
    folder.add(
        "0002_second",
        """
        assert db.scalar("SELECT count(*) FROM clients") == 3
        assert db.scalar("SELECT count(*) FROM tiers") == 0
        names = [name for (name,) in db.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert [name for name in names if not name.startswith("schema_version")] == ["clients", "tiers"]
        db.execute("INSERT INTO tiers VALUES (1)")
        """,
        'db.execute("DELETE FROM tiers")',
        head=second,
    )

    found = rehearsed()

    assert found.failure is None
    assert verdicts(found) == ["lossy", "exact"]
    assert counts(found.steps[1].difference) == {"tiers": (0, 1, 1, 0, 0)}
    assert found.counts == (TableCount("tiers", 0, 1),)


def test_each_step_on_the_way_down_is_tried_back_and_undone(folder, rehearsed):
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_notes", "notes")
    folder.add("0003_change", "db.execute(\"INSERT INTO notes VALUES (5, 'five')\")", 'db.execute("DELETE FROM notes")')
    up(folder.project())

    found = rehearsed(direction="down", to="base")

    assert [step.step.name for step in found.steps] == ["0003_change", "0002_notes", "0001_clients"]
    assert verdicts(found) == ["lossy", "lossy", "exact"]
    assert [counts(step.difference) for step in found.steps] == [
        {"notes": (2, 0, 0, 0, 2)},
        {},
        {"clients": (1, 0, 0, 0, 1)},
    ]
    assert counts(found.steps[0].way_back.left) == {"notes": (2, 1, 0, 0, 1)}
    assert counts(found.steps[1].way_back.left) == {"notes": (0, 1, 1, 0, 0)}
    assert found.counts == (TableCount("clients", 1, 0), TableCount("notes", 2, 0))


def test_the_way_back_up_is_checked_and_verified_as_a_run_would(folder, rehearsed):
    text = """
    def upgrade(db):
        pass

    def downgrade(db):
        pass

    def verify(db):
        assert db.scalar("SELECT count(*) FROM sqlite_master WHERE name = 'gone'") == 1, "it is gone"
    """
    folder.sql("CREATE TABLE gone (id)")
    folder.write(
        "0001_change.py",
        text.replace("        pass\n\n    def verify", "        db.execute('DROP TABLE gone')\n\n    def verify"),
    )
    up(folder.project())

    (step,) = rehearsed(direction="down", to="base").steps

    assert step.way_back.verdict is WayBack.FAILED
    assert "it is gone" in step.way_back.cause


# What is planned


@pytest.fixture
def four(folder):
    for number, table in enumerate(("a", "b", "c", "d"), 1):
        folder.add_table(f"000{number}_{table}", table, depends_on="0001_a" if table == "c" else "")
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, "abcd"),
        ({"to": 2}, "ab"),
        ({"to": "0003_c"}, "abc"),
        ({"to": "head"}, "abcd"),
        ({"only": "0003_c"}, "ac"),
        ({"steps": 1}, "a"),
        ({"commit": "each"}, "abcd"),
        ({"commit": "each", "steps": 2}, "ab"),
    ],
)
def test_the_steps_are_those_that_up_would_run(four, rehearsed, words, expected):
    found = rehearsed(**words)

    assert [step.step.name[-1] for step in found.steps] == list(expected)
    assert found.plan.names == tuple(step.step.name for step in found.steps)
    assert verdicts(found) == ["exact"] * len(expected)
    assert found.counts == tuple(TableCount(table, 0, 1) for table in expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"to": 2}, "dc"),
        ({"to": "base"}, "dcba"),
        ({"only": "0001_a"}, "ca"),
        ({"steps": 1}, "d"),
        ({"to": "base", "commit": "each"}, "dcba"),
    ],
)
def test_the_steps_are_those_that_down_would_run(four, rehearsed, words, expected):
    up(four.project())

    found = rehearsed(direction="down", **words)

    assert [step.step.name[-1] for step in found.steps] == list(expected)
    assert verdicts(found) == ["exact"] * len(expected)


def test_a_plan_with_nothing_to_do_copies_nothing(four, rehearsed, monkeypatch):
    up(four.project())
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a copy was made"))

    found = rehearsed()

    assert found.steps == ()
    assert found.plan.steps == ()
    assert found.size_before == 0


def test_a_rehearsed_run_is_still_pending(four, rehearsed):
    rehearsed()
    rehearsed()

    assert not four.database.exists()
    assert len(up(four.project()).steps) == 4


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"direction": "down"}, UsageError),
        ({"to": 99}, UnknownTarget),
        ({"only": "nothing"}, UnknownTarget),
        ({"to": 1, "steps": 1}, UsageError),
        ({"samples": -1}, UsageError),
        ({"samples": 1001}, UsageError),
    ],
)
def test_words_that_mean_nothing_are_refused(four, rehearsed, words, error):
    with pytest.raises(error):
        rehearsed(**words)


def test_a_way_down_that_does_not_exist_is_refused(folder, rehearsed):
    folder.add("0001_change", downgrade=None)
    up(folder.project())

    with pytest.raises(NoWayBack):
        rehearsed(direction="down", to="base")


def test_what_a_run_would_refuse_for_is_refused(folder, rehearsed):
    folder.add_table("0001_a", "a")
    up(folder.project())
    folder.add_table("0002_b", "b")

    path = folder.versions / "0001_a.py"
    text = path.read_text()
    path.write_text(text.replace("INSERT", "REPLACE"))
    with pytest.raises(ChecksumDrift):
        rehearsed()
    path.unlink()
    with pytest.raises(MissingFiles):
        rehearsed()
    path.write_text(text)
    folder.write("0003_c.py", "def upgrade(db: pass")
    with pytest.raises(FilesRefused):
        rehearsed()


def test_a_file_that_cannot_be_imported_is_refused(folder, rehearsed):
    folder.add("0001_a", head="import no_such_module_at_all")

    with pytest.raises(ModuleNotLoaded):
        rehearsed()


def test_an_interrupted_migration_stands_in_the_way(folder, rehearsed):
    folder.add("0001_a", 'db.execute("CREATE TABLE t (id)")\nraise RuntimeError', head=ALONE)
    with pytest.raises(Interrupted):
        up(folder.project())

    with pytest.raises(Interrupted):
        rehearsed()


def test_resources_are_handed_in(folder, rehearsed):
    folder.add("0001_a", "db.log(len(db.resource('key')))", head='resources = ["key"]')

    (step,) = rehearsed(settings={"resources": {"key": "value"}}).steps

    assert step.messages == ("5",)
    assert step.way_back.verdict is WayBack.EXACT


def test_a_resource_that_nobody_handed_in_is_refused(folder, rehearsed):
    folder.add("0001_a", head='resources = ["key"]')

    with pytest.raises(MissingResource):
        rehearsed()


# Failures


FAILURES = {
    "it raises": ("raise RuntimeError('half way')", StepFailed),
    "a statement fails": ('db.execute("INSERT INTO clients VALUES (1, 1, 1)")', StepFailed),
    "a statement is refused": ('db.execute("COMMIT")', StatementRefused),
    "a refused statement is swallowed": (
        'try:\n    db.execute("COMMIT")\nexcept Exception:\n    pass',
        StatementRefused,
    ),
    "foreign keys are broken": ('db.execute("INSERT INTO orders VALUES (1, 99)")', StepFailed),
    "the transaction is lost": ('db.execute("INSERT OR ROLLBACK INTO clients VALUES (1, 1, 1)")', StepFailed),
    "a foreign key to no key": (
        'db.execute("CREATE TABLE x (a REFERENCES clients (name))")\ndb.execute("INSERT INTO x VALUES (1)")',
        StepFailed,
    ),
    "the ledger is written": ('db.execute("DELETE FROM schema_version")', StatementRefused),
}


@pytest.mark.parametrize(("body", "kind"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_is_that_of_the_run(folder, rehearsed, body, kind):
    folder.sql(CLIENTS + "CREATE TABLE orders (id INTEGER PRIMARY KEY, client REFERENCES clients (id));")
    folder.add("0001_first", 'db.execute("DELETE FROM clients WHERE id = 3")')
    folder.add("0002_wrong", 'db.execute("DELETE FROM clients WHERE id = 2")\n' + body)
    folder.add("0003_never")

    found = rehearsed()
    with pytest.raises(StepFailed) as real:
        up(folder.project())

    failure = found.failure
    assert type(failure) is type(real.value) is kind
    assert failure.what == "0002_wrong failed on the way up in the rehearsal"
    assert failure.name == "0002_wrong"
    assert failure.where == real.value.where
    assert failure.cause == real.value.cause
    assert failure.unchanged == "the database was not touched: this ran on a copy, which is gone"
    assert (failure.changed, failure.undone, failure.kept) == ("", (), ())
    assert [(step.step.name, step.failed) for step in found.steps] == [("0001_first", False), ("0002_wrong", True)]
    assert found.counts == (TableCount("clients", 3, 2),)
    assert found.schema == ()


def test_a_run_that_would_be_refused_for_the_size_of_its_snapshot_is_told_of(folder):
    folder.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY)")
    folder.add("0001_one")

    small, chosen = folder.project(snapshot_max_bytes=1), folder.project(snapshot_max_bytes=1, snapshot="never")

    assert [remark.split(":")[0] for remark in rehearse(small).remarks] == ["a run would be refused"]
    assert rehearse(chosen).remarks == ()
    with pytest.raises(SnapshotRefused):
        up(small)


def test_a_failure_says_what_to_write_instead(folder, rehearsed):
    folder.add("0001_wrong", 'db.execute("COMMIT")')

    assert rehearsed().failure.next_step == (
        "leave it out: the run commits at its end; for steps of your own use SAVEPOINT\nthen: migrate plan --rehearse"
    )


def test_a_failure_keeps_the_advice_that_names_a_command_of_the_run(folder, rehearsed):
    folder.sql("CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT)")
    folder.add(
        "0001_wrong",
        'db.execute("CREATE TABLE child (code REFERENCES parent (code))")\ndb.execute("INSERT INTO child VALUES (1)")',
    )

    assert "make the parent's columns a PRIMARY KEY or UNIQUE" in rehearsed().failure.next_step


def test_a_failure_on_the_way_down_names_the_rehearsal_of_that_way(folder, rehearsed):
    folder.add("0001_wrong", downgrade="raise RuntimeError")
    up(folder.project())

    failure = rehearsed(direction="down", to="base").failure

    assert failure.what == "0001_wrong failed on the way down in the rehearsal"
    assert "migrate plan --down --rehearse" in failure.next_step or "migrate down --dry-run" in failure.next_step


def test_a_failed_verify_and_a_failed_check_are_failures(folder, rehearsed):
    folder.add("0001_a", head="def verify(db):\n    return False")
    folder.add("0002_b", head="def check(db):\n    raise ValueError('not now')")

    first, second = rehearsed(), rehearsed(only="0002_b")

    assert "verify() returned False" in first.failure.cause
    assert second.failure.cause == "ValueError: not now"


# Foreign keys


FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent (id));
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 99);
"""


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
def test_violations_that_were_there_are_tolerated(folder, rehearsed, head):
    folder.sql(FAMILY)
    folder.add("0001_a", 'db.execute("UPDATE child SET parent = parent")', head=head)
    folder.add("0002_b", 'db.execute("UPDATE child SET parent = parent")', head=head)

    found = rehearsed()

    assert found.failure is None
    assert verdicts(found) == ["exact", "exact"]


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
def test_a_new_violation_beside_an_old_one_fails_the_step(folder, rehearsed, head):
    folder.sql(FAMILY)
    folder.add("0001_a", 'db.execute("UPDATE child SET parent = parent")', head=head)
    folder.add("0002_b", 'db.execute("INSERT INTO child VALUES (3, 98)")', head=head)

    found = rehearsed()

    assert [step.failed for step in found.steps] == [False, True]
    assert "child (3)" in found.failure.cause
    assert "child (2)" not in found.failure.cause


def test_a_way_back_may_bring_back_the_violations_that_were_there(folder, rehearsed):
    folder.sql(FAMILY)
    folder.add(
        "0001_a", 'db.execute("DELETE FROM child WHERE id = 2")', 'db.execute("INSERT INTO child VALUES (2, 99)")'
    )

    assert verdicts(rehearsed()) == ["exact"]


# No transaction


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute("VACUUM")', id="VACUUM"),
        pytest.param('db.execute("PRAGMA journal_mode = WAL")', id="to WAL"),
        pytest.param('db.execute("PRAGMA journal_mode = DELETE")', id="to a rollback journal"),
        pytest.param('db.execute("PRAGMA page_size = 8192")\ndb.execute("VACUUM")', id="pages"),
        pytest.param('db.execute("PRAGMA auto_vacuum = FULL")\ndb.execute("VACUUM")', id="auto_vacuum"),
        pytest.param('db.execute("PRAGMA wal_checkpoint(TRUNCATE)")', id="checkpoint"),
        pytest.param('with db.transaction():\n    db.execute("DELETE FROM clients WHERE id = 3")', id="its own"),
        pytest.param('db.execute("DELETE FROM clients WHERE id = 3")', id="none"),
    ],
)
def test_a_step_without_transaction_runs_between_others(folder, rehearsed, body, mode):
    folder.sql(f"PRAGMA journal_mode = {mode};{CLIENTS}")
    add = "INSERT INTO clients (id) SELECT max(id) + 1 FROM clients"
    back = "DELETE FROM clients WHERE id = (SELECT max(id) FROM clients)"
    folder.add("0001_before", f'db.execute("{add}")', f'db.execute("{back}")')
    restore = "db.execute(\"INSERT OR IGNORE INTO clients VALUES (3, 'cy', NULL)\")"
    folder.add("0002_alone", body, f"{body}\n{restore}" if "DELETE FROM" in body else body, head=ALONE)
    folder.add("0003_after", f'db.execute("{add}")', f'db.execute("{back}")')
    folder.add("0004_alone", body, head=ALONE)

    found = rehearsed()

    deleted = {"clients": (4, 3, 0, 0, 1)} if "DELETE FROM" in body else {}
    assert found.failure is None
    assert verdicts(found)[0] == verdicts(found)[2] == "exact"
    assert verdicts(found)[1] == "exact"
    assert counts(found.steps[0].difference) == {"clients": (3, 4, 1, 0, 0)}
    assert counts(found.steps[1].difference) == deleted
    assert len(found.steps) == 4


def test_the_journal_mode_that_a_step_finds_is_that_of_the_database(folder, rehearsed):
    for number, mode in enumerate(("delete", "wal")):
        folder.sql(f"PRAGMA journal_mode = {mode}; CREATE TABLE IF NOT EXISTS t (id)")
        folder.add("0001_look", 'db.log(db.scalar("PRAGMA journal_mode"))', head=ALONE)

        (step,) = rehearsed().steps

        assert (number, step.messages) == (number, (mode,))


def test_a_step_without_transaction_that_fails_part_way_is_a_failure(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_a", 'db.execute("DELETE FROM clients")\nraise RuntimeError("half way")', head=ALONE)
    folder.add("0002_never")

    found = rehearsed()

    assert found.failure.what == "0001_a failed on the way up in the rehearsal"
    assert found.failure.cause == "RuntimeError: half way"
    assert found.failure.__notes__ == [
        "in a run, the statements that it had finished would stay: it has no transaction"
    ]
    assert [s.sql for s in found.steps[0].statements] == ["DELETE FROM clients"]
    assert len(found.steps) == 1


def test_a_first_migration_without_transaction_may_rename(folder, rehearsed):
    # The ledger's tables are made after the step began: they are not what the step has renamed.
    folder.sql(CLIENTS)
    folder.add("0001_a", 'db.execute("ALTER TABLE clients RENAME COLUMN email TO mail")', head=ALONE)

    found = rehearsed()

    assert found.failure is None
    assert changes(found.schema) == ["removed column email", "added column mail"]


def test_the_way_back_of_a_step_without_transaction_may_vacuum(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add(
        "0001_a",
        'db.execute("CREATE TABLE t (id)")',
        'db.execute("DROP TABLE t")\ndb.execute("VACUUM")\ndb.execute("PRAGMA journal_mode = WAL")',
        head=ALONE,
    )
    folder.add_table("0002_b", "b")

    assert verdicts(rehearsed()) == ["exact", "exact"]


# Kinds of databases


def test_a_database_that_is_not_there_is_not_made(folder, rehearsed):
    folder.add_table("0001_a", "a")

    found = rehearsed()

    assert found.steps[0].way_back.verdict is WayBack.EXACT
    assert not found.database_exists
    assert not found.takes_snapshot
    assert (found.size_before, found.counts) == (0, (TableCount("a", 0, 1),))
    assert sorted(path.name for path in folder.path.iterdir()) == ["versions"]


def test_an_empty_file_is_a_database(folder, rehearsed):
    folder.database.touch()
    folder.add_table("0001_a", "a")

    found = rehearsed()

    assert found.failure is None
    assert found.database_exists
    assert folder.database.stat().st_size == 0


def test_a_database_in_wal_mode_is_rehearsed_with_what_is_only_in_its_log(folder, rehearsed):
    folder.add("0001_change", 'db.execute("DELETE FROM clients WHERE id = 1")')
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.executescript(CLIENTS)
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("INSERT INTO clients VALUES (4, 'dee', NULL)")
        other.execute("BEGIN")
        other.execute("INSERT INTO clients VALUES (5, 'not committed', NULL)")

        found = rehearsed()

        assert counts(found.steps[0].difference) == {"clients": (4, 3, 0, 0, 1)}
        assert found.counts == (TableCount("clients", 4, 3),)
        other.execute("COMMIT")
    assert len(folder.query("SELECT * FROM clients")) == 5


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_others_may_hold_the_database_meanwhile(folder, rehearsed, mode):
    folder.sql(f"PRAGMA journal_mode = {mode};{CLIENTS}")
    folder.add("0001_change", 'db.execute("DELETE FROM clients WHERE id = 1")')
    with closing(sqlite3.connect(folder.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        found = rehearsed()

        other.execute("INSERT INTO clients VALUES (9, 'kept', NULL)")
        other.execute("COMMIT")
    assert counts(found.steps[0].difference) == {"clients": (3, 2, 0, 0, 1)}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_others_may_write_while_the_steps_run(folder, temporary, mode):
    folder.sql(f"PRAGMA journal_mode = {mode};{CLIENTS}")
    folder.add("0001_change", 'db.log(db.scalar("SELECT count(*) FROM clients"))')

    def write(event):
        if isinstance(event, StepStarted):
            other = threading.Thread(target=folder.sql, args=["INSERT INTO clients VALUES (9, 'meanwhile', NULL)"])
            other.start()
            other.join()

    found = rehearse(folder.project(), on_event=write)

    assert found.steps[0].messages == ("3",)
    assert folder.query("SELECT name FROM clients WHERE id = 9") == [("meanwhile",)]
    assert list(temporary.iterdir()) == []


def test_a_database_of_the_old_system_is_rehearsed_and_stays_as_it_is(folder, rehearsed):
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_notes", "notes")
    folder.sql(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY,"
        " applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);"
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'By hand');"
    )

    upward, downward = rehearsed(), rehearsed(direction="down", to="base")

    assert [step.step.name for step in upward.steps] == ["0002_notes"]
    assert verdicts(upward) == ["exact"]
    assert changes(upward.schema) == ["added table notes"]
    assert [step.step.name for step in downward.steps] == ["0001_clients"]
    assert counts(downward.steps[0].way_back.left) == {"clients": (0, 1, 1, 0, 0)}
    assert [name for _, name, *_ in folder.query("PRAGMA table_info(schema_version)")] == [
        "version",
        "applied_date",
        "applied_by",
        "description",
    ]


@pytest.mark.parametrize("head", ["", ALONE], ids=["one transaction", "no transaction"])
def test_the_frameworks_own_tables_never_appear(folder, rehearsed, head):
    folder.sql(CLIENTS)
    folder.add("0001_a", 'db.execute("DELETE FROM clients")', "raise RuntimeError", head=head)
    folder.add("0002_b", 'db.execute("CREATE TABLE t (id)")', 'db.execute("DROP TABLE t")', head=head)

    for words in ({}, {"only": "0002_b"}):
        found = rehearsed(**words)

        shown = [found.schema, found.counts, [(s.difference, s.way_back, s.statements, s.touched) for s in found.steps]]
        assert "schema_version" not in repr(shown)
        assert not [t.name for s in found.steps for t in (*s.before.tables, *s.after.tables) if "schema_v" in t.name]


SNAPSHOTS = """
CREATE TABLE database_snapshots (
    snapshot_id INTEGER PRIMARY KEY, snapshot_type TEXT, file_path TEXT, description TEXT,
    snapshot_size_bytes INTEGER, is_retained INTEGER
);
INSERT INTO database_snapshots VALUES (1, 'MANUAL', 'm.sqlite', 'by hand', 1, 1);
INSERT INTO database_snapshots VALUES (2, 'MIGRATION_BACKUP', 'b.sqlite', 'before', 1, 0);
"""


def test_rows_about_the_runs_own_backups_are_not_reported(folder, rehearsed):
    folder.sql(SNAPSHOTS)
    folder.add(
        "0001_a",
        'db.execute("UPDATE database_snapshots SET is_retained = 5")\n'
        "db.execute(\"INSERT INTO database_snapshots (snapshot_type) VALUES ('MIGRATION_BACKUP')\")",
    )

    found = rehearsed()

    assert counts(found.steps[0].difference) == {"database_snapshots": (1, 1, 0, 1, 0)}
    assert "MIGRATION_BACKUP" not in repr(found.steps[0].difference)
    assert counts(found.steps[0].way_back.left) == {"database_snapshots": (1, 1, 0, 1, 0)}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE database_snapshots RENAME COLUMN snapshot_type TO kind",
        "ALTER TABLE database_snapshots DROP COLUMN snapshot_type",
        "DROP TABLE database_snapshots",
        "ALTER TABLE database_snapshots RENAME TO backups",
    ],
)
def test_the_table_of_backups_may_change_and_go(folder, rehearsed, statement):
    folder.sql(SNAPSHOTS)
    folder.add("0001_a", f'db.execute("{statement}")', None)

    found = rehearsed()

    assert found.failure is None
    assert found.schema != ()


def test_names_that_are_not_ascii_are_no_obstacle(folder, rehearsed):
    folder.sql('CREATE TABLE "Äpfel" (id INTEGER PRIMARY KEY, "Größe" TEXT); INSERT INTO "Äpfel" VALUES (1, \'x\')')
    folder.add("0001_a", 'db.execute(\'UPDATE "Äpfel" SET "Größe" = 1\')', "db.execute('DROP TABLE \"Äpfel\"')")

    found = rehearsed()

    assert counts(found.steps[0].difference) == {"Äpfel": (1, 1, 0, 1, 0)}
    assert counts(found.steps[0].way_back.left) == {"Äpfel": (1, 0, 0, 0, 1)}


def test_text_that_is_no_utf_8_ends_no_rehearsal(folder, rehearsed):
    folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, CAST(x'ff' AS TEXT))")
    folder.add("0001_a", 'db.execute("UPDATE t SET v = v || 1")')

    found = rehearsed()

    assert counts(found.steps[0].difference) == {"t": (1, 1, 0, 1, 0)}
    assert counts(found.steps[0].way_back.left) == {"t": (1, 1, 0, 1, 0)}


def test_a_collation_of_the_migrations_own_ends_no_rehearsal(folder, rehearsed):
    # A first run makes such a table; its snapshots come later, and then the application has to bring the collation.
    make = 'db.connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))'
    folder.add(
        "0001_a",
        f'{make}\ndb.execute("CREATE TABLE t (k TEXT COLLATE backwards PRIMARY KEY)")\n'
        "db.execute(\"INSERT INTO t VALUES ('a')\")",
        'db.execute("DROP TABLE t")',
    )

    found = rehearsed()

    assert found.failure is None
    assert found.counts == (TableCount("t", 0, 1),)


def test_functions_of_the_migrations_own_are_no_obstacle(folder, rehearsed):
    make = 'db.connection.create_function("twice", 1, lambda value: value * 2, deterministic=True)'
    folder.add(
        "0001_a",
        f'{make}\ndb.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v, w AS (twice(v)))")\n'
        'db.execute("INSERT INTO t VALUES (1, 2)")\ndb.execute("CREATE INDEX i ON t (twice(v))")',
        'db.execute("DROP TABLE t")',
    )

    found = rehearsed()

    assert verdicts(found) == ["exact"]
    assert counts(found.steps[0].difference) == {"t": (0, 1, 1, 0, 0)}


# Connections of the migration's own


def test_code_that_opens_the_database_by_its_name_to_write_is_a_failure(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add(
        "0001_a",
        """
        import sqlite3
        sqlite3.connect(db.resource("path")).execute("DELETE FROM clients")
        """,
        head='resources = ["path"]',
    )

    found = rehearsed(settings={"resources": {"path": str(folder.database)}})

    assert "it must not be touched" in found.failure.cause
    assert "db.execute()" in found.failure.next_step
    assert len(folder.query("SELECT * FROM clients")) == 3


def test_code_that_swallows_this_still_has_not_written(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add(
        "0001_a",
        """
        import os, sqlite3
        path = db.resource("path")
        for act in (sqlite3.connect, lambda p: open(p, "wb"), os.remove, lambda p: os.rename(p, p + "x")):
            try:
                act(path)
            except BaseException:
                db.log("refused")
        """,
        head='resources = ["path"]',
    )

    (step,) = rehearsed(settings={"resources": {"path": str(folder.database)}}).steps

    assert step.messages == ("refused",) * 4


def test_code_may_read_the_database_and_write_another(folder, rehearsed, tmp_path):
    folder.sql(CLIENTS)
    folder.add(
        "0001_a",
        """
        import sqlite3
        from contextlib import closing
        with closing(sqlite3.connect(f"file:{db.resource('path')}?mode=ro", uri=True)) as real:
            db.log(real.execute("SELECT count(*) FROM clients").fetchone()[0])
        with closing(sqlite3.connect(db.resource("other"))) as other:
            other.execute("CREATE TABLE IF NOT EXISTS t (id)")
        """,
        head='resources = ["path", "other"]',
    )

    found = rehearsed(settings={"resources": {"path": str(folder.database), "other": str(tmp_path / "other.sqlite")}})

    assert found.failure is None
    assert found.steps[0].messages == ("3",)
    assert content(tmp_path / "other.sqlite") == ["table t: CREATE TABLE t (id)"]


# How much a run would take


def test_the_estimate_is_the_steps_and_the_snapshot(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_a", "import time; time.sleep(0.02)")
    folder.add("0002_b", "import time; time.sleep(0.01)")

    found = rehearsed()
    slow = replace(found, copy_ms=1000)

    steps = sum(step.duration_ms for step in found.steps)
    assert 30 <= steps <= found.duration_ms
    assert slow.estimate_ms == steps + 1000
    assert replace(slow, takes_snapshot=False).estimate_ms == steps
    assert found.size_before == folder.database.stat().st_size
    assert found.size_after >= found.size_before
    assert "nobody else can write" in found.locks


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        (None, "pass", True),
        ("always", "pass", True),
        ("never", 'db.execute("DROP TABLE clients")', False),
        ("destructive", 'db.execute("DROP TABLE clients")', True),
        ("destructive", 'db.execute("CREATE TABLE t (id)")', False),
    ],
)
def test_a_snapshot_is_counted_where_the_run_takes_one(folder, rehearsed, policy, body, expected):
    folder.sql(CLIENTS)
    folder.add("0001_a", body)

    found = rehearsed(settings={"snapshot": policy})
    run = up(folder.project(snapshot=policy))

    assert found.takes_snapshot is expected is bool(run.snapshot_id)


def test_no_snapshot_is_counted_of_a_database_without_tables(folder, rehearsed):
    folder.sql("PRAGMA user_version = 5")
    folder.add_table("0001_a", "a")

    found = rehearsed()
    run = up(folder.project())

    assert run.snapshot_id == ""
    assert not found.takes_snapshot


# Several at once


def test_rehearsals_in_several_threads_do_not_meet(folder, temporary):
    folder.sql(CLIENTS)
    folder.add("0001_a", 'db.execute("DELETE FROM clients WHERE id = 1")')
    folder.add("0002_b", 'db.execute("VACUUM")', head=ALONE)
    found, errors = [], []

    def work():
        try:
            found.append(rehearse(Project("app.sqlite", base=folder.path)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert [one.counts for one in found] == [(TableCount("clients", 3, 2),)] * 4
    assert all(one.failure is None for one in found)
    assert list(temporary.iterdir()) == []
    assert len(folder.query("SELECT * FROM clients")) == 3


def test_progress_of_the_copy_is_told(folder, rehearsed):
    folder.sql(CLIENTS)
    folder.add("0001_a")
    events = []

    rehearsed(on_event=events.append)

    copied = [event for event in events if isinstance(event, CopyProgress)]
    assert copied[-1].pages_done == copied[-1].pages_total > 0


def test_down_after_a_rehearsal_of_it_is_as_it_would_have_been(four, rehearsed):
    up(four.project())
    before = four.content()

    rehearsed(direction="down", to=1)

    assert four.content() == before
    assert len(down(four.project(), to=1).steps) == 3
    assert four.tables() >= {"a"}
