"""Replaces customer ids by pseudonyms before anything is written, windowed or logged.

HMAC-SHA256 with a key per tenant, derived from one secret: the same customer of the same tenant always has the same
pseudonym, customers of different tenants cannot be linked, and without the secret the pseudonym cannot be reversed. A
new secret and key id cut every link to older pseudonyms, unless the old secret is configured as well: then pseudonyms
are computed with both in sequence, and stored ones are given the new key (``romashka privacy rekey``).
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

_HEX_DIGITS: Final = 32
# HMAC's constants for SHA-256: the size of its blocks, and what the key is combined with.
_BLOCK: Final = 64
_INNER: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER: Final = bytes(octet ^ 0x5C for octet in range(256))


class Pseudonymiser:
    """Replaces customer ids.

    Parameters
    ----------
    secret
        At least 16 random bytes.
    key_id
        Identifies the secret in every pseudonym, so that pseudonyms of different secrets can be distinguished.
    old_keys
        Earlier key ids and secrets, oldest first. A pseudonym is computed with the oldest, and then with each newer key
        from the previous result, so that stored ones can be re-keyed without the original id.
    remembered
        Size of the cache of pseudonyms.
    """

    def __init__(
        self, secret: bytes, key_id: str, *, old_keys: Sequence[tuple[str, bytes]] = (), remembered: int = 65_536
    ) -> None:
        self._keys = (*old_keys, (key_id, secret))
        self._started = lru_cache(maxsize=4096)(self._start)
        self.pseudonym = lru_cache(maxsize=remembered)(self._pseudonym)

    def under_every_key(self, tenant: bytes, customer_id: str) -> list[str]:
        """Return the current and the earlier pseudonyms of a customer, oldest key first."""
        # Normalise the id: composed form (NFC), no surrounding space, case-folded.
        made: list[str] = []
        text = unicodedata.normalize("NFKC", customer_id).strip().casefold()
        for key_id, _ in self._keys:
            text = self._under(key_id, tenant, text)
            made.append(text)
        return made

    def rekeyed(self, tenant: bytes, pseudonym: str) -> str:
        """Return a pseudonym of an old key re-keyed to the newest; others unchanged."""
        ids = [key_id for key_id, _ in self._keys]
        own = pseudonym.partition(".")[0]
        for key_id in ids[ids.index(own) + 1 :] if own in ids else ():
            pseudonym = self._under(key_id, tenant, pseudonym)
        return pseudonym

    @property
    def old_key_ids(self) -> list[str]:
        """Ids of the old keys."""
        return [key_id for key_id, _ in self._keys[:-1]]

    def _start(self, key_id: str, tenant: bytes) -> tuple[_Hash, _Hash]:
        """Return both hashes of HMAC (RFC 2104) under a tenant's own key, begun, to be copied.

        An object of ``hmac`` would do, but to copy one takes twice as long as all the rest.
        """
        secret = dict(self._keys)[key_id]
        own = hmac.digest(secret, b"romashka customer pseudonym\x00" + tenant, "sha256").ljust(_BLOCK, b"\0")
        return sha256(own.translate(_INNER)), sha256(own.translate(_OUTER))

    def _pseudonym(self, tenant: bytes, customer_id: str) -> str:
        return self.under_every_key(tenant, customer_id)[-1]

    def _under(self, key_id: str, tenant: bytes, text: str) -> str:
        begun, around = self._started(key_id, tenant)
        inner, outer = begun.copy(), around.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return f"{key_id}.{outer.hexdigest()[:_HEX_DIGITS]}"
