"""Errors for people and for programs."""

from __future__ import annotations

import traceback
from typing import Any

import click

from ..errors import FilesRefused, Interrupted, MigrateError, PlanMoved, StepFailed, UsageError
from . import exits
from .output import Output, word
from .text import called, indented, printable

_LABEL_WIDTH = 11


def show_error(error: MigrateError, output: Output) -> int:
    """Show `error` and return its exit code."""
    if output.as_json:
        output.object("error", {"ok": False, "error": error_as_json(error)})
    else:
        show_failure(error, output)
    return exits.code_of(error)


def show_failure(error: MigrateError, output: Output) -> None:
    """Show `error` for people; with -vv the whole chain of what caused it."""
    output.warn(error_screen(error))
    if output.verbose >= 2:
        output.warn(printable("".join(traceback.format_exception(error)), lines=True))


def show_usage_error(error: click.ClickException, output: Output) -> int:
    """Show what click found wrong with the words of a command."""
    if output.as_json:
        output.object("error", {"ok": False, "error": error_as_json(UsageError(error.format_message()))})
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.warn(error.format_message())
    else:
        context = getattr(error, "ctx", None)
        if context is not None:
            output.warn(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n")
        output.warn(f"Error: {printable(error.format_message())}")
    return exits.USAGE


def error_screen(error: MigrateError) -> str:
    """The whole error: what happened, where, why, what changed, what did not, and what to type."""
    lines = [f"{word('error:')} {printable(error.what)}   [{error.code}]"]
    if isinstance(error, FilesRefused):
        lines.extend(_problem_lines(error))
    for label, text in (
        ("where", error.where),
        ("cause", _cause(error)),
        ("changed", error.changed),
        ("unchanged", error.unchanged),
        ("next", called(error.next_step)),
    ):
        if text:
            lines.append(f"  {label.ljust(_LABEL_WIDTH)}{indented(printable(text, lines=True), _LABEL_WIDTH + 2)}")
    lines.extend(f"  {'note'.ljust(_LABEL_WIDTH)}{printable(note)}" for note in getattr(error, "__notes__", ()))
    return "\n".join(lines)


def _cause(error: MigrateError) -> str:
    """Why, as it was said by whoever said it; what moved since a plan was saved is told in words of ours."""
    return called(error.cause) if isinstance(error, PlanMoved) else error.cause


def _problem_lines(error: FilesRefused) -> list[str]:
    lines = []
    for problem in error.problems:
        where = f"{problem.path}:{problem.line}" if problem.line else problem.path
        lines += [
            f"  {printable(where)}",
            f"      {printable(problem.what)}",
            f"      {printable(called(problem.remedy))}",
        ]
    return lines


def error_as_json(error: MigrateError) -> dict[str, Any]:
    """The same facts under stable keys; docs/json.md describes them."""
    told: dict[str, Any] = {
        "code": error.code,
        "exit_code": exits.code_of(error),
        "what": error.what,
        "where": error.where,
        "cause": _cause(error),
        "changed": error.changed,
        "unchanged": error.unchanged,
        "next": called(error.next_step),
        "notes": list(getattr(error, "__notes__", ())),
    }
    if isinstance(error, FilesRefused):
        told["problems"] = [
            {"path": p.path, "line": p.line, "what": p.what, "remedy": called(p.remedy)} for p in error.problems
        ]
    if isinstance(error, (StepFailed, Interrupted)):
        told["migration"] = error.name
        told["kept"] = list(error.kept)
        told["undone"] = list(getattr(error, "undone", ()))
    return told
