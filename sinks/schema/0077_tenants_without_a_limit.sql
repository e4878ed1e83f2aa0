-- Dashboards list known tenants. With ROMASHKA_NEW_TENANTS_PER_HOUR=0 new ones were not recorded: those that have rows are added.
INSERT INTO known_tenants (user_id, first_seen)
SELECT user_id, toDateTime(now() - INTERVAL 1 DAY, 'UTC') FROM
(
    SELECT DISTINCT user_id FROM integration_health_metrics
    UNION DISTINCT
    SELECT DISTINCT user_id FROM query_days
    UNION DISTINCT
    SELECT DISTINCT user_id FROM query_hours WHERE hour_start >= now('UTC') - INTERVAL 2 DAY
    UNION DISTINCT
    SELECT DISTINCT user_id FROM conversation_days
    UNION DISTINCT
    SELECT DISTINCT user_id FROM conversation_hours WHERE hour_start >= now('UTC') - INTERVAL 2 DAY
)
WHERE user_id NOT IN (SELECT user_id FROM known_tenants);
