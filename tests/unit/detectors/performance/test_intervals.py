"""Sums over the latest intervals."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.performance.intervals import EMPTY, IntervalCounts, Recent, Window

_LENGTHS = (3, 5, 15)
_FLOATS = st.floats(-1e6, 1e6)


@st.composite
def _intervals(draw: st.DrawFn) -> list[IntervalCounts]:
    steps = draw(st.lists(st.tuples(st.integers(1, 7), st.tuples(*[_FLOATS] * 8)), min_size=1, max_size=40))
    number, intervals = 29_000_000, []
    for step, numbers in steps:
        number += step
        intervals.append(IntervalCounts(number, number // 60, *numbers))
    return intervals


def _plain(intervals: list[IntervalCounts], length: int) -> Window:
    """Add interval by interval, the newest first: the order decides the last bit of a sum."""
    window = EMPTY
    for one in reversed(intervals):
        if one.number > intervals[-1].number - length:
            window = window.plus(one)
    return window


@settings(max_examples=60, deadline=None)
@given(_intervals(), st.integers(0, 39))
def test_windows_are_the_plain_sums_of_their_intervals_bit_for_bit_also_after_a_restart(
    intervals: list[IntervalCounts], restart: int
) -> None:
    recent = Recent(_LENGTHS)
    for place, one in enumerate(intervals):
        if place == restart:
            state = recent.to_state()
            recent = Recent(_LENGTHS)
            recent.restore(state)
        assert recent.windows(one) == [_plain(intervals[: place + 1], length) for length in _LENGTHS]
        recent.add(one)
