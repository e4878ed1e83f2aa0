"""API keys: made once, shown once, kept as hashes in ClickHouse.

Each row carries a MAC under a key derived from the program's secret, so a row that was inserted or changed by anyone
else is not accepted.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.roles import Role
from models.errors import InvalidRequest
from models.insights import ALL_TENANTS_ID
from models.pages import Listing, cursor, page_of
from storage.reading import query_rows
from storage.writing import insert_rows

log = logging.getLogger(__name__)
PREFIX: Final = "rmk_"
_FORM: Final = re.compile(r"^rmk_([a-z2-7]{12})_([A-Za-z0-9_-]{43})$")
_MAX_KEYS: Final = 1_000_000
FIRST: Final = (datetime(1970, 1, 1, tzinfo=UTC), "")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_COLUMNS: Final = ("id", "hash", "tenant", "role", "label", "created_at", "revoked_at", "revision", "mac")
_STORED: Final = """
SELECT k.id AS id, k.hash AS hash, k.tenant AS tenant, k.role AS role, k.label AS label, k.created_at AS created_at,
    k.revoked_at AS revoked_at, k.mac AS mac, u.used_at AS used_at
FROM api_keys AS k FINAL
LEFT JOIN (SELECT id, max(used_at) AS used_at FROM api_key_uses GROUP BY id) AS u ON u.id = k.id
WHERE (k.created_at, k.id) > ({after:DateTime64(3, 'UTC')}, {after_id:String})
ORDER BY k.created_at, k.id
LIMIT {limit:UInt32}
SETTINGS join_use_nulls = 1
"""


class StoredKey(NamedTuple):
    """A stored key, without its secret. ``tenant`` is ``ALL_TENANTS_ID`` for administrators."""

    id: str
    hash: str
    tenant: UUID
    role: Role
    label: str
    created_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def opens_with(self, secret: str) -> bool:
        """Whether the secret is this key's; compares in constant time."""
        return hmac.compare_digest(self.hash, _hash(secret))


class KeySigner:
    """Makes and checks the MAC of a row of ``api_keys``.

    Parameters
    ----------
    secret
        The program's secret (``ROMASHKA_PSEUDONYM_KEY``); a key for this purpose alone is derived from it.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=b"romashka api keys").derive(secret)

    def mac(self, key: StoredKey) -> str:
        """Return the MAC of every field that affects a key's rights."""
        moments = [None if one is None else _milliseconds(one) for one in (key.created_at, key.revoked_at)]
        content = [key.id, key.hash, str(key.tenant), key.role.value, key.label, *moments]
        return hmac.new(self._key, json.dumps(content).encode(), sha256).hexdigest()

    def signed(self, key: StoredKey, mac: str) -> bool:
        """Whether a row has a valid MAC."""
        return hmac.compare_digest(self.mac(key).encode(), mac.encode())


class KeyRows(NamedTuple):
    """Rows of ``api_keys``: valid keys, keys without a valid MAC, and unreadable rows (id to reason)."""

    keys: list[StoredKey]
    unsigned: list[StoredKey]
    unreadable: dict[str, str]
    next: str | None = None
    """The cursor of the next page."""

    @property
    def skipped(self) -> dict[str, str]:
        """Reasons for ignored rows, by id."""
        unsigned = {key.id: "it is not signed with this secret" for key in self.unsigned}
        return {**unsigned, **self.unreadable}


def parted(text: str) -> tuple[str, str] | None:
    """Return the id and the secret of a key text; ``None`` where it is not a key."""
    found = _FORM.match(text)
    return (found[1], found[2]) if found else None


def new_key(role: Role, tenant: UUID | None, label: str, now: datetime) -> tuple[StoredKey, str]:
    """Return a new key in its stored form, and its text, which is shown once.

    Raises
    ------
    SettingsError
        An administrator's key was given a tenant, or another key none.
    """
    if (tenant is None) != (role is Role.ADMIN):
        raise InvalidRequest("tenant", "a key needs one, except for the role admin, which is for all tenants")
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    key = StoredKey(id_, _hash(secret), ALL_TENANTS_ID if tenant is None else tenant, role, label, now)
    return key, f"{PREFIX}{id_}_{secret}"


def save(client: Client, key: StoredKey, signer: KeySigner) -> None:
    """Write a new or revoked key; raises ``Unreachable``."""
    revision = 0 if key.revoked_at is None else 1
    row = (key.id, key.hash, key.tenant, key.role.value, key.label, key.created_at, key.revoked_at, revision)
    insert_rows(client, "api_keys", _COLUMNS, [(*row, signer.mac(key))])


def read_keys(
    client: Client, signer: KeySigner, limit: int = _MAX_KEYS, after: tuple[datetime, str] = FIRST
) -> KeyRows:
    """Return rows of the table, revoked keys too, the oldest first: all, or a page; raises ``Unreachable``.

    ``after`` is the last row of the previous page: its creation time and id.
    """
    moment = f"{after[0].astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    stored = query_rows(client, _STORED, {"limit": limit + 1, "after": moment, "after_id": after[1]}, aware=True)
    page = page_of(stored, limit, lambda row: cursor(Listing.KEYS, row["created_at"], row["id"]))
    rows = KeyRows([], [], {}, page.next)
    for row in page.rows:
        try:
            key = _stored(row)
        except ValueError:
            rows.unreadable[str(row["id"])] = f"its role '{row['role']}' is not known"
            continue
        (rows.keys if signer.signed(key, str(row["mac"])) else rows.unsigned).append(key)
    return rows


def stored_keys(client: Client, signer: KeySigner) -> list[StoredKey]:
    """Return the valid keys, revoked ones included, oldest first; ignored rows are logged.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    rows = read_keys(client, signer)
    for id_, why in rows.skipped.items():
        _tell(id_, why)
    return rows.keys


@lru_cache(maxsize=1_000)  # once per process: the table is read every few seconds
def _tell(id_: str, why: str) -> None:
    log.warning("the row '%s' of api_keys is skipped: %s; see 'romashka api key list'", id_, why)


def note_uses(client: Client, uses: dict[str, datetime]) -> None:
    """Write when keys were last used; raises ``Unreachable``."""
    insert_rows(client, "api_key_uses", ("id", "used_at"), list(uses.items()))


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


def _milliseconds(moment: datetime) -> int:
    """Return a time truncated to the precision of the table."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
