"""Error kinds of an incident, beyond the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

# Decay per minute: half-life of the usual counts two days, of the recent ones five minutes.
_KEEP_USUAL: Final = 0.5 ** (1 / 2_880)
_KEEP_RECENT: Final = 0.5 ** (1 / 5)
_RECENT_MINUTES: Final = 1.0 / (1.0 - _KEEP_RECENT)
# Minutes before the usual rates are known.
_FEWEST_MINUTES: Final = 60.0


@dataclass(slots=True)
class ErrorMix:
    """Failed queries by kind: per normal minute, in the last minutes, and since an incident began."""

    minutes: float = 0.0
    usual: dict[str, float] = field(default_factory=dict)
    recent: dict[str, float] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    since_minutes: float = 0.0

    def learn(self, kinds: Mapping[str, int], *, calm: bool) -> None:
        """Add a minute; only a ``calm`` one updates the usual rates."""
        if calm:
            self.minutes = self.minutes * _KEEP_USUAL + 1.0
            self.usual = _faded(self.usual, _KEEP_USUAL, kinds)
        self.recent = _faded(self.recent, _KEEP_RECENT, kinds)
        self.since = _faded(self.since, 1.0, kinds)
        self.since_minutes += 1.0

    def begin(self) -> None:
        """Begin an incident: the last minutes belong to it, because windows are longer than a minute."""
        self.since = dict(self.recent)
        self.since_minutes = _RECENT_MINUTES

    def excess(self) -> dict[str, float]:
        """Return the failures since the incident began beyond the usual number, by kind."""
        usual = {kind: count / max(self.minutes, _FEWEST_MINUTES) for kind, count in self.usual.items()}
        beyond = {kind: count - usual.get(kind, 0.0) * self.since_minutes for kind, count in self.since.items()}
        return {kind: count for kind, count in beyond.items() if count > 0}

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ErrorMix:
        """Return an object restored from this state."""
        return cls(**state)


def _faded(counts: Mapping[str, float], keep: float, kinds: Mapping[str, int]) -> dict[str, float]:
    # Sorted, without vanishing counts: equal counts give equal states.
    every = {kind: counts.get(kind, 0.0) * keep + kinds.get(kind, 0) for kind in sorted({*counts, *kinds})}
    return {kind: count for kind, count in every.items() if count > 1e-6}
