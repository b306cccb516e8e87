"""Plans in files: exactly what was saved is run, or nothing, and the refusal names what has moved."""

import json
import os
import random
import sqlite3
from contextlib import closing

import pytest
from support import Folder, footprint

from nukeworks_migrate import accept, down, plan, rehearse, stamp, up
from nukeworks_migrate.actions import held_plan
from nukeworks_migrate.errors import ChecksumDrift, MigrateError, MissingFiles, PlanMoved, Refused, UsageError
from nukeworks_migrate.model.plan import Direction

UNCHANGED = "nothing was run; database and ledger are as they were"


@pytest.fixture
def three(folder, monkeypatch):
    """Three migrations in a chain, the first of them applied; the current folder is the project's."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    folder.add_table("0003_notes", "notes", depends_on="0002_contacts")
    up(folder.project(), to=1)
    monkeypatch.chdir(folder.path)
    return folder


def edit(folder, name, old="name TEXT", new="name TEXT NOT NULL"):
    path = folder.versions / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def ran(report):
    return [done.step.name for done in report.steps]


def refused(folder, action=up, path="plan.json", **more):
    """Run the plan, which is refused with everything as it was; return the error."""
    before = footprint(folder.path)

    with pytest.raises(PlanMoved) as refusal:
        action(folder.project(), plan_file=path, **more)

    assert footprint(folder.path) == before
    assert refusal.value.unchanged == UNCHANGED
    return refusal.value


def saved(folder, path="plan.json"):
    return json.loads((folder.path / path).read_text(encoding="utf-8"))


# What is unchanged is run.


def test_a_plan_in_an_unchanged_state_is_run_as_it_was_saved(three):
    planned = plan(three.project(), save_to="plan.json")

    report = up(three.project(), plan_file="plan.json")

    assert planned.saved_to == "plan.json"
    assert report.plan == planned.preview.plan
    assert ran(report) == ["0002_contacts", "0003_notes"]
    assert three.applied() == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        pytest.param({"to": 2}, ["0002_contacts"], id="to a version"),
        pytest.param({"only": "0002_contacts"}, ["0002_contacts"], id="only one"),
        pytest.param({"steps": 1}, ["0002_contacts"], id="the next one"),
        pytest.param({"commit": "each"}, ["0002_contacts", "0003_notes"], id="each with a commit"),
        pytest.param({"to": "base"}, [], id="with no steps"),
    ],
)
def test_a_plan_says_itself_how_far_it_goes(three, words, steps):
    planned = plan(three.project(), save_to="plan.json", **words).preview.plan

    report = up(three.project(), plan_file="plan.json")

    assert report.plan == planned
    assert ran(report) == steps


@pytest.mark.parametrize("words", [{"to": "base"}, {"to": 1}, {"only": "3"}, {"steps": 2, "commit": "each"}])
def test_a_plan_that_goes_down_is_run_by_down(three, words):
    up(three.project())
    planned = plan(three.project(), direction="down", save_to="plan.json", **words).preview.plan

    report = down(three.project(), plan_file="plan.json")

    assert report.plan == planned
    assert report.plan.direction is Direction.DOWN
    assert ran(report) == list(planned.names)


def test_commits_are_those_of_the_plan(three):
    three.add("0004_broken", "raise ValueError", depends_on="0003_notes")
    plan(three.project(), save_to="plan.json", commit="each")

    with pytest.raises(MigrateError):
        up(three.project(), plan_file="plan.json")

    assert three.applied() == [1, 2, 3]


def test_a_plan_for_a_database_that_does_not_exist_yet(three):
    three.database.unlink()
    plan(three.project(), save_to="plan.json")
    assert not three.database.exists()

    report = up(three.project(), plan_file="plan.json")

    assert ran(report) == ["0001_clients", "0002_contacts", "0003_notes"]
    assert report.created_database


def test_a_plan_that_was_made_on_one_database_runs_on_another_in_the_same_state(three, tmp_path):
    plan(three.project(), save_to="plan.json")
    other = Folder(tmp_path / "production")
    for file in three.versions.glob("*.py"):
        other.write(file.name, file.read_text())
    up(other.project(), to=1)
    other.sql("INSERT INTO clients (name) VALUES ('rows may differ')")

    up(other.project(), plan_file=three.path / "plan.json")

    assert other.applied() == [1, 2, 3]


def test_a_rehearsed_plan_is_saved_and_runs(three):
    found = rehearse(three.project(), save_to="plan.json")

    report = up(three.project(), plan_file="plan.json")

    assert found.saved_to == "plan.json"
    assert report.plan == found.plan


def test_a_rehearsal_that_failed_saves_nothing(three):
    three.add("0004_broken", "raise ValueError", depends_on="0003_notes")

    found = rehearse(three.project(), save_to="plan.json")

    assert found.failure is not None
    assert found.saved_to == ""
    assert not (three.path / "plan.json").exists()


def test_rehearsing_and_planning_save_the_same(three):
    plan(three.project(), save_to="plan.json")
    rehearse(three.project(), save_to="rehearsed.json")

    assert {**saved(three), "made_at": ""} == {**saved(three, "rehearsed.json"), "made_at": ""}


def test_a_saved_plan_can_be_rehearsed_and_is_refused_there_too(three):
    plan(three.project(), save_to="plan.json", to=2)

    found = rehearse(three.project(), plan_file="plan.json")
    three.sql("ALTER TABLE clients ADD COLUMN phone TEXT")

    assert [step.step.name for step in found.steps] == ["0002_contacts"]
    assert "the schema moved" in refused(three, rehearse).what


def test_what_the_plan_does_not_touch_may_change(three):
    plan(three.project(), save_to="plan.json", to=2)
    edit(three, "0003_notes.py")
    three.add_table("0004_more", "more")
    (three.versions / "0003_notes.py").rename(three.versions / "0003_remarks.py")
    three.sql("INSERT INTO clients (name) VALUES ('a row')")

    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts"]


def test_a_comment_in_an_applied_file_is_no_drift_and_moves_no_plan(three):
    plan(three.project(), save_to="plan.json")
    edit(three, "0001_clients.py", "def upgrade", "# a comment\ndef upgrade")

    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts", "0003_notes"]


def test_the_old_systems_rows_may_get_their_names_meanwhile(three):
    """The first run adopts them: they take name and checksum of today's files."""
    three.database.unlink()
    three.sql(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY,"
        " applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);"
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'Clients')"
    )
    plan(three.project(), save_to="plan.json")
    up(three.project(), to=2)
    down(three.project(), to=1)

    assert saved(three)["ledger"] == [{"version": 1, "name": None, "checksum": None}]
    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts", "0003_notes"]


# Files that moved.


def test_an_edited_file_is_named_with_both_checksums(three):
    plan(three.project(), save_to="plan.json")
    then = saved(three)["steps"][1]["checksum"]
    edit(three, "0003_notes.py")
    plan(three.project(), save_to="now.json")
    now = saved(three, "now.json")["steps"][1]["checksum"]

    refusal = refused(three)

    assert refusal.what == "the plan plan.json does not hold any more: the files moved"
    assert refusal.cause == f"versions/0003_notes.py was changed: {then[:12]} in the plan, {now[:12]} now"
    assert refusal.next_step == "make it again: migrate plan -o plan.json"
    assert refusal.where.startswith("plan.json, made 20")
    assert refusal.where.endswith(" UTC for app.sqlite")


def test_a_plan_holds_to_the_letter_also_where_only_a_comment_changed(three):
    """What is applied is compared by its meaning; what somebody has read and agreed to, by its bytes."""
    plan(three.project(), save_to="plan.json")
    edit(three, "0003_notes.py", "def upgrade", "# a comment\ndef upgrade")

    assert "versions/0003_notes.py was changed" in refused(three).cause


def test_line_endings_and_a_byte_order_mark_are_no_change(three):
    plan(three.project(), save_to="plan.json")
    path = three.versions / "0003_notes.py"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts", "0003_notes"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        pytest.param(
            lambda folder: folder.write("_names.py", "TABLE = 'other'\n"),
            "versions/_names.py, a helper of 0004_helped, was changed: ",
            id="edited",
        ),
        pytest.param(
            lambda folder: folder.write("_names.py", "from ._more import TABLE\n"),
            "0004_helped imports _more.py now (",
            id="it imports another",
        ),
        pytest.param(
            lambda folder: edit(folder, "0004_helped.py", "from ._names import TABLE", "TABLE = 'helped'"),
            "0004_helped does not import _names.py any more (",
            id="not imported any more",
        ),
    ],
)
def test_a_helper_is_a_part_of_the_plan(three, change, line):
    three.write("_names.py", "TABLE = 'helped'\n")
    three.write("_more.py", "TABLE = 'more'\n")
    three.add("0004_helped", 'db.execute(f"CREATE TABLE {TABLE} (id INTEGER)")', head="from ._names import TABLE")
    plan(three.project(), save_to="plan.json")
    change(three)

    refusal = refused(three)

    assert "the files moved" in refusal.what
    assert line in refusal.cause


def test_a_file_that_came_inside_the_plan_is_named(three):
    plan(three.project(), save_to="plan.json", to=3)
    three.add_table("0002_another", "another")  # the number is taken: that is refused before
    with pytest.raises(Refused):
        up(three.project(), plan_file="plan.json")
    (three.versions / "0002_another.py").rename(three.versions / "0000_another.py")

    refusal = refused(three)

    assert "the files moved" in refusal.what
    assert refusal.cause.startswith("versions/0000_another.py is not in the plan, and would run now (")
    assert refusal.next_step == "make it again: migrate plan --to 3 -o plan.json"


def test_a_file_that_came_at_the_end_is_inside_a_plan_that_goes_to_the_head(three):
    plan(three.project(), save_to="plan.json")
    three.add_table("0004_more", "more")

    assert refused(three).cause.startswith("versions/0004_more.py is not in the plan, and would run now (")


def test_a_file_that_is_gone_is_named(three):
    plan(three.project(), save_to="plan.json")
    (three.versions / "0003_notes.py").unlink()

    assert refused(three).cause.startswith("0003_notes.py is gone (")


def test_a_file_that_has_another_name_is_named(three):
    plan(three.project(), save_to="plan.json")
    (three.versions / "0003_notes.py").rename(three.versions / "0003_remarks.py")

    assert refused(three).cause.startswith("0003_notes.py is now 0003_remarks.py (")


def test_an_applied_file_that_drifted_is_refused_as_ever(three):
    plan(three.project(), save_to="plan.json")
    edit(three, "0001_clients.py")

    with pytest.raises(ChecksumDrift):
        up(three.project(), plan_file="plan.json")


def test_an_applied_file_that_is_gone_is_refused_as_ever(three):
    three.add_table("0000_alone", "alone")
    up(three.project(), only="0")
    plan(three.project(), save_to="plan.json")
    (three.versions / "0000_alone.py").unlink()

    with pytest.raises(MissingFiles):
        up(three.project(), plan_file="plan.json")


def test_a_file_to_be_taken_back_is_held_to_the_letter_too(three):
    plan(three.project(), direction="down", save_to="plan.json", to="base")
    edit(three, "0001_clients.py", "def upgrade", "# a comment\ndef upgrade")

    assert "versions/0001_clients.py was changed" in refused(three, down).cause


# The ledger moved.


def test_a_step_that_somebody_else_has_applied_is_named(three):
    plan(three.project(), save_to="plan.json")
    up(three.project(), to=2)

    refusal = refused(three)

    assert refusal.what == "the plan plan.json does not hold any more: the ledger moved"
    assert refusal.cause == "applied now, and not when the plan was made: 0002_contacts"


def test_a_migration_outside_the_plan_that_was_applied_is_named(three):
    three.add_table("0009_alone", "alone")
    plan(three.project(), save_to="plan.json", to=2)
    up(three.project(), only="9")

    assert refused(three).cause == "applied now, and not when the plan was made: 0009_alone"


def test_a_migration_that_was_taken_back_is_named(three):
    plan(three.project(), save_to="plan.json")
    down(three.project(), to="base")

    refusal = refused(three)

    assert refusal.cause == "applied when the plan was made, and not now: 0001_clients"
    assert "the ledger moved" in refusal.what


def test_a_plan_runs_once(three):
    plan(three.project(), save_to="plan.json")
    up(three.project(), plan_file="plan.json")

    refusal = refused(three)

    assert refusal.what == "every step of the plan plan.json is applied already"
    assert refusal.cause == "applied now, and not when the plan was made: 0002_contacts, 0003_notes"
    assert refusal.next_step == "see where it stands: migrate status"


def test_a_plan_that_goes_down_runs_once(three):
    plan(three.project(), direction="down", save_to="plan.json", to="base")
    down(three.project(), plan_file="plan.json")

    refusal = refused(three, down)

    assert refusal.what == "every step of the plan plan.json is taken back already"
    assert refusal.cause == "applied when the plan was made, and not now: 0001_clients"


def test_a_plan_that_goes_down_is_not_run_when_more_was_applied(three):
    plan(three.project(), direction="down", save_to="plan.json", to="base")
    up(three.project())

    assert refused(three, down).cause == "applied now, and not when the plan was made: 0002_contacts, 0003_notes"


def test_more_names_than_can_be_read_are_counted(three):
    for number in range(10, 20):
        three.add(f"{number:04}_more")
    plan(three.project(), save_to="plan.json")
    up(three.project())

    assert refused(three).cause.endswith("0011_more, 0012_more and 7 more")


def test_a_row_that_has_another_checksum_now_is_named(three):
    plan(three.project(), save_to="plan.json")
    then = saved(three)["ledger"][0]["checksum"]
    edit(three, "0001_clients.py")
    accept(three.project(), "1", reason="known")
    plan(three.project(), save_to="now.json")
    now = saved(three, "now.json")["ledger"][0]["checksum"]

    assert refused(three).cause == (
        f"0001_clients is applied from another file: {then[:12]} when the plan was made, {now[:12]} now"
    )


def test_another_order_of_applying_is_named(three):
    three.add_table("0004_alone", "alone")
    up(three.project(), only="4")
    plan(three.project(), direction="down", save_to="plan.json", to="base")
    down(three.project(), only="1")
    up(three.project(), only="1")

    assert refused(three, down).cause == "the same migrations were applied in another order"


# The schema moved.


def test_a_schema_that_was_changed_by_hand_is_refused(three):
    plan(three.project(), save_to="plan.json")
    then = saved(three)["schema_fingerprint"]
    three.sql("ALTER TABLE clients ADD COLUMN phone TEXT")
    plan(three.project(), save_to="now.json")
    now = saved(three, "now.json")["schema_fingerprint"]

    refusal = refused(three)

    assert refusal.what == "the plan plan.json does not hold any more: the schema moved"
    assert refusal.cause == (
        "the schema is another, and no migration made it so\n"
        f"({then[:12]} when the plan was made, {now[:12]} now; migrate verify shows where)"
    )


def test_a_table_that_came_where_there_was_no_database_is_seen(three):
    three.database.unlink()
    plan(three.project(), save_to="plan.json")
    three.sql("CREATE TABLE theirs (id INTEGER)")

    assert "the schema moved" in refused(three).what


def test_files_and_schema_that_moved_are_both_named(three):
    plan(three.project(), save_to="plan.json")
    three.sql("DROP TABLE clients")
    edit(three, "0003_notes.py")

    refusal = refused(three)

    assert refusal.what == "the plan plan.json does not hold any more: the files and the schema moved"
    assert len(refusal.cause.splitlines()) == 3


def test_a_schema_that_only_was_written_in_another_way_is_the_same(three):
    plan(three.project(), save_to="plan.json")
    three.sql(
        'DROP TABLE clients; create table "clients" (id integer primary key, -- the same\n name TEXT);VACUUM; ANALYZE'
    )

    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts", "0003_notes"]


# Between the question and the lock.


@pytest.mark.parametrize(
    ("meanwhile", "kind"),
    [
        pytest.param(lambda folder: up(folder.project(), to=2), "the ledger", id="a step is applied"),
        pytest.param(lambda folder: down(folder.project(), to="base"), "the ledger", id="a migration is taken back"),
        pytest.param(lambda folder: stamp(folder.project(), "2"), "the ledger", id="a step is stamped"),
        pytest.param(lambda folder: folder.sql("CREATE TABLE theirs (id)"), "the schema", id="a table is made"),
        pytest.param(
            lambda folder: folder.sql("ALTER TABLE clients ADD COLUMN phone TEXT"), "the schema", id="a column is added"
        ),
    ],
)
def test_what_comes_between_the_question_and_the_lock_is_seen(three, meanwhile, kind):
    plan(three.project(), save_to="plan.json")
    asked = []

    def confirm(proposal):
        asked.append(proposal.plan.names)
        meanwhile(three)
        asked.append(three.content())

    with pytest.raises(PlanMoved) as refusal:
        up(three.project(), plan_file="plan.json", confirm=confirm)

    assert asked == [("0002_contacts", "0003_notes"), three.content()]
    assert f"{kind} moved" in refusal.value.what
    assert not [*three.path.glob("snapshots/*up*")]


def test_what_comes_in_the_last_moment_before_the_run_has_its_lock_is_seen(three, monkeypatch):
    """After the ledger was read under the migration lock, and before BEGIN: another program needs no such lock."""
    from nukeworks_migrate.databases.sqlite.writer import SqliteWriter

    plan(three.project(), save_to="plan.json")
    begin = SqliteWriter.begin

    def late(writer, deadline):
        with closing(sqlite3.connect(three.database)) as connection:
            connection.execute("ALTER TABLE clients ADD COLUMN phone TEXT")
        begin(writer, deadline)

    monkeypatch.setattr(SqliteWriter, "begin", late)

    with pytest.raises(PlanMoved) as refusal:
        up(three.project(), plan_file="plan.json")

    assert "the schema moved" in refusal.value.what
    assert three.applied() == [1]
    assert "contacts" not in three.tables()


def test_who_is_asked_about_a_moved_plan_is_not_even_asked(three):
    plan(three.project(), save_to="plan.json")
    edit(three, "0003_notes.py")

    refused(three, confirm=lambda proposal: pytest.fail("asked"))


# Settings and program.


def test_a_setting_that_makes_another_plan_is_named(three):
    three.add_table("0000_late", "late")
    plan(three.project(), save_to="plan.json")

    with pytest.raises(PlanMoved) as refusal:
        up(three.project(out_of_order="refuse"), plan_file="plan.json")

    assert refusal.value.what == "the plan plan.json is not what would be planned here"
    assert refusal.value.cause.startswith(
        'no such plan can be made now: 0000_late comes after version 1 was applied; the settings say out_of_order = "r'
    )


def test_a_program_that_plans_another_order_refuses_and_names_its_version(three, monkeypatch):
    plan(three.project(), save_to="plan.json")
    content = saved(three)
    content["steps"].reverse()
    content["tool_version"] = "0.0.9"
    (three.path / "plan.json").write_text(json.dumps(content))
    monkeypatch.setattr(held_plan, "__version__", "7.0")

    refusal = refused(three)

    assert refusal.what == "the plan plan.json is not what would be planned here"
    assert refusal.cause == (
        "the same words make other steps now: 0002_contacts, 0003_notes\n"
        "(the plan was made by version 0.0.9 of this program, and this is 7.0)"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda p: p.update(engine="postgresql"), "made for postgresql, and this is sqlite", id="engine"),
        pytest.param(lambda p: p["steps"].pop(), "0003_notes.py is not in the plan", id="a step is taken out"),
        pytest.param(lambda p: p.update(commit="each"), "", id="another commit"),
        pytest.param(lambda p: p["asked"].update(to="99"), "no migration has version 99", id="an unknown target"),
        pytest.param(lambda p: p["asked"].update(to="²\ud800"), "no migration is called", id="a strange target"),
        pytest.param(lambda p: p["steps"][0].update(checksum="0"), "0002_contacts.py is another: 0 in", id="checksum"),
        pytest.param(lambda p: p["steps"][0].update(files=[]), "make other steps", id="no files"),
        pytest.param(lambda p: p["steps"][0].update(transaction="none"), "make other steps", id="transaction"),
        pytest.param(lambda p: p["ledger"].append(p["ledger"][0]), "in another order", id="a row twice"),
    ],
)
def test_a_plan_that_was_edited_never_runs_as_something_else(three, change, words):
    plan(three.project(), save_to="plan.json")
    content = saved(three)
    change(content)
    (three.path / "plan.json").write_text(json.dumps(content))

    if not words:  # which belongs to the plan, and is taken as it stands
        assert up(three.project(), plan_file="plan.json").plan.commit == "each"
    else:
        assert words in refused(three).cause


# Words.


@pytest.mark.parametrize("words", [{"to": 3}, {"only": "3"}, {"steps": 1}, {"commit": "run"}])
@pytest.mark.parametrize("action", [up, down, rehearse])
def test_a_plan_leaves_nothing_else_to_be_said(three, action, words):
    plan(three.project(), save_to="plan.json")

    with pytest.raises(UsageError) as refusal:
        action(three.project(), plan_file="plan.json", **words)

    assert refusal.value.what == "--plan excludes --to, --only, --steps and --commit"


def test_a_plan_of_the_other_direction_names_the_command(three):
    plan(three.project(), save_to="a plan.json")
    plan(three.project(), save_to="back.json", direction="down", steps=1)

    with pytest.raises(UsageError) as not_down:
        down(three.project(), plan_file="a plan.json")
    with pytest.raises(UsageError) as not_up:
        up(three.project(), plan_file="back.json")

    assert not_down.value.what == "the plan a plan.json goes up, not down"
    assert not_down.value.next_step == "run it: migrate up --plan 'a plan.json'"
    assert not_up.value.next_step == "run it: migrate down --plan back.json"


# The file.


def test_a_plan_takes_the_place_of_an_older_one_and_of_an_empty_file(three):
    (three.path / "plan.json").touch()
    plan(three.project(), save_to="plan.json", to=2)
    plan(three.project(), save_to="plan.json")

    assert saved(three)["asked"] == {"to": None, "only": None, "steps": None}
    assert [path.name for path in three.path.glob("*plan*")] == ["plan.json"]  # and no temporary file is left
    assert (three.path / "plan.json").stat().st_mode & 0o777 == 0o644 & ~_umask() or os.name == "nt"


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "name", ["app.sqlite", "app.sqlite-migrate-lock", "link.sqlite", "notes.txt", "versions", "x/"]
)
def test_a_plan_takes_the_place_of_nothing_else(three, name):
    (three.path / "notes.txt").write_text("not to be lost")
    (three.path / "link.sqlite").symlink_to("app.sqlite")
    before = footprint(three.path)

    with pytest.raises(UsageError):
        plan(three.project(), save_to=name)
    with pytest.raises(UsageError):
        rehearse(three.project(), save_to=name)

    assert footprint(three.path) == before


def test_a_plan_takes_no_name_that_the_database_is_to_have(three):
    three.database.unlink()

    with pytest.raises(UsageError):
        plan(three.project(), save_to="app.sqlite")

    assert not three.database.exists()


def test_a_link_to_a_plan_stays_a_link(three):
    (three.path / "link.json").symlink_to("plan.json")

    plan(three.project(), save_to="link.json")

    assert (three.path / "link.json").is_symlink()
    assert saved(three)["plan_format"] == 1


def test_a_plan_that_cannot_be_written_leaves_the_one_before(three, monkeypatch):
    plan(three.project(), save_to="plan.json")
    before = footprint(three.path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Refused) as refusal:
        plan(three.project(), save_to="plan.json", to=2)

    assert refusal.value.what == "the plan cannot be saved as plan.json"
    assert refusal.value.cause == "No space left on device"
    assert footprint(three.path) == before


def test_a_folder_that_is_not_there_is_named(three):
    with pytest.raises(UsageError) as refusal:
        plan(three.project(), save_to="nowhere/plan.json")

    assert refusal.value.what == "the folder of nowhere/plan.json does not exist"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(None, "the plan plan.json cannot be read", id="no file"),
        pytest.param(b"", "plan.json is no saved plan", id="empty"),
        pytest.param(b"\xff\xfe\x00", "plan.json is no saved plan", id="not UTF-8"),
        pytest.param(b"{", "plan.json is no saved plan", id="half of it"),
        pytest.param(b"[" * 100_000, "plan.json is no saved plan", id="very deep"),
        pytest.param(b"[1]", "plan.json is no saved plan", id="a list"),
        pytest.param(b'{"command": "plan", "ok": true}', "plan.json is no saved plan", id="what --json prints"),
        pytest.param(b'{"plan_format": true}', "plan.json is no saved plan", id="no number"),
        pytest.param(b'{"plan_format": 0}', "plan.json is no saved plan", id="number zero"),
        pytest.param(b'{"plan_format": ' + b"9" * 5000 + b"}", "plan.json is no saved plan", id="too many digits"),
        pytest.param(b'{"plan_format": 1}', "the plan plan.json is damaged", id="nothing else in it"),
        pytest.param(
            b'{"plan_format": 2}', "the plan plan.json was saved by a later version of this program", id="later"
        ),
        pytest.param(
            b'{"plan_format": ' + b"9" * 200 + b"}",
            "the plan plan.json was saved by a later version of this program",
            id="much later",
        ),
    ],
)
def test_what_is_no_plan_is_refused_in_words(three, content, what):
    if content is not None:
        (three.path / "plan.json").write_bytes(content)

    with pytest.raises(UsageError) as refusal:
        up(three.project(), plan_file="plan.json")

    assert refusal.value.what == what
    assert refusal.value.unchanged == UNCHANGED
    assert refusal.value.next_step


def test_a_plan_with_a_byte_order_mark_is_one(three):
    """As an editor on Windows may leave it."""
    plan(three.project(), save_to="plan.json")
    path = three.path / "plan.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert ran(up(three.project(), plan_file="plan.json")) == ["0002_contacts", "0003_notes"]


@pytest.mark.parametrize("name", ["app.sqlite", "link.sqlite"])
def test_the_database_is_never_read_as_a_plan(three, name):
    """Closing a file that SQLite has open in this process would drop its locks."""
    (three.path / "link.sqlite").symlink_to("app.sqlite")

    with pytest.raises(UsageError) as refusal:
        up(three.project(), plan_file=name)

    assert refusal.value.cause == "it is the database"


STRANGE = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**70,
    "",
    "x",
    "\x1b[31m",
    "\ud800",
    [],
    [1],
    {},
    {"a": 1},
    [[]],
    "down",
    "none",
]


def _places(value, place=()):
    """Every place in a JSON value."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*place, key))


def _put(value, place, new):
    """`value` with `new` at `place`; with nothing there where `new` is ..."""
    if not place:
        return new
    copy = value.copy()
    if len(place) == 1 and new is ...:
        del copy[place[0]]
    else:
        copy[place[0]] = _put(value[place[0]], place[1:], new)
    return copy


def test_whatever_is_in_the_file_ends_in_words_or_is_the_plan(three):
    """Everything that is put into it is refused as usage or as moved; or belongs to what is not compared."""
    plan(three.project(), save_to="plan.json")
    original = saved(three)
    path = three.path / "plan.json"
    before = three.content()
    not_compared = {("tool_version",), ("made_at",), ("database",)}

    agreed = set()
    for place in _places(original):
        for new in [*STRANGE, ...]:
            if (new is ... and not place) or (changed := _put(original, place, new)) == original:
                continue
            path.write_text(json.dumps(changed))
            try:
                up(three.project(), plan_file="plan.json", confirm=_turn_down)
            except (UsageError, PlanMoved) as refusal:
                assert refusal.next_step
            except _TurnedDown:
                agreed.add(place)

    # Without name or checksum it is a row of the old system, and more steps than there are is everything.
    assert agreed - not_compared == {("ledger", 0, "name"), ("ledger", 0, "checksum"), ("asked", "steps")}
    assert three.content() == before


class _TurnedDown(Exception):
    pass


def _turn_down(proposal):
    assert proposal.plan.names == ("0002_contacts", "0003_notes")
    raise _TurnedDown


def test_a_file_with_bytes_changed_ends_in_words_or_is_the_plan(three):
    plan(three.project(), save_to="plan.json")
    path = three.path / "plan.json"
    original = path.read_bytes()
    chance = random.Random(20261122)

    for _ in range(300):
        content = bytearray(original)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(content))
            content[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        if chance.random() < 0.1:
            del content[chance.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            up(three.project(), plan_file="plan.json", confirm=_turn_down)
        except (UsageError, PlanMoved, _TurnedDown):
            pass
