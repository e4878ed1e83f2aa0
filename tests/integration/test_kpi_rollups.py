"""Hours and days of conversations say in every split and step what the events alone say, whatever came late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.query import ALL_TENANTS, Interval, Scope, build_query, last_days, select
from kpis.rollups.freshness import MARGIN_SECONDS
from kpis.sql.dialect import Grafana
from models.topics import INTELLIGENCE, OUTCOMES
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows
from tests.kpi_oracle import Message
from tests.loading import Loader

pytestmark = pytest.mark.stack

TENANTS = DEFAULT_TENANTS[2:4]
SPAN = timedelta(days=5)
END = datetime.now(UTC).replace(second=0, microsecond=0)
START = END - SPAN + timedelta(minutes=17)
IDS: Final = [
    "conversation_count",
    "durable_resolution_rate",
    "reopen_rate",
    "csat",
    "value_generated",
    "data_utilization_rate",
]
SHORT: Final = {"start": END - timedelta(hours=30, minutes=7)}
# Splits, filters and steps by what cells tell apart alone, together, or not at all.
QUESTIONS: Final[tuple[tuple[tuple[str, ...], Interval | None, dict[str, Any]], ...]] = (
    *(((name,), None, {}) for name in ("tenant", "stage", "country", "data_type", "gap", "outcome")),
    (("channel", "handoff_reason"), None, {}),
    (("stage", "data_used"), None, {"channel": "chat"}),
    (("country", "segment"), None, {}),
    ((), None, {"provider": ("shopify", "hubspot")}),
    (("channel",), None, {"provider": "shopify", "durable_days": 2}),
    ((), None, {"durable_days": 90}),
    ((), Interval.DAY, {}),
    ((), Interval.DAY, {"time_zone": "Europe/Berlin"}),
    ((), Interval.WEEK, {}),
    ((), Interval.HOUR, SHORT),
    ((), Interval.MINUTE, SHORT),
    ((), None, SHORT),
)


class Days:
    """A few days of events in a database."""

    def __init__(self, client: Client, loader: Loader) -> None:
        self.client = client
        self.load = loader.load

    def roll_up(self) -> None:
        """Bring the roll-ups up to date, and let readers trust them at once."""
        refresh(self.client)
        self.client.command(
            "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
            f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
        )

    def answers(self, *, rolled_up: bool) -> list[list[dict[str, Any]]]:
        """Return the answers to all of ``QUESTIONS``."""
        scope = {"start": START, "end": END, "tenant": ALL_TENANTS, "as_of": END}
        return [
            query_rows(self.client, *build_query(IDS, Scope(**{**scope, **more}), by, every, rolled_up=rolled_up))
            for by, every, more in QUESTIONS
        ]


def compare(found: list[list[dict[str, Any]]], expected: list[list[dict[str, Any]]]) -> None:
    for question, ours, theirs in zip(QUESTIONS, found, expected, strict=True):
        assert len(ours) == len(theirs), question
        for one, other in zip(ours, theirs, strict=True):
            for name, value in other.items():
                same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
                assert one[name] == same, (name, question)


@pytest.fixture
def messages() -> list[Message]:
    rate = rate_for(3_000, SPAN, TENANTS)
    scenario = Scenario(seed=3, start=END - SPAN, end=END, tenants=TENANTS, rate=rate)
    return [message for part in scenario.history() for message in part]


@pytest.fixture
def days(database: ClickHouseAddress) -> Iterator[Days]:
    with connect(database) as client:
        yield Days(client, Loader(ClickHouseSink(database), END))


def late(messages: list[Message]) -> list[Message]:
    """Tell of resolved conversations that they used data, that they came in a day earlier, and that they came back."""
    ends = [json.loads(value) for topic, _, value in messages if topic == OUTCOMES.name]
    resolved = [end for end in ends if end["outcome_type"] == "resolved"]
    resolved.sort(key=lambda end: end["integration_data_used"])
    assert len(resolved) > 50
    assert not resolved[3]["integration_data_used"]
    made = []
    for number, end in enumerate(resolved[:50]):
        at = datetime.fromisoformat(end["created_at"])
        again = {"event_id": str(uuid4()), "created_at": (at - timedelta(days=number % 2)).isoformat()}
        if number % 3:
            event = {**end, **again, "outcome_type": "reopened", "business_value_generated": None, "opened_at": None}
            made.append((OUTCOMES.name, b"", json.dumps(event).encode()))
        else:
            kept = {name: end[name] for name in ("user_id", "conversation_id", "channel", "country")}
            event = {**kept, **again, "data_types_accessed": ["orders"], "knowledge_gaps_identified": ["a", "b"]}
            made.append((INTELLIGENCE.name, b"", json.dumps(event).encode()))
    return made


@pytest.mark.long
def test_every_split_and_step_says_what_the_events_alone_say(days: Days, messages: list[Message]) -> None:
    days.load(messages)
    days.roll_up()
    compare(days.answers(rolled_up=True), days.answers(rolled_up=False))
    days.load(late(messages))
    days.roll_up()
    compare(days.answers(rolled_up=True), days.answers(rolled_up=False))


def test_whole_hours_are_answered_without_a_look_at_facts_and_events(days: Days, messages: list[Message]) -> None:
    days.load(messages)
    days.roll_up()
    hour = END.replace(minute=0)
    asked = build_query(IDS, Scope(hour - timedelta(days=4, hours=5), hour, ALL_TENANTS, as_of=END), ["channel"])
    before = query_rows(days.client, *asked)
    for table in ("conversation_facts", "conversation_outcomes", "conversation_intelligence"):
        days.client.command(f"TRUNCATE TABLE {table}")
    assert query_rows(days.client, *asked) == before != []


def test_rolling_up_twice_changes_nothing(days: Days, messages: list[Message]) -> None:
    days.load(messages)
    cells = "SELECT * EXCEPT version FROM {table:Identifier} FINAL ORDER BY ALL"
    days.roll_up()
    before = [query_rows(days.client, cells, {"table": table}) for table in ("conversation_hours", "conversation_days")]
    days.client.command("TRUNCATE TABLE rollup_progress")
    days.roll_up()
    assert [
        query_rows(days.client, cells, {"table": table}) for table in ("conversation_hours", "conversation_days")
    ] == before
    assert all(before)


def panel(sql: str, start: datetime, end: datetime, name: str, value: str) -> str:
    """Return a panel's statement as Grafana sends it: for all tenants, with one other variable."""
    for moment, macro in ((start, "$__fromTime"), (end, "$__toTime")):
        sql = sql.replace(macro, f"toDateTime({int(moment.timestamp())})")
    return sql.replace("${tenant:percentencode}", "all").replace(f"${{{name}:percentencode}}", value)


def test_a_panel_whose_variables_let_everything_through_reads_the_same(days: Days, messages: list[Message]) -> None:
    days.load(messages)
    days.roll_up()
    for ids, name, chosen in (
        (["conversation_count", "csat"], "provider", "shopify"),
        (["conversation_count", "csat"], "country", "DE"),
        (["query_count", "latency_p95_ms"], "channel", "chat"),
    ):
        sql = select(ids, Grafana(("tenant", name)))
        for value, narrowed in (("all", {}), (chosen, {name: chosen}), (f"{{{chosen},x}}", {name: (chosen, "x")})):
            found = query_rows(days.client, panel(sql, START, END, name, value), {})
            expected = query_rows(
                days.client, *build_query(ids, Scope(START, END, ALL_TENANTS, **narrowed), rolled_up=False)
            )
            assert found == [pytest.approx(row) for row in expected], (name, value)


def test_a_panel_of_a_long_range_reads_it_to_the_minute_and_its_last_days_are_those_of_commands(
    days: Days, messages: list[Message]
) -> None:
    days.load(messages)
    days.roll_up()
    ids = ["query_count", "conversation_count"]
    sql = select(ids, Grafana(("tenant",)))
    for minutes in (0, 15, 30, 41):  # in India a day begins half past an hour of UTC, in Nepal a quarter past
        end = END.replace(minute=minutes) - timedelta(hours=1, days=1)
        scope = Scope(end - timedelta(days=3), end, ALL_TENANTS)
        found = query_rows(days.client, panel(sql, scope.start, end, "provider", "all"), {})
        assert found == query_rows(days.client, *build_query(ids, scope, rolled_up=False)), minutes
    scope = last_days(4, datetime.now(UTC), ALL_TENANTS)  # Grafana's picker rounds likewise: see test_time_ranges
    found = query_rows(days.client, panel(sql, scope.start, scope.end, "provider", "all"), {})
    assert found == query_rows(days.client, *build_query(ids, scope))
