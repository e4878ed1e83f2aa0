"""Types of settings that are texts; a validator raises ``ValueError`` with what was expected."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from email.utils import parseaddr
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from models.errors import InvalidRequest
from models.masking import has_credentials
from reports.mail import ascii_domain, sender_address

_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_MAX_NAME: Final = 253
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_OF_THE_SERVER: Final = frozenset({"system", "information_schema"})
_KEY_ID: Final = re.compile(r"[a-z0-9]{1,8}")


def entries(text: str) -> tuple[str, ...]:
    """Return the entries of a list separated by commas, without blanks around them and without empty ones."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def checked(read: Callable[[str], object]) -> AfterValidator:
    """Return the validator of a text that something reads, which keeps the text."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def _text(is_usable: Callable[[str], bool], expected: str) -> AfterValidator:
    """Return the validator of one text."""

    def check(text: str) -> str:
        if not is_usable(text):
            raise ValueError(expected)
        return text

    return AfterValidator(check)


def _like(pattern: str, expected: str) -> AfterValidator:
    return _text(lambda text: re.fullmatch(pattern, text) is not None, expected)


def _each(is_usable: Callable[[str], bool], expected: str) -> AfterValidator:
    """Return the validator of a list separated by commas, which names the entry that cannot be used."""

    def check(text: str) -> str:
        for one in entries(text):
            if not is_usable(one):
                raise ValueError(f"{expected}; '{one}' is none")
        return text

    return AfterValidator(check)


def _without_credentials(address: str) -> str:
    if has_credentials(address):
        raise ValueError(
            "an address without a user name or a password in it; there are settings of their own for those"
        )
    return address


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and _is_host(parts.hostname or "") and port != 0


def _is_host(text: str) -> bool:
    """Whether it is a name or an address alone, without scheme and port."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return _is_name(text)
    return True


def _is_name(text: str) -> bool:
    try:
        name = ascii_domain(text)
    except ValueError:
        return False
    return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None


def _is_origin(text: str) -> bool:
    """Whether a browser could send it as ``Origin``: it is compared letter by letter, so a path would never match."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    whole = f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")
    return text == whole and bool(parts.scheme) and _is_host(host) and port != _USUAL_PORTS.get(parts.scheme, 0)


def _is_private_host(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return _is_name(text)
    return True


def _is_proxy(text: str) -> bool:
    try:
        return ipaddress.ip_network(text).prefixlen > 0
    except ValueError:
        return False


def _is_sender(text: str) -> bool:
    try:
        address = sender_address(text)
    except ValueError:
        return False
    # Blanks inside it are left out when it is read: it would be another address.
    return (
        bool(address.username)
        and " " not in address.username
        and parseaddr(text)[1] in text
        and _is_name(address.domain)
    )


def _check_recipients(text: str) -> str:
    from reports.schedule import check_recipient  # noqa: PLC0415 - a tenth of a second that most commands do not need

    for place, one in enumerate(entries(text), start=1):
        try:
            check_recipient(one)
        except InvalidRequest as error:  # does not show the recipient, which may have a secret in it
            raise ValueError(
                "recipients such as mailto:oncall@example.com, https://hooks.example.com/x or env:ROMASHKA_TO_SLACK, "
                f"separated by commas; of recipient {place}: {error.message}"
            ) from None
    return text


def _check_key_ids(keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name in keys:
        if not _KEY_ID.fullmatch(name):
            raise ValueError(f"ids of keys, 1 to 8 of a-z and 0-9, such as k1; '{name}' is none")
    return keys


# Redis's alone has its password in the address, and is a secret as a whole.
Address = Annotated[str, AfterValidator(_without_credentials)]
WebAddress = Annotated[Address, _text(_is_web_address, "an address such as https://romashka.example.com")]
ClickHouseUrl = Annotated[Address, _text(_is_web_address, "something like http://127.0.0.1:8123")]
OptionalWebAddress = Annotated[
    Address, _text(lambda text: not text or _is_web_address(text), "an address such as https://romashka.example.com")
]
_HOST: Final = "a host name or address alone, without scheme and port, such as {}"
ListenHost = Annotated[Address, _text(_is_host, _HOST.format("127.0.0.1 or 0.0.0.0"))]
OptionalHost = Annotated[Address, _text(lambda text: not text or _is_host(text), _HOST.format("mail.example.com"))]
Hosts = Annotated[Address, _each(_is_host, "hosts such as mcp.example.com, without scheme and port")]
PrivateHosts = Annotated[
    Address,
    _each(_is_private_host, "hosts and networks such as hooks.internal or 10.1.2.0/24, without scheme and port"),
]
Domains = Annotated[str, _each(_is_name, "domains such as example.com")]
Proxies = Annotated[
    Address, _each(_is_proxy, "addresses or networks of proxies, such as 10.0.0.7 or 10.0.0.0/28, not of everybody")
]
_ORIGIN: Final = "origins such as https://app.example.com, in lower case, without path and usual port"
Origins = Annotated[Address, _each(_is_origin, _ORIGIN)]
OriginsOrAll = Annotated[Address, _each(lambda one: one == "*" or _is_origin(one), f"{_ORIGIN}, or *")]
Sender = Annotated[
    str, _text(lambda text: not text or _is_sender(text), "one address, such as Reports <reports@example.com>")
]
Recipients = Annotated[str, checked(_check_recipients)]
Database = Annotated[
    str,
    _like(r"[A-Za-z0-9_-]{1,63}", "1 to 63 letters, digits, _ and -, such as integration_analytics"),
    _text(lambda name: name.lower() not in _OF_THE_SERVER, "a database of our own; this one is ClickHouse's"),
]
ClusterName = Annotated[str, _like(r"[A-Za-z0-9_-]{0,63}", "at most 63 letters, digits, _ and -, such as analytics")]
Quorum = Annotated[str, _like("auto|[0-9]", "auto, or a number from 0 to 9")]
KeyId = Annotated[str, _like(_KEY_ID.pattern, "1 to 8 of a-z and 0-9, such as k1")]
KafkaGroup = Annotated[str, _text(lambda text: bool(text.strip()), "a name, such as romashka-integration-analytics")]
KafkaInstance = Annotated[
    str, _like(r"[A-Za-z0-9._-]{0,249}", "at most 249 letters, digits, ., _ and -, such as worker-1")
]
KeysById = Annotated[dict[str, SecretStr], AfterValidator(_check_key_ids)]
