"""Addresses that cannot be used are named before anything is tried."""

from __future__ import annotations

import pytest

from models.errors import SettingsError
from storage.connection import ClickHouseAddress, connect


@pytest.mark.parametrize("url", ["", "127.0.0.1:8123", "tcp://127.0.0.1:9000", "http://", "http:///path"])
def test_a_url_that_is_none_names_the_setting_and_an_example(url: str) -> None:
    with pytest.raises(SettingsError, match=r"ROMASHKA_CLICKHOUSE_URL is '.*'; expected something like http://"):
        connect(ClickHouseAddress(url, "integration_analytics"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:notaport", "http://127.0.0.1:99999", "http://[::1"])
def test_a_port_that_is_none_is_named_too(url: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_CLICKHOUSE_URL"):
        connect(ClickHouseAddress(url, "integration_analytics"))
