"""Every statement that the product asks ClickHouse: of panels, variables, annotations, alerts, figures and reports."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kpis.analyses.catalogue import ANALYSES
from kpis.query import build_query
from kpis.registry import ALL as FIGURES
from kpis.scope import Interval, Scope
from models.errors import SettingsError
from models.query import Query
from reports import report_queries
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from tests.grafana_text import ALL, Value, expanded

_GRAFANA: Final = Path(__file__).parents[1] / "deploy/grafana"
_EVERYTHING: Final = Parts(
    executive_summary=True, charts=True, detailed_metrics=True, recommendations=True, raw_data=True
)


def raw_statements(part: Any) -> Iterator[tuple[str, str]]:
    """Yield every statement of a generated file with its data source, wherever it is in it."""
    if isinstance(part, dict):
        sql = part.get("rawSql") or (part.get("query") if isinstance(part.get("query"), str) else None)
        if isinstance(sql, str) and "SELECT" in sql:
            yield str((part.get("datasource") or {}).get("uid", part.get("datasourceUid", ""))), sql
        for value in part.values():
            yield from raw_statements(value)
    elif isinstance(part, list):
        for value in part:
            yield from raw_statements(value)


def of_dashboards(
    role: str, start: datetime, end: datetime, chosen: Mapping[str, Value | object] | None = None
) -> list[str]:
    """Return what the panels, variables and annotations of a role's folder send, as Grafana sends it.

    ``chosen`` are the variables' values; "All" of each that is not named.
    """
    texts = [path.read_text(encoding="utf-8") for path in sorted((_GRAFANA / "dashboards" / role).glob("*.json"))]
    found = [sql for text in texts for _, sql in raw_statements(json.loads(text))]
    values: defaultdict[str, Value | object] = defaultdict(lambda: ALL, chosen or {})
    return list(dict.fromkeys(expanded(sql, values, start, end) for sql in found))


def of_alerts(start: datetime, end: datetime) -> list[str]:
    """Return what the alert rules ask."""
    text = (_GRAFANA / "provisioning/alerting/rules.json").read_text(encoding="utf-8")
    found = (sql for _, sql in raw_statements(json.loads(text)))
    return list(dict.fromkeys(expanded(sql, {}, start, end) for sql in found))


def ways(scope: Scope) -> list[tuple[str | None, Interval | None]]:
    """Return how figures can be asked: in total, by each dimension that some have, and in steps of each length."""
    dimensions = sorted({name for kpi in FIGURES.values() for name in kpi.dimensions})
    steps = [one for one in Interval if one is not Interval.MINUTE or (scope.end - scope.start).days <= 2]
    return [(None, None), *((by, None) for by in dimensions), *((None, every) for every in steps)]


def of_figures(scope: Scope) -> Iterator[tuple[str, Query]]:
    """Yield all figures together, in each way that they can be asked."""
    for by, every in ways(scope):
        yield f"figures by {by} every {every}", figures(scope, by, every, list(FIGURES))


def of_figures_once(scope: Scope) -> Iterator[tuple[str, Query]]:
    """Yield every figure in one way only, each in another than its neighbours."""
    asked: defaultdict[tuple[str | None, Interval | None], list[str]] = defaultdict(list)
    for number, one in enumerate(FIGURES):
        possible = [way for way in ways(scope) if _is_there(one, scope, *way)]
        asked[possible[number % len(possible)]].append(one)
    for (by, every), ids in asked.items():
        yield f"figures by {by} every {every}", figures(scope, by, every, ids)


def figures(scope: Scope, by: str | None, every: Interval | None, ids: Sequence[str]) -> Query:
    """Return the statement of those of some figures that can be asked so."""
    split = [] if by is None else [by]
    asked = [one for one in ids if _is_there(one, scope, by, every)]
    return build_query(asked, scope, split, every, rolled_up=every is None)


def _is_there(id_: str, scope: Scope, by: str | None, every: Interval | None) -> bool:
    return (by is None or by in FIGURES[id_].dimensions) and _has(id_, scope, every)


def _has(id_: str, scope: Scope, every: Interval | None) -> bool:
    """Whether a figure is there in such steps: costs are not, by the hour."""
    try:
        build_query([id_], scope, (), every)
    except SettingsError:
        return False
    return True


def of_analyses(scope: Scope) -> Iterator[tuple[str, Query]]:
    """Yield the statement of every analysis that can be asked of a scope."""
    for name, analysis in ANALYSES.items():
        try:
            yield f"analysis {name}", analysis.query(scope)
        except SettingsError:
            continue  # one that needs an integration


def of_reports(scope: Scope, now: datetime) -> Iterator[tuple[str, Query]]:
    """Yield what every type of report asks."""
    for type_ in ReportType:
        request = ReportRequest(
            "Any", type_, ReportFormat.JSON, scope.tenant, scope.start, scope.end, parts=_EVERYTHING
        )
        for name, query in report_queries.questions(request, now).asked.items():
            yield f"report {type_}: {name}", query
