"""A comment in the file silences what a plan would say about it, and nothing else."""

import pytest

from nukeworks_migrate import plan, up
from nukeworks_migrate.files import noqa


@pytest.fixture
def two(folder):
    """A table that may go and one that may not, in one file."""
    folder.add_table("0001_tables", "drafts")
    up(folder.project())
    folder.write(
        "0002_drop.py",
        """\
def upgrade(db):
    db.execute('''
        DROP TABLE drafts
    ''')  # noqa: NWM101
    db.execute("CREATE TABLE notes (id INTEGER)")
    db.execute("DELETE FROM notes")  # noqa: NWM101
""",
    )
    return folder


def told_before_a_run(folder):
    told = []

    def confirm(proposal):
        told.extend(f"{finding.code} {finding.line}" for finding in proposal.findings)

    up(folder.project(), confirm=confirm)
    return told


def test_a_plan_leaves_out_what_the_file_silences(two):
    (step,) = plan(two.project()).preview.steps

    assert [f"{finding.code} {finding.line}" for finding in step.findings] == ["NWM103 6"]
    assert [f"{finding.code} {finding.line}" for finding in step.silenced] == ["NWM101 2"]


def test_so_does_what_is_told_before_a_run(two):
    assert told_before_a_run(two) == ["NWM103 6"]


def test_a_table_that_is_dropped_on_purpose_still_gets_a_snapshot(two):
    two.write("0002_drop.py", 'def upgrade(db):\n    db.execute("DROP TABLE drafts")  # noqa\n')

    report = plan(two.project(snapshot="destructive"))

    assert report.preview.findings == ()
    assert report.takes_snapshot


def test_a_file_without_such_a_comment_is_not_cut_into_tokens(two, monkeypatch):
    two.write("0002_drop.py", 'def upgrade(db):\n    db.execute("DROP TABLE drafts")  # NWM101\n')
    monkeypatch.setattr(noqa, "silenced_codes", None)

    assert told_before_a_run(two) == ["NWM101 2"]


def test_a_file_that_can_hold_no_finding_is_not_either(two, monkeypatch):
    two.write("0002_drop.py", 'def upgrade(db):\n    db.execute("CREATE TABLE notes (id)")  # noqa\n')
    monkeypatch.setattr(noqa, "silenced_codes", None)

    assert told_before_a_run(two) == []
