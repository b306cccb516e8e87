"""`migrate snapshot …` and `migrate restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ..actions import snapshot as actions
from ..actions.restore import RestorePlan
from ..actions.restore import restore as run_restore
from ..model.events import Event, SnapshotTaken, Waiting
from ..runtime.snapshots import Snapshot
from . import exits
from .options import begin, common_options
from .output import word
from .text import called, counted, moment, printable, size
from .waiting import waiting_line


@common_options
@click.group()
def snapshot() -> None:
    """The copies of the database that one can go back to."""


@common_options
@snapshot.command("list")
@click.pass_context
def list_snapshots(context: click.Context) -> None:
    """List them, newest first."""
    call = begin(context)
    found = actions.list_snapshots(call.project())
    if call.output.as_json:
        told = [snapshot_as_json(item) for item in found.snapshots]
        call.output.object("snapshot list", {"ok": True, "folder": found.folder, "snapshots": told})
        return
    total = size(sum(item.size_bytes for item in found.snapshots))
    counted_all = counted(len(found.snapshots), "snapshot")
    call.output.answer(
        f"snapshots   {printable(found.folder)}/   {counted_all}, {total}   of {printable(found.database)}\n"
    )
    for item in found.snapshots:
        call.output.answer(_line(item))
    if found.snapshots:
        call.output.answer(called("\nGo back to one: migrate restore ID"))
    else:
        call.output.answer("  None yet: one is taken before every run that changes something.")


def _line(item: Snapshot) -> str:
    why = f"before {item.reason}" if item.reason != "manual" else item.note or "asked for"
    why += ", which failed" if item.failed else ""
    return f"  {item.id}   {moment(item.taken_at)}   {size(item.size_bytes).rjust(9)}   {printable(why)}"


@common_options
@snapshot.command("create")
@click.option("--note", default="", help="What it is for.")
@click.pass_context
def create(context: click.Context, note: str) -> None:
    """Take one now. It stays until it is pruned with --manual-too."""
    call = begin(context)
    taken = actions.create_snapshot(call.project(), note=note)
    if call.output.as_json:
        call.output.object("snapshot create", {"ok": True, "snapshot": snapshot_as_json(taken)})
        return
    call.output.answer(f"snapshot  {taken.id}   {size(taken.size_bytes)}\n")
    call.output.answer(called(f"Go back to it: migrate restore {taken.id}"))


@common_options
@snapshot.command("verify")
@click.argument("snapshot_id", metavar="[ID]", required=False)
@click.pass_context
def verify(context: click.Context, snapshot_id: str | None) -> int:
    """Check one, or all: size, SHA-256 and SQLite's integrity check. Exit code 8 where one is damaged."""
    call = begin(context)
    checked = actions.verify_snapshots(call.project(), snapshot_id)
    damaged = sum(bool(item.problem) for item in checked)
    if call.output.as_json:
        told = [{"id": item.snapshot.id, "ok": not item.problem, "problem": item.problem} for item in checked]
        call.output.object("snapshot verify", {"ok": not damaged, "snapshots": told})
    else:
        for item in checked:
            verdict = "whole" if not item.problem else f"{word('error:')} {printable(item.problem)}"
            call.output.answer(f"  {item.snapshot.id}   {verdict}")
        call.output.answer(f"{counted(len(checked), 'snapshot')} checked, {damaged} damaged.")
    return exits.FINDINGS if damaged else exits.DONE


@common_options
@snapshot.command("prune")
@click.option("--keep", type=int, metavar="N", help="Keep the last N.")
@click.option("--days", type=float, help="Keep none older than that.")
@click.option("--bytes", "total_bytes", type=int, help="Keep no more than that altogether.")
@click.option("--manual-too", is_flag=True, help="Those that were asked for as well.")
@click.pass_context
def prune(
    context: click.Context, keep: int | None, days: float | None, total_bytes: int | None, manual_too: bool
) -> None:
    """Remove old ones, by these numbers or by the settings. The newest good one always stays."""
    call = begin(context)
    gone = actions.prune_snapshots(
        call.project(), keep=keep, days=days, total_bytes=total_bytes, also_manual=manual_too
    )
    if call.output.as_json:
        call.output.object("snapshot prune", {"ok": True, "removed": [item.id for item in gone]})
        return
    for item in gone:
        call.output.answer(f"removed   {item.id}   {size(item.size_bytes)}")
    call.output.answer(called(f"{counted(len(gone), 'snapshot')} removed. What is left: migrate snapshot list"))


@common_options
@click.command()
@click.argument("snapshot_id", metavar="ID")
@click.pass_context
def restore(context: click.Context, snapshot_id: str) -> None:
    """Make the database what a snapshot holds.

    The present state is saved as a snapshot first, so that there is a way back from here too.
    """
    call = begin(context)

    def confirm(plan: RestorePlan) -> None:
        if not call.output.as_json:
            call.output.warn(_restore_screen(plan))
        call.ask(f"Replace what is in {printable(plan.database)}?")

    def show(event: Event) -> None:
        match event:
            case Waiting():
                call.output.aside(waiting_line(event))
            case SnapshotTaken(_, path, size_bytes):
                call.output.aside(f"saved     {printable(path)}   {size(size_bytes)}")

    done = run_restore(call.project(), snapshot_id, confirm=confirm, on_event=show)
    if call.output.as_json:
        told: dict[str, Any] = {
            "restored": snapshot_as_json(done.snapshot),
            "saved": snapshot_as_json(done.saved) if done.saved else None,
            "moved_aside": done.moved_aside or None,
        }
        call.output.object("restore", {"ok": True, "database": done.database, **told})
        return
    if done.moved_aside:
        call.output.answer(f"moved     the file that could not be opened is now {printable(done.moved_aside)}")
    call.output.answer(
        f"restored  {printable(done.database)} is as it was at {moment(done.snapshot.taken_at)},"
        f" version {done.snapshot.version_before}\n"
    )
    if done.saved is not None:
        call.output.answer(called(f"Back to where it was: migrate restore {done.saved.id}"))
    call.output.answer(called("See where it stands:  migrate status"))


def _restore_screen(plan: RestorePlan) -> str:
    now = "cannot be read" if plan.version_now is None else f"version {plan.version_now}"
    lines = [
        f"restore   {plan.snapshot.id}   version {plan.snapshot.version_before}, {moment(plan.snapshot.taken_at)}",
        f"over      {printable(plan.database)}   {now if plan.database_exists else 'not there'}",
    ]
    if plan.other_database:
        lines.append(f"{word('warning:')} it was taken of another database: {printable(plan.snapshot.database)}")
    if plan.database_exists and plan.version_now is not None:
        lines.append("What is in it now is saved as a snapshot first.")
    return "\n".join(lines)


def snapshot_as_json(item: Snapshot) -> dict[str, Any]:
    return {**asdict(item), "versions": list(item.versions)}
