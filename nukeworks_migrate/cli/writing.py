"""`migrate new`."""

from __future__ import annotations

import click

from ..actions.new import new as write_new
from .options import begin, common_options
from .text import called, printable


@common_options
@click.command()
@click.argument("title")
@click.option("--after", metavar="NAME", help="Depend on this one instead of on every head.")
@click.option("--data", is_flag=True, help="Begin with a transform in Python.")
@click.pass_context
def new(context: click.Context, title: str, after: str | None, data: bool) -> None:
    """Write the next migration's file, numbered and with its dependencies filled in."""
    call = begin(context)
    written = write_new(call.project_of_files(), title, after=after, data=data)
    if call.output.as_json:
        told = {
            "ok": True,
            "path": written.path,
            "name": written.name,
            "depends_on": list(written.depends_on),
        }
        call.output.object("new", told)
        return
    after_words = f"depends on {', '.join(written.depends_on)}" if written.depends_on else "depends on nothing"
    call.output.answer(f"wrote     {printable(written.path)}   {printable(after_words)}")
    call.output.answer(called("\nWrite its upgrade(db), then see what it would do: migrate plan"))
