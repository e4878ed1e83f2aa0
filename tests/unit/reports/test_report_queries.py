from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kpis import registry
from kpis.custom.examples import EXAMPLES
from kpis.custom.figure_file import figures
from kpis.registry import get
from kpis.scope import ALL_TENANTS
from reports import report_queries
from reports.report_definitions import CONTENTS, figures_of
from reports.request import Parts, ReportFormat, ReportRequest, ReportType
from tests.unit.reports.sample import TENANT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUEST = ReportRequest(
    "Monthly",
    ReportType.EXECUTIVE,
    ReportFormat.PDF,
    TENANT,
    datetime(2026, 10, 1, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
)
BARE = Parts(charts=False)


def test_the_period_before_is_the_same_question_about_the_range_before() -> None:
    asked = report_queries.questions(REQUEST, NOW).asked
    now, before = asked[report_queries.THIS], asked[report_queries.BEFORE]
    assert now.sql == before.sql
    assert before.parameters["end"] == now.parameters["start"]
    assert before.parameters["as_of"] == now.parameters["as_of"] == "2026-11-22 12:00:00.000"


def test_what_is_not_wanted_is_not_asked() -> None:
    always = {
        report_queries.THIS,
        report_queries.BEFORE,
        report_queries.BREAKDOWN,
        report_queries.FINDINGS,
        report_queries.DATA_STATE,
        report_queries.CURRENCY,
    }
    assert report_queries.questions(replace(REQUEST, parts=BARE), NOW).asked.keys() == always
    raw = replace(REQUEST, parts=replace(BARE, raw_data=True))
    assert report_queries.questions(raw, NOW).asked.keys() == always | {report_queries.RAW}
    with_charts = report_queries.questions(REQUEST, NOW).asked.keys()
    panels = CONTENTS[ReportType.EXECUTIVE].panels
    assert {report_queries.name_of(panel, ref) for panel in panels for ref in panel.asks} == with_charts - always


def test_figures_that_know_no_integrations_are_asked_for_all_apart() -> None:
    asked = report_queries.questions(replace(REQUEST, integrations=("hubspot",), parts=BARE), NOW).asked
    of_all, of_these = report_queries.names_of(report_queries.THIS)
    assert "provider" not in asked[of_all].parameters
    assert asked[of_these].parameters["provider"] == ["hubspot"]
    assert "query_success_rate" in asked[of_these].sql
    assert asked[report_queries.FINDINGS].parameters["providers"] == ["hubspot"]


@pytest.mark.parametrize("type_", ReportType)
def test_a_report_about_one_tenant_asks_about_no_other_but_for_rejected_messages(type_: ReportType) -> None:
    parts = Parts(detailed_metrics=True, raw_data=True)
    for name, query in report_queries.questions(replace(REQUEST, type=type_, parts=parts), NOW).asked.items():
        assert "{tenant:UUID}" in query.sql, name
        assert query.parameters["tenant"] == str(TENANT)
    everyone = report_queries.questions(replace(REQUEST, type=type_, tenant=ALL_TENANTS, parts=parts), NOW).asked
    assert all("tenant" not in query.parameters for query in everyone.values())


def test_figures_of_the_installation_are_in_the_reports_of_their_area(tmp_path: Path) -> None:
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = figures(tmp_path).figures
    before = {type_: figures_of(type_) for type_ in ReportType}
    registry.register(one.kpi for one in found)
    try:
        more = {type_: figures_of(type_)[len(before[type_]) :] for type_ in ReportType}
        asked = report_queries.questions(REQUEST, NOW).asked
    finally:
        registry.register(())
    assert {one.kpi.id for one in found} == set().union(*more.values()), "each is in some report"
    for type_, ids in more.items():
        areas = {get(id_).area for id_ in before[type_]}
        assert {one.kpi.id for one in found if one.kpi.area in areas} == set(ids)
    assert any("quick_resolution_share" in query.sql for query in asked.values())
