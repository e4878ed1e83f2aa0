"""Anomalies of any single numeric series: what stands out against its own past, whatever its scale and interval.

Use it like any river detector, or in one pass::

    detector = ValueDetector()
    verdict = detector.process_one({"time": 1_767_225_600, "value": 42.0})
    for signal in verdict.signals: ...

A value that is missing, ``None`` or not finite is a gap and teaches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from river.base import AnomalyDetector

from detectors.performance import Verdict
from detectors.season_profile import DAY, SeasonProfile
from detectors.signals import Signal
from detectors.value_cadence import Cadence
from detectors.value_channel import ValueChannel
from detectors.value_flatline import Flatline
from detectors.value_levels import Contrast, NextValue

# False alarms in expectation: one in so many values, and not more than this a day.
_PER_VALUE: Final = 1e-4
_PER_DAY: Final = 0.05
# Running means against longer ones, by their rates; and what share of the budget each way of looking has. Means move
# slowly, so that several values in a row are beyond together: they may be rare less often than a single value.
_CONTRASTS: Final = ((0.3, 0.03), (0.08, 0.01))
_NAMES: Final = ("spike", "shift", "slow_shift", "flatline")
_SHARES: Final = (0.4, 0.3, 0.2)
# Nothing is said about the first values, and what is said is taken back by this much at first.
_COLD: Final = 40
_CAUTION: Final = 80.0
# How far, in usual deviations, one value may move a short and a long running mean.
_MOST_SHORT: Final = 12.5
_MOST_LONG: Final = 3.0
_TRUSTED: Final = 20
# What is smaller, relative to the values, is rounding: a constant must not seem to move by it.
_ROUNDING: Final = 1e-12
_GAP: Final = 1.5
_MOST_AFTER_GAP: Final = 4.0

_DETAILS: Final = {
    "spike": "far from what the values before foretold",
    "shift": "the mean of the last few values has moved",
    "slow_shift": "the mean of the last dozen values has moved",
    "flatline": "the same value for longer than ever of late",
}

_COLD_VERDICT: Final = Verdict(0.0, False, (), {}, False)


class _Look(NamedTuple):
    """One way of looking at a value: what is seen, what was expected, and how much noise is due."""

    observed: float
    expected: float
    factor: float

    @property
    def deviation(self) -> float:
        """How far apart the two are; 0 where it may be but rounding."""
        apart = self.observed - self.expected
        return 0.0 if abs(apart) <= _ROUNDING * abs(self.observed) else apart


class _Sight(NamedTuple):
    """A value as all ways of looking see it; ``season`` and ``noise`` are those of its time."""

    season: float
    noise: float
    looks: list[_Look]


class ValueDetector(AnomalyDetector):
    """Robust seasonal detector with causally calibrated tails, for one series of numbers.

    The season of day and week, as far as it helps, is taken off. What is left is looked at in five ways: the next value
    against the foretold one, three short running means against longer ones, and how long it stays the same. Each has
    its own scale and its own tail on either side, learned online, so that what this series often does is no alarm,
    whatever its distribution. After a level shift it alarms, then takes the new level for normal.

    ``score_one`` returns 0 or more, above 1 means anomalous. Cold (40 values), it is quiet and scores 0
    (``Verdict.warm`` tells). Strictly causal: nothing, not even a scale, comes from later values.

    Parameters
    ----------
    interval
        Time between values; told from the first of them if not given.

    Examples
    --------
    >>> import random
    >>> from detectors.value import ValueDetector
    >>> rng, detector = random.Random(7), ValueDetector()
    >>> for n in range(500):
    ...     detector.learn_one({"time": 300 * n, "value": rng.gauss(20, 2)})
    >>> detector.score_one({"time": 300 * 500, "value": 21.0}) > 1
    False
    >>> detector.score_one({"time": 300 * 500, "value": 60.0}) > 1
    True
    """

    def __init__(self, interval: timedelta | None = None) -> None:
        self.interval = interval
        self._cadence = Cadence(None if interval is None else interval.total_seconds())
        self._season = SeasonProfile()
        self._next = NextValue()
        self._contrasts = [Contrast(short, long) for short, long in _CONTRASTS]
        self._flatline = Flatline()
        self._channels = [ValueChannel() for _ in _SHARES]
        self._targets: list[float] = []
        self._target_of_all = 0.0
        self._time: float | None = None
        self._seen = 0
        self._set_budget()

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how anomalous a value is, without learning: above 1 is anomalous."""
        known = self._known(x)
        return 0.0 if known is None else self._judge(*known, self._sight(*known).looks).score

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn from a value; one that is not newer than the last is ignored."""
        known = self._known(x)
        if known is not None:
            self._learn(*known, self._sight(*known))

    def process_one(self, x: Mapping[Any, Any]) -> Verdict:
        """Judge a value, then learn from it; one that is not newer than the last is ignored."""
        known = self._known(x)
        if known is None:
            return _COLD_VERDICT
        sight = self._sight(*known)
        verdict = self._judge(*known, sight.looks)
        self._learn(*known, sight)
        return verdict

    def to_state(self) -> dict[str, Any]:
        """Return everything learned as plain JSON values; floats survive JSON exactly."""
        return {
            "interval": None if self.interval is None else self.interval.total_seconds(),
            "cadence": self._cadence.to_state(),
            "season": self._season.to_state(),
            "next": self._next.to_state(),
            "contrasts": [contrast.to_state() for contrast in self._contrasts],
            "flatline": self._flatline.to_state(),
            "channels": [channel.to_state() for channel in self._channels],
            "time": self._time,
            "seen": self._seen,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ValueDetector:
        """Return a detector that goes on exactly where the one that gave ``to_state`` stopped."""
        interval = state["interval"]
        detector = cls(None if interval is None else timedelta(seconds=interval))
        detector._cadence.restore(state["cadence"])
        detector._season.restore(state["season"])
        detector._next.restore(state["next"])
        for contrast, kept in zip(detector._contrasts, state["contrasts"], strict=True):
            contrast.restore(kept)
        detector._flatline.restore(state["flatline"])
        for channel, kept in zip(detector._channels, state["channels"], strict=True):
            channel.restore(kept)
        detector._time, detector._seen = state["time"], state["seen"]
        detector._set_budget()
        return detector

    def _known(self, x: Mapping[Any, Any]) -> tuple[float, float] | None:
        """Return time and value, or nothing where there is no value or its time has gone by."""
        time, value = x.get("time"), x.get("value")
        if time is None or value is None or not math.isfinite(time) or not math.isfinite(value):
            return None
        if self._time is not None and time <= self._time:
            return None
        return float(time), float(value)

    @property
    def _per_day(self) -> float:
        interval = self._cadence.interval
        return 0.0 if interval is None else DAY / interval

    def _set_budget(self) -> None:
        per_day = self._per_day
        budget = min(_PER_VALUE, _PER_DAY / per_day) if per_day > 0.0 else _PER_VALUE
        self._target_of_all = -math.log10(budget)
        self._targets = [-math.log10(budget * share) for share in _SHARES]

    def _sight(self, time: float, value: float) -> _Sight:
        season = self._season.expected(time, self._per_day)
        noise = self._season.noise(time, self._per_day)
        rest = value - season
        expected = self._next.expected(rest)
        looks = [_Look(value, expected + season, noise * self._after_gap(time))]
        most = self._most_short(noise)
        for which, contrast in enumerate(self._contrasts):
            short, long = contrast.with_next(rest, most)
            looks.append(_Look(short + season, long + season, noise if which == 0 else math.sqrt(noise)))
        return _Sight(season, noise, looks)

    def _after_gap(self, time: float) -> float:
        """Return how much less certain the next value is for the time that went by without one."""
        if self._time is None or self._cadence.interval is None:
            return 1.0
        intervals = (time - self._time) / self._cadence.interval
        return min(math.sqrt(intervals), _MOST_AFTER_GAP) if intervals > _GAP else 1.0

    def _most_short(self, noise: float) -> float:
        return _MOST_SHORT * self._channels[0].scale * noise if self._seen > _TRUSTED else math.inf

    def _judge(self, time: float, value: float, looks: list[_Look]) -> Verdict:
        if self._seen < _COLD:
            return _COLD_VERDICT
        trust = self._seen / (self._seen + _CAUTION)
        scores = {
            name: trust * channel.score(look.deviation, look.factor, target)
            for name, channel, look, target in zip(_NAMES, self._channels, looks, self._targets, strict=False)
        }
        scores[_NAMES[-1]] = trust * self._flatline.surprise(value) / self._target_of_all
        score = max(scores.values())
        if score <= 1.0:
            return Verdict(score, False, (), scores, True)
        signals = tuple(
            self._signal(which, time, value, looks, one) for which, one in enumerate(scores.values()) if one > 1.0
        )
        return Verdict(score, True, signals, scores, True)

    def _signal(self, which: int, time: float, value: float, looks: list[_Look], score: float) -> Signal:
        look = looks[min(which, len(looks) - 1)]
        stuck = which == len(looks)
        observed = value if stuck else look.observed
        shown = 0 if stuck else which
        below, above = self._channels[shown].bounds(looks[shown].factor, self._targets[shown])
        expected = looks[shown].expected
        return Signal(
            channel=_NAMES[which],
            at=datetime.fromtimestamp(time, UTC),
            score=score,
            threshold=1.0,
            observed=observed,
            expected=expected,
            lower=expected + below,
            upper=expected + above,
            unit="",
            detail=_DETAILS[_NAMES[which]],
        )

    def _learn(self, time: float, value: float, sight: _Sight) -> None:
        season, noise, looks = sight
        usual = self._channels[0].scale * noise
        trusted = self._seen > _TRUSTED
        rest = value - season
        most_short = self._most_short(noise)
        for contrast, channel in zip(self._contrasts, self._channels[1:], strict=True):
            most_long = _MOST_LONG * max(channel.scale, usual) if trusted else math.inf
            contrast.learn(rest, most_short, most_long)
        error = abs(looks[0].deviation)
        bounded = min(error, 6.0 * usual) if trusted and usual > 0.0 else error
        for channel, look, target in zip(self._channels, looks, self._targets, strict=True):
            channel.learn(look.deviation, look.factor, target)
        self._flatline.learn(value)
        self._next.learn(rest, usual)
        self._season.learn(time, value, bounded, self._per_day)
        if self._time is not None:
            self._cadence.learn(time - self._time)
            if self._seen <= _TRUSTED:
                self._set_budget()
        self._time = time
        self._seen += 1
