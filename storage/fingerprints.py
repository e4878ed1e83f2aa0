"""Fingerprints of secrets by key id, so that another secret under the same id is refused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import ConfigurationError
from storage.reading import query_rows
from storage.writing import insert_rows

_BYTES: Final = 16
_KNOWN: Final = """
SELECT key_id, argMin(fingerprint, (noted_at, fingerprint)) AS fingerprint FROM key_fingerprints GROUP BY key_id
"""


def fingerprint(key_id: str, secret: bytes) -> str:
    """Return the fingerprint of a secret: derived by HKDF, not reversible."""
    info = b"romashka key fingerprint\x00" + key_id.encode()
    return HKDF(SHA256(), _BYTES, salt=None, info=info).derive(secret).hex()


def check_secrets(client: Client, keys: Iterable[tuple[str, bytes]]) -> list[str]:
    """Compare keys (id and secret) with the stored fingerprints; return the ids without one.

    Raises
    ------
    ConfigurationError
        The database has another secret's fingerprint for one of the ids; says what to do.
    Unreachable
        ClickHouse does not answer.
    """
    known = {row["key_id"]: row["fingerprint"] for row in query_rows(client, _KNOWN, {})}
    wanted = {key_id: fingerprint(key_id, secret) for key_id, secret in keys}
    for key_id, own in wanted.items():
        if known.get(key_id, own) != own:
            raise ConfigurationError(
                f"the secret under the key id '{key_id}' is not the one that this database was filled with: pseudonyms "
                "of both would mix, and neither would open what the other sealed. Set ROMASHKA_PSEUDONYM_KEY to the "
                "secret of the other workers; or, to replace it, give the new secret another ROMASHKA_PSEUDONYM_KEY_ID "
                "and name the old one in ROMASHKA_PSEUDONYM_OLD_KEYS"
            )
    return [key_id for key_id in wanted if key_id not in known]


def require_secrets(client: Client, keys: Iterable[tuple[str, bytes]], now: datetime) -> None:
    """Compare keys with the stored fingerprints and store new ones; raises as ``check_secrets`` does."""
    pairs = dict(keys)
    new = check_secrets(client, pairs.items())
    if new:
        rows = [(key_id, fingerprint(key_id, pairs[key_id]), now) for key_id in new]
        insert_rows(client, "key_fingerprints", ("key_id", "fingerprint", "noted_at"), rows)
        check_secrets(client, pairs.items())  # another process may have stored a different secret meanwhile
