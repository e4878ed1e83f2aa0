"""The rate of queries that find nothing, as supporting evidence for stale data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from detectors.tail_probability import count_deviation, surprise

# Half-lives: of the recent counts 20 minutes, of the usual ones two days.
_RECENT_HALF_LIFE, _USUAL_HALF_LIFE = 20.0 * 60.0, 2.0 * 86_400.0
_WHILE_SUSPECTED: Final = 0.02
# Prior pseudo-counts: one query in a hundred finds nothing.
_PRIOR_MISSED, _PRIOR_QUERIES = 2.0, 200.0
# Misses also have other causes: they support a suspicion but cannot raise an alarm alone.
_MAX_SUPPORT: Final = 2.0


@dataclass(slots=True)
class Usefulness:
    """Decayed counts of queries and of those that found nothing: recent and usual; ``at`` in seconds since 1970."""

    at: float | None = None
    recent_queries: float = 0.0
    recent_missed: float = 0.0
    usual_queries: float = 0.0
    usual_missed: float = 0.0

    @property
    def support(self) -> float:
        """-log10 of the probability of so many misses, at most 2; 0 where there are no more than usual."""
        usual = (self.usual_missed + _PRIOR_MISSED) / (self.usual_queries + _PRIOR_QUERIES)
        expected = self.recent_queries * usual
        if self.recent_missed <= expected:
            return 0.0
        return min(surprise(count_deviation(self.recent_missed, expected, 0.0)), _MAX_SUPPORT)

    def learn(self, at: float, queries: int, missed: int, *, suspected: bool) -> None:
        """Add counts up to ``at``; the usual rate learns little while the data is ``suspected``."""
        elapsed = 0.0 if self.at is None else max(at - self.at, 0.0)
        self.at = at
        weight = _WHILE_SUSPECTED if suspected else 1.0
        keep_recent, keep_usual = 0.5 ** (elapsed / _RECENT_HALF_LIFE), 0.5 ** (elapsed / _USUAL_HALF_LIFE)
        self.recent_queries = self.recent_queries * keep_recent + queries
        self.recent_missed = self.recent_missed * keep_recent + missed
        self.usual_queries = self.usual_queries * keep_usual + weight * queries
        self.usual_missed = self.usual_missed * keep_usual + weight * missed

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Usefulness:
        """Return an object restored from this state."""
        return cls(**state)
