"""How far something is, where it takes over a second: a bar at a terminal, or lines of JSON.

The bar is drawn with rich, which is imported only then.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ..model.events import Progressed
from .output import Output
from .text import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.live import Live

_AFTER_S = 1.0
_BETWEEN_LINES_S = 1.0
_DRAWN_A_SECOND = 10
_GAP = 2  # between the parts of a line
_LEAST_BAR, _MOST_BAR = 5, 24
_LEAST_TITLE = 12


class ProgressBar:
    """One bar at a time: begun with a title, fed with numbers, ended; it appears after a second, or never.

    Feeding it only notes the numbers, so that it may be fed for every row: a thread draws them now and then.
    """

    def __init__(self, *, colour: bool | None, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._colour = colour
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None  # from the beginning to the end, though it has run out
        self._live: Live | None = None
        self._title = ""
        self._share: tuple[int, int | None] = (0, None)
        self._rows: Progressed | None = None

    def begin(self, title: str) -> None:
        self.end()
        self._title, self._share, self._rows = printable(title), (0, None), None
        self._begin()

    def feed(self, done: int, total: int | None) -> None:
        """Say how far it is, to be shown as a share; `total` is None where it is not known."""
        self._share = done, total

    def feed_rows(self, rows: Progressed) -> None:
        """Say how far it is, to be shown as rows; a bar that was taken away for other words comes back."""
        self._rows = rows
        if self._timer is None:
            self._begin()

    def end(self) -> None:
        """Take the bar away; what is printed next stands where it was."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._live is not None:
                self._live.stop()
                self._live = None

    def _begin(self) -> None:
        if not self._enabled:
            return
        self._timer = threading.Timer(_AFTER_S, self._appear)
        self._timer.daemon = True
        self._timer.start()

    def _appear(self) -> None:
        from rich.console import Console
        from rich.live import Live
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
            shares = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
            )
            task = shares.add_task(self._title, total=None)

            def drawn() -> RenderableType:
                if self._rows is not None:
                    return _RowsLine(self._title, self._rows)
                done, total = self._share
                shares.update(task, completed=done, total=total)
                return shares

            self._live = Live(console=console, transient=True, refresh_per_second=_DRAWN_A_SECOND, get_renderable=drawn)
            self._live.start(refresh=True)


class ProgressLines:
    """The progress of one step at a time as lines of JSON on stderr, for programs that read --json.

    Nothing in a step's first second, then a line a second at the most, and at its end the last numbers.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._enabled = output.as_json and not output.quiet
        self._first = self._next = 0.0  # from when on a line may be written at all, and the next one
        self._unwritten: Progressed | None = None

    def begin(self) -> None:
        self._unwritten = None
        self._first = self._next = time.monotonic() + _AFTER_S

    def feed(self, rows: Progressed) -> None:
        if not self._enabled:
            return
        self._unwritten = rows
        now = time.monotonic()
        if now >= self._next:
            self._write(rows)
            self._next = now + _BETWEEN_LINES_S

    def end(self) -> None:
        """Write the last numbers, if the step was long enough for lines and they are not written yet."""
        if self._unwritten is not None and time.monotonic() >= self._first:
            self._write(self._unwritten)
        self._unwritten = None

    def _write(self, rows: Progressed) -> None:
        self._unwritten = None
        self._output.line(
            {
                "event": "progress",
                "migration": rows.step.name,
                "label": rows.label,
                "done": rows.done,
                "total": rows.total,
                "rows_s": None if rows.rows_s is None else round(rows.rows_s, 3),
                "left_s": None if rows.left_s is None else round(rows.left_s, 3),
            }
        )


class _RowsLine(NamedTuple):
    """The line of a step that says how many rows are done, made to fit when it is drawn."""

    title: str
    rows: Progressed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.cells import cell_len
        from rich.progress_bar import ProgressBar as Bar
        from rich.table import Table
        from rich.text import Text

        title, dots = self.title, "…"
        if options.ascii_only:
            title, dots = title.encode(options.encoding, "backslashreplace").decode(options.encoding), "..."
        layout = rows_layout(cell_len(title), self.rows, options.max_width)
        shown = Text(title)
        if layout.title_width < cell_len(title):
            shown.truncate(layout.title_width - len(dots))
            shown.append(dots)
        line = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
        line.add_column(width=layout.title_width, no_wrap=True)
        parts: list[RenderableType] = [shown]
        if layout.bar_width:
            line.add_column(width=layout.bar_width)
            parts.append(Bar(self.rows.total, self.rows.done, width=layout.bar_width))
        for number, style in layout.numbers:
            line.add_column(width=len(number), no_wrap=True)
            parts.append(Text(number, style))
        line.add_row(*parts)
        yield line


class RowsLayout(NamedTuple):
    """What there is room for in a line."""

    title_width: int
    bar_width: int  # 0 where there is none
    numbers: tuple[tuple[str, str], ...]  # each with the name of its colour, as rich has it


def rows_layout(title_width: int, rows: Progressed, width: int) -> RowsLayout:
    """Fit a line into `width`: the title is shortened first, then the bar goes, then the rate, then the time left."""
    done = f"{rows.done:,} rows" if rows.total is None else f"{rows.done:,}/{rows.total:,} rows"
    count = [(done, "progress.download")]
    rate = [] if rows.rows_s is None else [(rate_words(rows.rows_s), "progress.percentage")]
    left = [] if rows.left_s is None else [(f"{clock_words(rows.left_s)} left", "progress.remaining")]
    bars = (_GAP + _LEAST_BAR, 0) if rows.total is not None else (0,)
    least_title = min(title_width, _LEAST_TITLE)
    for numbers in (count + rate + left, count + left, count):
        free = width - sum(_GAP + len(number) for number, _ in numbers)
        for bar in bars:
            if least_title + bar <= free:
                shown = min(title_width, free - bar)
                bar_width = min(_MOST_BAR, free - shown - _GAP) if bar else 0
                return RowsLayout(shown, bar_width, tuple(numbers))
    return RowsLayout(least_title, 0, tuple(count))


def rate_words(rows_s: float) -> str:
    """A rate for the eye: 126,000 rows/s."""
    return f"{rows_s:,.0f} rows/s" if rows_s >= 10 or rows_s == 0 else f"{rows_s:.2g} rows/s"


def clock_words(seconds: float) -> str:
    """Hours, minutes and seconds, as 0:00:02; a begun second counts."""
    whole = math.ceil(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
