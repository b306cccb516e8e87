"""docs/data-migrations.md: run from top to bottom as it stands, and what it says of its three cases looked at."""

import inspect
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from documents.reading import _FENCE, Block, normalised, table, text_of
from support import MIGRATE, Folder, environment

from nukeworks_migrate import SKIP, Handle, Project, check, down, events, up
from nukeworks_migrate.actions import data
from nukeworks_migrate.errors import Interrupted, StatementRefused, StepFailed

DOCUMENT = "docs/data-migrations.md"
BLOCKS = [Block(*match.groups()) for match in _FENCE.finditer(text_of(DOCUMENT))]
NOTES = ("The board of Acme", "Boreal bids", "Permit for Cedar", "Imported from the old", "Nobody knows")

# What the document shows of the package cryptography: the calls are the same, and it is no cipher.
FERNET = """
from base64 import urlsafe_b64decode, urlsafe_b64encode


class Fernet:
    def __init__(self, key):
        self.key = key

    def encrypt(self, data):
        return b"gAAAAA" + urlsafe_b64encode(bytes(byte ^ 0x55 for byte in data))

    def decrypt(self, token):
        assert token.startswith(b"gAAAAA"), "it was never encrypted"
        return bytes(byte ^ 0x55 for byte in urlsafe_b64decode(token[6:]))
"""
_namespace: dict[str, type] = {}
exec(FERNET, _namespace)
KEY = _namespace["Fernet"]("a key of the tests")

# SQLite as it is built in most places; where it overwrites what is freed, less of the plaintext stays.
KEEPS_WHAT_IS_FREED = """
import sqlite3

connect_as_built = sqlite3.connect


def connect(*words, **more):
    connection = connect_as_built(*words, **more)
    connection.execute("PRAGMA secure_delete = OFF")
    return connection


sqlite3.connect = connect
"""


@dataclass
class Call:
    """A command of the document: what stands there, and what came."""

    command: str
    shown: str
    printed: str
    code: int
    plaintext: dict[str, list[str]]  # afterwards, by file: the notes that stand in its bytes


@dataclass
class Walked:
    """The document, done step by step as its reader would do it."""

    folder: Folder
    calls: list[Call] = field(default_factory=list)
    capacities: list[tuple] = field(default_factory=list)  # before somebody corrects a row

    def rows(self, sql: str) -> list[tuple]:
        return self.folder.query(sql)

    def call(self, command: str) -> Call:
        return next(call for call in self.calls if call.command == command)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    folder = Folder(tmp_path_factory.mktemp("walked") / "project")
    (folder.path / "cryptography").mkdir()
    (folder.path / "cryptography" / "fernet.py").write_text(FERNET, encoding="utf-8")
    site = folder.path.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KEEPS_WHAT_IS_FREED, encoding="utf-8")
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**environment(folder), "NOTES_KEY": "a key of the tests", "PYTHONPATH": path}
    del variables["NUKEWORKS_MIGRATE_DATABASE"]  # the settings of the document say it
    found = Walked(folder)
    for block in BLOCKS:
        if block.file:
            path = folder.path / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "sql":
            if block.text.startswith("UPDATE"):
                found.capacities = found.rows("SELECT id, capacity_mw FROM projects ORDER BY id")
            folder.sql(block.text)
        else:
            assert block.language == "console"
            for words in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, shown = words.partition("\n")
                found.calls.append(run(folder, command, shown, variables))
    return found


def run(folder: Folder, command: str, shown: str, variables: dict[str, str]) -> Call:
    program, *words = shlex.split(command)
    assert program == "migrate"
    done = subprocess.run(
        [*MIGRATE, *words],
        cwd=folder.path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # as a terminal shows it
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    return Call(command, shown, done.stdout, done.returncode, plaintext_in(folder))


def plaintext_in(folder: Folder) -> dict[str, list[str]]:
    files = [path for path in folder.path.rglob("*") if path.suffix in (".sqlite", ".json")]
    return {
        path.name: [note for note in NOTES if note.encode() in content]
        for path in sorted(files)
        for content in [path.read_bytes()]
        if any(note.encode() in content for note in NOTES)
    }


def masked(text: str) -> str:
    """Without what differs from run to run: how long a statement took, and how large a file is."""
    text = re.sub(r" +\d+\.\d{3} s$", "", text, flags=re.MULTILINE)
    return re.sub(r" *\d+\.\d KiB", " SIZE", normalised(text))


class Example(Folder):
    """The folder of the document as it is at its end, and a database in which nothing has run yet."""

    def __init__(self, path):
        super().__init__(path)
        for block in BLOCKS:
            if block.file.startswith("versions/"):
                (path / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "sql" and not block.text.startswith("UPDATE"):
                self.sql(block.text)

    def project(self, **settings) -> Project:
        given = {"snapshot": "never", "resources": {"notes_key": KEY}, "redact": ("notes.body",), **settings}
        return super().project(**given)

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.versions / f"{name}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def notes(self) -> list[tuple[int, str]]:
        """What an application reads: each note that is marked as encrypted is decrypted, once."""
        return [
            (id, KEY.decrypt(body.encode()).decode() if encrypted else as_text(body))
            for id, body, encrypted in self.query("SELECT id, body, encrypted FROM notes ORDER BY id")
        ]


def as_text(body):
    return body.decode() if isinstance(body, bytes) else body


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "project")


def functions(number: int) -> dict:
    """The names that a file of the document defines; of several with one name, the `number`th."""
    shown = [block for block in BLOCKS if block.file == "versions/0001_parse_capacity.py"]
    names: dict = {}
    exec(shown[number].text, names)
    return names


# The document from top to bottom


def test_every_command_prints_what_the_document_shows(walked):
    for call in walked.calls:
        assert masked(call.printed) == masked(call.shown), call.command

    assert [call.code for call in walked.calls] == [4, 0, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 0]


def test_lines_that_are_typed_fit_and_every_block_is_run():
    assert {block.language for block in BLOCKS if not block.file} == {"sql", "console"}
    assert {block.language for block in BLOCKS if block.file} == {"toml", "python"}


def test_the_capacities_are_what_the_table_says_of_them(walked):
    assert walked.capacities == [
        (1, 12.5),
        (2, 1.2),
        (3, None),
        (4, None),
        (5, 12.5),
        (6, None),
        (7, None),
        (8, None),
    ]
    assert walked.rows("SELECT id, capacity_mw FROM projects WHERE id > 6") == [(7, 42.0), (8, None)]


def test_each_firm_is_one_company_and_no_site_has_lost_any(walked):
    assert walked.rows("SELECT name, notes FROM companies ORDER BY id") == [
        ("Acme  Power Inc", "Calls on Mondays.\nMoved to Leeds."),
        ("Acme Powr", "Asked for a quote."),
        ("Boreal Energy", "Sells turbines, too."),
        ("Cobalt Operations GmbH", None),
        ("Dyna Build Ltd", None),
        ("Eastern Grid", None),
    ]
    assert walked.rows(
        """
        SELECT sites.name, owner.name, operator.name FROM sites
        LEFT JOIN companies AS owner ON owner.id = owner_company_id
        LEFT JOIN companies AS operator ON operator.id = operator_company_id
        ORDER BY sites.id
        """
    ) == [
        ("Alder", "Acme  Power Inc", "Acme  Power Inc"),
        ("Birch", "Boreal Energy", "Cobalt Operations GmbH"),
        ("Cedar", "Acme  Power Inc", None),
    ]


def test_each_note_was_encrypted_once_and_says_so(walked):
    rows = walked.rows("SELECT body, encrypted FROM notes ORDER BY id")

    assert {encrypted for _, encrypted in rows} == {1}
    for (body, _), note in zip(rows, NOTES, strict=True):
        assert KEY.decrypt(body.encode()).decode().startswith(note)


def test_no_command_prints_a_note(walked):
    assert not [call for call in walked.calls for note in NOTES if note in call.printed]


def test_the_bytes_of_the_file_hold_one_of_the_notes_until_vacuum(walked):
    resumed, vacuumed = walked.call("migrate resume --yes --resource notes_key=keys:load"), walked.calls[9]

    assert vacuumed.printed.count("0005_vacuum") == 1
    assert len(resumed.plaintext["app.sqlite"]) == 1
    assert "app.sqlite" not in vacuumed.plaintext


def test_the_snapshots_hold_them_until_they_are_removed(walked):
    def of_snapshots(call):
        return [found for name, found in call.plaintext.items() if name != "app.sqlite"]

    listed, pruned = walked.calls[-2], walked.calls[-1]
    before, resuming, vacuuming = of_snapshots(listed)

    assert len(before) == len(NOTES)
    assert 1 <= len(resuming) < len(NOTES)
    assert len(vacuuming) == 1
    assert pruned.plaintext == {}
    failed, manual = sorted(path.stem for path in (walked.folder.path / "snapshots").glob("*.sqlite"))
    assert f"{failed}.sqlite" in walked.calls[0].printed
    assert manual in walked.calls[-3].printed


def test_what_is_removed_by_hand_is_not_missed(walked, tmp_path):
    snapshots = walked.folder.path / "snapshots"
    failed = min(path.stem for path in snapshots.glob("*.sqlite"))
    names = [path.name for path in snapshots.glob(f"{failed}.*")]
    assert len(names) == 2

    for name in names:
        (snapshots / name).rename(tmp_path / name)
    try:
        listed, verified = walked.folder.run("snapshot", "list"), walked.folder.run("snapshot", "verify")
    finally:
        for name in names:
            (tmp_path / name).rename(snapshots / name)

    assert "1 snapshot," in listed.stdout
    assert verified.returncode == 0, verified.stdout


def test_the_tests_that_it_shows_pass(walked):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=walked.folder.path,
        env=environment(walked.folder),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout


# Parse a text column


def test_the_first_function_was_wrong_about_a_row_without_saying_so():
    assert functions(0)["megawatts"]("12,5 MW") == 125.0


def test_each_spelling_means_what_the_table_says():
    megawatts = functions(-1)["megawatts"]
    told = {row[0].strip("`"): row[1] for row in table(DOCUMENT, "written", "means")}

    assert f"{megawatts('12.5 MW')}" in told["12.5 MW"]
    assert f"{megawatts('1,200 kW')}" in told["1,200 kW"]
    assert f"{megawatts('12,5 MW')}" in told["12,5 MW"]
    assert megawatts("1,200 MW") == 1200
    assert megawatts("1.200 kW") == 1.2 / 1000
    assert {megawatts(nothing) for nothing in ("n/a", "N/A", "", " ", None)} == {SKIP}


def test_one_row_more_than_max_errors_fails_the_migration(example):
    example.sql("INSERT INTO projects (name, capacity_text) VALUES " + ", ".join(["('x', '?')"] * 9))

    with pytest.raises(StepFailed) as failure:
        up(example.project(), to=1)

    assert "more than 10 rows failed" in failure.value.cause
    assert "schema_version" not in example.tables()


@pytest.mark.parametrize(("name", "value"), [("max_errors", 100), ("batch", 10_000)])
def test_the_defaults_are_those_of_the_document(name, value):
    for call in (Handle.transform, Handle.copy_rows):
        assert inspect.signature(call).parameters[name].default == value
    assert inspect.signature(Handle.update).parameters["batch"].default is None


def test_a_function_that_was_wrong_is_corrected_accepted_and_tried_again(example):
    from nukeworks_migrate import accept
    from nukeworks_migrate.errors import ChecksumDrift

    up(example.project(), to=1)
    example.replace("0001_parse_capacity", "(MW|kW)", "(MW|kW|MV)")
    example.replace("0001_parse_capacity", '{"MW": 1,', '{"MW": 1, "MV": 1,')

    with pytest.raises(ChecksumDrift):
        data.retry(example.project(), "0001_parse_capacity")
    accept(example.project(), "0001_parse_capacity", reason="reads MV as MW")
    data.retry(example.project(), "0001_parse_capacity")

    assert example.query("SELECT capacity_mw FROM projects WHERE id > 6") == [(None,), (30.0,)]
    assert [row.key for row in data.quarantined(example.project()).rows] == [(7,)]


def test_a_value_that_a_check_refuses_is_an_error_of_that_row(example):
    example.replace("0001_parse_capacity", "capacity_mw REAL", "capacity_mw REAL CHECK (capacity_mw < 10)")

    up(example.project(), to=1)

    assert {row.key for row in data.quarantined(example.project()).rows} == {(1,), (5,), (7,), (8,)}
    assert example.query("SELECT capacity_mw FROM projects WHERE id = 2") == [(1.2,)]


# Merge tables


def test_the_merge_is_taken_back_exactly(example):
    up(example.project(), to=1)
    before = example.application_content()

    up(example.project(), to=2)
    down(example.project(), to=1)

    # A table that was altered is written with quotes.
    assert [line.replace('"', "") for line in example.application_content()] == [
        line.replace('"', "") for line in before
    ]


@pytest.mark.parametrize(
    ("since", "message"),
    [
        ("INSERT INTO companies (firm, name) VALUES ('new', 'New')", "1 companies were entered since"),
        (
            "UPDATE sites SET owner_company_id = (SELECT id FROM companies WHERE name LIKE 'Cobalt%') WHERE id = 2",
            "sites that would lose a company: 2",
        ),
    ],
    ids=["a new company", "an owner that was none"],
)
def test_what_the_way_back_could_not_carry_is_refused(example, since, message):
    up(example.project(), to=2)
    example.sql(since)
    before = example.application_content()

    with pytest.raises(StepFailed) as failure:
        down(example.project(), to=1)

    assert message in failure.value.cause
    assert example.application_content() == before


def test_another_owner_than_before_gets_the_first_old_row_of_that_firm(example):
    up(example.project(), to=2)
    example.sql("UPDATE sites SET owner_company_id = (SELECT id FROM companies WHERE firm = 'acme power') WHERE id = 2")

    down(example.project(), to=1)

    assert example.query("SELECT id, owner_id FROM sites ORDER BY id") == [(1, 1), (2, 1), (3, 3)]


def test_the_references_are_searched_by_an_index(example):
    up(example.project(), to=2)
    plan = example.query(
        "EXPLAIN QUERY PLAN UPDATE sites SET owner_company_id ="
        " (SELECT company_id FROM company_sources WHERE old_table = 'owners' AND old_id = owner_id)"
    )

    assert any("SEARCH company_sources USING INDEX" in row[3] for row in plan)


def test_a_query_in_copy_rows_does_not_see_the_rows_of_its_own_batch(folder):
    folder.sql("CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1), (2); CREATE TABLE b (seen)")
    folder.add(
        "0001_copy",
        'db.copy_rows("a", "b", lambda id: {"seen": db.scalar("SELECT count(*) FROM b")})',
    )

    up(folder.project())

    assert folder.query("SELECT seen FROM b") == [(0,), (0,)]


@pytest.mark.parametrize("call", ["transform('t', fn, reads=['id'], writes=['n'])", "copy_rows('t', 'u', fn)"])
def test_a_function_may_not_write(folder, call):
    folder.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n); CREATE TABLE u (n); INSERT INTO t VALUES (1, 1)")
    folder.add("0001_write", f"def fn(**row):\n    db.execute('DELETE FROM t')\ndb.{call}")

    with pytest.raises(StatementRefused):
        up(folder.project())


# Encrypt a column, and large tables


def without_bytes(example: Example) -> None:
    example.sql("UPDATE notes SET body = CAST(body AS TEXT)")


def test_encrypting_is_taken_back_in_the_same_way(example):
    up(example.project(), to=3)
    without_bytes(example)
    before = example.query("SELECT * FROM notes")

    up(example.project(), to=4)
    assert not set(before) & set(example.query("SELECT * FROM notes"))
    down(example.project(), to=3)

    assert example.query("SELECT * FROM notes") == before


def test_the_way_back_is_resumed_too(example):
    from nukeworks_migrate import resume

    up(example.project(), to=4)
    good = (example.versions / "0004_encrypt_notes.py").read_text(encoding="utf-8")
    broken = example.query("SELECT body FROM notes WHERE id = 5")[0][0]
    example.sql("UPDATE notes SET body = 'damaged' WHERE id = 5")

    with pytest.raises(Interrupted):
        down(example.project(), to=3)
    left = [encrypted for (encrypted,) in example.query("SELECT encrypted FROM notes ORDER BY id")]
    example.sql(f"UPDATE notes SET body = '{broken}' WHERE id = 5")
    resume(example.project())

    assert 0 in left and left[-1] == 1
    assert (example.versions / "0004_encrypt_notes.py").read_text(encoding="utf-8") == good
    assert example.applied() == [1, 2, 3]
    assert [text for _, text in example.notes()][-1] == "Nobody knows yet."


@pytest.mark.parametrize(("redact", "told"), [(("notes.body",), False), ((), True)], ids=["redacted", "not redacted"])
def test_what_a_message_says_stays_in_the_log_and_redact_keeps_it_out(example, redact, told):
    example.replace(
        "0004_encrypt_notes", "plain = body if", "raise ValueError(f'cannot read {body}')\n        plain = body if"
    )

    with pytest.raises(Interrupted) as failure:
        up(example.project(redact=redact), to=4)

    log = str(example.query("SELECT * FROM schema_version_log"))
    assert [NOTES[0] in words for words in (failure.value.cause, log)] == [told, told]
    assert ("cannot read ***" in log) is not told


def test_another_where_is_not_the_call_that_was_interrupted(example):
    from nukeworks_migrate import resume

    example.replace("0004_encrypt_notes", "body if isinstance(body, bytes) else body.encode()", "body.encode()")
    with pytest.raises(Interrupted):
        up(example.project(), to=4)

    example.replace("0004_encrypt_notes", "encrypted = 0", "encrypted <> 1")
    with pytest.raises(Interrupted) as failure:
        resume(example.project())
    assert "where: it was 'encrypted = 0', and is 'encrypted <> 1'" in failure.value.cause

    example.replace("0004_encrypt_notes", "encrypted <> 1", "encrypted = 0")
    example.replace("0004_encrypt_notes", "body.encode()\n        return", "as_bytes(body)\n        return")
    example.replace("0004_encrypt_notes", "def upgrade", "def as_bytes(body):\n    return bytes(body, 'utf-8')"
                    " if isinstance(body, str) else body\n\n\ndef upgrade")  # fmt: skip
    resume(example.project())
    assert [text for _, text in example.notes()] == [as_text(body) for (body,) in ORIGINAL]


ORIGINAL = [
    ("The board of Acme wants to sell Alder.",),
    ("Boreal bids 210 million.",),
    ("Permit for Cedar: the minister has said no.",),
    ("Imported from the old system.",),
    ("Nobody knows yet.",),
]


def test_a_kill_between_two_batches_costs_nothing_and_each_row_is_encrypted_once(example):
    up(example.project(), to=3)
    example.replace(
        "0004_encrypt_notes", ', where="encrypted = 0", batch=2', ", batch=2, pause_s=30"
    )  # nothing else helps
    (example.path / "keys.py").write_text(f"{FERNET}\n\ndef load():\n    return Fernet('x')\n", encoding="utf-8")
    words = ("--yes", "--resource", "notes_key=keys:load")

    started = example.start("up", "--to", "4", *words)
    deadline = time.monotonic() + 60
    while not example.query("SELECT count(*) FROM notes WHERE encrypted = 1")[0][0]:
        assert started.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    started.kill()
    started.communicate()

    assert example.run("check").returncode == 6
    assert example.run("up", *words).returncode == 6
    assert example.run("down", "--steps", "1", *words).returncode == 6
    example.replace("0004_encrypt_notes", ", pause_s=30", "")
    done = example.run("resume", *words)
    assert done.returncode == 0, done.stderr
    assert [text for _, text in example.notes()] == [text for (text,) in ORIGINAL]


def test_a_statement_beside_the_transform_takes_away_the_simple_resume(example):
    from nukeworks_migrate import resume

    example.replace("0004_encrypt_notes", "body if isinstance(body, bytes) else body.encode()", "body.encode()")
    example.replace(
        "0004_encrypt_notes", "    def encrypted(", "    db.execute('CREATE TABLE x (id)')\n\n    def encrypted("
    )
    with pytest.raises(Interrupted):
        up(example.project(), to=4)

    with pytest.raises(Interrupted, match="ran statements that have no checkpoint"):
        resume(example.project())


def test_what_others_insert_ahead_is_visited_and_what_they_change_behind_is_not(example):
    up(example.project(), to=3)
    without_bytes(example)
    written = []

    def application(event):
        if isinstance(event, events.Progressed) and not written:
            written.append(event)
            example.sql(
                "UPDATE notes SET body = 'changed', encrypted = 0 WHERE id = 1;"
                "INSERT INTO notes (id, body) VALUES (0, 'behind'), (9, 'ahead')"
            )

    up(example.project(), to=4, on_event=application)

    assert written
    assert example.query("SELECT id FROM notes WHERE encrypted = 0 ORDER BY id") == [(0,), (1,)]
    assert (9, "ahead") in example.notes()


@pytest.mark.parametrize("pace", ["pause_s=0.1", "max_rows_s=5_000"])
def test_inside_the_runs_transaction_there_is_no_pace(example, pace):
    example.replace("0001_parse_capacity", "max_errors=10,", f"max_errors=10, {pace},")

    with pytest.raises(StepFailed, match="0001_parse_capacity") as failure:
        up(example.project(), to=1)

    assert "ValueError" in failure.value.cause
    assert "capacity_mw" not in str(example.content())


def test_pauses_and_rates_are_taken_as_they_are_named(example):
    without_bytes(example)
    up(example.project(), to=3)
    example.replace("0004_encrypt_notes", "batch=2", "batch=1, pause_s=0.05, max_rows_s=20")

    started = time.monotonic()
    up(example.project(), to=4)

    assert time.monotonic() - started > 0.2


def test_in_a_run_of_its_own_a_failure_leaves_the_database_as_it_was(example):
    before = example.content()
    example.replace("0001_parse_capacity", 'on_error="quarantine"', 'on_error="stop"')

    with pytest.raises(StepFailed):
        up(example.project())

    assert example.content() == before
    assert check(example.project()).verdict == "pending"


def test_the_keys_of_the_table_of_the_pace_are_arguments():
    named = [row[0].strip("`").partition("=")[0] for row in table(DOCUMENT, "argument")]

    assert named == ["batch", "pause_s", "max_rows_s"]
    for call in (Handle.transform, Handle.copy_rows, Handle.update):
        assert set(named) <= set(inspect.signature(call).parameters)


def test_no_note_is_left_in_a_file_after_vacuum_in_wal_mode_either(example):
    """With the application open, which keeps the -wal; the connection of the tests stands for it."""
    up(example.project(), to=3)
    with closing(sqlite3.connect(example.database)) as application:
        application.execute("PRAGMA journal_mode = WAL")
        application.execute("UPDATE notes SET body = body WHERE id > 0")
        application.commit()

        up(example.project())
        held = {path.name: path.stat().st_size for path in example.path.glob("app.sqlite*")}
        # In a process of its own: opening a file of SQLite's here would drop the locks on it.
        found = subprocess.run(
            [sys.executable, "-c", READ_BYTES, *held], cwd=example.path, capture_output=True, text=True, timeout=60
        )

    assert "app.sqlite-wal" in held
    assert found.stdout.strip() == "0", found.stderr


READ_BYTES = f"""
import sys
from pathlib import Path
print(sum(note.encode() in Path(name).read_bytes() for name in sys.argv[1:] for note in {NOTES!r}))
"""
