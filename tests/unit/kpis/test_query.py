from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from embedded.formatting import format_sql
from kpis.kpi import Aggregate
from kpis.query import ALL_TENANTS, Interval, Scope, build_query, last_days
from kpis.registry import ALL
from kpis.scope import FILTERS
from models.errors import SettingsError

NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
TENANT = UUID(int=7)
INJECTION = "x' OR 1=1 --"


@pytest.mark.parametrize("id_", ALL)
def test_values_are_bound_by_the_database_and_never_part_of_the_statement(id_: str) -> None:
    given: dict[str, Any] = {name: INJECTION for name in FILTERS if name in ALL[id_].dimensions}
    query = build_query([id_], replace(Scope(NOW - timedelta(days=1), NOW, TENANT), **given))
    assert INJECTION not in query.sql
    assert str(TENANT) not in query.sql
    assert "{tenant:UUID}" in query.sql
    for name in given:
        assert f"{{{name}:String}}" in query.sql
        assert query.parameters[name] == INJECTION


def test_a_scope_without_a_tenant_cannot_be_made() -> None:
    assert inspect.signature(Scope).parameters["tenant"].default is inspect.Parameter.empty
    assert "tenant" not in build_query(["csat"], last_days(1, NOW, ALL_TENANTS)).parameters


def test_a_dimension_that_a_figure_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(
        SettingsError, match="cannot split sync_job_count by 'weather'; expected one of tenant, provider"
    ):
        build_query(["sync_job_count"], last_days(1, NOW, ALL_TENANTS), ["weather"])


def test_a_filter_that_a_figure_does_not_have_is_an_error_and_not_left_out() -> None:
    with pytest.raises(SettingsError, match="cannot narrow csat by 'query_type'"):
        build_query(["csat"], Scope(NOW - timedelta(days=1), NOW, TENANT, query_type="order_status"))


def test_figures_of_several_sources_are_one_statement() -> None:
    sql = build_query(
        ["query_count", "csat", "latency_p95_ms"], last_days(1, NOW, TENANT), ["provider"], Interval.DAY
    ).sql
    assert sql.count(" AS u GROUP BY provider, time ORDER BY time, provider") == 1


def test_asking_twice_for_a_figure_gives_it_once() -> None:
    assert build_query(["csat", "csat"], last_days(1, NOW, TENANT)) == build_query(["csat"], last_days(1, NOW, TENANT))


def test_no_ids_is_an_error() -> None:
    with pytest.raises(SettingsError, match="which figures"):
        build_query([], last_days(1, NOW, TENANT))


def test_the_moment_of_judging_reaches_the_database_with_its_milliseconds() -> None:
    scope = Scope(NOW, NOW + timedelta(hours=1), TENANT, as_of=NOW.replace(microsecond=123_456))
    assert build_query(["csat"], scope).parameters["as_of"] == "2026-11-22 10:30:15.123"


@pytest.mark.parametrize("id_", [id_ for id_, kpi in ALL.items() if isinstance(kpi.computed, Aggregate)])
def test_the_statement_of_a_simple_figure_fits_on_a_screen(id_: str) -> None:
    assert len(format_sql(build_query([id_], last_days(30, NOW, ALL_TENANTS)).sql).splitlines()) <= 60
