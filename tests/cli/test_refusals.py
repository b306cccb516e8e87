"""What is turned down before anything runs says why, exits with its own code, and leaves every byte alone."""

import os

import pytest
from cli.screens import screen
from support import footprint

UNCHANGED = "nothing was run; database and ledger are as they were"
RUNS = [
    pytest.param(["up", "--yes"], id="up"),
    pytest.param(["down", "--to", "base", "--yes"], id="down"),
    pytest.param(["plan"], id="plan"),
    pytest.param(["plan", "--down", "--to", "base"], id="plan of a way down"),
]
READS = [
    pytest.param(["status"], id="status"),
    pytest.param(["plan"], id="plan"),
    pytest.param(["check"], id="check"),
    pytest.param(["history"], id="history"),
]
WRITES = [pytest.param(["up", "--yes"], id="up"), pytest.param(["stamp", "head", "--yes"], id="stamp")]


@pytest.fixture
def two(folder, migrate):
    """Two migrations, applied."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    migrate("up", "--yes")
    return folder


def change(folder, name, old, new):
    path = folder.versions / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("words", RUNS)
def test_a_changed_file_is_refused_with_the_difference(two, migrate, words):
    change(two, "0001_clients.py", "INSERT INTO clients", "INSERT OR IGNORE INTO clients")
    before = footprint(two.path)

    answer = migrate(*words)

    assert answer.exit_code == 3
    assert answer.out == ""
    assert answer.aside == screen(
        """
        error: 0001_clients was changed after it was applied   [checksum-drift]
          where      versions/0001_clients.py, applied 2026-11-20 14:02:11 UTC
          cause      --- 0001_clients as applied
                     +++ 0001_clients now
                     @@ -3,7 +3,7 @@

                      def upgrade(db):
                          db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
                     -    db.execute("INSERT INTO clients (name) VALUES ('clients')")
                     +    db.execute("INSERT OR IGNORE INTO clients (name) VALUES ('clients')")


                      def downgrade(db):
          unchanged  nothing was run; database and ledger are as they were
          next       restore the file (git checkout -- versions/0001_clients.py) and write a new migration
                     or, if the change is known to be harmless: migrate accept 0001_clients --reason …
        """
    )
    assert footprint(two.path) == before


@pytest.mark.parametrize("words", RUNS)
def test_a_renamed_file_is_refused_and_both_names_are_said(two, migrate, words):
    two.versions.joinpath("0002_contacts.py").rename(two.versions / "0002_people.py")
    before = footprint(two.path)

    answer = migrate(*words, "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "checksum-drift"
    assert answer.error["what"] == "version 2 was applied as 0002_contacts, and the file is 0002_people"
    assert answer.error["next"].startswith("rename the file back to 0002_contacts.py\n")
    assert "migrate accept 0002_people --reason" in answer.error["next"]
    assert footprint(two.path) == before


@pytest.mark.parametrize("words", RUNS)
def test_a_missing_file_is_refused(two, migrate, words):
    two.add("0003_last")
    migrate("up", "--yes")
    two.versions.joinpath("0002_contacts.py").unlink()
    before = footprint(two.path)

    answer = migrate(*words)

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: applied, and without a file: 0002_contacts   [missing-files]
          cause      without the file nobody knows what was run, nor how to take it back
          unchanged  nothing was run; database and ledger are as they were
          next       bring the file back (git log -- versions/), or say that it does not count: \
migrate stamp --not-applied 2
        """
    )
    assert footprint(two.path) == before


@pytest.mark.parametrize("words", RUNS)
def test_a_newer_database_is_refused_in_so_many_words(folder, migrate, words):
    for version in range(1, 15):
        folder.add(f"{version:04}_m")
    migrate("up", "--yes")
    for version in (13, 14):
        folder.versions.joinpath(f"{version:04}_m.py").unlink()
    before = footprint(folder.path)

    answer = migrate(*words)

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: this database (version 14) is newer than this application (knows 12)   [newer-database]
          cause      applied and not known here: 0013_m, 0014_m
          unchanged  nothing was run; database and ledger are as they were
          next       update the application to the latest version, or name another --versions folder
        """
    )
    assert footprint(folder.path) == before


def test_of_several_reasons_the_gravest_is_the_error_and_the_others_are_named(two, migrate):
    two.add("0003_last")
    migrate("up", "--yes")
    change(two, "0001_clients.py", "clients", "customers")
    for name in ("0002_contacts.py", "0003_last.py"):
        two.versions.joinpath(name).unlink()

    answer = migrate("up", "--yes", "--json")

    assert answer.error["code"] == "newer-database"
    assert "also: 0001_clients was changed after it was applied" in answer.error["cause"]


def test_an_interrupted_migration_is_refused_with_exit_code_6_and_every_way_on(folder, migrate):
    folder.add("0001_first")
    folder.add(
        "0002_broken", 'db.execute("CREATE TABLE t (id)")\nraise RuntimeError("half way")', head='transaction = "none"'
    )
    migrate("up", "--yes", "--to", "1")
    migrate("up", "--yes")
    before = footprint(folder.path)

    answers = {
        words: migrate(*words.split(), "--json") for words in ("up --yes", "down --to base --yes", "plan", "resume")
    }

    assert {answer.exit_code for answer in answers.values()} == {6}
    assert {answer.error["code"] for answer in answers.values()} == {"interrupted"}
    for answer in answers.values():
        assert "migrate resume --rerun" in answer.error["next"]
        assert "migrate stamp --applied 0002_broken" in answer.error["next"]
        assert "migrate restore " in answer.error["next"]
    assert footprint(folder.path) == before


RANGE = "versions go from 1 to 12"
EXCLUDE = "--to, --only and --steps exclude each other"
HOW_FAR = "down needs to know how far"
TARGETS = {
    "a number": ("up --to 99", "no migration has version 99", RANGE),
    "zero": ("up --to 00", "no migration has version 00", RANGE),
    "a negative number": ("up --to -1", "no migration is called '-1'", ""),
    "a huge number": (f"up --to {'9' * 5000}", f"no migration has version {'9' * 5000}", ""),
    "a name with a typo": (
        "up --to 0002_contcats",
        "no migration is called '0002_contcats'",
        "did you mean 0002_contacts?",
    ),
    "a name like no other": ("up --to zzz", "no migration is called 'zzz'", ""),
    "a beginning of none": ("up --to 0011_", "no migration is called '0011_'", ""),
    "digits and a letter": ("up --to 001x", "no migration is called '001x'", ""),
    "only a number": ("up --only 99", "no migration has version 99", RANGE),
    "only head": ("up --only head", "no migration is called 'head'", ""),
    "down to a number": ("down --to 99", "no migration has version 99", RANGE),
    "stamp a number": ("stamp 99 --yes", "no migration has version 99", RANGE),
    "accept a number": ("accept 99 --reason x", "no migration has version 99", RANGE),
    "history of a number": ("history 99", "no migration has version 99", RANGE),
}
WORDS = {
    "down without words": ("down", HOW_FAR),
    "a plan down without words": ("plan --down", HOW_FAR),
    "no steps": ("up --steps 0", "--steps 0 is no number of steps"),
    "less than no steps": ("up --steps -3", "--steps -3 is no number of steps"),
    "no steps down": ("down --steps 0", "--steps 0 is no number of steps"),
    "to and only": ("up --to 2 --only 1", EXCLUDE),
    "to and steps": ("up --to 2 --steps 1", EXCLUDE),
    "only and steps": ("down --only 2 --steps 1", EXCLUDE),
    "stamp without words": ("stamp --yes", "stamp needs a target, or the names to mark"),
    "stamp with both": ("stamp 1 --applied 2 --yes", "stamp needs a target, or the names to mark"),
    "accept without a reason": ("accept 1", "accept needs a reason, for those who will ask"),
    "restore of a path": ("restore ../x --yes", "'../x' is no snapshot's id"),
    "restore of nothing": ("restore nope --yes", "no snapshot begins with nope"),
    "a title without letters": ("new !!!", "no file name can be made of '!!!'"),
}
USAGE = [
    *(pytest.param(words, "unknown-target", what, hint, id=case) for case, (words, what, hint) in TARGETS.items()),
    *(pytest.param(words, "usage", what, "", id=case) for case, (words, what) in WORDS.items()),
]


@pytest.mark.parametrize(("words", "code", "what", "hint"), USAGE)
def test_words_that_mean_nothing_are_a_usage_error(two, migrate, words, code, what, hint):
    two.add("0012_contracts")
    before = footprint(two.path)

    answer = migrate(*words.split(), "--json")

    assert answer.exit_code == 2
    assert (answer.error["code"], answer.error["what"]) == (code, what)
    assert hint in answer.error["cause"]
    assert answer.error["next"] != ""
    assert footprint(two.path) == before


def test_digits_are_a_version_and_never_the_beginning_of_a_name(folder, migrate):
    """That is why no beginning of a name can mean two: it holds the whole number."""
    folder.add("0010_clients")
    folder.add("0011_clients")

    by_digits = migrate("up", "--to", "001", "--yes", "--json")
    by_beginning = migrate("up", "--to", "0010_", "--yes", "--json")

    assert (by_digits.exit_code, by_digits.error["what"]) == (2, "no migration has version 001")
    assert [step["name"] for step in by_beginning.object["steps"]] == ["0010_clients"]


@pytest.mark.parametrize(
    "words",
    [
        "upp",
        "up extra",
        "up --bogus",
        "up --steps x",
        "up --steps",
        "up --commit never",
        "restore",
        "new",
        "snapshot foo",
    ],
)
def test_what_cannot_be_parsed_is_a_usage_error_in_text_and_in_json(two, migrate, words):
    before = footprint(two.path)

    answer = migrate(*words.split())
    told = migrate("--json", *words.split())

    assert (answer.exit_code, told.exit_code) == (2, 2)
    assert answer.out == ""
    assert told.error["code"] == "usage"
    assert told.error["exit_code"] == 2
    assert footprint(two.path) == before


def test_no_downgrade_on_the_way_is_refused_before_anything_is_taken_back(two, migrate):
    two.add("0003_one_way", downgrade=None)
    two.add("0004_last")
    migrate("up", "--yes")
    before = footprint(two.path)

    answer = migrate("down", "--to", "1", "--yes")

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: 0003_one_way has no downgrade   [no-way-back]
          where      versions/0003_one_way.py
          cause      there is no way back through code past 0003_one_way
          unchanged  nothing was run; database and ledger are as they were
          next       go back to a snapshot: migrate snapshot list
                     or add a downgrade(db) to it, and: migrate accept 0003_one_way --reason …
        """
    )
    assert footprint(two.path) == before


def test_out_of_order_is_refused_where_the_settings_say_so(folder, migrate, monkeypatch):
    folder.add("0003_applied")
    migrate("up", "--yes")
    folder.add("0001_late")
    folder.add("0002_later")
    before = footprint(folder.path)
    monkeypatch.setenv("NUKEWORKS_MIGRATE_OUT_OF_ORDER", "refuse")

    answers = [migrate("up", "--yes"), migrate("plan")]

    for answer in answers:
        assert answer.exit_code == 3
        assert answer.aside == screen(
            """
            error: 0001_late comes after version 3 was applied   [out-of-order]
              cause      the settings say out_of_order = "refuse"; also: 0002_later
              unchanged  nothing was run; database and ledger are as they were
              next       give it a number above all applied ones, or allow it: out_of_order = apply
            """
        )
    assert footprint(folder.path) == before


def test_a_missing_resource_is_refused_before_anything_runs(two, migrate):
    two.add("0003_secret", head='resources = ["confidential_key"]')
    before = footprint(two.path)

    answer = migrate("up", "--yes")

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: 0003_secret needs the resource 'confidential_key', and nobody handed it in   [missing-resource]
          where      versions/0003_secret.py
          unchanged  nothing was run; database and ledger are as they were
          next       name what makes it: --resource confidential_key=module:factory
                     or hand it in: Project(…, resources={'confidential_key': …})
        """
    )
    assert footprint(two.path) == before


def test_the_plan_says_beforehand_which_resource_is_missing(two, migrate):
    two.add("0003_secret", head='resources = ["confidential_key"]')

    answer = migrate("plan")

    assert "needs the resource 'confidential_key'" in answer.out + answer.err


STRANGERS = {
    "other columns": "CREATE TABLE schema_version (id INTEGER PRIMARY KEY, hash TEXT)",
    "another key": """CREATE TABLE schema_version
        (id INTEGER PRIMARY KEY, version INTEGER, applied_date TEXT, applied_by TEXT, description TEXT)""",
    "a view": """CREATE VIEW schema_version AS
        SELECT 1 AS version, '' AS applied_date, '' AS applied_by, '' AS description""",
    "versions in words": """CREATE TABLE schema_version
        (version TEXT PRIMARY KEY, applied_date TEXT, applied_by TEXT, description TEXT);
        INSERT INTO schema_version VALUES ('1.0.2', '', '', '')""",
    "a row without a version": """CREATE TABLE schema_version
        (version INT PRIMARY KEY, applied_date TEXT, applied_by TEXT, description TEXT);
        INSERT INTO schema_version VALUES (NULL, '', '', '')""",
    "a log of somebody else's": "CREATE TABLE schema_version_log (id INTEGER PRIMARY KEY, line TEXT)",
    "sources of somebody else's": "CREATE TABLE schema_version_source (id INTEGER PRIMARY KEY, url TEXT)",
}


@pytest.mark.parametrize("words", [*READS, *WRITES])
@pytest.mark.parametrize("sql", [pytest.param(sql, id=kind) for kind, sql in STRANGERS.items()])
def test_a_table_of_the_ledgers_name_that_is_not_ours_is_refused_and_not_used(folder, migrate, sql, words):
    folder.add_table("0001_clients", "clients")
    folder.sql(sql)
    before = folder.content()

    answer = migrate(*words, "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "ledger-not-ours"
    assert "rename that " in answer.error["next"]
    assert folder.content() == before


def test_the_message_about_a_foreign_ledger_lists_its_columns(folder, migrate):
    folder.sql(STRANGERS["other columns"])

    answer = migrate("status")

    assert answer.aside == screen(
        """
        error: the table schema_version is not this tool's, nor the old system's   [ledger-not-ours]
          cause      it has the columns id, hash; expected are at least version, applied_date, applied_by, \
description, with a whole number, version, as the primary key
          unchanged  nothing was run; database and ledger are as they were
          next       rename that table, or keep the two in separate databases
        """
    )


@pytest.mark.parametrize("words", [*READS, *WRITES, pytest.param(["snapshot", "create"], id="snapshot create")])
def test_a_file_that_is_no_database_is_refused_and_left_alone(folder, migrate, words):
    folder.add("0001_first")
    folder.database.write_bytes(b"this is a letter to a friend, and no database at all\n" * 100)
    before = folder.database.read_bytes()

    answer = migrate(*words, "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "database-refused"
    assert answer.error["what"] == "app.sqlite is no SQLite database"
    assert folder.database.read_bytes() == before


@pytest.mark.parametrize("words", [*READS, *WRITES, pytest.param(["snapshot", "create"], id="snapshot create")])
def test_a_folder_is_no_database(folder, migrate, words):
    folder.add("0001_first")
    folder.database.mkdir()
    before = footprint(folder.path)

    answer = migrate(*words, "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "database-refused"
    assert answer.error["what"] == "app.sqlite is a folder"
    assert footprint(folder.path) == before


@pytest.mark.parametrize("words", [*READS[1:3], *WRITES])
def test_a_database_in_a_folder_that_is_not_there_is_refused_and_no_folder_is_made(folder, migrate, words):
    folder.add("0001_first")
    before = footprint(folder.path)

    answer = migrate("-d", "daat/app.sqlite", *words, "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "database-refused"
    assert answer.error["what"] == "the folder of daat/app.sqlite does not exist"
    assert footprint(folder.path) == before


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["snapshot", "create"], id="snapshot create"),
        pytest.param(["accept", "1", "--reason", "x"], id="accept"),
        pytest.param(["stamp", "head", "--yes"], id="stamp"),
    ],
)
def test_what_changes_only_a_ledger_or_copies_it_makes_no_database(folder, migrate, words):
    """A typo in the name of the database must not make one that says that all is applied."""
    folder.add("0001_first")
    before = footprint(folder.path)

    answer = migrate(*words, "--json")

    assert answer.exit_code == 3
    assert footprint(folder.path) == before


@pytest.mark.parametrize(
    ("url", "what"),
    [
        pytest.param("sqlite:///:memory:", "sqlite:///:memory: names no file", id="memory"),
        pytest.param(":memory:", ":memory: names no file", id="memory as SQLite writes it"),
        pytest.param("sqlite://", "sqlite:// names no file", id="nothing"),
        pytest.param("sqlite:///", "sqlite:/// names no file", id="nothing behind three slashes"),
        pytest.param("sqlite:app.sqlite", "sqlite:app.sqlite names no file", id="no slashes"),
        pytest.param("sqlite://app.sqlite", "sqlite://app.sqlite names no file", id="two slashes"),
        pytest.param(
            "sqlite:///app.sqlite?mode=ro",
            "sqlite:///app.sqlite?mode=ro has options after the question mark, and there are none",
            id="options",
        ),
        pytest.param(
            "postgresql://ann:secret@server/db", "postgresql:// is no database that this version knows", id="PostgreSQL"
        ),
        pytest.param("mysql+pymysql://h/db", "mysql+pymysql:// is no database that this version knows", id="MariaDB"),
        pytest.param("http://h/app.sqlite", "http:// is no database that this version knows", id="the web"),
    ],
)
@pytest.mark.parametrize("words", [["status"], ["up", "--yes"]], ids=["status", "up"])
def test_a_url_that_names_no_file_of_ours_opens_and_makes_nothing(folder, migrate, url, what, words):
    folder.add("0001_first")
    before = footprint(folder.path)

    answer = migrate("--database", url, *words, "--json")

    assert answer.exit_code == 2
    assert (answer.error["code"], answer.error["what"]) == ("bad-setting", what)
    assert "secret" not in answer.out
    assert footprint(folder.path) == before


@pytest.mark.parametrize("url", ["sqlite:app.sqlite", "sqlite://app.sqlite"])
def test_a_url_with_too_few_slashes_is_told_so_and_nothing_about_memory(folder, migrate, url):
    answer = migrate("--database", url, "status", "--json")

    assert "memory" not in answer.error["cause"]
    assert "sqlite:///app.sqlite" in answer.error["next"]


def test_an_empty_name_of_a_database_is_no_database(folder, migrate):
    """As `migrate -d "$DATABASE"` says it where that variable is not set."""
    folder.add("0001_first")

    answer = migrate("--database", "", "status", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"


def test_a_database_without_leave_to_write_it_is_refused_by_up_and_read_by_status(folder, migrate, powerless):
    folder.add_table("0001_clients", "clients")
    migrate("up", "--yes")
    folder.add_table("0002_contacts", "contacts")
    migrate("status")
    folder.database.chmod(0o444)
    before = footprint(folder.path)

    up = powerless("up", "--yes", "--json")
    status = powerless("status", "--json")

    assert up.exit_code == 3
    assert up.error["code"] == "database-refused"
    assert up.error["what"] == "app.sqlite cannot be written"
    assert status.object["version"] == 1
    after = footprint(folder.path)
    assert {name for name in after if after[name] != before.get(name)} <= {"app.sqlite-migrate-lock"}


def test_a_database_without_leave_to_read_it_is_refused(folder, migrate, powerless):
    folder.add("0001_first")
    migrate("up", "--yes")
    folder.database.chmod(0)

    answer = powerless("status", "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "database-refused"


def test_a_folder_of_snapshots_that_cannot_be_made_refuses_the_run(two, migrate):
    two.add("0003_last")
    two.path.joinpath("snapshots").write_text("a file is in the way")
    before = two.content()

    answer = migrate("up", "--yes", "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "snapshot-refused"
    assert two.content() == before


def test_a_database_that_somebody_else_writes_is_busy_and_unchanged(two, migrate):
    import sqlite3

    two.add("0003_last")
    before = two.content()
    other = sqlite3.connect(two.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    answer = migrate("up", "--yes", "--lock-timeout", "0.1", "--json")
    other.close()

    assert answer.exit_code == 5
    assert answer.error["code"] == "busy"
    assert two.content() == before


def test_a_second_runner_says_who_holds_the_lock_and_gives_up_at_its_timeout(two, migrate):
    import sqlite3

    two.add("0003_last")
    migrate("up", "--yes", "--to", "2")
    migrate("down", "--to", "1", "--yes")
    before = two.content()
    holder = sqlite3.connect(f"{two.database}-migrate-lock", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    answer = migrate("up", "--yes", "--lock-timeout", "0.1")
    check = migrate("check")
    holder.close()

    assert answer.exit_code == 5
    assert answer.out == ""
    assert answer.err.startswith("waiting   the migration lock is held by ann")
    assert "error: app.sqlite is being migrated by somebody else   [busy]\n" in answer.err
    assert f"(pid {os.getpid()}" in answer.err or str(os.getpid()) in answer.err
    assert check.exit_code == 7
    assert two.content() == before
