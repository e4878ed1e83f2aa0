"""Customers' ids become pseudonyms before anything is written, windowed or logged.

HMAC-SHA256 under a key of the tenant's own, which is derived from one secret: the same customer of the same tenant is
always the same pseudonym, two tenants' customers are never comparable, and without the secret nothing leads back.
Replacing the secret (and its key id) cuts every link made under the old one.
"""

from __future__ import annotations

import hmac
import unicodedata
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
    remembered
        How many pseudonyms are kept in memory; customers come back, and an HMAC costs more than a look-up.
    """

    def __init__(self, secret: bytes, key_id: str, *, remembered: int = 65_536) -> None:
        self._secret = secret
        self._key_id = key_id
        self._tenant_key = lru_cache(maxsize=4096)(self._derive)
        self.pseudonym = lru_cache(maxsize=remembered)(self._pseudonym)

    def _derive(self, tenant: bytes) -> bytes:
        return hmac.digest(self._secret, b"romashka customer pseudonym\x00" + tenant, "sha256")

    def _pseudonym(self, tenant: bytes, customer_id: str) -> str:
        # One person typed in two ways is one person: composed form, no surrounding space, no case.
        normal = unicodedata.normalize("NFKC", customer_id).strip().casefold()
        digest = hmac.digest(self._tenant_key(tenant), normal.encode("utf-8", "surrogatepass"), "sha256")
        return f"{self._key_id}.{digest.hex()[:_HEX_DIGITS]}"
