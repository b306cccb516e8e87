"""Time and place of a run, for the rows and files that it writes."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime


def now() -> str:
    """The time in UTC, ISO 8601 with milliseconds: 2026-11-22T09:34:15.123Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(moment: str) -> str:
    """`moment`, as `now` gives it, in the form that file names hold: 20261122T093415Z."""
    return moment[:19].replace("-", "").replace(":", "") + "Z"


def new_run_id(moment: str) -> str:
    return f"{stamp(moment)}-{secrets.token_hex(4)}"


def who() -> str:
    """The user's name, as the system has it; `unknown` where it has none."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if name := os.environ.get(variable):
            return name
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, AttributeError):
        return "unknown"


def host() -> str:
    """The machine's name."""
    import platform

    return platform.node() or "unknown"
