"""What the words mean that connectors use for the state of a sync: an open list."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Condition(Enum):
    """What a status word means."""

    HEALTHY = "healthy"
    RUNNING = "running"
    DEGRADED = "degraded"
    FAILED = "failed"
    PAUSED = "paused"
    UNKNOWN = "unknown"


_WORDS: Final[dict[Condition, str]] = {
    Condition.HEALTHY: (
        "healthy success successful succeeded ok okay completed complete done synced connected active up"
    ),
    Condition.RUNNING: "syncing running in_progress started starting processing",
    Condition.DEGRADED: "degraded warning partial partial_success slow",
    Condition.FAILED: "failed failing failure error errored broken disconnected down unhealthy unauthorized",
    Condition.PAUSED: "paused disabled suspended stopped",
}
_CONDITIONS: Final = {word: condition for condition, words in _WORDS.items() for word in words.split()}


def words_of(*conditions: Condition) -> tuple[str, ...]:
    """Return the words that mean one of some conditions: lower case, with ``_`` for spaces and dashes."""
    return tuple(word for word, condition in _CONDITIONS.items() if condition in conditions)


def condition_of(status: str) -> Condition:
    """Return what a status word means, ``UNKNOWN`` for one that this list does not have."""
    return _CONDITIONS.get(status.strip().lower().replace(" ", "_").replace("-", "_"), Condition.UNKNOWN)
