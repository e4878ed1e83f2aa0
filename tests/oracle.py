"""What the numbers must be, counted again in plain Python from the events that were sent.

Shares nothing with the pipeline but the contract: dictionaries, Decimals, and a sort for quantiles.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from clickhouse_connect.driver.client import Client

from models.topics import QUERIES

Window = tuple[str, str, str, int]
Message = tuple[str, bytes, bytes]


@dataclass
class Counted:
    """Totals of one window."""

    queries: int = 0
    successes: int = 0
    response_time_ms: int = 0
    confidence: Decimal = Decimal(0)
    confidence_count: int = 0
    freshness: Decimal = Decimal(0)
    impact: Decimal = Decimal(0)

    def row(self) -> tuple[Any, ...]:
        return (
            self.queries,
            self.successes,
            self.response_time_ms,
            self.confidence,
            self.confidence_count,
            self.freshness,
            self.impact,
        )


@dataclass
class Expected:
    """Everything the events sent must come to; each event counts once, however often it was sent."""

    ids: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    windows: defaultdict[Window, Counted] = field(default_factory=lambda: defaultdict(Counted))
    response_times: list[int] = field(default_factory=list)

    def add(self, messages: Iterable[Message]) -> None:
        for topic, _, value in messages:
            event = json.loads(value, parse_float=Decimal)
            if event["event_id"] in self.ids[topic]:
                continue
            self.ids[topic].add(event["event_id"])
            if topic == QUERIES.name:
                self._count(event)

    def _count(self, event: dict[str, Any]) -> None:
        minute = int(datetime.fromisoformat(event["created_at"]).timestamp() // 60)
        window = self.windows[event["user_id"], event["integration_provider"], event["query_type"], minute]
        window.queries += 1
        window.successes += event["query_success"]
        window.response_time_ms += event["response_time_ms"]
        if event["ai_confidence_score"] is not None:
            window.confidence += event["ai_confidence_score"]
            window.confidence_count += 1
        window.freshness += event["data_freshness_hours"] or 0
        window.impact += event["customer_satisfaction_impact"] or 0
        self.response_times.append(event["response_time_ms"])

    def quantile(self, q: float) -> int:
        return sorted(self.response_times)[max(1, ceil(q * len(self.response_times) - 1e-9)) - 1]


def stored_ids(client: Client, table: str) -> list[str]:
    """Return the ids a reader sees, repeats included."""
    return [str(row[0]) for row in client.query(f"SELECT event_id FROM {table} FINAL").result_rows]


def stored_windows(
    client: Client, table: str = "query_windows", start: str = "window_start"
) -> dict[Window, tuple[Any, ...]]:
    """Return the windows a reader sees."""
    rows = client.query(
        f"""SELECT user_id, integration_provider, query_type, toUInt32({start}), sum(queries), sum(successes),
        sum(response_time_ms_sum), sum(ai_confidence_score_sum), sum(ai_confidence_score_count),
        sum(data_freshness_hours_sum), sum(customer_satisfaction_impact_sum) FROM {table} FINAL
        GROUP BY 1, 2, 3, 4"""
    ).result_rows
    return {(str(row[0]), row[1], row[2], row[3] // 60): tuple(row[4:]) for row in rows}


def hours(windows: dict[Window, Counted]) -> dict[Window, tuple[Any, ...]]:
    """Return what the windows come to by hour."""
    totals: dict[Window, list[Any]] = {}
    for (tenant, provider, query_type, minute), counted in windows.items():
        key = (tenant, provider, query_type, minute // 60 * 60)
        before = totals.setdefault(key, [0] * len(counted.row()))
        totals[key] = [a + b for a, b in zip(before, counted.row(), strict=True)]
    return {key: tuple(row) for key, row in totals.items()}
