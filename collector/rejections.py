"""Counts of rejected events by producer key and reason, stored in ClickHouse."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver.client import Client

from collector.intake import UNACKNOWLEDGED, EventResult
from storage.reading import query_rows
from storage.writing import insert_rows

log = logging.getLogger(__name__)
# Maximum number of counters: the number of keys is unbounded, and a stolen one must not exhaust memory.
_MAX_COUNTS: Final = 50_000
_COLUMNS: Final = (
    "day",
    "producer",
    "topic",
    "stage",
    "reason",
    "process",
    "detail",
    "events",
    "latest_at",
    "revision",
)
_READ: Final = """
SELECT topic, stage, reason, any(detail) AS example, sum(events) AS events, max(latest_at) AS latest_at
FROM producer_rejections FINAL
WHERE producer = {producer:String} AND day >= today() - {days:UInt16}
GROUP BY topic, stage, reason ORDER BY events DESC, topic, stage, reason
"""


class _Kind(NamedTuple):
    day: date
    producer: str
    topic: str
    stage: str
    reason: str


@dataclass
class _Count:
    events: int
    detail: str
    latest_at: datetime
    changed: bool = True


class Rejections:
    """Counts in memory; ``write`` stores changed counts in ClickHouse, idempotently."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._counts: dict[_Kind, _Count] = {}

    def note(self, producer: str, verdicts: Iterable[EventResult], now: datetime) -> None:
        """Count permanent rejections; events that Kafka did not acknowledge are sent again and do not count."""
        for verdict in verdicts:
            if verdict.reason and verdict.reason != UNACKNOWLEDGED:
                kind = _Kind(now.date(), producer, verdict.topic, verdict.stage, verdict.reason)
                self._add(kind, verdict.detail, now)

    def _add(self, kind: _Kind, detail: str, now: datetime) -> None:
        count = self._counts.get(kind)
        if count is not None:
            count.events += 1
            count.detail, count.latest_at, count.changed = detail, now, True
        elif len(self._counts) < _MAX_COUNTS:
            self._counts[kind] = _Count(1, detail, now)
        else:
            log.warning("too many kinds of rejections are counted; one more is left out")

    def write(self, client: Client) -> None:
        """Write the changed counts; raises ``Unreachable`` and keeps them pending."""
        changed = {kind: (count, count.events) for kind, count in list(self._counts.items()) if count.changed}
        rows = [
            (*kind, self._process, count.detail, events, count.latest_at, events)
            for kind, (count, events) in changed.items()
        ]
        insert_rows(client, "producer_rejections", _COLUMNS, rows)
        for count, events in changed.values():
            count.changed = count.events != events

    def forget_before(self, day: date) -> None:
        """Drop written counts of earlier days."""
        for kind in [kind for kind, count in self._counts.items() if kind.day < day and not count.changed]:
            del self._counts[kind]


def read_rejections(client: Client, producer: str, days: int) -> list[dict[str, Any]]:
    """Return a producer's rejections by topic and reason; raises ``Unreachable``."""
    return query_rows(client, _READ, {"producer": producer, "days": days}, aware=True)
