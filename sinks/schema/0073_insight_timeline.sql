-- The timeline of an insight: how its severity and status developed, and who was told of it (docs/adr/0051-signed-links.md).
--
-- predictive_insights keeps the newest version of an insight; here is one row for each version, copied by the database, so
-- that whoever writes insights has nothing to do. Read by insight.
CREATE TABLE IF NOT EXISTS insight_changes
(
    user_id UUID,
    insight_id UUID,
    severity LowCardinality(String),
    status LowCardinality(String),
    updated_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (user_id, insight_id, updated_at, severity, status)
TTL toDateTime(updated_at) + INTERVAL 400 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS insight_changes_note TO insight_changes AS
SELECT user_id, id AS insight_id, severity, status, updated_at FROM predictive_insights;

-- What was written before this migration.
INSERT INTO insight_changes (user_id, insight_id, severity, status, updated_at)
SELECT user_id, id AS insight_id, severity, status, updated_at FROM predictive_insights
SETTINGS max_partitions_per_insert_block = 0;

-- Messages about an insight. `event` is 'opened', 'critical' or 'ended'; `audience` is who received it, without secrets;
-- `id` follows from insight, recipient and event, so a message that is sent again is the same row.
CREATE TABLE IF NOT EXISTS insight_notices
(
    user_id UUID,
    insight_id UUID,
    event LowCardinality(String),
    severity LowCardinality(String),
    audience String,
    told_at DateTime64(3, 'UTC'),
    id UUID
)
ENGINE = ReplacingMergeTree
ORDER BY (user_id, insight_id, id)
TTL toDateTime(told_at) + INTERVAL 400 DAY;
