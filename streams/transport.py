"""Faust with one event per poll and partition instead of one per message.

Stock Faust takes a lock, two tasks and an Event for every message. Here the consumer hands an agent all records that
a poll returned for a partition as one Faust message, and what may be committed is asked of our own tracker of safe
offsets rather than of Faust's acknowledgements (docs/adr/0004-commits.md). Topics other than the ingest topics stay as
Faust has them.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import Any, ClassVar, Final, NamedTuple, Protocol, cast

import faust
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message

from models.topics import INGEST

log = logging.getLogger(__name__)

_INGEST_NAMES = frozenset(topic.name for topic in INGEST)

Records = list[ConsumerRecord[bytes, bytes]]

# aiokafka has one fetch in flight per broker: one that asks for idle partitions only holds up the busy ones this long.
_FETCH_WAIT_MS: Final = 100
# Less than this is waited for as long: at a thousand events a second many tiny fetches would cost half a core.
_FETCH_MIN_BYTES: Final = 64 * 1024


class LogState(NamedTuple):
    """The log of a partition: where it ends for its readers, and the offset that the consumer fetches next.

    Between the last message and the position lie only offsets without one: markers and aborted transactions.
    """

    end: int
    position: int


class BatchOwner(Protocol):
    """What the consumer asks of the app that owns it."""

    async def drain(self) -> None:
        """Make durable what was taken in, if that is possible in good time."""

    def safe_offset(self, tp: TP) -> int | None:
        """Return the offset that may be committed for a partition, ``None`` where nothing may."""


class BatchSchema(faust.Schema[None, Records]):
    """Passes a batch through undecoded: decoding is ours, because a bad message must not hold up its neighbours."""

    def loads_key(self, app: Any, message: Message, **_: Any) -> Any:
        """Return no key: a batch has many."""
        return None

    def loads_value(self, app: Any, message: Message, **_: Any) -> Any:
        """Return the batch's records."""
        return message.value


async def log_states(consumer: AIOKafkaConsumer, partitions: Collection[TP]) -> dict[TP, LogState]:
    """Return the log of each partition that is still the consumer's; to be run in the consumer's loop."""
    untyped: Any = consumer  # aiokafka annotates few of its methods
    asked = await untyped.end_offsets(partitions)
    states = {}
    for tp, end in asked.items():
        # A rebalance may have taken partitions away while we waited.
        if tp not in untyped.assignment():
            continue
        # Some brokers answer a question for the end late; what they send with the messages is never behind.
        stable = untyped.last_stable_offset(tp) or 0
        try:
            states[tp] = LogState(max(end, stable), await untyped.position(tp))
        except IllegalStateError:  # taken away while its position was looked up
            continue
    return states


class SteadyRoundRobin(RoundRobinPartitionAssignor):
    """aiokafka's own assignor, whose members always say the same of themselves.

    A set of names has another order in every process: Kafka would take a worker that was restarted in place for one
    that subscribes to something else, and move partitions.
    """

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> Any:
        """Return what a member tells of itself."""
        untyped: Any = super()
        return untyped.metadata(sorted(topics))


class CommittedReader(driver.AIOKafkaConsumerThread):
    """Reads committed messages only, and does not let idle partitions hold up busy ones.

    Faust offers a setting for neither.
    """

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
    """Groups what a poll returns by partition, and commits only what is durable."""

    mundane_level = "debug"
    handed: dict[TP, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handed = {}  # the offset of the last message that was handed on, by partition

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return CommittedReader(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield one message per partition of the ingest topics: ``value`` its records, ``offset`` the last one's."""
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        if self._interrupted(generation):
            await self._seek_back()
            return
        wanted = (active or set()) | self._buffered_partitions
        for kafka_tp, batch in records.items():
            tp = TP(kafka_tp.topic, kafka_tp.partition)
            if self._interrupted(generation):
                return
            if tp in wanted:
                for message in self._messages(tp, batch):
                    yield tp, message

    def _interrupted(self, generation: int) -> bool:
        return not self.flow_active or self.app.consumer_generation_id != generation

    async def _seek_back(self) -> None:
        # A rebalance began while we were polling: what was fetched is read again from what is committed.
        try:
            await self.perform_seek()
        except KafkaError as error:
            log.warning("could not go back to the committed offsets (%s); the coming assignment does", error)

    def _messages(self, tp: TP, batch: Records) -> Iterator[Message]:
        if tp.topic not in _INGEST_NAMES:
            yield from (self._to_message(tp, record) for record in batch)
            return
        message = self._to_message(tp, batch[-1])
        self.handed[tp] = batch[-1].offset
        message.value = cast("Any", batch)
        yield message

    async def wait_empty(self) -> None:
        """Make what was taken in durable and commit it: Faust asks for this before a rebalance and before it stops."""
        await cast("BatchOwner", self.app).drain()
        await self.commit_and_end_transactions()

    def committed(self, tp: TP) -> int | None:
        """Return the offset that was last committed for a partition, ``None`` where there is none."""
        return self._committed_offset[tp]

    async def log_states(self, partitions: Collection[TP]) -> dict[TP, LogState]:
        """Return the log of each partition, without those that another worker has meanwhile."""
        thread = self._thread
        return cast("dict[TP, LogState]", await thread.call_thread(log_states, thread._ensure_consumer(), partitions))

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in _INGEST_NAMES:
            return cast("BatchOwner", self.app).safe_offset(tp)
        return super()._new_offset(tp)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from (tp for tp in super()._filter_tps_with_pending_acks(topics) if tp.topic not in _INGEST_NAMES)
        for tp in self.assignment():
            if tp.topic in _INGEST_NAMES and (topics is None or tp in topics or tp.topic in topics):
                yield tp

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Between the last offsets of two batches lie their own records, not a gap.
        if tp.topic not in _INGEST_NAMES:
            await super()._add_gap(tp, offset_from, offset_to)


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer: ClassVar[type[driver.Consumer]] = BatchConsumer
