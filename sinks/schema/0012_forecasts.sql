-- What is expected of each integration in the next seven days, hour by hour: the value and the range that holds nine
-- times in ten. Made once a day; making it again replaces the same rows, because the moment it was made is part of the
-- key. Old forecasts stay for a quarter, so that they can be held against what came.
CREATE TABLE IF NOT EXISTS integration_forecasts
(
    user_id UUID,
    integration_provider LowCardinality(String),
    metric LowCardinality(String) COMMENT 'queries or errors, in an hour',
    made_at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    target_time DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    lower Float64 CODEC(ZSTD(1)),
    upper Float64 CODEC(ZSTD(1)),
    model_version LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(made_at)
ORDER BY (user_id, integration_provider, metric, made_at, target_time)
TTL made_at + INTERVAL 90 DAY;
