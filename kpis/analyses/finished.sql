-- Rows of analyses as their functions complete them (kpis.analyses), for panels: Grafana runs no Python.

-- name: difference
-- kpis.statistics.difference of cells (n, sum, sum of squares with 1 and without 0), one row for each $keys.
SELECT *, least(treated, control) < $enough AS is_little, all_treated - treated AS left_out,
    if(is_little, NULL, estimate) AS value,
    if(is_little, NULL, estimate - half) AS value_lower,
    if(is_little, NULL, estimate + half) AS value_upper,
    if(is_little, concat('too little data: ', toString(treated), ' with and ', toString(control),
        ' without that can be compared; $enough of each are needed'), '') AS too_little
FROM
(
    SELECT $keys, $more
        sum(n1) AS all_treated, sumIf(n1, kept) AS treated, sumIf(n0, kept) AS control,
        sumIf(n1 * step, kept) / nullIf(treated, 0) AS estimate,
        sumIf((n1 - 1) * v1, kept) / nullIf(sumIf(n1 - 1, kept), 0) AS pooled1,
        sumIf((n0 - 1) * v0, kept) / nullIf(sumIf(n0 - 1, kept), 0) AS pooled0,
        $z * sqrt($variance) / nullIf(treated, 0) AS half
    FROM
    (
        SELECT *, n1 >= 2 AND n0 >= 2 AS kept, s1 / n1 - s0 / n0 AS step,
            greatest(0, q1 - s1 * s1 / n1) / (n1 - 1) AS v1, greatest(0, q0 - s0 * s0 / n0) / (n0 - 1) AS v0,
            (s1 + 1) / (n1 + 2) AS p1, (s0 + 1) / (n0 + 2) AS p0
        FROM ($cells)
    )
    GROUP BY $keys
)

-- name: yes_no
sumIf(n1 * n1 * (p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2)), kept)

-- name: measured
sumIf(n1 * v1, kept AND n1 >= $own) + ifNull(pooled1, 0) * sumIf(n1, kept AND n1 < $own)
    + sumIf(n1 * n1 * v0 / n0, kept AND n0 >= $own) + ifNull(pooled0, 0) * sumIf(n1 * n1 / n0, kept AND n0 < $own)

-- name: savings
SELECT user_id, part.1 AS resolutions, part.2 AS count, r.conversations AS of,
    if(r.conversations = 0, NULL, part.2 / r.conversations) AS rate,
    if(r.conversations = 0, NULL, romashka_wilson_low(part.2, r.conversations)) AS rate_lower,
    if(r.conversations = 0, NULL, romashka_wilson_high(part.2, r.conversations)) AS rate_upper,
    if(r.lacking, NULL, part.3) AS saved,
    if(r.lacking, NULL, toFloat64(r.at_most) * rate_lower) AS saved_lower,
    if(r.lacking, NULL, toFloat64(r.at_most) * rate_upper) AS saved_upper,
    if(r.lacking, '$unset', '') AS note
FROM $rows AS r
ARRAY JOIN [
    ('confirmed', toInt64(r.confirmed), r.gross_confirmed),
    ('assumed', toInt64(r.durable) - toInt64(r.confirmed), r.gross - r.gross_confirmed),
    ('durable', toInt64(r.durable), r.gross)
] AS part

-- name: incremental_cells
SELECT user_id, stage, channel,
    sumIf(conversations, data_used) AS n1, sumIf(conversations, NOT data_used) AS n0,
    sumIf(earned, data_used) AS s1, sumIf(earned, NOT data_used) AS s0,
    sumIf(earned_squares, data_used) AS q1, sumIf(earned_squares, NOT data_used) AS q0
FROM $rows AS r
GROUP BY user_id, stage, channel

-- name: incremental
SELECT user_id, treated AS with_data, control AS without_data, value AS per_conversation, value_lower AS lower,
    value_upper AS upper, value * treated AS incremental_revenue, value_lower * treated AS incremental_lower,
    value_upper * treated AS incremental_upper, too_little AS note
FROM ($difference)

-- name: groups_cells
-- Conversations without data are compared with those of every data type.
SELECT grouped.1 AS level, grouped.2 AS name, user_id, stage, channel,
    sumIf($n, data_used) AS n1, sumIf($n, NOT data_used) AS n0,
    sumIf(toFloat64($total), data_used) AS s1, sumIf(toFloat64($total), NOT data_used) AS s0,
    sumIf(toFloat64($squares), data_used) AS q1, sumIf(toFloat64($squares), NOT data_used) AS q0
FROM
(
    SELECT *, arrayJoin(multiIf(
        data_type != '', [('data_type', toString(data_type))],
        data_used, [('all', ''), ('stage', toString(stage))],
        arrayConcat([('all', ''), ('stage', toString(stage))], arrayMap(one -> ('data_type', one), types)))) AS grouped
    FROM
    (
        SELECT *, arrayFilter(one -> one != '', groupUniqArray(toString(data_type)) OVER ()) AS types
        FROM $rows AS r
    )
)
GROUP BY level, name, user_id, stage, channel

-- name: groups_more
sum(n1) AS with_count, sum(s1) AS with_sum, sum(q1) AS with_squares,
sum(n0) AS without_count, sum(s0) AS without_sum, sum(q0) AS without_squares,

-- name: conversion
SELECT level, name,
    with_count, if(with_count = 0, NULL, with_sum / with_count) AS with_rate,
    if(with_count = 0, NULL, romashka_wilson_low(with_sum, with_count)) AS with_lower,
    if(with_count = 0, NULL, romashka_wilson_high(with_sum, with_count)) AS with_upper,
    without_count, if(without_count = 0, NULL, without_sum / without_count) AS without_rate,
    if(without_count = 0, NULL, romashka_wilson_low(without_sum, without_count)) AS without_lower,
    if(without_count = 0, NULL, romashka_wilson_high(without_sum, without_count)) AS without_upper,
    value AS lift, value_lower AS lower, value_upper AS upper, $note AS note
FROM ($difference)

-- name: groups_note
if(left_out > 0 AND NOT is_little, concat(toString(left_out), ' with data had nobody to compare with and do not count'),
    too_little)

-- name: satisfaction
SELECT level, name,
    with_count, if(with_count = 0, NULL, with_sum / with_count) AS with_stars,
    if(with_count < 2, NULL, with_stars - with_half) AS with_lower,
    if(with_count < 2, NULL, with_stars + with_half) AS with_upper,
    without_count, if(without_count = 0, NULL, without_sum / without_count) AS without_stars,
    if(without_count < 2, NULL, without_stars - without_half) AS without_lower,
    if(without_count < 2, NULL, without_stars + without_half) AS without_upper,
    value AS lift, value_lower AS lower, value_upper AS upper, $note AS note,
    if(rated < $enough OR spread_x <= 0 OR spread_y <= 0, NULL, greatest(-1, least(1, product))) AS correlation,
    if(abs(correlation) = 1, correlation, tanh(atanh(correlation) - fisher)) AS correlation_lower,
    if(abs(correlation) = 1, correlation, tanh(atanh(correlation) + fisher)) AS correlation_upper
FROM
(
    SELECT *,
        $z * sqrt(greatest(0, with_squares - with_sum * with_sum / with_count) / (with_count - 1) / with_count)
            AS with_half,
        $z * sqrt(greatest(0, without_squares - without_sum * without_sum / without_count) / (without_count - 1)
            / without_count) AS without_half,
        with_count + without_count AS rated, with_sum + without_sum AS stars, with_squares + without_squares AS squares,
        toFloat64(rated) * with_count - toFloat64(with_count) * with_count AS spread_x,
        rated * squares - stars * stars AS spread_y,
        (rated * with_sum - with_count * stars) / sqrt(spread_x * spread_y) AS product,
        $z / sqrt(greatest(1, toInt64(rated) - 3)) AS fisher
    FROM ($difference)
)

-- name: gaps
SELECT *,
    multiIf(
        conversations_before = 0, if(conversations > 0, 'new', 'gone'),
        conversations = 0, 'gone',
        pow(toFloat64(conversations) - conversations_before, 2) <= 4 * (conversations + conversations_before), 'steady',
        conversations > conversations_before, 'rising', 'falling') AS trend,
    if(conversations_before = 0, NULL,
        (toFloat64(conversations) - conversations_before) / conversations_before) AS change,
    replaceAll(transform(gap_type, $types, $actions, ''), '{where}',
        if(integration = '', 'the integration', integration)) AS what_to_do
FROM $rows AS r

-- name: journey
SELECT user_id, source, target, conversations, customers, data_used / conversations AS data_used_rate,
    arrayStringConcat(arrayMap((name, count) -> concat(name, ' ', toString(count)), integrations, touches), ', ')
        AS touchpoints
FROM $rows AS r

-- name: drop_off
SELECT *, if(followed_up = 0, NULL, r.dropped_off / followed_up) AS drop_off_rate,
    if(followed_up = 0, NULL, romashka_wilson_low(r.dropped_off, followed_up)) AS lower,
    if(followed_up = 0, NULL, romashka_wilson_high(r.dropped_off, followed_up)) AS upper
FROM $rows AS r

-- name: places
SELECT *, romashka_wilson_low(r.durable, r.conversations) AS durable_lower,
    romashka_wilson_high(r.durable, r.conversations) AS durable_upper
FROM $rows AS r

-- name: fault_cells
SELECT user_id, stage, channel, measured.1 AS measure,
    sumIf(conversations, affected) AS n1, sumIf(conversations, NOT affected) AS n0,
    sumIf(measured.2, affected) AS s1, sumIf(measured.2, NOT affected) AS s0,
    sumIf(measured.3, affected) AS q1, sumIf(measured.3, NOT affected) AS q0,
    sumIf(failed_answers, affected) AS failed, sumIf(handed_over, affected) AS handed, any(contact_cost) AS contact
FROM
(
    SELECT *, arrayJoin([
        ('durable', toFloat64(durable), toFloat64(durable)), ('earned', earned, earned_squares)]) AS measured
    FROM $rows AS r
)
GROUP BY user_id, stage, channel, measure

-- name: fault_more
sum(failed) AS failed_answers, sum(handed) AS handed_over, toFloat64(any(contact)) AS cost,

-- name: fault_cost
-- The difference is affected less unaffected; a loss has the opposite sign.
SELECT user_id, any(d.failed_answers) AS failed_answers, any(d.all_treated) AS conversations,
    any(d.handed_over) AS handed_over, anyIf(d.control, measure = 'durable') AS compared_with,
    -anyOrNullIf(d.value * d.treated, measure = 'durable') AS lost_resolutions,
    -anyOrNullIf(d.value_upper * d.treated, measure = 'durable') AS lost_lower,
    -anyOrNullIf(d.value_lower * d.treated, measure = 'durable') AS lost_upper,
    -anyOrNullIf(d.value * d.treated, measure = 'earned') AS value_at_risk,
    -anyOrNullIf(d.value_upper * d.treated, measure = 'earned') AS risk_lower,
    -anyOrNullIf(d.value_lower * d.treated, measure = 'earned') AS risk_upper,
    lost_resolutions * any(d.cost) AS contact_cost,
    arrayStringConcat(arrayFilter(one -> one != '', [
        anyIf(d.too_little, measure = 'durable'),
        if(anyIf(d.left_out, measure = 'durable') > 0 AND NOT anyIf(d.is_little, measure = 'durable'),
            concat(toString(anyIf(d.left_out, measure = 'durable')), ' of ', toString(conversations),
                ' had nobody to compare with and do not count'), ''),
        if(any(d.cost) IS NULL, 'not set: cost_per_human_contact', '')
    ]), '; ') AS note
FROM ($difference) AS d
WHERE d.all_treated > 0
GROUP BY user_id
