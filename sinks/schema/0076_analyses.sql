-- Analyses of many conversations read cells, and one narrow row per conversation, instead of customers and facts
-- (docs/adr/0058-steps-of-customers.md).

-- With it the mean of the value of conversations has an interval.
ALTER TABLE conversation_hours ADD COLUMN IF NOT EXISTS value_squares Decimal(38, 4) CODEC(ZSTD(1)) AFTER value_sum;

ALTER TABLE conversation_days ADD COLUMN IF NOT EXISTS value_squares Decimal(38, 4) CODEC(ZSTD(1)) AFTER value_sum;

-- All conversations of a customer, not only those that matter for revenue.
ALTER TABLE customer_conversations
    ADD COLUMN IF NOT EXISTS stage LowCardinality(String) AFTER customer_segment,
    ADD COLUMN IF NOT EXISTS converted Bool AFTER providers,
    ADD COLUMN IF NOT EXISTS resolved Bool AFTER converted;

-- Each conversation between its customer's others, so that steps and distinct customers are counts of rows. A customer
-- is counted once in a range: at the conversation whose predecessor (of the same channel, country, ...) is before it.
-- No customer is named here.
CREATE TABLE IF NOT EXISTS conversation_steps
(
    user_id UUID,
    entered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    conversation_id UUID,
    named Bool COMMENT 'whether the customer is known',
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    stage LowCardinality(String) COMMENT 'unknown where not given',
    data_used Bool,
    providers Array(LowCardinality(String)),
    converted Bool,
    resolved Bool,
    next_stage LowCardinality(String) COMMENT 'of the next conversation within 14 days, or empty',
    channel_before DateTime64(3, 'UTC') COMMENT 'the customer''s conversation before in the channel, or 1970' CODEC(ZSTD(1)),
    country_before DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    segment_before DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    stage_before DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    step_before DateTime64(3, 'UTC') COMMENT 'at the same stage with the same next one' CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(entered_at)
ORDER BY (user_id, entered_at, conversation_id)
TTL toDateTime(entered_at) + INTERVAL 400 DAY;
