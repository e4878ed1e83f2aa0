from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kpis.analyses.catalogue import ANALYSES, get
from kpis.analyses.savings import apart
from kpis.definitions.business import KPIS
from kpis.kpi import Kpi, Statement
from kpis.scope import FILTERS, Interval, Scope
from kpis.sql.dialect import Bound, Grafana
from kpis.sql.query_context import QueryContext
from models.errors import InvalidRequest, SettingsError

START = datetime(2026, 3, 1, tzinfo=UTC)
INJECTION = "x' OR 1=1 --"
SCOPE = Scope(START, START + timedelta(days=30), UUID(int=7), provider=INJECTION, channel=INJECTION)


def render(kpi: Kpi, asked: QueryContext) -> str:
    assert isinstance(kpi.computed, Statement)
    return kpi.computed.render(asked)


@pytest.mark.parametrize("name", ANALYSES)
def test_values_are_bound_by_the_database_and_every_table_names_the_tenant(name: str) -> None:
    unused: dict[str, Any] = dict.fromkeys(SCOPE.filters.keys() - get(name).filters)
    query = get(name).query(replace(SCOPE, **unused))
    assert INJECTION not in query.sql
    assert "user_id = {tenant:UUID}" in query.sql
    assert query.parameters["tenant"] == str(UUID(int=7))


@pytest.mark.parametrize("name", ANALYSES)
def test_every_analysis_can_be_asked_by_a_dashboard(name: str) -> None:
    sql = get(name).sql(QueryContext(Grafana(("tenant", "provider"))))
    assert "$__fromTime" in sql
    assert "{tenant:UUID}" not in sql


@pytest.mark.parametrize("name", ANALYSES)
def test_a_filter_that_does_not_narrow_an_analysis_is_refused(name: str) -> None:
    whole = replace(SCOPE, provider="shopify" if name == "fault-cost" else None, channel=None)
    for dimension in FILTERS:
        values: dict[str, Any] = {dimension: "x"}
        narrowed = replace(whole, **values)
        if dimension in get(name).filters:
            query = get(name).query(narrowed)
            assert f"{{{dimension}:String}}" in query.sql, f"{name} claims to be narrowed by {dimension}"
        else:
            with pytest.raises(InvalidRequest, match="cannot be narrowed by it") as refused:
                get(name).query(narrowed)
            assert refused.value.field == dimension


def test_an_unknown_analysis_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="'weather'; expected one of savings, attribution"):
        get("weather")


@pytest.mark.parametrize("id_", ["net_savings", "roi"])
def test_costs_are_spread_over_days_and_belong_to_the_tenant_as_a_whole(id_: str) -> None:
    kpi = next(one for one in KPIS if one.id == id_)
    with pytest.raises(SettingsError, match="every day or every week"):
        render(kpi, QueryContext(Bound(replace(SCOPE, provider=None, channel=None)), every=Interval.HOUR))
    with pytest.raises(SettingsError, match="cannot be narrowed by provider"):
        render(kpi, QueryContext(Bound(SCOPE)))


def test_every_business_figure_explains_itself() -> None:
    assert {kpi.id for kpi in KPIS} == {
        "gross_savings", "net_savings", "roi", "influenced_revenue", "conversion_lift", "csat_lift",
    }  # fmt: skip
    for kpi in KPIS:
        assert kpi.meaning.endswith(".")


def test_resolutions_without_a_price_are_counted_and_not_valued() -> None:
    row = {
        "user_id": "t",
        "conversations": 100,
        "durable": 60,
        "confirmed": 40,
        "gross": None,
        "gross_confirmed": None,
        "at_most": None,
        "lacking": True,
    }
    confirmed, assumed, durable = apart([row])
    assert (confirmed["count"], assumed["count"], durable["count"]) == (40, 20, 60)
    assert {one["saved"] for one in (confirmed, assumed, durable)} == {None}
    assert "cost_per_human_contact" in confirmed["note"]
    priced = {**row, "gross": Decimal(390), "gross_confirmed": Decimal(260), "at_most": Decimal(650), "lacking": False}
    assert [one["saved"] for one in apart([priced])] == [Decimal(260), Decimal(130), Decimal(390)]
