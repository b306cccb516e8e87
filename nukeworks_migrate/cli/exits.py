"""Exit codes: one meaning each, the same for every command (docs/reference.md lists them)."""

from __future__ import annotations

from ..errors import Busy, MigrateError, PartWay, Refused, StepFailed, Stopped, UsageError
from ..model.standing import Verdict

DONE = 0
BUG = 1
USAGE = 2
REFUSED = 3
FAILED = 4
BUSY = 5
PART_WAY = 6
PENDING = 7
FINDINGS = 8
DRIFTED = 9
TOO_NEW = 10

_BY_VERDICT = {
    Verdict.OK: DONE,
    Verdict.PENDING: PENDING,
    Verdict.DRIFTED: DRIFTED,
    Verdict.TOO_NEW: TOO_NEW,
    Verdict.INTERRUPTED: PART_WAY,
}
_BY_ERROR: tuple[tuple[type[MigrateError], int], ...] = (
    (UsageError, USAGE),
    (Refused, REFUSED),
    (StepFailed, FAILED),
    (Busy, BUSY),
    (PartWay, PART_WAY),
)


def code_of(error: MigrateError) -> int:
    """Return the exit code of an error; 130 and 143 are what a shell shows for SIGINT and SIGTERM."""
    if isinstance(error, Stopped):
        return 128 + error.signal_number
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), BUG)


def code_of_verdict(verdict: Verdict) -> int:
    return _BY_VERDICT[verdict]
