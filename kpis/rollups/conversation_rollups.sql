-- Roll-ups of conversations. Each statement runs once for every portion or week (kpis/rollups/roll_up.py) and may run
-- twice: rows replace rows of the same key and a lower version, and a row that no longer holds is marked as deleted.

-- name: places_once
SELECT 1 AS once WHERE (SELECT count() FROM rollup_progress WHERE rollup = '$rollup') = 0

-- name: places
INSERT INTO conversation_places ($key, customer, version)
SELECT $key, $customer AS customer, version FROM conversation_facts FINAL

-- name: touched_conversations
(SELECT user_id, conversation_id FROM touched_conversations WHERE touched_at >= $since AND $in_portion)

-- name: count_touched_conversations
SELECT uniq(conversation_id) FROM touched_conversations WHERE touched_at >= $since

-- The facts that this run wrote.
-- name: written
SELECT *, $customer AS customer FROM conversation_facts WHERE version = $version AND is_deleted = 0 AND $in_portion

-- Places where a conversation that was written is not any more. Of those that were written, not of those that were
-- touched: some were touched a moment ago.
-- name: elsewhere
SELECT $key, customer FROM conversation_places FINAL
PREWHERE (user_id, conversation_id) IN (SELECT user_id, conversation_id FROM ($written))
WHERE ($key, customer) NOT IN (SELECT $key, customer FROM ($written))

-- The places that forget_gone found, read back: another leader may note a place at any moment.
-- name: gone
(SELECT $key, customer FROM customer_conversations WHERE version = $version AND is_deleted AND $in_portion)

-- name: fold
INSERT INTO conversation_facts ($facts, version)
SELECT $facts, $version AS version FROM $folded

-- name: to_customers
INSERT INTO customer_conversations ($conversation, version)
SELECT $conversation, $version AS version FROM ($written)

-- name: forget_gone
INSERT INTO customer_conversations ($key, customer, version, is_deleted)
SELECT $key, customer, $version, 1 FROM ($elsewhere)

-- name: forget_moved
INSERT INTO conversation_facts ($key, version, is_deleted)
SELECT $key, $version, 1 FROM $gone WHERE ($key) NOT IN (SELECT $key FROM ($written))

-- name: note_places
INSERT INTO conversation_places ($key, customer, version, is_deleted)
SELECT $key, customer, $version AS version, 0 FROM ($written)
UNION ALL
SELECT $key, customer, $version, 1 FROM $gone

-- name: touched_customers
(SELECT user_id, customer FROM customer_conversations WHERE version > $since AND $in_portion)

-- name: count_touched_customers
SELECT uniq(user_id, customer) FROM customer_conversations WHERE version > $since

-- name: conversations_of_touched_customers
SELECT * FROM customer_conversations FINAL PREWHERE (user_id, customer) IN $touched WHERE $matters

-- name: sales
INSERT INTO conversation_sales ($sale, version)
SELECT $sale, $version AS version FROM $sales

-- name: forget_sales
INSERT INTO conversation_sales ($sale_key, version, is_deleted)
SELECT $sale_key, $version, 1
FROM
(
    SELECT $sale_key, argMax(is_deleted, version) AS gone
    FROM customer_conversations
    PREWHERE (user_id, customer) IN $touched
    GROUP BY $sale_key
)
WHERE gone

-- name: touched_hours
(SELECT $columns FROM touched_conversation_hours WHERE touched_at >= $since)

-- name: facts_of_touched_hours
SELECT * FROM conversation_facts FINAL
PREWHERE $in_week AND (user_id, toStartOfHour(entered_at)) IN $touched

-- One row for each cell that a conversation is in.
-- name: cells
SELECT
    user_id, toStartOfHour(entered_at) AS hour_start, cell.1 AS part, cell.2 AS value, channel,
    if(cell.1 IN ($with_stage), o.stage, '') AS stage, data_used, $names
FROM
(
    SELECT user_id, entered_at, channel, stage, data_used, cell, $of_one
    FROM ($facts)
    ARRAY JOIN $cells_of_one AS cell
) AS o

-- name: hours_in_days
SELECT user_id, toStartOfDay(hour_start) AS day_start, $cell, $in_days
FROM conversation_hours AS h FINAL
PREWHERE $touched_hours

-- Adds rows up to cells, and marks cells as deleted that were there before and are empty now. In one statement: a
-- conversation that went from one cell to another must not be seen in both.
-- name: replace_cells
INSERT INTO $table ($columns, $names, version, is_deleted)
SELECT $columns, $added_up, $version, sum(o.conversations) = 0
FROM
(
    SELECT $columns, $names FROM ($rows)
    UNION ALL
    SELECT $columns, $nothing FROM $table FINAL PREWHERE $before
) AS o
GROUP BY $columns
