"""What the stream writes to ClickHouse, its migrations, and an in-memory fake with the same contract."""
