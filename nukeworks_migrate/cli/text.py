"""Text that can be shown: data without control characters, sizes, times, plurals."""

from __future__ import annotations

import re

# Control characters could move the cursor or recolour what stands before them; the marks that turn
# the direction of writing could make one name look like another.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def printable(text: object, *, lines: bool = False) -> str:
    """Return `text` with control characters written as escapes; with `lines`, line ends stay."""
    shown = _UNSAFE.sub(lambda match: _escaped(match[0]), str(text))
    shown = shown.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be written
    return shown if lines else shown.replace("\n", "\\n")


def _escaped(character: str) -> str:
    if character == "\t":
        return "    "
    return repr(character)[1:-1]


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


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def moment(text: str) -> str:
    """A time of the ledger or the log, to the second, in UTC: 2026-11-20 14:02:11 UTC."""
    shown = printable(text)[:19].replace("T", " ")
    return f"{shown} UTC" if shown else ""


def indented(text: str, by: int) -> str:
    """`text` with its lines after the first one moved right."""
    return text.replace("\n", "\n" + " " * by)
