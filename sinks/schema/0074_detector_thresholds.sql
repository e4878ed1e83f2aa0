-- Thresholds of detectors that differ, or differed, from what they ship with (docs/adr/0052-thresholds-that-follow-verdicts.md).
-- Rows are only added; the highest version of a tenant's detector counts from `effective_from` on, an event time, so a minute
-- is judged by the same threshold whenever it is judged. The nil tenant stands for all tenants without their own. The columns
-- from `findings` on are what the change rests on; zero where somebody made it. Read whole.
CREATE TABLE IF NOT EXISTS detector_thresholds
(
    user_id UUID,
    detector LowCardinality(String),
    version UInt32,
    old_value Float64,
    value Float64,
    reason String,
    actor String,
    effective_from DateTime64(3, 'UTC'),
    changed_at DateTime64(3, 'UTC'),
    findings UInt32,
    real UInt32,
    false_alarms UInt32,
    known UInt32,
    weeks Float64,
    rate Float64,
    rate_low Float64,
    rate_high Float64,
    budget Float64,
    replay_found UInt32,
    replay_real UInt32
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY (user_id, detector, version);
