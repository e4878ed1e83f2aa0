"""SQL laid out in lines by ClickHouse's own formatter, without a server."""

from __future__ import annotations

from contextlib import closing

from embedded.binding import open_connection


def format_sql(sql: str) -> str:
    """Return a statement as ClickHouse's ``formatQuery`` lays it out; the engine starts in this process."""
    quoted = sql.replace("\\", "\\\\").replace("'", "\\'")
    with closing(open_connection(":memory:")) as connection:
        return connection.query(f"SELECT formatQuery('{quoted}')".encode(), "TSVRaw").bytes().decode().strip()
