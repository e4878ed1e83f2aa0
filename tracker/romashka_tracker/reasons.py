"""Why no broker answers: aiokafka's reason, which it only logs, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from typing import Any, Final

import aiokafka.conn
from aiokafka.errors import IllegalSaslStateError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest

_PROBE_SECONDS: Final = 3.0
# OpenSSL's codes: of dates, and of names.
_DATES, _NAMES = {9, 10}, {62, 64}
_SERVER: Final = re.compile(r"\[?(?P<host>[^\]]+?)\]?(?::(?P<port>\d+))?")
_PORT: Final = 9092

_CREDENTIALS: Final = {
    SaslAuthenticationFailed: "check username, password and mechanism (an unknown user gets the same answer)",
    UnsupportedSaslMechanismError: "choose another mechanism",
    IllegalSaslStateError: "this port takes no passwords: leave username out, or use the SASL port",
}


def is_server(text: str) -> bool:
    """Whether a text names a server as aiokafka reads it: ``host``, ``host:port`` or ``[IPv6]:port``."""
    parse: Any = aiokafka.conn.get_ip_port_afi  # aiokafka annotates few of its functions
    try:
        host, port, _ = parse(text)
        return bool(host.encode("idna")) and port in range(1, 65_536)
    except ValueError:
        return False


async def why(bootstrap_servers: str, security: dict[str, Any]) -> str:
    """Connect to each server once more and return why that fails, in words; never raises for a server's sake.

    Parameters
    ----------
    security
        The arguments of aiokafka, as ``KafkaSecurity.producer_arguments`` gives them.
    """
    reasons = []
    for server in bootstrap_servers.split(","):
        match = _SERVER.fullmatch(server.strip())
        if match is None:
            reasons.append(f"'{server}' is not host:port")
            continue
        host, port = match["host"], int(match["port"] or _PORT)
        reasons.append(f"{host}:{port}: {await _why(host, port, security)}")
    return "; ".join(reasons)


async def _why(host: str, port: int, security: dict[str, Any]) -> str:
    connect: Any = aiokafka.conn.create_conn  # aiokafka annotates few of its functions
    try:
        async with asyncio.timeout(2 * _PROBE_SECONDS):
            connection = await connect(host, port, request_timeout_ms=int(_PROBE_SECONDS * 1000), **security)
            try:
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except (KafkaError, OSError, TimeoutError, ValueError, AttributeError) as error:
        return await _words(error, host, port, security)
    return "it answers now"


async def _words(error: Exception, host: str, port: int, security: dict[str, Any]) -> str:
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    for kind, advice in _CREDENTIALS.items():
        if isinstance(error, kind):
            return f"{said}; {advice}"
    if security["ssl_context"] is None and await _speaks_tls(host, port):
        return f"{said}; this port speaks TLS: give KafkaSecurity an ssl_context"
    if isinstance(error, KafkaError):
        return f"{said}; {_closed(security)}"
    if security["ssl_context"] is not None and isinstance(error, ssl.SSLError | ConnectionResetError):
        return f"{said}; this port speaks no TLS, or wants a certificate of the client (KafkaSecurity.tls)"
    return f"{said}; check the address and that the broker runs"


def _closed(security: dict[str, Any]) -> str:
    if security["ssl_context"] is not None:
        return "the broker may want a certificate of the client (KafkaSecurity.tls), or a username"
    return "the broker may want a username and a password"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    said = f"the broker's certificate is refused: {error.verify_message}"
    if error.verify_code in _DATES:
        return f"{said}; renew it, or correct this machine's clock"
    if error.verify_code in _NAMES:
        return f"{said}; name the broker as its certificate does"
    return f"{said}; trust the authority that signed it (KafkaSecurity.tls(ca_file=...))"


async def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):  # the handshake is all we wanted
        await writer.wait_closed()
    return True
