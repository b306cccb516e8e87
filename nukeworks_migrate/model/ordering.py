"""The order within the rows of a drawing, so that few lines cross.

Each row in turn is sorted by the middle of what its places are joined to in the row before it, on the way down and
on the way up again, and the best order of all is kept (the barycentre method of Sugiyama, Tagawa and Toda).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence

Rows = list[list[int]]
Joined = Sequence[Sequence[int]]

_SMALL, _LARGE = 2_000, 8_000  # places
_SWEEPS = 12  # at most, for few places; fewer for more


def ordered(rows: Rows, above: Joined, below: Joined) -> Rows:
    """Return `rows`, each with its places in a better order; `above` and `below` are what each is joined to."""
    place_of = _places(rows, len(above))
    best, fewest = [row[:] for row in rows], crossings(rows, below, place_of)
    count = len(above)
    sweeps = _SWEEPS if count < _SMALL else 4 if count < _LARGE else 2
    for sweep in range(sweeps):
        if not fewest:
            break
        _sort(rows, above, below, place_of, downwards=sweep % 2 == 0)
        if count < _SMALL:
            _swap(rows, above, below, place_of)
        found = crossings(rows, below, place_of)
        if found < fewest:
            best, fewest = [row[:] for row in rows], found
    return best


def crossings(rows: Rows, below: Joined, place_of: Sequence[int]) -> int:
    """How often lines cross."""
    found = 0
    for row in rows:
        seen: list[int] = []  # where the lines of the places to the left end
        for upper in row:
            ends = sorted(place_of[lower] for lower in below[upper])
            for end in ends:
                found += len(seen) - bisect_right(seen, end)
            if seen and ends and ends[0] < seen[-1]:
                for end in ends:
                    insort(seen, end)
            else:
                seen += ends
    return found


def _places(rows: Rows, count: int) -> list[int]:
    place_of = [0] * count
    for row in rows:
        _number(row, place_of)
    return place_of


def _number(row: Iterable[int], place_of: list[int]) -> None:
    for place, one in enumerate(row):
        place_of[one] = place


def _sort(rows: Rows, above: Joined, below: Joined, place_of: list[int], *, downwards: bool) -> None:
    joined = above if downwards else below
    middle = [0.0] * len(place_of)
    for row in rows if downwards else reversed(rows):
        if len(row) > 1:
            for one in row:
                others = joined[one]
                # What is joined to nothing there stays about where it is.
                middle[one] = sum(place_of[other] for other in others) / len(others) if others else place_of[one]
            row.sort(key=middle.__getitem__)
            _number(row, place_of)


def _swap(rows: Rows, above: Joined, below: Joined, place_of: list[int]) -> None:
    """Swap neighbours where that takes crossings away, once along each row."""
    for row in rows:
        for place in range(len(row) - 1):
            left, right = row[place], row[place + 1]
            now = then = 0
            for joined in (above, below):
                lefts = sorted(place_of[other] for other in joined[left])
                rights = sorted(place_of[other] for other in joined[right])
                now += _inversions(lefts, rights)
                then += _inversions(rights, lefts)
            if then < now:
                row[place], row[place + 1] = right, left
                place_of[left], place_of[right] = place + 1, place


def _inversions(lefts: Sequence[int], rights: Sequence[int]) -> int:
    """How many pairs stand the wrong way round; both are sorted."""
    return sum(len(lefts) - bisect_right(lefts, right) for right in rights)
