"""A labelled per-minute series: what every world makes and every contender reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from simulator.arrays import Floats, Ints

DAY: Final = 1440
"""Minutes of a day."""


class Label(NamedTuple):
    """An incident in minutes of its series: ``[start, end)``; ``start`` is when it begins to have an effect."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class LabelledSeries:
    """One series, one entry per minute from ``first`` (epoch seconds) on.

    ``volume`` is its mean number of events per minute; minutes that are ``lost`` were not observed at all.
    """

    name: str
    volume: float
    first: int
    counts: Ints
    errors: Ints
    log_sums: Floats
    log_squares: Floats
    labels: tuple[Label, ...]
    lost: frozenset[int] = frozenset()

    @property
    def minutes(self) -> int:
        """How long it is."""
        return len(self.counts)

    def observations(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (minute, what a detector is told), without what was lost."""
        columns = zip(
            self.counts.tolist(), self.errors.tolist(), self.log_sums.tolist(), self.log_squares.tolist(), strict=True
        )
        for minute, (count, errors, log_sum, log_squares) in enumerate(columns):
            if minute not in self.lost:
                yield (
                    minute,
                    {
                        "time": self.first + 60 * minute,
                        "count": count,
                        "errors": errors,
                        "log_latency_sum": log_sum,
                        "log_latency_squares": log_squares,
                    },
                )
