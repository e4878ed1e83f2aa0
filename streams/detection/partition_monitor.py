"""The monitored series of one partition. Pure: it names the series whose history has to be read."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from detectors.health.detector import HealthFacts
from detectors.thresholds import UNCHANGED, ThresholdSchedule
from models.insights import Insight
from models.minutes import Series, place_of
from storage.detector_store import History
from streams.detection.minutes import ClosedMinute
from streams.detection.series_monitor import MINUTE, SeriesMonitor

log = logging.getLogger(__name__)

_MAX_EVICTED = 500
_FAILED = "the detectors of %s failed and were reset"


class PartitionMonitor:
    """Evaluates the closed minutes of a partition, series by series.

    Parameters
    ----------
    most
        Maximum number of monitored series; the one without queries for longest is evicted first.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._series: OrderedDict[Series, SeriesMonitor] = OrderedDict()
        self._evicted: list[SeriesMonitor] = []
        self._through: datetime | None = None
        self._schedule = UNCHANGED
        self.failures = 0

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, series: Series) -> bool:
        return series in self._series

    def set_schedule(self, schedule: ThresholdSchedule) -> None:
        """Take thresholds from a schedule, in every monitor and in those that are added later."""
        self._schedule = schedule
        for watch in self._series.values():
            watch.set_schedule(schedule)

    def take_changed(self) -> list[SeriesMonitor]:
        """Return the monitors whose state is to be saved, evicted ones included."""
        evicted, self._evicted = self._evicted, []
        return [watch for watch in (*evicted, *self._series.values()) if watch.changed]

    def unknown(self, minutes: Sequence[ClosedMinute], others: Iterable[Series]) -> list[Series]:
        """Return the series of these minutes, and of ``others``, that are not monitored yet, each once."""
        seen = dict.fromkeys(series for minute in minutes for series in minute.series) | dict.fromkeys(others)
        return [series for series in seen if series not in self._series]

    def behind(self, first: datetime) -> list[SeriesMonitor]:
        """Return the monitors that have not seen the minutes before ``first``; none where minutes are consecutive."""
        if self._through is not None and first - self._through <= MINUTE:
            return []
        watches = self._series.values()
        return [one for one in watches if one.scored_through is not None and first - one.scored_through > MINUTE]

    def add(self, watches: Iterable[SeriesMonitor]) -> int:
        """Add monitors; return how many others were evicted."""
        for watch in watches:
            watch.set_schedule(self._schedule)
            self._series[watch.series] = watch
        return self.evict(len(self._series) - self._most)

    def evict(self, count: int) -> int:
        """Evict the series without queries for longest; return how many.

        Their state is saved first; if very many are evicted at once, only that of the last few hundred. The others
        continue later from an older state and read back the minutes since.
        """
        evicted = [self._series.popitem(last=False)[1] for _ in range(min(count, len(self._series)))]
        self._evicted = [*self._evicted, *evicted][-_MAX_EVICTED:]
        return len(evicted)

    def add_health(self, series: Series, events: Sequence[HealthFacts]) -> None:
        """Add health events of a series, if it is monitored."""
        if series in self._series:
            self._series[series].add_health(events)

    def advance(self, minutes: Sequence[ClosedMinute]) -> list[Insight]:
        """Evaluate minutes in order; return new insights.

        A series that is absent from a minute was silent. A series whose detector fails is reset and counted in
        ``failures``; the others are not affected.
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
                    log.exception(_FAILED, place_of(series))
                    self._begin_anew(watch, minute.start)
            self._through = minute.start
        return news

    def replay(self, monitor: SeriesMonitor, history: History, until: datetime) -> list[Insight]:
        """Let a monitor, which need not be added yet, go through the stored events of its series before ``until``.

        Return what is news. A detector that fails is treated as in ``advance``.
        """
        try:
            return replayed(monitor, history)
        except Exception:
            log.exception(_FAILED, place_of(monitor.series))
            self._begin_anew(monitor, until - MINUTE)
            return []

    def _begin_anew(self, monitor: SeriesMonitor, through: datetime) -> None:
        """Reset a series that failed: it may not stop the others or the ingestion, again at each restart."""
        self.failures += 1
        monitor.reset(through)


def replayed(watch: SeriesMonitor, history: History) -> list[Insight]:
    """Let a monitor process the stored events of its series; return new insights."""
    watch.add_health(history.health.get(watch.series, ()))
    return [
        insight for start, counts in history.minutes.get(watch.series, ()) for insight in watch.minute(start, counts)
    ]


def sliced(minutes: Sequence[ClosedMinute], series: int, most: int) -> Iterator[Sequence[ClosedMinute]]:
    """Cut minutes into slices of at most about ``most`` evaluations of ``series`` series."""
    step = max(most // max(series, 1), 1)
    for start in range(0, len(minutes), step):
        yield minutes[start : start + step]
