"""Annotations on time axes: the start of each finding, and deployments.

Marks are thin lines at a moment, never regions: a finding that is still open would tint the whole plot.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from dashboards.clickhouse import Frame, QueryBuilder, source
from dashboards.panel import Origin, Panel, PanelType, Tab
from kpis.kpi import Area
from kpis.registry import ALL, get
from kpis.sql.dialect import Grafana

_EVERYONE: Final = "user_id = toUUID('00000000-0000-0000-0000-000000000000')"
_FINDINGS: Final = """
SELECT
    min(i.started_at) AS time,
    if(count() = 1, any(i.title), concat(toString(count()), ' findings')) AS title,
    if(count() = 1, any(i.summary), arrayStringConcat(arraySlice(groupUniqArray(i.title), 1, 5), '; ')) AS text,
    arrayStringConcat(groupUniqArray(toString(i.kind)), ',') AS tags
FROM predictive_insights AS i FINAL
WHERE i.insight_type IN ({kinds})
  AND i.started_at >= $__fromTime AND i.started_at <= $__toTime
  AND i.severity IN ('critical', 'warning') AND ({tenant} OR {everyone})
-- What began close together is one mark: lines side by side would be a wall.
GROUP BY intDiv(toUnixTimestamp(i.started_at), greatest(60, intDiv(dateDiff('second', $__fromTime, $__toTime), 60)))
ORDER BY time
LIMIT 200
"""
_DEPLOYMENTS: Final = """
SELECT deployed_at AS time, concat(service, ' ', version) AS title, 'deployed' AS text, toString(service) AS tags
FROM deployments FINAL
WHERE deployed_at >= $__fromTime AND deployed_at <= $__toTime AND ({tenant} OR {everyone})
ORDER BY time
LIMIT 500
"""


_THRESHOLDS: Final = """
SELECT effective_from AS time, concat(detector, ' ', toString(old_value), ' to ', toString(value)) AS title,
    reason AS text, toString(detector) AS tags
FROM detector_thresholds FINAL
WHERE effective_from >= $__fromTime AND effective_from <= $__toTime AND ({tenant} OR {everyone})
ORDER BY time
LIMIT 200
"""


class _Mark(NamedTuple):
    """A kind of marks: its name in the list, what it asks, and its colour."""

    name: str
    sql: str
    colour: str


# Seen through, so that the lines behind stay what a reader looks at.
_INCIDENTS: Final = _Mark("Incidents", _FINDINGS.replace("{kinds}", "'performance_anomaly'"), "rgba(196, 22, 42, 0.35)")
_CHANGES: Final = _Mark("KPI changes", _FINDINGS.replace("{kinds}", "'kpi_change'"), "rgba(224, 130, 0, 0.4)")
_DEPLOYED: Final = _Mark("Deployments", _DEPLOYMENTS, "rgba(31, 96, 196, 0.4)")
_TUNED: Final = _Mark("Threshold changes", _THRESHOLDS, "rgba(138, 43, 226, 0.5)")
_VERDICTS: Final = "precision"
"""The column of panels about verdicts: marked by changes of thresholds, and by nothing else."""
_ON_TIME: Final = frozenset({PanelType.TIME_SERIES, PanelType.TIME_BARS})


def of(tab: Tab) -> list[Builder[dashboard.AnnotationQuery]]:
    """Return the marks of a tab, on the time axes that they concern.

    Incidents are about integrations, changes of key figures about conversations and money, and deployments may explain
    any.
    """
    every = [panel for panel in tab.panels if panel.picture in _ON_TIME and panel.span is None]
    of_verdicts = [panel.id for panel in every if any(column.name == _VERDICTS for column in panel.columns)]
    on_time = [panel for panel in every if panel.id not in of_verdicts]
    asked = [panel for panel in on_time if panel.origin is Origin.TABLES]
    of_integrations = [panel.id for panel in asked if _is_of_integrations(panel)]
    others = [panel.id for panel in asked if panel.id not in of_integrations]
    marks = [(_INCIDENTS, of_integrations)] if "performance_anomaly" in tab.kinds and of_integrations else []
    marks += [(_CHANGES, others)] if "kpi_change" in tab.kinds and others else []
    marks += [(_DEPLOYED, [panel.id for panel in on_time])] if tab.is_marked and on_time else []
    marks += [(_TUNED, of_verdicts)] if of_verdicts else []
    return [_query(mark, _statement(mark), ids) for mark, ids in marks]


def _is_of_integrations(panel: Panel) -> bool:
    """Whether a panel is about integrations' own work: split by them, or of figures that conversations do not have."""
    figures = [get(column.name) for column in panel.columns if column.name in ALL]
    return "provider" in panel.by or all(
        kpi.area is Area.MONITORING or "query_type" in kpi.dimensions for kpi in figures
    )


def _query(mark: _Mark, statement: str, panels: list[int]) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(mark.name)
        .datasource(source())
        .enable(True)
        .icon_color(mark.colour)
        .filter(builders.AnnotationPanelFilter().exclude(False).ids(panels))
        .target(QueryBuilder("Anno", statement, Frame.TABLE))
    )


def _statement(mark: _Mark) -> str:
    return mark.sql.format(tenant=Grafana().tenant("user_id"), everyone=_EVERYONE).strip()
