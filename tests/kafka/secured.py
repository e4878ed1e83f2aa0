"""An Apache Kafka with every way of proving who one is, and with brokers that prove it badly: one listener each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from streams.kafka import KafkaAddress
from tests.kafka.broker import ApacheKafka
from tests.kafka.certificates import Authority, Pair
from tests.kafka.ports import LOOPBACK, free_ports

USER, WITHOUT_RIGHTS, PASSWORD = "worker", "reader", "worker-secret"
CLIENT_NAME: Final = "client"  # the certificate's; Kafka knows it as User:CN=client
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# Listener → its protocol; each has a port of its own.
_LISTENERS: Final = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
    "PASSWORDS": "SASL_SSL",
    "CLEAR": "SASL_PLAINTEXT",
}


class Secured(NamedTuple):
    """A running broker: its plain-text address, for the administrator, and those of its listeners."""

    plain: str
    ports: dict[str, str]
    ca_file: Path
    client: Pair
    sealed_client: Pair

    def address(self, listener: str, **changed: str) -> KafkaAddress:
        """Return how a client that does everything right reaches a listener; ``changed`` is what it does wrong."""
        protocol = _LISTENERS[listener]
        right: dict[str, str] = {"bootstrap": self.ports[listener], "security_protocol": protocol}
        if "SSL" in protocol:
            right["ca_file"] = str(self.ca_file)
        if protocol.startswith("SASL"):
            right |= {"sasl_mechanism": "SCRAM-SHA-512", "user": USER, "password": PASSWORD}
        if listener == "MUTUAL":
            right |= {"certificate_file": str(self.client.certificate), "key_file": str(self.client.key)}
        return KafkaAddress(**{**right, **changed})


@contextmanager
def secured_kafka(directory: Path) -> Iterator[Secured]:
    """Run it; the plain-text listener is the administrator's, everybody else has the rights that rules give."""
    authority = Authority(directory)
    ports = dict(zip(_LISTENERS, free_ports(*(0 for _ in _LISTENERS)), strict=True))
    addresses = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
    settings = _settings(authority, addresses)
    users = [f"{one}=[name={user},password={PASSWORD}]" for one in _MECHANISMS[1:] for user in (USER, WITHOUT_RIGHTS)]
    options = [part for user in users for part in ("--add-scram", user)]
    with ApacheKafka(settings=settings, format_options=options) as kafka:
        yield Secured(
            kafka.bootstrap,
            addresses,
            authority.ca_file,
            authority.pair(CLIENT_NAME),
            authority.pair("sealed", password="of the key"),
        )


def _settings(authority: Authority, addresses: dict[str, str]) -> dict[str, str]:
    listeners = ",".join(f"{name}://{at}" for name, at in addresses.items())
    certificates = {
        "": authority.pair("broker"),
        "listener.name.expired.": authority.pair("expired", expired=True),
        "listener.name.elsewhere.": authority.pair("elsewhere", host="kafka.example.com"),
    }
    settings = {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": ",".join(f"{name}:{one}" for name, one in _LISTENERS.items()),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.ca_file),
        "listener.name.mutual.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": ",".join(_MECHANISMS),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
    for prefix, pair in certificates.items():
        settings |= {f"{prefix}ssl.keystore.type": "PEM", f"{prefix}ssl.keystore.location": str(pair.both)}
    for listener in ("passwords", "clear"):
        plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        settings[f"listener.name.{listener}.plain.sasl.jaas.config"] = plain
        for mechanism in _MECHANISMS[1:]:
            scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            settings[f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config"] = scram
    return settings
