"""Insights, each in its newest version."""

from __future__ import annotations

from typing import Final

from kpis.dimension import Dimension
from kpis.kpi import Source
from kpis.sql.conditions import ATTENTION, attention, not_set_aside, open_at_end
from kpis.sql.query_context import QueryContext

DIMENSIONS: Final = {
    "tenant": Dimension("user_id"),
    "provider": Dimension("integration_provider"),
    "kind": Dimension("kind", result=True),
    "severity": Dimension("severity", result=True),
}
# Insights about a provider over all tenants summarise others that are counted already.
_OF_TENANTS: Final = "user_id != toUUID('00000000-0000-0000-0000-000000000000')"


def _begun(asked: QueryContext) -> str:
    return (
        "(SELECT *, started_at AS at FROM predictive_insights FINAL "
        f"WHERE {asked.where(DIMENSIONS)} AND {_OF_TENANTS} AND {asked.between('started_at')})"
    )


def _open(asked: QueryContext) -> str:
    end = asked.dialect.end
    return (
        "(SELECT *, started_at AS at FROM predictive_insights FINAL "
        f"WHERE {asked.where(DIMENSIONS)} AND {_OF_TENANTS} AND started_at < {end} "
        f"AND ifNull(ended_at >= {end}, status != 'closed'))"
    )


def _attention(asked: QueryContext) -> str:
    if "tenant" in asked.by:
        # For a single tenant its own part of a wider outage counts.
        predicate = (
            f"{open_at_end('i', asked.dialect)} AND i.severity IN ('critical', 'warning') AND {_OF_TENANTS} "
            f"AND {not_set_aside('i', asked.dialect)}"
        )
    else:
        predicate = attention(asked.dialect, "i")
    return (
        "(SELECT *, started_at AS at FROM predictive_insights AS i FINAL "
        f"WHERE {asked.where(DIMENSIONS)} AND i.insight_type IN {ATTENTION} AND {predicate})"
    )


BEGUN: Final = Source("insights begun", "insights that began in the range", DIMENSIONS, _begun)
OPEN: Final = Source("open insights", "insights that were open at the end of the range", DIMENSIONS, _open)
NEED_ATTENTION: Final = Source(
    "findings that need attention",
    "anomalies and changes of key figures of severity warning or critical, open at the end of the range, and neither "
    "snoozed nor resolved by somebody",
    DIMENSIONS,
    _attention,
)
