"""API keys: made once, shown once, kept as hashes in ClickHouse."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from api.roles import Role
from models.errors import SettingsError
from models.insights import ACROSS_TENANTS
from sinks.reading import ask
from sinks.writing import put

PREFIX: Final = "rmk_"
_FORM: Final = re.compile(r"^rmk_([a-z2-7]{12})_([A-Za-z0-9_-]{43})$")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_COLUMNS: Final = ("id", "hash", "tenant", "role", "label", "created_at", "revoked_at", "revision")
_STORED: Final = """
SELECT k.id AS id, k.hash AS hash, k.tenant AS tenant, k.role AS role, k.label AS label, k.created_at AS created_at,
    k.revoked_at AS revoked_at, u.used_at AS used_at
FROM api_keys AS k FINAL
LEFT JOIN (SELECT id, max(used_at) AS used_at FROM api_key_uses GROUP BY id) AS u ON u.id = k.id
ORDER BY k.created_at, k.id
SETTINGS join_use_nulls = 1
"""


class StoredKey(NamedTuple):
    """A key as it is kept: without its secret. ``tenant`` is ``ACROSS_TENANTS`` for administrators."""

    id: str
    hash: str
    tenant: UUID
    role: Role
    label: str
    created_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def opens_with(self, secret: str) -> bool:
        """Whether the secret is this key's; takes the same time wherever it differs."""
        return hmac.compare_digest(self.hash, _hash(secret))


def parted(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a key as it is shown; ``None`` where it is not one."""
    found = _FORM.match(text)
    return (found[1], found[2]) if found else None


def new_key(role: Role, tenant: UUID | None, label: str, now: datetime) -> tuple[StoredKey, str]:
    """Return a new key as it is kept, and as it is shown this once.

    Raises
    ------
    SettingsError
        A key of an administrator was given a tenant, or another none.
    """
    if (tenant is None) != (role is Role.ADMIN):
        raise SettingsError("a key needs --tenant, except for the role admin, which is for all tenants")
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    key = StoredKey(id_, _hash(secret), ACROSS_TENANTS if tenant is None else tenant, role, label, now)
    return key, f"{PREFIX}{id_}_{secret}"


def save(client: Client, key: StoredKey) -> None:
    """Write a new key, or that it was revoked; raises ``Unreachable``."""
    revision = 0 if key.revoked_at is None else 1
    row = (key.id, key.hash, key.tenant, key.role.value, key.label, key.created_at, key.revoked_at, revision)
    put(client, "api_keys", _COLUMNS, [row])


def stored_keys(client: Client) -> list[StoredKey]:
    """Return every key, revoked ones too, the oldest first; raises ``Unreachable``."""
    return [_stored(row) for row in ask(client, _STORED, {}, aware=True)]


def note_uses(client: Client, uses: dict[str, datetime]) -> None:
    """Write when keys were last used; raises ``Unreachable``."""
    put(client, "api_key_uses", ("id", "used_at"), list(uses.items()))


def _stored(row: dict[str, Any]) -> StoredKey:
    text = row["hash"].decode() if isinstance(row["hash"], bytes) else row["hash"]
    return StoredKey(
        row["id"],
        text,
        row["tenant"],
        Role(row["role"]),
        row["label"],
        row["created_at"].astimezone(UTC),
        row["revoked_at"],
        row["used_at"],
    )


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
