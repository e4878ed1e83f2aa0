from __future__ import annotations

import pytest

from cli.settings import Settings, loaded
from models.errors import SettingsError


def test_an_empty_name_of_the_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is passed on without a value: 'romashka migrate' called it a bug of ours."""
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", "")
    with pytest.raises(SettingsError, match="ROMASHKA_CLICKHOUSE_DATABASE is not usable"):
        loaded(Settings)
