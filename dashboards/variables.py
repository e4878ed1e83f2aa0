"""The variables at the top of a tab; they keep their names, so a choice goes along from tab to tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards import prometheus
from dashboards.clickhouse import PLUGIN, source
from dashboards.panel import Origin, Tab

ALL: Final = "all"
"""The value of "All": a word the statements know, not a list that grows with the tenants."""

LABELS: Final = {
    "provider": "Integration",
    "query_type": "Query type",
    "channel": "Channel",
    "country": "Country",
    "segment": "Segment",
}
_TENANTS: Final = "SELECT DISTINCT toString(user_id) AS tenant FROM integration_health_metrics ORDER BY tenant"
_CHOICES: Final = {
    "provider": "SELECT DISTINCT integration_provider FROM integration_health_metrics ORDER BY integration_provider",
    "query_type": "SELECT DISTINCT query_type FROM query_hours ORDER BY query_type LIMIT 500",
    "channel": "SELECT DISTINCT channel FROM conversation_outcomes WHERE created_at > now() - INTERVAL 90 DAY "
    "AND channel != '' ORDER BY channel LIMIT 500",
    "country": "SELECT DISTINCT country FROM conversation_outcomes WHERE created_at > now() - INTERVAL 90 DAY "
    "AND country != '' ORDER BY country",
    "segment": "SELECT DISTINCT customer_segment FROM conversation_outcomes WHERE created_at > now() - INTERVAL 90 DAY "
    "AND customer_segment != '' ORDER BY customer_segment LIMIT 500",
}


def of(tab: Tab) -> Sequence[Builder[dashboard.VariableModel]]:
    """Return a tab's variables: data sources, tenant, and the tab's own."""
    sources = [builders.DatasourceVariable("datasource").label("Data source").type(PLUGIN)]
    if any(panel.origin is Origin.METRICS for panel in tab.panels):
        sources.append(builders.DatasourceVariable("prometheus").label("Metrics").type(prometheus.PLUGIN))
    return [
        *sources,
        _choice("tenant", "Tenant", _TENANTS, multi=False),
        *(_choice(name, LABELS[name], _CHOICES[name], multi=True) for name in tab.variables),
    ]


def statements(tab: Tab) -> dict[str, str]:
    """Return what each variable of a tab asks."""
    return {"tenant": _TENANTS, **{name: _CHOICES[name] for name in tab.variables}}


def _choice(name: str, label: str, sql: str, *, multi: bool) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(source())
        .query({"editorType": "sql", "rawSql": sql})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi)
        .include_all(True)
        .all_value(ALL)
        .allow_custom_value(False)
        .current(dashboard.VariableOption(text="All", value="$__all", selected=True))
    )
