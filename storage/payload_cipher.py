"""Seals what may hold personal data and was never parsed: AES-256-GCM, bound to the message's place in Kafka."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import DecryptionFailed

_NONCE_BYTES: Final = 12


class PayloadCipher:
    """Seals bytes under one secret, and opens those that were sealed under it or an older one.

    ``place`` (topic, epoch, partition, offset) is authenticated with the bytes: a sealed value moved to another row
    does not open.
    """

    def __init__(self, secret: bytes, old_secrets: Sequence[bytes] = ()) -> None:
        self._cipher = _cipher(secret)
        self._old = [_cipher(old) for old in old_secrets]

    def seal(self, clear: bytes, place: str) -> bytes:
        """Return the nonce and the sealed bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, clear, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the clear bytes.

        Raises
        ------
        DecryptionFailed
            The secret is not the one they were sealed with, or the bytes were changed.
        """
        for cipher in (self._cipher, *self._old):
            # The latter error where less than a nonce is left of it.
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        raise DecryptionFailed(
            f"the dead letter at {place} does not open; ROMASHKA_PSEUDONYM_KEY is not the one it was sealed with, or "
            "its bytes were changed; ROMASHKA_PSEUDONYM_OLD_KEYS may name keys from before"
        )


def _cipher(secret: bytes) -> AESGCM:
    # The secret also makes pseudonyms; a key derived for this purpose keeps the two uses apart.
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"romashka dead letters").derive(secret))


def place_of(topic: str, topic_epoch: int, partition: int, offset: int) -> str:
    """Return a message's place in Kafka as text."""
    return f"{topic}/{topic_epoch}/{partition}/{offset}"
