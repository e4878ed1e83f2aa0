"""Analyses of the roll-ups say what the events alone say, whatever is told later of conversations and customers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.analyses.catalogue import ANALYSES
from kpis.query import ALL_TENANTS, Scope
from kpis.rollups.freshness import MARGIN_SECONDS
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.topics import INTELLIGENCE, OUTCOMES
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.privacy import Erasure, PrivacyStore
from storage.reading import query_rows
from streams.pseudonyms import Pseudonymiser
from tests.examples.events import SECRET, message
from tests.loading import Loader

pytestmark = pytest.mark.stack

END: Final = datetime(2026, 3, 10, 12, 17, tzinfo=UTC)
NOW: Final = END + timedelta(days=100)
TENANTS: Final = (UUID(int=1), UUID(int=2), UUID(int=3))
STAGES: Final = ("", "awareness", "purchase", "unknown", "its own")
GAPS: Final = ("shopify: return_policy (missing content)", "nobody knows, why", "a: b")
NARROWED: Final[tuple[dict[str, Any], ...]] = ({}, {"channel": "chat"}, {"provider": "shopify"})
RANGES: Final = (
    (45, END, NARROWED),
    (9, END - timedelta(days=21), NARROWED[:1]),
    (1, END - timedelta(hours=30), NARROWED[:1]),
    (3, END - timedelta(days=90), NARROWED[:1]),
)
"""Days, end and filters: with the newest conversations, amid others, shorter than a day, and empty."""
COMPARED: Final = (
    "incremental",
    "conversion",
    "satisfaction",
    "gaps",
    "journey",
    "drop-off",
    "geography",
    "channels",
    "segments",
)
"""Analyses of all conversations of a range."""


class Town:
    """Three tenants whose few customers come back often, under names that turn out later."""

    def __init__(self, address: ClickHouseAddress, client: Client, seed: int) -> None:
        self.client = client
        self._loader = Loader(ClickHouseSink(address), NOW)
        self._chance = random.Random(seed)
        self._conversations: list[tuple[UUID, UUID, datetime]] = []

    def tell(self, new: int, again: int) -> None:
        """Tell of new conversations, and more of some that are known: twice, late, earlier, of another customer."""
        for _ in range(new):
            at = END - timedelta(minutes=self._chance.randrange(60 * 24 * 60), milliseconds=self._chance.randrange(5))
            self._conversations.append((self._chance.choice(TENANTS), uuid4(), at))
        told = [*self._conversations[-new:], *self._chance.choices(self._conversations, k=again)]
        messages = [one for conversation in told for one in self._events(*conversation)]
        self._loader.load(messages + self._chance.choices(messages, k=5))

    def _events(self, tenant: UUID, conversation: UUID, at: datetime) -> Iterator[tuple[str, bytes, bytes]]:
        pick = self._chance.choice
        at += timedelta(hours=pick((0, 0, 1, 30, -30)))
        both = {
            "user_id": str(tenant),
            "conversation_id": str(conversation),
            "customer_id": pick((..., "guest", *(f"customer {number}" for number in range(25)))),
            "channel": pick((..., "chat", "email")),
            "country": pick((..., "DE", "EE")),
            "customer_segment": pick((..., "new", "vip")),
        }
        yield (
            INTELLIGENCE.name,
            b"",
            message(
                INTELLIGENCE,
                **both,
                event_id=str(uuid4()),
                created_at=at.isoformat(),
                customer_journey_stage=pick(STAGES) or ...,
                data_types_accessed=pick((..., ["orders"], ["orders", "stock"])),
                knowledge_gaps_identified=pick((..., ..., [GAPS[0]], list(GAPS))),
            ),
        )
        ended = at + timedelta(minutes=pick((1, 60 * 24 * 3)))
        yield (
            OUTCOMES.name,
            b"",
            message(
                OUTCOMES,
                **both,
                event_id=str(uuid4()),
                created_at=ended.isoformat(),
                outcome_type=pick(("resolved", "converted", "abandoned", "escalated", "reopened", "refunded")),
                handled_by=pick((..., "ai", "human")),
                integration_data_used=pick((True, False)),
                integration_types_used=pick((..., ["shopify"], ["hubspot", "shopify"])),
                customer_satisfaction_score=pick((..., 1, 4.5, 3.3333)),
                business_value_generated=pick((..., 12.34, 100)),
            ),
        )

    def erase(self, *names: str) -> None:
        """Erase some customers of each tenant, as one person."""
        for tenant in TENANTS:
            known = [Pseudonymiser(SECRET, "t1").pseudonym(tenant.bytes, name) for name in names]
            until = END - timedelta(days=20)
            PrivacyStore(self.client).erase(
                Erasure(uuid4(), tenant, False, known, "erased.1", until, NOW + timedelta(days=14))
            )

    def table(self, name: str, scope: Scope, *, rolled_up: bool) -> list[dict[str, Any]]:
        dialect = Bound(scope)
        sql = ANALYSES[name].sql(QueryContext(dialect, rolled_up=rolled_up))
        return query_rows(self.client, sql, dialect.parameters)

    def roll_up(self) -> None:
        """Roll up, and count what is there as done: without the margin a later run recomputes only what changes."""
        refresh(self.client)
        self.client.command(_SETTLED)

    def agrees(self) -> None:
        """Roll up, and compare every analysis, whole and narrowed, with the events."""
        self.roll_up()
        for days, end, narrowings in RANGES:
            for narrowed in narrowings:
                scope = Scope(end - timedelta(days=days, minutes=5), end, ALL_TENANTS, as_of=END, **narrowed)
                for name in COMPARED:
                    found, expected = (self.table(name, scope, rolled_up=one) for one in (True, False))
                    assert _close(found) == _close(expected), (name, days, narrowed)


def _close(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with numbers to nine digits: sums of fractions depend on their order."""
    return [
        {key: float(f"{value:.9g}") if isinstance(value, float) else value for key, value in row.items()}
        for row in rows
    ]


def test_analyses_of_the_roll_ups_are_those_of_the_events(database: ClickHouseAddress) -> None:
    with connect(database) as client:
        town = Town(database, client, 1)
        for new, again in ((300, 0), (40, 60), (1, 30)):
            town.tell(new, again)
            town.agrees()
        assert all(
            town.table(name, Scope(END - timedelta(days=45), END, ALL_TENANTS), rolled_up=True) for name in COMPARED
        )


def test_erased_customers_are_one_in_the_roll_ups_too(database: ClickHouseAddress) -> None:
    with connect(database) as client:
        town = Town(database, client, 3)
        town.tell(300, 50)
        town.agrees()
        town.erase("guest", "customer 1", "customer 2")
        town.roll_up()
        scope = Scope(END - timedelta(days=45), END, ALL_TENANTS, as_of=END)
        stored = town.table("segments", scope, rolled_up=True)
        counted = query_rows(client, _CUSTOMERS, Bound(scope).parameters)
        assert {(row["user_id"], row["segment"]): row["customers"] for row in stored if row["customers"]} == {
            (row["user_id"], row["segment"]): row["customers"] for row in counted
        }


_SETTLED: Final = (
    "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
    f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
)
_CUSTOMERS: Final = """
SELECT user_id, customer_segment AS segment, uniqExact(customer_id) AS customers FROM conversation_facts FINAL
WHERE customer_id != '' AND entered_at >= {start:DateTime('UTC')} AND entered_at < {end:DateTime('UTC')}
GROUP BY user_id, segment
"""
