"""Where words go: the answer to stdout, all else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import click

_COLOURS = {
    "applied": "green",
    "committed": "green",
    "ran": "green",
    "reverted": "green",
    "pending": "yellow",
    "note:": "yellow",
    "warning:": "yellow",
    "drifted": "red",
    "missing": "red",
    "newer": "red",
    "interrupted": "red",
    "failed": "red",
    "error:": "red",
}


class Output:
    """One command's voice: quiet, verbose, as JSON or for people."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: int, colour: bool | None) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.colour = colour  # None: where there is a terminal

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        if not self.as_json:
            click.echo(text, color=self.colour)

    def aside(self, text: str) -> None:
        """Print what is good to know meanwhile, to stderr."""
        if not self.quiet and not self.as_json:
            click.echo(text, err=True, color=self.colour)

    def warn(self, text: str) -> None:
        """Print what should not be missed, to stderr, also with -q."""
        click.echo(text, err=True, color=self.colour)

    def object(self, command: str, value: Mapping[str, Any]) -> None:
        """Print the one object of --json."""
        import json

        click.echo(json.dumps({"command": command, **value}, indent=2, ensure_ascii=True))


def word(text: str, width: int = 0) -> str:
    """A word of state, coloured by its meaning; the word alone says it too."""
    colour = _COLOURS.get(text)
    padded = text.ljust(width)
    return click.style(padded, fg=colour) if colour else padded


def wanted_colour(no_color: bool) -> bool | None:
    """Whether to colour: never with --no-color or NO_COLOR, always with FORCE_COLOR, else at a terminal."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return None


def prepare_console() -> None:
    """Let no character end the program: what a console cannot show is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
