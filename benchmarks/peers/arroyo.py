"""The full job on sentry-arroyo.

In mode ``lists`` a batch step collects raw messages and a task reads them in columns. In mode ``single`` a task decodes
each message before the batch step, as its documentation does. The consumer's queue is raised in both: with its default
of 10,000 messages it fetches in small steps.
"""

from __future__ import annotations

import signal
from importlib import import_module
from typing import Any

from benchmarks.peers.job import FLUSH_SECONDS, Job, PeerRecord, Waiting, arguments, by_partition
from models.topics import QUERIES

# Not a dependency of the project: the benchmark leaves the row out where it is not installed.
_kafka: Any = import_module("arroyo.backends.kafka")
_strategies: Any = import_module("arroyo.processing.strategies")
_batching: Any = import_module("arroyo.processing.strategies.batching")
_processing: Any = import_module("arroyo.processing")
_arroyo: Any = import_module("arroyo")
_commit: Any = import_module("arroyo.commit")

_BATCH = 50_000
_QUEUE_KBYTES = 64 * 1024
_QUEUE_MESSAGES = 100_000


class _Factory:
    """Makes the steps; arroyo calls it when partitions are assigned."""

    def __init__(self, job: Job, mode: str) -> None:
        self._job = job
        self._mode = mode

    def create_with_partitions(self, commit: Any, _: object) -> Any:
        write = self._write_lists if self._mode == "lists" else self._write_events
        last = _strategies.RunTask(write, _strategies.CommitOffsets(commit))
        batches = _batching.BatchStep(_BATCH, FLUSH_SECONDS, last)
        return batches if self._mode == "lists" else _strategies.RunTask(self._decode, batches)

    def shutdown(self) -> None:
        """Do nothing: there is nothing to end."""

    def _decode(self, message: Any) -> object:
        value = message.value
        record = PeerRecord(value.offset, value.payload.key, value.payload.value)
        return self._job.event(value.partition.index, record)

    def _write_lists(self, message: Any) -> None:
        self._job.records(
            by_partition(
                (one.partition.index, PeerRecord(one.offset, one.payload.key, one.payload.value))
                for one in message.payload
            )
        )
        self._job.flush()

    def _write_events(self, message: Any) -> None:
        waiting = Waiting(self._job)
        for one in message.payload:
            # What a task returns keeps only what is to be committed: the offset behind it.
            ((partition, after),) = one.committable.items()
            waiting.keep(partition.index, one.payload, after - 1)
        waiting.take_in()
        self._job.flush()


def _run() -> None:
    told = arguments(("lists", "single"))
    configuration = _kafka.configuration.build_kafka_consumer_configuration(
        {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000},
        group_id=told.group,
        auto_offset_reset="earliest",
        queued_max_messages_kbytes=_QUEUE_KBYTES,
        queued_min_messages=_QUEUE_MESSAGES,
        bootstrap_servers=[told.bootstrap],
    )
    processor = _processing.StreamProcessor(
        consumer=_kafka.KafkaConsumer(configuration),
        topic=_arroyo.Topic(QUERIES.name),
        processor_factory=_Factory(Job(told), told.mode),
        commit_policy=_commit.ONCE_PER_SECOND,
    )
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()


if __name__ == "__main__":
    _run()
