"""Kafka's address and credentials, and their translation for librdkafka and Python's ssl."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final, NamedTuple

from models.errors import SettingsError

_DEFAULT_PORT: Final = 9092
# host, host:port or [IPv6]:port
_SERVER: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<name>[\w.-]+))(?::(?P<port>\d{1,5}))?")
_MAX_PORT: Final = 65_535


class KafkaAddress(NamedTuple):
    """Kafka's address and our credentials.

    Parameters
    ----------
    bootstrap
        ``host:port``, several separated by commas.
    security_protocol
        ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
    sasl_mechanism, user, password
        Used where the protocol has SASL in its name.
    ca_file
        Trusted certificate authorities in PEM; empty: those of the system.
    certificate_file, key_file, key_password
        Our own certificate and its private key, in PEM, for brokers that ask for one (mTLS).
    """

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    user: str = ""
    password: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    key_password: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.security_protocol.endswith("SSL")

    @property
    def with_password(self) -> bool:
        """Whether SASL is used."""
        return self.security_protocol.startswith("SASL")


def servers(address: KafkaAddress) -> list[tuple[str, int]]:
    """Return host and port of each bootstrap server.

    Raises
    ------
    SettingsError
        One of them is not ``host:port``.
    """
    found = []
    for one in address.bootstrap.split(","):
        match = _SERVER.fullmatch(one.strip())
        port = int(match["port"] or _DEFAULT_PORT) if match else 0
        if match is None or not 0 < port <= _MAX_PORT:
            raise SettingsError(
                f"ROMASHKA_KAFKA_BOOTSTRAP: '{one.strip()}' is not host:port; expected for example "
                "kafka-1.internal:9093,kafka-2.internal:9093"
            )
        found.append((match["six"] or match["name"], port))
    return found


def client_settings(address: KafkaAddress) -> dict[str, str | int | float | bool]:
    """Return librdkafka's settings for a client at this address, with its own logging off.

    Raises
    ------
    SettingsError
        The settings are inconsistent: names the setting and the reason.
    """
    check(address)
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": address.bootstrap,
        "security.protocol": address.security_protocol,
        "log_level": 0,
    }
    if address.with_password:
        settings |= {
            "sasl.mechanism": address.sasl_mechanism,
            "sasl.username": address.user,
            "sasl.password": address.password,
        }
    if address.encrypted:
        files = {
            "ssl.ca.location": address.ca_file,
            "ssl.certificate.location": address.certificate_file,
            "ssl.key.location": address.key_file,
            "ssl.key.password": address.key_password,
        }
        settings |= {name: value for name, value in files.items() if value}
    return settings


def check(address: KafkaAddress) -> None:
    """Raise ``SettingsError`` where the settings cannot work with any broker."""
    servers(address)
    if address.with_password and not (address.user and address.password):
        lacking = "PASSWORD" if address.user else "USER"
        raise SettingsError(
            f"ROMASHKA_KAFKA_{lacking} is empty, and ROMASHKA_KAFKA_SECURITY_PROTOCOL={address.security_protocol} "
            "signs in with user and password"
        )
    if address.encrypted:
        tls_context(address)


def tls_context(address: KafkaAddress) -> ssl.SSLContext:
    """Return the TLS context for Python: trusted authorities and our own certificate.

    Raises
    ------
    SettingsError
        A file is missing or cannot be used: names the setting, the file and OpenSSL's reason.
    """
    for name in ("ca_file", "certificate_file", "key_file"):
        _readable(name, getattr(address, name))
    try:
        context = ssl.create_default_context(cafile=address.ca_file or None)
    except (ssl.SSLError, ValueError) as error:
        raise _unusable("ca_file", address.ca_file, error, "expected certificates in PEM") from error
    if not address.certificate_file and not address.key_file:
        return context
    if not address.certificate_file:
        raise SettingsError("ROMASHKA_KAFKA_KEY_FILE is set, and ROMASHKA_KAFKA_CERTIFICATE_FILE is not")
    key = address.key_file or address.certificate_file
    try:
        # Always pass a password: OpenSSL would prompt for one at the terminal.
        context.load_cert_chain(address.certificate_file, key, password=address.key_password)
    except (ssl.SSLError, ValueError) as error:
        hint = (
            "the key does not belong to ROMASHKA_KAFKA_CERTIFICATE_FILE"
            if "KEY_VALUES_MISMATCH" in str(error)
            else "expected a private key in PEM; where it is encrypted, its password in ROMASHKA_KAFKA_KEY_PASSWORD"
        )
        raise _unusable("key_file", key, error, hint) from error
    return context


def _readable(name: str, path: str) -> None:
    if not path:
        return
    try:
        with Path(path).open("rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingsError(f"ROMASHKA_KAFKA_{name.upper()}: {path} cannot be read: {reason}") from error


def _unusable(name: str, path: str, error: Exception, hint: str) -> SettingsError:
    reason = (error.reason if isinstance(error, ssl.SSLError) else None) or str(error)
    return SettingsError(f"ROMASHKA_KAFKA_{name.upper()}: {path} cannot be used ({reason}); {hint}")
