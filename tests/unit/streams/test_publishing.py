"""Publishing ends in time: it tries again and says which topic, or gives up with the reason."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from faust.exceptions import ProducerSendError

from models.dead_letters import DeadLetter
from models.errors import RomashkaError
from models.topics import INSIGHTS, QUERIES, Topic
from sinks.dead_letters import DeadLetterRows
from storage.payload_cipher import PayloadCipher
from streams.metrics import Metrics
from streams.placement import MOVED_BY_HEADER, MOVED_HEADER, Moved
from streams.publishing import Outgoing, Publisher
from tests.examples.events import SECRET
from tests.examples.insights import insight
from tests.unit.streams.virtual_time import in_virtual_time


def failures(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("romashka_publish_failures_total", {"topic": INSIGHTS.name})


@in_virtual_time
async def test_a_topic_that_never_answers_is_named_within_ten_seconds_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts: list[str] = []

    async def send(topic: Topic, message: Outgoing) -> None:
        attempts.append(topic.name)
        if len(attempts) == 1:
            await asyncio.Event().wait()

    metrics = Metrics()
    with caplog.at_level(logging.WARNING):
        await Publisher(send, metrics).insights([insight()])
    assert attempts == [INSIGHTS.name] * 2
    assert asyncio.get_running_loop().time() == 12
    assert failures(metrics) == 1
    assert INSIGHTS.name in caplog.text


@in_virtual_time
async def test_what_kafka_refuses_for_good_ends_the_worker_and_names_the_topic() -> None:
    async def send(topic: Topic, message: Outgoing) -> None:
        raise ProducerSendError("wrapped") from TopicAuthorizationFailedError(topic.name)

    with pytest.raises(RomashkaError, match=r"integration\.insights\.v1 \(TopicAuthorizationFailedError\)"):
        await Publisher(send, Metrics()).insights([insight()])


@in_virtual_time
async def test_what_passes_with_time_is_tried_again() -> None:
    attempts = 0

    async def send(topic: Topic, message: Outgoing) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise KafkaTimeoutError

    metrics = Metrics()
    await Publisher(send, metrics).insights([insight()])
    assert failures(metrics) == 3


@in_virtual_time
async def test_a_moved_query_goes_to_its_partition_with_where_it_was_and_is_tried_again() -> None:
    attempts: list[tuple[str, Outgoing]] = []

    async def send(topic: Topic, message: Outgoing) -> None:
        attempts.append((topic.name, message))
        if len(attempts) == 1:
            raise KafkaTimeoutError

    await Publisher(send, Metrics()).moved([Moved(QUERIES.name, 5, b"tenant", b"{}", "integration.queries.v1/1/7", 2)])
    sent = Outgoing(b"tenant", b"{}", {MOVED_HEADER: b"integration.queries.v1/1/7", MOVED_BY_HEADER: b"2"}, 5)
    assert attempts == [(QUERIES.name, sent)] * 2


@in_virtual_time
async def test_more_than_a_slow_broker_takes_within_an_attempt_is_published_in_time() -> None:
    taken: list[bytes] = []
    one_at_a_time = asyncio.Lock()

    async def send(_topic: Topic, message: Outgoing) -> None:
        async with one_at_a_time:
            await asyncio.sleep(0.01)  # twenty seconds for all of them
        taken.append(message.value)

    messages = [Moved(QUERIES.name, 1, b"key", str(number).encode(), "0-0") for number in range(2_000)]
    await Publisher(send, Metrics()).moved(messages)
    assert taken == [one.value for one in messages]


@in_virtual_time
async def test_of_a_dead_letter_that_is_too_large_only_the_content_is_left_out() -> None:
    taken: list[Outgoing] = []

    async def send(topic: Topic, message: Outgoing) -> None:
        if len(message.value) > 1_000:
            raise MessageSizeTooLargeError
        taken.append(message)

    letters = [
        DeadLetter(QUERIES.name, 1, 0, offset, "decode", "invalid_json", "", b"", b"x" * size)
        for offset, size in enumerate((10, 5_000, 10))
    ]
    rows = DeadLetterRows(PayloadCipher(SECRET)).rows(letters, received_at=datetime.now(UTC))
    await Publisher(send, Metrics()).dead_letters(rows)
    last = {message.headers["offset"]: message for message in taken}
    assert [last[offset].headers["complete"] for offset in (b"0", b"1", b"2")] == [b"true", b"false", b"true"]
    assert [bool(last[offset].value) for offset in (b"0", b"1", b"2")] == [True, False, True]
