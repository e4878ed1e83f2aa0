"""``romashka init``: secrets that are random, complete, private, and never written twice."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.commands import init
from cli.settings import Settings
from models.errors import SettingsError


def _read(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_file_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        init.run(tmp_path / ".env")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ROMASHKA_PSEUDONYM_KEY=kept\n")
    with pytest.raises(SettingsError, match="stays as it is"):
        init.run(file)
    assert file.read_text() == "ROMASHKA_PSEUDONYM_KEY=kept\n"


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError):
        init.run(tmp_path / ".env")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written: No such file"):
        init.run(tmp_path / "nowhere" / ".env")


def test_every_secret_is_there_and_no_two_are_the_same(tmp_path: Path) -> None:
    init.run(tmp_path / "one")
    init.run(tmp_path / "two")
    one, two = _read(tmp_path / "one"), _read(tmp_path / "two")
    assert one.keys() == {secret.name for secret in init.SECRETS}
    values = [*one.values(), *two.values()]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 22


def test_passwords_need_no_quoting_anywhere(tmp_path: Path) -> None:
    init.run(tmp_path / ".env")
    passwords = [value for name, value in _read(tmp_path / ".env").items() if name.endswith("PASSWORD")]
    assert all(value.replace("-", "").replace("_", "").isalnum() for value in passwords)


def test_the_settings_take_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init.run(tmp_path / ".env")
    monkeypatch.delenv("ROMASHKA_PSEUDONYM_KEY", raising=False)
    config = Settings(_env_file=tmp_path / ".env")  # type: ignore[call-arg] # pydantic-settings takes it at run time
    assert len(config.secret) == 32
    assert isinstance(config.clickhouse_password, SecretStr)
    # What the embedded stack and the tests need is not changed by the file.
    assert config.kafka_security_protocol == "PLAINTEXT"


def test_what_to_do_next_is_printed_and_no_secret_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init.run(tmp_path / ".env")
    printed = capsys.readouterr().out
    assert "docker compose up" in printed
    assert not [value for value in _read(tmp_path / ".env").values() if value in printed]
