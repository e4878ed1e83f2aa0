-- Steps of customers with changed conversations.

-- name: fill_once
SELECT 1 AS once WHERE (SELECT count() FROM rollup_progress WHERE rollup = '$rollup') = 0

-- Just newer than the fact: replaces the row that was written without all columns, and not what this run writes.
-- name: fill
INSERT INTO customer_conversations ($conversation, version)
SELECT $conversation, version
FROM (SELECT *, $customer AS customer FROM (SELECT * REPLACE (version + INTERVAL 1 MILLISECOND AS version)
    FROM conversation_facts FINAL))

-- The earliest change of each customer's conversations: steps long before it are as they were.
-- name: touched
(
    SELECT user_id AS tenant, customer AS person, min(entered_at) AS changed_from
    FROM customer_conversations
    WHERE version > $since AND $in_portion
    GROUP BY tenant, person
)

-- name: count_touched
SELECT uniq(user_id, customer) FROM customer_conversations WHERE version > $since

-- name: steps
INSERT INTO conversation_steps ($columns, version)
SELECT $columns, $version
FROM
(
    SELECT *,
        lagInFrame(entered_at) OVER (PARTITION BY user_id, customer, channel ORDER BY $order $before) AS channel_before,
        lagInFrame(entered_at) OVER (PARTITION BY user_id, customer, country ORDER BY $order $before) AS country_before,
        lagInFrame(entered_at) OVER
            (PARTITION BY user_id, customer, customer_segment ORDER BY $order $before) AS segment_before,
        lagInFrame(entered_at) OVER (PARTITION BY user_id, customer, stage ORDER BY $order $before) AS stage_before,
        lagInFrame(entered_at) OVER
            (PARTITION BY user_id, customer, stage, target ORDER BY $order $before) AS step_before
    FROM
    (
        SELECT *,
            customer != toString(conversation_id) AS named,
            leadInFrame(entered_at) OVER person AS next_at,
            leadInFrame(stage) OVER person AS following_stage,
            if(named AND next_at > toDateTime64(0, 3, 'UTC')
                AND next_at <= entered_at + INTERVAL $within DAY, following_stage, '') AS next_stage,
            multiIf(next_stage != '', next_stage, resolved, '$done', '$stopped') AS target
        FROM
        (
            SELECT * REPLACE (if(stage = '', '$unknown', toString(stage)) AS stage)
            FROM customer_conversations FINAL
            PREWHERE (user_id, customer) IN (SELECT tenant, person FROM $touched)
        )
        WINDOW person AS
        (
            PARTITION BY user_id, customer ORDER BY $order ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
        )
    )
) AS step
INNER JOIN $touched AS touched ON step.user_id = touched.tenant AND step.customer = touched.person
WHERE step.entered_at >= touched.changed_from - INTERVAL $within DAY

-- A conversation whose customer changed has a row that is deleted and one that is not, of the same version.
-- name: forget
INSERT INTO conversation_steps ($key, version, is_deleted)
SELECT $key, $version, 1
FROM
(
    SELECT $key, argMax(is_deleted, (version, 1 - is_deleted)) AS gone
    FROM customer_conversations
    WHERE version > $since AND $in_portion
    GROUP BY $key
)
WHERE gone
