"""Jobs about integrations: forecasts of the next seven days, and needs of tenants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.customers import needs, upsell
from detectors.customers.labels import slots
from detectors.forecast import MAX_HOURS, MIN_HOURS, VERSION, Floats, Forecast, forecast
from models.insights import Insight
from models.query import Query
from models.tenant_slice import ALL, TENANTS, TenantSlice
from storage.backlog import read_backlog
from storage.insight_store import insight_from_row
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from storage.writing import insert_rows

_HOUR: Final = timedelta(hours=1)
_WEEK: Final = timedelta(days=7)
_COLUMNS: Final = (
    *("user_id", "integration_provider", "metric", "made_at", "target_time"),
    *("value", "lower", "upper", "model_version"),
)
# From the windows: the roll-up of hours may be behind, and a forecast is made a few times a day.
_HOURS: Final = """
SELECT user_id, toString(integration_provider) AS integration_provider, toStartOfHour(window_start) AS hour_start,
    sum(queries) AS asked, asked - sum(successes) AS failed
FROM query_windows FINAL
WHERE user_id IN {tenants:Array(UUID)}
    AND window_start >= {since:DateTime('UTC')} AND window_start < {until:DateTime('UTC')}
GROUP BY user_id, integration_provider, hour_start
ORDER BY user_id, integration_provider, hour_start
"""
# Tenants with an integration that is old enough for a forecast; the others are never read.
_OLD_ENOUGH: Final = f"""
SELECT DISTINCT user_id, 1 AS rows FROM (
    SELECT user_id FROM query_windows
    WHERE {TENANTS} AND window_start >= {{since:DateTime('UTC')}} AND window_start < {{until:DateTime('UTC')}}
    GROUP BY user_id, integration_provider
    HAVING toStartOfHour(min(window_start)) <= {{old:DateTime('UTC')}}
)
ORDER BY user_id
"""  # noqa: S608 - our own
# Number of tenants per batch.
_TENANTS_AT_ONCE: Final = 100
# Open insights of an earlier week, which is over.
_EXPIRED: Final = """
SELECT {columns} FROM predictive_insights FINAL
WHERE status = 'open' AND kind IN {{kinds:Array(String)}} AND started_at < {{since:DateTime64(3, 'UTC')}}
"""


class Series(NamedTuple):
    """Hourly counts of one integration up to the time of the forecast, oldest first."""

    link: needs.Link
    queries: Floats
    errors: Floats


def make_forecasts(client: Client, now: datetime) -> Sequence[Insight]:
    """Write the forecast of every integration as of midnight; return insights about growth and rate limits."""
    made_at = now.replace(hour=0, minute=0, second=0, microsecond=0)
    week = week_of(now)
    found: list[Insight] = []
    for some in read_series(client, made_at, read_backlog(client, now).behind):
        usage = {
            needs.Link(row["user_id"], row["integration_provider"]): row["usage"]
            for row in query_rows(client, *needs.usage_query(made_at, {one.link.user_id for one in some}))
        }
        rows: list[tuple[Any, ...]] = []
        for one in some:
            queries, errors = forecast(one.queries), forecast(one.errors)
            if queries is None or errors is None:
                continue
            rows += _rows(one, "queries", made_at, queries)
            rows += _rows(one, "errors", made_at, errors)
            grows = needs.growth(one.link, one.queries, queries, week)
            used = usage.get(one.link)
            fills = None if used is None else needs.capacity(one.link, used, one.queries, queries, week)
            found += [insight for insight in (grows, fills) if insight is not None]
        insert_rows(client, "integration_forecasts", _COLUMNS, rows)
    return found + expired(client, ("usage_growth", "rate_limit_capacity"), week)


def find_needs(client: Client, now: datetime) -> Sequence[Insight]:
    """Return insights about data and providers that conversations asked for and the tenant lacks."""
    providers = {row["provider"] for row in query_rows(client, *upsell.providers_query(now))}
    week, found = week_of(now), list[Insight]()
    for within in tenant_slices(client, needs.mentions_query(now)):
        found += _needs_of(client, now, within, providers)
    return found + expired(client, ("missing_provider", "missing_data"), week)


def _needs_of(client: Client, now: datetime, within: TenantSlice, providers: Collection[str]) -> Iterator[Insight]:
    asked: dict[UUID, list[needs.Asked]] = defaultdict(list)
    for row in query_rows(client, *needs.gaps_query(now, within)):
        asked[row["user_id"]].append(needs.Asked(row["label"], row["conversations"], row["before"]))
    connected: dict[UUID, set[str]] = defaultdict(set)
    for row in query_rows(client, *upsell.connected_query(now, within=within)):
        connected[row["user_id"]].add(row["provider"])
    for row in query_rows(client, *needs.conversations_query(now, within)):
        user_id = row["user_id"]
        own = frozenset(connected[user_id])
        tenant = needs.Tenant(user_id, own, frozenset(row["accessed"]), row["conversations"], bool(row["has_before"]))
        yield from needs.needs(tenant, asked[user_id], providers, week_of(now))


def expired(client: Client, kinds: Sequence[str], week: datetime) -> list[Insight]:
    """Return the open insights of earlier weeks as closed; an insight found again this week is a new one."""
    sql = _EXPIRED.format(columns=", ".join(Insight._fields))
    rows = query_rows(client, sql, {"kinds": list(kinds), "since": week}, aware=True)
    return [_closed(insight_from_row(row), week) for row in rows]


def week_of(now: datetime) -> datetime:
    """Return the Monday 00:00 UTC on or before a time."""
    return slots(now - 2 * _WEEK, now, _WEEK, 1)[0]


def read_series(client: Client, until: datetime, behind: Collection[UUID]) -> Iterator[list[Series]]:
    """Yield hourly series of integrations up to a time, at most eight weeks, in batches of tenants.

    Tenants that are ``behind``, or whose integrations are all too new for a forecast, are left out.
    """
    span = {"since": until - MAX_HOURS * _HOUR, "until": until}
    asked = {**span, "old": until - MIN_HOURS * _HOUR}
    for within in tenant_slices(client, Query(_OLD_ENOUGH, {**asked, **ALL.parameters})):
        old = [row["user_id"] for row in query_rows(client, _OLD_ENOUGH, {**asked, **within.parameters})]
        tenants = [one for one in old if one not in behind]
        for start in range(0, len(tenants), _TENANTS_AT_ONCE):
            some = tenants[start : start + _TENANTS_AT_ONCE]
            yield _series(query_rows(client, _HOURS, {**span, "tenants": some}, aware=True), until)


def _series(found: Sequence[dict[str, Any]], until: datetime) -> list[Series]:
    grouped: dict[needs.Link, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        grouped[needs.Link(row["user_id"], row["integration_provider"])].append(row)
    series = []
    for link, rows in grouped.items():
        first = rows[0]["hour_start"]
        hours = int((until - first) / _HOUR)
        queries, errors = np.zeros(hours), np.zeros(hours)
        for row in rows:
            place = int((row["hour_start"] - first) / _HOUR)
            queries[place], errors[place] = row["asked"], row["failed"]
        series.append(Series(link, queries, errors))
    return series


def _rows(one: Series, metric: str, made_at: datetime, found: Forecast) -> list[tuple[Any, ...]]:
    columns = zip(found.value.tolist(), found.lower.tolist(), found.upper.tolist(), strict=True)
    return [
        (*one.link, metric, made_at, made_at + hour * _HOUR, value, lower, upper, VERSION)
        for hour, (value, lower, upper) in enumerate(columns)
    ]


def _closed(insight: Insight, week: datetime) -> Insight:
    ended_at = min(insight.started_at + _WEEK, week)
    return insight._replace(status="closed", ended_at=ended_at, updated_at=ended_at)
