"""A job in a process of its own: what it may take, what it says, and what is left of it."""

from __future__ import annotations

import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Final, cast

import psutil
import pytest
from clickhouse_connect.driver.client import Client

from models.errors import RomashkaError
from models.insights import Insight
from streams.job import Job, JobEnded, JobLimits, JobPostponed
from streams.job_process import JobProcess, preload
from tests.examples.events import NOW
from tests.examples.insights import insight

_MEGABYTE: Final = 1_048_576
_FINDING: Final = insight()

Run = Callable[["_Client", datetime], Sequence[Insight]]


class _Client:
    """Stands for a connection; jobs here ask nothing."""

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return


class _Remembers:
    def __init__(self) -> None:
        self.confirmed = 0

    def run(self, _client: Client, _now: datetime) -> Sequence[Insight]:
        return [_FINDING] * (1 + self.confirmed)

    def confirm(self) -> None:
        self.confirmed += 1


def _finds(_client: _Client, now: datetime) -> Sequence[Insight]:
    assert now == NOW
    return [_FINDING]


def _allocates(_client: _Client, _now: datetime) -> Sequence[Insight]:
    return [] if bytearray(1_000 * _MEGABYTE) else [_FINDING]


def _shares(_client: _Client, _now: datetime) -> Sequence[Insight]:
    with mmap.mmap(-1, 600 * _MEGABYTE) as shared:  # no memory of its own, so that no allocation fails
        for place in range(0, len(shared), mmap.PAGESIZE):
            shared[place] = 1
        time.sleep(60)
    return []


def _sleeps(_client: _Client, _now: datetime) -> Sequence[Insight]:
    time.sleep(60)
    return []


def _dies(_client: _Client, _now: datetime) -> Sequence[Insight]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def _refuses(_client: _Client, _now: datetime) -> Sequence[Insight]:
    raise RomashkaError("ClickHouse does not answer")


def _waits(_client: _Client, _now: datetime) -> Sequence[Insight]:
    raise JobPostponed("it waits")


def _leaves_out(_client: _Client, _now: datetime) -> Sequence[Insight]:
    raise JobPostponed("a tenant is behind", [_FINDING])


def _breaks(_client: _Client, _now: datetime) -> Sequence[Insight]:
    nothing: dict[str, Sequence[Insight]] = {}
    return nothing["a bug"]


def _jobs(run: Any) -> Sequence[Job]:
    return [Job("other", timedelta(1), _dies_of_the_wrong_name), Job("a job", timedelta(1), run)]


def _remembering() -> Sequence[Job]:
    remembers = _Remembers()
    return [Job("a job", timedelta(1), remembers.run, remembers.confirm, stays=True)]


def _dies_of_the_wrong_name(_client: Client, _now: datetime) -> Sequence[Insight]:
    os._exit(9)


def _connect() -> Client:
    return cast("Client", _Client())


@pytest.fixture
def started() -> Iterator[Callable[..., JobProcess]]:
    """Makes processes of jobs, and ends them after the test."""
    preload([__name__])
    made: list[JobProcess] = []

    def start(run: Run | None = None, megabytes: int = 256, seconds: float = 30) -> JobProcess:
        factory = _remembering if run is None else partial(_jobs, run)
        made.append(JobProcess("a job", factory, _connect, JobLimits(megabytes * _MEGABYTE, seconds)))
        return made[-1]

    yield start
    for one in made:
        one.release()


Start = Callable[..., JobProcess]


def test_what_a_job_finds_comes_back_with_the_memory_that_it_took(started: Start) -> None:
    process = started(_finds)
    assert process.run(NOW) == [_FINDING]
    assert 10 * _MEGABYTE < process.memory_bytes < 1_000 * _MEGABYTE


@pytest.mark.parametrize(
    ("run", "megabytes", "seconds", "reason"),
    [
        pytest.param(_allocates, 256, 30, "memory", id="an allocation beyond the bound"),
        pytest.param(_shares, 256, 30, "memory", id="memory that is no allocation"),
        pytest.param(_sleeps, 256, 0.5, "time", id="too long"),
        pytest.param(_dies, 256, 30, "died", id="killed from outside"),
    ],
)
def test_a_job_that_takes_too_much_or_dies_is_ended_and_the_next_run_has_a_new_process(
    started: Start, run: Run, megabytes: int, seconds: float, reason: str
) -> None:
    process = started(run, megabytes, seconds)
    for _ in range(2):
        with pytest.raises(JobEnded) as ended:
            process.run(NOW)
        assert ended.value.reason == reason
    assert not [child for child in psutil.Process().children() if child.name() == "job a job"]


def test_failures_keep_their_words(started: Start) -> None:
    with pytest.raises(RomashkaError, match=r"^ClickHouse does not answer$"):
        started(_refuses).run(NOW)
    with pytest.raises(JobPostponed, match=r"^it waits$") as postponed:
        started(_waits).run(NOW)
    assert postponed.value.insights is None
    with pytest.raises(JobPostponed, match=r"^a tenant is behind$") as partly:
        started(_leaves_out).run(NOW)
    assert partly.value.insights == [_FINDING]
    with pytest.raises(Exception, match="KeyError") as unexpected:
        started(_breaks).run(NOW)
    assert not isinstance(unexpected.value, RomashkaError)


def test_a_job_that_stays_remembers_what_was_confirmed_until_its_process_ends(started: Start) -> None:
    process = started()
    assert len(process.run(NOW)) == 1
    process.confirm()
    assert len(process.run(NOW)) == 2
    process.release()
    assert len(process.run(NOW)) == 1


def test_a_worker_that_stops_ends_the_run_that_goes_on(started: Start) -> None:
    process = started(_sleeps)
    threading.Timer(0.3, process.stop).start()
    began = time.monotonic()
    with pytest.raises(JobEnded, match="the worker stops"):
        process.run(NOW)
    assert time.monotonic() - began < 5
