"""What an application does at its start with a database that does not fit: refuse, warn, offer the dialog, or apply."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import IO, Any

import click
from flask import Flask, Response, jsonify, request
from flask.cli import FlaskGroup

from ..actions.check import CheckReport
from ..actions.up import up
from ..cli import exits
from ..cli.errors import error_screen
from ..cli.text import called_as, counted, printable, seconds
from ..errors import Busy, FilesRefused, HotJournal, MigrateError, PartWay, Refused, StepFailed, Stopped
from ..model.events import Event, SnapshotTaken, StepFinished, Waiting
from ..model.standing import Verdict
from .dialog import Dialog
from .pages import BLUEPRINT

PROGRAM = "flask migrations"  # what is typed before a command, inside an application
_OWN_COMMANDS = ("migrations", "check-migrations", "apply-migrations", "migration-history")
_DATABASE_UNCHANGED = "the database is as it was"
_NOT_STARTED = "the application was not started"
_PATIENCE_S = 2.0  # with somebody who is committing just now
_PAUSE_S = 0.05


class StartPolicy(StrEnum):
    REFUSE = "refuse"  # the application does not start
    WARN = "warn"  # it starts, and its log says so
    DIALOG = "dialog"  # it starts, and serves nothing but the dialog until the database fits
    APPLY = "apply"  # what is pending is applied first
    OFF = "off"  # nobody looks


class ShownByFlask(click.ClickException):
    """What `flask run` ends with: the words of an error and its exit code, and no traceback."""

    def __init__(self, error: MigrateError) -> None:
        super().__init__(error.what)
        self.error = error
        self.exit_code = exits.code_of(error)  # type: ignore[misc]  # click asks the exception itself

    def show(self, file: IO[Any] | None = None) -> None:
        with called_as(PROGRAM):
            click.echo(error_screen(self.error), err=True, file=file)


class StartRefused(Refused, click.ClickException):
    """The application does not start, because its database does not fit.

    Under `flask run` it ends the program with these words and exit code 3, or, where a run at the start failed, with
    that error's; elsewhere it is an error like others.
    """

    code = "start-refused"
    exit_code = 3

    def show(self, file: IO[Any] | None = None) -> None:
        with called_as(PROGRAM):
            click.echo(error_screen(self), err=True, file=file)

    def format_message(self) -> str:
        with called_as(PROGRAM):
            return click.unstyle(error_screen(self))


def at_start(app: Flask, dialog: Dialog, policy: StartPolicy, *, open_endpoints: Iterable[str]) -> None:
    """Look whether the database fits, and do what the policy says where it does not.

    Raises:
        StartRefused: it does not, and so the application must not start; or the run failed that the policy apply
            began, and its error is the cause.
    """
    if policy is StartPolicy.OFF or _nothing_is_served():
        return
    if policy is StartPolicy.DIALOG:
        _close_until_it_fits(app, dialog, frozenset(open_endpoints))
        return
    if policy is StartPolicy.APPLY:
        _apply(app, dialog)
    try:
        report = _look(dialog)
    except MigrateError as error:
        if policy is StartPolicy.WARN:
            log_failure(app, error)
            return
        raise _refusal_by(error) from error
    if report.ok:
        return
    if policy is StartPolicy.WARN and report.verdict in (Verdict.PENDING, Verdict.DRIFTED):
        app.logger.warning("The database %s does not fit: %s", printable(report.database), printable(report.sentence))
        return
    raise _refusal(report)


def log_failure(app: Flask, error: MigrateError) -> None:
    """Write an error to the application's log, whole, as the terminal shows it."""
    with called_as(PROGRAM):
        app.logger.error("%s", click.unstyle(error_screen(error)))


def is_loaded_by_flask() -> bool:
    """Whether a program of click's is under way, as `flask` is one, that shows a ClickException in words."""
    return click.get_current_context(silent=True) is not None


def _nothing_is_served() -> bool:
    """Whether `flask` was called for one of our commands, which have to work on a database that does not fit.

    Or for none at all: then it lists what there is, for --help, or for a shell that completes words.
    """
    if "_FLASK_COMPLETE" in os.environ:  # set by the shell for that one call
        return True
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, FlaskGroup):
        return False  # not `flask` that looks for a command, but one that runs, or another program
    words = sys.argv[1:]
    if context.parent is not None:  # below a program of the application's own: where it begins is not known
        return any(word in _OWN_COMMANDS for word in words)
    try:
        _, words, _ = context.command.make_parser(context).parse_args(words)
    except click.UsageError:
        return False
    return not words or words[0] in _OWN_COMMANDS


def _look(dialog: Dialog) -> CheckReport:
    """Check, with patience for a commit that is under way; an interrupted write is recovered, as any reader does."""
    end = time.monotonic() + _PATIENCE_S
    recovered = False
    while True:
        try:
            return dialog.check()
        except HotJournal:
            if recovered:
                raise
            _recover(dialog)
            recovered = True
        except Busy:
            if time.monotonic() >= end:
                raise
            time.sleep(_PAUSE_S)


def _recover(dialog: Dialog) -> None:
    """Let SQLite undo an interrupted write: the application's own first query would have it do the same."""
    from ..actions.running import Call
    from ..model.events import ignore

    current = Call.begin(dialog.application().project, "check", ignore)
    with current.lock():
        current.database.recover()


def _apply(app: Flask, dialog: Dialog) -> None:
    application = dialog.application()

    def note(event: Event) -> None:
        match event:
            case Waiting(holder):
                app.logger.info("Waiting for the migration lock, held by %s", printable(holder or "another process"))
            case SnapshotTaken(_, path, _):
                app.logger.info("Snapshot %s", printable(path))
            case StepFinished(step, number, total, duration_ms):
                app.logger.info("%s/%s %s ran, %s", number, total, printable(step.name), seconds(duration_ms))

    try:
        report = up(application.project, to=application.required, on_event=note)
    except MigrateError as error:
        log_failure(app, error)
        raise _refusal_by(error, changed=error.changed, unchanged=error.unchanged) from error
    if report.steps:
        app.logger.info(
            "%s applied, version %s → %s",
            counted(len(report.steps), "migration"),
            report.version_before,
            report.version_after,
        )


def _refusal_by(error: MigrateError, *, changed: str = "", unchanged: str = "") -> StartRefused:
    """The refusal because of `error`, which says what and why; of the database it says what it knows."""
    cause = error.cause
    if isinstance(error, FilesRefused):
        cause = "\n".join(f"{p.path}:{p.line}: {p.what}" if p.line else f"{p.path}: {p.what}" for p in error.problems)
    refusal = StartRefused(
        error.what,
        cause=cause,
        where=error.where,
        changed=changed,
        unchanged=f"{unchanged or _DATABASE_UNCHANGED}; {_NOT_STARTED}",
        next_step=error.next_step,
    )
    if isinstance(error, (StepFailed, PartWay, Stopped)):
        refusal.exit_code = exits.code_of(error)  # type: ignore[misc]  # click asks the exception itself
    for note in getattr(error, "__notes__", ()):
        refusal.add_note(note)
    return refusal


def _refusal(report: CheckReport) -> StartRefused:
    return StartRefused(
        f"the database does not fit this application: {report.sentence}",
        unchanged=f"{_DATABASE_UNCHANGED}; {_NOT_STARTED}",
        next_step=_advice(report),
    )


def _advice(report: CheckReport) -> str:
    match report.verdict:
        case Verdict.PENDING:
            return "apply them: flask apply-migrations, or flask migrations up"
        case Verdict.TOO_NEW:
            return "update the application to the latest version"
        case _:
            return "see what can be done: flask migrations plan"


def _close_until_it_fits(app: Flask, dialog: Dialog, open_endpoints: frozenset[str]) -> None:
    """Keep every request but the dialog's and those of `open_endpoints` out, for as long as the database does not fit.

    The application's own code is not asked before: it may need tables that are not there yet.
    """
    fits = threading.Event()

    def keep_out() -> Any:
        if fits.is_set():
            return None
        endpoint = request.endpoint or ""
        if endpoint == "static" or endpoint in open_endpoints or request.blueprint == BLUEPRINT:
            return None
        try:
            report = _look(dialog)
        except Busy as error:
            under_way = dialog.runs.current is not None
            title = "The database is being updated" if under_way else "The database cannot be looked at"
            return _closed(dialog, title, error.what)
        except MigrateError as error:
            return _closed(dialog, "The database cannot be looked at", error.what)
        if report.ok:
            fits.set()
            return None
        pending = report.verdict is Verdict.PENDING
        title = "The database has to be updated first" if pending else "The database does not fit this application"
        end = "" if report.sentence.endswith("…") else "."
        return _closed(dialog, title, f"The database does not fit: {report.sentence}{end}")

    app.before_request_funcs.setdefault(None, []).insert(0, keep_out)


def _closed(dialog: Dialog, title: str, text: str) -> Response:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        response = jsonify(error={"code": "database-does-not-fit", "what": text})
    else:
        response = Response(dialog.pages.render("closed.html", title=title, text=text))
    response.status_code = 503
    response.headers["Retry-After"] = "30"
    response.headers["Cache-Control"] = "no-store"
    return response
