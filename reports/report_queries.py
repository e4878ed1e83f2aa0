"""The queries of a report, by their name in the provenance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from dashboards.panel import Panel, PanelQuery
from dashboards.preview.sums import statement
from kpis.currency import in_force
from kpis.figures_query import figures_query
from kpis.kpi import Kpi
from kpis.registry import get
from kpis.rollups.freshness import CONVERSATIONS_BEHIND
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from models.query import Query
from reports.report_definitions import CONTENTS, figures_of
from reports.request import ReportRequest

THIS: Final = "figures of this period"
BEFORE: Final = "figures of the period before"
BREAKDOWN: Final = "by integration"
FINDINGS: Final = "findings"
RAW: Final = "raw data"
DATA_STATE: Final = "data state"
CURRENCY: Final = "currency"
MAX_RAW: Final = 5_000

_BY_INTEGRATION: Final = ("query_count", "query_success_rate", "latency_p95_ms", "data_freshness_hours")
_DETAIL: Final = ("error_rate", "latency_p50_ms", "latency_p99_ms", "query_confidence", "satisfaction_impact")
# Conversations with an integration all used data: this share is meaningful over all conversations only.
_OF_ALL: Final = frozenset({"data_utilization_rate"})
_MAX_FINDINGS: Final = 40

_INSIGHTS: Final = """
SELECT severity, title, summary, integration_provider, started_at, ended_at, recommended_actions, status
FROM predictive_insights FINAL
WHERE {tenant} AND insight_type IN {{types:Array(String)}} AND started_at < {end}
    AND (status = 'open' OR ended_at >= {start}) AND {provider}
ORDER BY status = 'open' DESC, severity = 'critical' DESC, severity = 'warning' DESC, started_at DESC
LIMIT {most}
"""
_RAW: Final = """
SELECT created_at, integration_provider, query_type, query_success, response_time_ms, toFloat64(data_freshness_hours)
    AS data_freshness_hours, toFloat64(ai_confidence_score) AS ai_confidence_score, error_kind, channel, country
FROM integration_query_metrics FINAL
WHERE {tenant} AND created_at >= {start} AND created_at < {end} AND {provider}
ORDER BY created_at
LIMIT {most}
"""
_DATA_STATE: Final = """
SELECT
    (SELECT max(created_at) FROM integration_query_metrics WHERE {tenant}) AS watermark,
    (
        SELECT count() FROM touched_query_hours FINAL
        WHERE {tenant} AND hour_start >= {start} AND hour_start < {end} AND touched_at > hour_start + INTERVAL 25 HOUR
    ) AS late_hours,
    (SELECT count() FROM dead_letters FINAL WHERE received_at >= {start} AND received_at < {end}) AS dead_letters,
    (
        SELECT count() FROM business_impact_metrics FINAL
        WHERE {tenant} AND restated_at IS NOT NULL AND period_end > {start} AND period_start < {end}
    ) AS restated,
    ({behind}) AS behind_seconds
"""


class Questions(NamedTuple):
    """The queries of one report and their range."""

    scope: Scope
    asked: dict[str, Query]


def questions(request: ReportRequest, now: datetime) -> Questions:
    """Return the queries of a report; ``now`` is its time."""
    scope = Scope(request.start, request.end, request.tenant, time_zone=request.time_zone, as_of=now)
    start, end = request.before
    contents = CONTENTS[request.type]
    asked: dict[str, Query] = {}
    for name, range_ in ((THIS, scope), (BEFORE, replace(scope, start=start, end=end))):
        asked |= _figures(name, figures_of(request.type), range_, request.integrations)
    asked[BREAKDOWN] = figures_query(breakdown_ids(request), scope, by=("provider",))
    if request.parts.charts:
        asked |= _panels(contents.panels, scope, request.integrations)
    query = _filled(_INSIGHTS, _MAX_FINDINGS, scope, request.integrations)
    asked[FINDINGS] = query._replace(parameters={**query.parameters, "types": list(contents.insights)})
    if request.parts.raw_data:
        asked[RAW] = _filled(_RAW, MAX_RAW, scope, request.integrations)
    asked[DATA_STATE] = _filled(_DATA_STATE, 0, scope, request.integrations)
    asked[CURRENCY] = in_force(scope)
    return Questions(scope, asked)


def breakdown_ids(request: ReportRequest) -> tuple[str, ...]:
    """Return the figures that are shown by integration."""
    return _BY_INTEGRATION + (_DETAIL if request.parts.detailed_metrics else ())


def narrows(kpi: Kpi) -> bool:
    """Whether a figure is filtered by integration; others cover all."""
    return "provider" in kpi.dimensions and kpi.id not in _OF_ALL


def names_of(figures_name: str) -> tuple[str, str]:
    """Return the query names of the figures of a period: over all integrations, and filtered."""
    return figures_name, f"{figures_name}, of these integrations"


def name_of(panel: Panel, ref: str) -> str:
    """Return the query name of a panel's statement."""
    return f"{panel.title} {ref}"


def _figures(name: str, ids: Sequence[str], scope: Scope, wanted: tuple[str, ...]) -> Iterator[tuple[str, Query]]:
    narrow = [id_ for id_ in ids if wanted and narrows(get(id_))]
    whole = [id_ for id_ in ids if id_ not in narrow]
    of_all, of_these = names_of(name)
    if whole:
        yield of_all, figures_query(whole, scope)
    if narrow:
        yield of_these, figures_query(narrow, replace(scope, provider=wanted))


def _panels(panels: Sequence[Panel], scope: Scope, wanted: tuple[str, ...]) -> Iterator[tuple[str, Query]]:
    for panel in panels:
        for ref, one in panel.asks.items():
            yield name_of(panel, ref), _panel(panel, one, scope, wanted)


def _panel(panel: Panel, asked: PanelQuery, scope: Scope, wanted: tuple[str, ...]) -> Query:
    provider = wanted if wanted and "provider" in asked.filters else None
    dialect = Bound(replace(scope, provider=provider))
    return Query(statement(panel, asked.render(dialect), dialect), dialect.parameters)


def _filled(template: str, most: int, scope: Scope, wanted: tuple[str, ...]) -> Query:
    dialect = Bound(scope)
    provider = "has({providers:Array(String)}, integration_provider)" if wanted else "true"
    sql = template.format(
        tenant=dialect.tenant("user_id"),
        start=dialect.start,
        end=dialect.end,
        provider=provider,
        most=most,
        behind=CONVERSATIONS_BEHIND,
    )
    return Query(sql, {**dialect.parameters, **({"providers": list(wanted)} if wanted else {})})
