"""Passwords inside addresses are never shown: one place that every line which is printed or logged goes through."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

MASK: Final = "***"
# Whatever stands between a scheme and the last @ of an address, and values of parameters that are named like secrets.
_IN_AN_ADDRESS: Final = re.compile(r"(?<=://)[^\s'\"<>]+@")
_PARAMETER: Final = re.compile(r"(?i)([?&;](?:[a-z_-]*(?:password|passwd|token|secret|key|auth))=)[^\s&'\"<>]+")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Shorter ones would be found in ordinary words.
_MIN_LENGTH: Final = 4

_hidden: set[str] = set()


def has_credentials(address: str) -> bool:
    """Whether an address, or one of several, names a user or a password."""
    return any("@" in _SCHEME.sub("", one.strip()).partition("/")[0] or _broken(one) for one in address.split(","))


def hide_passwords(addresses: Iterable[str]) -> None:
    """Take the passwords of addresses, which from now on ``masked`` finds wherever they stand alone, too.

    A library that cannot read an address may show no more than a part of it.
    """
    for address in addresses:
        bare = _SCHEME.sub("", address.strip())
        credentials, _, _ = bare.rpartition("@")
        _, colon, password = credentials.partition(":")
        if not colon and bare != address.strip():
            password = credentials
        _hidden.update(one for one in (password, unquote(password), quote(password)) if len(one) >= _MIN_LENGTH)


def masked(text: str) -> str:
    """Return text without the passwords of the addresses in it."""
    text = _PARAMETER.sub(rf"\1{MASK}", _IN_AN_ADDRESS.sub(f"{MASK}@", text))
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _broken(address: str) -> bool:
    # A password with a slash in it: what is taken for the path then holds the @.
    return "@" in address and ":" in _SCHEME.sub("", address).partition("@")[0]
