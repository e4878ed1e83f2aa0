"""Making a report: ask ClickHouse, compare with the period before, put it into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from clickhouse_connect.driver.client import Client

from dashboards.panel import Ask, Column, Panel, Picture
from dashboards.preview.charts import chart
from kpis.dialect import Bound
from kpis.display import notes
from kpis.kpi import Kpi
from kpis.query import figures as figures_query
from kpis.registry import get
from kpis.scope import Everyone, Scope
from models.query import Query
from reports.contents import CONTENTS, Contents
from reports.report import Exhibit, Figure, Finding, Provenance, Report, Row
from reports.request import ReportRequest
from reports.words import recommendations, summary
from sinks.reading import ask

_NAMESPACE: Final = UUID("5b1b4c55-4c0e-5c0a-8a57-0d8a4a1f6f3e")
_BREAKDOWN: Final = ("query_count", "query_success_rate", "latency_p95_ms", "data_freshness_hours")
_DETAIL: Final = ("error_rate", "latency_p50_ms", "latency_p99_ms", "query_confidence", "satisfaction_impact")
# Of conversations that used an integration, all used data: only the share of all conversations says something.
_OF_ALL: Final = frozenset({"data_utilization_rate"})
_MOST_RAW: Final = 5_000
_MOST_FINDINGS: Final = 40

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
_STANDING: Final = """
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
    ) AS restated
"""


class Composer:
    """Asks for everything that one report holds, and remembers what it asked."""

    def __init__(self, client: Client, request: ReportRequest, now: datetime) -> None:
        self._client = client
        self._request = request
        self._now = now
        self._hashes: dict[str, str] = {}
        self._scope = Scope(
            request.start, request.end, request.tenant, time_zone=request.time_zone, as_of=min(now, now.astimezone(UTC))
        )

    def compose(self) -> Report:
        """Return the report.

        Raises
        ------
        Unreachable
            ClickHouse does not answer.
        """
        request, contents = self._request, CONTENTS[self._request.type]
        figures = tuple(self._figures(contents.figures))
        found = tuple(self._findings(contents))
        return Report(
            id=uuid5(_NAMESPACE, f"{request}{self._now.isoformat()}"),
            request=request,
            about=contents.about,
            tenant="all tenants" if isinstance(request.tenant, Everyone) else str(request.tenant),
            summary=summary(figures, found) if request.parts.executive_summary else (),
            figures=figures,
            breakdown=self._breakdown(),
            exhibits=tuple(self._exhibits(contents.panels)) if request.parts.charts else (),
            findings=found,
            recommendations=recommendations(figures, found) if request.parts.recommendations else (),
            raw=self._raw() if request.parts.raw_data else None,
            provenance=self._provenance(),
        )

    def _figures(self, ids: Sequence[str]) -> Iterable[Figure]:
        start, end = self._request.before
        now = self._values(ids, self._scope)
        earlier = self._values(ids, replace(self._scope, start=start, end=end))
        for kpi in (get(id_) for id_ in ids):
            value, n = _number(now[kpi.id]), _number(now[f"{kpi.id}_n"])
            yield Figure(
                id=kpi.id,
                title=kpi.title,
                meaning=kpi.meaning,
                unit=kpi.unit,
                good=kpi.good,
                version=kpi.version,
                value=value,
                n=n,
                low=_number(now.get(f"{kpi.id}_low")),
                high=_number(now.get(f"{kpi.id}_high")),
                before=_number(earlier[kpi.id]),
                before_n=_number(earlier[f"{kpi.id}_n"]),
                state=kpi.state(value, n),
                notes=(*notes(kpi, now, self._scope), *self._whole(kpi)),
            )

    def _values(self, ids: Sequence[str], scope: Scope) -> Row:
        """Return figures over the wanted integrations; those that know no integrations, over all."""
        wanted = self._request.integrations
        narrow = [id_ for id_ in ids if wanted and _narrows(get(id_))]
        groups = {"narrowed": (narrow, replace(scope, provider=wanted or None)), "whole": ([*ids], scope)}
        row: Row = {}
        for name, (group, part) in reversed(groups.items()):
            if some := [id_ for id_ in group if name == "narrowed" or id_ not in narrow]:
                row |= self._ask(", ".join(some), figures_query(some, part))[0]
        return row

    def _whole(self, kpi: Kpi) -> list[str]:
        return ["of all integrations"] if self._request.integrations and not _narrows(kpi) else []

    def _breakdown(self) -> Exhibit:
        ids = _BREAKDOWN + (_DETAIL if self._request.parts.detailed_metrics else ())
        rows = self._ask("by integration", figures_query(ids, self._scope, by=("provider",)))
        wanted = self._request.integrations
        kept = [
            {"provider": row["provider"], **{id_: row[id_] for id_ in ids}}
            for row in sorted(rows, key=lambda row: -(row[ids[0]] or 0))
            if not wanted or row["provider"] in wanted
        ]
        columns = [Column("provider", "Integration"), *(Column(id_, get(id_).title, get(id_).unit) for id_ in ids)]
        return Exhibit(
            "By integration",
            "Queries of the AI, by integration.",
            tuple(columns),
            kept,
            None,
            "No queries in this range",
        )

    def _exhibits(self, panels: Iterable[Panel]) -> Iterable[Exhibit]:
        for panel in panels:
            answers = {ref: self._answer(f"{panel.title} {ref}", one) for ref, one in panel.asks.items()}
            rows = answers["A"]
            drawn = bool(rows) and panel.picture not in {Picture.TABLE, Picture.STAT, Picture.GAUGE}
            yield Exhibit(
                panel.title,
                panel.description,
                panel.columns,
                rows,
                chart(panel, answers) if drawn else None,
                panel.no_data,
            )

    def _answer(self, what: str, asked: Ask) -> list[Row]:
        wanted = self._request.integrations if "provider" in asked.filters else ()
        dialect = Bound(replace(self._scope, provider=wanted or None))
        return self._ask(what, Query(asked.render(dialect), dialect.parameters))

    def _findings(self, contents: Contents) -> Iterable[Finding]:
        sql, parameters = self._filled(_INSIGHTS, _MOST_FINDINGS)
        for row in self._ask("findings", Query(sql, {**parameters, "types": list(contents.insights)})):
            yield Finding(
                row["severity"],
                row["title"],
                row["summary"],
                row["integration_provider"],
                row["started_at"],
                row["ended_at"] if row["status"] != "open" else None,
                tuple(row["recommended_actions"]),
            )

    def _raw(self) -> Exhibit:
        rows = self._ask("raw data", self._filled(_RAW, _MOST_RAW))
        columns = tuple(Column(name, name.replace("_", " ")) for name in (rows[0] if rows else ()))
        about = f"The first {_MOST_RAW:,} queries of the range; 'romashka export' has them all."
        return Exhibit("Raw data", about, columns, rows, None, "No queries in this range")

    def _provenance(self) -> Provenance:
        standing = self._ask("standing", self._filled(_STANDING, 0))[0]
        mark = standing["watermark"]
        return Provenance(
            made_at=self._now,
            watermark=None if mark is None or mark.year < 2000 else mark,
            late_hours=int(standing["late_hours"]),
            dead_letters=int(standing["dead_letters"]),
            restated=int(standing["restated"]),
            hashes=self._hashes,
        )

    def _filled(self, template: str, most: int) -> Query:
        dialect = Bound(self._scope)
        wanted = list(self._request.integrations)
        provider = "has({providers:Array(String)}, integration_provider)" if wanted else "true"
        sql = template.format(
            tenant=dialect.tenant("user_id"), start=dialect.start, end=dialect.end, provider=provider, most=most
        )
        return Query(sql, {**dialect.parameters, **({"providers": wanted} if wanted else {})})

    def _ask(self, what: str, query: Query) -> list[dict[str, Any]]:
        self._hashes[what] = sha256(query.sql.encode()).hexdigest()[:12]
        return ask(self._client, query.sql, query.parameters, aware=True)


def _narrows(kpi: Kpi) -> bool:
    return "provider" in kpi.dimensions and kpi.id not in _OF_ALL


def _number(cell: Any) -> float | None:
    return None if cell is None else float(cell)
