"""The tracker for code without asyncio: any thread, any process, and the end of the program."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from inspect import signature
from pathlib import Path
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import Any
from uuid import uuid4

import pytest

from romashka_tracker import (
    BlockingTracker,
    DeliveryFailed,
    IntegrationTracker,
    InvalidEvent,
    MemoryTransport,
    TrackerClosed,
    TrackerError,
)
from tests.contracts.http_place import HttpPlace

_TOPIC = "integration.queries.v1"
# A transport that notes what it delivered in a file, from any process.
_PROGRAM = """
import asyncio, logging, multiprocessing, os, signal, sys, time
from uuid import uuid4
from romashka_tracker import BlockingTracker, IntegrationTracker, MemoryTransport, NotDelivered

logging.basicConfig(format="%(message)s")
FILE, DOWN = sys.argv[1], sys.argv[2:] == ["down"]

class Noting(MemoryTransport):
    async def send(self, topic, batch):
        if DOWN:
            raise NotDelivered("down", range(len(batch)))
        await asyncio.sleep(0.05)
        with open(FILE, "a") as file:
            file.write(f"{os.getpid()}\\n" * len(batch))

def make():
    return IntegrationTracker(Noting(), linger_seconds=0.2)

def track(times=3):
    for _ in range(times):
        tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1)

tracker = BlockingTracker(make)
"""


def _query(tracker: BlockingTracker, milliseconds: int = 1) -> None:
    tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, milliseconds)


def test_events_of_code_without_asyncio_arrive() -> None:
    transport = MemoryTransport()
    with BlockingTracker(lambda: IntegrationTracker(transport)) as tracker:
        _query(tracker)
        tracker.flush(5)
        assert (len(transport.messages(_TOPIC)), tracker.counters.delivered) == (1, 1)
    with pytest.raises(TrackerClosed):
        _query(tracker)


def test_a_caller_that_is_faster_than_the_transport_loses_nothing() -> None:
    transport = MemoryTransport()
    with BlockingTracker(lambda: IntegrationTracker(transport, buffer_events=1_000, linger_seconds=0.01)) as tracker:
        for milliseconds in range(8_000):
            _query(tracker, milliseconds)
        tracker.flush(10)
        assert (tracker.counters.delivered, tracker.counters.dropped) == (8_000, 0)
    assert [json.loads(m.value)["response_time_ms"] for m in transport.messages(_TOPIC)] == list(range(8_000))


def test_a_transport_that_is_down_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = MemoryTransport()
    transport.down = True
    tracker = BlockingTracker(lambda: IntegrationTracker(transport, buffer_events=100))
    _query(tracker)
    while not tracker.counters.failed_attempts:
        time.sleep(0.01)
    slept: list[float] = []
    with monkeypatch.context() as watched:
        watched.setattr(time, "sleep", slept.append)
        for milliseconds in range(150):
            _query(tracker, milliseconds)
    assert slept == []
    assert (tracker.counters.buffered, tracker.counters.dropped) == (100, 51)
    with pytest.raises(DeliveryFailed):
        tracker.close(0)


def test_events_of_several_threads_all_arrive_in_the_order_of_each() -> None:
    transport = MemoryTransport()
    with BlockingTracker(lambda: IntegrationTracker(transport, linger_seconds=0.001)) as tracker:

        def track(base: int) -> None:
            for number in range(1_000):
                _query(tracker, base + number)

        threads = [Thread(target=track, args=(base,)) for base in (0, 10_000, 20_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    arrived = [json.loads(message.value)["response_time_ms"] for message in transport.messages(_TOPIC)]
    assert len(arrived) == 3_000
    for base in (0, 10_000, 20_000):
        assert [number for number in arrived if base <= number < base + 1_000] == [*range(base, base + 1_000)]


def test_a_call_that_a_close_overtakes_is_refused_or_delivered() -> None:
    transport = MemoryTransport()
    tracker = BlockingTracker(lambda: IntegrationTracker(transport, linger_seconds=0))
    taken = 0

    def track() -> None:
        nonlocal taken
        with suppress(TrackerClosed):
            while True:
                _query(tracker)
                taken += 1

    threads = [Thread(target=track) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    tracker.close()
    for thread in threads:
        thread.join()
    assert 0 < taken <= len(transport.messages(_TOPIC))


def test_a_call_that_waits_ends_when_another_thread_closes_the_tracker() -> None:
    transport = MemoryTransport()
    transport.down = True
    tracker = BlockingTracker(lambda: IntegrationTracker(transport))
    _query(tracker)
    said: list[str] = []

    def flush() -> None:
        try:
            tracker.flush()
        except TrackerClosed as error:
            said.append(str(error))

    thread = Thread(target=flush, daemon=True)
    thread.start()
    time.sleep(0.1)
    with pytest.raises(DeliveryFailed):
        tracker.close(0.1)
    thread.join(5)
    assert said == ["The tracker was closed during this call."]
    with pytest.raises(TrackerClosed):
        tracker.flush()


def test_closed_trackers_leave_no_open_files_and_no_threads() -> None:
    def made(transport: MemoryTransport) -> BlockingTracker:
        return BlockingTracker(lambda: IntegrationTracker(transport, linger_seconds=0))

    def refused() -> IntegrationTracker:
        raise TrackerError("no such transport")

    def count() -> tuple[int, int]:
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), sum(
            one.name == "romashka tracker" for one in enumerate_threads()
        )

    deadline = time.monotonic() + 5
    while count()[1] and time.monotonic() < deadline:  # the thread of the test before is about to end
        time.sleep(0.01)
    before, kept = count(), [made(MemoryTransport()) for _ in range(5)]
    for one in kept:
        _query(one)
        one.close()
    broken = BlockingTracker(refused)
    for _ in range(3):
        with pytest.raises(TrackerError, match="no such transport"):
            _query(broken)
    deadline = time.monotonic() + 5
    while count() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert count() == before


def test_a_forked_process_repeats_no_id(tmp_path: Path) -> None:
    program = """
ids = [tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1)]
child = os.fork()
ids += [tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1) for _ in range(300)]
with open(FILE + ".ids", "a") as file:
    file.write("".join(f"{one}\\n" for one in ids[child == 0:]))
tracker.close()
if child:
    os.waitpid(child, 0)
"""
    run(tmp_path, program)
    ids = (tmp_path / "delivered.ids").read_text().split()
    assert len(set(ids)) == len(ids) == 601


def test_a_wrong_argument_is_raised_at_the_call() -> None:
    with BlockingTracker(lambda: IntegrationTracker(MemoryTransport())) as tracker, pytest.raises(InvalidEvent):
        _query(tracker, -1)


@pytest.mark.parametrize(
    "name",
    [
        "track_integration_query",
        "record_conversation_outcome",
        "update_integration_health",
        "record_conversation_intelligence",
    ],
)
def test_its_methods_take_what_those_of_the_asynchronous_one_take(name: str) -> None:
    assert signature(getattr(BlockingTracker, name)) == signature(getattr(IntegrationTracker, name))


def run(tmp_path: Path, program: str, *arguments: str, code: int = 0) -> tuple[int, str]:
    """Run a program that ends as it likes; return how many events were delivered, and what it said."""
    noted = tmp_path / "delivered"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM + program, str(noted), *arguments],
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return (len(noted.read_text().splitlines()) if noted.exists() else 0), done.stderr


_CHILD = """
track(1); tracker.flush(5)  # the parent's runs already: its thread and lock are not those of the child
if (child := os.fork()) == 0:
    track(); {end}
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
_POOL = """
track(1); tracker.flush(5)
if __name__ == "__main__":
    {pool}
"""


@pytest.mark.parametrize(
    ("program", "delivered", "code"),
    [
        ("track()", 3, 0),
        ("track(); sys.exit(7)", 3, 7),
        ("track(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 3, 143),
        ("tracker.close", 0, 0),
        (_CHILD.format(end="tracker.flush(5); os._exit(0)"), 4, 0),
        (_CHILD.format(end="sys.exit(0)"), 4, 0),
        (_CHILD.format(end="os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)"), 4, 143),
        (_POOL.format(pool="p = multiprocessing.get_context('fork').Process(target=track); p.start(); p.join()"), 4, 0),
        (
            _POOL.format(
                pool="p = multiprocessing.get_context('fork').Pool(1); p.map(track, [3]); p.close(); p.join()"
            ),
            4,
            0,
        ),
    ],
    ids=["end", "exit", "SIGTERM", "nothing", "fork", "fork, exit", "fork, SIGTERM", "process", "pool"],
)
def test_what_waits_when_a_process_ends_is_delivered(tmp_path: Path, program: str, delivered: int, code: int) -> None:
    assert run(tmp_path, program, code=code) == (delivered, "")


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("track()", 0),
        ("track(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143),
        ("p = multiprocessing.get_context('fork').Process(target=track); p.start(); p.join()", 0),
    ],
    ids=["end", "SIGTERM", "process"],
)
def test_what_cannot_be_delivered_at_the_end_is_one_warning_with_the_number(
    tmp_path: Path, program: str, code: int
) -> None:
    short = "import romashka_tracker.blocking as b\nb._EXIT_SECONDS = 0.3\n"
    delivered, said = run(tmp_path, short + program, "down", code=code)
    assert delivered == 0
    assert said.count("3 events were not delivered and are lost") == 1


_ASYNC = """
async def main():
    tracker = make()
    await tracker.start()
    for _ in range(3):
        await tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1)
    {end}
"""


@pytest.mark.parametrize(
    ("program", "delivered", "lost", "code"),
    [
        (_ASYNC.format(end="await tracker.close()") + "asyncio.run(main())", 3, 0, 0),
        (_ASYNC.format(end="pass") + "asyncio.run(main())", 0, 3, 0),
        (_ASYNC.format(end="os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)") + "asyncio.run(main())", 0, 3, 143),
        (
            _ASYNC.format(end="pass")
            + "p = multiprocessing.get_context('fork').Process(target=asyncio.run, args=[main()]); p.start(); p.join()",
            0,
            3,
            0,
        ),
        (
            """
async def main():
    async with make() as tracker:
        for _ in range(3):
            await tracker.track_integration_query(uuid4(), uuid4(), "hubspot", "x", True, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(9)
asyncio.run(main())
""",
            3,
            0,
            143,
        ),
    ],
    ids=["closed", "not closed", "SIGTERM, not closed", "process, not closed", "SIGTERM, async with"],
)
def test_the_asynchronous_one_delivers_or_says_how_many_are_lost(
    tmp_path: Path, program: str, delivered: int, lost: int, code: int
) -> None:
    found, said = run(tmp_path, program, code=code)
    assert found == delivered
    assert said.count(f"without closing the tracker: {lost} events are lost") == (1 if lost else 0)


@pytest.mark.parametrize(
    "given",
    [{}, {"bootstrap_servers": "k:1", "collector": "http://c", "key": "k"}, {"collector": "http://c"}, {"key": "k"}],
)
def test_where_events_go_must_be_said_once(given: dict[str, Any]) -> None:
    with pytest.raises(TrackerError, match="collector= and key="):
        IntegrationTracker.blocking(**given)


def test_a_wrong_address_of_a_collector_is_told_at_once() -> None:
    with pytest.raises(TrackerError, match="address"):
        IntegrationTracker.blocking(collector="collector:8081", key="k")


def test_events_of_code_without_asyncio_arrive_over_http() -> None:
    with HttpPlace() as place, IntegrationTracker.blocking(collector=place.url, key="rmk_test") as tracker:
        for milliseconds in range(3):
            _query(tracker, milliseconds)
        tracker.flush(10)
        assert tracker.counters.delivered == 3
        assert [json.loads(value)["response_time_ms"] for value in place.values(_TOPIC)] == [0, 1, 2]


_IN_A_SIGNAL_HANDLER = """
asked = []

def handler(*_):
    {does}

def make():
    if not asked:  # while the main thread waits for the start, holding the tracker's lock
        asked.append(True)
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.2)
    return IntegrationTracker(Noting(), linger_seconds=0.2)

signal.signal(signal.SIGUSR1, handler)
tracker = BlockingTracker(make)
try:
    track(2)
except Exception as error:
    print(type(error).__name__, file=sys.stderr)
tracker.close()
"""


@pytest.mark.parametrize(
    ("does", "delivered", "said"),
    [("track(3)", 5, ""), ("tracker.close()", 0, "TrackerClosed\n")],
    ids=["an event", "the end"],
)
def test_a_signal_handler_may_use_a_tracker_whose_thread_is_just_starting_it(
    tmp_path: Path, does: str, delivered: int, said: str
) -> None:
    """It waited for a lock that its own thread held, and the process never ended."""
    assert run(tmp_path, _IN_A_SIGNAL_HANDLER.format(does=does)) == (delivered, said)


@pytest.mark.parametrize(
    "program",
    [
        "import atexit\natexit.register(track)",
        "import atexit\natexit.register(track)\ntrack(0)\ntracker._started()",
        "import atexit\ntracker._started()\natexit.register(track)",
        "import atexit\natexit.register(track)\natexit.register(lambda: 1 / 0)",
    ],
    ids=["the first event", "before the first event", "after the first event", "beside a function that fails"],
)
def test_what_a_function_at_the_end_of_the_program_reports_is_delivered(tmp_path: Path, program: str) -> None:
    """Without an event before it was lost in silence; with one it was refused with TrackerClosed."""
    delivered, _ = run(tmp_path, program)
    assert delivered == 3
