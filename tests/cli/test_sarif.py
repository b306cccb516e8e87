"""Findings as SARIF, held against what the standard requires."""

from __future__ import annotations

import json

import pytest

from nukeworks_migrate.cli.sarif import sarif_log
from nukeworks_migrate.model.findings import (
    NO_DOWNGRADE,
    REHEARSAL_FAILED,
    RULES,
    SQL_FROM_DATA,
    TABLE_DROPPED,
    Finding,
    Severity,
)


def results_of(*findings: Finding) -> list[dict]:
    return sarif_log(findings, tool_version="1.2.3")["runs"][0]["results"]


def test_a_whole_log():
    findings = [
        SQL_FROM_DATA.finding("table is put into SQL as text", where="versions/0017_x.py:24"),
        TABLE_DROPPED.finding("table drafts is dropped with all its rows", where="versions/0017_x.py:9"),
        NO_DOWNGRADE.finding("there is no downgrade", where="versions/0018_y.py"),
    ]

    assert sarif_log(findings, tool_version="1.2.3") == {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "nukeworks_migrate",
                        "version": "1.2.3",
                        "rules": [
                            {
                                "id": "NWM101",
                                "shortDescription": {"text": "a table is dropped"},
                                "defaultConfiguration": {"level": "warning"},
                            },
                            {
                                "id": "NWM201",
                                "shortDescription": {"text": "SQL is built from data"},
                                "defaultConfiguration": {"level": "warning"},
                            },
                            {
                                "id": "NWM305",
                                "shortDescription": {"text": "there is no downgrade"},
                                "defaultConfiguration": {"level": "note"},
                            },
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": "NWM201",
                        "ruleIndex": 1,
                        "level": "warning",
                        "message": {"text": "table is put into SQL as text"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": "versions/0017_x.py"},
                                    "region": {"startLine": 24},
                                }
                            }
                        ],
                    },
                    {
                        "ruleId": "NWM101",
                        "ruleIndex": 0,
                        "level": "warning",
                        "message": {"text": "table drafts is dropped with all its rows"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": "versions/0017_x.py"},
                                    "region": {"startLine": 9},
                                }
                            }
                        ],
                    },
                    {
                        "ruleId": "NWM305",
                        "ruleIndex": 2,
                        "level": "note",
                        "message": {"text": "there is no downgrade"},
                        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "versions/0018_y.py"}}}],
                    },
                ],
            }
        ],
    }


def test_a_log_without_findings_says_that_there_was_a_run():
    (run,) = sarif_log([], tool_version="1.2.3")["runs"]

    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []


# Section 3 of the standard: what an object must have, and what it may have of what is written here.
REQUIRED = {
    "log": {"version", "runs"},
    "run": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rule": {"id"},
    "result": {"message"},
}


def test_what_the_standard_requires_is_there_for_every_rule():
    log = sarif_log([rule.finding(rule.title, where="versions/0001_x.py:1") for rule in RULES], tool_version="1.2.3")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]

    objects = [("log", log), ("run", run), ("tool", run["tool"]), ("driver", driver)]
    objects += [("rule", rule) for rule in driver["rules"]] + [("result", result) for result in run["results"]]
    assert [(kind, REQUIRED[kind] - set(value)) for kind, value in objects if not REQUIRED[kind] <= set(value)] == []
    assert log["version"] == "2.1.0"
    assert json.loads(json.dumps(log)) == log
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids) == len(RULES)
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        for location in result["locations"]:
            assert location["physicalLocation"]["region"]["startLine"] >= 1


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        pytest.param(NO_DOWNGRADE.finding("x"), "note", id="an info is a note"),
        pytest.param(TABLE_DROPPED.finding("x"), "warning", id="a warning"),
        pytest.param(REHEARSAL_FAILED.finding("x"), "error", id="an error"),
        pytest.param(SQL_FROM_DATA.finding("x", severity=Severity.INFO), "note", id="the finding's, not the rule's"),
    ],
)
def test_levels(finding, level):
    assert [result["level"] for result in results_of(finding)] == [level]


@pytest.mark.parametrize(
    ("where", "uri"),
    [
        pytest.param("versions/0001_x.py:1", "versions/0001_x.py", id="a relative path"),
        pytest.param("versions\\0001_x.py:1", "versions/0001_x.py", id="backslashes"),
        pytest.param("our versions/0001_x.py:1", "our%20versions/0001_x.py", id="a space"),
        pytest.param("größe/100%/0001_x.py:1", "gr%C3%B6%C3%9Fe/100%25/0001_x.py", id="other letters"),
        pytest.param("a:b/0001_x.py:1", "a%3Ab/0001_x.py", id="a colon that would look like a scheme"),
        pytest.param("/srv/app/0001_x.py:1", "file:///srv/app/0001_x.py", id="an absolute path"),
        pytest.param("C:\\our app\\0001_x.py:1", "file:///C:/our%20app/0001_x.py", id="a drive"),
    ],
)
def test_paths_become_uris(where, uri):
    (result,) = results_of(TABLE_DROPPED.finding("x", where=where))

    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": uri},
        "region": {"startLine": 1},
    }


def test_a_finding_about_no_file_has_no_location():
    (result,) = results_of(REHEARSAL_FAILED.finding("x"))

    assert "locations" not in result
