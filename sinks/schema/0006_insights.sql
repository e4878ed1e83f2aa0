-- What an insight says besides the document's columns; the names are those of models/insights.py.
--
-- created_at is when what it tells of began (started_at), so an insight stays in its month and keeps its place in the
-- sorting key while it develops; updated_at is event time where that is known: working through the same events again
-- writes the same row.

ALTER TABLE predictive_insights
    ADD COLUMN IF NOT EXISTS integration_provider LowCardinality(String),
    ADD COLUMN IF NOT EXISTS customer_id String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS severity LowCardinality(String),
    ADD COLUMN IF NOT EXISTS status LowCardinality(String),
    ADD COLUMN IF NOT EXISTS started_at DateTime64(3, 'UTC') DEFAULT created_at,
    ADD COLUMN IF NOT EXISTS ended_at Nullable(DateTime64(3, 'UTC')),
    ADD COLUMN IF NOT EXISTS title String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS summary String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS observed Nullable(Float64),
    ADD COLUMN IF NOT EXISTS expected Nullable(Float64),
    ADD COLUMN IF NOT EXISTS lower Nullable(Float64),
    ADD COLUMN IF NOT EXISTS upper Nullable(Float64),
    ADD COLUMN IF NOT EXISTS unit LowCardinality(String),
    ADD COLUMN IF NOT EXISTS members Array(UUID),
    ADD COLUMN IF NOT EXISTS model_version LowCardinality(String);

-- Detectors across tenants ask for the last minutes of all tenants. The tables are sorted by tenant; within a tenant's
-- granules time is narrow, so the smallest and largest of each granule find them.
ALTER TABLE integration_query_metrics
    ADD INDEX IF NOT EXISTS by_time created_at TYPE minmax GRANULARITY 1;
