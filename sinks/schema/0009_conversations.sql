-- What happened to each conversation, folded from its events into one row of facts. No verdicts: whether a resolution
-- was durable follows from these facts and a number of days at query time (kpis/sources/conversations.py).
--
-- Every conversation is counted at entered_at, the moment its demand came in: the earliest moment that any of its
-- events tells of. "seen" orders the events of a conversation the same way whatever order they arrived in.

CREATE OR REPLACE VIEW conversation_folded AS
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
    value
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
        sum(if(e.outcome_type = 'refunded', -1, 1) * toDecimal128(ifNull(e.business_value_generated, 0), 2)) AS value
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
                FROM conversation_outcomes FINAL
                UNION ALL
                SELECT
                    user_id, conversation_id, created_at, event_id, customer_id, channel, country, customer_segment,
                    false AS integration_data_used,
                    [] :: Array(LowCardinality(String)) AS integration_types_used,
                    '' :: LowCardinality(String) AS outcome_type,
                    NULL :: Nullable(UInt32) AS resolution_time_minutes,
                    NULL :: Nullable(Decimal(18, 4)) AS customer_satisfaction_score,
                    NULL :: Nullable(Decimal(18, 2)) AS business_value_generated,
                    '' :: LowCardinality(String) AS handled_by,
                    '' :: LowCardinality(String) AS handoff_reason,
                    NULL :: Nullable(DateTime64(3, 'UTC')) AS opened_at,
                    data_types_accessed, knowledge_gaps_identified, ai_confidence_with_data, ai_confidence_without_data,
                    customer_journey_stage, conversion_probability
                FROM conversation_intelligence FINAL
        )
    ) AS e
    GROUP BY user_id, conversation_id
);

-- The facts, kept: one row per conversation, brought up to date by the job "roll-ups" for the conversations that an
-- insert touched. entered_at is in the sorting key so that a range is found quickly. It can only move to an earlier
-- moment (an event that arrived late); the job then marks the row at the old moment as deleted.
CREATE TABLE IF NOT EXISTS conversation_facts
(
    user_id UUID,
    conversation_id UUID,
    entered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_event_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer_id String CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    stage LowCardinality(String),
    data_used Bool,
    providers Array(LowCardinality(String)),
    data_types Array(LowCardinality(String)),
    gaps Array(LowCardinality(String)),
    confidence_with_data Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    confidence_without_data Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    conversion_probability Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    ended Bool,
    outcome LowCardinality(String),
    handled_by LowCardinality(String),
    ended_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    resolved Bool,
    autonomous Bool,
    resolution_minutes Nullable(UInt32) CODEC(ZSTD(1)),
    handed_over Bool,
    handoff_reason LowCardinality(String),
    returned_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    reopened Bool,
    converted Bool,
    satisfaction Nullable(Decimal(18, 4)) CODEC(ZSTD(1)),
    value Decimal(38, 2) CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1)),
    INDEX by_version version TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(entered_at)
ORDER BY (user_id, entered_at, conversation_id)
TTL toDateTime(entered_at) + INTERVAL 400 DAY;

-- Which conversations were written to, and when last; noted on insert, added up never. In
-- the order of touching, because that is what is asked for. The job drops the days that it has worked off.
CREATE TABLE IF NOT EXISTS touched_conversations
(
    user_id UUID,
    conversation_id UUID,
    touched_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(touched_at)
ORDER BY touched_at;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_conversations_note TO touched_conversations AS
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_outcomes;

CREATE MATERIALIZED VIEW IF NOT EXISTS touched_conversations_note_intelligence TO touched_conversations AS
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_intelligence;

-- What was written before this migration.
INSERT INTO touched_conversations (user_id, conversation_id, touched_at)
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_outcomes;

INSERT INTO touched_conversations (user_id, conversation_id, touched_at)
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_intelligence;
