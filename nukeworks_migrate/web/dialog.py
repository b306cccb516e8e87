"""The dialog's pages: what is pending, a dry run, a yes, what happens, what happened, and the way back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, current_app, redirect, request, session, url_for
from werkzeug.exceptions import HTTPException

from ..actions.check import CheckReport, check
from ..actions.graph import graph as read_graph
from ..actions.history import history as read_history
from ..actions.history import migration_history
from ..actions.plan import plan as make_plan
from ..actions.preview import Proposal
from ..actions.rehearse import rehearse as run_rehearsal
from ..actions.restore import restore as run_restore
from ..actions.resume import resume as run_resume
from ..actions.snapshot import list_snapshots, verify_snapshots
from ..actions.standing import load_project_folder, read_standing
from ..actions.up import up as run_up
from ..application import Application
from ..errors import Busy, Interrupted, MigrateError, PlanMoved, Refused, UsageError
from ..model.standing import Verdict
from ..runtime.snapshots import Snapshot
from . import words
from .guard import HEADERS, Guard, Turned, session_mark
from .pages import BLUEPRINT, FOLDER, Pages
from .runs import AnyRun, DialogRun, Kind, Runs, Work

_STREAMS = 2  # at a time: each holds a thread of the server, which has other things to do
_STREAM_S = 60.0  # after which a browser asks for the next one
_KEEP_ALIVE_S = 10.0
_BETWEEN_S = 0.2  # two messages of a stream
_MOST_EVENTS = 500  # of the history, on one page
_OWN_RUN = "nukeworks_migrate_run"  # in a session: the run that it has begun last


@dataclass(frozen=True)
class Dialog:
    """What the pages work with."""

    application: Callable[[], Application]
    guard: Guard
    runs: Runs
    pages: Pages

    def check(self) -> CheckReport:
        application = self.application()
        return check(application.project, required=application.required)

    def begin(self, kind: Kind, title: str, work: Work, *, digest: str = "") -> Any:
        """Begin a run and go to its page."""
        run = DialogRun(kind, title, digest=digest)
        self.runs.start(run, work)
        session[_OWN_RUN] = _own(run.id)
        return redirect(url_for(f"{BLUEPRINT}.run", run_id=run.id), 303)


def make_blueprint(dialog: Dialog, url_prefix: str) -> Blueprint:
    """Return the pages as a blueprint; nothing of them is reached without the guard's leave."""
    blueprint = Blueprint(
        BLUEPRINT, __name__, url_prefix=url_prefix, static_folder=str(FOLDER / "static"), static_url_path="/static"
    )
    _guard(blueprint, dialog)
    _overview_pages(blueprint, dialog)
    _run_pages(blueprint, dialog)
    _history_pages(blueprint, dialog)
    _snapshot_pages(blueprint, dialog)
    return blueprint


def answer_before_application(app: Flask, dialog: Dialog) -> None:
    """Let a session see the run that it has begun, while that is under way, before the application's code is asked.

    That reads its user from the database in most applications, and a long run keeps every reader out of it: SQLite
    locks the whole file once the changes of a transaction no longer fit into memory. Style and script are the same
    for everybody, and are not held up either.
    """
    pages = {f"{BLUEPRINT}.{name}" for name in ("run", "run_state", "run_events")}

    def is_own_run() -> bool:
        run_id: str = (request.view_args or {}).get("run_id", "")
        if request.endpoint not in pages or not app.secret_key or session.get(_OWN_RUN) != _own(run_id):
            return False
        run = dialog.runs.find(run_id)
        return run is not None and not run.ended

    def answer() -> Any:
        endpoint = request.endpoint or ""
        if endpoint == f"{BLUEPRINT}.static" or is_own_run():
            dialog.guard.check_host()
            return app.ensure_sync(app.view_functions[endpoint])(**(request.view_args or {}))
        return None

    app.before_request_funcs.setdefault(None, []).insert(0, answer)


def _guard(blueprint: Blueprint, dialog: Dialog) -> None:
    @blueprint.before_request
    def turn_down_strangers() -> Any:
        guard = dialog.guard
        guard.check_host()
        if request.endpoint == f"{BLUEPRINT}.static":
            return None
        if (answer := guard.check_authorized()) is not None:
            return answer
        guard.check_session()
        if request.method == "POST":
            guard.check_origin()
            guard.check_token()
        return None

    @blueprint.after_request
    def say_what_the_page_may_do(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.endpoint != f"{BLUEPRINT}.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @blueprint.errorhandler(Turned)
    def turned(error: Turned) -> Any:
        return dialog.pages.render("turned.html", turned=error), error.status

    @blueprint.errorhandler(MigrateError)
    def failed(error: MigrateError) -> Any:
        title = "Not done" if request.method == "POST" else "This cannot be shown"
        page = dialog.pages.render(
            "error.html", title=title, error=words.error_words(error), current=dialog.runs.current
        )
        return page, _status_of(error)

    @blueprint.errorhandler(Exception)
    def not_answered(error: Exception) -> Any:
        """Where the application's own code fails because a run keeps it out of its database, say that."""
        current = dialog.runs.current
        if current is None or isinstance(error, HTTPException):
            return _as_the_application_answers(error)
        current_app.logger.warning("%s while a run is under way: %s", type(error).__name__, error)
        page = dialog.pages.render("busy.html", current=current, own=session.get(_OWN_RUN) == _own(current.id))
        return page, 503, {"Retry-After": "10"}


def _own(run_id: str) -> str:
    """What a session holds of a run that it has begun: nobody else is to see it by a login that follows."""
    return f"{run_id} {session_mark()}"


def _as_the_application_answers(error: Exception) -> Any:
    """What the application's own handlers of all errors make of one, before which ours was asked."""
    handlers = current_app.error_handler_spec[None][None]
    for kind in type(error).__mro__:
        if handler := handlers.get(kind):
            return current_app.ensure_sync(handler)(error)
    if isinstance(error, HTTPException):
        return error
    raise error


def _status_of(error: MigrateError) -> int:
    if isinstance(error, UsageError):
        return 404  # the words of a call are the page's own, but for the names in its address
    return 409 if isinstance(error, (Refused, Busy)) else 500


def _overview_pages(blueprint: Blueprint, dialog: Dialog) -> None:
    pages, runs = dialog.pages, dialog.runs

    @blueprint.get("/")
    def overview() -> str:
        application = dialog.application()
        told: dict[str, Any] = {"report": None, "plan": None, "error": None, "resume": None}
        try:
            report = dialog.check()
            told["report"] = report
            if report.verdict is Verdict.PENDING:
                told["plan"] = words.plan_words(make_plan(application.project, to=application.required))
            elif report.verdict is not Verdict.OK:
                told.update(_what_stands_in_the_way(application, report))
        except MigrateError as error:
            told["error"] = words.error_words(error)
        return pages.render(
            "overview.html",
            database=application.project.open_database(),
            rehearsal=runs.rehearsal_of(told["plan"]["digest"]) if told["plan"] else None,
            current=runs.current,
            last=runs.last,
            **told,
        )

    @blueprint.post("/rehearse")
    def rehearse() -> Any:
        application = dialog.application()

        def work(run: DialogRun) -> dict[str, Any]:
            planned = make_plan(application.project, to=application.required).preview.plan
            run.expect(step.name for step in planned.steps)
            found = run_rehearsal(application.project, to=application.required, on_event=run.listen)
            told = words.rehearsal_words(found)
            run.digest = told["digest"]
            return told

        return dialog.begin(Kind.REHEARSAL, "Dry run on a private copy", work)

    @blueprint.get("/confirm")
    def confirm() -> Any:
        application = dialog.application()
        report = make_plan(application.project, to=application.required)
        if not report.preview.plan.steps:
            return redirect(url_for(f"{BLUEPRINT}.overview"), 303)
        told = words.plan_words(report)
        return pages.render(
            "confirm.html",
            database=application.project.open_database(),
            report=dialog.check(),
            plan=told,
            rehearsal=runs.rehearsal_of(told["digest"]),
            current=runs.current,
        )

    @blueprint.post("/apply")
    def apply() -> Any:
        application = dialog.application()
        agreed = request.form.get("plan", "")

        def confirmed(proposal: Proposal) -> None:
            if words.plan_digest(proposal.plan) != agreed:
                raise PlanMoved(
                    "the plan is not the one that you have confirmed",
                    cause="files or ledger have changed since the page was opened",
                    next_step="look again, and confirm what you see then",
                )

        def work(run: DialogRun) -> dict[str, Any]:
            done = run_up(application.project, to=application.required, confirm=confirmed, on_event=run.listen)
            return words.report_words(done)

        return dialog.begin(Kind.UP, "Upgrade of the database", work, digest=agreed)

    @blueprint.post("/resume")
    def resume() -> Any:
        application = dialog.application()

        def work(run: DialogRun) -> dict[str, Any]:
            return words.report_words(run_resume(application.project, on_event=run.listen))

        return dialog.begin(Kind.RESUME, "Going on with an interrupted migration", work)


def _what_stands_in_the_way(application: Application, report: CheckReport) -> dict[str, Any]:
    """Why nothing can be applied now, and whether an interrupted migration can go on from here."""
    project = application.project
    standing = read_standing(load_project_folder(project), project.open_database())
    refusals = standing._replace(required=application.required).refusals()
    if not refusals:
        return {"error": words.error_words(Refused(report.sentence, next_step="update the application"))}
    unfinished = standing.history.unfinished
    can_go_on = isinstance(refusals[0], Interrupted) and unfinished[0].has_checkpoints
    return {
        "error": words.error_words(refusals[0]),
        "resume": unfinished[0].name if can_go_on else None,
    }


def _run_pages(blueprint: Blueprint, dialog: Dialog) -> None:
    pages, runs = dialog.pages, dialog.runs
    streams = threading.BoundedSemaphore(_STREAMS)

    def found(run_id: str) -> AnyRun:
        run = runs.find(run_id)
        if run is None:
            raise Turned(
                404,
                "This run is not known here",
                "It is long ago, or the application was started anew since. The history says what has happened.",
            )
        return run

    @blueprint.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        known = found(run_id)
        state = known.state()
        return pages.render(
            "run.html",
            database=dialog.application().project.open_database(),
            run=known,
            state=state,
            # It may have ended since the state was read: the page then says no more than that it runs.
            outcome=known.outcome if state["state"] != "running" else {},
        )

    @blueprint.get("/runs/<run_id>/state")
    def run_state(run_id: str) -> Response:
        return Response(json.dumps(found(run_id).state()), mimetype="application/json")

    @blueprint.get("/runs/<run_id>/events")
    def run_events(run_id: str) -> Response:
        known = found(run_id)
        if not streams.acquire(blocking=False):
            return Response(status=204)  # a browser does not ask again after that; the page asks for the state then
        response = Response(_stream(known), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(streams.release)
        return response


def _stream(run: AnyRun) -> Iterator[str]:
    """The run's state whenever it has changed, as server-sent events (HTML standard, section 9.2)."""
    yield "retry: 1000\n\n"
    seen, end = -1, time.monotonic() + _STREAM_S
    while time.monotonic() < end:
        state = run.state()
        if state["number"] != seen:
            seen = state["number"]
            yield f"id: {seen}\ndata: {json.dumps(state)}\n\n"
            if state["state"] != "running":
                return
            time.sleep(_BETWEEN_S)
        elif not run.wait_for_change(seen, _KEEP_ALIVE_S):
            yield ": still under way\n\n"


def _history_pages(blueprint: Blueprint, dialog: Dialog) -> None:
    pages = dialog.pages

    @blueprint.get("/history")
    def history() -> str:
        project = dialog.application().project
        rows = words.history_words(read_history(project))
        return pages.render(
            "history.html",
            database=project.open_database(),
            rows=rows[:_MOST_EVENTS],
            more=len(rows[_MOST_EVENTS:]),
        )

    @blueprint.get("/history/<int:version>")
    def migration(version: int) -> str:
        project = dialog.application().project
        one = words.migration_words(migration_history(project, str(version)))
        return pages.render("migration.html", database=project.open_database(), one=one)

    @blueprint.get("/graph")
    def graph() -> str:
        from ..cli.graph_svg import graph_svg

        project = dialog.application().project
        report = read_graph(project)
        versions = {node.name: node.version for node in report.nodes}

        def href(name: str) -> str:
            return url_for(f"{BLUEPRINT}.migration", version=versions[name])

        return pages.render(
            "graph.html",
            database=project.open_database(),
            problem=report.problem,
            rows=words.graph_words(report),
            svg=graph_svg(report, standalone=False, href=href),
        )


def _snapshot_pages(blueprint: Blueprint, dialog: Dialog) -> None:
    pages = dialog.pages

    def known(snapshot_id: str) -> Snapshot:
        """The snapshot of this database with this very id: no part of one, no path, no other database's."""
        found = list_snapshots(dialog.application().project).snapshots
        for snapshot in found:
            if snapshot.id == snapshot_id:
                return snapshot
        raise Turned(404, "There is no such snapshot", "It was pruned, or belongs to another database.")

    @blueprint.get("/snapshots")
    def snapshots() -> str:
        project = dialog.application().project
        found = list_snapshots(project)
        return pages.render(
            "snapshots.html",
            database=project.open_database(),
            folder=found.folder,
            snapshots=[words.snapshot_words(snapshot) for snapshot in found.snapshots],
            current=dialog.runs.current,
        )

    @blueprint.post("/snapshots/verify")
    def verify() -> Any:
        project = dialog.application().project
        wanted = request.form.get("id") or None
        snapshot_id = known(wanted).id if wanted is not None else None

        def work(run: DialogRun) -> dict[str, Any]:
            return words.verified_words(verify_snapshots(project, snapshot_id))

        return dialog.begin(Kind.VERIFY, "Check of size, SHA-256 and integrity", work)

    @blueprint.get("/snapshots/<snapshot_id>/restore")
    def confirm_restore(snapshot_id: str) -> str:
        snapshot = known(snapshot_id)
        try:
            version_now: int | None = dialog.check().version
        except MigrateError:
            version_now = None  # which may be why it is restored
        return pages.render(
            "restore.html",
            database=dialog.application().project.open_database(),
            snapshot=words.snapshot_words(snapshot),
            version_now=version_now,
            current=dialog.runs.current,
        )

    @blueprint.post("/snapshots/restore")
    def restore() -> Any:
        project = dialog.application().project
        snapshot = known(request.form.get("id", ""))

        def work(run: DialogRun) -> dict[str, Any]:
            return words.restored_words(run_restore(project, snapshot.id, on_event=run.listen))

        return dialog.begin(Kind.RESTORE, f"Restore of {snapshot.id}", work)
