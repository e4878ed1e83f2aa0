"""What happened at one tenant and provider in one minute: what detectors are fed with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

# A tenant (the bytes of its UUID) and one of its providers.
Series = tuple[bytes, str]


@dataclass(slots=True)
class MinuteCounts:
    """Queries, how many of them failed and of which kind, and the moments of ln(1 + response time in ms)."""

    queries: int = 0
    errors: int = 0
    log_latency_sum: float = 0.0
    log_latency_squares: float = 0.0
    error_kinds: dict[str, int] = field(default_factory=dict)


def place_of(series: Series) -> str:
    """Return a series in words: what its state is signed for, and what logs call it."""
    return f"{UUID(bytes=series[0])}/{series[1]}"
