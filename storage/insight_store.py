"""Reading insights back from ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.insights import Insight
from models.pages import Page, cursor, page_of
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
    return page_of(found, wanted.limit, lambda last: cursor(last.started_at, last.id))


def open_counts(client: Client) -> list[dict[str, Any]]:
    """Return the number of open insights by type, kind, severity and provider; raises ``Unreachable``."""
    return query_rows(client, _OPEN, {})


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
