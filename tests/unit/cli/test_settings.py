from __future__ import annotations

from pathlib import Path

import pytest

from cli.settings import Settings, loaded, misspelled
from models.errors import SettingsError


def test_an_empty_name_of_the_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is passed on without a value: 'romashka migrate' called it a bug of ours."""
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_DATABASE", "")
    with pytest.raises(SettingsError, match="ROMASHKA_CLICKHOUSE_DATABASE is not usable"):
        loaded(Settings)


def test_a_setting_that_is_no_json_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMASHKA_PSEUDONYM_OLD_KEYS", "s3cret")
    with pytest.raises(SettingsError, match=r"^ROMASHKA_PSEUDONYM_OLD_KEYS is not usable: expected JSON") as refused:
        loaded(Settings)
    assert "s3cret" not in str(refused.value)


def test_a_file_of_settings_in_another_encoding_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PowerShell redirects into UTF-16."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ROMASHKA_METRICS_PORT=1\n", encoding="utf-16")
    with pytest.raises(SettingsError, match=r"\.env is not text in UTF-8"):
        loaded(Settings)


@pytest.mark.parametrize("url", ["romashka.example.com", "ftp://a.example", "https://", "https://["])
def test_links_need_an_address_that_a_browser_can_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMASHKA_API_PUBLIC_URL", url)
    with pytest.raises(SettingsError, match="ROMASHKA_API_PUBLIC_URL is not usable: expected an address"):
        loaded(Settings)


def test_a_misspelled_setting_is_told_with_the_one_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had no effect, and nothing said so: a worker read from another broker than the one that was set."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROMASHKA_KAFKA_BOOTSTAP", "ROMASHKA_TO_SLACK", "ROMASHKA_DEBUG", "ROMASHKA_GRAFANA_USER"):
        monkeypatch.setenv(name, "x")
    (tmp_path / ".env").write_text("ROMASHKA_CLICKHOUSE_PASWORD=x\nROMASHKA_METRICS_PORT=1\n")
    assert misspelled() == [
        ("ROMASHKA_CLICKHOUSE_PASWORD", "ROMASHKA_CLICKHOUSE_PASSWORD"),
        ("ROMASHKA_KAFKA_BOOTSTAP", "ROMASHKA_KAFKA_BOOTSTRAP"),
    ]
