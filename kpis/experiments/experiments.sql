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

-- name: bayes_factor
-- kpis.experiments.assignment.log_bayes_factor of counts, a map by arm, against shares, a map too.
lgamma($concentration) - lgamma($concentration + arraySum(mapValues($counts))) + arraySum(
    share -> lgamma($concentration * share.2 + $counts[share.1]) - lgamma($concentration * share.2)
        - $counts[share.1] * log(share.2),
    arrayZip(mapKeys($shares), mapValues($shares)))

-- name: few
log(1 - $rare + $rare * exp(least($factor, 700))) + greatest($factor - 700, 0)

-- name: shares_by_day
-- The evidence of each day's cells against the planned shares, and the cell with the most of it.
SELECT day, sum(factor) AS every, sum($few) AS few, argMax(toString(user_id), factor) AS tenant,
    argMax(counts, factor) AS counts
FROM
(
    SELECT user_id, day, mapFromArrays(groupArray(arm), groupArray(n)) AS counts,
        mapFromArrays({arms:Array(String)}, {shares:Array(Float64)}) AS shares, $factor AS factor
    FROM
    (
        SELECT f.user_id AS user_id, toDate(f.entered_at, 'UTC') AS day, toString(a.arm) AS arm, toFloat64(count()) AS n
        FROM $facts AS f
        INNER JOIN $assigned AS a ON f.user_id = a.user_id AND f.conversation_id = a.conversation_id
        GROUP BY user_id, day, arm
    )
    GROUP BY user_id, day
)
GROUP BY day
ORDER BY day

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
    SELECT experiment, user_id, day, arm, measured.1 AS metric, toFloat64(count()) AS n, sum(measured.2) AS y,
        sum(measured.2 * measured.2) AS yy, sum(mixed) AS in_two_arms
    FROM
    (
        SELECT toString(a.experiment) AS experiment, toString(a.arm) AS arm, a.mixed AS mixed, f.user_id AS user_id,
            toDate(f.entered_at, 'UTC') AS day,
            arrayJoin(arrayFilter(one -> NOT isNaN(one.2), [
                ('durable_resolution', if(f.entered_at < $settled, toFloat64(f.durable), nan)),
                ('conversion', toFloat64(f.converted)),
                ('csat', ifNull(toFloat64(f.satisfaction), nan))
            ])) AS measured
        FROM $facts AS f
        INNER JOIN $assigned AS a ON f.user_id = a.user_id AND f.conversation_id = a.conversation_id
    )
    GROUP BY experiment, user_id, day, arm, metric
),
cells AS
(
    SELECT experiment, metric, user_id, day, any(planned_control) AS cell_control, any(planned_shares) AS cell_shares,
        any(planned_sample) AS cell_sample, mapFromArrays(groupArray(arm), groupArray(n)) AS cell_n,
        mapFromArrays(groupArray(arm), groupArray(y)) AS cell_y, mapFromArrays(groupArray(arm), groupArray(yy)) AS cell_yy,
        sum(in_two_arms) AS cell_mixed, if(empty(cell_shares), 0, $cell_factor) AS factor
    FROM sums LEFT JOIN plans ON sums.experiment = plans.planned_experiment
    GROUP BY experiment, metric, user_id, day
),
days AS
(
    SELECT experiment, metric, day, any(cell_control) AS day_control, any(cell_shares) AS day_shares,
        any(cell_sample) AS day_sample, sumMap(cell_n) AS day_n, sumMap(cell_y) AS day_y, sumMap(cell_yy) AS day_yy,
        sum(cell_mixed) AS day_mixed, sum(factor) AS every, sum($few) AS few
    FROM cells
    GROUP BY experiment, metric, day
),
so_far AS
(
    SELECT *, sumMap(day_n) OVER earlier AS n_so_far, sum(every) OVER earlier AS every_so_far,
        sum(few) OVER earlier AS few_so_far, greatest(every_so_far, few_so_far) AS highest
    FROM days
    WINDOW earlier AS (PARTITION BY experiment, metric ORDER BY day)
),
arms AS
(
    SELECT experiment, metric,
        if(any(day_control) != '', any(day_control), arraySort(one -> (NOT $usual, one), mapKeys(counts))[1]) AS control,
        any(day_shares) AS shares, any(day_sample) AS sample,
        sumMap(day_n) AS counts, sumMap(day_y) AS sum_y, sumMap(day_yy) AS sum_yy,
        arrayMap(arm -> (arm, counts[arm], sum_y[arm], sum_yy[arm]), mapKeys(counts)) AS all_arms,
        arraySum(mapValues(counts)) AS total, sum(day_mixed) / total > $max_mixed AS is_mixed,
        notEmpty(shares) AND arrayExists(name -> NOT mapContains(shares, name), mapKeys(counts)) AS is_unplanned,
        max(if(empty(day_shares), 0, $factor)) AS evidence,
        max(highest + log((exp(every_so_far - highest) + exp(few_so_far - highest)) / 2)) AS evidence_by_day
    FROM so_far
    GROUP BY experiment, metric
),
checked AS
(
    -- As the command does: at the end of every day, and of each tenant's days.
    SELECT *, arrayFirst(one -> one.1 = control, all_arms) AS control_sums,
        max(metric = 'conversion' AND (is_unplanned OR is_mixed OR greatest(evidence, evidence_by_day) > $mismatch))
            OVER (PARTITION BY experiment) AS is_off
    FROM arms
),
compared AS
(
    SELECT experiment, one.1 AS arm, control, metric, shares, sample, is_off,
        one.2 AS treated_n, one.3 AS y1, one.4 AS yy1, control_sums.2 AS control_n, control_sums.3 AS y0,
        control_sums.4 AS yy0
    FROM checked ARRAY JOIN all_arms AS one
    WHERE one.1 != control
)
SELECT 'causal' AS basis, experiment, arm, control, metric, treated_n, control_n,
    if(least(treated_n, control_n) < $enough, NULL, y1 / treated_n - y0 / control_n) AS difference,
    if(half = 0, NULL, difference - half) AS low, if(half = 0, NULL, difference + half) AS high,
    multiIf(is_off, 'do not trust: assignment is off', empty(shares), 'assignment not checked: no plan', '') AS note,
    (treated_n + control_n) * $best
        / if(sample = 0, $default_sample, if(shares[arm] + shares[control] = 0, 1, shares[arm] + shares[control]) * sample)
        AS information,
    sqrt((1 + 1 / information) * (log1p(information) + $twice_log_alpha))
        * sqrt($variance1 / treated_n + $variance0 / control_n) AS half
FROM compared
