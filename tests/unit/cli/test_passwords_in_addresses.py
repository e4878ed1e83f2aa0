"""A password inside any setting that takes an address is printed by no command, wherever that fails."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

import cli.main
from cli.commands.access import Passwords
from cli.settings import Settings, settings
from tests.worker_process import ROMASHKA

CANARY: Final = "c4nary-pa55word"
_TAKE_ADDRESSES: Final = ("url", "host", "hosts", "bootstrap", "issuer", "proxies", "origins")
ADDRESSES: Final = sorted(
    name for name in {*Settings.model_fields, *Passwords.model_fields} if name.rpartition("_")[2] in _TAKE_ADDRESSES
)
BAD: Final = (
    f"http://user:{CANARY}@host:port/",
    f"user:{CANARY}@127.0.0.1:1",
    f"redis://:{CANARY}@[",
    f"x://{CANARY}@h",
)
COMMANDS: Final = (
    "doctor",
    "topics",
    "migrate",
    "worker",
    "api --port 0",
    "collector --port 0",
    "access grafana",
    "access clickhouse",
    "kpi summary",
    "insights list",
    "dead-letters list",
    "audit list",
    "schedule list",
    "report list",
    "jobs run --all",
)
KEY: Final = "c2VjcmV0IHNlY3JldCBzZWNyZXQ="


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings of which nothing answers, and quickly so."""
    monkeypatch.setenv("ROMASHKA_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("ROMASHKA_CLICKHOUSE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("ROMASHKA_PSEUDONYM_KEY", KEY)
    monkeypatch.setenv("ROMASHKA_DEBUG", "1")  # tracebacks, too
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()
    logging.disable(logging.NOTSET)


def _leave(code: int) -> None:
    raise SystemExit(code)


def test_there_are_settings_that_take_addresses() -> None:
    assert {"clickhouse_url", "kafka_bootstrap", "redis_url", "oidc_jwks_url", "smtp_host", "grafana_url"} <= set(
        ADDRESSES
    )


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name != "redis_url"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_the_password_of_an_address_and_each_names_the_setting(
    command: str, name: str, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.setattr(os, "_exit", _leave)
    setting = f"ROMASHKA_{name.upper()}"
    for value in BAD:
        environment.setenv(setting, value)
        settings.cache_clear()
        environment.setattr(sys, "argv", ["romashka", *command.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main.main()
        printed = "".join(capfd.readouterr())
        assert CANARY not in printed
        assert "Traceback" not in printed
        assert ended.value.code == 1
        assert setting in printed or command.startswith("access") or name not in Settings.model_fields


@pytest.mark.parametrize(
    "url", [f"redis://:{CANARY}@h:{CANARY}/0", f"redis://:{CANARY}@h/0?x={CANARY}", f"nonsense {CANARY}"]
)
def test_an_address_of_redis_that_cannot_be_used_is_one_line(
    url: str, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("ROMASHKA_REDIS_URL", url)
    environment.setattr(sys, "argv", ["romashka", "api", "--port", "0"])
    with pytest.raises(SystemExit):
        cli.main.main()
    printed = "".join(capfd.readouterr())
    assert CANARY not in printed
    assert "Traceback" not in printed
    assert "ROMASHKA_REDIS_URL" in printed


@pytest.mark.parametrize("command", ["worker", "doctor"])
def test_the_process_itself_prints_no_password(command: str, environment: pytest.MonkeyPatch) -> None:
    """The same from outside: what is printed before and after the command's own code, too."""
    address = {"ROMASHKA_CLICKHOUSE_URL": BAD[0]}
    done = subprocess.run(
        [ROMASHKA, command], env={**os.environ, **address}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert CANARY.encode() not in done.stdout + done.stderr
