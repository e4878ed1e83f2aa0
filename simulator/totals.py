"""Exact totals of the sent messages, for comparison with stored events."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from models.measures import QUERY_MEASURES
from models.topics import OUTCOMES, QUERIES
from simulator.rows import Message

_decode: Final[Callable[[str], dict[str, Any]]] = json.JSONDecoder(parse_float=Decimal).decode


@dataclass
class Sum:
    """A sum of the given values, and their number."""

    total: Decimal = Decimal(0)
    count: int = 0

    def add(self, value: Decimal | int | None) -> None:
        """Add a value, if given."""
        if value is not None:
            self.total += value
            self.count += 1

    def merge(self, other: Sum) -> None:
        """Add another sum."""
        self.total += other.total
        self.count += other.count

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; the total as text, because it is exact."""
        return {"total": str(self.total), "count": self.count}


@dataclass
class QueryTotals:
    """Totals of the queries of one tenant, provider and query type."""

    queries: int = 0
    successes: int = 0
    response_time_ms: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    measures: dict[str, Sum] = field(default_factory=lambda: {name: Sum() for name in QUERY_MEASURES})

    def add(self, event: dict[str, Any]) -> None:
        """Count one event."""
        self.queries += 1
        self.successes += event["query_success"]
        self.response_time_ms += event["response_time_ms"]
        if event["error_kind"] is not None:
            self.errors[event["error_kind"]] += 1
        for name, measure in self.measures.items():
            measure.add(event[name])

    def merge(self, other: QueryTotals) -> None:
        """Add other totals."""
        self.queries += other.queries
        self.successes += other.successes
        self.response_time_ms += other.response_time_ms
        self.errors.update(other.errors)
        for name, measure in self.measures.items():
            measure.merge(other.measures[name])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "queries": self.queries,
            "successes": self.successes,
            "response_time_ms": self.response_time_ms,
            "errors": dict(sorted(self.errors.items())),
            **{name: measure.as_dict() for name, measure in self.measures.items()},
        }


@dataclass
class OutcomeTotals:
    """Totals of the outcomes of one tenant."""

    types: Counter[str] = field(default_factory=Counter)
    with_integration_data: int = 0
    business_value_generated: Sum = field(default_factory=Sum)
    customer_satisfaction_score: Sum = field(default_factory=Sum)
    resolution_time_minutes: Sum = field(default_factory=Sum)

    def add(self, event: dict[str, Any]) -> None:
        """Count one event."""
        self.types[event["outcome_type"]] += 1
        self.with_integration_data += event["integration_data_used"]
        self.business_value_generated.add(event["business_value_generated"])
        self.customer_satisfaction_score.add(event["customer_satisfaction_score"])
        self.resolution_time_minutes.add(event["resolution_time_minutes"])

    def merge(self, other: OutcomeTotals) -> None:
        """Add other totals."""
        self.types.update(other.types)
        self.with_integration_data += other.with_integration_data
        self.business_value_generated.merge(other.business_value_generated)
        self.customer_satisfaction_score.merge(other.customer_satisfaction_score)
        self.resolution_time_minutes.merge(other.resolution_time_minutes)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "types": dict(sorted(self.types.items())),
            "with_integration_data": self.with_integration_data,
            "business_value_generated": self.business_value_generated.as_dict(),
            "customer_satisfaction_score": self.customer_satisfaction_score.as_dict(),
            "resolution_time_minutes": self.resolution_time_minutes.as_dict(),
        }


@dataclass
class Totals:
    """Totals of all four topics.

    Attributes
    ----------
    events
        Messages by topic name.
    queries
        By (tenant, provider, query type), the tenant as text.
    outcomes
        By tenant, as text.
    """

    events: Counter[str] = field(default_factory=Counter)
    queries: defaultdict[tuple[str, str, str], QueryTotals] = field(default_factory=lambda: defaultdict(QueryTotals))
    outcomes: defaultdict[str, OutcomeTotals] = field(default_factory=lambda: defaultdict(OutcomeTotals))

    def add(self, messages: Iterable[Message]) -> None:
        """Count messages; each must be a valid event of this simulator, seen once."""
        for topic, _, value in messages:
            self.events[topic] += 1
            if topic == QUERIES.name:
                event = _decode(value.decode())
                self.queries[event["user_id"], event["integration_provider"], event["query_type"]].add(event)
            elif topic == OUTCOMES.name:
                event = _decode(value.decode())
                self.outcomes[event["user_id"]].add(event)

    def merge(self, other: Totals) -> None:
        """Add other totals, of other messages."""
        self.events.update(other.events)
        for query_key, queries in other.queries.items():
            self.queries[query_key].merge(queries)
        for tenant, outcomes in other.outcomes.items():
            self.outcomes[tenant].merge(outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in a fixed order."""
        return {
            "events": dict(sorted(self.events.items())),
            "queries": [
                {"user_id": tenant, "integration_provider": provider, "query_type": query_type, **totals.as_dict()}
                for (tenant, provider, query_type), totals in sorted(self.queries.items(), key=lambda item: item[0])
            ],
            "outcomes": [
                {"user_id": tenant, **totals.as_dict()}
                for tenant, totals in sorted(self.outcomes.items(), key=lambda item: item[0])
            ],
        }
