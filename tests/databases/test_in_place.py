"""Columns computed within an UPDATE of SQLite's own: only where the rows come in the order of the key, each once."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukeworks_migrate.databases.rows import Chosen
from nukeworks_migrate.databases.sqlite.guard import Guard
from nukeworks_migrate.databases.sqlite.session import SqliteSession
from nukeworks_migrate.databases.writing import ComputedColumns

SKIP = object()
T = "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL, u TEXT NOT NULL, n TEXT, v, w)"
WITHOUT = "CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL, u TEXT NOT NULL, n TEXT, v, w) WITHOUT ROWID"
PAIR = "CREATE TABLE t (id INT, k INT, u TEXT NOT NULL, n TEXT, v, w, PRIMARY KEY (u, k)) WITHOUT ROWID"
NOCASE = "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL, u TEXT NOT NULL COLLATE NOCASE UNIQUE, n TEXT, v, w)"
LETTERS = "mAbZcDyEfx"
ROWS = [(n * 3 - 9, (n * 7) % 10, LETTERS[n], "abAB"[n % 4], n % 3, n % 2) for n in range(10)]
INDEXES = [
    "UNIQUE INDEX i{} ON t (k)",
    "UNIQUE INDEX i{} ON t (k DESC)",
    "UNIQUE INDEX i{} ON t (k) WHERE k > 2",
    "UNIQUE INDEX i{} ON t (k + 0)",
    "UNIQUE INDEX i{} ON t (k, id)",
    "UNIQUE INDEX i{} ON t (id, k)",
    "UNIQUE INDEX i{} ON t (u)",
    "UNIQUE INDEX i{} ON t (u COLLATE NOCASE)",
    "UNIQUE INDEX i{} ON t (u COLLATE NOCASE DESC)",
    "UNIQUE INDEX i{} ON t (v, k)",
    "INDEX i{} ON t (v)",
    "INDEX i{} ON t (n, v)",
    "INDEX i{} ON t (w DESC)",
]
FRAGMENTS = [
    "v = 1",
    "v > 0",
    "v IN (2, 0)",
    "n = 'a'",
    "n COLLATE NOCASE = 'A'",
    "u COLLATE NOCASE > 'c'",
    "u > 'M'",
    "k > 2",
    "k IN (9, 1, 4, 3)",
    "id IN (18, -9, 0, 3)",
    "id > -4",
    "k = 7",
    "w = 1",
    "k BETWEEN 2 AND 8",
    "u LIKE 'm%'",
    "EXISTS (SELECT 1 FROM o WHERE o.x = t.k)",
    "k IN (SELECT x FROM o)",
]


@pytest.fixture(autouse=True)
def _closed():
    yield
    close_all()


OPEN = []


def close_all():
    while OPEN:
        OPEN.pop().close()


def opened(*statements):
    raw = sqlite3.connect(":memory:", isolation_level=None)
    OPEN.append(raw)
    for statement in (*statements, "CREATE TABLE o (x)", "INSERT INTO o VALUES (1), (4), (7), (8)", "BEGIN"):
        raw.execute(statement)
    guard = Guard("s", in_transaction=True)
    return SqliteSession(raw, guard, stop_requested=lambda: False, before_first=None, wait_s=0)


def filled(*statements):
    session = opened(*statements)
    session.raw.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    return session


def way_of(session, fn, *, key=("id",), where=None, params=None, reads=("id",), writes=("v",)):
    chosen = Chosen("t", tuple(key), where, params)
    return session.in_place(ComputedColumns(chosen, reads=reads, writes=writes, name="fn", fn=fn, skip=SKIP))


def walk(way, batch, total=None):
    visited, after = [], None
    for until in way.ranges(None, batch, total):
        visited.append(way.update(after, until).visited)
        after = until
    way.close()
    return visited


@settings(max_examples=200, deadline=None)
@given(
    table=st.sampled_from([T, T, WITHOUT, PAIR, NOCASE]),
    indexes=st.lists(st.sampled_from(INDEXES), max_size=4, unique=True),
    where=st.lists(st.sampled_from(FRAGMENTS), max_size=3),
    word=st.sampled_from([" AND ", " OR "]),
    key=st.sampled_from([("id",), ("k",), ("u",), ("u", "k"), ("k", "id")]),
    batch=st.sampled_from([1, 3, 100]),
    several=st.booleans(),
    reckoned=st.booleans(),
    statistics=st.booleans(),
)
def test_rows_that_are_computed_in_place_come_in_order_each_once(
    table, indexes, where, word, key, batch, several, reckoned, statistics
):
    close_all()  # of the example before
    session = filled(table, *(f"CREATE {index.format(number)}" for number, index in enumerate(indexes)))
    if statistics:
        session.raw.execute("ANALYZE")
    condition = word.join(where) or "1"
    names = ", ".join(key)
    expected = session.raw.execute(f"SELECT {names} FROM t WHERE {condition} ORDER BY {names}").fetchall()
    calls = []

    def fn(*read):
        calls.append(read)
        return (10 + len(calls), 20 + len(calls)) if several else 10 + len(calls)

    writes = ("w", "v") if several else ("v",)
    way = way_of(session, fn, key=key, where=condition if where else None, reads=key, writes=writes)
    if way is None:
        return
    visited = walk(way, batch, len(expected) if reckoned else None)

    assert calls == expected
    assert sum(visited) == len(expected)
    written = session.raw.execute(f"SELECT {', '.join(writes)} FROM t WHERE v > 9 ORDER BY {names}").fetchall()
    numbers = range(1, len(expected) + 1)
    assert written == [(10 + n, 20 + n) if several else (10 + n,) for n in numbers]


@pytest.mark.parametrize(
    ("statements", "key", "where", "there"),
    [
        pytest.param([T], ("id",), None, True, id="the rowid"),
        pytest.param([T], ("rowid",), None, True, id="the rowid by its name"),
        pytest.param([T], ("k",), None, False, id="no index"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k)"], ("k",), None, True, id="a unique index"),
        pytest.param([T, "CREATE INDEX i ON t (k)"], ("k",), None, False, id="an index that is not unique"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k) WHERE k > 0"], ("k",), "k > 0", False, id="a partial index"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k DESC)"], ("k",), None, False, id="a descending index"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k + 0)"], ("k",), None, False, id="an index on an expression"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k, id)"], ("k",), None, False, id="a longer index"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (k, id)"], ("k", "id"), None, True, id="two columns"),
        pytest.param([T, "CREATE UNIQUE INDEX i ON t (K, iD)"], ("k", "id"), None, True, id="two columns in capitals"),
        pytest.param(
            [T, "CREATE UNIQUE INDEX i ON t (u COLLATE NOCASE)"],
            ("u",),
            None,
            False,
            id="an index of another collation",
        ),
        pytest.param(
            [T, "CREATE UNIQUE INDEX i ON t (u COLLATE NOCASE)"],
            ("u",),
            "u COLLATE NOCASE > 'a'",
            False,
            id="an index of another collation, which the condition can use",
        ),
        pytest.param([NOCASE], ("u",), None, True, id="a column with a collation"),
        pytest.param([WITHOUT], ("id",), None, True, id="WITHOUT ROWID"),
        pytest.param([PAIR], ("u", "k"), None, True, id="WITHOUT ROWID, two columns"),
        pytest.param(
            ['CREATE TABLE "T" (id INTEGER PRIMARY KEY, k, u, n, v, w)'], ("ID",), None, True, id="names in capitals"
        ),
        pytest.param([T, "CREATE INDEX i ON t (v)"], ("id",), "v = 1", True, id="a condition that has an index"),
        pytest.param([T], ("id",), "id = 0", False, id="one row"),
    ],
)
def test_it_is_done_in_place_where_sqlite_keeps_the_order(statements, key, where, there):
    session = filled(*statements)

    way = way_of(session, lambda id: id, key=key, where=where)

    assert (way is not None) == there


@pytest.mark.parametrize(
    "trigger",
    [
        "TRIGGER g AFTER UPDATE ON t",
        "TRIGGER g BEFORE DELETE ON T",
        "TRIGGER g UPDATE OF n ON t",
        "TEMP TRIGGER g AFTER UPDATE ON t",
    ],
)
def test_it_is_not_done_in_place_under_a_trigger(trigger):
    session = filled(T, f"CREATE {trigger} BEGIN SELECT 1; END")

    assert way_of(session, lambda id: id) is None


@pytest.mark.parametrize("writes", [("id",), ("v", "ID")])
def test_the_primary_key_is_not_written_in_place(writes):
    session = filled(T, "CREATE UNIQUE INDEX i ON t (k)")

    assert way_of(session, lambda id: id, key=("k",), writes=writes) is None


@pytest.mark.parametrize(
    ("ids", "batch", "total"),
    [
        ([-(2**63), -1, 0, 2**63 - 1], 1, 4),
        ([-(2**63), -1, 0, 2**63 - 1], 100, 4),
        ([*range(50), 2**62], 5, 51),
        ([2**63 - 1], 1, 1),
        ([-(2**63)], 1, 1),
        ([1, 2, 3], 1, 0),  # fewer were counted than are there
        ([1, 2, 3], 2, 10**6),
        ([], 1, 0),
    ],
    ids=str,
)
def test_spans_of_ids_hold_every_row_once(ids, batch, total):
    session = opened("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    session.raw.executemany("INSERT INTO t VALUES (?, 0)", [(n,) for n in ids])
    calls = []

    visited = walk(way_of(session, lambda id: calls.append(id) or 1), batch, total)

    assert calls == sorted(ids)
    assert len(visited) <= len(ids) + max(total, 1) / batch + 1


def test_rows_behind_a_key_are_computed_and_those_before_it_are_not():
    session = filled(T)
    calls = []
    way = way_of(session, lambda id: calls.append(id) or 1)

    for until in way.ranges((0,), 2, None):
        way.update((calls[-1:] and (calls[-1],)) or (0,), until)

    assert calls == [3, 6, 9, 12, 15, 18]


def test_what_the_function_raises_comes_through_and_nothing_of_the_page_is_left():
    session = filled(T)
    wrong = LookupError("mine")
    wrong.__cause__ = cause = KeyError(1)

    def fn(id, n):
        if id == 9:
            raise wrong
        return 77

    way = way_of(session, fn, reads=("id", "n"))
    with pytest.raises(LookupError) as failure:
        way.update(None, (100,))

    assert failure.value is wrong
    assert failure.value.__cause__ is cause
    assert way.failed_values == (9, "A")
    assert session.raw.execute("SELECT count(*) FROM t WHERE v = 77").fetchone() == (0,)
    assert session.raw.in_transaction


@pytest.mark.parametrize("several", [False, True])
def test_after_an_error_the_next_page_begins_anew(several):
    session = filled(T)
    fails = [True]

    def fn(id):
        if id == 6 and fails:
            raise ValueError
        return (id, -id) if several else id

    way = way_of(session, fn, writes=("v", "w") if several else ("v",))
    with pytest.raises(ValueError):
        way.update(None, (100,))
    fails.clear()

    assert way.update(None, (100,)) == (10, 10)
    assert session.raw.execute("SELECT count(*) FROM t WHERE v = id").fetchone() == (10,)
    assert session.raw.execute("SELECT count(*) FROM t WHERE w = -id").fetchone() == (10 if several else 0,)


def test_a_constraint_is_told_as_sqlite_tells_it_and_nothing_is_left():
    session = filled(T, "CREATE UNIQUE INDEX i ON t (v) WHERE v > 10")
    way = way_of(session, lambda id: 99 if id > 0 else 50)

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
        way.update(None, (100,))

    assert way.failed_values is None
    assert session.raw.execute("SELECT count(*) FROM t WHERE v > 10").fetchone() == (0,)


def test_rows_that_are_skipped_are_visited_and_not_written():
    session = filled(T)
    way = way_of(session, lambda id: SKIP if id < 0 else (7, 8), writes=("w", "v"))

    assert way.update(None, (100,)) == (10, 7)
    assert session.raw.execute("SELECT id FROM t WHERE (w, v) <> (7, 8)").fetchall() == [(-9,), (-6,), (-3,)]


def test_nothing_is_left_of_the_function_when_it_is_closed():
    session = filled(T)
    way = way_of(session, lambda id: (1, 2), writes=("v", "w"))
    way.update(None, (100,))
    way.close()

    with pytest.raises(sqlite3.OperationalError):
        way.update(None, (100,))


def test_two_can_be_there_at_once():
    session = filled(T)
    session.raw.execute("CREATE TABLE s AS SELECT * FROM t")
    one = way_of(session, lambda id: 5)
    cursor = session.raw.execute("SELECT id FROM t")
    cursor.fetchone()
    one.update(None, (0,))
    one.close()  # which SQLite may refuse while the cursor is open
    other = way_of(session, lambda id: 6)

    other.update((0,), (100,))

    assert session.raw.execute("SELECT v, count(*) FROM t WHERE v > 4 GROUP BY v").fetchall() == [(5, 4), (6, 6)]
