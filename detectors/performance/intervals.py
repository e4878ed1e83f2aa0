"""The last few intervals of a series, and their sums over windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple


class IntervalCounts(NamedTuple):
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

    def plus(self, interval: IntervalCounts) -> Window:
        """Return the window with one more interval."""
        return Window(
            self.intervals + 1,
            self.events + interval.events,
            self.known + interval.known,
            self.errors + interval.errors,
            self.timed + interval.timed,
            self.log_sum + interval.log_sum,
            self.log_squares + interval.log_squares,
            self.usual + interval.usual,
            self.doubt + interval.doubt,
        )


INSTANT, SHORT, LONG = range(3)
"""Indexes of the windows, from the shortest."""
SCATTER: Final = (0, 0, 1)
"""Index of the dispersion estimate of each window: the two shortest share one."""
EMPTY: Final = Window(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""A window without any interval."""


class Recent:
    """The intervals of the longest window; older ones are passed on to learning.

    Parameters
    ----------
    lengths
        Lengths of the windows in intervals, from the shortest to the longest.
    """

    __slots__ = ("_intervals", "_lengths", "_rows")

    def __init__(self, lengths: Sequence[int]) -> None:
        self._lengths = tuple(lengths)
        self._intervals: deque[IntervalCounts] = deque()
        # The same as plain tuples: they unpack several times faster than named ones.
        self._rows: deque[tuple[float, ...]] = deque()

    @property
    def last_number(self) -> int | None:
        """The number of the newest interval."""
        return self._intervals[-1].number if self._intervals else None

    def windows(self, newest: IntervalCounts) -> list[Window]:
        """Return the windows that end with ``newest``, which may not be added yet, from the shortest."""
        index, _, count, known, errors, timed, log_sum, log_squares, usual, doubt = newest
        intervals = 1
        found: list[Window] = []
        ends = [index - length for length in self._lengths]
        after = ends[0]
        for number, _, events, known_, errors_, timed_, logs, squares, usual_, doubt_ in reversed(self._rows):
            while number <= after:
                found.append(Window(intervals, count, known, errors, timed, log_sum, log_squares, usual, doubt))
                if len(found) == len(ends):
                    return found
                after = ends[len(found)]
            intervals += 1
            count += events
            known += known_
            errors += errors_
            timed += timed_
            log_sum += logs
            log_squares += squares
            usual += usual_
            doubt += doubt_
        rest = Window(intervals, count, known, errors, timed, log_sum, log_squares, usual, doubt)
        return found + [rest] * (len(ends) - len(found))

    def add(self, newest: IntervalCounts) -> list[IntervalCounts]:
        """Add an interval; return those that have left every window, oldest first."""
        intervals = self._intervals
        after_long = newest.number - self._lengths[-1]
        ripe = []
        while intervals and intervals[0].number <= after_long:
            ripe.append(intervals.popleft())
            self._rows.popleft()
        intervals.append(newest)
        self._rows.append(tuple(newest))
        return ripe

    def to_state(self) -> list[list[float]]:
        """Return the intervals as plain numbers."""
        return [list(one) for one in self._intervals]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Restore the state of ``to_state``."""
        self._intervals = deque(IntervalCounts(int(one[0]), int(one[1]), *one[2:]) for one in state)
        self._rows = deque(tuple(one) for one in self._intervals)
