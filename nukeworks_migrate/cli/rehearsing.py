"""`migrate plan --rehearse`, `up --dry-run` and `down --dry-run`: the rehearsal, and what is shown of it."""

from __future__ import annotations

from typing import Any

import click

from ..actions.rehearse import rehearse
from ..model.events import CopyProgress, Event, Progressed, StepBroke, StepFinished, StepStarted
from ..model.plan import Direction
from . import exits
from .errors import show_failure
from .options import begin, run_command
from .output import Output
from .progress import ProgressBar, ProgressLines
from .rehearsal_json import rehearsal_as_json
from .rehearsal_screen import rehearsal_screen
from .text import printable


def show_rehearsal(
    context: click.Context,
    command: str,
    direction: Direction,
    *,
    looking: dict[str, Any],
    save_to: str | None = None,
    **words: Any,
) -> int:
    """Rehearse and show the report; the exit code is 0, or 4 where a step failed."""
    call = begin(context)
    with _Bars(call.output) as bars:
        found = rehearse(call.project(), direction=direction, on_event=bars.show, save_to=save_to, **words, **looking)
    if call.output.as_json:
        call.output.object(command, rehearsal_as_json(found))
    else:
        run = run_command(context, direction, **({"plan_file": save_to} if save_to is not None else words))
        call.output.answer(rehearsal_screen(found, run, verbose=call.output.verbose > 0))
        if found.failure is not None:
            call.output.aside("")
            show_failure(found.failure, call.output)
            if save_to is not None:
                call.output.warn(f"No plan was saved in {printable(save_to)}, because the rehearsal failed.")
    return exits.DONE if found.failure is None else exits.code_of(found.failure)


class _Bars:
    """A bar, or lines of JSON, for what takes long; the report itself comes at the end."""

    def __init__(self, output: Output) -> None:
        self._bar = ProgressBar(colour=output.colour, enabled=not (output.quiet or output.as_json))
        self._lines = ProgressLines(output)

    def __enter__(self) -> _Bars:
        self._bar.begin("copy")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.end()
        self._lines.end()

    def show(self, event: Event) -> None:
        match event:
            case CopyProgress(done, total):
                self._bar.feed(done, total)
            case StepStarted(step, number, total):
                self._bar.begin(f"{number}/{total}  {step.name}")
                self._lines.begin()
            case Progressed():
                self._bar.feed_rows(event)
                self._lines.feed(event)
            case StepFinished() | StepBroke():
                self._lines.end()
                self._bar.begin("comparing")
