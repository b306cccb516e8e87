"""The executor runs a plan: the one place where a migration's code meets the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..databases.base import Database, Deadline
from ..databases.ledger import LogEvent, read_history
from ..databases.log import StoredFile
from ..databases.recording import Ledger
from ..databases.writing import Fate, OnStatement, StepSession, StopSignal, TransactionLost, Writer
from ..errors import Interrupted, MigrateError, NotRolledBack, StepFailed, Stopped
from ..files.loader import line_in
from ..model.events import Committed, OnEvent, StepBroke, StepFinished, StepStarted
from ..model.history import Unfinished
from ..model.plan import Direction, Plan, Step
from ..model.report import StepReport
from .clock import now
from .data_context import DataContext
from .handle import Handle
from .secrets import Secrets
from .signals import StopFlag

if TYPE_CHECKING:
    from ..databases.checkpoints import Checkpoints
    from ..databases.quarantine import Quarantined

T = TypeVar("T")

_ROLLED_BACK = "the run was rolled back; database and ledger are as they were"
_SHOWN_LINES, _SHOWN_COLUMNS = 6, 160  # of a statement, in a message


@dataclass(frozen=True)
class RunMaterial:
    """What a run needs besides the plan and the connection."""

    modules: Mapping[str, ModuleType]
    files: Mapping[str, tuple[StoredFile, ...]]  # by migration: its text and its helpers', for the ledger
    paths: Mapping[str, str]  # by migration: the file as tracebacks name it
    resources: Mapping[str, Any]
    snapshot_id: str = ""
    redact: tuple[str, ...] = ()  # columns whose values no message shows
    paced: bool = True  # whether transforms pause where they were asked to


class Executor:
    """Runs the groups of a plan, each wholly or not at all, in a writer that has begun its transaction.

    The caller holds the migration lock, has read the ledger inside the transaction, and has taken the snapshot.
    """

    def __init__(
        self,
        plan: Plan,
        database: Database,
        writer: Writer,
        ledger: Ledger,
        material: RunMaterial,
        stop: StopFlag,
        *,
        lock_timeout_s: float,
        on_event: OnEvent,
        prepare_ledger: Callable[[], None],
        before_commit: Callable[[], None] = lambda: None,
        on_statement: OnStatement | None = None,
        with_checks: bool = True,
    ) -> None:
        self.plan = plan
        self.database, self.writer, self.ledger = database, writer, ledger
        self.material = material
        self.stop = stop
        self.emit = on_event
        self.prepare_ledger = prepare_ledger  # in the first transaction that is committed
        self.before_commit = before_commit  # in the last transaction of the run
        self.on_statement = on_statement  # told of each statement of the migrations' own
        self.with_checks = with_checks  # run check() and verify() around upgrade()
        self._secrets = Secrets.of(plan.steps, material.resources)
        self._prepared = self._retrying = False
        self.reports: list[StepReport] = []
        self.kept: list[str] = []  # steps that are committed
        self._lock_timeout_s = lock_timeout_s
        self._step_started = 0.0

    def run(self) -> tuple[StepReport, ...]:
        """Run every step, commit, and return what each of them did.

        Raises:
            StepFailed: a step raised or was refused; nothing of its group is left.
            Interrupted: a migration without transaction stopped part-way.
            NotRolledBack: the transaction was lost, and what ran has stayed.
            Stopped: a signal ended the run; nothing of the group is left.
            Busy: a reader held up the commit; nothing of the group is left.
        """
        groups = self.plan.groups()
        for number, group in enumerate(groups):
            last = number == len(groups) - 1
            if group[0].alone:
                self._run_alone(group[0], last=last)
            else:
                self._run_group(group, last=last)
            self.kept.extend(step.name for step in group)
            self.emit(Committed(tuple(step.name for step in group)))
        return tuple(self.reports)

    def try_out(self, look: Callable[[StepReport], T]) -> T:
        """Run the plan's only step, give what it made to `look` while it is there, and roll it back.

        Raises:
            StepFailed, NotRolledBack, Stopped: as `run` does.
        """
        (step,) = self.plan.steps
        self._begin()
        try:
            with self._failing_as(step):
                self._run_step(step)
            return look(self.reports[-1])
        finally:
            self.ledger.forget()
            self.writer.rollback()

    def _run_group(self, group: Sequence[Step], *, last: bool) -> None:
        try:
            if not self.writer.in_transaction:
                self._begin()
            elif not self._prepared:
                self._prepare()
            for step in group:
                with self._failing_as(step):
                    self._run_step(step)
            if last:
                self.before_commit()
            self._refuse_stop()
            self._commit()
        except BaseException as error:
            self._undo(error)
            if self.stop.requested() and not isinstance(error, Stopped):
                raise self._stopped() from error
            if isinstance(error, MigrateError) and self.kept and not error.changed:
                error.changed = self._kept_words()
                error.unchanged = self._unchanged_words(group[0])
            raise

    def _commit(self) -> None:
        self.ledger.flush()
        self.writer.commit(self._deadline())

    def _begin(self) -> None:
        self.writer.begin(self._deadline())
        if self._prepared:
            self.ledger.refuse_if_moved()
        else:
            self._prepare()

    def _prepare(self) -> None:
        self.prepare_ledger()
        self._prepared = True

    def retry(self) -> tuple[StepReport, ...]:
        """Run the plan's only step again for the rows that it left in quarantine, and no others; commit.

        Raises:
            StepFailed, NotRolledBack, Stopped, Busy: as `run` does.
        """
        from ..databases.quarantine import read_quarantine

        (step,) = self.plan.steps
        self._retrying = True
        try:
            self._prepare()
            with self._failing_as(step):
                self._retry(step, read_quarantine(self.writer, step.version))
            self.before_commit()
            self._refuse_stop()
            self._commit()
        except BaseException as error:
            self._undo(error)
            raise
        self.emit(Committed((step.name,)))
        return tuple(self.reports)

    def _retry(self, step: Step, rows: list[Quarantined]) -> None:
        from ..databases.quarantine import release_from_quarantine

        self._refuse_stop()
        self._announce(step)
        by_number: dict[int, list[Quarantined]] = {}
        for row in rows:
            by_number.setdefault(row.number, []).append(row)
        with self.writer.step(in_transaction=True) as session:
            release_from_quarantine(self.writer, [row.id for row in rows])  # what fails again is put there again
            handle = self._run_code(step, session, retried=by_number)
            self._refuse_violations(session)
            again = sum(left.total for left in handle.quarantined)
            duration_ms = self._elapsed_ms()
            self.ledger.log(
                LogEvent.RETRIED,
                step.migration,
                now=now(),
                direction=step.direction.value,
                duration_ms=duration_ms,
                snapshot=self.material.snapshot_id,
                detail="\n".join([f"rows: {len(rows) - again} settled, {again} in quarantine again", *handle.messages]),
            )
            self._report(step, session, handle, duration_ms, retried=len(rows))

    def _run_step(self, step: Step) -> None:
        self._refuse_stop()
        self._announce(step)
        with self.writer.step(in_transaction=True) as session:
            handle = self._run_code(step, session)
            self._finish_step(step, session, handle)

    def _run_alone(self, step: Step, *, last: bool) -> None:
        """Run a migration without transaction: what it does is committed as it goes.

        A row in the log says that it began, before its first statement; the ledger's row says that it ended.
        """
        from ..databases.checkpoints import Checkpoints, clear_checkpoints

        begun = False
        checkpoints = Checkpoints(self.writer, step.version, step.direction.value)
        interrupted = self.ledger.was_interrupted(step.migration, step.direction.value)

        def begin_in_log() -> None:
            nonlocal begun
            self._begin()
            checkpoints.begin(resuming=interrupted is not None)
            self.ledger.log(
                LogEvent.STARTED,
                step.migration,
                now=now(),
                direction=step.direction.value,
                # The way back leads to before the first of its runs, and not to where this one goes on.
                snapshot=interrupted.snapshot if interrupted is not None else self.material.snapshot_id,
            )
            self._commit()
            begun = True

        try:
            self.writer.rollback()  # the transaction that was begun for the snapshot; nothing is in it yet
            self._refuse_stop()
            self._announce(step)
            with self._failing_as(step):
                with self._alone_session(begin_in_log) as session:
                    handle = self._run_code(
                        step, session, checkpoints, going_on=interrupted is not None and interrupted.has_checkpoints
                    )
                    self._begin()
                    clear_checkpoints(self.writer, step.version)
                    self._finish_step(step, session, handle, resumed=interrupted is not None)
                    if last:
                        self.before_commit()
                    self._commit()
        except BaseException as error:
            self._undo(error)
            unfinished = self._left_unfinished(step)
            if begun or unfinished is not None:
                # Where the log cannot be read just now, it is known here what ran.
                goes_on = unfinished.has_checkpoints if unfinished is not None else not checkpoints.says_statements
                self._raise_interrupted(step, error, unfinished, goes_on=goes_on)
            if self.stop.requested() and not isinstance(error, Stopped):
                raise self._stopped() from error
            raise

    def _left_unfinished(self, step: Step) -> Unfinished | None:
        """What the log says of the step: a signal can come between that commit and our own note of it."""
        try:
            return next((item for item in read_history(self.writer).unfinished if item.version == step.version), None)
        except Exception:
            return None  # the error that ended the step is the one to tell

    def _alone_session(self, before_first: Callable[[], None]) -> AbstractContextManager[StepSession]:
        return self.writer.step(in_transaction=False, before_first=before_first, wait_s=self._lock_timeout_s)

    def _announce(self, step: Step) -> None:
        self._step_started = time.perf_counter()
        self.emit(StepStarted(step, len(self.reports) + 1, len(self.plan.steps)))

    def _run_code(
        self,
        step: Step,
        session: StepSession,
        checkpoints: Checkpoints | None = None,
        *,
        going_on: bool = False,
        retried: Mapping[int, Sequence[Quarantined]] | None = None,
    ) -> Handle:
        data = DataContext(
            self.writer,
            self.ledger.run_id,
            self._deadline,
            redact=self.material.redact,
            checkpoints=checkpoints,
            paced=self.material.paced,
            retried=retried,
        )
        make: type[Handle] = Handle
        if retried is not None:
            from .retrying import RetryHandle, refuse_unreached

            make = RetryHandle
        handle = make(self.database, session, step, self.material.resources, self._secrets, self.emit, data)
        session.on_statement = self.on_statement
        module = self.material.modules[step.name]
        functions = ["check", "upgrade", "verify"] if self.with_checks else ["upgrade"]
        if going_on:  # what check() asks about is half done by now
            functions = [name for name in functions if name != "check"]
        if retried is not None:
            functions = ["upgrade"]
        if step.direction is Direction.DOWN:
            functions = ["downgrade"]
        with session.user_code(), self.stop.user_code():
            for name in functions:
                function = getattr(module, name, None)
                if function is None and name in ("check", "verify"):
                    continue
                if function is None:
                    raise StepFailed(f"{step.name} has lost its {name}() while it was imported")
                session.armed = name != "check"  # a check that refuses has begun nothing
                self._call(name, function, handle)
            if retried is not None:
                refuse_unreached(handle, retried)
        return handle

    @staticmethod
    def _call(name: str, function: Callable[[Handle], object], handle: Handle) -> None:
        result = function(handle)
        if hasattr(result, "__await__") or hasattr(result, "__next__") or hasattr(result, "__anext__"):
            if hasattr(result, "close"):
                result.close()  # a coroutine that is dropped would warn besides
            raise TypeError(f"{name}() returned a {type(result).__name__}: its code has not run")
        if name in ("check", "verify") and result is not None and not result:
            raise StepFailed(f"{name}() returned {result!r}")

    def _finish_step(self, step: Step, session: StepSession, handle: Handle, *, resumed: bool = False) -> None:
        # What an interrupted run had written was never looked at, or was what it was refused for.
        self._refuse_violations(session, everywhere=resumed)
        duration_ms = self._elapsed_ms()
        details = "\n".join(handle.messages)
        if step.direction is Direction.UP:
            self.ledger.add(
                step.migration,
                self.material.files[step.name],
                now=now(),
                duration_ms=duration_ms,
                snapshot=self.material.snapshot_id,
                detail=details,
            )
        else:
            self.ledger.remove(
                step.migration,
                now=now(),
                duration_ms=duration_ms,
                snapshot=self.material.snapshot_id,
                detail=details,
            )
        self._report(step, session, handle, duration_ms)

    def _report(
        self, step: Step, session: StepSession, handle: Handle, duration_ms: int, *, retried: int | None = None
    ) -> None:
        self.reports.append(
            StepReport(
                step, duration_ms, session.statements, handle.messages, session.touched, handle.quarantined, retried
            )
        )
        self.emit(StepFinished(step, len(self.reports), len(self.plan.steps), duration_ms))

    def _refuse_violations(self, session: StepSession, *, everywhere: bool = False) -> None:
        violations = self.writer.new_violations(session, everywhere=everywhere)
        if not violations:
            return
        count = len(violations)
        shown = "\n".join(str(violation) for violation in violations[:10])
        more = f"\nand {count - 10} more" if count > 10 else ""
        raise StepFailed(
            f"{count} row{'s' if count != 1 else ''} would refer to nothing",
            cause=f"foreign keys without their row:\n{shown}{more}",
            next_step="correct the migration so that these rows keep their parents, or go with them",
        )

    @contextmanager
    def _failing_as(self, step: Step) -> Iterator[None]:
        """Turn whatever ends `step` into the error that the run ends with."""
        try:
            yield
        except StopSignal as cause:
            raise self._stopped() from cause
        except Stopped:
            raise
        except BaseException as raised:
            told = self._secrets.told_error(raised)
            self.emit(StepBroke(step, len(self.reports) + 1, len(self.plan.steps), self._elapsed_ms()))
            if self.stop.requested():
                raise self._stopped() from told
            if isinstance(told, MigrateError) and not isinstance(told, StepFailed):
                raise
            raise self._failure(step, told) from told

    def _failure(self, step: Step, cause: BaseException) -> MigrateError:
        lost = isinstance(cause, TransactionLost)
        if lost and self.writer.fate() is not Fate.ROLLED_BACK:
            return self._not_rolled_back(step, cause)
        line = line_in(cause, self.material.paths[step.name])
        where = f"{step.migration.path}{f':{line}' if line else ''}"
        statement = _statement_of(cause)
        if statement:
            where = f"{where}\n{statement}"
        way = " on the way down" if step.direction is Direction.DOWN else ""
        what, reason, next_step = f"{step.name} failed{way}", _reason(cause), ""
        if isinstance(cause, StepFailed):
            reason = f"{cause.what}\n{cause.cause}" if cause.cause else cause.what
            next_step = cause.next_step
        elif lost:
            reason = f"SQLite rolled the transaction back: {_reason(cause.__cause__ or cause)}"
        command = "migrate up"
        if self.plan.direction is Direction.DOWN:  # an applied file that is changed has to be accepted
            command = f"migrate accept {step.name} --reason …\nand: migrate down …"
        if self._retrying:
            command = f"migrate accept {step.name} --reason …\nand: migrate data retry {step.name}"
        kind = type(cause) if isinstance(cause, StepFailed) else StepFailed
        error = kind(
            what,
            where=where,
            cause=reason,
            changed=self._kept_words(),
            unchanged=self._unchanged_words(step),
            next_step=f"{next_step}\nthen: {command}" if next_step else f"correct the file, then: {command}",
        )
        error.name = step.name
        error.advice = next_step
        error.undone = self._undone_before(step)
        error.kept = tuple(self.kept)
        return error

    def _not_rolled_back(self, step: Step, cause: BaseException) -> NotRolledBack:
        snapshot = self.material.snapshot_id
        error = NotRolledBack(
            f"{step.name} ended the run's transaction: what it did was NOT rolled back",
            where=step.migration.path,
            cause=_reason(cause),
            changed="statements of this run are in the database, its ledger rows may be too",
            unchanged="unknown; compare the database with the snapshot",
            next_step=f"migrate history; to go back: migrate restore {snapshot}"
            if snapshot
            else "migrate history; there is no snapshot of this run, because the database was empty before it",
        )
        error.name = step.name
        return error

    def _raise_interrupted(
        self, step: Step, cause: BaseException, left: Unfinished | None, *, goes_on: bool
    ) -> NoReturn:
        inner = cause.__cause__ if isinstance(cause, (StepFailed, Stopped)) and cause.__cause__ else cause
        line = line_in(inner, self.material.paths[step.name])
        where = f"{step.migration.path}{f':{line}' if line else ''}"
        statement = _statement_of(inner)
        snapshot = left.snapshot if left is not None else self.material.snapshot_id
        going_back = f"\nor go back: migrate restore {snapshot}" if snapshot else ""
        ended = "applied" if step.direction is Direction.UP else "not-applied"
        stayed = "the statements that it had finished have stayed"
        next_step = (
            "make it able to run again and say: migrate resume --rerun"
            f"\nor finish it by hand and say: migrate stamp --{ended} {step.name}"
        )
        if goes_on:
            stayed = "the batches that it had finished have stayed"
            if left is not None and left.visited is not None:
                stayed = f"{left.visited:,} rows of its data are done and committed"
            next_step = "go on from the checkpoint: migrate resume"
            if not isinstance(cause, Stopped):
                advice = getattr(cause, "advice", "")
                advice = f"{advice}\nthen" if advice else "correct file or row, then"
                next_step = f"{advice} go on from the checkpoint: migrate resume"
        words = cause.cause if isinstance(cause, StepFailed) and cause.cause else _reason(inner)
        if isinstance(inner, StopSignal):
            words = f"stopped by {self.stop.name}"
        error = Interrupted(
            f"{step.name} stopped part-way",
            where=f"{where}\n{statement}" if statement else where,
            cause=words,
            changed="; ".join(words for words in (self._kept_words(), stayed) if words),
            unchanged=self._unchanged_words(step, alone=True),
            next_step=next_step + going_back,
        )
        error.name = step.name
        error.kept = tuple(self.kept)
        raise error from cause

    def _stopped(self) -> Stopped:
        return Stopped(
            self.stop.signal_number,
            f"stopped by {self.stop.name}",
            changed=self._kept_words(),
            unchanged=_ROLLED_BACK if not self.kept else "the step that was running was rolled back",
        )

    def _refuse_stop(self) -> None:
        if self.stop.requested():
            raise self._stopped()

    def _kept_words(self) -> str:
        if not self.kept:
            return ""
        done = "applied" if self.plan.direction is Direction.UP else "taken back"
        return f"{', '.join(self.kept)} {'is' if len(self.kept) == 1 else 'are'} {done} and committed"

    def _undone_before(self, step: Step) -> tuple[str, ...]:
        """Steps of this transaction that had run before `step`."""
        return tuple(report.step.name for report in self.reports if report.step.name not in self.kept)

    def _unchanged_words(self, step: Step, *, alone: bool = False) -> str:
        if not self.kept and not alone:
            return _ROLLED_BACK
        words = [] if alone else [f"{step.name} was rolled back"]
        undone = self._undone_before(step)
        if undone:
            words.append(f"{', '.join(undone)} {'was' if len(undone) == 1 else 'were'} rolled back with it")
        names = self.plan.names
        later = names[names.index(step.name) + 1 :]
        if later:
            words.append(f"{', '.join(later[:5])}{' …' if len(later) > 5 else ''} did not run")
        still = "not recorded" if step.direction is Direction.UP else "still recorded"
        return "; ".join(words) or f"the ledger: this migration is {still} as applied"

    def _undo(self, error: BaseException) -> None:
        """Roll back, and note the failure in the log where there is one; neither hides `error`."""
        self._secrets.told_error(error)  # once more: Python has chained what was raised meanwhile
        self.ledger.forget()
        try:
            self.writer.rollback()
        except Exception as second:
            error.add_note(f"and the rollback failed, so SQLite does it when the file is opened next: {second}")
            return
        failed = getattr(error, "name", "") or ""
        migration = next((step.migration for step in self.plan.steps if step.name == failed), None)
        try:
            if not self.ledger.has_log():
                return
            self.writer.begin(Deadline(0))
            self.ledger.log(
                LogEvent.FAILED,
                migration,
                now=now(),
                direction=self.plan.direction.value,
                snapshot=self.material.snapshot_id,
                detail=f"{getattr(error, 'what', error)}\n{getattr(error, 'cause', '')}".strip(),
            )
            self.ledger.flush()
            self.writer.commit(Deadline(0.5))
        except Exception as second:
            try:
                self.writer.rollback()
            except Exception:
                pass
            error.add_note(f"and the failure could not be noted in the log: {second}")

    def _deadline(self) -> Deadline:
        return Deadline(self._lock_timeout_s, self.stop.requested)

    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self._step_started) * 1000)


def _reason(cause: BaseException) -> str:
    """The cause in its own words, with what was noted on the way."""
    text = str(cause)
    module = type(cause).__module__
    words = text if module in ("sqlite3", "builtins") and isinstance(cause, Exception) and text else ""
    if not words or module == "builtins":
        words = f"{type(cause).__name__}: {text}" if text else type(cause).__name__
    return "\n".join([words, *getattr(cause, "__notes__", ())])


def _statement_of(cause: BaseException) -> str:
    """The statement that failed, where a statement did, short enough to be shown."""
    link: BaseException | None = cause
    while link is not None:
        if statement := getattr(link, "statement", ""):
            lines = [line.rstrip() for line in str(statement).strip().splitlines() if line.strip()]
            shown = [f"{line[:_SHOWN_COLUMNS]} …" if len(line) > _SHOWN_COLUMNS else line for line in lines]
            return "\n".join(shown[:_SHOWN_LINES] + (["…"] if len(shown) > _SHOWN_LINES else []))
        link = link.__cause__
    return ""
