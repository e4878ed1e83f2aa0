"""Authentication of transport and brokers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from romashka_tracker.errors import InvalidSecurity

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True)
class KafkaSecurity:
    """TLS and SASL settings of the connection to the brokers.

    Parameters
    ----------
    ssl_context
        Encrypts the connection and checks the broker; ``None`` is plain text.
    username, password
        SASL credentials; without a user name there is no SASL.
    mechanism
        The SASL mechanism.

    Raises
    ------
    InvalidSecurity
        Another mechanism, or a user name without a password: told here, because connecting would fail for ever.
    """

    ssl_context: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: Mechanism = "SCRAM-SHA-512"

    def __post_init__(self) -> None:
        """Check what no broker could be asked with."""
        if self.mechanism not in get_args(Mechanism):
            raise InvalidSecurity(f"mechanism is {self.mechanism!r}; expected {', '.join(get_args(Mechanism))}.")
        if (self.username is None) != (self.password is None):
            raise InvalidSecurity("username and password belong together: give both, or neither.")

    @classmethod
    def tls(
        cls,
        *,
        ca_file: str | None = None,
        certificate_file: str | None = None,
        key_file: str | None = None,
        key_password: str = "",
        username: str | None = None,
        password: str | None = None,
        mechanism: Mechanism = "SCRAM-SHA-512",
    ) -> KafkaSecurity:
        """Return TLS as files in PEM say.

        Parameters
        ----------
        ca_file
            The authorities whose brokers are trusted; the system's where it is left out.
        certificate_file, key_file, key_password
            Our own certificate and its private key, for brokers that ask for one (mTLS). The key may be in the same
            file, and encrypted.
        username, password, mechanism
            SASL credentials on top, as in the class.

        Raises
        ------
        InvalidSecurity
            A file is missing, cannot be read or is not what it should be.
        """
        for name, path in (("ca_file", ca_file), ("certificate_file", certificate_file), ("key_file", key_file)):
            _check_readable(name, path)
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidSecurity(f"ca_file {ca_file} cannot be used: {_reason(error)}.") from None
        if key_file is not None and certificate_file is None:
            raise InvalidSecurity("key_file is given without certificate_file.")
        if certificate_file is not None:
            try:
                # Always with a password: OpenSSL would ask for one at the terminal.
                context.load_cert_chain(certificate_file, key_file, password=key_password)
            except (ssl.SSLError, ValueError) as error:
                raise InvalidSecurity(
                    f"key_file {key_file or certificate_file} cannot be used: {_reason(error)}. It has to be the "
                    "certificate's private key in PEM; where it is encrypted, give key_password."
                ) from None
        return cls(context, username, password, mechanism)

    def producer_arguments(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's producer."""
        transport = "PLAINTEXT" if self.ssl_context is None else "SSL"
        if self.username is None:
            return {"security_protocol": transport, "ssl_context": self.ssl_context}
        return {
            "security_protocol": f"SASL_{transport}",
            "ssl_context": self.ssl_context,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }


def _check_readable(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        with Path(path).open("rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InvalidSecurity(f"{name} {path} cannot be read: {reason}.") from None


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else None) or str(error)
