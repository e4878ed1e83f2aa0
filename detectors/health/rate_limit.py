"""Predicts when the quota of an API will be exhausted.

Times are seconds since 1970; usage is 0 to 1 and resets with each window of the provider.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0

HORIZON_MINUTES: Final = 60.0
NEARLY_FULL: Final = 0.98
"""Usage at which the quota counts as exhausted."""
# Below this usage a steep rise is ignored.
_NOTABLE: Final = 0.6
# Above this usage on normal days, exhaustion counts as normal.
_ORDINARILY_FULL: Final = 0.9
_FALLEN: Final = 0.05
_POINTS: Final = 4
# Usage and slope above those of normal days, or a slope so high that usage does not matter.
_STEEPER, _MUCH_STEEPER = 1.2, 2.0
_BAR_FACTOR, _BAR_MARGIN = 1.1, 0.05
# Decay of a learned peak: 3 % a day.
_FADING_PER_DAY: Final = 0.97
_WARM_AFTER: Final = _DAY
# Learning rate of a new peak: at first, later, and during an alarm.
_WEIGHT_COLD, _WEIGHT, _WEIGHT_ALARMING = 1.0, 0.2, 0.02
_COLD_BAR: Final = 0.8
_SILENT_AFTER: Final = 3 * _HOUR


class QuotaForecast(NamedTuple):
    """``minutes_left`` until the quota is exhausted (0 when it is), at ``usage``; normal days stay below ``bar``."""

    usage: float
    bar: float
    minutes_left: float


@dataclass(slots=True)
class QuotaWatch:
    """Tracks the slope of usage in the present window, and the peaks and slopes of normal days."""

    first_at: float | None = None
    ramp: list[list[float]] = field(default_factory=list)
    peak: float = 0.0
    steepest: float = 0.0
    forecast: QuotaForecast | None = None

    def observe(self, at: float, usage: float) -> None:
        """Add a usage report."""
        if self.first_at is None:
            self.first_at = at
        since = at - self.ramp[-1][0] if self.ramp else 0.0
        if self.ramp and usage < self.ramp[-1][1] - _FALLEN:
            self.ramp = []
        self.ramp = [*self.ramp, [at, usage]][-_POINTS:]
        slope = self._slope()
        warm = at - self.first_at >= _WARM_AFTER
        self.forecast = self._judge(usage, slope, warm=warm)
        fading = _FADING_PER_DAY ** (since / _DAY)
        self.peak, self.steepest = self.peak * fading, self.steepest * fading
        weight = _WEIGHT_ALARMING if self.forecast is not None else _WEIGHT if warm else _WEIGHT_COLD
        self.peak += weight * max(usage - self.peak, 0.0)
        self.steepest += weight * max(slope - self.steepest, 0.0)

    def standing(self, now: float) -> QuotaForecast | None:
        """Return the prediction from the last report, ``None`` where there is no danger or reports have stopped."""
        if self.forecast is None or now - self.ramp[-1][0] > _SILENT_AFTER:
            return None
        elapsed = (now - self.ramp[-1][0]) / _MINUTE
        return self.forecast._replace(minutes_left=max(self.forecast.minutes_left - elapsed, 0.0))

    def _judge(self, usage: float, slope: float, *, warm: bool) -> QuotaForecast | None:
        bar = min(_BAR_FACTOR * self.peak + _BAR_MARGIN, NEARLY_FULL) if warm else _COLD_BAR
        if usage >= NEARLY_FULL:
            return QuotaForecast(usage, bar, 0.0) if not warm or self.peak < _ORDINARILY_FULL else None
        minutes_left = (1.0 - usage) / slope / _MINUTE if slope > 0 else float("inf")
        factor = _STEEPER if usage > bar else _MUCH_STEEPER
        unusual = slope > factor * self.steepest if warm else usage > bar
        if unusual and usage > _NOTABLE and minutes_left <= HORIZON_MINUTES:
            return QuotaForecast(usage, bar, minutes_left)
        if self.forecast is not None and usage > bar:
            return QuotaForecast(usage, bar, min(minutes_left, HORIZON_MINUTES))
        return None

    def _slope(self) -> float:
        """Return the mean rise per second over the present ramp's last points, 0 where it has one point."""
        (first_at, first), (last_at, last) = self.ramp[0], self.ramp[-1]
        return max(last - first, 0.0) / (last_at - first_at) if last_at > first_at else 0.0

    def to_state(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "forecast": None if self.forecast is None else list(self.forecast)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> QuotaWatch:
        """Return an object restored from this state."""
        forecast = state["forecast"]
        return cls(**{**state, "forecast": None if forecast is None else QuotaForecast(*forecast)})
