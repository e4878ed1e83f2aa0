"""The settings of the connection to Kafka: what cannot work is named before anything is connected."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.kafka_address import KafkaAddress, client_settings, servers, tls_context
from tests.kafka.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_servers_are_hosts_with_ports_or_the_default_port() -> None:
    assert servers(KafkaAddress("a:1, b-2.example.com ,[::1]:9093")) == [
        ("a", 1),
        ("b-2.example.com", 9092),
        ("::1", 9093),
    ]


@pytest.mark.parametrize(
    "given", ["", "a:port", "a:0", "a:65536", "kafka://a:9092", "a:1,,b:2", "a b:1", "a:1:2", ":1"]
)
def test_what_is_no_server_is_named(given: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_KAFKA_BOOTSTRAP"):
        client_settings(KafkaAddress(given))


@pytest.mark.parametrize(("user", "password", "lacking"), [("", "p", "USER"), ("u", "", "PASSWORD"), ("", "", "USER")])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_protocol_with_passwords_wants_both(protocol: str, user: str, password: str, lacking: str) -> None:
    with pytest.raises(SettingsError, match=f"ROMASHKA_KAFKA_{lacking} is empty"):
        client_settings(KafkaAddress("a:1", protocol, user=user, password=password))


def test_files_and_passwords_are_librdkafkas_settings(authority: Authority) -> None:
    pair = authority.pair("one", password="of the key")
    address = KafkaAddress(
        "a:1",
        "SASL_SSL",
        "SCRAM-SHA-256",
        "user",
        "secret",
        ca_file=str(authority.ca_file),
        certificate_file=str(pair.certificate),
        key_file=str(pair.key),
        key_password="of the key",
    )
    assert client_settings(address) == {
        "bootstrap.servers": "a:1",
        "security.protocol": "SASL_SSL",
        "log_level": 0,
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "user",
        "sasl.password": "secret",
        "ssl.ca.location": str(authority.ca_file),
        "ssl.certificate.location": str(pair.certificate),
        "ssl.key.location": str(pair.key),
        "ssl.key.password": "of the key",
    }
    assert tls_context(address).verify_mode is ssl.CERT_REQUIRED


def test_a_certificate_and_its_key_may_be_in_one_file(authority: Authority) -> None:
    both = str(authority.pair("both").both)
    assert tls_context(KafkaAddress("a:1", "SSL", certificate_file=both)).verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("setting", ["ca_file", "certificate_file", "key_file"])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    setting: str, tmp_path: Path, authority: Authority
) -> None:
    right = {"certificate_file": str(authority.pair("two").certificate), "key_file": str(authority.pair("two").key)}
    for path, reason in ((str(tmp_path / "none"), "No such file"), (str(tmp_path), "Is a directory"), ("a\0b", "null")):
        with pytest.raises(SettingsError, match=f"(?s)ROMASHKA_KAFKA_{setting.upper()}: .* cannot be read: .*{reason}"):
            tls_context(KafkaAddress("a:1", "SSL", **{**right, setting: path}))


def test_files_that_are_something_else_are_named_with_openssls_reason(tmp_path: Path, authority: Authority) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no PEM")
    one, another = authority.pair("three"), authority.pair("four")
    sealed = authority.pair("five", password="secret")
    with pytest.raises(SettingsError, match=r"ROMASHKA_KAFKA_CA_FILE: .*expected certificates in PEM"):
        tls_context(KafkaAddress("a:1", "SSL", ca_file=str(junk)))
    with pytest.raises(SettingsError, match=r"ROMASHKA_KAFKA_KEY_FILE: .*does not belong"):
        tls_context(KafkaAddress("a:1", "SSL", certificate_file=str(one.certificate), key_file=str(another.key)))
    for key, password in ((junk, ""), (sealed.key, ""), (sealed.key, "wrong")):
        certificate = str((one if key == junk else sealed).certificate)
        with pytest.raises(SettingsError, match=r"ROMASHKA_KAFKA_KEY_FILE: .*KEY_PASSWORD"):
            tls_context(
                KafkaAddress("a:1", "SSL", certificate_file=certificate, key_file=str(key), key_password=password)
            )
    with pytest.raises(SettingsError, match="ROMASHKA_KAFKA_CERTIFICATE_FILE is not"):
        tls_context(KafkaAddress("a:1", "SSL", key_file=str(one.key)))


def test_without_tls_no_file_is_looked_at() -> None:
    assert "ssl.ca.location" not in client_settings(KafkaAddress("a:1", ca_file="/no/such/file"))
