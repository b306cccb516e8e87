"""Rows compared: exactly, by their key, and the same wherever the state before a step is kept."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukeworks_migrate.databases.base import Deadline
from nukeworks_migrate.databases.scratch import Looking
from nukeworks_migrate.databases.sqlite.scratch import scratch_copy
from nukeworks_migrate.model.rows import REDACTED, Difference, RowSample, TableRows

# Where the comparison finds the state before a step: in a reader of the same file, beside what is committed now;
# carried into the writer, whose transaction is open; in a file of its own, for a step without transaction.
WAYS = ["committed", "inside", "alone"]


def opened(path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def difference_of(source, change, *, way, looking, look=lambda writer: None) -> Difference:
    """Run the statements of `change` on a copy of `source`, and compare; `look` sees the writer meanwhile."""
    statements = [(part, ()) if isinstance(part, str) else part for part in change]
    with (
        scratch_copy(source, "app.sqlite", 0, Deadline(5), lambda done, total: None) as scratch,
        scratch.writer(lambda: False) as writer,
        scratch.before(writer, alone=way == "alone") as before,
    ):
        if way != "alone":
            writer.begin(Deadline(5))
        with writer.step(in_transaction=way != "alone", wait_s=1) as session, session.user_code():
            for sql, params in statements:
                session.execute(sql, params)
        if way == "committed":
            writer.commit(Deadline(5))
        try:
            look(writer)
            return before.difference(writer, session.touched, looking)
        finally:
            writer.rollback()


@pytest.fixture(params=WAYS)
def compare(request, tmp_path):
    """Make a database, run statements on a copy of it, and say what is different there."""

    def call(setup, *change, samples=3, redact=(), leave_out=()) -> Difference:
        with closing(opened(tmp_path / "app.sqlite")) as source:
            source.executescript(setup)
            return difference_of(source, change, way=request.param, looking=Looking(samples, redact, leave_out))

    return call


def counts(difference) -> dict[str, tuple[int, int, int, int, int]]:
    """By table: rows before and after; added, changed, deleted."""
    return {r.table: (r.before, r.after, r.added, r.changed, r.deleted) for r in difference.rows}


def samples(difference) -> list[RowSample]:
    (rows,) = difference.rows
    return list(rows.samples)


def exact(value: Any) -> tuple[str, Any]:
    """A value that is equal to another only if SQLite stores the two alike: 1 and 1.0 are not."""
    return type(value).__name__, value


# Values


VALUES = [None, 0, 1, 1.0, 1.5, 10**15, 1e15, "1", "1.0", "a", "A", "a ", "ä", "", b"1", b"a", b"", "a\0b", "a\0c"]
TYPES = [
    "",
    "BLOB",
    "TEXT",
    "VARCHAR(5)",
    "CLOB",
    "INTEGER",
    "BIGINT",
    "REAL",
    "DOUBLE PRECISION",
    "FLOAT",
    "NUMERIC",
    "DECIMAL(5,2)",
    "BOOLEAN",
    "DATETIME",
    "STRING",
    "ANY",
    "CHARINT",
    "FLOATING POINT",  # has INT in it
    "TEXT COLLATE NOCASE",
    "TEXT COLLATE RTRIM",
    "BLOB COLLATE NOCASE",
    "FLOATBLOB",  # BLOB comes before FLOA in SQLite's rules: no affinity
    "DOUBLE BLOB",
]


def stored(source, sql) -> dict[int, tuple[str, Any]]:
    return {key: exact(value) for key, value in source.execute(sql)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_pair_of_values_is_told_apart_as_it_is_stored(tmp_path, kind, way):
    pairs = [(old, new) for old in VALUES for new in VALUES]
    with closing(opened(tmp_path / "app.sqlite")) as source:
        source.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {kind})")
        source.execute("CREATE TABLE wanted (id INTEGER PRIMARY KEY, v)")
        source.executemany("INSERT INTO t VALUES (?, ?)", [(n, old) for n, (old, _) in enumerate(pairs, 1)])
        source.executemany("INSERT INTO wanted VALUES (?, ?)", [(n, new) for n, (_, new) in enumerate(pairs, 1)])
        was = stored(source, "SELECT id, v FROM t")
        now: dict[int, tuple[str, Any]] = {}

        found = difference_of(
            source,
            ["UPDATE t SET v = (SELECT w.v FROM wanted AS w WHERE w.id = t.id)"],
            way=way,
            looking=Looking(samples=1000),
            look=lambda writer: now.update(stored(writer.raw, "SELECT id, v FROM t")),
        )

    differing = {key for key in was if was[key] != now[key]}
    count = len(pairs)
    assert counts(found) == {"t": (count, count, 0, len(differing), 0)}
    assert {sample.key[0] for sample in samples(found)} == differing
    assert all(exact(s.before["v"]) == was[s.key[0]] for s in samples(found))
    assert all(exact(s.after["v"]) == now[s.key[0]] for s in samples(found))


def test_a_column_of_any_kind_in_a_strict_table_tells_1_from_1_0(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY) STRICT; INSERT INTO t VALUES (1, 1), (2, '1'), (3, 2)",
        "UPDATE t SET v = 1.0 WHERE id < 3",
    )

    assert counts(found) == {"t": (3, 3, 0, 2, 0)}


def test_the_lowest_integer_is_not_the_real_of_the_same_size(compare):
    # The one pair of numbers that a column of INTEGER can hold as either.
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, -9223372036854775808)",
        "UPDATE t SET v = -9223372036854775808.0",
    )

    assert counts(found) == {"t": (1, 1, 0, 1, 0)}


def test_values_that_became_reals_with_their_column_are_changed(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 1), (2, NULL)",
        "CREATE TABLE new_t (id INTEGER PRIMARY KEY, v REAL)",
        "INSERT INTO new_t SELECT * FROM t",
        "DROP TABLE t",
        "ALTER TABLE new_t RENAME TO t",
    )

    assert counts(found) == {"t": (2, 2, 0, 1, 0)}


def test_values_that_became_text_with_their_column_are_changed(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 1), (2, NULL)",
        "CREATE TABLE new_t (id INTEGER PRIMARY KEY, v TEXT)",
        "INSERT INTO new_t SELECT * FROM t",
        "DROP TABLE t",
        "ALTER TABLE new_t RENAME TO t",
    )

    assert counts(found) == {"t": (2, 2, 0, 1, 0)}
    assert samples(found) == [RowSample((1,), before={"v": 1}, after={"v": "1"})]


def test_text_that_is_no_utf_8_is_compared_and_shown(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
        " INSERT INTO t VALUES (1, CAST(x'ff' AS TEXT)), (2, CAST(x'fe' AS TEXT))",
        "UPDATE t SET v = CAST(x'fd' AS TEXT) WHERE id = 1",
    )

    assert counts(found) == {"t": (2, 2, 0, 1, 0)}
    assert [sample.key for sample in samples(found)] == [(1,)]


def test_text_that_is_no_utf_8_in_rows_that_came_and_went(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, CAST(x'ff' AS TEXT))",
        "DELETE FROM t",
        "INSERT INTO t VALUES (2, CAST(x'fe' AS TEXT))",
    )

    assert counts(found) == {"t": (1, 1, 1, 0, 1)}


def test_a_database_in_utf_16_is_compared_as_any_other(compare):
    found = compare(
        "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT);"
        " INSERT INTO t VALUES ('ä', 'ä'), ('b', 'x'), ('c', 'y')",
        "UPDATE t SET v = 'Ä' WHERE k = 'ä'",
        "UPDATE t SET k = 'B' WHERE k = 'b'",
    )

    assert counts(found) == {"t": (3, 3, 0, 2, 0)}


# Keys, shapes and names: statements before, statements of the step, and what is found by table


REBUILD = ("INSERT INTO new_t SELECT * FROM t", "DROP TABLE t", "ALTER TABLE new_t RENAME TO t")
BIG = "x'" + "00ff" * 5000 + "'"
CASES = {
    "nothing is touched": ("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)", (), {}),
    "touched and the same": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2)",
        ("UPDATE t SET v = v", "DELETE FROM t WHERE id = 3", "INSERT INTO t SELECT 9, 9 WHERE 0"),
        {},
    ),
    "changed and changed back": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2)",
        ("UPDATE t SET v = v + 1", "UPDATE t SET v = v - 1", "DELETE FROM t", "INSERT INTO t VALUES (2, 2), (1, 1)"),
        {},
    ),
    "added, changed, deleted": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
        ("INSERT INTO t VALUES (5, 5)", "UPDATE t SET v = 0 WHERE id IN (1, 2)", "DELETE FROM t WHERE id = 4"),
        {"t": (4, 4, 1, 2, 1)},
    ),
    "several tables": (
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)",
        ("DELETE FROM a", "INSERT INTO b VALUES (1), (2)"),
        {"a": (1, 0, 0, 0, 1), "b": (0, 2, 2, 0, 0)},
    ),
    "emptied": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        ("DELETE FROM t",),
        {"t": (2, 0, 0, 0, 2)},
    ),
    "empty before and after": ("CREATE TABLE t (id INTEGER PRIMARY KEY)", ("DELETE FROM t",), {}),
    "a new table with rows": (
        "CREATE TABLE other (id)",
        ("CREATE TABLE t (id)", "INSERT INTO t VALUES (1), (1)"),
        {"t": (0, 2, 2, 0, 0)},
    ),
    "a new table without rows": ("CREATE TABLE other (id)", ("CREATE TABLE t (id)",), {}),
    "a dropped table": (
        "CREATE TABLE t (id); INSERT INTO t VALUES (1), (NULL)",
        ("DROP TABLE t",),
        {"t": (2, 0, 0, 0, 2)},
    ),
    "a renamed table": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)",
        ("ALTER TABLE t RENAME TO u",),
        {"t": (1, 0, 0, 0, 1), "u": (0, 1, 1, 0, 0)},
    ),
    "two tables that change their names": (
        "CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE b (id INTEGER PRIMARY KEY, v);"
        " INSERT INTO a VALUES (1, 'a'); INSERT INTO b VALUES (1, 'b'), (2, 'b')",
        ("ALTER TABLE a RENAME TO c", "ALTER TABLE b RENAME TO a", "ALTER TABLE c RENAME TO b"),
        {"a": (1, 2, 1, 1, 0), "b": (2, 1, 0, 1, 1)},
    ),
    "a table whose name changes its case only": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)",
        ("ALTER TABLE t RENAME TO other", "ALTER TABLE other RENAME TO T", "UPDATE T SET v = 2"),
        {"T": (1, 1, 0, 1, 0)},
    ),
    "a text key": (
        "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3)",
        ("UPDATE t SET v = 9 WHERE k = 'A'", "UPDATE t SET k = 'B' WHERE k = 'b'"),
        {"t": (3, 3, 1, 1, 1)},
    ),
    "a text key, NOCASE": (
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
        ("UPDATE t SET k = 'A' WHERE k = 'a'", "UPDATE t SET v = 9 WHERE k = 'B'"),
        {"t": (3, 3, 0, 2, 0)},
    ),
    "a text key, RTRIM": (
        "CREATE TABLE t (k TEXT COLLATE RTRIM PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('b', 2)",
        ("UPDATE t SET k = 'a ' WHERE k = 'a'",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a text key, NOCASE, WITHOUT ROWID": (
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1), ('b', 2)",
        ("UPDATE t SET k = 'A' WHERE k = 'a'", "DELETE FROM t WHERE k = 'B'"),
        {"t": (2, 1, 0, 1, 1)},
    ),
    "a key whose own collation is wider than its column's": (
        "CREATE TABLE t (k TEXT, v, PRIMARY KEY (k COLLATE NOCASE)); INSERT INTO t VALUES ('a', 1), ('b', 2)",
        ("UPDATE t SET v = 9 WHERE k = 'b'",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a key whose own collation is narrower than its column's": (
        "CREATE TABLE t (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY));"
        " INSERT INTO t VALUES ('a', 1), ('A', 2)",
        ("UPDATE t SET v = 9 WHERE v = 2",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a composite key": (
        "CREATE TABLE t (a INTEGER, b TEXT, v, PRIMARY KEY (b, a));"
        " INSERT INTO t VALUES (1, 'x', 1), (1, 'y', 1), (2, 'x', 1)",
        ("UPDATE t SET v = 2 WHERE a = 1 AND b = 'y'", "UPDATE t SET b = 'z' WHERE a = 2"),
        {"t": (3, 3, 1, 1, 1)},
    ),
    "a composite key, WITHOUT ROWID": (
        "CREATE TABLE t (v, a INTEGER, b TEXT COLLATE NOCASE, PRIMARY KEY (a, b)) WITHOUT ROWID;"
        " INSERT INTO t VALUES (1, 1, 'x'), (1, 1, 'y'), (1, 2, 'x')",
        ("UPDATE t SET v = 2, b = 'Y' WHERE b = 'y'", "DELETE FROM t WHERE a = 2", "INSERT INTO t VALUES (0, 0, '')"),
        {"t": (3, 3, 1, 1, 1)},
    ),
    "a key of mixed types": (
        "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 0), ('1', 0), (x'31', 0), ('x', 0)",
        ("UPDATE t SET v = 1 WHERE typeof(k) = 'text' AND k = '1'", "UPDATE t SET k = 1.0 WHERE k = 1"),
        {"t": (4, 4, 0, 2, 0)},
    ),
    "a descending INTEGER key, which is no rowid": (
        "CREATE TABLE t (k INTEGER PRIMARY KEY DESC, v); INSERT INTO t VALUES (NULL, 1), (NULL, 1), (1, 2)",
        ("UPDATE t SET v = 3 WHERE k = 1",),
        {"t": (3, 3, 1, 0, 1)},
    ),
    "NULL twice in a text key": (
        "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 1), ('a', 1), ('b', 1)",
        ("UPDATE t SET v = 2 WHERE rowid = 2", "DELETE FROM t WHERE k = 'b'"),
        {"t": (4, 3, 1, 0, 2)},
    ),
    "NULL in a key before, none after": (
        "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), ('a', 1)",
        ("UPDATE t SET k = 'n' WHERE k IS NULL",),
        {"t": (2, 2, 1, 0, 1)},
    ),
    "NULL in half of a key": (
        "CREATE TABLE t (a, b, v, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, NULL, 1), (1, NULL, 1), (1, 1, 1)",
        ("UPDATE t SET v = 2 WHERE rowid = 1",),
        {"t": (3, 3, 1, 0, 1)},
    ),
    "no key, by rowid": (
        "CREATE TABLE t (v); INSERT INTO t VALUES ('a'), ('a'), ('b'), ('c')",
        ("UPDATE t SET v = 'z' WHERE rowid = 2", "DELETE FROM t WHERE rowid = 3", "INSERT INTO t VALUES ('d')"),
        {"t": (4, 4, 1, 1, 1)},
    ),
    "no key, and a column named rowid": (
        "CREATE TABLE t (rowid, v); INSERT INTO t VALUES (7, 'a'), (7, 'b')",
        ("UPDATE t SET rowid = 8 WHERE v = 'a'",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "no key, and every name of the rowid taken": (
        "CREATE TABLE t (rowid, OID, _Rowid_); INSERT INTO t VALUES (1, 1, 1), (1, 1, 1), (2, 2, 2)",
        ("UPDATE t SET oid = 3 WHERE oid = 2",),
        {"t": (3, 3, 1, 0, 1)},
    ),
    "no key, and a column named rowid comes": (
        "CREATE TABLE t (v); INSERT INTO t VALUES ('a'), ('b')",
        ("ALTER TABLE t ADD COLUMN rowid", "UPDATE t SET rowid = 5 WHERE v = 'b'"),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "no key, rebuilt: a bag of rows": (
        "CREATE TABLE t (v, w); INSERT INTO t VALUES (1, 'a'), (1, 'a'), (1, 'a'), (2, 'b'), (1.0, 'a')",
        (
            "CREATE TABLE new_t (v, w)",
            "INSERT INTO new_t SELECT * FROM t ORDER BY w DESC",
            "DROP TABLE t",
            "ALTER TABLE new_t RENAME TO t",
        ),
        {},
    ),
    "no key, rebuilt: duplicates lost": (
        "CREATE TABLE t (v); INSERT INTO t VALUES (1), (1), (1), (2), (NULL), (NULL)",
        (
            "CREATE TABLE new_t (v)",
            "INSERT INTO new_t SELECT DISTINCT v FROM t",
            "DROP TABLE t",
            "ALTER TABLE new_t RENAME TO t",
            "INSERT INTO t VALUES (2), ('A')",
        ),
        {"t": (6, 5, 2, 0, 3)},
    ),
    "no key, rebuilt: case, type and blanks": (
        "CREATE TABLE t (v COLLATE NOCASE, w); INSERT INTO t VALUES ('a', 1), ('b', 1.0), ('c', '1'), ('d', x'31')",
        (
            "CREATE TABLE new_t (v COLLATE NOCASE, w)",
            "INSERT INTO new_t VALUES ('A', 1), ('b', 1), ('c', 1), ('d', x'31')",
            "DROP TABLE t",
            "ALTER TABLE new_t RENAME TO t",
        ),
        {"t": (4, 4, 3, 0, 3)},
    ),
    "a key, rebuilt": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2)",
        ("CREATE TABLE new_t (id INTEGER PRIMARY KEY, v)", *REBUILD, "UPDATE t SET v = 3 WHERE id = 2"),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a table that gets a key": (
        "CREATE TABLE t (id INTEGER, v); INSERT INTO t VALUES (1, 1), (2, 2)",
        ("CREATE TABLE new_t (id INTEGER PRIMARY KEY, v)", *REBUILD, "UPDATE t SET v = 3 WHERE id = 2"),
        {"t": (2, 2, 1, 0, 1)},
    ),
    "another key": (
        "CREATE TABLE t (a PRIMARY KEY, b); INSERT INTO t VALUES (1, 10), (2, 20)",
        ("CREATE TABLE new_t (a, b PRIMARY KEY)", *REBUILD, "UPDATE t SET a = 3 WHERE b = 20"),
        {"t": (2, 2, 1, 0, 1)},
    ),
    "a key that loses its case": (
        "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3)",
        (
            "CREATE TABLE new_t (k TEXT COLLATE NOCASE PRIMARY KEY, v)",
            "INSERT OR IGNORE INTO new_t SELECT * FROM t",
            *REBUILD[1:],
        ),
        {"t": (3, 2, 0, 0, 1)},
    ),
    "a key that becomes text": (
        "CREATE TABLE t (k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)",
        (
            "CREATE TABLE new_t (k TEXT PRIMARY KEY, v)",
            "INSERT INTO new_t VALUES ('1', 1), ('01', 2)",
            *REBUILD[1:],
        ),
        {"t": (1, 2, 2, 0, 1)},
    ),
    "a table WITHOUT ROWID that gets one": (
        "CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1), ('b', 2)",
        ("CREATE TABLE new_t (k TEXT PRIMARY KEY, v)", *REBUILD, "INSERT INTO t VALUES ('c', 3)"),
        {"t": (2, 3, 1, 0, 0)},
    ),
    "a column that comes": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        ("ALTER TABLE t ADD COLUMN v TEXT",),
        {},
    ),
    "a column that comes and is filled": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        ("ALTER TABLE t ADD COLUMN v TEXT", "UPDATE t SET v = 'x' WHERE id = 2"),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a column that comes with a default, and one row gets another": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)",
        ("ALTER TABLE t ADD COLUMN v INTEGER NOT NULL DEFAULT 7", "UPDATE t SET v = 8 WHERE id = 2"),
        {"t": (3, 3, 0, 1, 0)},
    ),
    "a column that comes with a default, and a row gets NULL": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        ("ALTER TABLE t ADD COLUMN v DEFAULT 'x'", "UPDATE t SET v = NULL WHERE id = 2"),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a column with an expression for a default": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        (
            "CREATE TABLE new_t (id INTEGER PRIMARY KEY, v INTEGER DEFAULT (abs(-5)))",
            "INSERT INTO new_t (id) SELECT id FROM t",
            *REBUILD[1:],
        ),
        {"t": (2, 2, 0, 2, 0)},
    ),
    "a column with the time for a default": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
        (
            "CREATE TABLE new_t (id INTEGER PRIMARY KEY, v TEXT DEFAULT CURRENT_TIMESTAMP)",
            "INSERT INTO new_t (id) SELECT id FROM t",
            *REBUILD[1:],
        ),
        {"t": (2, 2, 0, 2, 0)},
    ),
    "a column that goes": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, NULL), (2, 2)",
        ("ALTER TABLE t DROP COLUMN v",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a renamed column": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, NULL), (2, 2)",
        ("ALTER TABLE t RENAME COLUMN v TO w",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a column whose name changes its case only": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2)",
        ("ALTER TABLE t RENAME COLUMN v TO V", "UPDATE t SET v = 3 WHERE id = 2"),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "columns in another order": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 1, 2), (2, 2, 2)",
        ("CREATE TABLE new_t (b, a, id INTEGER PRIMARY KEY)", "INSERT INTO new_t SELECT b, a, id FROM t", *REBUILD[1:]),
        {},
    ),
    "a renamed key": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)",
        ("ALTER TABLE t RENAME COLUMN id TO key",),
        {"t": (1, 1, 1, 0, 1)},
    ),
    "generated columns follow": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v, twice AS (v * 2), thrice INTEGER AS (v * 3) STORED);"
        " INSERT INTO t VALUES (1, 1), (2, 2)",
        ("UPDATE t SET v = 5 WHERE id = 2",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a generated column that comes": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)",
        ("ALTER TABLE t ADD COLUMN twice AS (v * 2)",),
        {},
    ),
    "generated columns, no key": (
        "CREATE TABLE t (v, twice AS (v * 2)); INSERT INTO t VALUES (1), (1), (2)",
        ("UPDATE t SET v = 5 WHERE v = 2",),
        {"t": (3, 3, 0, 1, 0)},
    ),
    "quoted names": (
        'CREATE TABLE "a ""b"".c; --" (id INTEGER PRIMARY KEY, "select" TEXT, "x""y" TEXT, "n", "[z]");'
        """ INSERT INTO "a ""b"".c; --" VALUES (1, 'a', 'b', 'c', 'd')""",
        ('UPDATE "a ""b"".c; --" SET "x""y" = "select"',),
        {'a "b".c; --': (1, 1, 0, 1, 0)},
    ),
    "quoted names, no key, rebuilt": (
        'CREATE TABLE "a b" ("order by", "c0", "t0", n); INSERT INTO "a b" VALUES (1, 2, 3, 4)',
        (
            'CREATE TABLE "new a" ("order by", "c0", "t0", n)',
            'INSERT INTO "new a" VALUES (1, 2, 3, 5)',
            'DROP TABLE "a b"',
            'ALTER TABLE "new a" RENAME TO "a b"',
        ),
        {"a b": (1, 1, 1, 0, 1)},
    ),
    "tables named as the comparison's own": (
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b); CREATE TABLE b (a, b); CREATE TABLE t0 (id INTEGER PRIMARY KEY);"
        " INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)",
        ("UPDATE a SET b = 2", "UPDATE b SET a = 2", "INSERT INTO t0 VALUES (1)"),
        {"a": (1, 1, 0, 1, 0), "b": (1, 1, 0, 1, 0), "t0": (0, 1, 1, 0, 0)},
    ),
    "names that are not ASCII, in lower case": (
        'CREATE TABLE "straße" (id INTEGER PRIMARY KEY, "größe" TEXT); INSERT INTO "straße" VALUES (1, \'ä\')',
        ('UPDATE "straße" SET "größe" = \'Ä\'',),
        {"straße": (1, 1, 0, 1, 0)},
    ),
    "names that are not ASCII, in upper case": (
        'CREATE TABLE "Äpfel" (id INTEGER PRIMARY KEY, "Größe" TEXT); INSERT INTO "Äpfel" VALUES (1, \'ä\')',
        ('UPDATE "Äpfel" SET "Größe" = \'Ä\'',),
        {"Äpfel": (1, 1, 0, 1, 0)},
    ),
    "names that are not ASCII, not touched": (
        'CREATE TABLE "Äpfel" (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY)',
        ("INSERT INTO t VALUES (1)",),
        {"t": (0, 1, 1, 0, 0)},
    ),
    "names that only case beyond ASCII tells apart": (
        'CREATE TABLE "ä" (id INTEGER PRIMARY KEY, "ö", "Ö"); CREATE TABLE "Ä" (id INTEGER PRIMARY KEY);'
        ' INSERT INTO "ä" VALUES (1, 1, 1)',
        ('UPDATE "ä" SET "Ö" = 2', 'INSERT INTO "Ä" VALUES (1), (2)'),
        {"ä": (1, 1, 0, 1, 0), "Ä": (0, 2, 2, 0, 0)},
    ),
    "large blobs": (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB); INSERT INTO t VALUES (1, {BIG}), (2, {BIG})",
        (f"UPDATE t SET v = {BIG[:-3]}fe' WHERE id = 2",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a row replaced": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1)",
        ("REPLACE INTO t VALUES (2, 'a', 2)",),
        {"t": (2, 1, 0, 1, 1)},
    ),
    "rows that a trigger writes": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (what); INSERT INTO t VALUES (1, 1), (2, 2);"
        " CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.v); END",
        ("UPDATE t SET v = 9 WHERE id = 1",),
        {"log": (0, 1, 1, 0, 0), "t": (2, 2, 0, 1, 0)},
    ),
    "rows written through a view": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE VIEW seen AS SELECT v FROM t;"
        " CREATE TRIGGER through INSTEAD OF INSERT ON seen BEGIN INSERT INTO t (v) VALUES (new.v); END",
        ("INSERT INTO seen VALUES (5)",),
        {"t": (0, 1, 1, 0, 0)},
    ),
    "a temporary table of the same name": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)",
        (
            "UPDATE t SET v = 2",
            "CREATE TEMP TABLE t (id INTEGER PRIMARY KEY, v)",
            "INSERT INTO temp.t VALUES (5, 5)",
            "DROP TABLE temp.t",
        ),
        {"t": (1, 1, 0, 1, 0)},
    ),
    "the framework's tables": (
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY)",
        ("INSERT INTO t VALUES (1)",),
        {"t": (0, 1, 1, 0, 0)},
    ),
    "a column in a table of many": (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'c{n}' for n in range(600))});"
        " INSERT INTO t (id) VALUES (1), (2)",
        ("UPDATE t SET c599 = 1 WHERE id = 2",),
        {"t": (2, 2, 0, 1, 0)},
    ),
    "a column in a table of very many": (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'c{n}' for n in range(1500))});"
        " INSERT INTO t (id) VALUES (1), (2)",
        ("UPDATE t SET c1499 = 1 WHERE id = 2",),
        {"t": (2, 2, 0, 1, 0)},
    ),
}


@pytest.mark.parametrize(
    ("setup", "change", "expected"), [pytest.param(*case, id=name) for name, case in CASES.items()]
)
def test_rows_are_counted(compare, setup, change, expected):
    assert counts(compare(setup, *change)) == expected


# What ALTER TABLE puts into the rows that are there is the default as the column stores it.
DEFAULTS = [
    "INTEGER DEFAULT 0",
    "INTEGER DEFAULT -1",
    "INTEGER DEFAULT (7)",
    "INTEGER DEFAULT TRUE",
    "INTEGER DEFAULT '0'",
    "BOOLEAN DEFAULT FALSE",
    "DATETIME DEFAULT '0'",
    "NUMERIC DEFAULT '1.0'",
    "REAL DEFAULT 0",
    "REAL DEFAULT 1.5e3",
    "REAL DEFAULT .5",
    "REAL DEFAULT +.5",
    "INTEGER DEFAULT 0x10",
    "TEXT DEFAULT ''",
    "TEXT DEFAULT 'it''s (1)'",
    'TEXT DEFAULT "new"',
    "TEXT DEFAULT new",
    "TEXT DEFAULT 0",
    "TEXT DEFAULT 1.50",
    "VARCHAR(10) DEFAULT 5",
    "TEXT COLLATE NOCASE DEFAULT 'A'",
    "BLOB DEFAULT x'00ff'",
    "BLOB DEFAULT X'00FF'",
    "DEFAULT 'x'",
    "DEFAULT 1.5",
    "DEFAULT NULL",
    "TEXT DEFAULT (NULL)",
]


@pytest.mark.parametrize("key", ["id TEXT PRIMARY KEY", "id INTEGER"])
@pytest.mark.parametrize("column", DEFAULTS)
def test_a_column_that_comes_with_its_default_changes_no_row(compare, column, key):
    found = compare(f"CREATE TABLE t ({key}); INSERT INTO t VALUES (1), (2)", f"ALTER TABLE t ADD COLUMN v {column}")

    assert counts(found) == {}


@pytest.mark.parametrize("column", DEFAULTS)
def test_a_column_that_comes_with_its_default_changes_no_row_of_a_bag(compare, column):
    found = compare(
        "CREATE TABLE t (id TEXT PRIMARY KEY); INSERT INTO t VALUES (NULL), (NULL), ('a')",
        f"ALTER TABLE t ADD COLUMN v {column}",
    )

    assert counts(found) == {}


# Virtual tables


def needs_module(name, definition):
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"CREATE VIRTUAL TABLE probe USING {definition}")
        except sqlite3.OperationalError as error:
            pytest.skip(f"this SQLite has no {name}: {error}")


@pytest.mark.parametrize(
    ("name", "columns"), [("fts5", "a, b"), ("fts4", "a, b"), ("fts5", "a, b, tokenize = 'porter'"), ("fts3", "a, b")]
)
def test_a_virtual_table_is_a_bag_of_rows(compare, name, columns):
    needs_module(name, f"{name}({columns})")

    found = compare(
        f"CREATE VIRTUAL TABLE f USING {name}({columns});"
        " INSERT INTO f (a, b) VALUES ('one', 'x'), ('two', 'y'), ('two', 'y')",
        "DELETE FROM f WHERE rowid = 3",
        "UPDATE f SET b = 'z' WHERE a = 'one'",
    )

    assert counts(found) == {"f": (3, 2, 1, 0, 2)}
    assert RowSample((), after={"a": "one", "b": "z"}) in samples(found)
    assert found.schema == ()


def test_a_virtual_table_that_comes(compare):
    needs_module("fts5", "fts5(a)")

    found = compare(
        "CREATE TABLE t (id)",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "INSERT INTO f VALUES ('one')",
    )

    assert counts(found) == {"f": (0, 1, 1, 0, 0)}
    assert [(change.kind, change.name) for change in found.schema] == [("table", "f")]


def test_an_rtree_is_compared(compare):
    needs_module("rtree", "rtree(id, low, high)")

    found = compare(
        "CREATE VIRTUAL TABLE r USING rtree(id, low, high); INSERT INTO r VALUES (1, 2, 3), (2, 3, 4)",
        "UPDATE r SET high = 9 WHERE id = 1",
    )

    assert counts(found) == {"r": (2, 2, 1, 0, 1)}


# Samples


THREE_KINDS = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w);"
    " INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5), (6, 'f', 6)",
    "UPDATE t SET v = upper(v) WHERE id < 4",
    "DELETE FROM t WHERE id > 4",
    "INSERT INTO t VALUES (7, 'g', NULL), (8, 'h', x'00')",
)


def test_samples_show_what_differs(compare):
    found = compare(*THREE_KINDS)

    assert samples(found) == [
        RowSample((1,), before={"v": "a"}, after={"v": "A"}),
        RowSample((2,), before={"v": "b"}, after={"v": "B"}),
        RowSample((3,), before={"v": "c"}, after={"v": "C"}),
        RowSample((7,), after={"id": 7, "v": "g", "w": None}),
        RowSample((8,), after={"id": 8, "v": "h", "w": b"\0"}),
        RowSample((5,), before={"id": 5, "v": "e", "w": 5}),
        RowSample((6,), before={"id": 6, "v": "f", "w": 6}),
    ]


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 3), (2, 6), (3, 7), (1000, 7)])
def test_samples_are_limited_for_each_kind(compare, limit, expected):
    found = compare(*THREE_KINDS, samples=limit)

    assert len(samples(found)) == expected
    assert counts(found) == {"t": (6, 6, 2, 3, 2)}


def test_samples_of_a_bag_are_limited_for_each_kind(compare):
    rows = ", ".join(f"({n}), ({n})" for n in range(5))

    found = compare(
        f"CREATE TABLE t (v); INSERT INTO t VALUES {rows}",
        "CREATE TABLE new_t (v)",
        "INSERT INTO new_t SELECT v + 100 FROM t",
        *REBUILD[1:],
        samples=2,
    )

    assert counts(found) == {"t": (10, 10, 10, 0, 10)}
    assert [sample.before is None for sample in samples(found)] == [True, True, False, False]


def test_samples_of_tables_that_came_and_went_have_their_keys(compare):
    found = compare(
        "CREATE TABLE old (a TEXT, b INTEGER, v, PRIMARY KEY (b, a)); INSERT INTO old VALUES ('x', 1, 'v')",
        "DROP TABLE old",
        "CREATE TABLE young (v)",
        "INSERT INTO young VALUES (1), (2)",
        samples=1,
    )

    assert [rows.samples for rows in found.rows] == [
        (RowSample((1, "x"), before={"a": "x", "b": 1, "v": "v"}),),
        (RowSample((), after={"v": 1}),),
    ]


def test_a_sample_shows_a_column_only_on_the_side_that_has_it(compare):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, old); INSERT INTO t VALUES (1, 'x')",
        "ALTER TABLE t RENAME COLUMN old TO new",
    )

    assert samples(found) == [RowSample((1,), before={"old": "x"}, after={"new": "x"})]


@pytest.mark.parametrize(
    ("redact", "hidden"),
    [
        pytest.param((), set(), id="nothing"),
        pytest.param(("secret",), {"Secret"}, id="a column of every table"),
        pytest.param(("t.secret",), {"Secret"}, id="a column of this table"),
        pytest.param(("T.SECRET", "V"), {"Secret", "v"}, id="in any case"),
        pytest.param(("u.secret", "t.other"), set(), id="a column of another table"),
        pytest.param(("id",), {"id"}, id="the key"),
    ],
)
def test_redacted_columns_are_not_shown(compare, redact, hidden):
    found = compare(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, Secret, v); INSERT INTO t VALUES (1, 's1', 'v1'), (2, 's2', 'v2')",
        "UPDATE t SET secret = 's9', v = 'v9' WHERE id = 1",
        "DELETE FROM t WHERE id = 2",
        "INSERT INTO t VALUES (3, 's3', 'v3')",
        redact=redact,
    )

    def shown(**values):
        return {name: REDACTED if name in hidden else value for name, value in values.items()}

    def key(value):
        return (REDACTED if "id" in hidden else value,)

    assert counts(found) == {"t": (2, 2, 1, 1, 1)}
    assert samples(found) == [
        RowSample(key(1), before=shown(Secret="s1", v="v1"), after=shown(Secret="s9", v="v9")),
        RowSample(key(3), after=shown(id=3, Secret="s3", v="v3")),
        RowSample(key(2), before=shown(id=2, Secret="s2", v="v2")),
    ]


def test_redacted_columns_are_not_shown_of_tables_that_come_go_or_have_no_key(compare):
    found = compare(
        "CREATE TABLE gone (k TEXT PRIMARY KEY, w); CREATE TABLE bag (k); INSERT INTO gone VALUES ('secret', 1);"
        " INSERT INTO bag VALUES ('secret')",
        "DROP TABLE gone",
        "CREATE TABLE new_bag (k)",
        "INSERT INTO new_bag VALUES ('hidden')",
        "DROP TABLE bag",
        "ALTER TABLE new_bag RENAME TO bag",
        "CREATE TABLE young (k INTEGER PRIMARY KEY)",
        "INSERT INTO young VALUES (4711)",
        redact=("k",),
    )

    assert "secret" not in repr(found.rows)
    assert "hidden" not in repr(found.rows)
    assert "4711" not in repr(found.rows)
    assert counts(found) == {"bag": (1, 1, 1, 0, 1), "gone": (1, 0, 0, 0, 1), "young": (0, 1, 1, 0, 0)}


# Rows that are left out


NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT, v); INSERT INTO notes VALUES"


def test_rows_are_left_out_by_a_condition(compare):
    found = compare(
        f"{NOTES} (1, 'own', 1), (2, 'theirs', 1), (3, NULL, 1), (4, 'own', 1)",
        "UPDATE notes SET v = 2",
        "DELETE FROM notes WHERE id = 4",
        "INSERT INTO notes VALUES (5, 'own', 1)",
        leave_out=(("Notes", "kind = 'own'"),),
    )

    assert counts(found) == {"notes": (2, 2, 0, 2, 0)}
    assert [sample.key for sample in samples(found)] == [(2,), (3,)]


def test_a_row_that_comes_to_be_left_out_is_deleted(compare):
    found = compare(
        f"{NOTES} (1, 'theirs', 1), (2, 'own', 1)",
        "UPDATE notes SET kind = CASE kind WHEN 'own' THEN 'theirs' ELSE 'own' END",
        leave_out=(("notes", "kind = 'own'"),),
    )

    assert counts(found) == {"notes": (1, 1, 1, 0, 1)}


def test_rows_are_left_out_of_tables_that_came_or_went_or_have_no_key(compare):
    found = compare(
        "CREATE TABLE bag (kind); CREATE TABLE gone (kind); INSERT INTO bag VALUES ('own'), ('a');"
        " INSERT INTO gone VALUES ('own'), ('a'), ('a')",
        "UPDATE bag SET kind = 'b' WHERE kind = 'a'",
        "DELETE FROM bag WHERE kind = 'own'",
        "DROP TABLE gone",
        "CREATE TABLE young (kind)",
        "INSERT INTO young VALUES ('own'), ('a')",
        leave_out=tuple((table, "kind = 'own'") for table in ("bag", "gone", "young")),
    )

    assert counts(found) == {"bag": (1, 1, 0, 1, 0), "gone": (2, 0, 0, 0, 2), "young": (0, 1, 1, 0, 0)}


def test_only_rows_that_are_left_out_differ(compare):
    found = compare(
        f"{NOTES} (1, 'own', 1), (2, 'theirs', 1)",
        "DELETE FROM notes WHERE kind = 'own'",
        leave_out=(("notes", "kind = 'own'"),),
    )

    assert found.rows == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("ALTER TABLE notes RENAME COLUMN kind TO sort", id="renamed"),
        pytest.param("ALTER TABLE notes DROP COLUMN kind", id="dropped"),
    ],
)
def test_the_column_that_rows_are_left_out_by_may_go(compare, change):
    found = compare(f"{NOTES} (1, 'own', 1), (2, 'x', 1)", change, leave_out=(("notes", "kind = 'own'"),))

    (rows,) = found.rows
    assert (rows.table, rows.added, rows.deleted) == ("notes", 0, 0)


# Steps without transaction may give rows another rowid


def test_rows_without_a_key_stay_the_same_when_a_vacuum_numbers_them_anew(tmp_path):
    with closing(opened(tmp_path / "app.sqlite")) as source:
        source.executescript("CREATE TABLE t (v); INSERT INTO t VALUES ('a'), ('b'), ('c')")

        found = difference_of(source, ["DELETE FROM t WHERE v = 'a'", "VACUUM"], way="alone", looking=Looking())

    assert counts(found) == {"t": (3, 2, 0, 0, 1)}


# Every table, brute force: what SQLite finds is what Python finds


CELLS = [None, 0, 1, 1.0, 2.5, "", "1", "1.0", "a", "A", "a ", "ä", b"", b"1", b"a"]
CELL_TYPES = ["", "BLOB", "TEXT", "INTEGER", "REAL", "NUMERIC", "VARCHAR(10) COLLATE NOCASE", "TEXT COLLATE RTRIM"]
EXTRA = {"extra TEXT DEFAULT 'a'": "a", "extra INTEGER DEFAULT 1": 1, "extra DEFAULT 2.5": 2.5, "extra": None}


@dataclass(frozen=True)
class Shape:
    """A table: columns c0, c1, … with these types, and a key of so many of the first of them."""

    types: tuple[str, ...]
    key: int = 0
    options: str = ""

    @property
    def names(self) -> list[str]:
        return [f"c{place}" for place in range(len(self.types))]

    @property
    def by_rowid(self) -> bool:
        return not self.key

    @property
    def is_rowid(self) -> bool:
        return self.key == 1 and self.types[0] == "INTEGER" and not self.options

    def takes(self, row: tuple[Any, ...]) -> bool:
        """Whether SQLite takes such a row: another name of the rowid is an integer."""
        return not self.is_rowid or row[0] in (None, 0, 1, "1", "1.0")

    def create(self, table: str, *, without: str = "", extra: str = "") -> str:
        parts = [f"{n} {t}" for n, t in zip(self.names, self.types, strict=True) if n != without]
        parts += [extra] if extra else []
        parts += [f"PRIMARY KEY ({', '.join(self.names[: self.key])})"] if self.key else []
        return f"CREATE TABLE {table} ({', '.join(parts)}){self.options}"

    def folded(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """A key as its collation sees it; 1 and 1.0 are one key, as they are for SQLite."""
        return tuple(
            _folded(row[name], kind) for name, kind in list(zip(self.names, self.types, strict=True))[: self.key]
        )


def _folded(value: Any, kind: str) -> Any:
    if isinstance(value, str) and "NOCASE" in kind:
        return "".join(c.lower() if c.isascii() else c for c in value)
    return value.rstrip(" ") if isinstance(value, str) and "RTRIM" in kind else value


@st.composite
def shapes(draw):
    types = draw(st.lists(st.sampled_from(CELL_TYPES), min_size=1, max_size=3))
    if draw(st.booleans()):
        types[0] = "INTEGER"
    key = draw(st.integers(0, min(2, len(types))))
    return Shape(tuple(types), key, draw(st.sampled_from(["", " WITHOUT ROWID"])) if key else "")


@st.composite
def changes(draw):
    """A shape, rows before and after; whether the table is made anew, and then without a column or with another."""
    shape = draw(shapes())
    row = st.tuples(*(st.sampled_from(CELLS) for _ in shape.types))
    rows = st.lists(row.filter(shape.takes), max_size=6)
    was, now = draw(rows), draw(rows)
    kept = draw(st.lists(st.sampled_from(was), max_size=6)) if was else []
    rebuilt = draw(st.booleans())
    can_go = ["", *shape.names[shape.key :]] if len(shape.types) > 1 else [""]
    without = draw(st.sampled_from(can_go)) if rebuilt else ""
    extra = draw(st.sampled_from(["", *EXTRA])) if rebuilt else ""
    return shape, was, [*kept, *now], rebuilt, without, extra


def statements_of(shape, rows, *, rebuilt, without, extra):
    """Make the table hold `rows`, in place with rowids from 1 on, or made anew."""
    names = [name for name in shape.names if name != without]
    places = [shape.names.index(name) for name in names]
    if not rebuilt:
        yield "DELETE FROM t"
        numbered = "rowid, " if shape.by_rowid else ""
        marks = ", ".join("?" * (len(names) + bool(numbered)))
        for number, row in enumerate(rows, 1):
            values = (number, *row) if numbered else row
            yield f"INSERT OR IGNORE INTO t ({numbered}{', '.join(names)}) VALUES ({marks})", values
        return
    yield shape.create("new_t", without=without, extra=extra)
    for number, row in enumerate(rows):
        values = [row[place] for place in places]
        columns = list(names)
        if extra and number % 2:
            columns.append("extra")
            values.append(row[0])
        marks = ", ".join("?" * len(columns))
        yield f"INSERT OR IGNORE INTO new_t ({', '.join(columns)}) VALUES ({marks})", tuple(values)
    yield "DROP TABLE t"
    yield "ALTER TABLE new_t RENAME TO t"


def read_rows(connection, *, with_rowid):
    cursor = connection.execute(f"SELECT {'rowid AS number, ' if with_rowid else ''}* FROM t")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Expected:
    """What a comparison has to find, and the rows among which its samples have to be."""

    changed: dict[Any, tuple[dict[str, Any], dict[str, Any]]]
    added: list[dict[str, Any]]
    deleted: list[dict[str, Any]]
    added_count: int
    deleted_count: int


def brute_force(shape, was, now, *, rebuilt, without, extra) -> Expected:
    columns = [*shape.names, *(["extra"] if extra else [])]

    def whole(row):
        default = EXTRA[extra] if extra else None
        return {name: row.get(name, default if name == "extra" else None) for name in columns}

    never_null = shape.options or shape.is_rowid
    nulls = any(row[name] is None for row in (*was, *now) for name in shape.names[: shape.key]) and not never_null
    if (shape.by_rowid and rebuilt) or nulls:
        bags = [Counter(tuple(exact(v) for v in whole(row).values()) for row in rows) for rows in (was, now)]
        came, went = bags[1] - bags[0], bags[0] - bags[1]
        as_rows = [
            [{n: v[1] for n, v in zip(columns, row, strict=True) if n != absent} for row in bag]
            for bag, absent in ((came, without), (went, "extra"))
        ]
        return Expected({}, as_rows[0], as_rows[1], came.total(), went.total())

    def key(row):
        return row["number"] if shape.by_rowid else shape.folded(row)

    before, after = {key(row): row for row in was}, {key(row): row for row in now}
    changed = {}
    for found in before.keys() & after.keys():
        sides = whole(before[found]), whole(after[found])
        differing = [name for name in columns if exact(sides[0][name]) != exact(sides[1][name])]
        if differing:
            changed[found] = (
                {name: sides[0][name] for name in differing if name != "extra"},
                {name: sides[1][name] for name in differing if name != without},
            )
    own = [[_own(rows[k]) for k in rows.keys() - others.keys()] for rows, others in ((after, before), (before, after))]
    return Expected(changed, own[0], own[1], len(own[0]), len(own[1]))


def _own(row):
    return {name: value for name, value in row.items() if name != "number"}


def told(row):
    return {name: exact(value) for name, value in row.items()}


def check_samples(shape, rows: TableRows, expected: Expected, limit: int) -> None:
    kinds: dict[str, list[RowSample]] = {"changed": [], "added": [], "deleted": []}
    for sample in rows.samples:
        kinds["added" if sample.before is None else "deleted" if sample.after is None else "changed"].append(sample)
    assert len(kinds["changed"]) == min(limit, len(expected.changed))
    assert len(kinds["added"]) == min(limit, len(expected.added))
    assert len(kinds["deleted"]) == min(limit, len(expected.deleted))
    for sample in kinds["changed"]:
        if shape.by_rowid:
            found = sample.key[0]
        else:
            found = shape.folded(dict(zip(shape.names, sample.key, strict=False)))
        before, after = expected.changed[found]
        assert told(sample.before) == told(before)
        assert told(sample.after) == told(after)
    for kind, there in (("added", expected.added), ("deleted", expected.deleted)):
        left = [told(row) for row in there]
        for sample in kinds[kind]:
            left.remove(told(sample.after if kind == "added" else sample.before))


@pytest.mark.parametrize("way", WAYS)
@given(case=changes(), limit=st.sampled_from([0, 1, 3, 100]))
@settings(max_examples=150, deadline=None)
def test_a_comparison_finds_what_brute_force_finds(way, case, limit):
    shape, first, second, rebuilt, without, extra = case
    by_rowid = shape.by_rowid and not rebuilt
    now: list[dict[str, Any]] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as source:
        source.execute(shape.create("t"))
        for statement in statements_of(shape, first, rebuilt=False, without="", extra=""):
            source.execute(*([statement] if isinstance(statement, str) else statement))
        was = read_rows(source, with_rowid=by_rowid)

        found = difference_of(
            source,
            statements_of(shape, second, rebuilt=rebuilt, without=without, extra=extra),
            way=way,
            looking=Looking(limit),
            look=lambda writer: now.extend(read_rows(writer.raw, with_rowid=by_rowid)),
        )

    expected = brute_force(shape, was, now, rebuilt=rebuilt, without=without, extra=extra)
    changed, added, deleted = len(expected.changed), expected.added_count, expected.deleted_count
    wanted = {"t": (len(was), len(now), added, changed, deleted)} if added or changed or deleted else {}
    assert counts(found) == wanted
    if found.rows:
        check_samples(shape, found.rows[0], expected, limit)
