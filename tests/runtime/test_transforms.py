"""db.transform: every shape of table, every kind of function and value, in place and row by row, gives the same."""

import functools
import operator
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from databases.table_shapes import SHAPES
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.data_steps import ROW_BY_ROW, THREE, Work
from support import Folder

from nukeworks_migrate import SKIP
from nukeworks_migrate.errors import Interrupted, StatementRefused, StepFailed

BATCHES = [1, 2, 7, 10_000]
MANY = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size);" + "".join(
    f"INSERT INTO t VALUES ({n * 3}, 'n{n}', {n});" for n in range(1, 24)
)


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def in_key_order(folder, table, key):
    """The rows as mappings, by a SELECT of the test's own; and the key that it is to be walked by."""
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.row_factory = sqlite3.Row
        info = connection.execute(f"PRAGMA table_info({quote(table)})").fetchall()
        primary = [row["name"] for row in sorted(info, key=lambda row: row["pk"]) if row["pk"]]
        key = key or primary
        nulls = " OR ".join(f"{quote(name)} IS NULL" for name in key) or "0"
        if not key or connection.execute(f"SELECT 1 FROM {quote(table)} WHERE {nulls}").fetchall():
            key = ["oid" if any(row["name"] == "rowid" for row in info) else "rowid"]
        order = ", ".join(map(quote, key))
        return [dict(row) for row in connection.execute(f"SELECT * FROM {quote(table)} ORDER BY {order}")]


@pytest.mark.parametrize(
    ("shape", "transaction"),
    [
        pytest.param(shape, transaction, id=f"{shape.id}, {transaction}")
        for number, shape in enumerate(SHAPES)
        for transaction in (["single", "none"] if number % 6 == 0 else ["single"])
    ],
)
def test_each_row_of_any_table_is_visited_once_in_the_order_of_its_key(work, shape, transaction):
    work.folder.sql(shape.script)
    key = ["id"] if shape.id == "columns of all names of the rowid" else None
    before = in_key_order(work.folder, shape.table, key)
    visits = []

    def visit(db):
        for batch in BATCHES:
            calls = []

            def numbered(id, name, size, calls=calls, batch=batch):
                calls.append((id, name, size))
                return f"{batch}/{len(calls)} of {id}"

            written = db.transform(
                shape.table, numbered, reads=["id", "name", "size"], writes="size", key=key, batch=batch
            )
            visits.append((written, calls))

    work.run(visit, transaction=transaction)

    rows = before
    for batch, (written, calls) in zip(BATCHES, visits, strict=True):
        assert calls == [(row["id"], row["name"], row["size"]) for row in rows]
        assert written == len(rows)
        rows = [{**row, "size": f"{batch}/{number} of {row['id']}"} for number, row in enumerate(rows, 1)]
    assert in_key_order(work.folder, shape.table, key) == rows


def test_a_table_whose_columns_hide_the_rowid_needs_a_key(work):
    work.folder.sql("CREATE TABLE t (id INTEGER, rowid, oid, _rowid_)")

    failure = work.fails(lambda db: db.transform("t", lambda id: id, reads="id", writes="id"))

    assert "its columns hide the rowid: name a key" in failure.cause


class Keys:
    """A table `t` with a column `v` to be written, its rows, and how it is walked."""

    def __init__(self, columns, rows, key=None, order=None, more="", place=None, end=""):
        self.script = f"CREATE TABLE t ({columns}){end}; {more};"
        self.names = [part.split()[0] for part in order.split(",")] if order else None
        self.rows, self.key, self.order, self.place = rows, key, order, place


EDGES = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**62, 2**63 - 2, 2**63 - 1]
KEYS = {
    "no key at all": Keys("v", [(None,)] * 9, order="rowid", place=True),
    "extreme ids": Keys("id INTEGER PRIMARY KEY, v", [(n, 0) for n in EDGES], order="id", place=True),
    "huge gaps, and all rows at one end": Keys(
        "id INTEGER PRIMARY KEY, v", [(n, 0) for n in [*range(20), 10**18]], order="id", place=True
    ),
    "negative ids": Keys("id INTEGER PRIMARY KEY, v", [(n, 0) for n in range(-9, 0)], order="id", place=True),
    "a text key": Keys(
        "k TEXT PRIMARY KEY, v",
        [(k, 0) for k in ["", "a", "B", "é", "z\0y", "z", "😀", "10", "9"]],
        order="k",
        place=True,
    ),
    "a blob key": Keys(
        "k BLOB PRIMARY KEY, v", [(k, 0) for k in [b"", b"\0", b"\xff", b"a", b"ab"]], order="k", place=True
    ),
    "a real key": Keys(
        "k REAL PRIMARY KEY, v",
        [(k, 0) for k in [-1e999, -1.5, 0.0, 5e-324, 0.1, 0.30000000000000004, 1e308, 1e999]],
        order="k",
        place=True,
    ),
    "a key of every type": Keys(
        "k PRIMARY KEY, v",
        [(k, 0) for k in [1, 1.5, "1", b"1", "", b"", -3, 1e300, 2**63 - 1, 1e999]],
        order="k",
        place=True,
    ),
    "a numeric key that holds texts": Keys(
        "k NUMERIC PRIMARY KEY, v", [(k, 0) for k in ["x", "1x", 2, "10", 1.5, b"1"]], order="k", place=True
    ),
    "a NOCASE key": Keys(
        "k TEXT PRIMARY KEY COLLATE NOCASE, v", [(k, 0) for k in ["b", "A", "c", "D", "_"]], order="k", place=True
    ),
    "an RTRIM key": Keys(
        "k TEXT PRIMARY KEY COLLATE RTRIM, v", [(k, 0) for k in ["b  ", "a ", "c"]], order="k", place=True
    ),
    "a DESC key": Keys("k INTEGER PRIMARY KEY DESC, v", [(k, 0) for k in [3, 1, 2, 7, 5]], order="k", place=False),
    "two columns": Keys(
        "a INT, b TEXT, v, PRIMARY KEY (b, a)",
        [(a, b, 0) for a in range(4) for b in "xyz"],
        order="b, a",
        place=True,
    ),
    "two columns, one DESC": Keys(
        "a INT, b TEXT, v, PRIMARY KEY (b, a DESC)",
        [(a, b, 0) for a in range(4) for b in "xyz"],
        order="b, a",
        place=False,
    ),
    "two columns in two collations": Keys(
        "a TEXT COLLATE NOCASE, b TEXT, v, PRIMARY KEY (a, b)",
        [(a, b, 0) for a in "aBc" for b in "Xyz"],
        order="a, b",
        place=True,
    ),
    "WITHOUT ROWID": Keys(
        "k TEXT PRIMARY KEY, v", [(k, 0) for k in "dbeca"], order="k", place=True, end=" WITHOUT ROWID"
    ),
    "WITHOUT ROWID, two columns": Keys(
        "a INT, b INT, v, PRIMARY KEY (b, a)",
        [(a, b, 0) for a in range(4) for b in range(3)],
        order="b, a",
        place=True,
        end=" WITHOUT ROWID",
    ),
    "WITHOUT ROWID, by another key": Keys(
        "k TEXT PRIMARY KEY, n INT NOT NULL UNIQUE, v",
        [(k, -n, 0) for n, k in enumerate("abcdefghij")],
        key="n",
        order="n",
        more="CREATE INDEX i ON t (v)",
        end=" WITHOUT ROWID",
    ),
    "a column called rowid": Keys(
        "rowid TEXT UNIQUE, v", [(k, 0) for k in ["b", "a", "d", "c"]], key="rowid", order="rowid", place=True
    ),
    "by the rowid, asked for": Keys("n, v", [(n, 0) for n in "cab"], key="rowid", order="rowid", place=True),
    "by unique columns": Keys(
        "id INTEGER PRIMARY KEY, n TEXT UNIQUE, v",
        [(i, f"{9 - i}", 0) for i in range(8)],
        key=["n"],
        order="n",
        place=True,
    ),
    "by columns that are unique by chance": Keys(
        "id INTEGER PRIMARY KEY, n, v", [(i, 9 - i, 0) for i in range(8)], key="n", order="n", place=False
    ),
    "by columns with a partial unique index": Keys(
        "id INTEGER PRIMARY KEY, n INT, v",
        [(i, 9 - i, 0) for i in range(8)],
        key="n",
        order="n",
        more="CREATE UNIQUE INDEX i ON t (n) WHERE n > 0",
        place=False,
    ),
    "by columns with an index on an expression": Keys(
        "id INTEGER PRIMARY KEY, n INT, v",
        [(i, 9 - i, 0) for i in range(8)],
        key="n",
        order="n",
        more="CREATE UNIQUE INDEX i ON t (n + 0)",
        place=False,
    ),
    "by columns with an index in another collation": Keys(
        "id INTEGER PRIMARY KEY, n TEXT, v",
        [(i, n, 0) for i, n in enumerate("aBcDe")],
        key="n",
        order="n",
        more="CREATE UNIQUE INDEX i ON t (n COLLATE NOCASE)",
        place=False,
    ),
    "by a generated column": Keys(
        "id INTEGER PRIMARY KEY, n AS (-id) STORED UNIQUE, v",
        [(i, 0) for i in range(8)],
        key="n",
        order="n",
        place=True,
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_rows_come_in_the_order_of_any_key(work, answers, case):
    keys = KEYS[case]
    work.folder.sql(keys.script)
    names = [name for (_, name, *_) in work.rows("PRAGMA table_info(t)")]  # generated columns are not in it
    work.execute(f"INSERT INTO t ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", keys.rows)
    expected = work.rows(f"SELECT {keys.order} FROM t ORDER BY {keys.order}")
    calls = []

    def numbered(**read):
        calls.append(tuple(read.values()))
        return len(calls)

    def run(db):
        for batch in BATCHES:
            calls.clear()
            db.transform("t", numbered, reads=keys.names, writes="v", key=keys.key, batch=batch)
            assert calls == expected
            numbers = [v for (v,) in db.query(f"SELECT v FROM t ORDER BY {keys.order}")]
            assert numbers == list(range(1, len(calls) + 1))

    work.run(run)

    if keys.place is not None:
        assert answers == [keys.place] * len(BATCHES)


@pytest.mark.parametrize(
    ("script", "key", "cause"),
    [
        ("CREATE TABLE t (n, v); INSERT INTO t VALUES (NULL, 0), (1, 0)", "n", "it holds NULL or duplicates"),
        ("CREATE TABLE t (n, v); INSERT INTO t VALUES (1, 0), (1, 0)", "n", "it holds NULL or duplicates"),
        ("CREATE TABLE t (rowid, v); INSERT INTO t VALUES (1, 0), (1, 0)", "rowid", "it holds NULL or duplicates"),
        ("CREATE TABLE t (n, v); INSERT INTO t VALUES (1, 0)", "nosuch", "no such column: t.nosuch"),
        ("CREATE TABLE t (n, v)", "nosuch", "no such column: t.nosuch"),
        ("CREATE TABLE t (n, v)", [], "key=[] names no column"),
        ("CREATE TABLE s (n, v)", None, "there is no table 't'"),
        ("CREATE VIEW t AS SELECT 1 AS v", None, "t is a view, which has no key"),
    ],
)
def test_what_is_no_key_is_refused(work, script, key, cause):
    work.folder.sql(script)

    failure = work.fails(lambda db: db.transform("t", lambda v: 1, reads="v", writes="v", key=key))

    assert cause in failure.cause


@pytest.mark.parametrize("rows", ["", "INSERT INTO t VALUES (1, 'x', 0);"])
def test_a_column_that_is_not_there_is_no_text(work, path, rows):
    """SQLite takes a name in double quotes that is no column's for a string."""
    work.folder.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size); {rows}{path}")

    failure = work.fails(lambda db: db.transform("t", lambda nmae: nmae, reads="nmae", writes="size"))

    assert "no such column: t.nmae" in failure.cause


@pytest.mark.parametrize("writes", ["ID", "rowid", "_ROWID_", ["size", "Id"]])
@pytest.mark.parametrize("batch", [1, 10])
def test_what_the_rows_are_walked_by_is_not_written(work, writes, batch):
    work.folder.sql(THREE)

    failure = work.fails(lambda db: db.transform("t", lambda id: id + 10, reads="id", writes=writes, batch=batch))

    assert "the rows are walked by it" in failure.cause


def test_a_column_that_has_a_name_of_the_rowid_is_written(work, path):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, oid TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');{path}"
    )

    work.run(lambda db: db.transform("t", lambda oid: oid * 2, reads="oid", writes="oid"))

    assert work.rows() == [(1, "aa"), (2, "bb")]


def test_the_primary_key_can_be_written_when_rows_are_walked_by_another(work, path):
    work.folder.sql(
        "CREATE TABLE t (a TEXT, name TEXT UNIQUE, id INTEGER PRIMARY KEY);"
        f"INSERT INTO t VALUES ('x', 'n1', 1), ('y', 'n2', 2), ('z', 'n3', 3);{path}"
    )

    work.run(
        lambda db: db.transform("t", lambda id: {"a": id, "id": id + 10}, reads="id", writes=["a", "id"], key="name")
    )

    assert work.rows() == [("1", "n1", 11), ("2", "n2", 12), ("3", "n3", 13)]


# Names


@pytest.mark.parametrize(
    "name", ["class", "a b", 'the "x"', "größe", "1", "SELECT", "self", "fn", "values", "skip", "?", ":a"]
)
def test_any_name_of_a_column_is_read_and_written(work, path, name):
    work.folder.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {quote(name)} TEXT, w);")
    work.folder.sql(f"INSERT INTO t VALUES (1, 'a', 0), (2, 'b', 0), (3, 'c', 0);{path}")

    def run(db):
        assert db.transform("t", lambda **read: read[name] + "!", reads=[name], writes="w") == 3
        assert db.transform("t", lambda **read: {name: read[name] * 2}, reads=[name], writes=[name]) == 3

    work.run(run)

    assert work.rows() == [(1, "aa", "a!"), (2, "bb", "b!"), (3, "cc", "c!")]


def test_150_columns_are_read_and_written(work, answers):
    names = [f"c{n}" for n in range(150)]
    work.folder.sql(f"CREATE TABLE t ({', '.join(names)});")
    work.execute(f"INSERT INTO t VALUES ({', '.join('?' * 150)})", [[row * n for n in range(150)] for row in range(5)])

    work.run(
        lambda db: db.transform(
            "t", lambda **read: {name: value + 1 for name, value in read.items()}, reads=names, writes=names
        )
    )

    assert work.rows() == [tuple(row * n + 1 for n in range(150)) for row in range(5)]
    assert answers == [False]


# Which way


@pytest.mark.parametrize(
    ("more", "words", "place"),
    [
        ("", {}, True),
        ("", {"where": "id > 0"}, True),
        ("CREATE INDEX i ON t (size)", {}, True),
        ("CREATE INDEX i ON t (size)", {"where": "size = 10 OR size = 20"}, True),
        ("CREATE TABLE o (x); CREATE TRIGGER g AFTER INSERT ON o BEGIN SELECT 1; END", {}, True),
        ("CREATE TRIGGER g AFTER UPDATE OF name ON t BEGIN SELECT 1; END", {}, False),
        ("CREATE TRIGGER g BEFORE INSERT ON T BEGIN SELECT 1; END", {}, False),
    ],
)
def test_rows_are_computed_in_place_where_nothing_could_tell(work, answers, more, words, place):
    work.folder.sql(f"{THREE}{more}")

    work.run(lambda db: db.transform("t", lambda id: id, reads="id", writes="size", batch=1, **words))

    assert answers == [place]
    assert work.rows("SELECT id FROM t WHERE size = id") == ([(1,), (4,)] if "OR" in str(words) else [(1,), (4,), (9,)])


def test_a_temporary_trigger_is_one_too(work, answers):
    work.folder.sql(THREE)

    def run(db):
        db.execute("CREATE TEMP TABLE seen (id)")
        db.execute("CREATE TEMP TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO seen VALUES (NEW.id); END")
        db.transform("t", lambda id: id if id == 4 else SKIP, reads="id", writes="size")
        assert db.query("SELECT * FROM seen") == [(4,)]
        db.execute("DROP TRIGGER g")
        db.execute("DROP TABLE seen")

    work.run(run)

    assert answers == [False]


# Where


WHERES = {
    "by place": ("size > ? AND name <> ?", (5, "n7")),
    "by name": ("size > :low AND name <> :not", {"low": 5, "not": "n7"}),
    "names the written column": ("size % 2 = 0", None),
    "OR": ("id < 10 OR size > 20", None),
    "an index": ("name IN ('n3', 'n1', 'n20', 'n7')", None),
    "a subquery of another table": ("size IN (SELECT n FROM few)", None),
    "one row": ("id = 9", None),
    "no row": ("0", None),
    "a comment at its end": ("size > 20 -- the last few", None),
    "a parameter with the prefix of our own": ("size > :nm_after", {"nm_after": 5}),
    "an id in a list": ("id IN (30, 3, 9)", None),
}


@pytest.mark.parametrize("case", WHERES)
def test_where_chooses_rows(work, path, case):
    where, params = WHERES[case]
    work.folder.sql(
        f"{MANY}CREATE INDEX i ON t (name); CREATE TABLE few (n); INSERT INTO few VALUES (3), (8), (9);{path}"
    )

    def run(db):
        for batch in BATCHES:
            db.execute("UPDATE t SET size = id / 3")
            chosen = [n for (n,) in db.query(f"SELECT id FROM t WHERE {where}\n ORDER BY id", params or ())]
            calls = []
            count = db.transform(
                "t",
                lambda id, calls=calls: calls.append(id) or -id,
                reads="id",
                writes="size",
                where=where,
                params=params,
                batch=batch,
            )
            assert count == len(chosen)
            assert calls == chosen
            assert [n for (n,) in db.query("SELECT id FROM t WHERE size < 0 ORDER BY id")] == chosen

    work.run(run)


@pytest.mark.parametrize("transaction", ["single", "none"])
@pytest.mark.parametrize("batch", [1, 7])
def test_what_is_written_moves_no_row_into_or_out_of_the_chosen(work, path, batch, transaction):
    work.folder.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, status TEXT); CREATE INDEX i ON t (status);"
        + "".join(f"INSERT INTO t VALUES ({n}, '{'new' if n % 3 else 'old'}');" for n in range(30))
        + path
    )
    flip = {"new": "done", "old": "new"}.get
    calls = []

    def run(db):
        db.transform(
            "t",
            lambda id, status: calls.append(id) or flip(status),
            reads=["id", "status"],
            writes="status",
            where="status = ? OR status = ?",
            params=["new", "none"],
            batch=batch,
        )

    work.run(run, transaction=transaction)

    assert calls == [n for n in range(30) if n % 3]
    assert work.rows("SELECT status, count(*) FROM t GROUP BY 1") == [("done", 20), ("old", 10)]


@pytest.mark.xfail(strict=True, reason="where is asked again for each batch, after what the one before has written")
def test_where_is_about_the_table_as_it_was(work):
    work.folder.sql(THREE)

    work.run(
        lambda db: db.transform(
            "t", lambda id: 99, reads="id", writes="size", where="size = (SELECT min(size) FROM t)", batch=1
        )
    )

    assert work.rows("SELECT size FROM t") == [(99,), (20,), (30,)]


# Several columns, SKIP


@pytest.mark.parametrize("batch", BATCHES)
def test_several_columns_in_another_order_than_the_tables(work, path, answers, batch):
    work.folder.sql(
        "CREATE TABLE t (c TEXT, id INTEGER PRIMARY KEY, a TEXT, g AS (a || c), b TEXT);"
        f"INSERT INTO t (id, a, b, c) VALUES (1, 'a', 'b', 'c'), (2, 'd', 'e', 'f'), (5, 'g', 'h', 'i');{path}"
    )

    def run(db):
        count = db.transform(
            "t",
            lambda g, b, a, id: {"a": g, "c": b + a, "b": id} if id != 2 else SKIP,
            reads=["a", "b", "id", "g"],
            writes=["b", "a", "c"],
            batch=batch,
        )
        assert count == 2

    work.run(run)

    assert work.rows("SELECT id, a, b, c FROM t") == [(1, "ac", "1", "ba"), (2, "d", "e", "f"), (5, "gi", "5", "hg")]
    assert answers == [not path]


@pytest.mark.parametrize("skipped", [(), (1,), (9,), (1, 4), (1, 4, 9)], ids=str)
@pytest.mark.parametrize(
    ("writes", "as_mapping"),
    [("size", False), (["size"], True), (["size", "name"], True)],
    ids=["value", "mapping", "two"],
)
def test_rows_that_are_skipped_stay(work, path, skipped, writes, as_mapping):
    work.folder.sql(f"{THREE}{path}")
    new = {"size": -1, "name": "new"} if len(writes) == 2 else {"size": -1} if as_mapping else -1
    counts = []

    work.run(
        lambda db: counts.append(
            db.transform("t", lambda id: SKIP if id in skipped else new, reads="id", writes=writes)
        )
    )

    assert counts == [3 - len(skipped)]
    assert work.rows("SELECT id FROM t WHERE size <> -1") == [(n,) for n in skipped]


class Odd:
    skip = SKIP

    def __radd__(self, other):
        return SKIP

    def __getitem__(self, key):
        return SKIP


ALIAS, HELD, ODD = SKIP, {"k": [SKIP]}, Odd()


def helper(id):
    return ALIAS


def imports(id):
    from nukeworks_migrate import SKIP as other

    return other if id == 4 else 0


@pytest.mark.parametrize(
    "fn",
    [
        pytest.param(lambda id: ALIAS if id == 4 else 0, id="another name"),
        pytest.param((lambda s: lambda id: s if id == 4 else 0)(SKIP), id="closure"),
        pytest.param(lambda id, s=SKIP: s if id == 4 else 0, id="default"),
        pytest.param(lambda id, *, s=SKIP: s if id == 4 else 0, id="keyword default"),
        pytest.param(lambda id: HELD["k"][0] if id == 4 else 0, id="container"),
        pytest.param(lambda id: ODD.skip if id == 4 else 0, id="attribute"),
        pytest.param(lambda id: id + ODD if id == 4 else 0, id="operator"),
        pytest.param(lambda id: ODD[id] if id == 4 else 0, id="item"),
        pytest.param(lambda id: helper(id) if id == 4 else 0, id="helper"),
        pytest.param(lambda id: (lambda: ALIAS)() if id == 4 else 0, id="inner function"),
        pytest.param(lambda id: globals()["SKIP"] if id == 4 else 0, id="globals"),
        pytest.param(lambda id: eval("SKIP") if id == 4 else 0, id="eval"),
        pytest.param(functools.partial(lambda s, id: s if id == 4 else 0, SKIP), id="partial"),
        pytest.param(imports, id="import"),
    ],
)
def test_a_function_may_come_by_skip_in_any_way(work, path, fn):
    work.folder.sql(f"{THREE}{path}")

    work.run(lambda db: db.transform("t", fn, reads="id", writes="size"))

    assert work.rows("SELECT size FROM t") == [(0,), (20,), (0,)]


def test_a_trigger_does_not_fire_for_rows_that_are_skipped(work):
    work.folder.sql(
        f"{THREE}CREATE TABLE log (id);CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (NEW.id); END;"
    )

    work.run(lambda db: db.transform("t", lambda id: SKIP if id == 4 else 0, reads="id", writes="size"))

    assert work.rows("SELECT * FROM log") == [(1,), (9,)]


@pytest.mark.parametrize("first", ["mapping", "value"])
def test_a_mapping_for_one_row_and_a_value_for_another_is_refused(work, path, first):
    work.folder.sql(f"{THREE}{path}")

    def mixed(id):
        return {"size": id} if (id == 1) == (first == "mapping") else id

    failure = work.fails(lambda db: db.transform("t", mixed, reads="id", writes="size"))

    assert "mixed() returned a mapping for one row and a value for another" in failure.cause
    assert "at id = 4" in failure.cause


@pytest.mark.parametrize(
    ("writes", "result", "cause"),
    [
        (["size", "name"], {"size": 1}, "returned size, and writes= says size, name"),
        (["size", "name"], {"size": 1, "name": 2, "x": 3}, "returned size, name, x, and writes= says"),
        (["size", "name"], {}, "returned an empty mapping"),
        (["size", "name"], (1, 2), "returned a tuple: for size, name it has to return a mapping"),
        (["size", "name"], None, "returned a NoneType"),
        (["size"], {"Size": 1}, "returned Size, and writes= says size"),
        (["size"], [1], "returned a list, which no column holds"),
        (["size", "Size"], {"size": 1, "Size": 2}, "transform() writes a column twice: size, Size"),
        ([], None, "transform() writes no column"),
        (["g"], 1, 'cannot UPDATE generated column "g"'),
        (["nosuch"], 1, "no such column: nosuch"),
    ],
)
def test_what_does_not_fit_writes_is_refused(work, path, writes, result, cause):
    work.folder.sql(f"{THREE}ALTER TABLE t ADD COLUMN g AS (id);{path}")

    failure = work.fails(lambda db: db.transform("t", lambda id: result, reads="id", writes=writes))

    assert cause in failure.cause


# Functions


def plain(name):
    return name.upper()


def with_defaults(name, more="!", *, last=""):
    return name.upper() + more[:0] + last


def decorated(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        return fn(*args, **kwargs)

    return inner


class Callable:
    def __call__(self, name):
        return name.upper()

    def method(self, name):
        return name.upper()

    @staticmethod
    def static(name):
        return name.upper()


@pytest.mark.parametrize(
    "fn",
    [
        pytest.param(plain, id="function"),
        pytest.param(lambda name: name.upper(), id="lambda"),
        pytest.param(with_defaults, id="defaults"),
        pytest.param(lambda **read: read["name"].upper(), id="kwargs"),
        pytest.param(lambda name, **more: name.upper(), id="a name and kwargs"),
        pytest.param(lambda *, name: name.upper(), id="keyword only"),
        pytest.param(lambda name, /: name.upper(), id="by place only"),
        pytest.param(functools.partial(lambda suffix, name: name.upper() + suffix, ""), id="partial"),
        pytest.param(functools.partial(with_defaults, more="?"), id="partial by name"),
        pytest.param(decorated(plain), id="decorated"),
        pytest.param(functools.lru_cache(plain), id="cached"),
        pytest.param(Callable(), id="callable object"),
        pytest.param(Callable().method, id="bound method"),
        pytest.param(Callable.static, id="static method"),
    ],
)
def test_any_callable_computes(work, path, fn):
    work.folder.sql(f"{THREE}{path}")

    work.run(lambda db: db.transform("t", fn, reads="name", writes="size"))

    assert work.rows("SELECT size FROM t") == [("ANN",), ("BOB",), ("CY",)]


def test_a_builtin_and_a_class_take_the_columns_by_name(work, path):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, year, month, day, d);INSERT INTO t VALUES (1, 2026, 3, 1, 0);{path}"
    )

    class Shown(str):
        def __new__(cls, year, month, day):
            return super().__new__(cls, date(year, month, day).isoformat())

    work.run(
        lambda db: (
            db.transform("t", Shown, reads=["day", "month", "year"], writes="d"),
            db.transform("t", dict, reads=["year", "month"], writes=["month", "year"]),
        )
    )

    assert work.rows() == [(1, 2026, 3, 1, "2026-03-01")]


def test_a_builtin_that_takes_no_names_says_which_row(work):
    work.folder.sql(THREE)

    failure = work.fails(lambda db: db.transform("t", operator.neg, reads="size", writes="size"))

    assert "takes no keyword arguments" in failure.cause
    assert "at id = 1" in failure.cause


async def coroutine(id):
    return id


def generator(id):
    yield id


async def async_generator(id):
    yield id


@pytest.mark.parametrize(
    "fn",
    [coroutine, generator, async_generator, functools.partial(coroutine)],
    ids=["coroutine", "generator", "async generator", "partial"],
)
def test_a_function_that_runs_nothing_when_it_is_called_is_refused(work, path, fn):
    work.folder.sql(f"{THREE}{path}")

    failure = work.fails(lambda db: db.transform("t", fn, reads="id", writes="size"))

    assert ": give a plain function, which returns what is to be written" in failure.cause


@pytest.mark.parametrize("batch", [2, 10_000])
@pytest.mark.parametrize("transaction", ["single", "none"])
def test_a_function_may_keep_a_state(work, path, batch, transaction):
    work.folder.sql(f"{MANY}UPDATE t SET name = 'n' || (size % 5);{path}")
    seen = set()

    def once(name):
        return SKIP if name in seen else seen.add(name) or "first"

    numbers = iter(range(100))

    def run(db):
        db.transform("t", lambda: next(numbers), reads=[], writes="size", batch=batch)
        db.transform("t", once, reads="name", writes="name", batch=batch)

    work.run(run, transaction=transaction)

    assert [size for (size,) in work.rows("SELECT size FROM t ORDER BY id")] == list(range(23))
    assert work.rows("SELECT id FROM t WHERE name = 'first'") == [(3 * n,) for n in range(1, 6)]


# Values


class Small(IntEnum):
    ONE = 1


class Word(StrEnum):
    A = "a"


STORED = {
    "None": (None, None),
    "the least integer": (-(2**63), -(2**63)),
    "the greatest integer": (2**63 - 1, 2**63 - 1),
    "nan": (float("nan"), None),
    "inf": (float("inf"), float("inf")),
    "-0.0": (-0.0, 0.0),
    "a float": (0.1 + 0.2, 0.1 + 0.2),
    "the least float": (5e-324, 5e-324),
    "bool": (True, 1),
    "bytes": (b"\0\xff", b"\0\xff"),
    "bytearray": (bytearray(b"ab"), b"ab"),
    "memoryview": (memoryview(b"ab"), b"ab"),
    "no bytes": (b"", b""),
    "empty text": ("", ""),
    "NUL in a text": ("a\0b", "a\0b"),
    "beyond the BMP": ("😀", "😀"),
    "an int of its own class": (Small.ONE, 1),
    "a str of its own class": (Word.A, "a"),
}


@pytest.mark.parametrize("case", STORED)
def test_a_value_is_stored_as_it_is(work, path, case):
    value, stored = STORED[case]
    work.folder.sql(f"{THREE}{path}")

    work.run(lambda db: db.transform("t", lambda id: "x" if id == 4 else value, reads="id", writes="size"))

    kinds = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}
    found = work.rows("SELECT size, typeof(size) FROM t")
    assert found == [(stored, kinds[type(stored)]), ("x", "text"), (stored, kinds[type(stored)])]


UNSTORABLE = {
    "beyond 64 bits": (2**63, "OverflowError"),
    "below 64 bits": (-(2**63) - 1, "OverflowError"),
    "a lone surrogate": ("\ud800", "surrogates not allowed"),
    "Decimal": (Decimal(1), "returned a Decimal, which no column holds"),
    "date": (date(2026, 3, 1), "returned a date, which no column holds"),
    "complex": (1j, "returned a complex, which no column holds"),
    "a set": (set(), "returned a set, which no column holds"),
    "an object": (object(), "returned an object, which no column holds"),
    "memory that is not in a row": (memoryview(b"abcdef")[::2], "BufferError"),
}


@pytest.mark.parametrize(("last", "several"), [(1, False), (9, True)])
@pytest.mark.parametrize("case", UNSTORABLE)
def test_a_value_that_cannot_be_stored_is_refused_and_the_row_named(work, path, case, last, several):
    value, cause = UNSTORABLE[case]
    work.folder.sql(f"{THREE}{path}")

    def fn(id):
        one = value if id == last else 1
        return {"size": one, "name": "x"} if several else one

    failure = work.fails(lambda db: db.transform("t", fn, reads="id", writes=["size", "name"] if several else "size"))

    assert cause in failure.cause
    assert f"in transform() of t, at id = {last}" in failure.cause


INVALID = "UPDATE t SET name = CAST(x'ff41' AS TEXT) WHERE id = 4;"


def raw_names(work):
    return work.rows("SELECT CAST(name AS BLOB) FROM t")


@pytest.mark.xfail(strict=True, reason="a page whose text is no UTF-8 is not read at all, and no row is named")
def test_a_text_that_is_no_utf8_is_an_error_of_its_row(work, path):
    work.folder.sql(f"{THREE}{INVALID}{path}")

    with pytest.raises(StepFailed) as failure:
        work.run(lambda db: db.transform("t", lambda name: 1, reads="name", writes="size"))

    assert "at id = 4" in failure.value.cause


def test_a_text_that_is_no_utf8_can_be_written_over(work, path):
    work.folder.sql(f"{THREE}{INVALID}{path}")

    work.run(lambda db: db.transform("t", lambda id: f"n{id}", reads="id", writes="name"))

    assert raw_names(work) == [(b"n1",), (b"n4",), (b"n9",)]


@pytest.mark.xfail(strict=True, reason="in place the old value is handed over too, for SKIP")
def test_a_text_that_is_no_utf8_can_be_written_over_by_a_function_that_skips(work):
    work.folder.sql(f"{THREE}{INVALID}")

    work.run(lambda db: db.transform("t", lambda id: f"n{id}" if id else SKIP, reads="id", writes="name"))

    assert raw_names(work) == [(b"n1",), (b"n4",), (b"n9",)]


# Tables that are written in their own ways


@pytest.mark.parametrize(
    ("script", "values", "cause"),
    [
        ("size UNIQUE", [1, 2, 1], "UNIQUE constraint failed: t.size"),
        ("size NOT NULL", [1, 2, None], "NOT NULL constraint failed: t.size"),
        ("size CHECK (size < 3)", [1, 2, 3], "CHECK constraint failed: size < 3"),
    ],
)
def test_the_row_that_breaks_a_constraint_is_named(work, path, script, values, cause):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {script}); INSERT INTO t VALUES (1, -1), (2, -2), (3, -3);{path}"
    )

    failure = work.fails(lambda db: db.transform("t", lambda id: values[id - 1], reads="id", writes="size"))

    assert cause in failure.cause
    assert "in transform() of t, at id = 3\nwith id = 3" in failure.cause


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 37), reason="no STRICT tables")
def test_the_row_that_breaks_a_strict_type_is_named(work, path):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, size INT) STRICT; INSERT INTO t VALUES (1, 1), (2, 2);{path}"
    )

    failure = work.fails(lambda db: db.transform("t", lambda id: "x" if id == 2 else 1, reads="id", writes="size"))

    assert "cannot store TEXT value in INT column t.size" in failure.cause
    assert "at id = 2" in failure.cause


@pytest.mark.parametrize("writes", ["pos", ["pos", "note"]], ids=str)
def test_an_index_that_is_unique_is_kept(work, path, writes):
    work.folder.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, pos INT UNIQUE, note); CREATE INDEX i ON t (note, pos);"
        + "".join(f"INSERT INTO t VALUES ({n}, {n}, 'n');" for n in range(1, 20))
        + path
    )

    work.run(
        lambda db: db.transform(
            "t",
            lambda pos: {"pos": 1000 - pos, "note": pos} if len(writes) == 2 else 1000 - pos,
            reads="pos",
            writes=writes,
            batch=7,
        )
    )

    assert work.rows("SELECT id FROM t WHERE pos = 1000 - id ORDER BY id") == [(n,) for n in range(1, 20)]
    assert work.rows("PRAGMA integrity_check") == [("ok",)]


def test_rows_that_a_trigger_ignores_are_not_counted(work):
    work.folder.sql(f"{THREE}CREATE TRIGGER g BEFORE UPDATE ON t WHEN OLD.id = 4 BEGIN SELECT RAISE(IGNORE); END;")
    counts = []

    work.run(lambda db: counts.append(db.transform("t", lambda id: 0, reads="id", writes="size")))

    assert counts == [2]
    assert work.rows("SELECT size FROM t") == [(0,), (20,), (0,)]


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("ABORT", "no\nin transform() of t, at id = 4"),
        ("FAIL", "at id = 4"),
        ("ROLLBACK", "rolled the transaction back"),
    ],
)
def test_a_trigger_that_raises_ends_it(work, word, cause):
    work.folder.sql(
        f"{THREE}CREATE TRIGGER g BEFORE UPDATE ON t WHEN OLD.id = 4 BEGIN SELECT RAISE({word}, 'no'); END;"
    )

    failure = work.fails(lambda db: db.transform("t", lambda id: 0, reads="id", writes="size"))

    assert cause in failure.cause


def test_a_view_is_written_through_its_trigger_where_a_key_is_named(work):
    work.folder.sql(
        f"{THREE}CREATE VIEW v AS SELECT * FROM t;"
        "CREATE TRIGGER g INSTEAD OF UPDATE ON v BEGIN UPDATE t SET size = NEW.size WHERE id = OLD.id; END;"
    )

    work.run(lambda db: db.transform("v", lambda id: -id, reads="id", writes="size", key="id"))

    assert work.rows("SELECT size FROM t") == [(-1,), (-4,), (-9,)]


def test_a_view_without_trigger_is_refused(work):
    work.folder.sql(f"{THREE}CREATE VIEW v AS SELECT * FROM t;")

    failure = work.fails(lambda db: db.transform("v", lambda id: -id, reads="id", writes="size", key="id"))

    assert "cannot modify v because it is a view" in failure.cause


@pytest.mark.skipif(not any("full-text" in shape.id for shape in SHAPES), reason="SQLite without FTS5")
def test_a_full_text_table_is_transformed(work):
    work.folder.sql("CREATE VIRTUAL TABLE t USING fts5 (a, b); INSERT INTO t VALUES ('x', 'y'), ('z', 'w');")

    work.run(lambda db: db.transform("t", lambda a: a + a, reads="a", writes="b"))

    assert work.rows("SELECT * FROM t('zz')") == [("z", "zz")]


# What the function may do with db


@pytest.mark.parametrize("batch", BATCHES)
def test_a_function_may_ask_the_database(work, path, batch):
    work.folder.sql(
        f"{THREE}CREATE TABLE words (id INTEGER PRIMARY KEY, w);INSERT INTO words VALUES (1, 'one'), (4, 'four');{path}"
    )

    work.run(
        lambda db: db.transform(
            "t", lambda id: db.scalar("SELECT w FROM words WHERE id = ?", (id,)), reads="id", writes="size", batch=batch
        )
    )

    assert work.rows("SELECT size FROM t") == [("one",), ("four",), (None,)]


def test_a_function_may_go_on_with_a_cursor_that_is_open(work, path):
    work.folder.sql(f"{THREE}{path}")

    def run(db):
        names = db.connection.execute("SELECT name FROM t ORDER BY id DESC")
        db.transform("t", lambda id: names.fetchone()[0], reads="id", writes="size")

    work.run(run)

    assert work.rows("SELECT size FROM t") == [("cy",), ("bob",), ("ann",)]


def alters(db):
    with db.alter_table("t") as t:
        t.drop_column("name")


def begins(db):
    with db.transaction():
        pass


def swallows(db):
    try:
        db.execute("DELETE FROM t")
    except Exception:
        pass


WRITES = {
    "execute": lambda db: db.execute("DELETE FROM t"),
    "executemany": lambda db: db.executemany("DELETE FROM t WHERE id = ?", [(1,)]),
    "script": lambda db: db.script("SELECT 1; DELETE FROM t"),
    "a query that writes": lambda db: db.query("DELETE FROM t RETURNING id"),
    "connection": lambda db: db.connection.execute("DELETE FROM t"),
    "cursor": lambda db: db.connection.cursor().executemany("DELETE FROM t WHERE id = ?", [(1,)]),
    "transform": lambda db: db.transform("t", lambda id: 0, reads="id", writes="name"),
    "copy_rows": lambda db: db.copy_rows("t", "u", lambda id: {"a": id}, reads="id"),
    "update": lambda db: db.update("t", set={"name": "'x'"}),
    "alter_table": alters,
    "a write that is swallowed": swallows,
    "DDL": lambda db: db.execute("CREATE TABLE x (id)"),
}


@pytest.mark.parametrize("case", WRITES)
def test_a_function_does_not_write(work, path, case):
    work.folder.sql(f"{THREE}CREATE TABLE u (a);{path}")

    def run(db):
        db.transform("t", lambda id: WRITES[case](db) if id == 4 else 0, reads="id", writes="size")

    failure = work.fails(run, StatementRefused)

    assert "the function of a transform runs a statement that writes" in failure.cause


@pytest.mark.parametrize("case", ["execute", "executemany", "transform", "alter_table"])
def test_a_function_does_not_write_without_transaction_either(work, case):
    work.folder.sql(f"{THREE}CREATE TABLE u (a);")
    before = work.folder.application_content()

    with pytest.raises(Interrupted) as failure:
        work.run(
            lambda db: db.transform("t", lambda id: WRITES[case](db), reads="id", writes="size"), transaction="none"
        )

    assert "the function of a transform runs a statement that writes" in str(failure.value.cause)
    assert work.folder.application_content() == before


@pytest.mark.xfail(strict=True, reason="in place, rows that are done are seen; row by row those of the batch are not")
def test_both_ways_show_the_function_the_same_table(work):
    work.folder.sql(f"{THREE}CREATE TABLE u AS SELECT * FROM t;{ROW_BY_ROW.format(table='u')}")

    def sums(db, table):
        db.transform(
            table, lambda size: db.scalar(f"SELECT sum(size) FROM {table}"), reads="size", writes="size", key="id"
        )

    work.run(lambda db: (sums(db, "t"), sums(db, "u")))

    assert work.rows("SELECT size FROM t") == work.rows("SELECT size FROM u")


# Any table, batch and function: as plain Python does it, in both modes


@st.composite
def tables(draw):
    """Rows of (key, a, b), and a column declaration for the key."""
    kind = draw(
        st.sampled_from(
            ["INTEGER PRIMARY KEY", "TEXT PRIMARY KEY", "REAL PRIMARY KEY", "BLOB PRIMARY KEY", "PRIMARY KEY"]
        )
    )
    integers = st.integers(-(2**63), 2**63 - 1)
    texts = st.text(st.characters(codec="utf-8"), max_size=4)
    keys = {
        "INTEGER PRIMARY KEY": integers | st.integers(-5, 30),
        "TEXT PRIMARY KEY": texts,
        "REAL PRIMARY KEY": st.floats(allow_nan=False, allow_infinity=True).map(lambda x: x + 0.0),
        "BLOB PRIMARY KEY": st.binary(max_size=3),
        "PRIMARY KEY": integers | texts | st.binary(max_size=3),
    }[kind]
    values = st.none() | integers | texts | st.binary(max_size=4) | st.floats(allow_nan=False)
    rows = draw(st.lists(st.tuples(keys, values, values), max_size=25, unique_by=lambda row: (type(row[0]), row[0])))
    without = draw(st.booleans()) and kind != "INTEGER PRIMARY KEY"
    return f"k {kind}", " WITHOUT ROWID" if without else "", rows


@settings(max_examples=12, deadline=None)
@given(
    table=tables(),
    batch=st.sampled_from([1, 2, 3, 7, 1000]),
    skip_every=st.integers(1, 5),
    both=st.booleans(),
    trigger=st.booleans(),
    transaction=st.sampled_from(["single", "none"]),
)
def test_any_table_is_as_plain_python_computes_it(table, batch, skip_every, both, trigger, transaction):
    column, end, rows = table

    def step(state, k, a, b):
        state.append(k)
        if len(state) % skip_every == 0 and skip_every > 1:
            return SKIP
        return {"b": a, "a": len(state)} if both else len(state)

    with TemporaryDirectory() as directory:
        work = Work(Folder(Path(directory)))
        work.folder.sql(f"CREATE TABLE t ({column}, a, b){end};{ROW_BY_ROW.format(table='t') if trigger else ''}")
        work.execute("INSERT INTO t VALUES (?, ?, ?)", rows)
        stored = work.rows("SELECT * FROM t ORDER BY k")
        state = []
        work.run(
            lambda db: db.transform(
                "t",
                lambda b, k, a: step(state, k, a, b),
                reads=["k", "a", "b"],
                writes=["b", "a"] if both else "a",
                batch=batch,
            ),
            transaction=transaction,
        )
        found = work.rows("SELECT * FROM t ORDER BY k")

    expected, done = [], []
    for k, a, b in stored:
        new = step(done, k, a, b)
        new = {} if new is SKIP else new if both else {"a": new}
        expected.append((k, new.get("a", a), new.get("b", b)))
    assert list(map(repr, found)) == list(map(repr, expected))
    assert state == done
