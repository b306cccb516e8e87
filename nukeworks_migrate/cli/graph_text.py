"""The graph of migrations at a terminal: a line for each, and lines from what comes first to what depends on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..actions.graph import GraphReport, Node
from ..actions.status import State
from .output import word
from .text import called, counted, printable

_WIDTH = 80
_LONGEST = 40  # of a name on the screen
_FEWEST_LANES, _MOST_LANES = 6, 16
_LEAST_TAIL = 20  # a description that would be shorter is left out


class Signs(NamedTuple):
    """What the lines of a graph are drawn with."""

    marks: Mapping[State, str]
    straight: str
    across: str
    dots: str  # where something is cut
    # By which sides it goes to: left, right, and whether it goes on below.
    corners: Mapping[tuple[bool, bool, bool], str]


UNICODE = Signs(
    marks={
        State.APPLIED: "●",
        State.PENDING: "○",
        State.FAILED: "✗",
        State.MISSING: "?",
        State.DRIFTED: "≠",
        State.NEWER: "↑",
        State.INTERRUPTED: "◐",
    },
    straight="│",
    across="─",
    dots="…",
    corners={
        (False, True, True): "├",
        (True, False, True): "┤",
        (True, True, True): "┼",
        (False, True, False): "└",
        (True, False, False): "┘",
        (True, True, False): "┴",
    },
)
ASCII = Signs(
    marks={
        State.APPLIED: "*",
        State.PENDING: "o",
        State.FAILED: "x",
        State.MISSING: "?",
        State.DRIFTED: "!",
        State.NEWER: "^",
        State.INTERRUPTED: "%",
    },
    straight="|",
    across="-",
    dots="...",
    corners={
        (False, True, True): "+",
        (True, False, True): "+",
        (True, True, True): "+",
        (False, True, False): "`",
        (True, False, False): "'",
        (True, True, False): "'",
    },
)


def signs_for(encoding: str | None) -> Signs:
    """What a stream of that encoding can show."""
    everything = "".join(
        (*UNICODE.marks.values(), UNICODE.straight, UNICODE.across, UNICODE.dots, *UNICODE.corners.values())
    )
    try:
        everything.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def graph_screen(report: GraphReport, signs: Signs = UNICODE) -> str:
    """The whole screen of `migrate graph`: a line for each migration, oldest at the top."""
    lines = _head(report)
    if report.problem:
        return "\n".join([*lines, "", f"{word('note:')} {printable(report.problem)}"])
    if report.nodes:
        lines += ["", *_rows(report, signs)]
    return "\n".join([*lines, "", called(_next(report))])


def _head(report: GraphReport) -> list[str]:
    there = "" if report.database_exists else "   (not there yet)"
    first = f"graph   {printable(report.database)}{there}"
    if report.problem:
        return [f"{first}   not read"]
    lines = [f"{first}   {counted(len(report.nodes), 'migration')}, {_dependencies(len(report.edges))}"]
    line = " " * 7
    counts = [f"{many} {state.value}" for state in UNICODE.marks if (many := report.how_many(state))]
    for count in [f"{count}," for count in counts[:-1]] + counts[-1:]:
        if len(line) + 1 + len(count) > _WIDTH:
            lines.append(line)
            line = " " * 7
        line += f" {count}"
    return [*lines, line] if counts else lines


def _dependencies(many: int) -> str:
    return "1 dependency" if many == 1 else f"{many} dependencies"


def _next(report: GraphReport) -> str:
    """The last line: what to type next."""
    failed = [node for node in report.nodes if node.state is State.FAILED]
    pending = report.how_many(State.PENDING, State.FAILED)
    if report.how_many(State.INTERRUPTED):
        return "Interrupted. What can be done: migrate resume"
    if report.how_many(State.NEWER):
        return "The database is newer than these files: update the application."
    if report.how_many(State.MISSING):
        return "Applied migrations have no file. What can be done: migrate plan"
    if report.how_many(State.DRIFTED):
        return "Applied migrations were changed. What differs: migrate plan"
    if failed:
        return f"{len(failed)} failed when last run. What happened: migrate history {failed[0].version}"
    if pending:
        return f"{pending} pending. See what they would do: migrate plan"
    return "Up to date." if report.nodes else 'No migrations yet. Write the first: migrate new "first table"'


class _Row(NamedTuple):
    """One migration on the screen."""

    node: Node
    before: str  # what stands left of its mark
    after: str  # and right of it
    needs: tuple[str, ...]  # names of what it depends on where there was no lane left for the line


def _rows(report: GraphReport, signs: Signs) -> list[str]:
    name_width = min(max(len(printable(node.name)) for node in report.nodes), _LONGEST)
    state_width = max(len(node.state.value) for node in report.nodes)
    room = (_WIDTH - 2 - 2 - name_width - 2 - state_width) // 2
    drawn = _Lanes(report, signs, most=min(max(room - 2, _FEWEST_LANES), _MOST_LANES)).rows()
    width = max(len(row.before) + 1 + len(row.after.rstrip()) for row in drawn)
    left = _WIDTH - 2 - width - 2 - name_width - 2 - state_width - 3
    lines = []
    for row in drawn:
        mark = word(signs.marks[row.node.state], colour=row.node.state.value)
        after = row.after.rstrip().ljust(width - len(row.before) - 1)
        name = _cut(printable(row.node.name), name_width, signs).ljust(name_width)
        state = word(row.node.state.value, state_width)
        if row.needs:  # which nothing else tells, so that it is told however long it is
            tail = f"depends on {', '.join(map(printable, row.needs))}"
        else:
            tail = _cut(printable(row.node.description), left, signs) if left >= _LEAST_TAIL else ""
        lines.append(f"  {row.before}{mark}{after}  {name}  {state}   {tail}".rstrip())
    without = sum(len(row.needs) for row in drawn)
    if without:
        lines.append(f"  ({_dependencies(without)} in words: too many lines side by side; all are in --format svg)")
    if not report.edges and len(report.nodes) > 1:
        lines.append("  (none of them depends on another)")
    return lines


def _cut(text: str, width: int, signs: Signs) -> str:
    return text if len(text) <= width else text[: width - len(signs.dots)].rstrip() + signs.dots


class _Lanes:
    """Draws lines from each migration down to those that depend on it, each in a lane of its own.

    A lane begins below a migration and ends at the last one that depends on it. What stands right below one
    another is joined, and so nothing else is put right below a migration.
    """

    def __init__(self, report: GraphReport, signs: Signs, *, most: int) -> None:
        self.nodes, self.signs, self.most = report.nodes, signs, most
        self.names = {node.version: node.name for node in report.nodes}
        self.depends_on: dict[int, list[int]] = {version: [] for version in self.names}
        self.left: dict[int, int] = dict.fromkeys(self.names, 0)  # dependents that are still to come
        for edge in report.edges:
            self.depends_on[edge.dependent].append(edge.dependency)
            self.left[edge.dependency] += 1
        self.joined = bool(report.edges)
        self.lanes: list[int | None] = []  # the migration whose line runs in each of them
        self.lane_of: dict[int, int] = {}
        self.above: int | None = None  # the lane of the migration in the line above

    def rows(self) -> list[_Row]:
        return [self._row(node) for node in self.nodes]

    def _row(self, node: Node) -> _Row:
        version = node.version
        dependencies = self.depends_on[version]
        lined = sorted(self.lane_of[other] for other in dependencies if other in self.lane_of)
        needs = tuple(self.names[other] for other in dependencies if other not in self.lane_of)
        ended = set()
        for other in dependencies:
            self.left[other] -= 1
            if not self.left[other] and other in self.lane_of:
                ended.add(self.lane_of.pop(other))
        place = min(ended) if ended else self._free()
        row = self._drawn(node, place, lined, ended, needs)
        for lane in ended:
            self.lanes[lane] = None
        if place < self.most:
            self.lanes += [None] * (place + 1 - len(self.lanes))
            if self.left[version]:
                self.lanes[place] = version
                self.lane_of[version] = place
        self.above = place
        while self.lanes and self.lanes[-1] is None:
            self.lanes.pop()
        return row

    def _free(self) -> int:
        """The lane for what takes over no other; behind the last one where none is free, right or left of that."""
        if not self.joined:
            return 0
        for lane in range(self.most):
            if (lane >= len(self.lanes) or self.lanes[lane] is None) and lane != self.above:
                return lane
        return self.most + (self.most == self.above)

    def _drawn(self, node: Node, place: int, lined: Sequence[int], ended: set[int], needs: tuple[str, ...]) -> _Row:
        first, last = min([place, *lined]), max([place, *lined])
        before, after = [], []
        for lane in range(max(len(self.lanes), last + 1)):
            within = first <= lane < last
            if lane == place:
                sign = " "
            elif lane in lined:
                sign = self.signs.corners[lane > first, lane < last, lane not in ended]
            elif lane < len(self.lanes) and self.lanes[lane] is not None:
                sign = self.signs.straight
            else:
                sign = self.signs.across if first < lane < last else " "
            piece = sign + (self.signs.across if within else " ")
            if lane < place:
                before.append(piece)
            elif lane == place:
                after.append(piece[1:])
            else:
                after.append(piece)
        return _Row(node, "".join(before), "".join(after), needs)
