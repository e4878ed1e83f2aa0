"""The AI's confidence with and without data, and its predicted conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.conversations import Conversations
from simulator.evidence import IntegrationUse
from simulator.times import SECOND_MS

AFTER_LAST_QUERY_MS: Final = 2 * SECOND_MS


@dataclass(frozen=True)
class Intelligence:
    """One row per conversation; ``with_data`` means something only where data was used."""

    at: Ints
    with_data: Floats
    without_data: Floats
    conversion: Floats


def draw(
    rng: np.random.Generator, conversations: Conversations, evidence: IntegrationUse, conversion: Floats
) -> Intelligence:
    """Return the AI's predictions; ``conversion`` is the true probability of a sale, which it estimates with noise."""
    count = len(conversations)
    noise = rng.normal(size=(3, count))
    return Intelligence(
        at=evidence.last_at + AFTER_LAST_QUERY_MS,
        with_data=np.clip(0.90 - 0.012 * evidence.stale_hours - 0.12 * evidence.gap + 0.05 * noise[0], 0.02, 0.995),
        without_data=np.clip(0.58 - 0.10 * evidence.gap + 0.09 * noise[1], 0.02, 0.995),
        conversion=np.clip(conversion + 0.03 * noise[2], 0.0, 1.0),
    )
