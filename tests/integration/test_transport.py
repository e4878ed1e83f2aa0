"""What the worker asks Kafka about its partitions, while a rebalance may take them away."""

from __future__ import annotations

from typing import Any

import aiokafka
import pytest
from faust.types import TP

from models.topics import HEALTH, QUERIES
from streams.kafka import KafkaAddress
from streams.transport import LogState, log_states

pytestmark = [pytest.mark.stack, pytest.mark.kafka]

# aiokafka annotates few of its methods.
AIOKafkaConsumer: Any = aiokafka.AIOKafkaConsumer
AIOKafkaProducer: Any = aiokafka.AIOKafkaProducer
OURS, GONE = TP(QUERIES.name, 0), TP(HEALTH.name, 0)


async def test_the_ends_of_partitions_that_another_worker_has_now_are_left_out(topics: KafkaAddress) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, enable_idempotence=False)
    await producer.start()
    for _ in range(3):
        await producer.send_and_wait(OURS.topic, b"x", partition=OURS.partition)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=topics.bootstrap)
    await consumer.start()
    consumer.assign([OURS])

    assert await log_states(consumer, [OURS, GONE]) == {OURS: LogState(end=3, position=3)}
    await consumer.stop()
