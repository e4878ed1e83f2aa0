"""Composes a report: runs the queries, compares with the previous period, adds the narrative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from clickhouse_connect.driver.client import Client

from dashboards.panel import Column, Panel, PanelType
from dashboards.preview.charts import chart, is_drawable
from dashboards.preview.sums import lacks_amounts, no_data
from kpis.display import notes
from kpis.kpi import Kpi, Unit
from kpis.registry import get
from kpis.scope import AllTenants, Scope, zone
from kpis.text import printable
from reports import report_queries
from reports.changes import with_explanation
from reports.narrative import recommendations, summary
from reports.report import Exhibit, Figure, Finding, Provenance, Report, Row
from reports.report_definitions import CONTENTS, figures_of
from reports.request import ReportRequest, ReportType
from storage.reading import query_all

_NAMESPACE: Final = UUID("5b1b4c55-4c0e-5c0a-8a57-0d8a4a1f6f3e")
_NODES: Final = (
    Column("node", "Stage"),
    Column("conversations", "Conversations", Unit.COUNT),
    Column("remark", "Then"),
)
_RAW_TITLES: Final = {
    "integration_provider": "Integration",
    "response_time_ms": "Response time (ms)",
    "data_freshness_hours": "Data freshness (hours)",
    "ai_confidence_score": "AI confidence",
}
_RAW_UNITS: Final = {
    "response_time_ms": Unit.MILLISECONDS,
    "data_freshness_hours": Unit.HOURS,
    "ai_confidence_score": Unit.RATIO,
}

Answers = Mapping[str, list[Row]]


def compose(client: Client, request: ReportRequest, now: datetime) -> Report:
    """Run the queries of a report and return the report.

    Parameters
    ----------
    client
        It must have no session: several statements run concurrently.
    now
        The time of the report.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    scope, asked = report_queries.questions(request, now)
    answers = query_all(client, asked, aware=True)
    hashes = {name: sha256(query.sql.encode()).hexdigest()[:12] for name, query in asked.items()}
    report = assemble(request, now, scope, answers, hashes)
    explained = request.type is ReportType.EXECUTIVE and request.parts.executive_summary
    return with_explanation(client, report) if explained else report


def assemble(request: ReportRequest, now: datetime, scope: Scope, answers: Answers, hashes: dict[str, str]) -> Report:
    """Return the report for query results. Pure."""
    contents = CONTENTS[request.type]
    figures = tuple(_figures(request, scope, answers))
    found = tuple(_findings(answers[report_queries.FINDINGS]))
    return Report(
        id=uuid5(_NAMESPACE, f"{request}{now.isoformat()}"),
        request=request,
        about=contents.about,
        tenant="all tenants" if isinstance(request.tenant, AllTenants) else str(request.tenant),
        summary=summary(figures, found) if request.parts.executive_summary else (),
        figures=figures,
        breakdown=_breakdown(request, answers[report_queries.BREAKDOWN]),
        exhibits=tuple(_exhibits(contents.panels, answers, request.time_zone)) if request.parts.charts else (),
        findings=found,
        recommendations=recommendations(figures, found) if request.parts.recommendations else (),
        raw=_raw(_at_home(answers[report_queries.RAW], request.time_zone)) if request.parts.raw_data else None,
        provenance=_provenance(now, answers[report_queries.DATA_STATE][0], hashes),
        currency=_currency(answers),
    )


def _figures(request: ReportRequest, scope: Scope, answers: Answers) -> Iterator[Figure]:
    now, earlier = _values(report_queries.THIS, answers), _values(report_queries.BEFORE, answers)
    for kpi in (get(id_) for id_ in figures_of(request.type)):
        value, n = _number(now[kpi.id]), _number(now[f"{kpi.id}_n"])
        yield Figure(
            id=kpi.id,
            title=kpi.title,
            meaning=kpi.meaning,
            unit=kpi.unit,
            good=kpi.direction,
            version=kpi.version,
            value=value,
            n=n,
            low=_number(now.get(f"{kpi.id}_low")),
            high=_number(now.get(f"{kpi.id}_high")),
            before=_number(earlier[kpi.id]),
            before_n=_number(earlier[f"{kpi.id}_n"]),
            state=kpi.state(value, n),
            notes=(*notes(kpi, now, scope), *_whole(kpi, request)),
            currency=_currency(answers) if kpi.unit is Unit.MONEY else "",
        )


def _currency(answers: Answers) -> str:
    return str(answers[report_queries.CURRENCY][0]["currency"])


def _values(name: str, answers: Answers) -> Row:
    """Return the figures of a period: those filtered by integration, and those without that dimension."""
    row: Row = {}
    for part in report_queries.names_of(name):
        row |= answers[part][0] if part in answers else {}
    return row


def _whole(kpi: Kpi, request: ReportRequest) -> list[str]:
    return ["of all integrations"] if request.integrations and not report_queries.narrows(kpi) else []


def _breakdown(request: ReportRequest, rows: list[Row]) -> Exhibit:
    ids = report_queries.breakdown_ids(request)
    wanted = request.integrations
    kept = [
        {"provider": row["provider"], **{id_: row[id_] for id_ in ids}}
        for row in sorted(rows, key=lambda row: -(row[ids[0]] or 0))
        if not wanted or row["provider"] in wanted
    ]
    columns = (Column("provider", "Integration"), *(Column(id_, get(id_).title, get(id_).unit) for id_ in ids))
    return Exhibit(
        "By integration", "Queries of the AI, by integration.", columns, kept, None, "No queries in this range"
    )


def _exhibits(panels: Iterable[Panel], answers: Answers, time_zone: str) -> Iterator[Exhibit]:
    for panel in panels:
        mine = {ref: _at_home(answers[report_queries.name_of(panel, ref)], time_zone) for ref in panel.asks}
        graph = panel.picture is PanelType.NODE_GRAPH
        columns, rows = (_NODES, _nodes(mine["A"])) if graph else (panel.columns, mine["A"])
        drawn = panel.picture not in {PanelType.TABLE, PanelType.STAT, PanelType.GAUGE} and is_drawable(panel, mine)
        picture = chart(panel, mine) if drawn else None
        reason = f" {no_data(panel)}." if lacks_amounts(panel, mine["A"]) else ""
        yield Exhibit(panel.title, f"{panel.description}{reason}", columns, rows, picture, no_data(panel))


def _nodes(rows: list[Row]) -> list[Row]:
    """Return the nodes of a graph as a table, without the columns that only Grafana needs."""
    return [
        {
            "node": row["title"],
            "conversations": int(row["mainstat"]) if row["mainstat"] else None,
            "remark": row["secondarystat"],
        }
        for row in rows
    ]


def _at_home(rows: list[Row], time_zone: str) -> list[Row]:
    """Return rows with their times in a time zone."""
    clocks = zone(time_zone)
    return [
        {name: one.astimezone(clocks) if isinstance(one, datetime) else one for name, one in row.items()}
        for row in rows
    ]


def _findings(rows: list[Row]) -> Iterator[Finding]:
    for row in rows:
        yield Finding(
            row["severity"],
            printable(row["title"]),
            printable(row["summary"]),
            row["integration_provider"],
            row["started_at"],
            row["ended_at"] if row["status"] != "open" else None,
            tuple(map(printable, row["recommended_actions"])),
        )


def _raw(rows: list[Row]) -> Exhibit:
    columns = tuple(
        Column(name, _RAW_TITLES.get(name, name.replace("_", " ").capitalize()), _RAW_UNITS.get(name))
        for name in (rows[0] if rows else ())
    )
    about = f"The first {report_queries.MAX_RAW:,} queries of the range; 'romashka export' has them all."
    return Exhibit("Raw data", about, columns, rows, None, "No queries in this range")


def _provenance(now: datetime, data_state: Row, hashes: dict[str, str]) -> Provenance:
    mark = data_state["watermark"]
    return Provenance(
        made_at=now,
        watermark=None if mark is None or mark.year < 2000 else mark,
        late_hours=int(data_state["late_hours"]),
        dead_letters=int(data_state["dead_letters"]),
        restated=int(data_state["restated"]),
        uncounted_minutes=int(data_state["behind_seconds"]) // 60,
        hashes=hashes,
    )


def _number(cell: Any) -> float | None:
    return None if cell is None else float(cell)
