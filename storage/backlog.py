"""Whether ingestion works off a backlog of days: after an outage of the workers, or while history is sent."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from models.query import Query
from models.tenant_slice import TENANTS
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices

_RECENT: Final = timedelta(minutes=10)
_FEW: Final = 20
_OLD: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)

# By the conversations of each tenant that were stored last: their number is bounded, whatever arrives. Of their times
# the one that a tenth are newer than: stored together, a batch of history spans days, and its newest are what was
# reached.
_ARRIVED: Final = f"""
SELECT user_id, count() AS conversations, arraySort(groupArray(newest))[count() - intDiv(count(), 10)] AS reached
FROM
(
    SELECT user_id, max(created_at) AS newest FROM conversation_outcomes
    WHERE {TENANTS} AND (user_id, conversation_id) IN
    (
        SELECT user_id, conversation_id FROM touched_conversations
        WHERE {TENANTS} AND touched_at >= {{since:DateTime64(3, 'UTC')}}
        ORDER BY touched_at DESC LIMIT 50 BY user_id
    )
    GROUP BY user_id, conversation_id
)
GROUP BY user_id
"""  # noqa: S608 - our own
_TOUCHED: Final = """
SELECT user_id, 1 AS rows FROM touched_conversations WHERE touched_at >= {since:DateTime64(3, 'UTC')} GROUP BY user_id
"""


class TenantArrivals(NamedTuple):
    """Conversations of a tenant stored in the last ten minutes, 50 at most: how many, and the event time reached."""

    user_id: UUID
    conversations: int
    reached: datetime


class Backlog(NamedTuple):
    """The delay of ingestion: of all tenants together, and which tenants are behind.

    ``reached`` is the event time that ingestion has reached where it is more than a day behind, else ``None``;
    ``behind`` are the tenants whose own events are more than a day behind.
    """

    reached: datetime | None
    behind: frozenset[UUID]


def read_backlog(client: Client, now: datetime) -> Backlog:
    """Return what ingestion is behind with.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    since = {"since": now - _RECENT}
    rows = (
        row
        for within in tenant_slices(client, Query(_TOUCHED, since))
        for row in query_rows(client, _ARRIVED, {**since, **within.parameters}, aware=True)
    )
    return backlog_of((TenantArrivals(**row) for row in rows), now)


def backlog_of(arrivals: Iterable[TenantArrivals], now: datetime) -> Backlog:
    """Return the backlog that arrivals tell of; fewer than 20 conversations tell nothing: events may be late.

    Ingestion is judged by the median over tenants, of an even number the newer half: a tenant that sends its history
    holds up nobody else.
    """
    ages, behind, conversations = array("q"), list[UUID](), 0
    for one in arrivals:
        ages.append((now - one.reached) // _TICK)
        conversations += one.conversations
        if one.conversations >= _FEW and one.reached < now - _OLD:
            behind.append(one.user_id)
    reached = now - sorted(ages)[(len(ages) - 1) // 2] * _TICK if conversations >= _FEW else now
    return Backlog(reached if reached < now - _OLD else None, frozenset(behind))
