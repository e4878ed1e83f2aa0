-- What people did about an insight: acknowledged, assigned, snoozed, resolved, reopened, or commented. Rows are only added;
-- the last one that changes the status counts. `severity` is the insight's at that moment: one that becomes graver later
-- needs attention again. `verdict` is the label that precision is computed from. Read by insight, written by hand.
CREATE TABLE IF NOT EXISTS insight_responses
(
    user_id UUID,
    insight_id UUID,
    insight_type LowCardinality(String),
    kind LowCardinality(String),
    integration_provider LowCardinality(String),
    severity LowCardinality(String),
    action LowCardinality(String),
    actor String,
    assignee String,
    note String,
    verdict LowCardinality(String),
    snoozed_until DateTime64(3, 'UTC'),
    responded_at DateTime64(3, 'UTC'),
    id UUID
)
ENGINE = ReplacingMergeTree
ORDER BY (user_id, insight_id, responded_at, id)
TTL toDateTime(responded_at) + INTERVAL 1200 DAY;
