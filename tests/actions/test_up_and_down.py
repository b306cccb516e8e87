"""How far a run goes: targets, one migration, steps, commits, and what down takes back."""

import pytest

from nukeworks_migrate import down, plan, up
from nukeworks_migrate.errors import NoWayBack, StepFailed
from nukeworks_migrate.model.plan import Direction

# 1 --> 2 --> 4      6
#  `--> 3 --> 5 (needs 7)     7
EDGES = {1: "", 2: "1", 3: "1", 4: "2", 5: "3 7", 6: "", 7: ""}


def name(version):
    return f"{int(version):04}_m"


@pytest.fixture
def seven(folder):
    """Seven migrations, each with a table of its own."""
    for version, needs in EDGES.items():
        folder.add_table(name(version), f"t{version}", depends_on=" ".join(map(name, needs.split())))
    return folder


def ran(report):
    return [done.step.version for done in report.steps]


def tables(folder):
    return {int(table[1:]) for table in folder.tables() if table.startswith("t")}


@pytest.mark.parametrize(
    ("words", "order"),
    [
        pytest.param({}, [1, 2, 3, 4, 6, 7, 5], id="everything, none before what it depends on"),
        pytest.param({"to": "head"}, [1, 2, 3, 4, 6, 7, 5], id="to head"),
        pytest.param({"to": "4"}, [1, 2, 3, 4], id="to a version"),
        pytest.param({"to": 4}, [1, 2, 3, 4], id="to a version as a number"),
        pytest.param({"to": "0004"}, [1, 2, 3, 4], id="to a version with zeros"),
        pytest.param({"to": "0004_m"}, [1, 2, 3, 4], id="to a name"),
        pytest.param({"to": "0004_"}, [1, 2, 3, 4], id="to the beginning of a name"),
        pytest.param({"to": "5"}, [1, 2, 3, 4, 7, 5], id="to a version that needs a higher one"),
        pytest.param({"to": "base"}, [], id="to base is nothing to apply"),
        pytest.param({"only": "4"}, [1, 2, 4], id="only one, and what it depends on"),
        pytest.param({"only": "0005_m"}, [1, 3, 7, 5], id="only one that needs a higher one"),
        pytest.param({"only": "6"}, [6], id="only one that needs nothing"),
        pytest.param({"steps": 3}, [1, 2, 3], id="the next three"),
        pytest.param({"steps": 6}, [1, 2, 3, 4, 6, 7], id="the next six"),
        pytest.param({"steps": 100}, [1, 2, 3, 4, 6, 7, 5], id="more steps than there are"),
    ],
)
def test_up_goes_so_far(seven, words, order):
    report = up(seven.project(), **words)

    assert ran(report) == order
    assert not order or (seven.applied() == sorted(order) and tables(seven) == set(order))


@pytest.mark.parametrize(
    ("words", "order"),
    [
        pytest.param({"to": "base"}, [5, 7, 6, 4, 3, 2, 1], id="everything, the latest applied first"),
        pytest.param({"to": "head"}, [], id="to head is nothing to take back"),
        pytest.param({"to": "4"}, [5, 7, 6], id="to a version, which stays"),
        pytest.param({"to": "5"}, [6], id="to a version that needs a higher one, which stays too"),
        pytest.param({"to": "1"}, [5, 7, 6, 4, 3, 2], id="to the first"),
        pytest.param({"only": "6"}, [6], id="only one that nothing depends on"),
        pytest.param({"only": "3"}, [5, 3], id="only one, and what depends on it"),
        pytest.param({"only": "7"}, [5, 7], id="only one that a lower one depends on"),
        pytest.param({"only": "0001_m"}, [5, 4, 3, 2, 1], id="only one on which most depends"),
        pytest.param({"steps": 1}, [5], id="the last one"),
        pytest.param({"steps": 3}, [5, 7, 6], id="the last three"),
        pytest.param({"steps": 100}, [5, 7, 6, 4, 3, 2, 1], id="more steps than there are"),
    ],
)
def test_down_takes_back_so_much(seven, words, order):
    up(seven.project())

    report = down(seven.project(), **words)

    assert ran(report) == order
    assert seven.applied() == sorted(set(EDGES) - set(order))
    assert tables(seven) == set(EDGES) - set(order)


STATES = {"base": "", "1": "1", "2": "12", "3": "123", "4": "1234", "5": "123457", "6": "1234567", "head": "1234567"}


@pytest.mark.parametrize(("target", "versions"), STATES.items())
@pytest.mark.parametrize("only", ["4", "5", "6", "7"])
def test_down_then_up_to_one_target_is_exactly_that_state(seven, only, target, versions):
    state = {int(version) for version in versions}
    up(seven.project(), only=only)

    down(seven.project(), to=target)
    up(seven.project(), to=target)

    assert set(seven.applied()) == state
    assert tables(seven) == state


def test_down_to_a_version_that_is_not_applied_says_so_and_takes_back_what_is_above(seven):
    up(seven.project(), only="6")
    up(seven.project(), to="3")

    report = down(seven.project(), to="4")

    assert ran(report) == [6]
    assert report.plan.remarks == ("0004_m is not applied", "stays pending: 0004_m")


def test_down_goes_by_the_order_of_applying_and_not_by_number(folder):
    for version in (1, 2, 3):
        folder.add_table(name(version), f"t{version}")
    up(folder.project(), only="3")
    up(folder.project(), only="1")
    up(folder.project(), only="2")

    report = down(folder.project(), to="base")

    assert ran(report) == [2, 1, 3]


def test_a_second_up_finds_nothing_to_do(seven):
    up(seven.project())
    before = seven.content()

    report = up(seven.project())

    assert (report.steps, report.run_id, report.snapshot_id) == ((), "", "")
    assert (report.version_before, report.version_after) == (7, 7)
    assert seven.content() == before


def test_a_lower_number_that_turns_up_later_is_applied_and_the_plan_says_out_of_order(folder):
    folder.add_table(name(3), "t3")
    up(folder.project())
    folder.add_table(name(1), "t1")

    steps = plan(folder.project()).preview.plan.steps
    up(folder.project())

    assert [(step.version, step.out_of_order) for step in steps] == [(1, True)]
    assert folder.applied() == [1, 3]


def test_out_of_order_is_refused_where_it_is_set_and_applied_where_not(folder):
    from nukeworks_migrate.errors import OutOfOrder

    folder.add_table(name(3), "t3")
    up(folder.project(out_of_order="refuse"))
    folder.add_table(name(1), "t1")
    folder.add_table(name(4), "t4")

    with pytest.raises(OutOfOrder):
        up(folder.project(out_of_order="refuse"))
    only = up(folder.project(out_of_order="refuse"), only="4")

    assert ran(only) == [4]
    assert folder.applied() == [3, 4]


def test_no_downgrade_below_the_target_stands_in_nobodys_way(folder):
    folder.add(name(1), downgrade=None)
    folder.add_table(name(2), "t2")
    up(folder.project())

    assert ran(down(folder.project(), to="1")) == [2]
    with pytest.raises(NoWayBack):
        down(folder.project(), to="base")


def test_all_that_have_no_way_back_are_named_together(folder):
    for version in (1, 2, 3):
        folder.add(name(version), downgrade=None if version != 2 else "pass")
    up(folder.project())

    with pytest.raises(NoWayBack) as refusal:
        down(folder.project(), to="base")

    assert refusal.value.what == "0003_m has no downgrade"
    assert refusal.value.cause == "there is no way back through code past 0003_m, 0001_m"
    assert folder.applied() == [1, 2, 3]


def test_with_commit_each_what_came_before_a_failure_stays(folder):
    folder.add_table(name(1), "t1")
    folder.add_table(name(2), "t2")
    folder.add(name(3), "raise ValueError")

    with pytest.raises(StepFailed) as failure:
        up(folder.project(), commit="each")

    assert folder.applied() == [1, 2]
    assert failure.value.kept == (name(1), name(2))


def test_without_it_nothing_stays(folder):
    folder.add_table(name(1), "t1")
    folder.add_table(name(2), "t2")
    folder.add(name(3), "raise ValueError")

    with pytest.raises(StepFailed) as failure:
        up(folder.project())

    assert folder.tables() == set()
    assert (failure.value.kept, failure.value.undone) == ((), (name(1), name(2)))


def test_down_with_commit_each_keeps_what_was_taken_back(folder):
    folder.add(name(1), downgrade="raise ValueError")
    folder.add_table(name(2), "t2")
    up(folder.project())

    with pytest.raises(StepFailed) as failure:
        down(folder.project(), to="base", commit="each")

    assert folder.applied() == [1]
    assert failure.value.changed == "0002_m is taken back and committed"


def test_each_commit_of_a_run_is_seen_by_others(folder):
    folder.add_table(name(1), "t1")
    folder.add(
        name(2),
        """
        import sqlite3
        path = db.query("PRAGMA database_list")[0][2]
        other = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        db.log(other.execute("SELECT max(version) FROM schema_version").fetchall())
        other.close()
        """,
    )
    up(folder.project(), only="1")
    down(folder.project(), to="base")

    report = up(folder.project(), commit="each")

    assert report.steps[1].messages == ("[(1,)]",)


def test_the_report_of_a_run_says_what_it_did(seven):
    up(seven.project(), to="2")

    report = up(seven.project(), to="3")

    assert (report.version_before, report.version_after) == (2, 3)
    assert [(done.step.name, done.statements) for done in report.steps] == [("0003_m", 2)]
    assert report.snapshot_id.split("-")[1] == "0002"
    assert seven.path.joinpath(report.snapshot_path).stat().st_size == report.snapshot_bytes
    assert not report.created_database


def test_the_first_run_says_that_it_made_the_database(seven):
    report = up(seven.project(), to="1")

    assert report.created_database
    assert report.snapshot_id == ""


def test_the_ledger_says_who_when_and_in_which_order(seven, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")

    report = up(seven.project(), to="2")

    rows = seven.query(
        "SELECT version, applied_by, description, name, position, run_id,"
        " abs(julianday('now') - julianday(applied_date)) < 0.001 FROM schema_version ORDER BY version"
    )
    assert rows == [
        (1, "ann", "0001_m does something.", "0001_m", 1, report.run_id, 1),
        (2, "ann", "0002_m does something.", "0002_m", 2, report.run_id, 1),
    ]


def test_who_is_asked_sees_the_plan_and_may_turn_it_down(seven):
    from nukeworks_migrate.errors import NotConfirmed

    seen = []

    def no(proposal):
        seen.append([step.version for step in proposal.plan.steps])
        raise NotConfirmed("answered no")

    with pytest.raises(NotConfirmed):
        up(seven.project(), to="2", confirm=no)

    assert seen == [[1, 2]]
    assert not seven.database.exists()


def test_what_somebody_else_did_while_one_was_asked_is_left_out(seven):
    report = up(seven.project(), to="3", confirm=lambda proposal: up(seven.project(), to="2"))

    assert ran(report) == [3]
    assert seven.applied() == [1, 2, 3]


def test_a_plan_that_has_grown_while_one_was_asked_is_not_run(seven):
    from nukeworks_migrate.errors import PlanMoved

    up(seven.project(), to="2")

    with pytest.raises(PlanMoved) as refusal:
        up(seven.project(), to="3", confirm=lambda proposal: down(seven.project(), to="1"))

    assert refusal.value.cause == "somebody else changed the ledger; new in the plan: 0002_m"
    assert seven.applied() == [1]


def test_what_happens_is_told_as_it_happens(seven):
    events = []

    up(seven.project(), to="2", on_event=lambda event: events.append(type(event).__name__))

    assert [event for event in events if event != "StatementRan"] == [
        "RunStarted",
        "StepStarted",
        "StepFinished",
        "StepStarted",
        "StepFinished",
        "Committed",
    ]


def test_several_projects_do_not_know_of_each_other(tmp_path):
    """Also in one process, in threads: nothing is kept between two calls."""
    from concurrent.futures import ThreadPoolExecutor

    from support import Folder

    folders = [Folder(tmp_path / str(number)) for number in range(6)]
    for number, folder in enumerate(folders):
        for version in range(1, number + 2):
            folder.add_table(name(version), f"t{version}")

    with ThreadPoolExecutor(6) as pool:
        reports = list(pool.map(lambda folder: up(folder.project()), folders))

    assert [len(report.steps) for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [folder.applied() for folder in folders] == [list(range(1, number + 2)) for number in range(6)]


@pytest.mark.parametrize("direction", Direction)
def test_a_plan_and_the_run_are_the_same(seven, direction):
    if direction is Direction.DOWN:
        up(seven.project())
    planned = plan(seven.project(), direction=direction, to="3").preview.plan

    report = (up if direction is Direction.UP else down)(seven.project(), to="3")

    assert report.plan == planned


def test_a_plan_says_whether_a_snapshot_will_be_taken(seven):
    project = seven.project
    said, took = [], []
    for policy in ("always", "never", "destructive"):
        said.append(plan(project(snapshot=policy), steps=1).takes_snapshot)
        took.append(up(project(snapshot=policy), steps=1).snapshot_id != "")
    said.append(plan(project(snapshot="destructive"), direction=Direction.DOWN, steps=1).takes_snapshot)
    took.append(down(project(snapshot="destructive"), steps=1).snapshot_id != "")

    assert said == took == [False, False, False, True]


def test_timestamps_and_plain_numbers_are_versions_alike(folder):
    for version in ("20260101120000", "7", "0012", "9223372036854775807"):
        folder.add_table(f"{version}_m", f"t{version}")

    up(folder.project())

    assert folder.applied() == [7, 12, 20260101120000, 9223372036854775807]
    assert folder.query("SELECT MAX(version) FROM schema_version") == [(9223372036854775807,)]


def test_a_link_to_a_database_is_the_database(seven):
    seven.path.joinpath("real").mkdir()
    seven.database.symlink_to("real/app.sqlite")

    up(seven.project(), to="1")

    assert seven.database.is_symlink()
    assert seven.applied() == [1]
    assert seven.path.joinpath("real", "app.sqlite-migrate-lock").exists()


def test_a_rebuilt_table_is_no_finding_and_one_that_is_only_dropped_is(folder):
    folder.add(
        "0001_rebuild",
        """
        db.execute("CREATE TABLE kept (id INTEGER)")
        db.execute("CREATE TABLE gone (id INTEGER)")
        db.execute("CREATE TABLE new_kept (id INTEGER)")
        db.execute("DROP TABLE kept")
        db.execute("ALTER TABLE new_kept RENAME TO kept")
        db.execute("DROP TABLE gone")
        """,
    )

    found = plan(folder.project()).preview.findings

    assert [finding.message for finding in found] == ["table gone is dropped with all its rows"]
