"""0009: what is read out of projects.configuration, and what is left alone."""

import time

import pytest
from nukeworks.file_content import insert, query, rows_of, schema_of
from nukeworks.runner import down, up

NOTHING = (None, None)

READ = [
    pytest.param("2 x 300 MWe", (2, 300.0), id="count and capacity"),
    pytest.param("1x AP1000 (1,117 MWe)", (1, 1117.0), id="a design and its capacity"),
    pytest.param("4×77 MW", (4, 77.0), id="a multiplication sign, and MW without a letter"),
    pytest.param("4 X 77MW", (4, 77.0), id="a large X, no blank before the unit"),
    pytest.param("2 * 300 mwe", (2, 300.0), id="an asterisk, small letters"),
    pytest.param("  2\t x \n300   MWe ", (2, 300.0), id="white space everywhere"),
    pytest.param("2\u00a0x\u2009300\u202fMWe", (2, 300.0), id="blanks that are not spaces"),
    pytest.param("２ｘ３００ＭＷｅ", (2, 300.0), id="wide letters and digits"),
    pytest.param("٢ x ٣٠٠ MWe", (2, 300.0), id="Arabic digits"),
    pytest.param("٢ x ١,١١٧ MWe", (2, 1117.0), id="Arabic digits in thousands"),
    pytest.param("2 x 300 ㎿", (2, 300.0), id="the square MW sign"),
    pytest.param("12 x NuScale VOYGR (77 MWe each)", (12, 77.0), id="words behind the capacity"),
    pytest.param("4 x Xe-100 (80 MWe, 200 MWt)", (4, 80.0), id="electric and thermal"),
    pytest.param("1 x 165 MW(e)", (1, 165.0), id="an e in brackets"),
    pytest.param("1 x 165 MWel", (1, 165.0), id="el"),
    pytest.param("1 x 165 MW electric", (1, 165.0), id="electric in full"),
    pytest.param("1 x CANDU 6 (700 MWe)", (1, 700.0), id="a number in the design's name"),
    pytest.param("2 x AP1000 @ 1117 MWe/unit", (2, 1117.0), id="per unit"),
    pytest.param("2 x 300 MWe (600 MWe total)", (2, 300.0), id="a total that is count times capacity"),
    pytest.param("1 x 300 MWe total", (1, 300.0), id="a total of one unit"),
    pytest.param("2 x 1.1 GWe", (2, 1100.0), id="gigawatts"),
    pytest.param("3 x 5,000 kWe", (3, 5.0), id="kilowatts"),
    pytest.param("2 x 1,250.5 MWe", (2, 1250.5), id="thousands comma and decimal point"),
    pytest.param("2 x 1.250,5 MWe", (2, 1250.5), id="thousands point and decimal comma"),
    pytest.param("2 x 1,5 MWe", (2, 1.5), id="a decimal comma"),
    pytest.param("2 x 0,300 GWe", (2, 300.0), id="a decimal comma before three digits"),
    pytest.param("2 x 1.250 GWe", (2, 1250.0), id="three decimals of gigawatts"),
    pytest.param(" " * 1_000_000 + "2 x 300 MWe" + " " * 1_000_000, (2, 300.0), id="a megabyte of blanks"),
]
READ_IN_PART = [
    pytest.param("2 x Xe-100", (2, None), id="only a design"),
    pytest.param("2 x AP1000 units", (2, None), id="a number that is part of a name"),
    pytest.param("1 x SMR-300 MWe", (1, None), id="a name that runs into the unit"),
    pytest.param("2 x 300", (2, None), id="no unit"),
    pytest.param("2 x 300 MWt", (2, None), id="thermal"),
    pytest.param("2 x 300 MWth", (2, None), id="th"),
    pytest.param("2 x 300 MW(t)", (2, None), id="a t in brackets"),
    pytest.param("2 x 300 MW thermal", (2, None), id="thermal in full"),
    pytest.param("2 x 300 MW of process heat", (2, None), id="heat"),
    pytest.param("2 x 300 MWh", (2, None), id="energy, not capacity"),
    pytest.param("2 x 300-350 MWe", (2, None), id="a range"),
    pytest.param("2 x 300 – 350 MWe", (2, None), id="a range with a dash between blanks"),
    pytest.param("2 x 300 to 350 MWe", (2, None), id="a range in words"),
    pytest.param("2 x 300/350 MWe", (2, None), id="two values"),
    pytest.param("2 x ~300 MWe", (2, None), id="an estimate"),
    pytest.param("2 x about 300 MWe", (2, None), id="an estimate in words"),
    pytest.param("2 x -300 MWe", (2, None), id="a negative capacity"),
    pytest.param("2 x 0 MWe", (2, None), id="zero capacity"),
    pytest.param("2 x 99999999999999999999 MWe", (2, None), id="a huge capacity"),
    pytest.param("2 x 5,001 MWe", (2, None), id="more than any unit has"),
    pytest.param("2 x 1.117 MWe", (2, None), id="a point that can mean thousands"),
    pytest.param("2 x 1 117 MWe", (2, None), id="a blank that can mean thousands"),
    pytest.param("2 x 1'117 MWe", (2, None), id="an apostrophe for thousands"),
    pytest.param("2 x 1,11,7 MWe", (2, None), id="commas anywhere"),
    pytest.param("2 x 3.0.0 MWe", (2, None), id="points anywhere"),
    pytest.param("12 x VOYGR (924 MWe total)", (12, None), id="a total of several units"),
    pytest.param("2 x 300 MWe (280 MWe net)", (2, None), id="two capacities"),
    pytest.param("2 x " + "9" * 150 + " MWe", (2, None), id="150 digits"),
]
NOT_READ = [
    pytest.param("TBD", id="to be decided"),
    pytest.param("300 MWe", id="no count"),
    pytest.param("two units of 300 MWe", id="words"),
    pytest.param("2 x", id="a count of nothing"),
    pytest.param("x 300 MWe", id="a product of nothing"),
    pytest.param("2 x 300 MWe + 1 x 50 MWe", id="two kinds of units"),
    pytest.param("2 x 300 MWe, 1 x 50 MWe", id="two kinds after a comma"),
    pytest.param("2 x 300 MWe + 50 MWe", id="a sum"),
    pytest.param("2 x 300 MWe and a smaller one", id="two kinds in words"),
    pytest.param("2 x 300 MWe or larger", id="a choice"),
    pytest.param("2 x 3 x 100 MWe", id="a product of three"),
    pytest.param("2 x 300 MWe?", id="a question"),
    pytest.param("2-4 x 77 MWe", id="a range of counts"),
    pytest.param("up to 4 x 77 MWe", id="at most"),
    pytest.param("0 x 300 MWe", id="zero units"),
    pytest.param("-2 x 300 MWe", id="a negative count"),
    pytest.param("1.5 x 300 MWe", id="one and a half"),
    pytest.param("½ x 300 MWe", id="a fraction sign"),
    pytest.param("2 x 300² MWe", id="a superscript"),
    pytest.param("② x 300 MWe", id="a digit in a circle"),
    pytest.param("1000 x 300 MWe", id="too many units"),
    pytest.param("99999999999999999999 x 300 MWe", id="a huge count"),
    pytest.param("2 x 300\0 MWe", id="an embedded NUL"),
    pytest.param("2 x 300 \u202eMWe", id="text that runs backwards"),
    pytest.param(b"2 x 300 MWe", id="bytes"),
    pytest.param(2, id="an integer"),
    pytest.param(2.5, id="a real number"),
    pytest.param("9" * 1_000_000, id="a megabyte of digits"),
    pytest.param("2 x " + "1," * 500_000, id="a megabyte of digits and commas"),
    pytest.param("2 x 300 " + "M" * 1_000_000, id="a megabyte of letters"),
    pytest.param("2 x " * 250_000, id="a megabyte of products"),
    pytest.param("a" + "\u0301\u0316" * 500_000, id="a megabyte of accents"),
]
EMPTY = [
    pytest.param(None, id="NULL"),
    pytest.param("", id="empty text"),
    pytest.param(" \t\u3000", id="blanks"),
]
CASES = [
    *READ,
    *READ_IN_PART,
    *(pytest.param(*case.values, NOTHING, id=case.id) for case in (*NOT_READ, *EMPTY)),
]


def add_project(path, configuration):
    return insert(path, "projects", project_name="Plant", configuration=configuration)


@pytest.fixture(scope="module")
def readings(database_at_version, tmp_path_factory):
    """The configurations of all cases in one database; what was read of each, and how long it took."""
    path = database_at_version(8, tmp_path_factory.mktemp("configurations") / "projects.sqlite")
    ids = {case.id: add_project(path, case.values[0]) for case in CASES}
    started = time.perf_counter()
    messages = up(path, to=9)
    seconds = time.perf_counter() - started
    rows = query(path, "SELECT project_id, unit_count, unit_capacity_mwe FROM projects")
    read = {project_id: values for project_id, *values in rows}
    return {case: tuple(read[project_id]) for case, project_id in ids.items()}, messages, seconds


@pytest.mark.parametrize(("configuration", "expected"), CASES)
def test_a_configuration_is_read_as(configuration, expected, readings, request):
    read, _, _ = readings
    case = request.node.callspec.id

    values = read[case]

    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_no_text_takes_long(readings):
    _, _, seconds = readings

    # All cases together, some of a megabyte: a search that tries again at each character takes minutes.
    assert seconds < 10


def test_the_log_counts_what_was_read_and_what_was_not(readings):
    _, messages, _ = readings

    total = len(READ) + len(READ_IN_PART) + len(NOT_READ) + len(EMPTY)
    assert (
        f"{len(READ)} of {total} configurations were read, {len(READ_IN_PART)} in part, "
        f"{len(NOT_READ)} were not, {len(EMPTY)} are empty"
    ) in messages


def test_the_log_names_a_few_texts_that_were_not_read(database_at):
    path = database_at(8)
    for configuration in [
        "2 x 300 MWe",
        "TBD",
        "2 x Xe-100",
        *(f"plan {letter}\x1b[31m" for letter in "bcdefgh"),
    ]:
        add_project(path, configuration)

    messages = up(path, to=9)

    assert messages[1:] == [
        "read only the unit count, for example: project 3: '2 x Xe-100'",
        "read nothing, for example: project 2: 'TBD'; project 4: 'plan b\\x1b[31m'; "
        "project 5: 'plan c\\x1b[31m'; project 6: 'plan d\\x1b[31m'; project 7: 'plan e\\x1b[31m'",
    ]


def test_where_all_was_read_the_log_names_no_examples(database_at):
    path = database_at(8)
    add_project(path, "2 x 300 MWe")

    messages = up(path, to=9)

    assert messages == ["1 of 1 configurations were read, 0 in part, 0 were not, 0 are empty"]


def test_the_texts_themselves_stay_and_going_down_drops_only_the_two_columns(database_at):
    path = database_at(8)
    for case in CASES:
        add_project(path, case.values[0])
    schema, rows = schema_of(path), rows_of(path)

    up(path, to=9)
    above = rows_of(path)["projects"]
    down(path, 8)

    assert [row[:-2] for row in above] == rows["projects"]
    assert schema_of(path) == schema
    assert rows_of(path) == rows
