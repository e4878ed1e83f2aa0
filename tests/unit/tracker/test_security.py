from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from romashka_tracker import InvalidSecurity
from romashka_tracker.security import KafkaSecurity
from tests.kafka.certificates import Authority


def test_nothing_given_is_plain_text() -> None:
    assert KafkaSecurity().producer_arguments() == {"security_protocol": "PLAINTEXT", "ssl_context": None}


def test_a_context_alone_is_tls() -> None:
    context = ssl.create_default_context()
    assert KafkaSecurity(context).producer_arguments() == {"security_protocol": "SSL", "ssl_context": context}


def test_a_user_name_adds_sasl() -> None:
    context = ssl.create_default_context()
    arguments = KafkaSecurity(context, username="chat", password="secret").producer_arguments()
    assert arguments["security_protocol"] == "SASL_SSL"
    assert (arguments["sasl_mechanism"], arguments["sasl_plain_username"]) == ("SCRAM-SHA-512", "chat")
    plain = KafkaSecurity(username="chat", password="secret")
    assert plain.producer_arguments()["security_protocol"] == "SASL_PLAINTEXT"


@pytest.mark.parametrize("mechanism", ["SCRAM", "plain", "GSSAPI", ""])
def test_a_mechanism_that_is_not_supported_is_refused_at_once(mechanism: Any) -> None:
    with pytest.raises(InvalidSecurity, match="expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"):
        KafkaSecurity(username="chat", password="secret", mechanism=mechanism)


@pytest.mark.parametrize(("username", "password"), [("chat", None), (None, "secret")])
def test_half_of_the_credentials_is_refused_without_showing_it(username: str | None, password: str | None) -> None:
    with pytest.raises(InvalidSecurity, match="username and password belong together"):
        KafkaSecurity(username=username, password=password)


def test_the_password_is_not_printed() -> None:
    assert "secret" not in repr(KafkaSecurity(username="chat", password="secret"))


def test_files_make_a_context_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.pair("chat", password="of the key")
    security = KafkaSecurity.tls(
        ca_file=str(authority.ca_file),
        certificate_file=str(pair.certificate),
        key_file=str(pair.key),
        key_password="of the key",
    )
    assert security.producer_arguments()["security_protocol"] == "SSL"
    signed = KafkaSecurity.tls(username="chat", password="secret")
    assert signed.producer_arguments()["security_protocol"] == "SASL_SSL"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    sealed, other = authority.pair("sealed", password="x"), authority.pair("other")
    certificate = str(sealed.certificate)
    junk = tmp_path / "junk"
    junk.write_text("x")
    with pytest.raises(InvalidSecurity, match=r"ca_file .*none cannot be read: No such file"):
        KafkaSecurity.tls(ca_file=str(tmp_path / "none"))
    with pytest.raises(InvalidSecurity, match=r"ca_file .*junk cannot be used"):
        KafkaSecurity.tls(ca_file=str(junk))
    with pytest.raises(InvalidSecurity, match="key_file is given without certificate_file"):
        KafkaSecurity.tls(key_file=str(sealed.key))
    for key, password in ((sealed.key, ""), (sealed.key, "wrong"), (other.key, ""), (junk, "")):
        with pytest.raises(InvalidSecurity, match=f"key_file {key} cannot be used"):
            KafkaSecurity.tls(certificate_file=certificate, key_file=str(key), key_password=password)
