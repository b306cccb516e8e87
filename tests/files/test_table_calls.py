"""Calls that make their SQL themselves are put into words from the syntax tree, in the order in which they run."""

from __future__ import annotations

import ast
from textwrap import dedent, indent

import pytest

from nukeworks_migrate.files.literals import SqlLiteral, sql_in_function
from nukeworks_migrate.files.table_calls import CHANGES, TableCall
from nukeworks_migrate.model.statements import renamed_to, statement_findings
from nukeworks_migrate.runtime.alteration import TableAlteration


def read(body: str, more: str = ""):
    source = dedent(more) + "\ndef upgrade(db):\n" + indent(dedent(body).strip("\n"), "    ")
    return sql_in_function(ast.parse(source), "upgrade").in_order


def told(body: str, more: str = "") -> list[str]:
    return [each.text if isinstance(each, TableCall) else each.sql for each in read(body, more)]


def in_block(calls: str) -> str:
    """What is told of a block with these calls, without its beginning."""
    (text,) = told(f"with db.alter_table('t') as table:\n{indent(dedent(calls), '    ')}")
    return text.removeprefix("alter table t: ")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "db.transform('projects', megawatts, reads=['capacity_text'], writes=['capacity'])",
            "transform projects: capacity from capacity_text by megawatts()",
        ),
        (
            "db.transform('t', fn=rules.split, reads=('a', 'b'), writes=('c', 'd'), where='c IS NULL')",
            "transform t: c, d from a, b by rules.split() where c IS NULL",
        ),
        (
            "db.transform(table, lambda name: name.upper(), reads=NAMES, writes=names(), where=f'id > {n}')",
            "transform table (not a literal): names() (not a literal) from NAMES (not a literal)"
            " by lambda name: name.upper() where f'id > {n}' (not a literal)",
        ),
        ("db.transform('t', partial(f, 2), reads=['a'], writes=['a'])", "transform t: a from a by partial(f, 2)"),
        (
            "db.transform('t', f, **more)",
            "transform t: more (not a literal) from more (not a literal) by f() where more (not a literal)",
        ),
        ("db.copy_rows('people', 'persons', split_name)", "copy rows from people into persons by split_name()"),
        (
            "db.copy_rows(source='people', into='persons', fn=f, where='id > ?', params=(3,))",
            "copy rows from people into persons by f() where id > ?",
        ),
        ("db.copy_rows(*both, f)", "copy rows from *both (not a literal) into *both (not a literal) by *both"),
        (
            "db.update('projects', set={'tier': '1'}, where=\"priority = 'High'\")",
            "update projects: tier = 1 where priority = 'High'",
        ),
        (
            "db.update('t', set={'a': 1, 'b': None, 'c': -2.5, 'd': True, 'e': \"'x'\", 'f': later(), g: 'upper(g)'})",
            "update t: a = 1, b = NULL, c = -2.5, d = True, e = 'x', f = later() (not a literal),"
            " g (not a literal) = upper(g)",
        ),
        ("db.update('t', set=values, where=None)", "update t: values (not a literal)"),
        ("db.update('t', set={**values})", "update t: {**values} (not a literal)"),
        ("db.update('t', set={'a': '''upper(\n  a\n)'''})", "update t: a = upper( a )"),
    ],
)
def test_a_call_is_told_in_plain_words(call, expected):
    assert told(call) == [expected]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            "table.add_column('price REAL')\ntable.drop_column('old_price')\ntable.rename_column('name', to='title')",
            "add price REAL, drop old_price, rename name to title",
        ),
        ("table.add_column('price REAL', before='size')", "add price REAL before size"),
        ("table.add_column('price REAL', before=None)", "add price REAL"),
        ("table.drop_column('a', with_indexes=True)", "drop a with its indexes"),
        (
            "table.change_column('a', type='INTEGER', not_null=True, default=None, collation='NOCASE')",
            "change a (type INTEGER, NOT NULL, no default, collation NOCASE)",
        ),
        ("table.change_column('a', not_null=False, default=\"'x'\")", "change a (NULL, default 'x')"),
        ("table.change_column('a', not_null=x, **more)", "change a (not_null x (not a literal), more (not a literal))"),
        ("table.add_check('a > 0', name='c')\ntable.drop_check('a>1')", "add CHECK (a > 0), drop CHECK (a>1)"),
        ("table.add_unique(('a', 'b'))\ntable.drop_unique('c')", "add UNIQUE (a, b), drop UNIQUE (c)"),
        ("table.add_foreign_key('a', 'p', 'id')", "add FOREIGN KEY (a) to p (id)"),
        ("table.add_foreign_key(['a', 'b'], parent='p')", "add FOREIGN KEY (a, b) to p"),
        ("table.drop_foreign_key('a')", "drop FOREIGN KEY (a)"),
        ("table.set_primary_key(('a', 'b'))", "set PRIMARY KEY (a, b)"),
        ("table.set_primary_key(())", "drop PRIMARY KEY"),
        ("table.rename_to('goods')", "rename it to goods"),
        ("table.fill('a', 'coalesce(a,\\n0)')", "fill a with coalesce(a, 0)"),
        ("table.drop_column(name)", "drop name (not a literal)"),
    ],
)
def test_changes_of_a_block_are_told_in_plain_words(calls, expected):
    assert in_block(calls) == expected


def test_every_change_that_there_is_is_told():
    methods = {name for name in vars(TableAlteration) if not name.startswith("_")}

    assert methods - {"close"} == CHANGES


def test_all_is_told_in_the_order_in_which_it_runs_with_its_line():
    found = read("""
        db.execute("first")
        with db.alter_table("t") as table:
            table.add_column("a TEXT")
            db.execute("before the block ends")
        if db.scalar("asked"):
            try:
                db.update("t", set={"a": "b"}, where="a IS NULL")
            finally:
                db.copy_rows("t", "u", split)
        db.transform("t", f, reads=["a"], writes=["a"])
        """)

    assert [(each.line, each.call, getattr(each, "text", "") or each.sql) for each in found] == [
        (3, "execute", "first"),
        (6, "execute", "before the block ends"),
        (4, "alter_table", "alter table t: add a TEXT"),
        (7, "scalar", "asked"),
        (9, "update", "update t: a = b where a IS NULL"),
        (11, "copy_rows", "copy rows from t into u by split()"),
        (12, "transform", "transform t: a from a by f()"),
    ]
    assert isinstance(found[0], SqlLiteral)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "with db.alter_table(TABLE) as t:\n    for name in NAMES:\n        t.drop_column(name)",
            ["alter table products: drop a, drop b"],
            id="names of the module, and a loop in the block",
        ),
        pytest.param(
            "for table in NAMES:\n    with db.alter_table(table) as t:\n        t.add_column(f'{table}_id INTEGER')",
            ["alter table a: add a_id INTEGER", "alter table b: add b_id INTEGER"],
            id="a loop around the block",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    if db:\n        t.drop_column('a')\n    else:\n"
            "        t.drop_column('b')",
            ["alter table t: drop a, drop b"],
            id="under an if",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    t.drop_column('a')\n"
            "with db.alter_table('u') as t:\n    t.drop_column('b')",
            ["alter table t: drop a", "alter table u: drop b"],
            id="one name for two blocks",
        ),
        pytest.param(
            "with db.alter_table('t') as t, open('f'), db.alter_table('u') as u:\n"
            "    t.drop_column('a')\n    u.drop_column('b')",
            ["alter table u: drop b", "alter table t: drop a"],
            id="two blocks at once: the inner one ends first",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    with db.alter_table('u') as u:\n        t.drop_column('a')\n"
            "        u.drop_column('b')",
            ["alter table u: drop b", "alter table t: drop a"],
            id="one in the other",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    def also(name='x'):\n        t.drop_column('a')\n    also()",
            ["alter table t: drop a"],
            id="from an inner function",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    [t.drop_column(name) for name in names]",
            ["alter table t: drop name (not a literal)"],
            id="from a comprehension",
        ),
        pytest.param("own(db)", ["alter table t: drop a"], id="in a function of the module"),
        pytest.param("with db.alter_table('t') as t:\n    pass", [], id="an empty block does nothing"),
        pytest.param("with db.alter_table('t'):\n    db.execute('a')", ["a"], id="and so does one without a name"),
        pytest.param(
            "with db.alter_table('t') as t:\n    t.drop_column('a')\n    helper(t)",
            ["alter table t: drop a, more (not a literal)"],
            id="handed on",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    for drop in (t.drop_column,):\n        drop('a')",
            ["alter table t: more (not a literal)"],
            id="a method handed on",
        ),
        pytest.param(
            "def also():\n    t.drop_column('a')\nwith db.alter_table('t') as t:\n    also()",
            ["alter table t: more (not a literal)"],
            id="from a function that stands before the block",
        ),
        pytest.param(
            "t = None\nwith db.alter_table('t') as t:\n    t.drop_column('a')",
            ["alter table t: drop a, more (not a literal)"],
            id="a name that is bound to something else too",
        ),
        pytest.param(
            "table = stack.enter_context(db.alter_table('t'))\ntable.drop_column('a')",
            ["alter table t: more (not a literal)"],
            id="not by with",
        ),
        pytest.param(
            "with db.alter_table(db.scalar(query)) as t:\n    t.drop_column('a')",
            ["alter table db.scalar(query) (not a literal): drop a"],
            id="a table that is not known",
        ),
        pytest.param("names = {}\nnames.update(a=1)\nseen.update(db)", [], id="another update()"),
        pytest.param("textwrap.fill('a', 'b')\nframe.drop_column('x')", [], id="methods of something else"),
        pytest.param("db.update()\ndb.transform()\ndb.copy_rows()", [], id="calls that cannot run"),
    ],
)
def test_what_is_followed(body, expected):
    more = """
        TABLE = "products"
        NAMES = ("a", "b")

        def own(db):
            with db.alter_table("t") as table:
                table.drop_column("a")
        """

    assert told(body, more) == expected


def test_a_thousand_blocks_in_each_other_are_no_deeper_than_one():
    body = "with " + ", ".join(f"db.alter_table('t{n}') as t{n}" for n in range(1000)) + ":\n    t0.drop_column('a')\n"

    assert told(body) == ["alter table t0: drop a"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "with db.alter_table('t') as t:\n    t.drop_column('a')\n    t.drop_column('b c')",
            [
                "NWM102 column a of t is dropped with its values",
                "NWM102 column b c of t is dropped with its values",
            ],
            id="columns dropped in a block",
        ),
        pytest.param(
            "with db.alter_table(name) as t:\n    t.drop_column(column)",
            ["NWM102 column column (not a literal) of name (not a literal) is dropped with its values"],
            id="a column dropped that is not known",
        ),
        pytest.param(
            "with db.alter_table('t') as t:\n    t.add_column('drop_column TEXT')\n    t.drop_check('a > 0')\n"
            "    t.change_column('a', type='TEXT')",
            [],
            id="what loses no column",
        ),
        pytest.param(
            "with db.alter_table('schema_version') as t:\n    t.add_column('a')",
            ["NWM107 schema_version is a table of the framework's own, and not for migrations to write to"],
            id="a table of the framework altered",
        ),
        pytest.param("db.update('t', set={'a': '1'})", ["NWM104 rows of t are updated without WHERE"], id="no where"),
        pytest.param(
            "db.update('t', set={'a': '(SELECT b FROM u WHERE u.id = t.id) -- WHERE'}, where=None)",
            ["NWM104 rows of t are updated without WHERE"],
            id="a WHERE of something else",
        ),
        pytest.param("db.update('t', set={'a': '1'}, where='a IS NULL')", [], id="where"),
        pytest.param("db.update('t', set={'a': '1'}, where=condition)", [], id="where that is not known"),
        pytest.param(
            "db.copy_rows('t', 'schema_version_log', f)",
            ["NWM107 schema_version_log is a table of the framework's own, and not for migrations to write to"],
            id="rows copied into a table of the framework",
        ),
        pytest.param(
            "db.transform('schema_version', f, reads=['a'], writes=['a'])",
            ["NWM107 schema_version is a table of the framework's own, and not for migrations to write to"],
            id="a table of the framework transformed",
        ),
        pytest.param("db.transform('t', f, reads=['a'], writes=['a'])", [], id="a transform"),
        pytest.param("db.copy_rows('schema_version', 't', f)", [], id="rows copied"),
    ],
)
def test_what_is_judged_of_a_call_is_what_is_judged_of_sql(body, expected):
    (call,) = read(body)

    assert [f"{finding.code} {finding.message}" for finding in statement_findings(call.sql)] == expected


def test_a_table_that_is_renamed_in_a_block_is_known_by_its_new_name():
    (call,) = read("with db.alter_table('t_new') as t:\n    t.drop_column('a')\n    t.rename_to('t')")

    assert renamed_to(call.sql) == "t"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("db.update('t', set={'a': '1'}, where='a IS NULL')", False),
        ("db.update('t', set={'a': '1'}, where=condition)", True),
        ("db.update(table, set={'a': '1'}, where='a IS NULL')", True),
        ("db.transform('t', f, reads=['a'], writes=['a'], where='a IS NULL')", True),
        ("db.copy_rows('t', 'u', f)", True),
        ("with db.alter_table('t') as t:\n    t.add_column('a')", True),
    ],
)
def test_whether_something_may_be_lost_of_which_the_file_does_not_tell(body, expected):
    (call,) = read(body)

    assert call.may_lose == expected
