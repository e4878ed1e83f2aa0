"""What an incident showed so far: the material that its name, severity and explanation follow from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from detectors.incidents.signals import Signal

# A range narrower than this share of what is expected would make every deviation look enormous.
_NARROWEST: Final = 0.05


class Evidence(NamedTuple):
    """What one incident showed.

    ``worst`` has the strongest signal of each channel that spoke, ``first`` the first one. ``error_kinds`` are failed
    queries beyond what is usual; ``settled`` is the ratio of latency to what was expected a quarter of an hour after
    latency first stood out, ``None`` before.
    """

    started_at: datetime
    at: datetime
    first: Mapping[str, Signal]
    worst: Mapping[str, Signal]
    error_kinds: Mapping[str, float]
    settled: float | None = None

    @property
    def dominant_error(self) -> str:
        """The kind of error that most of the additional failures have, ``""`` where none was named."""
        return max(self.error_kinds, key=lambda kind: self.error_kinds[kind], default="")

    def error_share(self, *kinds: str) -> float:
        """Return the share of the additional failures that are of these kinds."""
        total = sum(self.error_kinds.values())
        return sum(self.error_kinds.get(kind, 0.0) for kind in kinds) / total if total > 0 else 0.0


def distance(signal: Signal) -> float:
    """Return how far what was observed is from what was expected, where 1 is the edge of the range around it."""
    above = signal.observed >= signal.expected
    room = signal.upper - signal.expected if above else signal.expected - signal.lower
    return abs(signal.observed - signal.expected) / max(room, _NARROWEST * abs(signal.expected), 1e-9)


def ratio(signal: Signal) -> float:
    """Return what was observed as a multiple of what was expected."""
    return signal.observed / max(signal.expected, 1e-9)
