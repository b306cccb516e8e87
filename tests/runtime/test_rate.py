"""The rate of a count and the time left, with clocks that are given."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nukeworks_migrate.runtime.rate import Rate


def told(*calls):
    """What the last of these calls was told; each is done, total, label and seconds on the clock."""
    rate = Rate()
    return [rate.seen(*call) for call in calls][-1]


def steadily(rate, rows_s, *, seconds, begun_at=(0, 0.0), every_s=0.1, total=None):
    """Go on for so many seconds at this rate; return what was told at the end."""
    done, now_s = begun_at
    answer = (None, None)
    for n in range(round(seconds / every_s) + 1):
        answer = rate.seen(round(done + n * every_s * rows_s), total, "", now_s + n * every_s)
    return answer


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([(0, 1000, "", 7.0)], (None, None), id="one call tells no rate"),
        pytest.param([(0, 1000, "", 7.0), (40, 1000, "", 7.4)], (None, None), id="none in the first half second"),
        pytest.param([(0, 1000, "", 7.0), (200, 1000, "", 9.0)], (100.0, 8.0), id="rows a second, and what is left"),
        pytest.param([(900, 1000, "", 0.0), (950, 1000, "", 1.0)], (50.0, 1.0), id="what was done earlier is no work"),
        pytest.param([(0, None, "", 0.0), (200, None, "", 2.0)], (100.0, None), id="no total, no time left"),
        pytest.param([(0, 1000, "", 0.0), (1000, 1000, "", 2.0)], (500.0, 0.0), id="at the end nothing is left"),
        pytest.param([(0, 100, "", 0.0), (200, 100, "", 2.0)], (100.0, None), id="a total that was too small"),
        pytest.param([(5, 1000, "", 0.0), (5, 1000, "", 2.0)], (0.0, None), id="standing still has no end"),
        pytest.param([(0, 90, "", 0.0), (30, 90, "", 30.0), (60, 90, "", 40.0)], (3.0, 10.0), id="slow batches"),
        pytest.param([(0, 10**18, "", 0.0), (10**18 // 2, 10**18, "", 1.0)], (5e17, 1.0), id="large numbers"),
    ],
)
def test_what_is_told(calls, expected):
    assert told(*calls) == pytest.approx(expected)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param((500, 1000, "b", 9.9), id="a count that went back"),
        pytest.param((0, 1000, "a", 9.9), id="another label"),
        pytest.param((50, 50, "b", 9.9), id="another total after one that was reached"),
        pytest.param((50, 1000, "b", 99.0), id="a clock that went back"),
    ],
)
def test_what_begins_anew_has_no_rate_at_first_and_then_its_own(first):
    rate = Rate()
    rate.seen(0, first[1], first[2], 0.0)
    rate.seen(*first)

    assert rate.seen(100, 1000, "b", 10.0) == (None, None)
    assert rate.seen(300, 1000, "b", 11.0) == pytest.approx((200.0, 3.5))


def test_a_total_that_grows_on_the_way_keeps_the_rate():
    assert told((0, 10, "", 0.0), (100, 200, "", 1.0), (200, 400, "", 2.0)) == pytest.approx((100.0, 2.0))


def test_a_change_of_pace_is_told_within_seconds():
    rate = Rate()
    assert steadily(rate, 10_000, seconds=600)[0] == pytest.approx(10_000)

    after_2_s = steadily(rate, 100, seconds=2, begun_at=(6_000_000, 600.0))[0]
    after_6_s = steadily(rate, 100, seconds=4, begun_at=(6_000_200, 602.0))[0]

    assert 100 < after_2_s < 10_000
    assert after_6_s == pytest.approx(100)


@pytest.mark.parametrize("every_s", [0.001, 0.1, 0.7, 3.0])
def test_however_often_it_is_called_it_keeps_a_dozen_marks(every_s):
    rate = Rate()

    steadily(rate, 1000, seconds=60, every_s=every_s)

    assert len(rate._marks) <= 12


COUNTS = st.integers(min_value=-(2**63), max_value=2**63)
CALLS = st.lists(
    st.tuples(
        st.one_of(COUNTS, st.integers(min_value=0, max_value=50)),
        st.one_of(st.none(), COUNTS, st.integers(min_value=0, max_value=50)),
        st.sampled_from(["", "clients"]),
        st.floats(min_value=-1.0, max_value=20.0),  # seconds since the last call
    ),
    max_size=60,
)


@given(CALLS)
def test_it_takes_whatever_it_is_told_and_is_never_negative(calls):
    rate, now_s = Rate(), 0.0
    for done, total, label, later_s in calls:
        now_s += later_s

        rows_s, left_s = rate.seen(done, total, label, now_s)

        assert rows_s is None or (rows_s >= 0 and math.isfinite(rows_s))
        assert left_s is None or (left_s >= 0 and math.isfinite(left_s))
        assert len(rate._marks) <= 12


@given(
    st.lists(st.tuples(st.integers(min_value=0, max_value=10**9), st.floats(min_value=0.0, max_value=20.0))),
    st.integers(min_value=0, max_value=2**62),
)
def test_the_rate_times_the_time_left_is_what_is_left(going_on, total):
    rate, now_s, done = Rate(), 0.0, 0
    for more, later_s in going_on:
        now_s, done = now_s + later_s, done + more

        rows_s, left_s = rate.seen(done, total, "", now_s)

        if left_s is not None:
            assert rows_s * left_s == pytest.approx(total - done)
        else:
            assert rows_s is None or rows_s == 0 or done > total
