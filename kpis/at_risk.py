"""Revenue at risk by open incidents: affected conversations times the usual revenue per conversation."""

from __future__ import annotations

from typing import Final

from kpis import currency
from kpis.sources.conversation_counts import counts
from kpis.sql.conditions import attention, open_at_end
from kpis.sql.dialect import Dialect
from kpis.sql.query_context import QueryContext

_USUAL_DAYS: Final = 28
_NOBODY: Final = "toUUID('00000000-0000-0000-0000-000000000000')"


def value_at_risk(dialect: Dialect) -> str:
    """Return a scalar statement: money at risk by the incidents that are open at the end of the range.

    Conversations with a failed query since the integration's incident began, times the reported mean revenue per
    conversation of the tenant in the 28 days before. An estimate of revenue at risk, not of losses. NULL for tenants
    with different currencies.
    """
    usual = dialect.over(f"({dialect.end} - INTERVAL {_USUAL_DAYS} DAY)", dialect.end, narrowed=False)
    worth = counts(QueryContext(usual, by=("tenant",), reads=frozenset({"conversations", "value_sum"})))
    several = currency.do_not_add_up("uniqExact(hit.user_id)", "money.currency")
    # Bounds what is read; to name the incidents here, too, would plan their long statement a second time.
    earliest = (
        f"SELECT if(count() = 0, {dialect.end}, min(i.started_at)) FROM predictive_insights AS i FINAL WHERE "
        f"{dialect.tenant('i.user_id')} AND i.insight_type = 'performance_anomaly' AND {open_at_end('i', dialect)}"
    )
    return f"""
WITH incidents AS
(
    SELECT user_id, integration_provider, min(started_at) AS since
    FROM predictive_insights AS i FINAL
    WHERE {attention(dialect, "i")} AND i.insight_type = 'performance_anomaly' AND i.integration_provider != ''
    GROUP BY user_id, integration_provider
),
hit AS
(
    SELECT q.user_id AS user_id, uniqExact(q.conversation_id) AS conversations
    FROM
    (
        SELECT user_id, integration_provider, conversation_id, created_at FROM integration_query_metrics
        WHERE {dialect.tenant("user_id")} AND NOT query_success AND created_at < {dialect.end}
            AND created_at >= ({earliest})
    ) AS q
    INNER JOIN incidents ON q.integration_provider = incidents.integration_provider
    WHERE q.created_at >= incidents.since AND incidents.user_id IN (q.user_id, {_NOBODY})
    GROUP BY user_id
),
worth AS (SELECT user_id, sum(value_sum) / nullIf(sum(conversations), 0) AS each FROM {worth} AS c GROUP BY user_id)
SELECT if({several}, NULL, sum(toFloat64(hit.conversations) * toFloat64(worth.each))) AS at_stake
FROM hit INNER JOIN worth ON hit.user_id = worth.user_id
LEFT JOIN {currency.of_tenants(dialect)} AS money ON hit.user_id = money.user_id"""
