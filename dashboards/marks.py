"""What is marked on every time axis: findings of the detectors from begin to end, and deployments."""

from __future__ import annotations

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards.clickhouse import Frame, Query, source
from kpis.dialect import Grafana

_EVERYONE: Final = "user_id = toUUID('00000000-0000-0000-0000-000000000000')"
_FINDINGS: Final = """
SELECT
    started_at AS time,
    ifNull(ended_at, now64(3)) AS timeEnd,
    title AS title,
    summary AS text,
    arrayStringConcat([severity, kind, integration_provider], ',') AS tags
FROM predictive_insights FINAL
WHERE insight_type IN ('performance_anomaly', 'kpi_change')
  AND started_at <= $__toTime AND ifNull(ended_at, now64(3)) >= $__fromTime
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


_ALL: Final = (_Mark("Findings", _FINDINGS, "red"), _Mark("Deployments", _DEPLOYMENTS, "blue"))


def all_marks() -> list[Builder[dashboard.AnnotationQuery]]:
    """Return the annotations of every tab."""
    return [
        builders.AnnotationQuery()
        .name(mark.name)
        .datasource(source())
        .enable(True)
        .icon_color(mark.colour)
        .target(Query("Anno", _statement(mark), Frame.TABLE))
        for mark in _ALL
    ]


def _statement(mark: _Mark) -> str:
    return mark.sql.format(tenant=Grafana().tenant("user_id"), everyone=_EVERYONE).strip()
