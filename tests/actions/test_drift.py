"""What counts as drift and what does not, and how a change is accepted."""

import pytest

from nukeworks_migrate import MigrateError, accept, check, migration_history, status, up
from nukeworks_migrate.errors import ChecksumDrift, Refused, UsageError

ORIGINAL = '''"""Make the clients."""

depends_on = []


def upgrade(db):
    """Make them."""
    db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")
    for name in ("first", "second"):
        db.execute("INSERT INTO clients (name) VALUES (?)", (name,))


def downgrade(db):
    db.execute("DROP TABLE clients")
'''


def replaced(old, new):
    assert old in ORIGINAL
    return ORIGINAL.replace(old, new).encode()


HARMLESS = {
    "nothing": ORIGINAL.encode(),
    "a comment": replaced("def upgrade", "# Every office has some.\ndef upgrade"),
    "a comment behind a line": replaced("depends_on = []", "depends_on = []  # the first"),
    "another first docstring": replaced("Make the clients.", "Make the table of clients."),
    "another docstring inside": replaced("Make them.", "Make all of them."),
    "no docstrings": replaced('    """Make them."""\n', ""),
    "quotes": replaced('"DROP TABLE clients"', "'DROP TABLE clients'"),
    "a string in two pieces": replaced('"DROP TABLE clients"', '"DROP TABLE " "clients"'),
    "empty lines": ORIGINAL.replace("\n\n", "\n\n\n\n").encode(),
    "line breaks": replaced('("first", "second")', '(\n        "first",\n        "second",\n    )'),
    "indentation": ORIGINAL.replace("    ", "  ").encode(),
    "line ends of Windows": ORIGINAL.replace("\n", "\r\n").encode(),
    "line ends of old Macs": ORIGINAL.replace("\n", "\r").encode(),
    "a byte-order mark": b"\xef\xbb\xbf" + ORIGINAL.encode(),
    "both of them": b"\xef\xbb\xbf" + ORIGINAL.replace("\n", "\r\n").encode(),
    "no line end at the end": ORIGINAL.rstrip("\n").encode(),
    "spaces at the ends of lines": ORIGINAL.replace("\n", "  \n").encode(),
    "parentheses that change nothing": replaced('"DROP TABLE clients"', '("DROP TABLE clients")'),
    "a u before a string": replaced('"DROP TABLE clients"', 'u"DROP TABLE clients"'),
}
CHANGED = {
    "another statement": replaced("name TEXT)", "name TEXT NOT NULL)"),
    "another value": replaced('"second"', '"third"'),
    "white space inside a string": replaced("DROP TABLE clients", "DROP  TABLE clients"),
    "another name": ORIGINAL.replace("name", "word").encode(),
    "another downgrade": replaced("DROP TABLE clients", "DROP TABLE IF EXISTS clients"),
    "no downgrade": ORIGINAL.partition("def downgrade")[0].encode(),
    "one more function": (ORIGINAL + "\n\ndef helper():\n    pass\n").encode(),
    "another number": replaced("(name,)", "(name, *())"),
    "another transaction": replaced("depends_on = []", 'depends_on = []\ntransaction = "single"'),
}


@pytest.fixture
def applied(folder):
    folder.versions.joinpath("0001_clients.py").write_bytes(ORIGINAL.encode())
    up(folder.project())
    return folder


@pytest.mark.parametrize("content", [pytest.param(content, id=kind) for kind, content in HARMLESS.items()])
def test_what_means_the_same_is_no_drift(applied, content):
    applied.versions.joinpath("0001_clients.py").write_bytes(content)
    applied.add("0002_more")

    report = up(applied.project())

    assert [done.step.name for done in report.steps] == ["0002_more"]
    assert check(applied.project()).verdict == "ok"


@pytest.mark.parametrize("content", [pytest.param(content, id=kind) for kind, content in CHANGED.items()])
def test_what_means_something_else_is_drift_and_shown_as_a_difference(applied, content):
    applied.versions.joinpath("0001_clients.py").write_bytes(content)
    applied.add("0002_more")
    before = applied.content()

    with pytest.raises(ChecksumDrift) as refusal:
        up(applied.project())

    assert refusal.value.cause.startswith("--- 0001_clients as applied\n+++ 0001_clients now\n@@ ")
    assert check(applied.project()).verdict == "drifted"
    assert applied.content() == before


def test_a_file_that_means_the_same_again_is_no_drift_any_more(applied):
    path = applied.versions / "0001_clients.py"
    path.write_bytes(CHANGED["another value"])
    changed = check(applied.project()).verdict
    path.write_bytes(HARMLESS["quotes"])

    assert (changed, check(applied.project()).verdict) == ("drifted", "ok")


def test_a_helper_belongs_to_what_imports_it(folder):
    folder.write("_names.py", "NAMES = ['a', 'b']\n")
    folder.add("0001_named", "from ._names import NAMES\ndb.execute(f'CREATE TABLE t ({NAMES[0]})')")
    folder.add_table("0002_plain", "plain")
    up(folder.project())
    folder.write("_names.py", "NAMES = ['a', 'c']\n")

    found = status(folder.project())

    assert [line.state for line in found.lines] == ["drifted", "applied"]
    assert "-NAMES = ['a', 'b']\n+NAMES = ['a', 'c']" in found.drifts[0].diff


def test_a_comment_in_a_helper_is_no_drift(folder):
    folder.write("_names.py", "NAMES = ['a', 'b']\n")
    folder.add("0001_named", "from ._names import NAMES\ndb.execute(f'CREATE TABLE t ({NAMES[0]})')")
    up(folder.project())
    folder.write("_names.py", "# the two of them\nNAMES = ['a', \"b\"]\n")

    assert check(folder.project()).verdict == "ok"


def test_a_helper_that_is_gone_is_named(folder):
    folder.write("_names.py", "NAMES = ['a', 'b']\n")
    folder.add("0001_named", "from ._names import NAMES\ndb.execute(f'CREATE TABLE t ({NAMES[0]})')")
    up(folder.project())
    folder.add("0001_named", "db.execute('CREATE TABLE t (a)')")
    folder.versions.joinpath("_names.py").unlink()

    (drift,) = status(folder.project()).drifts

    assert "--- _names.py as applied" in drift.diff


def test_a_stored_text_that_cannot_be_parsed_is_compared_as_text(applied):
    """As one that an older Python took: what this one cannot read, it does not judge."""
    old = ORIGINAL.replace("'", '"') + "print 'hello'\n"
    applied.sql(f"""UPDATE schema_version_source SET text = '{old.replace("'", "''")}'""")
    applied.sql("UPDATE schema_version SET checksum = 'other'")
    applied.sql("UPDATE schema_version_source SET checksum = 'other'")

    (drift,) = status(applied.project()).drifts

    assert "-print 'hello'" in drift.diff


def test_without_a_stored_text_another_checksum_is_drift_without_a_difference(applied):
    applied.sql("DELETE FROM schema_version_source; UPDATE schema_version SET checksum = 'other'")

    with pytest.raises(ChecksumDrift) as refusal:
        up(applied.project())

    assert refusal.value.cause == ""


def test_a_renamed_file_is_drift_though_its_text_is_the_same(applied):
    applied.versions.joinpath("0001_clients.py").rename(applied.versions / "0001_customers.py")

    (drift,) = status(applied.project()).drifts

    assert (drift.kind, drift.applied_name, drift.file_name) == ("renamed", "0001_clients", "0001_customers")


def test_another_number_of_digits_is_another_name(applied):
    applied.versions.joinpath("0001_clients.py").rename(applied.versions / "1_clients.py")

    assert check(applied.project()).verdict == "drifted"


def test_accept_takes_the_file_of_today_for_the_one_that_ran(applied):
    path = applied.versions / "0001_clients.py"
    path.write_bytes(CHANGED["another value"])
    before = applied.application_content()

    accepted = accept(applied.project(), "0001_clients", reason="  nobody has the rows  ")

    assert (accepted.drift.version, accepted.reason) == (1, "nobody has the rows")
    assert check(applied.project()).verdict == "ok"
    assert applied.application_content() == before
    assert applied.query("SELECT event, name, detail FROM schema_version_log ORDER BY id DESC LIMIT 1") == [
        ("accepted", "0001_clients", "nobody has the rows")
    ]


def test_the_text_that_really_ran_stays_in_the_database_and_is_what_history_shows(applied):
    applied.versions.joinpath("0001_clients.py").write_bytes(CHANGED["another value"])

    accept(applied.project(), "1", reason="known")

    texts = {text for (text,) in applied.query("SELECT text FROM schema_version_source")}
    assert texts == {ORIGINAL, CHANGED["another value"].decode()}
    assert [stored.text for stored in migration_history(applied.project(), "1").source] == [ORIGINAL]


def test_accept_takes_a_new_name(applied):
    applied.versions.joinpath("0001_clients.py").rename(applied.versions / "0001_customers.py")

    accept(applied.project(), "0001_customers", reason="renamed")

    assert applied.query("SELECT version, name FROM schema_version") == [(1, "0001_customers")]
    assert check(applied.project()).verdict == "ok"


def test_after_a_rename_was_accepted_the_text_that_ran_is_shown_once(applied):
    applied.versions.joinpath("0001_clients.py").rename(applied.versions / "0001_customers.py")
    accept(applied.project(), "0001_customers", reason="renamed")

    one = migration_history(applied.project(), "1")

    assert [stored.file for stored in one.source] == ["0001_clients.py"]


def test_accept_accepts_one_and_leaves_the_others(applied):
    applied.add_table("0002_contacts", "contacts")
    up(applied.project())
    for name in ("0001_clients", "0002_contacts"):
        path = applied.versions / f"{name}.py"
        path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))

    accept(applied.project(), "1", reason="known")

    assert [line.state for line in status(applied.project()).lines] == ["applied", "drifted"]


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_accept_wants_a_reason(applied, reason):
    applied.versions.joinpath("0001_clients.py").write_bytes(CHANGED["another value"])
    before = applied.content()

    with pytest.raises(UsageError):
        accept(applied.project(), "1", reason=reason)

    assert applied.content() == before


@pytest.mark.parametrize(("name", "what"), [("1", "0001_clients has not changed"), ("2", "0002_new is not applied")])
def test_accept_refuses_what_needs_no_accepting(applied, name, what):
    applied.add("0002_new")
    before = applied.content()

    with pytest.raises(Refused) as refusal:
        accept(applied.project(), name, reason="known")

    assert refusal.value.what.startswith(what)
    assert applied.content() == before


def test_a_failed_migration_may_be_changed_as_one_likes(folder):
    folder.add("0001_wrong", "raise ValueError")
    with pytest.raises(MigrateError):
        up(folder.project())
    folder.add_table("0001_wrong", "right")

    up(folder.project())

    assert folder.query("SELECT name FROM right") == [("right",)]


def test_what_was_taken_back_may_be_changed_and_applied_again(applied):
    from nukeworks_migrate import down

    down(applied.project(), to="base")
    applied.versions.joinpath("0001_clients.py").write_bytes(CHANGED["another value"])

    up(applied.project())

    assert applied.query("SELECT name FROM clients ORDER BY id") == [("first",), ("third",)]
    assert check(applied.project()).verdict == "ok"
