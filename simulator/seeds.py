"""Random streams that depend only on the seed, their purpose, and the part of the simulation."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from simulator.arrays import Ints

_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_DIGITS: Final[Ints] = np.array([i for i in range(36) if i not in {8, 13, 18, 23}], dtype=np.int64)


class Purpose(IntEnum):
    """The purpose of a random stream. Numbers are permanent: changing one changes every seed's traffic."""

    LEVELS = 1
    TRAFFIC = 2
    IDS = 3
    POOL = 4
    TURN = 5
    JOBS = 6
    INCIDENTS = 7
    FAULTS = 8
    EXPERIMENTS = 9


def generator(seed: int, purpose: Purpose, *keys: int) -> np.random.Generator:
    """Return the generator of one purpose and part, the same in whatever order parts are visited."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(int(purpose), *keys))))


def uuids(rng: np.random.Generator, count: int) -> list[str]:
    """Return version 4 UUIDs as text, drawn from ``rng``."""
    raw = np.frombuffer(rng.bytes(16 * count), dtype=np.uint8).reshape(count, 16)
    nibbles = np.empty((count, 32), dtype=np.uint8)
    nibbles[:, 0::2] = raw >> 4
    nibbles[:, 1::2] = raw & 15
    nibbles[:, 12] = 4
    nibbles[:, 16] = 8 | (nibbles[:, 16] & 3)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    text[:, _UUID_DIGITS] = _HEX[nibbles]
    joined = text.tobytes().decode("ascii")
    return [joined[i : i + 36] for i in range(0, 36 * count, 36)]
