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

-- name: plain
-- Difference of the means with and without data, as they are: stages, channels and customers differ.
SELECT 'plain' AS basis, '' AS experiment, 'with data' AS arm, 'without data' AS control, metric,
    toFloat64(n1) AS treated_n, toFloat64(n0) AS control_n,
    if(least(n1, n0) < $enough, NULL, y1 / n1 - y0 / n0) AS difference,
    difference - $z * error AS low, difference + $z * error AS high, '' AS note
FROM
(
    SELECT metric, countIf(used) AS n1, countIf(NOT used) AS n0, sumIf(y, used) AS y1, sumIf(y, NOT used) AS y0,
        sqrt(varSampIf(y, used) / n1 + varSampIf(y, NOT used) / n0) AS error
    FROM
    (
        SELECT f.data_used AS used, measured.1 AS metric, measured.2 AS y
        FROM $facts AS f
        ARRAY JOIN arrayFilter(one -> NOT isNaN(one.2), [
            ('conversion', toFloat64(f.converted)), ('csat', ifNull(toFloat64(f.satisfaction), nan))
        ]) AS measured
    )
    GROUP BY metric
)

-- name: causal
-- kpis.experiments.moments.effect without variance reduction, and kpis.experiments.assignment.check, as SQL.
WITH plans AS
(
    SELECT experiment AS planned_experiment, argMax(control, own) AS planned_control, argMax(sample, own) AS planned_sample,
        argMax(mapFromArrays(arms, shares), own) AS planned_shares
    FROM
    (
        SELECT *, user_id != $all_tenants_id AS own FROM experiment_plans FINAL
        WHERE user_id = $all_tenants_id OR ($tenant AND NOT $is_all)
    )
    GROUP BY experiment
),
sums AS
(
    SELECT experiment, arm, measured.1 AS metric, toFloat64(count()) AS n, sum(measured.2) AS y,
        sum(measured.2 * measured.2) AS yy, sum(mixed) AS in_two_arms
    FROM
    (
        SELECT toString(a.experiment) AS experiment, toString(a.arm) AS arm, a.mixed AS mixed,
            arrayJoin(arrayFilter(one -> NOT isNaN(one.2), [
                ('durable_resolution', if(f.entered_at < $settled, toFloat64(f.durable), nan)),
                ('conversion', toFloat64(f.converted)),
                ('csat', ifNull(toFloat64(f.satisfaction), nan))
            ])) AS measured
        FROM $facts AS f
        INNER JOIN $assigned AS a ON f.user_id = a.user_id AND f.conversation_id = a.conversation_id
    )
    GROUP BY experiment, arm, metric
),
arms AS
(
    SELECT experiment, metric,
        if(any(planned_control) != '', any(planned_control), arraySort(one -> (NOT $usual, one), groupArray(arm))[1])
            AS control,
        any(planned_shares) AS shares, any(planned_sample) AS sample,
        groupArray((arm, n, y, $variance)) AS all_arms,
        arrayFirst(one -> one.1 = control, all_arms) AS control_sums,
        mapFromArrays(groupArray(arm), groupArray(n)) AS counts,
        sum(n) AS total, sum(in_two_arms) / total > $max_mixed AS is_mixed,
        notEmpty(shares) AND arrayExists(name -> NOT mapContains(shares, name), groupArray(arm)) AS is_unplanned,
        if(empty(shares), 0, lgamma($concentration) - lgamma($concentration + total) + arraySum(
            one -> lgamma($concentration * one.2 + counts[one.1]) - lgamma($concentration * one.2)
                - counts[one.1] * log(one.2),
            arrayZip(mapKeys(shares), mapValues(shares))
        )) AS evidence
    FROM sums LEFT JOIN plans ON sums.experiment = plans.planned_experiment
    GROUP BY experiment, metric
),
checked AS
(
    SELECT *, max(metric = 'conversion' AND (is_unplanned OR is_mixed OR evidence > $mismatch))
        OVER (PARTITION BY experiment) AS is_off
    FROM arms
)
SELECT 'causal' AS basis, experiment, one.1 AS arm, control, metric, one.2 AS treated_n, control_sums.2 AS control_n,
    if(least(treated_n, control_n) < $enough, NULL, one.3 / treated_n - control_sums.3 / control_n) AS difference,
    if(half = 0, NULL, difference - half) AS low, if(half = 0, NULL, difference + half) AS high,
    multiIf(is_off, 'do not trust: assignment is off', empty(shares), 'assignment not checked: no plan', '') AS note,
    (treated_n + control_n) * $best
        / if(sample = 0, $default_sample, if(shares[arm] + shares[control] = 0, 1, shares[arm] + shares[control]) * sample)
        AS information,
    sqrt((1 + 1 / information) * (log1p(information) + $twice_log_alpha))
        * sqrt(one.4 / treated_n + control_sums.4 / control_n) AS half
FROM checked ARRAY JOIN all_arms AS one
WHERE one.1 != control
