"""The graph of migrations for programs that draw: Mermaid, as code hosts show it, and Graphviz.

All of it is ASCII: what is not, and what means something to either, is written as a number. So no name and no
description can end a text or begin a command, and no console or redirection can spoil it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..actions.graph import GraphReport, Node
from ..actions.status import State
from .graph_text import UNICODE

_ABOUT = 60  # characters of a description
_MERMAIDS_MOST = 500  # edges, unless its maxEdges is set


class _Look(NamedTuple):
    """How a state is drawn, besides its word and its mark."""

    before: str  # Mermaid's shape
    after: str
    line: str  # Mermaid's border
    style: str  # Graphviz' border
    fill: str
    stroke: str


_LOOKS = {
    State.APPLIED: _Look("[", "]", "stroke-width:1px", "solid", "#f3faf4", "#1a7f37"),
    State.PENDING: _Look("(", ")", "stroke-width:1px,stroke-dasharray:6 4", "dashed", "#fffbea", "#9a6700"),
    State.FAILED: _Look("{{", "}}", "stroke-width:4px", "bold", "#fff1f0", "#cf222e"),
    State.MISSING: _Look(">", "]", "stroke-width:2px,stroke-dasharray:1 4", "dotted", "#faf5ff", "#8250df"),
    State.DRIFTED: _Look("[[", "]]", "stroke-width:1px", "solid", "#fff5eb", "#bc4c00"),
    State.NEWER: _Look("([", "])", "stroke-width:2px,stroke-dasharray:12 4 2 4", "diagonals", "#eef7ff", "#0969da"),
    State.INTERRUPTED: _Look("[/", "/]", "stroke-width:4px,stroke-dasharray:14 6", "dashed,bold", "#fff0f7", "#bf3989"),
}


def graph_mermaid(report: GraphReport) -> str:
    """Return a flowchart; `m17` is the migration with version 17."""
    lines = ["flowchart TD"]
    if report.problem:
        lines.append(f"    %% {_numbered(report.problem, _mermaids)}")
    if len(report.edges) > _MERMAIDS_MOST:
        lines.append(f"    %% more than {_MERMAIDS_MOST} edges: Mermaid draws them where its maxEdges is set")
    for node in report.nodes:
        look = _LOOKS[node.state]
        label = "<br/>".join(_numbered(line, _mermaids) for line in _label(node))
        lines.append(f'    m{node.version}{look.before}"{label}"{look.after}:::{node.state.value}')
    lines += (f"    m{edge.dependency} --> m{edge.dependent}" for edge in report.edges)
    for state, look in _LOOKS.items():
        if report.how_many(state):
            lines.append(f"    classDef {state.value} fill:{look.fill},stroke:{look.stroke},color:#1f2328,{look.line}")
    return "\n".join(lines) + "\n"


def graph_dot(report: GraphReport) -> str:
    """Return a digraph; `m17` is the migration with version 17."""
    lines = ["digraph migrations {"]
    if report.problem:
        lines.append(f'    label="{_numbered(report.problem, _graphviz)}"')
    lines += (
        "    rankdir=TB",
        '    node [shape=box, fontname="Helvetica", fontsize=11, fontcolor="#1f2328", margin="0.2,0.1"]',
        '    edge [color="#6e7781", arrowsize=0.7]',
    )
    for node in report.nodes:
        look = _LOOKS[node.state]
        label = "\\n".join(_numbered(line, _graphviz) for line in _label(node))
        double = ", peripheries=2" if node.state is State.DRIFTED else ""
        lines.append(
            f'    m{node.version} [label="{label}", style="filled,{look.style}", fillcolor="{look.fill}",'
            f' color="{look.stroke}"{double}]'
        )
    lines += (f"    m{edge.dependency} -> m{edge.dependent}" for edge in report.edges)
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: Node) -> list[str]:
    description = " ".join(node.description.split())
    if len(description) > _ABOUT:
        description = f"{description[: _ABOUT - 1].rstrip()}…"
    lines = [f"{UNICODE.marks[node.state]} {node.name}", node.state.value, description]
    return [line for line in lines if line]


def _numbered(text: str, written: Callable[[int], str]) -> str:
    """`text` with all but letters, digits and some signs `written` by number; what cannot be seen is left out."""
    shown = (c for c in " ".join(text.split()) if c.isprintable())
    return "".join(c if c.isascii() and (c.isalnum() or c in " _.,:-") else written(ord(c)) for c in shown)


def _mermaids(code: int) -> str:
    return f"#{code};"


def _graphviz(code: int) -> str:
    return f"&#{code};"
