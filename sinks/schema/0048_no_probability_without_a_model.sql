-- Where no model says any, there is no probability: neither the share of all customers nor that of four similar tenants
-- is one. What was kept of such findings is taken back.
ALTER TABLE predictive_insights MODIFY COLUMN confidence_score Nullable(Decimal(18, 4));
ALTER TABLE customer_scores MODIFY COLUMN probability Nullable(Float64);
ALTER TABLE predictive_insights UPDATE confidence_score = NULL
WHERE kind IN ('overdue_customer', 'unconnected_provider', 'larger_plan');

-- The predictions of customer_model_quality in tenths, from the highest (1) to the lowest (10): what was predicted on
-- average, what came true (with an interval of 90 %), and how many times the share of all that is.
CREATE TABLE IF NOT EXISTS customer_model_deciles
(
    model LowCardinality(String),
    role LowCardinality(String),
    measured_at DateTime('UTC'),
    decile UInt8,
    predictions UInt64,
    positives UInt64,
    predicted Float64,
    observed Float64,
    observed_lower Float64,
    observed_upper Float64,
    lift Nullable(Float64)
)
ENGINE = ReplacingMergeTree
ORDER BY (model, role, measured_at, decile)
TTL measured_at + INTERVAL 400 DAY;
