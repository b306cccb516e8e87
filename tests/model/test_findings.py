"""The rules under their codes, and where a finding says that it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nukeworks_migrate.model import findings
from nukeworks_migrate.model.findings import RULES, SQL_FROM_DATA, Finding, Severity


def test_every_rule_has_a_code_of_its_own_and_stands_in_the_docstring():
    assert len({rule.code for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert f"    {rule.code}  {rule.severity.value:<7}  {rule.title}\n" in (findings.__doc__ or "")


def test_every_rule_is_in_the_table():
    assert {value for value in vars(findings).values() if isinstance(value, findings.Rule)} == set(RULES)


def test_a_finding_is_as_severe_as_its_rule_unless_it_says_otherwise():
    assert SQL_FROM_DATA.finding("x", where="a.py:1") == Finding("NWM201", Severity.WARNING, "x", "a.py:1")
    assert SQL_FROM_DATA.finding("x", severity=Severity.INFO) == Finding("NWM201", Severity.INFO, "x")


@pytest.mark.parametrize(
    ("where", "path", "line"),
    [
        pytest.param("versions/0017_x.py:24", "versions/0017_x.py", 24, id="file and line"),
        pytest.param("versions/0017_x.py", "versions/0017_x.py", 0, id="file alone"),
        pytest.param("C:\\versions\\0017_x.py:24", "C:\\versions\\0017_x.py", 24, id="a drive"),
        pytest.param("C:\\versions\\0017_x.py", "C:\\versions\\0017_x.py", 0, id="a drive, no line"),
        pytest.param("a:b/0017_x.py:x", "a:b/0017_x.py:x", 0, id="colons in names"),
        pytest.param("0017_x.py:²", "0017_x.py:²", 0, id="no digit of a line"),
        pytest.param("", "", 0, id="nothing"),
    ],
)
def test_a_place_is_a_path_and_a_line(where, path, line):
    finding = SQL_FROM_DATA.finding("x").at(where)

    assert (finding.where, finding.path, finding.line) == (where, path, line)


def test_the_rules_are_imported_without_what_judges():
    program = """
import sys
import nukeworks_migrate.model.findings
print(*(name for name in sys.modules if name.startswith("nukeworks_migrate.model.") or name == "sqlparse"))
"""

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["nukeworks_migrate.model.findings"]
