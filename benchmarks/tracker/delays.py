"""How long single calls take by the clock while 10,000 come in a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.tracker.calls import arguments
from benchmarks.tracker.contract_path import ContractTracker
from romashka_tracker import BlockingTracker, IntegrationTracker

RATE: Final = 10_000
_THREADS: Final = 2
_TICK_SECONDS: Final = 0.001


# Nanoseconds of one call: by the clock, and of CPU time.
_Taken = tuple[int, int]


class Delays(NamedTuple):
    """Microseconds by the clock of single calls, and the rate that was reached.

    ``cpu_p99`` is of the thread's CPU time: what a call does, without waiting for a core or for the interpreter.
    """

    cpu_p99: float
    p50: float
    p99: float
    p999: float
    longest: float
    rate: float


def _delays(taken: list[_Taken], seconds: float) -> Delays:
    micros = np.array(taken) / 1_000
    p50, p99, p999, longest = np.quantile(micros[:, 0], [0.5, 0.99, 0.999, 1.0])
    cpu = float(np.quantile(micros[:, 1], 0.99))
    return Delays(cpu, float(p50), float(p99), float(p999), float(longest), len(taken) / seconds)


def _paced(call: Callable[..., object], seconds: float, rate: float, taken: list[_Taken]) -> None:
    begin = time.perf_counter()
    for number in range(int(seconds * rate)):
        given = arguments(number)
        while (wait := begin + number / rate - time.perf_counter()) > 0:
            time.sleep(wait)
        cpu, before = time.thread_time_ns(), time.perf_counter_ns()
        call(*given)
        after = time.perf_counter_ns()
        taken.append((after - before, time.thread_time_ns() - cpu))


def _from_threads(tracker: BlockingTracker, call: Callable[..., object], seconds: float) -> Delays:
    with tracker:
        call(*arguments(0))  # which starts it
        taken: list[list[_Taken]] = [[] for _ in range(_THREADS)]
        threads = [Thread(target=_paced, args=(call, seconds, RATE / _THREADS, one)) for one in taken]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return _delays([one for many in taken for one in many], time.perf_counter() - began)


def threads(bootstrap: str, seconds: float) -> Delays:
    """Measure two threads that share a blocking tracker."""
    tracker = IntegrationTracker.blocking(bootstrap)
    return _from_threads(tracker, tracker.track_integration_query, seconds)


def threads_before(bootstrap: str, seconds: float) -> Delays:
    """Measure them as before: each call waits for the event loop, which has the contract write the event."""
    tracker = BlockingTracker(lambda: ContractTracker.to_kafka(bootstrap))
    method: Any = ContractTracker.track_integration_query
    return _from_threads(tracker, lambda *given: tracker.call(method, *given), seconds)


def _loop(made: type[IntegrationTracker]) -> Callable[[str, float], Delays]:
    async def run(bootstrap: str, seconds: float) -> Delays:
        taken: list[_Taken] = []
        async with made.to_kafka(bootstrap) as tracker:
            began = time.perf_counter()
            for tick in range(int(seconds / _TICK_SECONDS)):
                await asyncio.sleep(max(0.0, began + tick * _TICK_SECONDS - time.perf_counter()))
                for number in range(int(RATE * _TICK_SECONDS)):
                    given = arguments(tick * 10 + number)
                    cpu, before = time.thread_time_ns(), time.perf_counter_ns()
                    await tracker.track_integration_query(*given)
                    after = time.perf_counter_ns()
                    taken.append((after - before, time.thread_time_ns() - cpu))
            return _delays(taken, time.perf_counter() - began)

    return lambda bootstrap, seconds: asyncio.run(run(bootstrap, seconds))


WAYS: Final[dict[str, Callable[[str, float], Delays]]] = {
    "two threads, before": threads_before,
    "two threads": threads,
    "asyncio, before": _loop(ContractTracker),
    "asyncio": _loop(IntegrationTracker),
}
