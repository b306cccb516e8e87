"""`migrate ui`: the dialog in a browser, on its own."""

from __future__ import annotations

import click

from ..errors import Refused
from .options import begin, common_options, resource_option, snapshot_option
from .text import called, printable


@common_options
@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port.  [any that is free]")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@resource_option
@snapshot_option
@click.pass_context
def ui(context: click.Context, port: int, no_browser: bool) -> None:
    """Show what is pending in a browser, and run it there, at 127.0.0.1 until Ctrl-C.

    The address holds a token that lets one browser in, once.
    """
    call = begin(context)
    project = call.project()
    project.open_database()  # an address that means nothing is said here, and not on a page
    try:
        from ..web.server import DialogServer
    except ImportError as error:
        raise Refused(
            "the dialog needs Flask, which is not installed",
            cause=str(error),
            unchanged="nothing was opened",
            next_step="install it: pip install 'nukeworks-migrate[flask]'",
        ) from error
    server = DialogServer(project, port, call.output.warn)
    if call.output.as_json:
        call.output.object("ui", {"ok": True, "url": server.url, "port": server.port})
    else:
        call.output.answer(f"dialog    {server.url}\n          of {printable(project.open_database().label)}")
        call.output.aside(called("It lets one browser in, once. Stop it with Ctrl-C."))
    server.serve(browser=not no_browser)
