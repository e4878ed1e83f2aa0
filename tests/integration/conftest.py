"""A fixture that several tests of what is stored share, because it takes long to make."""

from __future__ import annotations

import uuid

import pytest

from sinks.connection import ClickHouseAddress, connect
from sinks.migrations import migrate
from tests.simulated_week import Week, load


@pytest.fixture(scope="session")
def week(clickhouse_url: str) -> Week:
    """A week of traffic with one incident of each kind on its last day, judged by the detectors. Read it only."""
    address = ClickHouseAddress(clickhouse_url, f"test_{uuid.uuid4().hex[:12]}")
    migrate(address)
    with connect(address) as client:
        return load(address, client)
