"""To ClickHouse and back: writing batches, migrations, dead letters, and a fake that keeps the same contract."""
