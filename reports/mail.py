"""Where e-mail is handed in, and addresses as mail servers take them."""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import parseaddr
from typing import Final, Literal, NamedTuple

import idna

_OTHER_STOPS: Final = "\u3002\uff0e\uff61"  # IDNA reads them as full stops


class MailServer(NamedTuple):
    """The mail server and the sender address."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"


def ascii_domain(domain: str) -> str:
    """Return a domain as the DNS has it, in lower case: ``bücher.example`` is ``xn--bcher-kva.example`` (IDNA 2008).

    Raises
    ------
    ValueError
        No domain of the DNS is spelled like that.
    """
    if any(stop in domain for stop in _OTHER_STOPS):
        raise ValueError("a full stop of another script")
    # Of ASCII alone, names of an internal network may have more than IDNA allows, for example underscores.
    return domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()


def ascii_address(address: str) -> str:
    """Return an address with its domain as the DNS has it; raises ``ValueError`` where there is no such domain."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"


def sender_address(sender: str) -> Address:
    """Return the sender, for example of ``Reports <reports@example.com>``.

    Raises
    ------
    ValueError
        It is not one address.
    """
    name, address = parseaddr(sender)
    if "@" not in address:
        raise ValueError("no address")
    local, _, domain = address.rpartition("@")
    return Address(name, local, ascii_domain(domain))
