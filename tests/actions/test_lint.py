"""What a rehearsal adds to the findings, where each is told, what is none, and that looking changes nothing."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from support import REPOSITORY, footprint

from nukeworks_migrate import Project, lint, plan, up
from nukeworks_migrate.errors import DatabaseRefused, FilesRefused, Interrupted
from nukeworks_migrate.model.findings import Severity


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder for temporary files that nobody else uses; nothing is left in it."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield path
    assert os.listdir(path) == []


@pytest.fixture
def crm(folder):
    """Clients with contacts that go with them, a tree, notes; and nothing that a migration has made."""
    folder.sql(
        """
        CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
        CREATE TABLE contacts (
            id INTEGER PRIMARY KEY, client_id INTEGER REFERENCES clients (id) ON DELETE CASCADE, name TEXT);
        CREATE TABLE tree (id INTEGER PRIMARY KEY, above INTEGER REFERENCES tree (id) ON DELETE CASCADE);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, data TEXT, a TEXT);
        CREATE TABLE empty (id INTEGER PRIMARY KEY);
        CREATE VIEW names AS SELECT name FROM clients;
        CREATE INDEX by_name ON clients (name);
        INSERT INTO clients VALUES (1, 'Acme', 'a@x.example'), (2, 'Boreal', 'b@x.example');
        INSERT INTO contacts VALUES (1, 1, 'Ada');
        INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
        INSERT INTO notes VALUES (1, 'one', 'x', 'y'), (2, 'two', 'x', 'y'), (3, 'three', 'x', 'y');
        """
    )
    return folder


def big(folder, rows):
    """A table of so many rows, beside the others."""
    folder.sql(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, n INTEGER);"
        f"WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {rows})"
        " INSERT INTO big SELECT i, i FROM c;"
    )


def told(folder, *codes, **options):
    """Code, line and message of each finding; of these codes alone, where some are named."""
    found = lint(folder.project(), **options).findings
    return [f"{f.code} {f.line} {f.message}" for f in found if not codes or f.code in codes]


def places(folder, *codes, **options):
    """The same without the message."""
    return [" ".join(line.split(" ")[:2]) for line in told(folder, *codes, **options)]


REBUILD = """db.script('''
    CREATE TABLE clients_new (id INTEGER PRIMARY KEY, name TEXT, email TEXT DEFAULT '');
    INSERT INTO clients_new SELECT id, name, email FROM clients;
    DROP VIEW names;
    DROP TABLE clients;
    ALTER TABLE clients_new RENAME TO clients;
''')"""
REBUILD_WITHOUT_DATA = """db.script('''
    CREATE TABLE notes_new (id INTEGER PRIMARY KEY, text TEXT, a TEXT);
    INSERT INTO notes_new SELECT id, text, a FROM notes;
    DROP TABLE notes;
    ALTER TABLE notes_new RENAME TO notes;
''')"""


# NWM101: a table is dropped


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            'db.execute("DROP TABLE contacts")', ["NWM101 5 table contacts is dropped with 1 row"], id="with a row"
        ),
        pytest.param(
            'db.execute("DROP TABLE notes")', ["NWM101 5 table notes is dropped with 3 rows"], id="with several"
        ),
        pytest.param(
            'db.execute("DROP TABLE empty")', ["NWM101 5 table empty is dropped with all its rows"], id="without a row"
        ),
        pytest.param(
            'for table in ("notes", "contacts"):\n    db.execute(f"DROP TABLE {table}")',
            ["NWM101 6 table notes is dropped with 3 rows", "NWM101 6 table contacts is dropped with 1 row"],
            id="by names in a loop",
        ),
        pytest.param(
            "for (name,) in db.query(\"SELECT name FROM sqlite_master WHERE name = 'notes'\"):\n"
            '    db.execute("DROP " + "TABLE " + name)',
            ["NWM101 6 table notes is dropped with 3 rows"],
            id="by a name that the database holds",
        ),
        pytest.param(
            'db.connection.execute("DROP TABLE notes")',
            ["NWM101 5 table notes is dropped with 3 rows"],
            id="through db.connection",
        ),
        pytest.param(
            'cursor = db.connection.cursor()\ncursor.execute("DROP TABLE notes")',
            ["NWM101 6 table notes is dropped with 3 rows"],
            id="through a cursor",
        ),
        pytest.param(
            'db.script("""\n    SELECT 1;\n    DROP TABLE notes;\n""")',
            ["NWM101 5 table notes is dropped with 3 rows"],
            id="in a script",
        ),
        pytest.param(
            'db.execute("DELETE FROM notes WHERE id > 1")\ndb.execute("DROP TABLE notes")',
            ["NWM101 6 table notes is dropped with 3 rows"],
            id="with the rows that it had before the migration",
        ),
        pytest.param(
            'db.execute("ALTER TABLE notes RENAME TO old")\ndb.execute("DROP TABLE old")',
            ["NWM101 6 table notes is dropped with 3 rows"],
            id="under another name",
        ),
        pytest.param(
            'db.execute("DROP TABLE notes")\n'
            'db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, data TEXT, a TEXT)")',
            ["NWM101 5 table notes is dropped with 3 rows, and made again"],
            id="and made again, empty",
        ),
    ],
)
def test_a_table_that_is_dropped_is_told_with_its_rows(crm, body, expected):
    crm.add("0001_drop", body, None)

    assert told(crm, "NWM101") == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(REBUILD, id="a rebuild"),
        pytest.param('db.execute("DROP TABLE IF EXISTS nowhere")', id="one that is not there"),
        pytest.param('db.execute("CREATE TABLE x (id)")\ndb.execute("DROP TABLE x")', id="one of its own"),
        pytest.param('db.execute("CREATE TEMP TABLE x (id)")\ndb.execute("DROP TABLE x")', id="a temporary one"),
        pytest.param('db.execute("DROP VIEW names")\ndb.execute("DROP INDEX by_name")', id="a view and an index"),
        pytest.param('db.execute("ALTER TABLE notes RENAME TO remarks")', id="one that is renamed"),
        pytest.param("db.scalar(\"SELECT 'DROP TABLE notes' -- DROP TABLE notes\")", id="a text and a comment"),
        pytest.param('if db.scalar("SELECT 0"):\n    db.execute("CREATE TABLE x (id)")', id="one that did not run"),
    ],
)
def test_a_table_that_is_not_lost_is_no_finding(crm, body):
    crm.add("0001_no_loss", body)

    assert told(crm, "NWM101", "NWM102", "NWM103") == []


def test_what_the_downgrade_drops_is_no_finding(crm):
    crm.add_table("0001_x", "x")

    assert told(crm) == []


# NWM102: a column is dropped


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            'db.execute("ALTER TABLE notes DROP COLUMN data")',
            ["NWM102 5 column data of notes is dropped with its values"],
            id="by ALTER TABLE",
        ),
        pytest.param(
            REBUILD_WITHOUT_DATA, ["NWM102 5 column data of notes is gone after the rebuild"], id="by a rebuild"
        ),
        pytest.param(
            'db.execute("ALTER TABLE notes DROP COLUMN DATA")',
            ["NWM102 5 column DATA of notes is dropped with its values"],
            id="in other letters",
        ),
        pytest.param(
            'db.execute("ALTER TABLE notes DROP COLUMN data")\n'
            'db.script("CREATE TABLE n (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO n SELECT id, text FROM notes;'
            ' DROP TABLE notes; ALTER TABLE n RENAME TO notes")',
            [
                "NWM102 5 column data of notes is dropped with its values",
                "NWM102 6 column a of notes is gone after the rebuild",
            ],
            id="one by each",
        ),
    ],
)
def test_a_column_that_is_dropped(crm, body, expected):
    crm.add("0001_drop", body, None)

    assert told(crm, "NWM102") == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(REBUILD, id="a rebuild with all columns"),
        pytest.param('db.execute("DROP TABLE notes")', id="a table that goes as a whole"),
        pytest.param('db.execute("ALTER TABLE notes ADD COLUMN more TEXT")', id="a column that comes"),
        pytest.param(
            'db.execute("ALTER TABLE notes RENAME COLUMN data TO facts")',
            id="a column that is renamed",
        ),
    ],
)
def test_a_column_that_is_not_dropped(crm, body):
    crm.add("0001_none", body, None)

    assert told(crm, "NWM102") == []


# NWM301 and NWM302: rebuilt, rewritten


def test_a_rebuilt_table_is_told_once(crm):
    crm.add("0001_rebuild", REBUILD, None)

    assert told(crm, "NWM101", "NWM301") == ["NWM301 5 table clients is rebuilt"]


def test_a_rebuild_that_loses_rows_says_how_many(crm):
    crm.add("0001_rebuild", REBUILD.replace("FROM clients;", "FROM clients WHERE id = 1;"), None)

    assert told(crm, "NWM101", "NWM301") == [
        "NWM101 5 table clients is made anew, and 1 of its 2 rows is gone",
        "NWM301 5 table clients is rebuilt, with 1 of its 2 rows",
    ]


@pytest.mark.parametrize(
    ("rows", "body", "expected"),
    [
        pytest.param(999, "UPDATE big SET n = n + 1 WHERE id > 0", [], id="999 rows"),
        pytest.param(1000, "UPDATE big SET n = n + 1 WHERE id > 0", ["NWM302 5"], id="1000 rows"),
        pytest.param(1001, "UPDATE big SET n = n + 1 WHERE id > 1", [], id="all but one"),
        pytest.param(1000, "UPDATE big SET n = n WHERE id > 0", [], id="the same values"),
        pytest.param(1000, "ALTER TABLE big ADD COLUMN m INTEGER", [], id="a new column"),
        pytest.param(1000, "ALTER TABLE big ADD COLUMN m TEXT DEFAULT 'x'", [], id="with a default"),
        pytest.param(1000, "ALTER TABLE big ADD COLUMN m TEXT DEFAULT 1", [], id="with a default of another type"),
        pytest.param(1000, "INSERT INTO big SELECT id + 5000, n FROM big", [], id="as many new ones"),
        pytest.param(1000, "DELETE FROM big WHERE id > 0", [], id="all deleted"),
    ],
)
def test_every_row_of_a_large_table_is_rewritten(crm, rows, body, expected):
    big(crm, rows)
    crm.add("0001_rewrite", f'db.execute("{body}")', None)

    assert places(crm, "NWM302") == expected


def test_a_transform_of_every_row_is_told_at_its_line_with_their_number(crm):
    big(crm, 1234)
    crm.add("0001_fill", 'db.transform("big", lambda n: -n, reads=["n"], writes=["n"])', None)

    assert told(crm, "NWM302") == ["NWM302 5 all 1,234 rows of big are rewritten"]


# NWM303: more rows than the limit


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        pytest.param('db.execute("UPDATE notes SET text = 1 WHERE id > 0")', 3, id="UPDATE"),
        pytest.param('db.execute("DELETE FROM notes WHERE id > 1")', 2, id="DELETE"),
        pytest.param('db.execute("INSERT INTO empty SELECT id FROM notes")', 3, id="INSERT"),
        pytest.param('db.connection.execute("UPDATE notes SET text = 1 WHERE id > 0")', 3, id="by db.connection"),
        pytest.param('db.executemany("INSERT INTO empty VALUES (?)", [(n,) for n in range(5)])', 5, id="executemany"),
        pytest.param('db.executemany("INSERT INTO empty VALUES (?)", ((n,) for n in range(5)))', 5, id="a generator"),
    ],
)
def test_the_limit_of_rows_is_for_one_statement(crm, body, rows):
    crm.add("0001_many", body, None)

    at_the_limit = told(crm, "NWM303", most_rows=rows)
    above_it = told(crm, "NWM303", most_rows=rows - 1)

    assert at_the_limit == []
    assert above_it == [f"NWM303 5 one statement touched {rows} rows, more than {rows - 1}"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.query("SELECT * FROM notes")', id="a query"),
        pytest.param('db.query("WITH n AS (SELECT * FROM notes) SELECT * FROM n")', id="a query with WITH"),
        pytest.param('for n in (1, 2, 3):\n    db.execute("UPDATE notes SET a = 1 WHERE id = ?", (n,))', id="a loop"),
        pytest.param('db.execute("CREATE TABLE x AS SELECT * FROM notes")', id="a new table"),
    ],
)
def test_what_one_statement_does_not_touch_does_not_count(crm, body):
    crm.add("0001_few", body, None)

    assert told(crm, "NWM303", most_rows=2) == []


# NWM304: foreign-key actions


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_rows_whose_children_would_follow_are_deleted(folder, action):
    folder.sql(
        f"CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p_id INTEGER REFERENCES p (id) ON DELETE {action});"
        "INSERT INTO p VALUES (1), (2)"
    )
    folder.add("0001_delete", 'db.execute("DELETE FROM p WHERE id = 2")', None)

    assert told(folder, "NWM304") == [
        f"NWM304 5 rows of p are deleted, and c (p_id) says ON DELETE {action}: that does not act during a run"
    ]


def test_rows_of_a_table_that_refers_to_itself_are_deleted(crm):
    crm.add("0001_delete", 'db.execute("DELETE FROM tree WHERE id = 3")', None)

    assert told(crm, "NWM304") == [
        "NWM304 5 rows of tree are deleted, and tree (above) says ON DELETE CASCADE: that does not act during a run"
    ]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute("DELETE FROM contacts WHERE id = 1")', id="rows that nobody refers to"),
        pytest.param('db.execute("UPDATE clients SET name = 1 WHERE id = 1")', id="an UPDATE"),
        pytest.param("db.execute(\"REPLACE INTO clients VALUES (1, 'Acme', NULL)\")", id="a REPLACE"),
        pytest.param(REBUILD, id="a rebuild"),
        pytest.param('db.execute("DELETE FROM notes WHERE text IN (SELECT name FROM clients)")', id="named besides"),
        pytest.param(
            'db.execute("DELETE FROM contacts WHERE client_id = 1")\ndb.execute("DELETE FROM clients WHERE id = 1")',
            id="children that the migration deletes itself",
        ),
    ],
)
def test_actions_that_nobody_relies_on(crm, body):
    crm.add("0001_none", body, None)

    assert told(crm, "NWM304", "NWM307") == []


@pytest.mark.parametrize("action", ["", "ON DELETE RESTRICT", "ON DELETE NO ACTION"])
def test_children_without_an_action_are_no_finding(folder, action):
    folder.sql(
        f"CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p_id INTEGER REFERENCES p (id) {action});"
        "INSERT INTO p VALUES (1), (2)"
    )
    folder.add("0001_delete", 'db.execute("DELETE FROM p WHERE id = 2")', None)

    assert told(folder, "NWM304") == []


def test_it_is_told_where_the_rows_are_deleted(crm):
    crm.add(
        "0001_delete",
        'db.execute("UPDATE clients SET name = 1 WHERE id = 2")\ndb.execute("DELETE FROM clients WHERE id = 2")',
        None,
    )

    assert places(crm, "NWM304") == ["NWM304 6"]


def test_where_children_are_left_behind_the_migration_fails(crm):
    crm.add("0001_delete", 'db.execute("DELETE FROM clients WHERE id = 1")', None)

    assert told(crm, "NWM304", "NWM307") == [
        "NWM307 4 it fails: 1 row would refer to nothing",
        "NWM304 5 rows of clients are deleted, and contacts (client_id) says ON DELETE CASCADE: that does not act"
        " during a run",
    ]


# NWM305 and NWM306: the way back


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "expected"),
    [
        pytest.param(
            'db.execute("ALTER TABLE notes ADD COLUMN more")',
            'db.execute("ALTER TABLE notes DROP COLUMN more")',
            [],
            id="exact",
        ),
        pytest.param(
            'db.execute("ALTER TABLE notes ADD COLUMN more")',
            None,
            ["NWM305 4 there is no downgrade: the way back is a snapshot"],
            id="none",
        ),
        pytest.param(
            'db.execute("CREATE TABLE x (id)")',
            "pass",
            ["NWM306 8 after its downgrade not everything is as it was: table x stays"],
            id="a table stays",
        ),
        pytest.param(
            'db.execute("DELETE FROM notes WHERE id = 1")',
            "pass",
            ["NWM306 8 after its downgrade not everything is as it was: rows of notes: 1 missing"],
            id="a row is missing",
        ),
        pytest.param(
            'db.execute("INSERT INTO empty VALUES (7)")',
            "pass",
            ["NWM306 8 after its downgrade not everything is as it was: rows of empty: 1 added"],
            id="a row stays",
        ),
        pytest.param(
            "db.execute(\"UPDATE notes SET text = 'x' WHERE id = 1\")",
            "db.execute(\"UPDATE notes SET text = '' WHERE id = 1\")",
            ["NWM306 8 after its downgrade not everything is as it was: rows of notes: 1 changed"],
            id="a row is another",
        ),
        pytest.param(
            "pass",
            'raise ValueError("no way")',
            ["NWM306 9 its downgrade fails: ValueError: no way"],
            id="it fails",
        ),
        pytest.param(
            "pass",
            "db.connection.close()",
            ["NWM306 9 its downgrade fails: close() would end the run's transaction"],
            id="it is refused",
        ),
    ],
)
@pytest.mark.parametrize("alone", [False, True], ids=["in a transaction", "without one"])
def test_what_the_way_back_gives_back(crm, upgrade, downgrade, expected, alone):
    crm.add("0001_first")
    up(crm.project())
    crm.add("0002_there_and_back", upgrade, downgrade, head='transaction = "none"' if alone else "")

    found = [line.split(" ", 2) for line in told(crm, "NWM305", "NWM306", "NWM307")]

    further_down = 2 if alone else 0  # by the lines that the header takes
    assert [f"{code} {int(line) - further_down} {message}" for code, line, message in found] == expected


def test_a_downgrade_that_fails_is_an_error_and_one_that_loses_a_warning(crm):
    crm.add("0001_fails", downgrade="raise ValueError")
    crm.add("0002_loses", 'db.execute("DELETE FROM notes WHERE id = 1")')

    findings = [finding for finding in lint(crm.project()).findings if finding.code == "NWM306"]

    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.WARNING]


def test_what_one_migration_leaves_is_not_told_of_the_next(crm):
    crm.add("0001_loses", 'db.execute("DELETE FROM notes WHERE id = 1")')
    crm.add("0002_exact", 'db.execute("CREATE TABLE x (id)")', 'db.execute("DROP TABLE x")')

    assert [finding.path for finding in lint(crm.project()).findings] == ["versions/0001_loses.py"]


# NWM307: it fails


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"upgrade": 'db.execute("SELECT x")'}, "5 it fails: no such column: x", id="upgrade"),
        pytest.param({"upgrade": 'raise ValueError("a\\nb")'}, "5 it fails: ValueError: a", id="its first line alone"),
        pytest.param({"head": "def check(db):\n    return False"}, "7 it fails: check() returned False", id="check"),
        pytest.param({"head": "def verify(db):\n    raise ValueError"}, "4 it fails: ValueError", id="verify"),
        pytest.param({"head": "raise ValueError('no')"}, "3 0001_x cannot be imported: ValueError: no", id="import"),
        pytest.param({"head": "import json_"}, "3 0001_x cannot be imported: ModuleNotFoundError", id="a module"),
    ],
)
def test_a_migration_that_fails(crm, parts, expected):
    crm.add("0001_x", **parts)

    (line,) = told(crm, "NWM307")

    assert line.startswith(f"NWM307 {expected}")


def test_those_after_one_that_fails_are_looked_at_in_their_files(crm):
    crm.add("0001_fails", "raise ValueError")
    crm.add("0002_drops", 'db.execute("DROP TABLE notes")')

    assert told(crm) == [
        "NWM307 5 it fails: ValueError",
        "NWM101 5 table notes is dropped with all its rows",
    ]


def test_where_one_cannot_be_imported_nothing_runs_and_the_others_are_looked_at_in_their_files(crm):
    crm.add("0001_drops", 'open("ran", "w").close()\ndb.execute("DROP TABLE notes")')
    crm.add("0002_broken", head="raise ValueError('no')")

    report = lint(crm.project())

    assert [(finding.code, finding.path) for finding in report.findings] == [
        ("NWM101", "versions/0001_drops.py"),
        ("NWM307", "versions/0002_broken.py"),
    ]
    assert report.rehearsed_on == ""
    assert not os.path.exists("ran")


# The file and what ran, together


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute("DROP TABLE notes")', id="on one line"),
        pytest.param('db.execute(\n    "DROP TABLE notes"\n)', id="a call over several lines"),
        pytest.param('db.execute(\n    """\n    DROP TABLE notes\n    """,\n    (),\n)', id="a text over several"),
        pytest.param('sql = "DROP TABLE notes"\n\ndb.execute(sql)', id="a name for it"),
        pytest.param('for sql in (\n    "DROP TABLE notes",\n):\n    db.execute(sql)', id="a loop"),
        pytest.param('db.script("""\n    SELECT 1;\n    DROP TABLE notes;\n""")', id="a script"),
        pytest.param('def drop():\n    db.execute("DROP TABLE notes")\ndrop()', id="a function"),
    ],
)
def test_what_stands_in_the_file_and_ran_is_told_once(crm, body):
    crm.add("0001_drop", body, None)

    assert [line.partition(" table ")[2] for line in told(crm, "NWM101")] == ["notes is dropped with 3 rows"]


def test_what_stands_in_the_file_and_did_not_run_is_told_too(crm):
    crm.add("0001_maybe", 'if db.scalar("SELECT count(*) FROM notes") > 100:\n    db.execute("DROP TABLE notes")')

    assert told(crm) == ["NWM101 6 table notes is dropped with all its rows"]


def test_it_finds_what_a_plan_does_not_see(crm):
    crm.write("_tables.py", 'def drop(db, name):\n    db.execute("DROP TABLE " + name)\n')
    crm.add("0001_drop", 'drop(db, "notes")', None, head="from ._tables import drop")

    assert plan(crm.project()).preview.findings == ()
    assert [f"{finding.code} {finding.where}" for finding in lint(crm.project()).findings] == [
        "NWM305 versions/0001_drop.py:6",
        "NWM101 versions/0001_drop.py:7",
        "NWM201 versions/_tables.py:2",
    ]


def test_what_is_run_a_thousand_times_is_told_once(crm):
    crm.add("0001_often", 'for _ in range(1000):\n    db.execute("UPDATE notes SET text = 1")', None)

    assert told(crm, "NWM104") == ["NWM104 6 rows of notes are updated without WHERE"]


# Silenced


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "def upgrade(db):\n    db.execute('DROP TABLE notes')  # noqa: NWM101\n"
            "    db.execute('DROP TABLE empty')\n",
            ["NWM305 1", "NWM101 3"],
            id="a line",
        ),
        pytest.param(
            'def upgrade(db):\n    for t in ["notes"]:\n        db.execute(f"DROP TABLE {t}")  # noqa: NWM101\n',
            ["NWM305 1"],
            id="a statement that was built",
        ),
        pytest.param(
            'def upgrade(db):\n    db.script("""\n        DROP TABLE notes;\n    """)  # noqa: NWM101\n',
            ["NWM305 1"],
            id="behind a script",
        ),
        pytest.param("def upgrade(db):  # noqa: NWM305\n    pass\n", [], id="no downgrade"),
        pytest.param(
            "def upgrade(db):\n    db.execute('DELETE FROM notes WHERE 1')\n"
            "def downgrade(db):  # noqa: NWM306\n    pass\n",
            [],
            id="a downgrade that does not give everything back",
        ),
        pytest.param(
            "def upgrade(db):  # noqa: NWM306\n    db.execute('DELETE FROM notes WHERE 1')\n"
            "def downgrade(db):\n    pass\n",
            ["NWM306 3"],
            id="not at upgrade",
        ),
        pytest.param(
            "def upgrade(db):\n    raise ValueError  # noqa: NWM307\ndef downgrade(db):\n    pass\n", [], id="a failure"
        ),
        pytest.param(
            'def upgrade(db):\n    db.execute("DROP TABLE notes")  # noqa: NWM102\n    # noqa\n',
            ["NWM305 1", "NWM101 2"],
            id="another code, and a line of its own",
        ),
    ],
)
def test_a_comment_silences_what_a_rehearsal_found_in_its_line(crm, source, expected):
    crm.write("0001_x.py", source)

    assert places(crm) == expected


# What is looked at, and on what


def test_the_pending_ones_on_a_copy_or_all_of_them_on_an_empty_database(crm):
    crm.add("0001_drops", 'db.execute("DROP TABLE notes")', None)
    up(crm.project())
    crm.add("0002_drops", 'db.execute("DROP TABLE empty")', None)

    pending, everything = lint(crm.project()), lint(crm.project(), everything=True)

    assert (pending.names, pending.rehearsed_on) == (("0002_drops",), "a copy of app.sqlite")
    assert (everything.names, everything.rehearsed_on) == (("0001_drops", "0002_drops"), "an empty database")
    assert [f"{f.code} {f.message}" for f in everything.findings if f.code == "NWM307"] == [
        "NWM307 it fails: no such table: notes"
    ]


@pytest.mark.parametrize("database", ["", "app.sqlite"], ids=["none is named", "it is not there yet"])
def test_without_a_database_it_is_all_of_them_on_an_empty_one(folder, database):
    folder.add_table("0001_clients", "clients")
    folder.add("0002_drop", 'db.execute("DROP TABLE clients")', None)

    report = lint(Project(database, base=folder.path))

    assert (report.names, report.rehearsed_on) == (("0001_clients", "0002_drop"), "an empty database")
    assert [f"{f.code} {f.message}" for f in report.findings] == [
        "NWM305 there is no downgrade: the way back is a snapshot",
        "NWM101 table clients is dropped with 1 row",
    ]
    assert not folder.database.exists()


@pytest.mark.parametrize("static", [False, True])
def test_with_nothing_pending_there_is_nothing_to_say(folder, static):
    folder.add("0001_drops", "db.execute('CREATE TABLE x (id)')", None)
    up(folder.project())

    report = lint(folder.project(), static=static)

    assert (report.names, report.findings, report.rehearsed_on, report.why_static) == ((), (), "", "")


@pytest.mark.parametrize("options", [{}, {"everything": True}], ids=["pending", "all"])
def test_static_runs_and_imports_nothing(crm, options):
    crm.add("0001_marks", 'open("ran", "w").close()\ndb.execute("DROP TABLE notes")', head='open("imported", "w")')

    report = lint(crm.project(), static=True, **options)

    assert [f"{f.code} {f.message}" for f in report.findings] == ["NWM101 table notes is dropped with all its rows"]
    assert (report.rehearsed_on, report.why_static) == ("", "")
    assert not os.path.exists("ran") and not os.path.exists("imported")


def drifted(folder):
    folder.add_table("0001_x", "x")
    up(folder.project())
    folder.add_table("0001_x", "y")


def missing(folder):
    folder.add_table("0001_x", "x")
    folder.add_table("0002_y", "y")
    up(folder.project())
    (folder.versions / "0001_x.py").unlink()


def newer(folder):
    folder.add_table("0011_x", "x")
    up(folder.project())
    (folder.versions / "0011_x.py").unlink()


def refused(folder):
    folder.add_table("0011_x", "x")
    up(folder.project())


def wanting(folder):
    folder.add("0001_x", head='resources = ["key"]')


@pytest.mark.parametrize(
    ("arrange", "why", "settings"),
    [
        pytest.param(drifted, "0001_x was changed after it was applied", {}, id="drift"),
        pytest.param(missing, "applied, and without a file: 0001_x", {}, id="a missing file"),
        pytest.param(newer, "this database (version 11) is newer than this application (knows 9)", {}, id="newer"),
        pytest.param(
            refused, "0009_drops comes after version 11 was applied", {"out_of_order": "refuse"}, id="out of order"
        ),
        pytest.param(wanting, "0001_x needs the resource 'key', and nobody handed it in", {}, id="a resource"),
    ],
)
def test_what_cannot_be_rehearsed_is_looked_at_in_the_files_and_it_says_why(crm, arrange, why, settings):
    arrange(crm)
    crm.add("0009_drops", 'open("ran", "w").close()\ndb.execute("DROP TABLE notes")')

    report = lint(crm.project(**settings))

    assert report.why_static == why
    assert report.rehearsed_on == ""
    assert [f"{f.code} {f.message}" for f in report.findings] == ["NWM101 table notes is dropped with all its rows"]
    assert not os.path.exists("ran")


def test_a_resource_that_is_handed_in_is_there(folder):
    folder.add("0001_x", 'assert db.resource("key") == 7', head='resources = ["key"]')

    report = lint(folder.project(resources={"key": 7}))

    assert (report.findings, report.why_static) == ((), "")


def test_all_of_them_are_rehearsed_whatever_the_ledger_says(crm):
    drifted(crm)

    report = lint(crm.project(), everything=True)

    assert (report.names, report.rehearsed_on, report.why_static) == (("0001_x",), "an empty database", "")


@pytest.mark.parametrize(
    ("arrange", "error"),
    [
        pytest.param(lambda folder: folder.write("foo.py", ""), FilesRefused, id="files"),
        pytest.param(lambda folder: folder.database.write_bytes(b"x" * 4096), DatabaseRefused, id="no database"),
        pytest.param(
            lambda folder: folder.add("0001_x", "db.execute('SELECT 1')\nraise OSError", head='transaction = "none"'),
            Interrupted,
            id="interrupted",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_an_error(folder, arrange, error):
    arrange(folder)
    if error is Interrupted:
        with suppress(Interrupted):
            up(folder.project())

    with pytest.raises(error):
        lint(folder.project())


# It only looks


def untouched(path):
    """Everything in the folder but what SQLite itself makes for readers in WAL mode, and what holds nothing."""
    return {name: what for name, what in footprint(path).items() if not name.endswith(("-shm", "-wal"))}


OPTIONS = {
    "pending": {},
    "all": {"everything": True},
    "static": {"static": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_it_changes_nothing(crm, options, mode):
    crm.sql(f"PRAGMA journal_mode = {mode}")
    crm.add_table("0001_applied", "applied")
    up(crm.project())
    crm.add("0002_drops", 'db.execute("DROP TABLE notes")', None)
    crm.add("0003_alone", 'db.execute("VACUUM")', head='transaction = "none"')
    crm.add("0004_fails", 'db.execute("DROP TABLE empty")\nraise ValueError')
    rows = crm.content()
    before = untouched(crm.path)

    report = lint(crm.project(), **options)

    assert report.findings
    assert untouched(crm.path) == before
    assert crm.content() == rows


def test_a_migration_without_a_transaction_may_follow_one_that_drops_a_column_on_its_way_back(crm):
    crm.add(
        "0001_more",
        'db.execute("ALTER TABLE notes ADD COLUMN more")',
        'db.execute("ALTER TABLE notes DROP COLUMN more")',
    )
    crm.add("0002_alone", head='transaction = "none"')
    crm.add_table("0003_last", "last")

    assert told(crm) == []


def test_a_migration_that_reaches_for_the_real_file_fails(crm, monkeypatch):
    monkeypatch.chdir(crm.path)
    crm.add("0001_reaches", 'import sqlite3\nsqlite3.connect("app.sqlite").execute("DELETE FROM notes")')
    before = footprint(crm.path)

    (line,) = told(crm, "NWM307")

    assert line.startswith("NWM307 6 it fails: ")
    assert footprint(crm.path) == before


# The hand-made system judged by substring: BEGIN TRANSACTION, COMMIT and schema_version had to appear somewhere, and
# DROP TABLE and DELETE FROM gave a warning. What a comment or a text could trip or satisfy there, it does not here.
ORIGIN = {
    "BEGIN TRANSACTION": ('db.execute("BEGIN TRANSACTION")', ["NWM106", "NWM307"]),
    "COMMIT": ('db.execute("COMMIT")', ["NWM106", "NWM307"]),
    "both around it": (
        'db.script("BEGIN TRANSACTION; CREATE TABLE x (id); COMMIT;")',
        ["NWM106", "NWM106", "NWM307"],  # the second in the file, where it did not come to run
    ),
    "neither of them": ('db.execute("CREATE TABLE x (id)")', []),
    "both in a comment": ('db.script("CREATE TABLE x (id); -- BEGIN TRANSACTION; COMMIT; schema_version")', []),
    "its own row in the ledger": (
        "db.execute(\"INSERT INTO schema_version (version, description) VALUES (1, 'x')\")",
        ["NWM107", "NWM307"],
    ),
    "the ledger emptied": ('db.execute("DELETE FROM schema_version")', ["NWM107", "NWM307"]),
    "the ledger in a comment": ('db.execute("CREATE TABLE x (id) -- schema_version")', []),
    "the ledger read": ('db.scalar("SELECT max(version) FROM schema_version")', []),
    "DROP TABLE": ('db.execute("DROP TABLE notes")', ["NWM101"]),
    "DROP TABLE in a comment": ('db.execute("CREATE TABLE x (id) /* DROP TABLE notes */")', []),
    "DROP TABLE in a text": ("db.execute(\"UPDATE notes SET text = 'DROP TABLE notes' WHERE id = 1\")", []),
    "DROP TABLE in two lines": ('db.execute("DROP\\n  table notes")', ["NWM101"]),
    "DELETE FROM": ('db.execute("DELETE FROM notes")', ["NWM103"]),
    "DELETE FROM with WHERE": ('db.execute("DELETE FROM notes WHERE id = 1")', []),
    "DELETE FROM in a comment": ('db.execute("CREATE TABLE x (id) -- DELETE FROM notes")', []),
    "DELETE FROM with WHERE in a comment": ('db.execute("DELETE FROM notes -- WHERE id = 1")', ["NWM103"]),
    "PRAGMA foreign_keys": ('db.execute("PRAGMA foreign_keys = OFF")', ["NWM307"]),
}


@pytest.mark.parametrize(("body", "expected"), ORIGIN.values(), ids=ORIGIN)
def test_what_the_hand_made_system_looked_for(crm, body, expected):
    crm.add("0001_first")
    up(crm.project())
    crm.add("0002_x", body, None)

    assert [finding.code for finding in lint(crm.project()).findings if finding.code != "NWM305"] == expected


def test_the_migrations_of_this_repository():
    """0008 rebuilds a table without two of its columns, whose values it keeps in a table of its own."""
    report = lint(Project("", versions=REPOSITORY / "versions", header_index=False))

    assert len(report.names) == 10
    assert [f"{f.code} {Path(f.path).name}:{f.line} {f.message}" for f in report.findings] == [
        "NWM102 0008_roundtable_timestamps.py:56 column meeting_date of roundtable_history is gone after the rebuild",
        "NWM102 0008_roundtable_timestamps.py:56 column created_date of roundtable_history is gone after the rebuild",
        "NWM301 0008_roundtable_timestamps.py:56 table roundtable_history is rebuilt",
    ]
