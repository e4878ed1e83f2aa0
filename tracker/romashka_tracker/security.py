"""How a transport and the brokers prove to each other who they are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class KafkaSecurity:
    """How to prove who we are to the brokers, and they to us.

    Parameters
    ----------
    ssl_context
        Encrypts the connection and checks the broker; ``None`` is plain text.
    username, password
        SASL credentials; without a user name there is no SASL.
    mechanism
        The SASL mechanism.
    """

    ssl_context: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"

    def producer_arguments(self) -> dict[str, Any]:
        """Return this in the words of aiokafka."""
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
