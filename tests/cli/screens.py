"""What a command answered, with what differs from run to run made equal."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass
from typing import Any

_CHANGING = (
    (r"\b\d{8}T\d{6}Z-(\d{4,})-[0-9a-f]{4}\b", r"SNAPSHOT-\1"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "2026-11-20 14:02:11"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-11-20 14:02 UTC"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-11-20T14:02:11.123Z"),
    (r"\b\d+\.\d\d s\b", "0.04 s"),
    (r"\b\d+\.\d{3} s\b", "0.004 s"),
    (r"\b\d+\.\d [KM]iB\b", "4.2 KiB"),
    (r" +$", ""),
)


def normalised(text: str) -> str:
    """Make times, durations, sizes and the ids of snapshots the same for every run; line ends lose their spaces."""
    for pattern, instead in _CHANGING:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def screen(text: str) -> str:
    """A screen as it stands in a test: indented there, and with a line end after its last line."""
    return textwrap.dedent(text).strip("\n") + "\n"


@dataclass(frozen=True)
class Answer:
    """What came of one call."""

    exit_code: int
    out: str  # as a person saw it
    err: str

    @property
    def screen(self) -> str:
        return normalised(self.out)

    @property
    def aside(self) -> str:
        """What went to stderr: progress, warnings and errors."""
        return normalised(self.err)

    @property
    def object(self) -> dict[str, Any]:
        """The one object of --json; anything else on stdout or stderr fails."""
        assert self.err == ""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        return self.object["error"]
