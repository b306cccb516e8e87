"""What is wrong with a graph is found all at once, with the place to look at."""

import pytest

from nukeworks_migrate.model.graph import MigrationGraph, find_problems
from nukeworks_migrate.model.migration import Migration


def migration(version: int, *depends_on: str) -> Migration:
    name = f"{version:04d}_m"
    return Migration(version, name, path=f"versions/{name}.py", depends_on=depends_on, depends_on_line=3)


@pytest.mark.parametrize(
    ("migrations", "expected"),
    [
        pytest.param([migration(1), migration(2, "0001_m")], [], id="a chain"),
        pytest.param([migration(1), migration(2, "1"), migration(3, "002")], [], id="versions as strings"),
        pytest.param(
            [migration(1), migration(2, "0001_n")],
            ["0002_m depends on '0001_n', and there is no such migration"],
            id="a dependency that does not exist",
        ),
        pytest.param([migration(1, "0001_m")], ["0001_m depends on itself"], id="a dependency on itself"),
        pytest.param(
            [migration(1, "0003_m"), migration(2, "0001_m"), migration(3, "0002_m")],
            ["a cycle of dependencies: 0001_m → 0003_m → 0002_m → 0001_m"],
            id="a cycle",
        ),
        pytest.param(
            [migration(1, "2"), migration(2, "1"), migration(3, "4"), migration(4, "3")],
            ["a cycle of dependencies: 0001_m → 0002_m → 0001_m", "a cycle of dependencies: 0003_m → 0004_m → 0003_m"],
            id="two cycles",
        ),
        pytest.param([migration(1), migration(2, "0001_m", "0001_m", "1")], [], id="one dependency said three times"),
    ],
)
def test_problems(migrations, expected):
    assert [problem.what for problem in find_problems(migrations)] == expected


def test_two_files_of_one_version_hide_nothing_else():
    one, other = migration(1), Migration(1, "0001_other", path="versions/0001_other.py", depends_on=("nobody",))

    problems = find_problems([one, other])

    assert [problem.what for problem in problems] == [
        "version 1 is taken twice: 0001_m and 0001_other",
        "0001_other depends on 'nobody', and there is no such migration",
    ]


def test_a_misspelt_dependency_is_suggested_rightly():
    (problem,) = find_problems([Migration(1, "0001_vendors"), migration(2, "0001_vendor")])

    assert problem.remedy == "did you mean '0001_vendors'?"
    assert (problem.path, problem.line) == ("versions/0002_m.py", 3)


def test_heads_are_what_nothing_depends_on():
    graph = MigrationGraph([migration(1), migration(2, "1"), migration(3, "1")])

    assert graph.heads == (2, 3)
