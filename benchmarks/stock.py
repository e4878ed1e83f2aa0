"""The same agent on stock Faust: a worker process with Faust's own transport, schema and acknowledgements.

Decoding, windows, delivery and the sink are those of ``romashka worker``; only transport and acknowledgement are those
of Faust. In mode ``one`` the agent receives one event at a time, with ``async for``; in mode ``take`` it receives lists
from Faust's ``noack_take``. Run by ``benchmarks.contenders``::

    python -m benchmarks.stock one --bootstrap 127.0.0.1:9092 --clickhouse-url http://127.0.0.1:8123 ...
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import tempfile
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import faust
import pyarrow as pa
from faust.types import EventT
from prometheus_client import start_http_server
from yarl import URL

from models.errors import RomashkaError
from models.topics import QUERIES
from sinks.clickhouse import ClickHouseSink
from sinks.dead_letters import DeadLetterRows
from storage.connection import ClickHouseAddress
from storage.payload_cipher import PayloadCipher
from streams.decode import Record
from streams.delivery import Limits, Partition
from streams.kafka import GroupTiming, KafkaAddress, topic_epochs
from streams.metrics import Metrics
from streams.pipeline import Pipeline
from streams.pseudonyms import Pseudonymiser

TAKE: Final = 5_000
WITHIN_SECONDS: Final = 1.0
_ACK_SECONDS: Final = 0.1
_SECRET: Final = bytes(32)
_TIMING: Final = GroupTiming(session=6.0, rebalance=6.0, heartbeat=1.0)  # as with ROMASHKA_KAFKA_SESSION_SECONDS=6


class Acknowledgements:
    """Acknowledges Faust's events once they are durable, in order."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._waiting: defaultdict[Partition, deque[EventT[Any]]] = defaultdict(deque)

    def add(self, partition: Partition, events: Sequence[EventT[Any]]) -> None:
        """Add events that the agent has processed."""
        self._waiting[partition].extend(events)

    async def run(self) -> None:
        """Acknowledge durable events until it is cancelled."""
        while True:
            await asyncio.sleep(_ACK_SECONDS)
            for partition, events in self._waiting.items():
                safe = self._pipeline.durable_offset(partition) or 0
                while events and events[0].message.offset < safe:
                    events.popleft().ack()


def build_app(group: str, bootstrap: str) -> faust.App:
    """Return a plain Faust app, with the limits and timing of ``streams.app.build_app`` and Faust's own transport."""
    return faust.App(
        group,
        broker=URL(f"kafka://{bootstrap}"),
        datadir=Path(tempfile.gettempdir()) / "romashka-stock-faust",
        broker_session_timeout=_TIMING.session,
        broker_rebalance_timeout=_TIMING.rebalance,
        broker_heartbeat_interval=_TIMING.heartbeat,
        broker_commit_interval=1.0,
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=5_000,
        consumer_max_fetch_size=4 * 1024 * 1024,
        consumer_auto_offset_reset="earliest",
        stream_processing_timeout=86_400.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        store="memory://",
    )


def attach(app: faust.App, pipeline: Pipeline, acknowledgements: Acknowledgements, mode: str) -> None:
    """Add the only agent to the app; ``mode`` is ``one`` or ``take``."""
    topic = app.topic(QUERIES.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def handle(partition: Partition, events: Sequence[EventT[Any]]) -> None:
        records = cast("list[Record]", [event.message for event in events])  # headers: not needed, nothing is moved
        if not pipeline.holds(partition):
            await pipeline.resume(partition, records[0].offset, None, _always)
        await pipeline.handle({partition: records}, _always)
        acknowledgements.add(partition, events)

    async def one(stream: faust.Stream[bytes]) -> None:
        async for event in stream.noack().events():
            await handle((event.message.topic, event.message.partition), [event])

    async def take(stream: faust.Stream[bytes]) -> None:
        async for events in stream.noack_take(TAKE, within=WITHIN_SECONDS):
            grouped: defaultdict[Partition, list[EventT[Any]]] = defaultdict(list)
            for event in cast("list[EventT[Any]]", events):  # yields events, though annotated as values
                grouped[event.message.topic, event.message.partition].append(event)
            for partition, group in grouped.items():
                await handle(partition, group)

    agents: dict[str, Any] = {"one": one, "take": take}
    app.agent(topic, name="stock")(agents[mode])


async def run(arguments: argparse.Namespace) -> None:
    """Consume until SIGTERM."""
    kafka = KafkaAddress(arguments.bootstrap)
    metrics = Metrics()
    app = build_app(arguments.group, kafka.bootstrap)
    pipeline = Pipeline(
        ClickHouseSink(ClickHouseAddress(arguments.clickhouse_url, arguments.database)),
        metrics,
        Pseudonymiser(_SECRET, "k1"),
        DeadLetterRows(PayloadCipher(_SECRET)),
        epochs=topic_epochs(kafka),
        publish=_refuse,
        clock=lambda: datetime.now(UTC),
        limits=Limits(),
    )
    acknowledgements = Acknowledgements(pipeline)
    attach(app, pipeline, acknowledgements, arguments.mode)
    start_http_server(arguments.metrics_port, addr="127.0.0.1", registry=metrics.registry)
    gc.freeze()  # as in cli/commands/worker.py: transports are compared, not garbage collection
    gc.set_threshold(50_000, 20, 100)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.start()
    tasks = [asyncio.create_task(work) for work in (pipeline.delivery.run(), acknowledgements.run(), stop.wait())]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    await app.stop()


async def _refuse(letters: pa.RecordBatch) -> None:
    raise RomashkaError(f"{letters.num_rows} events of the benchmark were rejected; every one of them should be valid")


def _always() -> bool:
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="the agent on stock Faust")
    parser.add_argument("mode", choices=("one", "take"))
    for option in ("--bootstrap", "--clickhouse-url", "--database", "--group"):
        parser.add_argument(option, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    asyncio.run(run(parser.parse_args()))
