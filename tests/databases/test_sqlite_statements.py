"""Scripts are cut into statements where SQLite itself would cut them."""

from __future__ import annotations

import sqlite3
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukeworks_migrate.databases.sqlite.statements import split_statements

TRIGGER = """\
CREATE TRIGGER keep AFTER UPDATE ON notes BEGIN
  INSERT INTO log VALUES (CASE new.text WHEN ';' THEN 'END;' ELSE new.text END);
  DELETE FROM log WHERE text IS NULL; -- END;
END"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \n\t;; ;\n", [], id="only white space and semicolons"),
        pytest.param("SELECT 1", ["SELECT 1"], id="a last statement without semicolon"),
        pytest.param("SELECT 1;", ["SELECT 1"], id="a last statement with semicolon"),
        pytest.param("\n SELECT 1 ;\r\n\fSELECT 2\t;", ["SELECT 1", "SELECT 2"], id="white space around is left out"),
        pytest.param("\vSELECT 1\v;", ["\vSELECT 1\v"], id="a vertical tab after a word is refused, and stays"),
        pytest.param(" \vSELECT 1; \v", ["SELECT 1"], id="a vertical tab after white space is white space"),
        pytest.param("SELECT a\u00a0;", ["SELECT a\u00a0"], id="a no-break space is a letter"),
    ],
)
def test_simple_scripts(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("SELECT 'a;b'; SELECT 2", ["SELECT 'a;b'", "SELECT 2"], id="semicolon in a string"),
        pytest.param("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"], id="doubled quote"),
        pytest.param("SELECT ''; SELECT ''';'", ["SELECT ''", "SELECT ''';'"], id="empty string, quote at an end"),
        pytest.param(r"SELECT 'C:\'; SELECT 2", [r"SELECT 'C:\'", "SELECT 2"], id="a backslash escapes nothing"),
        pytest.param("SELECT '--'; SELECT '/*'", ["SELECT '--'", "SELECT '/*'"], id="comments in strings"),
        pytest.param("SELECT x'3b';SELECT 2", ["SELECT x'3b'", "SELECT 2"], id="blob"),
        pytest.param('SELECT "a;""b"; SELECT 2', ['SELECT "a;""b"', "SELECT 2"], id="double quotes"),
        pytest.param("SELECT `a;``b`; SELECT 2", ["SELECT `a;``b`", "SELECT 2"], id="backticks"),
        pytest.param("SELECT [a;'b]; SELECT 2", ["SELECT [a;'b]", "SELECT 2"], id="brackets"),
        pytest.param("SELECT 'a\n;\nb'", ["SELECT 'a\n;\nb'"], id="string over several lines"),
        pytest.param("SELECT 1; SELECT 'a; b;", ["SELECT 1", "SELECT 'a; b;"], id="string without an end"),
        pytest.param("SELECT 1; SELECT [a; b;", ["SELECT 1", "SELECT [a; b;"], id="bracket without an end"),
    ],
)
def test_quoted_text_is_not_looked_into(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("SELECT 1 -- a; b\n; SELECT 2", ["SELECT 1 -- a; b", "SELECT 2"], id="line comment"),
        pytest.param("SELECT 1 /* a;' */; SELECT 2", ["SELECT 1 /* a;' */", "SELECT 2"], id="block comment"),
        pytest.param("-- first\nSELECT 1;", ["-- first\nSELECT 1"], id="a comment stays before its statement"),
        pytest.param("SELECT 1; -- one\nSELECT 2", ["SELECT 1", "-- one\nSELECT 2"], id="or comes to stand before one"),
        pytest.param("SELECT 1; -- the; end", ["SELECT 1"], id="a tail of line comment is dropped"),
        pytest.param("SELECT 1; /* the; */ -- end\n ", ["SELECT 1"], id="a tail of several comments is dropped"),
        pytest.param("SELECT 1; /* the; end", ["SELECT 1"], id="a tail of comment without an end is dropped"),
        pytest.param("SELECT 1 /* the; end", ["SELECT 1 /* the; end"], id="a comment without an end in a statement"),
        pytest.param("SELECT 1 /* ", ["SELECT 1 /* "], id="its white space is what makes it one"),
        pytest.param("SELECT 1; /* nothing */; -- no\n;", ["SELECT 1"], id="comments between semicolons are dropped"),
        pytest.param("/**/ SELECT 1 /*/ ; */;", ["/**/ SELECT 1 /*/ ; */"], id="/*/ opens and does not close"),
        pytest.param("SELECT 1; /*", ["SELECT 1", "/*"], id="a bare /* at the end is none, and SQLite refuses it"),
        pytest.param("SELECT 1-1; SELECT 4/2", ["SELECT 1-1", "SELECT 4/2"], id="minus and division"),
        pytest.param("SELECT 1 --a\rSELECT;\n;", ["SELECT 1 --a\rSELECT;"], id="only a line feed ends a line"),
    ],
)
def test_comments(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(f"{TRIGGER}; SELECT 2", [TRIGGER, "SELECT 2"], id="trigger with CASE … END"),
        pytest.param(TRIGGER, [TRIGGER], id="trigger as the last statement, no semicolon"),
        pytest.param(f"{TRIGGER} -- done\n;SELECT 2", [f"{TRIGGER} -- done", "SELECT 2"], id="comment after END"),
        pytest.param(f"{TRIGGER};\n{TRIGGER};", [TRIGGER, TRIGGER], id="two triggers"),
        pytest.param(TRIGGER.lower() + ";select 2", [TRIGGER.lower(), "select 2"], id="lower case"),
        pytest.param(
            "CREATE TEMP TRIGGER a BEGIN SELECT 1; END; SELECT 2",
            ["CREATE TEMP TRIGGER a BEGIN SELECT 1; END", "SELECT 2"],
            id="temp trigger",
        ),
        pytest.param(
            "CREATE TEMPORARY TRIGGER IF NOT EXISTS a BEGIN SELECT 1; END; SELECT 2",
            ["CREATE TEMPORARY TRIGGER IF NOT EXISTS a BEGIN SELECT 1; END", "SELECT 2"],
            id="temporary trigger if not exists",
        ),
        pytest.param(
            "/* ; */ CREATE -- ;\n TRIGGER a BEGIN SELECT 1;/**/END/**/; SELECT 2",
            ["/* ; */ CREATE -- ;\n TRIGGER a BEGIN SELECT 1;/**/END/**/", "SELECT 2"],
            id="comments between its words",
        ),
        pytest.param(
            "EXPLAIN CREATE TRIGGER a BEGIN SELECT 1; END; SELECT 2",
            ["EXPLAIN CREATE TRIGGER a BEGIN SELECT 1; END", "SELECT 2"],
            id="explain of a trigger",
        ),
        pytest.param(
            "CREATE \vTRIGGER a BEGIN SELECT 1; \vEND; SELECT 2",
            ["CREATE \vTRIGGER a BEGIN SELECT 1; \vEND", "SELECT 2"],
            id="vertical tabs after white space",
        ),
        pytest.param("EXPLAIN SELECT 1; SELECT 2", ["EXPLAIN SELECT 1", "SELECT 2"], id="explain"),
        pytest.param(
            "CREATE TRIGGER a BEGIN SELECT 1; SELECT 2;",
            ["CREATE TRIGGER a BEGIN SELECT 1; SELECT 2;"],
            id="trigger without an end",
        ),
        pytest.param("BEGIN; SELECT 1; END; SELECT 2", ["BEGIN", "SELECT 1", "END", "SELECT 2"], id="a transaction"),
        pytest.param(
            "CREATE TABLE trigger (a); CREATE TEMP TABLE b (a)",
            ["CREATE TABLE trigger (a)", "CREATE TEMP TABLE b (a)"],
            id="a table called trigger",
        ),
        pytest.param(
            "DROP TRIGGER a; CREATE TABLE b (trigger)",
            ["DROP TRIGGER a", "CREATE TABLE b (trigger)"],
            id="drop trigger, a column called trigger",
        ),
    ],
)
def test_triggers_end_at_their_own_end(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("\ufeffSELECT 1;", ["SELECT 1"], id="at the beginning"),
        pytest.param("SELECT 1;\ufeff\n;\ufeff", ["SELECT 1"], id="as a tail"),
        pytest.param(
            "SELECT 1;\ufeffCREATE TRIGGER a BEGIN SELECT 1; END;",
            ["SELECT 1", "CREATE TRIGGER a BEGIN SELECT 1; END"],
            id="between joined files, before a trigger",
        ),
        pytest.param("SELECT '\ufeff', a\ufeff;", ["SELECT '\ufeff', a\ufeff"], id="in a string, and in a name"),
    ],
)
def test_byte_order_marks_are_white_space_between_words(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize("script", ["SELECT 1;\n\0 DROP TABLE t", "-- a\n-- \0", "SELECT '\n\0'"])
def test_a_nul_character_is_refused_with_its_line(script):
    with pytest.raises(ValueError, match="NUL character in line 2"):
        split_statements(script)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="surrogates"):
        split_statements("SELECT '\ud800';")


@pytest.mark.parametrize(
    ("script", "count"),
    [
        pytest.param("INSERT INTO notes VALUES ('" + ";" * 5_000_000 + "');", 1, id="one string of semicolons"),
        pytest.param("INSERT INTO notes VALUES ('" + "'';" * 500_000 + "');", 1, id="one string of doubled quotes"),
        pytest.param("INSERT INTO notes VALUES ('it''s; here');\n" * 125_000, 125_000, id="many inserts"),
        pytest.param("SELECT 1; /*" + ";*" * 1_000_000, 1, id="one comment without an end"),
        pytest.param(
            "CREATE TRIGGER a AFTER INSERT ON notes BEGIN " + "SELECT ';' FROM log;\n" * 100_000 + "END; SELECT 1",
            2,
            id="a trigger of many statements",
        ),
        pytest.param("CREATE TRIGGER a BEGIN " + "SELECT 1;" * 200_000, 1, id="a trigger without an end"),
    ],
)
def test_long_scripts_take_linear_time(script, count):
    started = time.perf_counter()
    statements = split_statements(script)
    took_s = time.perf_counter() - started

    assert len(statements) == count
    # Measured: 0.01 to 0.25 s. Anything quadratic takes minutes.
    assert took_s < 5


# What hypothesis composes scripts from. Every statement runs on the tables of `a_database`, in any order
# and any number of times.
MARKS = "; ' \" ` [ ] -- /* */"
NASTY = st.lists(
    st.sampled_from([*MARKS.split(), "a", "ü", " ", "\n", "\\", "END", "BEGIN", "CREATE TRIGGER "]),
    max_size=8,
).map("".join)


def quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


STRINGS = NASTY.map(lambda text: quoted(text, "'"))
NAMES = st.one_of(
    st.sampled_from(["a", "b_1", "ünder", "trigger", "end"]),
    NASTY.map(lambda text: quoted(text + "x", '"')),
    NASTY.map(lambda text: quoted(text + "x", "`")),
    NASTY.map(lambda text: "[" + text.replace("]", "") + "x]"),
)
BLOCK_COMMENTS = NASTY.map(lambda text: "/* " + text.replace("*/", "* ") + " */")
LINE_COMMENTS = NASTY.map(lambda text: "--" + text.replace("\n", " ") + "\n")
SPACES = st.sampled_from([" ", "\n", "\t", "\r\n", "\f "])
GAPS = st.lists(st.one_of(SPACES, BLOCK_COMMENTS, LINE_COMMENTS), min_size=1, max_size=3).map("".join)
PADDING = st.one_of(st.just(""), GAPS)
CHANGES = st.one_of(
    st.builds("INSERT INTO{}notes VALUES ({})".format, GAPS, STRINGS),
    st.builds("UPDATE notes{}SET text = {} WHERE text = {}".format, GAPS, STRINGS, STRINGS),
    st.builds("DELETE FROM notes WHERE text = CASE{}text WHEN {} THEN 1 END".format, GAPS, STRINGS),
)
BODIES = st.lists(st.builds("{}{};".format, PADDING, CHANGES), min_size=1, max_size=3).map("".join)
STATEMENTS = st.one_of(
    CHANGES,
    st.builds("CREATE TABLE IF NOT EXISTS {}{}(c TEXT DEFAULT {})".format, NAMES, PADDING, STRINGS),
    st.builds("CREATE VIEW IF NOT EXISTS {} AS SELECT {}".format, NAMES, STRINGS),
    st.builds("EXPLAIN{}SELECT {}".format, GAPS, STRINGS),
    st.builds("SELECT {} AS {}".format, STRINGS, NAMES),
    st.builds(
        "CREATE{}{}TRIGGER{}IF NOT EXISTS {}{}AFTER INSERT ON main.other BEGIN {}{}END".format,
        GAPS,
        st.sampled_from(["", "TEMP ", "temporary "]),
        GAPS,
        NAMES,
        GAPS,
        BODIES,
        PADDING,
    ),
    st.just("INSERT INTO other VALUES (1)"),
)
WHITE_SPACE = " \t\n\r\f"


@st.composite
def scripts(draw):
    """A script, and the statements that it was composed of."""
    parts = []
    expected = []
    for statement in draw(st.lists(STATEMENTS, max_size=6)):
        written = draw(PADDING) + statement + draw(PADDING)
        parts.append(written)
        expected.append(written.strip(WHITE_SPACE))
        parts.extend(draw(st.lists(PADDING, max_size=1)))
    tail = draw(st.sampled_from(["", ";", "; -- end;", ";/* end;", ";\n"]))
    return ";".join(parts) + tail, expected


def a_database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.execute("CREATE TABLE other (number INTEGER)")
    return connection


def content(connection: sqlite3.Connection) -> list[object]:
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        connection.execute("SELECT * FROM sqlite_master").fetchall(),
        connection.execute("SELECT * FROM temp.sqlite_master").fetchall(),
        [connection.execute(f"SELECT * FROM {quoted(name, chr(34))}").fetchall() for name in tables],
    ]


@settings(deadline=None)
@given(case=scripts())
def test_a_composed_script_comes_apart_into_what_it_was_composed_of(case):
    script, expected = case

    assert split_statements(script) == expected


def outcome(connection: sqlite3.Connection, run) -> tuple[list[object], bool]:
    """What is in the database after `run`, and whether SQLite refused a part of it.

    Its words may differ: without the semicolon, what was `near ";"` is "incomplete input".
    """
    refused = False
    try:
        run()
    except sqlite3.Error:
        refused = True
    result = content(connection), refused
    connection.close()
    return result


def run_one_by_one(connection: sqlite3.Connection, script: str) -> None:
    for statement in split_statements(script):
        connection.execute(statement).fetchall()


@settings(deadline=None)
@given(case=scripts())
def test_run_one_by_one_the_statements_do_what_the_script_does(case):
    script, _ = case
    whole, split = a_database(), a_database()

    expected = outcome(whole, lambda: whole.executescript(script))
    result = outcome(split, lambda: run_one_by_one(split, script))

    assert result == expected


WORDS = "a 1 / - ( ) ; ; ; BEGIN END COMMIT TEMP EXPLAIN CREATE TRIGGER"
PIECES = [
    *MARKS.split(),
    *WORDS.split(),
    *("", "\n", "\ufeff", "\v", "\u00a0", "END;", "CREATE TRIGGER", "SELECT 1", "CREATE TABLE t (a)"),
    *("INSERT INTO notes VALUES ('a;b')", "INSERT INTO notes VALUES (2);", "DELETE FROM notes;"),
    *("CREATE TRIGGER u AFTER INSERT ON other BEGIN", "INSERT INTO other VALUES (1);"),
]


@settings(deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=20), between=st.sampled_from([" ", ""]))
def test_a_heap_of_words_does_and_is_refused_as_by_sqlite(pieces, between):
    script = between.join(pieces)
    whole, split = a_database(), a_database()

    expected = outcome(whole, lambda: whole.executescript(script))
    result = outcome(split, lambda: run_one_by_one(split, script))

    assert result == expected
