"""``romashka jobs run`` tells what a job found of the tenants that are up to date, and that others were left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from cli.commands import jobs
from models.insights import Insight
from storage.connection import ClickHouseAddress
from streams.bulk_producer import BulkProducer
from streams.job import Job, JobPostponed
from tests.examples.insights import insight


@contextmanager
def _connected(*_: Any, **__: Any) -> Iterator[None]:
    yield


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Insight]:
    found: list[Insight] = []
    monkeypatch.setattr(jobs, "connect", _connected)
    monkeypatch.setattr(jobs, "_tell", lambda insights, *_: found.extend(insights))
    return found


def _run(insights: Sequence[Insight] | None) -> jobs.JobResult:
    def run(_client: Client, _now: datetime) -> Sequence[Insight]:
        raise JobPostponed("it was run without 1 tenant", insights)

    job = Job("a job", timedelta(hours=6), run, confirm=lambda: pytest.fail("others are left to be judged"))
    return jobs.run_job(job, cast("ClickHouseAddress", None), cast("BulkProducer", None))


def test_what_was_found_of_the_others_is_told_and_the_outcome_says_who_was_left_out(told: list[Insight]) -> None:
    done = _run([insight()])
    assert told == [insight()]
    assert (done.insights, done.failure) == (1, "it was run without 1 tenant")


def test_a_job_that_ran_for_nobody_tells_nothing(told: list[Insight]) -> None:
    done = _run(None)
    assert told == []
    assert (done.insights, done.failure) == (0, "it was run without 1 tenant")
