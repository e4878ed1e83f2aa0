"""The tracker: takes events without delaying the caller and delivers them in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypedDict, Unpack
from uuid import UUID

from romashka_tracker import exits
from romashka_tracker.buffer import BufferPolicy, Counters
from romashka_tracker.contract import TOPICS
from romashka_tracker.errors import BufferFull, DeliveryFailed, TrackerClosed, TrackerError
from romashka_tracker.event_writer import EventWriter
from romashka_tracker.http import HttpTransport
from romashka_tracker.ids import EventIds
from romashka_tracker.kafka import KafkaTransport
from romashka_tracker.lane import Lane
from romashka_tracker.methods import Context, EventMethods
from romashka_tracker.moments import Moments
from romashka_tracker.security import KafkaSecurity
from romashka_tracker.transport import Transport

if TYPE_CHECKING:
    from romashka_tracker.blocking import BlockingTracker

log = logging.getLogger("romashka_tracker")

_CLOSE_SECONDS: Final = 10.0
_MAX_LINGER_SECONDS: Final = 60
# How long a thread waits whose events come faster than a broker that works takes them.
_CROWDED_SECONDS: Final = 0.001


class TrackerOptions(TypedDict, total=False):
    """How the tracker buffers; the same options as ``IntegrationTracker`` takes."""

    buffer_events: int
    linger_seconds: float
    batch_events: int
    when_full: BufferPolicy


def _check_options(
    *,
    buffer_events: object = 1,
    linger_seconds: object = 0,
    batch_events: object = 1,
    when_full: object = BufferPolicy.RAISE,
) -> None:
    """Refuse options that cannot be used, of callers without types too; those that are left out are fine."""
    for name, events in (("buffer_events", buffer_events), ("batch_events", batch_events)):
        if not isinstance(events, int) or isinstance(events, bool) or events < 1:
            raise TrackerError(f"{name} is {events!r}; expected a whole number of events, 1 or more.")
    if not isinstance(linger_seconds, int | float) or not 0 <= linger_seconds <= _MAX_LINGER_SECONDS:
        raise TrackerError(f"linger_seconds is {linger_seconds!r}; expected 0 to {_MAX_LINGER_SECONDS} seconds.")
    if not isinstance(when_full, BufferPolicy):
        raise TrackerError(f"when_full is {when_full!r}; expected BufferPolicy.DROP_NEWEST or BufferPolicy.RAISE.")


class IntegrationTracker(EventMethods):
    """Publishes integration events. Use it in one event loop, as ``async with``, for the life of the program.

    A call validates the event, buffers it and returns without waiting for the network. Undelivered events stay in the
    buffer and are retried in order while the tracker is open.

    Parameters
    ----------
    transport
        The transport; the tracker closes it.
    buffer_events
        Maximum number of buffered events per topic.
    linger_seconds, batch_events
        Size and age at which a batch is sent.
    when_full
        Policy of a full buffer.

    Raises
    ------
    TrackerError
        An option cannot be used.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        buffer_events: int = 10_000,
        linger_seconds: float = 0.05,
        batch_events: int = 500,
        when_full: BufferPolicy = BufferPolicy.DROP_NEWEST,
    ) -> None:
        _check_options(
            buffer_events=buffer_events, linger_seconds=linger_seconds, batch_events=batch_events, when_full=when_full
        )
        self._transport = transport
        self._when_full = when_full
        event_ids, moments = EventIds(), Moments()
        self._writers = {topic: EventWriter(topic, event_ids, moments) for topic in TOPICS}
        self._lanes = {
            topic: Lane(topic, transport, limit=buffer_events, batch_events=batch_events, linger_seconds=linger_seconds)
            for topic in TOPICS
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._open = False
        self._closed = False
        self._process = 0
        self._told = False
        self._threads = False
        self._thread = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def to_kafka(
        cls, bootstrap_servers: str, *, security: KafkaSecurity | None = None, **options: Unpack[TrackerOptions]
    ) -> Self:
        """Return a tracker that publishes to Kafka at ``host:port``, several separated by commas."""
        return cls(KafkaTransport(bootstrap_servers, security=security), **options)

    @classmethod
    def blocking(
        cls,
        bootstrap_servers: str = "",
        *,
        collector: str = "",
        key: str = "",
        security: KafkaSecurity | None = None,
        **options: Unpack[TrackerOptions],
    ) -> BlockingTracker:
        """Return a tracker for code without asyncio, with a thread of its own.

        Parameters
        ----------
        bootstrap_servers, security
            Publishes to Kafka, as ``to_kafka`` does.
        collector, key
            Publishes through the HTTP collector, as ``to_collector`` does.

        Raises
        ------
        TrackerError
            Neither is given, or both, or a collector without a key; or nothing could be sent to the address, or with
            the key; or an option cannot be used.
        """
        from romashka_tracker.blocking import BlockingTracker  # noqa: PLC0415 - which imports this module

        if bool(bootstrap_servers) == bool(collector) or bool(collector) != bool(key):
            raise TrackerError("Give the addresses of Kafka's brokers, or collector= and key=.")
        # An address or an option that is wrong is told here, not by the first event.
        _check_options(**options)
        if collector:
            HttpTransport(collector, key)
            return BlockingTracker(lambda: cls.to_collector(collector, key, **options))
        KafkaTransport(bootstrap_servers, security=security)
        return BlockingTracker(lambda: cls.to_kafka(bootstrap_servers, security=security, **options))

    @classmethod
    def to_collector(cls, url: str, key: str, **options: Unpack[TrackerOptions]) -> Self:
        """Return a tracker that publishes through the HTTP collector, with a key of the role ``producer``."""
        return cls(HttpTransport(url, key), **options)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.close()
        except DeliveryFailed as failure:
            if error is None:
                raise
            log.warning("The tracker closes because of an error: %s", failure)  # that error is the one to raise

    @property
    def counters(self) -> Counters:
        """The counts up to now, over all topics."""
        return sum((lane.counters for lane in self._lanes.values()), Counters())

    async def start(self) -> None:
        """Begin to accept events, and to connect in the background: a broker that is down raises nothing here.

        Raises
        ------
        TrackerClosed
            The tracker was closed: make a new one.
        """
        if self._closed:
            raise TrackerClosed("This tracker was closed and cannot be started again: make a new one.")
        if self._open:
            self._check_open()
        else:
            self._open = True
            self._process, self._loop = os.getpid(), asyncio.get_running_loop()
            exits.register(self._warn_of_loss)
            self._tasks = [
                asyncio.create_task(lane.run(), name=f"tracker {topic}") for topic, lane in self._lanes.items()
            ]

    async def flush(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the caller's last wish at shutdown
        """Wait until every event accepted so far is acknowledged.

        Raises
        ------
        DeliveryFailed
            ``timeout`` seconds passed first; says how many are outstanding. They stay in the buffer.
        TrackerClosed
            The tracker is not running, or was started in another process or event loop.
        """
        self._check_open()
        await self._drain(timeout)

    async def close(self, timeout: float = _CLOSE_SECONDS) -> None:  # noqa: ASYNC109 - as in flush
        """Accept no more events, deliver the buffered ones, and stop. Idempotent.

        Raises
        ------
        DeliveryFailed
            ``timeout`` seconds passed first; says how many events are given up.
        """
        if self._closed:
            return
        was_open, self._open, self._closed = self._open, False, True
        exits.forget(self._warn_of_loss)
        try:
            if was_open:
                await self._drain(timeout)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._transport.close()

    async def _drain(self, timeout: float | None) -> None:  # noqa: ASYNC109 - as in flush
        accepted = [(lane, lane.counters.accepted) for lane in self._lanes.values()]
        try:
            async with asyncio.timeout(timeout):
                for lane, count in accepted:
                    await lane.drained(count)
        except TimeoutError:
            raise DeliveryFailed(sum(lane.outstanding(count) for lane, count in accepted)) from None

    def _publish(self, topic: str, fields: Mapping[str, object], context: Context) -> UUID:
        self._check_open()
        event_id, message = self._writers[topic].message(fields, context)
        lane = self._lanes[topic]
        if not lane.put(message) and self._when_full is BufferPolicy.RAISE:
            raise BufferFull(f"The buffer for {topic} is full: the event was not accepted. The log says why it waits.")
        if self._threads:
            self._after_put(lane)
        return event_id

    def _after_put(self, lane: Lane) -> None:
        if not self._open:  # another thread closed it in between: this event may have come too late to be delivered
            raise TrackerClosed("The tracker was closed during this call.")
        if lane.crowded and get_ident() != self._thread:
            time.sleep(_CROWDED_SECONDS)

    def _check_open(self) -> None:
        if not self._open:
            raise TrackerClosed("The tracker is not running: use `async with`, or `await tracker.start()` first.")
        if os.getpid() != self._process:
            raise TrackerClosed(
                "The tracker was started before this process was forked: nothing would be sent. Make and start one in "
                "each worker process (gunicorn: post_fork)."
            )
        if not self._threads and asyncio.get_running_loop() is not self._loop:
            raise TrackerClosed(
                "The tracker was started in another event loop: nothing would be sent. Make "
                "and start one in each asyncio.run."
            )

    def serve_threads(self) -> None:
        """Take calls from any thread, for a caller that runs the event loop in a thread of its own.

        That caller delivers at the end of the program what waits then, and says what is lost.
        """
        exits.forget(self._warn_of_loss)
        self._threads, self._thread = True, get_ident()
        for lane in self._lanes.values():
            lane.serve_threads()

    def _warn_of_loss(self) -> None:
        """Say at exit how many events are lost because the tracker was not closed."""
        if os.getpid() != self._process or self._told:
            return
        waiting = self.counters.buffered
        if waiting:
            self._told = True
            log.warning("The program ends without closing the tracker: %d events are lost.", waiting)
