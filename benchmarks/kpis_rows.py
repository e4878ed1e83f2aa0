"""The rows of the key figure benchmark, generated inside ClickHouse from ``numbers()``: no row passes through Python.

All values of a row are hashes of its number, so a conversation has the same values in all of its events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from jobs.roll_ups import refresh
from kpis.rollups.freshness import MARGIN_SECONDS
from kpis.settings_model import new_entry
from storage.tenant_settings import save

TENANTS: Final = 20
SERIES: Final = 12
"""Series per tenant: three providers times four query types."""
_PORTION: Final = 4_000_000
_QUIET: Final = {"max_partitions_per_insert_block": 0, "max_insert_threads": 2}


class Amount(NamedTuple):
    """Number of queries and conversations of all tenants together, over ``days`` days before ``end``."""

    queries: int
    conversations: int
    days: int
    end: datetime

    @property
    def begin(self) -> datetime:
        """Start of the range."""
        return self.end - timedelta(days=self.days)

    @property
    def minutes(self) -> int:
        """Length of the range in minutes."""
        return self.days * 24 * 60


# Response times in about 250 buckets; each window has a few different ones.
_WINDOWS: Final = """
INSERT INTO query_windows
SELECT
    toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')) AS user_id,
    ['hubspot', 'shopify', 'salesforce'][1 + intDiv(number, {tenants}) % 3] AS integration_provider,
    concat('type_', toString(intDiv(number, {tenants} * 3) % 4)) AS query_type,
    toDateTime({begin} + 60 * (intDiv(number, {tenants} * {series}) % {minutes}), 'UTC') AS window_start,
    1, 0, intDiv(number, 32768), number, {each}, {each} - (cityHash64(number) % 20 = 0), {each} * 400,
    (
        arrayMap(i -> toInt16(480 + 60 * i + cityHash64(number, i) % 60), range({each})),
        arrayMap(i -> toUInt64(1), range({each}))
    ),
    {each} * 3, {each}, {each} * 0.8, {each}, 0.1, {each}
FROM numbers({first}, {count})
"""
_QUERIES: Final = """
INSERT INTO integration_query_metrics
SELECT
    reinterpretAsUUID(sipHash128(number, 'q')), toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')),
    toDateTime64({begin} + intDiv(number * {minutes} * 60, {all}), 3, 'UTC'), '',
    ['chat', 'email', 'web', 'phone'][1 + cityHash64(number) % 4],
    ['DE', 'US', 'IN', 'EE', 'FR', 'GB', 'ES', 'PL', 'BR', 'JP'][1 + bitShiftRight(cityHash64(number), 8) % 10],
    'new', reinterpretAsUUID(sipHash128(intDiv(number, 2))),
    ['hubspot', 'shopify', 'salesforce'][1 + intDiv(number, {tenants}) % 3],
    concat('type_', toString(intDiv(number, {tenants} * 3) % 4)), cityHash64(number) % 20 != 0,
    100 + cityHash64(number, 1) % 900, 3, 0.8, 0.1, 'orders', if(cityHash64(number) % 20 = 0, 'timeout', ''),
    1, 0, number
FROM numbers({first}, {count})
"""
# The columns of conversation "number".
_CONVERSATION: Final = """
    SELECT
        cityHash64(number) AS h,
        toUUID(leftPad(hex(1 + number % {tenants}), 32, '0')) AS user_id,
        reinterpretAsUUID(sipHash128(number)) AS conversation_id,
        toDateTime64({begin} + intDiv(number * {minutes} * 60, {all}), 3, 'UTC') AS entered_at,
        concat('k1:', hex(sipHash64(cityHash64(number, 'customer') % intDiv({all}, 5)))) AS customer_id,
        ['chat', 'email', 'web', 'phone'][1 + h % 4] AS channel,
        ['DE', 'US', 'IN', 'EE', 'FR', 'GB', 'ES', 'PL', 'BR', 'JP'][1 + bitShiftRight(h, 8) % 10] AS country,
        ['new', 'regular', 'vip', 'business'][1 + bitShiftRight(h, 12) % 4] AS customer_segment,
        ['awareness', 'consideration', 'purchase', 'retention', 'advocacy'][1 + bitShiftRight(h, 16) % 5] AS stage,
        bitShiftRight(h, 20) % 3 != 0 AS data_used,
        arraySort(arrayDistinct(arrayMap(i -> ['hubspot', 'shopify', 'salesforce'][1 + bitShiftRight(h, 22 + i) % 3],
            range(if(data_used, 1 + (h % 5 = 0), 0))))) AS providers,
        arraySort(arrayDistinct(arrayMap(i -> concat('data_', toString(bitShiftRight(h, 26 + 3 * i) % 8)),
            range(if(data_used, 2, 0))))) AS data_types,
        if(bitShiftRight(h, 32) % 10 = 0, [concat('shopify: field_', toString(h % 10), ' (field not synced)')], [])
            AS gaps,
        bitShiftRight(h, 36) % 100 AS fate,
        multiIf(fate < 65, 'resolved', fate < 73, 'converted', fate < 80, 'abandoned', fate < 97, 'escalated', '')
            AS outcome,
        multiIf(fate < 73, 'ai', fate < 80, '', fate < 97, 'human', '') AS handled_by,
        if(outcome = '', NULL, entered_at + 600) AS ended_at,
        fate < 73 AS resolved,
        if(resolved, toUInt32(1 + h % 90), NULL) AS resolution_minutes,
        if(outcome = 'escalated', 'asked for a person', '') AS handoff_reason,
        if(fate < 4, entered_at + 600 + 43200 * (1 + h % 20), NULL) AS returned_at,
        if(bitShiftRight(h, 44) % 3 = 0, toDecimal64(3 + (h % 21) / 10, 4), NULL) AS satisfaction,
        toDecimal64(0.5 + (h % 400) / 1000, 4) AS confidence_with_data,
        toDecimal64(0.4 + (h % 300) / 1000, 4) AS confidence_without_data,
        toDecimal64((h % 100) / 200, 4) AS conversion_probability,
        if(outcome = 'converted', toDecimal128(20 + (h % 10000) / 100, 2), toDecimal128(0, 2)) AS value
    FROM numbers({first}, {count})
"""
_OUTCOMES: Final = """
INSERT INTO conversation_outcomes (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, integration_data_used, integration_types_used, outcome_type, resolution_time_minutes,
    customer_satisfaction_score, business_value_generated, handled_by, handoff_reason, opened_at)
SELECT conversation_id, user_id, assumeNotNull(ended_at), customer_id, channel, country, customer_segment,
    conversation_id, data_used, providers, outcome, resolution_minutes, satisfaction, if(value = 0, NULL, value),
    handled_by, handoff_reason, entered_at
FROM ({conversations}) WHERE outcome != ''
"""
_RETURNS: Final = """
INSERT INTO conversation_outcomes (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, outcome_type)
SELECT reinterpretAsUUID(sipHash128(conversation_id, 'back')), user_id, assumeNotNull(returned_at), customer_id,
    channel, country, customer_segment, conversation_id, 'reopened'
FROM ({conversations}) WHERE returned_at IS NOT NULL
"""
_INTELLIGENCE: Final = """
INSERT INTO conversation_intelligence (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, data_types_accessed, knowledge_gaps_identified, ai_confidence_with_data,
    ai_confidence_without_data, customer_journey_stage, conversion_probability)
SELECT conversation_id, user_id, entered_at, customer_id, channel, country, customer_segment, conversation_id,
    data_types, gaps, confidence_with_data, confidence_without_data, stage, conversion_probability
FROM ({conversations})
"""
_SETTINGS: Final = {
    "cost_per_human_contact": "6.50",
    "loaded_rate_per_hour": "31.40",
    "handle_minutes_saved": "3.00",
    "platform_cost_per_month": "900.00",
    "integration_cost_per_month": "200.00",
    "upkeep_cost_per_month": "400.00",
}
# As in production: conversations that changed since the last run, half a minute ago, or within the margin.
_TOUCHED: Final = f"""
INSERT INTO touched_conversations
SELECT user_id, conversation_id, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND FROM conversation_facts
WHERE entered_at >= {{newest}} - 90 OR cityHash64(conversation_id) % {{all}} < 10
"""
_SETTLED: Final = (
    "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
    f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
)
_THIS_HOUR: Final = (
    "INSERT INTO touched_query_hours SELECT DISTINCT user_id, toStartOfHour(now('UTC')), "
    f"now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND FROM query_days"
)
Say = Callable[[str], None]


def fill(client: Client, amount: Amount, say: Say, *, raw: bool) -> None:
    """Generate windows and conversation events, and compute the roll-ups; ``raw`` also generates query events."""
    windows = min(TENANTS * SERIES * amount.minutes, amount.queries)
    made = [
        ("windows", _WINDOWS, windows),
        ("outcomes", _OUTCOMES, amount.conversations),
        ("returns", _RETURNS, amount.conversations),
        ("intelligence", _INTELLIGENCE, amount.conversations),
        *([("queries", _QUERIES, amount.queries)] if raw else []),
    ]
    for what, sql, rows in made:
        began = time.monotonic()
        _insert(client, sql, rows, amount, each=round(amount.queries / windows))
        say(f"{what}: {rows:,} rows in {time.monotonic() - began:.0f} s")
    for number in range(1, TENANTS + 1):
        for name, value in _SETTINGS.items():
            since = amount.begin.date() - timedelta(days=400)
            save(client, new_entry(UUID(int=number), name, value, since, amount.end))
    say(f"roll-ups from scratch: {_timed(client):.1f} s")


def stretch(client: Client, amount: Amount, days: int) -> None:
    """Repeat the daily roll-ups and sales of the month backwards to ``days`` days before the end of the range."""
    for table, at in (
        ("query_days", "day_start"),
        ("conversation_days", "day_start"),
        ("conversation_sales", "entered_at"),
    ):
        whole_days = f"{at} >= toDateTime({int(amount.begin.timestamp())}) + INTERVAL 1 DAY"
        for back in range(amount.days, days, amount.days):
            earlier = f"SELECT * REPLACE ({at} - INTERVAL {back} DAY AS {at})"
            month = f"(SELECT * FROM {table} FINAL WHERE {whole_days})"
            client.command(f"INSERT INTO {table} {earlier} FROM {month}", settings=_QUIET)


def as_running(client: Client, amount: Amount, say: Say) -> None:
    """Create the state of a running system: only the newest rows of every tenant are not rolled up yet."""
    _touch(client, amount)
    say(f"incremental roll-ups, of the changes between two runs: {_timed(client):.1f} s")
    _touch(client, amount)


def settle(client: Client) -> None:
    """Mark the roll-ups as current immediately, without the margin for inserts in progress."""
    client.command(_SETTLED)


def _timed(client: Client) -> float:
    began = time.monotonic()
    refresh(client)
    return time.monotonic() - began


def _touch(client: Client, amount: Amount) -> None:
    settle(client)
    client.command(_THIS_HOUR)
    client.command(_TOUCHED.format(newest=int(amount.end.timestamp()), all=amount.conversations))


def _insert(client: Client, sql: str, rows: int, amount: Amount, *, each: int) -> None:
    given = {"tenants": TENANTS, "series": SERIES, "minutes": amount.minutes, "all": rows, "each": each}
    given["begin"] = int(amount.begin.timestamp())
    for first in range(0, rows, _PORTION):
        portion = {**given, "first": first, "count": min(_PORTION, rows - first)}
        conversations = _CONVERSATION.format(**portion)
        client.command(sql.format(conversations=conversations, **portion), settings=_QUIET)
