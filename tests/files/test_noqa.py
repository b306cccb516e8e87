"""Which findings a comment silences, and above all which it does not."""

from __future__ import annotations

from textwrap import dedent

import pytest

from nukeworks_migrate.files.noqa import ALL, not_silenced, silenced_codes
from nukeworks_migrate.files.source import SourceFile
from nukeworks_migrate.model.findings import DELETE_WITHOUT_WHERE, TABLE_DROPPED, Finding


def silenced(text: str) -> dict[int, set[str]]:
    return {line: set(codes) for line, codes in silenced_codes(dedent(text)).items()}


def source_of(text: str) -> SourceFile:
    return SourceFile("0001_x.py", "versions/0001_x.py", dedent(text).encode(), "")


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        pytest.param("# noqa: NWM101", {"NWM101"}, id="one code"),
        pytest.param("# noqa: NWM101, NWM103", {"NWM101", "NWM103"}, id="two codes"),
        pytest.param("# noqa:NWM101,NWM103", {"NWM101", "NWM103"}, id="without spaces"),
        pytest.param("#noqa : NWM101 NWM103", {"NWM101", "NWM103"}, id="with others"),
        pytest.param("# NOQA: nwm101", {"NWM101"}, id="in the other case"),
        pytest.param("# noqa: NWM101 the drafts are in the archive", {"NWM101"}, id="a reason behind it"),
        pytest.param("# noqa: NWM101, as 0012 says", {"NWM101"}, id="a reason with a number"),
        pytest.param("# the drafts go  # noqa: NWM101", {"NWM101"}, id="a reason before it"),
        pytest.param("# noqa: E501  # noqa: NWM101", {"E501", "NWM101"}, id="twice"),
        pytest.param("# noqa: E501, NWM101", {"E501", "NWM101"}, id="with another tool's"),
        pytest.param("# type: ignore # noqa", {ALL}, id="everything, behind another comment"),
        pytest.param("# noqa", {ALL}, id="everything"),
        pytest.param("# noqa because they are in the archive", {ALL}, id="everything, with a reason"),
        pytest.param("# noqa: E501", {"E501"}, id="another tool's alone"),
        pytest.param("# noqa:", set(), id="a colon and nothing"),
        pytest.param("# noqa: they are in the archive", set(), id="a colon and no code"),
        pytest.param("# noqas", set(), id="a longer word"),
        pytest.param("# ruff: noqa", set(), id="another tool's, for a file"),
        pytest.param("# see NWM101", set(), id="a code alone"),
    ],
)
def test_what_a_comment_says(comment, expected):
    assert silenced(f"a()  {comment}\n") == ({1: expected} if expected else {})


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("a()\nb()  # noqa\nc()\n", {2}, id="its own line alone"),
        pytest.param('a("""\n  x\n""")  # noqa\nb()\n', {1, 2, 3}, id="behind a statement of three lines"),
        pytest.param("a(  # noqa\n  1,\n)\n", {1, 2, 3}, id="in its first line"),
        pytest.param("a(\n  1,  # noqa\n)\n", {1, 2, 3}, id="in the middle"),
        pytest.param("a(\n  # noqa\n  1,\n)\n", {1, 2, 3, 4}, id="on a line of its own inside of it"),
        pytest.param("a = 1 + \\\n  2  # noqa\nb()\n", {1, 2}, id="behind a backslash"),
        pytest.param("# noqa\na()\n# noqa\n", set(), id="on lines of their own"),
        pytest.param("if x:\n    # noqa\n    a()\n", set(), id="on a line of its own in a block"),
        pytest.param("for t in (  # noqa\n    1, 2\n):\n    a(t)\n", {1, 2, 3}, id="of a block, its head alone"),
        pytest.param("def f():  # noqa\n    a()\n    b()\n", {1}, id="of a function, its head alone"),
        pytest.param("if x:\n    a()\n    b()  # noqa\nc()\n", {3}, id="in a block"),
        pytest.param("a(); b()  # noqa\n", {1}, id="behind two statements"),
        pytest.param("a()  # noqa", {1}, id="without a last line break"),
        pytest.param('a("# noqa")\n', set(), id="in a string"),
        pytest.param('a("""\n  x  # noqa\n""")\n', set(), id="in a text of SQL"),
        pytest.param('"""\n# noqa\n"""\n', set(), id="in a docstring"),
        pytest.param('a("""\n-- # noqa\n""")  # noqa: E501\n', {1, 2, 3}, id="beside a real one"),
        pytest.param("a('\u2028\x0c')\nb()  # noqa\n", {2}, id="behind other line breaks"),
        pytest.param("a(  # noqa\n", set(), id="what is no Python"),
        pytest.param("if x:\n    a()  # noqa\n  b()\n", set(), id="wrongly indented"),
        pytest.param("", set(), id="nothing"),
    ],
)
def test_where_a_comment_counts(text, lines):
    assert set(silenced_codes(text)) == lines


TEXT = '''\
    def upgrade(db):
        db.script("""
            DROP TABLE drafts;
            DELETE FROM notes;
        """)  # noqa: NWM101
        db.execute("DROP TABLE more_drafts")
        db.execute("DROP TABLE old_drafts")  # noqa
    '''


def test_findings_that_the_file_does_not_silence_are_kept_in_order():
    dropped = [TABLE_DROPPED.finding("x", where=f"versions/0001_x.py:{line}") for line in (2, 6, 7)]
    deleted = DELETE_WITHOUT_WHERE.finding("x", where="versions/0001_x.py:2")

    assert not_silenced((*dropped, deleted), source_of(TEXT)) == (dropped[1], deleted)


def test_a_finding_without_a_line_cannot_be_silenced():
    finding: Finding = TABLE_DROPPED.finding("x", where="versions/0001_x.py")

    assert not_silenced((finding,), source_of("# noqa\na()  # noqa\n")) == (finding,)


def test_a_file_without_the_word_is_not_cut_into_tokens(monkeypatch):
    findings = (TABLE_DROPPED.finding("x", where="versions/0001_x.py:1"),)
    monkeypatch.setattr("nukeworks_migrate.files.noqa.silenced_codes", None)

    assert not_silenced(findings, source_of('db.execute("DROP TABLE drafts")  # NWM101\n')) == findings
