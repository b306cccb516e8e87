"""A run that fails leaves the database as it was, whatever the migration did, and says so."""

import pytest
from runtime.misbehaviour import CASES, four_of_five
from support import content

from nukeworks_migrate import MigrateError, up
from nukeworks_migrate.errors import StatementRefused, StepFailed


@pytest.fixture
def five(folder):
    """Five migrations, the first applied; the third is to be written by the test."""
    return four_of_five(folder)


def unlogged(lines: list[str]) -> list[str]:
    """Content without the rows of the log, in which one row about the failure is allowed."""
    return [line for line in lines if not line.startswith("schema_version_log: ")]


@pytest.mark.parametrize(("body", "cause"), CASES)
def test_a_failing_migration_in_the_middle_leaves_nothing_of_the_run(five, body, cause):
    five.add("0003_wrong", body)
    before = five.content()

    with pytest.raises(StepFailed) as failure:
        up(five.project())

    assert unlogged(five.content()) == unlogged(before)
    assert five.applied() == [1]
    assert failure.value.name == "0003_wrong"
    assert failure.value.undone == ("0002_before",)
    assert cause in failure.value.cause
    assert failure.value.unchanged == "the run was rolled back; database and ledger are as they were"


def test_a_failure_leaves_one_row_in_the_log_and_nothing_else(five):
    five.add("0003_wrong", "raise RuntimeError('half way')")

    with pytest.raises(StepFailed):
        up(five.project())

    rows = five.query("SELECT event, version, name, detail FROM schema_version_log ORDER BY id")
    assert rows == [
        ("applied", 1, "0001_clients", None),
        ("failed", 3, "0003_wrong", "0003_wrong failed\nRuntimeError: half way"),
    ]


def test_a_failed_first_run_leaves_an_empty_database(folder):
    folder.add("0001_wrong", 'db.execute("CREATE TABLE t (id)")\nraise RuntimeError')

    with pytest.raises(StepFailed):
        up(folder.project())

    assert folder.tables() == set()
    assert folder.database.stat().st_size == 0


def test_a_failed_down_leaves_what_was_applied(folder):
    folder.add_table("0001_one", "one")
    folder.add("0002_two", downgrade='db.execute("DROP TABLE one")\nraise RuntimeError("no")')
    up(folder.project())
    before = folder.content()

    from nukeworks_migrate import down

    with pytest.raises(StepFailed) as failure:
        down(folder.project(), to="base")

    assert unlogged(folder.content()) == unlogged(before)
    assert failure.value.what == "0002_two failed on the way down"


def test_the_refusal_says_which_statement_and_what_to_write_instead(five):
    five.add("0003_wrong", 'db.execute("CREATE TABLE x (id)")\ndb.execute("PRAGMA foreign_keys = OFF")')

    with pytest.raises(StatementRefused) as failure:
        up(five.project())

    line = (
        five.versions.joinpath("0003_wrong.py")
        .read_text()
        .splitlines()
        .index('    db.execute("PRAGMA foreign_keys = OFF")')
    )
    assert failure.value.where == f"versions/0003_wrong.py:{line + 1}\nPRAGMA foreign_keys = OFF"
    assert failure.value.next_step.startswith("leave it out: foreign keys are off during a run")


def test_with_commit_each_the_steps_before_the_failure_stay(five):
    five.add("0003_wrong", "raise RuntimeError('half way')")

    with pytest.raises(StepFailed) as failure:
        up(five.project(), commit="each")

    assert five.applied() == [1, 2]
    assert failure.value.kept == ("0002_before",)
    assert failure.value.changed == "0002_before is applied and committed"
    assert failure.value.unchanged == "0003_wrong was rolled back; 0004_after, 0005_last did not run"


def test_verify_fails_the_step_that_it_belongs_to(folder):
    folder.write(
        "0001_verified.py",
        """
        def upgrade(db):
            db.execute("CREATE TABLE t (id)")

        def verify(db):
            assert db.scalar("SELECT count(*) FROM t") == 1, "t is empty"
        """,
    )

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause == "AssertionError: t is empty"
    assert folder.tables() == set()


@pytest.mark.parametrize("function", ["check", "verify"])
def test_a_check_or_verify_that_returns_false_fails(folder, function):
    folder.write(
        "0001_t.py",
        f"def upgrade(db):\n    db.execute('CREATE TABLE t (id)')\n\ndef {function}(db):\n    return False\n",
    )

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause == f"{function}() returned False"
    assert folder.tables() == set()


def test_check_runs_before_upgrade(folder):
    folder.write(
        "0001_t.py",
        """
        def check(db):
            if db.scalar("SELECT count(*) FROM sqlite_master WHERE name = 't'"):
                raise RuntimeError("t is already there")

        def upgrade(db):
            db.execute("CREATE TABLE t (id)")
        """,
    )

    up(folder.project())

    assert "t" in folder.tables()


def test_a_migration_may_use_savepoints_of_its_own(folder):
    folder.add(
        "0001_t",
        """
        db.execute("CREATE TABLE t (id)")
        db.execute("SAVEPOINT mine")
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("ROLLBACK TO mine")
        db.execute("RELEASE mine")
        db.execute("INSERT INTO t VALUES (2)")
        """,
    )

    up(folder.project())

    assert folder.query("SELECT id FROM t") == [(2,)]


def test_a_library_may_work_through_the_connection(folder):
    folder.add(
        "0001_t",
        """
        connection = db.connection
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT)")
        cursor.executemany("INSERT INTO t (word) VALUES (?)", [("a",), ("b",)])
        assert cursor.rowcount == 2
        connection.create_function("shout", 1, lambda word: word.upper() + "!")
        connection.execute("UPDATE t SET word = shout(word)")
        assert [row[1] for row in connection.execute("SELECT * FROM t ORDER BY id")] == ["A!", "B!"]
        assert not hasattr(connection, "no_such_thing")
        """,
    )

    up(folder.project())

    assert folder.query("SELECT word FROM t ORDER BY id") == [("A!",), ("B!",)]


def test_the_cached_statement_of_one_step_is_judged_again_in_the_next(folder):
    insert = 'db.execute("INSERT INTO child (parent_id) VALUES (99)")'
    folder.add(
        "0001_tables",
        """
        db.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))")
        db.execute("INSERT INTO parent VALUES (99)")
        """,
    )
    folder.add("0002_child", insert)
    folder.add("0003_orphan", f'db.execute("DELETE FROM parent")\ndb.execute("DELETE FROM child")\n{insert}')

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.name == "0003_orphan"
    assert "child (1): parent_id has no row in parent" in failure.value.cause


@pytest.mark.parametrize(
    "and_then",
    ["", "raw.execute('BEGIN')", "raw.execute('CREATE TABLE more (id)')", "raw.execute('SAVEPOINT x')"],
    ids=["alone", "and began another", "and went on", "and a savepoint"],
)
def test_a_transaction_that_was_really_committed_is_never_called_rolled_back(five, and_then):
    """Python lets anybody reach past the guard; then at least nothing is said that is not so."""
    five.add(
        "0003_wrong",
        """
        raw = db._session.raw
        raw.set_authorizer(None)
        raw.execute("COMMIT")
        """
        + and_then,
    )

    with pytest.raises(MigrateError) as failure:
        up(five.project())

    assert failure.value.code == "not-rolled-back"
    assert "NOT rolled back" in failure.value.what
    assert "migrate restore" in failure.value.next_step
    assert "before" in five.tables()


def test_the_content_of_a_database_is_told_apart_by_the_tests_themselves(folder):
    folder.sql("CREATE TABLE t (id); INSERT INTO t VALUES (1)")
    one = content(folder.database)
    folder.sql("UPDATE t SET id = 2")

    assert content(folder.database) != one
