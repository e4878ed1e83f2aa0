"""The Kafka key of an event: its tenant."""

from __future__ import annotations

from uuid import UUID


def key_of(tenant: UUID) -> bytes:
    """Return the key of a tenant's messages: its UUID in lower case with dashes, the only accepted spelling."""
    return str(tenant).encode()
