"""The last few intervals of a series, and their sums over windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """Counts of one interval.

    ``number`` counts intervals from 1970 and ``hour`` hours; ``events`` came, of which ``known`` say whether they
    failed (``errors`` did) and ``timed`` how long they took. ``usual`` is the count that the profile of the week
    expects, with the uncertainty ``doubt``. Missing values count as 0 in ``known`` or ``timed``.
    """

    number: int
    hour: int
    events: float
    known: float
    errors: float
    timed: float
    log_sum: float
    log_squares: float
    usual: float
    doubt: float


class Window(NamedTuple):
    """Sums over the latest intervals; ``intervals`` is the number of observed ones."""

    intervals: int
    events: float
    known: float
    errors: float
    timed: float
    log_sum: float
    log_squares: float
    usual: float
    doubt: float


class Recent:
    """The intervals of the longest window; older ones are passed on to learning.

    Parameters
    ----------
    short, long
        Lengths of the two windows, in intervals.
    """

    __slots__ = ("_intervals", "_long", "_short")

    def __init__(self, short: int, long: int) -> None:
        self._short = short
        self._long = long
        self._intervals: deque[Interval] = deque()

    @property
    def last_number(self) -> int | None:
        """The number of the newest interval."""
        return self._intervals[-1].number if self._intervals else None

    def windows(self, newest: Interval) -> tuple[Window, Window]:
        """Return the short and the long window that end with ``newest``, which may not be added yet."""
        index, _, count, known, errors, timed, log_sum, log_squares, usual, doubt = newest
        intervals = 1
        short: Window | None = None
        after_short, after_long = index - self._short, index - self._long
        for one in reversed(self._intervals):
            if one[0] <= after_short and short is None:
                short = Window(intervals, count, known, errors, timed, log_sum, log_squares, usual, doubt)
            if one[0] <= after_long:
                break
            intervals += 1
            count += one[2]
            known += one[3]
            errors += one[4]
            timed += one[5]
            log_sum += one[6]
            log_squares += one[7]
            usual += one[8]
            doubt += one[9]
        long = Window(intervals, count, known, errors, timed, log_sum, log_squares, usual, doubt)
        return short or long, long

    def add(self, newest: Interval) -> list[Interval]:
        """Add an interval; return those that have left every window, oldest first."""
        intervals = self._intervals
        after_long = newest.number - self._long
        ripe = []
        while intervals and intervals[0][0] <= after_long:
            ripe.append(intervals.popleft())
        intervals.append(newest)
        return ripe

    def to_state(self) -> list[list[float]]:
        """Return the intervals as plain numbers."""
        return [list(one) for one in self._intervals]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Restore the state of ``to_state``."""
        self._intervals = deque(Interval(int(one[0]), int(one[1]), *one[2:]) for one in state)
