"""Event ids: random UUIDs, for which the operating system is asked a block at a time."""

from __future__ import annotations

import os
from struct import iter_unpack
from typing import Final
from uuid import UUID, SafeUUID

# A new block takes as long as some calls: with this many ids it is one call in 256, which no 99th percentile sees.
_BLOCK_IDS: Final = 256
_UUID_BYTES: Final = 16
# RFC 9562: the version stands in bits 48 to 51, the variant in bits 64 and 65; of a whole block at once.
_RANDOM_BITS: Final = int.from_bytes(bytes.fromhex("ffffffffffff0fff3fffffffffffffff") * _BLOCK_IDS, "big")
_VERSION_4: Final = int.from_bytes(bytes.fromhex("00000000000040008000000000000000") * _BLOCK_IDS, "big")

_UNKNOWN: Final = SafeUUID.unknown
_new = UUID.__new__
# The constructor of UUID spends most of its time on forms of its argument; these are the two attributes that it sets.
_set = object.__setattr__


class EventIds:
    """Makes random UUIDs of version 4, as ``uuid.uuid4`` does, for any thread.

    A forked process needs one of its own: both would hand out the rest of the same block.
    """

    def __init__(self) -> None:
        self._block: list[tuple[bytes]] = []

    def take(self) -> tuple[UUID, str]:
        """Return a new id and its usual text."""
        try:
            (octets,) = self._block.pop()
        except IndexError:
            (octets,) = self._fill()
        event_id = _new(UUID)
        _set(event_id, "int", int.from_bytes(octets, "big"))
        _set(event_id, "is_safe", _UNKNOWN)
        digits = octets.hex()
        return event_id, f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _fill(self) -> tuple[bytes]:
        size = _UUID_BYTES * _BLOCK_IDS
        bits = int.from_bytes(os.urandom(size), "big") & _RANDOM_BITS | _VERSION_4
        block: list[tuple[bytes]] = list(iter_unpack(f"{_UUID_BYTES}s", bits.to_bytes(size, "big")))
        first = block.pop()
        self._block = block  # of two threads that come here at once, the block of one is dropped
        return first
