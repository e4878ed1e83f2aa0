"""Minutes of one series, written briefly: a busy integration that works, and what goes wrong with it."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Final

from models.minutes import MinuteCounts, Series

SERIES: Final[Series] = (bytes(15) + b"\x01", "hubspot")
BEGIN: Final = datetime(2026, 1, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)


def ordinary(number: int, *, rate: int = 20, failing: float = 0.01, slower: float = 1.0) -> MinuteCounts:
    """The ``number``-th minute after ``BEGIN``; the same number is the same minute."""
    chance = random.Random(number)
    logs = [math.log1p(200 * slower * chance.lognormvariate(0, 0.4)) for _ in range(rate + chance.randrange(5))]
    errors = sum(chance.random() < failing for _ in logs)
    kinds = {"provider_down": errors} if errors else {}
    return MinuteCounts(len(logs), errors, sum(logs), sum(log * log for log in logs), kinds)


def at(number: int) -> datetime:
    """When the ``number``-th minute begins."""
    return BEGIN + number * MINUTE


def with_outage(minutes: int, *, first: int, last: int) -> list[MinuteCounts]:
    """So many minutes, in which nearly everything fails from ``first`` up to, not including, ``last``."""
    return [ordinary(number, failing=0.9 if first <= number < last else 0.01) for number in range(minutes)]
