"""Rows in quarantine: listed, tried again, and settled."""

import pytest
from support import Folder

from nukeworks_migrate import down, errors, history, list_snapshots, quarantined, retry, up

CLIENTS = """
db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, amount TEXT, cents INTEGER)")
rows = [("1.50",), ("2,50",), ("3",), ("-",), (None,)]
db.executemany("INSERT INTO clients (amount) VALUES (?)", rows)
"""
PARSE = """
db.transform("clients", cents, reads=["amount"], writes=["cents"], on_error="quarantine", max_errors=3)
"""
FUNCTION = "def cents(amount):\n    return round(float(amount) * 100)"


@pytest.fixture
def left(folder) -> Folder:
    """Three of five rows in quarantine."""
    folder.add("0001_clients", CLIENTS, "db.execute('DROP TABLE clients')")
    folder.add("0002_cents", PARSE, depends_on="0001_clients", head=FUNCTION)
    up(folder.project())
    return folder


def cents(folder) -> list[int | None]:
    return [value for (value,) in folder.query("SELECT cents FROM clients ORDER BY id")]


def change(folder, old: str, new: str, name: str = "0002_cents") -> None:
    path = folder.versions / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_they_are_listed_with_key_error_and_what_was_read(left):
    found = quarantined(left.project())

    assert found.total == 3
    assert [(row.name, row.table, row.key_columns, row.key, row.row, row.error) for row in found.rows] == [
        ("0002_cents", "clients", ("id",), (key,), {"amount": amount}, error)
        for key, amount, error in (
            (2, "2,50", "ValueError: could not convert string to float: '2,50'"),
            (4, "-", "ValueError: could not convert string to float: '-'"),
            (5, None, "TypeError: float() argument must be a string or a real number, not 'NoneType'"),
        )
    ]
    assert cents(left) == [150, None, 300, None, None]


def test_a_limit_leaves_out_the_later_ones_and_counts_them(left):
    found = quarantined(left.project(), "2", limit=2)

    assert ([row.key for row in found.rows], found.total) == ([(2,), (4,)], 3)
    assert quarantined(left.project(), "1").total == 0


def test_a_name_that_is_none_is_refused(left):
    for action in (quarantined, retry):
        with pytest.raises(errors.UnknownTarget):
            action(left.project(), "0003")


def test_a_database_that_is_not_there_has_none_and_is_not_made(folder):
    folder.add_table("0001_clients", "clients")

    assert quarantined(folder.project()).total == 0
    assert not folder.database.exists()


def test_rows_that_were_corrected_are_computed_and_no_others(left):
    left.sql("UPDATE clients SET amount = '2.50' WHERE id = 2; UPDATE clients SET cents = 1 WHERE id = 1")
    before = len(list_snapshots(left.project()).snapshots)

    report = retry(left.project(), "0002")

    assert cents(left) == [1, 250, 300, None, None]
    assert (report.steps[0].retried, report.steps[0].quarantined[0].total) == (3, 2)
    assert [row.key for row in quarantined(left.project()).rows] == [(4,), (5,)]
    assert len(list_snapshots(left.project()).snapshots) == before + 1
    assert left.applied() == [1, 2]
    last = history(left.project()).log[-1]
    assert (last.event, last.name, last.detail) == ("retried", "0002_cents", "rows: 1 settled, 2 in quarantine again")


def test_rows_that_are_gone_or_not_chosen_any_more_are_settled(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", PARSE.replace("max_errors=3", "where='cents IS NULL'"), head=FUNCTION)
    up(folder.project())
    folder.sql("DELETE FROM clients WHERE id = 2; UPDATE clients SET cents = 7 WHERE id = 4")

    report = retry(folder.project(), "0002")

    assert (report.steps[0].retried, [rows.total for rows in report.steps[0].quarantined]) == (3, [1])
    assert cents(folder) == [150, 300, 7, None]


def test_nothing_in_quarantine_is_nothing_to_do(left):
    left.sql("UPDATE clients SET amount = '1'")
    retry(left.project(), "0002")
    before = left.content()

    assert retry(left.project(), "0002").steps == ()
    assert left.content() == before


def test_a_function_that_was_corrected_has_to_be_accepted_first(left):
    change(left, "float(amount)", 'float((amount or "0").replace(",", ".").replace("-", "0"))')
    with pytest.raises(errors.ChecksumDrift):
        retry(left.project(), "0002")

    left.run("accept", "2", "--reason", "commas")
    retry(left.project(), "0002")

    assert cents(left) == [150, 250, 300, 0, 0]
    assert quarantined(left.project()).total == 0


def test_what_else_the_migration_did_is_not_done_again(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add(
        "0002_cents",
        """
        db.execute("CREATE TABLE done (id INTEGER)")
        db.executemany("INSERT INTO done VALUES (?)", [(1,)])
        db.script("INSERT INTO done VALUES (2); INSERT INTO done VALUES (3);")
        db.update("clients", set={"amount": "amount || '0'"}, where="id = 1")
        with db.alter_table("clients") as table:
            table.add_column("note TEXT")
        db.copy_rows("clients", "done", lambda id: {"id": id}, reads=["id"], where="id = 3")
        if db.scalar("SELECT count(*) FROM done") != 4:
            raise RuntimeError("not as it was left")
        db.transform("clients", cents, reads=["amount"], writes=["cents"], on_error="quarantine")
        db.log("again")
        """,
        head=FUNCTION,
    )
    up(folder.project())
    folder.sql("UPDATE clients SET amount = '9' WHERE amount IS NULL")
    before = folder.query("SELECT * FROM done"), folder.query("SELECT id, amount, note FROM clients")

    report = retry(folder.project(), "0002")

    assert (folder.query("SELECT * FROM done"), folder.query("SELECT id, amount, note FROM clients")) == before
    assert cents(folder) == [150, None, 300, None, 900]
    assert report.steps[0].messages == ("again",)


def test_a_copy_of_rows_is_tried_again_too(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add(
        "0002_split",
        """
        db.execute("CREATE TABLE cents (client INTEGER, cents INTEGER)")
        db.copy_rows("clients", "cents", row, on_error="quarantine")
        """,
        head=f"{FUNCTION}\n\n\ndef row(id, amount, **_):\n    return {{'client': id, 'cents': cents(amount)}}",
    )
    up(folder.project())
    folder.sql("UPDATE clients SET amount = '2.5' WHERE id = 2")

    retry(folder.project(), "0002")

    assert folder.query("SELECT * FROM cents") == [(1, 150), (3, 300), (2, 250)]
    assert [row.key for row in quarantined(folder.project()).rows] == [(4,), (5,)]


@pytest.mark.parametrize(
    "statement",
    ["db.connection.execute('DELETE FROM clients')", "db.query('DELETE FROM clients RETURNING id')"],
)
def test_what_a_retry_cannot_leave_out_is_refused(folder, statement):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", f"if db.scalar('SELECT cents FROM clients'):\n    {statement}\n{PARSE}", head=FUNCTION)
    up(folder.project())
    before = folder.application_content()

    with pytest.raises(errors.StepFailed) as caught:
        retry(folder.project(), "0002")

    assert "is not given in a retry" in caught.value.cause
    assert "migrate data retry 0002_cents" in caught.value.next_step
    assert folder.application_content() == before
    assert quarantined(folder.project()).total == 3


def test_code_that_goes_another_way_is_refused(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", f"if db.scalar('SELECT cents FROM clients') is None:\n    {PARSE.strip()}", head=FUNCTION)
    up(folder.project())

    with pytest.raises(errors.StepFailed, match="0002_cents failed") as caught:
        retry(folder.project(), "0002")

    assert "was not reached" in caught.value.cause
    assert quarantined(folder.project()).total == 3


def test_other_columns_for_the_same_number_are_refused(left):
    change(left, '"clients", cents', '"Clients", cents')
    left.run("accept", "2", "--reason", "other words")

    with pytest.raises(errors.StepFailed) as caught:
        retry(left.project(), "0002")

    assert "number 1 was a walk through clients" in caught.value.cause


def test_too_many_that_fail_again_undo_the_retry(left):
    change(left, "max_errors=3", "max_errors=1")
    left.run("accept", "2", "--reason", "stricter")

    with pytest.raises(errors.StepFailed):
        retry(left.project(), "0002")

    assert quarantined(left.project()).total == 3


def test_a_downgrade_takes_the_rows_of_its_migration_away(left):
    down(left.project(), to="1")

    assert quarantined(left.project()).total == 0
    assert left.query("SELECT count(*) FROM schema_version_quarantine") == [(0,)]


def test_what_a_downgrade_left_is_tried_again_by_it_and_gone_with_the_next_upgrade(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", "pass", PARSE, head=FUNCTION)
    up(folder.project())
    down(folder.project(), to="1")
    assert [row.direction for row in quarantined(folder.project()).rows] == ["down"] * 3
    folder.sql("UPDATE clients SET amount = '4' WHERE id = 4")

    retry(folder.project(), "0002")

    assert cents(folder) == [150, None, 300, 400, None]
    up(folder.project())
    assert quarantined(folder.project()).total == 0


def test_a_migration_that_is_marked_as_not_applied_is_not_tried_again(left):
    left.run("stamp", "1", "--yes")
    left.sql(
        "INSERT INTO schema_version_quarantine SELECT NULL, 'now', 2, '0002_cents', 'up', 1, 'clients', '[\"id\"]',"
        " '[2]', 'e', '{}', NULL"
    )

    with pytest.raises(errors.UnknownTarget, match="0002_cents is not applied"):
        retry(left.project(), "0002")


def test_a_question_that_is_answered_no_changes_nothing(left):
    before = left.content()

    def no(proposal):
        raise errors.NotConfirmed("no")

    with pytest.raises(errors.NotConfirmed):
        retry(left.project(), "0002", confirm=no)

    assert left.content() == before


def test_a_retry_of_a_migration_without_transaction_is_one_transaction(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", PARSE, head=f"{FUNCTION}\n\n\ntransaction = 'none'")
    up(folder.project())
    folder.sql("UPDATE clients SET amount = '4'")

    retry(folder.project(), "0002")

    assert cents(folder) == [150, 400, 300, 400, 400]
    assert quarantined(folder.project()).total == 0
