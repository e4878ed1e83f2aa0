-- One-minute windows of queries, a pure function of one chunk of the log (docs/adr/0001-chunked-windows.md).
--
-- The worker upserts a changed row about once a second; the row with the highest version (the last offset folded in)
-- wins, so a restart that replays a chunk, or a worker that lost its partition and writes late, changes nothing.
-- Read with FINAL and add up: a minute may have a row in several chunks and partitions.
-- TTL: 400 days, like the events.

CREATE TABLE IF NOT EXISTS query_windows
(
    user_id UUID,
    integration_provider LowCardinality(String),
    query_type LowCardinality(String),
    window_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    topic_epoch UInt64 CODEC(ZSTD(1)),
    partition Int32 CODEC(ZSTD(1)),
    chunk_id Int64 CODEC(ZSTD(1)),
    version Int64 CODEC(ZSTD(1)),
    queries UInt64 CODEC(T64, ZSTD(1)),
    successes UInt64 CODEC(T64, ZSTD(1)),
    response_time_ms_sum UInt64 CODEC(T64, ZSTD(1)),
    -- Buckets ascending, and how many response times fell in each; sumMap merges them, romashka_quantile reads them.
    response_time_histogram Tuple(Array(Int16), Array(UInt64)) CODEC(ZSTD(1)),
    data_freshness_hours_sum Decimal(18, 4) CODEC(ZSTD(1)),
    data_freshness_hours_count UInt64 CODEC(T64, ZSTD(1)),
    ai_confidence_score_sum Decimal(18, 4) CODEC(ZSTD(1)),
    ai_confidence_score_count UInt64 CODEC(T64, ZSTD(1)),
    customer_satisfaction_impact_sum Decimal(18, 4) CODEC(ZSTD(1)),
    customer_satisfaction_impact_count UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (user_id, integration_provider, query_type, window_start, topic_epoch, partition, chunk_id)
TTL window_start + INTERVAL 400 DAY;

-- The value at rank q * (n - 1) of a histogram, to within 0.5 %; NULL where it is empty. The same reading as
-- models/histogram.py: bucket i stands for 2 * 1.01^i / 2.01, bucket -1 for zero.
CREATE OR REPLACE FUNCTION romashka_quantile AS (histogram, q) ->
    if(
        arraySum(tupleElement(histogram, 2)) = 0,
        NULL,
        arrayElement(
            arrayMap(bucket -> if(bucket = -1, 0., 2 * pow(1.01, bucket) / 2.01), tupleElement(histogram, 1)),
            arrayFirstIndex(
                below -> below > q * (arraySum(tupleElement(histogram, 2)) - 1),
                arrayCumSum(tupleElement(histogram, 2))
            )
        )
    );
