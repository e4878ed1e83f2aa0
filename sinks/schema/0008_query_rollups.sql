-- Hours and days of queries that are brought up to date by what was touched, instead of being rebuilt whole
-- (docs/adr/0011-roll-ups.md). Replaces the refreshable view of 0005.
--
-- Nothing here adds up on insert. The two views below only note *which* hours an insert touched and keep a second copy
-- of recent windows in another order; both end in ReplacingMergeTree, so repeats change nothing. The job "roll-ups"
-- recomputes the touched hours from the deduplicated windows and writes them with a higher version.
-- A reader takes an hour from here only if nothing touched it since; else it reads the windows.

DROP VIEW IF EXISTS query_hours_refresh;
DROP TABLE IF EXISTS query_hours SYNC;

-- The day first, then the tenant: one tenant's range reads few granules of each day, all tenants' edges read few days.
-- Small granules: a row has a histogram of kilobytes, and one tenant should not read its neighbours'.
CREATE TABLE IF NOT EXISTS query_hours
(
    user_id UUID,
    integration_provider LowCardinality(String),
    query_type LowCardinality(String),
    hour_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    queries UInt64 CODEC(T64, ZSTD(1)),
    successes UInt64 CODEC(T64, ZSTD(1)),
    response_time_ms_sum UInt64 CODEC(T64, ZSTD(1)),
    response_time_histogram Tuple(Array(Int16), Array(UInt64)) CODEC(ZSTD(1)),
    data_freshness_hours_sum Decimal(38, 4) CODEC(ZSTD(1)),
    data_freshness_hours_count UInt64 CODEC(T64, ZSTD(1)),
    ai_confidence_score_sum Decimal(38, 4) CODEC(ZSTD(1)),
    ai_confidence_score_count UInt64 CODEC(T64, ZSTD(1)),
    customer_satisfaction_impact_sum Decimal(38, 4) CODEC(ZSTD(1)),
    customer_satisfaction_impact_count UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour_start)
ORDER BY (toDate(hour_start), user_id, integration_provider, query_type, hour_start)
TTL hour_start + INTERVAL 400 DAY
SETTINGS index_granularity = 256;

CREATE TABLE IF NOT EXISTS query_days
(
    user_id UUID,
    integration_provider LowCardinality(String),
    query_type LowCardinality(String),
    day_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    queries UInt64 CODEC(T64, ZSTD(1)),
    successes UInt64 CODEC(T64, ZSTD(1)),
    response_time_ms_sum UInt64 CODEC(T64, ZSTD(1)),
    response_time_histogram Tuple(Array(Int16), Array(UInt64)) CODEC(ZSTD(1)),
    data_freshness_hours_sum Decimal(38, 4) CODEC(ZSTD(1)),
    data_freshness_hours_count UInt64 CODEC(T64, ZSTD(1)),
    ai_confidence_score_sum Decimal(38, 4) CODEC(ZSTD(1)),
    ai_confidence_score_count UInt64 CODEC(T64, ZSTD(1)),
    customer_satisfaction_impact_sum Decimal(38, 4) CODEC(ZSTD(1)),
    customer_satisfaction_impact_count UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day_start)
ORDER BY (user_id, integration_provider, query_type, day_start)
TTL day_start + INTERVAL 400 DAY
SETTINGS index_granularity = 128;

-- Which hours were written to, and when last. The newest touch wins. A touch is kept as long as its windows.
CREATE TABLE IF NOT EXISTS touched_query_hours
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

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_query_hours_note TO touched_query_hours AS
SELECT DISTINCT user_id, toStartOfHour(window_start) AS hour_start, now64(3, 'UTC') AS touched_at FROM query_windows;

-- The windows of the last days by time: whoever asks for the newest minutes of all tenants reads those and no others.
CREATE TABLE IF NOT EXISTS recent_query_windows AS query_windows
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(window_start)
ORDER BY (window_start, user_id, integration_provider, query_type, topic_epoch, partition, chunk_id)
TTL window_start + INTERVAL 4 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS recent_query_windows_copy TO recent_query_windows AS
SELECT * FROM query_windows WHERE window_start >= now() - INTERVAL 3 DAY;

-- Up to when each roll-up knows what was touched. Written last, when everything of a run is in place.
CREATE TABLE IF NOT EXISTS rollup_progress
(
    rollup LowCardinality(String),
    reflects DateTime64(3, 'UTC'),
    took_ms UInt64,
    finished_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(reflects)
ORDER BY rollup;

-- What was written before this migration.
INSERT INTO touched_query_hours (user_id, hour_start, touched_at)
SELECT DISTINCT user_id, toStartOfHour(window_start) AS hour_start, now64(3, 'UTC') AS touched_at FROM query_windows
SETTINGS max_partitions_per_insert_block = 0;

INSERT INTO recent_query_windows SELECT * FROM query_windows WHERE window_start >= now() - INTERVAL 3 DAY;
