"""Maps the status words of connectors to sync conditions; the list is open.

A word in no list is *unknown*: neither a success nor up, and shown unchanged. An operator can map further words
(``Vocabulary``, ROMASHKA_SYNC_WORDS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from models.error_kinds import KNOWN, error_kind_of
from models.words import squashed


class Condition(Enum):
    """Conditions of a sync."""

    HEALTHY = "healthy"
    RUNNING = "running"
    DEGRADED = "degraded"
    FAILED = "failed"
    PAUSED = "paused"
    UNKNOWN = "unknown"


_WORDS: Final[dict[Condition, str]] = {
    Condition.HEALTHY: (
        "healthy success successful succeeded ok okay completed complete done finished passed synced synchronized "
        "connected active up"
    ),
    Condition.RUNNING: (
        "syncing running in_progress started starting processing pending queued scheduled waiting submitted created "
        "initializing retrying"
    ),
    Condition.DEGRADED: "degraded warning partial partial_success partially_succeeded slow",
    Condition.FAILED: (
        "failed failing failure error errored broken disconnected down unhealthy unauthorized incomplete aborted "
        "timed_out timeout crashed killed terminated rejected expired fatal"
    ),
    Condition.PAUSED: "paused disabled suspended stopped inactive canceled cancelling skipped",
}
_CONDITIONS: Final = {word: condition for condition, words in _WORDS.items() for word in words.split()}
_SQUASHED: Final = {squashed(word): condition for word, condition in _CONDITIONS.items()}


def words_of(*conditions: Condition) -> tuple[str, ...]:
    """Return the words of some conditions: lower case, with ``_`` for spaces and dashes."""
    return tuple(word for word, condition in _CONDITIONS.items() if condition in conditions)


def condition_of(status: str) -> Condition:
    """Return the condition of a status word, ``UNKNOWN`` if it is in no list; case and separators are ignored."""
    return _SQUASHED.get(squashed(status), Condition.UNKNOWN)


@dataclass(frozen=True)
class Vocabulary:
    """An operator's own mapping of status and error words; words that are not named keep their meaning.

    Parameters
    ----------
    sync_words
        A connector's word → one of healthy, running, degraded, failed, paused.
    error_words
        A connector's word → one of ``models.error_kinds.KNOWN``.

    Raises
    ------
    ValueError
        A meaning is not in the list.
    """

    sync_words: Mapping[str, str] = field(default_factory=dict)
    error_words: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Reject unknown meanings."""
        meanings = [one.value for one in Condition if one is not Condition.UNKNOWN]
        for words, allowed in ((self.sync_words, meanings), (self.error_words, KNOWN)):
            for word, meaning in words.items():
                if meaning not in allowed:
                    raise ValueError(f"'{word}' cannot mean '{meaning}'; expected one of {', '.join(allowed)}")
        object.__setattr__(self, "_sync", {squashed(word): meaning for word, meaning in self.sync_words.items()})
        object.__setattr__(self, "_errors", {squashed(word): meaning for word, meaning in self.error_words.items()})

    def sync_status(self, word: str) -> str:
        """Return the value to store for a status: the operator's meaning, or the word itself."""
        sync: Mapping[str, str] = self.__dict__["_sync"]
        return sync.get(squashed(word), word) if sync else word

    def error_kind(self, word: str) -> str:
        """Return the value to store for an error: the operator's meaning, a known kind, or the word itself."""
        errors: Mapping[str, str] = self.__dict__["_errors"]
        return errors[key] if errors and (key := squashed(word)) in errors else error_kind_of(word)


DEFAULT_VOCABULARY: Final = Vocabulary()
