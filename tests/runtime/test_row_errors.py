"""Rows that fail: the one that ends the migration is named, and those in quarantine are left as they were."""

import json
import sqlite3
from contextlib import closing

import pytest
from runtime.data_steps import THREE

from nukeworks_migrate import SKIP, MigrateError, down, events, up
from nukeworks_migrate.databases.quarantine import read_quarantine
from nukeworks_migrate.databases.sqlite.connection import SqliteReader
from nukeworks_migrate.errors import Interrupted, StepFailed

TEN = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size);" + "".join(
    f"INSERT INTO t VALUES ({n}, 'n{n}', {n * 10});" for n in range(1, 11)
)


class Odd(Exception):
    """An exception with a shape of its own."""

    def __init__(self, code, *, hint):
        super().__init__(code)
        self.hint = hint

    def __str__(self):
        return f"odd: {self.hint}"


def quarantine(work):
    with closing(sqlite3.connect(work.folder.database)) as connection:
        return read_quarantine(SqliteReader(connection))


def raising(at, error):
    def fn(id, name):
        if id == at:
            raise error
        return f"{name}!"

    return fn


# The row that ends the migration


@pytest.mark.parametrize("transaction", ["single", "none"])
@pytest.mark.parametrize("at", [1, 4, 10], ids=["first", "middle", "last"])
def test_the_row_and_its_values_are_named_and_nothing_is_left(work, path, at, transaction):
    work.folder.sql(f"{TEN}{path}")

    def run(db):
        db.transform("t", raising(at, KeyError("size")), reads=["id", "name"], writes="size")

    if transaction == "single":
        failure = work.fails(run)
    else:
        with pytest.raises(Interrupted) as caught:
            work.run(run, transaction="none")
        failure = caught.value
        # The first row is a batch of its own: it tells what the function returns.
        assert work.rows("SELECT count(*) FROM t WHERE size LIKE '%!'") == [(0 if at == 1 else 1,)]

    assert f"KeyError: 'size'\nin transform() of t, at id = {at}\nwith id = {at}, name = 'n{at}'" in failure.cause


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Odd(7, hint="seven"), "Odd: odd: seven"),
        (ValueError(), "ValueError\nin transform() of t, at id = 4"),
        (ValueError("two\nlines"), "ValueError: two\nlines"),
        (StopIteration("no more"), "RuntimeError: StopIteration: no more\nin transform() of t, at id = 4"),
        (StopIteration(), "RuntimeError: StopIteration\nin transform() of t, at id = 4"),
        (sqlite3.OperationalError("mine"), "mine\nin transform() of t, at id = 4"),
        (MemoryError(), "MemoryError\nin transform() of t, at id = 4"),
        (RecursionError("deep"), "RecursionError: deep\nin transform() of t, at id = 4"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_it_raises_ends_the_migration(work, path, error, words):
    work.folder.sql(f"{TEN}{path}")

    failure = work.fails(lambda db: db.transform("t", raising(4, error), reads=["id", "name"], writes="size", batch=2))

    assert words in failure.cause


def test_the_exception_is_the_functions_own_with_its_cause(work, path):
    work.folder.sql(f"{TEN}{path}")

    def fn(id, name):
        try:
            return {}[name]
        except KeyError as error:
            raise Odd(1, hint=name) from error

    failure = work.fails(lambda db: db.transform("t", fn, reads=["id", "name"], writes="size"))

    assert isinstance(failure.__cause__, Odd)
    assert isinstance(failure.__cause__.__cause__, KeyError)
    assert failure.__cause__.hint == "n1"


def test_file_and_line_are_those_of_the_function(work, path):
    work.folder.sql(f"{TEN}{path}")
    work.folder.add(
        "0001_m",
        'db.transform("t", fn, reads="id", writes="size")',
        head='def fn(id):\n    if id == 7:\n        raise ValueError("no seven")\n    return id',
    )
    lines = (work.folder.versions / "0001_m.py").read_text().splitlines()
    with pytest.raises(StepFailed) as failure:
        up(work.folder.project())

    line = lines.index('        raise ValueError("no seven")') + 1
    assert failure.value.where == f"versions/0001_m.py:{line}"
    assert failure.value.cause == "ValueError: no seven\nin transform() of t, at id = 7\nwith id = 7"


def test_a_migration_may_catch_it_and_go_on_and_no_row_of_the_batch_is_written(work, path):
    work.folder.sql(f"{TEN}{path}")

    def run(db):
        with pytest.raises(ValueError, match="no"):
            db.transform("t", raising(6, ValueError("no")), reads=["id", "name"], writes="size", batch=100)
        db.execute("UPDATE t SET name = 'on' WHERE id = 1")

    work.run(run)

    assert [n for (n,) in work.rows("SELECT id FROM t WHERE name = 'on'")] == [1]
    assert [size for (size,) in work.rows("SELECT size FROM t WHERE id > 1")] == [n * 10 for n in range(2, 11)]


def test_values_are_shown_short(work):
    work.folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c);")
    work.execute("INSERT INTO t VALUES (?, ?, ?, ?)", [(1, "x" * 500, b"y" * 500, None)])

    def fn(a, b, c):
        raise ValueError

    failure = work.fails(lambda db: db.transform("t", fn, reads=["a", "b", "c"], writes="c"))

    assert f"with a = 'x{'x' * 58} …, b = 500 bytes, c = None" in failure.cause


@pytest.mark.parametrize("key", ["'a''b'", "x'0102'", "-1.5", "-9223372036854775808", "'n\nl'"])
def test_the_key_is_named_whatever_it_is(work, path, key):
    work.folder.sql(f"CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES ({key}, 1);{path}")

    def fn(v):
        raise ValueError

    failure = work.fails(lambda db: db.transform("t", fn, reads="v", writes="v"))

    ((value,),) = work.rows("SELECT k FROM t")
    assert f"at k = {value!r}\nwith v = 1" in failure.cause


# A function that keeps a state is not called again to find the row


def test_the_row_is_the_one_that_failed_also_where_the_function_keeps_a_state(work, path):
    work.folder.sql(f"{TEN}UPDATE t SET name = 'n3' WHERE id = 8;{path}")
    seen = set()
    calls = []

    def once(id, name):
        calls.append(id)
        if name in seen:
            raise ValueError(f"{name} is there twice")
        seen.add(name)
        return name

    failure = work.fails(lambda db: db.transform("t", once, reads=["id", "name"], writes="size"))

    assert "ValueError: n3 is there twice\nin transform() of t, at id = 8\n" in failure.cause
    assert calls == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_row_that_holds_what_others_hold_is_said_to_be_one_of_them(work):
    work.folder.sql(f"{TEN}UPDATE t SET name = 'same' WHERE id > 5;")
    names = []

    def once(name):
        names.append(name)
        if names.count("same") == 3:
            raise ValueError("three")
        return 1

    failure = work.fails(lambda db: db.transform("t", once, reads="name", writes="size"))

    assert "in transform() of t, at id = 6, or at a later row that holds the same\nwith name = 'same'" in failure.cause


@pytest.mark.xfail(strict=True, reason="in place, the row that breaks a constraint is found by computing again")
def test_the_row_that_breaks_a_constraint_is_named_where_the_function_keeps_a_state(work):
    work.folder.sql(
        f"{TEN}CREATE TABLE u (id INTEGER PRIMARY KEY, n CHECK (n < 5)); INSERT INTO u SELECT id, 0 FROM t;"
    )
    numbers = iter(range(1, 100))

    failure = work.fails(lambda db: db.transform("u", lambda id: next(numbers), reads="id", writes="n"))

    assert "at id = 5" in failure.cause


# What the settings hide


def test_redacted_columns_are_in_no_message(work, path):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size); INSERT INTO t VALUES (1, 'Jane Doe', 5);{path}"
    )

    def fn(id, name, size):
        try:
            raise KeyError(name)
        except KeyError as error:
            raise ValueError(f"{name} / {name!r} / {name.encode()!r} / {size}") from error

    failure = work.fails(
        lambda db: db.transform("t", fn, reads=["id", "name", "size"], writes="size"), redact=["t.NAME"]
    )

    words = "\n".join([str(failure), failure.cause, failure.where])
    assert "Jane" not in words
    assert "RedactedError: ValueError: *** / *** / b*** / 5" in words
    assert "with id = 1, name = ***, size = 5" in words
    assert failure.__cause__.__cause__ is None


def test_a_redacted_key_is_in_no_message(work, path):
    work.folder.sql(f"CREATE TABLE t (mail TEXT PRIMARY KEY, size); INSERT INTO t VALUES ('jane@x.org', 5);{path}")

    def fn(mail):
        raise ValueError(f"not {mail}")

    failure = work.fails(lambda db: db.transform("t", fn, reads="mail", writes="size"), redact=["mail"])
    report = work.run(
        lambda db: db.transform("t", fn, reads="mail", writes="size", on_error="quarantine"), redact=["mail"]
    )

    assert "jane" not in f"{failure} {failure.cause}"
    assert "at mail = ***" in failure.cause
    assert report.steps[-1].quarantined[0].first == (("mail = ***", "ValueError: not ***"),)


def test_redacted_columns_are_not_in_quarantine_and_not_within_an_error(work):
    work.folder.sql(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size); INSERT INTO t VALUES (1, 'Jane Doe', 5);"
    )

    def fn(name, size):
        raise ValueError(f"{name!r} is no {size}")

    work.run(
        lambda db: db.transform("t", fn, reads=["name", "size"], writes="size", on_error="quarantine"),
        redact=["name"],
    )

    (row,) = quarantine(work)
    assert row.error == "ValueError: *** is no 5"
    assert row.row == {"name": "***", "size": 5}


# Quarantine


def test_rows_in_quarantine_are_left_and_told(work):
    work.folder.sql(TEN)
    told = []

    def fn(id, name):
        if id % 3 == 0:
            raise ValueError(f"{name} is bad")
        return SKIP if id == 1 else -id

    def run(db):
        assert db.transform("t", fn, reads=["id", "name"], writes="size", on_error="quarantine", batch=4) == 6

    report = work.run(run, on_event=told.append)

    assert work.rows("SELECT id, size FROM t") == [(n, n * 10 if n % 3 == 0 or n == 1 else -n) for n in range(1, 11)]
    rows = quarantine(work)
    assert [(row.key, row.error, row.row) for row in rows] == [
        ((n,), f"ValueError: n{n} is bad", {"id": n, "name": f"n{n}"}) for n in (3, 6, 9)
    ]
    assert {(r.version, r.name, r.direction, r.number, r.table, r.key_columns) for r in rows} == {
        (1, "0001_work", "up", 1, "t", ("id",))
    }
    assert {row.run_id for row in rows} == {report.run_id}
    (found,) = report.steps[0].quarantined
    assert (found.table, found.total) == ("t", 3)
    assert found.first == tuple((f"id = {n}", f"ValueError: n{n} is bad") for n in (3, 6, 9))
    assert [event.rows for event in told if isinstance(event, events.RowsQuarantined)] == [found]


@pytest.mark.parametrize("transaction", ["single", "none"])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_so_many_errors_are_allowed_and_not_one_more(work, transaction, batch):
    work.folder.sql(TEN)

    def fn(id, name):
        if id in (2, 5, 9):
            raise ValueError(name)
        return 0

    def run(db, most):
        words = {"reads": ["id", "name"], "writes": "size", "on_error": "quarantine", "batch": batch}
        db.transform("t", fn, max_errors=most, **words)

    with pytest.raises(MigrateError) as failure:
        work.run(lambda db: run(db, 2))
    assert "more than 2 rows failed" in f"{failure.value.what} {failure.value.cause}"
    assert "id = 9" in failure.value.cause
    assert "schema_version_quarantine" not in work.folder.tables()
    assert work.rows("SELECT count(*) FROM t WHERE size = 0") == [(0,)]
    (work.folder.versions / "0001_work.py").unlink()

    work.number = 0
    work.run(lambda db: run(db, 3), transaction=transaction)

    assert [row.key for row in quarantine(work)] == [(2,), (5,), (9,)]
    assert work.rows("SELECT count(*) FROM t WHERE size = 0") == [(7,)]


def test_none_allowed_is_none(work):
    work.folder.sql(TEN)

    failure = work.fails(
        lambda db: db.transform(
            "t", raising(1, ValueError("x")), reads=["id", "name"], writes="size", on_error="quarantine", max_errors=0
        )
    )

    assert "more than 0 rows failed" in f"{failure.what} {failure.cause}"


def test_an_unknown_word_is_refused(work):
    work.folder.sql(TEN)

    failure = work.fails(lambda db: db.transform("t", lambda id: 1, reads="id", writes="size", on_error="skip"))

    assert 'transform() knows on_error="stop" and "quarantine", not \'skip\'' in failure.cause


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize(
    ("column", "new", "error"),
    [
        ("size UNIQUE", lambda id: 7 if id in (2, 4) else id, "UNIQUE constraint failed: t.size"),
        ("size NOT NULL", lambda id: None if id == 4 else id, "NOT NULL constraint failed: t.size"),
        ("size CHECK (size <> 44)", lambda id: 44 if id == 4 else id, "CHECK constraint failed: size <> 44"),
        ("size", lambda id: 2**64 if id == 4 else id, "OverflowError: Python int too large"),
        ("size", lambda id: "\udc00" if id == 4 else id, "UnicodeEncodeError: "),
        ("size", lambda id: [] if id == 4 else id, "TypeError: <lambda>() returned a list"),
    ],
)
def test_rows_that_break_a_constraint_are_put_into_quarantine_too(work, batch, column, new, error):
    work.folder.sql(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column});"
        + "".join(f"INSERT INTO t VALUES ({n}, {-n});" for n in range(1, 7))
    )

    work.run(lambda db: db.transform("t", new, reads="id", writes="size", on_error="quarantine", batch=batch))

    (row,) = quarantine(work)
    assert row.key == (4,)
    assert error in row.error
    assert work.rows("SELECT id, size FROM t WHERE size < 0") == [(4, -4)]


def test_each_transform_of_a_migration_has_its_own_number(work):
    work.folder.sql(TEN)
    fails_on = lambda at: raising(at, ValueError(str(at)))  # noqa: E731
    words = {"reads": ["id", "name"], "writes": "size", "on_error": "quarantine"}

    def run(db):
        db.transform("t", fails_on(1), **words)
        db.update("t", set={"size": "0"}, where="id = 2")
        db.transform("t", fails_on(0), **words)
        db.transform("t", fails_on(3), **words)

    report = work.run(run)

    assert [(row.number, row.key) for row in quarantine(work)] == [(1, (1,)), (4, (3,))]
    assert [found.total for found in report.steps[0].quarantined] == [1, 1]


def test_a_step_that_fails_later_takes_its_quarantine_along(work):
    work.folder.sql(TEN)

    def run(db):
        db.transform("t", raising(1, ValueError("x")), reads=["id", "name"], writes="size", on_error="quarantine")
        raise RuntimeError("later")

    work.fails(run)

    assert "schema_version_quarantine" not in work.folder.tables()


def test_what_is_in_quarantine_is_gone_after_down(work):
    work.folder.sql(TEN)
    work.run(
        lambda db: db.transform(
            "t", raising(1, ValueError("x")), reads=["id", "name"], writes="size", on_error="quarantine"
        )
    )
    assert len(quarantine(work)) == 1

    down(work.folder.project(resources={"work": None}), to="base")

    assert quarantine(work) == []


EVERY_KEY = [
    -(2**63),
    2**63 - 1,
    0,
    1.5,
    -0.1,
    1e300,
    float("inf"),
    "",
    "a",
    "ü\0\n",
    '"',
    b"",
    b"\0\xff",
    "hex",
    '{"hex": 1}',
]


@pytest.mark.parametrize("transaction", ["single", "none"])
def test_keys_of_every_type_come_back_equal(work, transaction):
    work.folder.sql("CREATE TABLE t (a, b, v, PRIMARY KEY (a, b));")
    work.execute("INSERT INTO t VALUES (?, ?, 0)", [(key, b"b") for key in EVERY_KEY])

    def fn(a, v):
        raise ValueError

    work.run(
        lambda db: db.transform("t", fn, reads=["a", "v"], writes="v", on_error="quarantine", batch=4),
        transaction=transaction,
    )

    stored = [tuple(row) for row in work.rows("SELECT a, b FROM t ORDER BY a, b")]
    assert [repr(row.key) for row in quarantine(work)] == [repr(key) for key in stored]
    assert all(row.key_columns == ("a", "b") for row in quarantine(work))
    texts = work.rows("SELECT row FROM schema_version_quarantine ORDER BY id")
    assert [json.loads(text)["v"] for (text,) in texts] == [0] * len(EVERY_KEY)


def test_a_row_with_values_of_every_type_is_noted(work):
    work.folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c, d, e);")
    work.execute("INSERT INTO t VALUES (1, ?, ?, ?, ?, ?)", [(None, b"\1", 2**63 - 1, 0.1, "ü\0")])

    def fn(a, b, c, d, e):
        raise ValueError

    work.run(lambda db: db.transform("t", fn, reads=["a", "b", "c", "d", "e"], writes="a", on_error="quarantine"))

    (row,) = quarantine(work)
    assert row.row == {"a": None, "b": {"hex": "01"}, "c": 2**63 - 1, "d": 0.1, "e": "ü\0"}


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 38), reason="no JSON functions built in")
def test_the_row_is_json_that_others_read(work):
    work.folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 9e999);")

    def fn(v):
        raise ValueError

    work.run(lambda db: db.transform("t", fn, reads="v", writes="v", on_error="quarantine"))

    assert work.rows("SELECT json_valid(row) FROM schema_version_quarantine") == [(1,)]


def test_a_rehearsal_tells_what_would_be_in_quarantine_and_leaves_none(work):
    work.folder.sql(TEN)

    def run(db):
        db.transform("t", raising(3, ValueError("x")), reads=["id", "name"], writes="size", on_error="quarantine")

    before = work.folder.content()
    rehearsed = work.rehearse(run)
    assert work.folder.content() == before
    work.number = 0
    report = work.run(run)

    assert rehearsed.failure is None
    assert rehearsed.steps[0].quarantined == report.steps[0].quarantined != ()


def test_a_rehearsal_ends_with_the_failure_of_the_run(work):
    work.folder.sql(THREE)

    def run(db):
        db.transform("t", raising(4, ValueError("x")), reads=["id", "name"], writes="size")

    rehearsed = work.rehearse(run)
    work.number = 0
    failure = work.fails(run)

    assert rehearsed.failure.cause == failure.cause
    assert "at id = 4" in failure.cause
