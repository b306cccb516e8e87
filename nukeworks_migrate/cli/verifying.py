"""`migrate verify`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from textwrap import wrap
from typing import Any

import click

from ..actions.verify import (
    DATABASE_NEWER,
    FILE_CHANGED,
    FILE_MISSING,
    FILE_RENAMED,
    INTERRUPTED,
    SCHEMA_DIFFERS,
    SCHEMA_NOT_COMPARED,
    Part,
    PartState,
    VerifyFinding,
    VerifyReport,
)
from ..actions.verify import verify as run_verify
from ..model.differences import changes_as_json, difference_lines
from ..model.findings import Severity
from ..model.history import LedgerState
from . import exits
from .options import begin, common_options, resource_option
from .output import word
from .progress import ProgressBar
from .text import called, counted, printable

_WIDTH = 80
_MARGIN = 11  # of what stands below a finding
_MOST_LINES = 30  # below a finding; --verbose shows all
_STATE_COLOURS = {PartState.OK: "applied", PartState.FINDINGS: "failed", PartState.NOT_CHECKED: "pending"}


@common_options
@click.command()
@resource_option
@click.pass_context
def verify(context: click.Context) -> int:
    """Compare files with ledger and schema with migrations; check foreign keys and integrity.

    The applied migrations run in an empty database of their own for it. Writes nothing; exit code 8 where something
    is found, or could not be looked at.
    """
    call = begin(context)
    bar = ProgressBar(colour=call.output.colour, enabled=not (call.output.quiet or call.output.as_json))
    bar.begin("verifying")
    try:
        with redirect_stdout(sys.stderr):  # what migrations print is no part of the answer
            report = run_verify(call.project())
    finally:
        bar.end()
    if call.output.as_json:
        call.output.object("verify", report_as_json(report))
    else:
        call.output.answer(report_screen(report, verbose=call.output.verbose > 0))
    return exits.DONE if report.ok else exits.FINDINGS


def report_screen(report: VerifyReport, *, verbose: bool = False) -> str:
    """The whole screen: a block for each part, and what to do next."""
    lines = [f"database       {report.engine}   {printable(report.database)}", f"ledger         {_ledger(report)}", ""]
    for part in Part:
        lines += _part_lines(report, part, verbose=verbose)
    return "\n".join([*lines, "", called(_advice(report))])


def _ledger(report: VerifyReport) -> str:
    pending = f", {len(report.pending)} pending" if report.pending else ""
    if report.state(Part.FILES) is PartState.NOT_CHECKED:
        return "not read"
    if report.ledger is LedgerState.NONE:
        return f"none yet{pending}"
    old = ", of the old system" if report.ledger is LedgerState.LEGACY else ""
    return f"schema_version   version {report.version}, {report.applied} applied{old}{pending}"


def _part_lines(report: VerifyReport, part: Part, *, verbose: bool) -> list[str]:
    findings, state = report.of(part), report.state(part)
    shown = counted(len(findings), "finding") if state is PartState.FINDINGS else state.value
    lines = [f"{part.value.ljust(15)}{word(shown, colour=_STATE_COLOURS[state])}"]
    for finding in findings:
        lines += _finding_lines(report, finding, verbose=verbose)
    if part is Part.SCHEMA:
        for note in report.notes:
            first, *others = wrap(printable(note), _WIDTH - 8)
            lines += [f"  {word('note:')} {first}", *(f"        {line}" for line in others)]
    return lines


def _finding_lines(report: VerifyReport, finding: VerifyFinding, *, verbose: bool) -> list[str]:
    first, *others = wrap(printable(finding.message), _WIDTH - _MARGIN) or [""]
    code = word(finding.code, colour="failed" if finding.severity is Severity.ERROR else "pending")
    lines = [f"  {code}   {first}", *_moved(others)]
    lines += _moved(wrap(printable(finding.where), _WIDTH - _MARGIN))
    if finding.code == SCHEMA_DIFFERS.code:
        lines += _moved(["+ in the database alone   - in what the migrations build alone", ""])
        details = difference_lines(report.changes, width=_WIDTH - _MARGIN)
    else:
        details = [cut(printable(line), _WIDTH - _MARGIN, verbose=verbose) for line in finding.details]
    if len(details) > _MOST_LINES and not verbose:
        details = [*details[:_MOST_LINES], f"… {counted(len(details) - _MOST_LINES, 'more line')} (-v shows all)"]
    return lines + _moved(coloured(line) for line in details)


def _moved(lines: Iterable[str]) -> list[str]:
    return [f"{' ' * _MARGIN}{line}".rstrip() for line in lines]


def cut(line: str, width: int, *, verbose: bool) -> str:
    """`line` in `width` columns; with `verbose`, as long as it is."""
    return line if verbose or len(line) <= width else f"{line[: width - 2]} …"


def coloured(line: str) -> str:
    """A line of a difference, in the colour of its sign."""
    colour = {"+": "added", "-": "removed"}.get(line.lstrip()[:1])
    return word(line, colour=colour) if colour else line


def _advice(report: VerifyReport) -> str:
    """The last line: what to type next, for the gravest of what was found."""
    codes = {finding.code for finding in report.findings}
    if report.state(Part.INTEGRITY) is PartState.FINDINGS:
        return "Damaged. See which snapshots are whole: migrate snapshot verify"
    if INTERRUPTED.code in codes:
        return "Interrupted. What can be done: migrate resume"
    if DATABASE_NEWER.code in codes:
        return "The database is newer than these files: update the application."
    if codes & {FILE_CHANGED.code, FILE_RENAMED.code, FILE_MISSING.code}:
        return "Files and ledger differ. What can be done: migrate plan"
    if SCHEMA_DIFFERS.code in codes:
        if report.ledger is LedgerState.NONE:
            return "Nothing counts as applied. If it is: migrate stamp TARGET"
        return 'Undo by hand what was not meant, and write down what was: migrate new "…"'
    if report.state(Part.FOREIGN_KEYS) is PartState.FINDINGS:
        return "Give these rows their parents, or take them out. Then: migrate verify"
    if SCHEMA_NOT_COMPARED.code in codes:
        return "Nothing else was found, but the schema is not verified."
    if codes:
        return "Not all of it could be looked at. Then: migrate verify"
    if report.pending:
        return f"All is as it should be. {len(report.pending)} pending: migrate plan"
    return "All is as it should be."


def report_as_json(report: VerifyReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "database": report.database,
        "engine": report.engine,
        "ledger": report.ledger.value,
        "version": report.version,
        "applied": report.applied,
        "pending": list(report.pending),
        "parts": [{"part": part.value, "state": report.state(part).value} for part in Part],
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "part": finding.part.value,
                "message": finding.message,
                "where": finding.where,
                "details": list(finding.details),
            }
            for finding in report.findings
        ],
        "changes": changes_as_json(report.changes),
        "notes": list(report.notes),
    }
