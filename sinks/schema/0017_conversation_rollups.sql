-- Hours and days of conversations (docs/adr/0011-roll-ups.md): counts and sums, no verdicts. Whether a resolution was
-- durable within N days follows at query time from "after how many days did how many come back".
--
-- A cell with part = '' tells channel, stage and data_used apart. Else part names a dimension with more values than can
-- be combined with all others, "value" is one of them, and beside it only channel and data_used are told apart; a
-- conversation is in the cell of each of its values.
-- Cells that are empty by now are marked as deleted when their hour is recomputed.
CREATE TABLE IF NOT EXISTS conversation_hours
(
    user_id UUID,
    hour_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    part LowCardinality(String),
    value LowCardinality(String),
    channel LowCardinality(String),
    stage LowCardinality(String),
    data_used Bool,
    conversations Int64 CODEC(T64, ZSTD(1)),
    ended_count Int64 CODEC(T64, ZSTD(1)),
    contained_count Int64 CODEC(T64, ZSTD(1)),
    handed_over_count Int64 CODEC(T64, ZSTD(1)),
    autonomous_count Int64 CODEC(T64, ZSTD(1)),
    resolved_count Int64 CODEC(T64, ZSTD(1)),
    abandoned_count Int64 CODEC(T64, ZSTD(1)),
    converted_count Int64 CODEC(T64, ZSTD(1)),
    gap_count Int64 CODEC(T64, ZSTD(1)),
    value_sum Decimal(38, 2) CODEC(ZSTD(1)),
    ended_returns Tuple(Array(UInt8), Array(Int64)) COMMENT 'days until the return, conversations' CODEC(ZSTD(1)),
    autonomous_returns Tuple(Array(UInt8), Array(Int64)) COMMENT 'days until the return, conversations' CODEC(ZSTD(1)),
    satisfaction_count Int64 CODEC(T64, ZSTD(1)),
    satisfaction_sum Decimal(38, 4) CODEC(ZSTD(1)),
    satisfaction_squares Decimal(38, 8) CODEC(ZSTD(1)),
    minutes_count Int64 CODEC(T64, ZSTD(1)),
    minutes_sum Decimal(38, 4) CODEC(ZSTD(1)),
    minutes_squares Decimal(38, 8) CODEC(ZSTD(1)),
    handed_minutes_count Int64 CODEC(T64, ZSTD(1)),
    handed_minutes_sum Decimal(38, 4) CODEC(ZSTD(1)),
    handed_minutes_squares Decimal(38, 8) CODEC(ZSTD(1)),
    with_data_count Int64 CODEC(T64, ZSTD(1)),
    with_data_sum Decimal(38, 4) CODEC(ZSTD(1)),
    with_data_squares Decimal(38, 8) CODEC(ZSTD(1)),
    without_data_count Int64 CODEC(T64, ZSTD(1)),
    without_data_sum Decimal(38, 4) CODEC(ZSTD(1)),
    without_data_squares Decimal(38, 8) CODEC(ZSTD(1)),
    gained_count Int64 CODEC(T64, ZSTD(1)),
    gained_sum Decimal(38, 4) CODEC(ZSTD(1)),
    gained_squares Decimal(38, 8) CODEC(ZSTD(1)),
    expected_count Int64 CODEC(T64, ZSTD(1)),
    expected_sum Decimal(38, 4) CODEC(ZSTD(1)),
    expected_squares Decimal(38, 8) CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(hour_start)
-- The day first, as in query_hours: the ends of a range are few days, of one tenant or of all.
ORDER BY (toDate(hour_start), user_id, part, hour_start, value, channel, stage, data_used)
TTL hour_start + INTERVAL 400 DAY
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS conversation_days
(
    user_id UUID,
    day_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    part LowCardinality(String),
    value LowCardinality(String),
    channel LowCardinality(String),
    stage LowCardinality(String),
    data_used Bool,
    conversations Int64 CODEC(T64, ZSTD(1)),
    ended_count Int64 CODEC(T64, ZSTD(1)),
    contained_count Int64 CODEC(T64, ZSTD(1)),
    handed_over_count Int64 CODEC(T64, ZSTD(1)),
    autonomous_count Int64 CODEC(T64, ZSTD(1)),
    resolved_count Int64 CODEC(T64, ZSTD(1)),
    abandoned_count Int64 CODEC(T64, ZSTD(1)),
    converted_count Int64 CODEC(T64, ZSTD(1)),
    gap_count Int64 CODEC(T64, ZSTD(1)),
    value_sum Decimal(38, 2) CODEC(ZSTD(1)),
    ended_returns Tuple(Array(UInt8), Array(Int64)) CODEC(ZSTD(1)),
    autonomous_returns Tuple(Array(UInt8), Array(Int64)) CODEC(ZSTD(1)),
    satisfaction_count Int64 CODEC(T64, ZSTD(1)),
    satisfaction_sum Decimal(38, 4) CODEC(ZSTD(1)),
    satisfaction_squares Decimal(38, 8) CODEC(ZSTD(1)),
    minutes_count Int64 CODEC(T64, ZSTD(1)),
    minutes_sum Decimal(38, 4) CODEC(ZSTD(1)),
    minutes_squares Decimal(38, 8) CODEC(ZSTD(1)),
    handed_minutes_count Int64 CODEC(T64, ZSTD(1)),
    handed_minutes_sum Decimal(38, 4) CODEC(ZSTD(1)),
    handed_minutes_squares Decimal(38, 8) CODEC(ZSTD(1)),
    with_data_count Int64 CODEC(T64, ZSTD(1)),
    with_data_sum Decimal(38, 4) CODEC(ZSTD(1)),
    with_data_squares Decimal(38, 8) CODEC(ZSTD(1)),
    without_data_count Int64 CODEC(T64, ZSTD(1)),
    without_data_sum Decimal(38, 4) CODEC(ZSTD(1)),
    without_data_squares Decimal(38, 8) CODEC(ZSTD(1)),
    gained_count Int64 CODEC(T64, ZSTD(1)),
    gained_sum Decimal(38, 4) CODEC(ZSTD(1)),
    gained_squares Decimal(38, 8) CODEC(ZSTD(1)),
    expected_count Int64 CODEC(T64, ZSTD(1)),
    expected_sum Decimal(38, 4) CODEC(ZSTD(1)),
    expected_squares Decimal(38, 8) CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(day_start)
ORDER BY (user_id, part, day_start, value, channel, stage, data_used)
TTL day_start + INTERVAL 400 DAY
SETTINGS index_granularity = 1024;

-- In which hours facts were written anew, and when last. The row that says a conversation is no longer counted at a
-- moment touches the hour of that moment too.
CREATE TABLE IF NOT EXISTS touched_conversation_hours
(
    user_id UUID,
    hour_start DateTime('UTC'),
    touched_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    INDEX by_touch touched_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(touched_at)
PARTITION BY toYYYYMM(hour_start)
ORDER BY (hour_start, user_id)
TTL hour_start + INTERVAL 400 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_conversation_hours_note TO touched_conversation_hours AS
SELECT DISTINCT user_id, toStartOfHour(entered_at) AS hour_start, now64(3, 'UTC') AS touched_at FROM conversation_facts;

-- What was rolled up before this migration.
INSERT INTO touched_conversation_hours (user_id, hour_start, touched_at)
SELECT DISTINCT user_id, toStartOfHour(entered_at) AS hour_start, now64(3, 'UTC') AS touched_at FROM conversation_facts
SETTINGS max_partitions_per_insert_block = 0;

-- The facts are folded by kpis/rollups/conversation_fold.py: a view cannot be told to look at a conversation's key before it
-- reads whole events, and whoever asked for a few conversations read nearly all of the table.
DROP VIEW IF EXISTS conversation_folded;
