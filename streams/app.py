"""The Faust app: four thin agents around one pipeline."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import faust
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from faust.types import TP, Message, TransportT
from yarl import URL

from models.topics import INGEST, Topic
from streams.kafka import WORKER_CLIENT, GroupTiming, KafkaAddress
from streams.kafka_address import servers, tls_context
from streams.partition import OffsetRange
from streams.pipeline import Pipeline
from streams.publishing import Outgoing, Send
from streams.transport import BatchConsumer, BatchSchema, BatchTransport, NoTables, Polled, Records

log = logging.getLogger(__name__)

# A worker stops within ten seconds of a signal, whether or not the database accepts its last batch.
_MAX_DRAIN_SECONDS: Final = 5.0
_LOG_START_SECONDS: Final = 10.0


class AnalyticsApp(faust.App):
    """Faust's app; offsets of ingest topics are committed as far as the pipeline reports them durable."""

    mundane_level = "debug"
    pipeline: Pipeline
    failure: asyncio.Future[None]
    drain_seconds: float

    @property
    def batches(self) -> BatchConsumer:
        """The consumer with its concrete type."""
        return cast("BatchConsumer", self.consumer)

    @property
    def given_up(self) -> BaseException | None:
        """Why one of Faust's own services crashed, ``None`` while none has."""
        for service in (self, self.consumer, self._fetcher, self.producer):
            reason = service.crash_reason if service.crashed else None
            if reason is not None and not isinstance(reason, asyncio.CancelledError):
                return reason
        return None

    def safe_offset(self, tp: TP) -> int | None:
        """Return the committable offset (see ``Pipeline.safe_offset``)."""
        return self.pipeline.safe_offset((tp.topic, tp.partition))

    async def drain(self) -> None:
        """Flush pending rows, unless the database is unavailable: then they are read again later."""
        await self.pipeline.delivery.drain(self.drain_seconds)

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)


def build_app(group: str, address: KafkaAddress, timing: GroupTiming) -> AnalyticsApp:
    """Return the app of a worker; ``attach`` gives it its agents."""
    app = AnalyticsApp(
        group,
        broker=[URL.build(scheme="kafka", host=host, port=port) for host, port in servers(address)],
        broker_credentials=_credentials(address),
        broker_client_id=WORKER_CLIENT,
        broker_session_timeout=timing.session,
        broker_rebalance_timeout=timing.rebalance,
        broker_heartbeat_interval=timing.heartbeat,
        consumer_group_instance_id=timing.instance_id or None,
        broker_commit_interval=1.0,
        # A poll may wait as long as the database is unavailable; only the heartbeat shows that this worker is alive.
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=5_000,
        consumer_max_fetch_size=4 * 1024 * 1024,
        consumer_auto_offset_reset="earliest",
        # As producers do: a query that is moved must not be larger than it was.
        producer_compression_type="lz4",
        stream_buffer_maxsize=4,
        stream_wait_empty=True,
        stream_processing_timeout=86_400.0,
        broker_commit_livelock_soft_timeout=86_400.0,
        TableManager=NoTables,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        web_tables_enabled=False,
        store="memory://",
        datadir=Path(tempfile.gettempdir()) / "romashka-worker",  # Faust makes it; with no tables it stays empty
    )
    app.drain_seconds = min(timing.rebalance / 2, _MAX_DRAIN_SECONDS)
    return app


def attach(app: AnalyticsApp, pipeline: Pipeline) -> None:
    """Attach the pipeline, an agent per ingest topic, and the rebalance handlers."""
    app.pipeline = pipeline
    for topic in INGEST:
        app.agent(app.topic(topic.name, schema=BatchSchema()), name=f"ingest {topic.name}")(_agent(app))

    @app.on_partitions_revoked.connect(weak=False)
    async def _forget(*_: Any, **__: Any) -> None:
        pipeline.forget()


def _agent(app: AnalyticsApp) -> Any:
    async def ingest(stream: faust.Stream[Polled]) -> None:
        async for event in stream.noack().events():
            try:
                await _handle(app, event.message, event.value)
            except Exception as error:  # noqa: BLE001 - handed to the worker, which ends the process with it
                # Continuing would let Faust treat these messages as processed; the worker stops before anything is
                # committed.
                app.failure.set_exception(error)
                await asyncio.Event().wait()
            event.ack()

    return ingest


async def _handle(app: AnalyticsApp, message: Message, polled: Polled) -> None:
    def still_ours() -> bool:
        # Faust suspends the flow when partitions are revoked and gives the next assignment a new generation.
        return app.flow_control.is_active() and message.generation_id == app.consumer_generation_id

    batches = {(tp.topic, tp.partition): records for tp, records in polled.items()}
    for tp, records in polled.items():
        if not app.pipeline.waits((tp.topic, tp.partition)):
            await _begin(app, tp, records, still_ours)
    await app.pipeline.handle(batches, still_ours)


async def _begin(app: AnalyticsApp, tp: TP, records: Records, still_ours: Callable[[], bool]) -> None:
    """Resume a partition at its first records; count offsets that the broker deleted before ``records``."""
    partition, first = (tp.topic, tp.partition), records[0].offset
    taken = app.pipeline.taken(partition)
    expected = app.batches.committed(tp) if taken is None else taken + 1
    trimmed = await _trimmed(app, tp, OffsetRange(expected, first), still_ours) if expected is not None else None
    if not still_ours():
        return
    if not app.pipeline.holds(partition):
        await app.pipeline.resume(partition, first, trimmed, still_ours)
    elif trimmed is not None:
        app.pipeline.count_lost(partition, trimmed)


async def _trimmed(
    app: AnalyticsApp, tp: TP, skipped: OffsetRange, still_ours: Callable[[], bool]
) -> OffsetRange | None:
    """Return the skipped offsets that the broker deleted, if there are any.

    Other gaps hold no messages: transaction markers and aborted transactions.
    """
    while skipped.first < skipped.end and still_ours():
        try:
            async with asyncio.timeout(_LOG_START_SECONDS):
                log_start = (await app.batches.earliest_offsets(tp))[tp]
        except (TimeoutError, KafkaError) as error:
            log.warning(
                "the start offset of %s could not be read from Kafka (%s); trying again", tp, type(error).__name__
            )
            await asyncio.sleep(1)
            continue
        end = min(log_start, skipped.end)
        return OffsetRange(skipped.first, end) if end > skipped.first else None
    return None


def sender(app: AnalyticsApp) -> Send:
    """Return a function that publishes a message through the app's producer."""

    async def send(topic: Topic, message: Outgoing) -> None:
        key, value, headers, partition = message
        if partition is not None:
            await _know(app, topic.name, partition)
        # Not by ``app.topic().send()``: to make a topic takes longer than to send a message.
        producer = await app.maybe_start_producer()
        await (await producer.send(topic.name, key, value, partition, None, headers))

    return send


async def _know(app: AnalyticsApp, topic: str, partition: int) -> None:
    """Make sure that the producer knows a partition, which may be new.

    Raises
    ------
    UnknownTopicOrPartitionError
        Kafka does not have it, or not yet.
    """
    producer = cast("Any", app.producer)._ensure_producer()
    if partition in await producer.partitions_for(topic):
        return
    await producer.client.force_metadata_update()
    if partition not in await producer.partitions_for(topic):
        raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")


def _credentials(address: KafkaAddress) -> faust.SSLCredentials | faust.SASLCredentials | None:
    context = tls_context(address) if address.encrypted else None
    if address.with_password:
        return faust.SASLCredentials(
            username=address.user, password=address.password, mechanism=address.sasl_mechanism, ssl_context=context
        )
    return faust.SSLCredentials(context=context) if context is not None else None
