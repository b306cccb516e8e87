"""Where the boxes of a graph stand, and how the lines between them run: from the top down, without overlaps.

The steps are Sugiyama's. Each box gets a row by the longest path that leads to it; a line that passes through rows
has a bend in each of them; the boxes and bends of a row are ordered so that few lines cross (`ordering`), and then
placed (`placing`). What is not connected is drawn by itself, and the drawings are put side by side.

All of it is linear or nearly so, walks without recursion, and depends on nothing but its arguments.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple, TypeVar

from .ordering import ordered
from .placing import placed

N = TypeVar("N", bound=Hashable)

_WIDER = 1.6  # a drawing of many parts is about so much wider than high
_FEWEST_COLUMNS = 4  # of boxes that stand alone, before there is a second row of them
_FEWEST_BESIDE = 8  # a row is not split before it has more boxes than this
_BENDS, _BENDS_A_NODE = 2_000, 6  # more than that, and the longest lines run at the side
_STEEP = 0.07  # rows stand further apart where a line goes far to the side, by this much of the way
_FURTHEST = 2.5  # and at most so many times as far


class Spacing(NamedTuple):
    """Sizes and distances, in any unit."""

    width: float  # of a box
    height: float
    beside: float  # between two boxes
    below: float  # between two rows
    line: float  # between a line and the box or line beside it

    def apart(self, one_is_line: bool, other_is_line: bool) -> float:
        """The least distance of two middles in one row."""
        if one_is_line or other_is_line:
            return self.line + (0 if one_is_line and other_is_line else self.width / 2)
        return self.width + self.beside


class Point(NamedTuple):
    x: float
    y: float


class Box(NamedTuple):
    """Where one node stands: its upper left corner."""

    node: Hashable
    x: float
    y: float


class Line(NamedTuple):
    """How one edge runs: from the lower side of a box, from point to point, to the upper side of another one.

    Between two points it goes down, at the same x or between two rows; there is no box in its way.
    """

    start: Hashable
    end: Hashable
    points: tuple[Point, ...]


class Layout(NamedTuple):
    width: float
    height: float
    boxes: tuple[Box, ...]  # in the order of the nodes
    lines: tuple[Line, ...]  # in the order of the edges


def lay_out(nodes: Sequence[N], edges: Iterable[tuple[N, N]], spacing: Spacing) -> Layout:
    """Return where everything stands. Each edge goes from a node to one below it.

    Raises:
        ValueError: edges go round in a circle, or to what is no node.
    """
    number = {node: place for place, node in enumerate(nodes)}
    unique = dict.fromkeys(edges)
    if any(end not in number for edge in unique for end in edge):
        raise ValueError("an edge has an end that is no node")
    numbered = [(number[start], number[end]) for start, end in unique]
    parts = [_Part(members, inside, spacing) for members, inside in _connected(len(nodes), numbered)]
    # What stands alone comes last, so that it forms rows of its own.
    parts.sort(key=lambda part: not part.edges)
    boxes: list[Box] = [Box(0, 0.0, 0.0)] * len(nodes)
    lines: dict[tuple[int, int], Line] = {}
    width = height = 0.0
    for part, left, top in _side_by_side(parts, spacing):
        width, height = max(width, left + part.width), max(height, top + part.height)
        for place, x, y in part.boxes:
            boxes[place] = Box(nodes[place], left + x, top + y)
        for (start, end), points in part.lines:
            moved = tuple(Point(left + x, top + y) for x, y in points)
            lines[start, end] = Line(nodes[start], nodes[end], moved)
    return Layout(width, height, tuple(boxes), tuple(lines[edge] for edge in numbered))


def _connected(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """The nodes that hang together, with the edges between them; by their first node."""
    beside: list[list[int]] = [[] for _ in range(count)]
    for start, end in edges:
        beside[start].append(end)
        beside[end].append(start)
    part_of = [-1] * count
    parts: list[tuple[list[int], list[tuple[int, int]]]] = []
    for first in range(count):
        if part_of[first] < 0:
            part_of[first] = len(parts)
            members = [first]
            for member in members:  # which grows meanwhile
                for other in beside[member]:
                    if part_of[other] < 0:
                        part_of[other] = len(parts)
                        members.append(other)
            parts.append((sorted(members), []))
    for edge in edges:
        parts[part_of[edge[0]]][1].append(edge)
    return parts


def _side_by_side(parts: Sequence[_Part], spacing: Spacing) -> Iterable[tuple[_Part, float, float]]:
    """Put parts into lines like words, each with its left upper corner."""
    apart = 1.5 * spacing.beside
    area = sum((part.width + apart) * (part.height + apart) for part in parts)
    least = _FEWEST_COLUMNS * (spacing.width + apart)
    most = max([math.sqrt(area * _WIDER), least, *(part.width for part in parts)])
    left = top = deepest = 0.0
    for part in parts:
        if left and left + part.width > most:
            left, top, deepest = 0.0, top + deepest + apart, 0.0
        yield part, left, top
        left, deepest = left + part.width + apart, max(deepest, part.height)


class _Part:
    """The drawing of nodes that hang together, with 0, 0 at its upper left."""

    def __init__(self, members: Sequence[int], edges: Sequence[tuple[int, int]], spacing: Spacing) -> None:
        self.members, self.edges, self.spacing = members, edges, spacing
        self.boxes: list[tuple[int, float, float]] = [(members[0], 0.0, 0.0)]
        self.lines: list[tuple[tuple[int, int], list[tuple[float, float]]]] = []
        self.width, self.height = spacing.width, spacing.height
        if edges:
            self._draw()

    def _draw(self) -> None:
        local = {member: place for place, member in enumerate(self.members)}
        edges = [(local[start], local[end]) for start, end in self.edges]
        row_of = rows_of(len(local), edges)
        trunks, at_the_side = _trunks(edges, row_of, limit=_BENDS + _BENDS_A_NODE * len(local))
        web = _web(edges, row_of, trunks)
        x = placed(ordered(web.rows(), web.above, web.below), web.above, web.below, web.boxes, self.spacing)
        half = self.spacing.width / 2
        right = max(at + (half if place < web.boxes else 0.0) for place, at in enumerate(x))
        sides, self.width = _sides(at_the_side, right, self.spacing)
        tops = self._tops(web, sides, x)
        self.height = tops[-1] + self.spacing.height
        self.boxes = [(member, x[place] - half, tops[row_of[place]]) for place, member in enumerate(self.members)]
        upright: dict[tuple[int, int], Sequence[_Upright]] = {}
        for trunk in trunks:
            upright.update(dict.fromkeys(trunk.edges, _stem(trunk, web, x)))
        for trunk, at in sides:
            upright.update(dict.fromkeys(trunk.edges, (_Upright(at, trunk.first, trunk.last),)))
        for edge, shown in zip(edges, self.edges, strict=True):
            self.lines.append((shown, self._points(edge, upright.get(edge, ()), row_of, x, tops)))

    def _points(
        self,
        edge: tuple[int, int],
        upright: Sequence[_Upright],
        row_of: Sequence[int],
        x: Sequence[float],
        tops: Sequence[float],
    ) -> list[tuple[float, float]]:
        """The way of one edge: from its box, down what it shares with others as far as it goes there, to the other."""
        start, end = edge
        height = self.spacing.height
        points = [(x[start], tops[row_of[start]] + height)]
        for at, first, last in upright:
            begin, stop = max(first, row_of[start] + 1), min(last, row_of[end] - 1)
            if begin <= stop:
                points += [(at, tops[begin]), (at, tops[stop] + height)]
        return [*points, (x[end], tops[row_of[end]])]

    def _tops(self, web: Web, sides: Sequence[tuple[Trunk, float]], x: Sequence[float]) -> list[float]:
        """Where each row begins; rows stand further apart where lines go far to the side."""
        count = max(web.row_of) + 1
        furthest = [0.0] * count  # below each row
        for place, others in enumerate(web.below):
            for other in others:
                row = web.row_of[place]
                furthest[row] = max(furthest[row], abs(x[other] - x[place]))
        for trunk, at in sides:
            for start, end in trunk.edges:
                for row, place in ((web.row_of[start], start), (web.row_of[end] - 1, end)):
                    furthest[row] = max(furthest[row], abs(at - x[place]))
        tops, below = [0.0], self.spacing.below
        for far in furthest[:-1]:
            tops.append(tops[-1] + self.spacing.height + min(max(below, far * _STEEP), below * _FURTHEST))
        return tops


def rows_of(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The row of each node, from 0: below all that lead to it, and in no row too many nodes.

    A row with too many is made into several; there are no edges between the nodes of one.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for start, end in edges:
        after[start].append(end)
        waiting[end] += 1
    depth = [0] * count
    free = [node for node in range(count) if not waiting[node]]
    for node in free:  # which grows meanwhile
        for other in after[node]:
            depth[other] = max(depth[other], depth[node] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                free.append(other)
    if len(free) < count:
        raise ValueError("edges go round in a circle")
    layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for node in range(count):
        layers[depth[node]].append(node)
    most = max(_FEWEST_BESIDE, round(0.8 * math.sqrt(count)))
    row_of, row = [0] * count, 0
    for layer in layers:
        split = -(-len(layer) // most)
        for place, node in enumerate(layer):
            row_of[node] = row + place * split // len(layer)
        row += split
    return row_of


class Trunk(NamedTuple):
    """What the lines from one node, or to one node, share in the rows that they pass."""

    key: tuple[bool, int]  # whether they come from it, and which it is
    edges: tuple[tuple[int, int], ...]
    first: int  # row
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def _trunks(edges: Sequence[tuple[int, int]], row_of: Sequence[int], *, limit: int) -> tuple[list[Trunk], list[Trunk]]:
    """Share the lines that pass through rows; those that would need too many bends are the second of the two.

    A line shares its way with others from where it comes, or to where it goes, whichever are more.
    """
    long = [edge for edge in edges if row_of[edge[1]] - row_of[edge[0]] > 1]
    leaving: defaultdict[int, int] = defaultdict(int)
    arriving: defaultdict[int, int] = defaultdict(int)
    for start, end in long:
        leaving[start] += 1
        arriving[end] += 1
    shared: defaultdict[tuple[bool, int], list[tuple[int, int]]] = defaultdict(list)
    for start, end in long:
        forks = leaving[start] >= arriving[end]
        shared[forks, start if forks else end].append((start, end))
    trunks = [
        Trunk(key, tuple(group), min(row_of[s] for s, _ in group) + 1, max(row_of[e] for _, e in group) - 1)
        for key, group in shared.items()
    ]
    trunks.sort(key=lambda trunk: trunk.length)  # stable: of one length, in the order of the edges
    kept = 0
    while kept < len(trunks) and limit >= trunks[kept].length:
        limit -= trunks[kept].length
        kept += 1
    return trunks[:kept], trunks[kept:]


class Web:
    """Boxes, and bends in the rows between, by numbers: the boxes first. Every thread joins two rows that touch."""

    def __init__(self, boxes: int, row_of: Sequence[int]) -> None:
        self.boxes = boxes
        self.row_of = list(row_of)
        self.above: list[list[int]] = [[] for _ in range(boxes)]
        self.below: list[list[int]] = [[] for _ in range(boxes)]
        self.bends: dict[tuple[bool, int], int] = {}  # the number of a trunk's first bend; the others follow it

    def join(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def add_trunk(self, trunk: Trunk) -> None:
        first = len(self.row_of)
        self.bends[trunk.key] = first
        self.row_of.extend(range(trunk.first, trunk.last + 1))
        self.above.extend([] for _ in range(trunk.length))
        self.below.extend([] for _ in range(trunk.length))
        for bend in range(first, first + trunk.length - 1):
            self.join(bend, bend + 1)
        forks, _ = trunk.key
        if forks:
            self.join(trunk.edges[0][0], first)
        else:
            self.join(first + trunk.length - 1, trunk.edges[0][1])
        for start, end in trunk.edges:
            if forks:
                self.join(first + self.row_of[end] - 1 - trunk.first, end)
            else:
                self.join(start, first + self.row_of[start] + 1 - trunk.first)

    def rows(self) -> list[list[int]]:
        """Return all by row, as it is met on the way down along the threads: that alone avoids many crossings."""
        rows: list[list[int]] = [[] for _ in range(max(self.row_of) + 1)]
        met = [False] * len(self.row_of)
        for root in range(self.boxes):
            stack = [root] if not self.above[root] and not met[root] else []
            while stack:
                place = stack.pop()
                if not met[place]:
                    met[place] = True
                    rows[self.row_of[place]].append(place)
                    stack.extend(reversed(self.below[place]))
        return rows


def _web(edges: Sequence[tuple[int, int]], row_of: Sequence[int], trunks: Sequence[Trunk]) -> Web:
    """Return what has to be ordered and placed; lines at the side are no part of it."""
    web = Web(len(row_of), row_of)
    for trunk in trunks:
        web.add_trunk(trunk)
    for start, end in edges:
        if row_of[end] - row_of[start] == 1:
            web.join(start, end)
    return web


class _Upright(NamedTuple):
    """A piece of a line that goes straight down through rows."""

    x: float
    first: int  # row
    last: int


def _stem(trunk: Trunk, web: Web, x: Sequence[float]) -> list[_Upright]:
    """What the lines of a trunk share; what goes straight on is one piece."""
    bend = web.bends[trunk.key]
    pieces: list[_Upright] = []
    for row, at in enumerate(x[bend : bend + trunk.length], trunk.first):
        if pieces and abs(pieces[-1].x - at) < 1e-6:
            pieces[-1] = pieces[-1]._replace(last=row)
        else:
            pieces.append(_Upright(at, row, row))
    return pieces


def _sides(trunks: Sequence[Trunk], right: float, spacing: Spacing) -> tuple[list[tuple[Trunk, float]], float]:
    """Give each trunk an upright line to the right of all, and one line to several that do not meet."""
    taken: list[tuple[int, int]] = []  # a heap of upright lines: the last row in which each is used, and which it is
    found = []
    for trunk in sorted(trunks, key=lambda trunk: trunk.first):
        place = heappop(taken)[1] if taken and taken[0][0] + 1 < trunk.first else len(taken)
        heappush(taken, (trunk.last, place))
        found.append((trunk, right + spacing.line * (place + 1)))
    return found, right + spacing.line * (len(taken) + 1 if taken else 0)
