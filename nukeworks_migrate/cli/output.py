"""Where words go: the answer to stdout, all else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
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
    "exact": "green",
    "lossy": "yellow",
    "added": "green",
    "removed": "red",
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
        self._deaf: set[bool] = set()  # whether stderr: streams that nobody reads any more

    def answer(self, text: str) -> None:
        """Print what was asked for."""
        if not self.as_json:
            self._say(text)

    def aside(self, text: str) -> None:
        """Print what is good to know meanwhile, to stderr."""
        if not self.quiet and not self.as_json:
            self._say(text, err=True)

    def warn(self, text: str) -> None:
        """Print what should not be missed, to stderr, also with -q."""
        self._say(text, err=True)

    def object(self, command: str, value: Mapping[str, Any]) -> None:
        """Print the one object of --json."""
        self.document({"command": command, **value})

    def line(self, value: Mapping[str, Any]) -> None:
        """Print JSON on one line of stderr, for programs that follow what happens."""
        import json

        # What a migration says of itself may be of any type, and must not end the run.
        self._say(json.dumps(value, ensure_ascii=True, default=str), err=True)

    def document(self, value: Mapping[str, Any]) -> None:
        """Print what is JSON whatever was asked for."""
        import json

        self._say(json.dumps(value, indent=2, ensure_ascii=True))

    def _say(self, text: str, *, err: bool = False) -> None:
        """Print, unless nobody listens: a run must not fail because of `| head -1` or a full disk for its words."""
        if err in self._deaf:
            return
        try:
            click.echo(text, err=err, color=self.colour)
        except (OSError, ValueError):
            self._deaf.add(err)


def word(text: str, width: int = 0, *, colour: str | None = None) -> str:
    """A word of state, coloured by its meaning, or as the word `colour` is; the word alone says it too."""
    colour = _COLOURS.get(colour or text)
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
    """Let no character end the program, nor a stream that is closed: what cannot be shown is written as an escape."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def hang_up() -> None:
    """Write out what is left, and keep the interpreter from failing over it once more when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
