"""Whether ingestion works off a backlog of days: after an outage of the workers, or while history is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from clickhouse_connect.driver.client import Client

from storage.reading import query_rows

_RECENT: Final = timedelta(minutes=10)
_FEW: Final = 20
_OLD: Final = timedelta(days=1)

# By the conversations that were stored last: their number is bounded, whatever arrives. Each tenant counts once, and of
# an even number the newer half: one that sends its history holds up nobody else.
_ARRIVED: Final = """
SELECT sum(stored) AS conversations, arraySort(groupArray(of_tenant))[intDiv(count(), 2) + 1] AS usual
FROM
(
    SELECT count() AS stored, arraySort(groupArray(newest))[intDiv(count() + 1, 2)] AS of_tenant
    FROM
    (
        SELECT user_id, max(created_at) AS newest FROM conversation_outcomes
        WHERE (user_id, conversation_id) IN
        (
            SELECT user_id, conversation_id FROM touched_conversations
            WHERE touched_at >= {since:DateTime64(3, 'UTC')}
            ORDER BY touched_at DESC LIMIT 50 BY user_id LIMIT 1000
        )
        GROUP BY user_id, conversation_id
    )
    GROUP BY user_id
)
"""


def backlog_reached(client: Client, now: datetime) -> datetime | None:
    """Return the event time that ingestion has reached, where it is more than a day behind; else ``None``.

    The median over tenants, of each the median of those that were stored last: neither single late events nor one
    tenant among several are its business.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    (found,) = query_rows(client, _ARRIVED, {"since": now - _RECENT}, aware=True)
    usual: datetime = found["usual"]
    return usual if found["conversations"] >= _FEW and usual < now - _OLD else None
