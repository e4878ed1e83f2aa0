"""Creates and abandons aiokafka's producers."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaProducer

# Brokers take a batch of 1 MiB unless told otherwise; the largest event is 64 KiB.
_MAX_BATCH_BYTES: Final = 512 * 1024
REQUEST_SECONDS: Final = 10.0
# aiokafka logs four lines at every try.
_RETRY_SECONDS: Final = 0.5
_GRACE_SECONDS: Final = 2.0

# An AIOKafkaProducer, whose methods aiokafka leaves unannotated.
Producer: TypeAlias = Any


def new_producer(bootstrap_servers: str, *, idempotent: bool, security: dict[str, Any]) -> Producer:
    """Return a producer, not yet started, whose batches every in-sync replica acknowledges."""
    return AIOKafkaProducer(  # type: ignore[no-untyped-call]  # as above
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=idempotent,
        max_batch_size=_MAX_BATCH_BYTES,
        compression_type="lz4",
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
        retry_backoff_ms=int(_RETRY_SECONDS * 1000),
        **security,
    )


async def abandon(producer: Producer) -> None:
    """Stop a producer at once, dropping its batches.

    Its own ``stop`` first waits until that is delivered, which is for ever where it is idempotent and the broker gone;
    nothing public ends that wait. This is the rest of ``stop``.
    """
    producer._closed = True
    # A broker that leaves a request unanswered holds up the sender: then its connection is closed all the same.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await producer._sender.close()
    await producer.client.close()


def close_first_connection(error: BaseException) -> None:
    """Close the connection that a producer had begun with, where starting it ended with an error.

    aiokafka keeps it in a local variable of ``bootstrap`` alone until the broker has answered, and closes it on errors
    of Kafka; of one that is cancelled, as at SIGTERM, only the traceback still knows it.
    """
    cause: BaseException | None = error
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            connection = frame.f_locals.get("bootstrap_conn")
            if connection is not None:
                connection.close()
        cause = cause.__cause__  # a time-out is raised from the cancellation
