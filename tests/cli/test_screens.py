"""Screens, compared whole: 80 columns, no colour, and what to type next in the last line."""

import pytest
from cli.screens import screen

FINDING = 'db.execute("DROP TABLE contacts")'


@pytest.fixture
def three(folder):
    """Three migrations in a chain, none applied."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    folder.add_table("0003_notes", "notes", depends_on="0002_contacts")
    return folder


@pytest.fixture
def applied(three, migrate):
    """The three, applied."""
    migrate("up", "--yes")
    return three


def change(folder, name):
    path = folder.versions / f"{name}.py"
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))


def old_ledger(folder, *versions):
    """The ledger of the old system: four columns, rows by 'system'."""
    folder.sql(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY,"
        " applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);"
    )
    for version in versions:
        folder.sql(f"INSERT INTO schema_version VALUES ({version}, '2024-05-01 00:00:00', 'system', 'Step {version}')")


# status


def test_status_of_a_missing_database(three, migrate):
    answer = migrate("status")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite   (not there yet)
        ledger     none yet
        files      versions/   3 migrations, 1 head

          pending   0001_clients    0001_clients does something.
          pending   0002_contacts   depends on 0001_clients
          pending   0003_notes      depends on 0002_contacts

        3 pending. See what they would do: migrate plan
        """
    )


def test_status_of_an_empty_folder(folder, migrate):
    answer = migrate("status")

    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite   (not there yet)
        ledger     none yet
        files      versions/   0 migrations, 0 heads

        No migrations yet. Write the first: migrate new "first table"
        """
    )


def test_status_of_the_old_systems_database(three, migrate):
    old_ledger(three, 1, 2)

    answer = migrate("status")

    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 2, 2 applied, of the old system, last 2026-11-20 14:02 UTC
        files      versions/   3 migrations, 1 head

          applied   0001_clients    2026-11-20 14:02:11 UTC
          applied   0002_contacts   2026-11-20 14:02:11 UTC
          pending   0003_notes      depends on 0002_contacts

        1 pending. See what they would do: migrate plan
        """
    )


def test_status_shows_the_last_five_applied_and_says_that_there_are_more(folder, migrate):
    for version in range(1, 8):
        folder.add(f"{version:04}_step")
    migrate("up", "--yes")

    answer = migrate("status")

    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 7, 7 applied, last 2026-11-20 14:02 UTC
        files      versions/   7 migrations, 7 heads

          applied   0003_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0004_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0005_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0006_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0007_step   2026-11-20 14:02:11 UTC    0.04 s
          (2 earlier: all applied, checksums match; --all lists them)

        Up to date.
        """
    )


def test_status_shows_all_of_them_when_asked(folder, migrate):
    for version in range(1, 8):
        folder.add(f"{version:04}_step")
    migrate("up", "--yes")

    answers = migrate("status", "--all"), migrate("status", "-v")

    for answer in answers:
        shown = [line.split()[1] for line in answer.out.splitlines() if line.startswith("  applied ")]
        assert shown == [f"{version:04}_step" for version in range(1, 8)]
        assert "earlier" not in answer.out


def test_status_never_hides_what_needs_attention(folder, migrate):
    for version in range(1, 9):
        folder.add_table(f"{version:04}_step", f"t{version}")
    migrate("up", "--yes")
    change(folder, "0002_step")

    answer = migrate("status")

    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 8, 8 applied, last 2026-11-20 14:02 UTC
        files      versions/   8 migrations, 8 heads

          drifted   0002_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0004_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0005_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0006_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0007_step   2026-11-20 14:02:11 UTC    0.04 s
          applied   0008_step   2026-11-20 14:02:11 UTC    0.04 s
          (2 earlier: all applied, checksums match; --all lists them)

        Applied migrations were changed. What differs: migrate plan
        """
    )


def test_status_with_a_missing_and_a_newer_one(applied, migrate):
    applied.add("0004_more")
    migrate("up", "--yes")
    for name in ("0002_contacts", "0003_notes", "0004_more"):
        (applied.versions / f"{name}.py").unlink()
    applied.add("0003_notes", depends_on="0001_clients")

    answer = migrate("status")

    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 4, 4 applied, last 2026-11-20 14:02 UTC
        files      versions/   2 migrations, 1 head

          applied   0001_clients    2026-11-20 14:02:11 UTC    0.04 s
          missing   0002_contacts   2026-11-20 14:02:11 UTC    0.04 s
          drifted   0003_notes      2026-11-20 14:02:11 UTC    0.04 s
          newer     0004_more       2026-11-20 14:02:11 UTC    0.04 s

        The database is newer than these files: update the application.
        """
    )


def test_status_with_a_missing_one(applied, migrate):
    (applied.versions / "0002_contacts.py").unlink()
    applied.add_table("0003_notes", "notes")

    answer = migrate("status")

    assert answer.screen.splitlines()[-1] == "Applied migrations have no file. What can be done: migrate plan"


def test_status_with_an_interrupted_one_keeps_its_columns(folder, migrate):
    folder.add("0001_first")
    folder.add("0002_broken", "db.execute('CREATE TABLE t (id)')\nraise RuntimeError", head='transaction = "none"')
    folder.add("0003_last")
    migrate("up", "--yes")

    answer = migrate("status")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 1, 1 applied, last 2026-11-20 14:02 UTC
        files      versions/   3 migrations, 3 heads

          applied     0001_first    2026-11-20 14:02:11 UTC    0.04 s
          interrupted 0002_broken
          pending     0003_last     0003_last does something.

        Interrupted. What can be done: migrate resume
        """
    )


# plan


def test_plan_of_one_transaction(three, migrate):
    answer = migrate("plan")

    assert answer.exit_code == 0
    assert answer.err == ""
    assert answer.screen == screen(
        """
        upgrade   3 steps   app.sqlite (sqlite)

          1  0001_clients                                                one transaction
               0001_clients does something.
               CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO clients (name) VALUES ('clients')
          2  0002_contacts
               0002_contacts does something.
               CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO contacts (name) VALUES ('contacts')
          3  0003_notes
               0003_notes does something.
               CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO notes (name) VALUES ('notes')

        The database is a new file: app.sqlite. Nothing has been changed.
        Run it: migrate up
        """
    )


def test_plan_with_several_commit_points(applied, migrate):
    applied.add("0004_first", depends_on="0003_notes")
    applied.add("0005_second")
    applied.add("0006_alone", 'db.execute("VACUUM")', head='transaction = "none"')
    applied.add("0007_third", 'db.execute(f"CREATE {chr(84)}ABLE t (id)")')
    applied.add("0008_fourth", 'db.transform("notes", str.lower, reads=["name"], writes=["name"])')
    batches = """db.update("notes", set={"name": "'x'"}, where="id > 0", batch=100)"""
    applied.add("0009_batches", batches, head='transaction = "none"')

    answer = migrate("plan")

    assert answer.screen == screen(
        """
        upgrade   6 steps   app.sqlite (sqlite)

          1  0004_first                                    one transaction, steps 1 to 2
               0004_first does something.
               Python: no SQL stands in the file itself
          2  0005_second
               0005_second does something.
               Python: no SQL stands in the file itself
          3  0006_alone                                                   no transaction
               0006_alone does something.
               VACUUM
               note: if it fails, what it has done stays; it runs at least once
          4  0007_third                                    one transaction, steps 4 to 5
               0007_third does something.
               Python: 1 statement built while it runs
          5  0008_fourth
               0008_fourth does something.
               transform notes: name from name by str.lower()
          6  0009_batches                                                 no transaction
               0009_batches does something.
               update notes: name = 'x' where id > 0
               note: committed in batches; where it stops, migrate resume goes on

        A snapshot is taken before step 1. Nothing has been changed.
        Run it: migrate up
        """
    )


ALTERED = """
    db.execute("INSERT INTO clients (name) VALUES ('b')")
    with db.alter_table("clients") as clients:
        clients.add_column("price REAL")
        clients.drop_column("name")
        clients.rename_column("id", to="client_id")
        clients.add_check("price > 0")
    db.transform("notes", f, reads=["name"], writes=["name"])
    db.copy_rows("contacts", "clients", lambda name: {"price": len(name)}, where="name <> ''")
    db.update("contacts", set={"name": "upper(name)"}, where=f"id > {start(db)}")
    db.update("notes", set={"name": "'x'", "id": next_id(db)})
    db.execute("CREATE TABLE more (id)")
"""


def test_plan_with_calls_that_make_their_sql(applied, migrate):
    applied.add("0004_calls", ALTERED)

    answer = migrate("plan")

    assert answer.screen == screen(
        """
        upgrade   1 step   app.sqlite (sqlite)

          1  0004_calls                                                  one transaction
               0004_calls does something.
               INSERT INTO clients (name) VALUES ('b')
               alter table clients: add price REAL, drop name, rename id to client_id, …
               transform notes: name from name by f()
               copy rows from contacts into clients by lambda name: {'price': len(name …
               update contacts: name = upper(name) where f'id > {start(db)}' (not a li …
               update notes: name = 'x', id = next_id(db) (not a literal)
               … 1 more statement (-v shows all)
               warning: column name of clients is dropped with its values
                        versions/0004_calls.py:6   [NWM102]
               note: rows of notes are updated without WHERE
                     versions/0004_calls.py:14   [NWM104]

        A snapshot is taken before step 1. Nothing has been changed.
        Run it: migrate up
        """
    )


def test_plan_shows_with_v_calls_whole_in_lines_of_80(applied, migrate):
    applied.add("0004_calls", ALTERED)

    answer = migrate("plan", "-v")

    assert answer.screen == screen(
        """
        upgrade   1 step   app.sqlite (sqlite)

          1  0004_calls                                                  one transaction
               0004_calls does something.
               INSERT INTO clients (name) VALUES ('b')
               alter table clients: add price REAL, drop name, rename id to client_id,
                   add CHECK (price > 0)
               transform notes: name from name by f()
               copy rows from contacts into clients by lambda name: {'price': len(name)}
                   where name <> ''
               update contacts: name = upper(name) where f'id > {start(db)}' (not a
                   literal)
               update notes: name = 'x', id = next_id(db) (not a literal)
               CREATE TABLE more (id)
               warning: column name of clients is dropped with its values
                        versions/0004_calls.py:6   [NWM102]
               note: rows of notes are updated without WHERE
                     versions/0004_calls.py:14   [NWM104]

        A snapshot is taken before step 1. Nothing has been changed.
        Run it: migrate up
        """
    )


def test_plan_counts_what_it_leaves_out(applied, migrate):
    applied.add("0004_many", 'db.execute("SELECT 1")\ndb.update("notes", set={"id": "id"}, where="id = 1")\n' * 5)

    answer = migrate("plan")

    assert "       … 2 more statements and 2 more calls (-v shows all)" in answer.screen


def test_plan_that_commits_each_step(three, migrate):
    answer = migrate("plan", "--commit", "each", "--steps", "2")

    assert answer.screen == screen(
        """
        upgrade   2 steps   app.sqlite (sqlite)

          1  0001_clients                                                own transaction
               0001_clients does something.
               CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO clients (name) VALUES ('clients')
          2  0002_contacts                                               own transaction
               0002_contacts does something.
               CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)
               INSERT INTO contacts (name) VALUES ('contacts')

        The database is a new file: app.sqlite. Nothing has been changed.
        Run it: migrate up --steps 2 --commit each
        """
    )


def test_plan_with_findings_out_of_order_and_without_a_way_back(folder, migrate):
    folder.add_table("0003_contacts", "contacts")
    migrate("up", "--yes")
    folder.add("0001_late", FINDING, None)
    folder.add("0002_forward", depends_on="0004_ahead")
    folder.add("0004_ahead")

    answer = migrate("plan")

    assert answer.screen == screen(
        """
        upgrade   3 steps   app.sqlite (sqlite)

          1  0001_late                                                   one transaction
               0001_late does something.
               DROP TABLE contacts
               note: out of order: a higher number is already applied
               note: no downgrade: there is no way back through code
               warning: table contacts is dropped with all its rows
                        versions/0001_late.py:5   [NWM101]
          2  0004_ahead
               0004_ahead does something.
               Python: no SQL stands in the file itself
          3  0002_forward
               0002_forward does something.
               Python: no SQL stands in the file itself
               note: out of order: a higher number is already applied

        note: 0002_forward depends on the higher number 0004_ahead

        A snapshot is taken before step 1. Nothing has been changed.
        Run it: migrate up
        """
    )


def test_plan_of_a_way_down(applied, migrate):
    answer = migrate("plan", "--down", "--to", "1")

    assert answer.screen == screen(
        """
        downgrade   2 steps   app.sqlite (sqlite)

          1  0003_notes                                                  one transaction
               0003_notes does something.
               DROP TABLE notes
               warning: table notes is dropped with all its rows
                        versions/0003_notes.py:12   [NWM101]
          2  0002_contacts
               0002_contacts does something.
               DROP TABLE contacts
               warning: table contacts is dropped with all its rows
                        versions/0002_contacts.py:12   [NWM101]

        A snapshot is taken before step 1. Nothing has been changed.
        Run it: migrate down --to 1
        """
    )


def test_plan_cuts_long_statements_and_long_lists_and_v_shows_them_whole(folder, migrate):
    folder.write(
        "0001_wide.py",
        '''
        """Wide and long."""

        def upgrade(db):
            db.execute("""
                CREATE TABLE wide (
                    id INTEGER PRIMARY KEY,
                    name_of_the_client TEXT NOT NULL,
                    name_of_the_contact TEXT NOT NULL
                )
            """)
            db.execute("CREATE INDEX i1 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i2 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i3 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i4 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i5 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i6 ON wide (name_of_the_client)")
            db.execute("CREATE INDEX i7 ON wide (name_of_the_client)")

        def downgrade(db):
            db.execute("DROP TABLE wide")
        ''',
    )

    short, whole = migrate("plan"), migrate("plan", "-v")

    assert short.screen == screen(
        """
        upgrade   1 step   app.sqlite (sqlite)

          1  0001_wide                                                   one transaction
               Wide and long.
               CREATE TABLE wide ( id INTEGER PRIMARY KEY, name_of_the_client TEXT NOT …
               CREATE INDEX i1 ON wide (name_of_the_client)
               CREATE INDEX i2 ON wide (name_of_the_client)
               CREATE INDEX i3 ON wide (name_of_the_client)
               CREATE INDEX i4 ON wide (name_of_the_client)
               CREATE INDEX i5 ON wide (name_of_the_client)
               … 2 more statements (-v shows all)

        The database is a new file: app.sqlite. Nothing has been changed.
        Run it: migrate up
        """
    )
    assert whole.screen.splitlines()[4:10] == [
        "       CREATE TABLE wide (",
        "           id INTEGER PRIMARY KEY,",
        "           name_of_the_client TEXT NOT NULL,",
        "           name_of_the_contact TEXT NOT NULL",
        "       )",
        "       CREATE INDEX i1 ON wide (name_of_the_client)",
    ]
    assert "CREATE INDEX i7" in whole.out


def test_plan_of_nothing(applied, migrate):
    answers = migrate("plan"), migrate("plan", "--down", "--to", "head"), migrate("plan", "--to", "1")

    assert [answer.screen for answer in answers] == [
        "Nothing to do: app.sqlite has nothing to apply.\n",
        "Nothing to do: app.sqlite has nothing to take back.\n",
        screen(
            """
            note: stays applied outside of the target: 0002_contacts, 0003_notes
            Nothing to do: app.sqlite has nothing to apply.
            """
        ),
    ]


def test_plan_says_where_no_snapshot_will_be_taken(applied, migrate):
    applied.add("0004_more")

    answer = migrate("plan", "--snapshot", "never")

    assert "\nNo snapshot will be taken. Nothing has been changed.\n" in answer.out


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--to", "1"], id="a target"),
        pytest.param(["--only", "0001_clients"], id="one of them"),
        pytest.param(["--steps", "1", "--commit", "each"], id="steps and commits"),
        pytest.param(["--database", "other.sqlite", "--steps", "1"], id="another database"),
        pytest.param(["--versions", "more", "--to", "1"], id="another folder"),
        pytest.param(["--snapshot", "never", "--to", "1"], id="without a snapshot"),
    ],
)
def test_the_last_line_of_a_plan_runs_exactly_that_plan(three, migrate, words):
    """It can be pasted: what was said to plan is said to up."""
    import shlex
    import shutil

    shutil.copytree(three.versions, three.path / "more")
    (three.versions / "0001_clients.py").rename(three.versions / "0001_customers.py")
    three.add_table("0001_clients" if "more" not in words else "0001_people", "people")
    (three.versions / "0001_customers.py").unlink()
    if "never" in words:
        three.sql("CREATE TABLE mine (id)")
    plan = migrate("plan", *words, "--json").object
    last = migrate("plan", *words).out.splitlines()[-1]

    assert last.startswith("Run it: migrate ")
    done = migrate(*shlex.split(last.removeprefix("Run it: migrate ")), "--yes", "--json").object

    assert [step["name"] for step in done["steps"]] == [step["name"] for step in plan["steps"]]
    assert (done["snapshot"] is not None) == plan["takes_snapshot"]
    assert (three.path / plan["database"]).exists()


# up and down


def test_the_first_run(three, migrate):
    answer = migrate("up", "--yes")

    assert answer.exit_code == 0
    assert answer.err == "database  app.sqlite, a new file\n"
    assert answer.screen == screen(
        """
        1/3  0001_clients    ran       0.04 s
        2/3  0002_contacts   ran       0.04 s
        3/3  0003_notes      ran       0.04 s
        committed  3 migrations applied, version 0 → 3, 0.04 s

        See where it stands: migrate status
        """
    )


def test_a_run_with_a_snapshot(applied, migrate):
    applied.add("0004_more", "db.log('half of it')\ndb.log('all of it')")

    answer = migrate("up", "--yes")

    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0003.sqlite   4.2 KiB
        1/1  0004_more   ran       0.04 s
        committed  1 migration applied, version 3 → 4, 0.04 s

        Back to where it was: migrate restore SNAPSHOT-0003
        See where it stands:  migrate status
        """
    )
    assert answer.aside == "     half of it\n     all of it\n"


def test_a_run_says_what_was_found_before_it_begins(applied, migrate):
    applied.add("0004_drop", FINDING)

    answer = migrate("up", "--yes")

    assert answer.aside == screen(
        """
        warning: table contacts is dropped with all its rows
                 versions/0004_drop.py:5   [NWM101]
        """
    )


def test_nothing_to_do(applied, migrate):
    answers = [migrate(*words) for words in (["up"], ["up", "--to", "1"], ["down", "--to", "head"], ["resume"])]

    assert [answer.exit_code for answer in answers] == [0] * 4
    assert [answer.screen for answer in answers] == [
        "Nothing to do: the database is at version 3.\n",
        "Nothing to do: the database is at version 3.\n",
        "Nothing to do: the database is at version 3.\n",
        "Nothing was interrupted. See where it stands: migrate status\n",
    ]
    assert answers[1].aside == "note: stays applied outside of the target: 0002_contacts, 0003_notes\n"


def test_nothing_to_take_back_from_an_empty_database(three, migrate):
    answer = migrate("down", "--to", "base")

    assert answer.screen == "Nothing to do: the database is empty.\n"


def test_a_run_down(applied, migrate):
    answer = migrate("down", "--to", "1", "--yes")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0003.sqlite   4.2 KiB
        1/2  0003_notes      ran       0.04 s
        2/2  0002_contacts   ran       0.04 s
        committed  2 migrations reverted, version 3 → 1, 0.04 s

        Back to where it was: migrate restore SNAPSHOT-0003
        See where it stands:  migrate status
        """
    )


def test_a_run_down_to_a_version_that_is_not_applied_says_so(applied, migrate):
    applied.add("0004_more", depends_on="0003_notes")
    applied.add("0005_last")
    migrate("up", "--only", "5", "--yes")

    answer = migrate("down", "--to", "4", "--yes")

    assert "note: 0004_more is not applied\n" in answer.aside
    assert "note: stays pending: 0004_more\n" in answer.aside
    assert applied.applied() == [1, 2, 3]


def test_a_run_that_fails(applied, migrate):
    applied.add(
        "0004_contact_strength", 'db.execute("ALTER TABLE contacts ADD COLUMN strength INTEGER CHECK (strength < 6)")'
    )
    applied.add("0005_fill_strength", 'db.execute("UPDATE contacts SET strength = 9 WHERE id > 0")')

    answer = migrate("up", "--yes")

    assert answer.exit_code == 4
    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0003.sqlite   4.2 KiB
        1/2  0004_contact_strength   ran       0.04 s
        2/2  0005_fill_strength      failed    0.04 s
        """
    )
    assert answer.aside == screen(
        """
        error: 0005_fill_strength failed   [step-failed]
          where      versions/0005_fill_strength.py:5
                     UPDATE contacts SET strength = 9 WHERE id > 0
          cause      CHECK constraint failed: strength < 6
          unchanged  the run was rolled back; database and ledger are as they were
          next       correct the file, then: migrate up
        """
    )


def test_a_run_that_fails_after_commits_says_what_has_stayed(applied, migrate):
    applied.add("0004_good")
    applied.add("0005_wrong", "raise ValueError('no')")
    applied.add("0006_later")

    answer = migrate("up", "--yes", "--commit", "each")

    assert answer.exit_code == 4
    assert answer.aside == screen(
        """
        error: 0005_wrong failed   [step-failed]
          where      versions/0005_wrong.py:5
          cause      ValueError: no
          changed    0004_good is applied and committed
          unchanged  0005_wrong was rolled back; 0006_later did not run
          next       correct the file, then: migrate up
        """
    )


def test_a_run_down_that_fails(applied, migrate):
    applied.add("0004_wrong", downgrade="raise ValueError('no')")
    migrate("up", "--yes")

    answer = migrate("down", "--steps", "1", "--yes")

    assert answer.exit_code == 4
    assert answer.aside == screen(
        """
        error: 0004_wrong failed on the way down   [step-failed]
          where      versions/0004_wrong.py:9
          cause      ValueError: no
          unchanged  the run was rolled back; database and ledger are as they were
          next       correct the file, then: migrate accept 0004_wrong --reason …
                     and: migrate down …
        """
    )


def test_a_statement_that_the_guard_refuses_comes_with_what_to_write_instead(applied, migrate):
    applied.add("0004_commits", 'db.execute("COMMIT")')

    answer = migrate("up", "--yes")

    assert answer.exit_code == 4
    assert answer.aside.splitlines() == [
        "error: COMMIT is for the run alone: it begins and ends the transaction itself",
        "       versions/0004_commits.py:5   [NWM106]",
        "error: 0004_commits failed   [statement-refused]",
        "  where      versions/0004_commits.py:5",
        "             COMMIT",
        "  cause      COMMIT would end or replace the run's transaction",
        "  unchanged  the run was rolled back; database and ledger are as they were",
        "  next       leave it out: the run commits at its end; for steps of your own use SAVEPOINT",
        "             then: migrate up",
    ]


def test_a_migration_without_transaction_that_stops_half_way(applied, migrate):
    applied.add("0004_good")
    applied.add("0005_half", "db.execute('CREATE TABLE t (id)')\nraise ValueError('no')", head='transaction = "none"')
    applied.add("0006_later")

    answer = migrate("up", "--yes")

    assert answer.exit_code == 6
    assert answer.aside == screen(
        """
        error: 0005_half stopped part-way   [interrupted]
          where      versions/0005_half.py:8
          cause      ValueError: no
          changed    0004_good is applied and committed; the statements that it had finished have stayed
          unchanged  0006_later did not run
          next       make it able to run again and say: migrate resume --rerun
                     or finish it by hand and say: migrate stamp --applied 0005_half
                     or go back: migrate restore SNAPSHOT-0003
        """
    )


def test_resume_names_the_choices_and_reruns_when_told(applied, migrate):
    body = "db.execute('CREATE TABLE IF NOT EXISTS t (id)')\nraise ValueError('no')"
    applied.add("0004_half", body, head='transaction = "none"')
    migrate("up", "--yes")
    asked = migrate("resume")
    applied.add("0004_half", body.splitlines()[0], head='transaction = "none"')

    done = migrate("resume", "--rerun", "--yes")

    assert (asked.exit_code, done.exit_code) == (6, 0)
    assert asked.aside == screen(
        """
        error: 0004_half ran statements that have no checkpoint   [interrupted]
          cause      it would run them again, over what they had already done
          unchanged  nothing was run now
          next       if it can bear that: migrate resume --rerun
                     if it counts as applied now: migrate stamp --applied 0004_half
                     if it does not: migrate stamp --not-applied 0004_half
                     or go back: migrate restore SNAPSHOT-0003
        """
    )
    assert done.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0003.sqlite   4.2 KiB
        1/1  0004_half   ran       0.04 s
        committed  1 migration applied, version 3 → 4, 0.04 s

        Back to where it was: migrate restore SNAPSHOT-0003
        See where it stands:  migrate status
        """
    )


# history


def test_history_of_everything(applied, migrate):
    applied.add("0004_wrong", "raise ValueError('no')")
    migrate("up", "--yes")
    migrate("down", "--steps", "1", "--yes")
    migrate("up", "--steps", "1", "--yes")
    change(applied, "0001_clients")
    migrate("accept", "1", "--reason", "rows that are there may stay")
    migrate("stamp", "--applied", "4", "--yes")
    migrate("stamp", "--not-applied", "4", "--yes")

    answer = migrate("history")

    assert answer.screen == screen(
        """
        history   app.sqlite

          2026-11-20 14:02:11 UTC   applied    0001_clients   0.04 s   by ann
          2026-11-20 14:02:11 UTC   applied    0002_contacts   0.04 s   by ann
          2026-11-20 14:02:11 UTC   applied    0003_notes   0.04 s   by ann
          2026-11-20 14:02:11 UTC   failed     0004_wrong   by ann
              0004_wrong failed
              ValueError: no
          2026-11-20 14:02:11 UTC   reverted   0003_notes   0.04 s   by ann
          2026-11-20 14:02:11 UTC   applied    0003_notes   0.04 s   by ann
          2026-11-20 14:02:11 UTC   accepted   0001_clients   by ann
              rows that are there may stay
          2026-11-20 14:02:11 UTC   stamped    0004_wrong   by ann
          2026-11-20 14:02:11 UTC   unstamped  0004_wrong   by ann

        All about one of them: migrate history NAME
        """
    )


def test_history_of_nothing(three, migrate):
    answer = migrate("history")

    assert answer.screen == screen(
        """
        history   app.sqlite

          Nothing has happened yet.

        All about one of them: migrate history NAME
        """
    )


def test_history_begins_with_what_the_old_system_applied(three, migrate):
    old_ledger(three, 1, 2)
    before = migrate("history")

    migrate("up", "--yes")
    after = migrate("history")

    assert before.screen == screen(
        """
        history   app.sqlite

          2026-11-20 14:02:11 UTC   applied    1 Step 1   by system, before the log began
          2026-11-20 14:02:11 UTC   applied    2 Step 2   by system, before the log began

        All about one of them: migrate history NAME
        """
    )
    assert after.screen == screen(
        """
        history   app.sqlite

          2026-11-20 14:02:11 UTC   applied    0001_clients   by system, before the log began
          2026-11-20 14:02:11 UTC   applied    0002_contacts   by system, before the log began
          2026-11-20 14:02:11 UTC   adopted    0001_clients   by ann
          2026-11-20 14:02:11 UTC   adopted    0002_contacts   by ann
          2026-11-20 14:02:11 UTC   applied    0003_notes   0.04 s   by ann

        All about one of them: migrate history NAME
        """
    )


def test_history_of_one_shows_the_text_that_ran_and_how_the_file_differs(applied, migrate):
    change(applied, "0002_contacts")

    answer = migrate("history", "0002_contacts")

    assert answer.screen == screen(
        """
        0002_contacts   applied 2026-11-20 14:02:11 UTC   app.sqlite

          2026-11-20 14:02:11 UTC   applied    0002_contacts   0.04 s   by ann

        0002_contacts.py as it ran:

            \"\"\"0002_contacts does something.\"\"\"

            depends_on = ['0001_clients']


            def upgrade(db):
                db.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)")
                db.execute("INSERT INTO contacts (name) VALUES ('contacts')")


            def downgrade(db):
                db.execute("DROP TABLE contacts")

        the file differs now:

        --- 0002_contacts as applied
        +++ 0002_contacts now
        @@ -5,7 +5,7 @@

         def upgrade(db):
             db.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)")
        -    db.execute("INSERT INTO contacts (name) VALUES ('contacts')")
        +    db.execute("INSERT OR IGNORE INTO contacts (name) VALUES ('contacts')")


         def downgrade(db):
        """
    )


def test_history_of_one_that_was_never_applied(applied, migrate):
    applied.add("0004_new")

    answer = migrate("history", "4")

    assert answer.screen == screen(
        """
        0004_new   not applied   app.sqlite

          No events.
        """
    )


def test_history_of_one_that_was_taken_back_still_has_its_text(applied, migrate):
    migrate("down", "--steps", "1", "--yes")
    (applied.versions / "0003_notes.py").unlink()

    answer = migrate("history", "0003_notes")

    assert answer.exit_code == 0
    assert answer.screen.startswith("0003_notes   not applied   app.sqlite\n")
    assert "0003_notes.py as it ran:" in answer.out
    assert "CREATE TABLE notes" in answer.out


@pytest.mark.parametrize("name", ["2", "0002", "0002_contacts"])
def test_history_of_one_that_has_no_file_any_more(applied, migrate, name):
    (applied.versions / "0002_contacts.py").unlink()
    applied.add_table("0003_notes", "notes")

    answer = migrate("history", name)

    assert answer.exit_code == 0
    assert answer.screen.startswith("0002_contacts   applied 2026-11-20 14:02:11 UTC   app.sqlite\n")


# check


def test_check_says_one_line_and_exits_by_what_it_found(three, migrate):
    answers = [migrate("check")]
    migrate("up", "--yes")
    answers.append(migrate("check"))
    change(three, "0003_notes")
    answers.append(migrate("check"))
    three.versions.joinpath("0003_notes.py").unlink()
    answers.append(migrate("check"))

    assert [(answer.exit_code, answer.out) for answer in answers] == [
        (7, "pending: 3 pending: 0001_clients, 0002_contacts, 0003_notes\n"),
        (0, "ok: up to date at version 3\n"),
        (9, "drifted: 0003_notes was changed after it was applied\n"),
        (10, "too-new: this database (version 3) is newer than this application (knows 2)\n"),
    ]
    assert {answer.err for answer in answers} == {""}


def test_check_finds_an_interrupted_migration(folder, migrate):
    folder.add("0001_half", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    migrate("up", "--yes")

    answer = migrate("check")

    assert answer.exit_code == 6
    assert answer.screen == (
        "interrupted: 0001_half was interrupted: it began at 2026-11-20T14:02:11.123Z and never ended\n"
    )


def test_check_gives_the_gravest_of_several_answers(applied, migrate):
    """6, then 10, then 9, then 7."""
    found = []
    applied.add("0004_pending")
    found.append(migrate("check").exit_code)
    change(applied, "0001_clients")
    found.append(migrate("check").exit_code)
    applied.sql("INSERT INTO schema_version (version, name, applied_by) VALUES (99, '0099_ahead', 'ann')")
    found.append(migrate("check").exit_code)
    applied.sql(
        "INSERT INTO schema_version_log (happened_at, event, version, name, direction, run_id)"
        " VALUES ('2026-11-20T14:02:11.123Z', 'started', 4, '0004_pending', 'up', 'x')"
    )
    found.append(migrate("check").exit_code)

    assert found == [7, 9, 10, 6]


def test_check_counts_a_missing_file_as_drift(applied, migrate):
    (applied.versions / "0002_contacts.py").unlink()
    applied.add_table("0003_notes", "notes", depends_on="0001_clients")

    answer = migrate("check")

    assert (answer.exit_code, answer.out) == (9, "drifted: applied, and without a file: 0002_contacts\n")


def test_check_names_the_first_three_of_many(folder, migrate):
    for version in range(1, 6):
        folder.add(f"{version:04}_step")

    assert migrate("check").out == "pending: 5 pending: 0001_step, 0002_step, 0003_step …\n"


# new, accept, stamp


def test_new(three, migrate):
    answer = migrate("new", "Add client tier")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        wrote     versions/0004_add_client_tier.py   depends on 0003_notes

        Write its upgrade(db), then see what it would do: migrate plan
        """
    )


def test_the_very_first_new_makes_the_folder(tmp_path, monkeypatch, migrate):
    monkeypatch.chdir(tmp_path)

    answer = migrate("new", "first table")

    assert answer.screen == screen(
        """
        wrote     versions/0001_first_table.py   depends on nothing

        Write its upgrade(db), then see what it would do: migrate plan
        """
    )


def test_accept(applied, migrate):
    change(applied, "0002_contacts")

    answer = migrate("accept", "2", "--reason", "rows that are there may stay")

    assert answer.exit_code == 0
    assert answer.screen == screen(
        """
        accepted  0002_contacts   rows that are there may stay

        The ledger holds today's file. See where it stands: migrate status
        """
    )


def test_accept_of_what_has_not_changed_and_of_what_is_not_applied(applied, migrate):
    applied.add("0004_new")

    answers = migrate("accept", "2", "--reason", "x"), migrate("accept", "4", "--reason", "x")

    assert [answer.exit_code for answer in answers] == [3, 3]
    assert [answer.err.splitlines()[0] for answer in answers] == [
        "error: 0002_contacts has not changed since it was applied   [refused]",
        "error: 0004_new is not applied   [refused]",
    ]


def test_stamp(applied, migrate):
    applied.add("0004_new")

    answers = [migrate("stamp", *words, "--yes") for words in (["2"], ["head"], ["head"])]

    assert [answer.exit_code for answer in answers] == [0, 0, 0]
    assert answers[0].screen == screen(
        """
        stamp   app.sqlite

          not applied  0003_notes

        committed  the ledger says so now; nothing was run

        See where it stands: migrate status
        """
    )
    assert answers[1].screen == screen(
        """
        stamp   app.sqlite

          applied      0003_notes
          applied      0004_new

        committed  the ledger says so now; nothing was run

        See where it stands: migrate status
        """
    )
    assert answers[2].screen == "Nothing to do: the ledger says so already.\n"


def test_stamp_shows_what_it_marks_once(applied, migrate):
    answer = migrate("stamp", "2", "--yes")

    assert (answer.out + answer.err).count("not applied  0003_notes") == 1


def test_stamp_settles_an_interrupted_migration(folder, migrate):
    folder.add("0001_half", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    migrate("up", "--yes")

    answer = migrate("stamp", "--not-applied", "1", "--yes")

    assert answer.screen == screen(
        """
        stamp   app.sqlite

          settled      0001_half: no longer interrupted

        committed  the ledger says so now; nothing was run

        See where it stands: migrate status
        """
    )
    assert migrate("check").exit_code == 7


# snapshots and restore


def test_snapshots_from_the_first_to_the_last(applied, migrate):
    none = migrate("snapshot", "list")
    made = migrate("snapshot", "create", "--note", "before the demo")
    migrate("down", "--steps", "1", "--yes")
    listed = migrate("snapshot", "list")
    verified = migrate("snapshot", "verify")
    pruned = migrate("snapshot", "prune", "--keep", "1")

    assert none.screen == screen(
        """
        snapshots   snapshots/   0 snapshots, 0 B   of app.sqlite

          None yet: one is taken before every run that changes something.
        """
    )
    assert made.screen == screen(
        """
        snapshot  SNAPSHOT-0003   4.2 KiB

        Go back to it: migrate restore SNAPSHOT-0003
        """
    )
    lines = listed.screen.splitlines()
    assert lines[0] == "snapshots   snapshots/   2 snapshots, 4.2 KiB   of app.sqlite"
    assert sorted(lines[2:4]) == [
        "  SNAPSHOT-0003   2026-11-20 14:02:11 UTC    4.2 KiB   before down",
        "  SNAPSHOT-0003   2026-11-20 14:02:11 UTC    4.2 KiB   before the demo",
    ]
    assert lines[4:] == ["", "Go back to one: migrate restore ID"]
    assert verified.screen == screen(
        """
          SNAPSHOT-0003   whole
          SNAPSHOT-0003   whole
        2 snapshots checked, 0 damaged.
        """
    )
    assert pruned.screen == "0 snapshots removed. What is left: migrate snapshot list\n"


def test_snapshots_that_are_pruned_are_named(applied, migrate):
    for _ in range(2):
        migrate("down", "--steps", "1", "--yes")
        migrate("up", "--yes")

    answer = migrate("snapshot", "prune", "--keep", "3")

    assert answer.screen == screen(
        """
        removed   SNAPSHOT-0003   4.2 KiB
        1 snapshot removed. What is left: migrate snapshot list
        """
    )


def test_a_damaged_snapshot_is_found_and_exits_8(applied, migrate):
    migrate("snapshot", "create")
    path = next((applied.path / "snapshots").glob("*.sqlite"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    verified, restored = migrate("snapshot", "verify"), migrate("restore", path.stem, "--yes")

    assert verified.exit_code == 8
    assert verified.screen == screen(
        """
          SNAPSHOT-0003   error: the SHA-256 of the file is not the one in its manifest
        1 snapshot checked, 1 damaged.
        """
    )
    assert restored.exit_code == 3
    assert restored.aside == screen(
        """
        error: the snapshot SNAPSHOT-0003 is damaged   [snapshot-refused]
          where      snapshots/SNAPSHOT-0003.sqlite
          cause      the SHA-256 of the file is not the one in its manifest
          unchanged  nothing was restored; the database is as it was
          next       take another one: migrate snapshot list
        """
    )


def test_restore(applied, migrate):
    identifier = migrate("snapshot", "create", "--json").object["snapshot"]["id"]
    migrate("down", "--to", "1", "--yes")

    answer = migrate("restore", identifier, "--yes")

    assert answer.exit_code == 0
    assert answer.aside == screen(
        """
        restore   SNAPSHOT-0003   version 3, 2026-11-20 14:02:11 UTC
        over      app.sqlite   version 1
        What is in it now is saved as a snapshot first.
        saved     snapshots/SNAPSHOT-0001.sqlite   4.2 KiB
        """
    )
    assert answer.screen == screen(
        """
        restored  app.sqlite is as it was at 2026-11-20 14:02:11 UTC, version 3

        Back to where it was: migrate restore SNAPSHOT-0001
        See where it stands:  migrate status
        """
    )


def test_restore_of_another_databases_snapshot_warns(applied, migrate):
    identifier = migrate("snapshot", "create", "--json").object["snapshot"]["id"]

    answer = migrate("-d", "other.sqlite", "restore", identifier, "--yes")

    assert answer.exit_code == 0
    assert "over      other.sqlite   not there\n" in answer.aside
    assert f"warning: it was taken of another database: sqlite:{applied.database}\n" in answer.err


# help


def test_help_of_the_program(migrate):
    answer = migrate("--help")

    assert answer.exit_code == 0
    assert answer.out == screen(
        """
        Usage: migrate [OPTIONS] COMMAND [ARGS]...

          Database migrations as Python modules: planned, run wholly or not at all,
          and reversible.

        Options:
          --version               Show the version and exit.
          -d, --database URL      SQLite file, as a path or sqlite:///path.
          --versions FOLDER       Where the migrations are.  [versions]
          --snapshots FOLDER      Where snapshots go.  [snapshots]
          --config FILE           The settings file.  [nearest pyproject.toml or
                                  setup.cfg]
          --lock-timeout SECONDS  How long to wait for locks.  [10]
          -y, --yes               Do not ask.
          --json                  Print one JSON object.
          -v, --verbose           Say more; twice: with tracebacks.
          -q, --quiet             Say less.
          --no-color              No colours; NO_COLOR does the same.
          -h, --help              Show this message and exit.

        Commands:
          up        Apply what is pending.
          down      Take back what is applied.
          plan      Show what up, or down, would do; change nothing.
          status    Show where the database stands.
          history   Show what happened, or all about one migration.
          graph     Draw what depends on what, and where it stands.
          check     One line and an exit code, for start-up and CI.
          verify    Check files, schema, foreign keys and integrity.
          lint      Say what deserves a second thought in migrations.
          new       Write the next migration's file.
          schema    Print the schema at head, or compare it with a file.
          accept    Take a changed file for the one that ran.
          stamp     Mark as applied, or not, without running.
          resume    Go on with an interrupted migration.
          data      Rows that transforms left in quarantine.
          snapshot  List, create, verify and prune snapshots.
          restore   Make the database what a snapshot holds.
          ui        All of it in a browser.

          Begin with: migrate status. All about it: docs/ in the source.
        """
    )


def test_help_of_up(migrate):
    answer = migrate("up", "-h")

    assert answer.exit_code == 0
    assert answer.out == screen(
        """
        Usage: migrate up [OPTIONS]

          Apply what is pending: everything, or up to a target.

          migrate up                 everything
          migrate up --to 17         the state at version 17
          migrate up --only NAME     one migration and what it depends on
          migrate up --steps 1       the next one
          migrate up --plan FILE     what plan -o FILE has saved
          migrate up --dry-run       on a private copy, and tell what happened

        Options:
          --to TARGET                     A version, a name, a beginning of one, head
                                          or base.
          --only NAME                     One migration, and what has to go with it.
          --steps K                       The next, or last, so many.
          --commit [run|each]             Commit once, or after each step.  [run]
          --plan FILE                     Run a plan that plan -o saved, if nothing
                                          has moved since.
          --dry-run                       Run it on a private copy, and tell what
                                          happened.
          --samples N                     Rows to show of each table and kind.  [3]
          --show-values                   Show the parameters of statements, and not
                                          only their kinds.
          --no-way-back                   Do not try the opposite.
          --resource NAME=MODULE:FACTORY  What makes a resource of migrations; again
                                          for more.
          --snapshot [always|destructive|never]
                                          Before which runs one is taken.  [always]
          -d, --database URL              SQLite file, as a path or sqlite:///path.
          --versions FOLDER               Where the migrations are.  [versions]
          --snapshots FOLDER              Where snapshots go.  [snapshots]
          --config FILE                   The settings file.  [nearest pyproject.toml
                                          or setup.cfg]
          --lock-timeout SECONDS          How long to wait for locks.  [10]
          -y, --yes                       Do not ask.
          --json                          Print one JSON object.
          -v, --verbose                   Say more; twice: with tracebacks.
          -q, --quiet                     Say less.
          --no-color                      No colours; NO_COLOR does the same.
          -h, --help                      Show this message and exit.
        """
    )


def test_help_of_plan(migrate):
    answer = migrate("plan", "-h")

    assert answer.exit_code == 0
    assert answer.out == screen(
        """
        Usage: migrate plan [OPTIONS]

          Show what up, or down, would do: order, commit points, SQL, findings.
          Nothing is run or written.

          With --rehearse the same steps run on a private copy of the database, and
          what happened there is shown. With -o the plan is saved in a file, and up
          --plan runs exactly that plan, or refuses if anything has moved.

        Options:
          --down                          Plan the way down.
          --rehearse                      Run it on a private copy, and tell what
                                          happened.
          -o, --output FILE               Save the plan, to be run by up, or down,
                                          --plan FILE.
          --to TARGET                     A version, a name, a beginning of one, head
                                          or base.
          --only NAME                     One migration, and what has to go with it.
          --steps K                       The next, or last, so many.
          --commit [run|each]             Commit once, or after each step.  [run]
          --samples N                     Rows to show of each table and kind.  [3]
          --show-values                   Show the parameters of statements, and not
                                          only their kinds.
          --no-way-back                   Do not try the opposite.
          --resource NAME=MODULE:FACTORY  What makes a resource of migrations; again
                                          for more.
          --snapshot [always|destructive|never]
                                          Before which runs one is taken.  [always]
          -d, --database URL              SQLite file, as a path or sqlite:///path.
          --versions FOLDER               Where the migrations are.  [versions]
          --snapshots FOLDER              Where snapshots go.  [snapshots]
          --config FILE                   The settings file.  [nearest pyproject.toml
                                          or setup.cfg]
          --lock-timeout SECONDS          How long to wait for locks.  [10]
          -y, --yes                       Do not ask.
          --json                          Print one JSON object.
          -v, --verbose                   Say more; twice: with tracebacks.
          -q, --quiet                     Say less.
          --no-color                      No colours; NO_COLOR does the same.
          -h, --help                      Show this message and exit.
        """
    )


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "plan",
        "plan --down --to base",
        "plan --rehearse",
        "up --dry-run",
        "down --dry-run --to base",
        "verify",
        "lint",
        "check",
        "history",
        "history 1",
        "snapshot list",
        "down",
        "up --to 99",
        "up",
        "restore nope --yes",
        "stamp --yes",
        "accept 1 --reason x",
        "--help",
        "up --help",
        "down --help",
        "plan --help",
        "lint --help",
        "verify --help",
        "schema dump --help",
        "snapshot prune --help",
    ],
)
def test_every_screen_fits_into_80_columns(applied, migrate, words):
    applied.add("0004_drop", FINDING)
    migrate("up", "--yes", "--steps", "1")
    applied.add("0005_more", 'db.execute("DROP TABLE notes")')

    answer = migrate(*words.split())

    assert [line for line in (answer.out + answer.err).splitlines() if len(line) > 80] == []
