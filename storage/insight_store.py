"""Reading insights back from ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.scope import ALL_TENANTS, Scope
from kpis.sql.conditions import attention
from kpis.sql.dialect import Bound
from models.insights import Insight
from models.pages import Listing, Page, cursor, page_of
from storage.reading import query_rows

_COLUMNS: Final = ", ".join(Insight._fields)
_FIND: Final = f"""
SELECT {_COLUMNS} FROM predictive_insights FINAL
WHERE ({{tenant:Nullable(UUID)}} IS NULL OR user_id = {{tenant:Nullable(UUID)}})
  AND ({{insight_type:String}} = '' OR insight_type = {{insight_type:String}})
  AND (empty({{types:Array(String)}}) OR has({{types:Array(String)}}, toString(insight_type)))
  AND ({{id_prefix:String}} = '' OR startsWith(toString(id), {{id_prefix:String}}))
  AND (NOT {{is_open:Bool}} OR status = 'open')
  AND (started_at >= {{since:DateTime64(3, 'UTC')}} OR status = 'open' OR ended_at >= {{since:DateTime64(3, 'UTC')}})
  AND started_at < {{until:DateTime64(3, 'UTC')}}
  AND (started_at, id) > ({{after:DateTime64(3, 'UTC')}}, {{after_id:UUID}})
ORDER BY started_at, id
LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter
_ALIASED: Final = ", ".join(f"i.{name} AS {name}" for name in Insight._fields)
# The newest come first: those that stay open for weeks would leave no room for what is new.
_NEEDING_ATTENTION: Final = """
SELECT {columns} FROM predictive_insights AS i FINAL WHERE {attention}
ORDER BY i.severity = 'critical' DESC, i.started_at DESC LIMIT 1000
"""
_OVER: Final = f"""
SELECT {_ALIASED} FROM predictive_insights AS i FINAL
WHERE i.status = 'closed' AND i.id IN (
    SELECT insight_id FROM insight_notices FINAL WHERE told_at >= {{since:DateTime64(3, 'UTC')}}
    GROUP BY insight_id HAVING countIf(event = 'opened') > countIf(event = 'ended')
)
ORDER BY i.ended_at DESC LIMIT 1000
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter
_OPEN_OR_ANSWERED: Final = f"""
SELECT {_ALIASED} FROM predictive_insights AS i FINAL
WHERE i.insight_type IN ('performance_anomaly', 'kpi_change') AND (i.status = 'open' OR i.id IN (
    SELECT insight_id FROM insight_responses WHERE responded_at >= {{since:DateTime64(3, 'UTC')}}
))
ORDER BY i.started_at
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter
_OPEN: Final = """
SELECT insight_type, kind, severity, integration_provider, count() AS insights
FROM predictive_insights FINAL WHERE status = 'open' GROUP BY ALL
"""
_BEFORE_ANY: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_TIMES: Final = ("started_at", "ended_at", "updated_at")
_DECIMALS: Final = ("confidence_score", "predicted_value")
_LISTS: Final = ("contributing_factors", "recommended_actions", "members")


class InsightFilter(NamedTuple):
    """Filter of insights that were open at any time in [``since``, ``until``); empty means any.

    ``after`` and ``after_id`` are the start and the id of the last insight of the previous page.
    """

    tenant: UUID | None = None
    insight_type: str = ""
    id_prefix: str = ""
    is_open: bool = False
    since: datetime = _EVER
    until: datetime = _LATEST
    limit: int = 100_000
    offset: int = 0
    types: tuple[str, ...] = ()
    after: datetime = _BEFORE_ANY
    after_id: UUID = UUID(int=0)


def stored_insights(client: Client, wanted: InsightFilter) -> list[Insight]:
    """Return the newest version of each matching insight, by start.

    Raises
    ------
    Unreachable
        ClickHouse does not answer the query.
    """
    parameters = {**wanted._asdict(), "types": list(wanted.types), "after": f"{wanted.after:%Y-%m-%d %H:%M:%S.%f}"[:-3]}
    return [insight_from_row(row) for row in query_rows(client, _FIND, parameters)]


def insight_page(client: Client, wanted: InsightFilter) -> Page[Insight]:
    """Return ``limit`` insights and the cursor of the next page; raises ``Unreachable``."""
    found = stored_insights(client, wanted._replace(limit=wanted.limit + 1))
    return page_of(found, wanted.limit, lambda last: cursor(Listing.INSIGHTS, last.started_at, last.id))


def needing_attention(client: Client, now: datetime) -> list[Insight]:
    """Return the insights that need attention now, critical and newest first, 1,000 at most; raises ``Unreachable``."""
    dialect = Bound(Scope(now - timedelta(minutes=1), now, ALL_TENANTS))
    sql = _NEEDING_ATTENTION.format(columns=_ALIASED, attention=attention(dialect, "i"))
    return [insight_from_row(row) for row in query_rows(client, sql, dialect.parameters)]


def over_since_told(client: Client, since: datetime) -> list[Insight]:
    """Return closed insights whose opening was announced since then, and their end was not; raises ``Unreachable``."""
    return [insight_from_row(row) for row in query_rows(client, _OVER, _since(since))]


def open_or_answered(client: Client, since: datetime) -> list[Insight]:
    """Return open findings, and those that somebody responded to since then, by start; raises ``Unreachable``."""
    return [insight_from_row(row) for row in query_rows(client, _OPEN_OR_ANSWERED, _since(since))]


def open_counts(client: Client) -> list[dict[str, Any]]:
    """Return the number of open insights by type, kind, severity and provider; raises ``Unreachable``."""
    return query_rows(client, _OPEN, {})


def _since(moment: datetime) -> dict[str, str]:
    return {"since": f"{moment:%Y-%m-%d %H:%M:%S}"}


def insight_from_row(row: Mapping[str, Any]) -> Insight:
    """Return the insight of a row of ``predictive_insights`` that has all its columns."""
    values = dict(row)
    for name in _TIMES:
        values[name] = None if row[name] is None else row[name].replace(tzinfo=UTC)
    for name in _LISTS:
        values[name] = tuple(row[name])
    for name in _DECIMALS:
        values[name] = None if row[name] is None else float(row[name])
    return Insight(**values)
