-- What is kept about the pipeline itself.

-- Rejected messages. raw and message_key are sealed (AES-GCM): unparsed input may hold anything. The key is the
-- message's place in Kafka, so a replayed log overwrites its rows; the row that says "replayed" has the higher revision
-- and stays. Kept for 90 days: long enough to repair and replay.
CREATE TABLE IF NOT EXISTS dead_letters
(
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    topic LowCardinality(String),
    topic_epoch UInt64,
    partition Int32,
    offset Int64,
    stage LowCardinality(String),
    reason LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    message_key String,
    raw String,
    replayed_at Nullable(DateTime64(3, 'UTC')),
    revision UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (topic, topic_epoch, partition, offset)
TTL toDateTime(received_at) + INTERVAL 90 DAY;

-- What a tenant's costs are and how its revenue is attributed, with the day from which each value holds. The newest
-- entry for a (tenant, setting, day) wins; no TTL, because old reports are computed with old settings.
CREATE TABLE IF NOT EXISTS tenant_settings
(
    user_id UUID,
    setting LowCardinality(String),
    effective_from Date,
    value String,
    entered_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(entered_at)
ORDER BY (user_id, setting, effective_from);

-- Who did what to what, and how it ended; each row carries the hash of the one before. Append-only: MergeTree, never
-- replaced, no TTL.
CREATE TABLE IF NOT EXISTS audit_log
(
    sequence UInt64,
    happened_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    actor String CODEC(ZSTD(1)),
    action LowCardinality(String),
    object String CODEC(ZSTD(1)),
    outcome LowCardinality(String),
    details String CODEC(ZSTD(1)),
    previous_hash FixedString(64),
    hash FixedString(64)
)
ENGINE = MergeTree
ORDER BY sequence;
