"""Thresholds of a tenant in its monitors: each from its time on, the same after a restart, and in replay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import pytest

from detectors.health.detector import HealthFacts
from detectors.thresholds import UNCHANGED, Recall, ThresholdChange, ThresholdSchedule
from models.errors import SinkUnavailable
from models.insights import ALL_TENANTS_ID, Insight
from models.minutes import MinuteCounts, Series
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from storage.detector_store import History
from streams.detection.partition_monitor import PartitionMonitor
from streams.detection.series_monitor import SeriesMonitor
from streams.detection.threshold_replay import Confirmed, ThresholdReplay
from tests.examples.minutes import SERIES, at, ordinary
from tests.unit.streams.detecting import DetectingWorker, queries
from tests.unit.streams.virtual_time import in_virtual_time

_QUIET = 180
_TENANT = UUID(bytes=SERIES[0])
_HIGH = 10.2


def burst(minutes: int, first: int, share: float) -> list[MinuteCounts]:
    """Return ordinary minutes, twenty of which from ``first`` on fail more often than usual."""
    counts = [ordinary(number) for number in range(minutes)]
    for number in range(first, first + 20):
        one = counts[number]
        one.errors = round(share * one.queries)
        one.error_kinds = {"schema": one.errors}
    return counts


def schedule(start: datetime, value: float = _HIGH) -> ThresholdSchedule:
    return ThresholdSchedule([ThresholdChange(_TENANT, "errors", value, start)])


def seen(watch: SeriesMonitor, minutes: Sequence[MinuteCounts], first: int = 0) -> list[Insight]:
    return [news for number, counts in enumerate(minutes, first) for news in watch.minute(at(number), counts)]


def scores(share: float) -> float:
    """Return the confidence of a burst at the default threshold: 0 where nothing is found."""
    found = seen(SeriesMonitor(SERIES), burst(_QUIET + 40, _QUIET, share))
    return max((one.confidence_score or 0.0 for one in found), default=0.0)


def weak() -> float:
    """Return the share of failures that is only just found at the default threshold."""
    return next(share / 100 for share in range(4, 60) if scores(share / 100) > 0.0)


def test_a_higher_threshold_holds_from_its_time_on_and_not_before() -> None:
    minutes = burst(_QUIET + 40, _QUIET, weak())
    for start, is_found in ((at(0), False), (at(_QUIET), False), (at(_QUIET + 40), True)):
        watch = SeriesMonitor(SERIES)
        watch.set_schedule(schedule(start))
        assert bool(seen(watch, minutes)) is is_found, start
    strong = burst(_QUIET + 40, _QUIET, 0.9)
    watch = SeriesMonitor(SERIES)
    watch.set_schedule(schedule(at(0)))
    assert seen(watch, strong), "an outage is found at any threshold"


def test_a_restored_watch_is_told_the_thresholds_again_and_judges_as_if_it_had_never_stopped() -> None:
    minutes, cut = burst(_QUIET + 40, _QUIET, 0.9), _QUIET + 5
    whole, first = SeriesMonitor(SERIES), SeriesMonitor(SERIES)
    for one in (whole, first):
        one.set_schedule(schedule(at(30), 7.0))
        seen(one, minutes[:cut])
    second = SeriesMonitor.from_state(SERIES, json.loads(json.dumps(first.to_state())))
    second.set_schedule(schedule(at(30), 7.0))
    assert seen(second, minutes[cut:], cut) == seen(whole, minutes[cut:], cut)
    assert second.to_state() == whole.to_state()


def test_a_partition_gives_its_schedule_to_those_that_come_later() -> None:
    partition, minutes = PartitionMonitor(most=5), burst(_QUIET + 40, _QUIET, weak())
    partition.set_schedule(schedule(at(0)))
    watch = SeriesMonitor(SERIES)
    partition.add([watch])
    assert seen(watch, minutes) == []


def test_health_signals_have_to_reach_the_threshold_of_the_tenant() -> None:
    def stale(threshold: float | None) -> list[str]:
        watch = SeriesMonitor(SERIES)
        if threshold is not None:
            watch.set_schedule(ThresholdSchedule([ThresholdChange(_TENANT, "stale_sync", threshold, at(0))]))
        events = [
            HealthFacts(at(number), "healthy", at(number), None, None, None, None) for number in range(0, 600, 10)
        ]
        watch.add_health(events)
        return [one.kind for one in seen(watch, [ordinary(number) for number in range(660)])]

    usual = stale(None)
    assert usual == stale(4.0)
    assert "stale_sync" in usual
    assert len(stale(7.6)) <= len(usual)


class _Stored(MemoryDetectors):
    """A history of one series."""

    def __init__(self, minutes: Sequence[MinuteCounts]) -> None:
        super().__init__(MemorySink())
        self.minutes = minutes

    def history(self, series: Sequence[Series], since: datetime, until: datetime) -> History:
        rows = [(at(number), counts) for number, counts in enumerate(self.minutes)]
        found: Mapping[Series, list[tuple[datetime, MinuteCounts]]] = {
            one: [(start, counts) for start, counts in rows if since <= start < until] for one in series
        }
        return History(found, {})


def test_replay_says_how_many_confirmed_findings_a_threshold_still_finds() -> None:
    minutes = burst(_QUIET + 400, _QUIET, weak())
    for number in range(_QUIET + 300, _QUIET + 320):
        minutes[number].errors = round(0.9 * minutes[number].queries)
    confirmed = [Confirmed(SERIES, at(n), at(n + 20)) for n in (_QUIET, _QUIET + 300)]
    replay = ThresholdReplay(_Stored(minutes), "errors", confirmed, ThresholdSchedule())
    assert replay(5.4) == Recall(2, 2)
    assert replay(_HIGH) == Recall(1, 2)
    nothing = ThresholdReplay(_Stored(minutes), "errors", [], ThresholdSchedule())
    assert nothing(_HIGH) == Recall(0, 0)
    later = [confirmed[0], confirmed[1]._replace(recall=0.8)]
    weighted = ThresholdReplay(_Stored(minutes), "errors", later, ThresholdSchedule())
    assert weighted(5.4) == Recall(1.8, 2), "what the raised threshold missed could not be confirmed"


@in_virtual_time
async def test_a_running_worker_takes_changes_without_a_restart_and_keeps_the_last_where_it_cannot_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    changed = ThresholdSchedule([ThresholdChange(ALL_TENANTS_ID, "errors", _HIGH, at(40))])
    answers: list[ThresholdSchedule | Exception] = [
        SinkUnavailable("away"),
        UNCHANGED,
        changed,
        SinkUnavailable("away"),
    ]

    def thresholds(_: MemoryDetectors) -> ThresholdSchedule:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(MemoryDetectors, "thresholds", thresholds)
    worker = DetectingWorker(MemorySink())
    held = []
    for step in range(4):
        await worker.read(queries(range(step * 30, step * 30 + 30)), until=step * 30 + 31)
        worker.seconds += 31 if step else 1
        (partition,) = worker.detection._partitions.values()
        (watch,) = partition.watch._series.values()
        held.append(watch._thresholds["errors"])
    assert held == [5.4, 5.4, _HIGH, _HIGH]
    assert answers == [], "read at first until it could be, then every half minute"
    assert "the last ones hold: away" in caplog.text
