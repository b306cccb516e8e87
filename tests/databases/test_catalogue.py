"""The schema of an SQLite database: what is read, what is a difference and what is none."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest
from databases.schema_cases import FOUND, HAS_FTS5, MUTATIONS, REWRITES
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from nukeworks.runner import up

from nukeworks_migrate.databases.sqlite.catalogue import create_statements, read_schema
from nukeworks_migrate.errors import DatabaseRefused
from nukeworks_migrate.model.differences import Change, schema_changes
from nukeworks_migrate.model.schema import Column, ForeignKey, Generated, Index, Key, Schema, Table, Term, fold

needs_fts5 = pytest.mark.skipif(not HAS_FTS5, reason="SQLite is compiled without FTS5: virtual tables not tested")


def schema_of(script):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return read_schema(connection)


def table_of(columns, options=""):
    return schema_of(f"CREATE TABLE t ({columns}) {options}").tables[0]


def statements_of(script):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        return create_statements(connection)


def cases(listed):
    return [pytest.param(before, after, id=name) for name, before, after in listed]


@pytest.mark.parametrize("name, before, after", [pytest.param(*case, id=case[0]) for case in MUTATIONS])
def test_every_mutation_is_found_and_named(name, before, after):
    old, new = schema_of(before), schema_of(after)

    found = schema_changes(old, new)

    assert ", ".join(f"{c.change} {c.kind} {c.table}.{c.name}" for c in found) == FOUND[name]
    assert old != new
    assert old.fingerprint != new.fingerprint


@pytest.mark.parametrize(("before", "after"), cases(MUTATIONS))
def test_backwards_it_is_the_same_difference_the_other_way(before, after):
    opposite = {Change.ADDED: Change.REMOVED, Change.REMOVED: Change.ADDED, Change.CHANGED: Change.CHANGED}
    old, new = schema_of(before), schema_of(after)

    there = {(opposite[c.change], c.kind, c.table, c.name, c.after, c.before) for c in schema_changes(old, new)}
    back = {(c.change, c.kind, c.table, c.name, c.before, c.after) for c in schema_changes(new, old)}

    assert there == back


@pytest.mark.parametrize(("before", "after"), cases(REWRITES))
def test_what_means_the_same_is_no_difference(before, after):
    old, new = schema_of(before), schema_of(after)

    assert schema_changes(old, new) == ()
    assert old.fingerprint == new.fingerprint
    assert old == new
    assert hash(old) == hash(new)


def test_there_are_enough_cases_and_no_name_is_taken_twice():
    for listed, enough in ((MUTATIONS, 40), (REWRITES, 100)):
        names = [name for name, _, _ in listed]
        assert len(names) == len(set(names)) >= enough


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=f"{name} {side}")
        for name, *two in MUTATIONS + REWRITES
        for side, script in zip("ab", two, strict=True)
    ],
)
def test_the_pragmas_say_the_same(script):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)

        schema = read_schema(connection)

        for table in schema.tables:
            if not table.module:
                assert columns_of(table) == columns_by_pragma(connection, table)
                assert foreign_keys_of(table) == foreign_keys_by_pragma(connection, table, schema)
                assert uniques_of(table) == uniques_by_pragma(connection, table)
        assert {index.name for index in schema.indexes} == {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql > ''")
        }
        for index in schema.indexes:
            assert terms_of(index.terms, schema.table(index.table)) == terms_by_pragma(connection, index.name)
        if sqlite3.sqlite_version_info >= (3, 37):
            options = connection.execute("SELECT name, strict, wr FROM pragma_table_list WHERE schema = 'main'")
            for name, strict, without_rowid in options:
                if (table := schema.table(name)) and not table.module:
                    assert (table.strict, table.without_rowid) == (bool(strict), bool(without_rowid))


NAMES = ["a", '"b c"', "[order]", "key", "left", "`x`", '"desc"', "é"]
TYPES = ["", "INTEGER", "INT", "TEXT", "VARCHAR ( 10 )", '"INTEGER"', "DECIMAL(10,2)", "key desc", "any"]
AT_COLUMN = [
    *("NOT NULL", "NULL", "NOT NULL ON CONFLICT FAIL", "COLLATE nocase", 'COLLATE "RTRIM"'),
    *("DEFAULT 1", "DEFAULT (1+2)", "DEFAULT NULL", 'DEFAULT "x y"', "DEFAULT - 1"),
    *("UNIQUE", "UNIQUE ON CONFLICT REPLACE", 'CHECK ("q" > 1)', "CONSTRAINT foo", "CONSTRAINT [x y] CHECK (1)"),
    *(
        "REFERENCES p",
        "REFERENCES p (k) ON DELETE CASCADE ON UPDATE SET DEFAULT MATCH FULL DEFERRABLE INITIALLY DEFERRED",
    ),
    *(
        "GENERATED ALWAYS AS (1) STORED",
        'AS ("z") VIRTUAL',
        "PRIMARY KEY",
        "PRIMARY KEY DESC",
        "PRIMARY KEY AUTOINCREMENT",
    ),
]
AT_TABLE = [
    *("UNIQUE ({})", "PRIMARY KEY ({})", "CONSTRAINT z UNIQUE ({}) ON CONFLICT IGNORE", "CHECK (1) ON CONFLICT FAIL"),
    "FOREIGN KEY ({}) REFERENCES p NOT DEFERRABLE",
]


@st.composite
def table_definitions(draw):
    """CREATE TABLE, of which SQLite refuses some."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    few = st.lists(st.sampled_from(AT_COLUMN), max_size=3, unique=True).map(" ".join)
    parts = [f"{name} {draw(st.sampled_from(TYPES))} {draw(few)}" for name in names]
    for constraint in draw(st.lists(st.sampled_from(AT_TABLE), max_size=2)):
        endings = ["", " COLLATE nocase", " DESC", " COLLATE binary ASC"] if "FOREIGN" not in constraint else [""]
        keys = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        parts.append(constraint.format(", ".join(key + draw(st.sampled_from(endings)) for key in keys)))
    return f"CREATE TABLE t ({', '.join(parts)}) {draw(st.sampled_from(['', '', 'STRICT', 'WITHOUT ROWID']))}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(definition=table_definitions())
def test_of_any_table_the_pragmas_say_the_same(definition):
    script = f"CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE); {definition}"
    try:
        schema_of(script)
    except sqlite3.OperationalError:
        assume(False)

    test_the_pragmas_say_the_same(script)


def columns_of(table):
    key = [fold(name) for name in table.primary_key.columns] if table.primary_key else []
    return [
        (
            column.name,
            column.type.replace(" ", ""),
            column.not_null,
            column.default is not None,
            key.index(fold(column.name)) + 1 if fold(column.name) in key else 0,
            (3 if column.generated.stored else 2) if column.generated else 0,
        )
        for column in table.columns
    ]


def columns_by_pragma(connection, table):
    rows = connection.execute("SELECT * FROM pragma_table_xinfo(?)", (table.name,)).fetchall()
    indexes = connection.execute("SELECT origin FROM pragma_index_list(?)", (table.name,)).fetchall()
    is_rowid = ("pk",) not in indexes
    return [
        (
            name,
            re.sub(r"/\*.*?\*/|\s", "", kind).upper(),
            bool(null) and not (key and is_rowid),
            default is not None and default.strip("()").upper() != "NULL",
            key,
            hidden,
        )
        for _, name, kind, null, default, key, hidden in rows
    ]


def foreign_keys_of(table):
    return {
        (
            fold(key.parent),
            tuple(map(fold, key.columns)),
            tuple(map(fold, key.parent_columns)),
            key.on_update or "NO ACTION",
            key.on_delete or "NO ACTION",
        )
        for key in table.foreign_keys
    }


def foreign_keys_by_pragma(connection, table, schema):
    found = {}
    for number, _, parent, column, to, on_update, on_delete, _ in connection.execute(
        "SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq", (table.name,)
    ):
        key = found.setdefault(number, (fold(parent), [], [], on_update, on_delete))
        key[1].append(fold(column))
        key[2].extend([fold(to)] if to else [])
    for parent, names, to, *_ in found.values():
        primary_key = schema.table(parent).primary_key
        if not to and primary_key and len(primary_key.columns) == len(names):
            to.extend(map(fold, primary_key.columns))
    return {(parent, tuple(names), tuple(to), *actions) for parent, names, to, *actions in found.values()}


def terms_of(terms, table):
    return [
        (
            fold(term.column) if term.column else None,
            term.descending,
            term.collation or (table.column(term.column).collation if term.column else "") or "BINARY",
        )
        for term in terms
    ]


def terms_by_pragma(connection, index):
    rows = connection.execute("SELECT name, desc, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", (index,))
    return [(name and fold(name), bool(desc), coll.upper()) for name, desc, coll in rows]


def uniques_of(table):
    return sorted(terms_of(key.terms, table) for key in table.uniques)


def uniques_by_pragma(connection, table):
    names = connection.execute("SELECT name FROM pragma_index_list(?) WHERE origin = 'u'", (table.name,)).fetchall()
    return sorted(terms_by_pragma(connection, name) for (name,) in names)


def test_a_table_is_read_into_its_parts():
    schema = schema_of(
        """
        CREATE TABLE Parent (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT COLLATE NOCASE);
        CREATE TABLE child (
            a TEXT NOT NULL ON CONFLICT FAIL DEFAULT 'x', -- the first
            b VARCHAR ( 10 ) CHECK (b <> 'a (b' /* ) */),
            c AS (a || b) STORED,
            d INTEGER REFERENCES parent ON DELETE CASCADE,
            PRIMARY KEY (a DESC, b) ON CONFLICT IGNORE,
            UNIQUE (b COLLATE nocase),
            CONSTRAINT "both" CHECK ((a < b)),
            FOREIGN KEY (a) REFERENCES parent (code) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX i ON Child (lower(a) DESC, b COLLATE NOCASE) WHERE d IS NOT NULL;
        """
    )

    assert schema == Schema(
        (
            Table(
                "parent",
                (Column("id", "INTEGER"), Column("code", "TEXT", collation="NOCASE")),
                Key((Term("id"),)),
                autoincrement=True,
            ),
            Table(
                "child",
                (
                    Column("a", "TEXT", True, "FAIL", "'x'"),
                    Column("b", "VARCHAR(10)", True),
                    Column("c", generated=Generated("a || b", stored=True)),
                    Column("d", "INTEGER"),
                ),
                Key((Term("a", descending=True), Term("b")), "IGNORE"),
                (Key((Term("b", collation="NOCASE"),)),),
                ("a < b", "b != 'a (b'"),
                (
                    ForeignKey(("d",), "parent", ("id",), on_delete="CASCADE"),
                    ForeignKey(("a",), "parent", ("code",), on_update="SET NULL", deferred=True),
                ),
                without_rowid=True,
            ),
        ),
        (
            Index(
                "i",
                "child",
                (Term(expression="lower(a)", descending=True), Term("b", collation="NOCASE")),
                unique=True,
                where="d IS NOT NULL",
            ),
        ),
    )
    assert [table.name for table in schema.tables] == ["child", "Parent"]
    assert schema.table("PARENT").column("CODE").name == "code"


def test_a_name_can_be_anything():
    schema = schema_of(
        """
        CREATE TABLE "a b" ("c""d" INTEGER, [e.f] TEXT, `Ünï` TEXT, "check" INTEGER, key TEXT, "x,y(" TEXT,
                            CHECK ("check" > 0 AND key <> 'x' AND "c""d" > [e.f]), UNIQUE ("x,y("));
        CREATE INDEX "i ""j" ON "a b" (`Ünï`, "e.f" DESC);
        CREATE VIEW "v w" AS SELECT "c""d" AS "select" FROM "a b";
        CREATE TRIGGER "g;h" AFTER UPDATE OF "check" ON "a b" BEGIN SELECT new."c""d"; END;
        """
    )

    assert [column.name for column in schema.tables[0].columns] == ['c"d', "e.f", "Ünï", "check", "key", "x,y("]
    assert schema.tables[0].checks == ('"check" > 0 AND key != \'x\' AND "c""d" > "e.f"',)
    assert schema.tables[0].uniques == (Key((Term("x,y("),)),)
    assert schema.indexes[0].definition == '("Ünï", "e.f" DESC)'
    assert schema.views[0].sql == 'CREATE VIEW "v w" AS\nSELECT "c""d" AS "select"\nFROM "a b"'
    assert schema.triggers[0].sql == (
        'CREATE TRIGGER "g;h" AFTER UPDATE OF "check" ON "a b"\nBEGIN\n  SELECT new."c""d";\nEND'
    )


def test_the_body_of_a_trigger_has_its_statements_in_lines_and_its_strings_untouched():
    schema = schema_of(
        """
        CREATE TABLE t (a);
        CREATE TRIGGER g AFTER UPDATE OF a ON t WHEN (new.a > 0) BEGIN
          INSERT INTO t (a) VALUES (CASE new.a WHEN 1 THEN 'x;
  y' ELSE 'END;' END); -- END;
          DELETE FROM t WHERE a IN (SELECT 1);
        END;
        """
    )

    assert schema.triggers[0].sql == (
        "CREATE TRIGGER g AFTER UPDATE OF a ON t\n"
        "WHEN new.a > 0\n"
        "BEGIN\n"
        "  INSERT INTO t(a)\n"
        "  VALUES (CASE new.a WHEN 1 THEN 'x;\n  y' ELSE 'END;' END);\n"
        "  DELETE FROM t\n"
        "  WHERE a IN (\n"
        "    SELECT 1\n"
        "  );\n"
        "END"
    )


def test_names_are_kept_as_written_and_found_in_any_case():
    schema = schema_of("CREATE TABLE Clients (ID INTEGER PRIMARY KEY, Ärger TEXT)")

    assert schema.table("cLIENTS").name == "Clients"
    assert schema.table("clients").column("id").name == "ID"
    assert schema.table("clients").column("ärger") is None
    assert schema.table("client") is None


@pytest.mark.parametrize(
    ("columns", "options", "is_not_null"),
    [
        pytest.param("a INTEGER PRIMARY KEY NOT NULL", "", False, id="a rowid is never null anyway"),
        pytest.param("a INT PRIMARY KEY", "", False, id="another primary key can be null"),
        pytest.param("a INT PRIMARY KEY", "WITHOUT ROWID", True, id="not without a rowid"),
        pytest.param("a INT PRIMARY KEY", "STRICT", True, id="and not in a strict table"),
    ],
)
def test_a_primary_key_is_not_null_where_sqlite_says_so(columns, options, is_not_null):
    assert table_of(columns, options).columns[0].not_null is is_not_null


def test_columns_without_anything_and_with_everything():
    table = table_of(
        "a, b c d e (1, -2), \"f\" 'g h' DEFAULT (1 + 1) COLLATE rtrim NOT NULL, h GENERATED ALWAYS AS (a)"
    )

    assert [column.definition for column in table.columns] == [
        "a",
        "b C D E(1,-2)",
        "f G H NOT NULL DEFAULT (1 + 1) COLLATE RTRIM",
        "h GENERATED ALWAYS AS (a) VIRTUAL",
    ]


def test_a_primary_key_of_the_parent_stands_in_for_columns_left_out():
    schema = schema_of(
        """
        CREATE TABLE child (x, y, a REFERENCES missing, b REFERENCES parent, FOREIGN KEY (y, x) REFERENCES parent);
        CREATE TABLE parent (p, q, PRIMARY KEY (p, q));
        """
    )

    assert {key.columns: key.parent_columns for key in schema.table("child").foreign_keys} == {
        ("a",): (),
        ("b",): (),
        ("y", "x"): ("p", "q"),
    }


def test_deferrable_belongs_to_the_last_key_that_was_made():
    table = table_of("a REFERENCES p NOT NULL DEFERRABLE INITIALLY DEFERRED, b REFERENCES p")

    assert {key.columns: key.deferred for key in table.foreign_keys} == {("a",): True, ("b",): False}


def test_of_temporary_and_attached_databases_nothing_is_read():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            """
            CREATE TABLE t (a);
            CREATE TEMP TABLE t (b); CREATE TEMP TABLE u (a); CREATE TEMP VIEW v AS SELECT 1;
            ATTACH ':memory:' AS other; CREATE TABLE other.o (a);
            """
        )

        schema = read_schema(connection)

        assert schema == schema_of("CREATE TABLE t (a)")
        assert create_statements(connection) == ["CREATE TABLE t (a)"]


def test_what_sqlite_makes_by_itself_is_left_out():
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE); CREATE INDEX i ON t (a); ANALYZE;"

    schema = schema_of(script)

    assert [table.name for table in schema.tables] == ["t"]
    assert [index.name for index in schema.indexes] == ["i"]


@needs_fts5
def test_a_virtual_table_comes_without_its_shadow_tables():
    script = """
        CREATE TABLE f_note (a); CREATE TABLE other_data (a);
        CREATE VIRTUAL TABLE f USING fts5(title, body, tokenize = 'porter ascii');
        INSERT INTO f VALUES ('a', 'b');
    """

    schema = schema_of(script)

    assert [table.name for table in schema.tables] == ["f", "f_note", "other_data"]
    assert schema.tables[0].definition == "USING fts5 (title, body, tokenize = 'porter ascii')"
    assert [column.name for column in schema.tables[0].columns] == ["title", "body", "f", "rank"]
    assert [column.hidden for column in schema.tables[0].columns] == [False, False, True, True]
    assert statements_of(script)[0] == "CREATE VIRTUAL TABLE f USING fts5(title, body, tokenize = 'porter ascii')"


@needs_fts5
def test_the_module_of_a_virtual_table_need_not_be_loaded():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE VIRTUAL TABLE f USING fts5(a)")
        expected = read_schema(connection)
        connection.executescript(
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'fts5', 'unheard_of');"
            "PRAGMA writable_schema = RESET"
        )

        schema = read_schema(connection)

        assert schema.table("f").columns == ()
        assert schema.table("f").module == "unheard_of"
        assert expected.table("f").module == "fts5"


def test_other_modules_hide_their_tables_too():
    try:
        schema = schema_of("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)")
    except sqlite3.OperationalError as error:
        pytest.skip(f"rtree is not compiled in: {error}")

    assert [table.name for table in schema.tables] == ["r"]


def test_a_statement_in_an_unknown_syntax_is_refused_and_named():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "CREATE TABLE t (a); PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = sql || ' FANCY'"
        )

        with pytest.raises(DatabaseRefused) as refused:
            read_schema(connection)

    assert refused.value.what == "the definition of table t cannot be read"
    assert refused.value.where == "CREATE TABLE t (a) FANCY"


def test_without_a_prefix_a_schema_has_lost_the_tables_and_what_belongs_to_them():
    own = (
        "CREATE TABLE Log_a (x); CREATE INDEX i ON log_A (x);"
        "CREATE TRIGGER g AFTER DELETE ON log_a BEGIN SELECT 1; END;"
    )
    rest = "CREATE TABLE a_log (x); CREATE INDEX log_i ON a_log (x); CREATE VIEW log_v AS SELECT 1;"

    assert schema_of(own + rest).without_prefix("log_") == schema_of(rest)


def test_statements_come_in_an_order_that_loads():
    script = """
        CREATE VIEW a AS SELECT * FROM b;
        CREATE TABLE d (x REFERENCES c);
        CREATE TABLE c (x PRIMARY KEY);
        CREATE VIEW b AS SELECT * FROM c;
        CREATE TRIGGER a_insert INSTEAD OF INSERT ON a BEGIN INSERT INTO c VALUES (new.x); SELECT 1; END;
        CREATE INDEX z ON c (x);
        CREATE INDEX y ON d (x) -- the only one
        ;
    """

    statements = statements_of(script)

    assert statements == [
        "CREATE TABLE c (x PRIMARY KEY)",
        "CREATE TABLE d (x REFERENCES c)",
        "CREATE INDEX y ON d (x)",
        "CREATE INDEX z ON c (x)",
        "CREATE VIEW a AS SELECT * FROM b",
        "CREATE VIEW b AS SELECT * FROM c",
        "CREATE TRIGGER a_insert INSTEAD OF INSERT ON a BEGIN INSERT INTO c VALUES (new.x); SELECT 1; END",
    ]
    assert schema_of(";\n".join(statements)) == schema_of(script)


@pytest.mark.parametrize("script", [pytest.param(after, id=name) for name, _, after in MUTATIONS + REWRITES])
def test_statements_make_the_same_schema_again(script):
    statements = statements_of(script)

    assert schema_of(";\n".join(statements)) == schema_of(script)
    assert statements_of(";\n".join(statements)) == statements


def test_a_thousand_tables_are_read_in_well_under_a_second():
    with closing(sqlite3.connect(":memory:")) as connection:
        for number in range(1000):
            connection.execute(
                f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE,"
                f" parent INTEGER REFERENCES t{number // 2} (id), a INTEGER CHECK (a > 0), b TEXT, UNIQUE (a, b))"
            )
            connection.execute(f"CREATE INDEX i{number} ON t{number} (name, b DESC) WHERE b IS NOT NULL")
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            schema = read_schema(connection)
            seconds.append(time.perf_counter() - begin)

    assert len(schema.tables) == len(schema.indexes) == 1000
    assert min(seconds) < 0.8


def test_the_history_of_nukeworks_is_read_in_a_moment(tmp_path):
    up(tmp_path / "first.sqlite", to=1)
    up(tmp_path / "head.sqlite")

    begin = time.perf_counter()
    first, head = (
        schema_in(tmp_path / name).without_prefix("schema_version") for name in ("first.sqlite", "head.sqlite")
    )
    seconds = time.perf_counter() - begin

    assert seconds < 1
    # What nukeworks/facts.json counts for the first migration, without schema_version and its four columns.
    assert len(first.tables) == 24 - 1
    assert sum(len(table.columns) for table in first.tables) == 249 - 4
    assert sum(len(table.foreign_keys) for table in first.tables) == 63
    assert len(first.indexes) == 82
    assert len(head.tables) > len(first.tables)
    assert {change.change for change in schema_changes(first, head)} >= {Change.ADDED, Change.REMOVED}


def schema_in(path):
    with closing(sqlite3.connect(path)) as connection:
        return read_schema(connection)
