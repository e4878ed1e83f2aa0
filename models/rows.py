"""The columns that the stream writes, as Arrow schemas; inserts, fakes and tests use this list.

Types follow ClickHouse's reading of Arrow: ``binary(16)`` is a UUID, ``decimal128`` a Decimal, a struct of two lists
the histogram tuple. A missing label is ``''``; a missing number is null.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from models.measures import QUERY_MEASURES, count_of, sum_of

UUID: Final = pa.binary(16)
UUIDS: Final = pa.list_(UUID)
LABEL: Final = pa.string()
LABELS: Final = pa.list_(pa.string())
TIME: Final = pa.timestamp("ms", "UTC")
# Fixed point with four decimals, so that a sum does not depend on the order.
SCORE: Final = pa.decimal128(18, 4)
# Currencies have up to four decimals.
MONEY: Final = pa.decimal128(38, 4)
HISTOGRAM: Final = pa.struct([("buckets", pa.list_(pa.int16())), ("counts", pa.list_(pa.uint64()))])

_Columns = list[tuple[str, pa.DataType]]

_EVENT: Final[_Columns] = [
    ("event_id", UUID),
    ("user_id", UUID),
    ("created_at", TIME),
    ("customer_id", LABEL),
    ("channel", LABEL),
    ("country", LABEL),
    ("customer_segment", LABEL),
]
_EXPERIMENT: Final[_Columns] = [("experiment", LABEL), ("arm", LABEL)]
_KAFKA: Final[_Columns] = [("topic_epoch", pa.uint64()), ("kafka_partition", pa.int32()), ("kafka_offset", pa.int64())]


_QUERY_SUMS: Final[_Columns] = [
    column for name in QUERY_MEASURES for column in ((sum_of(name), SCORE), (count_of(name), pa.uint64()))
]


def _schema(columns: _Columns) -> pa.Schema:
    return pa.schema(columns)


QUERY_METRICS: Final = _schema(
    [
        *_EVENT,
        ("conversation_id", UUID),
        ("integration_provider", LABEL),
        ("query_type", LABEL),
        ("query_success", pa.bool_()),
        ("response_time_ms", pa.uint32()),
        *((name, SCORE) for name in QUERY_MEASURES),
        ("data_type", LABEL),
        ("error_kind", LABEL),
        *_KAFKA,
    ]
)

OUTCOMES: Final = _schema(
    [
        *_EVENT,
        ("conversation_id", UUID),
        ("integration_data_used", pa.bool_()),
        ("integration_types_used", LABELS),
        ("outcome_type", LABEL),
        ("resolution_time_minutes", pa.uint32()),
        ("customer_satisfaction_score", SCORE),
        ("business_value_generated", MONEY),
        ("handled_by", LABEL),
        ("handoff_reason", LABEL),
        ("opened_at", TIME),
        *_EXPERIMENT,
        *_KAFKA,
    ]
)

HEALTH: Final = _schema(
    [
        *_EVENT,
        ("integration_provider", LABEL),
        ("sync_status", LABEL),
        ("last_sync_at", TIME),
        ("sync_success_rate", SCORE),
        ("error_rate", SCORE),
        ("data_freshness_score", SCORE),
        ("api_rate_limit_usage", SCORE),
        ("sync_job_id", LABEL),
        ("records_synced", pa.uint32()),
        ("records_failed", pa.uint32()),
        ("duration_ms", pa.uint32()),
        ("error_kind", LABEL),
        *_KAFKA,
    ]
)

INTELLIGENCE: Final = _schema(
    [
        *_EVENT,
        ("conversation_id", UUID),
        ("data_types_accessed", LABELS),
        ("knowledge_gaps_identified", LABELS),
        ("ai_confidence_with_data", SCORE),
        ("ai_confidence_without_data", SCORE),
        ("customer_journey_stage", LABEL),
        ("conversion_probability", SCORE),
        *_EXPERIMENT,
        *_KAFKA,
    ]
)

QUERY_WINDOWS: Final = _schema(
    [
        ("user_id", UUID),
        ("integration_provider", LABEL),
        ("query_type", LABEL),
        ("window_start", pa.timestamp("s", "UTC")),
        ("topic_epoch", pa.uint64()),
        ("partition", pa.int32()),
        ("chunk_id", pa.int64()),
        ("version", pa.int64()),
        ("queries", pa.uint64()),
        ("successes", pa.uint64()),
        ("response_time_ms_sum", pa.uint64()),
        ("response_time_histogram", HISTOGRAM),
        *_QUERY_SUMS,
    ]
)

DEAD_LETTERS: Final = _schema(
    [
        ("received_at", TIME),
        ("topic", LABEL),
        ("topic_epoch", pa.uint64()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("stage", LABEL),
        ("reason", LABEL),
        ("detail", pa.string()),
        ("message_key", pa.binary()),
        ("raw", pa.binary()),
    ]
)

INSIGHTS: Final = _schema(
    [
        ("id", UUID),
        ("user_id", UUID),
        ("insight_type", LABEL),
        ("confidence_score", SCORE),
        ("predicted_value", MONEY),
        ("contributing_factors", LABELS),
        ("recommended_actions", LABELS),
        ("created_at", TIME),
        ("updated_at", TIME),
        ("integration_provider", LABEL),
        ("customer_id", LABEL),
        ("kind", LABEL),
        ("severity", LABEL),
        ("status", LABEL),
        ("started_at", TIME),
        ("ended_at", TIME),
        ("title", LABEL),
        ("summary", LABEL),
        ("observed", pa.float64()),
        ("expected", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("unit", LABEL),
        ("members", UUIDS),
        ("model_version", LABEL),
    ]
)

DETECTOR_STATES: Final = _schema(
    [
        ("user_id", UUID),
        ("integration_provider", LABEL),
        ("slot", pa.uint8()),
        ("version", pa.uint64()),
        ("partition", pa.int32()),
        ("scored_through", pa.timestamp("s", "UTC")),
        ("state", pa.binary()),
    ]
)

KNOWN_TENANTS: Final = _schema([("user_id", UUID), ("first_seen", pa.timestamp("s", "UTC"))])

TOPIC_LAYOUTS: Final = _schema(
    [
        ("topic_epoch", pa.uint64()),
        ("generation", pa.int32()),
        ("event", LABEL),
        ("partition", pa.int32()),
        ("boundary", pa.int64()),
        ("partitions", pa.int32()),
    ]
)

# Table → schema of its rows. Health events go to two tables: the latest state and the history.
WRITTEN: Final[dict[str, pa.Schema]] = {
    "integration_query_metrics": QUERY_METRICS,
    "conversation_outcomes": OUTCOMES,
    "integration_health_metrics": HEALTH,
    "integration_health_history": HEALTH,
    "conversation_intelligence": INTELLIGENCE,
    "query_windows": QUERY_WINDOWS,
    "dead_letters": DEAD_LETTERS,
    "predictive_insights": INSIGHTS,
    "detector_states": DETECTOR_STATES,
    "known_tenants": KNOWN_TENANTS,
    "topic_layouts": TOPIC_LAYOUTS,
}
