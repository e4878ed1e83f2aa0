"""What time it is by ClickHouse's clock."""

from __future__ import annotations

from typing import Final

from storage.connection import ClickHouseAddress, connect
from storage.reading import query_rows

_NOW: Final = "SELECT toUnixTimestamp64Milli(now64(3)) AS milliseconds"


def server_time(address: ClickHouseAddress) -> float:
    """Return ClickHouse's time in seconds since 1970; raises ``Unreachable``."""
    with connect(address) as client:
        return int(query_rows(client, _NOW, {})[0]["milliseconds"]) / 1000
