from __future__ import annotations

import base64
import socket
from typing import Any

import pytest

from api.signing_keys import check_url
from cli.api_server import check, configuration, listening, server_config
from cli.setting_values import entries
from cli.settings import Settings, loaded
from models.errors import PortInUse, SettingsError

_OIDC = {
    "oidc_issuer": "https://login.example.com/",
    "oidc_audience": "romashka",
    "oidc_jwks_url": "https://login.example.com/keys",
}


def chosen(**values: str) -> Settings:
    secret = base64.b64encode(b"a secret for tests only, 32 bytes").decode()
    return Settings(pseudonym_key=secret, _env_file=None, **values)  # type: ignore[arg-type, call-arg] # pydantic's own


def test_without_a_sign_in_service_only_keys_are_taken() -> None:
    assert configuration(chosen()).provider is None
    assert configuration(chosen(**_OIDC)).provider == tuple(_OIDC.values())


@pytest.mark.parametrize("lacking", _OIDC)
def test_half_a_sign_in_service_is_an_error_that_names_what_is_missing(lacking: str) -> None:
    given = {name: value for name, value in _OIDC.items() if name != lacking}
    with pytest.raises(SettingsError, match=f"ROMASHKA_{lacking.upper()} is missing"):
        configuration(chosen(**given))


def test_origins_are_separated_by_commas() -> None:
    assert configuration(chosen()).cors_origins == ()
    origins = "https://a.example.com, https://b.example.com,"
    assert configuration(chosen(api_cors_origins=origins)).cors_origins == (
        "https://a.example.com",
        "https://b.example.com",
    )


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortInUse, match="--port"):
        listening("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [("", "127.0.0.1"), ("10.9.9.9", "127.0.0.1"), ("127.0.0.1", "6.6.6.6"), ("127.0.0.0/8", "6.6.6.6")],
)
async def test_only_a_trusted_proxy_says_who_asks(proxies: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["client"][0])

    config = server_config(app, entries(proxies))
    config.load()
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": ("127.0.0.1", 5), "headers": headers, "scheme": "http"}
    await config.loaded_app(scope, None, None)
    assert found == [seen]


@pytest.mark.parametrize("text", ["*", "0.0.0.0/0", "::/0", "proxy.example.com", "10.0.0.0/33"])
def test_nobody_trusts_everybody(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROMASHKA_API_TRUSTED_PROXIES", text)
    with pytest.raises(SettingsError, match="ROMASHKA_API_TRUSTED_PROXIES"):
        loaded(Settings)


@pytest.mark.parametrize("url", ["https://[", "https://a:b/keys", "http://login.example.com/", ""])
def test_an_address_of_keys_that_is_none_is_a_clear_error(url: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_OIDC_JWKS_URL"):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "redis://[",
        "http://:pa55word@127.0.0.1",
        "redis://h:port/0",
        "redis://:pa55word@h:6379/0?nonsense=1",
        "redis://:pa55word@h:pa55word/0",
    ],
)
def test_an_address_of_redis_that_is_none_is_a_clear_error_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_REDIS_URL") as refused:
        check(configuration(chosen(redis_url=url)))
    assert "pa55word" not in str(refused.value)
