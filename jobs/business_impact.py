"""Updates ``business_impact_metrics``: current months and weeks, and earlier ones that late events changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from kpis.analyses.impact import Impact, ImpactPeriod, changed, measured, periods, stored
from kpis.scope import ALL_TENANTS, Scope
from kpis.sql.query_context import QueryContext
from kpis.tenant_series import OfSlice, integrations_query
from models.insights import Insight
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from storage.writing import insert_rows
from streams.job import Job


def refresh(client: Client, now: datetime) -> Sequence[Insight]:
    """Recompute every period and write the rows that changed; idempotent.

    Raises
    ------
    Unreachable
        ClickHouse does not answer or rejects the rows.
    """
    for period in periods(now):
        refresh_period(client, period, now)
    return ()


def refresh_period(client: Client, period: ImpactPeriod, now: datetime) -> None:
    """Recompute one period, a slice of tenants at a time; see ``refresh``."""
    for within in tenant_slices(client, integrations_query(period.start)):
        dialect = OfSlice(Scope(period.start, period.end, ALL_TENANTS, as_of=now), within=within)
        found = query_rows(client, measured(QueryContext(dialect)), dialect.parameters)
        there = query_rows(client, stored(QueryContext(dialect)), dialect.parameters)
        _write(client, changed(found, there, period, now))


def _write(client: Client, rows: Sequence[Impact]) -> None:
    insert_rows(client, "business_impact_metrics", Impact._fields, rows)


JOBS: Final[tuple[Job, ...]] = (Job("business-impact", timedelta(hours=1), refresh, fenced=True),)
