"""The difference of two schemas: which changes there are, and how they read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukeworks_migrate.model.differences import (
    Change,
    Kind,
    SchemaChange,
    changes_as_json,
    difference_lines,
    schema_changes,
)
from nukeworks_migrate.model.schema import (
    Column,
    ForeignKey,
    Generated,
    Index,
    Key,
    Schema,
    Table,
    Term,
    Trigger,
    View,
    fold,
    shown_name,
)


def columns(*names):
    return tuple(Column(name) for name in names)


def changes_of_table(before, after):
    return schema_changes(Schema((before,)), Schema((after,)))


def lines(before, after, **options):
    return "\n".join(difference_lines(schema_changes(before, after), **options))


PROJECTS = Table(
    "projects",
    (Column("id", "INTEGER"), Column("name", "TEXT", not_null=True), Column("tier", "INTEGER", default="0")),
    Key((Term("id"),)),
    (Key((Term("name"),)),),
    ("tier < 4",),
)
NOTES = Table(
    "project notes",
    (Column("project_id", "INTEGER"), Column("text", "TEXT")),
    foreign_keys=(ForeignKey(("project_id",), "projects", ("id",), on_delete="CASCADE"),),
)
VIEW = View("tiers", "CREATE VIEW tiers AS\nSELECT id,\n  tier\nFROM projects\nWHERE tier > 0")
TRIGGER = Trigger("keep", "projects", "CREATE TRIGGER keep AFTER UPDATE ON projects\nBEGIN\n  SELECT 1;\nEND")


def test_an_added_table_is_described_and_its_indexes_and_triggers_follow():
    after = Schema((PROJECTS,), (Index("by_tier", "projects", (Term("tier", descending=True),)),), (), (TRIGGER,))

    assert lines(Schema(), after) == (
        "+ table projects\n"
        "    id INTEGER\n"
        "    name TEXT NOT NULL\n"
        "    tier INTEGER DEFAULT 0\n"
        "    PRIMARY KEY (id)\n"
        "    UNIQUE (name)\n"
        "    CHECK (tier < 4)\n"
        "+ index by_tier on projects (tier DESC)\n"
        "+ trigger keep on projects\n"
        "    CREATE TRIGGER keep AFTER UPDATE ON projects\n"
        "    BEGIN\n"
        "      SELECT 1;\n"
        "    END"
    )


def test_without_definitions_it_is_named():
    after = Schema((PROJECTS,), (Index("by_tier", "projects", (Term("tier"),)),), (VIEW,), (TRIGGER,))

    assert lines(after, Schema(), definitions=False) == (
        "- table projects\n- index by_tier on projects (tier)\n- trigger keep on projects\n- view tiers"
    )


def test_a_changed_table_has_a_line_for_each_change():
    before = Schema((PROJECTS, NOTES), (Index("by_tier", "projects", (Term("tier"),)),))
    after = Schema(
        (
            Table(
                "projects",
                (
                    Column("tier", "TEXT", default="1", collation="NOCASE"),
                    Column("id", "INTEGER"),
                    Column("score", generated=Generated("tier + 1")),
                ),
                Key((Term("id"), Term("tier"))),
                (Key((Term("tier"),), "IGNORE"),),
                ("tier < 5",),
                strict=True,
                without_rowid=True,
            ),
            Table("project notes", NOTES.columns, foreign_keys=(ForeignKey(("project_id",), "projects", ("id",)),)),
        ),
        (Index("by_tier", "projects", (Term("tier"),), unique=True, where="tier > 0"),),
    )

    assert lines(before, after) == (
        '~ table "project notes"\n'
        "  ~ foreign key\n"
        "      - (project_id) REFERENCES projects (id) ON DELETE CASCADE\n"
        "      + (project_id) REFERENCES projects (id)\n"
        "~ table projects\n"
        "  - column name TEXT NOT NULL\n"
        "  ~ column tier: type INTEGER → TEXT, default 0 → 1, collation BINARY → NOCASE\n"
        "  + column score GENERATED ALWAYS AS (tier + 1) VIRTUAL\n"
        "  ~ column order: id, tier → tier, id\n"
        "  ~ primary key: (id) → (id, tier)\n"
        "  - unique (name)\n"
        "  + unique (tier) ON CONFLICT IGNORE\n"
        "  ~ check: (tier < 4) → (tier < 5)\n"
        "  + option STRICT\n"
        "  + option WITHOUT ROWID\n"
        "~ index by_tier on projects: (tier) → UNIQUE (tier) WHERE tier > 0"
    )


def test_a_changed_body_is_a_short_diff():
    changed = View("tiers", VIEW.sql.replace("SELECT id", "SELECT name").replace("> 0", "> 1"))
    other = Trigger("keep", "projects", TRIGGER.sql.replace("AFTER", "BEFORE"))

    assert lines(Schema((PROJECTS,), (), (VIEW,), (TRIGGER,)), Schema((PROJECTS,), (), (changed,), (other,))) == (
        "~ trigger keep on projects\n"
        "    -CREATE TRIGGER keep AFTER UPDATE ON projects\n"
        "    +CREATE TRIGGER keep BEFORE UPDATE ON projects\n"
        "     BEGIN\n"
        "~ view tiers\n"
        "     CREATE VIEW tiers AS\n"
        "    -SELECT id,\n"
        "    +SELECT name,\n"
        "       tier\n"
        "     FROM projects\n"
        "    -WHERE tier > 0\n"
        "    +WHERE tier > 1"
    )


def test_a_long_diff_is_cut_and_what_is_missing_is_counted():
    before = View("v", "\n".join(f"{number}," for number in range(30)))
    after = View("v", "\n".join(f"{number};" for number in range(30)))

    shown = difference_lines(schema_changes(Schema(views=(before,)), Schema(views=(after,))))

    assert len(shown) == 22
    assert shown[-1] == "    … 40 more lines"


def test_long_lines_are_continued_below():
    names = tuple(f"a_rather_long_name_{number}" for number in range(6))
    before = Table("t", columns(*names))
    after = Table("t", columns(*names), None, (Key(tuple(Term(name) for name in names)),))

    shown = lines(Schema((before,)), Schema((after,)))

    assert shown == (
        "~ table t\n"
        "  + unique (a_rather_long_name_0, a_rather_long_name_1, a_rather_long_name_2,\n"
        "      a_rather_long_name_3, a_rather_long_name_4, a_rather_long_name_5)"
    )
    assert max(map(len, lines(Schema((before,)), Schema((after,)), width=50).split("\n"))) <= 50


def test_control_characters_are_shown_as_escapes():
    before, after = Table("t", columns("a")), Table("t", (Column("a", default="'\n\x1b[31m'"),))

    assert lines(Schema((before,)), Schema((after,))) == "~ table t\n  ~ column a: default none → '\\n\\x1b[31m'"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("a b c", "a b c", "", id="the same"),
        pytest.param("a b c", "a c b", "~ column order", id="two have changed places"),
        pytest.param("a b c", "x a b c", "+ x", id="shifted by one that was added"),
        pytest.param("a b c", "b c", "- a", id="shifted by one that was dropped"),
        pytest.param("a b c", "a x c", "- b, + x", id="one in place of another"),
        pytest.param("a b c", "c x a", "- b, + x, ~ column order", id="added, dropped and moved"),
        pytest.param("a b c", "A B C", "", id="another case"),
    ],
)
def test_the_order_of_columns_is_a_change_of_its_own(before, after, expected):
    marks = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}

    found = changes_of_table(Table("t", columns(*before.split())), Table("T", columns(*after.split())))

    assert ", ".join(f"{marks[c.change]} {c.name or c.kind}" for c in found) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("a", "b", "changed", id="one for one is a change"),
        pytest.param("a b", "a c", "changed", id="beside one that stays"),
        pytest.param("a", "b c", "removed added added", id="one for two are three"),
        pytest.param("a", "", "removed", id="one for none"),
    ],
)
def test_checks_without_names_are_paired_where_it_is_clear(before, after, expected):
    found = changes_of_table(Table("t", checks=tuple(before.split())), Table("t", checks=tuple(after.split())))

    assert " ".join(change.change for change in found) == expected
    assert {change.kind for change in found} == {Kind.CHECK}


def test_an_index_and_a_trigger_belong_to_the_table_that_they_are_on():
    before = Schema((Table("a"), Table("b")), (Index("i", "a", (Term("x"),)),))
    after = Schema((Table("a"), Table("b")), (Index("i", "b", (Term("x"),)),))

    assert schema_changes(before, after) == (
        SchemaChange(Change.REMOVED, Kind.INDEX, "a", "i", before="(x)"),
        SchemaChange(Change.ADDED, Kind.INDEX, "b", "i", after="(x)"),
    )


def test_a_virtual_table_is_compared_as_a_whole():
    before = Table("f", columns("a"), module="fts5", arguments=("a",))
    same = Table("F", (), module="FTS5", arguments=("a",))
    other = Table("f", columns("a", "b"), module="fts5", arguments=("a", "b"))

    assert changes_of_table(before, same) == ()
    assert lines(Schema((before,)), Schema((other,))) == "~ table f: USING fts5 (a) → USING fts5 (a, b)"


def test_changes_as_json_are_plain():
    found = changes_as_json(
        changes_of_table(PROJECTS, Table("projects", (Column("id", "INT"),), None, PROJECTS.uniques, PROJECTS.checks))
    )

    assert json.loads(json.dumps(found)) == [
        {
            "change": "changed",
            "kind": "column",
            "table": "projects",
            "name": "id",
            "before": "id INTEGER",
            "after": "id INT",
            "details": ["type INTEGER → INT"],
        },
        {
            "change": "removed",
            "kind": "column",
            "table": "projects",
            "name": "name",
            "before": "name TEXT NOT NULL",
            "after": "",
            "details": [],
        },
        {
            "change": "removed",
            "kind": "column",
            "table": "projects",
            "name": "tier",
            "before": "tier INTEGER DEFAULT 0",
            "after": "",
            "details": [],
        },
        {
            "change": "removed",
            "kind": "primary key",
            "table": "projects",
            "name": "",
            "before": "(id)",
            "after": "",
            "details": [],
        },
    ]


def test_values_are_equal_in_any_case_and_in_any_order_of_constraints():
    one = Table("T", columns("a", "b"), None, (Key((Term("a"),)), Key((Term("b"),))), ("x", "y"))
    other = Table("t", columns("A", "b"), None, (Key((Term("B"),)), Key((Term("A"),))), ("y", "x"))

    assert one == other
    assert hash(one) == hash(other)
    assert Schema((one,)).fingerprint == Schema((other,)).fingerprint
    assert one != Table("t", columns("b", "a"))
    assert one.columns[0] != "a"


def test_a_fingerprint_stays_what_it_is():
    schema = Schema((PROJECTS, NOTES), (Index("i", "projects", (Term("tier"),)),), (VIEW,), (TRIGGER,))

    # Saved plans hold it: whoever changes what goes into it makes them all out of date.
    assert schema.fingerprint == "5f0c6e1c3aa2a2373a9f01cbb5f5703dedef5cc077500bb1ba0360e23d912aee"


@pytest.mark.parametrize(
    ("name", "folded", "shown"),
    [
        pytest.param("Ab_1", "ab_1", "Ab_1", id="plain"),
        pytest.param("Ärger", "Ärger", '"Ärger"', id="only ASCII has no case"),
        pytest.param('a "b"', 'a "b"', '"a ""b"""', id="quotes"),
        pytest.param("1a", "1a", '"1a"', id="a digit at the beginning"),
        pytest.param("", "", '""', id="nothing"),
    ],
)
def test_names(name, folded, shown):
    assert fold(name) == folded
    assert shown_name(name) == shown


NAMES = st.sampled_from(["a", "B", "c", "D e"])
TERMS = st.lists(NAMES, min_size=1, max_size=2, unique=True).map(lambda names: tuple(Term(name) for name in names))


@st.composite
def tables(draw, name):
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    return Table(
        name,
        tuple(
            Column(n, draw(st.sampled_from(["", "TEXT"])), default=draw(st.sampled_from([None, "1"]))) for n in names
        ),
        draw(st.none() | TERMS.map(Key)),
        draw(st.lists(TERMS.map(Key), max_size=3, unique=True).map(tuple)),
        draw(st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True).map(tuple)),
        strict=draw(st.booleans()),
    )


@st.composite
def schemas(draw):
    found = [draw(tables(name)) for name in draw(st.lists(st.sampled_from("tuv"), unique=True))]
    indexes = [Index(f"i{n}", draw(st.sampled_from("tu")), draw(TERMS)) for n in range(draw(st.integers(0, 2)))]
    views = [View("w", draw(st.sampled_from(["1", "2"])))] if draw(st.booleans()) else []
    triggers = [Trigger("g", draw(st.sampled_from("tw")), draw(st.sampled_from(["1", "2"]))) for _ in views]
    return Schema(tuple(found), tuple(indexes), tuple(views), tuple(triggers))


@given(before=schemas(), after=schemas())
def test_there_are_changes_exactly_where_fingerprints_differ(before, after):
    found = schema_changes(before, after)

    assert bool(found) == (before != after) == (before.fingerprint != after.fingerprint)
    assert bool(found) == bool(difference_lines(found))
    assert len(found) == len(set(found)) == len(changes_as_json(found))
    assert schema_changes(before, before) == ()
    assert len(schema_changes(after, before)) == len(found)
