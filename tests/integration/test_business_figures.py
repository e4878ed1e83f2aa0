"""Savings, revenue and lifts over a seeded month equal an independent recomputation, whatever arrives twice or late."""

from __future__ import annotations

import itertools
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner, Result

from cli.commands import kpi_analyse, tenant
from jobs.business_impact import refresh, refresh_period
from jobs.roll_ups import refresh as roll_up
from kpis.query import build_query
from kpis.scope import ALL_TENANTS, Interval
from kpis.settings_model import new_entry
from models.topics import OUTCOMES, QUERIES
from simulator.scenario import Scenario
from sinks.clickhouse import ClickHouseSink
from storage.connection import connect
from storage.reading import query_rows
from storage.tenant_settings import save
from tests import business_oracle as oracle
from tests.business_stack import (
    BARE,
    BEGIN,
    END,
    ENTERED,
    MARCH,
    NOW,
    SETTINGS,
    SHOP,
    START,
    UNTIL,
    Stack,
    analysed,
    outcome,
    scope,
    store,
    surprises,
    value,
)
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack(spare_databases: SpareDatabases) -> Iterator[Stack]:
    address = spare_databases.lend()
    scenario = Scenario(seed=11, start=BEGIN, end=UNTIL, tenants=(SHOP, BARE), rate=0.0016)
    messages = [message for part in scenario.history() for message in part]
    messages += surprises(messages)
    sink = ClickHouseSink(address)
    store(sink, messages)
    store(sink, messages[1::3])  # delivered again
    with connect(address) as client:
        for name, value, since in ENTERED:
            save(client, new_entry(SHOP.id, name, value, since, NOW))
        roll_up(client)
        yield Stack(address, client, sink, messages, oracle.talks(messages, str(SHOP.id), NOW))
    spare_databases.take_back(address)


def test_savings_are_those_of_an_independent_recomputation_to_the_cent(stack: Stack) -> None:
    mine = oracle.entered_between(stack.talks, START, END)
    assert len(mine) > 1_000
    assert value(stack, "gross_savings", scope()) == oracle.gross(mine, SETTINGS)
    net = oracle.net(mine, SETTINGS, START, END)
    assert value(stack, "net_savings", scope()) == net
    assert value(stack, "roi", scope()) == pytest.approx(float(net / oracle.costs(SETTINGS, START, END)), rel=1e-6)


def test_savings_by_day_add_up_to_those_of_the_month(stack: Stack) -> None:
    for id_ in ("gross_savings", "net_savings"):
        days = query_rows(stack.client, *build_query([id_], scope(), every=Interval.DAY))
        assert len(days) == 31
        assert sum(day[id_] for day in days) == pytest.approx(value(stack, id_, scope()), abs=Decimal("0.31"))


def test_confirmed_and_assumed_resolutions_are_shown_apart_and_add_up(stack: Stack) -> None:
    mine = [one for one in oracle.entered_between(stack.talks, START, END) if one.durable]
    confirmed, assumed, durable = analysed(stack, "savings", scope())
    assert confirmed["count"] == sum(one.confirmed for one in mine)
    assert assumed["count"] == sum(not one.confirmed for one in mine) > 0
    assert durable["count"] == len(mine)
    assert confirmed["saved"] == oracle.gross([one for one in mine if one.confirmed], SETTINGS)
    assert durable["saved_lower"] < durable["saved"] < durable["saved_upper"]


def test_a_tenant_without_settings_is_told_what_is_missing_and_shown_no_money(stack: Stack) -> None:
    (row,) = query_rows(stack.client, *build_query(["net_savings"], scope(BARE.id)))
    assert row["net_savings"] is None
    assert row["net_savings_n"] > 0
    assert "cost_per_human_contact" in row["net_savings_note"]
    assert "platform_cost_per_month" in row["net_savings_note"]


def test_a_day_before_a_price_holds_leaves_the_figure_empty(stack: Stack) -> None:
    (row,) = query_rows(stack.client, *build_query(["net_savings"], scope(start=START - timedelta(days=40))))
    assert row["net_savings"] is None
    assert "loaded_rate_per_hour" in row["net_savings_note"]
    assert "cost_per_human_contact" not in row["net_savings_note"]


def test_money_of_several_tenants_is_not_added_up(stack: Stack) -> None:
    (row,) = query_rows(stack.client, *build_query(["gross_savings"], scope(ALL_TENANTS)))
    assert row["gross_savings"] is None
    assert "split by tenant" in row["gross_savings_note"]


def test_an_empty_range_saves_nothing_and_says_what_it_cost(stack: Stack) -> None:
    later = scope(start=END + timedelta(days=60), end=END + timedelta(days=61))
    assert value(stack, "gross_savings", later) == 0
    assert value(stack, "net_savings", later) < 0
    assert value(stack, "influenced_revenue", later) == 0
    assert value(stack, "conversion_lift", later) is None


def test_influenced_revenue_follows_rule_window_and_refunds_to_the_cent(stack: Stack) -> None:
    wanted = oracle.attributed(stack.talks, SETTINGS, START, END)
    rest = wanted.pop("")
    rows = query_rows(stack.client, *build_query(["influenced_revenue"], scope(), by=["provider"]))
    assert {row["provider"]: row["influenced_revenue"] for row in rows} == wanted
    whole = value(stack, "influenced_revenue", scope())
    assert abs(whole - sum(wanted.values())) <= Decimal("0.05")
    mine = stack.talks
    sales = [one for one in oracle.entered_between(mine, START, END) if one.sales > 0]
    elsewhere = [one for one in mine if one.refunds > 0 and one.sales == 0]
    assert len(elsewhere) == 20
    assert whole + rest < sum(one.net for one in sales)  # refunds of other conversations are netted too


def test_revenue_by_integration_and_rule_agrees_with_the_figure(stack: Stack) -> None:
    rows = analysed(stack, "attribution", scope())
    assert {row["rule"] for row in rows} >= {"last_touch", "linear", "first_touch"}
    named = sum(row["revenue"] for row in rows if row["provider"])
    assert named == pytest.approx(value(stack, "influenced_revenue", scope()), abs=Decimal("0.10"))


@pytest.mark.parametrize(("id_", "of", "analysis"), [
    ("conversion_lift", "converted", "conversion"),
    ("csat_lift", "stars", "satisfaction"),
])  # fmt: skip
def test_lifts_equal_the_recomputation_and_the_table(stack: Stack, id_: str, of: str, analysis: str) -> None:
    mine = oracle.entered_between(stack.talks, START, END)
    (row,) = query_rows(stack.client, *build_query([id_], scope()))
    assert row[id_] == pytest.approx(oracle.lift(mine, of))
    every = analysed(stack, analysis, scope())[0]
    assert (every["level"], every["lift"]) == ("all", pytest.approx(row[id_]))
    assert (every["lower"], every["upper"]) == (pytest.approx(row[f"{id_}_low"]), pytest.approx(row[f"{id_}_high"]))


def test_gaps_are_counted_typed_and_routed(stack: Stack) -> None:
    mine = oracle.entered_between(stack.talks, START, END)
    wanted = Counter(gap for one in mine for gap in one.gaps)
    rows = analysed(stack, "gaps", scope())
    assert {row["label"]: row["conversations"] for row in rows if row["conversations"]} == wanted
    assert [row["conversations"] for row in rows] == sorted((row["conversations"] for row in rows), reverse=True)
    policy = next(row for row in rows if row["subject"] == "return_policy")
    assert (policy["gap_type"], policy["integration"]) == ("missing content", "shopify")


def test_every_step_of_the_journey_is_a_conversation_and_the_next_of_its_customer(stack: Stack) -> None:
    edges = analysed(stack, "journey", scope())
    steps = Counter[tuple[str, str]]()
    customers: dict[str, list[oracle.Talk]] = {}
    for one in sorted(stack.talks, key=lambda one: (one.entered, one.id)):
        if one.customer and one.entered < END + timedelta(days=14):
            customers.setdefault(one.customer, []).append(one)
    for visits in customers.values():
        for one, following in itertools.pairwise(visits):
            if START <= one.entered < END and following.entered <= one.entered + timedelta(days=14):
                steps[one.stage or "unknown", following.stage or "unknown"] += 1
    found = {(row["source"], row["target"]): row["conversations"] for row in edges}
    assert {pair: count for pair, count in found.items() if pair[1] not in {"done", "dropped off"}} == steps


def test_countries_add_up_to_the_whole(stack: Stack) -> None:
    mine = oracle.entered_between(stack.talks, START, END)
    rows = analysed(stack, "geography", scope())
    assert {row["country"]: row["conversations"] for row in rows} == Counter(one.country for one in mine)
    assert sum(row["net_value"] for row in rows) == sum(one.net for one in mine)
    assert sum(row["durable"] for row in rows) == sum(one.durable for one in mine)


def test_a_fault_counts_the_conversations_it_touched(stack: Stack) -> None:
    first, last = datetime(2026, 3, 16, tzinfo=UTC), datetime(2026, 3, 26, tzinfo=UTC)
    hit = [
        event
        for topic, _, message in stack.messages
        if topic == QUERIES.name
        for event in [json.loads(message)]
        if event["user_id"] == str(SHOP.id)
        and event["integration_provider"] == "shopify"
        and not event["query_success"]
        and first <= datetime.fromisoformat(event["created_at"]) < last
    ]
    (row,) = analysed(stack, "fault-cost", scope(start=first, end=last, provider="shopify"))
    assert row["failed_answers"] == len(hit) > 0
    assert row["conversations"] == len({event["conversation_id"] for event in hit})


def command(stack: Stack, app: typer.Typer, *arguments: str) -> Result:
    there = stack.address
    given = {"ROMASHKA_CLICKHOUSE_URL": there.url, "ROMASHKA_CLICKHOUSE_DATABASE": there.database}
    return CliRunner().invoke(app, arguments, env=given)


def test_settings_are_entered_checked_and_listed_by_command(stack: Stack) -> None:
    who = str(UUID(int=9))
    wrong = command(stack, tenant.app, "settings", "set", who, "currency", "euro", "--from", "2026-01-01")
    assert "expected three capital letters" in str(wrong.exception)
    entered = ["loaded_rate_per_hour", "31.4", "--from", "2026-01-01"]
    assert "31.40" in command(stack, tenant.app, "settings", "set", who, *entered).output
    (row,) = json.loads(command(stack, tenant.app, "settings", "list", who, "--format", "json").output)
    assert (row["setting"], row["value"], row["effective_from"]) == ("loaded_rate_per_hour", "31.40", "2026-01-01")


def test_a_fault_is_priced_from_its_insight_by_command(stack: Stack) -> None:
    insight, begun = uuid.uuid4(), datetime(2026, 3, 16, tzinfo=UTC)
    row = {
        "id": insight,
        "user_id": SHOP.id,
        "insight_type": "performance_anomaly",
        "confidence_score": Decimal("0.9"),
        "created_at": begun,
        "integration_provider": "shopify",
        "started_at": begun,
        "ended_at": begun + timedelta(days=10),
    }
    stack.client.insert("predictive_insights", [list(row.values())], column_names=list(row))
    app = typer.Typer()
    app.command()(kpi_analyse.analyse)
    printed = command(stack, app, "fault-cost", "--insight", str(insight), "--format", "json").output
    (found,) = json.loads(printed)
    asked = scope(start=begun, end=begun + timedelta(days=10), provider="shopify")
    assert found["failed_answers"] == analysed(stack, "fault-cost", asked)[0]["failed_answers"]


def test_business_impact_is_written_once_and_restated_when_late_facts_change_a_month(stack: Stack) -> None:
    count = "SELECT count() AS n, max(revision) AS revision FROM business_impact_metrics"
    refresh(stack.client, NOW)
    (before,) = query_rows(stack.client, count, {})
    assert before["n"] > 0
    refresh_period(stack.client, MARCH, NOW + timedelta(hours=1))
    assert query_rows(stack.client, count, {}) == [before]

    march = {"start": date(2026, 3, 1), "end": date(2026, 4, 1), "tenant": str(SHOP.id)}
    metric = (
        "SELECT * FROM business_impact_metrics FINAL WHERE period_start = {start:Date} AND period_end = {end:Date} "
        "AND user_id = {tenant:UUID} AND integration_provider = 'shopify' ORDER BY metric_type"
    )
    rows = query_rows(stack.client, metric, march)
    assert {row["metric_type"] for row in rows} >= {"sales_conversion", "support_efficiency", "upsell_opportunity"}
    sales = next(row for row in rows if row["metric_type"] == "sales_conversion")
    mine = oracle.entered_between(stack.talks, START, END)
    with_shop = [one for one in mine if "shopify" in one.providers and one.data_used]
    assert sales["treated"] == pytest.approx(len(with_shop), abs=2)  # a stratum without its like is left out
    assert float(sales["current_value"]) == pytest.approx(
        sum(one.converted for one in with_shop) / len(with_shop), abs=0.002
    )

    ends = [json.loads(message) for topic, _, message in stack.messages if topic == OUTCOMES.name]
    march_sales = {one.id for one in with_shop if not one.converted}
    late = [outcome(end, "converted", 6, value="50.00") for end in ends if end["conversation_id"] in march_sales][:30]
    store(stack.sink, late)
    roll_up(stack.client)
    refresh_period(stack.client, MARCH, NOW + timedelta(hours=2))
    again = next(row for row in query_rows(stack.client, metric, march) if row["metric_type"] == "sales_conversion")
    assert again["current_value"] > sales["current_value"]
    assert (again["revision"], again["id"]) == (2, sales["id"])
    assert again["restated_at"] is not None
