"""The tracker for code without asyncio: any thread, any process, and the end of the program."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from romashka_tracker import (
    BlockingTracker,
    IntegrationTracker,
    InvalidEvent,
    MemoryTransport,
    TrackerClosed,
    TrackerError,
)
from tests.contracts.http_place import HttpPlace

_TOPIC = "integration.queries.v1"
_PROGRAM = """
import os, sys
from uuid import uuid4
from romashka_tracker import BlockingTracker, IntegrationTracker, MemoryTransport

made = []
def make():
    made.append(MemoryTransport())
    made[-1].down = len(sys.argv) > 1
    return IntegrationTracker(made[-1])

tracker = BlockingTracker(make)
def track():
    tracker.call(IntegrationTracker.track_integration_query, uuid4(), uuid4(), "hubspot", "x", True, 1)
"""


def _query(tracker: BlockingTracker, milliseconds: int = 1) -> None:
    tracker.call(IntegrationTracker.track_integration_query, uuid4(), uuid4(), "hubspot", "x", True, milliseconds)


def test_events_of_code_without_asyncio_arrive() -> None:
    transport = MemoryTransport()
    with BlockingTracker(lambda: IntegrationTracker(transport)) as tracker:
        _query(tracker)
        tracker.flush(5)
        assert (len(transport.messages(_TOPIC)), tracker.counters.delivered) == (1, 1)
    with pytest.raises(TrackerClosed):
        _query(tracker)


def test_a_wrong_argument_is_raised_at_the_call() -> None:
    with BlockingTracker(lambda: IntegrationTracker(MemoryTransport())) as tracker, pytest.raises(InvalidEvent):
        _query(tracker, -1)


def test_a_forked_process_starts_anew_and_delivers() -> None:
    program = (
        _PROGRAM
        + """
track()
if (child := os.fork()) == 0:
    track()
    tracker.flush(5)
    os._exit(0 if len(made) == 2 and len(made[1].messages("integration.queries.v1")) == 1 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], timeout=30, check=True)


def test_what_waits_at_the_end_of_the_program_is_delivered() -> None:
    program = (
        _PROGRAM
        + """
import atexit
track()
atexit.unregister(tracker._at_exit)
tracker._at_exit()
print(len(made[0].messages("integration.queries.v1")))
"""
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=30, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_what_cannot_be_delivered_at_the_end_is_one_warning_with_the_number() -> None:
    program = _PROGRAM + "import romashka_tracker.blocking as b\nb._EXIT_SECONDS = 0.3\ntrack(); track(); track()\n"
    done = subprocess.run(
        [sys.executable, "-c", program, "down"], timeout=30, check=True, capture_output=True, text=True
    )
    assert done.stderr.count("3 events were not delivered and are lost") == 1


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
