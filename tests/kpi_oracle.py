"""What key figures must be, computed again in plain Python from the events that were sent.

Shares nothing with kpis/ but the words of docs/kpis.md. Slow and simple on purpose.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES

Event = dict[str, Any]
Message = tuple[str, bytes, bytes]
_DOWN: Final = {"failing", "failed", "FAILED", "error", "down", "disconnected", "unauthorized"}
_RUNNING: Final = {"syncing", "In Progress", "running"}
_AT_IT: Final = _RUNNING | {"paused"}
_UP: Final = {"healthy", "Completed", "degraded"}
_GOOD: Final = {"resolved", "converted", "upsold"}
_DAY: Final = timedelta(days=1)


class Conversation(NamedTuple):
    """What happened, told from the events of one conversation in their order."""

    tenant: str
    conversation: str
    entered: datetime
    rows: list[Event]

    def _first(self, name: str) -> str:
        return next((row[name] for row in self.rows if row.get(name)), "")

    def _last(self, name: str) -> Any:
        return next((row[name] for row in reversed(self.rows) if row.get(name) is not None), None)

    @property
    def channel(self) -> str:
        return self._first("channel")

    @property
    def country(self) -> str:
        return self._first("country")

    @property
    def providers(self) -> set[str]:
        return {one for row in self.rows for one in row.get("integration_types_used") or []}

    @property
    def gaps(self) -> set[str]:
        return {one for row in self.rows for one in row.get("knowledge_gaps_identified") or []}

    @property
    def data_used(self) -> bool:
        return any(row.get("integration_data_used") or row.get("data_types_accessed") for row in self.rows)

    @property
    def outcomes(self) -> list[Event]:
        return [row for row in self.rows if "outcome_type" in row]

    @property
    def end(self) -> Event | None:
        return next((row for row in self.outcomes if row["outcome_type"] != "reopened"), None)

    @property
    def resolved(self) -> bool:
        return self.end is not None and self.end["outcome_type"] in _GOOD

    @property
    def autonomous(self) -> bool:
        return self.end is not None and self.resolved and self.end.get("handled_by") == "ai"

    @property
    def handed_over(self) -> bool:
        return any(
            row["outcome_type"] == "escalated"
            or row.get("handled_by") in {"human", "mixed"}
            or row.get("handoff_reason")
            for row in self.outcomes
        )

    def returned(self, days: int) -> bool:
        if self.end is None:
            return False
        after = self.outcomes[self.outcomes.index(self.end) + 1 :]
        return any(
            (row["outcome_type"] in {"reopened", "escalated"} or row.get("handled_by") in {"human", "mixed"})
            and row["at"] < self.end["at"] + days * _DAY
            for row in after
            if _order(row) > _order(self.end)
        )

    def durable(self, days: int) -> bool:
        return self.autonomous and not self.returned(days)

    def confirmed(self, days: int, as_of: datetime) -> bool:
        if self.end is None:
            return False
        hour = self.end["at"].replace(minute=0, second=0, microsecond=0)
        return bool(hour + timedelta(hours=1) + days * _DAY <= as_of)

    @property
    def converted(self) -> bool:
        return any(row["outcome_type"] in {"converted", "upsold"} for row in self.outcomes)

    @property
    def value(self) -> Decimal:
        signs = {"refunded": -1}
        return sum(
            (
                signs.get(row["outcome_type"], 1) * Decimal(row["business_value_generated"] or 0)
                for row in self.outcomes
            ),
            Decimal(0),
        )

    def last(self, name: str) -> float | None:
        found = self._last(name)
        return None if found is None else float(found)


class Oracle:
    """Takes events, each once however often it was sent, and tells the figures of a part of them."""

    def __init__(self, as_of: datetime) -> None:
        self.as_of = as_of
        self._events: defaultdict[str, dict[str, Event]] = defaultdict(dict)
        self._conversations: list[Conversation] | None = None

    def add(self, messages: Iterable[Message]) -> None:
        for topic, _, value in messages:
            event = json.loads(value, parse_float=Decimal)
            event["at"] = _moment(event["created_at"])
            self._events[topic].setdefault(event["event_id"], event)
        self._conversations = None

    def of(self, topic: str) -> list[Event]:
        """The distinct events of a topic."""
        return list(self._events[topic].values())

    def of_tenant(self, tenant: str) -> Self:
        """What one tenant's events come to."""
        return self.narrowed("user_id", tenant)

    def narrowed(self, name: str, value: str | None) -> Self:
        """What the events with a value come to."""
        part = type(self)(self.as_of)
        for topic, events in self._events.items():
            part._events[topic] = {key: event for key, event in events.items() if event.get(name) == value}
        return part

    def conversations(self) -> list[Conversation]:
        """Every conversation that any event of outcomes or intelligence tells of."""
        if self._conversations is None:
            rows: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
            for event in [*self.of(OUTCOMES.name), *self.of(INTELLIGENCE.name)]:
                rows[event["user_id"], event["conversation_id"]].append(event)
            self._conversations = [
                Conversation(*key, _entered(group), sorted(group, key=_order)) for key, group in rows.items()
            ]
        return self._conversations

    def queries(self, start: datetime, end: datetime) -> dict[str, float | None]:
        """The figures of queries."""
        rows = [row for row in self.of(QUERIES.name) if start <= row["at"] < end]
        times = sorted(row["response_time_ms"] for row in rows)
        good = sum(row["query_success"] for row in rows)
        return {
            "query_count": len(rows),
            "failed_queries": len(rows) - good,
            "query_success_rate": _ratio(good, len(rows)),
            "error_rate": _ratio(len(rows) - good, len(rows)),
            **{f"latency_p{q}_ms": times[-(-q * len(times) // 100) - 1] if times else None for q in (50, 95, 99)},
            "data_freshness_hours": _mean(row["data_freshness_hours"] for row in rows),
            "query_confidence": _mean(row["ai_confidence_score"] for row in rows),
            "satisfaction_impact": _mean(row["customer_satisfaction_impact"] for row in rows),
        }

    def talks(
        self,
        start: datetime,
        end: datetime,
        keep: Callable[[Conversation], bool] = lambda _: True,
        days: int = 7,
    ) -> dict[str, Any]:
        """The figures of conversations."""
        them = [one for one in self.conversations() if start <= one.entered < end and keep(one)]
        ended = [one for one in them if one.end is not None]

        def part(holds: Callable[[Conversation], object]) -> float | None:
            return _ratio(sum(bool(holds(one)) for one in them), len(them))

        def settled(one: Conversation) -> bool:
            return one.confirmed(days, self.as_of)

        lifts = [
            better - worse
            for one in them
            if (better := one.last("ai_confidence_with_data")) is not None
            and (worse := one.last("ai_confidence_without_data")) is not None
        ]
        return {
            "conversation_count": len(them),
            "durable_resolutions": sum(one.durable(days) for one in them),
            "durable_resolution_rate": part(lambda one: one.durable(days)),
            "durable_resolution_confirmed_rate": part(lambda one: one.durable(days) and settled(one)),
            "durable_resolution_assumed_rate": part(lambda one: one.durable(days) and not settled(one)),
            "reopen_rate": _ratio(sum(one.returned(days) for one in ended), len(ended)),
            "handoff_rate": part(lambda one: one.handed_over),
            "deflection_rate": part(lambda one: one.autonomous),
            "containment_rate": part(lambda one: one.end is not None and not one.handed_over),
            "resolution_rate": part(lambda one: one.resolved),
            "abandonment_rate": part(lambda one: one.end is not None and one.end["outcome_type"] == "abandoned"),
            "open_rate": part(lambda one: one.end is None),
            "csat": _mean(one.last("customer_satisfaction_score") for one in them),
            "resolution_time_minutes": _mean(
                one.end["resolution_time_minutes"] for one in them if one.end is not None and one.resolved
            ),
            "conversion_rate": part(lambda one: one.converted),
            "value_generated": sum((one.value for one in them), Decimal(0)),
            "data_utilization_rate": part(lambda one: one.data_used),
            "confidence_with_data": _mean(one.last("ai_confidence_with_data") for one in them),
            "confidence_without_data": _mean(one.last("ai_confidence_without_data") for one in them),
            "confidence_lift": _mean(lifts),
            "knowledge_gap_rate": part(lambda one: one.gaps),
            "knowledge_gap_conversations": sum(bool(one.gaps) for one in them),
            "expected_conversion_rate": _mean(one.last("conversion_probability") for one in them),
        }

    def health(self, start: datetime, end: datetime) -> dict[str, float | None]:
        """The figures of integrations and sync jobs."""
        kept = self.of(HEALTH.name)
        rows = [row for row in kept if start <= row["at"] < end]
        jobs: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
        for row in rows:
            jobs[row["user_id"], row["integration_provider"], row.get("sync_job_id") or row["event_id"]].append(row)
        last = [max(group, key=_order) for group in jobs.values()]
        finished = [row for row in last if row["sync_status"] not in _AT_IT]
        synced = sum(row.get("records_synced") or 0 for row in last)
        failed = sum(row.get("records_failed") or 0 for row in last)
        quotas = [float(row["api_rate_limit_usage"]) for row in rows if row.get("api_rate_limit_usage") is not None]
        return {
            "integration_uptime": self._uptime(kept, start, end),
            "sync_success_rate": _ratio(
                sum(row["sync_status"] in _UP for row in last), sum(row["sync_status"] in _UP | _DOWN for row in last)
            ),
            "sync_job_count": len(last),
            "unfinished_sync_jobs": len(last) - len(finished),
            "records_failed_rate": _ratio(failed, synced + failed),
            "sync_duration_ms": _mean(row.get("duration_ms") for row in last),
            "api_quota_peak": max(quotas, default=None),
        }

    def _uptime(self, rows: Sequence[Event], start: datetime, end: datetime) -> float | None:
        links: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
        for row in rows:
            if start - _DAY <= row["at"] < end and row["sync_status"] not in _RUNNING:
                links[row["user_id"], row["integration_provider"]].append(row)
        up = known = timedelta()
        for group in links.values():
            group.sort(key=_order)
            for row, following in zip(group, [*(one["at"] for one in group[1:]), None], strict=True):
                until = min(following or end, row["at"] + _DAY, end, max(self.as_of, row["at"]))
                lasted = max(until - max(row["at"], start), timedelta())
                known += lasted if row["sync_status"] in _DOWN | _UP else timedelta()
                up += lasted if row["sync_status"] in _UP else timedelta()
        return up / known if known else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _entered(rows: Sequence[Event]) -> datetime:
    opened: list[datetime] = [_moment(row["opened_at"]) for row in rows if row.get("opened_at")]
    first: datetime = min(row["at"] for row in rows)
    return min([first, *opened])


def _order(row: Event) -> tuple[datetime, int, int]:
    # ClickHouse orders UUIDs by their second half first.
    number = UUID(row["event_id"]).int
    return row["at"], number & (2**64 - 1), number >> 64


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[Any]) -> float | None:
    given = [float(value) for value in values if value is not None]
    return fmean(given) if given else None
