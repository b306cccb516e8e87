"""data errors and data retry on the command line: screens, compared whole, and exit codes."""

from textwrap import indent

import pytest
from cli.screens import screen

CLIENTS = """
db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, amount TEXT, photo BLOB, cents INTEGER)")
rows = [("1.50", b"abc"), ("2,50", b"abcd"), ("x" * 100, None), ("3", None)]
db.executemany("INSERT INTO clients (amount, photo) VALUES (?, ?)", rows)
"""
PARSE = """
db.transform("clients", cents, reads=["amount", "photo"], writes=["cents"], on_error="quarantine")
"""
FUNCTION = "def cents(amount, photo):\n    return round(float(amount) * 100)"


@pytest.fixture
def two(folder):
    folder.add("0001_clients", CLIENTS)
    folder.add("0002_cents", PARSE, depends_on="0001_clients", head=FUNCTION)
    return folder


def test_a_run_tells_what_it_has_left(two, migrate):
    answer = migrate("up", "--yes")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        1/2  0001_clients   ran       0.04 s
        2/2  0002_cents     ran       0.04 s
        committed  2 migrations applied, version 0 → 2, 0.04 s
        quarantine 2 rows left as before: migrate data errors

        See where it stands: migrate status
        """
    )
    assert answer.aside == screen(
        """
        database  app.sqlite, a new file
             2 rows of clients left as before, in quarantine:
               id = 2   ValueError: could not convert string to float: '2,50'
               id = 3   ValueError: could not convert string to float: 'xxxxxxxxxxxxxx …
             see them: migrate data errors 0002_cents
        """
    )


def test_they_are_listed(two, migrate):
    migrate("up", "--yes")

    answer = migrate("data", "errors")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == screen(
        """
        quarantine   app.sqlite   2 rows

        0002_cents   clients
          id = 2
              ValueError: could not convert string to float: '2,50'
              amount = '2,50', photo = 4 bytes
          id = 3
              ValueError: could not convert string to float: 'xxxxxxxxxxxxxxxxxxxxxxxx …
              amount = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx …

        Correct these rows, or the function, and then:
          migrate data retry 0002_cents
        """
    )


def test_a_limit_says_how_to_see_the_rest(two, migrate):
    migrate("up", "--yes")

    assert migrate("data", "errors", "2", "--limit", "1").screen == screen(
        """
        quarantine   app.sqlite   2 rows

        0002_cents   clients
          id = 2
              ValueError: could not convert string to float: '2,50'
              amount = '2,50', photo = 4 bytes

        and 1 more: migrate data errors --limit 2

        Correct these rows, or the function, and then:
          migrate data retry 0002_cents
        """
    )


def test_nothing_is_in_quarantine(two, migrate):
    assert migrate("data", "errors").screen == screen(
        """
        quarantine   app.sqlite   0 rows

        Nothing is in quarantine.
        """
    )
    migrate("up", "--yes", "--to", "1")
    assert migrate("data", "retry", "1", "--yes").screen == "Nothing to do: none of its rows is in quarantine.\n"


def test_a_redacted_column_is_neither_shown_nor_kept(two, migrate, monkeypatch):
    monkeypatch.setenv("NUKEWORKS_MIGRATE_REDACT", "clients.amount")
    migrate("up", "--yes")

    answer = migrate("data", "errors", "--limit", "1")

    assert "could not convert string to float: ***" in answer.out or "'***'" in answer.out
    assert "amount = ***, photo = 4 bytes" in answer.out
    assert "2,50" not in str(two.query("SELECT * FROM schema_version_quarantine"))


def test_a_retry_tells_what_is_settled(two, migrate):
    migrate("up", "--yes")
    two.sql("UPDATE clients SET amount = '2.50' WHERE id = 2")

    answer = migrate("data", "retry", "2", "--yes")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0002.sqlite   4.2 KiB
        1/1  0002_cents   ran       0.04 s
        committed  1 row settled, 1 in quarantine again, 0.04 s

        See them: migrate data errors 0002_cents
        Back to where it was: migrate restore SNAPSHOT-0002
        """
    )
    told = screen(
        """
        1 row of clients left as before, in quarantine:
          id = 3   ValueError: could not convert string to float: 'xxxxxxxxxxxxxx …
        see them: migrate data errors 0002_cents
        """
    )
    assert answer.aside == indent(told, "     ")


def test_without_a_terminal_a_retry_needs_yes(two, migrate):
    migrate("up", "--yes")
    before = two.content()

    answer = migrate("data", "retry", "2")

    assert answer.exit_code == 3
    assert "say it beforehand: --yes" in answer.err
    assert two.content() == before
