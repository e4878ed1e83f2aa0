-- The events as they arrived, one row per event.
--
-- Every table here is a ReplacingMergeTree: Kafka delivers at least once, and the same event_id collapses into one row.
-- Each part of the sorting key is immutable per event, so a repeat always meets its original. Until ClickHouse merges,
-- both copies may be there: whoever reads uses FINAL (or a roll-up made with it).
--
-- Sorting key: the tenant first, because every reader asks for one tenant; then the integration, because most panels
-- group by it; then time, because every question has a range; the event_id last, to make the key the event's.
-- Partitions are months: a range touches few, TTL drops whole ones, and FINAL never has to look across two
-- (created_at is immutable), which do_not_merge_across_partitions_select_final makes use of.
-- LowCardinality: labels with few distinct values, a dictionary instead of the text in every row.
-- Codecs: Delta + ZSTD for what ascends or moves slowly; T64 + ZSTD for small integers; random ids are left to LZ4
-- because nothing compresses them. Decimals, not floats: a sum is the same in whatever order it is taken.
-- The document's column "id" is the event_id.
-- TTL: raw events are kept for 400 days, a year and the month it is compared with.

CREATE TABLE IF NOT EXISTS integration_query_metrics
(
    id UUID ALIAS event_id,
    event_id UUID,
    user_id UUID,
    created_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer_id String COMMENT 'pseudonym, empty where not given' CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    conversation_id UUID,
    integration_provider LowCardinality(String),
    query_type LowCardinality(String),
    query_success Bool,
    response_time_ms UInt32 CODEC(T64, ZSTD(1)),
    data_freshness_hours Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    ai_confidence_score Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    customer_satisfaction_impact Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    data_type LowCardinality(String),
    error_kind LowCardinality(String),
    topic_epoch UInt64 CODEC(ZSTD(1)),
    kafka_partition Int32 CODEC(ZSTD(1)),
    kafka_offset Int64 CODEC(Delta, ZSTD(1)),
    -- A restarted worker asks for the ids of the last chunks of a partition: by offset, not by tenant.
    INDEX by_offset kafka_offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (user_id, integration_provider, query_type, created_at, event_id)
TTL toDateTime(created_at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS conversation_outcomes
(
    id UUID ALIAS event_id,
    event_id UUID,
    user_id UUID,
    created_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer_id String COMMENT 'pseudonym, empty where not given' CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    conversation_id UUID,
    integration_data_used Bool,
    integration_types_used Array(LowCardinality(String)),
    outcome_type LowCardinality(String),
    resolution_time_minutes Nullable(UInt32) CODEC(ZSTD(1)),
    customer_satisfaction_score Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    business_value_generated Nullable(Decimal(18, 2)) CODEC(ZSTD(1)),
    handled_by LowCardinality(String),
    handoff_reason LowCardinality(String),
    opened_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    topic_epoch UInt64 CODEC(ZSTD(1)),
    kafka_partition Int32 CODEC(ZSTD(1)),
    kafka_offset Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
-- By conversation within the tenant: a conversation's resolutions and reopenings lie side by side.
ORDER BY (user_id, conversation_id, created_at, event_id)
TTL toDateTime(created_at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS conversation_intelligence
(
    id UUID ALIAS event_id,
    event_id UUID,
    user_id UUID,
    created_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer_id String COMMENT 'pseudonym, empty where not given' CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    conversation_id UUID,
    data_types_accessed Array(LowCardinality(String)),
    knowledge_gaps_identified Array(LowCardinality(String)),
    ai_confidence_with_data Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    ai_confidence_without_data Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    customer_journey_stage LowCardinality(String),
    conversion_probability Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    topic_epoch UInt64 CODEC(ZSTD(1)),
    kafka_partition Int32 CODEC(ZSTD(1)),
    kafka_offset Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (user_id, conversation_id, created_at, event_id)
TTL toDateTime(created_at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS integration_health_history
(
    id UUID ALIAS event_id,
    event_id UUID,
    user_id UUID,
    created_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer_id String COMMENT 'pseudonym, empty where not given' CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    integration_provider LowCardinality(String),
    sync_status LowCardinality(String),
    last_sync_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    sync_success_rate Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    error_rate Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    data_freshness_score Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    api_rate_limit_usage Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    sync_job_id String CODEC(ZSTD(1)),
    records_synced Nullable(UInt32) CODEC(ZSTD(1)),
    records_failed Nullable(UInt32) CODEC(ZSTD(1)),
    duration_ms Nullable(UInt32) CODEC(ZSTD(1)),
    error_kind LowCardinality(String),
    topic_epoch UInt64 CODEC(ZSTD(1)),
    kafka_partition Int32 CODEC(ZSTD(1)),
    kafka_offset Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY (user_id, integration_provider, created_at, event_id)
TTL toDateTime(created_at) + INTERVAL 400 DAY;

-- The latest state of each integration: one row per tenant and provider, the newest event time wins whatever order the
-- events arrive in. Not partitioned and without TTL, because it has as many rows as there are integrations.
CREATE TABLE IF NOT EXISTS integration_health_metrics
(
    id UUID ALIAS event_id,
    event_id UUID,
    user_id UUID,
    created_at DateTime64(3, 'UTC'),
    customer_id String,
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    integration_provider LowCardinality(String),
    sync_status LowCardinality(String),
    last_sync_at Nullable(DateTime64(3, 'UTC')),
    sync_success_rate Nullable(Decimal(18, 4)),
    error_rate Nullable(Decimal(18, 4)),
    data_freshness_score Nullable(Decimal(18, 4)),
    api_rate_limit_usage Nullable(Decimal(18, 4)),
    sync_job_id String,
    records_synced Nullable(UInt32),
    records_failed Nullable(UInt32),
    duration_ms Nullable(UInt32),
    error_kind LowCardinality(String),
    topic_epoch UInt64,
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(created_at)
ORDER BY (user_id, integration_provider);
