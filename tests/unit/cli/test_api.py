from __future__ import annotations

import base64
import socket

import pytest

from cli.api_server import configuration, listening
from cli.settings import Settings
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
