"""The collector's producer on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from collector.publisher import EventMessage, KafkaPublisher
from streams.kafka import KafkaAddress
from tests.worker_process import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.kafka]


@pytest.fixture
def publisher(topics: KafkaAddress) -> Iterator[KafkaPublisher]:
    publisher = KafkaPublisher(topics)
    yield publisher
    publisher.close()


async def test_a_producer_that_failed_for_good_is_replaced(publisher: KafkaPublisher) -> None:
    message = EventMessage("integration.queries.v1", b"key", b"{}")
    assert await publisher.publish([message], []) == [True]
    failed = publisher._producer
    publisher._note(KafkaError(KafkaError._FATAL, "out of order sequence number", fatal=True))
    await asyncio.to_thread(wait_for, lambda: publisher._producer is not failed, 30)
    assert await publisher.publish([message, message], []) == [True, True]
