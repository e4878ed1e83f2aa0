"""Insights on their way out: durable first, then public, then counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from models.errors import SinkUnavailable
from models.insights import Insight
from sinks.memory import MemorySink
from streams.insight_publisher import InsightPublisher
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy
from tests.examples.insights import STARTED, insight
from tests.unit.streams.virtual_time import in_virtual_time

_LABELS = {"insight_type": "performance_anomaly", "kind": "provider_outage", "severity": "critical"}


class _Place:
    def __init__(self) -> None:
        self.sink = MemorySink()
        self.metrics = Metrics()
        self.published: list[Insight] = []
        self.kafka: Exception | None = None
        self.insight_publisher = InsightPublisher(self.sink, RetryPolicy(self.metrics), self.metrics, self._publish)

    @property
    def counted(self) -> float | None:
        return self.metrics.registry.get_sample_value("romashka_insights_total", _LABELS)

    async def _publish(self, insights: Sequence[Insight]) -> None:
        assert self.sink.rows("predictive_insights"), "published before it was durable"
        if self.kafka is not None:
            raise self.kafka
        self.published += insights


@in_virtual_time
async def test_an_insight_is_written_published_and_counted_once_however_often_it_is_told() -> None:
    place = _Place()
    later = insight(updated_at=STARTED + timedelta(minutes=5))
    for told in ([insight()], [insight(), later], [later], []):
        await place.insight_publisher.announce(told)
    assert len(place.sink.rows("predictive_insights")) == 1
    assert place.published == [insight(), later, later]
    assert place.counted == 1


@in_virtual_time
async def test_while_the_database_is_away_an_insight_waits_and_is_not_lost() -> None:
    place = _Place()
    place.sink.fail_next([SinkUnavailable("away")] * 5)
    await asyncio.wait_for(place.insight_publisher.announce([insight()]), 3600)
    assert len(place.sink.rows("predictive_insights")) == 1
    assert place.published == [insight()]


@in_virtual_time
async def test_what_kafka_does_not_take_is_an_error_and_not_counted() -> None:
    place = _Place()
    place.kafka = RuntimeError("no broker")
    with pytest.raises(RuntimeError, match="no broker"):
        await place.insight_publisher.announce([insight()])
    assert place.counted is None
