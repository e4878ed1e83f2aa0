-- The experiment that a conversation takes part in, and the arm that it was assigned to: both or neither. Empty in rows of
-- earlier versions. Few distinct values; read together by the name of the experiment (kpis/experiments).
ALTER TABLE conversation_outcomes
    ADD COLUMN IF NOT EXISTS experiment LowCardinality(String) AFTER opened_at,
    ADD COLUMN IF NOT EXISTS arm LowCardinality(String) AFTER experiment;

ALTER TABLE conversation_intelligence
    ADD COLUMN IF NOT EXISTS experiment LowCardinality(String) AFTER conversion_probability,
    ADD COLUMN IF NOT EXISTS arm LowCardinality(String) AFTER experiment;

-- What was decided before an experiment began: its arms with their expected shares, the metric and the
-- smallest effect that matter, and the sample (conversations) that finds it.
-- Entering a plan again replaces it. The nil tenant stands for all tenants. Read whole, written by hand.
CREATE TABLE IF NOT EXISTS experiment_plans
(
    user_id UUID,
    experiment String,
    control String,
    arms Array(String),
    shares Array(Float64),
    metric LowCardinality(String),
    effect Float64,
    sample UInt64,
    entered_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(entered_at)
ORDER BY (user_id, experiment);
