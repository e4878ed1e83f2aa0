"""Replays stored history at another threshold, to see whether confirmed findings are still found. Blocks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from detectors.thresholds import Recall, ThresholdChange, ThresholdSchedule
from models.insights import ALL_TENANTS_ID, Insight
from models.minutes import Series
from storage.detector_store import DetectorStore
from streams.detection.partition_monitor import replayed
from streams.detection.series_monitor import SeriesMonitor

# What a detector learns before the first finding, and how much later than it was a finding may be found.
_LEARNING: Final = timedelta(days=15)
_SLACK: Final = timedelta(minutes=15)
_MAX_FINDINGS: Final = 20
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Confirmed(NamedTuple):
    """A finding that was real: its series, when it was, and the recall of the threshold that found it."""

    series: Series
    started_at: datetime
    ended_at: datetime
    recall: float = 1.0


class ThresholdReplay:
    """Replays series of one or several tenants; a threshold that was replayed is remembered.

    Parameters
    ----------
    detector
        The detector whose threshold is tried.
    confirmed
        Real findings of this detector; the newest twenty count.
    present
        The thresholds of the other detectors.
    """

    def __init__(
        self,
        store: DetectorStore,
        detector: str,
        confirmed: Sequence[Confirmed],
        present: ThresholdSchedule,
    ) -> None:
        self._store = store
        self._detector = detector
        self._confirmed = sorted(confirmed, key=lambda one: one.started_at)[-_MAX_FINDINGS:]
        self._present = present
        self._known: dict[float, Recall] = {}

    def __call__(self, threshold: float) -> Recall:
        """Return how many of the confirmed findings a threshold finds.

        Raises
        ------
        SinkUnavailable
            ClickHouse does not answer.
        """
        if threshold not in self._known:
            self._known[threshold] = self._recall(threshold)
        return self._known[threshold]

    def _recall(self, threshold: float) -> Recall:
        others = [one for one in self._present.changes if one.detector != self._detector]
        schedule = ThresholdSchedule([*others, ThresholdChange(ALL_TENANTS_ID, self._detector, threshold, _EVER)])
        found = 0.0
        for series in dict.fromkeys(one.series for one in self._confirmed):
            mine = [one for one in self._confirmed if one.series == series]
            insights = self._insights(series, mine, schedule)
            found += sum(one.recall for one in mine if any(_is_about(insight, one) for insight in insights))
        return Recall(found, len(self._confirmed))

    def _insights(self, series: Series, confirmed: Sequence[Confirmed], schedule: ThresholdSchedule) -> list[Insight]:
        monitor = SeriesMonitor(series)
        monitor.set_schedule(schedule)
        since, until = confirmed[0].started_at - _LEARNING, confirmed[-1].ended_at + _SLACK
        return replayed(monitor, self._store.history([series], since, until))


def _is_about(insight: Insight, confirmed: Confirmed) -> bool:
    end = insight.ended_at or insight.updated_at
    return insight.started_at <= confirmed.ended_at + _SLACK and end >= confirmed.started_at - _SLACK
