-- Every tenant that events were ever taken of, with the moment at which it was new to us: a new tenant is noted here before
-- its events count. The worker bounds how many may be new within an hour (docs/runbook.md, "Many tenants are new").
CREATE TABLE IF NOT EXISTS known_tenants
(
    user_id UUID,
    first_seen DateTime('UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY user_id;

-- Those that are there already are not new.
INSERT INTO known_tenants (user_id, first_seen)
SELECT user_id, toDateTime(least(min(at), now() - INTERVAL 1 DAY), 'UTC') FROM
(
    SELECT user_id, min(created_at) AS at FROM integration_query_metrics GROUP BY user_id
    UNION ALL
    SELECT user_id, min(created_at) AS at FROM conversation_outcomes GROUP BY user_id
    UNION ALL
    SELECT user_id, min(created_at) AS at FROM integration_health_history GROUP BY user_id
    UNION ALL
    SELECT user_id, min(created_at) AS at FROM conversation_intelligence GROUP BY user_id
)
GROUP BY user_id;
