"""SQLite's SQL is cut as SQLite cuts it, and what means the same has one canonical text."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukeworks_migrate.databases.sqlite.tokens import (
    FALLBACK,
    KEYWORDS,
    RESERVED,
    Kind,
    canonical_expression,
    canonical_lines,
    canonical_name,
    canonical_text,
    tidy,
    tokens,
    without_parentheses,
)


def texts(sql):
    return [token.text for token in tokens(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \t\r\n\f-- x\n/* y */", [], id="white space and comments"),
        pytest.param("a--b\nc", ["a", "c"], id="a comment to the end of its line"),
        pytest.param("a--b", ["a"], id="a comment to the end of all"),
        pytest.param("a/*b*/c", ["a", "c"], id="a comment parts two words"),
        pytest.param("a/*/b*/c", ["a", "c"], id="a comment is not closed by its own star"),
        pytest.param("a/*b", ["a"], id="a comment that nothing closes"),
        pytest.param("a/*", ["a", "/", "*"], id="no comment as the last two characters"),
        pytest.param("a - -1", ["a", "-", "-", "1"], id="two signs that are no comment"),
        pytest.param("'it''s' ''", ["'it''s'", "''"], id="doubled quotes"),
        pytest.param("'--' \"/*\" `;` [']", ["'--'", '"/*"', "`;`", "[']"], id="comments and quotes in quotes"),
        pytest.param("[a]]", ["[a]", "]"], id="a bracket is not doubled"),
        pytest.param("x'0aFF' X'' x'0' x 'a'", ["x'0aFF'", "X''", "x", "'0'", "x", "'a'"], id="blobs"),
        pytest.param(
            "1 1.5 .5 1. 1e9 1.5E-9 0xFf 1_000",
            ["1", "1.5", ".5", "1.", "1e9", "1.5E-9", "0xFf", "1_000"],
            id="numbers",
        ),
        pytest.param("1-1 1+1", ["1", "-", "1", "1", "+", "1"], id="numbers have no sign"),
        pytest.param("a.b a.1", ["a", ".", "b", "a", ".1"], id="dots"),
        pytest.param(
            "a||b<>c!=d==e<=f>=g<<h>>i",
            list("a b c d e f g h i".split()) and "a || b <> c != d == e <= f >= g << h >> i".split(),
            id="signs of two characters",
        ),
        pytest.param("a->b->>c", ["a", "->", "b", "->>", "c"], id="arrows"),
        pytest.param("?1 ? :a @b $c::d(e) $f", ["?1", "?", ":a", "@b", "$c::d(e)", "$f"], id="variables"),
        pytest.param("é_1$ naïve", ["é_1$", "naïve"], id="letters beyond ASCII"),
        pytest.param("\ufeffa b\ufeffc", ["a", "b\ufeffc"], id="a byte-order mark is white space before a word"),
        pytest.param("a\u00a0b", ["a\u00a0b"], id="a no-break space is a letter"),
        pytest.param("a 'b", ["a", "'b"], id="a string that nothing closes"),
        pytest.param("a [b", ["a", "[b"], id="a bracket that nothing closes"),
        pytest.param("a ! b", ["a", "!", "b"], id="what SQLite refuses"),
    ],
)
def test_text_is_cut(sql, expected):
    assert texts(sql) == expected


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_sqlite_takes_for_a_name_what_is_no_reserved_word(word):
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"CREATE TABLE t ({word} INTEGER)")
            is_name = True
        except sqlite3.OperationalError:
            is_name = False

    # What an older SQLite does not know yet is a name to it.
    assert is_name == (word not in RESERVED) or sqlite3.sqlite_version_info < (3, 35)


@pytest.mark.parametrize("word", sorted(FALLBACK))
def test_a_word_that_can_be_a_name_is_one_in_quotes_too(word):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f'CREATE TABLE t ("{word}" INTEGER, x CHECK ({word} > 0 AND t.{word} > 0))')

    assert canonical_text(f't."{word}" > [{word}]') == canonical_text(f"t.{word.lower()} > {word.title()}")


@pytest.mark.parametrize("word", sorted(KEYWORDS - FALLBACK))
def test_any_other_keyword_is_another_word_in_quotes(word):
    assert canonical_text(f'a "{word}" b') != canonical_text(f"a {word} b")
    assert canonical_text(f'a "{word}" b') == canonical_text(f"a [{word.lower()}] b")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("a  >\n0 and B<>'X'", "a > 0 AND b != 'X'", id="white space, case and operators"),
        pytest.param('"a"=[a] and `a`==A', "a = a AND a = a", id="quotes"),
        pytest.param('"a b" = "c""d" = [e"f]', '"a b" = "c""d" = "e""f"', id="names that need quotes"),
        pytest.param('"order" > "É" > É', '"order" > É > É', id="only ASCII is folded, and reserved words stay quoted"),
        pytest.param("Lower( x ) in(1,2)", "lower(x) IN (1, 2)", id="calls and lists"),
        pytest.param("t . a . * , count( * )", "t.a.*, count(*)", id="dots and stars"),
        pytest.param("a between - 1 and -x or a - 1 = +2", "a BETWEEN -1 AND -x OR a - 1 = +2", id="signs"),
        pytest.param("a - - 1", "a - -1", id="two signs never become a comment"),
        pytest.param(
            "cast(a as text) || replace(a,'x','y')",
            "CAST(a AS text) || REPLACE(a, 'x', 'y')",
            id="keywords that are called",
        ),
        pytest.param(
            'true and "true" and t.true', 'TRUE AND "true" AND t.true', id="true is a value, in quotes a name"
        ),
        pytest.param(
            'current_date > "current_date"', 'CURRENT_DATE > "current_date"', id="times are values, in quotes names"
        ),
        pytest.param("key > 'KEY' and x.KEY = 1", "KEY > 'KEY' AND x.key = 1", id="a keyword that is a name"),
        pytest.param(
            "a as 'b' , 'c'.d, e collate 'nocase'",
            "a AS b, c.d, e COLLATE nocase",
            id="strings where only names can stand",
        ),
        pytest.param("1.50 + 1e3 + 0xfF + x'aB'", "1.50 + 1e3 + 0xfF + x'aB'", id="numbers and blobs stay"),
        pytest.param("'a  b' || 'it''s' || '--x'", "'a  b' || 'it''s' || '--x'", id="strings stay"),
    ],
)
def test_canonical_text(sql, expected):
    assert canonical_text(sql) == expected
    assert canonical_text(expected) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param('"a" > "x"', "a > 'x'", id="no such column"),
        pytest.param('"A" > "it\'s"', "a > 'it''s'", id="a quote in it"),
        pytest.param('"x" (a)', "x(a)", id="a function"),
        pytest.param('"t"."x"', "t.x", id="beside a dot"),
        pytest.param("[x] > `y`", "x > y", id="in brackets and backticks it is a name always"),
        pytest.param('a COLLATE "x"', "a COLLATE x", id="a collation"),
        pytest.param('"key" > key', "key > key", id="a column that is called like a keyword"),
        pytest.param('"left" > left', "left > left", id="a column that is called like a join"),
        pytest.param('"order" > "desc"', "\"order\" > 'desc'", id="a column in quotes and a string like a keyword"),
        pytest.param('"current_date" > current_date', '"current_date" > CURRENT_DATE', id="a column like a time"),
    ],
)
def test_double_quotes_hold_a_string_where_there_is_no_such_column(sql, expected):
    assert canonical_text(sql, {"a", "key", "left", "order", "current_date"}) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("a", "a", id="none"),
        pytest.param("((a))", "a", id="two pairs"),
        pytest.param("(a) + (b)", "(a) + (b)", id="two pairs side by side"),
        pytest.param("((a) + (b))", "(a) + (b)", id="one around two"),
        pytest.param("('(') || ')'", "('(') || ')'", id="parentheses in strings"),
        pytest.param("((a)", "((a)", id="one that is not closed"),
        pytest.param("()", "", id="nothing inside"),
    ],
)
def test_parentheses_around_all_of_it_are_left_out(sql, expected):
    assert canonical_expression(sql) == expected


def test_a_statement_has_a_line_for_each_clause_and_each_thing_in_a_list():
    sql = (
        "with x(n) as (select 1 union all select n+1 from x) select a, count(*) as n, max(b, c) from t "
        "left outer join (select k from u where k in (1,2)) on t.k is distinct from u.k natural join w "
        "where exists (select 1) group by a, b order by n desc limit 5"
    )

    assert canonical_lines(sql) == (
        "WITH x(n) AS (\n"
        "  SELECT 1\n"
        "  UNION ALL\n"
        "  SELECT n + 1\n"
        "  FROM x\n"
        ")\n"
        "SELECT a,\n"
        "  count(*) AS n,\n"
        "  max(b, c)\n"
        "FROM t\n"
        "LEFT OUTER JOIN (\n"
        "  SELECT k\n"
        "  FROM u\n"
        "  WHERE k IN (1, 2)\n"
        ") ON t.k IS DISTINCT FROM u.k\n"
        "NATURAL JOIN w\n"
        "WHERE EXISTS (\n"
        "  SELECT 1\n"
        ")\n"
        "GROUP BY a,\n"
        "  b\n"
        "ORDER BY n DESC\n"
        "LIMIT 5"
    )


NAMES = ["a", "Zeile", "key", "order", "a b", 'a"b', "left", "é", "select", "x.y", "_1", "no"]
WORDS = ["SELECT", "FROM", "WHERE", "AND", "KEY", "DESC", "LEFT", "IS", "NULL", "END"]
EXACT = [
    "'it''s -- (x)'",
    "'X'",
    "''",
    "1",
    "1.50",
    "0xFF",
    "x'aB'",
    "(",
    ")",
    ",",
    ".",
    "+",
    "-",
    "*",
    "||",
    "<=",
    ";",
]
PAIRS = [["=", "=="], ["!=", "<>"]]
BLANKS = st.sampled_from([" ", "\n", "\t ", " \v", "\r\n", "/* ' [ -- */", " --x'(\n", "/**/", " \ufeff", " /*;*/\n\n"])


def in_quotes(name):
    spellings = ['"' + name.replace('"', '""') + '"', f"[{name}]", "`" + name.replace("`", "``") + "`"]
    spellings += [spelling.upper() if name.isascii() else spelling for spelling in spellings]
    if name.isidentifier() and name.upper() not in KEYWORDS - FALLBACK:
        spellings += [name] + ([name.upper(), name.title()] if name.isascii() else [])
    return spellings


@st.composite
def layouts(draw):
    """One sequence of tokens, written in two ways."""
    written = []
    for _ in range(draw(st.integers(0, 12))):
        same = draw(
            st.one_of(
                st.sampled_from(NAMES).map(in_quotes),
                st.sampled_from(WORDS).map(lambda word: [word, word.lower(), word.title()]),
                st.sampled_from(EXACT).map(lambda text: [text]),
                st.sampled_from(PAIRS),
            )
        )
        written.append((draw(st.sampled_from(same)), draw(st.sampled_from(same))))
    blanks = [draw(st.lists(BLANKS, min_size=1, max_size=2)) for _ in range(2 * len(written))]
    return [
        "".join("".join(blanks[2 * place + side]) + pair[side] for place, pair in enumerate(written)) for side in (0, 1)
    ]


@settings(max_examples=500, deadline=None)
@given(case=layouts(), columns=st.sampled_from([None, frozenset(name.lower() for name in NAMES)]))
def test_layout_case_and_quotes_never_change_the_canonical_text(case, columns):
    one, other = (canonical_text(sql, columns) for sql in case)

    assert one == other
    assert canonical_text(one, columns) == one
    assert [kind for kind, *_ in tokens(canonical_lines(case[0]))] == [
        kind for kind, *_ in tokens(canonical_lines(case[1]))
    ]
    assert canonical_lines(canonical_lines(case[0])) == canonical_lines(case[0]) == canonical_lines(case[1])


@settings(max_examples=300, deadline=None)
@given(sql=st.text(alphabet="ab1.'\"`[]()-/*;, \n\v\ufeffx$:?e!=<>é", max_size=30))
def test_no_text_makes_it_fail_or_lose_a_character(sql):
    found = tokens(sql)
    edges = [(0, 0), *((token.begin, token.end) for token in found), (len(sql), len(sql))]
    between = [sql[before[1] : after[0]] for before, after in pairwise(edges)]

    assert all(sql[token.begin : token.end] == token.text for token in found)
    assert all(tokens(gap) == [] or gap.startswith("/*") or "/*" in gap for gap in between)
    canonical_text(sql)
    canonical_lines(sql)
    tidy(sql)


@pytest.mark.parametrize(
    "text",
    ["(", ")", "'", '"', "[", "/*", "--", "x'", "$a(", "a.", "((a)", "'a'", "select ", "a,", "1e", " ", "\ufeff", ";"],
)
def test_a_long_text_takes_time_in_proportion(text):
    seconds = []
    for count in (10_000, 40_000):
        begin = time.perf_counter()
        canonical_expression(text * count)
        canonical_lines(text * count)
        tidy(text * count)
        seconds.append(time.perf_counter() - begin)

    assert seconds[1] < 12 * seconds[0] + 0.5  # 4 times the text; quadratic would be 16 times and far over the rest


def test_tokens_name_what_they_quote():
    assert [token.name for token in tokens('a "b""c" [d"e] `f``g` \'h\'\'i\'')] == ["a", 'b"c', 'd"e', "f`g", "h'i"]
    assert [token.kind for token in tokens("a \"b\" [c] 'd' x'00' 1 ? + !")] == [
        Kind.WORD,
        Kind.DOUBLE,
        Kind.QUOTED,
        Kind.STRING,
        Kind.BLOB,
        Kind.NUMBER,
        Kind.VARIABLE,
        Kind.SIGN,
        Kind.UNKNOWN,
    ]
    assert canonical_name("A b") == '"a b"'
    assert without_parentheses(tokens("(a)"))[0].text == "a"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("CREATE TABLE t (a)", "CREATE TABLE t (a)", id="one line"),
        pytest.param("CREATE TABLE t (\r\n  a,\r\n  b\r\n)", "CREATE TABLE t (\n  a,\n  b\n)", id="CRLF"),
        pytest.param(
            "CREATE TABLE t (\n        a,\n            b\n    )",
            "CREATE TABLE t (\n    a,\n        b\n)",
            id="common indentation",
        ),
        pytest.param(
            "CREATE TABLE t (  \n\n\t\ta, \n  \t\n\t\tb\n\t)",
            "CREATE TABLE t (\n\n\ta,\n\n\tb\n)",
            id="tabs and empty lines",
        ),
        pytest.param("SELECT 'a  \r\n    b'  \r\n    , 1", "SELECT 'a  \r\n    b'\n, 1", id="strings stay"),
        pytest.param("  SELECT 1 -- one\n ; -- two", "SELECT 1 -- one\n;", id="comments inside stay"),
        pytest.param("SELECT 1 -- one", "SELECT 1", id="a comment at the end goes"),
        pytest.param("SELECT 1 -- a\rb\n, 2", "SELECT 1 -- a b\n, 2", id="a lone CR ends no comment"),
    ],
)
def test_a_statement_is_tidied_without_changing_what_it_says(sql, expected):
    assert tidy(sql) == expected
