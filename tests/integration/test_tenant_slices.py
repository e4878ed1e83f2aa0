"""Jobs over all tenants have the same results, however many tenants or parts of one they work through at a time."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult

from benchmarks.growth_rows import fill
from detectors.customers import delayed_model
from jobs import customer_scoring
from jobs.customers import find_churn, find_upsells
from jobs.needs import find_needs, make_forecasts
from models.insights import Insight
from models.query import Query
from models.tenant_slice import ALL, CUSTOMERS, TENANTS
from storage import tenant_slices
from storage.connection import ClickHouseAddress, connect

pytestmark = [pytest.mark.stack, pytest.mark.long]

DAY: Final = timedelta(days=1)
# A Monday far ahead: the tables forget what is older than 400 days, or 90.
NOW: Final = datetime(2030, 7, 1, 12, tzinfo=UTC)
UNBOUNDED: Final = 1 << 40
_PROVIDERS: Final = ("hubspot", "shopify", "klaviyo")
_WRITTEN: Final = (
    *("customer_snapshots", "customer_scores", "customer_recommendations"),
    *("customer_model_quality", "customer_model_deciles", "integration_forecasts"),
)


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as client:
        yield client


class Shop(NamedTuple):
    """A tenant, and how many customers it has; one without pseudonyms has one nameless customer."""

    id: UUID
    customers: int
    names_customers: bool = True


def shops(chance: random.Random) -> list[Shop]:
    """Tenants whose order in the database is not that of their ids; one is large, and one names nobody."""
    sizes = (12, 3, 2, 2, 1, 1)
    found = [Shop(UUID(int=chance.getrandbits(128)), size) for size in sizes]
    return [*found, Shop(UUID(int=chance.getrandbits(128)), 1, names_customers=False)]


def populate(client: Client, seed: int) -> None:
    """Store half a year of a few tenants: customers who come, buy, cancel or stop coming, and their integrations."""
    chance = random.Random(seed)

    def event_id() -> UUID:
        return UUID(int=chance.getrandbits(128))

    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("outcomes", "queries", "health", "thoughts")}
    windows: list[list[Any]] = []
    for number, shop in enumerate(shops(chance)):
        connected = _PROVIDERS[:2] if number == 4 else _PROVIDERS
        for customer in range(shop.customers):
            name = f"k1.{chance.getrandbits(128):032x}" if shop.names_customers else ""
            end = NOW - chance.random() * 100 * DAY if chance.random() < 0.7 else NOW
            upsold = 40 if chance.random() < 0.15 else 0
            at, gap = NOW - 100 * DAY + chance.random() * 10 * DAY, chance.uniform(2, 9)
            while at < end:
                kind = chance.choices(("resolved", "unresolved", "upsold", "cancelled"), (80, 15, upsold, 1))[0]
                of_event = {"user_id": shop.id, "customer_id": name, "created_at": at, "conversation_id": event_id()}
                value = round(chance.uniform(5, 80), 2) if kind == "upsold" else None
                stars = chance.randint(1, 5)
                rows["outcomes"].append(
                    {
                        **of_event,
                        "event_id": event_id(),
                        "outcome_type": kind,
                        "business_value_generated": value,
                        "customer_satisfaction_score": stars,
                        "resolution_time_minutes": chance.randint(1, 90),
                    }
                )
                gaps = ["stripe: invoices (no access)"] if chance.random() < 0.3 else []
                rows["thoughts"].append(
                    {
                        **of_event,
                        "event_id": event_id(),
                        "knowledge_gaps_identified": gaps,
                        "data_types_accessed": ["orders"],
                        "conversion_probability": round(chance.random(), 2),
                    }
                )
                failed = chance.random() < 0.2
                rows["queries"].append(
                    {
                        **of_event,
                        "event_id": event_id(),
                        "integration_provider": connected[customer % len(connected)],
                        "query_success": not failed,
                        "error_kind": "timeout" if failed else "",
                    }
                )
                at += chance.uniform(0.5, 1.5) * gap * DAY
        for provider in connected:
            usage = round(chance.uniform(0.5, 1.0), 2)
            rows["health"].append(
                {
                    "event_id": event_id(),
                    "user_id": shop.id,
                    "created_at": NOW - DAY,
                    "integration_provider": provider,
                    "api_rate_limit_usage": usage,
                }
            )
        for day in range(70 if number < 5 else 10):
            asked = chance.randint(20, 40) + (300 if day < 7 and number % 2 else 0)
            windows.append([shop.id, "hubspot", "lookup", NOW - (day + 1) * DAY, 1, 0, day, day, asked, asked - 2])
    for name, table in (
        ("outcomes", "conversation_outcomes"),
        ("queries", "integration_query_metrics"),
        ("health", "integration_health_history"),
        ("thoughts", "conversation_intelligence"),
    ):
        columns = list(rows[name][0])
        client.insert(table, [[row[one] for one in columns] for row in rows[name]], column_names=columns)
    names = ("user_id", "integration_provider", "query_type", "window_start", "topic_epoch", "partition")
    client.insert("query_windows", windows, column_names=[*names, "chunk_id", "version", "queries", "successes"])


def everything(client: Client) -> dict[str, Any]:
    """Run the jobs at two times, and return their insights and all that they have written."""
    found: dict[str, Any] = {}
    jobs: Sequence[tuple[str, Callable[[Client, datetime], Sequence[Insight]]]] = (
        ("churn", find_churn),
        ("upsell", find_upsells),
        ("needs", find_needs),
        ("forecast", make_forecasts),
    )
    for at in (NOW, NOW + 8 * DAY):
        for name, job in jobs:
            found[f"{name} at {at:%d.%m.}"] = sorted(job(client, at))
    for table in _WRITTEN:
        found[table] = sorted(client.query(f"SELECT * FROM {table} FINAL").result_rows, key=repr)
    return found


def forget(client: Client) -> None:
    """Undo what the jobs have written."""
    for table in _WRITTEN:
        client.command(f"TRUNCATE TABLE {table}")


@pytest.mark.parametrize(("rows", "proven"), [(1, True), (7, True), (7, False)], ids=["one", "seven", "withheld"])
def test_the_results_are_the_same_with_slices_of_one_customer_of_seven_and_of_all(
    client: Client, monkeypatch: pytest.MonkeyPatch, rows: int, proven: bool
) -> None:
    populate(client, 7)
    monkeypatch.setattr(customer_scoring, "MAX_MOMENTS", 12)
    for constant, few in (("MIN_LABELS", 30), ("MIN_OF_EACH", 3), ("MIN_MOMENTS", 2)):
        monkeypatch.setattr(delayed_model, constant, few)
    monkeypatch.setattr(customer_scoring, "better_than_prior", lambda _judged: proven)
    monkeypatch.setattr(tenant_slices, "ROWS", UNBOUNDED)
    at_once = everything(client)
    kinds = {one.kind for name, found in at_once.items() if " at " in name for one in found}
    assert kinds >= {"churn_risk", "unconnected_provider", "missing_provider", "usage_growth"}
    assert ("likely_upsell" in kinds) == proven
    assert [table for table in _WRITTEN if not at_once[table]] == []
    forget(client)
    monkeypatch.setattr(tenant_slices, "ROWS", rows)
    in_slices = everything(client)
    for name, found in at_once.items():
        assert in_slices[name] == found, name


def test_a_run_that_ended_between_two_slices_is_done_again_and_nothing_counts_twice(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(client, 7)
    monkeypatch.setattr(customer_scoring, "MAX_MOMENTS", 12)
    for constant, few in (("MIN_LABELS", 30), ("MIN_OF_EACH", 3), ("MIN_MOMENTS", 2)):
        monkeypatch.setattr(delayed_model, constant, few)
    monkeypatch.setattr(tenant_slices, "ROWS", 7)
    found, insert = [], client.insert
    for inserts in (UNBOUNDED, 25, 50, 55):
        forget(client)
        left = iter(range(inserts))

        def ending(*given: Any, left: Iterator[int] = left, **more: Any) -> Any:
            if next(left, None) is None:
                raise _Ended
            return insert(*given, **more)

        monkeypatch.setattr(client, "insert", ending)
        with contextlib.suppress(_Ended):
            find_churn(client, NOW)
        if inserts != UNBOUNDED:
            assert next(left, None) is None, "it was not ended"
        monkeypatch.setattr(client, "insert", insert)
        insights = sorted(find_churn(client, NOW))
        stored = [sorted(client.query(f"SELECT * FROM {one} FINAL").result_rows, key=repr) for one in _WRITTEN]
        found.append((insights, stored))
    assert {one.kind for one in found[0][0]} == {"churn_risk"}
    for insights, stored in found[1:]:
        assert insights == found[0][0]
        for table, rows, once in zip(_WRITTEN, stored, found[0][1], strict=True):
            assert rows == once, table


class _Ended(Exception):
    """The process of the job was ended."""


def test_while_there_are_too_few_labels_the_rule_finds_the_same_in_slices(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(client, 8)
    monkeypatch.setattr(customer_scoring, "MAX_MOMENTS", 4)
    found = []
    for rows in (UNBOUNDED, 7):
        forget(client)
        monkeypatch.setattr(tenant_slices, "ROWS", rows)
        found.append(sorted(find_churn(client, NOW)))
    assert {one.kind for one in found[0]} == {"overdue_customer"}
    assert found[1] == found[0]


def test_each_tenant_is_of_one_slice_and_each_customer_of_one_part(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    tenants = [UUID(int=chance.getrandbits(128)) for _ in range(60)]
    rows = [[one, f"c{number}", NOW] for one in tenants for number in range(chance.choice((1, 2, 30)))]
    named = [[UUID(int=chance.getrandbits(128)), *row] for row in rows]
    client.insert("conversation_outcomes", named, column_names=["event_id", "user_id", "customer_id", "created_at"])
    monkeypatch.setattr(tenant_slices, "ROWS", 10)
    counted = Query("SELECT user_id, count() AS rows FROM conversation_outcomes GROUP BY user_id", {})
    slices = tenant_slices.tenant_slices(client, counted)
    read: list[tuple[UUID, str]] = []
    for one in slices:
        stored = f"SELECT DISTINCT user_id FROM conversation_outcomes WHERE {TENANTS}"
        found = {row[0] for row in client.query(stored, parameters=one.parameters).result_rows}
        assert found == set(one.among(tenants)), "what is left out is of the slice that the database says"
        for part in one.split():
            asked = f"SELECT user_id, customer_id FROM conversation_outcomes WHERE {CUSTOMERS}"
            of_part = client.query(asked, parameters=part.parameters).result_rows
            assert len(of_part) < 10 * 3
            read += [(row[0], row[1]) for row in of_part]
    assert len(slices) > 10
    assert max(one.parts for one in slices) > 1
    assert sorted(read) == sorted((row[0], row[1]) for row in rows)


def test_no_statement_of_a_job_returns_more_rows_for_more_tenants(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    fill(client, 300, now)
    monkeypatch.setattr(tenant_slices, "ROWS", 40)
    read: dict[str, int] = {}
    query = client.query

    def noted(sql: str, *given: Any, **more: Any) -> QueryResult:
        result = query(sql, *given, **more)
        read[sql] = max(read.get(sql, 0), len(result.result_rows))
        return result

    monkeypatch.setattr(client, "query", noted)
    for job in (find_churn, find_upsells, find_needs):
        job(client, now)
    assert query("SELECT uniqExact(user_id, customer_id) FROM customer_snapshots").result_rows == [(600,)]
    assert len(read) > 15
    assert max(read.values()) < 3 * 40, max(read, key=lambda sql: read[sql])


def test_nobody_at_all_is_one_slice(client: Client) -> None:
    counted = Query("SELECT user_id, count() AS rows FROM conversation_outcomes GROUP BY user_id", {})
    assert tenant_slices.tenant_slices(client, counted) == [ALL]
