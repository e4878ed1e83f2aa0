-- What people call a tenant, for variables, tables, legends, alerts and reports; the id stays the key everywhere. Not in
-- tenant_settings: those are inputs of money figures with a day from which they hold, a name is neither.
CREATE TABLE IF NOT EXISTS tenant_names
(
    user_id UUID,
    display_name String,
    entered_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(entered_at)
ORDER BY user_id;
