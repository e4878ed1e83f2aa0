"""Markers of a coming layout in the log: one message in each partition; from its offset on the new layout counts.

A marker is signed for one partition of one topic and one generation, because whoever may publish events could write
one too.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.decode import Record, RecordSource

LAYOUT_HEADER: Final = "romashka-layout"


class Marker(NamedTuple):
    """A marker that was found: its offset and the layout that begins there."""

    offset: int
    generation: int


class LayoutMarkers:
    """Signs and recognises markers.

    Parameters
    ----------
    secrets
        The installation's secrets, the one to sign with first; older ones still verify.
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._keys = [HKDF(SHA256(), 32, salt=None, info=b"romashka topic layouts").derive(one) for one in secrets]

    def header(self, source: RecordSource, generation: int) -> bytes:
        """Return the value of a marker's header."""
        return _signed(self._keys[0], source, generation)

    def found(self, record: Record, source: RecordSource) -> Marker | None:
        """Return the marker that a record is, ``None`` for every other record."""
        if record.key is not None:
            return None
        for name, value in record.headers:
            if name != LAYOUT_HEADER or not value:  # Kafka's headers may be null
                continue
            number = value.split(b":", 1)[0]
            if not number.isdigit() or len(number) > 9:
                continue
            generation = int(number)
            if any(hmac.compare_digest(value, _signed(key, source, generation)) for key in self._keys):
                return Marker(record.offset, generation)
        return None


def _signed(key: bytes, source: RecordSource, generation: int) -> bytes:
    place = f"{source.topic}/{source.topic_epoch}/{source.partition}/{generation}"
    return f"{generation}:{hmac.digest(key, place.encode(), 'sha256').hex()}".encode()
