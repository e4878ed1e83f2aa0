from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from streams.health import BLOCKED_SECONDS, WorkerHealth, serve


class Clock:
    """Seconds that go forward when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_worker_is_ready_from_its_start_until_it_stops_and_alive_all_the_time() -> None:
    health = WorkerHealth(Clock())
    assert (health.live(), health.ready()) == ("", "starting")
    health.started({})
    assert (health.live(), health.ready()) == ("", "")
    health.stopping()
    assert (health.live(), health.ready()) == ("", "stopping")


async def test_an_event_loop_that_stands_still_is_not_alive() -> None:
    clock = Clock()
    health = WorkerHealth(clock)
    health.started({})
    beating = asyncio.create_task(health.run())
    await asyncio.sleep(0)
    clock.now = BLOCKED_SECONDS
    assert health.live() == ""
    clock.now += 1
    assert health.live() == health.ready() == "the event loop has been blocked for 61 s"
    beating.cancel()


def test_what_is_wrong_is_said_as_long_as_it_is() -> None:
    works = {"kafka": True, "clickhouse": False}
    health = WorkerHealth(Clock())
    health.started({"Kafka is away": lambda: works["kafka"], "ClickHouse is away": lambda: works["clickhouse"]})
    assert health.ready() == "ClickHouse is away"
    assert health.live() == ""
    works["clickhouse"] = True
    assert health.ready() == ""


@pytest.fixture
def served() -> Iterator[tuple[WorkerHealth, str]]:
    """A health and where it is served, beside a metric."""
    registry, health = CollectorRegistry(), WorkerHealth(Clock())
    Gauge("romashka_example", "An example", registry=registry).set(7)
    server = serve("127.0.0.1", 0, registry, health)
    yield health, f"http://127.0.0.1:{server.server_port}"
    server.stop()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the server of the test
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_supervisors_and_prometheus_ask_the_same_port(
    served: tuple[WorkerHealth, str], capfd: pytest.CaptureFixture[str]
) -> None:
    health, url = served
    assert _get(url + "/live") == (200, "ok\n")
    assert _get(url + "/ready") == (503, "starting\n")
    health.started({})
    assert _get(url + "/ready") == (200, "ok\n")
    status, metrics = _get(url + "/metrics")
    assert status == 200
    assert "romashka_example 7.0" in metrics
    assert capfd.readouterr().err == "", "a request is no line in the log"


def test_a_port_that_is_taken_is_an_error_of_the_system(served: tuple[WorkerHealth, str]) -> None:
    port = int(served[1].rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        serve("127.0.0.1", port, CollectorRegistry(), WorkerHealth(Clock()))
