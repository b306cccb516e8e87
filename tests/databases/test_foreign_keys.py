"""Foreign keys: off while a migration runs, checked at each step's end, where it can have broken them."""

import sqlite3
from contextlib import closing

import pytest

from nukeworks_migrate import up
from nukeworks_migrate.databases.sqlite.foreign_keys import ForeignKeyMap
from nukeworks_migrate.databases.sqlite.guard import Guard
from nukeworks_migrate.errors import StepFailed

FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
CREATE TABLE child (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE,
    code TEXT REFERENCES parent (code)
);
CREATE TABLE pair (a INTEGER, b TEXT, note TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE pair_child (x INTEGER, y TEXT, PRIMARY KEY (x, y), FOREIGN KEY (x, y) REFERENCES pair) WITHOUT ROWID;
CREATE TABLE alone (id INTEGER PRIMARY KEY, note TEXT);
INSERT INTO parent VALUES (1, 'one'), (2, 'two');
INSERT INTO child VALUES (10, 1, 'one'), (20, 2, NULL);
INSERT INTO pair VALUES (1, 'x', ''), (2, 'y', '');
INSERT INTO pair_child VALUES (1, 'x');
"""


@pytest.fixture
def family(folder):
    folder.sql(FAMILY)
    return folder


def migrate(folder, body):
    folder.add("0001_change", body)
    up(folder.project())


REBUILD = """
db.execute("CREATE TABLE new_parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE, note TEXT)")
db.execute("INSERT INTO new_parent (id, code) SELECT id, code FROM parent")
db.execute("DROP TABLE parent")
db.execute("ALTER TABLE new_parent RENAME TO parent")
"""


def test_a_rebuild_of_a_parent_keeps_every_child_row(family):
    migrate(family, REBUILD)

    assert family.query("SELECT * FROM child ORDER BY id") == [(10, 1, "one"), (20, 2, None)]
    assert family.query("SELECT * FROM parent ORDER BY id") == [(1, "one", None), (2, "two", None)]


@pytest.mark.parametrize(
    ("body", "violations"),
    [
        pytest.param(
            'db.execute("INSERT INTO child VALUES (30, 9, NULL)")',
            ["child (30): parent_id has no row in parent"],
            id="a child without parent",
        ),
        pytest.param(
            'db.execute("UPDATE child SET parent_id = 9 WHERE id = 20")',
            ["child (20): parent_id has no row in parent"],
            id="a child that changes its parent",
        ),
        pytest.param(
            'db.execute("DELETE FROM parent WHERE id = 2")',
            ["child (20): parent_id has no row in parent"],
            id="a parent that goes away",
        ),
        pytest.param(
            "db.execute(\"UPDATE parent SET code = 'uno' WHERE id = 1\")",
            ["child (10): code has no row in parent"],
            id="a key that changes",
        ),
        pytest.param(
            'db.execute("UPDATE parent SET id = 5 WHERE id = 1")',
            ["child (10): parent_id has no row in parent"],
            id="a primary key that changes",
        ),
        pytest.param(
            "db.execute(\"INSERT OR REPLACE INTO parent VALUES (3, 'one')\")",
            ["child (10): parent_id has no row in parent"],
            id="a row that is replaced through another key",
        ),
        pytest.param(
            """
            db.execute('''
                CREATE TRIGGER t AFTER INSERT ON alone
                BEGIN INSERT OR REPLACE INTO parent VALUES (3, 'one'); END
            ''')
            db.execute("INSERT INTO alone VALUES (1, '')")
            """,
            ["child (10): parent_id has no row in parent"],
            id="a row that a trigger replaces",
        ),
        pytest.param(
            REBUILD.replace("SELECT id, code FROM parent", "SELECT id, code FROM parent WHERE id = 1"),
            ["child (20): parent_id has no row in parent"],
            id="a rebuild that loses a parent",
        ),
        pytest.param(
            'db.execute("DROP TABLE parent")',
            [
                "child (10): parent_id has no row in parent",
                "child (20): parent_id has no row in parent",
                "child (10): code has no row in parent",
            ],
            id="a parent table that goes away",
        ),
        pytest.param(
            'db.execute("DELETE FROM pair WHERE a = 1")',
            ["pair_child (1, 'x'): x, y has no row in pair"],
            id="a composite key, without rowid",
        ),
        pytest.param(
            """
            db.execute("CREATE TABLE late (id INTEGER PRIMARY KEY, parent_id REFERENCES parent (id))")
            db.execute("INSERT INTO late VALUES (1, 77)")
            """,
            ["late (1): parent_id has no row in parent"],
            id="a table made in the same step",
        ),
        pytest.param(
            """
            db.execute("CREATE TABLE late (id INTEGER PRIMARY KEY, parent_id)")
            db.execute("INSERT INTO late VALUES (1, 77)")
            db.execute("DROP TABLE alone")
            db.execute("ALTER TABLE late RENAME TO alone")
            db.execute("ALTER TABLE alone ADD COLUMN p INTEGER REFERENCES parent (id)")
            db.execute("UPDATE alone SET p = 77")
            """,
            ["alone (1): p has no row in parent"],
            id="a reference added after a rename",
        ),
        pytest.param(
            """
            db.execute("CREATE TABLE plain (parent_id INTEGER REFERENCES parent (id))")
            db.execute("INSERT INTO plain VALUES (77)")
            """,
            ["plain (1): parent_id has no row in parent"],
            id="a table without a primary key is named by rowid",
        ),
    ],
)
def test_what_a_step_breaks_fails_it_and_names_the_rows(family, body, violations):
    before = family.content()

    with pytest.raises(StepFailed) as failure:
        migrate(family, body)

    assert sorted(failure.value.cause.splitlines()[2:]) == sorted(violations)
    assert failure.value.cause.startswith(f"{len(violations)} row")
    assert family.content() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("db.execute(\"UPDATE parent SET code = 'zwei' WHERE id = 2\")", id="a key nobody uses"),
        pytest.param('db.execute("INSERT INTO child VALUES (30, NULL, NULL)")', id="NULL refers to nothing"),
        pytest.param('db.execute("DELETE FROM child")\ndb.execute("DELETE FROM parent")', id="children first"),
        pytest.param('db.execute("DELETE FROM parent")\ndb.execute("DELETE FROM child")', id="parents first"),
        pytest.param('db.execute("DROP TABLE child")\ndb.execute("DROP TABLE parent")', id="both tables dropped"),
        pytest.param("db.execute(\"INSERT OR REPLACE INTO parent VALUES (1, 'one')\")", id="replaced by itself"),
    ],
)
def test_what_breaks_nothing_passes(family, body):
    migrate(family, body)

    assert family.query("PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("snapshot", ["always", "never"])
def test_violations_that_were_there_before_are_let_be(family, snapshot):
    family.sql("INSERT INTO child VALUES (99, 77, NULL)")
    family.add("0001_change", 'db.execute("INSERT INTO child VALUES (30, 1, NULL)")')

    up(family.project(snapshot=snapshot))

    assert family.query("PRAGMA foreign_key_check") == [("child", 99, "parent", 1)]


@pytest.mark.parametrize("snapshot", ["always", "never"])
def test_new_violations_fail_beside_old_ones_and_only_they_are_named(family, snapshot):
    family.sql("INSERT INTO child VALUES (99, 77, NULL)")
    family.add("0001_change", 'db.execute("INSERT INTO child VALUES (30, 78, NULL)")')

    with pytest.raises(StepFailed) as failure:
        up(family.project(snapshot=snapshot))

    assert failure.value.cause.splitlines()[2:] == ["child (30): parent_id has no row in parent"]


def test_an_old_violation_keeps_its_key_through_a_rebuild_that_changes_its_rowid(folder):
    folder.sql(
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (code TEXT PRIMARY KEY, parent_id INTEGER REFERENCES parent (id));
        INSERT INTO child VALUES ('a', NULL), ('b', NULL), ('c', 77);
        DELETE FROM child WHERE code IN ('a', 'b');
        """
    )

    migrate(
        folder,
        """
        db.execute("CREATE TABLE n (code TEXT PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))")
        db.execute("INSERT INTO n SELECT code, parent_id FROM child")
        db.execute("DROP TABLE child")
        db.execute("ALTER TABLE n RENAME TO child")
        """,
    )

    assert folder.query("SELECT rowid, code FROM child") == [(1, "c")]


def test_a_reference_to_columns_that_are_no_key_fails_in_words(family):
    body = """
    db.execute("CREATE TABLE odd (id INTEGER PRIMARY KEY, note TEXT REFERENCES alone (note))")
    db.execute("INSERT INTO odd VALUES (1, 'x')")
    """

    with pytest.raises(StepFailed) as failure:
        migrate(family, body)

    assert failure.value.cause.startswith("a foreign key refers to columns that are no key of their table")


def test_many_violations_are_counted_and_ten_of_them_shown(family):
    body = 'db.executemany("INSERT INTO child VALUES (?, 77, NULL)", [(n,) for n in range(100, 150)])'

    with pytest.raises(StepFailed) as failure:
        migrate(family, body)

    lines = failure.value.cause.splitlines()
    assert lines[0] == "50 rows would refer to nothing"
    assert len(lines) == 13
    assert lines[-1] == "and 40 more"


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        pytest.param("INSERT INTO alone VALUES (1, '')", [], id="a table that nobody refers to"),
        pytest.param("UPDATE parent SET code = code", ["child"], id="a key's column"),
        pytest.param("INSERT INTO parent VALUES (7, 'seven')", [], id="a new parent harms nobody"),
        pytest.param("INSERT INTO child VALUES (7, 1, 'one')", ["child"], id="a child"),
        pytest.param("DELETE FROM parent WHERE 0", ["child"], id="a parent's rows"),
        pytest.param("UPDATE pair SET note = 'x'", ["pair_child"], id="a parent whose key is not named"),
        pytest.param("CREATE INDEX i ON alone (note)", [], id="an index"),
    ],
)
def test_only_what_can_be_broken_is_checked(family, sql, tables):
    with closing(sqlite3.connect(family.database, isolation_level=None)) as connection:
        known = ForeignKeyMap(connection)
        known.read()
        guard = Guard("x", in_transaction=True)
        connection.set_authorizer(guard.authorize)
        connection.execute(sql)
        connection.set_authorizer(None)
        guard.has_run(sql)

        assert known.to_check(guard.touched) == tables


def test_names_are_the_same_as_sqlite_has_it_and_not_as_unicode_does(folder):
    # SQLite folds the case of ASCII letters alone: to it, ÄPFEL and äPFEL are two tables.
    folder.sql(
        """
        CREATE TABLE "ÄPFEL" (id INTEGER PRIMARY KEY);
        CREATE TABLE "KÖRBE" (id INTEGER PRIMARY KEY, "ÄPFEL_ID" INTEGER REFERENCES "ÄPFEL");
        """
    )

    with pytest.raises(StepFailed) as failure:
        migrate(folder, "db.execute('INSERT INTO \"KÖRBE\" VALUES (1, 7)')")

    assert failure.value.cause.startswith("1 row would refer to nothing")
    assert folder.query('SELECT * FROM "KÖRBE"') == []
