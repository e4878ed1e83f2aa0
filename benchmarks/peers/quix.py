"""The full job on Quix Streams.

In mode ``lists`` the sink gets raw bytes and reads them in columns, one insert a checkpoint. In mode ``single`` the
data frame applies a function to each message and the sink writes each partition's batch, as its documentation does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.peers.job import FLUSH_SECONDS, Job, PeerRecord, Waiting, arguments, by_partition
from models.topics import QUERIES

# Not a dependency of the project: the benchmark leaves the row out where it is not installed.
_quix: Any = import_module("quixstreams")
_sinks: Any = import_module("quixstreams.sinks.base")


def _list_sink(job: Job) -> Any:
    def flush(self: Any) -> None:
        records = (
            (partition, PeerRecord(item.offset, item.key, item.value))
            for (_, partition), batch in self._batches.items()
            for item in batch
        )
        found = by_partition(records)
        self._batches.clear()
        if found:
            job.records(found)
            job.flush()

    def write(*_: object) -> None:
        raise AssertionError("flush writes all of it")

    return type("ListSink", (_sinks.BatchingSink,), {"flush": flush, "write": write})()


def _single_sink(job: Job) -> Any:
    waiting = Waiting(job)

    def write(_: Any, batch: Any) -> None:
        for item in batch:
            waiting.keep(batch.partition, item.value, item.offset)
        waiting.take_in()
        job.flush()

    return type("SingleSink", (_sinks.BatchingSink,), {"write": write})()


def _run() -> None:
    told = arguments(("lists", "single"))
    job = Job(told)
    app = _quix.Application(
        broker_address=told.bootstrap,
        consumer_group=told.group,
        auto_offset_reset="earliest",
        commit_interval=FLUSH_SECONDS,
        consumer_extra_config={"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000},
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="WARNING",
    )
    topic = app.topic(QUERIES.name, key_deserializer="bytes", value_deserializer="bytes")
    frame = app.dataframe(topic)
    if told.mode == "single":

        def decode(value: bytes, key: bytes, *_: object) -> object:
            context = _quix.message_context()
            return job.event(context.partition, PeerRecord(context.offset, key, value))

        frame = frame.apply(decode, metadata=True)
    frame.sink(_list_sink(job) if told.mode == "lists" else _single_sink(job))
    app.run()


if __name__ == "__main__":
    _run()
