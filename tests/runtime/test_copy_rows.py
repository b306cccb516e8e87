"""db.copy_rows: rows of one table made into no, one or many rows of another."""

import functools
import sqlite3

import pytest
from runtime.data_steps import THREE

from nukeworks_migrate import SKIP, events
from nukeworks_migrate.databases.quarantine import read_quarantine
from nukeworks_migrate.databases.sqlite.connection import SqliteReader
from nukeworks_migrate.errors import StatementRefused

U = "CREATE TABLE u (n INTEGER PRIMARY KEY, a, b);"
SIX = ["Vendors", "Offtakers", "clients", "owners", "operators", "the others"]


def copied(work, fn, **more):
    """The rows of `u` after those of `t` were copied by `fn`, and how many that was said to be."""
    counts = []
    work.run(lambda db: counts.append(db.copy_rows("t", "u", fn, **more)))
    return work.rows("SELECT a, b FROM u ORDER BY n"), counts[0]


@pytest.mark.parametrize("batch", [1, 2, 7, 10_000])
@pytest.mark.parametrize("transaction", ["single", "none"])
def test_no_one_or_many_rows_come_of_a_row_in_the_order_of_the_key(work, batch, transaction):
    work.folder.sql(f"{THREE}{U}")
    calls = []

    def fn(id, name):
        calls.append(id)
        return {1: None, 4: {"a": name}, 9: [{"a": name, "b": 1}, {"a": name, "b": 2}, {"b": 3}]}[id]

    work.run(
        lambda db: calls.append(db.copy_rows("t", "u", fn, reads=["name", "id"], batch=batch)), transaction=transaction
    )

    assert calls == [1, 4, 9, 4]
    assert work.rows("SELECT * FROM u") == [(1, "bob", None), (2, "cy", 1), (3, "cy", 2), (4, None, 3)]
    assert work.rows() == [(1, "ann", 10), (4, "bob", 20), (9, "cy", 30)]


def generated(id):
    yield {"a": id, "b": 1}
    yield {"a": id, "b": 2}


@pytest.mark.parametrize(
    ("fn", "rows"),
    [
        pytest.param(lambda id: {"a": id}, [(1, None), (4, None), (9, None)], id="a mapping"),
        pytest.param(lambda id: [{"a": id}], [(1, None), (4, None), (9, None)], id="a list"),
        pytest.param(lambda id: ({"a": id},), [(1, None), (4, None), (9, None)], id="a tuple"),
        pytest.param(lambda id: iter([{"a": id, "b": "x"}]), [(1, "x"), (4, "x"), (9, "x")], id="an iterator"),
        pytest.param(generated, [(n, b) for n in (1, 4, 9) for b in (1, 2)], id="a generator function"),
        pytest.param(lambda id: {}.values(), [], id="an empty view"),
        pytest.param(lambda id: [], [], id="an empty list"),
        pytest.param(lambda id: None, [], id="None"),
        pytest.param(lambda id: SKIP, [], id="SKIP"),
        pytest.param(
            lambda id: {"b": 1, "a": id} if id < 5 else {"a": id, "b": 2}, [(1, 1), (4, 1), (9, 2)], id="orders"
        ),
        pytest.param(lambda id: {"A": id}, [(1, None), (4, None), (9, None)], id="a name in capitals"),
        pytest.param(functools.partial(lambda x, id: {"a": x}, 7), [(7, None)] * 3, id="a partial"),
    ],
)
def test_rows_are_given_in_any_form(work, fn, rows):
    work.folder.sql(f"{THREE}{U}")

    assert copied(work, fn, reads="id") == (rows, len(rows))


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        (7, "returned 7: a new row is a mapping, several are a list of them"),
        ("ab", "returned 'ab': a new row is a mapping"),
        (b"ab", "returned b'ab': a new row is a mapping"),
        (["ab"], "returned 'ab' for a row"),
        ([None], "returned None for a row"),
        ([("a", 1)], "returned ('a', 1) for a row"),
        ({}, "returned {} for a row"),
        ({1: 2}, "returned {1: 2} for a row"),
        ({"a": object}, "returned a type, which no column holds"),
        ([{"a": 1}, {"a": {}}], "returned a dict, which no column holds"),
    ],
    ids=str,
)
def test_what_is_no_row_is_refused_and_its_source_named(work, result, cause):
    work.folder.sql(f"{THREE}{U}")

    failure = work.fails(lambda db: db.copy_rows("t", "u", lambda id: result if id == 4 else None, reads="id"))

    assert cause in failure.cause
    assert "in copy_rows() of t, at id = 4\nwith id = 4" in failure.cause


async def coroutine(id):
    return {"a": id}


def test_a_coroutine_is_refused(work):
    work.folder.sql(f"{THREE}{U}")

    failure = work.fails(lambda db: db.copy_rows("t", "u", coroutine, reads="id"))

    assert "coroutine() is a coroutine: give a plain function" in failure.cause


def test_all_columns_are_read_where_none_is_named(work):
    work.folder.sql(f"{THREE}{U}ALTER TABLE t ADD COLUMN twice AS (id * 2);")
    seen = []

    work.run(lambda db: db.copy_rows("t", "u", lambda **read: seen.append(read)))

    assert seen[0] == {"id": 1, "name": "ann", "size": 10, "twice": 2}


def test_no_columns_are_read_where_the_list_is_empty(work):
    work.folder.sql(f"{THREE}{U}")
    numbers = iter("xyz")

    assert copied(work, lambda: {"a": next(numbers)}, reads=[]) == ([("x", None), ("y", None), ("z", None)], 3)


@pytest.mark.parametrize("column", ["nmae", "nosuch"])
def test_a_column_that_is_not_there_is_no_text(work, column):
    work.folder.sql(f"{THREE}{U}")

    failure = work.fails(lambda db: db.copy_rows("t", "u", lambda **read: {"a": 1}, reads=[column]))

    assert f"no such column: t.{column}" in failure.cause


def test_six_tables_become_one_and_it_knows_which_was_which(work):
    work.folder.sql(
        "CREATE TABLE companies (id INTEGER PRIMARY KEY, name TEXT UNIQUE ON CONFLICT IGNORE, kind TEXT, old INTEGER);"
        + "".join(
            f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, name TEXT);'
            f"INSERT INTO \"{table}\" VALUES (5, '{table} a'), (7, 'shared'), (9, '{table} b');"
            for table in SIX
        )
    )
    counts = []

    def merge(db):
        for table in SIX:
            counts.append(
                db.copy_rows(
                    table,
                    "companies",
                    lambda id, name, table=table: {"name": name, "kind": table, "old": id},
                    reads=["id", "name"],
                )
            )

    work.run(merge)

    assert counts == [3, 2, 2, 2, 2, 2]
    rows = work.rows("SELECT id, name, kind, old FROM companies ORDER BY id")
    expected = []
    for table in SIX:
        expected += [(f"{table} a", table, 5), ("shared", table, 7), (f"{table} b", table, 9)]
    expected = [row for row in expected if row[0] != "shared" or row[1] == "Vendors"]
    assert [row[1:] for row in rows] == expected
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))


def test_one_table_becomes_two(work):
    work.folder.sql(f"{THREE}{U}CREATE TABLE w (id INTEGER PRIMARY KEY, what);")

    def split(db):
        db.copy_rows("t", "u", lambda id: {"a": id}, reads="id", where="size < :limit", params={"limit": 25})
        db.copy_rows("t", "w", lambda id: {"id": id, "what": "big"}, reads="id", where="size >= ?", params=[25])

    work.run(split)

    assert work.rows("SELECT a FROM u") == [(1,), (4,)]
    assert work.rows("SELECT * FROM w") == [(9, "big")]


def test_rows_are_walked_by_a_key_that_is_named(work):
    work.folder.sql(f"{THREE}{U}")

    assert copied(work, lambda size: {"a": size}, reads="size", key="name", where="name < 'c'", batch=1) == (
        [(10, None), (20, None)],
        2,
    )


@pytest.mark.parametrize("into", ["t", "T"])
def test_a_table_is_not_copied_into_itself(work, into):
    work.folder.sql(THREE)

    failure = work.fails(lambda db: db.copy_rows("t", into, lambda id: {"size": id}, reads="id"))

    assert f"copy_rows() cannot fill {into} while it walks through it" in failure.cause


def test_a_view_is_a_source_where_a_key_is_named(work):
    work.folder.sql(f"{THREE}{U}CREATE VIEW v AS SELECT id, name || '!' AS loud FROM t WHERE id > 1;")

    failure = work.fails(lambda db: db.copy_rows("v", "u", lambda loud, **more: {"a": loud}))
    work.number = 0
    work.run(lambda db: db.copy_rows("v", "u", lambda loud, **more: {"a": loud}, key="id", batch=1))

    assert "v is a view, which has no key: name columns that tell its rows apart, key=…" in failure.cause
    assert work.rows("SELECT a FROM u") == [("bob!",), ("cy!",)]


def test_a_table_without_rowid_and_one_without_key_are_sources(work):
    work.folder.sql(
        f"{U}CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('b', 1), ('a', 2);"
        "CREATE TABLE s (v); INSERT INTO s VALUES (3), (3);"
    )

    def run(db):
        db.copy_rows("t", "u", lambda k, v: {"a": k, "b": v})
        db.copy_rows("s", "u", lambda v: {"a": v})

    work.run(run)

    assert work.rows("SELECT a, b FROM u ORDER BY n") == [("a", 2), ("b", 1), (3, None), (3, None)]


@pytest.mark.parametrize(
    ("into", "row", "cause"),
    [
        ("nosuch", {"a": 1}, "no such table: nosuch"),
        ("u", {"nosuch": 1}, "table u has no column named nosuch"),
    ],
)
def test_what_is_not_there_is_not_filled(work, into, row, cause):
    work.folder.sql(f"{THREE}{U}")

    failure = work.fails(lambda db: db.copy_rows("t", into, lambda id: row, reads="id"))

    assert cause in failure.cause


# Rows that cannot be inserted

UNIQUE = "CREATE TABLE u (n INTEGER PRIMARY KEY, a UNIQUE, b);"


def three_of(id):
    """Three new rows, of which that of 4 breaks the constraint in the middle."""
    return [{"a": f"{id}/1"}, {"a": "9/1" if id == 4 else f"{id}/2", "b": 1}, {"a": f"{id}/3"}]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_row_that_breaks_a_constraint_names_its_source(work, batch):
    work.folder.sql(f"{THREE}{UNIQUE}INSERT INTO u (a) VALUES ('9/1');")

    failure = work.fails(lambda db: db.copy_rows("t", "u", three_of, reads="id", where="id < 9", batch=batch))

    assert "UNIQUE constraint failed: u.a\nin copy_rows() of t, at id = 4\nwith id = 4" in failure.cause


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_all_new_rows_of_a_row_are_inserted_or_none(work, batch):
    work.folder.sql(f"{THREE}{UNIQUE}INSERT INTO u (a) VALUES ('9/1');")
    counts = []

    report = work.run(
        lambda db: counts.append(
            db.copy_rows("t", "u", three_of, reads="id", on_error="quarantine", where="id < 9", batch=batch)
        )
    )

    assert counts == [3]
    assert work.rows("SELECT a FROM u ORDER BY n") == [("9/1",), ("1/1",), ("1/2",), ("1/3",)]
    (found,) = report.steps[0].quarantined
    assert found == ("t", 1, (("id = 4", "IntegrityError: UNIQUE constraint failed: u.a"),))


@pytest.mark.parametrize(
    ("into", "row", "error"),
    [
        ("u (a NOT NULL, b)", {"a": None}, "NOT NULL constraint failed: u.a"),
        ("u (a CHECK (a < 9), b)", {"a": 9}, "CHECK constraint failed"),
        ("u (a INTEGER PRIMARY KEY, b)", {"a": "x"}, "datatype mismatch"),
        ("u (a, b)", {"a": 2**63}, "OverflowError"),
        ("u (a, b)", {"a": "\ud800"}, "UnicodeEncodeError"),
        ("u (a, b)", {"a": 1j}, "returned a complex, which no column holds"),
    ],
)
def test_rows_that_cannot_be_inserted_are_put_into_quarantine(work, into, row, error):
    work.folder.sql(f"{THREE}CREATE TABLE {into};")

    work.run(
        lambda db: db.copy_rows(
            "t", "u", lambda id, name: row if id == 4 else {"a": id - 1}, reads=["id", "name"], on_error="quarantine"
        )
    )

    connection = sqlite3.connect(work.folder.database)
    (found,) = read_quarantine(SqliteReader(connection))
    connection.close()
    assert error in found.error
    assert (found.table, found.key, found.row) == ("t", (4,), {"id": 4, "name": "bob"})
    assert work.rows("SELECT a FROM u") == [(0,), (8,)]


def test_no_more_rows_fail_than_are_allowed(work):
    work.folder.sql(f"{THREE}{U}")

    def fn(id):
        raise ValueError(id)

    failure = work.fails(
        lambda db: db.copy_rows("t", "u", fn, reads="id", on_error="quarantine", max_errors=2, batch=1)
    )

    assert "copy_rows() of t: more than 2 rows failed" in f"{failure.what} {failure.cause}"


def test_a_generator_that_raises_in_the_middle_leaves_none_of_its_rows(work):
    work.folder.sql(f"{THREE}{U}")

    def fn(id):
        yield {"a": id}
        if id == 4:
            raise ValueError("in the middle")

    work.run(lambda db: db.copy_rows("t", "u", fn, reads="id", on_error="quarantine"))

    assert work.rows("SELECT a FROM u") == [(1,), (9,)]


@pytest.mark.parametrize("as_generator", [False, True])
def test_the_function_does_not_write(work, as_generator):
    work.folder.sql(f"{THREE}{U}")

    def run(db):
        def lazily(id):
            yield {"a": db.execute("DELETE FROM t")}

        fn = lazily if as_generator else lambda id: {"a": db.execute("DELETE FROM t")}
        db.copy_rows("t", "u", fn, reads="id")

    failure = work.fails(run, StatementRefused)

    assert "the function of a transform runs a statement that writes" in failure.cause


def test_the_function_may_read_what_was_copied_before(work):
    work.folder.sql(f"{THREE}{U}")

    def run(db):
        db.copy_rows("t", "u", lambda id: {"a": db.scalar("SELECT count(*) FROM u")}, reads="id", batch=1)

    work.run(run)

    assert work.rows("SELECT a FROM u") == [(0,), (1,), (2,)]


def test_triggers_of_the_table_run_and_their_rows_do_not_count(work):
    work.folder.sql(
        f"{THREE}{U}CREATE TABLE log (a);"
        "CREATE TRIGGER g AFTER INSERT ON u BEGIN INSERT INTO log VALUES (NEW.a); INSERT INTO log VALUES (0); END;"
    )

    assert copied(work, lambda id: {"a": id}, reads="id")[1] == 3
    assert work.rows("SELECT count(*) FROM log") == [(6,)]


def test_progress_is_told_in_rows_of_the_source(work):
    work.folder.sql(f"{THREE}{U}")
    told = []

    work.run(lambda db: db.copy_rows("t", "u", lambda id: [{"a": id}] * id, reads="id", batch=2), on_event=told.append)

    assert [(e.done, e.total, e.label) for e in told if isinstance(e, events.Progressed)] == [(2, 3, "t"), (3, 3, "t")]


def test_a_rehearsal_copies_what_the_run_copies(work):
    work.folder.sql(f"{THREE}{U}")

    def run(db):
        db.log(db.copy_rows("t", "u", lambda id: [{"a": id}] * 2, reads="id"))

    before = work.folder.content()
    rehearsed = work.rehearse(run)
    assert work.folder.content() == before
    work.number = 0
    report = work.run(run)

    assert rehearsed.failure is None
    assert rehearsed.steps[0].messages == report.steps[0].messages == ("6",)
    assert {count.table: count.after for count in rehearsed.counts}["u"] == 6
