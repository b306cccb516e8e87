"""What each page of the dialog says, for every way in which a database can stand to its files."""

import os
import re
import sqlite3
import textwrap
from contextlib import closing

import pytest
from faults.processes import POSIX_ONLY, python
from faults.test_hot_journal import HALF_A_WRITE
from support import content, footprint, integrity
from web.browsing import Browser

from nukeworks_migrate import Project, create_snapshot, down, list_snapshots, up
from nukeworks_migrate.cli.main import run as program
from nukeworks_migrate.cli.text import called
from nukeworks_migrate.errors import Interrupted

ALONE = 'transaction = "none"'
ROWS = """
db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, amount TEXT, cents INTEGER)")
db.executemany("INSERT INTO clients (amount) VALUES (?)", [("1.50",), ("2,50",), ("3",), ("4",)])
"""


@pytest.fixture
def two(folder):
    """Two migrations, applied."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    up(folder.project(header_index=False))
    return folder


def snapshots(folder):
    return list_snapshots(folder.project()).snapshots


def edit(folder, name, old, new):
    path = folder.versions / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def error_facts(screen):
    """The parts of an error's screen, by label, as the page has to hold them."""
    found = []
    for line in screen.splitlines():
        if re.match(r"  \w+ ", line):
            label, text = line.split(maxsplit=1)
            found.append((label, text))
        elif line.startswith(" " * 13) or (found and not line.strip()):
            label, text = found[-1]
            found[-1] = (label, f"{text}\n{line[13:]}")
    return [(label, text.rstrip()) for label, text in found]


# --- the overview


def test_an_old_database_is_pending(ann, old_database):
    page = ann.get()

    assert "pending The database needs 8 migrations" in page.text
    assert page.facts == [("Database version", "2"), ("Required version", "10")]
    assert page.actions() == ["/rehearse"]
    assert "/migrations/confirm" in page.links()
    order = re.findall(r"\b(\d) (00\d\d)_", page.text)
    assert order == [(str(place), f"{place + 2:04}") for place in range(1, 9)]
    assert f"sqlite {old_database.name}" in page.text
    assert "warning column meeting_date of roundtable_history is dropped with its values" in page.text


def test_the_old_database_is_brought_to_its_last_version_by_hand_of_ann(ann, old_database):
    before = ann.client.get("/")

    rehearsed, done = ann.run("/rehearse"), ann.apply()

    assert (before.status_code, "The database has to be updated first" in before.text) == (503, True)
    assert "done Dry run on a private copy The database was not touched." in rehearsed.text
    assert "8 migrations applied Version 2 → 10, committed after" in done.text
    assert ann.client.get("/").status_code == 200  # and the application is open
    assert "up to date The database is at version 10 Nothing is pending." in ann.get().text
    assert integrity(old_database) == "ok"


def test_up_to_date(two, browse):
    page = browse().get()

    assert "up to date The database is at version 2 Nothing is pending." in page.text
    assert page.forms == []


def test_with_a_required_version_no_more_than_that_is_pending(folder, browse):
    for version in (1, 2, 3):
        folder.add_table(f"{version:04}_t{version}", f"t{version}")
    ann = browse(REQUIRED_SCHEMA_VERSION=2)

    page, done = ann.get(), ann.apply()

    assert "0003_t3" not in page.text
    assert ("Required version", "2") in page.facts
    assert "2 migrations applied Version 0 → 2" in done.text
    assert "up to date The database is at version 2" in ann.get().text
    assert folder.applied() == [1, 2]


def test_a_database_beyond_the_required_version_is_newer(two, browse):
    page = browse(REQUIRED_SCHEMA_VERSION=1).get()

    assert "too new Nothing can be applied now" in page.text
    assert "is newer than this application (requires version 1)" in page.text
    assert ("next", "update the application to the latest version") in page.facts
    assert page.forms == []


def test_an_empty_folder_of_versions_is_up_to_date(folder, browse):
    ann = browse()

    assert "up to date The database is at version 0" in ann.get().text
    assert "There are no migrations yet." in ann.get("/graph").text
    assert "Nothing has happened yet." in ann.get("/history").text
    assert "None yet: one is taken before every run that changes something." in ann.get("/snapshots").text
    assert not folder.database.exists()


def test_no_database_yet(folder, browse):
    folder.add_table("0001_clients", "clients")
    ann = browse()

    page, asked = ann.get(), ann.get("/confirm")
    looked = folder.database.exists()
    done = ann.apply()

    assert "pending The database needs 1 migration " in page.text
    assert "The database is a new file: app.sqlite." in asked.text
    assert not looked
    assert "1 migration applied Version 0 → 1" in done.text
    assert "The way back" not in done.text  # there is nothing to go back to
    assert folder.applied() == [1]


def test_a_database_that_is_too_new(two, browse):
    (two.versions / "0002_contacts.py").unlink()
    before = footprint(two.path)

    page = browse().get()

    assert "too new Nothing can be applied now" in page.text
    assert "this database (version 2) is newer than this application (knows 1) newer-database" in page.text
    assert ("cause", "applied and not known here: 0002_contacts") in page.facts
    assert page.forms == []
    assert footprint(two.path) == before


def test_a_changed_file(two, browse):
    edit(two, "0001_clients.py", "INSERT INTO clients", "INSERT OR IGNORE INTO clients")
    ann = browse()

    page, one, asked = ann.get(), ann.get("/history/1"), ann.get("/confirm")

    assert "drifted Nothing can be applied now" in page.text
    assert "0001_clients was changed after it was applied checksum-drift" in page.text
    facts = dict(page.facts)
    assert '-    db.execute("INSERT INTO clients' in facts["cause"]
    assert facts["next"].endswith(
        "or, if the change is known to be harmless: flask migrations accept 0001_clients --reason …"
    )
    assert page.forms == []
    assert (asked.status, "0001_clients was changed after it was applied" in asked.text) == (409, True)
    assert "The file differs now" in one.text
    assert _signs(one) == {
        "removed": [
            "--- 0001_clients as applied",
            "-    db.execute(\"INSERT INTO clients (name) VALUES ('clients')\")",
        ],
        "added": [
            "+++ 0001_clients now",
            "+    db.execute(\"INSERT OR IGNORE INTO clients (name) VALUES ('clients')\")",
        ],
    }


def test_the_sign_of_a_line_of_a_diff_is_its_first_character_alone(folder, browse):
    folder.add("0001_one", "x = (1\n- 1\n+ 1)\ndb.execute('SELECT 1')")
    up(folder.project(header_index=False))
    edit(folder, "0001_one.py", "SELECT 1", "SELECT 2")

    signs = _signs(browse().get("/history/1"))

    assert [line.strip() for line in signs["removed"]] == ["--- 0001_one as applied", "-    db.execute('SELECT 1')"]
    assert [line.strip() for line in signs["added"]] == ["+++ 0001_one now", "+    db.execute('SELECT 2')"]


def _signs(page):
    """Lines of a page by what they are said to be."""
    import html

    found = {}
    for kind, text in re.findall(r'<span class="(added|removed)">(.*?)\n</span>', page.source):
        found.setdefault(kind, []).append(html.unescape(text))
    return found


def test_a_file_that_is_missing(two, browse):
    two.add_table("0003_last", "last")
    up(two.project(header_index=False))
    (two.versions / "0002_contacts.py").unlink()
    ann = browse()

    page = ann.get()

    assert "drifted Nothing can be applied now" in page.text
    assert "applied, and without a file: 0002_contacts missing-files" in page.text
    assert "flask migrations stamp --not-applied 2" in page.text
    assert "0002_contacts missing" in ann.get("/graph").text
    assert ann.get("/history/2").status == 200


def test_files_with_errors_are_all_listed(folder, browse):
    folder.write("10-foo.py", "")
    folder.write("0001_one.py", "def upgrade(db:")
    folder.write("0002_two.py", "depends_on = ['0009_nine']\ndef upgrade(db): pass")
    folder.write("0002_again.py", "def upgrade(db): pass")
    ann = browse()

    page = ann.get()

    assert "The database cannot be looked at ✗ error" in page.text
    assert re.search(r"\d problems in versions files-refused", page.text)
    for where in ("versions/10-foo.py", "versions/0001_one.py:1", "versions/0002_two.py:1"):
        assert where in page.text
    assert "0009_nine" in page.text
    assert ("next", "correct the files, then: flask migrations plan") in page.facts
    assert page.forms == []
    for path in ("/confirm", "/graph", "/history/1"):
        assert (ann.get(path).status, "problems in versions" in ann.get(path).text) == (409, True), path
    failed = ann.run("/rehearse")
    assert "failed Dry run on a private copy" in failed.text
    assert "problems in versions" in failed.text


def test_every_problem_of_the_files_stands_on_the_page(folder, browse):
    for number in range(1, 31):
        folder.write(f"{number:04}_n{number}.py", "depends_on = [x]\ndef upgrade(db): pass")

    page = browse().get()

    assert "30 problems in versions" in page.text
    assert {int(n) for n in re.findall(r"versions/\d+_n(\d+)\.py:1", page.text)} == set(range(1, 31))


def test_a_file_that_is_no_database(two, browse):
    two.database.write_bytes(b"no database at all, and longer than a header is" * 100)
    ann = browse()

    page = ann.get()

    assert "The database cannot be looked at" in page.text
    assert "database-refused" in page.text
    assert ann.get("/history").status == 409


def test_a_database_that_somebody_writes_to(two, browse):
    two.add_table("0003_late", "late")
    ann = browse(settings={"lock_timeout_s": 0.2})
    ann.token()
    with closing(sqlite3.connect(two.database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        page, failed = ann.get(), ann.run("/apply")
        writer.execute("ROLLBACK")

    assert "The database cannot be looked at" in page.text
    assert "busy" in page.text
    assert "failed Upgrade of the database" in failed.text
    assert "busy" in failed.text
    assert two.applied() == [1, 2]


@POSIX_ONLY
def test_an_interrupted_write_is_told_and_left_alone_by_looking(two, browse):
    two.sql("PRAGMA page_size = 1024; VACUUM; CREATE TABLE readings (id INTEGER PRIMARY KEY, note TEXT, size INTEGER)")
    two.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        " INSERT INTO readings (note) SELECT 'a note of a reading, and another one ' || i FROM n"
    )
    two.add_table("0003_late", "late")
    before_write = two.content()
    with python(two, "import sqlite3; sqlite3.connect\n" + HALF_A_WRITE) as writer:
        writer.wait_until((two.path / "written").exists, "it wrote")
        writer.kill()
    files = [path.read_bytes() for path in sorted(two.path.glob("app.sqlite*")) if "lock" not in path.name]
    ann = browse()

    page, graph, history = ann.get(), ann.get("/graph"), ann.get("/history")
    after = [path.read_bytes() for path in sorted(two.path.glob("app.sqlite*")) if "lock" not in path.name]
    snapshot_page = ann.get("/snapshots")
    recovered = ann.run("/rehearse")

    assert "app.sqlite has an interrupted write; SQLite recovers it at the next run" in page.text
    assert "app.sqlite has an interrupted write" in graph.text
    assert (history.status, "hot-journal" in history.text) == (409, True)
    assert snapshot_page.status == 200
    assert after == files
    assert "failed Dry run on a private copy" in recovered.text
    up(two.project(header_index=False))
    assert [line for line in two.content() if line.startswith("readings")] == [
        line for line in before_write if line.startswith("readings")
    ]


# --- a migration without transaction


def test_an_interrupted_migration_with_checkpoints_goes_on(folder, browse):
    folder.add("0001_clients", ROWS)
    up(folder.project(header_index=False))
    folder.add(
        "0002_cents",
        'db.transform("clients", cents, reads=["id", "amount"], writes=["cents"], batch=1)',
        head=f"{ALONE}\n\n\ndef cents(id, amount):\n    assert id < 3 or BETTER\n    return id\n\n\nBETTER = False",
    )
    ann = browse()

    asked, failed, page = ann.get("/confirm"), ann.apply(), None
    page, refused = ann.get(), ann.run("/apply")
    edit(folder, "0002_cents.py", "BETTER = False", "BETTER = True")
    seen = ann.get()
    done = ann.run("/resume")

    assert "no transaction" in asked.text
    assert "committed in batches; where it stops, flask migrations resume goes on" in asked.text
    assert "0002_cents stopped part-way interrupted" in failed.text
    assert ("changed", "2 rows of its data are done and committed") in failed.facts
    assert "interrupted Nothing can be applied now" in page.text
    assert "What 0002_cents has done so far is kept, and it has a checkpoint." in page.text
    assert page.actions() == ["/resume"] == seen.actions()
    assert "failed Upgrade of the database" in refused.text
    assert "done Going on with an interrupted migration 1 migration applied" in done.text
    assert folder.query("SELECT id, cents FROM clients") == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert "up to date The database is at version 2" in ann.get().text


def test_an_interrupted_migration_without_checkpoints_cannot_go_on_from_here(two, browse):
    two.add("0003_alone", 'db.execute("CREATE TABLE a (id)")\ndb.execute("CREATE TABLE a (id)")', head=ALONE)
    ann = browse()

    asked, failed = ann.get("/confirm"), ann.apply()
    page, resumed = ann.get(), ann.run("/resume")

    assert "if it fails, what it has done stays; it runs at least once" in asked.text
    assert "0003_alone stopped part-way" in failed.text
    assert "interrupted Nothing can be applied now" in page.text
    assert page.forms == []
    assert "flask migrations resume --rerun" in dict(page.facts)["next"]
    assert "0003_alone ran statements that have no checkpoint interrupted" in resumed.text
    assert "a" in two.tables()


def test_what_was_interrupted_on_the_way_down_goes_on_downwards(folder, browse):
    folder.add("0001_clients", ROWS)
    folder.add(
        "0002_cents",
        'db.transform("clients", cents, reads="id", writes="cents")',
        'db.transform("clients", back, reads="id", writes="cents", batch=1)',
        head=f"{ALONE}\nimport os\n\n\ndef cents(id):\n    return id\n\n\n"
        "def back(id):\n    assert id < 3 or 'BETTER' in os.environ\n    return None",
    )
    up(folder.project(header_index=False))
    with pytest.raises(Interrupted):
        down(folder.project(header_index=False), to=1)
    ann = browse()

    page = ann.get()
    os.environ["BETTER"] = "yes"
    try:
        done = ann.run("/resume")
    finally:
        del os.environ["BETTER"]

    assert page.actions() == ["/resume"]
    assert "1 migration reverted Version 2 → 1" in done.text
    assert folder.applied() == [1]
    assert folder.query("SELECT DISTINCT cents FROM clients") == [(None,)]


def test_going_on_where_nothing_was_interrupted_does_nothing(two, browse):
    before = footprint(two.path)

    page = browse().run("/resume")

    assert "Nothing was left to do" in page.text
    assert footprint(two.path) == before


def test_commit_points_stand_beside_the_steps(two, browse):
    for version in (3, 4, 6):
        two.add_table(f"000{version}_t", f"t{version}")
    two.add("0005_alone", 'db.execute("CREATE TABLE a (id)")', head=ALONE)
    ann = browse()

    asked, done = ann.get("/confirm"), ann.apply()

    rows = re.findall(r"\d 0003_t .*? one transaction, steps 1 to 2 2 0004_t .*? the same 3 0005_alone", asked.text)
    assert len(rows) == 1
    assert "no transaction 4 0006_t" in asked.text
    assert "4 migrations applied Version 2 → 6" in done.text


# --- a migration that fails


FAILING = {
    "a statement": "db.execute('INSERT INTO nowhere VALUES (1)')",
    "a statement of many lines": "db.execute('''\n    INSERT INTO clients\n    (nothing)\n    VALUES (1)\n    ''')",
    "an exception": "raise ValueError('then: migrate up, said the migration')",
    "an exception of many lines": "raise ValueError('one\\n\\n  two: migrate plan\\nthree')",
    "an exception with a note": "e = KeyError('k')\ne.add_note('noted: migrate up')\nraise e",
    "a broken foreign key": "db.execute('CREATE TABLE c (p REFERENCES contacts (id))')\n"
    "db.execute('INSERT INTO c VALUES (99)')",
    "a statement that is refused": "db.execute('COMMIT')",
    "a call that is refused": "db.connection.commit()",
    "the end of the program": "raise SystemExit(3)",
    "Ctrl-C of its own": "raise KeyboardInterrupt",
    "a missing resource": "db.resource('key')",
    "an error of ours": "from nukeworks_migrate.errors import Refused\nraise Refused('no', next_step='migrate up')",
}


@pytest.fixture
def at_terminal(two, monkeypatch, capsys):
    """Call the program in the project's folder; return what it writes to stderr."""
    monkeypatch.chdir(two.path)
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "app.sqlite")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_HEADER_INDEX", "no")

    def call(*words):
        capsys.readouterr()
        program(list(words))
        return capsys.readouterr().err

    return call


@pytest.mark.parametrize("body", FAILING.values(), ids=FAILING.keys())
def test_a_failed_run_says_word_for_word_what_the_terminal_says_and_changes_nothing(two, browse, body, at_terminal):
    two.add_table("0003_before", "before")
    two.add("0004_failing", body)
    ann = browse()
    before = two.application_content()
    entries = two.applied()

    failed = ann.apply()
    after, runs = two.application_content(), two.applied()
    screen = at_terminal("up", "--yes")
    # A finding of the plan may stand before it, and is an "error:" too.
    what, code, parts = re.search(r"^error: ([^\n]*?)   \[([^\n]*)\]\n(  \w+ .*)", screen, re.DOTALL | re.M).groups()
    told = [
        (label, called(text, "flask migrations") if label == "next" else text) for label, text in error_facts(parts)
    ]
    assert f"failed Upgrade of the database ✗ error {what} {code}" in failed.text
    assert failed.facts == told
    assert "✓ 0003_before ran" in failed.text
    assert "✗ 0004_failing failed" in failed.text
    assert "Back to the overview, to try again" in failed.text
    assert (after, runs) == (before, entries)


def test_a_failed_run_is_corrected_and_tried_again(two, browse):
    two.add("0003_late", "db.execute('CREATE TABLE late (id')")
    ann = browse()

    failed, meanwhile = ann.apply(), ann.get()
    two.add_table("0003_late", "late")
    done = ann.apply()

    assert "0003_late failed step-failed" in failed.text
    assert "Last here: Upgrade of the database , failed." in meanwhile.text
    assert "pending The database needs 1 migration" in meanwhile.text
    assert "done Upgrade of the database 1 migration applied Version 2 → 3" in done.text
    assert two.applied() == [1, 2, 3]
    assert "0003_late 0.00 s" in ann.get("/history").text
    assert ann.get("/history").text.count("failed 0003_late") == 1


def test_a_file_that_cannot_be_imported(two, browse):
    two.add("0003_late", head="import no_such_module_at_all")
    before = _but_for_the_lock(two)

    page = browse().apply()

    assert "module-not-loaded" in page.text
    assert "no_such_module_at_all" in page.text
    assert _but_for_the_lock(two) == before


def _but_for_the_lock(folder):
    return {path: found for path, found in footprint(folder.path).items() if not path.endswith("-migrate-lock")}


# --- what was done


def test_rows_in_quarantine_are_told(folder, browse):
    folder.add("0001_clients", ROWS)
    folder.add(
        "0002_cents",
        'db.transform("clients", cents, reads="amount", writes="cents", on_error="quarantine")',
        head="def cents(amount):\n    return round(float(amount) * 100)",
    )
    ann = browse()

    rehearsed, done = ann.run("/rehearse"), ann.apply()

    for page in (rehearsed, done):
        assert "1 row of clients left as before, in quarantine: id = 2 ValueError: could not convert" in page.text
    assert folder.query("SELECT cents FROM clients") == [(150,), (None,), (300,), (400,)]


def test_findings_and_notes_stand_on_both_pages(two, browse):
    two.add("0003_drop", 'db.execute("DROP TABLE contacts")', downgrade=None, head='resources = ["key"]')
    ann = browse()
    ann.dialog.application().project.resources["key"] = "secret of the application"

    for page in (ann.get(), ann.get("/confirm")):
        assert re.search(r"warning table contacts is dropped.* versions/0003_drop.py:\d+ NWM1\d\d", page.text)
        assert "no downgrade: there is no way back through code" in page.text
        assert "needs the resource 'key', which the application hands in" in page.text
        assert "secret of the application" not in page.source


def test_a_branch_that_was_merged_is_told_to_be_out_of_order(two, browse):
    two.add_table("0004_four", "four")
    up(two.project(header_index=False))
    two.add_table("0003_three", "three")
    ann = browse()

    assert "out of order: a higher number is already applied" in ann.get().text
    assert "1 migration applied Version 4 → 4" in ann.apply().text


def test_confirming_where_nothing_is_pending_leads_to_the_overview(two, browse):
    page = browse().get("/confirm")

    assert (page.status, page.headers["Location"]) == (303, "/migrations/")


def test_settings_of_snapshots_are_told_before(two, browse):
    two.add_table("0003_late", "late")

    with_one, without = browse().get("/confirm"), browse(settings={"snapshot": "never"})

    assert "A snapshot is taken before step 1." in with_one.text
    assert "No snapshot will be taken." in without.get("/confirm").text
    assert "The way back" not in without.apply().text


# --- a dry run


def test_the_report_of_a_dry_run(two, browse):
    two.add("0003_tier", "db.execute('ALTER TABLE clients ADD COLUMN tier INTEGER')\ndb.log('one\\ntwo')", "pass")
    two.add(
        "0004_more",
        "db.execute(\"INSERT INTO clients (name) VALUES ('b'), ('c')\")\n"
        "db.execute(\"UPDATE contacts SET name = 'x'\")\n"
        'db.execute("DELETE FROM contacts WHERE 0")',
        "db.execute(\"DELETE FROM clients WHERE name IN ('b', 'c')\")\n"
        "db.execute(\"UPDATE contacts SET name = 'contacts'\")",
    )
    two.add("0005_one_way", "db.execute('CREATE TABLE one_way (id)')", downgrade=None)
    ann = browse()
    before = footprint(two.path)

    page = ann.run("/rehearse")
    overview, asked = ann.get(), ann.get("/confirm")

    assert "The database was not touched. A run would take about" in page.text
    assert "+ column tier INTEGER" in page.text
    assert "rows of clients: 2 added (1 → 3)" in page.text
    assert "rows of contacts: 1 changed (1 → 1)" in page.text
    assert "Way back: lossy, after downgrade this is not as it was before:" in page.text
    assert "Way back: exact, downgrade gave back the same schema and rows" in page.text
    assert "Way back: none, there is no downgrade" in page.text
    assert "In all" in page.text
    assert "one\ntwo" in page.raw
    assert "3 statements" in page.text
    assert "Continue …" in page.text
    assert "rehearsed These migrations ran well on a copy." in overview.text
    assert "✓ rehearsed A run would take about" in asked.text
    assert f"/migrations/runs/{ann.dialog.runs.last.id}" in asked.links()
    assert footprint(two.path) == before


def test_a_dry_run_of_other_files_does_not_count(two, browse):
    two.add_table("0003_late", "late")
    ann = browse()
    ann.run("/rehearse")
    two.add_table("0003_late", "later")

    assert "not rehearsed" in ann.get("/confirm").text
    assert "rehearsed" not in ann.get().text


def test_a_dry_run_that_fails(two, browse):
    two.add_table("0003_late", "late")
    two.add("0004_failing", "db.execute('CREATE TABLE half (id)')\nraise ValueError('no')")
    two.add_table("0005_after", "after")
    ann = browse()
    before = footprint(two.path)

    page = ann.run("/rehearse")

    assert "failed Dry run on a private copy" in page.text
    assert "0004_failing failed on the way up in the rehearsal step-failed" in page.text
    assert ("cause", "ValueError: no") in page.facts
    assert "The database was not touched." in page.text
    assert "✗ failed, " in page.text
    assert "Not tried: 0005_after" in page.text
    assert "Continue" not in page.text
    assert "not rehearsed" in ann.get("/confirm").text
    assert footprint(two.path) == before


def test_a_dry_run_on_a_copy_of_nothing(folder, browse):
    folder.add_table("0001_clients", "clients")

    page = browse().run("/rehearse")

    assert "No database was made." in page.text
    assert not folder.database.exists()


def test_a_dry_run_where_nothing_is_pending(two, browse):
    before = footprint(two.path)

    page = browse().run("/rehearse")

    assert page.status == 200
    assert "done Dry run on a private copy" in page.text
    assert footprint(two.path) == before


# --- snapshots


def test_back_to_a_snapshot_and_forth_again(two, browse):
    two.add_table("0003_late", "late")
    ann = browse()
    before = two.application_content()
    ann.apply()
    two.sql("INSERT INTO late (name) VALUES ('entered by somebody')")
    after = two.application_content()
    (taken,) = [one for one in snapshots(two) if one.version_before == 2]

    listed, asked = ann.get("/snapshots"), ann.get(f"/snapshots/{taken.id}/restore")
    back = ann.run("/snapshots/restore", asked.form("/snapshots/restore"))
    restored = two.application_content()
    (way_forth,) = re.findall(r"/migrations(/snapshots/[^/]+/restore)", back.source)
    forth = ann.run("/snapshots/restore", ann.get(way_forth).form("/snapshots/restore"))

    assert f"{taken.id} " in listed.text
    assert "before up" in listed.text
    assert f"/migrations/snapshots/{taken.id}/restore" in listed.links()
    assert "Replace what is in the database?" in asked.text
    assert ("It holds now", "version 3") in asked.facts
    assert "will be gone from the database" in asked.text
    assert f"It is at version 2, from snapshot {taken.id} ." in back.text
    assert restored == before
    assert "It is at version 3" in forth.text
    assert two.application_content() == after
    assert ann.get("/history").text.count("restored") == 1  # the log came back too


def test_a_database_that_cannot_be_opened_is_restored(two, browse):
    made = create_snapshot(two.project())
    before = two.application_content()
    two.database.write_bytes(b"something else" * 1000)
    ann = browse()

    asked = ann.get(f"/snapshots/{made.id}/restore")
    page = ann.run("/snapshots/restore", asked.form("/snapshots/restore"))

    assert ("It holds now", "it cannot be read") in asked.facts
    assert "The file that could not be opened is now" in page.text
    assert two.application_content() == before


def test_snapshots_are_checked_one_or_all(two, browse):
    good, bad = create_snapshot(two.project()), create_snapshot(two.project(), note="of a Monday")
    damaged = two.path / "snapshots" / bad.file
    damaged.write_bytes(damaged.read_bytes()[:-100] + b"x" * 100)
    ann = browse()

    every, one = ann.run("/snapshots/verify"), ann.run("/snapshots/verify", {"id": good.id})
    before = two.content()
    refused = ann.run("/snapshots/restore", {"id": bad.id})

    assert "2 checked, 1 damaged" in every.text
    assert f"✓ whole {good.id}" in every.text
    assert f"✗ damaged {bad.id} the SHA-256 of the file is not the one in its manifest" in every.text
    assert "1 checked, 0 damaged" in one.text
    assert f"the snapshot {bad.id} is damaged snapshot-refused" in refused.text
    assert two.content() == before
    assert "of a Monday" in ann.get("/snapshots").text


def test_a_snapshot_whose_file_is_gone_is_damaged(two, browse):
    made = create_snapshot(two.project())
    (two.path / "snapshots" / made.file).unlink()

    page = browse().run("/snapshots/verify", {"id": made.id})

    assert "1 checked, 1 damaged" in page.text
    assert "the file is not there" in page.text


# --- history and graph


def test_the_history_tells_what_happened_newest_first(ann, old_database):
    ann.apply()
    down(_project_of(ann), to=9)

    page, one = ann.get("/history"), ann.get("/history/10")

    events = re.findall(r"\d\d:\d\d:\d\d (\w+) (\d{4})_", page.text)
    assert events == [
        ("reverted", "0010"),
        *(("applied", f"{version:04}") for version in range(10, 2, -1)),
        ("adopted", "0002"),
        ("adopted", "0001"),
        ("applied", "0002"),
        ("applied", "0001"),
    ]
    assert page.text.count("system before the log began") == 2
    assert "2025-10-04 20:18:45 applied 0001_initial_schema system before the log began" in page.text
    assert "/migrations/history/10" in page.links()
    assert "0010_add_engineer_role not applied" in one.text
    assert '"""Add the engineer role to the role catalogue.' in one.raw


def _project_of(browser):
    return browser.dialog.application().project


def test_one_migration_by_its_number(two, browse):
    ann = browse()

    page = ann.get("/history/1")

    assert page.text.count("0001_clients applied") >= 1
    assert "0001_clients.py as it ran" in page.text
    assert 'db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")' in page.raw
    assert "The file differs now" not in page.text
    assert ann.get("/history/3").status == 404
    assert "0003" not in ann.get("/history/3").headers.get("Location", "")


def test_a_long_history_is_cut(two, browse):
    two.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
        " INSERT INTO schema_version_log (event, happened_at, run_id, version, name)"
        " SELECT 'stamped', '2026-01-01 00:00:00', 'r', 1, '0001_clients' FROM n"
    )

    page = browse().get("/history")

    assert "102 earlier ones are not shown: flask migrations history" in page.text


def test_the_graph_is_a_picture_and_a_table(two, browse):
    two.add_table("0003_late", "late", depends_on="0001_clients 0002_contacts")
    two.add("0004_failing", "raise ValueError('no')")
    ann = browse()
    ann.apply()

    page = ann.get("/graph")

    assert ("svg", "migration-graph") in [(tag, told.get("class")) for tag, told in page.elements]
    assert {f"/migrations/history/{version}" for version in (1, 2, 3, 4)} <= page.links()
    assert "0003_late pending 0001_clients , 0002_contacts 0003_late does something." in page.text
    assert "0004_failing failed" in page.text
    assert [told["href"].split("?")[0] for tag, told in page.elements if tag == "link"][-1].endswith("graph.css")


def test_a_run_of_before_is_told_to_be_unknown(two, browse):
    page = browse().get("/runs/0123456789abcdef")

    assert page.status == 404
    assert "The history says what has happened." in page.text


def test_the_dialog_on_another_page_while_a_run_is_under_way(two, browse, gate):
    two.add("0003_waiting", textwrap.dedent(gate.body).strip())
    ann = browse()
    run = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    gate.wait()

    page, overview = ann.get(run), ann.get()
    gate.open()
    ann.end_of(run)

    assert "running Upgrade of the database Step 1 of 1: 0003_waiting" in page.text
    assert "▶ 0003_waiting running" in page.text
    assert ("meta", "refresh") in [(tag, told.get("http-equiv")) for tag, told in page.elements]
    assert [told["src"].split("?")[0] for tag, told in page.elements if tag == "script"] == [
        "/migrations/static/dialog.js"
    ]
    assert page.dangers() == []
    assert "Upgrade of the database is under way. See how far it is" in overview.text


def test_two_applications_in_one_process_do_not_meet(two, browse, tmp_path, folder):
    other = Project(str(tmp_path / "other.sqlite"), two.versions, tmp_path / "other", header_index=False)
    from flask import Flask

    from nukeworks_migrate.web import Migrations

    ann = browse()
    app = Flask("other")
    app.config.update(SECRET_KEY="for tests only", MIGRATIONS_AT_START="off")
    Migrations(app, authorize=lambda: True, project=other)
    theirs = Browser(app)

    done = theirs.apply()

    assert "2 migrations applied Version 0 → 2" in done.text
    assert ann.dialog.runs.last is None
    assert content(tmp_path / "other.sqlite")
