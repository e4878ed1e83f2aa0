-- Which action was recommended for which customer, with what was expected of it then: what became of them says what
-- the action is worth. One row per model, customer and episode; money is in the tenant's currency.
CREATE TABLE IF NOT EXISTS customer_recommendations
(
    model LowCardinality(String),
    user_id UUID,
    customer_id String CODEC(ZSTD(1)),
    recommended_at DateTime64(3, 'UTC'),
    due_at DateTime64(3, 'UTC'),
    action LowCardinality(String),
    probability Float64,
    money Nullable(Float64),
    effect Float64,
    expected_value Nullable(Float64),
    explores Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (model, user_id, customer_id, recommended_at)
TTL toDateTime(recommended_at) + INTERVAL 400 DAY;
