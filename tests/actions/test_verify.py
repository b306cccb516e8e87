"""verify: what is not as the ledger says is found, what only looks so is not, and what cannot be known is said."""

import os
import signal
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from databases.schema_cases import MUTATIONS, REWRITES
from nukeworks import runner
from support import footprint

from nukeworks_migrate import accept, down, stamp, up, verify
from nukeworks_migrate.actions.verify import VERIFY_RULES, Part
from nukeworks_migrate.errors import Busy, DatabaseRefused, FilesRefused, HotJournal, LedgerNotOurs

OLD_LEDGER = """
CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    applied_by TEXT,
    description TEXT
);
"""
OK = {"files": "ok", "schema": "ok", "foreign keys": "ok", "integrity": "ok"}


def states(report):
    return {part.value: report.state(part).value for part in Part}


def codes(report):
    return [finding.code for finding in report.findings]


def changes(report):
    return [f"{change.change} {change.kind} {change.table}.{change.name}" for change in report.changes]


@pytest.fixture
def two(folder):
    """Two tables, the second with rows that refer to the first, made by two migrations that are applied."""
    folder.add(
        "0001_clients",
        """
        db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
        db.execute("CREATE INDEX clients_name ON clients (name)")
        db.execute("CREATE TRIGGER named AFTER INSERT ON clients BEGIN UPDATE clients SET name = 'x'; END")
        """,
    )
    folder.add(
        "0002_contacts",
        'db.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, client INTEGER REFERENCES clients)")',
        'db.execute("DROP TABLE contacts")',
    )
    up(folder.project())
    return folder


def change(folder, name, old, new):
    path = folder.versions / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# A schema that was changed by hand: every mutation is found, and nothing that means the same


def database_changed_by_hand(folder, before, after):
    """One migration that makes `before`, applied; in the database stands what `after` makes."""
    folder.add("0001_schema", f"db.script({before!r})")
    up(folder.project(snapshot="never"))
    ledger = folder.path / "ledger.sqlite"
    folder.database.rename(ledger)
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.executescript(after)
        connection.execute("ATTACH ? AS ledger", (str(ledger),))
        kept = "SELECT name, sql FROM ledger.sqlite_master WHERE name LIKE 'schema_version%' AND sql IS NOT NULL"
        for name, sql in connection.execute(kept).fetchall():
            connection.execute(sql)
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM ledger.{name}")
        connection.commit()
    ledger.unlink()
    return folder.project()


@pytest.mark.parametrize(
    ("before", "after"),
    [pytest.param(before, after, id=name) for name, before, after in MUTATIONS if name != "column order"],
)
def test_a_schema_that_was_changed_by_hand_is_found(folder, before, after):
    report = verify(database_changed_by_hand(folder, before, after))

    assert [code for code in codes(report) if code.startswith("NWM41")] == ["NWM411"]
    assert report.changes != ()


@pytest.mark.parametrize(("before", "after"), [pytest.param(*case[1:], id=case[0]) for case in REWRITES])
def test_a_schema_that_means_the_same_is_not(folder, before, after):
    report = verify(database_changed_by_hand(folder, before, after))

    assert (states(report), report.changes, report.notes) == (OK, (), ())


def test_another_order_of_columns_is_told_and_is_no_finding(folder):
    before = "CREATE TABLE t (a INTEGER, b TEXT, c TEXT)"

    report = verify(database_changed_by_hand(folder, before, "CREATE TABLE t (a INTEGER, c TEXT, b TEXT)"))

    assert report.ok
    assert report.notes == ("the columns of t stand in another order; that is no finding",)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE clients ADD COLUMN extra TEXT", ["added column clients.extra"]),
        ("DROP INDEX clients_name", ["removed index clients.clients_name"]),
        (
            "DROP TRIGGER named; CREATE TRIGGER named AFTER INSERT ON clients BEGIN UPDATE clients SET name = 'y'; END",
            ["changed trigger clients.named"],
        ),
        ("CREATE TABLE notes (id); CREATE VIEW all_notes AS SELECT * FROM notes", None),
        ("DROP TABLE contacts", ["removed table contacts.contacts"]),
    ],
)
def test_what_was_done_by_hand_is_named(two, sql, expected):
    two.sql(sql)

    report = verify(two.project())

    assert codes(report) == ["NWM411"]
    assert changes(report) == (expected or ["added table notes.notes", "added view .all_notes"])
    assert states(report) == {**OK, "schema": "findings"}


def test_what_sqlite_and_the_framework_keep_for_themselves_is_no_difference(two):
    two.sql("ANALYZE; CREATE INDEX of_the_log ON schema_version_log (version)")

    assert verify(two.project()).ok


# The repository's own migrations


def test_nukeworks_at_head_is_as_it_should_be(tmp_path):
    path = tmp_path / "nukeworks.sqlite"
    runner.up(path)

    report = verify(runner.project_of(path))

    assert (report.ok, report.applied, report.version, report.notes) == (True, 10, 10, ())


def test_a_nukeworks_database_of_the_old_system_is_verified_and_the_report_says_how_far(tmp_path):
    path = tmp_path / "nukeworks.sqlite"
    runner.up(path, to=2)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("schema_version", "schema_version_log", "schema_version_source"):
            connection.execute(f"DROP TABLE {table}")
        connection.executescript(OLD_LEDGER + "INSERT INTO schema_version (version) VALUES (1), (2);")

    report = verify(runner.project_of(path))

    assert (report.ok, report.ledger, report.applied) == (True, "legacy", 2)
    assert report.notes == ("2 of 2 applied migrations have no stored text: today's files were taken for them",)


def test_a_row_that_the_old_application_wrote_later_is_counted(two):
    two.add_table("0003_notes", "notes")
    two.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO schema_version (version) VALUES (3)")

    report = verify(two.project())

    assert report.ok
    assert report.notes == ("1 of 3 applied migrations has no stored text: today's file was taken for it",)


def test_a_change_by_the_old_system_is_found(folder):
    folder.add_table("0001_clients", "clients")
    folder.sql(OLD_LEDGER + "CREATE TABLE clients (id INTEGER PRIMARY KEY);")
    folder.sql("INSERT INTO schema_version (version) VALUES (1)")

    report = verify(folder.project())

    assert changes(report) == ["removed column clients.name"]
    assert report.notes == ("the one applied migration has no stored text: today's file was taken for it",)


# Files against ledger


def test_a_changed_file_is_found_with_its_difference_and_what_ran_is_what_is_built(two):
    change(two, "0002_contacts", "client INTEGER", "client BLOB")

    report = verify(two.project())

    (found,) = report.findings
    assert (found.code, found.severity, found.part) == ("NWM401", "error", "files")
    assert found.message == "0002_contacts was changed after it was applied"
    assert found.where.startswith("versions/0002_contacts.py, applied 20")
    assert [line[:1] for line in found.details if "REFERENCES" in line] == ["-", "+"]
    assert report.notes == ()


def test_helpers_are_built_from_as_they_were(folder):
    folder.write("_names.py", "TABLE = 'clients'\n")
    folder.add("0001_named", "from ._names import TABLE\ndb.execute(f'CREATE TABLE {TABLE} (id)')")
    up(folder.project())
    folder.write("_names.py", "TABLE = 'customers'\n")

    report = verify(folder.project())

    assert (codes(report), states(report)["schema"]) == (["NWM401"], "ok")


def test_without_a_stored_text_a_changed_file_is_taken_and_the_report_says_so(two):
    change(two, "0002_contacts", "client INTEGER", "client BLOB")
    two.sql("DELETE FROM schema_version_source")

    report = verify(two.project())

    assert codes(report) == ["NWM401", "NWM411"]
    assert changes(report) == ["changed column contacts.client"]
    assert report.notes == ("1 of 2 applied migrations has no stored text: today's file was taken for it",)


def test_an_accepted_file_counts_as_what_was_applied(two):
    change(two, "0002_contacts", "client INTEGER", "client BLOB")
    accept(two.project(), "0002_contacts", reason="it should have been that")

    report = verify(two.project())

    assert changes(report) == ["changed column contacts.client"]


def test_a_comment_that_was_added_is_no_finding(two):
    change(two, "0002_contacts", "def upgrade", "# The people.\ndef upgrade")

    assert verify(two.project()).ok


def test_a_renamed_file_is_found(two):
    two.versions.joinpath("0002_contacts.py").rename(two.versions / "0002_people.py")

    report = verify(two.project())

    assert codes(report) == ["NWM402"]
    assert report.findings[0].message == "version 2 was applied as 0002_contacts, and the file is 0002_people"


def test_after_a_renamed_and_changed_file_was_accepted_all_is_well(two):
    two.versions.joinpath("0002_contacts.py").rename(two.versions / "0002_people.py")
    accept(two.project(), "0002_people", reason="renamed")
    change(two, "0002_people", "def upgrade", "# The people.\ndef upgrade")

    assert verify(two.project()).ok


def test_a_missing_file_is_found_and_its_stored_text_is_built(two):
    two.add("0003_last")
    up(two.project())
    two.versions.joinpath("0002_contacts.py").unlink()

    report = verify(two.project())

    assert codes(report) == ["NWM403"]
    assert report.findings[0].message == "0002_contacts is applied, and has no file"
    assert states(report)["schema"] == "ok"


def test_a_database_that_is_newer_than_the_files_is_found(two):
    two.versions.joinpath("0002_contacts.py").unlink()

    report = verify(two.project())

    assert codes(report) == ["NWM404"]
    assert states(report)["schema"] == "ok"


def test_where_neither_text_nor_file_is_there_the_schema_is_not_compared_and_that_is_said(two):
    two.add("0003_last")
    up(two.project())
    two.versions.joinpath("0002_contacts.py").unlink()
    two.sql("DELETE FROM schema_version_source WHERE file = '0002_contacts.py'")

    report = verify(two.project())

    assert codes(report) == ["NWM403", "NWM412"]
    assert report.findings[1].message == (
        "0002_contacts: neither a text that was stored nor a file tells what was applied"
    )
    assert states(report) == {**OK, "files": "findings", "schema": "not checked"}


def test_an_interrupted_migration_is_found(folder):
    folder.add("0001_alone", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    with pytest.raises(Exception, match="stopped part-way"):
        up(folder.project())

    report = verify(folder.project())

    assert codes(report) == ["NWM405", "NWM411"]
    assert report.findings[0].message.startswith("0001_alone was interrupted: it began at 20")
    assert changes(report) == ["added table t.t"]


def test_pending_migrations_are_no_finding(two):
    two.add_table("0003_notes", "notes")

    report = verify(two.project())

    assert (report.ok, report.pending) == (True, ("0003_notes",))


# What the applied migrations build


def test_migrations_are_built_in_the_order_in_which_they_were_applied(folder):
    folder.add("0001_first", "db.execute('CREATE TABLE first (id)')")
    folder.add("0003_third", "db.execute('CREATE TABLE third (id)')")
    up(folder.project())
    folder.add(
        "0002_second",
        """
        if db.scalar("SELECT count(*) FROM sqlite_master WHERE name = 'third'"):
            db.execute("CREATE VIEW of_third AS SELECT * FROM third")
        """,
    )
    up(folder.project())

    assert verify(folder.project()).ok


def test_rows_of_the_old_system_come_first_and_by_number(folder):
    folder.add("0002_second", "db.execute('CREATE TABLE t (a)')")
    folder.add("0010_tenth", "db.execute('ALTER TABLE t ADD COLUMN b')")
    folder.add("0001_first", "db.execute('ALTER TABLE t ADD COLUMN c')")
    folder.sql(OLD_LEDGER + "CREATE TABLE t (a, b);")
    folder.sql("INSERT INTO schema_version (version, applied_date) VALUES (10, '2020-01-01'), (2, '2030-01-01')")
    up(folder.project(), only="1")

    assert verify(folder.project()).ok


def test_what_was_taken_back_is_not_built(two):
    down(two.project(), to="1")

    assert verify(two.project()).ok


def test_what_was_stamped_counts_as_applied(folder):
    folder.add_table("0001_clients", "clients")
    folder.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
    stamp(folder.project(), "1")

    assert verify(folder.project()).ok


def test_a_migration_without_transaction_is_built_too(folder):
    folder.add("0001_alone", "db.execute('CREATE TABLE t (id)')\ndb.execute('VACUUM')", head='transaction = "none"')
    up(folder.project())

    assert verify(folder.project()).ok


def test_checks_of_migrations_are_not_run_for_they_ask_about_data(folder):
    folder.add(
        "0001_first",
        'db.execute("CREATE TABLE clients (id)")\ndb.execute("INSERT INTO clients VALUES (1)")',
        head="""
        def check(db):
            return not db.query("SELECT 1 FROM sqlite_master WHERE name = 'never'")


        def verify(db):
            return db.scalar("SELECT count(*) FROM clients") == 1
        """,
    )
    folder.add("0002_second", head='def check(db):\n    return db.scalar("SELECT max(id) FROM clients") == 2')
    up(folder.project(), to="1")
    folder.sql("INSERT INTO clients VALUES (2)")
    up(folder.project())

    assert verify(folder.project()).ok


@pytest.fixture
def wants_data(folder):
    """A migration that could run because of a row that no migration made."""
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.sql("INSERT INTO clients (name) VALUES ('boss')")
    folder.add("0002_boss", "db.query(\"SELECT id FROM clients WHERE name = 'boss'\")[0]")
    up(folder.project())
    return folder


def test_a_migration_that_cannot_run_on_an_empty_database_is_named_and_why(wants_data):
    report = verify(wants_data.project())

    (found,) = report.findings
    assert (found.code, found.severity, found.part) == ("NWM412", "warning", "schema")
    assert found.message == "0002_boss cannot run on an empty database"
    assert found.details == ("versions/0002_boss.py:5", "IndexError: list index out of range")
    assert states(report) == {**OK, "schema": "not checked"}
    assert not report.ok


def test_a_stored_text_that_cannot_run_is_named_with_its_line(wants_data):
    change(wants_data, "0002_boss", "db.query", "rows = db.query")

    report = verify(wants_data.project())

    assert codes(report) == ["NWM401", "NWM412"]
    assert report.findings[1].details[0] == "0002_boss.py (as applied):5"


def test_a_resource_that_nobody_hands_in_is_named(folder):
    folder.add("0001_secret", "db.execute(f'CREATE TABLE t{db.resource(\"key\")} (id)')", head='resources = ["key"]')
    up(folder.project(resources={"key": "7"}))

    without, with_it = verify(folder.project()), verify(folder.project(resources={"key": "7"}))

    assert [finding.message for finding in without.findings] == [
        "0001_secret needs the resource 'key', and nobody handed it in"
    ]
    assert with_it.ok


def test_a_module_that_is_gone_is_named(folder, monkeypatch):
    (folder.path / "gone_application.py").write_text("TABLE = 't'\n")
    monkeypatch.syspath_prepend(str(folder.path))
    folder.add("0001_first", "db.execute(f'CREATE TABLE {TABLE} (id)')", head="from gone_application import TABLE")
    up(folder.project())
    (folder.path / "gone_application.py").unlink()
    sys.modules.pop("gone_application")

    (found,) = verify(folder.project()).findings

    assert (found.code, found.message) == ("NWM412", "0001_first cannot be imported")
    assert found.details[1] == "ModuleNotFoundError: No module named 'gone_application'"


def test_a_migration_that_opens_the_database_by_its_name_does_not_get_at_it(two):
    two.add(
        "0003_by_hand",
        f"""
        import sqlite3
        if db.scalar("SELECT count(*) FROM clients"):
            return
        connection = sqlite3.connect({str(two.database)!r})
        connection.execute("DELETE FROM contacts")
        connection.commit()
        """,
    )
    two.sql("INSERT INTO clients (id) VALUES (1); INSERT INTO contacts VALUES (1, 1)")
    up(two.project())
    before = two.content()

    report = verify(two.project())

    assert (codes(report), two.content()) == (["NWM412"], before)


# Foreign keys and integrity


def test_rows_that_refer_to_nothing_are_counted_and_named(two):
    two.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)"
        " INSERT INTO contacts SELECT i, 7 FROM n"
    )

    report = verify(two.project())

    (found,) = report.findings
    assert (found.code, found.part) == ("NWM421", "foreign keys")
    assert found.message == "12 rows of contacts refer to no row of clients (client)"
    assert (found.details[0], len(found.details), found.details[-1]) == ("contacts (1)", 11, "and 2 more")


def test_a_foreign_key_that_refers_to_no_key_is_named(two):
    two.sql("CREATE TABLE p (a); CREATE TABLE c (a REFERENCES p (a)); INSERT INTO c VALUES (1)")

    report = verify(two.project())

    assert codes(report) == ["NWM411", "NWM422"]
    assert report.findings[1].message == 'foreign key mismatch - "c" referencing "p"'


def filled(folder):
    """A database of many pages, with an index."""
    folder.add(
        "0001_many",
        """
        db.execute("CREATE TABLE many (id INTEGER PRIMARY KEY, word TEXT, parent INTEGER REFERENCES many)")
        db.execute("CREATE INDEX many_word ON many (word)")
        """,
    )
    up(folder.project())
    folder.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO many SELECT i, hex(randomblob(40)), 1 FROM n"
    )
    return folder


def overwrite(folder, name, offset=0, content=b"\xa5" * 512):
    """Write over the root page of a table or index, or over the file's first page."""
    page = 1
    if name:
        ((page,),) = folder.query(f"SELECT rootpage FROM sqlite_master WHERE name = '{name}'")
    ((size,),) = folder.query("PRAGMA page_size")
    with open(folder.database, "r+b") as file:
        file.seek((page - 1) * size + offset)
        file.write(content)


def test_a_damaged_index_is_told(folder):
    overwrite(filled(folder), "many_word")

    report = verify(folder.project())

    assert codes(report) == ["NWM431"]
    assert report.findings[0].details != ()


def test_a_damaged_table_is_told_and_the_rest_is_looked_at_all_the_same(folder):
    overwrite(filled(folder), "many")

    report = verify(folder.project())

    assert "NWM431" in codes(report)
    assert (report.state(Part.FILES), report.state(Part.SCHEMA)) == ("ok", "ok")


@pytest.mark.parametrize("name", ["schema_version", "schema_version_source"])
def test_a_damaged_ledger_is_told(folder, name):
    overwrite(filled(folder), name)
    change(folder, "0001_many", "def upgrade", "# another text\ndef upgrade")

    report = verify(folder.project())

    assert {"NWM406", "NWM412", "NWM431"} <= set(codes(report))
    assert report.state(Part.INTEGRITY) == "findings"


def test_a_damaged_schema_is_refused_in_words(folder):
    overwrite(filled(folder), "", offset=100)

    with pytest.raises(DatabaseRefused) as refusal:
        verify(folder.project())

    assert "SQLITE_" in refusal.value.cause


def test_rows_that_break_a_constraint_are_told(two):
    """As they are where somebody has written into the schema."""
    two.add("0003_named", "db.execute('CREATE TABLE named (a NOT NULL)')")
    up(two.project())
    rewritten = (
        "PRAGMA writable_schema = on; UPDATE sqlite_master SET sql = '{}' WHERE name = 'named' AND type = 'table'"
    )
    two.sql(rewritten.format("CREATE TABLE named (a)"))
    two.sql("INSERT INTO named VALUES (NULL)")
    two.sql(rewritten.format("CREATE TABLE named (a NOT NULL)"))

    (found,) = verify(two.project()).findings

    assert (found.code, found.details) == ("NWM431", ("NULL value in named.a",))


# Nothing there


def test_without_a_database_there_is_nothing_to_verify_and_nothing_is_made(folder):
    folder.add("0001_first")

    with pytest.raises(DatabaseRefused) as refusal:
        verify(folder.project())

    assert refusal.value.what == "there is no database app.sqlite yet"
    assert not folder.database.exists()


def test_an_empty_file_is_what_no_migrations_make(folder):
    folder.add_table("0001_clients", "clients")
    folder.database.touch()

    report = verify(folder.project())

    assert (report.ok, report.ledger, report.applied, report.pending) == (True, "none", 0, ("0001_clients",))


def test_tables_without_a_ledger_are_found(folder):
    folder.sql("CREATE TABLE clients (id)")

    report = verify(folder.project())

    assert (report.ledger, changes(report)) == ("none", ["added table clients.clients"])


def test_what_is_left_when_all_was_taken_back_is_found(two):
    down(two.project(), to="base")

    report = verify(two.project())

    assert report.applied == 0
    assert changes(report) == [
        "added table clients.clients",
        "added index clients.clients_name",
        "added trigger clients.named",
    ]


def test_files_that_cannot_be_read_and_a_ledger_that_is_not_ours_are_refused(two):
    two.versions.joinpath("foo.py").touch()
    with pytest.raises(FilesRefused):
        verify(two.project())
    two.versions.joinpath("foo.py").unlink()
    two.sql("ALTER TABLE schema_version RENAME applied_by TO somebody")

    with pytest.raises(LedgerNotOurs):
        verify(two.project())


# Looking, and nothing else


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_it_changes_nothing_while_others_read_and_write(two, mode):
    two.sql(f"PRAGMA journal_mode = {mode}")
    with closing(sqlite3.connect(two.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO clients (id) VALUES (1)")
        before = footprint(two.path)

        report = verify(two.project())

        after = footprint(two.path)
        writer.execute("COMMIT")
    kept = [name for name in before if not name.endswith("-shm")]
    assert report.ok
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_it_waits_for_a_writer_no_longer_than_other_looks_do(two):
    with closing(sqlite3.connect(two.database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()

        with pytest.raises(Busy) as busy:
            verify(two.project())

    assert time.monotonic() - started < 6
    assert not isinstance(busy.value, HotJournal)


def test_what_it_builds_is_gone_when_it_ends(two, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    verify(two.project())

    assert list(folder.iterdir()) == []


def test_it_can_be_asked_from_several_threads(two):
    with ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(lambda _: verify(two.project()), range(4)))

    assert [report.ok for report in reports] == [True] * 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_while_a_migration_runs(folder):
    folder.add(
        "0001_slow",
        """
        import pathlib, time
        if pathlib.Path("slow").exists():
            pathlib.Path("begun").touch()
            time.sleep(60)
        """,
    )
    up(folder.project())
    (folder.path / "slow").touch()
    process = folder.start("verify")
    while not (folder.path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (130, "")
    assert err.startswith("error: stopped while the schema was built   [stopped]")


def test_every_code_is_there_once():
    assert len({rule.code for rule in VERIFY_RULES}) == len(VERIFY_RULES)
    assert all(rule.code.startswith("NWM4") for rule in VERIFY_RULES)
