"""`migrate plan`."""

from __future__ import annotations

from typing import Any

import click

from ..actions.plan import PlanReport
from ..actions.plan import plan as make_plan
from ..model.plan import Direction
from . import exits
from .as_json import plan_as_json
from .options import (
    begin,
    common_options,
    rehearsal_options,
    resource_option,
    run_command,
    run_options,
    snapshot_option,
)
from .plan_screen import nothing_to_do, plan_screen
from .rehearsing import show_rehearsal
from .text import printable


@common_options
@click.command()
@click.option("--down", "down", is_flag=True, help="Plan the way down.")
@click.option("--rehearse", is_flag=True, help="Run it on a private copy, and tell what happened.")
@click.option("--output", "-o", "save_to", metavar="FILE", help="Save the plan, to be run by up, or down, --plan FILE.")
@run_options
@rehearsal_options
@resource_option
@snapshot_option
@click.pass_context
def plan(
    context: click.Context,
    /,
    down: bool,
    rehearse: bool,
    save_to: str | None,
    to: str | None,
    only: str | None,
    steps: int | None,
    commit: str | None,
    **looking: Any,
) -> int:
    """Show what up, or down, would do: order, commit points, SQL, findings. Nothing is run or written.

    With --rehearse the same steps run on a private copy of the database, and what happened there is shown. With -o
    the plan is saved in a file, and up --plan runs exactly that plan, or refuses if anything has moved.
    """
    direction = Direction.DOWN if down else Direction.UP
    asked: dict[str, Any] = {"to": to, "only": only, "steps": steps, "commit": commit}
    if rehearse:
        return show_rehearsal(context, "plan", direction, looking=looking, save_to=save_to, **asked)
    call = begin(context)
    report = make_plan(call.project(), direction=direction, save_to=save_to, **asked)
    if call.output.as_json:
        call.output.object("plan", plan_as_json(report))
        return exits.DONE
    command = run_command(context, direction, **({"plan_file": save_to} if save_to is not None else asked))
    call.output.answer(_screen(report, command, verbose=call.output.verbose > 0))
    return exits.DONE


def _screen(report: PlanReport, command: str, *, verbose: bool) -> str:
    steps = report.preview.plan.steps
    if not steps:
        return nothing_to_do(report.preview.plan, report.database, report.saved_to)
    lines = [plan_screen(report.preview, report.database, report.engine, verbose=verbose), ""]
    if not report.database_exists:
        lines.append(f"The database is a new file: {printable(report.database)}. Nothing has been changed.")
    elif report.takes_snapshot:
        lines.append("A snapshot is taken before step 1. Nothing has been changed.")
    else:
        lines.append("No snapshot will be taken. Nothing has been changed.")
    if report.saved_to:
        lines.append(f"The plan is saved in {printable(report.saved_to)}.")
    lines.append(f"Run it: {command}")
    return "\n".join(lines)
