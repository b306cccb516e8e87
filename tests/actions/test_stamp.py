"""stamp: the ledger says something else, nothing runs, and no other table is touched."""

import pytest

from nukeworks_migrate import MigrateError, check, stamp, status, up
from nukeworks_migrate.errors import NotConfirmed, Refused, UnknownTarget, UsageError


@pytest.fixture
def four(folder):
    """Four migrations, the first two applied; each would fail if it ran again."""
    for version, needs in (1, ""), (2, "0001_m"), (3, "0002_m"), (4, ""):
        folder.add_table(f"{version:04}_m", f"t{version}", depends_on=needs)
    up(folder.project(), to="2")
    return folder


def events(folder):
    return folder.query("SELECT event, version FROM schema_version_log WHERE event LIKE '%stamped' ORDER BY id")


@pytest.mark.parametrize(
    ("words", "applied", "marked", "unmarked"),
    [
        pytest.param({"to": "head"}, [1, 2, 3, 4], [3, 4], [], id="head"),
        pytest.param({"to": "3"}, [1, 2, 3], [3], [], id="a version above"),
        pytest.param({"to": 3}, [1, 2, 3], [3], [], id="a version as a number"),
        pytest.param({"to": "1"}, [1], [], [2], id="a version below"),
        pytest.param({"to": "base"}, [], [], [1, 2], id="base"),
        pytest.param({"applied": ["3"]}, [1, 2, 3], [3], [], id="one applied"),
        pytest.param({"applied": ["0004_m", "3"]}, [1, 2, 3, 4], [3, 4], [], id="two applied"),
        pytest.param({"not_applied": ["2"]}, [1], [], [2], id="one not applied"),
        pytest.param({"not_applied": ["0001_m", "0002_m"]}, [], [], [1, 2], id="two not applied"),
        pytest.param({"applied": ["4"], "not_applied": ["2"]}, [1, 4], [4], [2], id="one of each"),
    ],
)
def test_the_ledger_says_so_and_nothing_else_is_touched(four, words, applied, marked, unmarked):
    before = four.application_content()

    done = stamp(four.project(), **words)

    assert four.applied() == applied
    assert done.applied == tuple(f"{version:04}_m" for version in marked)
    assert done.not_applied == tuple(f"{version:04}_m" for version in unmarked)
    assert four.application_content() == before
    assert sorted(events(four)) == sorted(
        [("stamped", version) for version in marked] + [("unstamped", version) for version in unmarked]
    )


def test_a_stamp_of_what_is_so_writes_nothing(four):
    before = four.content()

    done = [stamp(four.project(), "2"), stamp(four.project(), applied=["1"]), stamp(four.project(), not_applied=["3"])]

    assert all(one.is_empty for one in done)
    assert four.content() == before


def test_what_was_stamped_counts_as_applied_with_its_text_and_without_a_duration(four):
    stamp(four.project(), "head")

    line = status(four.project()).lines[-1]
    assert (line.state, line.duration_ms) == ("applied", None)
    assert check(four.project()).verdict == "ok"
    assert four.query("SELECT count(*) FROM schema_version_source WHERE file = '0004_m.py'") == [(1,)]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        pytest.param(
            {"applied": ["3"], "not_applied": ["2"]}, "0003_m would count as applied, and 0002_m", id="both ways"
        ),
        pytest.param({"not_applied": ["1"]}, "0002_m would count as applied, and 0001_m", id="below what is applied"),
    ],
)
def test_nothing_counts_as_applied_without_what_it_depends_on(four, words, what):
    before = four.content()

    with pytest.raises(Refused) as refusal:
        stamp(four.project(), **words)

    assert refusal.value.what.startswith(what)
    assert four.content() == before


def test_one_that_depends_on_a_pending_one_cannot_be_marked_alone(four):
    stamp(four.project(), "1")

    with pytest.raises(Refused):
        stamp(four.project(), applied=["3"])

    assert four.applied() == [1]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        pytest.param({}, UsageError, id="nothing said"),
        pytest.param({"to": "2", "applied": ["3"]}, UsageError, id="both ways to say it"),
        pytest.param({"to": "99"}, UnknownTarget, id="an unknown version"),
        pytest.param({"applied": ["nothing"]}, UnknownTarget, id="an unknown name"),
        pytest.param({"not_applied": ["99"]}, UnknownTarget, id="an unknown number"),
    ],
)
def test_words_that_mean_nothing_change_nothing(four, words, error):
    before = four.content()

    with pytest.raises(error):
        stamp(four.project(), **words)

    assert four.content() == before


def test_a_migration_without_a_file_is_unmarked_by_its_number_or_its_name(four):
    up(four.project())
    for name in ("0003_m", "0004_m"):
        four.versions.joinpath(f"{name}.py").unlink()

    stamp(four.project(), not_applied=["4"])
    stamp(four.project(), not_applied=["0003_m"])

    assert four.applied() == [1, 2]
    assert check(four.project()).verdict == "ok"


def test_who_says_no_changes_nothing(four):
    before = four.content()

    def no(plan):
        assert plan.applied == ("0003_m", "0004_m")
        raise NotConfirmed("answered no")

    with pytest.raises(NotConfirmed):
        stamp(four.project(), "head", confirm=no)

    assert four.content() == before


def test_a_database_set_up_by_hand_is_taken_as_migrated(folder):
    """The baseline: tables that somebody made, and files that would make them."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts")
    folder.sql("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)")

    stamp(folder.project(), "1")
    report = up(folder.project())

    assert [done.step.name for done in report.steps] == ["0002_contacts"]
    assert folder.query("SELECT count(*) FROM clients") == [(0,)]


@pytest.fixture
def interrupted(folder):
    """One migration without transaction that stopped half-way."""
    folder.add_table("0001_m", "t1")
    folder.add("0002_m", "db.execute('CREATE TABLE half (id)')\nraise ValueError", head='transaction = "none"')
    with pytest.raises(MigrateError):
        up(folder.project())
    return folder


@pytest.mark.parametrize(
    ("words", "applied", "verdict"),
    [
        pytest.param({"applied": ["2"]}, [1, 2], "ok", id="finished by hand"),
        pytest.param({"not_applied": ["2"]}, [1], "pending", id="undone by hand"),
        pytest.param({"to": "head"}, [1, 2], "ok", id="at head"),
        pytest.param({"to": "1"}, [1], "pending", id="below it"),
    ],
)
def test_a_stamp_settles_what_was_interrupted(interrupted, words, applied, verdict):
    assert check(interrupted.project()).verdict == "interrupted"

    stamp(interrupted.project(), **words)

    assert interrupted.applied() == applied
    assert check(interrupted.project()).verdict == verdict


def test_a_stamp_of_another_one_settles_nothing(interrupted):
    interrupted.add("0003_m")

    stamp(interrupted.project(), applied=["3"])

    assert check(interrupted.project()).verdict == "interrupted"
