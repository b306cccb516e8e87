"""The graph of migrations as SVG: a file that stands alone, or a piece of a page.

A state is told by the word in the box, the shape of the mark before it, the border and the colour. Somebody who
hears it is read the boxes in their order, each with name, state, description and what it depends on: the lines
are not for the ear.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from typing import NamedTuple
from unicodedata import east_asian_width

from ..actions.graph import GraphReport, Node
from ..actions.status import State
from ..errors import Refused
from ..model.layout import Layout, Line, Spacing, lay_out
from .text import counted, moment

_EDGE = 24  # of the picture
_PAD = 12  # in a box
_HEIGHT = 54  # of a box
_MARK = 26  # what the mark takes before the text
_SHORTEST, _LONGEST = 26, 36  # names, in characters
_NAME, _ABOUT, _COUNT = 7.9, 12.0, 13.0  # a character of a name; the size of what stands below it, and of the legend
_LEAST = 420  # the width of a picture
_HEADING = 40
_LEGEND_ROW = 26

# Within 16 by 16. What has the class solid is filled, what has the class cut has the colour of the ground.
_MARKS = {
    State.APPLIED: '<circle class="solid" cx="8" cy="8" r="7"/><path class="cut" d="M4.7 8.3 7.1 10.6 11.4 5.7"/>',
    State.PENDING: '<circle cx="8" cy="8" r="6.5"/>',
    State.FAILED: '<rect class="solid" x="1" y="1" width="14" height="14" rx="2"/>'
    '<path class="cut" d="M5 5 11 11M11 5 5 11"/>',
    State.MISSING: '<path d="M8 .8 15.2 8 8 15.2 .8 8Z"/><path d="M6.2 6.6A1.9 1.9 0 1 1 8 8.6L8 9.3M8 11.4 8 11.5"/>',
    State.DRIFTED: '<path d="M8 1.2 15.3 14.4 .7 14.4Z"/><path d="M8 6 8 9.6M8 12 8 12.1"/>',
    State.NEWER: '<path d="M8 15 8 1.8M2.6 7.2 8 1.8 13.4 7.2"/>',
    State.INTERRUPTED: '<circle cx="8" cy="8" r="6.5"/><path class="solid" d="M8 1.5A6.5 6.5 0 0 0 8 14.5Z"/>',
}


class _Sizes(NamedTuple):
    box: float  # its width
    characters: int  # of a name that fit


def graph_svg(report: GraphReport, *, standalone: bool = True, href: Callable[[str], str] | None = None) -> str:
    """Return the picture of `report`: oldest at the top, an arrow from what comes first to what depends on it.

    Without `standalone` it has no style of its own: the page has that of web/static/graph.css. With `href`, each
    migration is a link to what `href` returns for its name. Nothing in it is run, and there are no ids.
    """
    sizes = _sizes(report.nodes)
    spacing = Spacing(width=sizes.box, height=_HEIGHT, beside=32, below=48, line=16)
    edges = [(edge.dependency, edge.dependent) for edge in report.edges]
    layout = lay_out([node.version for node in report.nodes], edges, spacing)
    inside = max(layout.width, _LEAST)
    legend, legend_height = _legend(report, inside)
    top = _EDGE + _HEADING + legend_height
    width, height = inside + 2 * _EDGE, top + layout.height + _EDGE
    left = _EDGE + (inside - layout.width) / 2
    title, description = f"Migrations of {_plain(report.database)}", _description(report)
    counts = ", ".join(f"{many} {state.value}" for state, many in _counts(report))
    label = f"{title}: {_plain(report.problem) or counts or 'none'}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="migration-graph" role="group" aria-label="{_safe(label)}"'
        f' width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}">',
        f"<title>{_safe(title)}</title>",
        f"<desc>{_safe(description)}</desc>",
    ]
    if standalone:
        parts.append(f"<style>\n{stylesheet()}</style>")
    parts.append(f'<rect class="ground" width="{_n(width)}" height="{_n(height)}"/>')
    parts.append(f'<text class="heading" x="{_EDGE}" y="{_EDGE + 14}">{_safe(_fitting(title, inside, 16.0))}</text>')
    parts += legend
    parts.append(f'<g transform="translate({_n(left)} {_n(top)})">')
    parts.append('<g aria-hidden="true">')
    parts += (_line(line) for line in layout.lines)
    parts.append("</g>")
    parts += _boxes(report, layout, sizes, href)
    parts.append("</g>\n</svg>\n")
    return "\n".join(parts)


def stylesheet() -> str:
    """Return the rules that the picture is drawn by, in a page and in a file of its own.

    Raises:
        Refused: they are not there: a program that this one is bundled with has left its data out.
    """
    try:
        content = pkgutil.get_data("nukeworks_migrate", "web/static/graph.css")
    except OSError as error:
        raise Refused(
            "the style of the picture is not there",
            cause=str(error),
            next_step="install the package anew; in a bundle: pyinstaller --collect-data nukeworks_migrate",
        ) from error
    assert content is not None
    return content.decode("utf-8").replace("\r\n", "\n")


def accessible_name(node: Node, depends_on: Iterable[str]) -> str:
    """What is read to somebody who does not see the box, and shown where the pointer rests on it."""
    described = f": {_plain(node.description)}" if node.description else ""
    when = f" Applied {moment(node.applied_at)}." if node.applied_at else ""
    needs = ", ".join(map(_plain, depends_on))
    end = "" if described.endswith((".", "!", "?", "…")) else "."
    return f"{_plain(node.name)}, {node.state.value}{described}{end}{when} Depends on {needs or 'nothing'}."


def _description(report: GraphReport) -> str:
    if report.problem:
        return _plain(report.problem)
    number = counted(len(report.nodes), "migration")
    return f"{number}. An arrow leads from a migration to those that depend on it; the oldest are at the top."


def _counts(report: GraphReport) -> list[tuple[State, int]]:
    return [(state, many) for state in _MARKS if (many := report.how_many(state))]


def _legend(report: GraphReport, inside: float) -> tuple[list[str], float]:
    """Each state that there is, with its mark and how many there are; and how high that is."""
    if report.problem or not report.nodes:
        words = _plain(report.problem) or "There are no migrations yet."
        text = _safe(_fitting(words, inside, _COUNT))
        return [f'<text class="problem" x="{_EDGE}" y="{_EDGE + _HEADING}">{text}</text>'], _LEGEND_ROW
    parts, x, y = ['<g aria-hidden="true">'], 0.0, 0
    for state, many in _counts(report):
        words = f"{many} {state.value}"
        width = _MARK + _width(words, _COUNT) + 22
        if x and x + width > inside:
            x, y = 0.0, y + _LEGEND_ROW
        at_x, at_y = _n(_EDGE + x), _n(_EDGE + _HEADING - 13 + y)
        parts.append(
            f'<g class="{state.value}" transform="translate({at_x} {at_y})"><g class="mark">{_MARKS[state]}</g>'
            f'<text class="count" x="{_MARK - 2}" y="12.5">{words}</text></g>'
        )
        x += width
    parts.append("</g>")
    return parts, y + _LEGEND_ROW + 8


def _sizes(nodes: Iterable[Node]) -> _Sizes:
    longest = max((_columns(_plain(node.name)) for node in nodes), default=0)
    characters = min(max(longest, _SHORTEST), _LONGEST)
    return _Sizes(round(2 * _PAD + _MARK + characters * _NAME), characters)


def _boxes(report: GraphReport, layout: Layout, sizes: _Sizes, href: Callable[[str], str] | None) -> Iterable[str]:
    names = {node.version: node.name for node in report.nodes}
    depends_on: dict[int, list[str]] = {version: [] for version in names}
    for edge in report.edges:
        depends_on[edge.dependent].append(names[edge.dependency])
    for node, box in zip(report.nodes, layout.boxes, strict=True):
        name = _safe(accessible_name(node, depends_on[node.version]))
        place = f'class="node {node.state.value}" transform="translate({_n(box.x)} {_n(box.y)})" aria-label="{name}"'
        drawn = f"<title>{name}</title>{_box(node, sizes, leads=bool(depends_on[node.version]))}"
        if href is None:
            yield f'<g {place} role="img">{drawn}</g>'
        else:
            yield f'<a href="{_safe(href(node.name))}" {place}>{drawn}</a>'


def _box(node: Node, sizes: _Sizes, *, leads: bool) -> str:
    """One box; `leads` where an arrow leads to it."""
    width, left = sizes.box, _PAD + _MARK
    word = node.state.value
    room = width - left - _PAD - _width(word, _ABOUT) * 1.08 - 16
    about = _safe(_fitting(_plain(node.description), room, _ABOUT))
    return "".join(
        (
            f'<rect class="ring" x="-5" y="-5" width="{_n(width + 10)}" height="{_HEIGHT + 10}" rx="10"/>',
            f'<rect class="box" width="{_n(width)}" height="{_HEIGHT}" rx="7"/>',
            f'<rect class="inner" x="4" y="4" width="{_n(width - 8)}" height="{_HEIGHT - 8}" rx="4"/>'
            if node.state is State.DRIFTED
            else "",
            f'<g class="mark" transform="translate({_PAD} 19)">{_MARKS[node.state]}</g>',
            f'<text class="name" x="{left}" y="23">{_safe(_cut(_plain(node.name), sizes.characters))}</text>',
            f'<text class="about" x="{left}" y="42"><tspan class="state">{word}</tspan>',
            f'<tspan dx="8">{about}</tspan></text>' if about else "</text>",
            f'<path class="head" d="M{_n(width / 2 - 5)} -9H{_n(width / 2 + 5)}L{_n(width / 2)} 0Z"/>' if leads else "",
        )
    )


def _line(line: Line) -> str:
    """Upright where it goes straight on; where it goes to the side, in a curve that begins and ends upright."""
    (x, y), *points = line.points
    last = len(points) - 1
    drawn = [f"M{_n(x)} {_n(y)}"]
    for number, point in enumerate(points):
        to_y = point.y - 6 if number == last else point.y  # up to the head of the arrow
        if abs(point.x - x) < 0.05:
            drawn.append(f"V{_n(to_y)}")
        else:
            middle = _n((y + to_y) / 2)
            drawn.append(f"C{_n(x)} {middle} {_n(point.x)} {middle} {_n(point.x)} {_n(to_y)}")
        x, y = point.x, to_y
    return f'<path class="line" d="{"".join(drawn)}"/>'


def _n(value: float) -> str:
    """A length as short as can be."""
    return f"{value:.1f}".removesuffix(".0")


def _plain(text: str) -> str:
    """One line without control characters, marks that turn the direction of writing, and half surrogate pairs."""
    spaced = " ".join(text.split())
    return spaced if spaced.isprintable() else "".join(c for c in spaced if c.isprintable())


_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def _safe(text: str) -> str:
    return _plain(text).translate(_ESCAPES)


def _columns(text: str) -> int:
    """How many characters of a name wide a text is; Chinese ones take two."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    kept = text[: columns - 1]
    while _columns(kept) > columns - 1:
        kept = kept[:-1]
    return f"{kept}…"


_NARROW, _WIDE = frozenset("iIjltfr.,:;'|![]()/\\ "), frozenset("mwMWQOGD@%&—…ÆŒ")


def _width(text: str, size: float) -> float:
    """About how wide a text is in a font that is not known, rather too wide."""
    return size * sum(
        0.36
        if c in _NARROW
        else 0.92
        if c in _WIDE
        else 1.05
        if not c.isascii() and east_asian_width(c) in "WF"
        else 0.7
        if c.isupper()
        else 0.59
        for c in text
    )


def _fitting(text: str, room: float, size: float) -> str:
    """As much of a text as there is room for, with dots where it is cut; nothing where that is next to nothing."""
    if _width(text, size) <= room:
        return text
    room -= _width("…", size)
    kept = 0
    for character in text:
        room -= _width(character, size)
        if room < 0:
            break
        kept += 1
    return f"{text[:kept].rstrip()}…" if kept > 3 else ""
