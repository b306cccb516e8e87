"""`migrate graph`: what depends on what, and where it stands."""

from __future__ import annotations

import sys
from typing import Any

import click

from ..actions.graph import GraphReport
from ..actions.graph import graph as read_graph
from ..errors import Refused
from .options import begin, common_options

FORMATS = ("text", "mermaid", "svg", "dot")


@common_options
@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="What to draw with.  [text]")
@click.pass_context
def graph(context: click.Context, form: str) -> None:
    """Draw what depends on what, and where each migration stands, oldest first. Writes nothing.

    svg is a picture for browsers; mermaid and dot are for the programs of these names. Put into a file what is
    printed: migrate graph --format svg > graph.svg
    """
    call = begin(context)
    report = read_graph(call.project())
    if call.output.as_json:
        call.output.object("graph", graph_as_json(report))
    elif form == "text":
        from .graph_text import graph_screen, signs_for

        call.output.answer(graph_screen(report, signs_for(sys.stdout.encoding)))
    else:
        _print(_drawn(report, form))


def _drawn(report: GraphReport, form: str) -> str:
    if form == "svg":
        from .graph_svg import graph_svg

        return graph_svg(report)
    from .graph_markup import graph_dot, graph_mermaid

    return graph_mermaid(report) if form == "mermaid" else graph_dot(report)


def _print(text: str) -> None:
    """Print a drawing as ASCII, what is none as numbers: then it is the same in whatever encoding it is stored.

    Raises:
        Refused: it did not get there, as where the disk is full: half a picture must not pass for a whole one.
    """
    try:
        click.echo(text.encode("ascii", "xmlcharrefreplace").decode(), nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(
            "the graph could not be written to the end",
            cause=error.strerror or str(error),
            unchanged="the database is as it was",
            next_step="make room, or write it to another place",
        ) from error


def graph_as_json(report: GraphReport) -> dict[str, Any]:
    """The object of --json; docs/json.md describes it."""
    from .as_json import iso

    return {
        "ok": not report.problem,
        "database": report.database,
        "engine": report.engine,
        "database_exists": report.database_exists,
        "versions_folder": report.versions_folder,
        "heads": list(report.heads),
        "nodes": [
            {
                "version": node.version,
                "name": node.name,
                "state": node.state.value,
                "description": node.description,
                "applied_at": iso(node.applied_at) or None,
            }
            for node in report.nodes
        ],
        "edges": [{"dependency": edge.dependency, "dependent": edge.dependent} for edge in report.edges],
        "problem": report.problem or None,
    }
