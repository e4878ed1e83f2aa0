"""The full job in a bare loop around confluent-kafka's consumer: ``lists`` of messages, or ``single`` ones."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, Message

from benchmarks.peers.job import BATCH_RECORDS, FLUSH_SECONDS, Job, PeerRecord, Waiting, arguments, by_partition
from models.topics import QUERIES

_POLL_SECONDS = 0.1


def consumer(bootstrap: str, group: str) -> Consumer:
    """Return a consumer with the session of the other contenders."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 1_000,
        }
    )


def _lists(source: Consumer, job: Job) -> None:
    flushed = time.monotonic()
    while True:
        found = source.consume(BATCH_RECORDS, _POLL_SECONDS)
        if found:
            job.records(by_partition((one.partition() or 0, _record(one)) for one in found))
        flushed = _flush(source, job, flushed)


def _single(source: Consumer, job: Job) -> None:
    flushed = time.monotonic()
    waiting = Waiting(job)
    while True:
        message = source.poll(_POLL_SECONDS)
        if message is not None:
            waiting.add(message.partition() or 0, _record(message))
        if time.monotonic() - flushed > FLUSH_SECONDS:
            waiting.take_in()
            flushed = _flush(source, job, flushed)


def _flush(source: Consumer, job: Job, flushed: float) -> float:
    now = time.monotonic()
    if now - flushed < FLUSH_SECONDS:
        return flushed
    if job.flush():
        source.commit(asynchronous=True)
    return now


def _record(message: Message) -> PeerRecord:
    return PeerRecord(message.offset() or 0, _bytes(message.key()), _bytes(message.value()))


def _bytes(given: str | bytes | None) -> bytes:
    return given if isinstance(given, bytes) else (given or "").encode()


if __name__ == "__main__":
    told = arguments(("lists", "single"))
    read = consumer(told.bootstrap, told.group)
    read.subscribe([QUERIES.name])
    {"lists": _lists, "single": _single}[told.mode](read, Job(told))
