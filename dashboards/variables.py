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
# The plugin takes the first column for the value and the second for the text.
_TENANTS: Final = """SELECT toString(ids.user_id) AS tenant,
    if(names.display_name = '', substring(toString(ids.user_id), 1, 8), names.display_name) AS name
FROM (SELECT DISTINCT user_id FROM known_tenants) AS ids
LEFT JOIN (SELECT user_id, display_name FROM tenant_names FINAL) AS names ON names.user_id = ids.user_id
ORDER BY name, tenant"""
_DAYS: Final = 90
"""What a list offers was seen within so many days."""
_MOST: Final = 500


def _of_queries(column: str, more: str = "") -> str:
    """Return the statement of the values of a column of queries, from roll-ups: events would take minutes to scan."""
    return (
        f"SELECT DISTINCT {column} FROM (SELECT {column} FROM query_days "
        f"WHERE day_start > now('UTC') - INTERVAL {_DAYS} DAY UNION ALL SELECT {column} FROM query_hours "
        f"WHERE hour_start > now('UTC') - INTERVAL 2 DAY{more}) WHERE {column} != '' ORDER BY {column} LIMIT {_MOST}"
    )


def _of_conversations(column: str, part: str, name: str) -> str:
    """Return the statement of the values of a dimension of conversations, from the roll-ups' cells of that ``part``."""
    return (
        f"SELECT DISTINCT {column} AS {name} FROM (SELECT {column} FROM conversation_days WHERE part = '{part}' "
        f"AND day_start > now('UTC') - INTERVAL {_DAYS} DAY UNION ALL SELECT {column} FROM conversation_hours "
        f"WHERE part = '{part}' AND hour_start > now('UTC') - INTERVAL 2 DAY) "
        f"WHERE {column} != '' ORDER BY {name} LIMIT {_MOST}"
    )


_CHOICES: Final = {
    "provider": _of_queries(
        "integration_provider", " UNION ALL SELECT integration_provider FROM integration_health_metrics"
    ),
    "query_type": _of_queries("query_type"),
    "channel": _of_conversations("channel", "", "channel"),
    "country": _of_conversations("value", "country", "country"),
    "segment": _of_conversations("value", "segment", "customer_segment"),
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
        # The lists do not depend on the range: a tab that refreshes every five seconds must not ask them again.
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(multi)
        .include_all(True)
        .all_value(ALL)
        .allow_custom_value(False)
        .current(dashboard.VariableOption(text="All", value="$__all", selected=True))
    )
