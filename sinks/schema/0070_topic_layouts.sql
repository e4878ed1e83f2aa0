-- How many partitions the keys of the query topic are spread over, and from which offset of each partition on
-- (docs/adr/0046-more-partitions.md). Rows are only added; of contradicting ones the first counts. `event`: 'planned' (a new
-- layout, its number of partitions), 'drained' (everything before `boundary` of a partition is stored), 'opened' (the layout
-- counts from `boundary` on; generation 0 has one row with partition -1). Written by workers and 'romashka topics grow'.
CREATE TABLE IF NOT EXISTS topic_layouts
(
    topic_epoch UInt64,
    generation Int32,
    event LowCardinality(String),
    partition Int32,
    boundary Int64,
    partitions Int32,
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    precedence UInt64 DEFAULT 18446744073709551615 - toUnixTimestamp64Milli(noted_at)
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (topic_epoch, generation, event, partition, boundary, partitions);
