"""Health anomalies: stale data, failing, interrupted or useless syncs, and quotas that run out."""
