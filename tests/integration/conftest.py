"""What commands need that run in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.settings import settings
from storage.connection import ClickHouseAddress


@pytest.fixture
def settings_of_database(database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the settings at the test's own database."""
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", database.url)
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", database.database)
    settings.cache_clear()
    yield
    settings.cache_clear()
