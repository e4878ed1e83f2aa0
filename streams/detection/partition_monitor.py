"""The series of one partition as detectors see them. Pure: what it lacks, it names."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from detectors.health.detector import HealthFacts
from models.insights import Insight
from models.minutes import Series, place_of
from storage.detector_store import History
from streams.detection.minutes import ClosedMinute
from streams.detection.series_monitor import MINUTE, SeriesMonitor

log = logging.getLogger(__name__)

_MAX_EVICTED = 500


class PartitionMonitor:
    """Judges the closed minutes of a partition, series by series.

    Parameters
    ----------
    most
        How many series are watched at once; the one that had no queries for longest makes room for another.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._series: OrderedDict[Series, SeriesMonitor] = OrderedDict()
        self._evicted: list[SeriesMonitor] = []
        self._through: datetime | None = None
        self.failures = 0

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, series: Series) -> bool:
        return series in self._series

    def take_changed(self) -> list[SeriesMonitor]:
        """Return the watches whose state is to be kept; those that made room for others are let go with it."""
        evicted, self._evicted = self._evicted, []
        return [watch for watch in (*evicted, *self._series.values()) if watch.changed]

    def unknown(self, minutes: Sequence[ClosedMinute], others: Iterable[Series]) -> list[Series]:
        """Return the series of these minutes, and the others, that are not watched yet, each once."""
        seen = dict.fromkeys(series for minute in minutes for series in minute.series) | dict.fromkeys(others)
        return [series for series in seen if series not in self._series]

    def behind(self, first: datetime) -> list[SeriesMonitor]:
        """Return the watches that have not seen the minutes before ``first``; none where minutes follow each other."""
        if self._through is not None and first - self._through <= MINUTE:
            return []
        watches = self._series.values()
        return [one for one in watches if one.scored_through is not None and first - one.scored_through > MINUTE]

    def add(self, watches: Iterable[SeriesMonitor]) -> int:
        """Watch these, too; return how many others had to make room."""
        for watch in watches:
            self._series[watch.series] = watch
        return self.evict(len(self._series) - self._most)

    def evict(self, count: int) -> int:
        """Let go of the series that had no queries for longest; return how many. Their state is kept first.

        Of very many that go at once the last hundreds are kept; the others go on later from their state before, and
        read back what came since.
        """
        evicted = [self._series.popitem(last=False)[1] for _ in range(min(count, len(self._series)))]
        self._evicted = [*self._evicted, *evicted][-_MAX_EVICTED:]
        return len(evicted)

    def add_health(self, series: Series, events: Sequence[HealthFacts]) -> None:
        """Take health events of a series, if it is watched."""
        if series in self._series:
            self._series[series].add_health(events)

    def advance(self, minutes: Sequence[ClosedMinute]) -> list[Insight]:
        """Judge minutes in order; return what is news. A series that is not mentioned in a minute was silent.

        A series at which a detector fails begins anew, and is counted in ``failures``; the others do not notice.
        """
        news: list[Insight] = []
        for minute in minutes:
            for series in minute.series:
                if series in self._series:
                    self._series.move_to_end(series)
            for series, watch in self._series.items():
                try:
                    news += watch.minute(minute.start, minute.series.get(series))
                except Exception:
                    # Whatever it is, it must stop neither the other series nor the ingestion, again at each restart.
                    log.exception("the detectors of %s failed and begin anew", place_of(series))
                    self.failures += 1
                    self._series[series] = SeriesMonitor(series, begins_after=minute.start)
            self._through = minute.start
        return news


def replayed(watch: SeriesMonitor, history: History) -> list[Insight]:
    """Let a watch go through what is stored of its series; return what is news."""
    watch.add_health(history.health.get(watch.series, ()))
    return [
        insight for start, counts in history.minutes.get(watch.series, ()) for insight in watch.minute(start, counts)
    ]


def sliced(minutes: Sequence[ClosedMinute], series: int, most: int) -> Iterator[Sequence[ClosedMinute]]:
    """Cut minutes so that each slice makes at most about ``most`` judgements of ``series`` series."""
    step = max(most // max(series, 1), 1)
    for start in range(0, len(minutes), step):
        yield minutes[start : start + step]
