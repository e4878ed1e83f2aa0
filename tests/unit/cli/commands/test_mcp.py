from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from cli.commands import mcp
from cli.settings import settings
from models.errors import SettingsError


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    secret = base64.b64encode(b"a secret for tests only, 32 bytes").decode()
    monkeypatch.setenv("ROMASHKA_PSEUDONYM_KEY", secret)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_an_address_that_others_reach_needs_the_names_they_reach_it_by() -> None:
    with pytest.raises(SettingsError, match="0\\.0\\.0\\.0 is not a loopback address: set ROMASHKA_MCP_ALLOWED_HOSTS"):
        mcp.run(http=True, host="0.0.0.0", port=0)  # noqa: S104 - it is refused


def test_without_a_key_standard_input_and_output_are_not_served() -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_MCP_KEY is missing; make a key"):
        mcp.run(http=False, host="", port=None)
