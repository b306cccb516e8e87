"""`migrate lint`: findings, as text, as JSON or as SARIF."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import click

from ..actions.lint import LintReport
from ..actions.lint import lint as run_lint
from ..model.findings import Finding, Severity
from ..model.rehearsal_findings import MOST_ROWS
from ..version import __version__
from . import exits
from .options import begin, common_options, resource_option
from .output import word
from .plan_screen import finding_lines
from .text import called, counted, printable

_ORDER = (Severity.INFO, Severity.WARNING, Severity.ERROR)
_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


@common_options
@click.command()
@click.option("--all", "everything", is_flag=True, help="Every migration, from nothing, and not only the pending ones.")
@click.option("--static", is_flag=True, help="Look at the files alone, and run nothing.")
@click.option(
    "--max-rows",
    type=click.IntRange(min=0),
    default=MOST_ROWS,
    metavar="N",
    help=f"So many rows for one statement, and no more.  [{MOST_ROWS}]",
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in _ORDER]),
    default="warning",
    help="From which severity on the exit code is 8.  [warning]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    help="As what to print it.  [text]",
)
@resource_option
@click.pass_context
def lint(context: click.Context, everything: bool, static: bool, max_rows: int, fail_on: str, form: str) -> int:
    """Say what deserves a second thought in migrations: from their files, and from running them on a copy.

    The pending ones are rehearsed on a private copy of the database; where there is none yet, all of them on an
    empty one. A comment `# noqa: NWM101` silences a finding in its line.
    """
    call = begin(context)
    report = run_lint(call.project_of_files(), everything=everything, static=static, most_rows=max_rows)
    output = call.output
    if form == "sarif":
        from .sarif import sarif_log

        output.document(sarif_log(report.findings, tool_version=__version__))
    elif form == "json" or output.as_json:
        output.object("lint", lint_as_json(report))
    else:
        output.answer(lint_screen(report))
    failing = _ORDER[_ORDER.index(Severity(fail_on)) :]
    return exits.FINDINGS if any(finding.severity in failing for finding in report.findings) else exits.DONE


def lint_screen(report: LintReport) -> str:
    """The findings by file, and how many there are of each severity."""
    looked_at = f"lint   {counted(len(report.names), 'migration')} of {printable(report.folder)}/"
    if not report.names:
        return f"{looked_at}\n\n{called('Nothing is pending. Look at every migration: migrate lint --all')}"
    how = f"rehearsed on {printable(report.rehearsed_on)}" if report.rehearsed_on else "from the files alone"
    lines = [f"{looked_at}, {how}"]
    if report.why_static:
        lines.append(f"{word('note:')} not rehearsed: {printable(report.why_static)}")
    for path, findings in groupby(report.findings, key=lambda finding: finding.path):
        lines += ["", f"  {printable(path.rpartition('/')[2])}"]
        lines += [f"    {line}" for line in _lines(findings)]
    return "\n".join([*lines, "", _summary(report)])


def _lines(findings: Iterable[Finding]) -> list[str]:
    short = [finding.at(f"line {finding.line}" if finding.line else "the file") for finding in findings]
    return finding_lines(short, width=76)


def _summary(report: LintReport) -> str:
    counts = {severity: sum(f.severity is severity for f in report.findings) for severity in reversed(_ORDER)}
    if not report.findings:
        return "No findings."
    told = ", ".join(counted(count, _NOUNS[severity]) for severity, count in counts.items() if count)
    advice = called("See what they do: migrate plan --rehearse")
    return f"{told}. One that is meant: # noqa: {report.findings[0].code}\n{advice}"


def lint_as_json(report: LintReport) -> dict[str, Any]:
    return {
        "ok": not report.findings,
        "migrations": list(report.names),
        "rehearsed_on": report.rehearsed_on or None,
        "why_static": report.why_static or None,
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "message": finding.message,
                "path": finding.path,
                "line": finding.line or None,
            }
            for finding in report.findings
        ],
    }
