-- A fingerprint of the secret behind each key id (sinks/fingerprints.py), so that a program with another secret under the
-- same id is refused: pseudonyms of both would mix. It leads back to no secret. The first one of an id holds.
CREATE TABLE IF NOT EXISTS key_fingerprints
(
    key_id String,
    fingerprint String,
    noted_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (key_id, noted_at);

-- Columns as they were after the last migration: what `romashka doctor` compares the live ones with.
CREATE TABLE IF NOT EXISTS schema_columns
(
    table_name String,
    column_name String,
    type String,
    revision DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (revision, table_name, column_name);

-- Rows that `romashka doctor` writes and reads back.
CREATE TABLE IF NOT EXISTS probes
(
    id UUID,
    written_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY written_at
TTL toDateTime(written_at) + INTERVAL 1 DAY;
