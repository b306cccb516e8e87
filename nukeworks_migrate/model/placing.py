"""Where the boxes and bends of a drawing stand from left to right, once the order in their rows is known.

`aligned` makes the finer drawing of few lines: places that are joined stand below one another where that is
possible, and the bends of one line nearly always, so that long lines are straight. Where many lines cross, that
takes far too much room, and `settled` is the better one: each row as near to what it is joined to as it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

Joined = Sequence[Sequence[int]]

_MANY = 6_000  # places; from there on only `settled` is fast enough
_TOO_WIDE = 1.5  # times as wide as `settled` is
_SWEEPS = 10  # and for many places fewer
_STRAIGHT = 12.0  # how much more the bends of one line keep together than others do
_LOOSE = 0.2  # how much what is joined to nothing keeps its place


class Apart(Protocol):
    """The width of a box, and the least distance of two middles in one row."""

    @property
    def width(self) -> float: ...

    def apart(self, one_is_line: bool, other_is_line: bool) -> float: ...


class _Drawing(NamedTuple):
    """What is to be placed. What is numbered from `boxes` on is a bend."""

    rows: Sequence[Sequence[int]]
    above: Joined
    below: Joined
    boxes: int
    spacing: Apart
    stem_above: Sequence[int]  # of each bend the one that it goes on from; -1 where there is none
    stem_below: Sequence[int]

    def from_left(self, x: Sequence[float]) -> list[float]:
        """The same, beginning at 0."""
        half = self.spacing.width / 2
        first = min(min(x[: self.boxes]) - half, min(x))
        return [at - first for at in x]


def placed(rows: Sequence[Sequence[int]], above: Joined, below: Joined, boxes: int, spacing: Apart) -> list[float]:
    """Return the middle of each place, from 0 on; in each row they keep their order and their distances."""
    stem_above = [_bend(others, one, boxes) for one, others in enumerate(above)]
    stem_below = [_bend(others, one, boxes) for one, others in enumerate(below)]
    drawing = _Drawing(rows, above, below, boxes, spacing, stem_above, stem_below)
    if len(above) >= _MANY:
        return settled(drawing)
    fine = aligned(drawing)
    narrow = settled(drawing)
    return fine if max(fine) <= _TOO_WIDE * max(narrow) else narrow


def aligned(drawing: _Drawing) -> list[float]:
    """Place what is joined below one another: four times, from each corner, and then what is in the middle of them.

    Source: U. Brandes and B. Köpf, "Fast and Simple Horizontal Coordinate Assignment", 2001.
    """
    rows, above, below, boxes, spacing, stem_above, stem_below = drawing
    place_of = _places(rows, len(above))
    crossed = _crossed(rows, above, place_of, stem_above)
    found = []
    for downwards in (True, False):
        joined, stem_before, stem_after = (
            (above, stem_above, stem_below) if downwards else (below, stem_below, stem_above)
        )
        for mirrored in (False, True):
            turned = [row[::-1] if mirrored else row for row in (rows if downwards else rows[::-1])]
            places = _places(turned, len(above)) if mirrored else place_of
            block = _blocks(turned, joined, places, stem_before, stem_after, crossed)
            x = _compacted(turned, block, boxes, _distances(spacing))
            found.append([-at for at in x] if mirrored else x)
    return drawing.from_left(_middle(found))


def settled(drawing: _Drawing) -> list[float]:
    """Move each row as near as it can to the middles of what it is joined to, on the way down and up in turn."""
    rows, above, below, boxes, spacing, stem_above, stem_below = drawing
    distances = _distances(spacing)
    x = [0.0] * len(above)
    offsets = []  # in each row, when it is as narrow as it can be
    for row in rows:
        offset = [0.0]
        for left, right in pairwise(row):
            offset.append(offset[-1] + distances[left >= boxes][right >= boxes])
        offsets.append(offset)
        for one, at in zip(row, offset, strict=True):
            x[one] = at - offset[-1] / 2
    for sweep in range(_SWEEPS if len(above) < _MANY else 4):
        joined, stem = (above, stem_above) if sweep % 2 == 0 else (below, stem_below)
        turned = zip(rows, offsets, strict=True)
        for row, offset in turned if sweep % 2 == 0 else reversed(list(turned)):
            _settle(row, offset, joined, stem, x)
    return drawing.from_left(x)


def _settle(row: Sequence[int], offset: Sequence[float], joined: Joined, stem: Sequence[int], x: list[float]) -> None:
    """Place one row: the least squares from where its places want to be, with their distances kept.

    What wants to be too near to one another is pooled and moved as one: pool adjacent violators.
    """
    pools: list[tuple[float, float, int]] = []  # sum of weighted wishes, sum of weights, how many
    for one, least in zip(row, offset, strict=True):
        if stem[one] >= 0:
            wish, weight = x[stem[one]], _STRAIGHT
        elif joined[one]:
            wish, weight = sum([x[other] for other in joined[one]]) / len(joined[one]), 1.0
        else:
            wish, weight = x[one], _LOOSE
        total, many = weight * (wish - least), 1
        while pools and pools[-1][0] * weight >= total * pools[-1][1]:
            before, its_weight, its_many = pools.pop()
            total, weight, many = total + before, weight + its_weight, many + its_many
        pools.append((total, weight, many))
    place = 0
    for total, weight, many in pools:
        for _ in range(many):
            x[row[place]] = total / weight + offset[place]
            place += 1


def _distances(spacing: Apart) -> list[list[float]]:
    return [[spacing.apart(one, other) for other in (False, True)] for one in (False, True)]


def _places(rows: Sequence[Sequence[int]], count: int) -> list[int]:
    place_of = [0] * count
    for row in rows:
        for place, one in enumerate(row):
            place_of[one] = place
    return place_of


def _bend(others: Sequence[int], one: int, boxes: int) -> int:
    """The bend that goes on with bend `one`; -1 where it is none, or ends there."""
    return next((other for other in others if other >= boxes), -1) if one >= boxes else -1


def _crossed(
    rows: Sequence[Sequence[int]], above: Joined, place_of: Sequence[int], stem_above: Sequence[int]
) -> set[tuple[int, int]]:
    """The threads that cross a long line, which stays straight, and they do not: upper and lower end."""
    crossed = set()
    for upper_row, row in pairwise(rows):
        left, begin = -1, 0
        for place, one in enumerate(row):
            stem = stem_above[one]
            if stem < 0 and place < len(row) - 1:
                continue
            right = place_of[stem] if stem >= 0 else len(upper_row)
            for lower in row[begin : place + 1]:
                if stem_above[lower] < 0:
                    for upper in above[lower]:
                        if not left <= place_of[upper] <= right:
                            crossed.add((upper, lower))
            left, begin = right, place + 1
    return crossed


def _blocks(
    rows: Sequence[Sequence[int]],
    joined: Joined,
    place_of: Sequence[int],
    stem_before: Sequence[int],
    stem_after: Sequence[int],
    crossed: set[tuple[int, int]],
) -> list[int]:
    """Put places into blocks that stand straight below one another; a block is named by its first place."""
    block = list(range(len(place_of)))
    taken = [False] * len(place_of)  # whether something hangs on it already
    for row in rows[1:]:
        last = -1
        for one in row:
            stem = stem_before[one]
            if stem >= 0:
                candidates: Sequence[int] = (stem,)
            else:
                candidates = joined[one]
                if len(candidates) > 1:
                    candidates = sorted(candidates, key=place_of.__getitem__)
                    half = len(candidates) // 2
                    candidates = candidates[half : half + 1] if len(candidates) % 2 else candidates[half - 1 : half + 1]
            for other in candidates:
                if (
                    last < place_of[other]
                    and not taken[other]
                    and stem_after[other] in (-1, one)
                    and (other, one) not in crossed
                    and (one, other) not in crossed
                ):
                    taken[other] = True
                    block[one] = block[other]
                    last = place_of[other]
                    break
    return block


def _compacted(
    rows: Sequence[Sequence[int]], block: Sequence[int], boxes: int, apart: Sequence[Sequence[float]]
) -> list[float]:
    """Move all blocks to the left as far as they go, and then to the right what leaves room there."""
    after: list[dict[int, float]] = [{} for _ in block]
    waiting = [0] * len(block)
    for row in rows:
        for left, right in pairwise(row):
            one, other = block[left], block[right]
            least = apart[left >= boxes][right >= boxes]
            if other not in after[one]:
                waiting[other] += 1
                after[one][other] = least
            elif after[one][other] < least:
                after[one][other] = least
    x = [0.0] * len(block)
    order = [one for one, named in enumerate(block) if one == named and not waiting[one]]
    for one in order:  # which grows meanwhile
        for other, least in after[one].items():
            if x[other] < x[one] + least:
                x[other] = x[one] + least
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    for one in reversed(order):
        if after[one]:
            x[one] = max(x[one], min(x[other] - least for other, least in after[one].items()))
    return [x[named] for named in block]


def _middle(found: Sequence[list[float]]) -> list[float]:
    """Of each place the mean of its two middle positions; in all of them it keeps its distances, so here too."""
    spans = [(min(x), max(x)) for x in found]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    moved = []
    for number, (x, (first, last)) in enumerate(zip(found, spans, strict=True)):
        by = high - last if number % 2 else low - first  # those from the right are held against the right
        moved.append([at + by for at in x])
    middles = []
    for four in zip(*moved, strict=True):
        _, one, other, _ = sorted(four)
        middles.append((one + other) / 2)
    return middles
