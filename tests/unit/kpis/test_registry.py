from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kpis import docs
from kpis.kpi import Kpi
from kpis.query import ALL_TENANTS, build_query, columns_of, last_days
from kpis.registry import ALL, get
from models.errors import SettingsError

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
# Others rely on these ids.
PROMISED = """
query_count query_success_rate error_rate latency_p50_ms latency_p95_ms latency_p99_ms confidence_with_data
confidence_without_data data_utilization_rate conversation_count durable_resolution_rate reopen_rate handoff_rate csat
csat_lift resolution_time_minutes gross_savings net_savings roi influenced_revenue conversion_rate conversion_lift
integration_uptime sync_success_rate data_freshness_hours
"""
every_kpi = pytest.mark.parametrize("kpi", ALL.values(), ids=list(ALL))


def test_every_promised_figure_is_there() -> None:
    assert set(PROMISED.split()) <= set(ALL)


def test_an_unknown_id_is_answered_with_those_that_look_alike() -> None:
    with pytest.raises(SettingsError, match=r"no key figure 'latency_p95'; did you mean latency_p95_ms"):
        get("latency_p95")


def test_an_id_like_nothing_is_answered_with_where_to_look() -> None:
    with pytest.raises(SettingsError, match="'romashka kpi list' shows them all"):
        get("???")


@every_kpi
def test_a_definition_is_complete(kpi: Kpi) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]+", kpi.id)
    assert kpi.title
    assert kpi.meaning.endswith(".")
    assert "tenant" in kpi.dimensions
    assert kpi.minimum_volume >= 1
    assert [change.version for change in kpi.changes] == list(range(2, 2 + len(kpi.changes)))


@every_kpi
def test_critical_is_worse_than_warning(kpi: Kpi) -> None:
    if kpi.warning is None or kpi.critical is None:
        return
    assert kpi.direction != "neutral"
    assert kpi.critical > kpi.warning if kpi.direction == "down" else kpi.critical < kpi.warning


@every_kpi
def test_a_statement_names_the_tenant_and_gives_the_columns_of_the_figure(kpi: Kpi) -> None:
    scope = last_days(7, NOW, ALL_TENANTS)
    sql = build_query([kpi.id], scope).sql
    for name in columns_of(kpi):
        assert f" AS {name}" in sql


def test_the_page_of_the_docs_is_what_the_definitions_say() -> None:
    text = Path("docs/kpis.md").read_text()
    assert text == docs.markdown(), "run 'romashka kpi docs'"
    assert sorted(re.findall(r"^### `(.*)`$", text, re.MULTILINE)) == sorted(ALL)


@pytest.mark.parametrize(
    ("value", "n", "state"),
    [(0.99, 100, "ok"), (0.95, 100, "warning"), (0.5, 100, "critical"), (0.5, 29, "unknown"), (None, 0, "unknown")],
)
def test_a_value_is_as_worrying_as_the_lines_say(value: float | None, n: int, state: str) -> None:
    assert get("query_success_rate").state(value, n) == state


def test_where_lower_is_better_the_lines_are_above() -> None:
    assert [get("error_rate").state(value, 100) for value in (0.01, 0.05, 0.2)] == ["ok", "warning", "critical"]
