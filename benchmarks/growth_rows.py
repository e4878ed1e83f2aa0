"""Rows of many tenants for ``make bench-growth``, generated inside ClickHouse; as much of each, however many."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client

_PORTION: Final = 2_000_000
_QUIET: Final = {"max_partitions_per_insert_block": 0}
_HOURS: Final = 48
_CONVERSATIONS: Final = 4
_DAYS: Final = 28
_TENANT: Final = "toUUID(leftPad(hex(1 + number % {tenants}), 32, '0'))"

# A window an hour of two days, of one series a tenant.
_WINDOWS: Final = f"""
INSERT INTO query_windows
SELECT {_TENANT}, 'hubspot', 'customer_data',
    toDateTime({{now}} - 3600 * (1 + intDiv(number, {{tenants}})), 'UTC'), 1, 0, number, number, 10, 9, 4000,
    ([toInt16(480)], [toUInt64(10)]), 30, 10, 8, 10, 1, 10
FROM numbers({{first}}, {{count}})
"""
# Conversations of two customers a tenant, over four weeks; each ended ten minutes after it began.
_CONVERSATION: Final = f"""
SELECT {_TENANT} AS user_id, intDiv(number, {{tenants}}) AS n,
    reinterpretAsUUID(sipHash128(number)) AS conversation_id, cityHash64(number) AS h,
    toDateTime64({{now}} - 3600 - intDiv({_DAYS} * 86400, {_CONVERSATIONS}) * n - h % 3600, 3, 'UTC') AS entered_at,
    concat('k1.', hex(sipHash64(number % {{tenants}}, n % 2))) AS customer_id
FROM numbers({{first}}, {{count}})
"""
_OUTCOMES: Final = """
INSERT INTO conversation_outcomes (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, integration_data_used, integration_types_used, outcome_type, resolution_time_minutes,
    customer_satisfaction_score, handled_by, opened_at)
SELECT conversation_id, user_id, entered_at + 600, customer_id, 'chat', 'DE', 'regular', conversation_id, true,
    ['hubspot'], if(h % 5 = 0, 'escalated', 'resolved'), 10, toDecimal64(4, 4), if(h % 5 = 0, 'human', 'ai'), entered_at
FROM ({conversations})
"""
_INTELLIGENCE: Final = """
INSERT INTO conversation_intelligence (event_id, user_id, created_at, customer_id, channel, country, customer_segment,
    conversation_id, data_types_accessed, ai_confidence_with_data, ai_confidence_without_data, customer_journey_stage,
    conversion_probability)
SELECT conversation_id, user_id, entered_at, customer_id, 'chat', 'DE', 'regular', conversation_id, ['orders'],
    toDecimal64(0.8, 4), toDecimal64(0.6, 4), 'purchase', toDecimal64(0.2, 4)
FROM ({conversations})
"""


def fill(client: Client, tenants: int, now: datetime) -> None:
    """Generate windows of two days and conversations of four weeks before ``now``."""
    for sql, rows in (
        (_WINDOWS, tenants * _HOURS),
        (_OUTCOMES, tenants * _CONVERSATIONS),
        (_INTELLIGENCE, tenants * _CONVERSATIONS),
    ):
        for first in range(0, rows, _PORTION):
            given = {"tenants": tenants, "now": int(now.timestamp()), "first": first}
            given["count"] = min(_PORTION, rows - first)
            conversations = _CONVERSATION.format(**given)
            client.command(sql.format(conversations=conversations, **given), settings=_QUIET)
