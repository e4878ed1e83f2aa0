"""Reading and managing ClickHouse: the connection, the stores, the audit log, and access control."""
