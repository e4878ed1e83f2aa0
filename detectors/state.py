"""Serialises the state of a detector: compact, versioned and signed.

A state is plain JSON values (floats come back bit by bit through their repr), compressed, and authenticated together
with its series by a derived key: a state that was truncated, changed, made without the secret or moved to another
series is refused.
"""

from __future__ import annotations

import hmac
import json
from typing import Any, Final, cast

import zstandard
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.counting import counted
from models.errors import StateRefused

# Version of the format; raised when an older program could not read it.
FORMAT: Final = 1
# Maximum size of the state of one series; a larger one means a detector that grows without bound.
MAX_BYTES: Final = 4_096

_SIGNATURE_BYTES: Final = 32
_MAX_CLEAR_BYTES: Final = 1 << 20
_LEVEL: Final = 9


class StateSigner:
    """Signs and verifies states with one secret.

    Layout: one byte of format, 32 of HMAC-SHA256 over format, place and payload, then the payload (zstd of JSON).
    """

    def __init__(self, secret: bytes) -> None:
        # The secret is also used for pseudonyms; a derived key separates the two uses.
        self._key = HKDF(SHA256(), 32, salt=None, info=b"romashka detector states").derive(secret)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()

    def seal(self, state: dict[str, Any], place: str) -> bytes:
        """Return the signed state for ``place``.

        Raises
        ------
        ValueError
            The state holds NaN or infinity, so the detector is broken.
        """
        clear = json.dumps(state, separators=(",", ":"), allow_nan=False).encode()
        payload = self._compressor.compress(clear)
        return bytes([FORMAT]) + self._signature(FORMAT, place, payload) + payload

    def open(self, sealed: bytes, place: str) -> dict[str, Any]:
        """Return the state that was signed for ``place``.

        Raises
        ------
        StateRefused
            The state is invalid; says why.
        """
        if len(sealed) <= 1 + _SIGNATURE_BYTES:
            raise StateRefused(f"the state of {place} is cut off: only {counted(len(sealed), 'byte')} of it")
        found, signature, payload = sealed[0], sealed[1 : 1 + _SIGNATURE_BYTES], sealed[1 + _SIGNATURE_BYTES :]
        if not hmac.compare_digest(signature, self._signature(found, place, payload)):
            raise StateRefused(
                f"the state of {place} is not what was signed: it was changed or cut off, or ROMASHKA_PSEUDONYM_KEY "
                "is not the one it was made with"
            )
        if found != FORMAT:
            raise StateRefused(f"the state of {place} has format {found}; this program reads {FORMAT}")
        clear = self._decompressor.decompress(payload, max_output_size=_MAX_CLEAR_BYTES)
        return cast("dict[str, Any]", json.loads(clear))

    def _signature(self, found: int, place: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, bytes([found]) + place.encode() + b"\x00" + payload, "sha256")
