"""Faust with one event per poll and topic instead of one per message.

Stock Faust takes a lock, two tasks and an Event for every message. Here the consumer passes all records that a poll
returned for a topic to an agent as one Faust message, and committable offsets come from our own tracker rather than
from Faust's acknowledgements (docs/adr/0004-commits.md). Other topics use Faust's own behaviour.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple, Protocol, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import fetcher
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import IllegalStateError, KafkaError
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from models.topics import INGEST

log = logging.getLogger(__name__)

_INGEST_NAMES = frozenset(topic.name for topic in INGEST)


class ReadRecord(Protocol):
    """A message as aiokafka's decoder makes it: without a topic and a partition."""

    offset: int
    timestamp: int | None
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    checksum: int | None
    headers: list[tuple[str, bytes]]


Records = list[ReadRecord]
# What a poll returned for the partitions of one topic.
Polled = dict[TP, Records]

# aiokafka has one fetch in flight per broker: a fetch for idle partitions delays busy ones by this at most.
_FETCH_WAIT_MS: Final = 100
# Minimum bytes of a fetch: at a thousand events a second many tiny fetches would cost half a core.
_FETCH_MIN_BYTES: Final = 64 * 1024
# Most of what a small poll costs does not depend on its size: the next one comes this much later ...
_POLL_SECONDS: Final = 0.1
# ... unless there were this many records.
_LARGE_POLL: Final = 2_000
# While no partition is assigned, the assignment is looked at this often.
_UNASSIGNED_SECONDS: Final = 0.05


class LogState(NamedTuple):
    """The end of a partition for readers, and the offset that the consumer fetches next.

    Offsets between the last message and the position hold no messages: transaction markers and aborted transactions.
    """

    end: int
    position: int


class BatchOwner(Protocol):
    """The interface of the app towards its consumer."""

    async def drain(self) -> None:
        """Flush pending rows, if that is possible in time."""

    def safe_offset(self, tp: TP) -> int | None:
        """Return the committable offset of a partition, ``None`` where there is none."""


class BatchSchema(faust.Schema[None, Polled]):
    """Passes a batch on without decoding: the pipeline decodes, so that a bad message does not affect others."""

    def loads_key(self, app: Any, message: Message, **_: Any) -> Any:
        """Return no key."""
        return None

    def loads_value(self, app: Any, message: Message, **_: Any) -> Any:
        """Return the batch's records."""
        return message.value


async def log_states(consumer: AIOKafkaConsumer, partitions: Collection[TP]) -> dict[TP, LogState]:
    """Return the log of each partition that is still assigned; runs in the consumer's loop.

    Raises
    ------
    KafkaError
        The consumer no longer takes part in its group, for example because this user may not. aiokafka tells whoever
        waits for messages at that moment, which may be nobody: the consumer would read on for ever, beside the new
        owner of its partitions.
    """
    untyped: Any = consumer  # aiokafka annotates few of its methods
    untyped._coordinator.check_errors()
    asked = await untyped.end_offsets(partitions)
    states = {}
    for tp, end in asked.items():
        # A rebalance may have revoked partitions meanwhile.
        if tp not in untyped.assignment():
            continue
        # Some brokers report the end late; the one sent with messages is always current.
        stable = untyped.last_stable_offset(tp) or 0
        try:
            states[tp] = LogState(max(end, stable), await untyped.position(tp))
        except IllegalStateError:  # revoked while its position was looked up
            continue
    return states


async def join_again(consumer: AIOKafkaConsumer) -> None:
    """Read the topics' partitions anew and join the group again; runs in the consumer's loop."""
    untyped: Any = consumer
    await untyped._client.force_metadata_update()
    untyped._coordinator.request_rejoin()


class SteadyRoundRobin(RoundRobinPartitionAssignor):
    """Gives each worker the same partitions of every topic, and lets members always say the same of themselves.

    What a tenant's syncs say is judged together with its queries, which lie in the partition of the same number. By
    aiokafka's own round robin they would be apart wherever the number of partitions is no multiple of that of workers.

    A set has another order in every process: Kafka would take the subscription of a restarted worker for a changed one
    and move partitions.
    """

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Return which partitions each member gets: those of one number together."""
        given: dict[str, dict[str, list[int]]] = {member: {} for member in members}
        untyped: Any = cluster
        for topic in sorted({topic for one in members.values() for topic in one.subscription}):
            takers = sorted(name for name, one in members.items() if topic in one.subscription)
            for number in sorted(untyped.partitions_for_topic(topic) or ()):
                given[takers[number % len(takers)]].setdefault(topic, []).append(number)
        assignment: Any = ConsumerProtocolMemberAssignment
        return {name: assignment(cls.version, sorted(topics.items()), b"") for name, topics in given.items()}

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> Any:
        """Return the member metadata."""
        untyped: Any = super()
        return untyped.metadata(sorted(topics))


def as_read(key: bytes) -> bytes:
    """Return a key as it is; as ``key_deserializer`` it makes a consumer return ``ReadRecord``."""
    return key


class _AsRead(fetcher.PartitionRecords):
    """Hands on messages as the decoder makes them, to consumers with ``as_read``.

    The ``ConsumerRecord`` that aiokafka makes of each takes two fifths of all that reading a message costs.
    """

    def __iter__(self) -> Any:
        return self._records_iterator if self._key_deserializer is as_read else self

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        if self._key_deserializer is as_read:
            return record
        untyped: Any = super()
        return untyped._consumer_record(tp, record)


# aiokafka has no setting for it; other consumers of this process get what they always get.
cast("Any", fetcher).PartitionRecords = _AsRead


class CommittedReader(driver.AIOKafkaConsumerThread):
    """Reads committed messages only, and limits the delay by idle partitions. Faust has no settings for either."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = SteadyRoundRobin
        untyped: Any = AIOKafkaConsumer
        consumer: AIOKafkaConsumer = untyped(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[SteadyRoundRobin],
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            key_deserializer=as_read,
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_min_bytes=_FETCH_MIN_BYTES,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
        return consumer


class BatchConsumer(driver.Consumer):
    """Groups the records of a poll by partition, and commits only durable offsets."""

    mundane_level = "debug"
    handed: dict[TP, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._next_poll = 0.0
        self.handed = {}  # by partition the offset of the last message that was fetched, to be handed on or handed on

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return CommittedReader(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield one message per ingest topic: ``value`` what was polled of it."""
        if (pause := self._next_poll - time.monotonic()) > 0:
            await self.sleep(pause)
        records, active = await self._wait_next_records(timeout)
        is_small = 0 < sum(map(len, (records or {}).values())) < _LARGE_POLL
        self._next_poll = time.monotonic() + _POLL_SECONDS if is_small else 0.0
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if self._interrupted(generation):
            await self._seek_back()
            return
        wanted = (active or set()) | self._buffered_partitions
        polled = {TP(tp.topic, tp.partition): batch for tp, batch in records.items() if batch}
        polled = {tp: batch for tp, batch in polled.items() if tp in wanted}
        # All at once: the consumer's position is behind them already, and handing on the first may take long.
        self.handed |= {tp: batch[-1].offset for tp, batch in polled.items() if tp.topic in _INGEST_NAMES}
        for message in self._messages(polled):
            if self._interrupted(generation):
                return
            yield message.tp, message

    async def _wait_next_records(self, timeout: float) -> Any:
        """Return what was polled, and the active partitions; without any, Faust would wait for a second."""
        if self.flow_active and not self._get_active_partitions():
            await self.sleep(_UNASSIGNED_SECONDS)
            return {}, set()
        return await super()._wait_next_records(timeout)

    def _interrupted(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _seek_back(self) -> None:
        # A rebalance began during the poll: the fetched records are read again from the committed offsets.
        try:
            await self.perform_seek()
        except KafkaError as error:
            log.warning("could not go back to the committed offsets (%s); the coming assignment does", error)

    def _messages(self, polled: Polled) -> Iterator[Message]:
        by_topic: dict[str, Polled] = {}
        for tp, batch in polled.items():
            if tp.topic in _INGEST_NAMES:
                by_topic.setdefault(tp.topic, {})[tp] = batch
            else:
                yield from (self._to_message(tp, record) for record in batch)
        for batches in by_topic.values():
            tp, batch = next(iter(batches.items()))
            # Faust drops a message below what it read last of the message's partition, and would drop the others' too;
            # which records were taken before is for the pipeline to say.
            self._read_offset[tp] = None
            message = self._to_message(tp, batch[-1])
            message.value = cast("Any", batches)
            yield message

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        sent, key, value = record.timestamp, record.key, record.value
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            cast("float", None if sent is None else sent / 1000.0),
            record.timestamp_type,
            record.headers,
            key,
            value,
            record.checksum,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def wait_empty(self) -> None:
        """Flush and commit; Faust calls this before a rebalance and before it stops."""
        await cast("BatchOwner", self.app).drain()
        await self.commit_and_end_transactions()

    def committed(self, tp: TP) -> int | None:
        """Return the last committed offset of a partition, ``None`` where there is none."""
        return self._committed_offset[tp]

    async def log_states(self, partitions: Collection[TP]) -> dict[TP, LogState]:
        """Return the log of each partition that is still assigned."""
        thread = self._thread
        return cast("dict[TP, LogState]", await thread.call_thread(log_states, thread._ensure_consumer(), partitions))

    async def join_again(self) -> None:
        """Join the group again: every partition is revoked, and those that come back resume."""
        thread = self._thread
        await thread.call_thread(join_again, thread._ensure_consumer())

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in _INGEST_NAMES:
            return cast("BatchOwner", self.app).safe_offset(tp)
        return super()._new_offset(tp)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from (tp for tp in super()._filter_tps_with_pending_acks(topics) if tp.topic not in _INGEST_NAMES)
        for tp in self.assignment():
            if tp.topic in _INGEST_NAMES and (topics is None or tp in topics or tp.topic in topics):
                yield tp


class NoTables(TableManager):
    """Starts at once: Faust waits for a second for tables, and the worker has none."""

    async def on_start(self) -> None:
        """Start what Faust's recovery needs."""
        await self._update_channels()
        await self.recovery.start()


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer: ClassVar[type[driver.Consumer]] = BatchConsumer
