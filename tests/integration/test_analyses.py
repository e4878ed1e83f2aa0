"""Analyses of the roll-ups say what the events say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.analyses.catalogue import ANALYSES
from kpis.query import ALL_TENANTS, Scope
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.topics import INTELLIGENCE
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from storage.connection import connect
from storage.reading import query_rows
from tests.loading import Loader
from tests.spare_databases import SpareDatabases

pytestmark = pytest.mark.stack

SPAN = timedelta(days=4)
END = datetime.now(UTC).replace(second=0, microsecond=0)
START = END - SPAN + timedelta(minutes=17)
COLUMNS = {"channel": "channel", "country": "country", "provider": "arrayJoin(providers)"}
_FACTS = """
SELECT user_id, stage, gaps, customer_id,
    autonomous AND NOT (returned_at IS NOT NULL AND returned_at < ended_at + INTERVAL 7 DAY) AS durable
FROM conversation_facts FINAL
WHERE entered_at >= {start:DateTime('UTC')} AND entered_at < {end:DateTime('UTC')}
"""
LABELS = ("shopify: return_policy (missing content)", "nobody knows, why", "a: b")


@pytest.fixture(scope="module")
def client(spare_databases: SpareDatabases) -> Iterator[Client]:
    address = spare_databases.lend()
    tenants = DEFAULT_TENANTS[2:4]
    scenario = Scenario(seed=5, start=END - SPAN, end=END, tenants=tenants, rate=rate_for(2_000, SPAN, tenants))
    sent = [message for part in scenario.history() for message in part]
    for topic, key, value in [one for one in sent if one[0] == INTELLIGENCE.name][:40]:
        event = {**json.loads(value), "event_id": str(uuid4()), "knowledge_gaps_identified": [*LABELS, LABELS[0]]}
        sent.append((topic, key, json.dumps(event).encode()))
    with connect(address) as opened:
        Loader(ClickHouseSink(address), END).load(sent)
        refresh(opened)
        yield opened
    spare_databases.take_back(address)


def rows(client: Client, name: str, scope: Scope, *, rolled_up: bool) -> list[dict[str, Any]]:
    dialect = Bound(scope)
    return query_rows(client, ANALYSES[name].sql(QueryContext(dialect, rolled_up=rolled_up)), dialect.parameters)


def in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: [str(value) for value in row.values() if isinstance(value, (str, UUID, bool))])


@pytest.mark.parametrize("by", ["", "channel", "country", "provider"])
def test_gaps_of_the_roll_ups_are_those_of_the_events(client: Client, by: str) -> None:
    usual = f"topK(1)({COLUMNS[by]})[1]" if by else "''"
    (top,) = query_rows(
        client, f"SELECT toString({usual}) AS value FROM conversation_facts FINAL WHERE data_used LIMIT 1", {}
    )
    narrowed: dict[str, Any] = {by: top["value"]} if by else {}
    scope = Scope(START, END, ALL_TENANTS, as_of=END, **narrowed)
    found, expected = (in_order(rows(client, "gaps", scope, rolled_up=one)) for one in (True, False))
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for column, value in theirs.items():
            same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert ours[column] == same, column


def test_gaps_are_compared_with_conversations_of_the_same_stage_that_lack_nothing(client: Client) -> None:
    found = rows(client, "gaps", Scope(START, END, ALL_TENANTS, as_of=END), rolled_up=True)
    facts = query_rows(client, _FACTS, {"start": f"{START:%F %T}", "end": f"{END:%F %T}"})
    usual: dict[tuple[UUID, str], list[bool]] = {}
    for one in facts:
        if not one["gaps"]:
            usual.setdefault((one["user_id"], one["stage"]), []).append(one["durable"])
    assert {row["gap_type"] for row in found} >= {"missing content", "other"}
    for row in found:
        having = [one for one in facts if row["label"] in one["gaps"] and one["user_id"] == row["user_id"]]
        rates = [usual.get((one["user_id"], one["stage"]), [False]) for one in having]
        lost = sum(sum(rate) / len(rate) for rate in rates) - sum(one["durable"] for one in having)
        assert row["conversations"] == len(having)
        assert row["customers"] == len({one["customer_id"] for one in having} - {""})
        assert row["lost_resolutions"] == pytest.approx(max(0, lost), abs=1e-9)
