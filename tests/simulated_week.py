"""A week of two tenants in ClickHouse: written, rolled up and judged by the program's own parts, without Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.state import StateSigner
from jobs import business_impact
from jobs.provider_outages import ProviderJob
from jobs.roll_ups import refresh
from kpis.rollups.freshness import MARGIN_SECONDS
from kpis.settings_model import new_entry
from models.insights import Insight
from models.minutes import Series
from models.rows import HEALTH
from simulator.incidents import SimulatedIncident, one_of_each
from simulator.rows import Message
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows, latest
from sinks.sink import Sink
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress
from storage.deployments import Deployment, note
from storage.detector_store import SavedState, state_rows
from storage.reading import query_rows
from storage.tenant_settings import save
from streams.detection.partition_monitor import replayed
from streams.detection.series_monitor import SeriesMonitor
from tests.loading import Loader

TENANTS: Final = DEFAULT_TENANTS[:2]
SPAN: Final = timedelta(days=7)
# The simulator's chances follow from its times: the same week is the same traffic, whenever this runs.
_END: Final = datetime(2026, 1, 12, 22, tzinfo=UTC)
_FIRST, _EVERY, _LASTING = _END - timedelta(hours=9), timedelta(minutes=90), timedelta(minutes=90)
_SCENARIO: Final = Scenario(
    seed=1,
    start=_END - SPAN,
    end=_END,
    tenants=TENANTS,
    rate=rate_for(100_000, SPAN, TENANTS),
    incidents=one_of_each(TENANTS, _FIRST, _EVERY, _LASTING),
)
_SERIES: Final = (
    "SELECT DISTINCT user_id, toString(integration_provider) AS provider FROM integration_query_metrics "
    "ORDER BY user_id, provider"
)
_COSTS: Final = {
    "currency": "EUR",
    "cost_per_human_contact": "6.50",
    "loaded_rate_per_hour": "31.40",
    "handle_minutes_saved": "3.00",
    "platform_cost_per_month": "900.00",
    "upkeep_cost_per_month": "400.00",
    **{f"integration_cost_per_month:{provider}": "80.00" for provider in TENANTS[0].providers},
}
_SECRET: Final = b"a secret of at least 16 bytes"


class Week(NamedTuple):
    """What was loaded, and what was really wrong."""

    address: ClickHouseAddress
    start: datetime
    end: datetime
    incidents: tuple[SimulatedIncident, ...]

    @property
    def tenant(self) -> UUID:
        """The tenant that has set its costs."""
        return TENANTS[0].id


def load(address: ClickHouseAddress, client: Client) -> Week:
    """Write the week as the worker would, and run the periodic jobs once."""
    by = (datetime.now(UTC) - _END) // timedelta(weeks=1) * timedelta(weeks=1)
    end = _END + by
    sink = ClickHouseSink(address)
    Loader(sink, end).load(message for part in _SCENARIO.history() for message in moved(part, by))
    columns = ", ".join(HEALTH.names)  # the worker writes health reports to both tables
    client.command(
        f"INSERT INTO integration_health_metrics ({columns}) SELECT {columns} FROM integration_health_history"
    )
    client.command("INSERT INTO known_tenants SELECT DISTINCT user_id, now('UTC') FROM integration_query_metrics")
    refresh(client)
    client.command(  # so that readers trust the roll-ups at once
        "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
        f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
    )
    for name, value in _COSTS.items():
        save(client, new_entry(TENANTS[0].id, name, value, date(2026, 1, 1), end))
    _judge(address, client, sink, end)
    business_impact.refresh(client, end)
    note(client, Deployment("assistant", "2.14.0", end - timedelta(hours=5)))
    incidents = tuple(replace(one, start=one.start + by, end=one.end + by) for one in _SCENARIO.incidents)
    return Week(address, end - SPAN, end, incidents)


def _judge(address: ClickHouseAddress, client: Client, sink: Sink, end: datetime) -> None:
    """Let the detectors go through the week, then the leader's job over providers."""
    store = ClickHouseDetectors(address)
    series: list[Series] = [(row["user_id"].bytes, row["provider"]) for row in query_rows(client, _SERIES, {})]
    history = store.history(series, end - SPAN, end)
    news: list[Insight] = []
    states = []
    for one in series:
        watch = SeriesMonitor(one)
        news += replayed(watch, history)
        assert watch.scored_through is not None
        states.append(SavedState(one, 0, watch.scored_through, 1, b""))
    _tell(sink, news)
    sink.write("detector_states", state_rows(states))
    _tell(sink, ProviderJob(store, sink, StateSigner(_SECRET)).run(client, end))


def _tell(sink: Sink, news: Sequence[Insight]) -> None:
    sink.write("predictive_insights", insight_rows(latest(news)))


def moved(messages: Iterable[Message], by: timedelta) -> Iterator[Message]:
    """Yield the messages, as if all of it had happened so much later."""
    for topic, key, value in messages:
        event = json.loads(value)
        for name in ("created_at", "last_sync_at", "opened_at"):
            if event.get(name) is not None:
                event[name] = (datetime.fromisoformat(event[name]) + by).isoformat()
        yield topic, key, json.dumps(event).encode()
