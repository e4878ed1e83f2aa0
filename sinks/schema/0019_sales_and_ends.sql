-- Roll-ups that read no single conversation any more.
--
-- Sales with what came before them, so that influenced revenue reads one row per sale instead of following every
-- customer from fact to fact (docs/adr/0011-roll-ups.md). The job "roll-ups" keeps these tables; see
-- kpis/rollups/conversation_rollups.py and kpis/analyses/sales.py.

-- What a conversation sold and what was paid back; value is the difference.
ALTER TABLE conversation_facts ADD COLUMN IF NOT EXISTS sales Decimal(38, 2) CODEC(ZSTD(1)) AFTER value;

ALTER TABLE conversation_facts ADD COLUMN IF NOT EXISTS refunds Decimal(38, 2) CODEC(ZSTD(1)) AFTER sales;

-- Where the row of facts of a conversation is, by conversation: facts are sorted by time, and to look for a few ids in
-- them reads every id. A conversation whose entry or customer changed has two rows here until the job has deleted what
-- was written at the old place. "customer" is that of customer_conversations.
-- Small granules: what is asked for are single conversations, each in a granule of its own.
CREATE TABLE IF NOT EXISTS conversation_places
(
    user_id UUID,
    conversation_id UUID,
    entered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    customer String CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (user_id, conversation_id, entered_at, customer)
TTL toDateTime(entered_at) + INTERVAL 400 DAY
SETTINGS index_granularity = 256;

-- Conversations of each customer that matter for revenue: that used integration data, sold, or paid back. "customer" is
-- the pseudonym; where none is named, the conversation's own id: then it has no others.
CREATE TABLE IF NOT EXISTS customer_conversations
(
    user_id UUID,
    customer String CODEC(ZSTD(1)),
    entered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    conversation_id UUID,
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    data_used Bool,
    providers Array(LowCardinality(String)),
    sales Decimal(38, 2) CODEC(ZSTD(1)),
    refunds Decimal(38, 2) CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1)),
    INDEX by_version version TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (user_id, customer, entered_at, conversation_id)
TTL toDateTime(entered_at) + INTERVAL 400 DAY
SETTINGS index_granularity = 256;

-- One row per conversation that sold something, at the moment it came in. No verdicts: by which rule its touches share
-- the amount, and how far back they count, is the tenant's setting of the day.
CREATE TABLE IF NOT EXISTS conversation_sales
(
    user_id UUID,
    entered_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    conversation_id UUID,
    customer String CODEC(ZSTD(1)),
    channel LowCardinality(String),
    country LowCardinality(String),
    customer_segment LowCardinality(String),
    sales Decimal(38, 2) CODEC(ZSTD(1)),
    refunds Decimal(38, 2) COMMENT 'own, and of later conversations without a sale' CODEC(ZSTD(1)),
    touches Array(Tuple(DateTime64(3, 'UTC'), Array(LowCardinality(String))))
        COMMENT 'when the customer''s uses of data came in, its own last, and which integrations' CODEC(ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    is_deleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version, is_deleted)
PARTITION BY toYYYYMM(entered_at)
ORDER BY (user_id, entered_at, conversation_id, customer)
TTL toDateTime(entered_at) + INTERVAL 400 DAY;

-- When the AI's resolutions of a cell ended, so that "their days are over" can be asked of cells too.
ALTER TABLE conversation_hours ADD COLUMN IF NOT EXISTS autonomous_ends Tuple(Array(UInt32), Array(Int64))
    COMMENT '128 x hours from the start to the end + days until the return or 0, conversations' CODEC(ZSTD(1))
    AFTER autonomous_returns;

ALTER TABLE conversation_days ADD COLUMN IF NOT EXISTS autonomous_ends Tuple(Array(UInt32), Array(Int64))
    COMMENT '128 x hours from the start to the end + days until the return or 0, conversations' CODEC(ZSTD(1))
    AFTER autonomous_returns;

-- Facts are folded anew once, under another name of the roll-up: those from before, and those of workers from before,
-- do not know what was sold and what was paid back.
INSERT INTO touched_conversations (user_id, conversation_id, touched_at)
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_outcomes;

INSERT INTO touched_conversations (user_id, conversation_id, touched_at)
SELECT DISTINCT user_id, conversation_id, now64(3, 'UTC') AS touched_at FROM conversation_intelligence;
