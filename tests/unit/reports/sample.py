"""A small report for tests, and parts of one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from dashboards.panel import Column
from kpis.kpi import Unit
from reports.report import Exhibit, Figure, Finding, Provenance, Report
from reports.request import Parts, ReportFormat, ReportRequest, ReportType

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT = UUID("0a6f7d52-3c1e-4b7a-9f7e-5b0c1d2e3f01")
FORMULA = "=cmd|' /C calc'!A0"


def figure(
    id_: str = "csat",
    *,
    unit: Unit = Unit.STARS,
    value: float | None = 4.1,
    before: float | None = 3.9,
    before_n: float = 110,
    good: str = "up",
    state: str = "ok",
    notes: tuple[str, ...] = (),
) -> Figure:
    return Figure(
        id=id_,
        title=id_.replace("_", " ").capitalize(),
        meaning="What it means.",
        unit=unit,
        good=good,
        version=1,
        value=value,
        n=120,
        low=None,
        high=None,
        before=before,
        before_n=before_n,
        state=state,  # type: ignore[arg-type]  # parametrised
        notes=notes,
    )


def finding(severity: str = "critical", *, ended: bool = False) -> Finding:
    return Finding(
        severity,
        "HubSpot refuses our token",
        "80 % of queries fail",
        "hubspot",
        NOW,
        NOW if ended else None,
        ("Connect it again",),
    )


def report(format_: ReportFormat = ReportFormat.PDF, *, raw: bool = False, figures: tuple[Figure, ...] = ()) -> Report:
    rows = [{"provider": "hubspot", "query_count": 1_200}, {"provider": FORMULA, "query_count": 7}]
    columns = (Column("provider", "Integration"), Column("query_count", "Queries", Unit.COUNT))
    table = Exhibit("By integration", "Queries by integration.", columns, rows, None, "No queries")
    drawn = Exhibit(
        "How many?",
        "By day.",
        (),
        [{"time": NOW, "value": 3.0}],
        {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}},
        "Nothing",
    )
    return Report(
        id=UUID(int=1),
        request=ReportRequest(
            "Monthly <b>report</b>",
            ReportType.EXECUTIVE,
            format_,
            TENANT,
            datetime(2026, 10, 23, 12, tzinfo=UTC),
            NOW,
            ("hubspot",),
            Parts(raw_data=raw),
        ),
        about="Whether it is worth it",
        tenant=str(TENANT),
        summary=("All is well.",),
        figures=figures or (figure(), figure("error_rate", unit=Unit.RATIO, value=0.021, before=0.05, good="down")),
        breakdown=table,
        exhibits=(drawn, table),
        findings=(finding(),),
        recommendations=("Connect HubSpot again",),
        raw=table._replace(title="Raw data") if raw else None,
        provenance=Provenance(NOW, NOW, 2, 3, 1, 0, {"csat": "0123456789ab"}),
    )
