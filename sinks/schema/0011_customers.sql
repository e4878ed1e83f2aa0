-- What is predicted of customers: the durable queue of delayed labels, where each customer stands, and how good the
-- predictions were.

-- A snapshot waits here until its label arrives: at once when what it waits for happens, else at its due date. The
-- models are a function of this queue, so it is all they need to be the same after a restart. One row for each customer
-- and moment; the row with the label has the higher revision and stays. Nothing of a customer but a pseudonym is kept.
-- customer_id is empty where a tenant names no customers: then it is the tenant as a whole.
CREATE TABLE IF NOT EXISTS customer_snapshots
(
    model LowCardinality(String),
    user_id UUID,
    customer_id String CODEC(ZSTD(1)),
    snapshot_at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    due_at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    features Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    positive Nullable(Bool),
    arrived_at Nullable(DateTime64(3, 'UTC')),
    revision UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(snapshot_at)
ORDER BY (model, user_id, customer_id, snapshot_at)
TTL snapshot_at + INTERVAL 400 DAY;

-- The latest score of each customer, and since when they stand out; the newest wins.
CREATE TABLE IF NOT EXISTS customer_scores
(
    model LowCardinality(String),
    user_id UUID,
    customer_id String CODEC(ZSTD(1)),
    scored_at DateTime64(3, 'UTC'),
    probability Float64,
    prior Float64,
    started_at Nullable(DateTime64(3, 'UTC')),
    ended_at Nullable(DateTime64(3, 'UTC')),
    ended LowCardinality(String)
)
ENGINE = ReplacingMergeTree(scored_at)
ORDER BY (model, user_id, customer_id)
TTL toDateTime(scored_at) + INTERVAL 400 DAY;

-- How good predictions were that were made before their labels arrived; role is 'champion' (it decides) or 'challenger'
-- (it is only watched).
CREATE TABLE IF NOT EXISTS customer_model_quality
(
    model LowCardinality(String),
    role LowCardinality(String),
    measured_at DateTime('UTC'),
    predictions UInt64,
    positives UInt64,
    auc Nullable(Float64),
    brier Float64,
    brier_of_prior Float64,
    calibration_error Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (model, role, measured_at)
TTL measured_at + INTERVAL 400 DAY;
