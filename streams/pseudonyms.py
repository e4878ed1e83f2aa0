"""Customers' ids become pseudonyms before anything is written, windowed or logged.

HMAC-SHA256 under a key of the tenant's own, which is derived from one secret: the same customer of the same tenant is
always the same pseudonym, two tenants' customers are never comparable, and without the secret nothing leads back.
Replacing the secret and its key id cuts every link made under the old one, unless the old one is named beside it: then
pseudonyms are made under both, one after the other, and stored ones are given the new key (``romashka privacy rekey``).
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_HEX_DIGITS: Final = 32


class Pseudonymiser:
    """Replaces customer ids.

    Parameters
    ----------
    secret
        At least 16 random bytes.
    key_id
        Names the secret in every pseudonym it makes, so that they can be told apart after a change of secret.
    old_keys
        Ids and secrets that pseudonyms were made under before, oldest first. A pseudonym is then made under the oldest,
        and under each newer key from the one before, so that stored ones can be given the new key without their owner.
    remembered
        How many pseudonyms are kept in memory; customers come back, and an HMAC costs more than a look-up.
    """

    def __init__(
        self, secret: bytes, key_id: str, *, old_keys: Sequence[tuple[str, bytes]] = (), remembered: int = 65_536
    ) -> None:
        self._keys = (*old_keys, (key_id, secret))
        self._tenant_key = lru_cache(maxsize=4096)(self._derive)
        self.pseudonym = lru_cache(maxsize=remembered)(self._pseudonym)

    def under_every_key(self, tenant: bytes, customer_id: str) -> list[str]:
        """Return the pseudonyms that a customer has or had, oldest key first."""
        # One person typed in two ways is one person: composed form, no surrounding space, no case.
        made: list[str] = []
        text = unicodedata.normalize("NFKC", customer_id).strip().casefold()
        for key_id, _ in self._keys:
            text = self._under(key_id, tenant, text)
            made.append(text)
        return made

    def rekeyed(self, tenant: bytes, pseudonym: str) -> str:
        """Return a pseudonym that was made under an old key under the newest; others as they are."""
        ids = [key_id for key_id, _ in self._keys]
        own = pseudonym.partition(".")[0]
        for key_id in ids[ids.index(own) + 1 :] if own in ids else ():
            pseudonym = self._under(key_id, tenant, pseudonym)
        return pseudonym

    @property
    def old_key_ids(self) -> list[str]:
        """The ids of the keys before the newest."""
        return [key_id for key_id, _ in self._keys[:-1]]

    def _derive(self, key_id: str, tenant: bytes) -> bytes:
        secret = dict(self._keys)[key_id]
        return hmac.digest(secret, b"romashka customer pseudonym\x00" + tenant, "sha256")

    def _pseudonym(self, tenant: bytes, customer_id: str) -> str:
        return self.under_every_key(tenant, customer_id)[-1]

    def _under(self, key_id: str, tenant: bytes, text: str) -> str:
        digest = hmac.digest(self._tenant_key(key_id, tenant), text.encode("utf-8", "surrogatepass"), "sha256")
        return f"{key_id}.{digest.hex()[:_HEX_DIGITS]}"
