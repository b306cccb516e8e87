"""Findings as SARIF 2.1.0, the format in which code hosts and editors take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ..model.findings import RULES, Finding, Severity

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}


def sarif_log(findings: Iterable[Finding], *, tool_version: str) -> dict[str, Any]:
    """Return a log with one run and a result for each finding, in the order given; only their rules are listed.

    Paths become URIs: a relative one is left relative to wherever the reader takes the log to belong.
    """
    findings = list(findings)
    codes = {finding.code for finding in findings}
    rules = [rule for rule in RULES if rule.code in codes]
    places = {rule.code: place for place, rule in enumerate(rules)}
    driver = {
        "name": "nukeworks_migrate",
        "version": tool_version,
        "rules": [
            {
                "id": rule.code,
                "shortDescription": {"text": rule.title},
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            }
            for rule in rules
        ],
    }
    results = [_result(finding, places[finding.code]) for finding in findings]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
    }
    if finding.path:
        place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.path)}}
        if finding.line:
            place["region"] = {"startLine": finding.line}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _uri(path: str) -> str:
    path = path.replace("\\", "/")
    drive, colon, rest = path.partition(":")
    if colon and len(drive) == 1 and rest.startswith("/"):
        return f"file:///{drive}:{quote(rest)}"
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)
