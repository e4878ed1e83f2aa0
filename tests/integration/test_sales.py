"""Sales are kept with what came before them, and say what the events alone say, whatever turns out later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.analyses.sales import MAX_CONVERSATIONS
from kpis.query import Scope, build_query
from kpis.rollups.conversation_fold import folded
from kpis.settings_model import new_entry
from kpis.sources.conversations import FACTS
from models.topics import OUTCOMES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from storage.tenant_settings import save
from tests.examples.events import message
from tests.loading import Loader
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
NOW: Final = NOON + timedelta(days=100)

Outcome = dict[str, Any]


class Shop:
    """A tenant whose conversations are told of one by one."""

    def __init__(self, client: Client, loader: Loader) -> None:
        self.client = client
        self.tenant = uuid4()
        self.scope = Scope(NOON - timedelta(days=30), NOON + timedelta(days=5), self.tenant)
        self._loader = loader

    def tell(self, *outcomes: Outcome) -> None:
        mine = ({**one, "user_id": str(self.tenant)} for one in outcomes)
        self._loader.load((OUTCOMES.name, b"", message(OUTCOMES, **one)) for one in mine)

    def revenue(self, *, rolled_up: bool = True) -> dict[str, Decimal]:
        query = build_query(["influenced_revenue"], self.scope, by=["provider"], rolled_up=rolled_up)
        return {row["provider"]: row["influenced_revenue"] for row in query_rows(self.client, *query)}

    def agreed(self) -> dict[str, Decimal]:
        """Roll up, and return the revenue that the roll-ups and the events agree on."""
        refresh(self.client)
        rolled_up = self.revenue()
        assert rolled_up == self.revenue(rolled_up=False)
        return rolled_up


@pytest.fixture(scope="module")
def street(spare_databases: SpareDatabases) -> Iterator[tuple[Client, Loader]]:
    """A database that the tests share: each has a tenant of its own."""
    lent = spare_databases.lend()
    with connect(lent) as client:
        yield client, Loader(ClickHouseSink(lent), NOW)
    spare_databases.take_back(lent)


@pytest.fixture
def shop(street: tuple[Client, Loader]) -> Shop:
    return Shop(*street)


@pytest.fixture
def first_shop(database: ClickHouseAddress) -> Iterator[Shop]:
    """A shop in a database where nothing was rolled up yet."""
    with connect(database) as client:
        yield Shop(client, Loader(ClickHouseSink(database), NOW))


def outcome(conversation: UUID, days: float, **fields: Any) -> Outcome:
    """An outcome so many days after noon."""
    event = {
        "event_id": str(uuid4()),
        "conversation_id": str(conversation),
        "created_at": (NOON + timedelta(days=days)).isoformat(),
        "integration_data_used": False,
        "customer_id": "ada",
    }
    return {**event, **fields}


def touch(provider: str, days: float, conversation: UUID | None = None, **fields: Any) -> Outcome:
    used = {"integration_data_used": True, "integration_types_used": [provider]}
    return outcome(conversation or uuid4(), days, **used, **fields)


def sale(conversation: UUID, days: float, value: float, **fields: Any) -> Outcome:
    return outcome(conversation, days, outcome_type="converted", business_value_generated=value, **fields)


def test_a_sale_belongs_to_the_last_use_of_data_before_it(shop: Shop) -> None:
    shop.tell(touch("hubspot", -3), touch("shopify", -1), touch("zendesk", 1), sale(uuid4(), 0, 100))
    assert shop.agreed() == {"shopify": 100}


def test_a_use_of_data_that_is_told_of_late_takes_the_sale_over(shop: Shop) -> None:
    shop.tell(touch("hubspot", -3), sale(uuid4(), 0, 100))
    assert shop.agreed() == {"hubspot": 100}
    shop.tell(touch("shopify", -2))
    assert shop.agreed() == {"shopify": 100}


def test_a_use_of_data_that_came_in_after_the_sale_after_all_counts_no_more(shop: Shop) -> None:
    early, sold = uuid4(), uuid4()
    shop.tell(touch("hubspot", -3), touch("shopify", -0.5, early), sale(sold, 0, 100))
    assert shop.agreed() == {"shopify": 100}
    shop.tell(outcome(sold, 0, outcome_type="reopened", opened_at=(NOON - timedelta(days=1)).isoformat()))
    assert shop.agreed() == {"hubspot": 100}


def test_a_sale_that_came_in_earlier_than_was_known_is_counted_once(shop: Shop) -> None:
    sold = uuid4()
    shop.tell(touch("hubspot", -3), sale(sold, 0, 100))
    assert shop.agreed() == {"hubspot": 100}
    shop.tell(outcome(sold, -2, outcome_type="reopened"), sale(sold, 1, 20))
    assert shop.agreed() == {"hubspot": 120}


def test_a_sale_whose_customer_turns_out_to_be_another_leaves_the_first(shop: Shop) -> None:
    sold = uuid4()
    shop.tell(touch("hubspot", -3), touch("shopify", -3, customer_id="bob"), sale(sold, 0, 100))
    assert shop.agreed() == {"hubspot": 100}
    shop.tell(outcome(sold, -0.1, outcome_type="reopened", customer_id="bob"))
    assert shop.agreed() == {"shopify": 100}


def test_a_use_of_data_by_what_turns_out_to_be_another_customer_counts_for_that_one(shop: Shop) -> None:
    used = uuid4()
    shop.tell(touch("hubspot", -3, used), sale(uuid4(), 0, 100), sale(uuid4(), 0, 7, customer_id="bob"))
    assert shop.agreed() == {"hubspot": 100}
    shop.tell(outcome(used, -4, outcome_type="reopened", customer_id="bob"))
    assert shop.agreed() == {"hubspot": 7}


def test_a_refund_elsewhere_lowers_the_latest_sale_within_its_days(shop: Shop) -> None:
    back = {"outcome_type": "refunded", "business_value_generated": 30}
    first, second = uuid4(), uuid4()
    shop.tell(touch("hubspot", -9), sale(first, -8, 100), touch("shopify", -2), sale(second, -1, 50))
    shop.tell(outcome(uuid4(), -4, **back), outcome(uuid4(), 3, **back), outcome(uuid4(), 95, **back))
    assert shop.agreed() == {"hubspot": 70, "shopify": 20}


def test_whoever_names_no_customer_is_told_apart_from_everybody(shop: Shop) -> None:
    shop.tell(touch("hubspot", -1, customer_id=None), sale(uuid4(), 0, 100, customer_id=None))
    shop.tell(touch("shopify", 0, sold := uuid4(), customer_id=None), sale(sold, 0.1, 5, customer_id=None))
    assert shop.agreed() == {"shopify": 5}


def test_window_and_rule_are_those_of_the_day_of_the_sale(shop: Shop) -> None:
    shop.tell(touch("hubspot", -20), touch("shopify", -6), sale(uuid4(), 0, 100), sale(uuid4(), 2, 10))
    shop.tell(touch("zendesk", 2, own := uuid4()), sale(own, 2, 1))
    for name, value, day in (
        ("attribution_rule", "linear", NOON.date()),
        ("attribution_window_days", "7", (NOON + timedelta(days=2)).date()),
    ):
        save(shop.client, new_entry(shop.tenant, name, value, day, NOON))
    assert shop.agreed() == {"hubspot": 50, "shopify": 50, "zendesk": 11}


@pytest.mark.long
def test_a_label_for_many_is_not_taken_for_one_customer(shop: Shop) -> None:
    guests = [touch("hubspot", -2 - number / 1_000, customer_id="guest") for number in range(MAX_CONVERSATIONS)]
    shop.tell(*guests[1:], sale(uuid4(), 0, 100, customer_id="guest"))
    assert shop.agreed() == {"hubspot": 100}
    shop.tell(
        guests[0], touch("shopify", 1, sold := uuid4(), customer_id="guest"), sale(sold, 1, 5, customer_id="guest")
    )
    assert shop.agreed() == {"shopify": 5}


def test_what_a_worker_of_an_older_version_rolled_up_is_made_again(first_shop: Shop) -> None:
    sold = uuid4()
    first_shop.tell(touch("hubspot", -3), touch("shopify", -1), sale(sold, 0, 100))
    known = ", ".join(name for name in FACTS.split(", ") if name not in {"sales", "refunds"})
    first_shop.client.command(
        f"INSERT INTO conversation_facts ({known}, version) SELECT {known}, now64(3) AS version FROM {folded('true')}"
    )
    first_shop.client.command(
        "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
        "SELECT 'conversation_facts', now64(3) + INTERVAL 60 SECOND, 0"
    )
    first_shop.tell(outcome(sold, -2, outcome_type="reopened"))
    assert first_shop.agreed() == {"hubspot": 100}
    counted = build_query(["conversation_count"], first_shop.scope)
    assert query_rows(first_shop.client, *counted)[0]["conversation_count"] == 3


@pytest.mark.long
def test_rolling_up_again_from_nothing_ends_in_the_same_sales(shop: Shop) -> None:
    shop.tell(touch("hubspot", -3), sale(uuid4(), 0, 100), sale(uuid4(), -4, 9, customer_id="bob"))
    shop.agreed()
    rows = "SELECT * EXCEPT version FROM conversation_sales FINAL WHERE user_id = {tenant:UUID} ORDER BY ALL"
    mine = {"tenant": str(shop.tenant)}
    before = query_rows(shop.client, rows, mine)
    shop.client.command("TRUNCATE TABLE rollup_progress")
    refresh(shop.client)
    assert query_rows(shop.client, rows, mine) == before
    assert len(before) == 2
