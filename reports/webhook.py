"""Delivers a report to a webhook, with protection against SSRF.

The host is resolved once, all of its addresses must be public (or configured exceptions), and the connection uses the
checked address, which prevents DNS rebinding. Redirects are not followed.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Timer
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from models.errors import SettingsError, Unreachable
from reports.mail import ascii_domain

_SETTING: Final = "ROMASHKA_WEBHOOK_PRIVATE_HOSTS"
_PORTS: Final = {"https": 443, "http": 80}
# A delivery may take this many times the seconds that an answer may keep us waiting.
_WHOLE: Final = 2
Resolve = Callable[[str, int], Sequence[str]]


def resolved(host: str, port: int) -> Sequence[str]:
    """Return every address of a host; raises ``OSError``."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def _as_in_the_dns(host: str) -> str:
    try:
        return ascii_domain(host)
    except ValueError:
        return host.lower()


class AddressGuard:
    """Decides which hosts may be called.

    Parameters
    ----------
    exceptions
        Allowed host names, addresses and networks that are not public.
    resolve
        Returns the addresses of a host.

    Raises
    ------
    SettingsError
        An exception is neither a name nor a network.
    """

    def __init__(self, exceptions: Sequence[str] = (), resolve: Resolve = resolved) -> None:
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._resolve = resolve
        for one in exceptions:
            try:
                self._networks.append(ipaddress.ip_network(one))
            except ValueError:
                if "/" in one or not one.replace("-", "").replace(".", "").isalnum():
                    raise SettingsError(f"{_SETTING}: '{one}' is neither a host nor a network") from None
                self._names.add(_as_in_the_dns(one))

    def address(self, host: str, port: int) -> str:
        """Return the address to connect to.

        Raises
        ------
        SettingsError
            The host, or one of its addresses, is not public.
        Unreachable
            There is no such host.
        """
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} cannot be resolved; check the address") from error
        if not found:
            raise Unreachable(f"{host} has no address; check it")
        if _as_in_the_dns(host) not in self._names and not all(self._may_be_called(one) for one in found):
            raise SettingsError(
                f"{host} is inside a private network, where reports are not sent; {_SETTING} names exceptions"
            )
        return found[0]

    def _may_be_called(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            # IPv6 addresses with an embedded IPv4 address are checked as that one: mapped, 6to4, Teredo and NAT64.
            inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
            if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
                inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            address = inner or address
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        return address.is_global and not address.is_multicast


def post(guard: AddressGuard, url: str, body: dict[str, Any], message_id: str, seconds: float) -> None:
    """Send a JSON object.

    Parameters
    ----------
    seconds
        How long it may wait for the next bytes; twice as long for everything.

    Raises
    ------
    Unreachable
        The webhook did not accept it, or redirects.
    SettingsError
        The address may not be called.
    """
    parts = webhook_parts(url)
    try:
        host = ascii_domain(parts.hostname or "")
    except ValueError as error:
        raise Unreachable(f"{parts.hostname} cannot be resolved; check the address") from error
    port = parts.port or _PORTS[parts.scheme]
    address = guard.address(host, port)
    limit = urllib3.Timeout(total=seconds)
    headers = {
        "Host": (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else ""),
        "Content-Type": "application/json",
        "User-Agent": "romashka",
        "Idempotency-Key": message_id,
        **({} if parts.username is None else {"Authorization": _basic(parts.username, parts.password or "")}),
    }
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=limit, maxsize=1, server_hostname=host, assert_hostname=host
        )
        pool.ConnectionCls = _EndingTls
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=limit, maxsize=1)
        pool.ConnectionCls = _Ending
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with pool:
        try:
            answer = pool.request(
                "POST",
                target,
                body=json.dumps(body),
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            status = answer.status
            answer.close()  # the body is not read: it may be endless
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{host} did not take the report ({type(error).__name__})") from error
    if not 200 <= status < 300:
        moved = " and sends us elsewhere, where we do not go" if 300 <= status < 400 else ""
        raise Unreachable(f"{host} did not take the report: it answers {status}{moved}")


def _basic(user: str, password: str) -> str:
    """Return the header of a user and a password as they are in a URL, where ``@`` and ``:`` are percent-encoded."""
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


class _Ending(HTTPConnection):
    """A connection that ends after a time, whatever its server sends.

    A time-out is for the next bytes alone: a server that sends one now and then, or ``100 Continue`` for ever, would
    hold the thread for good.
    """

    _timer: Timer | None = None
    _ended: socket.socket
    _is_over = False

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()
        self._ended = made.dup()  # the plain socket: TLS may be in the middle of something
        self._timer = Timer(_WHOLE * float(self.timeout or 0), self._end)
        self._timer.daemon = True
        self._timer.start()
        return made

    def getresponse(self) -> Any:
        """Return the answer; what had come when it was ended may look like one."""
        answer = super().getresponse()
        if self._is_over:
            answer.close()
            raise TimeoutError("the answer did not come in time")
        return answer

    def close(self) -> None:
        """Close it, and end no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._ended.close()
        super().close()

    def _end(self) -> None:
        self._is_over = True
        with suppress(OSError):
            self._ended.shutdown(socket.SHUT_RDWR)


class _EndingTls(_Ending, HTTPSConnection):
    """The same with TLS."""


def webhook_parts(url: str) -> SplitResult:
    """Return the parts of a webhook's URL; raises ``SettingsError`` where it is invalid."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.scheme in _PORTS and (parts.port is None or parts.port > 0)
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable or any(character.isspace() or ord(character) < 0x20 for character in url):
        raise SettingsError("the address of a webhook is not a URL with https://")
    return parts


def masked(recipient: str) -> str:
    """Return a recipient for a list: only the host of a webhook, because its path may be a secret; others unchanged."""
    if recipient.partition(":")[0].lower() not in _PORTS:
        return recipient
    try:
        parts = urlsplit(recipient)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "https://…"
    return f"{parts.scheme}://{parts.hostname}{port}/…"


def attachment(name: str, media_type: str, content: bytes) -> dict[str, str]:
    """Return a file in the format of Apprise's JSON."""
    return {"filename": name, "base64": base64.b64encode(content).decode(), "mimetype": media_type}
