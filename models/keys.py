"""The key of an event's message: which tenant it is of."""

from __future__ import annotations

from uuid import UUID


def key_of(tenant: UUID) -> bytes:
    """Return the key of a tenant's messages: its UUID in lower case with dashes, the only spelling there is."""
    return str(tenant).encode()
