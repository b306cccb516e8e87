"""`check`: one answer for the start of an application, at once, and nothing that stands in its way passed over."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from support import footprint

from nukeworks_migrate import check, down, status, up
from nukeworks_migrate.actions.check import _nothing_to_tell
from nukeworks_migrate.errors import BadSetting, Busy, FilesRefused, LedgerNotOurs, Refused
from nukeworks_migrate.files.folder import known_checksums

VERSIONS = range(1, 6)


@pytest.fixture
def five(folder):
    """Five applied migrations, of which the third imports a helper, and an index of their folder."""
    folder.write("_names.py", "NAME = 'three'\n")
    for version in VERSIONS:
        head = "from ._names import NAME" if version == 3 else ""
        folder.add(f"{version:04d}_step", f'db.execute("CREATE TABLE t{version} (id)")', "pass", head=head)
    up(folder.project())
    return folder


def flags(report):
    return [name for name in ("too_new", "drifted", "interrupted") if getattr(report, name)]


def test_a_database_that_fits_is_told_by_the_short_way_and_by_the_long_way_alike(five):
    short = _nothing_to_tell(five.project(), None)

    long = check(five.project(header_index=False))

    assert short is not None
    assert short == long
    assert (long.ok, long.sentence, long.version, long.required, long.pending) == (
        True,
        "up to date at version 5",
        5,
        5,
        (),
    )
    assert flags(long) == []


# What can be the matter, done to five applied migrations; the verdict, the flags and the names of what is pending.
def edit(folder):
    path = folder.versions / "0002_step.py"
    path.write_text(path.read_text(encoding="utf-8").replace("t2", "u2"), encoding="utf-8")


def edit_keeping_size_and_time(folder):
    path = folder.versions / "0002_step.py"
    before = path.stat()
    edit(folder)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def edit_helper(folder):
    folder.write("_names.py", "NAME = 'four'\n")


def rename(folder):
    (folder.versions / "0002_step.py").rename(folder.versions / "0002_stride.py")


def remove(folder):
    (folder.versions / "0002_step.py").unlink()


def remove_highest(folder):
    (folder.versions / "0005_step.py").unlink()


def add(folder):
    folder.add_table("0006_six", "six")


def add_between(folder):
    folder.add_table("0020_twenty", "twenty")
    up(folder.project())
    folder.add_table("0006_six", "six")


def edit_and_add(folder):
    edit(folder)
    add(folder)


def remove_highest_and_edit(folder):
    remove_highest(folder)
    edit(folder)


def unapply(folder):
    folder.sql("DELETE FROM schema_version WHERE version = 2")


def interrupt(folder):
    folder.sql(
        "INSERT INTO schema_version_log (happened_at, event, version, name, direction, run_id)"
        " VALUES ('2026-01-01', 'started', 6, '0006_six', 'up', 'x')"
    )


def interrupt_and_edit(folder):
    interrupt(folder)
    edit(folder)


def other_checksum(folder):
    folder.sql("UPDATE schema_version SET checksum = 'x' WHERE version = 4")


def other_name(folder):
    folder.sql("UPDATE schema_version SET name = '0004_other' WHERE version = 4")


@pytest.mark.parametrize(
    ("done", "verdict", "expected", "pending"),
    [
        pytest.param(edit, "drifted", "drifted", "", id="a file was changed"),
        pytest.param(
            edit_keeping_size_and_time, "drifted", "drifted", "", id="a file was changed, not its size and time"
        ),
        pytest.param(edit_helper, "drifted", "drifted", "", id="a helper was changed"),
        pytest.param(rename, "drifted", "drifted", "", id="a file was renamed"),
        pytest.param(remove, "drifted", "drifted", "", id="a file is missing"),
        pytest.param(remove_highest, "too-new", "too_new", "", id="the highest file is missing"),
        pytest.param(add, "pending", "", "0006_six", id="a file was added"),
        pytest.param(add_between, "pending", "", "0006_six", id="a file was added below the highest"),
        pytest.param(edit_and_add, "drifted", "drifted", "0006_six", id="drifted and pending"),
        pytest.param(remove_highest_and_edit, "too-new", "too_new drifted", "", id="too new and drifted"),
        pytest.param(unapply, "pending", "", "0002_step", id="a row of the ledger is gone"),
        pytest.param(interrupt, "interrupted", "interrupted", "", id="interrupted"),
        pytest.param(interrupt_and_edit, "interrupted", "drifted interrupted", "", id="interrupted and drifted"),
        pytest.param(other_checksum, "drifted", "drifted", "", id="the ledger has another checksum"),
        pytest.param(other_name, "drifted", "drifted", "", id="the ledger has another name"),
    ],
)
@pytest.mark.parametrize("header_index", [True, False], ids=["index", "no index"])
def test_whatever_is_the_matter_is_seen_and_more_than_one_thing_at_once(
    five, done, verdict, expected, pending, header_index
):
    assert check(five.project()).ok
    done(five)

    report = check(five.project(header_index=header_index))

    assert (report.verdict, flags(report), report.pending) == (verdict, expected.split(), tuple(pending.split()))
    assert not report.ok


def test_comments_and_blank_lines_are_no_drift(five):
    path = five.versions / "0002_step.py"
    path.write_text(f"# a comment\n\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

    assert check(five.project()).ok


def test_line_endings_and_a_byte_order_mark_are_no_difference(five):
    path = five.versions / "0002_step.py"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert _nothing_to_tell(five.project(), None) is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0005_again.py", "def upgrade(db):\n    pass\n"),
        ("0006_six.sql", "CREATE TABLE six (id);\n"),
        ("six.py", "def upgrade(db):\n    pass\n"),
        ("0006_six.py", "def upgrade(db:\n"),
        ("0006_six.py", "depends_on = ['0007_seven']\n\n\ndef upgrade(db):\n    pass\n"),
    ],
    ids=["two of one version", "SQL", "no number", "a syntax error", "a dependency that is not there"],
)
def test_problems_of_the_files_are_refused_and_never_taken_as_known(five, name, text):
    assert check(five.project()).ok
    (five.versions / name).write_text(text, encoding="utf-8")

    for _ in range(2):
        with pytest.raises(FilesRefused):
            check(five.project())
    (five.versions / name).unlink()
    assert check(five.project()).ok


def test_a_folder_in_place_of_a_file_is_refused(five):
    (five.versions / "0006_six.py").mkdir()

    with pytest.raises(FilesRefused):
        check(five.project())


@pytest.mark.parametrize(
    "content", [b"", b"folder:", b"\xff\xfe\x00", b"x" * 100_000], ids=["empty", "cut", "no text", "other"]
)
def test_an_index_that_is_damaged_is_not_believed_and_written_anew(five, content):
    (index,) = (five.versions / "__pycache__").glob("nukeworks_migrate.*.txt")
    index.write_bytes(content)
    assert known_checksums(five.versions) is None

    assert check(five.project()).ok
    assert known_checksums(five.versions) is not None


def test_the_index_of_another_folder_is_not_believed(five, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(five.versions, other)
    (other / "0005_step.py").rename(other / "0005_stride.py")

    assert known_checksums(other) is None


def test_nothing_is_written_not_even_beside_the_database(five):
    check(five.project())
    before = footprint(five.path)

    assert check(five.project()).ok

    assert footprint(five.path) == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_checked_too(five, mode):
    five.sql(f"PRAGMA journal_mode = {mode}")
    for path in (five.path, five.versions):
        path.chmod(0o500)
    try:
        assert check(five.project()).ok
    finally:
        for path in (five.path, five.versions):
            path.chmod(0o700)


def test_a_database_that_is_not_there_has_everything_pending_and_is_not_made(folder):
    folder.add_table("0001_one", "one")

    report = check(folder.project())

    assert (report.verdict, report.version, report.pending) == ("pending", 0, ("0001_one",))
    assert not folder.database.exists()


def test_an_empty_folder_of_migrations_is_ok(folder):
    assert (check(folder.project()).ok, check(folder.project()).sentence) == (True, "up to date at version 0")


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE schema_version (name TEXT, value TEXT)",
        "CREATE TABLE schema_version (version TEXT PRIMARY KEY, applied_date, applied_by, description)",
        "CREATE VIEW schema_version AS SELECT 1 AS version",
    ],
    ids=["other columns", "a text as version", "a view"],
)
def test_a_table_of_the_ledgers_name_that_is_not_ours_is_refused(folder, script):
    folder.add_table("0001_one", "one")
    status(folder.project())  # so that the folder is known
    folder.sql(script)

    with pytest.raises(LedgerNotOurs):
        check(folder.project())


@pytest.mark.parametrize(
    "script",
    [
        "DROP TABLE schema_version_log; CREATE TABLE schema_version_log (id INTEGER PRIMARY KEY, event TEXT)",
        "DROP TABLE schema_version_log; CREATE VIEW schema_version_log AS SELECT 1 AS id, '' AS event",
        "DROP TABLE schema_version_source; CREATE TABLE schema_version_source (id)",
    ],
    ids=["another log", "a view for a log", "other sources"],
)
def test_a_log_or_sources_that_are_not_ours_are_refused(five, script):
    assert check(five.project()).ok
    five.sql(script)

    with pytest.raises(LedgerNotOurs):
        check(five.project())


def test_the_ledger_of_the_old_system_with_our_columns_added_is_judged_as_our_own(five):
    """Its text is not the one that we write, and its rows have no checksums until they are adopted."""
    five.sql(
        """
        CREATE TABLE kept AS SELECT * FROM schema_version;
        DROP TABLE schema_version;
        CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_date TIMESTAMP, applied_by, description,
            name, checksum, position, run_id, duration_ms);
        INSERT INTO schema_version SELECT * FROM kept;
        UPDATE schema_version SET name = NULL, checksum = NULL WHERE version < 3;
        DROP TABLE kept;
        """
    )

    assert _nothing_to_tell(five.project(), None) is not None
    edit(five)  # of version 2, which takes today's file
    assert check(five.project()).ok
    five.sql("UPDATE schema_version SET checksum = 'x' WHERE version = 4")
    assert check(five.project()).verdict == "drifted"


def test_a_migration_without_transaction_that_has_ended_is_no_interruption(folder):
    folder.add("0001_one", 'db.execute("CREATE TABLE one (id)")', "pass", head='transaction = "none"')
    up(folder.project())

    assert folder.query("SELECT count(*) FROM schema_version_log WHERE event = 'started'") == [(1,)]
    assert _nothing_to_tell(folder.project(), None) is not None


HOLD = """
import sqlite3, sys
connection = sqlite3.connect("app.sqlite", isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(five):
    """The five, while another program keeps everybody out of the database."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=five.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield five
        process.stdin.close()


@pytest.mark.parametrize("header_index", [True, False], ids=["the short way", "the long way"])
def test_a_database_that_is_locked_is_not_waited_for(held, header_index):
    project = held.project(header_index=header_index)
    with pytest.raises(Busy):
        check(project)

    started = time.perf_counter()
    with pytest.raises(Busy, match="locked by another program"):
        check(project)

    assert time.perf_counter() - started < 0.1


def test_the_command_exits_with_5_where_the_database_is_locked(held):
    assert held.run("check").returncode == 5


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_writer_that_has_not_committed_does_not_stand_in_the_way(five, journal_mode):
    five.sql(f"PRAGMA journal_mode = {journal_mode}")
    with closing(sqlite3.connect(five.database, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t1 VALUES (1)")

        assert check(five.project()).ok


#  1 <- 2 <- 4 <- 9      3 depends on 9, so that the state at 3 holds 9 and what that depends on
@pytest.fixture
def web(folder):
    for name, depends_on in (
        ("0001_a", ""),
        ("0002_b", "0001_a"),
        ("0003_c", "0009_e"),
        ("0004_d", "0002_b"),
        ("0009_e", "0004_d"),
        ("0010_f", ""),
    ):
        folder.add_table(name, name[5:], depends_on=depends_on)
    return folder


@pytest.mark.parametrize(
    ("applied_to", "required", "verdict", "pending"),
    [
        pytest.param(None, 2, "pending", "0001_a 0002_b", id="what is missing of the state"),
        pytest.param(2, 2, "ok", "", id="files above it are not pending"),
        pytest.param(None, 3, "pending", "0001_a 0002_b 0004_d 0009_e 0003_c", id="with what it depends on"),
        pytest.param(3, 3, "ok", "", id="a higher one that it depends on is not too new"),
        pytest.param(4, 3, "ok", "", id="nor where more was asked for that is no more"),
        pytest.param(3, 2, "too-new", "", id="what is applied beyond it is"),
        pytest.param(10, 10, "ok", "", id="the highest of all"),
        pytest.param(9, 10, "pending", "0010_f", id="the highest of all, and not yet there"),
        pytest.param(10, 4, "too-new", "", id="all of it, and the application is older"),
    ],
)
def test_an_application_may_require_a_version_of_its_own(web, applied_to, required, verdict, pending):
    if applied_to:
        up(web.project(), to=applied_to)

    report = check(web.project(), required=required)

    assert (report.verdict, report.pending, report.required) == (verdict, tuple(pending.split()), required)
    assert report.too_new == (verdict == "too-new")


def test_a_newer_database_says_both_versions(five):
    folder_of_six = five
    folder_of_six.add_table("0008_eight", "eight")
    up(folder_of_six.project())

    assert check(five.project(), required=5).sentence == (
        "this database (version 8) is newer than this application (requires version 5)"
    )
    (five.versions / "0008_eight.py").unlink()
    assert check(five.project(), required=5).sentence.endswith("(requires version 5)")
    assert check(five.project()).sentence == "this database (version 8) is newer than this application (knows 5)"


def test_too_new_and_pending_at_once(five):
    five.add_table("0008_eight", "eight")
    up(five.project())
    five.sql("DELETE FROM schema_version WHERE version = 2")

    report = check(five.project(), required=5)

    assert (report.verdict, report.too_new, report.pending) == ("too-new", True, ("0002_step",))


@pytest.mark.parametrize("required", [6, 0, -1, 10**30])
def test_a_required_version_that_no_file_has_is_a_bad_setting(five, required):
    with pytest.raises(BadSetting) as failure:
        check(five.project(), required=required)

    assert failure.value.what == f"version {required} is required, and versions has no such migration"
    assert failure.value.cause == "the highest version there is 5"


def test_a_folder_that_is_not_there_is_refused(five):
    shutil.rmtree(five.versions)

    with pytest.raises(Refused, match="cannot be read"):
        check(five.project())


def test_after_going_down_what_was_taken_back_is_pending(five):
    down(five.project(), to=4)

    assert check(five.project()).pending == ("0005_step",)
    assert check(five.project(), required=4).ok


def test_without_hashlib_the_answer_is_the_same(five, monkeypatch):
    with_it = known_checksums(five.versions)
    monkeypatch.delitem(sys.modules, "hashlib")

    assert known_checksums(five.versions) == with_it
    assert with_it is not None
