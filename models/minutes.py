"""One minute of one tenant and provider: the input of the detectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

# A tenant (the bytes of its UUID) and one of its providers.
Series = tuple[bytes, str]


@dataclass(slots=True)
class MinuteCounts:
    """Queries, failures by kind, and the sums of ln(1 + response time in ms) and of its square."""

    queries: int = 0
    errors: int = 0
    log_latency_sum: float = 0.0
    log_latency_squares: float = 0.0
    error_kinds: dict[str, int] = field(default_factory=dict)


def place_of(series: Series) -> str:
    """Return the name of a series, which its state is signed for and which logs show."""
    return f"{UUID(bytes=series[0])}/{series[1]}"
