-- What keys of the role producer may send (collector/access.py): written before the key itself, never changed, and
-- signed like the key. The program
-- alone reads it, like api_keys: tenant ids here say who has which key.
CREATE TABLE IF NOT EXISTS producer_scopes
(
    id String,
    all_tenants Bool,
    tenants Array(UUID),
    topics Array(LowCardinality(String)),
    entered_at DateTime64(3, 'UTC'),
    mac String
)
ENGINE = ReplacingMergeTree(entered_at)
ORDER BY id;

-- How many events the collector refused, by producer, day, topic and reason: no contents. Each collector process writes its
-- count so far as a row of its own (process); the highest revision holds, so writing again changes nothing.
CREATE TABLE IF NOT EXISTS producer_rejections
(
    day Date,
    producer String,
    topic LowCardinality(String),
    stage LowCardinality(String),
    reason LowCardinality(String),
    process String,
    detail String,
    events UInt64,
    latest_at DateTime64(3, 'UTC'),
    revision UInt64
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(day)
ORDER BY (producer, day, topic, stage, reason, process)
TTL day + INTERVAL 90 DAY;
