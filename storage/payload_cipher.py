"""Encrypts rejected messages, which may hold personal data: AES-256-GCM, bound to their Kafka coordinates."""

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
    """Encrypts bytes with one secret; decrypts bytes of it or of an older one.

    ``place`` (topic, epoch, partition, offset) is authenticated data: a value moved to another row cannot be decrypted.
    """

    def __init__(self, secret: bytes, old_secrets: Sequence[bytes] = ()) -> None:
        self._cipher = _cipher(secret)
        self._old = [_cipher(old) for old in old_secrets]

    def seal(self, clear: bytes, place: str) -> bytes:
        """Return the nonce and the encrypted bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, clear, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the decrypted bytes.

        Raises
        ------
        DecryptionFailed
            Wrong secret, or the bytes were changed.
        """
        for cipher in (self._cipher, *self._old):
            # ValueError: shorter than a nonce.
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        raise DecryptionFailed(
            f"the dead letter at {place} does not open; ROMASHKA_PSEUDONYM_KEY is not the one it was sealed with, or "
            "its bytes were changed; ROMASHKA_PSEUDONYM_OLD_KEYS may name keys from before"
        )


def _cipher(secret: bytes) -> AESGCM:
    # The secret is also used for pseudonyms; a derived key separates the two uses.
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"romashka dead letters").derive(secret))


def place_of(topic: str, topic_epoch: int, partition: int, offset: int) -> str:
    """Return a message's Kafka coordinates as text."""
    return f"{topic}/{topic_epoch}/{partition}/{offset}"
