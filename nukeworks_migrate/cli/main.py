"""`migrate`: the commands, each imported when it is asked for, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import MigrateError
from ..version import __version__
from .options import TRUE, common_options, object_of, output_of
from .output import hang_up, prepare_console
from .text import called, called_as

if TYPE_CHECKING:
    from .host import Host

_COMMANDS = {
    "up": "Apply what is pending.",
    "down": "Take back what is applied.",
    "plan": "Show what up, or down, would do; change nothing.",
    "status": "Show where the database stands.",
    "history": "Show what happened, or all about one migration.",
    "graph": "Draw what depends on what, and where it stands.",
    "check": "One line and an exit code, for start-up and CI.",
    "verify": "Check files, schema, foreign keys and integrity.",
    "lint": "Say what deserves a second thought in migrations.",
    "new": "Write the next migration's file.",
    "schema": "Print the schema at head, or compare it with a file.",
    "accept": "Take a changed file for the one that ran.",
    "stamp": "Mark as applied, or not, without running.",
    "resume": "Go on with an interrupted migration.",
    "data": "Rows that transforms left in quarantine.",
    "snapshot": "List, create, verify and prune snapshots.",
    "restore": "Make the database what a snapshot holds.",
    "ui": "All of it in a browser.",
}

_STOPPED = "\nstopped by Ctrl-C. See where it stands: migrate status"


class Commands(click.Group):
    """The commands in the order in which one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command. Written as imports, so that tools that freeze applications see them."""
        match cmd_name:
            case "up" | "down" | "resume":
                from . import running

                return {"up": running.up, "down": running.down, "resume": running.resume}[cmd_name]
            case "status" | "check" | "history":
                from . import looking

                return {"status": looking.status, "check": looking.check, "history": looking.history}[cmd_name]
            case "graph":
                from .graph import graph

                return graph
            case "plan":
                from .planning import plan

                return plan
            case "verify":
                from .verifying import verify

                return verify
            case "schema":
                from .schema import schema

                return schema
            case "lint":
                from .linting import lint

                return lint
            case "new":
                from .writing import new

                return new
            case "accept" | "stamp":
                from . import marking

                return {"accept": marking.accept, "stamp": marking.stamp}[cmd_name]
            case "data":
                from .data import data

                return data
            case "snapshot" | "restore":
                from . import snapshots

                return {"snapshot": snapshots.snapshot, "restore": snapshots.restore}[cmd_name]
            case "ui":
                from .ui import ui

                return ui
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], _COMMANDS, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)


def _show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    # click's own option keeps the first program's name that asked, for all of the process.
    if value and not context.resilient_parsing:
        click.echo(f"{context.find_root().info_name}, version {__version__}")
        context.exit()


@common_options
@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: migrate status. All about it: docs/ in the source.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def commands() -> None:
    """Database migrations as Python modules: planned, run wholly or not at all, and reversible."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code."""
    prepare_console()
    code = _complete_for_shell()
    if code is None:
        code = run(list(sys.argv[1:] if arguments is None else arguments))
    hang_up()
    sys.exit(code)


def _complete_for_shell() -> int | None:
    """Answer a shell that asks for completions, as click has it; None where none asks."""
    name = os.path.basename(sys.argv[0]).removesuffix(".exe").removesuffix(".py")
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    instruction = os.environ.get(variable)
    if not instruction:
        return None
    from click.shell_completion import shell_complete

    return shell_complete(commands, {}, name, variable, instruction)


def run(arguments: list[str], host: Host | None = None) -> int:
    """Run one command and return its exit code; every error of a user's ends here, in words.

    Inside a `host`, the settings are those of its project, and every command that is named to be typed is its own.
    """
    if host is None:
        return _run(arguments, "migrate", {})
    with called_as(host.program):
        return _run(arguments, host.name, object_of(host))


def _run(arguments: list[str], name: str, given: dict[str, Any]) -> int:
    context: click.Context | None = None
    as_json = "--json" in arguments or os.environ.get("NUKEWORKS_MIGRATE_JSON", "").lower() in TRUE
    try:
        with commands.make_context(name, arguments, obj=given) as context:
            code = commands.invoke(context)
            return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        from .errors import show_usage_error

        return show_usage_error(error, output_of(context, as_json=as_json))
    except (click.Abort, KeyboardInterrupt):
        output_of(context, as_json=as_json).warn(called(_STOPPED))
        return 130
    except MigrateError as error:
        from .errors import show_error

        return show_error(error, output_of(context, as_json=as_json))
    except BrokenPipeError:
        return 0  # only help and version are printed past Output; whoever asked for them has read enough
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python wraps what comes while a class is made
            output_of(context, as_json=as_json).warn(called(_STOPPED))
            return 130
        import traceback

        output_of(context, as_json=False).warn(
            f"{traceback.format_exc()}\nThis is a bug in nukeworks_migrate: please report it with the lines above."
        )
        return 1
