"""Which members of the workers' group know layouts, and what Kafka refuses."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from models.errors import RomashkaError
from models.layouts import Layouts
from models.topics import INGEST, QUERIES
from sinks.memory import MemorySink
from streams.kafka import WORKER_CLIENT, KafkaAddress
from streams.layout_markers import LayoutMarkers
from streams.topic_growth import TopicGrowth, _fit


@pytest.mark.parametrize("client", [WORKER_CLIENT, "romashka-worker-2", "romashka-worker-12"])
def test_workers_of_this_and_later_versions_know_layouts(client: str) -> None:
    assert _fit(client)


@pytest.mark.parametrize("client", ["faust-0.15.3", "rdkafka", "romashka-worker-0", "romashka-worker-", "x-1", ""])
def test_every_other_member_does_not(client: str) -> None:
    assert not _fit(client)


def test_partitions_that_kafka_does_not_add_are_refused_before_anybody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def create(asked: Sequence[Any], *, request_timeout: float, validate_only: bool) -> dict[str, Future[None]]:
        tried.append((len(asked), request_timeout > 0, validate_only))
        refused: Future[None] = Future()
        refused.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
        return {QUERIES.name: refused}

    topics = {one.name: SimpleNamespace(partitions=range(8)) for one in INGEST}
    admin = SimpleNamespace(
        client=SimpleNamespace(create_partitions=create), existing=lambda _: None, topics=lambda: topics
    )
    monkeypatch.setattr("streams.topic_growth.Admin", lambda _: admin)
    monkeypatch.setattr("streams.topic_growth.topic_epochs", lambda *_: {QUERIES.name: 11})
    sink = MemorySink()
    growth = TopicGrowth(KafkaAddress("127.0.0.1:1"), sink, LayoutMarkers([b"0" * 32]), "workers")
    planned = growth.planned(24)
    assert planned is not None
    for step in (growth.check, growth.begin):
        with pytest.raises(
            RomashkaError, match=r"adds no partitions to topic integration\.queries\.v1: .*; nothing was changed"
        ):
            step(planned)
    assert tried == [(4, True, True)] * 2
    assert sink.layouts(11) == Layouts(), "not even the first layout is recorded"
