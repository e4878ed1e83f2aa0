"""Detection beside the ingestion: nothing is found twice or lost, whatever happens to the worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from models.errors import SinkUnavailable
from models.topics import HEALTH, QUERIES
from sinks.memory import MemorySink
from sinks.memory_detectors import MemoryDetectors
from storage.detector_store import History
from streams.detection.detection import DetectionLimits
from streams.detection.minutes import MinuteSeries
from tests.examples import events
from tests.examples.minutes import at
from tests.unit.streams.detecting import PARTITION, PER_MINUTE, DetectingWorker, health, offset_of, queries
from tests.unit.streams.virtual_time import in_virtual_time

_DOWN = range(60, 90)
_END = 120


def _findings(worker: DetectingWorker) -> list[tuple[Any, ...]]:
    """What a reader sees, as far as it must not depend on how the events came."""
    names = ("id", "kind", "severity", "status", "started_at", "ended_at", "title", "summary", "observed", "expected")
    return sorted(tuple(row[name] for name in names) for row in worker.insights())


async def _undisturbed() -> DetectingWorker:
    worker = DetectingWorker(MemorySink())
    for minute in range(0, _END, 30):
        await worker.read(queries(range(minute, minute + 30), down=_DOWN), until=minute + 31)
    return worker


@in_virtual_time
async def test_an_outage_is_written_once_and_published() -> None:
    worker = await _undisturbed()
    (row,) = worker.insights()
    assert (row["kind"], row["status"], row["severity"]) == ("provider_outage", "closed", "critical")
    assert row["created_at"] == row["started_at"]
    assert {insight.id.bytes for insight in worker.published} == {row["id"]}
    assert worker.published[-1].status == "closed"
    labels = {"insight_type": "performance_anomaly", "kind": "provider_outage", "severity": "critical"}
    assert worker.metric("insights_total", **labels) == 1
    assert worker.metric("watched_series") == 1


@in_virtual_time
async def test_minutes_are_judged_only_once_their_rows_are_durable() -> None:
    worker = DetectingWorker(MemorySink())
    await worker.read(queries(range(30)), until=31)
    judged = worker.metric("scored_minutes_total")
    worker.now = worker.now.replace(hour=1)
    await worker.pipeline.handle({("integration.queries.v1", 3): queries(range(30, 60))}, lambda: True)
    await worker.detection.step()
    assert worker.metric("scored_minutes_total") == judged
    assert worker.metric("scoring_backlog_minutes") > 0
    await worker.flush()
    worker.read_to_the_end()
    await worker.detection.step()
    assert worker.metric("scored_minutes_total") > judged
    assert worker.metric("scoring_backlog_minutes") == 0


@in_virtual_time
async def test_minutes_wait_for_the_health_events_of_their_time_while_these_come() -> None:
    worker = DetectingWorker(MemorySink())
    await worker.read(health(range(0, 30, 15)), HEALTH, until=_END + 61)
    await worker.read(queries(range(_END)), until=_END + 61)
    assert worker.metric("scored_minutes_total") == 0
    assert worker.metric("scoring_backlog_minutes") > 0
    await worker.read(health(range(30, _END, 15)), HEALTH, until=_END + 61)
    judged = worker.metric("scored_minutes_total")
    assert judged > 0
    assert worker.metric("scoring_backlog_minutes") == 0


@in_virtual_time
async def test_health_events_that_do_not_come_hold_up_nothing_for_long() -> None:
    worker = DetectingWorker(MemorySink())
    await worker.read(health([0]), HEALTH, until=_END + 61)
    await worker.read(queries(range(_END)), until=_END + 61)
    assert worker.metric("scored_minutes_total") == 0
    worker.now += timedelta(seconds=30)
    worker.read_to_the_end()
    await worker.detection.step()
    assert worker.metric("scored_minutes_total") > 0


@in_virtual_time
async def test_minutes_wait_for_health_events_that_lie_unread_in_kafka_however_long_it_takes() -> None:
    worker = DetectingWorker(MemorySink())
    await worker.read(health([0]), HEALTH, until=_END + 61)
    await worker.read(queries(range(_END)), until=_END + 61, behind=[HEALTH])
    for _ in range(20):
        worker.now += timedelta(minutes=1)
        worker.read_to_the_end(behind=[HEALTH])
        await worker.detection.step()
    assert worker.metric("scored_minutes_total") == 0
    await worker.read(health(range(15, _END, 15)), HEALTH, until=_END + 90)
    assert worker.metric("scored_minutes_total") > 0


@in_virtual_time
async def test_a_worker_that_just_started_judges_nothing_before_its_health_events_are_read() -> None:
    """Committed events are in the database before the start; later ones are only in Kafka."""
    worker = DetectingWorker(MemorySink())
    await worker.read(queries(range(_END)), until=_END + 61, behind=[HEALTH])
    assert worker.metric("scored_minutes_total") == 0
    worker.read_to_the_end()
    await worker.detection.step()
    assert worker.metric("scored_minutes_total") > 0


@in_virtual_time
async def test_nothing_waits_for_health_events_that_go_to_another_worker() -> None:
    worker = DetectingWorker(MemorySink())
    worker.now = at(_END + 1)
    partition = (QUERIES.name, PARTITION)
    await worker.pipeline.resume(partition, 0, None, lambda: True)
    await worker.pipeline.handle({partition: queries(range(_END))}, lambda: True)
    await worker.flush()
    worker.pipeline.note_read_through({partition: worker.now}, worker.pipeline.assignments)
    await worker.detection.step()
    assert worker.metric("scored_minutes_total") > 0


@pytest.mark.parametrize("kill_at", [240, 480])
@in_virtual_time
async def test_health_events_that_were_ahead_of_the_minutes_survive_a_kill(kill_at: int) -> None:
    """They were read, committed and waited in memory: without them the data would look days old after the kill."""
    every_sync, end = range(0, 960, 15), 960
    sink = MemorySink()
    killed = DetectingWorker(sink)
    await killed.read(health(every_sync), HEALTH, until=end)
    await killed.read(queries(range(kill_at)), until=end)
    await killed.detection.save()
    restarted = DetectingWorker(sink)
    await restarted.read(queries(range(kill_at - 60, end)), until=end + 1)  # a partition is read again from its chunk
    assert restarted.metric("scored_minutes_total") > 0
    assert restarted.insights() == []


@in_virtual_time
async def test_every_message_three_times_gives_the_same_insights() -> None:
    expected = _findings(await _undisturbed())
    worker = DetectingWorker(MemorySink())
    offset = 0
    for minute in range(0, _END, 30):
        batch = queries(range(minute, minute + 30), down=_DOWN)
        thrice = [record._replace(offset=offset + place) for place, record in enumerate(batch * 3)]
        offset += len(thrice)
        await worker.read(thrice, until=minute + 31)
    assert _findings(worker) == expected


@in_virtual_time
async def test_an_open_episode_goes_on_as_one_after_a_kill_that_loses_every_state() -> None:
    expected = _findings(await _undisturbed())
    sink = MemorySink()
    killed = DetectingWorker(sink)
    await killed.read(queries(range(75), down=_DOWN), until=76)
    assert [row["status"] for row in killed.insights()] == ["open"]
    restarted = DetectingWorker(sink)
    await restarted.read(queries(range(_END), down=_DOWN), until=_END + 1)
    assert _findings(restarted) == expected


@in_virtual_time
async def test_an_open_episode_goes_on_as_one_after_a_kill_from_the_saved_state() -> None:
    """The log is read on from where it was committed: what lies between it and the state comes from the database."""
    expected = _findings(await _undisturbed())
    sink = MemorySink()
    killed = DetectingWorker(sink)
    await killed.read(queries(range(70), down=_DOWN), until=71)
    await killed.detection.save()
    await killed.read(queries(range(70, 78), down=_DOWN), until=79)  # judged and told, but not saved
    restarted = DetectingWorker(sink)
    await restarted.read(queries(range(76, _END), down=_DOWN), until=_END + 1)
    assert _findings(restarted) == expected
    assert restarted.metric("scored_minutes_total") < 50


@in_virtual_time
async def test_states_are_kept_in_two_generations_that_take_turns() -> None:
    worker = DetectingWorker(MemorySink())
    for minute in range(0, 60, 15):
        await worker.read(queries(range(minute, minute + 15)), until=minute + 16)
        await worker.detection.save()
    rows = worker.sink.rows("detector_states")
    assert sorted(row["slot"] for row in rows) == [0, 1]
    assert {row["partition"] for row in rows} == {3}
    await worker.detection.save()
    assert worker.metric("detector_states_saved_total") == 4  # nothing had changed since


@in_virtual_time
async def test_a_series_without_a_state_warms_up_on_its_history_and_tells_nothing_of_it() -> None:
    sink = MemorySink()
    before = DetectingWorker(sink)
    await before.read(queries(range(140), down=range(60, 80)), until=141)
    sink.forget("detector_states", "predictive_insights")
    after = DetectingWorker(sink)
    await after.read(queries(range(130, 200), down=range(160, 180)), until=201)
    (row,) = after.insights()
    assert at(160) <= row["started_at"] <= at(165)  # the outage of minute 60 is history


@in_virtual_time
async def test_what_may_not_wait_is_read_back_and_nothing_is_missed() -> None:
    expected = _findings(await _undisturbed())
    worker = DetectingWorker(MemorySink(), bounds=DetectionLimits(waiting_minutes=5, series=10))
    for minute in range(0, _END, 30):
        await worker.read(queries(range(minute, minute + 30), down=_DOWN), until=minute + 31)
    assert _findings(worker) == expected


@in_virtual_time
async def test_what_came_in_before_the_detectors_had_their_first_turn_is_told() -> None:
    """A worker that starts on a backlog reads hours of it before a series has a monitor."""
    expected = _findings(await _undisturbed())
    worker = DetectingWorker(MemorySink(), bounds=DetectionLimits(waiting_minutes=5, series=10))
    await worker.read(queries(range(_END), down=_DOWN), until=_END + 1)
    assert _findings(worker) == expected


@in_virtual_time
async def test_a_database_that_fails_while_history_is_read_back_costs_no_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of three series that missed an outage, two have read it back when the database fails."""
    monkeypatch.setattr("streams.detection.history_groups.SERIES_PER_STATEMENT", 1)
    read, found = MemoryDetectors.history, []
    for fails_at in (None, 3):
        sink = MemorySink()
        stopped = DetectingWorker(sink)
        await stopped.read(_of_three(range(50)), until=51)
        await stopped.detection.save()
        stopped.now = at(_END)
        await stopped.pipeline.handle({(QUERIES.name, PARTITION): _of_three(range(50, _END))}, lambda: True)
        await stopped.flush()
        reads = count(1)

        def history(*wanted: Any, reads: Iterator[int] = reads, fails_at: int | None = fails_at) -> History:
            if next(reads) == fails_at:
                raise SinkUnavailable("the database is away")
            return read(*wanted)

        monkeypatch.setattr(MemoryDetectors, "history", history)
        restarted = DetectingWorker(sink)
        await restarted.read(_of_three(range(_END, _END + 20)), until=_END + 21)
        assert next(reads) > 3
        found.append(_findings(restarted))
    assert len({finding[0] for finding in found[0]}) == 3
    assert found[0] == found[1]


def _of_three(minutes: range) -> list[events.Record]:
    """Queries to three providers that are down at once."""
    return [
        record._replace(
            offset=3 * record.offset + place,
            value=json.dumps(
                json.loads(record.value or b"") | {"integration_provider": provider, "event_id": str(uuid4())}
            ).encode(),
        )
        for record in queries(minutes, down=_DOWN)
        for place, provider in enumerate(("hubspot", "shopify", "zendesk"))
    ]


def _busier_when_down(minutes: range) -> list[events.Record]:
    """Queries of which one a minute goes to another provider while the first one is down: two series instead of one."""
    return [
        record._replace(value=json.dumps(json.loads(record.value or b"") | {"integration_provider": "other"}).encode())
        if record.offset // PER_MINUTE in _DOWN and record.offset % PER_MINUTE == 0
        else record
        for record in queries(minutes, down=_DOWN)
    ]


@in_virtual_time
async def test_minutes_that_are_dropped_between_others_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of days closes more minutes at once than fit into memory, and the busiest ones are dropped."""
    found = []
    for most in (1_000, 100):
        monkeypatch.setattr("streams.query_topic_state.MinuteSeries", partial(MinuteSeries, most_series=most))
        worker = DetectingWorker(MemorySink())
        await worker.read(_busier_when_down(range(30)), until=31)
        await worker.read(_busier_when_down(range(30, _END + 30)), until=_END + 31)
        found.append(_findings(worker))
    assert worker.metric("minutes_overfull_total") >= len(_DOWN) / 2
    assert found[0] == found[1] != []


@in_virtual_time
async def test_minutes_that_are_dropped_while_earlier_ones_wait_are_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a backlog, minutes wait for the health events of their time, and the next ones do not fit into memory."""
    found = []
    for most in (1_000, 85):
        monkeypatch.setattr("streams.query_topic_state.MinuteSeries", partial(MinuteSeries, most_series=most))
        worker = DetectingWorker(MemorySink())
        await worker.read(health([0]), HEALTH, until=_END + 61)
        await worker.read(_busier_when_down(range(70)), until=_END + 61, behind=[HEALTH])
        assert worker.metric("minutes_overfull_total") == 0
        await worker.read(_busier_when_down(range(70, _END + 30)), until=_END + 61, behind=[HEALTH])
        assert worker.metric("scored_minutes_total") == 0
        await worker.read(health(range(15, _END + 30, 15)), HEALTH, until=_END + 61)
        found.append(_findings(worker))
    assert worker.metric("minutes_overfull_total") > 0
    assert found[0] == found[1] != []


@in_virtual_time
async def test_a_partition_that_was_taken_away_is_let_go() -> None:
    worker = DetectingWorker(MemorySink())
    await worker.read(queries(range(30)), until=31)
    worker.pipeline.forget()
    await worker.detection.step()
    assert worker.metric("watched_series") == 0
    await worker.read(queries(range(60)), until=61)
    assert worker.metric("watched_series") == 1


def test_a_minute_has_the_offsets_that_the_tests_take_it_to_have() -> None:
    assert queries([5])[0].offset == offset_of(5)
