"""`migrate accept` and `migrate stamp`: changes to the ledger alone."""

from __future__ import annotations

import click

from ..actions.accept import accept as run_accept
from ..actions.stamp import StampPlan
from ..actions.stamp import stamp as run_stamp
from .options import begin, common_options
from .output import word
from .text import called, printable
from .waiting import waiting_shown


@common_options
@click.command()
@click.argument("name")
@click.option("--reason", default="", help="Why the change is harmless; it is kept in the log.")
@click.pass_context
def accept(context: click.Context, name: str, reason: str) -> None:
    """Take a changed file for the one that ran. Nothing is run."""
    call = begin(context)
    done = run_accept(call.project(), name, reason=reason, on_event=waiting_shown(call.output))
    if call.output.as_json:
        told = {"name": done.drift.file_name, "was": done.drift.applied_name, "reason": done.reason}
        call.output.object("accept", {"ok": True, "database": done.database, **told})
        return
    call.output.answer(f"accepted  {printable(done.drift.file_name)}   {printable(done.reason)}")
    call.output.answer(called("\nThe ledger holds today's file. See where it stands: migrate status"))


@common_options
@click.command()
@click.argument("target", required=False)
@click.option("--applied", multiple=True, metavar="NAME", help="Mark this one as applied; may be repeated.")
@click.option("--not-applied", multiple=True, metavar="NAME", help="Mark this one as not applied.")
@click.pass_context
def stamp(context: click.Context, target: str | None, applied: tuple[str, ...], not_applied: tuple[str, ...]) -> None:
    """Make the ledger say that the database is at TARGET, or mark single migrations. Nothing is run."""
    call = begin(context)

    def confirm(plan: StampPlan) -> None:
        if not call.output.as_json and not call.yes:
            call.output.warn(_marks(plan))
        call.ask(f"Change the ledger of {printable(plan.database)}, and nothing else?")

    done = run_stamp(
        call.project(),
        target,
        applied=applied,
        not_applied=not_applied,
        confirm=confirm,
        on_event=waiting_shown(call.output),
    )
    if call.output.as_json:
        told = {
            "applied": list(done.applied),
            "not_applied": list(done.not_applied),
            "settled": list(done.settled),
        }
        call.output.object("stamp", {"ok": True, "database": done.database, **told})
    elif done.is_empty:
        call.output.answer("Nothing to do: the ledger says so already.")
    else:
        if call.yes:
            call.output.answer(_marks(done))
        call.output.answer(f"{word('committed')}  the ledger says so now; nothing was run\n")
        call.output.answer(called("See where it stands: migrate status"))


def _marks(plan: StampPlan) -> str:
    lines = [f"stamp   {printable(plan.database)}", ""]
    lines += [f"  {word('applied', 12)} {printable(name)}" for name in plan.applied]
    lines += [f"  {word('not applied', 12)} {printable(name)}" for name in plan.not_applied]
    lines += [f"  {'settled':12} {printable(name)}: no longer interrupted" for name in plan.settled]
    return "\n".join([*lines, ""])
