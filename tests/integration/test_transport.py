"""What the worker asks Kafka about its partitions, while a rebalance may take them away."""

from __future__ import annotations

from typing import Any

import aiokafka
import pytest
from faust.types import TP

from models.topics import HEALTH, QUERIES
from streams.kafka import KafkaAddress
from streams.transport import LogState, as_read, log_states

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


async def test_messages_are_read_as_the_decoder_makes_them_and_other_consumers_get_whole_records(
    topics: KafkaAddress,
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, enable_idempotence=False)
    await producer.start()
    for number in range(5):
        await producer.send_and_wait(OURS.topic, b"%d" % number, key=b"key", partition=0, headers=[("h", b"v")])
    await producer.send_and_wait(OURS.topic, None, key=b"key", partition=0)
    await producer.stop()
    ours = AIOKafkaConsumer(bootstrap_servers=topics.bootstrap, key_deserializer=as_read)
    other = AIOKafkaConsumer(bootstrap_servers=topics.bootstrap)
    read: dict[str, list[Any]] = {"ours": [], "other": []}
    for name, consumer in (("ours", ours), ("other", other)):
        await consumer.start()
        place = aiokafka.TopicPartition(*OURS)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        while len(read[name]) < 6:  # in several polls, each going on where the one before ended
            read[name] += (await consumer.getmany(place, timeout_ms=1_000, max_records=2)).get(place, [])
        assert await consumer.position(place) == 6
        await consumer.stop()
    for raw, whole in zip(read["ours"], read["other"], strict=True):
        assert not hasattr(raw, "topic")
        assert (raw.offset, raw.key, raw.value, raw.timestamp) == (
            whole.offset,
            whole.key,
            whole.value,
            whole.timestamp,
        )
        assert list(raw.headers) == list(whole.headers)
    assert [record.value for record in read["ours"]] == [b"0", b"1", b"2", b"3", b"4", None]
