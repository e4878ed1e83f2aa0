"""A bad Tuesday of two tenants in ClickHouse: an integration's token was revoked at one of them.

What is stored is that Tuesday, the Monday before it, and the Tuesday a week earlier.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.rollups.freshness import MARGIN_SECONDS
from kpis.scope import Scope
from kpis.settings_model import new_entry
from models.minutes import Series
from models.rows import HEALTH
from simulator.incidents import SimulatedIncident
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows, latest
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress
from storage.tenant_settings import save
from streams.detection.partition_monitor import replayed
from streams.detection.series_monitor import SeriesMonitor
from tests.loading import Loader
from tests.simulated_week import moved

TENANTS: Final = DEFAULT_TENANTS[:2]
PROVIDER: Final = "shopify"
_SPAN: Final = timedelta(days=8)
# A Wednesday: the Tuesday before is the last day, and the Tuesday before that the first.
_END: Final = datetime(2026, 1, 14, tzinfo=UTC)
_STORED: Final = {0, 6, 7}
_SCENARIO: Final = Scenario(
    seed=3,
    start=_END - _SPAN,
    end=_END,
    tenants=TENANTS,
    rate=rate_for(64_000, _SPAN, TENANTS),
    incidents=(
        SimulatedIncident(
            "tuesday", "error_burst", PROVIDER, TENANTS[0].id, _END - timedelta(hours=22), _END, 1.0, "auth"
        ),
    ),
)


class Tuesday(NamedTuple):
    """The loaded data set: the start of the Tuesday with the incident (UTC), and the incident."""

    address: ClickHouseAddress
    start: datetime
    incident: SimulatedIncident

    @property
    def tenant(self) -> UUID:
        """The tenant whose token was revoked."""
        return TENANTS[0].id

    @property
    def other(self) -> UUID:
        """The tenant at which nothing happened."""
        return TENANTS[1].id

    @property
    def scope(self) -> Scope:
        """The Tuesday of the tenant."""
        return Scope(self.start, self.start + timedelta(days=1), self.tenant)

    @property
    def week_before(self) -> Scope:
        """The Tuesday before."""
        return Scope(self.start - timedelta(days=7), self.start - timedelta(days=6), self.tenant)


def load(address: ClickHouseAddress, client: Client) -> Tuesday:
    """Write the days as the worker would, and let the detectors judge the integration that failed."""
    by = (datetime.now(UTC) - _END) // timedelta(weeks=1) * timedelta(weeks=1)
    end = _END + by
    sink = ClickHouseSink(address)
    days = [day for number, day in enumerate(_SCENARIO.history(timedelta(days=1))) if number in _STORED]
    Loader(sink, end).load(message for day in days for message in moved(day, by))
    columns = ", ".join(HEALTH.names)  # the worker writes health reports to both tables
    client.command(
        f"INSERT INTO integration_health_metrics ({columns}) SELECT {columns} FROM integration_health_history"
    )
    refresh(client)
    client.command(  # so that readers trust the roll-ups at once
        "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
        f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
    )
    for name, value in {"currency": "EUR", "cost_per_human_contact": "6.50"}.items():
        save(client, new_entry(TENANTS[0].id, name, value, date(2026, 1, 1), end))
    series: Series = (TENANTS[0].id.bytes, PROVIDER)
    found = replayed(
        SeriesMonitor(series), ClickHouseDetectors(address).history([series], end - timedelta(days=2), end)
    )
    sink.write("predictive_insights", insight_rows(latest(found)))
    (incident,) = _SCENARIO.incidents
    return Tuesday(address, end - timedelta(days=1), incident)
