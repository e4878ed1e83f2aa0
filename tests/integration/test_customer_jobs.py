"""Churn, upsell, forecasts and needs over stored history: as of a moment, once, and the same again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from benchmarks.detection.churn_simulated import store
from dashboards.tabs import predictive
from detectors.customers.churn import CHURN, wave
from detectors.customers.customer_features import CustomerFacts, facts_query
from detectors.customers.recommendations import MAX_OF_ONE_MODEL
from jobs import customer_scoring
from jobs.customers import JOBS, find_churn, find_upsells
from jobs.needs import expired, find_needs, make_forecasts
from kpis.query import build_query
from kpis.scope import Scope
from kpis.settings_model import Entry
from kpis.sql.dialect import Bound
from models.insights import Insight, insight_id
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS, SimulatedTenant
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows
from storage.connection import ClickHouseAddress, connect
from storage.label_store import LabelStore
from storage.reading import query_rows
from storage.recommendation_store import RecommendationStore
from storage.tenant_settings import save

pytestmark = [pytest.mark.stack, pytest.mark.long]

DAY = timedelta(days=1)
# A Monday far ahead: the tables forget what is older than 400 days, or 90.
NOW = datetime(2030, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as client:
        yield client


def history(days: int, events: int, tenant: SimulatedTenant = DEFAULT_TENANTS[0]) -> Scenario:
    """A tenant's customers, and few sync jobs."""
    tenants = (replace(tenant, links=tuple(replace(link, sync_minutes=720) for link in tenant.links)),)
    span = days * DAY
    return Scenario(seed=5, start=NOW - span, end=NOW, tenants=tenants, rate=rate_for(events, span, tenants))


def facts_of(client: Client, at: datetime) -> dict[str, CustomerFacts]:
    rows = query_rows(client, *facts_query(at), aware=True)
    return {row["customer_id"]: CustomerFacts.of_row(row) for row in rows}


def test_facts_are_as_of_their_moment_whatever_came_later(client: Client, database: ClickHouseAddress) -> None:
    scenario, at = history(40, 6_000), NOW - 10 * DAY
    store(scenario, database)
    with_future = facts_of(client, at)
    for table in ("conversation_outcomes", "integration_query_metrics", "conversation_intelligence"):
        client.command(f"DELETE FROM {table} WHERE created_at >= {{at:DateTime64(3)}}", parameters={"at": at})
    assert len(with_future) > 50
    assert facts_of(client, at) == with_future
    assert all(facts.last_at < at for facts in with_future.values())


def test_facts_have_the_currency_that_their_tenant_had_at_that_moment(
    client: Client, database: ClickHouseAddress
) -> None:
    store(history(10, 1_000), database)
    tenant = DEFAULT_TENANTS[0].id
    save(client, Entry(tenant, "currency", (NOW - 20 * DAY).date(), "KWD", NOW - 20 * DAY))
    save(client, Entry(tenant, "currency", NOW.date(), "JPY", NOW))
    save(client, Entry(DEFAULT_TENANTS[1].id, "currency", (NOW - 20 * DAY).date(), "EUR", NOW - 20 * DAY))
    assert {facts.currency for facts in facts_of(client, NOW - DAY).values()} == {"KWD"}
    assert {facts.currency for facts in facts_of(client, NOW).values()} == {"JPY"}
    client.command("TRUNCATE TABLE tenant_settings")
    assert {facts.currency for facts in facts_of(client, NOW).values()} == {""}


def test_snapshots_of_before_the_end_of_history_are_made_again_when_the_rest_has_arrived(
    client: Client, database: ClickHouseAddress
) -> None:
    store(history(40, 6_000), database)
    late = "conversation_outcomes WHERE created_at >= {at:DateTime64(3)}"
    at = {"at": NOW - 20 * DAY}
    client.command("CREATE TABLE rest AS conversation_outcomes")
    client.command(f"INSERT INTO rest SELECT * FROM {late}", parameters=at)
    client.command(f"DELETE FROM {late}", parameters=at)
    find_churn(client, NOW)
    partly = _snapshots(client)
    assert partly
    client.command("INSERT INTO conversation_outcomes SELECT * FROM rest")
    find_churn(client, NOW)
    whole = _snapshots(client)
    client.command("TRUNCATE TABLE customer_snapshots")
    find_churn(client, NOW)
    anew = _snapshots(client)
    assert {key: whole[key] for key in anew} == anew
    assert {key: partly.get(key) for key in anew} != anew


def _snapshots(client: Client) -> dict[tuple[Any, ...], dict[str, float]]:
    """Return those that are not due; one that is has been learned from."""
    asked = (
        "SELECT user_id, customer_id, snapshot_at, features FROM customer_snapshots FINAL "
        "WHERE model = 'churn' AND due_at > {now:DateTime64(3)} AND positive IS NULL"
    )
    rows = query_rows(client, asked, {"now": NOW})
    return {(row["user_id"], row["customer_id"], row["snapshot_at"]): row["features"] for row in rows}


def test_a_month_of_history_is_too_little_for_a_model_and_says_so(client: Client, database: ClickHouseAddress) -> None:
    store(history(30, 8_000), database)
    found = find_churn(client, NOW)
    assert {insight.kind for insight in found} <= {"overdue_customer"}
    assert all("knows too little" in insight.summary for insight in found)
    assert all(insight.confidence_score is None for insight in found)
    assert client.query("SELECT count() FROM customer_scores WHERE probability IS NOT NULL").result_rows == [(0,)]
    assert client.query("SELECT count() FROM customer_model_deciles").result_rows == [(0,)]
    assert find_churn(client, NOW) == found


def test_labels_arrive_and_the_model_finds_who_leaves_and_doing_it_again_changes_nothing(
    client: Client, database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(history(100, 14_000), database)
    found = find_churn(client, NOW)
    risks = [insight for insight in found if insight.kind == "churn_risk"]
    assert risks
    assert all(insight.confidence_score and 0.1 < insight.confidence_score < 1.0 for insight in risks)
    assert all(insight.contributing_factors and insight.recommended_actions for insight in risks)
    queue = LabelStore(client, CHURN)
    labels = queue.labels(NOW, 1_000_000)
    assert {label.positive for label in labels} == {True, False}
    assert all(label.snapshot.due_at <= NOW for label in labels)
    counted = "SELECT count() FROM customer_snapshots"
    before = client.query(counted + " FINAL").result_rows
    assert find_churn(client, NOW) == found
    assert client.query(counted + " FINAL").result_rows == before
    quality = client.query("SELECT auc FROM customer_model_quality FINAL WHERE role = 'champion'").result_rows
    assert quality[0][0] > 0.5
    deciles = client.query(
        "SELECT sum(predictions), min(observed - observed_lower), min(observed_upper - observed), max(lift) "
        "FROM customer_model_deciles FINAL WHERE role = 'champion'"
    ).result_rows[0]
    assert (
        deciles[0]
        == client.query("SELECT predictions FROM customer_model_quality FINAL WHERE role = 'champion'").result_rows[0][
            0
        ]
    )
    assert min(deciles[1:3]) >= 0.0
    assert deciles[3] > 1.0

    _check_recommendations(client, risks)

    later = {insight.id: insight for insight in find_churn(client, NOW + 40 * DAY)}
    ended = [later[insight.id] for insight in risks if insight.id in later]
    assert len(ended) == len(risks)
    assert {insight.status for insight in ended} == {"closed"}

    _check_upsells(client, monkeypatch)
    _check_forecasts(client)


def _check_recommendations(client: Client, risks: list[Insight]) -> None:
    """At most eight of churn are new in a week, each says what acting is worth, and outcomes tell what came of them."""
    recommended = RecommendationStore(client, CHURN)
    kept = {(one.user_id, one.customer_id): one for one in recommended.since(NOW - DAY)}
    assert 0 < len(kept) == len(risks) <= MAX_OF_ONE_MODEL
    assert {(one.user_id, one.customer_id): one.predicted_value for one in risks} == {
        key: one.expected_value for key, one in kept.items()
    }
    assert all("the outcome by 10% (assumed" in one.summary for one in risks)
    assert [one.explores for one in kept.values()].count(True) <= 2
    assert recommended.results(NOW + 29 * DAY) == []
    results = recommended.results(NOW + 31 * DAY)
    assert len(results) == len(kept)
    assert sum(one.happened for one in results) > len(results) / 2, "next to nothing is stored after now"
    week = NOW.replace(hour=0)
    assert recommended.room(week, NOW) == {}
    assert recommended.room(week, NOW + DAY) == {risks[0].user_id: MAX_OF_ONE_MODEL - len(kept)}


def _check_upsells(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opportunities are told while the model is better than the usual share, and ended where it is not."""
    monkeypatch.setattr(customer_scoring, "better_than_prior", lambda _judged: True)
    told = [one for one in find_upsells(client, NOW) if one.kind == "likely_upsell" and one.status == "open"]
    assert told
    monkeypatch.setattr(customer_scoring, "better_than_prior", lambda _judged: False)
    withheld = find_upsells(client, NOW + timedelta(hours=6))
    assert {(one.id, one.status) for one in withheld} == {(one.id, "closed") for one in told}
    kept = (
        "SELECT count() FROM customer_scores FINAL WHERE model = 'upsell' AND isNotNull(started_at) AND probability > 0"
    )
    assert client.query(kept).result_rows == [(0,)]


def _check_forecasts(client: Client) -> None:
    found = make_forecasts(client, NOW)
    made = (
        "SELECT uniqExact(integration_provider), count(), min(target_time), max(target_time), countIf(lower > value) "
    )
    rows = client.query(made + "FROM integration_forecasts FINAL").result_rows
    providers = len(DEFAULT_TENANTS[0].links)
    midnight = datetime(2030, 7, 1)  # noqa: DTZ001 - the client leaves UTC out
    assert rows == [(providers, providers * 2 * 168, midnight, midnight + 7 * DAY - timedelta(hours=1), 0)]
    assert make_forecasts(client, NOW) == found
    assert client.query(made + "FROM integration_forecasts FINAL").result_rows == rows


def test_what_conversations_ask_for_and_the_tenant_lacks_is_found_and_ends_with_its_week(
    client: Client, database: ClickHouseAddress
) -> None:
    store(history(20, 5_000, DEFAULT_TENANTS[2]), database)
    found = find_needs(client, NOW)
    lacking = {(insight.kind, insight.integration_provider) for insight in found}
    assert ("missing_provider", "jira") in lacking
    assert ("missing_data", "salesforce") in lacking
    counts = [insight.observed or 0.0 for insight in found]
    assert counts == sorted(counts, reverse=True)
    ClickHouseSink(database).write("predictive_insights", insight_rows(found))
    assert expired(client, ("missing_provider", "missing_data"), found[0].started_at) == []
    closed = expired(client, ("missing_provider", "missing_data"), found[0].started_at + 7 * DAY)
    assert {insight.id for insight in closed} == {insight.id for insight in found}
    assert {(insight.status, insight.ended_at) for insight in closed} == {("closed", found[0].started_at + 7 * DAY)}


def test_the_tile_of_customers_at_risk_counts_the_customers_of_the_list(
    client: Client, database: ClickHouseAddress
) -> None:
    tenant = DEFAULT_TENANTS[0].id
    open_ = _risk("a", NOW - 3 * DAY, kind="overdue_customer")
    made = [
        open_,
        _risk("b", NOW - 2 * DAY),
        # Ended after the range: open at its end, though closed by now.
        _risk("c", NOW - 2 * DAY, status="closed", ended_at=NOW + DAY),
        _risk("d", NOW - 5 * DAY, status="closed", ended_at=NOW - DAY),
        wave(tenant, 30, 100, 0.02, NOW - DAY),
        _risk("", NOW - 2 * DAY, insight_type="upsell_opportunity", kind="larger_plan"),
        _risk("", NOW - 2 * DAY, insight_type="upsell_opportunity", kind="unconnected_provider"),
    ]
    ClickHouseSink(database).write("predictive_insights", insight_rows([one for one in made if one is not None]))
    scope = Scope(NOW - 7 * DAY, NOW, tenant)
    counted = ("churn_at_risk_customers", "upsell_opportunities")
    asked = build_query(list(counted), scope)
    (tiles,) = query_rows(client, asked.sql, asked.parameters)
    panels = {panel.id: panel for panel in predictive.TAB.panels}
    lists = [
        query_rows(client, panels[id_].asks["A"].render(dialect := Bound(scope)), dialect.parameters)
        for id_ in (10, 11)
    ]
    of_customers = [row for row in lists[0] if "at risk at once" not in row["title"]]
    assert "at risk at once" in lists[0][0]["title"]
    assert (tiles[counted[0]], tiles[counted[1]]) == (len(of_customers), len(lists[1])) == (3, 2)


def _risk(customer: str, since: datetime, **other: Any) -> Insight:
    about: dict[str, Any] = {"insight_type": "churn_risk", "kind": "churn_risk", "status": "open", "ended_at": None}
    about |= other
    return Insight(
        id=insight_id(about["insight_type"], DEFAULT_TENANTS[0].id, f"{customer} {about['kind']}", since),
        user_id=DEFAULT_TENANTS[0].id,
        severity="info",
        started_at=since,
        updated_at=since,
        title=f"Customer {customer}",
        summary="",
        confidence_score=None,
        customer_id=customer,
        **about,
    )


def test_an_empty_database_has_nothing_to_say(client: Client) -> None:
    found: list[Insight] = [insight for job in JOBS for insight in job.run(client, NOW)]
    assert found == []
