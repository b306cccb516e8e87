"""Whether a function can return SKIP: told without calling it, and never told wrongly of one that can."""

import functools
import math
import re
import sys

import pytest

import nukeworks_migrate
from nukeworks_migrate import SKIP, up
from nukeworks_migrate.runtime.skipping import never_skips

NUMBER = re.compile(r"[\d.]+")
FACTORS = {"MW": 1.0, "kW": 0.001}
LEFT = SKIP
HIDDEN = {"": SKIP}
OBJECTS = [object()]


def helper(text):
    return SKIP if text is None else text


def plain_helper(text):
    return text.strip()


class Parser:
    left = SKIP

    def parse(self, text):
        return self.left

    def __call__(self, text):
        return self.left


PARSER = Parser()


def of_builtins(text):
    return round(float(text.removesuffix(" MW")), 2) if text else None


def of_a_pattern(text):
    found = NUMBER.search(text)
    return float(found[0]) * FACTORS.get(text[-2:], math.pi) if found else None


def of_a_plain_helper(text, factor=2):
    return plain_helper(text) * factor


def with_a_nested_function(text):
    def inner(part):
        return part.upper()

    return ",".join(inner(part) for part in text.split())


def calls_itself(text):
    return text if len(text) < 3 else calls_itself(text[1:])


def over_a_plain_cell(factor):
    return lambda text: float(text) * factor


@pytest.mark.parametrize(
    "fn",
    [
        of_builtins,
        of_a_pattern,
        of_a_plain_helper,
        with_a_nested_function,
        calls_itself,
        over_a_plain_cell(3),
        lambda text: text.lower(),
        lambda text: {"a": 1}.get(text),
    ],
)
def test_a_function_of_plain_things_never_skips(fn):
    assert never_skips(fn)


def names_it(text):
    return SKIP


def by_another_name(text):
    return LEFT


def by_a_helper(text):
    return helper(text)


def by_a_dictionary(text):
    return HIDDEN[text]


def by_an_object(text):
    return PARSER.parse(text)


def by_an_object_in_a_list(text):
    return OBJECTS[0]


def by_the_package(text):
    return nukeworks_migrate.SKIP


def imports_it(text):
    from nukeworks_migrate import SKIP as skip

    return skip


def by_the_module_of_modules(text):
    return sys.modules["nukeworks_migrate"].SKIP


def by_name(text):
    return getattr(nukeworks_migrate, "SK" + "IP")


def evaluates(text):
    return eval(text)


def by_a_default(text, left=SKIP):
    return left


def by_a_keyword(text, *, left=SKIP):
    return left


def with_a_nested_skip(text):
    def inner():
        return SKIP

    return inner()


def over_a_cell(left):
    return lambda text: left


def over_a_function_in_a_cell(fn):
    return lambda text: fn(text)


def over_nothing_yet():
    def inner(text):
        return later

    yield inner
    later = SKIP


CAN_SKIP = [
    names_it,
    by_another_name,
    by_a_helper,
    by_a_dictionary,
    by_an_object,
    by_an_object_in_a_list,
    by_the_package,
    imports_it,
    by_the_module_of_modules,
    by_name,
    evaluates,
    by_a_default,
    by_a_keyword,
    with_a_nested_skip,
    over_a_cell(SKIP),
    over_a_function_in_a_cell(helper),
    next(over_nothing_yet()),
    functools.partial(helper),
    PARSER.parse,
    PARSER,
]


@pytest.mark.parametrize("fn", CAN_SKIP)
def test_a_function_that_could_come_by_it_is_taken_for_one_that_does(fn):
    assert not never_skips(fn)


def test_both_kinds_give_the_same(folder):
    folder.add(
        "0001_numbers",
        """
        db.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY, text TEXT, plain REAL, careful REAL)")
        db.executemany("INSERT INTO numbers (text) VALUES (?)", [(str(n),) for n in range(50)])
        db.transform("numbers", plain, reads=["text"], writes=["plain"], batch=7)
        db.transform("numbers", careful, reads=["text"], writes=["careful"], batch=7)
        """,
        head="""
        from nukeworks_migrate import SKIP


        def plain(text):
            return float(text) / 2


        def careful(text):
            return plain(text) if text else SKIP
        """,
    )

    up(folder.project())

    assert folder.query("SELECT plain, careful FROM numbers ORDER BY id") == [(n / 2, n / 2) for n in range(50)]
