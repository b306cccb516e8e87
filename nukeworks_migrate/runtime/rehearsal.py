"""A rehearsal: the executor runs a plan on a private copy, and what each step did is looked at.

After each step its way back is tried too, and undone again, so that the next step finds what a run would give it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..databases.base import Lifted
from ..databases.ledger import read_history
from ..databases.recording import Actor, Ledger
from ..databases.scratch import UNTOUCHED, Before, Looking, Scratch
from ..databases.writing import StopSignal, Writer
from ..errors import MigrateError, StepFailed, Stopped
from ..model.events import Committed, Event, Logged, OnEvent, StepBroke, StepFinished, StepStarted, ignore
from ..model.names import fold
from ..model.plan import Direction, Plan, Step
from ..model.rehearsal import StepRehearsal, TableCount, WayBack, WayBackReport
from ..model.report import StepReport
from ..model.rows import NO_DIFFERENCE, Difference
from .executor import Executor, RunMaterial
from .secrets import Secrets
from .signals import StopFlag
from .statement_log import StatementLog

_AS_IT_COMES = Looking()


@dataclass(frozen=True)
class Rehearsing:
    """What a rehearsal is asked to look at."""

    looking: Looking = _AS_IT_COMES
    show_values: bool = False  # of parameters
    way_back: bool = True


class Rehearser:
    """Runs the steps of a plan one by one on a copy that nobody else sees."""

    def __init__(
        self,
        plan: Plan,
        scratch: Scratch,
        writer: Writer,
        material: RunMaterial,
        actor: Actor,
        stop: StopFlag,
        *,
        wanted: Rehearsing,
        lock_timeout_s: float,
        on_event: OnEvent,
        prepare_ledger: Callable[[Ledger], None],
        lifted: Lifted,
    ) -> None:
        self.plan, self.scratch, self.writer = plan, scratch, writer
        self.material, self.actor, self.stop = material, actor, stop
        self.wanted = wanted
        self.secrets = Secrets.of(plan.steps, material.resources)
        self.steps: list[StepRehearsal] = []
        self.failure: MigrateError | None = None
        self._lock_timeout_s = lock_timeout_s
        self._emit = on_event
        self._prepare_ledger = prepare_ledger
        self._prepared = False
        self._lifted = lifted  # lets code that is not the migration's open the database

    def run(self) -> None:
        """Run the steps up to the first that fails; `steps` and `failure` tell what happened.

        Raises:
            Stopped: a signal ended it.
            RehearsalRefused: the copy ran out of room.
        """
        try:
            for number, step in enumerate(self.plan.steps, 1):
                with self.scratch.before(self.writer, alone=step.alone) as before:
                    self._rehearse(step, number, before)
                if self.failure is not None:
                    return
        except StopSignal:
            raise self._stopped() from None

    def _rehearse(self, step: Step, number: int, before: Before) -> None:
        log = StatementLog(self.material.paths[step.name], self.secrets, show_values=self.wanted.show_values)
        messages: list[str] = []
        executor = self._executor(step, self.writer, on_event=self._numbered(number, messages), log=log)
        started = time.perf_counter()
        try:
            (report,) = executor.run()
        except MigrateError as error:
            self._refuse_what_is_no_failure(error)
            self.failure = in_rehearsal(step, error)
            took = round((time.perf_counter() - started) * 1000)
            self.steps.append(
                StepRehearsal(
                    step,
                    took,
                    log.statements,
                    log.more,
                    NO_DIFFERENCE,
                    WayBackReport(WayBack.NOT_TRIED),
                    tuple(messages),
                    before=before.schema,
                    after=before.schema,
                    failed=True,
                )
            )
            return
        difference = self.secrets.told(before.difference(self.writer, report.touched, self.wanted.looking))
        self.steps.append(
            StepRehearsal(
                step,
                report.duration_ms,
                log.statements,
                log.more,
                difference,
                self._way_back(step, report, before),
                report.messages,
                report.touched,
                before.schema,
                before.after or before.schema,
                quarantined=report.quarantined,
            )
        )

    def _way_back(self, step: Step, done: StepReport, before: Before) -> WayBackReport:
        """Try the opposite direction, compare with what was there before the step, and undo it."""
        if step.direction is Direction.UP and not step.migration.has_downgrade:
            return WayBackReport(WayBack.NONE)
        if not self.wanted.way_back:
            return WayBackReport(WayBack.NOT_TRIED)
        back = Step(step.migration, Direction.DOWN if step.direction is Direction.UP else Direction.UP)
        started = time.perf_counter()
        took = 0

        def look(writer: Writer, report: StepReport) -> Difference:
            nonlocal took
            took = report.duration_ms
            left = before.difference(writer, done.touched.joined(report.touched), self.wanted.looking)
            return self.secrets.told(left)

        try:
            if step.alone:
                with self.scratch.aside(self.writer) as aside:
                    (report,) = self._executor(back, aside).run()
                    left = look(aside, report)
            else:
                left = self._executor(back, self.writer).try_out(lambda report: look(self.writer, report))
        except MigrateError as error:
            self._refuse_what_is_no_failure(error)
            took = round((time.perf_counter() - started) * 1000)
            return WayBackReport(WayBack.FAILED, cause=error.cause or error.what, where=error.where, duration_ms=took)
        return WayBackReport(WayBack.EXACT if left.empty else WayBack.LOSSY, left, duration_ms=took)

    def _executor(
        self, step: Step, writer: Writer, *, on_event: OnEvent = ignore, log: StatementLog | None = None
    ) -> Executor:
        ledger = Ledger(writer, self.actor, read_history(writer))
        return Executor(
            Plan(step.direction, (step,)),
            self.scratch.database,
            writer,
            ledger,
            self.material,
            self.stop,
            lock_timeout_s=self._lock_timeout_s,
            on_event=on_event,
            prepare_ledger=lambda: self._prepare_once(ledger),
            on_statement=log.note if log is not None else None,
        )

    def _prepare_once(self, ledger: Ledger) -> None:
        if not self._prepared:
            self._prepare_ledger(ledger)
            self._prepared = True

    def _numbered(self, number: int, messages: list[str]) -> OnEvent:
        """The executor knows of one step; who listens hears of all of them."""
        total = len(self.plan.steps)

        def tell(event: Event) -> None:
            if isinstance(event, (StepStarted, StepFinished, StepBroke)):
                event = replace(event, number=number, total=total)
            if isinstance(event, Logged):
                messages.append(event.message)
            if not isinstance(event, Committed):  # on the copy, which is nobody's
                with self._lifted():
                    self._emit(event)

        return tell

    def _refuse_what_is_no_failure(self, error: MigrateError) -> None:
        """Raise for what a migration cannot help."""
        if isinstance(error, Stopped) or self.stop.requested():
            raise self._stopped() from error
        refusal = self.scratch.refusal_of(error)
        if refusal is not None:
            raise refusal from error

    def _stopped(self) -> Stopped:
        return Stopped(self.stop.signal_number, f"the rehearsal was stopped by {self.stop.name}", unchanged=UNTOUCHED)


def in_rehearsal(step: Step, error: MigrateError) -> MigrateError:
    """The failure as a rehearsal tells it: no state of the database is spoken of, for there is none to tell."""
    kind = type(error) if isinstance(error, StepFailed) else StepFailed
    words = f"{step.name} failed on the way {step.direction.value} in the rehearsal"
    advice = error.advice if isinstance(error, StepFailed) else ""
    command = "migrate plan --rehearse" if step.direction is Direction.UP else "migrate plan --down --rehearse …"
    told = kind(
        words,
        where=error.where or step.migration.path,
        cause=error.cause or error.what,
        unchanged=UNTOUCHED,
        next_step=f"{advice}\nthen: {command}" if advice else f"correct the file, then: {command}",
    )
    if isinstance(told, StepFailed):
        told.name = step.name
    if step.alone:
        told.add_note("in a run, the statements that it had finished would stay: it has no transaction")
    told.__cause__ = error
    return told


def counts_of(steps: Sequence[StepRehearsal]) -> tuple[TableCount, ...]:
    """How many rows each table had before the first step that changed their number or content, and after the last."""
    first: dict[str, tuple[str, int]] = {}
    last: dict[str, int] = {}
    for step in steps:
        for rows in step.difference.rows:
            name = fold(rows.table)
            first.setdefault(name, (rows.table, rows.before))
            last[name] = rows.after
    return tuple(TableCount(shown, before, last[name]) for name, (shown, before) in sorted(first.items()))
