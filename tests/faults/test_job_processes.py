"""The leader's jobs take too long or are killed: ingestion and the other jobs go on, and nothing is left behind."""

from __future__ import annotations

import psutil
import pytest

from cli.verification import stored_events
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress
from tests.integration.test_exactness import history, publish
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(300)]

_EVENTS = 12_000


def _jobs(worker: WorkerProcess) -> list[psutil.Process]:
    """The processes of jobs: grandchildren, of the server that they are forked from."""
    servers = psutil.Process(worker.pid).children()
    return [job for server in servers for job in server.children()]


def _ended(worker: WorkerProcess, reason: str) -> float:
    return worker.metric("romashka_jobs_ended_total", reason=reason)


def test_jobs_that_take_too_long_are_ended_while_every_event_arrives(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    sent = history(_EVENTS, seed=4)
    with WorkerProcess({**env, "ROMASHKA_JOB_SECONDS": "0.001"}) as worker, connect(database) as client:
        worker.wait_until_ready()
        wait_for(lambda: _ended(worker, "time") >= 3, 60, worker.log)
        publish(topics, sent)
        wait_for(lambda: stored_events(client) == _EVENTS, 60, worker.log)
        assert "was terminated after" in worker.log()
        assert worker.metric("romashka_leader") == 1
        assert worker.terminate() == 0


def test_a_job_that_is_killed_begins_again_and_none_outlives_the_worker(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    sent = history(_EVENTS, seed=5)
    with WorkerProcess(env) as worker, connect(database) as client:
        worker.wait_until_ready()
        succeeded = "romashka_job_last_success_timestamp_seconds"
        wait_for(lambda: worker.metric(succeeded, job="providers") > 0, 60, worker.log)
        before = worker.metric(succeeded, job="providers")
        for job in _jobs(worker):
            job.kill()
        wait_for(lambda: _ended(worker, "died") >= 1, 60, worker.log)
        publish(topics, sent)
        wait_for(lambda: stored_events(client) == _EVENTS, 60, worker.log)
        wait_for(lambda: worker.metric(succeeded, job="providers") > before, 90, worker.log)
        left = _jobs(worker)
        assert left
        worker.kill()
        _, alive = psutil.wait_procs(left, timeout=10)
        assert not alive
