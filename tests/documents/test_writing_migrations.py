"""docs/writing-migrations.md: its examples are run up and down over rows, and what it says of them is looked at."""

import hmac
import inspect
import re
import sqlite3
import subprocess
from contextlib import closing

import pytest
from documents.reading import blocks, code, migrations, sections, table
from support import MIGRATE, REPOSITORY, Folder, environment

from nukeworks_migrate import Handle, MigrateError, Project, check, down, lint, plan, rehearse, resume, status, up
from nukeworks_migrate.errors import (
    ChecksumDrift,
    FilesRefused,
    Interrupted,
    MissingResource,
    NoWayBack,
    OutOfOrder,
    StatementRefused,
    StepFailed,
)
from nukeworks_migrate.model.plan import Direction
from nukeworks_migrate.model.rehearsal import WayBack
from nukeworks_migrate.runtime.alteration import TableAlteration

DOCUMENT = "docs/writing-migrations.md"
FILES = migrations(DOCUMENT)
NAMES = sorted(name.removesuffix(".py") for name in FILES if not name.startswith("_"))
KEY = {"fingerprint_key": b"a key of the tests"}
LAST_WITH_A_WAY_BACK = 19


class Example(Folder):
    """A folder with all files of the document."""

    def __init__(self, path):
        super().__init__(path)
        for name, text in FILES.items():
            (self.versions / name).write_text(text, encoding="utf-8")

    def project(self, **settings) -> Project:
        return super().project(**{"snapshot": "never", "resources": KEY, **settings})

    def up_to(self, version: int) -> None:
        """Go up to `version`, with rows in the tables of the first migration."""
        if not self.database.exists():
            up(self.project(), to=1)
            self.sql(
                """
                INSERT INTO clients (id, name) VALUES (1, 'Acme'), (2, 'Boreal'), (7, 'Cobalt');
                INSERT INTO contacts (id, client_id, name, phone, email) VALUES
                    (1, 1, 'Ada King', '(0) 20-7946 0018', 'ada@acme.example'),
                    (2, 1, 'Grace Brewster Hopper', '+12125550143', 'Grace@Acme.example'),
                    (3, 2, 'Plato', 'ask him', NULL),
                    (4, 7, 'Nobody Reachable', NULL, NULL);
                """
            )
        up(self.project(), to=version)

    def shape(self) -> dict[str, object]:
        """Schema and rows of the application, whatever the order of columns and the layout of the SQL."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            found: dict[str, object] = {}
            for kind, name, on, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
                if on.startswith("schema_version") or name.startswith("sqlite_"):
                    continue
                if kind == "table":
                    columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
                    found[name] = (
                        sorted((c["name"], c["type"], c["notnull"], c["dflt_value"], c["pk"]) for c in columns),
                        sorted(repr(sorted(dict(r).items())) for r in connection.execute(f"SELECT * FROM {name}")),
                    )
                else:
                    found[name] = (kind, on, " ".join(sql.split()))
            return found


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "project")


def test_the_files_are_one_history_from_the_first_to_the_last(example):
    found = status(example.project())

    assert [line.name for line in found.lines] == NAMES
    assert found.heads == (NAMES[-1],)
    assert [line.version for line in found.lines] == list(range(1, len(NAMES) + 1))


def test_the_table_of_what_to_choose_names_examples_that_are_there():
    named = [name for row in table(DOCUMENT, "you want") for name in code(row[2])]
    named += [name for row in table(DOCUMENT, "kind") for name in code(row[2])]

    for name in named:
        assert [full for full in NAMES if full.startswith(name)], name


# The downgrade of these leaves something as it is, as they say: spellings, a filled column, the journal mode.
LEAVING = {6, 9, 14, 18}


@pytest.mark.parametrize("version", [v for v in range(2, LAST_WITH_A_WAY_BACK + 1) if v not in LEAVING])
def test_up_and_down_again_gives_back_the_schema_and_the_rows(example, version):
    example.up_to(version - 1)
    before = example.shape()

    up(example.project(), to=version)
    after = example.shape()
    down(example.project(), to=version - 1)

    assert example.shape() == before
    assert after != before


def test_the_whole_way_up_down_and_up(example):
    example.up_to(LAST_WITH_A_WAY_BACK)
    once = example.shape()

    down(example.project(), to=1)
    up(example.project(), to=LAST_WITH_A_WAY_BACK)
    assert example.shape() == once

    down(example.project(), to="base")
    assert example.shape() == {}


def test_on_an_empty_database_everything_goes_up_in_one_run(example):
    up(example.project())

    assert example.applied() == list(range(1, len(NAMES) + 1))


def test_a_column_that_may_be_empty_is_null_in_old_rows(example):
    example.up_to(2)

    assert example.query("SELECT DISTINCT country FROM clients") == [(None,)]


@pytest.mark.parametrize(
    ("in_the_way", "message"),
    [
        ("CREATE INDEX i ON clients (country)", "after drop column"),
        ("CREATE VIEW v AS SELECT country FROM clients", "after drop column"),
        ("CREATE TRIGGER t AFTER INSERT ON clients BEGIN SELECT NEW.country; END", "after drop column"),
    ],
    ids=["index", "view", "trigger"],
)
def test_a_column_that_something_names_is_not_dropped(example, in_the_way, message):
    example.up_to(2)
    example.sql(in_the_way)

    with pytest.raises(StepFailed) as failure:
        down(example.project(), to=1)

    assert message in failure.value.cause
    assert example.applied() == [1, 2]


@pytest.mark.parametrize(
    ("definition", "message"),
    [(code(row[0])[0], row[1]) for row in table(DOCUMENT, "`ALTER TABLE clients ADD COLUMN …`")],
)
def test_what_add_column_cannot_do_on_a_table_with_rows(folder, definition, message):
    folder.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY); INSERT INTO clients VALUES (1)")
    folder.add("0001_column", f'db.execute("ALTER TABLE clients ADD COLUMN {definition}")')

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert failure.value.cause.startswith(message)


def test_the_first_five_of_these_pass_on_an_empty_table(folder):
    definitions = [code(row[0])[0] for row in table(DOCUMENT, "`ALTER TABLE clients ADD COLUMN …`")]
    passed = []
    for definition in definitions:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY)")
            try:
                connection.execute(f"ALTER TABLE clients ADD COLUMN {definition}")
                passed.append(definition)
            except sqlite3.Error:
                pass

    assert passed == definitions[:5]


def test_every_old_row_has_the_default(example):
    example.up_to(3)

    assert example.query("SELECT DISTINCT status FROM clients") == [("prospect",)]


def test_each_row_gets_a_code_and_no_two_the_same(example):
    example.up_to(4)

    assert example.query("SELECT id, code FROM clients ORDER BY id") == [(1, "C0001"), (2, "C0002"), (7, "C0007")]
    with pytest.raises(sqlite3.IntegrityError):
        example.sql("UPDATE clients SET code = 'C0001'")


def test_the_rows_that_said_uk_say_it_again_and_no_others(example):
    example.up_to(4)
    example.sql("UPDATE clients SET country = 'UK' WHERE id = 1; UPDATE clients SET country = 'GB' WHERE id = 2")
    countries = "SELECT id, country FROM clients ORDER BY id"

    up(example.project(), to=5)
    assert example.query(countries) == [(1, "GB"), (2, "GB"), (7, None)]

    down(example.project(), to=4)
    assert example.query(countries) == [(1, "UK"), (2, "GB"), (7, None)]


def test_phones_are_normalised_and_what_has_no_digits_is_left(example):
    example.up_to(5)

    report = up(example.project(), to=6)

    assert example.query("SELECT phone FROM contacts ORDER BY id") == [
        ("02079460018",),
        ("+12125550143",),
        ("ask him",),
        (None,),
    ]
    assert report.steps[0].messages == ("1 phone numbers normalised",)
    after = example.shape()
    down(example.project(), to=5)
    assert example.shape() == after


def test_a_failing_function_is_named_with_the_key(example):
    name = "0006_normalise_phones.py"
    example.write(name, FILES[name] + "\n\ndef normalised(phone):\n    return {1: phone}[len(phone)]\n")

    with pytest.raises(StepFailed) as failure:
        example.up_to(6)

    assert "in transform() of contacts, at id = 1" in failure.value.cause
    assert example.applied() == [1]


def test_names_are_split_at_the_last_space(example):
    example.up_to(7)

    assert example.query("SELECT given_name, family_name FROM contacts ORDER BY id") == [
        ("Ada", "King"),
        ("Grace Brewster", "Hopper"),
        (None, "Plato"),
        ("Nobody", "Reachable"),
    ]


def test_triggers_fire_during_a_transform(example):
    example.up_to(5)
    example.sql(
        "CREATE TABLE seen (phone TEXT);"
        "CREATE TRIGGER watch AFTER UPDATE ON contacts BEGIN INSERT INTO seen VALUES (NEW.phone); END"
    )

    up(example.project(), to=6)

    assert example.query("SELECT * FROM seen") == [("02079460018",)]


def test_between_the_two_releases_either_column_can_be_written(example):
    example.up_to(9)
    both = "SELECT id, status, stage FROM clients ORDER BY id"
    assert example.query(both) == [
        (1, "prospect", "prospect"),
        (2, "prospect", "prospect"),
        (7, "prospect", "prospect"),
    ]

    example.sql(
        """
        INSERT INTO clients (id, name) VALUES (11, 'the default');
        INSERT INTO clients (id, name, status) VALUES (12, 'old application', 'active');
        INSERT INTO clients (id, name, stage) VALUES (13, 'new application', 'past');
        UPDATE clients SET status = 'active' WHERE id = 1;
        UPDATE clients SET stage = 'past' WHERE id = 2;
        """
    )
    assert example.query(both) == [
        (1, "active", "active"),
        (2, "past", "past"),
        (7, "prospect", "prospect"),
        (11, "prospect", "prospect"),
        (12, "active", "active"),
        (13, "past", "past"),
    ]


def test_the_backfill_fills_what_was_there_before(example):
    example.up_to(7)
    example.sql("UPDATE clients SET status = 'past' WHERE id = 7")

    up(example.project(), to=8)
    assert example.query("SELECT DISTINCT stage FROM clients") == [(None,)]
    up(example.project(), to=9)

    assert example.query("SELECT id, stage FROM clients ORDER BY id") == [(1, "prospect"), (2, "prospect"), (7, "past")]


def test_the_old_column_comes_back_with_what_the_new_one_says(example):
    example.up_to(10)
    example.sql("UPDATE clients SET stage = 'active' WHERE id = 2")

    down(example.project(), to=9)
    example.sql("UPDATE clients SET status = 'past' WHERE id = 7")

    assert example.query("SELECT id, status, stage FROM clients ORDER BY id") == [
        (1, "prospect", "prospect"),
        (2, "active", "active"),
        (7, "past", "past"),
    ]


def test_renaming_a_column_corrects_what_names_it(example):
    example.up_to(10)
    example.sql("CREATE VIEW who AS SELECT name FROM contacts; CREATE INDEX by_name ON contacts (name)")

    up(example.project(), to=11)

    assert example.query("SELECT * FROM who LIMIT 1") == [("Ada King",)]
    assert example.query("SELECT name FROM pragma_index_info('by_name')") == [("full_name",)]


def test_a_row_that_does_not_fit_is_named_as_the_document_says(example):
    example.up_to(12)
    example.sql("UPDATE clients SET stage = NULL WHERE id > 1")
    name = "0013_require_stage.py"
    example.write(name, "\n".join(line for line in FILES[name].splitlines() if "fill(" not in line))

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=13)

    said = " ".join(sections(DOCUMENT)["Rebuild a table"].split())
    assert "stage is to be NOT NULL, and is NULL in clients (2), (7)" in failure.value.cause
    assert "`stage is to be NOT NULL, and is NULL in clients (2), (7)`" in said


def test_a_rebuild_keeps_the_rows_that_refer_to_the_table(example):
    example.up_to(12)
    contacts = example.query("SELECT * FROM contacts ORDER BY id")
    overview = example.query("SELECT * FROM client_overview ORDER BY code")

    up(example.project(), to=13)

    assert example.query("SELECT * FROM contacts ORDER BY id") == contacts
    assert example.query("SELECT * FROM client_overview ORDER BY code") == overview
    assert example.query("PRAGMA foreign_key_check") == []
    with pytest.raises(sqlite3.IntegrityError):
        example.sql("INSERT INTO clients (name, stage) VALUES ('x', 'unknown')")


def test_with_foreign_keys_on_the_drop_would_have_deleted_them(example):
    example.up_to(12)

    example.sql("PRAGMA foreign_keys = ON; DROP TABLE clients")

    assert example.query("SELECT count(*) FROM contacts") == [(0,)]


def test_the_calls_of_a_block_are_those_of_the_document(folder):
    calls = [code(row[0])[0] for row in table(DOCUMENT, "in the block")]
    folder.sql(
        "CREATE TABLE owners (id INTEGER PRIMARY KEY);"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size TEXT, owner_id INTEGER);"
        "INSERT INTO t (name) VALUES ('x')"
    )
    folder.add("0001_all", "with db.alter_table('t') as table:\n    " + "\n    ".join(calls))

    up(folder.project())

    assert folder.query("SELECT * FROM goods") == [(1, "x", 0, None)]
    assert {call.partition("(")[0].removeprefix("table.") for call in calls} == {
        name for name in vars(TableAlteration) if not name.startswith("_") and name != "close"
    }


def test_a_rebuild_by_hand_comes_to_the_same(example):
    example.up_to(13)
    by_call = example.shape()
    down(example.project(), to=12)
    by_hand(example)

    up(example.project(), to=13)

    assert example.shape() == by_call


def by_hand(example, *replaced):
    """Write 0013 in SQL, as the document shows it, but for what is replaced."""
    (block,) = blocks(DOCUMENT, "sql")
    sql = block.text
    for before, after in replaced:
        assert before in sql
        sql = sql.replace(before, after)
    name = "0013_require_stage.py"
    head = FILES[name].partition("def upgrade")[0]
    example.write(name, f'{head}def upgrade(db):\n    db.script("""\n{sql}""")\n\n\ndef downgrade(db):\n    pass\n')


def test_a_view_in_the_way_fails_and_undoes_the_run(example):
    example.up_to(12)
    before = example.shape()
    by_hand(example, ("DROP VIEW client_overview;", ""))

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=13)

    assert "error in view client_overview: no such table" in failure.value.cause
    assert example.shape() == before


def test_renaming_the_old_table_away_takes_the_foreign_keys_with_it(example):
    example.up_to(11)

    example.sql("ALTER TABLE clients RENAME TO clients_old")

    assert {row[2] for row in example.query("PRAGMA foreign_key_list(contacts)")} == {"clients_old"}


def test_a_rebuild_that_loses_a_parent_fails_and_lists_the_rows(example):
    example.up_to(12)
    by_hand(example, ("'prospect') FROM clients;", "'prospect') FROM clients WHERE id <> 2;"))

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=13)

    assert "contacts (3): client_id has no row in clients" in failure.value.cause


def test_the_plan_does_not_warn_of_a_table_that_is_rebuilt(example):
    example.up_to(12)

    findings = plan(example.project(), to=13).preview.findings

    assert findings == ()


def test_a_rebuild_that_loses_rows_is_seen_in_a_rehearsal(example):
    example.up_to(12)
    by_hand(example, ("'prospect') FROM clients;", "'prospect') FROM clients WHERE id <> 7;"))
    example.sql("DELETE FROM contacts WHERE client_id = 7")

    (step,) = rehearse(example.project(), to=13).steps

    (rows,) = step.difference.rows
    assert (rows.table, rows.deleted, rows.before, rows.after) == ("clients", 1, 3, 2)


def test_a_rehearsal_says_of_each_example_whether_it_has_a_way_back(example):
    """One at a time: the rows that each begins with are those that the ones before it have left."""
    found = {}
    for version in range(2, len(NAMES) + 1):
        example.up_to(version - 1)
        (step,) = rehearse(example.project(), to=version).steps
        found[version] = step.way_back

    by_verdict = {verdict: {version for version in found if found[version].verdict == verdict} for verdict in WayBack}
    assert by_verdict[WayBack.NONE] == {20, 21}
    # The journal mode is no part of schema or rows, but the order of columns is: status comes back as the last one.
    assert by_verdict[WayBack.LOSSY] == LEAVING - {18} | {10}
    assert [change.kind for change in found[10].left.schema] == ["column order"]
    assert set().union(*by_verdict.values()) - by_verdict[WayBack.EXACT] == {6, 9, 10, 14, 20, 21}


def test_a_comment_silences_what_the_document_says_it_does(example):
    example.up_to(20)
    name = "0021_drop_regions.py"
    silent = lint(example.project())
    example.write(name, FILES[name].replace("  # noqa: NWM101", "").replace("  # noqa: NWM305", ""))

    told = lint(example.project())

    assert silent.findings == ()
    assert [f"{finding.code} {finding.message}" for finding in told.findings] == [
        "NWM305 there is no downgrade: the way back is a snapshot",
        "NWM101 table territories is dropped with all its rows",
        "NWM101 table regions is dropped with all its rows",
        "NWM101 table sectors is dropped with all its rows",
    ]


def test_what_comes_from_a_helper_is_counted_by_the_plan(example):
    example.up_to(7)

    (step,) = plan(example.project(), to=8).preview.steps

    assert step.statements == ("ALTER TABLE clients ADD COLUMN stage TEXT",)
    assert step.dynamic == 1


def test_a_changed_helper_is_drift_of_what_imports_it(example):
    example.up_to(8)
    helper = example.versions / "_stage_triggers.py"

    helper.write_text(FILES["_stage_triggers.py"] + "\nMORE = 1\n", encoding="utf-8")

    with pytest.raises(ChecksumDrift, match="0008_add_stage"):
        up(example.project(), to=9)


def test_comments_layout_and_docstrings_may_change(example):
    example.up_to(2)
    name = "0002_add_country.py"

    text = FILES[name].replace('"""Add the country of a client."""', '"""Another sentence."""\n# and a comment')
    example.write(name, text.replace('["0001_create_clients"]', "[\n    '0001_create_clients',\n]"))

    assert check(example.project()).verdict == "pending"


def test_addresses_that_are_there_twice_are_refused_by_check(example):
    example.up_to(13)
    example.sql("UPDATE contacts SET email = 'ADA@acme.example' WHERE id = 2")
    before = example.shape()

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=14)

    assert "ValueError: 1 addresses are there more than once, the first is ada@acme.example" in failure.value.cause
    assert example.shape() == before


def test_a_verify_that_finds_something_undoes_what_upgrade_did(example):
    example.up_to(13)
    before = example.shape()
    name = "0014_unique_emails.py"
    example.write(
        name, FILES[name].replace('    db.execute("UPDATE contacts SET email', '    ("UPDATE contacts SET email')
    )

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=14)

    assert failure.value.cause == "verify() returned False"
    assert example.shape() == before


def test_both_branches_run_and_the_later_one_waits_for_both(example):
    example.up_to(14)
    (example.versions / "0017_add_territories.py").rename(example.path / "later.py")
    for version in range(18, len(NAMES) + 1):
        next(example.versions.glob(f"{version:04d}_*.py")).unlink()

    assert status(example.project()).heads == ("0015_add_regions", "0016_add_sectors")
    assert plan(example.project()).preview.plan.names == ("0015_add_regions", "0016_add_sectors")

    up(example.project())
    (example.path / "later.py").rename(example.versions / "0017_add_territories.py")
    up(example.project())
    back = plan(example.project(), direction=Direction.DOWN, only="0015_add_regions")

    assert back.preview.plan.names == ("0017_add_territories", "0015_add_regions")


def test_a_lower_number_that_comes_later_is_applied_or_refused_by_setting(example):
    example.up_to(14)
    up(example.project(), only="0016_add_sectors")

    with pytest.raises(OutOfOrder):
        up(example.project(out_of_order="refuse"), to=15)
    (step,) = plan(example.project(), to=15).preview.plan.steps
    up(example.project(), to=15)

    assert step.out_of_order
    assert example.applied() == list(range(1, 17))


def test_two_files_of_one_number_are_named_and_nothing_runs(example):
    (example.versions / "0016_add_sectors.py").rename(example.versions / "0015_add_sectors.py")

    with pytest.raises(FilesRefused) as failure:
        status(example.project())

    told = " ".join(problem.what for problem in failure.value.problems)
    assert "version 15 is taken twice: 0015_add_regions and 0015_add_sectors" in told


def test_the_journal_mode_changes_and_stays_on_the_way_down(example):
    example.up_to(18)
    assert example.query("PRAGMA journal_mode") == [("wal",)]

    down(example.project(), to=17)

    assert example.query("PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("version", sorted(LEAVING))
def test_what_a_downgrade_leaves_is_no_hindrance_to_going_up_again(example, version):
    example.up_to(version)
    once = example.shape()

    down(example.project(), to=version - 1)
    up(example.project(), to=version)

    assert example.shape() == once


@pytest.mark.parametrize("version", [18, 20])
def test_the_examples_without_a_transaction_bear_a_second_run(example, version):
    example.up_to(version)
    name = NAMES[version - 1]

    from nukeworks_migrate import stamp

    stamp(example.project(), not_applied=[name])
    up(example.project(), to=version)

    assert example.applied() == list(range(1, version + 1))


def test_without_a_transaction_what_had_finished_stays_and_nothing_runs_until_it_is_settled(example):
    example.up_to(19)
    name = "0020_remove_unreachable.py"
    example.write(name, FILES[name].replace('db.execute("VACUUM")', 'raise RuntimeError("the disk is full")'))

    with pytest.raises(Interrupted):
        up(example.project())

    assert example.query("SELECT count(*) FROM contacts WHERE phone IS NULL AND email IS NULL") == [(0,)]
    assert check(example.project()).verdict == "interrupted"
    with pytest.raises(Interrupted):
        up(example.project())
    with pytest.raises(Interrupted):
        down(example.project(), to=18)


def test_a_transform_without_a_transaction_commits_each_batch_and_is_resumed(folder):
    folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (2, 2), (3, 0)")
    folder.add(
        "0001_t",
        'db.transform("t", lambda n: 6 / n, reads=["n"], writes=["n"], batch=1)',
        head='transaction = "none"',
    )

    with pytest.raises(Interrupted):
        up(folder.project())
    assert folder.query("SELECT n FROM t") == [(6,), (3,), (0,)]

    folder.sql("UPDATE t SET n = 6 WHERE id = 3")
    resume(folder.project())
    assert folder.query("SELECT n FROM t") == [(6,), (3,), (1,)]


def test_past_a_migration_without_downgrade_there_is_no_way_and_nothing_runs(example):
    example.up_to(20)

    with pytest.raises(NoWayBack, match="0020_remove_unreachable"):
        down(example.project(), to=1)

    assert example.applied() == list(range(1, 21))


def test_a_downgrade_that_is_corrected_later_is_accepted_with_a_reason(example):
    from nukeworks_migrate import accept

    example.up_to(20)
    name = "0020_remove_unreachable.py"
    example.write(name, FILES[name] + "\n\ndef downgrade(db):\n    pass\n")

    with pytest.raises(ChecksumDrift):
        down(example.project(), to=19)
    accept(example.project(), "0020_remove_unreachable", reason="corrected its downgrade")
    down(example.project(), to=19)

    assert example.applied() == list(range(1, 20))


def test_a_resource_that_nobody_hands_in_is_refused_before_anything_runs(example):
    example.up_to(17)

    with pytest.raises(MissingResource, match="fingerprint_key"):
        up(example.project(resources={}))

    assert example.applied() == list(range(1, 18))
    up(example.project(), to=19)
    (fingerprint,) = example.query("SELECT email_fingerprint FROM contacts WHERE id = 1")
    assert len(fingerprint[0]) == 64


def test_a_resource_is_made_by_the_function_that_it_shows(example):
    example.up_to(17)
    (module,) = [block for block in blocks(DOCUMENT, "python") if block.file == "keys.py"]
    (example.path / "keys.py").write_text(module.text, encoding="utf-8")
    (words,) = re.findall(r"`migrate (up --resource \S+)`", (REPOSITORY / DOCUMENT).read_text(encoding="utf-8"))

    done = subprocess.run(
        [*MIGRATE, *words.split(), "--to", "19", "--yes", "--snapshot", "never"],
        cwd=example.path,
        env={**environment(example), "FINGERPRINT_KEY": KEY["fingerprint_key"].hex()},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        stdin=subprocess.DEVNULL,
    )

    assert done.returncode == 0, done.stderr
    expected = hmac.new(KEY["fingerprint_key"], b"ada@acme.example", "sha256").hexdigest()
    assert example.query("SELECT email_fingerprint FROM contacts WHERE id = 1") == [(expected,)]


REFUSED = [code(row[0])[0] for row in table(DOCUMENT, "refused")]


@pytest.mark.parametrize("written", REFUSED)
def test_what_the_document_says_is_refused(folder, written):
    is_python = written.startswith(("db.", "with db."))
    folder.add("0001_wrong", written if is_python else f"db.execute({written!r})")

    with pytest.raises(StatementRefused) as failure:
        up(folder.project())

    assert failure.value.next_step
    assert folder.tables() == set()


@pytest.mark.parametrize(
    "allowed",
    [
        "PRAGMA table_info(clients)",
        "PRAGMA journal_mode",
        "PRAGMA foreign_key_check",
        "PRAGMA user_version = 5",
        "PRAGMA secure_delete = ON",
    ],
)
def test_what_the_document_says_is_allowed(folder, allowed):
    assert f"`{allowed}`" in sections(DOCUMENT)["What is refused, and what to write instead"]
    folder.add("0001_right", f"db.query({allowed!r})")

    up(folder.project())


def test_a_pragma_of_the_database_is_rolled_back_with_it(folder):
    folder.add("0001_wrong", "db.execute('PRAGMA user_version = 5')\nraise RuntimeError")

    with pytest.raises(MigrateError):
        up(folder.project())

    assert folder.query("PRAGMA user_version") == [(0,)]


def test_the_table_of_the_handle_has_everything_that_the_handle_has():
    told = {code(row[0])[0].removeprefix("db.").partition("(")[0] for row in table(DOCUMENT, "call")}

    assert told == {name for name in vars(Handle) if not name.startswith("_")}


def test_the_parameters_of_the_handle_are_those_of_the_document():
    for row in table(DOCUMENT, "call"):
        name, _, inside = code(row[0])[0].removeprefix("db.").rstrip(")").partition("(")
        if inside:
            words = [word.strip().partition("=")[0] for word in inside.split(",")]
            known = list(inspect.signature(getattr(Handle, name)).parameters)[1:]
            assert words == known[: len(words)]


def test_a_row_takes_numbers_and_names(folder):
    folder.add(
        "0001_rows",
        """
        row = db.query("SELECT 1 AS id, 'a@b.example' AS email")[0]
        assert (row[0], row["email"]) == (1, "a@b.example")
        assert row.keys() == ["id", "email"] and row.as_dict() == {"id": 1, "email": "a@b.example"}
        assert db.scalar("SELECT :x", {"x": 3}) == db.scalar("SELECT ?", (3,)) == 3
        assert db.engine == "sqlite"
        for name in ("execute", "executemany", "cursor", "create_function", "create_aggregate", "create_collation"):
            assert callable(getattr(db.connection, name))
        """,
    )

    up(folder.project())


def test_a_timestamp_is_a_version_too(folder):
    folder.add_table("20261122093415_clients", "clients")

    up(folder.project())

    assert folder.applied() == [20261122093415]
