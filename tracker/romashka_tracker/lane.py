"""The delivery of one topic: its buffer and its loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace

from romashka_tracker.buffer import Buffer, Counters
from romashka_tracker.errors import NotDelivered, TrackerError
from romashka_tracker.transport import Message, Transport

log = logging.getLogger("romashka_tracker")

_MAX_PAUSE_SECONDS = 5.0


class Lane:
    """Delivers the events of one topic, so that a failing topic does not delay others.

    Parameters
    ----------
    topic
        The topic.
    transport
        The transport.
    limit
        How many events may wait.
    batch_events, linger_seconds
        Size and age at which a batch is sent.
    pause_seconds
        First pause after a failure; doubles up to five seconds.
    """

    def __init__(
        self,
        topic: str,
        transport: Transport,
        *,
        limit: int,
        batch_events: int,
        linger_seconds: float,
        pause_seconds: float = 0.1,
    ) -> None:
        self._topic = topic
        self._transport = transport
        self._batch_events = batch_events
        self._linger_seconds = linger_seconds
        self._pause_seconds = pause_seconds
        self._buffer = Buffer(limit)
        self._filled = asyncio.Event()
        self._wake: Callable[[], object] = self._filled.set
        self._idle = False
        self._settled = asyncio.Condition()
        self._failed_attempts = 0
        self._failing = False
        self._dropping = False

    @property
    def counters(self) -> Counters:
        """The counts of this topic."""
        return replace(self._buffer.counts(), failed_attempts=self._failed_attempts)

    @property
    def crowded(self) -> bool:
        """Whether events come faster than a transport that works takes them."""
        return not self._failing and self._buffer.crowded()

    def serve_threads(self) -> None:
        """Let any thread put messages; called once, in the event loop."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: its tracker says so to the caller
                loop.call_soon_threadsafe(self._filled.set)

        self._wake = wake

    def put(self, message: Message) -> bool:
        """Accept a message for delivery; ``False``, and counted, where the buffer is full."""
        accepted = self._buffer.put(message)
        if accepted:
            if self._idle:  # else it looks by itself: waking it costs more than the rest of a call
                self._idle = False
                self._wake()
        elif not self._dropping:
            self._dropping = True
            log.warning("The buffer for %s is full: new events are dropped while there is no room.", self._topic)
        return accepted

    def outstanding(self, accepted: int) -> int:
        """Return how many of the first ``accepted`` events are not acknowledged yet."""
        return self._buffer.outstanding(accepted)

    async def drained(self, accepted: int) -> None:
        """Wait until the first ``accepted`` events are all acknowledged."""
        async with self._settled:
            await self._settled.wait_for(lambda: not self._buffer.outstanding(accepted))

    async def run(self) -> None:
        """Deliver until cancelled."""
        await self._until_it_works(lambda: self._transport.connect(self._topic))
        while True:
            await self._batch_is_due()
            await self._until_it_works(self._deliver)

    async def _batch_is_due(self) -> None:
        while not self._buffer:
            self._filled.clear()
            self._idle = True
            if not self._buffer:  # a thread that puts now sees that it has to wake us
                await self._filled.wait()
        self._idle = False
        if len(self._buffer) < self._batch_events:
            await asyncio.sleep(self._linger_seconds)

    async def _deliver(self) -> None:
        batch = self._buffer.head(self._batch_events)
        try:
            await self._transport.send(self._topic, batch)
        except NotDelivered as error:
            await self._settle(len(batch), error.positions)
            raise
        await self._settle(len(batch), ())

    async def _settle(self, count: int, undelivered: Collection[int]) -> None:
        self._buffer.settle(count, undelivered)
        if self._dropping and not self._buffer:
            self._dropping = False
            log.warning(
                "The buffer for %s is empty again; %d events dropped so far.", self._topic, self._buffer.dropped
            )
        async with self._settled:
            self._settled.notify_all()

    async def _until_it_works(self, step: Callable[[], Awaitable[None]]) -> None:
        pause = self._pause_seconds
        while True:
            try:
                await step()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Not ours: something within the transport was cancelled, which is a failure like others.
                self._note_failure(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises, the events stay and are tried again
                self._note_failure(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            else:
                self._note_success()
                return

    def _note_failure(self, error: BaseException) -> None:
        self._failed_attempts += 1
        if self._failing:
            return
        self._failing = True
        # Only our own messages are known to be free of event contents.
        reason = str(error) if isinstance(error, TrackerError) else type(error).__name__
        log.warning("Events for %s wait (%d now) and are tried again: %s", self._topic, len(self._buffer), reason)

    def _note_success(self) -> None:
        if self._failing:
            log.warning("Events for %s are delivered again.", self._topic)
        self._failing = False
