"""graph: nodes with their states, edges, and what becomes of migrations whose files are gone."""

import pytest
from cli.test_looking_changes_nothing import leave_a_hot_journal
from support import footprint

from nukeworks_migrate import down, graph, stamp, up
from nukeworks_migrate.errors import FilesRefused, LedgerNotOurs, StepFailed


def states(report):
    return {node.name: node.state.value for node in report.nodes}


def edges(report):
    """The edges as words: what depends on what."""
    name_of = {node.version: node.name for node in report.nodes}
    return [f"{name_of[edge.dependent]} on {name_of[edge.dependency]}" for edge in report.edges]


def change(folder, name):
    path = folder.versions / f"{name}.py"
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT OR IGNORE INTO"))


@pytest.fixture
def three(folder):
    """Two that depend on the first."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts", depends_on="0001_clients")
    folder.add_table("0003_notes", "notes", depends_on="0001_clients")
    return folder


def test_without_a_database_all_are_pending_and_none_is_made(three):
    before = footprint(three.path)

    report = graph(three.project())

    assert states(report) == {"0001_clients": "pending", "0002_contacts": "pending", "0003_notes": "pending"}
    assert edges(report) == ["0002_contacts on 0001_clients", "0003_notes on 0001_clients"]
    assert report.heads == ("0002_contacts", "0003_notes")
    assert (report.database, report.database_exists, report.problem) == ("app.sqlite", False, "")
    assert footprint(three.path) == before


def test_nodes_tell_what_a_migration_is_and_when_it_was_applied(three):
    up(three.project(), to=1)

    first, second, _ = graph(three.project()).nodes

    assert (first.version, first.name, first.state, first.description) == (
        1,
        "0001_clients",
        "applied",
        "0001_clients does something.",
    )
    assert first.applied_at.startswith("20")
    assert (second.state, second.applied_at) == ("pending", "")


def test_drifted_missing_and_newer_are_told_apart(three):
    three.add("0004_more", depends_on="0002_contacts")
    up(three.project())
    change(three, "0001_clients")
    for name in ("0002_contacts", "0004_more"):
        (three.versions / f"{name}.py").unlink()

    report = graph(three.project())

    assert states(report) == {
        "0001_clients": "drifted",
        "0002_contacts": "missing",
        "0003_notes": "applied",
        "0004_more": "newer",
    }
    assert report.how_many("missing", "newer") == 2


def test_one_without_a_file_depends_on_what_the_stored_text_says(three):
    three.add("0004_more", depends_on="0002_contacts 3")
    up(three.project())
    for name in ("0002_contacts", "0004_more"):
        (three.versions / f"{name}.py").unlink()

    report = graph(three.project())

    assert edges(report) == [
        "0002_contacts on 0001_clients",
        "0003_notes on 0001_clients",
        "0004_more on 0002_contacts",
        "0004_more on 0003_notes",
    ]
    assert report.heads == ("0003_notes",)


def test_one_without_a_file_or_a_stored_text_stands_alone(three):
    up(three.project())
    (three.versions / "0003_notes.py").unlink()
    three.sql("DELETE FROM schema_version_source")

    report = graph(three.project())

    assert states(report)["0003_notes"] == "newer"
    assert edges(report) == ["0002_contacts on 0001_clients"]


@pytest.mark.parametrize("text", ["", "def (", "depends_on = [name]", 'depends_on = ["0099_nobody", "7"]'])
def test_a_stored_text_that_makes_no_sense_means_no_dependencies(three, text):
    up(three.project())
    (three.versions / "0003_notes.py").unlink()
    three.sql(f"UPDATE schema_version_source SET text = '{text}' WHERE file = '0003_notes.py'")

    assert edges(graph(three.project())) == ["0002_contacts on 0001_clients"]


def test_whatever_is_stored_there_is_no_cycle(three):
    three.add("0004_more", depends_on="0003_notes")
    up(three.project())
    for name in ("0003_notes", "0004_more"):
        (three.versions / f"{name}.py").unlink()
    three.sql(
        """
        UPDATE schema_version_source SET text = 'depends_on = ["0004_more", "0003_notes", "0001_clients"]'
        WHERE file = '0003_notes.py'
        """
    )

    assert edges(graph(three.project())) == [
        "0002_contacts on 0001_clients",
        "0003_notes on 0001_clients",
        "0004_more on 0003_notes",
    ]


def test_a_name_in_the_ledger_that_is_the_one_of_another_file_changes_no_edge(three):
    up(three.project())
    three.sql("INSERT INTO schema_version (version, name, position) VALUES (9, '0001_clients', 9)")

    report = graph(three.project())

    assert [(edge.dependency, edge.dependent) for edge in report.edges] == [(1, 2), (1, 3)]
    assert [node.version for node in report.nodes] == [1, 2, 3, 9]


def test_pending_with_a_failure_as_the_last_event_is_failed_and_status_still_says_pending(three):
    from nukeworks_migrate import status

    up(three.project(), to=1)
    three.add("0002_contacts", "raise ValueError", depends_on="0001_clients")
    with pytest.raises(StepFailed):
        up(three.project())

    assert states(graph(three.project())) == {
        "0001_clients": "applied",
        "0002_contacts": "failed",
        "0003_notes": "pending",
    }
    assert [line.state for line in status(three.project()).lines] == ["applied", "pending", "pending"]


def test_what_was_applied_after_a_failure_is_applied_and_what_was_taken_back_then_is_pending(three):
    up(three.project(), to=1)
    three.add("0002_contacts", "raise ValueError", depends_on="0001_clients")
    with pytest.raises(StepFailed):
        up(three.project())
    three.add("0002_contacts", depends_on="0001_clients")
    up(three.project())
    applied = states(graph(three.project()))

    down(three.project(), to=1)

    assert applied["0002_contacts"] == "applied"
    assert states(graph(three.project()))["0002_contacts"] == "pending"


def test_a_failure_of_another_name_is_not_this_ones(three):
    up(three.project(), to=1)
    three.add("0002_contacts", "raise ValueError")
    with pytest.raises(StepFailed):
        up(three.project())
    (three.versions / "0002_contacts.py").rename(three.versions / "0002_people.py")

    assert states(graph(three.project()))["0002_people"] == "pending"


def test_a_downgrade_that_failed_leaves_it_applied(three):
    three.add("0003_notes", downgrade="raise ValueError")
    up(three.project())
    with pytest.raises(StepFailed):
        down(three.project(), only="3")

    assert states(graph(three.project()))["0003_notes"] == "applied"


def test_begun_and_never_ended_is_interrupted_also_where_its_file_is_gone(folder):
    folder.add("0001_first")
    folder.add("0002_broken", "db.execute('CREATE TABLE t (id)')\nraise ValueError", head='transaction = "none"')
    with pytest.raises(Exception, match="0002_broken"):
        up(folder.project())
    with_file = states(graph(folder.project()))
    (folder.versions / "0002_broken.py").unlink()

    without = graph(folder.project())

    assert with_file == {"0001_first": "applied", "0002_broken": "interrupted"}
    assert [(node.version, node.state) for node in without.nodes] == [(1, "applied"), (2, "interrupted")]


def test_none_comes_before_what_it_depends_on_also_where_that_has_a_higher_number(folder):
    folder.add("0001_first", depends_on="0003_last")
    folder.add("0002_second")
    folder.add("0003_last")

    report = graph(folder.project())

    assert [node.version for node in report.nodes] == [2, 3, 1]
    assert edges(report) == ["0001_first on 0003_last"]


def test_a_dependency_that_is_written_twice_is_one(folder):
    folder.add("0001_first")
    folder.add("0002_second", depends_on="0001_first 1 001")

    assert edges(graph(folder.project())) == ["0002_second on 0001_first"]


def test_what_was_stamped_counts_as_applied(three):
    up(three.project(), to=1)
    stamp(three.project(), "2")

    assert states(graph(three.project()))["0002_contacts"] == "applied"


def test_the_old_systems_ledger_is_read_as_it_is(three):
    three.sql(
        """
        CREATE TABLE schema_version (version INTEGER PRIMARY KEY,
            applied_date TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL, applied_by TEXT, description TEXT);
        INSERT INTO schema_version VALUES (1, '2024-05-01 00:00:00', 'system', 'Clients'),
            (7, '2024-05-01 00:00:00', 'system', 'Gone')
        """
    )

    report = graph(three.project())

    assert states(report) == {
        "0001_clients": "applied",
        "0002_contacts": "pending",
        "0003_notes": "pending",
        "7": "newer",
    }
    assert report.nodes[-1].description == "Gone"


def test_an_interrupted_write_is_a_problem_and_nothing_is_claimed_of_any_migration(three):
    up(three.project())
    leave_a_hot_journal(three)
    before = footprint(three.path)

    report = graph(three.project())

    assert report.problem == "app.sqlite has an interrupted write; SQLite recovers it at the next run"
    assert (report.nodes, report.edges) == ((), ())
    assert footprint(three.path) == before


def test_bad_files_and_a_ledger_that_is_none_are_refused(three):
    (three.versions / "foo.py").touch()
    with pytest.raises(FilesRefused):
        graph(three.project())
    (three.versions / "foo.py").unlink()
    three.sql("CREATE TABLE schema_version (id INTEGER)")

    with pytest.raises(LedgerNotOurs):
        graph(three.project())
