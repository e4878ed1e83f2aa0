"""The tracker for code without asyncio: a thread of its own runs it, and calls return as soon as an event is taken."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from threading import RLock, Thread
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar
from weakref import WeakSet

from romashka_tracker import exits
from romashka_tracker.buffer import Counters
from romashka_tracker.errors import DeliveryFailed, TrackerClosed
from romashka_tracker.tracker import IntegrationTracker

log = logging.getLogger("romashka_tracker")

_CLOSE_SECONDS: Final = 10.0
_EXIT_SECONDS: Final = 5.0
_CLOSED: Final = "This tracker was closed: make a new one."

_LAST_SECONDS: Final = 1.0

# What a forked process has of its parent's: to drop it there would say that its tasks were.
_LEFT_BEHIND: Final[list[object]] = []
# Those that a forked process has to begin anew; a hook of each of them could not be taken back.
_TRACKERS: Final[WeakSet[BlockingTracker]] = WeakSet()

P = ParamSpec("P")
T = TypeVar("T")


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run an event loop until it is stopped, and close its files."""
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _end(tracker: IntegrationTracker, timeout: float) -> None:  # noqa: ASYNC109 - as in ``close``
    """Close a tracker, then end the calls of other threads that still wait."""
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    try:
        await tracker.close(timeout)
        if waiting := {one for one in calls if not one.done()}:
            await asyncio.wait(waiting, timeout=_LAST_SECONDS)  # everything is delivered: they are about to return
    finally:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for one in calls:
            one.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


def _taking(
    method: Callable[Concatenate[IntegrationTracker, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingTracker, P], T]:
    """Return a method of the tracker that never waits as a plain one, with the same arguments.

    It runs in the caller's thread: handing each call to the event loop and waiting for it takes ten times as long.
    """

    def call(self: BlockingTracker, /, *arguments: P.args, **options: P.kwargs) -> T:
        tracker = self._tracker
        coroutine = method(self._started() if tracker is None else tracker, *arguments, **options)
        try:
            coroutine.send(None)
        except StopIteration as end:
            taken: T = end.value
            return taken
        coroutine.close()
        raise AssertionError(f"{method.__name__} waits for something")

    functools.update_wrapper(call, method)
    return call


class BlockingTracker:
    """An ``IntegrationTracker`` for any thread. It starts at the first call, and anew in a forked process.

    Buffered events are delivered within five seconds at exit; the number of lost ones is logged in one warning. This
    covers a normal exit, ``sys.exit``, children of ``multiprocessing`` and Celery, and SIGTERM without another handler;
    before ``os._exit`` or SIGKILL call ``close``.

    Parameters
    ----------
    make
        Makes the tracker; called in each process that uses it.
    """

    def __init__(self, make: Callable[[], IntegrationTracker]) -> None:
        self._make = make
        self._lock = RLock()  # a signal handler may call while its thread holds it
        self._closed = False
        self._tracker: IntegrationTracker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        _TRACKERS.add(self)

    track_integration_query = _taking(IntegrationTracker.track_integration_query)
    record_conversation_outcome = _taking(IntegrationTracker.record_conversation_outcome)
    update_integration_health = _taking(IntegrationTracker.update_integration_health)
    record_conversation_intelligence = _taking(IntegrationTracker.record_conversation_intelligence)

    def call(
        self,
        method: Callable[Concatenate[IntegrationTracker, P], Coroutine[Any, Any, T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Call a method of ``IntegrationTracker``, or of a class made from it, and return what it returns.

        Raises
        ------
        TrackerClosed
            The tracker was closed.
        """
        tracker = self._started()
        with self._lock:  # before ``close`` or not at all: a loop that has stopped would never answer
            loop = self._loop
            if loop is None:
                raise TrackerClosed(_CLOSED)
            future = asyncio.run_coroutine_threadsafe(method(tracker, *arguments, **options), loop)
        try:
            return future.result()
        except CancelledError:
            raise TrackerClosed("The tracker was closed during this call.") from None

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything accepted so far is acknowledged (see ``IntegrationTracker.flush``)."""
        self.call(IntegrationTracker.flush, timeout)

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Deliver the buffered events and stop (see ``IntegrationTracker.close``)."""
        exits.forget(self._at_exit)
        with self._lock:
            self._closed = True
            tracker, loop = self._tracker, self._loop
            self._tracker = self._loop = None
        if tracker is not None and loop is not None:
            try:
                asyncio.run_coroutine_threadsafe(_end(tracker, timeout), loop).result()
            finally:
                loop.call_soon_threadsafe(loop.stop)

    @property
    def counters(self) -> Counters:
        """The counts up to now; of this process alone."""
        return Counters() if self._tracker is None else self._tracker.counters

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> IntegrationTracker:
        with self._lock:
            if self._closed:
                raise TrackerClosed(_CLOSED)
            if self._tracker is None:
                loop = asyncio.new_event_loop()
                loop.set_default_executor(exits.LateExecutor())
                Thread(target=_serve, args=(loop,), name="romashka tracker", daemon=True).start()
                try:
                    tracker = asyncio.run_coroutine_threadsafe(self._start(), loop).result()
                except BaseException:
                    loop.call_soon_threadsafe(loop.stop)
                    raise
                return self._kept(tracker, loop)
            return self._tracker

    def _kept(self, tracker: IntegrationTracker, loop: asyncio.AbstractEventLoop) -> IntegrationTracker:
        """Keep a tracker that has started, and return it, or the one that a signal handler started meanwhile."""
        if self._tracker is None and not self._closed:
            self._tracker, self._loop = tracker, loop
            exits.register(self._at_exit)
            return tracker
        try:
            asyncio.run_coroutine_threadsafe(_end(tracker, _LAST_SECONDS), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
        if self._tracker is None:
            raise TrackerClosed("The tracker was closed during this call.")
        return self._tracker

    async def _start(self) -> IntegrationTracker:
        tracker = self._make()
        await tracker.start()
        tracker.serve_threads()
        return tracker

    def _after_fork(self) -> None:
        """Drop the parent's state: its thread does not exist here, and the parent delivers its events."""
        self._lock = RLock()  # a signal handler may call while its thread holds it
        if self._tracker is not None:
            _LEFT_BEHIND.append((self._tracker, self._loop))
        self._tracker = self._loop = None

    def _at_exit(self) -> None:
        try:
            self.close(_EXIT_SECONDS)
        except DeliveryFailed as failure:
            log.warning("The program ends: %d events were not delivered and are lost.", failure.outstanding)


def _begin_anew() -> None:
    for tracker in list(_TRACKERS):
        tracker._after_fork()


os.register_at_fork(after_in_child=_begin_anew)
