"""A rejected message as it is stored and published."""

from __future__ import annotations

from typing import Final, NamedTuple

# Where a message can fail. The order is the order of the checks.
STAGES: Final = ("tenant", "size", "decode", "validate", "key", "time", "store")


class DeadLetter(NamedTuple):
    """One rejected message with its coordinates; ``raw`` and ``key`` are the bytes that arrived, not yet sealed."""

    topic: str
    topic_epoch: int
    partition: int
    offset: int
    stage: str
    reason: str
    detail: str
    key: bytes
    raw: bytes
