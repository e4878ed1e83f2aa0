-- Experiments: who was assigned what, and sums by day and arm. Events are labelled; facts are those of the figures.

-- name: known
-- Every experiment with its arms and when it was seen; repeats of an event change nothing.
SELECT experiment, arm, min(created_at) AS first_seen, max(created_at) AS last_seen,
    uniqExact(user_id, conversation_id) AS conversations, uniqExact(user_id) AS tenants
FROM
(
    SELECT user_id, conversation_id, experiment, arm, created_at FROM conversation_outcomes
    WHERE $tenant AND experiment != ''
    UNION ALL
    SELECT user_id, conversation_id, experiment, arm, created_at FROM conversation_intelligence
    WHERE $tenant AND experiment != ''
)
GROUP BY experiment, arm
ORDER BY experiment, arm

-- name: assigned
-- One row for each conversation and experiment: the first arm that was seen, and whether there was another.
-- No event of a conversation is earlier than its entry, so events before the range are not looked for.
(
    SELECT user_id, conversation_id, labelled AS experiment,
        argMin(sent_arm, (created_at, event_id)) AS arm, uniqExact(sent_arm) > 1 AS mixed
    FROM
    (
        SELECT user_id, conversation_id, experiment AS labelled, arm AS sent_arm, created_at, event_id
        FROM conversation_outcomes WHERE $tenant AND $those AND created_at >= $start
        UNION ALL
        SELECT user_id, conversation_id, experiment AS labelled, arm AS sent_arm, created_at, event_id
        FROM conversation_intelligence WHERE $tenant AND $those AND created_at >= $start
    )
    GROUP BY user_id, conversation_id, labelled
)

-- name: before
(
    SELECT $keys, avgOrNull(toFloat64(durable)) AS durable, avgOrNull(toFloat64(converted)) AS converted,
        avgOrNull(toFloat64(satisfaction)) AS satisfaction, avgOrNull(toFloat64(value)) AS value
    FROM $facts AS earlier
    WHERE $known
    GROUP BY $keys
)

-- name: sums
-- x is the customer's mean before the experiment; of a new customer that of the tenant's segment, else of the tenant.
SELECT day, arm, stage, segment, measured.1 AS metric,
    sum(mixed) AS mixed, count() AS n, sum(measured.2) AS y, sum(measured.2 * measured.2) AS yy,
    sum(measured.3) AS x, sum(measured.3 * measured.3) AS xx, sum(measured.2 * measured.3) AS xy
FROM
(
    SELECT toDate(f.entered_at, 'UTC') AS day, toString(a.arm) AS arm, toString(f.stage) AS stage,
        toString(f.customer_segment) AS segment, a.mixed AS mixed,
        quantileExact($quantile)(toFloat64(f.value)) OVER () AS greatest_value,
        arrayJoin(arrayFilter(one -> NOT isNaN(one.2), [
            ('durable_resolution', if(f.entered_at < $settled, toFloat64(f.durable), nan),
                ifNull(coalesce(c.durable, s.durable, t.durable), 0)),
            ('conversion', toFloat64(f.converted), ifNull(coalesce(c.converted, s.converted, t.converted), 0)),
            ('csat', ifNull(toFloat64(f.satisfaction), nan),
                ifNull(coalesce(c.satisfaction, s.satisfaction, t.satisfaction), 0)),
            ('value', least(toFloat64(f.value), greatest_value), ifNull(coalesce(c.value, s.value, t.value), 0))
        ])) AS measured
    FROM $facts AS f
    INNER JOIN $assigned AS a ON f.user_id = a.user_id AND f.conversation_id = a.conversation_id
    LEFT JOIN $customers AS c ON f.user_id = c.user_id AND f.customer_id = c.customer_id
    LEFT JOIN $segments AS s ON f.user_id = s.user_id AND f.customer_segment = s.customer_segment
    LEFT JOIN $tenants AS t ON f.user_id = t.user_id
)
GROUP BY day, arm, stage, segment, metric
ORDER BY day, arm, stage, segment, metric

-- name: baseline
-- What a plan starts from: mean and variance of each metric, and how many conversations a day there are.
SELECT measured.1 AS metric, count() AS n, avg(measured.2) AS mean, varSamp(measured.2) AS variance
FROM
(
    SELECT quantileExact($quantile)(toFloat64(value)) OVER () AS greatest_value,
        arrayJoin(arrayFilter(one -> NOT isNaN(one.2), [
            ('durable_resolution', if(entered_at < $settled, toFloat64(durable), nan)),
            ('conversion', toFloat64(converted)),
            ('csat', ifNull(toFloat64(satisfaction), nan)),
            ('value', least(toFloat64(value), greatest_value))
        ])) AS measured
    FROM $facts AS f
)
GROUP BY metric
