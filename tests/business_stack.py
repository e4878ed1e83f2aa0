"""A month of two tenants with prices, late outcomes and sales, in a database."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.analyses.catalogue import get
from kpis.analyses.impact import ImpactPeriod
from kpis.query import build_query
from kpis.scope import AllTenants, Scope
from models.rows import WRITTEN
from models.topics import INTELLIGENCE, OUTCOMES, QUERIES, Topic
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress
from storage.reading import query_rows
from streams.arrow_batches import to_batch
from streams.decode import Decoder, RecordSource
from streams.pseudonyms import Pseudonymiser
from tests import business_oracle as oracle

SHOP, BARE = DEFAULT_TENANTS[0], DEFAULT_TENANTS[4]
BEGIN, UNTIL = datetime(2026, 2, 24, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)
START, END, NOW = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)
MARCH = ImpactPeriod(START, END)
STORED = {
    QUERIES: "integration_query_metrics",
    OUTCOMES: "conversation_outcomes",
    INTELLIGENCE: "conversation_intelligence",
}
ENTERED = [
    ("currency", "EUR", date(2026, 1, 1)),
    ("cost_per_human_contact", "6.50", date(2026, 1, 1)),
    ("cost_per_human_contact", "7.25", date(2026, 3, 12)),
    ("loaded_rate_per_hour", "31.40", date(2026, 2, 1)),
    ("handle_minutes_saved", "3.00", date(2026, 1, 1)),
    ("handle_minutes_saved", "2.50", date(2026, 3, 20)),
    ("platform_cost_per_month", "900.00", date(2026, 1, 1)),
    ("integration_cost_per_month:hubspot", "120.00", date(2026, 1, 1)),
    ("integration_cost_per_month:shopify", "80.55", date(2026, 3, 10)),
    ("upkeep_cost_per_month", "400.00", date(2026, 1, 1)),
    ("attribution_rule", "linear", date(2026, 3, 10)),
    ("attribution_rule", "first_touch", date(2026, 3, 20)),
    ("attribution_window_days", "5", date(2026, 3, 25)),
]


class Stack(NamedTuple):
    """A database with a month in it, and the messages that made it."""

    address: ClickHouseAddress
    client: Client
    sink: ClickHouseSink
    messages: list[oracle.Message]
    talks: list[oracle.Talk]


def store(sink: ClickHouseSink, messages: list[oracle.Message]) -> None:
    for topic, table in STORED.items():
        values = [(key, value) for name, key, value in messages if name == topic.name]
        if values:
            sink.write(table, batch(topic, table, values))


def batch(topic: Topic, table: str, values: list[tuple[bytes, bytes]]) -> Any:
    source = RecordSource(topic.name, 1, 0)
    records = [SimpleNamespace(offset=offset, key=key, value=value) for offset, (key, value) in enumerate(values)]
    decoded = Decoder(topic).decode(records, source, now=UNTIL + timedelta(days=30))
    assert not decoded.rejected
    return to_batch(decoded.events, decoded.offsets, WRITTEN[table], source, Pseudonymiser(b"0" * 32, "k1"))


def surprises(messages: list[oracle.Message]) -> list[oracle.Message]:
    """Refunds, in the conversation of the sale and in a later one, and conversations that are reopened late."""
    ends = [json.loads(value) for topic, _, value in messages if topic == OUTCOMES.name]
    ends = [end for end in ends if end["user_id"] == str(SHOP.id)]
    sold = [end for end in ends if end["outcome_type"] == "converted" and end["customer_id"]][:40]
    settled = [end for end in ends if end["outcome_type"] == "resolved" and end["handled_by"] == "ai"]
    made = [outcome(end, "refunded", 5, value="11.37") for end in sold[::2]]
    made += [outcome(end, "refunded", 20, value="4.05", conversation_id=str(uuid.uuid4())) for end in sold[1::2]]
    made += [outcome(end, "reopened", days) for end, days in zip(settled[:40], [1, 3, 6, 9] * 10, strict=True)]
    return made


def outcome(end: dict[str, Any], kind: str, days: int, *, value: str | None = None, **other: Any) -> oracle.Message:
    at = datetime.fromisoformat(end["created_at"]) + timedelta(days=days)
    event = {
        **end,
        "event_id": str(uuid.uuid4()),
        "created_at": at.isoformat(),
        "outcome_type": kind,
        "business_value_generated": value,
        "handled_by": None,
        "customer_satisfaction_score": None,
        "integration_data_used": False,
        "integration_types_used": [],
        "opened_at": at.isoformat() if other else end["opened_at"],
        **other,
    }
    return OUTCOMES.name, str(SHOP.id).encode(), json.dumps(event).encode()


def scope(who: UUID | AllTenants = SHOP.id, **more: Any) -> Scope:
    return Scope(**{"start": START, "end": END, "tenant": who, "as_of": NOW, **more})


def value(stack: Stack, id_: str, asked: Scope) -> Any:
    (row,) = query_rows(stack.client, *build_query([id_], asked))
    return row[id_]


def analysed(stack: Stack, name: str, asked: Scope) -> list[dict[str, Any]]:
    analysis = get(name)
    return analysis.finish(query_rows(stack.client, *analysis.query(asked)))


SETTINGS = oracle.Settings([(name, since, value) for name, value, since in ENTERED])
