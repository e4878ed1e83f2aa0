-- One row of facts for each conversation, from all of its events.

-- name: fold
(
SELECT
    user_id,
    conversation_id,
    entered_at,
    last_event_at,
    customer_id,
    channel,
    country,
    customer_segment,
    stage,
    data_used,
    providers,
    data_types,
    gaps,
    confidence_with_data,
    confidence_without_data,
    conversion_probability,
    ended,
    first_end.1 AS outcome,
    first_end.2 AS handled_by,
    if(ended, first_end.4, NULL) AS ended_at,
    outcome IN ('resolved', 'converted', 'upsold') AS resolved,
    resolved AND handled_by = 'ai' AS autonomous,
    if(resolved, first_end.3, NULL) AS resolution_minutes,
    handed_over,
    handoff_reason,
    tupleElement(
        arrayFirstOrNull(sign -> ended AND sign > (first_end.4, first_end.5), arraySort(return_signs)), 1
    ) AS returned_at,
    reopened,
    converted,
    satisfaction,
    sales - refunds AS value,
    sales,
    refunds
FROM
(
    SELECT
        e.user_id AS user_id,
        e.conversation_id AS conversation_id,
        min(least(e.created_at, ifNull(e.opened_at, e.created_at))) AS entered_at,
        max(e.created_at) AS last_event_at,
        argMinIf(e.customer_id, seen, e.customer_id != '') AS customer_id,
        argMinIf(e.channel, seen, e.channel != '') AS channel,
        argMinIf(e.country, seen, e.country != '') AS country,
        argMinIf(e.customer_segment, seen, e.customer_segment != '') AS customer_segment,
        argMaxIf(e.customer_journey_stage, seen, e.customer_journey_stage != '') AS stage,
        max(e.integration_data_used OR notEmpty(e.data_types_accessed)) AS data_used,
        arraySort(groupUniqArrayArray(e.integration_types_used)) AS providers,
        arraySort(groupUniqArrayArray(e.data_types_accessed)) AS data_types,
        arraySort(groupUniqArrayArray(e.knowledge_gaps_identified)) AS gaps,
        argMax(e.ai_confidence_with_data, seen) AS confidence_with_data,
        argMax(e.ai_confidence_without_data, seen) AS confidence_without_data,
        argMax(e.conversion_probability, seen) AS conversion_probability,
        max(is_end) AS ended,
        argMinIf(
            (e.outcome_type, e.handled_by, e.resolution_time_minutes, e.created_at, e.event_id), seen, is_end
        ) AS first_end,
        max(e.outcome_type = 'escalated' OR e.handled_by IN ('human', 'mixed') OR e.handoff_reason != '')
            AS handed_over,
        argMinIf(e.handoff_reason, seen, e.handoff_reason != '') AS handoff_reason,
        groupArrayIf(seen, e.outcome_type IN ('reopened', 'escalated') OR e.handled_by IN ('human', 'mixed'))
            AS return_signs,
        max(e.outcome_type = 'reopened') AS reopened,
        max(e.outcome_type IN ('converted', 'upsold')) AS converted,
        argMax(e.customer_satisfaction_score, seen) AS satisfaction,
        sumIf(toDecimal128(ifNull(e.business_value_generated, 0), 4), e.outcome_type != 'refunded') AS sales,
        sumIf(toDecimal128(ifNull(e.business_value_generated, 0), 4), e.outcome_type = 'refunded') AS refunds
    FROM
    (
        SELECT *, (created_at, event_id) AS seen, outcome_type NOT IN ('', 'reopened', 'refunded') AS is_end
        FROM
        (
                SELECT
                    user_id, conversation_id, created_at, event_id, customer_id, channel, country, customer_segment,
                    integration_data_used, integration_types_used, outcome_type, resolution_time_minutes,
                    customer_satisfaction_score, business_value_generated, handled_by, handoff_reason, opened_at,
                    [] :: Array(LowCardinality(String)) AS data_types_accessed,
                    [] :: Array(LowCardinality(String)) AS knowledge_gaps_identified,
                    NULL :: Nullable(Decimal(18, 4)) AS ai_confidence_with_data,
                    NULL :: Nullable(Decimal(18, 4)) AS ai_confidence_without_data,
                    '' :: LowCardinality(String) AS customer_journey_stage,
                    NULL :: Nullable(Decimal(18, 4)) AS conversion_probability
                FROM conversation_outcomes FINAL PREWHERE $those
                UNION ALL
                SELECT
                    user_id, conversation_id, created_at, event_id, customer_id, channel, country, customer_segment,
                    false AS integration_data_used,
                    [] :: Array(LowCardinality(String)) AS integration_types_used,
                    '' :: LowCardinality(String) AS outcome_type,
                    NULL :: Nullable(UInt32) AS resolution_time_minutes,
                    NULL :: Nullable(Decimal(18, 4)) AS customer_satisfaction_score,
                    NULL :: Nullable(Decimal(38, 4)) AS business_value_generated,
                    '' :: LowCardinality(String) AS handled_by,
                    '' :: LowCardinality(String) AS handoff_reason,
                    NULL :: Nullable(DateTime64(3, 'UTC')) AS opened_at,
                    data_types_accessed, knowledge_gaps_identified, ai_confidence_with_data, ai_confidence_without_data,
                    customer_journey_stage, conversion_probability
                FROM conversation_intelligence FINAL PREWHERE $those
        )
    ) AS e
    GROUP BY user_id, conversation_id
))
