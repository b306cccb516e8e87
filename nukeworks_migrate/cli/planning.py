"""`migrate plan`."""

from __future__ import annotations

import shlex

import click

from ..actions.plan import PlanReport
from ..actions.plan import plan as make_plan
from ..model.plan import Direction
from .as_json import plan_as_json
from .options import begin, common_options, run_options, snapshot_option
from .plan_screen import plan_screen
from .text import printable


@common_options
@click.command()
@click.option("--down", "down", is_flag=True, help="Plan the way down.")
@run_options
@snapshot_option
@click.pass_context
def plan(context: click.Context, down: bool, to: str | None, only: str | None, steps: int | None, commit: str) -> None:
    """Show what up, or down, would do: order, commit points, SQL, findings. Nothing is run or written."""
    call = begin(context)
    direction = Direction.DOWN if down else Direction.UP
    report = make_plan(call.project(), direction=direction, to=to, only=only, steps=steps, commit=commit)
    if call.output.as_json:
        call.output.object("plan", plan_as_json(report))
        return
    words = _command(context, report, {"--to": to, "--only": only, "--steps": steps}, commit)
    call.output.answer(_screen(report, words, verbose=call.output.verbose > 0))


def _command(context: click.Context, report: PlanReport, asked: dict[str, object], commit: str) -> str:
    """The command that runs exactly this plan: what was said to plan is said to up, or down."""
    words = ["migrate", report.preview.plan.direction.value]
    for option, value in asked.items():
        words += [option, str(value)] if value is not None else []
    words += ["--commit", "each"] if commit == "each" else []
    given = context.find_root().obj
    for name in ("database", "versions", "snapshots", "config", "lock_timeout", "snapshot"):
        words += [f"--{name.replace('_', '-')}", str(given[name])] if name in given else []
    return printable(shlex.join(words))


def _screen(report: PlanReport, command: str, *, verbose: bool) -> str:
    steps = report.preview.plan.steps
    if not steps:
        remarks = "".join(f"note: {printable(remark)}\n" for remark in report.preview.plan.remarks)
        verb = _VERBS[report.preview.plan.direction]
        return f"{remarks}Nothing to do: {printable(report.database)} has nothing to {verb}."
    lines = [plan_screen(report.preview, report.database, report.engine, verbose=verbose), ""]
    if not report.database_exists:
        lines.append(f"The database is a new file: {printable(report.database)}. Nothing has been changed.")
    elif report.takes_snapshot:
        lines.append("A snapshot is taken before step 1. Nothing has been changed.")
    else:
        lines.append("No snapshot will be taken. Nothing has been changed.")
    lines.append(f"Run it: {command}")
    return "\n".join(lines)


_VERBS = {Direction.UP: "apply", Direction.DOWN: "take back"}
