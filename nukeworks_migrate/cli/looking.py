"""`migrate status`, `check` and `history`: looking, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..actions.status import State, Status
from ..actions.status import status as read_status
from ..model.history import LedgerState
from . import exits
from .options import begin, common_options
from .output import word
from .text import called, counted, moment, printable, seconds

if TYPE_CHECKING:
    from ..actions.history import HistoryReport, MigrationHistory
    from ..databases.log import LogRow

_SHOWN_APPLIED = 5  # of those that need no attention, the newest


@common_options
@click.command()
@click.option("--all", "everything", is_flag=True, help="Show every migration.")
@click.pass_context
def status(context: click.Context, everything: bool) -> None:
    """Show where the database stands. Writes nothing; the exit code is 0 whatever it shows."""
    call = begin(context)
    found = read_status(call.project())
    if call.output.as_json:
        from .as_json import status_as_json

        call.output.object("status", status_as_json(found))
    else:
        call.output.answer(status_screen(found, everything=everything or call.output.verbose > 0))


@common_options
@click.command()
@click.pass_context
def check(context: click.Context) -> int:
    """Say in one line and by the exit code whether the database fits the files.

    0 it does; 7 migrations are pending; 9 drifted; 10 newer than the application; 6 interrupted.
    """
    from ..actions.check import check as run_check

    call = begin(context)
    report = run_check(call.project())
    code = exits.code_of_verdict(report.verdict)
    if call.output.as_json:
        from .as_json import check_as_json

        call.output.object("check", check_as_json(report, code))
    elif not call.output.quiet:
        call.output.answer(f"{report.verdict.value}: {printable(report.sentence)}")
    return code


@common_options
@click.command()
@click.argument("name", required=False)
@click.pass_context
def history(context: click.Context, name: str | None) -> None:
    """Show what happened; of one migration also the text that ran, and how the file differs now."""
    from ..actions.history import history as read_history
    from ..actions.history import migration_history
    from .as_json import history_as_json, migration_history_as_json

    call = begin(context)
    if name is None:
        report = read_history(call.project())
        if call.output.as_json:
            call.output.object("history", history_as_json(report))
        else:
            call.output.answer(history_screen(report))
        return
    one = migration_history(call.project(), name)
    if call.output.as_json:
        call.output.object("history", migration_history_as_json(one))
    else:
        call.output.answer(migration_history_screen(one))


def status_screen(found: Status, *, everything: bool) -> str:
    """The whole screen of `migrate status`."""
    lines = _status_head(found)
    if found.problem:
        return "\n".join([*lines, "", f"{word('note:')} {printable(found.problem)}"])
    quiet = [line for line in found.lines if line.state is State.APPLIED]
    hidden = set() if everything else {line.version for line in quiet[:-_SHOWN_APPLIED]}
    shown = [line for line in found.lines if line.version not in hidden]
    width = min(max((len(line.name) for line in shown), default=0), 40)
    widest = max([9, *(len(line.state.value) for line in shown)])
    if shown:
        lines.append("")
    for line in shown:
        if line.state is State.PENDING:
            needs = f"depends on {', '.join(map(printable, line.depends_on))}" if line.depends_on else ""
            tail = needs or printable(line.description)
        else:
            tail = f"{moment(line.applied_at)}   {seconds(line.duration_ms).rjust(7)}"
        state = word(line.state.value, widest)
        lines.append(f"  {state} {printable(line.name).ljust(width)}   {tail}".rstrip())
    if hidden:
        lines.append(f"  ({len(hidden)} earlier: all applied, checksums match; --all lists them)")
    return "\n".join([*lines, "", called(_advice(found))])


def _status_head(found: Status) -> list[str]:
    applied = found.how_many(State.APPLIED, State.DRIFTED, State.MISSING, State.NEWER)
    last = max((line.applied_at for line in found.lines), default="")
    if found.problem:
        ledger = "not read"
    elif found.ledger is LedgerState.NONE:
        ledger = "none yet"
    else:
        old = ", of the old system" if found.ledger is LedgerState.LEGACY else ""
        ledger = f"schema_version   version {found.version}, {applied} applied{old}"
        ledger += f", last {printable(last)[:16]} UTC" if last else ""
    files = sum(line.state not in (State.MISSING, State.NEWER) for line in found.lines)
    there = "" if found.database_exists else "   (not there yet)"
    heads = counted(len(found.heads), "head")
    counts = "" if found.problem else f"   {counted(files, 'migration')}, {heads}"
    return [
        f"database   {found.engine}   {printable(found.database)}{there}",
        f"ledger     {ledger}",
        f"files      {printable(found.versions_folder)}/{counts}",
    ]


def _advice(found: Status) -> str:
    """The last line: what to type next."""
    pending = found.how_many(State.PENDING)
    if found.how_many(State.INTERRUPTED):
        return "Interrupted. What can be done: migrate resume"
    if found.how_many(State.NEWER):
        return "The database is newer than these files: update the application."
    if found.how_many(State.MISSING):
        return "Applied migrations have no file. What can be done: migrate plan"
    if found.how_many(State.DRIFTED):
        return "Applied migrations were changed. What differs: migrate plan"
    if pending:
        return f"{pending} pending. See what they would do: migrate plan"
    return "Up to date." if found.lines else 'No migrations yet. Write the first: migrate new "first table"'


def history_screen(report: HistoryReport) -> str:
    lines = [f"history   {printable(report.database)}", ""]
    logged = {row.version for row in report.log}
    for entry in report.entries:
        if entry.version not in logged or entry.position is None:
            name = printable(entry.name or f"{entry.version} {entry.description}")
            by = printable(entry.applied_by)
            lines.append(f"  {moment(entry.applied_at)}   {'applied'.ljust(9)}  {name}   by {by}, before the log began")
    lines.extend(_log_line(row) for row in report.log)
    if len(lines) == 2:
        lines.append("  Nothing has happened yet.")
    return "\n".join([*lines, "", called("All about one of them: migrate history NAME")])


def _log_line(row: LogRow) -> str:
    took = f"   {seconds(row.duration_ms)}" if row.duration_ms is not None else ""
    snapshot = f"   snapshot {printable(row.snapshot)}" if row.snapshot and row.event in ("restored", "started") else ""
    event, name, who = (printable(text) for text in (row.event, row.name, row.who))
    line = f"  {moment(row.happened_at)}   {word(event, 9)}  {name}{took}   by {who}{snapshot}"
    detail = printable(row.detail, lines=True).splitlines()
    return "\n".join([line, *(f"      {text}" for text in detail[:4])])


def migration_history_screen(one: MigrationHistory) -> str:
    state = f"applied {moment(one.entry.applied_at)}" if one.entry is not None else "not applied"
    lines = [f"{printable(one.name)}   {state}   {printable(one.database)}", ""]
    lines.extend(_log_line(row) for row in one.log)
    if not one.log:
        lines.append("  No events." if one.entry is None else "  Applied before the log began.")
    for stored in one.source:
        lines += ["", f"{printable(stored.file)} as it ran:", ""]
        lines.extend(f"    {line}" for line in printable(stored.text, lines=True).splitlines())
    if one.drift is not None:
        lines += [
            "",
            "the file differs now:",
            "",
            printable(one.drift.diff, lines=True) or "    (no text was stored)",
        ]
    return "\n".join(lines)
