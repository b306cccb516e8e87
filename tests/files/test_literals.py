"""What a migration runs is read from its syntax tree, and only what is certain is told."""

from __future__ import annotations

import ast
import time
from textwrap import dedent, indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukeworks_migrate.files.literals import SqlInFunction, SqlLiteral, sql_in_function, sql_literals
from nukeworks_migrate.files.table_calls import TableCall


def read(source: str, function: str = "upgrade") -> SqlInFunction:
    return sql_in_function(ast.parse(dedent(source)), function)


def texts(source: str, function: str = "upgrade") -> list[str]:
    return [literal.sql for literal in read(source, function).literals]


def in_upgrade(body: str) -> str:
    return "def upgrade(db):\n" + indent(dedent(body).strip("\n"), "    ")


def test_a_migration_is_read_in_both_directions():
    source = '''\
        """Add client tier and fill it from priority."""

        depends_on = ["0016_add_engineer_role"]

        def upgrade(db):
            db.execute("ALTER TABLE client_profiles ADD COLUMN tier INTEGER")
            db.transform("client_profiles", tier_of, reads=["client_priority"], writes=["tier"])

        def downgrade(db):
            db.execute(
                "ALTER TABLE client_profiles "
                "DROP COLUMN tier"
            )

        def tier_of(client_priority):
            return {"High": 1, "Medium": 2, "Low": 3}.get(client_priority)
        '''

    assert read(source, "upgrade") == SqlInFunction(
        in_order=(
            SqlLiteral("ALTER TABLE client_profiles ADD COLUMN tier INTEGER", 6, "execute"),
            TableCall(
                "transform client_profiles: tier from client_priority by tier_of()",
                7,
                "transform",
                'REPLACE INTO "client_profiles" VALUES (?)',
            ),
        ),
        transforms=("client_profiles",),
    )
    assert read(source, "downgrade") == SqlInFunction(
        in_order=(SqlLiteral("ALTER TABLE client_profiles DROP COLUMN tier", 10, "execute"),)
    )
    assert read(source, "verify") == SqlInFunction()
    assert sql_literals(ast.parse(dedent(source)), "upgrade") == read(source, "upgrade").literals


def test_every_call_that_takes_sql_is_told_with_its_name_and_line():
    source = in_upgrade("""
        db.execute("a")
        db.executemany("b", rows)
        db.script("c")
        for row in db.query("d"):
            db.log(row)
        if db.scalar(sql="e"):
            db.connection.cursor().execute(
                "f"
            )
        db.fetch("not sql")
        db.execute()
        execute("a function of somebody else")
        """)

    assert [(literal.line, literal.call, literal.sql) for literal in read(source).literals] == [
        (2, "execute", "a"),
        (3, "executemany", "b"),
        (4, "script", "c"),
        (5, "query", "d"),
        (7, "scalar", "e"),
        (8, "execute", "f"),
    ]
    assert read(source).dynamic == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('db.execute("a" "b")', ["ab"], id="implicit concatenation"),
        pytest.param('db.execute("a" + "b" + ("c" + "d"))', ["abcd"], id="sum"),
        pytest.param('db.execute(f"a" "b")', ["ab"], id="f-string without parts"),
        pytest.param('t = "x"\ndb.execute(f"DROP {t}" + t)', ["DROP xx"], id="f-string of a name"),
        pytest.param('t = "x"\ndb.execute(f"a {t!s} {\'b\'}")', ["a x b"], id="f-string with !s and a string"),
        pytest.param('n = 500\ndb.execute(f"LIMIT {n}, {7}")', ["LIMIT 500, 7"], id="f-string of whole numbers"),
        pytest.param('sql = "a"\ndb.execute(sql)', ["a"], id="name bound in the function"),
        pytest.param('sql: str = "a"\ndb.execute(sql)', ["a"], id="with an annotation"),
        pytest.param('a = "x"\nb = a + "y"\nc = f"{b}z"\ndb.execute(c)', ["xyz"], id="names of names"),
        pytest.param('if db:\n    sql = "a"\ndb.execute(sql)', ["a"], id="bound under an if: that or NameError"),
        pytest.param(
            'def inner():\n    db.execute(sql)\nsql = "a"\ninner()', ["a"], id="a name of the function around"
        ),
        pytest.param(
            'def inner():\n    sql = "a"\n    db.execute(sql)\ninner()',
            ["a"],
            id="a name of an inner function",
        ),
        pytest.param('db.execute(f"a {{}}")', ["a {}"], id="doubled braces"),
        pytest.param('db.execute("")', [""], id="an empty string"),
    ],
)
def test_known_texts(body, expected):
    assert texts(in_upgrade(body)) == expected
    assert read(in_upgrade(body)).dynamic == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("db.execute(sql)", id="a name from nowhere"),
        pytest.param("db.execute(db)", id="a parameter"),
        pytest.param('sql = "a"\nsql = "b"\ndb.execute(sql)', id="bound twice"),
        pytest.param('sql = "a"\nsql += "b"\ndb.execute(sql)', id="added to"),
        pytest.param('sql = "a"\ndel sql\ndb.execute(sql)', id="deleted"),
        pytest.param('sql, other = "a", "b"\ndb.execute(sql)', id="unpacked"),
        pytest.param('sql = other = "a"\ndb.execute(sql)', id="two names at once"),
        pytest.param('with db as sql:\n    sql = "a"\ndb.execute(sql)', id="also bound by with"),
        pytest.param('sql = "a"\nimport sql\ndb.execute(sql)', id="also imported"),
        pytest.param('sql = "a"\ntry:\n    pass\nexcept E as sql:\n    pass\ndb.execute(sql)', id="also an exception"),
        pytest.param('sql = "a"\nmatch db:\n    case [*sql]:\n        pass\ndb.execute(sql)', id="also captured"),
        pytest.param('sql = "a"\nmatch db:\n    case {**sql}:\n        pass\ndb.execute(sql)', id="rest of a mapping"),
        pytest.param('sql = "a"\nmatch db:\n    case str() as sql:\n        pass\ndb.execute(sql)', id="captured as"),
        pytest.param('sql = "a"\nif (sql := db):\n    pass\ndb.execute(sql)', id="also a walrus"),
        pytest.param('sql = "a"\n[sql := db for _ in db]\ndb.execute(sql)', id="a walrus in a comprehension"),
        pytest.param('sql = "a"\ndef f():\n    nonlocal sql\n    sql = "b"\ndb.execute(sql)', id="nonlocal"),
        pytest.param('sql = "a"\n(lambda sql: db.execute(sql))(db)', id="a lambda's parameter"),
        pytest.param('sql = "a"\n[db.execute(sql) for sql in db]', id="a comprehension's variable"),
        pytest.param('def f(sql="a"):\n    db.execute(sql)\nf(db)', id="a parameter with a default"),
        pytest.param('class C:\n    sql = "a"\n    def f(self):\n        db.execute(sql)', id="a name of a class"),
        pytest.param('def f():\n    sql = "a"\ndb.execute(sql)', id="a name of an inner function, outside of it"),
        pytest.param("sql = sql\ndb.execute(sql)", id="bound to itself"),
        pytest.param('a = b + "x"\nb = a + "y"\ndb.execute(a)', id="bound in a circle"),
        pytest.param('db.execute("a %s" % db)', id="percent"),
        pytest.param('db.execute("a {}".format(db))', id="format"),
        pytest.param('db.execute(f"a {db}")', id="f-string of a parameter"),
        pytest.param('t = "x"\ndb.execute(f"a {t!r}")', id="f-string with !r"),
        pytest.param('t = "x"\ndb.execute(f"a {t:>5}")', id="f-string with a format"),
        pytest.param('db.execute("a" + 1)', id="string plus number"),
        pytest.param('db.execute(b"a")', id="bytes"),
        pytest.param('db.execute(f"a {1.5}")', id="f-string of a fraction"),
        pytest.param('db.execute("a" if db else "b")', id="one of two"),
        pytest.param('db.execute(*["a"])', id="starred"),
        pytest.param('db.execute(**{"sql": "a"})', id="double starred"),
        pytest.param('db.execute("a".strip())', id="a method of a string"),
        pytest.param('db.execute(["a"][0])', id="an element"),
    ],
)
def test_what_is_built_at_run_time_is_counted_and_not_guessed(body):
    assert read(in_upgrade(body)) == SqlInFunction(dynamic=1)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        pytest.param('SQL = "a"', ["a"], id="a constant"),
        pytest.param('SQL: Final = "a"', ["a"], id="with an annotation"),
        pytest.param('T = "t"\nSQL = f"DROP {T}"', ["DROP t"], id="a constant of constants"),
        pytest.param('if X:\n    SQL = "a"', ["a"], id="under an if"),
        pytest.param('from x import *\nSQL = "a"', ["a"], id="after a star import"),
        pytest.param('SQL = "a"\ndef f():\n    SQL = "b"', ["a"], id="another function's own name"),
        pytest.param('SQL = "a"\nSQL = "b"', [], id="bound twice"),
        pytest.param('SQL = "a"\nif X:\n    SQL = "b"', [], id="bound again under an if"),
        pytest.param('SQL = "a"\nSQL += "b"', [], id="added to"),
        pytest.param('SQL = "a"\nfrom x import *', [], id="before a star import"),
        pytest.param('SQL = "a"\nfrom x import y as SQL', [], id="also imported"),
        pytest.param('SQL = "a"\nfor SQL in X:\n    pass', [], id="also a loop's variable"),
        pytest.param('SQL = "a"\ndef SQL():\n    pass', [], id="also a function"),
        pytest.param('SQL = "a"\ndef check(db):\n    global SQL\n    SQL = "b"', [], id="changed by check"),
        pytest.param('SQL = "a"\nclass C:\n    def f(self):\n        global SQL', [], id="global in a method"),
        pytest.param("SQL = open(X).read()", [], id="read from a file"),
        pytest.param("from ._names import SQL", [], id="a helper's"),
    ],
)
def test_names_of_the_module(module, expected):
    source = f"{module}\ndef upgrade(db):\n    db.execute(SQL)\n"

    assert texts(source) == expected
    assert read(source).dynamic == (not expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param('for t in ("a", "b"):\n    db.execute(t)', ["a", "b"], id="tuple"),
        pytest.param('for t in ["a", "b"]:\n    db.execute(f"x {t}")', ["x a", "x b"], id="list"),
        pytest.param(
            'for t in ("a", "b"):\n    db.execute(f"x {t}")\n    db.execute(f"y {t}")',
            ["x a", "y a", "x b", "y b"],
            id="turn by turn",
        ),
        pytest.param(
            'for t in ("a", "b"):\n    sql = f"x {t}"\n    db.execute(sql)',
            ["x a", "x b"],
            id="through a name",
        ),
        pytest.param(
            'for t, c in (("a", "x"), ["b", "y"]):\n    db.execute(f"{t}.{c}")', ["a.x", "b.y"], id="unpacked"
        ),
        pytest.param(
            'for t in ("a", "b"):\n    for c in ("x", "y"):\n        db.execute(t + c)',
            ["ax", "ay", "bx", "by"],
            id="nested",
        ),
        pytest.param(
            'for group in (("a", "b"), ("c",)):\n    for t in group:\n        db.execute(t)',
            ["a", "b", "c"],
            id="a loop over a loop's variable",
        ),
        pytest.param(
            'for t in ("a",):\n    db.execute(t)\nfor t in ("b",):\n    db.execute(t)',
            ["a", "b"],
            id="two loops with one variable",
        ),
        pytest.param('for t in reversed(("a", "b")):\n    db.execute(t)', ["b", "a"], id="reversed"),
        pytest.param('T = ("a", "b")\nfor t in T:\n    db.execute(t)', ["a", "b"], id="a name"),
        pytest.param('T = ["a", "b"]\nfor t in reversed(T):\n    db.execute(t)', ["b", "a"], id="a name, reversed"),
        pytest.param('x = "a"\nfor t in (x, x + "b"):\n    db.execute(t)', ["a", "ab"], id="over names and sums"),
        pytest.param("for t in ():\n    db.execute(t)", [], id="over nothing"),
        pytest.param(
            'for t in ("a", "b"):\n    db.execute("once", t)',
            ["once"],
            id="one text of one call is listed once",
        ),
        pytest.param('for t in ("a",):\n    db.execute(t)\nelse:\n    db.execute("z")', ["a", "z"], id="a loop's else"),
        pytest.param(
            'for t in ("a", "b"):\n    def f():\n        db.execute(t)\n    f()',
            ["a", "b"],
            id="a function inside",
        ),
    ],
)
def test_loops_over_literals(source, expected):
    assert texts(in_upgrade(source)) == expected
    assert read(in_upgrade(source)).dynamic == 0


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("for t in db.tables():\n    db.execute(t)", id="over a call"),
        pytest.param('for t in {"a", "b"}:\n    db.execute(t)', id="a set has no order"),
        pytest.param('for t in (*db, "a"):\n    db.execute(t)', id="starred"),
        pytest.param('T = ["a"]\nT.append("b")\nfor t in T:\n    db.execute(t)', id="a list that is added to"),
        pytest.param('T = ["a"]\nT[0] = "b"\nfor t in T:\n    db.execute(t)', id="a list that is written to"),
        pytest.param('T = ["a"]\nT += ["b"]\nfor t in T:\n    db.execute(t)', id="a list that is extended"),
        pytest.param('T = ["a"]\nfill(T)\nfor t in T:\n    db.execute(t)', id="a list that is handed on"),
        pytest.param('T = U = ["a"]\nU.append("b")\nfor t in T:\n    db.execute(t)', id="a list of two names"),
        pytest.param('T = U = ["a"]\nfor t in T:\n    db.execute(t)\n', id="two names at once"),
        pytest.param('for t in ("a",):\n    t = t + "b"\n    db.execute(t)', id="a variable that is changed"),
        pytest.param('for t in ("a",):\n    pass\ndb.execute(t)', id="after the loop"),
        pytest.param(
            'for t in ("a",):\n    for t in ("b",):\n        pass\n    db.execute(t)',
            id="after an inner loop",
        ),
        pytest.param('for t, c in (("a",),):\n    db.execute(t)', id="too few to unpack"),
        pytest.param('for t, (c, d) in (("a", ("b", "c")),):\n    db.execute(t)', id="unpacked twice"),
        pytest.param('for t, t in (("a", "b"),):\n    db.execute(t)', id="unpacked into one name"),
        pytest.param('reversed = list\nfor t in reversed(("a",)):\n    db.execute(t)', id="another reversed"),
        pytest.param('for i, t in enumerate(("a",)):\n    db.execute(t)', id="numbered"),
    ],
)
def test_other_loops_are_not_followed(source):
    assert read(in_upgrade(source)) == SqlInFunction(dynamic=1)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        pytest.param('T = ["a", "b"]', ["a", "b"], id="a list that is only looped over"),
        pytest.param(
            'T = ["a", "b"]\ndef downgrade(db):\n    for t in reversed(T): db.execute(t)',
            ["a", "b"],
            id="twice",
        ),
        pytest.param('T = ("a", "b")\nprint(len(T))', ["a", "b"], id="a tuple cannot change"),
        pytest.param('T = ["a"]\nT.append("b")', [], id="a list that the module adds to"),
        pytest.param('T = ["a"]\ndef check(db):\n    T.append("b")', [], id="a list that check adds to"),
        pytest.param('T = ["a"]\ndef f(into=T):\n    into.append("b")', [], id="a list as a default"),
    ],
)
def test_loops_over_names_of_the_module(module, expected):
    assert texts(f"{module}\ndef upgrade(db):\n    for t in T:\n        db.execute(t)\n") == expected


def test_one_turn_that_cannot_be_told_leaves_the_others():
    source = in_upgrade('for t in ("a", make(), "b"):\n    db.execute(t)')

    assert texts(source) == ["a", "b"]
    assert read(source).dynamic == 1


def test_own_functions_are_entered_where_they_are_first_mentioned():
    source = """\
        def upgrade(db):
            db.execute("1")
            _second(db)
            db.execute(_third(db))
            _second(db)
            db.transform("t", fill)
            db.execute("6")

        def _third(db):
            db.execute("3")
            upgrade(db)

        def _second(db):
            db.execute("2")
            _third

        def _never(db):
            db.execute("never")

        async def fill(row):
            row.db.execute("5")
        """

    assert texts(source) == ["1", "2", "3", "5", "6"]
    assert read(source).dynamic == 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            """
            def upgrade(db):
                Tables(db).make()
            class Tables:
                def make(self):
                    self.db.execute("a")
            """,
            ["a"],
            id="a class",
        ),
        pytest.param(
            """
            def upgrade(db):
                for step in STEPS:
                    step(db)
            def one(db):
                db.execute("1")
            def two(db):
                db.execute("2")
            STEPS = [two, one]
            """,
            ["2", "1"],
            id="a table of functions",
        ),
        pytest.param('run = lambda db: db.execute("a")\ndef upgrade(db):\n    run(db)', ["a"], id="a lambda"),
        pytest.param(
            """
            def upgrade(db, other=None):
                def other():
                    db.execute("inner")
                other()
            def other():
                db.execute("outer")
            """,
            ["inner"],
            id="a name of its own is not the module's function",
        ),
        pytest.param(
            """
            try:
                from x import make
            except ImportError:
                def make(db):
                    db.execute("a")
            def upgrade(db):
                make(db)
            """,
            ["a"],
            id="a function under a condition",
        ),
        pytest.param('def upgrade(db):\n    return\n    db.execute("a")', ["a"], id="what is not reached is listed"),
        pytest.param(
            'def upgrade(db):\n    with db:\n        while db.scalar("a"):\n            db.execute("b")',
            ["a", "b"],
            id="with and while",
        ),
        pytest.param(
            'def upgrade(db):\n    try:\n        db.execute("a")\n    finally:\n        db.execute("b")',
            ["a", "b"],
            id="try",
        ),
        pytest.param(
            'def upgrade(db):\n    db.execute("b", [row for row in db.query("a")])',
            ["a", "b"],
            id="arguments are evaluated first",
        ),
        pytest.param(
            'def upgrade(db):\n    {k: db.execute("a") for k in db.query("b")}',
            ["b", "a"],
            id="dict comprehension",
        ),
        pytest.param(
            'db.execute("module")\ndef upgrade(db):\n    pass',
            [],
            id="what the module itself does is not upgrade's",
        ),
        pytest.param("upgrade = None", [], id="no function"),
        pytest.param("", [], id="an empty file"),
    ],
)
def test_where_sql_is_found(source, expected):
    assert texts(source) == expected


def test_transforms_are_told_by_table():
    source = in_upgrade("""
        db.transform("companies", f)
        db.transform(table="people", f=f)
        db.transform(db, f)
        for table in ("a", "b"):
            db.transform(table, f)
            db.transform("companies", g)
        db.transform()
        """)

    assert read(source).transforms == ("companies", "people", "?", "a", "companies", "b")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("db.execute(" + "+".join(['"a"'] * 1500) + ")", id="a sum of many"),
        pytest.param("db" + ".execute('a')" * 400, id="a chain of calls"),
        pytest.param("x = " + "-" * 1500 + "db.scalar('a')", id="many signs"),
        pytest.param("if db:\n    pass\n" + "elif db:\n    db.execute('a')\n" * 600, id="many elif"),
    ],
)
def test_deep_trees_are_read_like_flat_ones(body):
    result = read(in_upgrade(body))

    assert result.literals
    assert result.dynamic == 0


def test_functions_that_call_each_other_in_a_long_row_are_followed():
    source = "".join(f"def f{n}(db):\n    db.execute('{n}')\n    f{n + 1}(db)\n" for n in range(3000))

    assert texts(source + "def f3000(db):\n    f0(db)\n", "f0") == [str(n) for n in range(3000)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            'a0 = "x"\n' + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(60)) + "db.execute(a60)",
            id="doubling",
        ),
        pytest.param(
            "".join(f"{' ' * n}for t{n} in ('a', 'b', 'c', 'd'):\n" for n in range(15))
            + " " * 15
            + "db.execute(t0 + t14)",
            id="nested loops",
        ),
    ],
)
def test_what_multiplies_is_given_up_in_time(body):
    source = in_upgrade(body)

    started = time.perf_counter()
    result = read(source)
    took_s = time.perf_counter() - started

    assert result.dynamic == 1
    assert took_s < 5


# Whatever is told has to be what runs: programs of names, sums, f-strings and loops are run, and what they
# executed is compared.
EXPRESSIONS = st.recursive(
    st.sampled_from(['"a"', '"b c"', "x", "y", "z", "T0", "t", "u"]),
    lambda inner: st.one_of(
        st.builds("{} + {}".format, inner, inner),
        st.sampled_from(['f"{x}-{t}"', 'f"{T0}"', 'f"{y!r}"', "str(x)"]),
    ),
    max_leaves=4,
)
SEQUENCES = st.one_of(
    st.sampled_from(["L", "M", "reversed(L)", "reversed(M)", "()"]),
    st.lists(EXPRESSIONS, min_size=1, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
)
SIMPLE = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(["x", "y", "z", "T0"]), EXPRESSIONS),
    st.builds("db.execute({})".format, EXPRESSIONS),
    st.sampled_from(['M[:] = ["m1", "m2"]', 'x += "!"', "helper(db)", "global T0", "del y", "L = M"]),
)


def block(lines: list[str]) -> str:
    return indent("\n".join(lines) or "pass", "    ")


STATEMENTS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(
        "for {} in {}:\n{}".format,
        st.sampled_from(["t", "u", "x"]),
        SEQUENCES,
        st.lists(inner, min_size=1, max_size=3).map(block),
    ),
    max_leaves=6,
)
BODIES = st.lists(STATEMENTS, max_size=6).map(block)


class Recorder:
    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, sql: object) -> None:
        self.executed.append(str(sql))


@settings(deadline=None)
@given(top=st.lists(SIMPLE.filter(lambda line: "db" not in line), max_size=3), helper=BODIES, body=BODIES)
def test_what_is_told_is_what_runs(top, helper, body):
    source = (
        'L = ("l1", "l2")\nM = ["m1"]\nT0 = "top"\n'
        + "\n".join(
            f"try:\n    {line}\nexcept (NameError, SyntaxError):\n    pass" for line in top if "global" not in line
        )
        + f"\ndef helper(db):\n{helper}\ndef upgrade(db):\n{body}\n"
    )
    try:
        code = compile(source, "migration", "exec")
    except SyntaxError:  # such as global after use
        return
    result = read(source)

    recorder = Recorder()
    names: dict[str, object] = {}
    try:
        exec(code, names)
        names["upgrade"](recorder)
    except (NameError, TypeError, RecursionError):  # it ended early: what ran is a part of what is told
        complete = False
    else:
        complete = True

    told = {literal.sql for literal in result.literals}
    if not result.dynamic:
        assert set(recorder.executed) <= told
    if complete:
        assert told <= set(recorder.executed)
