"""The options that every command has, before or behind its name, and what they amount to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ..errors import NotConfirmed
from ..project import SNAPSHOT_POLICIES, Project, current_folder, resource_factory
from ..settings import Settings, read_settings, settings_within
from .output import Output, wanted_colour
from .text import called, printable, program

if TYPE_CHECKING:
    from ..model.plan import Direction
    from .host import Host

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=click.Command)

_OUTPUT = "output"
_HOST = "host"
TRUE = ("1", "true", "yes", "on")  # what says yes in an environment variable


class HelpText(click.HelpFormatter):
    """Help in which the program has the name that it was called by."""

    name = "migrate"

    def write_text(self, text: str) -> None:
        super().write_text(called(text, self.name))


class CallContext(click.Context):
    """The context of every command."""

    def make_formatter(self) -> click.HelpFormatter:
        formatter = HelpText(width=self.terminal_width, max_width=self.max_content_width)
        formatter.name = self.find_root().info_name or formatter.name
        return formatter


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember what was given; what stands behind the command wins over what stands before it."""
    if value is None or value is False or (parameter.name == "verbose" and value == 0):
        return
    assert parameter.name is not None
    context.find_root().ensure_object(dict)[parameter.name] = value


def _global(*names: str, **more: Any) -> click.Option:
    return click.Option(list(names), expose_value=False, callback=_keep, **more)


_COMMON = [
    _global("--database", "-d", metavar="URL", help="SQLite file, as a path or sqlite:///path."),
    _global("--versions", metavar="FOLDER", help="Where the migrations are.  [versions]"),
    _global("--snapshots", metavar="FOLDER", help="Where snapshots go.  [snapshots]"),
    _global("--config", metavar="FILE", help="The settings file.  [nearest pyproject.toml or setup.cfg]"),
    _global("--lock-timeout", type=float, metavar="SECONDS", help="How long to wait for locks.  [10]"),
    _global("--yes", "-y", is_flag=True, help="Do not ask."),
    _global("--json", is_flag=True, help="Print one JSON object."),
    _global("--verbose", "-v", count=True, help="Say more; twice: with tracebacks."),
    _global("--quiet", "-q", is_flag=True, help="Say less."),
    _global("--no-color", is_flag=True, help="No colours; NO_COLOR does the same."),
]


def common_options(command: C) -> C:
    """Add the global options to a command; all commands share them, because making them takes time."""
    command.params.extend(_COMMON)
    command.context_class = CallContext
    return command


def run_options(command: F) -> F:
    """Add the options of commands that run migrations."""
    options = (
        click.option("--to", metavar="TARGET", help="A version, a name, a beginning of one, head or base."),
        click.option("--only", metavar="NAME", help="One migration, and what has to go with it."),
        click.option("--steps", type=int, metavar="K", help="The next, or last, so many."),
        click.option(
            "--commit",
            type=click.Choice(["run", "each"]),
            help="Commit once, or after each step.  [run]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def plan_file_option(command: F) -> F:
    return click.option(
        "--plan", "plan_file", metavar="FILE", help="Run a plan that plan -o saved, if nothing has moved since."
    )(command)


def dry_run_option(command: F) -> F:
    return click.option("--dry-run", is_flag=True, help="Run it on a private copy, and tell what happened.")(command)


def rehearsal_options(command: F) -> F:
    """Add what can be asked of a rehearsal."""
    options = (
        click.option("--samples", type=int, default=3, metavar="N", help="Rows to show of each table and kind.  [3]"),
        click.option(
            "--show-values", is_flag=True, help="Show the parameters of statements, and not only their kinds."
        ),
        click.option(
            "--no-way-back", "way_back", is_flag=True, default=True, flag_value=False, help="Do not try the opposite."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_command(
    context: click.Context,
    direction: Direction,
    *,
    to: str | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: str | None = None,
    plan_file: str | None = None,
) -> str:
    """The command that runs exactly this plan: what was said to plan, or the plan's file, is said to up, or down."""
    import shlex

    words = [direction.value]
    for option, value in (("--plan", plan_file), ("--to", to), ("--only", only), ("--steps", steps)):
        words += [option, str(value)] if value is not None else []
    words += ["--commit", "each"] if commit == "each" else []
    given = context.find_root().obj
    for name in ("database", "versions", "snapshots", "config", "lock_timeout", "snapshot"):
        words += [f"--{name.replace('_', '-')}", str(given[name])] if name in given else []
    return printable(f"{program()} {shlex.join([*words, *resource_words(context)])}")


def resource_words(context: click.Context) -> list[str]:
    """What was said of resources, as it is said to another command."""
    given = context.find_root().obj
    return [word for entry in given.get("resource", ()) for word in ("--resource", entry)]


def snapshot_option(command: F) -> F:
    return click.option(
        "--snapshot",
        type=click.Choice(SNAPSHOT_POLICIES),
        expose_value=False,
        callback=_keep,
        help="Before which runs one is taken.  [always]",
    )(command)


def resource_option(command: F) -> F:
    """Add what commands take that run the code of migrations."""
    return click.option(
        "--resource",
        multiple=True,
        metavar="NAME=MODULE:FACTORY",
        expose_value=False,
        callback=_keep_resources,
        help="What makes a resource of migrations; again for more.",
    )(command)


def _keep_resources(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    for entry in value:
        try:
            resource_factory(entry)
        except ValueError as error:
            # What was written is not shown: by mistake it may be the secret itself.
            raise click.BadParameter(f"{error}.", context, parameter) from None
    _keep(context, parameter, value or None)


class Call(NamedTuple):
    """One call of the program: what was set, and where its words go."""

    settings: Settings
    output: Output
    yes: bool

    def project(self) -> Project:
        return self.settings.project()

    def project_of_files(self) -> Project:
        """The project where no database is needed, so that none has to be named."""
        if self.settings.within is not None:
            return self.project()
        named = {"database": "", **self.settings.values}
        return Settings(named, self.settings.base, self.settings.source).project()

    def ask(self, question: str) -> None:
        """Ask at the terminal.

        Raises:
            NotConfirmed: the answer was no, or there is nobody to ask and no --yes.
        """
        if self.yes:
            return
        while True:
            answer = answer_to(f"{question} [y/N]: ")
            if answer in ("y", "yes"):
                return
            if answer in ("", "n", "no"):
                raise answered_no()


def answered_no() -> NotConfirmed:
    return NotConfirmed("answered no", unchanged="nothing was changed", next_step="run it again to be asked again")


def answer_to(question: str) -> str:
    """What is typed at the terminal, in lower case without blanks around it; empty where the input has ended, too.

    Raises:
        NotConfirmed: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise NotConfirmed(
            "this needs a yes, and there is no terminal to ask at",
            unchanged="nothing was changed",
            next_step="say it beforehand: --yes",
        )
    click.echo(question, err=True, nl=False)
    answer = _typed_line()
    if not answer:
        click.echo(err=True)  # Ctrl-D has left the cursor behind the question
    return answer.strip().lower()


def _typed_line() -> str:
    """The next line of the terminal.

    A Ctrl-C that comes in the instant before the reading begins would be noticed only after it: Python notes the
    signal, and then waits for the line. So it waits for the line first, and looks up now and then.
    """
    if os.name != "nt":  # where select knows no consoles, and reading one hears of Ctrl-C by itself
        import select

        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass
    return sys.stdin.readline()


def object_of(host: Host | None) -> dict[str, Any]:
    """What the root context of a call holds before any flag is read."""
    return {} if host is None else {_HOST: host}


def begin(context: click.Context) -> Call:
    """Put flags, environment and settings file together for the command that runs; in a host, its project and flags.

    Raises:
        BadSetting: one of them means nothing.
    """
    given = context.find_root().ensure_object(dict)
    host: Host | None = given.get(_HOST)
    flags = {key: value for key, value in given.items() if key not in (_OUTPUT, _HOST)}
    if host is None:
        settings = read_settings(flags, os.environ, current_folder())
    else:
        settings = settings_within(host.project(), flags, os.environ, current_folder())
    values = settings.values
    output = Output(
        as_json=values.get("json", False),
        quiet=values.get("quiet", False),
        verbose=values.get("verbose", 0),
        colour=wanted_colour(values.get("no_color", False)),
    )
    context.color = output.colour
    context.find_root().obj[_OUTPUT] = output  # for the error that may end the command
    return Call(settings, output, values.get("yes", False))


def output_of(context: click.Context | None, *, as_json: bool) -> Output:
    """The voice of the command that ran, or a plain one where it never got that far."""
    given = context.find_root().obj if context is not None else None
    output = given.get(_OUTPUT) if isinstance(given, dict) else None
    if isinstance(output, Output):
        return output
    flags = given if isinstance(given, dict) else {}
    no_color = bool(flags.get("no_color")) or os.environ.get("NUKEWORKS_MIGRATE_NO_COLOR", "").lower() in TRUE
    return Output(as_json=as_json, quiet=False, verbose=flags.get("verbose", 0), colour=wanted_colour(no_color))
