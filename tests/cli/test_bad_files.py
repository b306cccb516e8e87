"""Every file that is no migration, and every header that cannot be read, is named, with line and remedy."""

import os

import pytest
from cli.screens import screen
from support import footprint

UPGRADE = "def upgrade(db):\n    pass\n"
NAME = "its name is not digits, underscore, lower-case words"
NUMBER_FIRST = "rename it, number first: 0001_what_it_does.py; a helper begins with _"
WRITE_NAMES = 'write the names themselves: depends_on = ["0001_first"]'
ONCE = "write depends_on = … once, at the top level, as a literal"
PLAIN = "depends_on is not a plain literal"
ONE_ARGUMENT = "does not take exactly one argument, db"
HELPERS = "helpers are files of this folder whose names begin with _: from ._names import …"


def bad(name, text, line, what, remedy, *, id):
    return pytest.param(name, text, [(f"versions/{name}", line, what, remedy)], id=id)


NAMES = [
    bad("10-foo.py", UPGRADE, 0, NAME, "rename it: 10_foo.py", id="a hyphen"),
    bad("foo.py", UPGRADE, 0, NAME, NUMBER_FIRST, id="no number"),
    bad("Foo.PY", UPGRADE, 0, NAME, NUMBER_FIRST, id="no number, in capitals"),
    bad("0003_Foo.py", UPGRADE, 0, NAME, "rename it: 0003_foo.py", id="a capital"),
    bad("0003_foo.PY", UPGRADE, 0, NAME, "rename it: 0003_foo.py", id="an ending in capitals"),
    bad("0003_.py", UPGRADE, 0, NAME, NUMBER_FIRST, id="a number alone"),
    bad("0003_café.py", UPGRADE, 0, NAME, "rename it: 0003_cafe.py", id="a letter with an accent"),
    bad("٣_three.py", UPGRADE, 0, NAME, NUMBER_FIRST, id="digits of another script"),
    bad("0003 foo.py", UPGRADE, 0, NAME, "rename it: 0003_foo.py", id="a space"),
    bad("conftest.py", "", 0, NAME, NUMBER_FIRST, id="a Python file of somebody else's"),
    bad(
        "0018_x.sql",
        "SELECT 1;",
        0,
        "is SQL, which is not run",
        'put it into a Python migration: db.script("""…""")',
        id="SQL",
    ),
    bad(
        "0018_x.py.orig",
        UPGRADE,
        0,
        "looks like a migration, and is none",
        "rename it so that it ends in .py, or move it away",
        id="left over from a merge",
    ),
    bad(
        "9223372036854775808_too_high.py",
        UPGRADE,
        0,
        "the version is above 9223372036854775807",
        "give it a smaller number",
        id="a version above 63 bits",
    ),
    bad(
        "9" * 100 + "_too_high.py",
        UPGRADE,
        0,
        "the version is above 9223372036854775807",
        "give it a smaller number",
        id="a version far above 63 bits",
    ),
    bad(
        "001_again.py",
        UPGRADE,
        0,
        "version 1 is taken twice: 0001_first and 001_again",
        "give one of them another number",
        id="a version taken twice",
    ),
]
TEXTS = [
    bad("0002_x.py", b"# caf\xe9\n", 0, "is not UTF-8 (byte 5)", "save it as UTF-8", id="not UTF-8"),
    bad(
        "0002_x.py",
        "\ndef upgrade(db:\n",
        2,
        "syntax error: '(' was never closed",
        "correct it",
        id="a syntax error",
    ),
    bad(
        "0002_x.py",
        UPGRADE + "return\n",
        3,
        "syntax error: 'return' outside function",
        "correct it",
        id="a syntax error that only the compiler sees",
    ),
    bad(
        "0002_x.py",
        "def upgrade(db):\n    await db\n",
        2,
        "syntax error: 'await' outside async function",
        "correct it",
        id="await in a plain function",
    ),
]
HEADERS = [
    bad(
        "0002_x.py",
        f'depends_on = ["0001" + "_first"]\n{UPGRADE}',
        1,
        "depends_on is not a literal",
        WRITE_NAMES,
        id="depends_on is computed",
    ),
    bad(
        "0002_x.py",
        f'NAMES = ["0001_first"]\n\ndepends_on = NAMES\n{UPGRADE}',
        3,
        "depends_on is not a literal",
        WRITE_NAMES,
        id="depends_on is another name",
    ),
    bad(
        "0002_x.py",
        f'if True:\n    depends_on = ["0001_first"]\n{UPGRADE}',
        2,
        PLAIN,
        ONCE,
        id="depends_on in an if",
    ),
    bad(
        "0002_x.py",
        f'try:\n    depends_on = ["0001_first"]\nfinally:\n    pass\n{UPGRADE}',
        2,
        PLAIN,
        ONCE,
        id="depends_on in a try",
    ),
    bad(
        "0002_x.py",
        f'depends_on = []\ndepends_on += ["0001_first"]\n{UPGRADE}',
        2,
        PLAIN,
        ONCE,
        id="depends_on with +=",
    ),
    bad(
        "0002_x.py",
        f'depends_on, more = ["0001_first"], 1\n{UPGRADE}',
        1,
        PLAIN,
        ONCE,
        id="depends_on unpacked",
    ),
    bad(
        "0002_x.py",
        f'(depends_on := ["0001_first"])\n{UPGRADE}',
        1,
        PLAIN,
        ONCE,
        id="depends_on with a walrus",
    ),
    bad("0002_x.py", f"for depends_on in [[]]:\n    pass\n{UPGRADE}", 1, PLAIN, ONCE, id="depends_on in a loop"),
    bad("0002_x.py", f"from os import sep as depends_on\n{UPGRADE}", 1, PLAIN, ONCE, id="depends_on imported"),
    bad(
        "0002_x.py",
        f'depends_on = ["0001_first"]\n{UPGRADE}depends_on = []\n',
        4,
        "depends_on stands twice, also in line 1",
        "keep one of them",
        id="depends_on twice",
    ),
    bad(
        "0002_x.py",
        f'depends_on = "0001_first"\n{UPGRADE}',
        1,
        "depends_on is not a list of strings",
        WRITE_NAMES,
        id="depends_on is a string",
    ),
    bad(
        "0002_x.py",
        f"depends_on = [1]\n{UPGRADE}",
        1,
        "depends_on is not a list of strings",
        WRITE_NAMES,
        id="depends_on holds a number",
    ),
    bad(
        "0002_x.py",
        f"depends_on = None\n{UPGRADE}",
        1,
        "depends_on is not a list of strings",
        WRITE_NAMES,
        id="depends_on is None",
    ),
    bad(
        "0002_x.py",
        f'transaction = "nope"\n{UPGRADE}',
        1,
        "transaction is 'nope'",
        'write transaction = "single" or "none"',
        id="an unknown transaction",
    ),
    bad(
        "0002_x.py",
        f"transaction = None\n{UPGRADE}",
        1,
        "transaction is None",
        'write transaction = "single" or "none"',
        id="transaction is None",
    ),
    bad(
        "0002_x.py",
        f'resources = "key"\n{UPGRADE}',
        1,
        "resources is not a list of strings",
        'write the names themselves: resources = ["confidential_key"]',
        id="resources is a string",
    ),
]
DEPENDENCIES = [
    bad(
        "0002_x.py",
        f'\ndepends_on = ["0001_frist"]\n{UPGRADE}',
        2,
        "0002_x depends on '0001_frist', and there is no such migration",
        "did you mean '0001_first'?",
        id="a dependency with a typo",
    ),
    bad(
        "0002_x.py",
        f'depends_on = ["99"]\n{UPGRADE}',
        1,
        "0002_x depends on '99', and there is no such migration",
        "correct the name, or add the file",
        id="a dependency on a number that is not there",
    ),
    bad(
        "0002_x.py",
        f'depends_on = ["0001"]\n{UPGRADE}'.replace("0001", "0001_fir"),
        1,
        "0002_x depends on '0001_fir', and there is no such migration",
        "did you mean '0001_first'?",
        id="a dependency by the beginning of a name",
    ),
    bad(
        "0002_x.py",
        f'depends_on = ["0002_x"]\n{UPGRADE}',
        1,
        "0002_x depends on itself",
        "take it out of depends_on",
        id="a dependency on itself",
    ),
    bad(
        "0002_x.py",
        f'depends_on = ["2"]\n{UPGRADE}',
        1,
        "0002_x depends on itself",
        "take it out of depends_on",
        id="a dependency on itself by number",
    ),
]
FUNCTIONS = [
    bad("0002_x.py", "x = 1\n", 0, "there is no upgrade(db) in it", "add: def upgrade(db): …", id="no upgrade"),
    bad("0002_x.py", "", 0, "there is no upgrade(db) in it", "add: def upgrade(db): …", id="an empty file"),
    bad(
        "0002_x.py",
        "class Migration:\n    def upgrade(self, db):\n        pass\n",
        0,
        "there is no upgrade(db) in it",
        "add: def upgrade(db): …",
        id="upgrade is a method",
    ),
    *(
        bad(
            "0002_x.py",
            f"\ndef upgrade({arguments}):\n    pass\n",
            2,
            f"upgrade {ONE_ARGUMENT}",
            "write def upgrade(db): …",
            id=f"upgrade takes {words}",
        )
        for arguments, words in (("", "nothing"), ("db, more", "two"), ("*, db", "a keyword"), ("db, *, x", "two ways"))
    ),
    bad(
        "0002_x.py",
        f"{UPGRADE}\ndef downgrade():\n    pass\n",
        4,
        f"downgrade {ONE_ARGUMENT}",
        "write def downgrade(db): …",
        id="downgrade takes nothing",
    ),
    bad(
        "0002_x.py",
        "async def upgrade(db):\n    pass\n",
        1,
        "upgrade is a coroutine and would never run",
        "write def upgrade(db): …",
        id="a coroutine",
    ),
    bad(
        "0002_x.py",
        "def upgrade(db):\n    if False:\n        yield\n",
        1,
        "upgrade is a generator and would never run",
        "take the yield out of upgrade",
        id="a generator",
    ),
    bad(
        "0002_x.py",
        f"{UPGRADE}\n{UPGRADE}",
        4,
        "upgrade is defined twice, also in line 1",
        "keep one",
        id="upgrade twice",
    ),
    bad(
        "0002_x.py",
        "upgrade = lambda db: None\n",
        1,
        "upgrade is not a plain function",
        "write def upgrade(db): … once, at the top level",
        id="upgrade is bound",
    ),
    bad(
        "0002_x.py",
        f"{UPGRADE}downgrade = upgrade\n",
        3,
        "downgrade is not a plain function",
        "write def downgrade(db): … once, at the top level",
        id="downgrade is bound",
    ),
    bad(
        "0002_x.py",
        "from os import remove as upgrade\n",
        1,
        "upgrade is not a plain function",
        "write def upgrade(db): … once, at the top level",
        id="upgrade is imported",
    ),
    bad(
        "0002_x.py",
        "if True:\n    def upgrade(db):\n        pass\n",
        2,
        "upgrade is not a plain function",
        "write def upgrade(db): … once, at the top level",
        id="upgrade in an if",
    ),
]
IMPORTS = [
    bad(
        "0002_x.py",
        f"from ._names import FIRST\n{UPGRADE}",
        1,
        "imports ._names, and there is no _names.py",
        "add the helper, or correct its name",
        id="a helper that is not there",
    ),
    bad(
        "0002_x.py",
        f"{UPGRADE}    from . import _names\n",
        3,
        "imports ._names, and there is no _names.py",
        "add the helper, or correct its name",
        id="a helper that is not there, imported inside",
    ),
    bad(
        "_names.py",
        "from ._more import x\n",
        1,
        "imports ._more, and there is no _more.py",
        "add the helper, or correct its name",
        id="a helper's helper that is not there",
    ),
    bad(
        "0002_x.py",
        f"from .first import upgrade_clients\n{UPGRADE}",
        1,
        "imports .first, which is no helper",
        HELPERS,
        id="another migration imported",
    ),
    bad(
        "0002_x.py",
        f"from .. import app\n{UPGRADE}",
        1,
        "imports ..app, which is no helper",
        HELPERS,
        id="the application imported relatively",
    ),
]
ALL = [*NAMES, *TEXTS, *HEADERS, *DEPENDENCIES, *FUNCTIONS, *IMPORTS]


def put(folder, name, text):
    """Write a file of versions/ whose name or bytes need not be sound."""
    path = folder.versions / name
    try:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        pytest.skip(f"this file system takes no file of that name: {error}")


def problems_in(answer):
    return [(p["path"], p["line"], p["what"], p["remedy"]) for p in answer.error["problems"]]


@pytest.mark.parametrize(("name", "text", "problems"), ALL)
def test_a_bad_file_is_named_with_its_line_and_a_remedy_before_any_database_is_made(
    folder, migrate, name, text, problems
):
    folder.add("0001_first")
    put(folder, name, text)
    before = footprint(folder.path)

    answer = migrate("up", "--yes", "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "files-refused"
    assert problems_in(answer) == problems
    assert footprint(folder.path) == before


def test_null_bytes_are_no_source(folder, migrate):
    put(folder, "0001_x.py", UPGRADE + "\0")

    answer = migrate("check", "--json")

    assert answer.exit_code == 3
    assert [problem["path"] for problem in answer.error["problems"]] == ["versions/0001_x.py"]
    assert "null bytes" in answer.error["problems"][0]["what"]


def test_an_expression_that_is_nested_too_deeply_is_a_problem_and_no_crash(folder, migrate):
    put(folder, "0001_x.py", UPGRADE + "x = " + "(" * 5000 + ")" * 5000 + "\n")

    answer = migrate("check", "--json")

    assert answer.exit_code == 3
    assert [problem["path"] for problem in answer.error["problems"]] == ["versions/0001_x.py"]


def test_a_folder_named_like_a_migration_is_none(folder, migrate):
    (folder.versions / "0002_more.py").mkdir()

    answer = migrate("check", "--json")

    assert answer.exit_code == 3
    assert problems_in(answer) == [
        ("versions/0002_more.py", 0, "is a folder, not a file", "a migration is one file; rename the folder")
    ]


def test_a_link_that_leads_nowhere_is_a_problem(folder, migrate):
    (folder.versions / "0002_gone.py").symlink_to("nowhere.py")

    answer = migrate("check", "--json")

    assert answer.exit_code == 3
    assert [(p["path"], p["what"]) for p in answer.error["problems"]] == [
        ("versions/0002_gone.py", f"cannot be read: {os.strerror(2)}")
    ]


def test_a_file_without_leave_to_read_it_is_a_problem(folder, powerless):
    folder.add("0001_secret").chmod(0)

    answer = powerless("check", "--json")

    assert answer.exit_code == 3
    assert problems_in(answer) == [
        ("versions/0001_secret.py", 0, f"cannot be read: {os.strerror(13)}", "make it readable")
    ]


@pytest.mark.parametrize(
    "name", ["README.md", ".gitkeep", ".0001_hidden.py", "_names.py", "notes.txt", "Makefile"], ids=lambda name: name
)
def test_what_does_not_look_like_a_migration_stands_in_nobodys_way(folder, migrate, name):
    folder.add("0001_first")
    put(folder, name, "")

    answer = migrate("check", "--json")

    assert answer.exit_code == 7
    assert answer.object["pending"] == ["0001_first"]


@pytest.mark.parametrize(
    ("edges", "what"),
    [
        pytest.param("12 21", "0001_m → 0002_m → 0001_m", id="two"),
        pytest.param("13 21 32", "0001_m → 0003_m → 0002_m → 0001_m", id="three, the way of the arrows"),
        pytest.param("12 23 34 42", "0002_m → 0003_m → 0004_m → 0002_m", id="three, with one that leads there"),
    ],
)
def test_a_cycle_is_shown_by_its_path(folder, migrate, edges, what):
    """Each pair of digits is a migration and what it depends on."""
    for migration, dependency in edges.split() if " " in edges else [edges]:
        folder.add(f"000{migration}_m", depends_on=f"000{dependency}_m")
    first = what[:6]

    answer = migrate("plan", "--json")

    assert answer.exit_code == 3
    assert problems_in(answer) == [
        (f"versions/{first}.py", 3, f"a cycle of dependencies: {what}", "take one of these dependencies out")
    ]


def test_two_cycles_are_both_shown(folder, migrate):
    for migration, dependency in ("12", "21", "34", "43"):
        folder.add(f"000{migration}_m", depends_on=f"000{dependency}_m")

    answer = migrate("plan", "--json")

    assert [problem["what"] for problem in answer.error["problems"]] == [
        "a cycle of dependencies: 0001_m → 0002_m → 0001_m",
        "a cycle of dependencies: 0003_m → 0004_m → 0003_m",
    ]


def test_all_problems_are_collected_and_shown_in_order_of_file_and_line(folder, migrate):
    folder.add("0001_first")
    put(folder, "10-foo.py", UPGRADE)
    put(folder, "0002_second.py", f'depends_on = ["0001_frist"]\ntransaction = "nope"\n{UPGRADE}')
    put(folder, "0003_third.py", "def upgrade():\n    pass\n\ndef downgrade(db:\n")

    answer = migrate("up", "--yes")

    assert answer.exit_code == 3
    assert answer.out == ""
    assert answer.aside == screen(
        """
        error: 4 problems in versions   [files-refused]
          versions/0002_second.py:1
              0002_second depends on '0001_frist', and there is no such migration
              did you mean '0001_first'?
          versions/0002_second.py:2
              transaction is 'nope'
              write transaction = "single" or "none"
          versions/0003_third.py:4
              syntax error: '(' was never closed
              correct it
          versions/10-foo.py
              its name is not digits, underscore, lower-case words
              rename it: 10_foo.py
          unchanged  nothing was run; no database was opened
          next       correct the files, then: migrate plan
        """
    )


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "check",
        "plan",
        "history 1",
        "up --yes",
        "down --to base --yes",
        "resume",
        "stamp head --yes",
        "accept 1 --reason x",
        "new more",
    ],
)
def test_every_command_that_reads_the_files_refuses_them_alike(folder, migrate, words):
    folder.add("0001_first")
    migrate("up", "--yes")
    put(folder, "foo.py", UPGRADE)
    before = footprint(folder.path)

    answer = migrate(*words.split(), "--json")

    assert answer.exit_code == 3
    assert answer.error["code"] == "files-refused"
    assert answer.error["exit_code"] == 3
    assert footprint(folder.path) == before


def test_a_bad_file_is_still_bad_when_the_others_are_in_the_index(folder, migrate):
    folder.add("0001_first")
    migrate("status")
    put(folder, "0002_x.py", "x = 1\n")

    answers = [migrate("check", "--json") for _ in range(3)]

    assert [answer.exit_code for answer in answers] == [3, 3, 3]
    assert answers[0].out == answers[1].out == answers[2].out


def test_a_file_that_fails_while_it_is_imported_is_refused_before_anything_runs(folder, migrate):
    folder.add_table("0001_first", "first")
    folder.write("0002_import.py", f"import no_such_package\n{UPGRADE}")

    answer = migrate("up", "--yes")

    assert answer.exit_code == 3
    assert not folder.database.exists()
    assert answer.out == ""
    assert answer.aside == screen(
        """
        database  app.sqlite, a new file
        error: 0002_import cannot be imported   [module-not-loaded]
          where      versions/0002_import.py:1
          cause      ModuleNotFoundError: No module named 'no_such_package'
          unchanged  nothing was run; database and ledger are as they were
          next       correct the file, then: migrate up
        """
    )


def test_a_missing_folder_of_migrations_says_how_to_begin(tmp_path, monkeypatch, migrate):
    monkeypatch.chdir(tmp_path)
    before = footprint(tmp_path)

    answer = migrate("status")

    assert answer.exit_code == 3
    assert answer.aside == screen(
        """
        error: the folder of migrations cannot be read: versions   [refused]
          cause      No such file or directory
          unchanged  nothing was run; no database was opened
          next       say where it is with --versions, or make the first migration: migrate new "first"
        """
    )
    assert footprint(tmp_path) == before


def test_a_file_where_the_folder_of_migrations_should_be_is_refused(folder, migrate):
    (folder.path / "notes").write_text("")

    answer = migrate("status", "--versions", "notes", "--json")

    assert answer.exit_code == 3
    assert answer.error["cause"] == os.strerror(20)
