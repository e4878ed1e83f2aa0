-- What is computed from the events: business impact, insights, reports. The document's tables with its column names.
--
-- Each is a ReplacingMergeTree whose version is the time of computing: doing the same work again replaces its row.

CREATE TABLE IF NOT EXISTS business_impact_metrics
(
    id UUID,
    user_id UUID,
    metric_type LowCardinality(String),
    integration_provider LowCardinality(String),
    baseline_value Decimal(18, 4),
    current_value Decimal(18, 4),
    improvement_percentage Nullable(Decimal(18, 4)),
    period_start DateTime('UTC'),
    period_end DateTime('UTC'),
    created_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(created_at)
PARTITION BY toYear(period_start)
ORDER BY (user_id, metric_type, integration_provider, period_start, period_end);

-- An insight keeps its id while it is open and is written again as it develops. Kept as long as the events behind it.
CREATE TABLE IF NOT EXISTS predictive_insights
(
    id UUID,
    user_id UUID,
    insight_type LowCardinality(String),
    confidence_score Decimal(18, 4),
    predicted_value Nullable(Decimal(18, 2)),
    contributing_factors Array(String) CODEC(ZSTD(1)),
    recommended_actions Array(String) CODEC(ZSTD(1)),
    created_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC') DEFAULT created_at
)
ENGINE = ReplacingMergeTree(updated_at)
PARTITION BY toYYYYMM(created_at)
ORDER BY (user_id, insight_type, created_at, id)
TTL toDateTime(created_at) + INTERVAL 400 DAY;

-- Configuration, edited rarely and small: no partitions, no TTL. The JSON columns are text that the program validates.
CREATE TABLE IF NOT EXISTS scheduled_reports
(
    id UUID,
    user_id UUID,
    name String,
    type LowCardinality(String),
    format LowCardinality(String),
    schedule_config String CODEC(ZSTD(1)),
    recipients Array(String),
    filters String CODEC(ZSTD(1)),
    template_config String CODEC(ZSTD(1)),
    is_active Bool DEFAULT true,
    last_generated Nullable(DateTime64(3, 'UTC')),
    created_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC') DEFAULT created_at
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (user_id, id);

CREATE TABLE IF NOT EXISTS generated_reports
(
    id UUID,
    user_id UUID,
    config_id Nullable(UUID),
    title String,
    format LowCardinality(String),
    file_url String,
    file_size_bytes UInt64,
    generation_time_ms UInt32,
    data_period_start DateTime('UTC'),
    data_period_end DateTime('UTC'),
    summary String CODEC(ZSTD(1)),
    created_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(created_at)
PARTITION BY toYear(created_at)
ORDER BY (user_id, id)
TTL toDateTime(created_at) + INTERVAL 800 DAY;
