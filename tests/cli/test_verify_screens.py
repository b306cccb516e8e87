"""verify and schema dump on the command line: screens, compared whole, exit codes, and one object with --json."""

import os
import sqlite3
import subprocess
from contextlib import closing

import pytest
from cli.screens import screen
from support import MIGRATE, environment

from nukeworks_migrate import up

CONTACTS = '''
db.execute("""
    CREATE TABLE contacts (
        id INTEGER PRIMARY KEY,
        client INTEGER REFERENCES clients (id),
        name TEXT
    )
""")
'''


@pytest.fixture
def two(folder):
    """Two migrations, none applied."""
    folder.add("0001_clients", "db.execute('CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)')")
    folder.add("0002_contacts", CONTACTS, depends_on="0001_clients")
    return folder


@pytest.fixture
def applied(two):
    """The two, applied."""
    up(two.project())
    return two


def change(folder, name, old, new):
    path = folder.versions / f"{name}.py"
    path.write_text(path.read_text().replace(old, new))


# verify


def test_verify_where_all_is_well(applied, migrate):
    answer = migrate("verify")

    assert (answer.exit_code, answer.err) == (0, "")
    assert answer.screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         schema_version   version 2, 2 applied

        files          ok
        schema         ok
        foreign keys   ok
        integrity      ok

        All is as it should be.
        """
    )


def test_verify_with_something_pending(applied, migrate):
    applied.add_table("0003_notes", "notes")

    answer = migrate("verify")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         schema_version   version 2, 2 applied, 1 pending

        files          ok
        schema         ok
        foreign keys   ok
        integrity      ok

        All is as it should be. 1 pending: migrate plan
        """
    )


def test_verify_where_files_schema_and_rows_are_not_as_they_should_be(applied, migrate):
    change(applied, "0002_contacts", "name TEXT", "name TEXT NOT NULL")
    applied.sql(
        "ALTER TABLE clients ADD COLUMN extra TEXT DEFAULT 'x'; CREATE VIEW names AS SELECT name FROM clients;"
        "INSERT INTO contacts (id, client) VALUES (1, 7), (2, 8)"
    )

    answer = migrate("verify")

    assert (answer.exit_code, answer.err) == (8, "")
    assert answer.screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         schema_version   version 2, 2 applied

        files          1 finding
          NWM401   0002_contacts was changed after it was applied
                   versions/0002_contacts.py, applied 2026-11-20 14:02:11 UTC
                   --- 0002_contacts as applied
                   +++ 0002_contacts now
                   @@ -8,7 +8,7 @@
                            CREATE TABLE contacts (
                                id INTEGER PRIMARY KEY,
                                client INTEGER REFERENCES clients (id),
                   -            name TEXT
                   +            name TEXT NOT NULL
                            )
                        \"\"\")

        schema         1 finding
          NWM411   2 differences from what the applied migrations build
                   + in the database alone   - in what the migrations build alone

                   ~ table clients
                     + column extra TEXT DEFAULT 'x'
                   + view names
                       CREATE VIEW names AS
                       SELECT name
                       FROM clients
        foreign keys   1 finding
          NWM421   2 rows of contacts refer to no row of clients (client)
                   contacts (1)
                   contacts (2)
        integrity      ok

        Files and ledger differ. What can be done: migrate plan
        """
    )


def test_verify_of_a_database_of_the_old_system(two, migrate):
    two.sql(
        """
        CREATE TABLE schema_version (version INTEGER PRIMARY KEY,
            applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);
        CREATE TABLE clients (id INTEGER PRIMARY KEY, name VARCHAR(80));
        INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'Clients')
        """
    )

    answer = migrate("verify")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         schema_version   version 1, 1 applied, of the old system, 1 pending

        files          ok
        schema         1 finding
          NWM411   1 difference from what the applied migrations build
                   + in the database alone   - in what the migrations build alone

                   ~ table clients
                     ~ column name: type TEXT → VARCHAR(80)
          note: the one applied migration has no stored text: today's file was taken for
                it
        foreign keys   ok
        integrity      ok

        Undo by hand what was not meant, and write down what was: migrate new "…"
        """
    )


def test_verify_where_the_schema_cannot_be_compared(applied, migrate):
    applied.sql("INSERT INTO clients (name) VALUES ('boss')")
    applied.add("0003_boss", "db.query(\"SELECT id FROM clients WHERE name = 'boss'\")[0]")
    up(applied.project())

    answer = migrate("verify")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         schema_version   version 3, 3 applied

        files          ok
        schema         not checked
          NWM412   0003_boss cannot run on an empty database
                   versions/0003_boss.py:5
                   IndexError: list index out of range
        foreign keys   ok
        integrity      ok

        Nothing else was found, but the schema is not verified.
        """
    )


def test_verify_without_a_database(two, migrate):
    answer = migrate("verify")

    assert (answer.exit_code, answer.out) == (3, "")
    assert answer.err == screen(
        """
        error: there is no database app.sqlite yet   [database-refused]
          unchanged  nothing was verified and nothing was made
          next       make it: migrate up; or name another one with --database
        """
    )


def test_verify_of_an_empty_file(two, migrate):
    two.database.touch()

    assert migrate("verify").screen == screen(
        """
        database       sqlite   app.sqlite
        ledger         none yet, 2 pending

        files          ok
        schema         ok
        foreign keys   ok
        integrity      ok

        All is as it should be. 2 pending: migrate plan
        """
    )


def drift(folder):
    change(folder, "0002_contacts", "name TEXT", "name BLOB")


def newer(folder):
    (folder.versions / "0002_contacts.py").unlink()


def interrupted(folder):
    folder.sql(
        "INSERT INTO schema_version_log (happened_at, event, version, name, direction)"
        " VALUES ('2026-11-20T14:02:11.123Z', 'started', 3, '0003_last', 'up')"
    )


def by_hand(folder):
    folder.sql("CREATE TABLE by_hand (id)")


def without_a_ledger(folder):
    folder.sql("DROP TABLE schema_version; DROP TABLE schema_version_log; DROP TABLE schema_version_source")


def orphan(folder):
    folder.sql("INSERT INTO contacts VALUES (1, 7, 'x')")


@pytest.mark.parametrize(
    ("situations", "advice"),
    [
        ([drift, orphan], "Files and ledger differ. What can be done: migrate plan"),
        ([newer, by_hand], "The database is newer than these files: update the application."),
        ([interrupted, drift], "Interrupted. What can be done: migrate resume"),
        ([by_hand, orphan], 'Undo by hand what was not meant, and write down what was: migrate new "…"'),
        ([without_a_ledger], "Nothing counts as applied. If it is: migrate stamp TARGET"),
        ([orphan], "Give these rows their parents, or take them out. Then: migrate verify"),
    ],
)
def test_the_last_line_is_about_the_gravest_finding(applied, migrate, situations, advice):
    for situation in situations:
        situation(applied)

    answer = migrate("verify")

    assert answer.exit_code == 8
    assert answer.screen.splitlines()[-1] == advice
    assert max(len(line) for line in answer.screen.splitlines()) <= 80


def test_long_lines_and_long_lists_are_cut_unless_all_is_asked_for(applied, migrate):
    text = "".join(f"    x = {number}  # {'long ' * 30}\n" for number in range(60))
    change(applied, "0002_contacts", "def upgrade(db):\n", f"def upgrade(db):\n{text}")

    short, whole = migrate("verify"), migrate("verify", "-v")

    assert max(len(line) for line in short.screen.splitlines()) <= 80
    assert "           … 39 more lines (-v shows all)\n" in short.screen
    assert whole.out.count("x = ") == 60
    assert "long long long long long long long long long long" in whole.out


def test_control_characters_out_of_the_database_do_not_reach_the_terminal(applied, migrate):
    applied.sql('CREATE TABLE "a\x1b[2Jb" (id INTEGER PRIMARY KEY, c REFERENCES clients (id))')
    applied.sql('INSERT INTO "a\x1b[2Jb" VALUES (1, 7)')

    answer = migrate("verify")

    assert "\x1b" not in answer.out
    assert "a\\x1b[2Jb" in answer.out


def test_verify_as_json(applied, migrate):
    applied.sql("ALTER TABLE clients ADD COLUMN extra TEXT")

    answer = migrate("verify", "--json")

    assert answer.exit_code == 8
    assert answer.object == {
        "command": "verify",
        "ok": False,
        "database": "app.sqlite",
        "engine": "sqlite",
        "ledger": "current",
        "version": 2,
        "applied": 2,
        "pending": [],
        "parts": [
            {"part": "files", "state": "ok"},
            {"part": "schema", "state": "findings"},
            {"part": "foreign keys", "state": "ok"},
            {"part": "integrity", "state": "ok"},
        ],
        "findings": [
            {
                "code": "NWM411",
                "severity": "error",
                "part": "schema",
                "message": "1 difference from what the applied migrations build",
                "where": "",
                "details": ["~ table clients", "  + column extra TEXT"],
            }
        ],
        "changes": [
            {
                "change": "added",
                "kind": "column",
                "table": "clients",
                "name": "extra",
                "before": "",
                "after": "extra TEXT",
                "details": [],
            }
        ],
        "notes": [],
    }


@pytest.mark.parametrize("words", [["verify", "--json"], ["schema", "dump", "--json"], ["schema", "dump"]])
def test_what_a_migration_prints_is_no_part_of_the_answer(folder, migrate, words):
    folder.add("0001_loud", "print('loud')\ndb.execute('CREATE TABLE t (id)')")
    up(folder.project())

    answer = migrate(*words)

    assert answer.exit_code == 0
    assert (answer.err, "loud" in answer.out.replace("0001_loud", "")) == ("loud\n", False)


# schema dump

HEADER = """\
-- The schema that the migrations make: these, and all that they depend on.
-- Written by nukeworks-migrate (migrate schema dump); a change belongs in a new migration.
-- head: 0002_contacts

"""
SCHEMA = """\
CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT);

CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    client INTEGER REFERENCES clients (id),
    name TEXT
);
"""


def test_schema_dump_prints_the_text_and_nothing_else(two, migrate, monkeypatch):
    monkeypatch.delenv("NUKEWORKS_MIGRATE_DATABASE")

    answer = migrate("schema", "dump")

    assert (answer.exit_code, answer.out, answer.err) == (0, HEADER + SCHEMA, "")
    assert not two.database.exists()


def test_what_it_prints_can_be_piped_into_sqlite_to_the_byte(two):
    two.add("0003_words", "db.execute(\"CREATE TABLE words (w DEFAULT 'é漢\x1b')\")")
    done = subprocess.run(
        [*MIGRATE, "schema", "dump"],
        cwd=two.path,
        env={**environment(two), "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )

    assert done.stderr == b""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(done.stdout.decode("utf-8"))
        connection.execute("INSERT INTO words DEFAULT VALUES")
        assert connection.execute("SELECT w FROM words").fetchall() == [("é漢\x1b",)]


def test_at_a_terminal_it_cannot_steer_it(two, terminal):
    two.add("0003_words", "db.execute(\"CREATE TABLE words (w DEFAULT '\x1b[2J')\")")

    answer = terminal("schema", "dump")

    assert "\x1b" not in answer.out
    assert "CREATE TABLE words (w DEFAULT '\\x1b[2J');\n" in answer.out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_half_a_schema_does_not_pass_for_a_whole_one(two):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*MIGRATE, "schema", "dump"],
            cwd=two.path,
            env=environment(two),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    assert done.returncode == 3
    assert done.stderr.startswith("error: the schema could not be written to the end   [refused]\n")


def test_schema_dump_to_a_file_says_whether_it_was_written(two, migrate):
    first = migrate("schema", "dump", "-o", "schema.sql")
    second = migrate("schema", "dump", "--output", "schema.sql")
    quiet = migrate("schema", "dump", "-o", "schema.sql", "-q")

    assert first.screen == screen(
        """
        wrote     schema.sql   2 tables

        Hold it against the migrations, in CI: migrate schema dump --check schema.sql
        """
    )
    assert second.screen == screen(
        """
        unchanged schema.sql   2 tables

        Hold it against the migrations, in CI: migrate schema dump --check schema.sql
        """
    )
    assert (quiet.out, quiet.exit_code) == ("", 0)
    assert (two.path / "schema.sql").read_text() == HEADER + SCHEMA


def test_schema_dump_of_views_indexes_and_triggers_counts_them(folder, migrate):
    folder.add(
        "0001_all",
        """
        db.script("CREATE TABLE t (a, b); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b);"
                  "CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END")
        """,
    )

    answer = migrate("schema", "dump", "-o", "s.sql")

    assert answer.out.splitlines()[0] == "wrote     s.sql   1 table, 2 indexes, 1 view, 1 trigger"


def test_check_of_the_same_text(two, migrate):
    migrate("schema", "dump", "-o", "schema.sql")

    answer, quiet = (
        migrate("schema", "dump", "--check", "schema.sql"),
        migrate("schema", "dump", "--check", "schema.sql", "-q"),
    )

    assert (answer.exit_code, answer.out) == (0, "ok: schema.sql is the schema that the migrations make\n")
    assert (quiet.exit_code, quiet.out) == (0, "")


def test_check_of_another_schema(two, migrate):
    (two.path / "schema.sql").write_text(HEADER + SCHEMA.replace("client INTEGER", "client TEXT"))

    answer = migrate("schema", "dump", "--check", "schema.sql", "--versions", "versions")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        schema.sql is not the schema that the migrations make:

          + in what the migrations make alone   - in the file alone

          ~ table contacts
            ~ column client: type TEXT → INTEGER

        Write it anew: migrate schema dump -o schema.sql --versions versions
        """
    )


def test_check_of_the_same_schema_in_other_words(two, migrate):
    (two.path / "the schema.sql").write_text(SCHEMA)

    answer = migrate("schema", "dump", "--check", "the schema.sql")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        the schema.sql has the same schema in other words:

          --- the file
          +++ migrate schema dump
          @@ -1 +1,5 @@
          +-- The schema that the migrations make: these, and all that they depend on.
          +-- Written by nukeworks-migrate (migrate schema dump); a change belongs in  …
          +-- head: 0002_contacts
          +
           CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT);

        Write it anew: migrate schema dump -o 'the schema.sql'
        """
    )


def test_check_of_what_cannot_be_loaded(two, migrate):
    (two.path / "schema.sql").write_text("CREATE TABLE clients (id INTEGER PRIMARY KEY,\n);\n")

    answer = migrate("schema", "dump", "--check", "schema.sql")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        schema.sql cannot be loaded:

          near ")": syntax error
          CREATE TABLE clients (id INTEGER PRIMARY KEY,
          )

        Write it anew: migrate schema dump -o schema.sql
        """
    )


def test_check_of_a_file_that_is_not_there(two, migrate):
    answer = migrate("schema", "dump", "--check", "schema.sql")

    assert answer.exit_code == 8
    assert answer.screen == screen(
        """
        There is no schema.sql.

        Write it anew: migrate schema dump -o schema.sql
        """
    )
    assert not (two.path / "schema.sql").exists()


def test_writing_and_checking_exclude_each_other(two, migrate):
    answer = migrate("schema", "dump", "-o", "schema.sql", "--check", "schema.sql")

    assert (answer.exit_code, answer.out) == (2, "")
    assert answer.err == screen(
        """
        error: --output writes the file and --check only reads it: they exclude each other   [usage]
          unchanged  nothing was written
          next       say one of them
        """
    )
    assert not (two.path / "schema.sql").exists()


def test_a_migration_that_cannot_run_on_an_empty_database_ends_the_dump(folder, migrate):
    folder.add("0001_boss", "db.query('SELECT 1 WHERE 0')[0]")

    answer = migrate("schema", "dump", "-o", "schema.sql")

    assert answer.exit_code == 4
    assert answer.err == screen(
        """
        error: 0001_boss cannot run on an empty database   [step-failed]
          where      versions/0001_boss.py:5
          cause      IndexError: list index out of range
          unchanged  no database was touched: the migrations ran in an empty one of their own, which is gone
          next       correct it: a new database would fail there, too
        """
    )
    assert not (folder.path / "schema.sql").exists()


def test_schema_dump_as_json(two, migrate):
    plain = migrate("schema", "dump", "--json").object
    written = migrate("schema", "dump", "-o", "schema.sql", "--json").object
    (two.path / "schema.sql").write_text(SCHEMA)
    answer = migrate("schema", "dump", "--check", "schema.sql", "--json")

    told = {
        "command": "schema dump",
        "ok": True,
        "heads": ["0002_contacts"],
        "text": HEADER + SCHEMA,
        "file": None,
        "written": False,
        "verdict": None,
        "changes": [],
        "diff": "",
        "cause": "",
    }
    assert plain == told
    assert written == {**told, "file": "schema.sql", "written": True}
    assert answer.exit_code == 8
    assert answer.object == {**told, "ok": False, "file": "schema.sql", "verdict": "other-words"} | {
        "diff": answer.object["diff"]
    }
    assert answer.object["diff"].startswith("--- the file\n+++ migrate schema dump\n@@ -1 +1,5 @@\n+-- The schema")
