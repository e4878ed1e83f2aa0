"""Evidence of an incident, from which its kind, severity and explanation are derived."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from detectors.incidents.signals import Signal

# Minimum width of a range, as a share of the expected value.
_NARROWEST: Final = 0.05


class Evidence(NamedTuple):
    """Evidence of one incident.

    ``worst`` has the strongest signal of each channel, ``first`` the first one. ``error_kinds`` are failed queries
    beyond what is usual; ``settled`` is the ratio of latency to what was expected a quarter of an hour after latency
    first stood out, ``None`` before.
    """

    started_at: datetime
    at: datetime
    first: Mapping[str, Signal]
    worst: Mapping[str, Signal]
    error_kinds: Mapping[str, float]
    settled: float | None = None

    @property
    def dominant_error(self) -> str:
        """The most frequent error kind among the additional failures, ``""`` where none is known."""
        return max(self.error_kinds, key=lambda kind: self.error_kinds[kind], default="")

    def error_share(self, *kinds: str) -> float:
        """Return the share of these kinds among the additional failures."""
        total = sum(self.error_kinds.values())
        return sum(self.error_kinds.get(kind, 0.0) for kind in kinds) / total if total > 0 else 0.0


def distance(signal: Signal) -> float:
    """Return the distance of observed from expected, in units of the range."""
    above = signal.observed >= signal.expected
    room = signal.upper - signal.expected if above else signal.expected - signal.lower
    return abs(signal.observed - signal.expected) / max(room, _NARROWEST * abs(signal.expected), 1e-9)


def ratio(signal: Signal) -> float:
    """Return observed divided by expected."""
    return signal.observed / max(signal.expected, 1e-9)
