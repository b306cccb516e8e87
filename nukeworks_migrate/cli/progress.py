"""A bar for whatever takes over a second, at a terminal; drawn with rich, which is imported only then."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from .text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_AFTER_S = 1.0


class ProgressBar:
    """One bar at a time: begun with a title, fed with numbers, ended; it appears after a second, or never."""

    def __init__(self, *, colour: bool | None, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._colour = colour
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._title = ""
        self._done = 0
        self._total: int | None = None

    def begin(self, title: str) -> None:
        self.end()
        if not self._enabled:
            return
        self._title, self._done, self._total = printable(title), 0, None
        self._timer = threading.Timer(_AFTER_S, self._appear)
        self._timer.daemon = True
        self._timer.start()

    def feed(self, done: int, total: int | None) -> None:
        """Say how far it is; `total` is None where it is not known."""
        if not self._enabled:
            return
        with self._lock:
            self._done, self._total = done, total
            if self._progress is not None and self._task is not None:
                self._progress.update(self._task, completed=done, total=total)

    def end(self) -> None:
        """Take the bar away; what is printed next stands where it was."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._progress is not None:
                self._progress.stop()
                self._progress = self._task = None

    def _appear(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        with self._lock:
            if self._timer is None:
                return  # it ended while rich was imported
            console = Console(stderr=True, no_color=self._colour is False)
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._progress.add_task(self._title, total=self._total, completed=self._done)
            self._progress.start()
