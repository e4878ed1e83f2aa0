"""Annotations on time axes: the start of each finding, and deployments.

Marks are thin lines at a moment, never regions: a finding that is still open would tint the whole plot.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards.clickhouse import Frame, Query, source
from dashboards.panel import Origin, Picture, Tab
from kpis.dialect import Grafana

_EVERYONE: Final = "user_id = toUUID('00000000-0000-0000-0000-000000000000')"
_FINDINGS: Final = """
SELECT
    started_at AS time,
    title AS title,
    summary AS text,
    arrayStringConcat([severity, kind, integration_provider], ',') AS tags
FROM predictive_insights FINAL
WHERE insight_type IN ({kinds})
  AND started_at >= $__fromTime AND started_at <= $__toTime
  AND ({tenant} OR {everyone})
ORDER BY time
LIMIT 500
"""
_DEPLOYMENTS: Final = """
SELECT deployed_at AS time, concat(service, ' ', version) AS title, 'deployed' AS text, toString(service) AS tags
FROM deployments FINAL
WHERE deployed_at >= $__fromTime AND deployed_at <= $__toTime AND ({tenant} OR {everyone})
ORDER BY time
LIMIT 500
"""


class _Mark(NamedTuple):
    """A kind of marks: its name in the list, what it asks, and its colour."""

    name: str
    sql: str
    colour: str


_FOUND: Final = _Mark("Findings", _FINDINGS, "semi-dark-red")
_DEPLOYED: Final = _Mark("Deployments", _DEPLOYMENTS, "semi-dark-blue")
_ON_TIME: Final = frozenset({Picture.TIME_SERIES, Picture.TIME_BARS})


def of(tab: Tab) -> list[Builder[dashboard.AnnotationQuery]]:
    """Return the marks of a tab, on the time axes that they concern: findings are about what ClickHouse holds."""
    on_time = [panel for panel in tab.panels if panel.picture in _ON_TIME]
    asked = [panel.id for panel in on_time if panel.origin is Origin.TABLES]
    marks = [(_FOUND, asked)] if tab.kinds and asked else []
    marks += [(_DEPLOYED, [panel.id for panel in on_time])] if tab.is_marked else []
    return [_query(mark, _statement(mark, tab), ids) for mark, ids in marks]


def _query(mark: _Mark, statement: str, panels: list[int]) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(mark.name)
        .datasource(source())
        .enable(True)
        .icon_color(mark.colour)
        .filter(builders.AnnotationPanelFilter().exclude(False).ids(panels))
        .target(Query("Anno", statement, Frame.TABLE))
    )


def _statement(mark: _Mark, tab: Tab) -> str:
    kinds = ", ".join(f"'{kind}'" for kind in tab.kinds)
    return mark.sql.format(tenant=Grafana().tenant("user_id"), everyone=_EVERYONE, kinds=kinds).strip()
