"""`migrate data …`: rows that transforms left in quarantine."""

from __future__ import annotations

from typing import Any

import click

from ..actions import data as actions
from ..actions.data import QuarantineReport
from ..actions.preview import Proposal
from ..databases.quarantine import Quarantined
from ..model.report import RunReport
from .as_json import report_as_json
from .options import begin, common_options, resource_option, snapshot_option
from .output import word
from .running import RunScreen
from .text import called, counted, cut, printable, seconds

_LIMIT = 20  # rows that are shown unless more are asked for


@common_options
@click.group()
def data() -> None:
    """Rows that transforms left as they were, because they failed."""


@common_options
@data.command("errors")
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(min=0), default=_LIMIT, metavar="N", help=f"So many rows.  [{_LIMIT}]")
@click.pass_context
def errors(context: click.Context, name: str | None, limit: int) -> None:
    """List them, oldest first: all, or those of one migration."""
    call = begin(context)
    found = actions.quarantined(call.project(), name, limit=limit)
    if call.output.as_json:
        rows = [row_as_json(row) for row in found.rows]
        call.output.object("data errors", {"ok": True, "database": found.database, "total": found.total, "rows": rows})
        return
    call.output.answer(errors_screen(found))


def errors_screen(found: QuarantineReport) -> str:
    lines = [f"quarantine   {printable(found.database)}   {counted(found.total, 'row')}"]
    under: tuple[str, str] | None = None
    for row in found.rows:
        if under != (row.name, row.table):
            under = row.name, row.table
            lines += ["", f"{printable(row.name)}   {printable(row.table)}"]
        lines += _row_lines(row)
    if found.total > len(found.rows):
        more = f"and {found.total - len(found.rows):,} more"
        lines += ["", called(f"{more}: migrate data errors --limit {found.total}")]
    names = list(dict.fromkeys(row.name for row in found.rows))
    if names:
        lines += ["", "Correct these rows, or the function, and then:"]
        lines += [called(f"  migrate data retry {printable(name)}") for name in names]
    else:
        lines += ["", "Nothing is in quarantine."]
    return "\n".join(lines)


def _row_lines(row: Quarantined) -> list[str]:
    read = ", ".join(f"{name} = {_value(value)}" for name, value in row.row.items())
    error = row.error.splitlines() or [""]
    lines = [f"  {row.place}", *(f"      {line}" for line in error), *([f"      {read}"] if read else [])]
    return [cut(printable(line)) for line in lines]


def _value(value: object) -> str:
    if isinstance(value, dict) and set(value) == {"hex"}:
        return f"{len(value['hex']) // 2} bytes"
    return "***" if value == "***" else repr(value)


def row_as_json(row: Quarantined) -> dict[str, Any]:
    return {
        "version": row.version,
        "name": row.name,
        "direction": row.direction,
        "number": row.number,
        "table": row.table,
        "key": {name: _plain(value) for name, value in zip(row.key_columns, row.key, strict=True)},
        "error": row.error,
        "row": row.row,
        "happened_at": row.happened_at,
        "run_id": row.run_id or None,
    }


def _plain(value: object) -> object:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


@common_options
@data.command("retry")
@click.argument("name")
@resource_option
@snapshot_option
@click.pass_context
def retry(context: click.Context, name: str) -> None:
    """Run a migration's function again for the rows that it left in quarantine, and for no others."""
    call = begin(context)

    def confirm(proposal: Proposal) -> None:
        label = printable(proposal.database.label)
        step = proposal.plan.steps[0]
        call.ask(f"Run {printable(step.name)} again for its rows in quarantine, and no others? ({label})")

    with RunScreen(call.output) as screen:
        report = actions.retry(call.project(), name, confirm=confirm, on_event=screen.show)
    if call.output.as_json:
        call.output.object("data retry", report_as_json(report))
        return
    call.output.answer(retry_screen(report))


def retry_screen(report: RunReport) -> str:
    if not report.steps:
        return "Nothing to do: none of its rows is in quarantine."
    done = report.steps[0]
    again = sum(rows.total for rows in done.quarantined)
    settled = (done.retried or 0) - again
    line = f"{word('committed')}  {counted(settled, 'row')} settled, {again} in quarantine again"
    next_line = called(f"\nSee them: migrate data errors {done.step.name}") if again else ""
    back = called(f"\nBack to where it was: migrate restore {report.snapshot_id}") if report.snapshot_id else ""
    return f"{line}, {seconds(report.duration_ms)}\n{next_line}{back}".rstrip()
