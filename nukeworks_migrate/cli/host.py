"""Another program that has this one inside. A module of its own, because `migrate` itself has no use for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..project import Project


class Host(NamedTuple):
    """The program in which `migrate` runs as one of its commands, as in `flask migrations`."""

    name: str  # as usage lines and help say it
    program: str  # as one types it, which may be longer: flask --app web migrations
    project: Callable[[], Project]  # asked once, when a command begins; what it raises is shown as a command's error
