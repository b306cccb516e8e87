"""db.update: columns set to what SQL can say, at once or in chunks; and the pace of all that goes in batches."""

import sqlite3
import time
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runtime.data_steps import THREE

from nukeworks_migrate import events
from nukeworks_migrate.runtime.updates import _expression

SIZES = [None, 1, 2, 7, 10_000]
KEYS = {
    "no key": ("n, v", [(n,) for n in range(9)]),
    "gaps": ("n INTEGER PRIMARY KEY, v", [(n,) for n in (-(2**63), -5, 0, 3, 10**12, 2**63 - 1)]),
    "text": ("n TEXT PRIMARY KEY, v", [(n,) for n in ("", "a", "B", "é", "z\0", "10", "9")]),
    "NOCASE": ("n TEXT PRIMARY KEY COLLATE NOCASE, v", [(n,) for n in "aBcD_"]),
    "blob": ("n BLOB PRIMARY KEY, v", [(n,) for n in (b"", b"\0", b"\xff", b"ab")]),
    "real": ("n REAL PRIMARY KEY, v", [(n,) for n in (-1e999, 5e-324, 0.1, 1e308)]),
    "every type": ("n PRIMARY KEY, v", [(n,) for n in (1, 1.5, "1", b"1", "", b"")]),
    "DESC": ("n INTEGER PRIMARY KEY DESC, v", [(n,) for n in range(8)]),
    "a text key with NULL": ("n TEXT PRIMARY KEY, v", [("a",), (None,), (None,)]),
    "WITHOUT ROWID": ("n TEXT PRIMARY KEY, v) WITHOUT ROWID; --", [(n,) for n in "dbeac"]),
    "a column called rowid": ("n INTEGER PRIMARY KEY, v, rowid TEXT", [(n,) for n in range(5)]),
}


@pytest.mark.parametrize("transaction", ["single", "none"])
@pytest.mark.parametrize("case", KEYS)
def test_every_row_is_set_once_whatever_the_key_and_the_chunk(work, case, transaction):
    columns, rows = KEYS[case]
    work.folder.sql(f"CREATE TABLE t ({columns});")
    work.execute("INSERT INTO t (n, v) VALUES (?, 0)", rows)

    def run(db):
        for batch in SIZES:
            assert db.update("t", set={"v": "v + 1"}, batch=batch) == len(rows)

    work.run(run, transaction=transaction)

    assert work.rows("SELECT v FROM t") == [(len(SIZES),)] * len(rows)


def test_two_columns_as_key(work):
    work.folder.sql(
        "CREATE TABLE t (a INT, b INT, v INT, PRIMARY KEY (b, a DESC));"
        + "".join(f"INSERT INTO t VALUES ({n % 4}, {n // 4}, 0);" for n in range(13))
    )

    def run(db):
        for batch in (1, 3, 13):
            db.update("t", set={"v": "v + 1"}, batch=batch)

    work.run(run)

    assert work.rows("SELECT v, count(*) FROM t GROUP BY v") == [(3, 13)]


@pytest.mark.parametrize("batch", SIZES)
@pytest.mark.parametrize(
    ("values", "where", "params", "sizes"),
    [
        ({"size": "size * 2"}, None, None, [20, 40, 60]),
        ({"size": "upper(name)"}, "id > 1", None, [10, "BOB", "CY"]),
        ({"size": "?"}, "id = ? OR id = ?", (7, 1, 9), [7, 20, 7]),
        ({"name": "?", "size": "? || ?"}, "id < ?", ("n", "a", "b", 5), ["ab", "ab", 30]),
        ({"size": ":s"}, "id > :i AND name <> :s", {"s": "S", "i": 1}, [10, "S", "S"]),
        ({"size": ":s"}, None, {"s": None}, [None, None, None]),
        ({"size": "(SELECT max(size) FROM o)"}, "id IN (SELECT id FROM o)", None, [10, 5, 30]),
        ({"size": "CASE WHEN id > 4 THEN 'big' END"}, "size > 5", None, [None, None, "big"]),
        ({"size": "0"}, "0", None, [10, 20, 30]),
        ({"size": "0"}, "id > 1 -- the others", None, [10, 0, 0]),
        ({"size": "size + 100"}, "size < 100", None, [110, 120, 130]),
        ({"size": "id", "name": "size"}, None, None, [1, 4, 9]),
    ],
)
def test_rows_that_are_chosen_are_set(work, batch, values, where, params, sizes):
    work.folder.sql(f"{THREE}CREATE TABLE o (id, size); INSERT INTO o VALUES (4, 5); CREATE INDEX i ON t (size);")
    counts = []

    work.run(lambda db: counts.append(db.update("t", set=values, where=where, params=params, batch=batch)))

    assert [size for (size,) in work.rows("SELECT size FROM t ORDER BY id")] == sizes
    before = [10, 20, 30]
    if where != "0":
        assert counts[0] >= sum(a != b for a, b in zip(sizes, before, strict=True))
    else:
        assert counts == [0]


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        2**63 - 1,
        -(2**63),
        1.5,
        -0.0,
        1e300,
        5e-324,
        1e-7,
        b"",
        b"\0\xff",
        bytearray(b"a"),
        memoryview(b"ab"),
        None,
        True,
    ],
    ids=lambda value: "memory" if isinstance(value, memoryview) else repr(value),
)
@pytest.mark.parametrize("batch", [None, 2])
def test_a_value_that_is_no_text_is_itself(work, value, batch):
    work.folder.sql(THREE)

    work.run(lambda db: db.update("t", set={"size": value}, batch=batch))

    stored = bytes(value) if isinstance(value, (bytearray, memoryview)) else value
    found = work.rows("SELECT DISTINCT size FROM t")
    assert found == [(stored,)]
    assert type(found[0][0]) is (int if isinstance(value, bool) else type(stored))


def stored(expression):
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute(f"SELECT {expression}").fetchone()[0]


@given(value=st.integers(-(2**63), 2**63 - 1) | st.binary() | st.floats(1e-15, 1e15).map(lambda value: round(value, 6)))
def test_numbers_and_bytes_come_back_the_same(value):
    assert stored(_expression(value)) == value


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({}, "update() sets no column: set={…} is empty"),
        ({"size": float("nan")}, "update() cannot write nan as SQL: give an expression, or a parameter"),
        ({"size": float("-inf")}, "update() cannot write -inf as SQL"),
        ({"size": 2**63}, "update() cannot write 9223372036854775808: an integer has 64 bits"),
        ({"size": [1]}, "update() cannot write [1] as SQL"),
        ({"nosuch": "1"}, "no such column: nosuch"),
        ({"size": "nosuch + 1"}, "no such column: nosuch"),
        ({"size": "?"}, "Incorrect number of bindings"),
        ({"size": "1; DROP TABLE t"}, "You can only execute one statement at a time"),
    ],
)
@pytest.mark.parametrize("batch", [None, 2])
def test_what_cannot_be_set_is_refused(work, values, cause, batch):
    work.folder.sql(THREE)

    failure = work.fails(lambda db: db.update("t", set=values, batch=batch))

    assert cause in failure.cause


@pytest.mark.parametrize("name", ["id", "ID", "rowid", "oid"])
def test_what_the_rows_are_walked_by_is_not_set_in_chunks(work, name):
    work.folder.sql(THREE)

    failure = work.fails(lambda db: db.update("t", set={name: "id + 100"}, batch=1))
    work.number = 0
    work.run(lambda db: db.update("t", set={name: "id + 100"}))

    assert f"update() in chunks cannot set {name}: the rows are walked by it" in failure.cause
    assert work.rows("SELECT id FROM t") == [(101,), (104,), (109,)]


@pytest.mark.parametrize(("batch", "cause"), [(0, "a batch of 1 row or more, not 0"), (-1, "not -1")])
@pytest.mark.parametrize("call", ["update", "transform", "copy_rows"])
def test_a_batch_has_a_row(work, call, batch, cause):
    work.folder.sql(f"{THREE}CREATE TABLE u (a);")
    calls = {
        "update": lambda db: db.update("t", set={"size": 1}, batch=batch),
        "transform": lambda db: db.transform("t", lambda id: 1, reads="id", writes="size", batch=batch),
        "copy_rows": lambda db: db.copy_rows("t", "u", lambda id: None, reads="id", batch=batch),
    }

    failure = work.fails(calls[call])

    assert cause in failure.cause


def test_an_update_walks_by_a_key_that_is_named(work):
    work.folder.sql(THREE)

    work.run(lambda db: db.update("t", set={"id": "id + 100", "size": "1"}, key="name", batch=1))

    assert work.rows() == [(101, "ann", 1), (104, "bob", 1), (109, "cy", 1)]


def test_an_update_in_chunks_that_breaks_a_constraint_leaves_nothing(work):
    work.folder.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, size CHECK (size < 3)); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0);"
    )

    failure = work.fails(lambda db: db.update("t", set={"size": "id"}, batch=1))

    assert "CHECK constraint failed" in failure.cause


# Progress


CALLS = {
    "transform": lambda db, batch: db.transform("t", lambda id: id, reads="id", writes="size", batch=batch),
    "transform, several columns": lambda db, batch: db.transform(
        "t", lambda id: {"size": id, "name": id}, reads="id", writes=["size", "name"], batch=batch
    ),
    "transform, quarantine": lambda db, batch: db.transform(
        "t", lambda id: 1 // (id % 5), reads="id", writes="size", batch=batch, on_error="quarantine"
    ),
    "transform, where": lambda db, batch: db.transform(
        "t", lambda id: -1, reads="id", writes="size", where="size > 50", batch=batch
    ),
    "copy_rows": lambda db, batch: db.copy_rows("t", "u", lambda id: {"a": id}, reads="id", batch=batch),
    "update": lambda db, batch: db.update("t", set={"size": "size + 1"}, batch=batch),
}
ROWS = f"{THREE}DELETE FROM t; CREATE TABLE u (a);" + "".join(
    f"INSERT INTO t VALUES ({n * 7}, 'n', {n * 10});" for n in range(1, 24)
)


@pytest.mark.parametrize("transaction", ["single", "none"])
@pytest.mark.parametrize("call", CALLS)
def test_progress_only_grows_and_ends_at_the_total(work, call, transaction):
    work.folder.sql(ROWS)

    for batch in (1, 7, 100):
        told = []
        work.run(lambda db, batch=batch: CALLS[call](db, batch), transaction=transaction, on_event=told.append)

        steps = [(event.done, event.total) for event in told if isinstance(event, events.Progressed)]
        done = [at for at, _ in steps]
        assert done == sorted(done)
        assert len({total for _, total in steps}) == 1
        assert done[-1] == steps[-1][1]
        if transaction == "none":
            assert all(after - before <= batch for before, after in zip([0, *done], done, strict=False))
        work.folder.sql("DELETE FROM u; UPDATE t SET size = id / 7 * 10")


def test_rows_of_no_table_are_no_progress(work):
    work.folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, name, size); CREATE TABLE u (a);")

    for call in CALLS.values():
        assert work.run(lambda db, call=call: call(db, 5)).steps


# Pace


PACED = {
    "transform": lambda db, **pace: db.transform("t", lambda id: id, reads="id", writes="size", **pace),
    "copy_rows": lambda db, **pace: db.copy_rows("t", "u", lambda id: {"a": id}, reads="id", **pace),
    "update": lambda db, **pace: db.update("t", set={"size": "size + 1"}, **{"batch": 1000, **pace}),
}


@pytest.mark.parametrize("pace", [{"pause_s": 0.01}, {"max_rows_s": 100}], ids=str)
@pytest.mark.parametrize("call", PACED)
def test_a_pace_is_refused_where_all_is_one_transaction(work, call, pace):
    work.folder.sql(ROWS)

    failure = work.fails(lambda db: PACED[call](db, **pace))

    assert f"{call}() can pause only where its batches are committed one by one" in failure.cause


def test_a_pace_is_refused_within_a_transaction_of_its_own(work):
    work.folder.sql(ROWS)

    def run(db):
        with db.transaction():
            with pytest.raises(ValueError, match="can pause only where its batches are committed"):
                PACED["transform"](db, pause_s=0.01)

    work.run(run, transaction="none")


@pytest.mark.parametrize("call", PACED)
@pytest.mark.parametrize(
    ("pace", "cause"), [({"pause_s": -1}, "pause_s is -1"), ({"max_rows_s": 0}, "max_rows_s is 0")]
)
def test_a_pace_that_means_nothing_is_refused(work, call, pace, cause):
    work.folder.sql(ROWS)

    failure = work.fails(lambda db: PACED[call](db, **pace))

    assert cause in failure.cause


@pytest.mark.parametrize("call", PACED)
def test_the_rate_is_kept(work, call):
    work.folder.sql(ROWS)
    seconds = []

    def run(db):
        started = time.perf_counter()
        PACED[call](db, max_rows_s=60, batch=6)
        seconds.append(time.perf_counter() - started)

    work.run(run, transaction="none")

    # 23 rows at 60 a second; after the last batch there may be a wait or none.
    assert 0.25 <= seconds[0] <= 5


def test_a_pause_follows_each_batch(work):
    work.folder.sql(ROWS)
    started = time.perf_counter()

    work.run(lambda db: PACED["transform"](db, pause_s=0.1, batch=8), transaction="none")

    assert time.perf_counter() - started >= 0.2


@pytest.mark.parametrize("call", PACED)
def test_a_rehearsal_does_the_same_and_does_not_pause(work, call):
    work.folder.sql(ROWS)

    def run(db):
        db.log(PACED[call](db, pause_s=30, batch=6))

    started = time.perf_counter()
    rehearsed = work.rehearse(run, transaction="none")

    assert time.perf_counter() - started < 20
    assert rehearsed.failure is None
    assert rehearsed.steps[0].messages == ("23",)
