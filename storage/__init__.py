"""Reading and managing ClickHouse: one connection, the stores, the audit log, and who may read what."""
