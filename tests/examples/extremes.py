"""Events at the edges of the contract: each field at its least, its greatest, empty, longest, and oddest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, get_type_hints
from uuid import UUID
from zlib import crc32

from models.events import EXPERIMENT_FIELDS, HealthEvent, IntelligenceEvent, OutcomeEvent, QueryEvent
from models.fields import MAX_INT32
from models.retention import EVENT_RETENTION, MAX_AHEAD, MAX_SYNC_AGE
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES, Topic
from tests.examples.events import event
from tests.loading import Message

ALONE: Final = UUID("ffffffff-ffff-ffff-ffff-fffffffffffd")
"""The tenant of the events with one field at an edge."""
TOGETHER: Final = UUID("ffffffff-ffff-ffff-ffff-fffffffffffe")
"""The tenant of those with every field at one."""

LABELS: Final = (
    "x",
    "字" * 128,
    "\U0010ffff" * 128,
    "e" + "\u0301" * 127,
    "👩\u200d👩\u200d👧\u200d👦" * 18,
    "\u202e\u2066abc\u2069 \u2028\u2029\ufeff\u00ad",
    "' OR 1=1 --\\'\"`${tenant:raw} {a:UInt8} %s {{ x }} $__fromTime",
    "all",
    "{a,b}",
    "NULL",
    "nan",
    "-0",
    " ",
    "<img src=x onerror=alert(1)>",
)
_RATIOS: Final = (0, 1, 1.0, 5e-324, 0.00005, 0.99999)
_TYPES: Final = {QUERIES: QueryEvent, OUTCOMES: OutcomeEvent, HEALTH: HealthEvent, INTELLIGENCE: IntelligenceEvent}


def edges(now: datetime) -> dict[str, tuple[Any, ...]]:
    """Return the extreme values of every field of the contract; ``None`` besides, where it may be left out."""
    least = timedelta(seconds=30)
    oldest, newest = now - EVENT_RETENTION + timedelta(hours=1), now + MAX_AHEAD - least
    events = tuple(one.isoformat() for one in (oldest, newest, now - timedelta(days=1)))
    ids = (str(UUID(int=1)), str(ALONE))
    counts = (0, 1, MAX_INT32)
    return {
        "event_id": ids,
        "user_id": (str(ALONE),),
        "created_at": events,
        "customer_id": ("a", "\x00a", "字" * 128, "\ud7ff\ue000"),
        "channel": LABELS,
        "country": ("AA", "ZZ"),
        "customer_segment": LABELS,
        "conversation_id": ids,
        "integration_provider": ("a", "a" + "_" * 62, "all", "null"),
        "query_type": LABELS,
        "query_success": (True, False),
        "response_time_ms": counts,
        "data_freshness_hours": (0, 1_000_000, 5e-324, 999_999.99995),
        "ai_confidence_score": _RATIOS,
        "customer_satisfaction_impact": (-1, -0.0, 1, -5e-324),
        "data_type": LABELS,
        "error_kind": LABELS,
        "integration_data_used": (True, False),
        "integration_types_used": ([], ["a"] * 64, [f"p{number}" for number in range(64)]),
        "outcome_type": (*LABELS, "upsold", "converted", "reopened", "resolved"),
        "resolution_time_minutes": counts,
        "customer_satisfaction_score": (1, 5, 4.99999),
        "business_value_generated": ("0", "-0", "99999999999.9999", "0.00004", "0.00005"),
        "handled_by": ("ai", "human", "mixed"),
        "handoff_reason": LABELS,
        "opened_at": (oldest.isoformat(), newest.isoformat()),
        "sync_status": (*LABELS, "paused", "failed", "ok"),
        "last_sync_at": ((now - MAX_SYNC_AGE + timedelta(hours=1)).isoformat(), newest.isoformat()),
        "sync_success_rate": _RATIOS,
        "error_rate": _RATIOS,
        "data_freshness_score": _RATIOS,
        "api_rate_limit_usage": _RATIOS,
        "sync_job_id": tuple(label for label in LABELS if label.strip()),
        "records_synced": counts,
        "records_failed": counts,
        "duration_ms": counts,
        "data_types_accessed": ([], list(LABELS), ["x"] * 256),
        "knowledge_gaps_identified": ([], list(LABELS), [f"gap {number}" for number in range(256)]),
        "ai_confidence_with_data": _RATIOS,
        "ai_confidence_without_data": _RATIOS,
        "customer_journey_stage": LABELS,
        "conversion_probability": _RATIOS,
        "experiment": LABELS,
        "arm": LABELS,
    }


def messages(now: datetime) -> Iterator[Message]:
    """Yield an event for each value of each field, the others plain; then events that are at an edge in every field."""
    values = edges(now)
    at = (now - timedelta(hours=3)).isoformat()
    for topic in _TYPES:
        for name in fields(topic):
            for number, value in enumerate(values[name]):
                id_ = str(UUID(int=crc32(f"{topic.name} {name} {number}".encode()) + 1))
                common = {"event_id": id_, "user_id": str(ALONE), "created_at": at}
                own = {} if topic is HEALTH else {"conversation_id": id_}
                pair = dict.fromkeys(EXPERIMENT_FIELDS, "x") if name in EXPERIMENT_FIELDS else {}
                yield _message(topic, {**common, **own, **pair, name: value})
        names = [name for name in fields(topic) if name not in {"user_id", "event_id"}]
        for number, together in enumerate(zip_longest(*(values[name] for name in names))):
            given = {
                name: values[name][number % len(values[name])] if value is None else value
                for name, value in zip(names, together, strict=True)
            }
            yield _message(topic, {"event_id": str(UUID(int=number + 1)), "user_id": str(TOGETHER), **given})


def fields(topic: Topic) -> tuple[str, ...]:
    """Return every field of a topic's event."""
    return tuple(get_type_hints(_TYPES[topic]))


def _message(topic: Topic, given: dict[str, Any]) -> Message:
    return topic.name, b"", json.dumps(event(topic, **given)).encode()
