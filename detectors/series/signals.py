"""Signals of ``ValueDetector`` and their texts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from detectors.incidents.signals import Signal

_DETAILS: Final = {
    "spike": "far from the value predicted from earlier ones",
    "shift": "the mean of the last few values has moved",
    "slow_shift": "the mean of the last dozen values has moved",
    "level": "the mean of the last 50 values has moved",
    "same_hours": "the mean of the last three hours is not what it was at these hours of earlier days",
    "noise": "the last dozen values scatter more or less than usual",
    "flatline": "the same value for longer than at any time recently",
    "agreement": "no channel alone, but several at once are near their thresholds",
}

CHANNELS: Final = tuple(_DETAILS)
"""The channels."""


def value_signal(
    channel: str, time: float, score: float, *, observed: float, expected: float, lower: float, upper: float
) -> Signal:
    """Return the signal of a channel whose score is above 1, at a time in epoch seconds."""
    return Signal(
        channel=channel,
        at=datetime.fromtimestamp(time, UTC),
        score=score,
        threshold=1.0,
        observed=observed,
        expected=expected,
        lower=lower,
        upper=upper,
        unit="",
        detail=_DETAILS[channel],
    )
