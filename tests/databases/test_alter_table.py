"""`db.alter_table` on tables of every shape: what was asked for changes, and nothing else does."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from databases.schema_cases import MUTATIONS, REWRITES
from databases.table_shapes import PLAIN, ROWS, SHAPES
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Folder

from nukeworks_migrate import down, rehearse, up
from nukeworks_migrate.databases.sqlite.catalogue import read_schema
from nukeworks_migrate.errors import StatementRefused, StepFailed
from nukeworks_migrate.model.differences import schema_changes
from nukeworks_migrate.model.rehearsal import WayBack

CHILD = "CREATE TABLE c (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE CASCADE);"
BASE = f"{PLAIN}; {ROWS}; {CHILD} INSERT INTO c VALUES (1, 1), (2, 4), (3, NULL);"


class Case(NamedTuple):
    """Calls on `table`, those that take them back, and what is said of the schema in between."""

    id: str
    calls: str
    back: str
    changed: str
    is_exact: bool = True  # whether the way back gives back the order of columns too


CASES = [
    Case(
        "add a column",
        "table.add_column('price REAL NOT NULL DEFAULT 0')",
        "table.drop_column('price')",
        "added column price",
    ),
    Case(
        "add a unique column",
        "table.add_column('code TEXT UNIQUE')",
        "table.drop_column('code')",
        "added column code, added unique code",
    ),
    Case(
        "add a column with a moment",
        "table.add_column('at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP')",
        "table.drop_column('at')",
        "added column at",
    ),
    Case(
        "add a filled column",
        "table.add_column('area INTEGER NOT NULL')\n    table.fill('area', 'size * 2')",
        "table.drop_column('area')",
        "added column area",
    ),
    Case(
        "add a column in front of another",
        "table.add_column('price REAL NOT NULL DEFAULT 0', before='size')",
        "table.drop_column('price')",
        "added column price",
    ),
    Case(
        "put a column in the place of another",
        "table.add_column('price TEXT', before='size')\n    table.fill('price', 'size')\n    table.drop_column('size')",
        "table.add_column('size TEXT', before='PRICE')\n    table.fill('size', 'price')\n"
        "    table.drop_column('price')",
        "removed column size, added column price",
    ),
    Case(
        "drop a column",
        "table.drop_column('size')",
        "table.add_column('size TEXT')",
        "removed column size",
        is_exact=False,
    ),
    Case(
        "drop in a rebuild",
        "table.drop_column('size')\n    table.add_check('1 < 2')",
        "table.add_column('size TEXT')\n    table.drop_check('1<2')",
        "removed column size, added check ",
        is_exact=False,
    ),
    Case(
        "rename a column",
        "table.rename_column('size', to='length')",
        "table.rename_column('length', to='size')",
        "removed column size, added column length",
    ),
    Case(
        "rename and change",
        "table.change_column('size', not_null=True)\n    table.rename_column('size', to='length')\n"
        "    table.change_column('length', default=\"'0'\")",
        "table.change_column('length', not_null=False, default=None)\n    table.rename_column('length', to='size')",
        "removed column size, added column length",
    ),
    Case(
        "require a column",
        "table.change_column('size', not_null=True, default=\"'it''s'\")",
        "table.change_column('size', not_null=False, default=None)",
        "changed column size",
    ),
    Case(
        "add a check",
        "table.add_check(\"size <> '(, )'\", name='whole')",
        "table.drop_check(\"(SIZE!='(, )')\")",
        "added check ",
    ),
    Case(
        "add a unique constraint",
        "table.add_unique(('size', 'id'))",
        "table.drop_unique(('SIZE', 'id'))",
        "added unique size, id",
    ),
    Case(
        "add a foreign key",
        "table.add_foreign_key('size', 'owners', 'code', on_delete='set null', deferred=True)",
        "table.drop_foreign_key('size')",
        "added foreign key size",
    ),
]
OWNERS = "CREATE TABLE owners (code TEXT PRIMARY KEY);"


def schema(folder):
    with closing(sqlite3.connect(folder.database)) as connection:
        return read_schema(connection).without_prefix("schema_version")


def rows(folder, without=frozenset()):
    """Each table's rows with their rowids, by name of column; the counters too; the columns in `without` left out."""
    found = {}
    with closing(sqlite3.connect(folder.database)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name.startswith(("schema_version", "sqlite_stat")):
                continue
            quoted = '"' + name.replace('"', '""') + '"'
            try:
                cursor = connection.execute(f"SELECT rowid AS rowid_of_it, * FROM {quoted}")
            except sqlite3.OperationalError:
                cursor = connection.execute(f"SELECT * FROM {quoted}")
            names = [column[0] for column in cursor.description]
            if name == "sqlite_sequence":
                names[0] = "own rowid"
            found[name] = sorted(
                repr({n: v for n, v in zip(names, row, strict=True) if n not in without and n != "own rowid"})
                for row in cursor
            )
    return found


def told(before, after):
    return ", ".join(f"{c.change} {c.kind} {c.name}" for c in schema_changes(before, after))


def add_migration(folder, table, calls, back="pass"):
    folder.add(
        "0001_alter",
        f"with db.alter_table({table!r}) as table:\n    {calls}",
        f"with db.alter_table({table!r}) as table:\n    {back}",
    )


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
@pytest.mark.parametrize("shape", SHAPES, ids=[shape.id for shape in SHAPES])
def test_what_is_asked_for_changes_and_nothing_else(folder, shape, case):
    folder.sql(shape.script + (OWNERS if "owners" in case.calls else ""))
    if "owners" in case.calls:
        quoted = '"' + shape.table.replace('"', '""') + '"'
        folder.sql(f"INSERT OR IGNORE INTO owners SELECT size FROM {quoted} WHERE size IS NOT NULL")
    if "NOT NULL" in case.calls or "not_null" in case.calls:
        folder.sql(f'UPDATE "{shape.table.replace(chr(34), chr(34) * 2)}" SET size = 5 WHERE size IS NULL')
    before, rows_before = schema(folder), rows(folder)
    new = {"price", "code", "at", "area", "size", "length"}
    add_migration(folder, shape.table, case.calls, case.back)

    up(folder.project(snapshot="never"))
    after = schema(folder)
    assert told(before, after) == case.changed
    assert rows(folder, new) == rows_of(rows_before, new)

    down(folder.project(snapshot="never"), to="base")
    back = told(before, schema(folder))
    if case.is_exact:
        assert back == ""
        assert rows(folder) == rows_before
    else:
        assert back in ("", "changed column order ")
        assert rows(folder, new) == rows_of(rows_before, new)
    assert folder.query("PRAGMA integrity_check") == [("ok",)]


def rows_of(found, without):
    """What `rows` would have found without some columns."""
    return {
        name: sorted(repr({n: v for n, v in eval(row).items() if n not in without}) for row in table)
        for name, table in found.items()
    }


CALLS = [
    "table.add_column('price REAL NOT NULL DEFAULT 0')",
    "table.add_column('code TEXT UNIQUE')",
    "table.add_column('n AS (id + 1)')",
    "table.add_column('price TEXT', before='size')",
    "table.add_column('length TEXT', before='id')",
    "table.drop_column('name')",
    "table.drop_column('size')",
    "table.drop_column('length')",
    "table.drop_column('price')",
    "table.rename_column('size', to='length')",
    "table.rename_column('price', to='size')",
    "table.rename_column('length', to='size')",
    "table.rename_column('name', to='title')",
    "table.change_column('size', type='INTEGER', default='0')",
    "table.change_column('size', not_null=False, collation='NOCASE')",
    "table.change_column('length', not_null=True)",
    "table.add_check('length(size) < 100')",
    "table.drop_check('length(SIZE) < 100')",
    "table.add_unique(('size', 'id'))",
    "table.drop_unique(('size', 'id'))",
    "table.set_primary_key(('id', 'size'))",
    "table.set_primary_key('id')",
    "table.add_foreign_key('size', 'owners')",
    "table.drop_foreign_key('size')",
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([shape for shape in SHAPES if "VIRTUAL" not in shape.script]),
    st.lists(st.sampled_from(CALLS), min_size=2, max_size=5),
)
def test_a_block_of_several_calls_comes_to_the_same_as_a_block_for_each(shape, calls):
    results = []
    for blocks in ([[call] for call in calls], [calls]):
        with tempfile.TemporaryDirectory() as name:
            folder = Folder(Path(name))
            folder.sql(shape.script + OWNERS + "INSERT INTO owners VALUES ('10')")
            folder.add(
                "0001_alter",
                "\n".join(
                    f"with db.alter_table({shape.table!r}) as table:\n    " + "\n    ".join(block) for block in blocks
                ),
            )
            try:
                up(folder.project(snapshot="never"))
            except StepFailed as error:
                if not results:  # what cannot be done one by one can perhaps be done together
                    return
                raise AssertionError(error.cause) from error
            results.append((schema(folder), rows(folder)))

    (schema_of_each, rows_of_each), (schema_of_all, rows_of_all) = results
    assert told(schema_of_each, schema_of_all) == ""
    if "table.set_primary_key('id')" in calls[:-1]:  # for a while the rowid is the id, and stays that
        rows_of_all, rows_of_each = (rows_of(found, {"rowid_of_it"}) for found in (rows_of_all, rows_of_each))
    assert rows_of_all == rows_of_each


SCRIPTS = list(dict.fromkeys(script for _, *scripts in MUTATIONS + REWRITES for script in scripts if "TABLE" in script))


@pytest.mark.parametrize("number", range(0, len(SCRIPTS), 25))
def test_a_rebuild_without_a_change_changes_nothing_of_any_known_schema(folder, number):
    for script in SCRIPTS[number : number + 25]:
        folder.database.unlink(missing_ok=True)
        folder.sql(script)
        before = schema(folder)
        folder.write("0001_rebuild.py", REBUILD_ALL.format([t.name for t in before.tables if not t.module]))

        up(folder.project(snapshot="never"))

        assert told(before, schema(folder)) == "", script


REBUILD_ALL = """
def upgrade(db):
    for name in {!r}:
        with db.alter_table(name) as table:
            table.add_check("1")
        with db.alter_table(name) as table:
            table.drop_check("(1)")
"""


# Rows that do not fit


REFUSALS = [
    (
        "INSERT INTO t (id) VALUES (20), (30), (40), (50)",
        "table.change_column('size', not_null=True)",
        "size is to be NOT NULL, and is NULL in t (20), (30), (40) and 1 more",
    ),
    ("", "table.add_column('x TEXT NOT NULL')", "x would be NULL in the rows that are there, and is NOT NULL"),
    ("", "table.add_check('size > 15 AND id < 99')", "CHECK (size > 15 AND id < 99) does not hold for t (1)"),
    (
        "",
        "table.add_check('length(size) > 5')\n    table.fill('size', \"size || 'x'\")",
        "CHECK (length(size) > 5) does not hold for t (1), (4), (9)",
    ),
    ("", "table.add_column('x INT CHECK (x > 5) DEFAULT 1')", "CHECK constraint failed"),
    (
        "UPDATE t SET size = '10' WHERE id < 9",
        "table.add_unique('size')",
        "size is to be unique, and the same in several rows: '10'",
    ),
    (
        "UPDATE t SET name = upper(name)||size, size = 'A' WHERE id = 1; UPDATE t SET size = 'a' WHERE id > 1",
        "table.add_unique('size')\n    table.change_column('size', collation='NOCASE')",
        "size is to be unique, and the same in several rows: 'A'",
    ),
    (
        "UPDATE t SET name = NULL",
        "table.set_primary_key(('name', 'size'))\n    table.change_column('name', not_null=True)",
        "name is to be in the primary key, and is NULL in t (1), (4), (9)",
    ),
    (
        "UPDATE t SET size = 'x'",
        "table.set_primary_key('size')",
        "size is to be unique, and the same in several rows: 'x'",
    ),
    ("", "table.fill('size', 'max(size)')", "of 3 rows 1 would be left"),
    ("CREATE UNIQUE INDEX i ON t (size)", "table.fill('size', '1')", "index i would not be unique any more"),
    ("", "table.drop_column('nowhere')", "it has no column nowhere; there are id, name, size"),
    ("", "table.rename_column('nowhere', to='x')", "it has no column nowhere; there are id, name, size"),
    ("", "table.rename_column('name', to='size')", "duplicate column name"),
    ("", "table.add_column('SIZE TEXT')", "it has a column SIZE already"),
    ("", "table.add_column('x TEXT', before='nowhere')", "it has no column nowhere; there are id, name, size"),
    ("", "table.add_column('x TEXT', before='x')", "it has no column x; there are id, name, size"),
    ("", "table.add_column('x TEXT, y TEXT')", "is not the definition of one column"),
    ("", "table.add_column('CHECK (id > 0)')", "is not the definition of one column"),
    ("", "table.add_column('x TEXT); DROP TABLE t; --')", "cannot stand in"),
    ("", "table.add_check('id > 0) , CHECK (id < 9')", "cannot stand in"),
    ("", "table.change_column('size', type='TEXT NOT NULL')", "is more than a type"),
    ("", "table.change_column('size', default='words without quotes')", "syntax error"),
    ("", "table.change_column('size', default='word')", "default value of column [size] is not constant"),
    ("", "table.drop_check('id > 0')", "it has no CHECK (id > 0)"),
    ("", "table.drop_unique('name')", "it has no UNIQUE constraint of name"),
    ("", "table.drop_foreign_key('name')", "it has no foreign key of name"),
    ("", "table.add_foreign_key('name', 'c', ('a', 'b'))", "name cannot refer to a, b: not as many"),
    ("", "table.rename_to('t2')\n    table.drop_column('nowhere')", "it has no column nowhere"),
    ("CREATE INDEX i ON t (size, name)", "table.drop_column('size')", "index i holds size, and other columns"),
    ("CREATE INDEX i ON t (name) WHERE size > 0", "table.drop_column('size')", "index i holds size, and other columns"),
    (
        "CREATE VIEW v AS SELECT id, size FROM t",
        "table.drop_column('size')",
        "error in view v after drop column: no such column: size",
    ),
    (
        "CREATE VIEW v AS SELECT id, size FROM t",
        "table.drop_column('size')\n    table.add_check('id > 0')",
        "view v would not work any more: no such column: size",
    ),
    ('CREATE VIEW v AS SELECT id, "size" FROM t', "table.drop_column('size')", "view v uses size"),
    (
        "CREATE VIEW v (a, b, c) AS SELECT * FROM t",
        "table.add_column('x')",
        "view v would not work any more: expected 3 columns",
    ),
    (
        "CREATE TRIGGER g AFTER UPDATE OF size ON t BEGIN SELECT 1; END",
        "table.drop_column('size')",
        "trigger g uses size",
    ),
    (
        "CREATE TRIGGER g AFTER UPDATE ON t BEGIN SELECT new.size; END",
        "table.drop_column('size')",
        "trigger g uses size",
    ),
    (
        "CREATE TABLE o (a); CREATE TRIGGER g AFTER DELETE ON o BEGIN DELETE FROM t WHERE size = old.a; END",
        "table.drop_column('size')",
        "error in trigger g after drop column: no such column: size",
    ),
    (
        "CREATE TABLE o (a); CREATE TRIGGER g AFTER DELETE ON o BEGIN INSERT INTO t VALUES (1, 2, 3); END",
        "table.add_column('x')",
        "trigger g would not work any more: table t has 4 columns but 3 values were supplied",
    ),
    (
        "CREATE UNIQUE INDEX i ON t (size); CREATE TABLE c (x REFERENCES t (size))",
        "table.drop_column('size')",
        "c (x) refers to size",
    ),
    ("CREATE TABLE c (x REFERENCES t)", "table.drop_column('id')", "c (x) refers to id"),
    (
        "CREATE TABLE t_rebuilt (x); CREATE VIEW broken AS SELECT * FROM nowhere",
        "table.add_check('id > 0')",
        "error in view broken",
    ),
]


@pytest.mark.parametrize(("script", "calls", "message"), REFUSALS, ids=[f"{n} {r[2]}" for n, r in enumerate(REFUSALS)])
def test_what_does_not_fit_is_named_and_nothing_is_changed(folder, script, calls, message):
    folder.sql((BASE if "TABLE c" not in script else f"{PLAIN}; {ROWS};") + script)
    before = folder.content()
    add_migration(folder, "t", calls)

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause.startswith(("t was not altered", "t2 was not altered"))
    assert message in failure.value.cause
    assert folder.content() == before


def test_the_way_out_is_said(folder):
    folder.sql(BASE + "CREATE VIEW v AS SELECT size FROM t; INSERT INTO t (id) VALUES (20)")

    def advice(calls):
        add_migration(folder, "t", calls)
        with pytest.raises(StepFailed) as failure:
            up(folder.project())
        return failure.value.advice

    assert advice("table.drop_column('size')") == "drop view v before, and make it again afterwards"
    assert advice("table.drop_column('size')\n    table.add_check('1')") == (
        "drop view v before, and make it again afterwards"
    )
    assert advice("table.change_column('size', not_null=True)") == (
        "give these a value before, or in the block: table.fill('size', \"coalesce(size, …)\")"
    )
    assert advice("table.add_column('x TEXT NOT NULL')") == "give it a DEFAULT, or a value: table.fill('x', \"…\")"


def test_an_error_that_the_migration_catches_leaves_the_table_as_it_was(folder):
    folder.sql(BASE + "CREATE VIEW v AS SELECT id FROM t")
    before = folder.application_content()
    folder.add(
        "0001_alter",
        """
        from nukeworks_migrate.errors import StepFailed
        try:
            with db.alter_table("t") as table:
                table.rename_column("name", to="title")
                table.add_check("id > 100")
        except StepFailed:
            db.log("not this time")
        """,
    )

    report = up(folder.project())

    assert report.steps[0].messages == ("not this time",)
    assert folder.application_content() == before


def test_an_exception_in_the_block_leaves_everything_as_it_was(folder):
    folder.sql(BASE)
    before = folder.content()
    add_migration(folder, "t", "table.drop_column('size')\n    raise KeyError('x')")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause == "KeyError: 'x'"
    assert folder.content() == before


def test_nothing_happens_before_the_end_of_the_block(folder):
    folder.sql(BASE)
    folder.add(
        "0001_alter",
        """
        with db.alter_table("t") as table:
            table.drop_column("size")
            assert len(db.query("SELECT size FROM t")) == 3
        assert db.query("SELECT * FROM t")[0].keys() == ["id", "name"]
        with db.alter_table("nowhere") as table:
            pass
        try:
            table.drop_column("name")
        except RuntimeError as error:
            db.log(error)
        """,
    )

    report = up(folder.project())

    assert report.steps[0].messages == (
        'the block of db.alter_table("nowhere") has ended: changes belong inside of it',
    )


# What goes along


def test_indexes_of_a_dropped_column_go_with_it(folder):
    folder.sql(
        BASE + "CREATE INDEX i ON t (size); CREATE INDEX j ON t (lower(size)) WHERE size > 0;"
        "CREATE INDEX k ON t (size, name); CREATE INDEX n ON t (name)"
    )
    before = schema(folder)
    add_migration(folder, "t", "table.drop_column('size', with_indexes=True)")

    up(folder.project())

    assert told(before, schema(folder)) == "removed column size, removed index i, removed index j, removed index k"


def test_constraints_about_a_dropped_column_go_with_it_and_others_stand_in_the_way(folder):
    folder.sql(
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size TEXT, a INT UNIQUE REFERENCES p CHECK (a > 0), b,"
        " UNIQUE (b), CHECK (b <> 'a'), CHECK (size <> name))"
    )
    before = schema(folder)
    add_migration(folder, "t", "table.drop_column('a')\n    table.drop_column('b')")

    up(folder.project())
    assert told(before, schema(folder)) == (
        "removed column a, removed column b, removed unique a, removed unique b, removed check , removed check , "
        "removed foreign key a"
    )

    folder.add("0002_more", "with db.alter_table('t') as table:\n    table.drop_column('size')")
    with pytest.raises(StepFailed) as failure:
        up(folder.project())
    assert "size is still named in: CHECK (size <> name)" in failure.value.cause
    assert failure.value.advice == "take it away first: table.drop_check('size <> name')"


def test_what_refers_to_a_renamed_table_or_column_follows(folder):
    folder.sql(
        BASE + "CREATE VIEW v AS SELECT t.name FROM t; CREATE TRIGGER g AFTER DELETE ON c BEGIN DELETE FROM t; END"
    )
    add_migration(
        folder,
        "t",
        "table.rename_column('id', to='number')\n    table.add_check('t.number > 0')\n    table.rename_to('goods')\n"
        "    table.add_column('price REAL')",
        "pass",
    )

    up(folder.project())

    assert folder.query("SELECT * FROM v") == [("ann",), ("bob",), ("cy",)]
    assert folder.query('SELECT "table", "to" FROM pragma_foreign_key_list(\'c\')') == [("goods", "number")]
    assert folder.query("SELECT * FROM goods WHERE number = 1") == [(1, "ann", "10", None)]
    (check,) = schema(folder).table("goods").checks
    assert check in ("goods.number > 0", '"goods".number > 0')
    folder.sql("DELETE FROM c WHERE id = 1")
    assert folder.query("SELECT * FROM goods") == []


def test_a_table_is_renamed_by_its_letters_alone(folder):
    folder.sql(BASE)
    add_migration(folder, "T", "table.rename_to('T')", "table.rename_to('t')")

    up(folder.project())
    assert folder.query("SELECT name FROM sqlite_master WHERE name = 't' COLLATE NOCASE") == [("T",)]

    down(folder.project(), to="base")
    assert folder.query("SELECT \"table\" FROM pragma_foreign_key_list('c')") == [("t",)]


def test_columns_change_places_by_renaming(folder):
    folder.sql(BASE)
    add_migration(
        folder,
        "t",
        "table.rename_column('name', to='x')\n    table.rename_column('size', to='name')\n"
        "    table.rename_column('x', to='size')",
    )

    up(folder.project())

    assert folder.query("SELECT name, size FROM t WHERE id = 1") == [("10", "ann")]


def test_a_column_is_dropped_and_another_gets_its_name(folder):
    folder.sql(BASE)
    add_migration(
        folder,
        "t",
        "table.add_column('size2 INTEGER')\n    table.fill('size2', 'size * 2')\n    table.drop_column('size')\n"
        "    table.rename_column('size2', to='size')\n    table.drop_column('name')\n    table.add_column('name TEXT')",
    )

    up(folder.project())

    assert folder.query("SELECT id, size, name FROM t") == [(1, 20, None), (4, 40, None), (9, 60, None)]


def test_a_column_that_is_dropped_and_added_again_begins_anew(folder):
    folder.sql(
        BASE + "CREATE VIEW v AS SELECT t.size FROM t;CREATE TRIGGER t AFTER UPDATE OF size ON t BEGIN SELECT 1; END"
    )
    add_migration(folder, "t", "table.drop_column('size')\n    table.add_column('size INTEGER DEFAULT (1 + 1)')")

    up(folder.project())

    assert folder.query("SELECT * FROM v") == [(2,), (2,), (2,)]


def test_an_integer_key_that_is_added_numbers_the_rows_by_their_rowid(folder):
    folder.sql("CREATE TABLE t (name TEXT); INSERT INTO t (rowid, name) VALUES (3, 'a'), (8, 'b')")
    add_migration(folder, "t", "table.add_column('id INTEGER PRIMARY KEY AUTOINCREMENT')", "table.drop_column('id')")

    up(folder.project())
    assert folder.query("SELECT id, name FROM t") == [(3, "a"), (8, "b")]
    assert folder.query("SELECT seq FROM sqlite_sequence WHERE name = 't'") == [(8,)]

    down(folder.project(), to="base")
    assert folder.query("SELECT rowid, * FROM t") == [(3, "a"), (8, "b")]


def test_a_key_is_set_and_taken_away(folder):
    folder.sql(BASE.replace("id INTEGER PRIMARY KEY, name", "id INTEGER PRIMARY KEY AUTOINCREMENT, name"))
    before = schema(folder)
    add_migration(folder, "t", "table.set_primary_key(('name', 'id'))\n    table.add_unique('id')")

    up(folder.project())

    assert told(before, schema(folder)) == "changed primary key , added unique id, removed option AUTOINCREMENT"


def test_statistics_are_gathered_again_where_there_were_some(folder):
    folder.sql(BASE + "CREATE INDEX i ON t (name); ANALYZE;")
    before = folder.query("SELECT * FROM sqlite_stat1 ORDER BY tbl, idx")
    add_migration(folder, "t", "table.add_check('id > 0')")

    up(folder.project())

    assert folder.query("SELECT * FROM sqlite_stat1 ORDER BY tbl, idx") == before


def test_conflict_clauses_do_not_lose_rows_in_the_copy(folder):
    folder.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, a TEXT NOT NULL ON CONFLICT IGNORE,"
        " UNIQUE (a) ON CONFLICT REPLACE);"
        "INSERT INTO t VALUES (1, 'x', 'a'), (2, 'y', 'b')"
    )
    add_migration(folder, "t", "table.fill('a', 'NULL')")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert "a is to be NOT NULL, and is NULL in t (1), (2)" in failure.value.cause
    assert folder.query("SELECT count(*) FROM t") == [(2,)]


def test_what_was_written_stays_as_it_was_written(folder):
    folder.sql(
        """CREATE TABLE t ( -- things
    id INTEGER PRIMARY KEY, -- never again
    -- what it is
    name TEXT COLLATE NOCASE   NOT NULL, -- who
    /* how much */ size TEXT, -- in metres
    CONSTRAINT "a b" CHECK ( size <> '(' ) -- said so
);"""
    )
    add_migration(
        folder,
        "t",
        "table.change_column('name', not_null=False, default=\"'x'\")\n    table.add_column('price REAL UNIQUE')\n"
        "    table.add_check('price > 0')",
    )

    up(folder.project())

    ((sql,),) = folder.query("SELECT sql FROM sqlite_master WHERE name = 't'")
    assert sql == (
        """CREATE TABLE "t" ( -- things
    id INTEGER PRIMARY KEY, -- never again
    -- what it is
    name TEXT DEFAULT 'x' COLLATE NOCASE, -- who
    /* how much */ size TEXT, -- in metres
    price REAL UNIQUE,
    CONSTRAINT "a b" CHECK ( size <> '(' ), -- said so
    CHECK (price > 0)
)"""
    )


@pytest.mark.parametrize(
    ("table", "added"),
    [
        ("(a, b TEXT, CHECK (a > 0))", "(x INT, a, y INT, b TEXT, z INT, CHECK (a > 0))"),
        ("( a)", "(x INT, y INT, a, z INT)"),
        (
            "( -- 1\n  -- 2\n  a, -- 3\n  b -- 4\n)",
            "( -- 1\n  x INT,\n  -- 2\n  a, -- 3\n  y INT,\n  b, -- 4\n  z INT\n)",
        ),
    ],
)
def test_a_column_stands_where_it_was_put(folder, table, added):
    folder.sql(f"CREATE TABLE t {table}; INSERT INTO t (a) VALUES (5)")
    last = "b" if "b" in table else "a"
    add_migration(
        folder,
        "t",
        "table.add_column('z INT')\n    table.add_column('x INT', before='A')\n"
        f"    table.add_column('y INT', before={last!r})",
        "table.drop_column('x')\n    table.drop_column('y')\n    table.drop_column('z')",
    )

    up(folder.project())

    ((sql,),) = folder.query("SELECT sql FROM sqlite_master WHERE name = 't'")
    assert sql == f'CREATE TABLE "t" {added}'
    assert folder.query("SELECT x, a, z FROM t") == [(None, 5, None)]


# What may not be altered


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("nowhere", "nowhere was not altered: there is no such table"),
        ("v", "v was not altered: it is a view"),
        ("i", "i was not altered: it is an index"),
        ("sqlite_sequence", "sqlite_sequence was not altered: there is no such table"),
        ("schema_version", "schema_version belongs to the framework"),
    ],
)
def test_what_is_no_table_of_the_application_is_refused(folder, table, message):
    folder.sql(
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT 1; CREATE INDEX i ON a (id)"
    )
    add_migration(folder, table, "table.add_column('x')")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause.startswith(message)


def test_no_table_gets_a_name_of_the_framework(folder):
    folder.sql(BASE)
    add_migration(folder, "t", "table.rename_to('schema_version_mine')")

    with pytest.raises(StatementRefused):
        up(folder.project())


def test_a_temporary_table_of_the_same_name_stands_in_the_way(folder):
    folder.sql(BASE)
    folder.add(
        "0001_alter",
        "db.execute('CREATE TEMP TABLE t (x)')\nwith db.alter_table('t') as table:\n    table.add_column('y')",
    )

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert "a temporary table or view has the same name" in failure.value.cause


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("table.change_column('size')", "TypeError"),
        ("table.change_column('size', default=0)", "TypeError: default= is SQL in a string or None, not 0"),
        ("table.drop_column('')", "ValueError"),
        ("table.add_unique(())", "ValueError: add_unique() names no column"),
        ("table.add_foreign_key('size', 'c', on_delete='VANISH')", "ValueError: 'VANISH' is no action"),
        ("table.add_check(5)", "TypeError"),
        ("table.add_column('y', before=0)", "TypeError: add_column() takes text, not int"),
        ("table.add_column('y', before='')", "ValueError"),
    ],
)
def test_a_call_that_makes_no_sense_fails_at_its_line(folder, call, kind):
    folder.sql(BASE)
    add_migration(folder, "t", f"table.add_column('x')\n    {call}")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause.startswith(kind)
    assert failure.value.where.endswith(":7")


# How it runs


def test_a_rehearsal_tells_the_statements_and_that_the_way_back_is_exact(folder):
    folder.sql(BASE + "CREATE INDEX i ON t (name); CREATE VIEW v AS SELECT id FROM t")
    add_migration(
        folder, "t", "table.change_column('size', not_null=True)", "table.change_column('size', not_null=False)"
    )

    (step,) = rehearse(folder.project()).steps

    assert [(s.line, s.sql) for s in step.statements] == [
        (5, 'DROP VIEW "v"'),
        (5, 'CREATE TABLE "t_rebuilt" (id INTEGER PRIMARY KEY, name TEXT, size TEXT NOT NULL)'),
        (5, 'INSERT OR ABORT INTO "t_rebuilt" ("id", "name", "size") SELECT "id", "name", "size" FROM "t"'),
        (5, 'DROP TABLE "t"'),
        (5, 'ALTER TABLE "t_rebuilt" RENAME TO "t"'),
        (5, "CREATE INDEX i ON t (name)"),
        (5, "CREATE VIEW v AS SELECT id FROM t"),
    ]
    assert step.way_back.verdict is WayBack.EXACT
    assert [(r.table, r.added, r.changed, r.deleted) for r in step.difference.rows] == []


@pytest.mark.parametrize(
    ("calls", "statement"),
    [
        (
            "table.add_column('price REAL NOT NULL DEFAULT 0')",
            'ALTER TABLE "t" ADD COLUMN price REAL NOT NULL DEFAULT 0',
        ),
        ("table.add_column('n AS (id + 1) -- next')", 'ALTER TABLE "t" ADD COLUMN n AS (id + 1)'),
        ("table.rename_column('size', to='length')", 'ALTER TABLE "t" RENAME COLUMN "size" TO "length"'),
        ("table.rename_to('goods')", 'ALTER TABLE "t" RENAME TO "goods"'),
        pytest.param(
            "table.drop_column('size')",
            'ALTER TABLE "t" DROP COLUMN size',
            marks=pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35, 5), reason="this SQLite rebuilds for it"),
        ),
    ],
)
def test_what_alter_table_can_do_is_one_statement(folder, calls, statement):
    folder.sql(BASE)
    add_migration(folder, "t", calls)

    (step,) = rehearse(folder.project()).steps

    assert [s.sql for s in step.statements] == [statement]


@pytest.mark.parametrize("is_old", [False, True], ids=["as it is", "of 3.34"])
def test_an_older_sqlite_gets_a_rebuild_for_what_it_cannot_do(folder, monkeypatch, is_old):
    if is_old:
        monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    folder.sql(BASE)
    add_migration(folder, "t", "table.drop_column('size')\n    table.add_column('n INT DEFAULT 5 CHECK (n > 1)')")

    report = up(folder.project())

    assert report.steps[0].statements == (4 if is_old else 2)
    assert folder.query("SELECT * FROM t") == [(1, "ann", 5), (4, "bob", 5), (9, "cy", 5)]


def test_without_a_transaction_the_alteration_has_one_of_its_own(folder):
    folder.sql(BASE + "INSERT INTO t (id) VALUES (77)")
    before = folder.application_content()
    folder.add(
        "0001_alter",
        "with db.alter_table('t') as table:\n    table.rename_column('name', to='n')\n"
        "    table.change_column('size', not_null=True)",
        head='transaction = "none"',
    )

    with pytest.raises(Exception, match="part-way"):
        up(folder.project())

    assert folder.application_content() == before


def test_children_are_still_checked_at_the_end(folder):
    folder.sql(BASE)
    add_migration(folder, "t", "table.fill('id', 'id + 100')")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert "c (1): t_id has no row in t" in failure.value.cause


def test_the_statements_are_told_one_by_one(folder):
    folder.sql(BASE)
    add_migration(folder, "t", "table.add_check('id > 0')")
    seen = []

    up(folder.project(), on_event=seen.append)

    told_of = [event.sql.split("(")[0].strip() for event in seen if type(event).__name__ == "StatementRan"]
    assert told_of == [
        'CREATE TABLE "t_rebuilt"',
        'INSERT OR ABORT INTO "t_rebuilt"',
        'DROP TABLE "t"',
        'ALTER TABLE "t_rebuilt" RENAME TO "t"',
    ]
