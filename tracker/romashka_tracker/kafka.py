"""The transport to Apache Kafka and compatible brokers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError, UnknownError
from aiokafka.partitioner import DefaultPartitioner

from romashka_tracker.errors import NotDelivered, TrackerClosed, TrackerError, Unreachable
from romashka_tracker.producer import REQUEST_SECONDS, Producer, abandon, close_first_connection, new_producer
from romashka_tracker.reasons import is_server, why
from romashka_tracker.security import KafkaSecurity
from romashka_tracker.transport import Message

log = logging.getLogger("romashka_tracker")

# An idempotent producer tries again for ever. One that has not delivered by now is replaced, and that is counted.
_DELIVERY_SECONDS: Final = 30.0


class KafkaTransport:
    """Sends messages to Kafka, acknowledged by every in-sync replica and never reordered within a key.

    Each topic has its own producer: one that fails is replaced without effect on other topics.

    Parameters
    ----------
    bootstrap_servers
        Addresses of brokers, ``host:port`` separated by commas.
    security
        TLS and SASL; plain text where it is left out.

    Raises
    ------
    TrackerError
        One of the addresses is not ``host:port``: told here, because connecting would fail for ever.
    """

    def __init__(self, bootstrap_servers: str, *, security: KafkaSecurity | None = None) -> None:
        given: object = bootstrap_servers  # callers without types give a list, as aiokafka takes
        servers = [server for server in given.split(",") if server.strip()] if isinstance(given, str) else []
        if not servers or not all(map(is_server, servers)):
            raise TrackerError("The addresses of Kafka's brokers must be host:port, several separated by commas.")
        self._bootstrap_servers = bootstrap_servers
        self._security = security or KafkaSecurity()
        self._producers: dict[str, Producer] = {}
        self._connecting = asyncio.Lock()
        self._idempotent = True
        self._closed = False

    async def connect(self, topic: str) -> None:
        """Start the topic's producer and check that the topic is there."""
        if self._closed:
            raise TrackerClosed(f"This transport is closed: it cannot send to {topic}.")
        if topic in self._producers:
            return
        async with self._connecting:
            producer = await self._started_producer()
            try:
                await self._check_topic(producer, topic)
            except BaseException:
                await producer.stop()
                raise
            self._producers[topic] = producer

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        """Deliver a batch, its partitions side by side."""
        await self.connect(topic)
        producer = self._producers[topic]
        try:
            await _send_to_partitions(producer, topic, batch)
        except BaseException as error:
            # A producer that gave up on a batch leaves a gap in its sequence numbers: it cannot be used again.
            self._producers.pop(topic, None)
            await abandon(producer)
            if isinstance(error, KafkaError):
                raise NotDelivered(f"Kafka refuses {topic}: {error}", range(len(batch))) from None
            raise

    async def close(self) -> None:
        """Stop the producers. They hold nothing: ``send`` returns only once its batch is settled."""
        self._closed = True
        while self._producers:
            _, producer = self._producers.popitem()
            await producer.stop()

    async def _started_producer(self) -> Producer:
        producer = new_producer(
            self._bootstrap_servers, idempotent=self._idempotent, security=self._security.producer_arguments()
        )
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await producer.start()
        except BaseException as error:
            close_first_connection(error)
            await producer.stop()
            if self._idempotent and isinstance(error, UnknownError):
                return await self._started_without_idempotence()
            if isinstance(error, KafkaError | OSError):
                reason = await why(self._bootstrap_servers, self._security.producer_arguments())
                raise Unreachable(f"No Kafka broker answers at {self._bootstrap_servers}. {reason}.") from None
            raise
        return producer

    async def _started_without_idempotence(self) -> Producer:
        # A broker that takes only newer requests for a producer id than aiokafka has answers with UnknownError.
        self._idempotent = False
        log.warning(
            "The broker at %s gives no producer ids: where an acknowledgement is lost, an event can arrive twice, "
            "with the same event_id.",
            self._bootstrap_servers,
        )
        return await self._started_producer()

    async def _check_topic(self, producer: Producer, topic: str) -> None:
        # Asking for one topic by its name would let the broker create it, with any number of partitions.
        try:
            known = (await producer.client.fetch_all_metadata()).topics()
        except KafkaError as error:
            raise Unreachable(f"The broker at {self._bootstrap_servers} lists no topics: {_reason(error)}") from None
        if topic not in known:
            raise Unreachable(f"There is no topic {topic} at {self._bootstrap_servers}: create it first.")


async def _send_to_partitions(producer: Producer, topic: str, batch: Sequence[Message]) -> None:
    partitions = sorted(await producer.partitions_for(topic))
    shares = _shares(batch, partitions)
    results = await asyncio.gather(*(_send_share(producer, topic, p, batch, share) for p, share in shares.items()))
    undelivered = sorted(position for left, _ in results for position in left)
    if undelivered:
        reason = next(reason for left, reason in results if left)
        raise NotDelivered(f"{len(undelivered)} of {len(batch)} events were not taken: {reason}", undelivered)


def _shares(batch: Sequence[Message], partitions: Sequence[int]) -> dict[int, list[int]]:
    """Return which positions of the batch go to each partition, by the same hash of the key as every Kafka client."""
    choose = DefaultPartitioner()
    partition_of = {key: choose(key, partitions, partitions) for key in {message.key for message in batch}}
    shares: dict[int, list[int]] = {}
    for position, message in enumerate(batch):
        shares.setdefault(partition_of[message.key], []).append(position)
    return shares


async def _send_share(
    producer: Producer, topic: str, partition: int, batch: Sequence[Message], share: Sequence[int]
) -> tuple[Sequence[int], str]:
    """Send one partition's messages, each lot acknowledged before the next; return what was left, and why."""
    done = 0
    while done < len(share):
        records = producer.create_batch()
        end = done
        while end < len(share):
            key, value = batch[share[end]]
            if records.append(timestamp=None, key=key, value=value) is None:
                break
            end += 1
        try:
            async with asyncio.timeout(_DELIVERY_SECONDS):
                await (await producer.send_batch(records, topic, partition=partition))
        except (KafkaError, TimeoutError) as error:
            return share[done:], _reason(error)
        done = end
    return (), ""


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
