"""Text that can be shown: data without control characters, sizes, times, plurals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model.report import QuarantinedRows

_OWN_NAME = "migrate"


class _Calling(local):
    program = _OWN_NAME


_calling = _Calling()


def program() -> str:
    """The words that call this program, as one types them: `migrate`, or another program's that has it inside."""
    return _calling.program


@contextmanager
def called_as(words: str) -> Iterator[None]:
    """Let `program` and `called` say `words`, in this thread."""
    before, _calling.program = _calling.program, words
    try:
        yield
    finally:
        _calling.program = before


def called(text: str, words: str | None = None) -> str:
    """`text` with its commands as they have to be typed here: for `migrate plan` maybe `flask migrations plan`.

    For this program's own words alone: where a migration's SQL or its log speaks of `migrate plan`, that stays. What
    stands in quotes was given by somebody, as a file's name is, and stays too.
    """
    words = program() if words is None else words
    if words == _OWN_NAME:
        return text
    return re.sub(
        rf"(?<!\S)'[^'\n]*'|(?<![\w/\\.-]){_OWN_NAME}(?= \S)",
        lambda found: words if found[0] == _OWN_NAME else found[0],
        text,
    )


def printable(text: object, *, lines: bool = False) -> str:
    """Return `text` with all that is not for the eye written as escapes; with `lines`, line ends stay.

    That is control characters, which could move the cursor or recolour what stands before them, marks that
    turn the direction of writing, and half surrogate pairs, which no console can take.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() or (lines and c == "\n") else _escaped(c) for c in shown)


def _escaped(character: str) -> str:
    return "    " if character == "\t" else repr(character)[1:-1]


def size(count: int) -> str:
    """Bytes in the unit that leaves one to four digits: 4.2 MiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.2f} s"


def cut(line: str, width: int = 80) -> str:
    """A line that is no longer than a screen is wide."""
    return line if len(line) <= width else f"{line[: width - 2]} …"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def number(count: int) -> str:
    """A count with commas: 6,500."""
    return f"{count:,}"


def moment(text: str) -> str:
    """A time of the ledger or the log, to the second, in UTC: 2026-11-20 14:02:11 UTC."""
    shown = printable(text)[:19].replace("T", " ")
    return f"{shown} UTC" if shown else ""


def indented(text: str, by: int) -> str:
    """`text` with its lines after the first one moved right."""
    return text.replace("\n", "\n" + " " * by)


def quarantine_lines(rows: QuarantinedRows, width: int) -> list[str]:
    """What is said of rows that were left as they were: how many, and the first ten with their errors."""
    lines = [f"{counted(rows.total, 'row')} of {rows.table} left as before, in quarantine:"]
    for place, error in rows.first:
        first = error.splitlines()[0] if error else ""
        lines.append(f"  {place}   {first}")
    if rows.total > len(rows.first):
        lines.append(f"  and {number(rows.total - len(rows.first))} more")
    return [cut(printable(line), width) for line in lines]
