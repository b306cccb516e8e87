"""The commands of an application: `flask migrations …`, and the three that the hand-made system before had."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

from ..cli import exits
from ..cli.output import Output, hang_up, prepare_console, wanted_colour
from ..cli.text import called, called_as, printable
from ..errors import Busy, HotJournal, MigrateError, NewerDatabase
from ..model.standing import Verdict

if TYPE_CHECKING:
    from flask import Flask

    from ..actions.check import CheckReport
    from ..actions.history import HistoryReport
    from ..actions.preview import Proposal
    from ..application import Application
    from ..cli.host import Host
    from ..project import Project

_NAME = "migrations"
_RULE = "-" * 70
_BESIDE_VERSION = " " * 13


class Marks(NamedTuple):
    """What stands before a line, to be seen at a glance."""

    done: str
    warning: str
    wrong: str
    item: str


_MARKS = Marks("✓", "⚠", "✗", "•")
_PLAIN_MARKS = Marks("[OK]", "[WARNING]", "[ERROR]", "-")


def add_commands(app: Flask, application: Callable[[], Application]) -> None:
    """Give `app` the commands `migrations`, `check-migrations`, `apply-migrations` and `migration-history`.

    `application` is asked when one of them runs, and not before; a MigrateError that it raises is shown as an error
    of the command.
    """

    # Flask's group has options of its own, and takes none of its commands': so all words are handed on as they are.
    @app.cli.command(
        _NAME,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        add_help_option=False,
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def migrations(context: click.Context, words: tuple[str, ...]) -> None:
        """Every command of migrate, --help too."""
        from ..cli.main import run

        prepare_console()
        code = run(list(words), _host(context, lambda: application().project))
        hang_up()
        context.exit(code)

    @app.cli.command("check-migrations")
    @click.pass_context
    def check_migrations(context: click.Context) -> None:
        """Say whether the database fits.

        The exit code is 0 where it is; 7 migrations are pending; 9 drifted; 10 newer; 6 interrupted.
        """
        _end(context, lambda: _check(application()))

    @app.cli.command("apply-migrations")
    @click.option("--yes", "-y", is_flag=True, help="Do not ask.")
    @click.pass_context
    def apply_migrations(context: click.Context, yes: bool) -> None:
        """Apply what is pending; asks before."""
        _end(context, lambda: _apply(application(), yes=yes), "Migration failed or cancelled")

    @app.cli.command("migration-history")
    @click.pass_context
    def migration_history(context: click.Context) -> None:
        """Show what is applied."""
        _end(context, lambda: _history(application().project))


def _host(context: click.Context, project: Callable[[], Project]) -> Host:
    from ..cli.host import Host

    name, program = _called_as(context)
    return Host(name, program, project)


def _called_as(context: click.Context) -> tuple[str, str]:
    """The words before our commands: as help says them, and as one types them where --app was given."""
    from flask.cli import FlaskGroup, ScriptInfo

    root = context.find_root()
    # Another root is a test's, which calls the application's commands without the program.
    program = root.info_name if isinstance(root.command, FlaskGroup) and root.info_name else "flask"
    name = f"{program} {_NAME}"
    given = root.get_parameter_source("app") is click.core.ParameterSource.COMMANDLINE
    info = context.find_object(ScriptInfo)
    if given and info is not None and info.app_import_path:
        return name, f"{program} --app {shlex.quote(info.app_import_path)} {_NAME}"
    return name, name


def _end(context: click.Context, command: Callable[[], int], failed: str = "") -> None:
    """Run `command` and exit with its code, or with that of the error that ended it; `failed` is said behind that."""
    prepare_console()
    with called_as(_called_as(context)[1]):
        code = _code_of(command, failed)
    hang_up()
    context.exit(code)


def _code_of(command: Callable[[], int], failed: str) -> int:
    output = _output()
    try:
        return command()
    except (click.Abort, KeyboardInterrupt):
        output.warn(called("\nstopped by Ctrl-C. See where it stands: migrate status"))
        return 130
    except MigrateError as error:
        wrong = marks_for(sys.stderr).wrong
        if failed:
            from ..cli.errors import error_screen

            output.warn(f"{error_screen(error)}\n{wrong} {failed}")
        else:
            output.warn(f"{wrong} {printable(error.what)}")
            if error.next_step:
                output.warn(printable(called(error.next_step), lines=True))
        return exits.code_of(error)


def _output() -> Output:
    return Output(as_json=False, quiet=False, verbose=0, colour=wanted_colour(False))


def marks_for(stream: TextIO) -> Marks:
    """The marks that `stream` can show: a console of Windows has a code page that may not hold them."""
    try:
        "".join(_MARKS).encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS
    return _MARKS


def _check(application: Application) -> int:
    from ..actions.check import check

    found = check(application.project, required=application.required)
    _output().answer(check_screen(found, marks_for(sys.stdout)))
    return exits.code_of_verdict(found.verdict)


def check_screen(found: CheckReport, marks: Marks) -> str:
    """The three lines of `check-migrations`; a fourth says what to type where something has to be settled first."""
    lines = [f"Current schema version: {found.version}", f"Required schema version: {found.required}"]
    match found.verdict:
        case Verdict.OK:
            lines.append(f"{marks.done} Database is up to date")
        case Verdict.TOO_NEW:
            lines.append(f"{marks.warning} Database is newer than application")
        case Verdict.PENDING:
            lines.append(f"{marks.warning} Database needs update ({len(found.pending)} migration(s) pending)")
        case Verdict.INTERRUPTED:
            lines += [f"{marks.wrong} {printable(found.sentence)}", called("What can be done: migrate resume")]
        case Verdict.DRIFTED:
            lines += [f"{marks.wrong} {printable(found.sentence)}", called("What can be done: migrate plan")]
    return "\n".join(lines)


def _history(project: Project) -> int:
    from ..actions.history import history

    _output().answer(history_screen(history(project)))
    return exits.DONE


def history_screen(report: HistoryReport) -> str:
    """What is applied, by version, as the ledger holds it."""
    entries = sorted(report.entries, key=lambda entry: entry.version)
    lines = ["", f"Current Version: {entries[-1].version if entries else 0}", "", "Migration History:", _RULE]
    for entry in entries:
        by = f" by {printable(entry.applied_by)}" if entry.applied_by else ""
        lines += [
            f"Version {entry.version:3d}: {printable(entry.description)}".rstrip(),
            f"{_BESIDE_VERSION}Applied: {printable(entry.applied_at)}{by}",
            "",
        ]
    return "\n".join(lines)


def _apply(application: Application, *, yes: bool) -> int:
    from ..actions.up import up
    from ..cli.options import answer_to, answered_no
    from ..cli.plan_screen import finding_lines
    from ..cli.running import RunScreen

    output, marks = _output(), marks_for(sys.stdout)

    def confirm(proposal: Proposal) -> None:
        found = _wait_and_check(application)
        _refuse_newer(found)
        output.answer(update_screen(found, proposal, application.project.snapshot, marks))
        for line in finding_lines(proposal.findings):
            output.aside(line)
        if not yes and answer_to("\nApply migrations? (yes/no): ") != "yes":
            raise answered_no()

    with RunScreen(output) as screen:
        report = up(application.project, to=application.required, confirm=confirm, on_event=screen.show)
    found = _wait_and_check(application)
    if not report.steps:
        _refuse_newer(found)
    for remark in (*report.plan.remarks, *report.remarks):
        output.aside(f"note: {printable(remark)}")
    if not report.steps or found.verdict is not Verdict.OK:
        output.answer(check_screen(found, marks))
        return exits.code_of_verdict(found.verdict)
    output.answer(f"\n{marks.done} Migrations completed successfully\nCurrent schema version: {found.version}")
    if report.snapshot_id:
        output.answer(called(f"Back to where it was: migrate restore {report.snapshot_id}"))
    return exits.DONE


def _wait_and_check(application: Application) -> CheckReport:
    """Check, and where somebody writes in this instant wait for that, as long as a run would."""
    from ..actions.check import check

    deadline = time.monotonic() + application.project.lock_timeout_s
    while True:
        try:
            return check(application.project, required=application.required)
        except HotJournal:
            raise
        except Busy:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _refuse_newer(found: CheckReport) -> None:
    """Raise where the database is newer than what is required, which a run up to there would not notice."""
    if found.verdict is Verdict.TOO_NEW:
        raise NewerDatabase(found.sentence, next_step="update the application to the latest version")


def update_screen(found: CheckReport, proposal: Proposal, policy: str | None, marks: Marks) -> str:
    """What `apply-migrations` shows before it asks: versions, what is pending, and whether there is a way back."""
    if not proposal.database.size_bytes():
        backup = "There is no database yet, and nothing to back up."
    elif proposal.calls_for_snapshot(policy):
        backup = "A backup will be created before updating."
    else:
        backup = f"No backup will be created: the setting is snapshot = {policy}."
    return "\n".join(
        [
            "",
            "Database update required:",
            f"  Current version: {found.version}",
            f"  Required version: {found.required}",
            "",
            "Pending migrations:",
            *(
                f"  {marks.item} Version {step.version}: {printable(step.migration.description or step.name)}"
                for step in proposal.plan.steps
            ),
            "",
            backup,
        ]
    )
