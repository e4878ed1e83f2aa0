-- What a detector has learned about one tenant and provider: compressed, signed, a few kilobytes.
--
-- Two generations are kept, in two slots that are written in turn: a state that is torn or corrupt is refused, and the
-- one before it is taken. The highest version wins: the last minute that was scored, then how often it was saved. A
-- worker that lost its partition and writes late has a lower one. partition is where the tenant's events come from, so
-- that a worker which is given the partition finds its states at once; -1 is what a leader keeps about all tenants.
-- Not partitioned: there are as many rows as integrations, times two. A series that is silent for 400 days is forgotten.

CREATE TABLE IF NOT EXISTS detector_states
(
    user_id UUID,
    integration_provider LowCardinality(String),
    slot UInt8,
    version UInt64,
    partition Int32,
    scored_through DateTime('UTC'),
    -- Tells what is still being watched from what is not: event time may stand still, this does not.
    saved_at DateTime('UTC') DEFAULT now(),
    state String CODEC(NONE)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (user_id, integration_provider, slot)
TTL scored_through + INTERVAL 400 DAY;
