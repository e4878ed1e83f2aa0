-- Who was sent which report: a journal of attempts, nothing in it is ever changed.
--
-- Attempt n of a (schedule, period, recipient) begins with a row 'claimed' that holds until its lease is over, and ends
-- with a row 'sent', or 'failed' with the moment of the next attempt in "until". Two workers that begin the same attempt
-- insert under the same deduplication token: ClickHouse keeps the first and drops the second without a word, so whoever
-- finds its own token in the row has it (docs/adr/0014-reports-once.md). The window is how many of the last inserts are
-- compared; a claim is only raced for within seconds.
-- The recipient is a hash: addresses are in scheduled_reports and nowhere else.

CREATE TABLE IF NOT EXISTS report_deliveries
(
    user_id UUID,
    schedule_id UUID,
    period_start DateTime64(3, 'UTC'),
    recipient_key String,
    attempt UInt16,
    state LowCardinality(String),
    token UUID,
    happened_at DateTime64(3, 'UTC'),
    until Nullable(DateTime64(3, 'UTC')),
    detail String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYear(period_start)
ORDER BY (schedule_id, period_start, recipient_key, attempt)
TTL toDateTime(period_start) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;
