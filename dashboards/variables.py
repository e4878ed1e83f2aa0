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


def _values(of: str, column: str, name: str, *more: str, where: str = "true") -> str:
    """Return the statement of the values of a dimension, from the roll-ups by day and, of two days, by hour.

    Events would take minutes to scan. ``more`` are further statements of such values.
    """
    days = f"SELECT {column} AS {name} FROM {of}_days WHERE {where} AND day_start > now('UTC') - INTERVAL {_DAYS} DAY"
    hours = f"SELECT {column} AS {name} FROM {of}_hours WHERE {where} AND hour_start > now('UTC') - INTERVAL 2 DAY"
    union = " UNION ALL ".join([days, hours, *more])
    return f"SELECT DISTINCT {name} FROM ({union}) WHERE {name} != '' ORDER BY {name} LIMIT {_MOST}"


_CHOICES: Final = {
    "provider": _values(
        "query",
        "integration_provider",
        "provider",
        "SELECT integration_provider AS provider FROM integration_health_metrics",
    ),
    "query_type": _values("query", "query_type", "query_type"),
    "channel": _values("conversation", "channel", "channel", where="part = ''"),
    "country": _values("conversation", "value", "country", where="part = 'country'"),
    "segment": _values("conversation", "value", "segment", where="part = 'segment'"),
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
