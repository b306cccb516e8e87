"""Who has the migration lock, said while one waits for it."""

from __future__ import annotations

from ..model.events import Event, OnEvent, Waiting
from .output import Output
from .text import printable


def waiting_line(event: Waiting) -> str:
    return f"waiting   the migration lock is held by {printable(event.holder or 'another process')}"


def waiting_shown(output: Output) -> OnEvent:
    """A listener that says for whom a call waits, and nothing else."""

    def show(event: Event) -> None:
        if isinstance(event, Waiting):
            output.aside(waiting_line(event))

    return show
