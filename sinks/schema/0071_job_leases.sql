-- Fencing tokens of the leader's jobs (docs/adr/0047-fenced-jobs.md): each run of a job takes the next token, and writes of
-- a run with an older one have no effect. Written and read by storage/leases.py.
CREATE TABLE IF NOT EXISTS job_leases
(
    job LowCardinality(String),
    token UInt64,
    holder UUID,
    taken_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (job, token)
TTL toDateTime(taken_at) + INTERVAL 30 DAY;
