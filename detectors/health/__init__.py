"""Health anomalies: stale data, failing, interrupted or empty syncs, and exhausted quotas."""
