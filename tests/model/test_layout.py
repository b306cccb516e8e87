"""Layouts: nothing overlaps, every edge goes down, no line passes through a box, and large graphs take no time."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukeworks_migrate.model.layout import Box, Spacing, lay_out, rows_of
from nukeworks_migrate.model.ordering import crossings, ordered

SPACING = Spacing(width=200, height=50, beside=30, below=40, line=15)


@st.composite
def graphs(draw, most=28):
    """Numbers, and edges from lower to higher ones: anything from a heap of single nodes to a dense graph."""
    count = draw(st.integers(0, most))
    pairs = [(start, end) for end in range(count) for start in range(end)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=3 * count, unique=True)) if pairs else []
    return list(range(count)), edges


def chain(count):
    return [(number, number + 1) for number in range(count - 1)]


def fan(count):
    return [(0, number) for number in range(1, count)]


def two_each(count):
    chosen = random.Random(7)
    return [(start, end) for end in range(2, count) for start in chosen.sample(range(end), 2)]


def chain_with_long_ways(count):
    """More than there is room for as bends: the longest run at the side."""
    chosen = random.Random(7)
    return chain(count) + [(chosen.randrange(end - 1), end) for end in range(2, count)]


def overlaps(layout):
    """Pairs of boxes that are nearer than they should be."""
    boxes = sorted(layout.boxes, key=lambda box: (box.y, box.x))
    found = []
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            if other.y >= one.y + SPACING.height:
                break
            if abs(other.x - one.x) < SPACING.width + SPACING.beside - 1e-6:
                found.append((one, other))
    return found


def lines_through_boxes(layout):
    """Lines of which a piece between two points lies in the height of a box, and not beside it."""
    found = []
    for line in layout.lines:
        for (x, y), (to_x, to_y) in zip(line.points, line.points[1:], strict=False):
            for box in layout.boxes:
                in_height = y < box.y + SPACING.height - 1e-6 and to_y > box.y + 1e-6
                left, right = sorted((x, to_x))
                if in_height and right > box.x - 1e-6 and left < box.x + SPACING.width + 1e-6:
                    found.append((line, box))
    return found


def wrong_ends(layout):
    """Lines that do not go from the lower side of their one box down to the upper side of the other."""
    box_of = {box.node: box for box in layout.boxes}
    half = SPACING.width / 2
    found = []
    for line in layout.lines:
        start, end = box_of[line.start], box_of[line.end]
        heights = [point.y for point in line.points]
        begins = (start.x + half, start.y + SPACING.height)
        ends = (end.x + half, end.y)
        if (
            line.points[0] != pytest.approx(begins)
            or line.points[-1] != pytest.approx(ends)
            or heights != sorted(heights)
            or start.y + SPACING.height >= end.y
        ):
            found.append(line)
    return found


def wrongly_shared(layout):
    """Pairs of lines that have a way down in common, and neither begin nor end at the same box."""
    pieces = [
        (at.x, at.y, to.y, line)
        for line in layout.lines
        for at, to in zip(line.points, line.points[1:], strict=False)
        if at.x == to.x and to.y - at.y > SPACING.height - 1e-6 and (at, to) != (line.points[0], line.points[-1])
    ]
    pieces.sort(key=lambda piece: piece[:2])
    return [
        (one, other)
        for number, (x, top, bottom, one) in enumerate(pieces)
        for other_x, other_top, other_bottom, other in pieces[number + 1 : number + 50]
        if abs(x - other_x) < 1e-6
        and max(top, other_top) < min(bottom, other_bottom)
        and one.start != other.start
        and one.end != other.end
    ]


def outside(layout):
    points = [point for line in layout.lines for point in line.points]
    corners = [(box.x, box.y) for box in layout.boxes]
    corners += [(box.x + SPACING.width, box.y + SPACING.height) for box in layout.boxes]
    return [
        (x, y)
        for x, y in [*points, *corners]
        if not (-1e-6 <= x <= layout.width + 1e-6 and -1e-6 <= y <= layout.height + 1e-6)
    ]


@given(case=graphs())
def test_no_two_boxes_overlap(case):
    layout = lay_out(*case, SPACING)

    assert overlaps(layout) == []
    assert [box.node for box in layout.boxes] == case[0]


@given(case=graphs())
def test_every_edge_goes_from_the_lower_side_of_a_box_down_to_the_upper_side_of_another(case):
    layout = lay_out(*case, SPACING)

    assert [(line.start, line.end) for line in layout.lines] == case[1]
    assert wrong_ends(layout) == []


@given(case=graphs())
def test_no_line_passes_through_a_box_and_nothing_stands_outside(case):
    layout = lay_out(*case, SPACING)

    assert lines_through_boxes(layout) == []
    assert outside(layout) == []


@given(case=graphs())
def test_the_same_graph_gives_the_same_picture(case):
    nodes, edges = case

    assert lay_out(nodes, edges, SPACING) == lay_out(list(nodes), list(edges), SPACING)


@given(case=graphs(), of=st.randoms(use_true_random=False))
def test_ordering_keeps_every_row_and_never_makes_more_crossings(case, of):
    nodes, edges = case
    row_of = rows_of(len(nodes), edges)
    above, below = [[] for _ in nodes], [[] for _ in nodes]
    for start, end in edges:
        if row_of[end] == row_of[start] + 1:
            above[end].append(start)
            below[start].append(end)
    rows = [[] for _ in range(max(row_of, default=-1) + 1)]
    for node in nodes:
        rows[row_of[node]].append(node)
    for row in rows:
        of.shuffle(row)

    def crossed(rows):
        place_of = {node: place for row in rows for place, node in enumerate(row)}
        return crossings(rows, below, [place_of[node] for node in nodes])

    before, members = crossed(rows), [sorted(row) for row in rows]
    found = ordered(rows, above, below)

    assert [sorted(row) for row in found] == members
    assert crossed(found) <= before


@given(lists=st.lists(st.lists(st.integers(0, 8), max_size=5), max_size=6))
def test_crossings_are_counted_as_one_would_by_hand(lists):
    ends = [(upper, lower) for upper, lowers in enumerate(lists) for lower in lowers]
    by_hand = sum(one[0] < other[0] and one[1] > other[1] for one in ends for other in ends)

    assert crossings([list(range(len(lists)))], lists, range(9)) == by_hand


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param(chain(1000), id="a chain"),
        pytest.param(fan(1000), id="one that all depend on"),
        pytest.param([*fan(999), *((number, 999) for number in range(1, 999))], id="a wide diamond"),
        pytest.param(two_each(1000), id="two dependencies each at random"),
        pytest.param(chain(1000) + [(0, number) for number in range(2, 1000)], id="a chain that depends on its first"),
        pytest.param(chain_with_long_ways(1000), id="a chain with long ways"),
        pytest.param([(number, number + 1) for number in range(0, 1000, 2)], id="many pairs"),
        pytest.param([], id="none at all"),
    ],
)
def test_a_thousand_are_laid_out_in_well_under_a_second_and_in_a_picture_that_can_be_looked_at(edges):
    begun = time.perf_counter()
    layout = lay_out(range(1000), edges, SPACING)
    took = time.perf_counter() - begun

    assert took < 1.0
    assert layout.width < 40_000
    assert overlaps(layout) == []
    assert wrong_ends(layout) == []
    assert outside(layout) == []


@pytest.mark.parametrize("edges", [chain_with_long_ways(300), two_each(300), fan(300)], ids=["side", "random", "fan"])
def test_in_large_graphs_too_no_line_passes_through_a_box_or_takes_the_way_of_another(edges):
    layout = lay_out(range(300), edges, SPACING)

    assert lines_through_boxes(layout) == []
    assert wrongly_shared(layout) == []


def test_ten_thousand_in_a_chain_are_no_deeper_than_one():
    layout = lay_out(range(10_000), chain(10_000), SPACING)

    assert len({box.x for box in layout.boxes}) == 1
    assert [box.y for box in layout.boxes] == sorted({box.y for box in layout.boxes})


def test_a_diamond_is_symmetrical():
    #   0
    #  1 2
    #   3
    layout = lay_out(range(4), [(0, 1), (0, 2), (1, 3), (2, 3)], SPACING)

    top, left, right, bottom = layout.boxes
    assert top.x == bottom.x == (left.x + right.x) / 2
    assert left.y == right.y
    assert right.x - left.x == SPACING.width + SPACING.beside


def test_lines_that_need_not_cross_do_not():
    layout = lay_out(range(4), [(0, 3), (1, 2), (0, 2)], SPACING)

    assert [box.x for box in layout.boxes[:2]] == sorted(box.x for box in layout.boxes[:2])
    assert layout.boxes[3].x < layout.boxes[2].x


def test_a_line_that_passes_rows_is_straight():
    layout = lay_out(range(5), [*chain(5), (0, 4)], SPACING)

    start, *between, end = layout.lines[-1].points
    assert len({x for x, _ in between}) == 1
    assert len(between) == 2
    assert start.x == end.x


def test_lines_from_one_node_share_their_way():
    #  0 comes before 3 and 4, which stand below 1 and 2
    layout = lay_out(range(5), [(0, 1), (1, 2), (2, 3), (2, 4), (0, 3), (0, 4)], SPACING)

    one, other = (line.points for line in layout.lines[-2:])
    assert one[:3] == other[:3]
    assert one[-1] != other[-1]


def test_what_is_not_connected_stands_side_by_side_and_single_ones_form_rows():
    layout = lay_out(range(12), [(0, 1)], SPACING)

    pair, single = layout.boxes[:2], layout.boxes[2:]
    rows = {y: [box.x for box in single if box.y == y] for y in sorted({box.y for box in single})}
    assert {box.x for box in pair} == {0}
    assert len(rows) > 1
    assert max(len(row) for row in rows.values()) > 2
    assert [box.node for box in sorted(single, key=lambda box: (box.y, box.x))] == list(range(2, 12))


def test_a_row_with_too_many_is_made_into_several():
    row_of = rows_of(30, fan(30))

    assert row_of[0] == 0
    assert sorted({row_of.count(row) for row in range(1, max(row_of) + 1)}) == [7, 8]
    assert row_of == sorted(row_of)


def test_nothing_makes_an_empty_picture_and_one_makes_one_box():
    assert lay_out([], [], SPACING) == (0, 0, (), ())
    assert lay_out([17], [], SPACING) == (SPACING.width, SPACING.height, (Box(17, 0, 0),), ())


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        pytest.param([(0, 1), (1, 2), (2, 0)], "round in a circle", id="a circle"),
        pytest.param([(1, 1)], "round in a circle", id="an edge from a node to itself"),
        pytest.param([(0, 9)], "no node", id="an edge to nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_refused(edges, message):
    with pytest.raises(ValueError, match=message):
        lay_out(range(3), edges, SPACING)
