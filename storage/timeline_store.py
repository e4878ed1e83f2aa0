"""Reads the timeline of an insight, and the money at risk; stores messages about insights (``insight_notices``)."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.analyses.incident_cost import cost, fault
from kpis.display import IN_ITS_CURRENCY, shown
from kpis.kpi import Unit
from kpis.scope import ALL_TENANTS, Scope
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.errors import Unreachable
from models.insights import ALL_TENANTS_ID, TRAINED_KINDS, Insight
from models.responses import Response
from models.timeline import InsightChange, Notice, NoticeEvent, TimelineEntry, timeline_of
from storage.reading import query_rows
from storage.tenant_settings import currency_of
from storage.writing import insert_rows

log = logging.getLogger(__name__)
_CHANGES: Final = """
SELECT severity, status, updated_at FROM insight_changes FINAL
WHERE user_id = {tenant:UUID} AND insight_id = {insight:UUID}
ORDER BY updated_at
"""
_NOTICES: Final = f"""
SELECT {", ".join(Notice._fields)} FROM insight_notices FINAL
WHERE has({{ids:Array(UUID)}}, insight_id)
ORDER BY told_at, id
"""  # noqa: S608 - the columns are the model's own; every value is a bound parameter


class MoneyAtRisk(NamedTuple):
    """Money at risk, with its 95 % bounds where they are known; ``currency`` is empty where the tenant has set none."""

    value: float
    lower: float | None = None
    upper: float | None = None
    currency: str = ""


def money_text(money: MoneyAtRisk | None) -> str:
    """Return money at risk as text, with its bounds where they are known."""
    if money is None:
        return "not known"
    unnamed = "" if money.currency else IN_ITS_CURRENCY
    value = shown(Unit.MONEY, money.value, money.currency)
    if money.lower is None or money.upper is None:
        return f"{value}{unnamed}"
    lower, upper = (shown(Unit.MONEY, bound, money.currency) for bound in (money.lower, money.upper))
    return f"{value} ({lower} to {upper}){unnamed}"


def notices_about(client: Client, insights: Iterable[UUID]) -> dict[UUID, list[Notice]]:
    """Return the messages about some insights by the insight's id, oldest first; raises ``Unreachable``."""
    ids = [str(one) for one in insights]
    found: defaultdict[UUID, list[Notice]] = defaultdict(list)
    for row in query_rows(client, _NOTICES, {"ids": ids}, aware=True) if ids else ():
        notice = Notice(**{**row, "event": NoticeEvent(row["event"])})
        found[notice.insight_id].append(notice)
    return dict(found)


def save_notices(client: Client, notices: Sequence[Notice]) -> None:
    """Store messages; storing one again changes nothing; raises ``Unreachable``."""
    insert_rows(client, "insight_notices", Notice._fields, notices)


def read_timeline(client: Client, insight: Insight, responses: Sequence[Response]) -> list[TimelineEntry]:
    """Return the timeline of an insight with its responses, oldest first; raises ``Unreachable``."""
    given: dict[str, Any] = {"tenant": str(insight.user_id), "insight": str(insight.id)}
    changes = [InsightChange(**row) for row in query_rows(client, _CHANGES, given, aware=True)]
    return timeline_of(insight, changes, notices_about(client, [insight.id]).get(insight.id, []), responses)


def money_at_risk(client: Client, insight: Insight, now: datetime) -> MoneyAtRisk | None:
    """Return the money at risk; ``None`` where it is not known, or is of several tenants with their own currencies.

    Of an incident it is the estimated loss so far (``kpis.analyses.incident_cost``), of a prediction of a trained model
    what acting is expected to be worth. The estimate reads weeks of conversations: where ClickHouse does not answer in
    time, which is logged, it is not known, and the rest of the insight can be shown.
    """
    try:
        return _money_at_risk(client, insight, now)
    except Unreachable as error:
        log.warning("the money at risk of insight %s could not be estimated: %s", insight.id, error)
        return None


def _money_at_risk(client: Client, insight: Insight, now: datetime) -> MoneyAtRisk | None:
    if insight.kind in TRAINED_KINDS:
        if insight.predicted_value is None:
            return None
        whose = ALL_TENANTS if insight.user_id == ALL_TENANTS_ID else insight.user_id
        found = currency_of(client, Unit.MONEY, Scope(now - timedelta(days=1), now, whose))
        return MoneyAtRisk(insight.predicted_value, currency=found)
    if (
        insight.insight_type != "performance_anomaly"
        or not insight.integration_provider
        or insight.user_id == ALL_TENANTS_ID
    ):
        return None
    end = now if insight.ended_at is None else insight.ended_at
    if end <= insight.started_at:
        return None
    scope = Scope(insight.started_at, end, insight.user_id, provider=insight.integration_provider, as_of=now)
    dialect = Bound(scope)
    rows = cost(query_rows(client, fault(QueryContext(dialect)), dialect.parameters))
    if not rows or rows[0]["value_at_risk"] is None:
        return None
    found = currency_of(client, Unit.MONEY, scope)
    return MoneyAtRisk(rows[0]["value_at_risk"], rows[0]["risk_lower"], rows[0]["risk_upper"], found)
