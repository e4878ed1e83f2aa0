-- Hours of query windows, for ranges of weeks and months.
--
-- A refreshable view: ClickHouse computes it anew from the deduplicated windows and swaps the result in at once, so
-- repeats, late events and restarts cannot count twice. An incremental view would see every insert, repeats too, and add
-- them up for ever (ClickHouse #36124, #48229), which is why there is none in this schema.
-- Read hours for what is older than the last refresh, windows for what is newer.

CREATE TABLE IF NOT EXISTS query_hours
(
    user_id UUID,
    integration_provider LowCardinality(String),
    query_type LowCardinality(String),
    hour_start DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
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
ENGINE = MergeTree
PARTITION BY toYear(hour_start)
ORDER BY (user_id, integration_provider, query_type, hour_start);

CREATE MATERIALIZED VIEW IF NOT EXISTS query_hours_refresh
REFRESH EVERY 5 MINUTE TO query_hours AS
SELECT
    user_id,
    integration_provider,
    query_type,
    toStartOfHour(window_start) AS hour_start,
    sum(w.queries) AS queries,
    sum(w.successes) AS successes,
    sum(w.response_time_ms_sum) AS response_time_ms_sum,
    sumMap(w.response_time_histogram.1, w.response_time_histogram.2) AS response_time_histogram,
    sum(w.data_freshness_hours_sum) AS data_freshness_hours_sum,
    sum(w.data_freshness_hours_count) AS data_freshness_hours_count,
    sum(w.ai_confidence_score_sum) AS ai_confidence_score_sum,
    sum(w.ai_confidence_score_count) AS ai_confidence_score_count,
    sum(w.customer_satisfaction_impact_sum) AS customer_satisfaction_impact_sum,
    sum(w.customer_satisfaction_impact_count) AS customer_satisfaction_impact_count
FROM query_windows AS w FINAL
GROUP BY user_id, integration_provider, query_type, hour_start;
