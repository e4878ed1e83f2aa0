"""Budget of false alarms of a series, and the alarm thresholds of its channels that follow from it."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from detectors.series.season_profile import DAY

# What the tails are asked for: this share of values, and at most this many a day. Measured on series without incidents
# it is less than half. The more values a day, the further the tails are extrapolated, and learned ones are mostly too
# thin: beyond a value in five minutes less is asked for.
_PER_VALUE: Final = 6.4e-4
_PER_DAY: Final = 0.08
# Few values a day may be asked for a larger share, as long as it is at most this many a day.
_PER_SLOW_VALUE: Final = 1.5e-3
_PER_SLOW_DAY: Final = 0.03
_DENSE: Final = 288.0
_EXTRAPOLATED: Final = 1.72
# The share of each channel: of the value and its short running means, of the size of deviations, of the usual level,
# and of the same hours. Running means are correlated in time, so their share is smaller than that of single values.
_SHARES: Final = (0.4, 0.3, 0.2)
_NOISE_SHARE: Final = 0.05
_LEVEL_SHARE: Final = 0.3
_HOURS_SHARE: Final = 0.1
LOOKS: Final = len(_SHARES)
"""The number of channels that look at the value and its short running means."""


class Budget(NamedTuple):
    """Of one series: ``per_day`` values a day (0: unknown), of which ``allowed`` (a share) may be false alarms.

    The others are -log10 p of an alarm: of any channel, of each of ``LOOKS``, of ``noise``, ``level`` and ``hours``.
    """

    per_day: float
    allowed: float
    any_channel: float
    looks: tuple[float, ...]
    noise: float
    level: float
    hours: float


def budget(interval: float | None) -> Budget:
    """Return the budget of a series with a value each ``interval`` seconds, ``None`` while that is not known."""
    per_day = 0.0 if interval is None else DAY / interval
    allowed = _PER_VALUE
    if per_day > 0.0:
        allowed = max(min(_PER_VALUE, _PER_DAY / per_day), min(_PER_SLOW_VALUE, _PER_SLOW_DAY / per_day))
    asked = allowed * (min(1.0, _DENSE / per_day) ** _EXTRAPOLATED if per_day > 0.0 else 1.0)
    return Budget(
        per_day,
        allowed,
        -math.log10(asked),
        tuple(-math.log10(asked * share) for share in _SHARES),
        -math.log10(asked * _NOISE_SHARE),
        -math.log10(asked * _LEVEL_SHARE),
        -math.log10(asked * _HOURS_SHARE),
    )
