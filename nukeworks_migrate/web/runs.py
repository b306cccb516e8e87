"""What was asked for in the dialog: one run at a time, in a thread of its own, seen by everybody who looks."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from ..cli.progress import clock_words, rate_words
from ..cli.text import number, printable, quarantine_lines, size
from ..cli.waiting import waiting_line
from ..errors import Busy, MigrateError
from ..model.events import (
    CopyProgress,
    Event,
    Logged,
    Progressed,
    RowsQuarantined,
    RunStarted,
    SnapshotProgress,
    SnapshotTaken,
    StepBroke,
    StepFinished,
    StepStarted,
    Waiting,
)
from .run_book import ALIVE_S, RunBook
from .words import error_words

_KEPT = 10  # runs that can still be looked at
_MOST_MESSAGES = 200
_BETWEEN_LOOKS_S = 0.3  # at the file of another process's run, and between two writings of one's own
_SIGN_OF_LIFE_S = 3.0
_MOST_FAILURES = 50  # to write it down, one after the other: then it is seen in this process alone


class Kind(StrEnum):
    """What can be asked for; the value stands in the page's title."""

    REHEARSAL = "Dry run"
    UP = "Upgrade"
    RESUME = "Resume"
    RESTORE = "Restore"
    VERIFY = "Check of snapshots"


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DialogRun:
    """One run as it is seen: fed with events by the thread that runs, read by those who look.

    `state()` is plain data. `outcome` is what its page shows at the end: data for a template as well.
    """

    def __init__(self, kind: Kind, title: str, *, digest: str = "") -> None:
        self.id = secrets.token_hex(8)
        self.kind = kind
        self.title = title
        self.digest = digest  # of the plan that it runs
        self.outcome: dict[str, Any] = {}
        self._changed = threading.Condition(threading.RLock())
        self._number = 0  # counts up with each change
        self._state = RunState.RUNNING
        self._phase = "Reading files and ledger"
        self._progress: dict[str, Any] | None = None
        self._steps: list[dict[str, Any]] = []
        self._messages: list[str] = []
        self._started = time.monotonic()
        self.begun_at = time.time()
        self._took_s: float | None = None

    @property
    def ended(self) -> bool:
        return self._state is not RunState.RUNNING

    def state(self) -> dict[str, Any]:
        """What there is to see now, as JSON can hold it."""
        with self._changed:
            return {
                "id": self.id,
                "number": self._number,
                "state": self._state.value,
                "phase": self._phase,
                "progress": self._progress,
                "steps": [dict(step) for step in self._steps],
                "messages": list(self._messages),
                "seconds": round(self._took_s if self._took_s is not None else time.monotonic() - self._started, 1),
            }

    def wait_for_change(self, seen: int, timeout_s: float) -> bool:
        """Wait until there is something newer than the state with this number; return whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._number > seen, timeout_s)

    def record(self) -> dict[str, Any]:
        """All of it, for the processes beside this one."""
        with self._changed:
            return {
                "id": self.id,
                "kind": self.kind.value,
                "title": self.title,
                "digest": self.digest,
                "begun_at": self.begun_at,
                "state": self.state(),
                "outcome": self.outcome,
            }

    def expect(self, names: Iterable[str]) -> None:
        """Name the steps that will come, where no event does."""
        with self._changed:
            self._set_steps(names)
            self._number += 1
            self._changed.notify_all()

    def listen(self, event: Event) -> None:
        """Note an event of the run."""
        with self._changed:
            if self._note(event):
                self._number += 1
                self._changed.notify_all()

    def end(self, state: RunState, outcome: dict[str, Any]) -> None:
        with self._changed:
            self.outcome = outcome
            self._state = state
            self._phase = "Done" if state is RunState.DONE else "Failed"
            self._progress = None
            self._took_s = time.monotonic() - self._started
            self._number += 1
            self._changed.notify_all()

    def _note(self, event: Event) -> bool:
        """Take up one event; return whether there is something new to see."""
        match event:
            case Waiting():
                self._phase = f"Waiting: {waiting_line(event).removeprefix('waiting').strip()}"
            case RunStarted(plan):
                self._phase = "Preparing"
                self._set_steps([step.name for step in plan.steps])
            case CopyProgress(done, total) | SnapshotProgress(done, total):
                what = "Copying the database" if isinstance(event, CopyProgress) else "Taking the snapshot"
                share = f" of {number(total)}" if total else ""
                self._phase = what
                self._progress = {"done": done, "total": total or None, "text": f"{number(done)}{share} pages"}
            case SnapshotTaken(_, path, size_bytes):
                self._progress = None
                self._message(f"snapshot {path}, {size(size_bytes)}")
            case StepStarted(step, place, total):
                self._phase = f"Step {place} of {total}: {printable(step.name)}"
                self._progress = None
                self._step(place, step.name, total)["state"] = "running"
            case Progressed():
                self._progress = {
                    "done": _figure(event.done) or 0,
                    "total": _figure(event.total),
                    "text": _rows_text(event),
                }
            case Logged(step, message):
                self._message(f"{step.name}: {message}")
            case RowsQuarantined(_, rows):
                for line in quarantine_lines(rows, 120):
                    self._message(line)
            case StepFinished(step, place, total, duration_ms):
                self._step(place, step.name, total).update(state="ran", seconds=round(duration_ms / 1000, 2))
                self._progress = None
            case StepBroke(step, place, total, duration_ms):
                self._step(place, step.name, total).update(state="failed", seconds=round(duration_ms / 1000, 2))
                self._phase = f"Step {place} of {total} failed, taking everything back"
                self._progress = None
            case _:
                return False
        return True

    def _set_steps(self, names: Iterable[str]) -> None:
        self._steps = [{"name": printable(name), "state": "waiting", "seconds": None} for name in names]

    def _step(self, place: int, name: str, total: int) -> dict[str, Any]:
        """The line of step `place`; a rehearsal names its steps only as they come."""
        while len(self._steps) < place:
            self._steps.append({"name": "", "state": "waiting", "seconds": None})
        step = self._steps[place - 1]
        step["name"] = printable(name)
        return step

    def _message(self, text: str) -> None:
        if len(self._messages) < _MOST_MESSAGES:
            self._messages.append(printable(text))
        elif len(self._messages) == _MOST_MESSAGES:
            self._messages.append("…")


class SeenRun:
    """A run of another process, as that has written it down: read anew each time it is asked."""

    def __init__(self, book: RunBook, record: dict[str, Any]) -> None:
        self._book = book
        self._record = record
        self.id: str = record["id"]
        self.kind = Kind(record["kind"])
        self.title: str = record["title"]
        self.begun_at: float = record["begun_at"]

    @property
    def digest(self) -> str:
        return str(self._record["digest"])

    @property
    def outcome(self) -> dict[str, Any]:
        return {"error": error_words(_LOST)} if self._is_lost else dict(self._record["outcome"])

    @property
    def ended(self) -> bool:
        return self._is_lost or self._record["state"]["state"] != RunState.RUNNING

    def state(self) -> dict[str, Any]:
        self._record = self._book.read(self.id) or self._record
        state = dict(self._record["state"])
        if self._is_lost:
            state.update(state=RunState.FAILED.value, phase="Lost", number=state["number"] + 1, progress=None)
        return state

    def wait_for_change(self, seen: int, timeout_s: float) -> bool:
        end = time.monotonic() + timeout_s
        while self.state()["number"] <= seen:
            if time.monotonic() >= end:
                return False
            time.sleep(_BETWEEN_LOOKS_S)
        return True

    @property
    def _is_lost(self) -> bool:
        """Whether its process has ended before it did, or stands still."""
        running = self._record["state"]["state"] == RunState.RUNNING
        return bool(running and time.time() - self._record["alive_at"] > ALIVE_S)


_LOST = MigrateError(
    "the process that ran this is gone",
    cause="it was ended, or it has not been heard of for a while",
    unchanged="what was not committed is undone by the database",
    next_step="see where it stands: migrate status",
)
AnyRun = DialogRun | SeenRun
Work = Callable[[DialogRun], dict[str, Any]]  # runs it, feeds the run with events, and returns its outcome


class Runs:
    """The runs of one application, in all its processes by their `book`. Only one is under way at a time.

    Where two processes begin at the same instant, the migration lock keeps them apart, as it does everybody.
    """

    def __init__(
        self, log_bug: Callable[[str], None], log_failure: Callable[[MigrateError], None], book: RunBook | None = None
    ) -> None:
        self._log_bug = log_bug
        self._log_failure = log_failure
        self._book = book
        self._lock = threading.Lock()
        self._runs: dict[str, DialogRun] = {}
        self._threads: dict[str, threading.Thread] = {}

    @property
    def current(self) -> AnyRun | None:
        """The run that is under way."""
        return next((run for run in reversed(self._all()) if not run.ended), None)

    @property
    def last(self) -> AnyRun | None:
        """The run that was begun last, under way or not."""
        return next(reversed(self._all()), None)

    def find(self, run_id: str) -> AnyRun | None:
        with self._lock:
            own = self._runs.get(run_id)
        if own is not None or self._book is None:
            return own
        record = self._book.read(run_id)
        return SeenRun(self._book, record) if record is not None else None

    def rehearsal_of(self, digest: str) -> AnyRun | None:
        """The last dry run of the plan with this digest that ended well."""
        for run in reversed(self._all()):
            if run.kind is Kind.REHEARSAL and run.digest == digest and run.outcome.get("rehearsed_well"):
                return run
        return None

    def start(self, run: DialogRun, work: Work) -> None:
        """Begin `work` in a thread of its own.

        Raises:
            Busy: another run is under way.
        """
        with self._lock:
            under_way = next((other for other in self._all() if not other.ended), None)
            if under_way is not None:
                raise Busy(
                    "a run is under way already",
                    cause=under_way.title,
                    unchanged="nothing was begun",
                    next_step="wait until it has ended, and look at what it did",
                )
            self._runs[run.id] = run
            for old in list(self._runs)[:-_KEPT]:
                del self._runs[old]
                self._threads.pop(old, None)
            # No daemon: a server that is stopped lets the run end first, and does not tear it.
            thread = threading.Thread(target=self._work, args=(run, work), name=f"migrations-{run.id}", daemon=False)
            self._threads[run.id] = thread
            if self._book is not None:
                self._book.write(run.record())
                threading.Thread(target=self._publish, args=(run, self._book), daemon=True).start()
        thread.start()

    def _all(self) -> list[AnyRun]:
        """The runs of all processes, the newest last."""
        runs: list[AnyRun] = list(self._runs.values())
        if self._book is not None:
            runs += [SeenRun(self._book, record) for record in self._book.all() if record["id"] not in self._runs]
        return sorted(runs, key=lambda run: run.begun_at)

    def _publish(self, run: DialogRun, book: RunBook) -> None:
        """Write the run down whenever it has changed, and now and then to show that this process is alive."""
        seen, failures = -1, 0
        while failures < _MOST_FAILURES:
            ended = run.ended  # before it is written: so the last state is
            record = run.record()
            if book.write(record):
                seen, failures = record["state"]["number"], 0
                if ended:
                    return
            else:
                failures += 1
            time.sleep(_BETWEEN_LOOKS_S)
            run.wait_for_change(seen, _SIGN_OF_LIFE_S)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the run that is under way."""
        for thread in list(self._threads.values()):
            thread.join(timeout_s)

    def _work(self, run: DialogRun, work: Work) -> None:
        try:
            outcome = work(run)
        except MigrateError as error:
            try:
                self._log_failure(error)
            finally:  # also where the application's log fails: nobody could begin another run
                run.end(RunState.FAILED, {"error": error_words(error)})
        except BaseException as error:  # whatever it is: the page would otherwise wait for ever
            import traceback

            bug = MigrateError(
                "".join(traceback.format_exception_only(error)).strip(),  # also where it cannot say what it is
                cause="this is a bug in nukeworks_migrate; the application's log has all of it",
                unchanged="not known; a run that was not committed is undone by the database",
                next_step="see where it stands: migrate status",
            )
            try:
                self._log_bug(traceback.format_exc())
            finally:
                run.end(RunState.FAILED, {"error": error_words(bug)})
        else:
            failed = "error" in outcome
            run.end(RunState.FAILED if failed else RunState.DONE, outcome)
        finally:
            if self._book is not None:  # by this thread, for which the process waits when it ends
                self._book.write(run.record())


def _figure(count: Any) -> int | None:
    """A count as JSON can hold it: migrations may give one of a library's own, or one that is no number of rows."""
    try:
        return int(count)
    except (TypeError, ValueError, OverflowError):
        return None


def _rows_text(rows: Progressed) -> str:
    """As the terminal says it: 126,000 of 1,000,000 rows, 101,000 rows/s, 0:00:09 left."""
    total = f" of {number(rows.total)}" if rows.total is not None else ""
    parts = [f"{number(rows.done)}{total} rows"]
    if rows.rows_s is not None:
        parts.append(rate_words(rows.rows_s))
    if rows.left_s is not None:
        parts.append(f"{clock_words(rows.left_s)} left")
    label = f"{printable(rows.label)}: " if rows.label else ""
    return label + ", ".join(parts)
