"""A seeded month: every key figure equals an independent recomputation from the events, whatever happened to them."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.query import ALL_TENANTS, Interval, Scope, build_query
from kpis.rollups.freshness import MARGIN_SECONDS
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.kpi_oracle import Conversation, Message, Oracle
from tests.loading import Loader

pytestmark = [pytest.mark.stack, pytest.mark.long]

TENANTS = DEFAULT_TENANTS[2:4]
SPAN = timedelta(days=30)
# The last hours are as fresh as those of a running system: some of the roll-ups' decisions look at the clock.
END = datetime.now(UTC).replace(second=0, microsecond=0)
START = END - SPAN + timedelta(minutes=17)
QUERY_IDS = list(Oracle(END).queries(START, END))
TALK_IDS = list(Oracle(END).talks(START, END))
HEALTH_IDS = list(Oracle(END).health(START, END))


class Month:
    """The events, the database that holds them, and the oracle that has seen the same."""

    def __init__(self, client: Client, loader: Loader, messages: list[Message]) -> None:
        self.client = client
        self.oracle = Oracle(END)
        self._loader = loader
        self.messages = messages

    def load(self, messages: list[Message]) -> None:
        self._loader.load(messages)
        self.oracle.add(messages)

    def asked(self, ids: list[str], scope: Scope, **how: Any) -> list[dict[str, Any]]:
        return query_rows(self.client, *build_query(ids, scope, **how))


@pytest.fixture
def month(database: ClickHouseAddress) -> Iterator[Month]:
    scenario = Scenario(
        seed=11, start=END - SPAN, end=END, tenants=TENANTS, rate=rate_for(20_000, SPAN, TENANTS), incidents_per_day=0.3
    )
    messages = [_respelled(message) for part in scenario.history() for message in part]
    with connect(database) as client:
        yield Month(client, Loader(ClickHouseSink(database), END), messages)


def _respelled(message: Message) -> Message:
    """Say a sync's status in the words of another connector, in a third of the reports."""
    topic, key, value = message
    if topic != HEALTH.name or zlib.crc32(value) % 3:
        return message
    for ours, theirs in ((b"healthy", b"Completed"), (b"syncing", b"In Progress"), (b"failing", b"FAILED")):
        value = value.replace(b'"sync_status":"%s"' % ours, b'"sync_status":"%s"' % theirs)
    return topic, key, value


def scope(tenant: UUID | None = None, **more: Any) -> Scope:
    return Scope(START, END, ALL_TENANTS if tenant is None else tenant, as_of=END, **more)


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Counts and money exactly, quantiles to 1 %, means and shares but for the last bits of a float."""
    for id_, value in expected.items():
        if isinstance(value, int | Decimal) and not id_.startswith("latency"):
            assert found[id_] == value, id_
        else:
            exact = 0.01 if id_.startswith("latency") else 1e-9
            assert found[id_] == (None if value is None else pytest.approx(value, rel=exact)), id_


def check_queries(month: Month) -> None:
    """Compare totals of queries, which wait for no roll-up."""
    same(month.asked(QUERY_IDS, scope())[0], month.oracle.queries(START, END))


def check(month: Month, **how: Any) -> None:
    """Compare totals, a tenant by provider and country, and days of a time zone that is not of whole hours."""
    start, end = START, END
    oracle = month.oracle
    everyone = oracle.queries(start, end) | oracle.talks(start, end) | oracle.health(start, end)
    same(month.asked([*QUERY_IDS, *TALK_IDS, *HEALTH_IDS], scope(), **how)[0], everyone)

    tenant = TENANTS[1].id
    ours = oracle.of_tenant(str(tenant))
    for row in month.asked([*QUERY_IDS, *HEALTH_IDS], scope(tenant), by=["provider"], **how):
        provider = ours.narrowed("integration_provider", row["provider"])
        same(row, provider.queries(start, end) | provider.health(start, end))
    for row in month.asked(TALK_IDS, scope(tenant), by=["provider"], **how):
        same(row, ours.talks(start, end, partial(_used, row["provider"])))
    for row in month.asked([*QUERY_IDS, *TALK_IDS], scope(tenant), by=["country"], **how):
        queries = ours.narrowed("country", row["country"] or None).queries(start, end)
        same(row, queries | ours.talks(start, end, partial(_from, row["country"])))
    local = ZoneInfo("Asia/Kolkata")
    rows = month.asked([*QUERY_IDS, *TALK_IDS], scope(tenant, time_zone=local.key), every=Interval.DAY, **how)
    assert len(rows) >= SPAN.days
    for row in rows[::7]:
        day = row["time"].replace(tzinfo=UTC)
        assert day.astimezone(local).hour == 0
        begin, until = max(day, start), min(day + timedelta(days=1), end)
        same(row, ours.queries(begin, until) | ours.talks(begin, until))


def _used(provider: str, one: Conversation) -> bool:
    return provider in one.providers


def _from(country: str, one: Conversation) -> bool:
    return one.country == country


def test_every_figure_equals_an_independent_recomputation(month: Month) -> None:
    chance = random.Random(5)
    late = [message for message in month.messages if chance.random() < 0.03]
    withheld = {id(message) for message in late}
    month.load([message for message in month.messages if id(message) not in withheld])
    check_queries(month)  # nothing is rolled up yet
    refresh(month.client)
    settle(month)
    check(month)

    month.load(late)
    month.load(chance.sample(month.messages, 500))  # what was sent before, again
    month.load(surprises(month))
    check_queries(month)  # the roll-ups do not know of it
    check(month, rolled_up=False)
    refresh(month.client)
    settle(month)
    check(month)


def settle(month: Month) -> None:
    """Let readers trust the roll-ups at once, rather than after the margin for inserts that are under way."""
    month.client.command(
        "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
        f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
    )


def surprises(month: Month) -> list[Message]:
    """Facts that turn up late: a return, a person who took over, an earlier entry, a conversation without an end."""
    resolved = [one for one in month.oracle.conversations() if one.autonomous and one.entered < END - timedelta(days=9)]
    first, second, third, *_ = resolved
    assert first.end is not None
    assert second.end is not None
    return [
        outcome(first, first.end["at"] + timedelta(days=2), outcome_type="reopened"),
        outcome(first, first.end["at"] + timedelta(days=2, hours=1), outcome_type="resolved", handled_by="human"),
        outcome(second, second.end["at"] + timedelta(days=8), outcome_type="escalated", handled_by="mixed"),
        outcome(
            third,
            END - timedelta(hours=1),
            outcome_type="reopened",
            opened_at=(third.entered - timedelta(hours=30)).isoformat(),
        ),
        outcome(third._replace(conversation=str(uuid4())), END - timedelta(hours=2), outcome_type="reopened"),
        *(learned(one) for one in resolved if not one.data_used),
    ]


def learned(of: Conversation) -> Message:
    """Tell late that a conversation used data: it is in another cell of its hour from then on."""
    event = {
        "event_id": str(uuid4()),
        "user_id": of.tenant,
        "conversation_id": of.conversation,
        "created_at": (of.entered + timedelta(minutes=1)).isoformat(timespec="milliseconds"),
        "data_types_accessed": ["orders"],
        "knowledge_gaps_identified": [],
        "ai_confidence_with_data": 0.9,
        "ai_confidence_without_data": 0.4,
        "customer_journey_stage": "purchase",
        "conversion_probability": None,
    }
    return INTELLIGENCE.name, of.tenant.encode(), json.dumps(event).encode()


def outcome(of: Conversation, at: datetime, **fields: Any) -> Message:
    event = {
        "event_id": str(uuid4()),
        "user_id": of.tenant,
        "conversation_id": of.conversation,
        "created_at": at.isoformat(timespec="milliseconds"),
        "integration_data_used": False,
        "business_value_generated": None,
        **fields,
    }
    return OUTCOMES.name, of.tenant.encode(), json.dumps(event).encode()


def test_minutes_hours_and_weeks_of_a_short_range_are_exact(month: Month) -> None:
    month.load(month.messages)
    refresh(month.client)
    settle(month)
    begin, until = END - timedelta(hours=30, minutes=7), END - timedelta(minutes=3)
    for every, zone in ((None, "UTC"), (Interval.HOUR, "Europe/Berlin"), (Interval.WEEK, "UTC")):
        rows = month.asked(
            QUERY_IDS, Scope(begin, until, TENANTS[0].id, time_zone=zone, as_of=END), every=every, rolled_up=True
        )
        assert (
            sum(row["query_count"] for row in rows)
            == month.oracle.of_tenant(str(TENANTS[0].id)).queries(begin, until)["query_count"]
        )
