-- Who may use the HTTP API (docs/adr/0015-api.md).
--
-- API keys: only the SHA-256 of a key's secret is kept (256 random bits: nothing to guess). Rarely written and small: no
-- partitions, no TTL, so that the audit log's names stay explained. The row that says "revoked" has the higher revision
-- and stays. tenant is all zeros for keys of administrators, who may ask across tenants; it is not called user_id, because
-- tables with that column are readable by people (storage/access.py), and this one is for the program alone.
CREATE TABLE IF NOT EXISTS api_keys
(
    id String,
    hash FixedString(64),
    tenant UUID,
    role LowCardinality(String),
    label String,
    created_at DateTime64(3, 'UTC'),
    revoked_at Nullable(DateTime64(3, 'UTC')),
    revision UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY id;

-- When a key was last used, to about a minute. A table of its own: noting a use must never undo a revocation.
CREATE TABLE IF NOT EXISTS api_key_uses
(
    id String,
    used_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(used_at)
ORDER BY id;
