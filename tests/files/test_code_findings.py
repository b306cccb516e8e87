"""How a migration's code is written: what is said about it, and above all when nothing is."""

from __future__ import annotations

import ast
import importlib
import sys
import time
from textwrap import dedent, indent

import pytest
from support import REPOSITORY

from nukeworks_migrate.databases.sqlite.statements import split_statements
from nukeworks_migrate.files.code_findings import code_findings
from nukeworks_migrate.model.findings import Finding, Severity


def findings(source: str, code: str, **options: bool) -> list[Finding]:
    found = code_findings(ast.parse(dedent(source)), "versions/0001_x.py", split_statements, **options)
    return [finding for finding in found if finding.code == code]


def in_upgrade(body: str) -> str:
    return "def upgrade(db):\n" + indent(dedent(body).strip("\n"), "    ") + "\ndef downgrade(db):\n    pass\n"


def put_in(source: str, severity: Severity = Severity.WARNING) -> list[str]:
    """What NWM201 names in the source, of this severity."""
    told = [finding for finding in findings(source, "NWM201") if finding.severity is severity]
    return [finding.message.partition(" is put into SQL as text")[0] for finding in told]


def test_a_finding_says_what_where_and_what_to_write_instead():
    source = in_upgrade("""
        for row in db.query("SELECT id, name FROM clients"):
            db.execute(
                f"UPDATE clients SET code = '{row['name'][:3]}' WHERE id = {row['id']}"
            )
        """)

    (finding,) = findings(source, "NWM201")

    message = "row['name'][:3] is put into SQL as text: pass values as ? or :name"
    assert finding == Finding("NWM201", Severity.WARNING, message, "versions/0001_x.py:3")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param('db.execute(f"DELETE FROM t WHERE a = {db.engine}")', "db.engine", id="f-string"),
        pytest.param('db.execute("DELETE FROM t WHERE a = %s" % db.x)', "db.x", id="percent"),
        pytest.param('db.execute("DELETE FROM %s WHERE a = %s" % ("t", db.x))', "db.x", id="percent of several"),
        pytest.param('db.execute("DELETE FROM t WHERE a = %(a)s" % db.x)', "db.x", id="percent of a mapping"),
        pytest.param('db.execute("DELETE FROM t WHERE a = {}".format(db.x))', "db.x", id="format"),
        pytest.param('db.execute("DELETE FROM t WHERE a = {a}".format(a=db.x))', "db.x", id="format by name"),
        pytest.param('db.execute("DELETE FROM t WHERE a = {a}".format_map(db.x))', "db.x", id="format_map"),
        pytest.param('db.execute("DELETE FROM t WHERE a = " + db.x)', "db.x", id="plus"),
        pytest.param('db.execute("DELETE FROM " + "t" + " WHERE a = " + db.x + ";")', "db.x", id="plus in a chain"),
        pytest.param('db.execute(" ".join(["DELETE", "FROM", db.x]))', "db.x", id="join of parts"),
        pytest.param('db.executemany(f"INSERT INTO {db.x} VALUES (?)", rows)', "db.x", id="executemany"),
        pytest.param('db.script(f"DROP TABLE {db.x}")', "db.x", id="script"),
        pytest.param('db.query(f"SELECT {db.x}")', "db.x", id="query"),
        pytest.param('db.scalar(sql=f"SELECT {db.x}")', "db.x", id="scalar, by keyword"),
        pytest.param('db.connection.execute(f"SELECT {db.x}")', "db.x", id="the connection"),
        pytest.param('c = db.connection.cursor()\nc.execute(f"SELECT {db.x}")', "db.x", id="a cursor"),
        pytest.param('with db.connection as c:\n    c.execute(f"SELECT {db.x}")', "db.x", id="a connection of with"),
        pytest.param(
            'db.transform("t", f, reads=[], writes=[], where=f"id > {db.x}")', "db.x", id="where of transform"
        ),
        pytest.param('sql = f"DROP TABLE {db.x}"\ndb.execute(sql)', "db.x", id="built before"),
        pytest.param('sql = "SELECT * FROM "\nsql += db.x\ndb.execute(sql)', "db.x", id="added to"),
        pytest.param('db.execute(f"DROP TABLE {db.x}".strip())', "db.x", id="stripped"),
        pytest.param('db.execute(f"DROP TABLE {db.x}" if db else "SELECT 1")', "db.x", id="one of two"),
        pytest.param('if sql := f"DROP TABLE {db.x}":\n    db.execute(sql)', "db.x", id="walrus"),
        pytest.param('db.execute(open("x.sql").read() + f"DROP TABLE {db.x}")', "db.x", id="the nearest part"),
        pytest.param('for sql in [f"DROP TABLE {t}" for t in db.x]:\n    db.execute(sql)', "t", id="a list of texts"),
        pytest.param(
            'all = []\nall.append(f"DROP TABLE {db.x}")\ndb.script(";".join(all))', "db.x", id="appended texts"
        ),
        pytest.param('def sql(t):\n    return f"DROP TABLE {t}"\ndb.execute(sql(db.x))', "t", id="by a function"),
        pytest.param('sql = lambda t: f"DROP TABLE {t}"\ndb.execute(sql(db.x))', "t", id="by a lambda"),
        pytest.param('names = []\nfor row in db.x:\n    names.append(row[0])\ndb.execute(f"SELECT {names}")', "names"),
        pytest.param("v = {}\nv[db.x] = 1\ndb.execute(f\"SELECT {', '.join(v)}\")", "', '.join(v)", id="unknown keys"),
        pytest.param('with open("x") as f:\n    t = f.read()\ndb.execute(f"DROP TABLE {t}")', "t", id="from a file"),
        pytest.param("import os\ndb.execute(f\"DROP TABLE {os.environ['T']}\")", "os.environ['T']", id="environment"),
        pytest.param('from app import TABLE\ndb.execute(f"DROP TABLE {TABLE}")', "TABLE", id="from elsewhere"),
        pytest.param('db.execute(f"DROP TABLE {TABLE}")', "TABLE", id="from nowhere"),
        pytest.param("db.execute(f\"SELECT '{db.x!r}'\")", "db.x", id="repr quotes nothing"),
        pytest.param('db.execute(f"SELECT {db.x:>9}")', "db.x", id="a format that takes texts"),
        pytest.param('db.execute("SELECT " + str(db.x) + " AS " + "a" * 80)', "str(db.x)", id="str"),
        pytest.param('db.execute(f"SELECT {db.' + "x" * 60 + '}")', "db." + "x" * 36 + "…", id="a long expression"),
    ],
)
def test_sql_that_is_built_from_data(body, expected):
    assert put_in(in_upgrade(body)) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute("DELETE FROM t WHERE a = ?", (f"x {db.x}",))', id="a parameter"),
        pytest.param('db.execute("DELETE FROM t WHERE a = :a", {"a": "x" + db.x})', id="a named parameter"),
        pytest.param('db.log(f"DELETE FROM t WHERE a = {db.x}")', id="no statement"),
        pytest.param('sql = f"DELETE FROM t WHERE a = {db.x}"', id="not run"),
        pytest.param('"""db.execute(f"DELETE FROM {db.x}")"""', id="a docstring"),
        pytest.param('# db.execute(f"DELETE FROM {db.x}")\npass', id="a comment"),
        pytest.param("db.execute('f\"DELETE FROM {db.x}\"')", id="a string"),
        pytest.param("db.execute(db.x)", id="handed on whole"),
        pytest.param("for row in db.query('SELECT sql FROM kept'):\n    db.execute(row['sql'])", id="a row's whole"),
        pytest.param('db.execute(db.scalar("SELECT sql FROM kept") + ";")', id="with a semicolon"),
        pytest.param('db.script(";\\n".join(sql for (sql,) in db.query("SELECT sql FROM kept")))', id="several wholes"),
        pytest.param('db.execute(f"{db.x}")', id="nothing but data: a whole"),
        pytest.param('db.script(open("x.sql").read())', id="a file"),
        pytest.param("from ._sql import CREATE\ndb.script(CREATE)", id="a helper's text"),
        pytest.param('from ._sql import PREFIX\ndb.execute(f"DROP TABLE {PREFIX}_t")', id="a helper's constant"),
        pytest.param('from . import _sql\ndb.execute(f"DROP TABLE {_sql.PREFIX}_t")', id="a constant of a helper"),
        pytest.param(
            'from ._sql import listed\ndb.execute(f"SELECT {listed([1])}")', id="a helper's function of these"
        ),
        pytest.param('db.execute("SELECT " "1")', id="literals side by side"),
        pytest.param('db.execute("SELECT " + "1" + f" {2} {\'x\'}")', id="literals put together"),
        pytest.param('t = "a"\ndb.execute(f"DROP TABLE {t}")', id="a name"),
        pytest.param('t = "a" if db.x else "b"\ndb.execute(f"DROP TABLE {t}")', id="one of two literals"),
        pytest.param('t = "a"\nif db.x:\n    t = "b"\ndb.execute(f"DROP TABLE {t}")', id="bound twice to literals"),
        pytest.param('for t in ("a", "b"):\n    db.execute(f"DROP TABLE {t}")', id="a loop over literals"),
        pytest.param('for t, c in [("a", "b")]:\n    db.execute(f"ALTER TABLE {t} ADD {c}")', id="pairs of literals"),
        pytest.param('for t, v in [("a", db.x)]:\n    db.execute(f"UPDATE {t} SET a = ?", (v,))', id="pairs with data"),
        pytest.param('for t, v in zip(["a"], db.x):\n    db.execute(f"UPDATE {t} SET a = ?", (v,))', id="zip"),
        pytest.param('for n, v in enumerate(db.x):\n    db.execute(f"UPDATE t{n} SET a = ?", (v,))', id="enumerate"),
        pytest.param('for t, v in {"a": db.x}.items():\n    db.execute(f"UPDATE {t} SET a = ?", (v,))', id="items"),
        pytest.param('for t in sorted({"a", "b"} - {"c"}):\n    db.execute(f"DROP TABLE {t}")', id="sets of literals"),
        pytest.param('[db.execute(f"DROP TABLE {t}") for t in ("a", "b")]', id="a comprehension over literals"),
        pytest.param('for t in map("t_{}".format, range(3)):\n    db.execute(f"DROP TABLE {t}")', id="map of format"),
        pytest.param(
            'for t in map(lambda n: n + "_x", ["a"]):\n    db.execute(f"DROP TABLE {t}")', id="map of a lambda"
        ),
        pytest.param('def f(t):\n    db.execute(f"DROP TABLE {t}")\nf("a")\nf(t="b")', id="a function's parameter"),
        pytest.param('def f(t="a"):\n    db.execute(f"DROP TABLE {t}")\nf()', id="its default"),
        pytest.param('def f(*t):\n    db.execute(f"DROP TABLE {t[0]}")\nf("a", "b")', id="its rest"),
        pytest.param(
            'def f(t):\n    return f"{t}_new"\ndb.execute(f"DROP TABLE {f(\'a\')}")', id="a function's result"
        ),
        pytest.param('def f():\n    nonlocal t\n    t = "b"\nt = "a"\ndb.execute(f"DROP TABLE {t}")', id="nonlocal"),
        pytest.param("db.execute(f\"SELECT 1 WHERE 1 IN ({', '.join('?' * len(db.x))})\", db.x)", id="marks"),
        pytest.param('db.execute("SELECT 1 WHERE 1 IN (%s)" % ",".join("?" for _ in db.x), db.x)', id="marks by loop"),
        pytest.param('db.execute("SELECT 1 WHERE 1 IN (" + ",".join(["?"] * len(db.x)) + ")")', id="marks of a list"),
        pytest.param('db.execute(f"SELECT 1 LIMIT {len(db.x)} OFFSET {int(db.y)}")', id="numbers"),
        pytest.param('db.execute(f"SELECT 1 LIMIT {db.x:d}")', id="formatted as a number"),
        pytest.param('db.execute("SELECT 1 LIMIT %d" % db.x)', id="percent d"),
        pytest.param('v = {"a": db.x}\ndb.execute(f"INSERT INTO t ({\', \'.join(v)}) VALUES (?)")', id="keys"),
        pytest.param(
            'v = {"a": db.x}\nv["b"] = db.y\nn = ", ".join(f"{k}=:{k}" for k in v)\ndb.execute(f"UPDATE t SET {n}", v)',
            id="keys in an UPDATE",
        ),
        pytest.param('v = {"a": db.x}\ndb.execute("SELECT " + ", ".join(sorted(v.keys())))', id="sorted keys"),
        pytest.param(
            'where, values = [], []\nif db.x:\n    where.append("a = ?")\n    values.append(db.x)\n'
            'db.query("SELECT 1 WHERE " + " AND ".join(where), values)',
            id="conditions that are collected",
        ),
        pytest.param(
            'a, b = ("x", ()) if db.x else (" y", (db.x,))\ndb.query(f"SELECT 1 {a}", b)', id="pairs of one of two"
        ),
        pytest.param('s = {"sqlite": "x"}\ndb.execute(f"CREATE TABLE t (a {s[db.engine]})")', id="picked by data"),
        pytest.param('from textwrap import dedent\nt = dedent("a")\ndb.execute(f"DROP TABLE {t}")', id="dedent"),
        pytest.param('db.resource("search").query(f"clients named {db.x}")', id="a resource"),
        pytest.param('s = db.resource("search")\ns.query(f"clients named {db.x}")', id="a resource with a name"),
        pytest.param('import search\nsearch.query(f"clients named {db.x}")', id="a module"),
        pytest.param('query(f"clients named {db.x}")', id="a plain function"),
        pytest.param("db.execute()", id="no argument"),
    ],
)
def test_sql_that_is_not_built_from_data(body):
    source = in_upgrade(body)

    assert findings(source, "NWM201") == []


@pytest.mark.parametrize(
    "module",
    [
        pytest.param('T = "a"', id="a constant"),
        pytest.param('P = "a"\nT = f"{P}_{1}"', id="a constant of constants"),
        pytest.param('A = ("a", "b")\n(T,) = [A[0]]', id="an element"),
        pytest.param('A = ("a",)\nT = ", ".join(["b", *A])', id="a constant in a list"),
        pytest.param('from enum import StrEnum\nclass C(StrEnum):\n    A = "a"\nT = C.A.value', id="an enum"),
        pytest.param('class C:\n    def __init__(self, n): self.n = n\nT = C("a").n', id="an object of a literal"),
    ],
)
def test_constants_of_the_module_are_no_data(module):
    source = f'{module}\ndef upgrade(db):\n    db.execute(f"DROP TABLE {{T}}")\n'

    assert findings(source, "NWM201") == []


def test_a_constant_that_is_read_from_a_file_is_data():
    source = 'T = open("x").read()\ndef upgrade(db):\n    db.execute(f"DROP TABLE {T}")\n'

    assert put_in(source) == ["T"]


def test_names_that_loops_take_from_starred_lists_of_constants_are_no_data():
    source = """\
        DATES = ("a", "b")
        COLUMNS = ("c", *DATES)

        def downgrade(db):
            for table, columns in (("t", COLUMNS), ("u", DATES)):
                for column in columns:
                    db.executemany(
                        f"UPDATE {table} SET {column} = :before WHERE {column} IS :after", kept(db, table, column)
                    )

        def kept(db, table, column):
            return db.query("SELECT * FROM kept WHERE t = ? AND c = ?", (table, column))
        """

    assert findings(source, "NWM201") == []


def test_a_function_that_others_may_call_too_gets_data():
    source = """\
        def upgrade(db):
            drop(db, "a")
            for_all(drop)

        def drop(db, table):
            db.execute(f"DROP TABLE {table}")
        """

    assert put_in(source) == ["table"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('db.execute(f"DROP TABLE {quoted(db.x)}")', id="by a function quoted"),
        pytest.param('db.execute("DROP TABLE " + names.quote_name(db.x))', id="by a method"),
        pytest.param('t = sql_identifier(db.x)\ndb.execute(f"DROP TABLE {t}")', id="before"),
        pytest.param("db.execute(f'SELECT {\", \".join(map(quoted, db.x))}')", id="each of several"),
        pytest.param("""db.execute('DROP TABLE "' + db.x.replace('"', '""') + '"')""", id="by doubling"),
        pytest.param("db.execute(f\"DROP TABLE {quoted(db.x)}_{'old'}\")", id="with a literal"),
    ],
)
def test_quoted_names_are_an_info(body):
    (finding,) = findings(in_upgrade(body), "NWM201")

    assert finding.severity is Severity.INFO
    assert finding.message.endswith(" is put into SQL as text: quoted is enough for a name, not for a value")


def test_a_quoted_literal_is_nothing_and_a_value_beside_a_quoted_name_is_a_warning():
    assert findings(in_upgrade("db.execute(f\"DROP TABLE {quoted('a')}\")"), "NWM201") == []
    assert put_in(in_upgrade('db.execute(f"UPDATE {quoted(db.x)} SET a = {db.y}")')) == ["db.y"]


def imported(source: str) -> list[str]:
    told = findings(source, "NWM202")
    return [f"{finding.line} {finding.message.partition(' is the application')[0]}" for finding in told]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An application, a package in a virtual environment inside of it, and nothing else on sys.path."""
    packages = tmp_path / "venv" / "lib" / "site-packages"
    for folder in (tmp_path / "app", packages / "installed", packages / "spread" / "part", tmp_path / "spread_here"):
        folder.mkdir(parents=True)
    for file in (tmp_path / "app" / "__init__.py", tmp_path / "models.py", packages / "installed" / "__init__.py"):
        file.write_text("raise AssertionError('imported')", encoding="utf-8")
    (packages / "single.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(packages)])
    importlib.invalidate_caches()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import app", ["1 app"], id="a package"),
        pytest.param("import app.models as m, os", ["1 app.models"], id="a module of it"),
        pytest.param("from app.models import Client", ["1 app.models"], id="from"),
        pytest.param("import models", ["1 models"], id="a module"),
        pytest.param("import not_there", ["1 not_there"], id="what cannot be found"),
        pytest.param("import spread_here", ["1 spread_here"], id="a folder without __init__.py"),
        pytest.param("def upgrade(db):\n    x = 1\n    from app import db", ["3 app"], id="in a function"),
        pytest.param(
            "try:\n    import app\nexcept ImportError:\n    import models", ["2 app", "4 models"], id="in a try"
        ),
        pytest.param("if TYPE_CHECKING:\n    pass\nelse:\n    import app", ["4 app"], id="else of TYPE_CHECKING"),
        pytest.param("if not TYPE_CHECKING:\n    import app", ["2 app"], id="not TYPE_CHECKING"),
    ],
)
@pytest.mark.usefixtures("places")
def test_application_code_that_is_imported(source, expected):
    assert imported(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import os, json.decoder, sqlite3", id="the standard library"),
        pytest.param("from __future__ import annotations", id="future"),
        pytest.param("from nukeworks_migrate import SKIP", id="this package"),
        pytest.param("from ._names import firm_key", id="a helper"),
        pytest.param("from . import _names", id="a helper as a module"),
        pytest.param("import installed, single", id="what is installed"),
        pytest.param("from spread.part import x", id="an installed folder without __init__.py"),
        pytest.param("if TYPE_CHECKING:\n    import app", id="for a type checker"),
        pytest.param("import typing\nif typing.TYPE_CHECKING:\n    from app import db", id="typing.TYPE_CHECKING"),
        pytest.param("if not TYPE_CHECKING:\n    pass\nelse:\n    import app", id="else of not TYPE_CHECKING"),
        pytest.param("# import app\n'import app'", id="a comment and a string"),
    ],
)
@pytest.mark.usefixtures("places")
def test_imports_that_are_no_application_code(source):
    assert imported(source) == []


def test_what_is_looked_for_is_not_imported(places):
    imported("import app, models, installed")

    assert {"app", "models", "installed"} & set(sys.modules) == set()


def differing(source: str, **options: bool) -> list[str]:
    told = findings(source, "NWM203", **options)
    return [f"{finding.line} {finding.message.partition(' has another')[0]}" for finding in told]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("from datetime import datetime", "datetime.now(UTC)", id="datetime.now"),
        pytest.param("from datetime import datetime as d", "d.utcnow().isoformat()", id="by another name"),
        pytest.param("import datetime", "f(datetime.datetime.today())", id="through the module"),
        pytest.param("import datetime as dt", "dt.date.today()", id="through the module, by another name"),
        pytest.param("import time", "int(time.time())", id="time.time"),
        pytest.param("from time import *\nfrom time import time", "time()", id="from time"),
        pytest.param("import time", 'time.strftime("%Y")', id="strftime of no time"),
        pytest.param("import random", "random.choice([1, 2])", id="random"),
        pytest.param("import random", "random.Random()", id="a generator without a seed"),
        pytest.param("from uuid import uuid4", "[str(uuid4()) for _ in db]", id="in a comprehension"),
        pytest.param("import uuid", "(lambda: uuid.uuid1())()", id="in a lambda"),
        pytest.param("import secrets", "secrets.token_hex(8)", id="secrets"),
        pytest.param("import os", "os.urandom(8)", id="urandom"),
        pytest.param("import uuid", 'db.transform("t", uuid.uuid4)', id="handed on"),
    ],
)
def test_values_that_differ_from_run_to_run(source, expected):
    module = f"{source}\ndef upgrade(db):\n    x = {expected}\n"

    (told,) = differing(module)

    assert told.split()[0] == str(source.count("\n") + 3)
    assert told.endswith("()")


def test_values_are_looked_for_where_upgrade_and_downgrade_go():
    source = """\
        import random, time, uuid
        STARTED = time.time()

        def upgrade(db):
            for row in db.query("SELECT 1"):
                fill(db, row)

        def downgrade(db):
            def inner():
                return random.random()
            db.create_function("x", 0, inner)

        def fill(db, row):
            db.execute("UPDATE t SET a = ?", (Key().made,))

        class Key:
            def __init__(self):
                self.made = str(uuid.uuid4())

        def check(db):
            return time.time() > 1

        def never_called():
            return uuid.uuid4()
        """

    assert differing(source) == ["2 time.time()", "10 random.random()", "18 uuid.uuid4()"]
    assert differing(source, is_helper=True) == [
        "2 time.time()",
        "10 random.random()",
        "18 uuid.uuid4()",
        "21 time.time()",
        "24 uuid.uuid4()",
    ]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from datetime import datetime\nx = datetime(2025, 1, 1)", id="a fixed time"),
        pytest.param("from datetime import datetime\nx = datetime.fromtimestamp(0)", id="of a timestamp"),
        pytest.param("import time\nx = time.strftime('%Y', (2025, 1, 1))", id="strftime of a time"),
        pytest.param("import time\nx = time.gmtime(0), time.perf_counter(), time.monotonic()", id="measured"),
        pytest.param("import time\ntime.sleep(1)", id="sleep"),
        pytest.param("import random\nx = random.Random(42).random()", id="with a seed"),
        pytest.param("import random\nrandom.seed(42)\nx = random.random()", id="seeded"),
        pytest.param("import uuid\nx = uuid.uuid5(uuid.NAMESPACE_DNS, 'x')", id="uuid5"),
        pytest.param("import secrets\nx = secrets.compare_digest('a', 'b')", id="compare"),
        pytest.param("from app import now, datetime\nx = now(), datetime.now()", id="of another module"),
        pytest.param("import time\ndef f(time):\n    return time.time()\nx = f(1)", id="another thing of that name"),
        pytest.param("x = 'datetime.now()'  # time.time()", id="a string and a comment"),
    ],
)
def test_values_that_are_the_same_in_every_run(source):
    assert differing(source) == []


def test_values_in_sql_are_found_in_scripts_and_not_in_definitions():
    source = '''\
        def upgrade(db):
            db.script("""
                CREATE TABLE t (a TEXT DEFAULT CURRENT_TIMESTAMP);
                -- INSERT INTO t VALUES (random())
                INSERT INTO t VALUES ('random()');
                INSERT INTO t VALUES (datetime('now'));
            """)
            db.execute("SELECT CURRENT_TIMESTAMP")

        def downgrade(db):
            db.execute("UPDATE t SET a = random()")

        def verify(db):
            db.execute("UPDATE t SET a = random()")
        '''

    assert differing(source) == ["2 datetime('now')", "11 random()"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("\ndef upgrade(db):\n    pass\n", ["versions/0001_x.py:2"], id="none"),
        pytest.param("def upgrade(db):\n    def downgrade(db): pass\n", ["versions/0001_x.py:1"], id="one inside"),
        pytest.param("def upgrade(db): pass\n# def downgrade(db): pass\n", ["versions/0001_x.py:1"], id="a comment"),
        pytest.param("", ["versions/0001_x.py"], id="an empty file"),
        pytest.param("def upgrade(db): pass\ndef downgrade(db): pass\n", [], id="there is one"),
    ],
)
def test_a_downgrade_that_is_not_there(source, expected):
    assert [finding.where for finding in findings(source, "NWM305")] == expected
    assert findings(source, "NWM305", is_helper=True) == []


def test_this_repository_has_nothing_to_find():
    told = [
        finding
        for path in sorted((REPOSITORY / "versions").glob("*.py"))
        for finding in code_findings(
            ast.parse(path.read_text(encoding="utf-8")), path.name, split_statements, is_helper=path.name[0] == "_"
        )
    ]

    assert told == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("def upgrade(db):\n    db.execute(" + "+".join(["'a b'"] * 900) + "+db.x)\n", 2, id="a long sum"),
        pytest.param(
            "def upgrade(db):\n    s = 'x'\n" + "    s += f' {db.x}'\n" * 3000 + "    db.execute(s)\n",
            3003,
            id="a text that grows",
        ),
        pytest.param(
            "def upgrade(db):\n" + "    for t in T: db.execute(f'DROP TABLE {t}')\n" * 2000 + "T = ['a', 'b']\n",
            0,
            id="one name for everything",
        ),
        pytest.param(
            "T = [" + "('a', 1)," * 50_000 + "]\ndef upgrade(db):\n    for t, n in T: db.execute(f'DROP TABLE {t}')\n",
            0,
            id="a long list",
        ),
    ],
)
def test_large_files_take_no_minutes(source, line):
    started = time.perf_counter()
    found = findings(source, "NWM201")
    took_s = time.perf_counter() - started

    assert [finding.line for finding in found] == ([line] if line else [])
    assert took_s < 10  # measured: 1.5 s at most
