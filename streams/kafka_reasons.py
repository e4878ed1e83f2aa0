"""Diagnoses why Kafka does not answer, from errors of librdkafka, aiokafka and OpenSSL, and says what to do."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import aiokafka.conn
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import KafkaError, KafkaException

from models.errors import Unreachable
from models.topics import MESSAGE_BYTES
from streams.kafka_address import KafkaAddress, servers, tls_context

_PROBE_SECONDS: Final = 3.0
_QUIET_SECONDS: Final = 60.0
_ALL_DOWN: Final = "_ALL_BROKERS_DOWN"
# Errors that a retry does not cure.
_DECISIVE: Final = {"_AUTHENTICATION", "_SSL"}
# OpenSSL verification errors: expired or not yet valid, and wrong host name.
_EXPIRED, _NOT_YET, _OTHER_NAMES = 10, 9, {62, 64}
# "ssl://host:9093/bootstrap: reason (after 5ms in state CONNECT)"
_HEARD: Final = re.compile(r"(?:\w+://)?(?P<host>[^/\s]+):(?P<port>\d+)/\w+: (?P<reason>.*?)(?: \(after \d+ms.*\))?")

_WRONG_LISTENER: Final = "{} speaks {}: set ROMASHKA_KAFKA_SECURITY_PROTOCOL to {}, or the port of the other listener"
_CREDENTIALS: Final = (
    "check ROMASHKA_KAFKA_USER, ROMASHKA_KAFKA_PASSWORD and ROMASHKA_KAFKA_SASL_MECHANISM (Kafka says the same of a "
    "wrong password and of an unknown user)"
)
_CLIENT_CERTIFICATE: Final = (
    "the broker wants a certificate of the client that it trusts: set ROMASHKA_KAFKA_CERTIFICATE_FILE and "
    "ROMASHKA_KAFKA_KEY_FILE to one that is signed by an authority of the broker's trust store"
)


class Heard:
    """Collects the errors that librdkafka reports to ``error_cb``."""

    def __init__(self) -> None:
        self._errors: list[tuple[str, str]] = []

    def __call__(self, error: KafkaError) -> None:
        """Take one error."""
        if error.name() != _ALL_DOWN and error.str() not in {text for _, text in self._errors}:
            self._errors.append((error.name(), error.str()))
        del self._errors[:-20]

    @property
    def decisive(self) -> bool:
        """Whether a retry cannot help."""
        return any(name in _DECISIVE for name, _ in self._errors)

    @property
    def last(self) -> tuple[str, str, str] | None:
        """Name, text and ``host:port`` of the most specific error, ``None`` where there was none."""
        if not self._errors:
            return None
        name, text = next((one for one in self._errors if one[0] in _DECISIVE), self._errors[-1])
        match = _HEARD.fullmatch(text)
        return (name, text, "") if match is None else (name, match["reason"], f"{match['host']}:{match['port']}")


class FailureLog:
    """A producer's ``error_cb`` that logs why Kafka does not answer, at most once a minute.

    Parameters
    ----------
    log
        Receives the sentence, in a separate thread.
    clock
        Seconds of any clock that only goes forward.
    """

    def __init__(self, address: KafkaAddress, log: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._address = address
        self._log = log
        self._clock = clock
        self._told: float | None = None
        self._heard = Heard()

    def __call__(self, error: KafkaError) -> None:
        """Take one error."""
        self._heard(error)
        # A single closed connection is not reported.
        if error.name() not in {*_DECISIVE, _ALL_DOWN}:
            return
        now = self._clock()
        if self._told is None or now - self._told >= _QUIET_SECONDS:
            self._told = now
            heard, self._heard = self._heard, Heard()
            threading.Thread(target=self._tell, args=(heard,), name="kafka reasons", daemon=True).start()

    def _tell(self, heard: Heard) -> None:
        self._log(str(unreachable(self._address, heard)))


# Name of librdkafka's error of a message → what to do about it.
_REFUSALS: Final = {
    "TOPIC_AUTHORIZATION_FAILED": "give {user} the right to WRITE to it ('romashka access kafka --producer NAME')",
    "CLUSTER_AUTHORIZATION_FAILED": "give {user} the right to WRITE to it ('romashka access kafka --producer NAME')",
    "UNKNOWN_TOPIC_OR_PART": "create it with 'romashka topics', or let {user} DESCRIBE it",
    "_UNKNOWN_TOPIC": "create it with 'romashka topics', or let {user} DESCRIBE it",
    "MSG_SIZE_TOO_LARGE": f"it is larger than the topic takes: raise the topic's max.message.bytes to {MESSAGE_BYTES}",
}


class RefusalLog:
    """Logs why Kafka does not take messages, each reason of a topic at most once a minute.

    Parameters
    ----------
    log
        Receives the sentence.
    clock
        Seconds of any clock that only goes forward.
    """

    def __init__(self, address: KafkaAddress, log: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._user = user_of(address)
        self._log = log
        self._clock = clock
        self._told: dict[tuple[str, str], float] = {}

    def note(self, topic: str, error: KafkaError) -> None:
        """Take the failure of one message."""
        about, now = (topic, str(error.name())), self._clock()
        told = self._told.get(about)
        if told is None or now - told >= _QUIET_SECONDS:
            self._told[about] = now
            advice = _REFUSALS.get(about[1], "run 'romashka doctor'").format(user=self._user)
            self._log(f"Kafka did not take a message for {topic} ({error.str()}): {advice}")


def user_of(address: KafkaAddress) -> str:
    """Return words for the user that Kafka sees."""
    return f"user {address.user}" if address.with_password else "this client"


def unreachable(address: KafkaAddress, heard: Heard, error: KafkaException | None = None) -> Unreachable:
    """Return an error with the reason why Kafka does not answer and what to do; connects once more to find out."""
    last = heard.last
    name, reason, at = last if last is not None else ("", "", "")
    if not reason and error is not None and error.args[0].name() not in {"_TRANSPORT", "_TIMED_OUT"}:
        reason = error.args[0].str()
    host, port = _place(address, at)
    found = _from_the_network(address, host, port) if name != "_AUTHENTICATION" else None
    if found is None:
        found = _from_librdkafka(address, name, reason, f"{host}:{port}")
    said, advice = found
    return Unreachable(f"Kafka at {at or address.bootstrap} does not answer ({said}); {advice}")


def _place(address: KafkaAddress, at: str) -> tuple[str, int]:
    host, _, port = at.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else servers(address)[0]


def _from_librdkafka(address: KafkaAddress, name: str, reason: str, at: str) -> tuple[str, str]:
    """Interpret librdkafka's error; the network itself was found to work."""
    if name == "_AUTHENTICATION":
        return reason, _about_credentials(address, reason, at)
    if "alert" in reason:
        return reason, _CLIENT_CERTIFICATE
    if reason or address.with_password:
        return (
            reason or "it takes connections and answers nothing",
            "check ROMASHKA_KAFKA_BOOTSTRAP and ROMASHKA_KAFKA_SECURITY_PROTOCOL, and see the broker's log",
        )
    wanted = f"SASL_{address.security_protocol}"
    return (
        "it takes connections and closes them",
        f"it may want a password: try ROMASHKA_KAFKA_SECURITY_PROTOCOL={wanted}, and see the broker's log",
    )


def _about_credentials(address: KafkaAddress, reason: str, at: str) -> str:
    if "not valid in current SASL state" in reason:
        wanted = "SSL" if address.encrypted else "PLAINTEXT"
        return f"{at} takes no passwords: set ROMASHKA_KAFKA_SECURITY_PROTOCOL to {wanted}"
    if "nsupported" in reason:
        return "set ROMASHKA_KAFKA_SASL_MECHANISM to one of the broker's"
    return _CREDENTIALS


def _from_the_network(address: KafkaAddress, host: str, port: int) -> tuple[str, str] | None:
    """Return the problem that a test connection shows, ``None`` where it succeeds."""
    at = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), _PROBE_SECONDS) as connection:
            if address.encrypted:
                return _from_tls(address, connection, host, at)
            if _speaks_tls(connection):
                wanted = address.security_protocol.replace("PLAINTEXT", "SSL")
                return "it closes the connection", _WRONG_LISTENER.format(at, "TLS", wanted)
    except socket.gaierror as error:
        return f"{host}: {error.strerror}", "check the host in ROMASHKA_KAFKA_BOOTSTRAP"
    except OSError as error:
        return (
            error.strerror or str(error),
            "check ROMASHKA_KAFKA_BOOTSTRAP and that the broker runs ('romashka embedded' starts one)",
        )
    return None


def _from_tls(address: KafkaAddress, connection: socket.socket, host: str, at: str) -> tuple[str, str] | None:
    try:
        with tls_context(address).wrap_socket(connection, server_hostname=host) as encrypted:
            encrypted.settimeout(0.5)
            with suppress(TimeoutError):  # it waits for our request: the connection works
                encrypted.recv(1)
    except ssl.SSLError as error:
        return judged(error, at)
    except OSError:
        clear = address.security_protocol.replace("SSL", "PLAINTEXT")
        return "it closes the connection during the TLS handshake", _WRONG_LISTENER.format(at, "no TLS", clear)
    return None


def judged(error: ssl.SSLError, at: str) -> tuple[str, str]:
    """Return OpenSSL's reason and what to do; ``at`` is the broker's ``host:port``."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "alert" in reason:
            return reason, _CLIENT_CERTIFICATE
        return f"no TLS handshake: {reason}", _WRONG_LISTENER.format(at, "no TLS", "PLAINTEXT or SASL_PLAINTEXT")
    said = f"its certificate is refused: {error.verify_message}"
    if error.verify_code in {_EXPIRED, _NOT_YET}:
        return said, "renew the broker's certificate; where it is valid, this machine's clock is wrong"
    if error.verify_code in _OTHER_NAMES:
        return said, "name the broker in ROMASHKA_KAFKA_BOOTSTRAP as its certificate does, or give it one for this name"
    return said, "set ROMASHKA_KAFKA_CA_FILE to the certificate of the authority that signed it"


def _speaks_tls(connection: socket.socket) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(connection) as encrypted:
            return encrypted.version() is not None
    except OSError:
        return False


async def check_worker_client(address: KafkaAddress) -> None:
    """Connect once as the worker's consumer does: aiokafka with Python's TLS.

    librdkafka and aiokafka do not accept exactly the same certificates.

    Raises
    ------
    Unreachable
        No bootstrap server took the connection; has aiokafka's reason.
    """
    connect: Any = aiokafka.conn.create_conn  # aiokafka annotates few of its functions
    context = tls_context(address) if address.encrypted else None
    reasons: list[str] = []
    for host, port in servers(address):
        try:
            connection = await connect(
                host,
                port,
                request_timeout_ms=int(_PROBE_SECONDS * 1000),
                ssl_context=context,
                security_protocol=address.security_protocol,
                sasl_mechanism=address.sasl_mechanism,
                sasl_plain_username=address.user,
                sasl_plain_password=address.password,
            )
        except (OSError, AioKafkaError, TimeoutError) as error:
            reasons.append(_aiokafka_reason(error, f"{host}:{port}"))
        else:
            connection.close()
            await asyncio.sleep(0)
            return
    raise Unreachable(f"Kafka at {address.bootstrap} does not take the worker's connection: " + "; ".join(reasons))


def _aiokafka_reason(error: Exception, at: str) -> str:
    if isinstance(error, ssl.SSLError):
        return "; ".join(judged(error, at))
    return f"{str(error) or type(error).__name__}; run 'romashka doctor'"


def refused_settings(error: KafkaException) -> str:
    """Return why librdkafka rejects the settings of a client."""
    return str(error.args[0].str()).removeprefix("Failed to create admin client: ")
