"""How fast something goes just now, and how long it will take at that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

_WINDOW_S = 5.0  # the rate is that of so long; or of the last two calls, where they are further apart
_SPACING_S = 0.5  # between two marks; and no rate is told before


class Rate:
    """The rate of a count that goes up, over the last seconds, and the time left by it.

    It keeps marks, when the count stood where, and no more than a dozen of them. What the count was at first
    does not count as done here: it was done earlier. Where the count goes back, the label changes, or another
    total follows on a count that was complete, something else has begun, and the rate begins anew.
    """

    def __init__(self) -> None:
        # Tuples that are replaced and never changed: a migration may call from several threads.
        self._marks: tuple[tuple[float, int], ...] = ()
        self._last: tuple[int, int | None, str] = (0, None, "")

    def seen(self, done: int, total: int | None, label: str, now_s: float) -> tuple[float | None, float | None]:
        """Note how far it is; return rows a second and the seconds left.

        The rate is None in the first half second, for as long as nothing is known. The time left is None
        where the rate or the total is unknown, the rate is 0 before the end, or the total turned out too small.
        """
        marks = self._marks
        if not marks or now_s < marks[-1][0] or self._begins_anew(done, total, label):
            marks = self._marks = ((now_s, done),)
        elif now_s - marks[-1][0] >= _SPACING_S:
            marks = self._marks = (*_recent(marks, now_s), (now_s, done))
        self._last = (done, total, label)
        since_s, then = marks[0]
        if now_s - since_s < _SPACING_S:
            return None, None
        rows_s = (done - then) / (now_s - since_s)
        return rows_s, _left_s(done, total, rows_s)

    def _begins_anew(self, done: int, total: int | None, label: str) -> bool:
        last_done, last_total, last_label = self._last
        complete = last_total is not None and last_done >= last_total
        return done < last_done or label != last_label or (complete and total != last_total)


def _recent(marks: tuple[tuple[float, int], ...], now_s: float) -> Iterator[tuple[float, int]]:
    """The marks of the window, and the last one before it: the rate is then that of at least the window."""
    for mark, following in pairwise(marks):
        if now_s - following[0] < _WINDOW_S:
            yield mark
    yield marks[-1]


def _left_s(done: int, total: int | None, rows_s: float) -> float | None:
    if total is None or done > total:
        return None
    if done == total:
        return 0.0
    return (total - done) / rows_s if rows_s > 0 else None
