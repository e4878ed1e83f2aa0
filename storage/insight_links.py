"""Signed links: the right to respond to one insight, for whoever received a message about it.

A token names one purpose, one insight of one tenant, the allowed responses, when it expires and for whom it was made.
It is authenticated by a key that is derived from the program's secret for this use alone
(docs/adr/0051-signed-links.md).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import unquote
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import RomashkaError
from models.responses import name_of_actor

DEFAULT_DAYS: Final = 7
MAX_TOKEN: Final = 2_048
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{1,1900}\.[A-Za-z0-9_-]{43}")
# Looked for where a run of characters begins, and without giving any back: a long path takes linear time.
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,}+\.[A-Za-z0-9_-]{20,}")
# How often an address may be encoded within others before it is taken for a token: mail filters do so once or twice.
_MAX_ENCODINGS: Final = 8
_VERSION: Final = 1


class LinkPurpose(StrEnum):
    """What a token is for; one for another purpose is refused."""

    MESSAGE = "message"
    """In the address of a link in a message."""
    PAGE = "page"
    """In the form of a page that somebody signed in to."""


class LinkAction(StrEnum):
    """What a page with a link offers."""

    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    FALSE_ALARM = "false_alarm"
    KNOWN = "known"


class LinkRefused(RomashkaError):
    """A token is forged, expired, or for something else; says which, and nothing about the insight."""


class InsightLink(NamedTuple):
    """What a token allows.

    ``audience`` is who it was made for, as shown to people. ``key`` is the id of the API key that a page was opened
    with, empty for messages and for those that came by a sign-in service.
    """

    insight: UUID
    tenant: UUID
    audience: str
    expires_at: datetime
    actions: frozenset[LinkAction] = frozenset(LinkAction)
    purpose: LinkPurpose = LinkPurpose.MESSAGE
    key: str = ""

    @property
    def actor(self) -> str:
        """Actor of a response by this link that gives no name of its own."""
        return name_of_actor(self.audience, " (by link)")


class LinkSigner:
    """Makes and checks tokens.

    Parameters
    ----------
    secret
        The program's secret (``ROMASHKA_PSEUDONYM_KEY``); a key for this purpose alone is derived from it.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=b"romashka insight links").derive(secret)

    def token(self, link: InsightLink) -> str:
        """Return the token of a link, for a URL or a form."""
        fields = [
            _VERSION,
            link.purpose.value,
            link.insight.hex,
            link.tenant.hex,
            sorted(link.actions),
            int(link.expires_at.timestamp()),
            name_of_actor(link.audience),
            *([link.key] if link.key else []),
        ]
        payload = _text(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())
        return f"{payload}.{_text(self._mac(payload))}"

    def opened(self, token: str, purposes: Collection[LinkPurpose], now: datetime) -> InsightLink:
        """Return what a token allows.

        Raises
        ------
        LinkRefused
            It was not made with this secret, has expired, or is not for one of these purposes.
        """
        if len(token) > MAX_TOKEN or not _FORM.fullmatch(token):
            raise LinkRefused("this is not a link of ours, or only a part of one")
        payload, _, mac = token.partition(".")
        # Compared before anything of the payload is read, in time that does not depend on where it differs.
        if not hmac.compare_digest(_text(self._mac(payload)).encode(), mac.encode()):
            raise LinkRefused("this is not a link of ours, or only a part of one")
        link = _link(payload)
        if link.purpose not in purposes:
            raise LinkRefused("this link was made for something else")
        if link.expires_at <= now:
            raise LinkRefused(f"this link has expired ({link.expires_at:%Y-%m-%d %H:%M} UTC)")
        return link

    def _mac(self, payload: str) -> bytes:
        return hmac.new(self._key, payload.encode(), sha256).digest()


def without_tokens(text: str) -> str:
    """Return a text in which nothing that looks like a token is left, however often it is percent-encoded: for logs."""
    decoded = text
    for _ in range(_MAX_ENCODINGS):
        if _TOKEN.search(decoded):
            return _TOKEN.sub("...", decoded)
        before, decoded = decoded, unquote(decoded)
        if decoded == before:
            return text
    return "..."


def link_id(token: str) -> UUID:
    """Return the id of a token, which reveals nothing of it: for the audit log and for ids of responses."""
    return UUID(bytes=sha256(b"romashka link id" + token.encode()).digest()[:16])


def expiry(now: datetime, days: float) -> datetime:
    """Return when a link that is made now expires: whole seconds."""
    return (now + timedelta(days=days)).replace(microsecond=0)


def _link(payload: str) -> InsightLink:
    """Return the content of an authentic payload."""
    try:
        version, purpose, insight, tenant, actions, expires, audience, *key = json.loads(_bytes(payload))
        if version != _VERSION:
            raise LinkRefused("this link was made by another version of the program")
        return InsightLink(
            UUID(insight),
            UUID(tenant),
            str(audience),
            datetime.fromtimestamp(int(expires), UTC),
            frozenset(map(LinkAction, actions)),
            LinkPurpose(purpose),
            str(key[0]) if key else "",
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise LinkRefused("this link was made by another version of the program") from error


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
