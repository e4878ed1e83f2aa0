-- What was deployed when, for marks on the dashboards. The nil user_id stands for every tenant. Kept as long as events.
CREATE TABLE IF NOT EXISTS deployments
(
    user_id UUID,
    service LowCardinality(String),
    version String,
    deployed_at DateTime64(3, 'UTC'),
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY (user_id, service, version, deployed_at)
TTL toDateTime(deployed_at) + INTERVAL 400 DAY;
