"""Which series share a statement when detectors read back states and history: few statements, each of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from streams.detection.series_monitor import MINUTE, SeriesMonitor

T = TypeVar("T")

# A new series learns from this much of its history.
HISTORY: Final = timedelta(days=28)
# A statement reads at most so many minutes of single series, as many as four series have in all their history, ...
MINUTES_PER_STATEMENT: Final = 4 * HISTORY // MINUTE
# ... and so many series: they are its parameters, whatever little each has missed.
SERIES_PER_STATEMENT: Final = 200


def of_states(series: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut series into groups whose states a statement reads."""
    for start in range(0, len(series), SERIES_PER_STATEMENT):
        yield series[start : start + SERIES_PER_STATEMENT]


def of_history(
    monitors: Iterable[SeriesMonitor], until: datetime
) -> Iterator[tuple[datetime, Sequence[SeriesMonitor]]]:
    """Cut monitors into groups whose history a statement reads, each with the start of its history.

    Those that have missed most come first, so that none reads the long history of another.

    Parameters
    ----------
    until
        The end of the history.
    """
    oldest = until - HISTORY
    begins = [
        (oldest if one.scored_through is None else max(one.scored_through + MINUTE, oldest), one) for one in monitors
    ]
    begins.sort(key=lambda pair: pair[0])
    start = 0
    while start < len(begins):
        since = begins[start][0]
        size = MINUTES_PER_STATEMENT // max((until - since) // MINUTE, 1)
        group = begins[start : start + min(size, SERIES_PER_STATEMENT)]
        start += len(group)
        yield since, [one for _, one in group]
