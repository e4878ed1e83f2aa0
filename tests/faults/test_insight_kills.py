"""A worker that is killed while an incident is going on: it stays one incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from cli.verification import detected_through
from simulator.incidents import SimulatedIncident
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from storage.connection import ClickHouseAddress, connect
from storage.insight_store import InsightFilter, stored_insights
from streams.kafka import KafkaAddress
from tests.integration.test_exactness import publish
from tests.worker_process import WorkerProcess, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

TENANTS = DEFAULT_TENANTS[1:2]
SPAN = timedelta(days=1)
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def _judged(client: Client, moment: datetime) -> Callable[[], bool]:
    return lambda: (detected_through(client) or _NEVER) >= moment


def test_an_open_episode_survives_kills_as_one_with_the_same_id(
    env: dict[str, str], topics: KafkaAddress, database: ClickHouseAddress
) -> None:
    now = datetime.now(UTC)
    tenant = TENANTS[0]
    burst = SimulatedIncident("burst", "error_burst", "shopify", tenant.id, now - timedelta(hours=2), now + SPAN, 0.9)
    scenario = Scenario(
        seed=5, start=now - SPAN, end=now, tenants=TENANTS, rate=rate_for(60_000, SPAN, TENANTS), incidents=(burst,)
    )
    feed = scenario.feed(scenario.start)
    with WorkerProcess(env) as worker, connect(database) as client:
        publish(topics, feed.until(now - timedelta(minutes=90)))

        def found() -> list[tuple[str, str]]:
            # Where this machine is slow to send, the tenant really is silent for a while, later than this.
            wanted = InsightFilter(
                tenant=tenant.id, insight_type="performance_anomaly", until=now - timedelta(minutes=95)
            )
            return [(str(one.id), one.status) for one in stored_insights(client, wanted)]

        wait_for(lambda: len(found()) == 1, 90, worker.log)
        first = found()
        assert first[0][1] == "open"
        for minutes in (60, 30):
            worker.kill()  # at any moment of the work: nothing waits for its states to be saved
            publish(topics, feed.until(now - timedelta(minutes=minutes)))
            worker.start()
            wait_for(_judged(client, now - timedelta(minutes=minutes + 5)), 90, worker.log)
            assert found() == first
        assert "refused" not in worker.log()
