"""`migrate schema dump`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import Any

import click

from ..actions.schema import FileVerdict, SchemaCheck, SchemaDump, check_schema, dump_schema, write_schema
from ..errors import Refused, UsageError
from ..model.differences import changes_as_json, difference_lines
from . import exits
from .options import begin, common_options, resource_option, resource_words
from .output import Output
from .text import counted, printable, program
from .verifying import coloured, cut

_WIDTH = 80
_MOST_LINES = 40  # of a difference; --verbose shows all


@common_options
@click.group()
def schema() -> None:
    """The schema that the migrations make."""


@common_options
@schema.command()
@click.option("--output", "-o", "target", metavar="FILE", help="Write it there, if that changes the file.")
@click.option("--check", "checked", metavar="FILE", help="Compare it with a file; exit code 8 where it differs.")
@resource_option
@click.pass_context
def dump(context: click.Context, target: str | None, checked: str | None) -> int:
    """Print the schema at head as SQL: all migrations run in an empty database of their own.

    The same migrations give the same text, so that it can be kept beside them and reviewed with them. No database is
    needed.
    """
    if target is not None and checked is not None:
        raise UsageError(
            "--output writes the file and --check only reads it: they exclude each other",
            unchanged="nothing was written",
            next_step="say one of them",
        )
    call = begin(context)
    output, project = call.output, call.project_of_files()
    if checked is not None:
        with redirect_stdout(sys.stderr):  # what migrations print is no part of the answer
            found = check_schema(project, checked)
        same = found.verdict is FileVerdict.SAME
        if output.as_json:
            output.object("schema dump", _as_json(found.dump, checked, found))
        elif not (same and output.quiet):
            command = _command(context, "-o", checked)
            output.answer(check_screen(found, checked, command, verbose=output.verbose > 0))
        return exits.DONE if same else exits.FINDINGS
    with redirect_stdout(sys.stderr):
        made = dump_schema(project)
    written = target is not None and write_schema(made, target)
    if output.as_json:
        output.object("schema dump", _as_json(made, target, written=written))
    elif target is None:
        _print(made.text, output)
    elif not output.quiet:
        output.answer(written_screen(made, target, _command(context, "--check", target), written=written))
    return exits.DONE


def _print(text: str, output: Output) -> None:
    """Print exactly `text` where it goes into a file or a pipe; at a terminal, so that it can do no harm there.

    Raises:
        Refused: it did not get there, as where the disk is full: half a schema must not pass for a whole one.
    """
    if sys.stdout.isatty():
        output.answer(printable(text, lines=True).removesuffix("\n"))
        return
    try:
        click.echo(text.encode(), nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Refused(
            "the schema could not be written to the end",
            cause=error.strerror or str(error),
            unchanged="",
            next_step="make room, or write it to another place: migrate schema dump -o FILE",
        ) from error


def written_screen(made: SchemaDump, target: str, command: str, *, written: bool) -> str:
    """What was written, or not; `command` is what checks it."""
    made_of = (
        (len(made.schema.tables), "table"),
        (len(made.schema.indexes), "index"),
        (len(made.schema.views), "view"),
        (len(made.schema.triggers), "trigger"),
    )
    count = ", ".join(counted(many, noun).replace("indexs", "indexes") for many, noun in made_of if many)
    verb = "wrote" if written else "unchanged"
    told = f"{verb.ljust(10)}{printable(target)}   {count or 'an empty schema'}"
    return f"{told}\n\nHold it against the migrations, in CI: {command}"


def check_screen(found: SchemaCheck, path: str, command: str, *, verbose: bool = False) -> str:
    """Whether the file is the schema at head, how it differs, and what writes it anew."""
    file = printable(path)
    if found.verdict is FileVerdict.SAME:
        return f"ok: {file} is the schema that the migrations make"
    match found.verdict:
        case FileVerdict.MISSING:
            lines = [f"There is no {file}."]
        case FileVerdict.NOT_LOADABLE:
            lines = [f"{file} cannot be loaded:", "", *_shown(found.cause.splitlines(), verbose=verbose)]
        case FileVerdict.OTHER_WORDS:
            lines = [f"{file} has the same schema in other words:", "", *_shown(found.diff, verbose=verbose)]
        case _:
            lines = [
                f"{file} is not the schema that the migrations make:",
                "",
                "  + in what the migrations make alone   - in the file alone",
                "",
                *_shown(difference_lines(found.changes, width=_WIDTH - 2), verbose=verbose),
            ]
    return "\n".join([*lines, "", f"Write it anew: {command}"])


def _shown(lines: Iterable[str], *, verbose: bool) -> list[str]:
    shown = [f"  {coloured(cut(printable(line), _WIDTH - 2, verbose=verbose))}".rstrip() for line in lines]
    if len(shown) > _MOST_LINES and not verbose:
        shown = [*shown[:_MOST_LINES], f"  … {counted(len(shown) - _MOST_LINES, 'more line')} (-v shows all)"]
    return shown


def _command(context: click.Context, option: str, path: str) -> str:
    """The command that does the other thing, with what was said to this one about where things are."""
    import shlex

    words = ["schema", "dump", option, path]
    given = context.find_root().obj
    for name in ("database", "versions", "config"):
        words += [f"--{name}", str(given[name])] if name in given else []
    return printable(f"{program()} {shlex.join([*words, *resource_words(context)])}")


def _as_json(
    made: SchemaDump, path: str | None, found: SchemaCheck | None = None, *, written: bool = False
) -> dict[str, Any]:
    return {
        "ok": found is None or found.verdict is FileVerdict.SAME,
        "heads": list(made.heads),
        "text": made.text,
        "file": path,
        "written": written,
        "verdict": found.verdict.value if found is not None else None,
        "changes": changes_as_json(found.changes if found is not None else ()),
        "diff": "\n".join(found.diff) if found is not None else "",
        "cause": found.cause if found is not None else "",
    }
