"""`migrate up`, `down` and `resume`: what is asked, what is shown meanwhile, and what at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..actions.down import down as run_down
from ..actions.preview import Proposal
from ..actions.resume import resume as run_resume
from ..actions.running import Confirm
from ..actions.up import up as run_up
from ..model.events import (
    Committed,
    Event,
    Logged,
    Progressed,
    RowsQuarantined,
    RunStarted,
    SnapshotProgress,
    SnapshotTaken,
    StatementRan,
    StepBroke,
    StepFinished,
    StepStarted,
    Waiting,
)
from ..model.plan import Direction
from ..model.report import RunReport
from . import exits
from .as_json import report_as_json
from .options import (
    Call,
    begin,
    common_options,
    dry_run_option,
    plan_file_option,
    rehearsal_options,
    resource_option,
    run_options,
    snapshot_option,
)
from .output import Output, word
from .plan_screen import finding_lines, plan_screen
from .progress import ProgressBar, ProgressLines
from .text import called, counted, printable, quarantine_lines, seconds, size
from .waiting import waiting_line

_DONE_WORDS = {Direction.UP: "applied", Direction.DOWN: "reverted"}


@common_options
@click.command()
@run_options
@plan_file_option
@dry_run_option
@rehearsal_options
@resource_option
@snapshot_option
@click.pass_context
def up(context: click.Context, /, dry_run: bool, **words: Any) -> int:
    """Apply what is pending: everything, or up to a target.

    \b
    migrate up                 everything
    migrate up --to 17         the state at version 17
    migrate up --only NAME     one migration and what it depends on
    migrate up --steps 1       the next one
    migrate up --plan FILE     what plan -o FILE has saved
    migrate up --dry-run       on a private copy, and tell what happened
    """
    return _run_or_rehearse(context, Direction.UP, run_up, "Apply", dry_run=dry_run, **words)


@common_options
@click.command()
@run_options
@plan_file_option
@dry_run_option
@rehearsal_options
@resource_option
@snapshot_option
@click.pass_context
def down(context: click.Context, /, dry_run: bool, **words: Any) -> int:
    """Take back what is applied: all above a target, which itself stays.

    \b
    migrate down --to 16       the state at version 16
    migrate down --only NAME   one migration and what depends on it
    migrate down --steps 1     the last one
    migrate down --to base     everything
    """
    return _run_or_rehearse(context, Direction.DOWN, run_down, "Take back", dry_run=dry_run, **words)


@common_options
@click.command()
@click.option("--rerun", is_flag=True, help="Run statements without a checkpoint again.")
@resource_option
@snapshot_option
@click.pass_context
def resume(context: click.Context, rerun: bool) -> None:
    """Go on with a migration without transaction that was interrupted.

    Transforms, updates and copies of rows go on behind the last batch that was committed. Any other statement that
    it ran would run again, which has to be said: --rerun.
    """
    _run(context, "resume", run_resume, "Run again" if rerun else "Go on with", rerun=rerun)


def _run_or_rehearse(
    context: click.Context,
    direction: Direction,
    action: Callable[..., RunReport],
    verb: str,
    *,
    dry_run: bool,
    to: str | None,
    only: str | None,
    steps: int | None,
    commit: str | None,
    plan_file: str | None,
    **looking: Any,
) -> int:
    words: dict[str, Any] = {"to": to, "only": only, "steps": steps, "commit": commit, "plan_file": plan_file}
    if dry_run:
        from .rehearsing import show_rehearsal

        return show_rehearsal(context, direction.value, direction, looking=looking, **words)
    _run(context, direction.value, action, verb, **words)
    return exits.DONE


def _run(context: click.Context, command: str, action: Callable[..., RunReport], verb: str, **words: object) -> None:
    call = begin(context)
    with RunScreen(call.output) as screen:
        report = action(call.project(), confirm=_asking(call, verb), on_event=screen.show, **words)
    _show_report(command, report, call)


def _asking(call: Call, verb: str) -> Confirm:
    """Show the plan and ask; with --yes, show what it finds and go on."""

    def confirm(proposal: Proposal) -> None:
        if call.yes:
            if not proposal.database.exists():
                call.output.aside(f"database  {printable(proposal.database.label)}, a new file")
            for line in finding_lines(proposal.findings):
                call.output.aside(line)
            return
        label = proposal.database.label
        fresh = "" if proposal.database.exists() else ", a new file"
        if not call.output.as_json:
            call.output.warn(plan_screen(proposal.preview, label, proposal.database.engine))
        call.ask(f"{verb} {counted(len(proposal.plan.steps), 'migration')}? ({printable(label)}{fresh})")

    return confirm


class RunScreen:
    """Shows a run while it happens: a line for each step, a bar, or lines of JSON, for what takes long."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar = ProgressBar(colour=output.colour, enabled=not (output.quiet or output.as_json))
        self._lines = ProgressLines(output)
        self._width = 0

    def __enter__(self) -> RunScreen:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.end()
        self._lines.end()

    def show(self, event: Event) -> None:
        match event:
            case Waiting():
                self._output.aside(waiting_line(event))
            case RunStarted(plan):
                self._width = min(max((len(step.name) for step in plan.steps), default=0), 48)
                self._bar.begin("snapshot")
            case SnapshotProgress(done, total):
                self._bar.feed(done, total)
            case SnapshotTaken(_, path, size_bytes):
                self._bar.end()
                self._line(f"snapshot  {printable(path)}   {size(size_bytes)}")
            case StepStarted(step, number, total):
                self._bar.begin(f"{number}/{total}  {step.name}")
                self._lines.begin()
            case Progressed():
                self._bar.feed_rows(event)
                self._lines.feed(event)
            case Logged(_, message):
                self._bar.end()
                self._output.aside(f"     {printable(message)}")
            case RowsQuarantined(step, rows):
                self._bar.end()
                see_them = called(f"see them: migrate data errors {printable(step.name)}")
                for line in (*quarantine_lines(rows, 75), see_them):
                    self._output.aside(f"     {line}")
            case StatementRan(_, sql, rows, took):
                if self._output.verbose:
                    self._bar.end()
                    shown = " ".join(printable(sql, lines=True).split())
                    self._output.aside(f"     {shown[:160]}   {counted(rows, 'row')}   {took:.3f} s")
            case StepFinished(step, number, total, duration_ms):
                self._bar.end()
                self._lines.end()
                self._step_line(number, total, step.name, "ran", duration_ms)
            case StepBroke(step, number, total, duration_ms):
                self._bar.end()
                self._lines.end()
                self._step_line(number, total, step.name, "failed", duration_ms)
            case Committed(names):
                if self._output.verbose:
                    self._output.aside(f"     committed: {', '.join(names)}")

    def _step_line(self, number: int, total: int, name: str, state: str, duration_ms: int) -> None:
        digits = len(str(total))
        counter = f"{number:>{digits}}/{total}"
        self._line(f"{counter}  {printable(name).ljust(self._width)}   {word(state, 8)}  {seconds(duration_ms)}")

    def _line(self, text: str) -> None:
        if not self._output.quiet:
            self._output.answer(text)


def _show_report(command: str, report: RunReport, call: Call) -> None:
    output = call.output
    if output.as_json:
        output.object(command, report_as_json(report))
        return
    for remark in (*report.plan.remarks, *report.remarks):
        output.aside(f"{word('note:')} {printable(remark)}")
    output.answer(report_screen(report))


def report_screen(report: RunReport) -> str:
    """The last lines of a run: what is committed now, and what to type next."""
    if not report.steps:
        if report.plan.target == "resume":
            return called("Nothing was interrupted. See where it stands: migrate status")
        where = f"at version {report.version_after}" if report.version_after else "empty"
        return f"Nothing to do: the database is {where}."
    done = _DONE_WORDS[report.plan.direction]
    count = counted(len(report.steps), "migration")
    versions = f"version {report.version_before} → {report.version_after}"
    lines = [f"{word('committed')}  {count} {done}, {versions}, {seconds(report.duration_ms)}"]
    left = sum(rows.total for step in report.steps for rows in step.quarantined)
    if left:
        lines.append(called(f"quarantine {counted(left, 'row')} left as before: migrate data errors"))
    if report.pruned:
        lines.append(f"pruned     {counted(len(report.pruned), 'old snapshot')}")
    lines.append("")
    if report.snapshot_id:
        lines.append(called(f"Back to where it was: migrate restore {report.snapshot_id}"))
    lines.append(called(f"See where it stands: {' ' if report.snapshot_id else ''}migrate status"))
    return "\n".join(lines)
