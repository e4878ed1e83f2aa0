"""What every transport of the tracker promises: the fake and the real one run the same tests."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress

import psutil
import pytest
from confluent_kafka import Producer

from embedded.broker import Broker
from romashka_tracker import (
    DeliveryFailed,
    IntegrationTracker,
    Message,
    NotDelivered,
    TrackerClosed,
    Transport,
    Unreachable,
    kafka,
)
from romashka_tracker.contract import MAX_EVENT_BYTES, QUERIES, TOPICS
from tests.contracts.http_place import HttpPlace
from tests.contracts.tracker_places import READ_SECONDS, KafkaPlace, MemoryPlace, OwnKafkaPlace, Place, SwitchablePlace

_ACME, _BOREAS = b"tenant-acme", b"tenant-boreas"


_KAFKA = pytest.param("kafka", marks=[pytest.mark.stack, pytest.mark.kafka])
_OWN_KAFKA = pytest.param("kafka", marks=pytest.mark.stack)


@pytest.fixture(params=["memory", "http", _KAFKA])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "http":
        with HttpPlace() as http:
            yield http
    elif request.param == "memory":
        yield MemoryPlace()
    else:
        yield KafkaPlace(request.getfixturevalue("kafka_bootstrap"))


@pytest.fixture(params=["memory", "http", _OWN_KAFKA])
def switchable(request: pytest.FixtureRequest) -> Iterator[SwitchablePlace]:
    if request.param == "memory":
        yield MemoryPlace()
    elif request.param == "http":
        with HttpPlace() as http:
            yield http
    else:
        with Broker() as broker:
            yield OwnKafkaPlace(broker)


@pytest.fixture
async def transport(place: Place) -> AsyncIterator[Transport]:
    transport = place.transport()
    yield transport
    await transport.close()


@pytest.fixture
def topic(place: Place) -> str:
    return _new_topic(place)


def _new_topic(place: Place) -> str:
    topic = f"tracker-{uuid.uuid4().hex}"
    place.create([topic])
    return topic


def _numbered(key: bytes, count: int, start: int = 0) -> list[Message]:
    return [Message(key, b'{"n":%d}' % n) for n in range(start, start + count)]


def _of(key: bytes, messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.key == key]


async def test_a_sent_batch_can_be_read_back_at_once(place: Place, transport: Transport, topic: str) -> None:
    batch = [Message(_ACME, b'{"n":1}'), Message(_BOREAS, '{"name":"Привіт"}'.encode())]
    await transport.send(topic, batch)
    assert sorted(place.read(topic)) == sorted(batch)


async def test_messages_of_one_key_arrive_in_the_order_given(place: Place, transport: Transport, topic: str) -> None:
    acme, boreas = _numbered(_ACME, 300), _numbered(_BOREAS, 300)
    mixed = [message for pair in zip(acme, boreas, strict=True) for message in pair]
    for start in range(0, len(mixed), 150):
        await transport.send(topic, mixed[start : start + 150])
    found = place.read(topic)
    assert _of(_ACME, found) == acme
    assert _of(_BOREAS, found) == boreas


async def test_a_batch_larger_than_a_request_arrives_whole_and_in_order(
    place: Place, transport: Transport, topic: str
) -> None:
    largest_events = [Message(_ACME, b"%05d" % n + b"x" * (MAX_EVENT_BYTES - 5)) for n in range(40)]
    await transport.send(topic, largest_events)
    assert place.read(topic) == largest_events


async def test_topics_are_sent_to_side_by_side(place: Place, transport: Transport, topic: str) -> None:
    other = _new_topic(place)
    await asyncio.gather(
        transport.send(topic, _numbered(_ACME, 50)), transport.send(other, _numbered(_ACME, 50, start=50))
    )
    assert place.read(topic) == _numbered(_ACME, 50)
    assert place.read(other) == _numbered(_ACME, 50, start=50)


async def test_connecting_again_does_nothing(place: Place, transport: Transport, topic: str) -> None:
    await transport.connect(topic)
    await transport.connect(topic)
    await transport.send(topic, _numbered(_ACME, 1))
    assert place.read(topic) == _numbered(_ACME, 1)


async def test_a_closed_transport_refuses_everything_but_closing_again(transport: Transport, topic: str) -> None:
    await transport.connect(topic)
    await transport.close()
    await transport.close()
    with pytest.raises(TrackerClosed, match="closed"):
        await transport.connect(topic)
    with pytest.raises(TrackerClosed, match="closed"):
        await transport.send(topic, _numbered(_ACME, 1))


async def test_a_server_that_is_down_is_unreachable_until_it_is_up(switchable: SwitchablePlace) -> None:
    switchable.switch_off()
    transport = switchable.transport()
    with pytest.raises(Unreachable, match=r"No .*(broker|collector) answers"):
        await transport.connect("later")
    with pytest.raises(Unreachable, match=r"No .*(broker|collector) answers"):
        await transport.send("later", _numbered(_ACME, 1))
    switchable.switch_on()
    switchable.create(["later"])
    await transport.send("later", _numbered(_ACME, 3))
    await transport.close()
    assert switchable.read("later") == _numbered(_ACME, 3)


async def test_a_send_can_be_given_up_while_the_server_is_gone(switchable: SwitchablePlace) -> None:
    switchable.create(["gone"])
    transport = switchable.transport()
    await transport.send("gone", _numbered(_ACME, 1))
    switchable.switch_off()
    with suppress(Unreachable, TimeoutError):
        async with asyncio.timeout(0.2):
            await transport.send("gone", _numbered(_ACME, 1))
    await transport.close()
    with pytest.raises(TrackerClosed):
        await transport.connect("gone")


@pytest.mark.stack
@pytest.mark.kafka
async def test_a_missing_topic_is_a_clear_error_and_is_not_created(kafka_bootstrap: str) -> None:
    place = KafkaPlace(kafka_bootstrap)
    transport = place.transport()
    missing = f"missing-{uuid.uuid4().hex}"
    with pytest.raises(Unreachable, match=f"no topic {missing} at {kafka_bootstrap}"):
        await transport.send(missing, _numbered(_ACME, 1))
    await transport.close()
    assert missing not in place.topics()


@pytest.mark.stack
@pytest.mark.kafka
async def test_a_key_goes_to_the_partition_that_other_clients_choose(kafka_bootstrap: str) -> None:
    place = KafkaPlace(kafka_bootstrap)
    ours, theirs = _new_topic(place), _new_topic(place)
    keys = [str(uuid.UUID(int=n)).encode() for n in range(40)]
    transport = place.transport()
    await transport.send(ours, [Message(key, b"{}") for key in keys])
    await transport.close()
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "partitioner": "murmur2", "log_level": 0})
    for key in keys:
        producer.produce(theirs, key=key, value=b"{}")
    assert producer.flush(READ_SECONDS) == 0
    assert place.read_partitions(ours) == place.read_partitions(theirs)


def _freeze(pid: int) -> None:
    """Stop a process; on a busy machine it still answers for a moment after the signal."""
    os.kill(pid, signal.SIGSTOP)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)


@pytest.mark.stack
async def test_a_producer_that_gets_no_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_DELIVERY_SECONDS", 0.2)
    with Broker() as broker:
        place = OwnKafkaPlace(broker)
        place.create(["frozen"])
        transport = place.transport()
        await transport.connect("frozen")
        _freeze(broker.pid)
        with pytest.raises(NotDelivered) as failure:
            await transport.send("frozen", _numbered(_ACME, 2))
        os.kill(broker.pid, signal.SIGCONT)
        assert list(failure.value.positions) == [0, 1]
        await transport.send("frozen", _numbered(_ACME, 1, start=2))
        await transport.close()
        assert place.read("frozen")[-1:] == _numbered(_ACME, 1, start=2)


@pytest.mark.stack
async def test_a_tracker_started_before_its_broker_delivers_once_that_is_up() -> None:
    with Broker() as broker:
        place = OwnKafkaPlace(broker)
        place.switch_off()
        tenant, conversation = uuid.uuid4(), uuid.uuid4()
        async with IntegrationTracker.to_kafka(place.bootstrap) as tracker:
            for milliseconds in range(20):
                await tracker.track_integration_query(
                    tenant, conversation, "hubspot", "contact_lookup", True, milliseconds
                )
            with pytest.raises(DeliveryFailed) as failure:
                await tracker.flush(timeout=0.2)
            assert failure.value.outstanding == 20
            assert tracker.counters.failed_attempts > 0
            place.switch_on()
            place.create(TOPICS)
            await tracker.flush(timeout=READ_SECONDS)
            assert (tracker.counters.delivered, tracker.counters.buffered) == (20, 0)
        assert [message.key for message in place.read(QUERIES)] == [str(tenant).encode()] * 20
