"""Anomalies of any single numeric series against its own history, for any scale and interval.

Use it like any river detector, or in one pass::

    detector = ValueDetector()
    verdict = detector.process_one({"time": 1_767_225_600, "value": 42.0})
    for signal in verdict.signals: ...

A value that is missing, ``None`` or not finite is a gap and teaches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from river.base import AnomalyDetector

from detectors.incidents.signals import Signal
from detectors.performance.detector import Verdict
from detectors.series.batches import BY_PERIOD, Batches
from detectors.series.budget import LOOKS, budget
from detectors.series.cadence import Cadence
from detectors.series.channel import ValueChannel, look_at
from detectors.series.counter import Counter
from detectors.series.flatline import Flatline
from detectors.series.habits import Trust
from detectors.series.levels import Contrast, NextValue
from detectors.series.noise_level import NoiseLevel
from detectors.series.same_hours import SameHours
from detectors.series.season_profile import SeasonProfile
from detectors.series.sight import Sight
from detectors.series.signals import CHANNELS, value_signal
from detectors.series.state import VERSION, upgraded
from detectors.series.usual_level import UsualLevel

# Rates of the short and long running means.
_CONTRASTS: Final = ((0.3, 0.03), (0.08, 0.01))
# Exponent of the norm that combines the channels' scores: alone, each counts as it is, and two of 0.9 are an alarm.
_AGREEMENT: Final = 6.0
# Number of warm-up values.
_COLD: Final = 40
# A tail is an extrapolation beyond the number of values seen; it is trusted for this many powers of ten.
_BEYOND: Final = 3.5
# Factor of a step back towards the usual level.
_RETURN: Final = 2.0
# Cap of one value in each short running mean, and in the long ones, in usual deviations: a spike has its own channel.
_MAX_SHORT: Final = (6.0, 2.5)
_MAX_LONG: Final = 3.0
_TRUSTED: Final = 20
_GAP: Final = 1.5
_MAX_AFTER_GAP: Final = 10.0
# Decay of the uncertainty after a gap, per value.
_SETTLES: Final = 0.1
# Up to this uncertainty the size of a deviation says something about noise.
_SETTLED: Final = 1.1

_COLD_VERDICT: Final = Verdict(0.0, False, (), {}, False)


class ValueDetector(AnomalyDetector):
    """Robust seasonal detector with causally calibrated tails, for one series of numbers.

    The daily and weekly season is removed as far as it improves the forecast, and batches at fixed times are reduced to
    what differs from other batches. The remainder has seven channels: the value against its forecast, three short
    running means against longer ones, one against the same hours of earlier days, the size of recent deviations against
    the usual one, and the length of constant runs. Each has its own scale and its own tails, learned online, so that no
    distribution is assumed. Several channels near their thresholds are an alarm together. After a level shift it
    alarms, then accepts the new level.

    ``score_one`` returns 0 or more, above 1 means anomalous. While cold (40 values) it scores 0 (see ``Verdict.warm``).
    Strictly causal: nothing, not even a scale, comes from later values.

    Parameters
    ----------
    interval
        Time between values; estimated from the first ones if not given.

    Examples
    --------
    >>> import random
    >>> from detectors.series.detector import ValueDetector
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
        self._counter = Counter()
        self._time: float | None = None
        self._doubt = 1.0
        self._batches = Batches()
        self._begin()

    def _begin(self) -> None:
        """Reset everything learned, at first and when the series turns out to be a counter."""
        self._season = SeasonProfile()
        self._next = NextValue()
        self._contrasts = [Contrast(short, long) for short, long in _CONTRASTS]
        self._flatline = Flatline()
        self._trust = Trust()
        self._channels = [ValueChannel() for _ in range(LOOKS)]
        self._noise = NoiseLevel()
        self._level = UsualLevel()
        self._hours = SameHours()
        self._budget = budget(self._cadence.interval)
        self._seen = 0

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how anomalous a value is, without learning: above 1 is anomalous."""
        known = self._known(x)
        value = None if known is None else self._shown(known[1])
        if known is None or value is None:
            return 0.0
        return self._judge(known[0], value, self._sight(*known, value)).score

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn from a value; one that is not newer than the last is ignored."""
        self.process_one(x)

    def process_one(self, x: Mapping[Any, Any]) -> Verdict:
        """Score a value, then learn from it; one that is not newer than the last is ignored."""
        known = self._known(x)
        if known is None:
            return _COLD_VERDICT
        time, raw = known
        value = self._shown(raw)
        verdict = _COLD_VERDICT._replace(warm=self._seen >= _COLD)
        if value is not None:
            sight = self._sight(time, raw, value)
            verdict = self._judge(time, value, sight)
            self._learn(time, value, sight, verdict)
            self._learn_batches(time, value, sight)
        self._pass(time, raw)
        return verdict

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values; floats survive JSON exactly."""
        return {
            "version": VERSION,
            "interval": None if self.interval is None else self.interval.total_seconds(),
            "cadence": self._cadence.to_state(),
            "counter": self._counter.to_state(),
            "trust": self._trust.to_state(),
            "season": self._season.to_state(),
            "next": self._next.to_state(),
            "contrasts": [contrast.to_state() for contrast in self._contrasts],
            "flatline": self._flatline.to_state(),
            "channels": [channel.to_state() for channel in self._channels],
            "noise": self._noise.to_state(),
            "level": self._level.to_state(),
            "hours": self._hours.to_state(),
            "batches": self._batches.to_state(),
            "time": self._time,
            "doubt": self._doubt,
            "seen": self._seen,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ValueDetector:
        """Return a detector restored exactly from ``to_state``.

        States of earlier versions are converted (``detectors.series.state``).

        Raises
        ------
        ValueError
            A later version of the program made the state.
        """
        interval = state["interval"]
        detector = cls(None if interval is None else timedelta(seconds=interval))
        state = upgraded(state, detector._counter.to_state(), detector._trust.to_state())
        detector._cadence.restore(state["cadence"])
        detector._counter.restore(state["counter"])
        detector._trust.restore(state["trust"])
        detector._season.restore(state["season"])
        detector._next.restore(state["next"])
        for contrast, kept in zip(detector._contrasts, state["contrasts"], strict=True):
            contrast.restore(kept)
        detector._flatline.restore(state["flatline"])
        for channel, kept in zip(detector._channels, state["channels"], strict=True):
            channel.restore(kept)
        # States of versions before do not have these, and they begin anew.
        if "noise" in state:
            detector._noise.restore(state["noise"])
        if "level" in state:
            detector._level.restore(state["level"])
        if "hours" in state:
            detector._hours.restore(state["hours"])
        if "batches" in state:
            detector._batches.restore(state["batches"])
        detector._time, detector._doubt, detector._seen = state["time"], state["doubt"], state["seen"]
        detector._budget = budget(detector._cadence.interval)
        return detector

    def _known(self, x: Mapping[Any, Any]) -> tuple[float, float] | None:
        """Return time and value, or ``None`` where there is no value or its time is not new."""
        time, value = x.get("time"), x.get("value")
        if time is None or value is None or not math.isfinite(time) or not math.isfinite(value):
            return None
        if self._time is not None and time <= self._time:
            return None
        return float(time), float(value)

    def _shown(self, raw: float) -> float | None:
        """Return the analysed value: the value itself, or the increase of a counter; ``None`` after a reset."""
        return self._counter.growth(raw) if self._counter.is_counter else raw

    def _pass(self, time: float, raw: float) -> None:
        """Learn a value's time, and whether the series is a counter."""
        doubt = max(self._doubt, self._after_gap(time))
        self._doubt = 1.0 + (doubt - 1.0) * (1.0 - _SETTLES)
        if self._counter.learn(raw):
            self._batches = Batches()
            self._begin()
        if self._time is not None:
            self._cadence.learn(time - self._time)
            if self._seen <= _TRUSTED:
                self._budget = budget(self._cadence.interval)
        self._time = time

    def _sight(self, time: float, raw: float, value: float) -> Sight:
        season = self._season.expected(time, self._budget.per_day)
        noise = self._season.noise(time, self._budget.per_day)
        place = self._batches.place(time, season, self._budget.per_day)
        value = place.reduced(value)
        rest = value - season
        gap = self._after_gap(time)
        common = self._flatline.common
        expected = self._next.expected(value, season, common, after_gap=gap > 1.0)
        if value == common:
            expected = value  # back towards the usual level
        back = _RETURN if self._next.returns(value, expected, season) else 1.0
        doubt = max(gap, self._doubt)
        size, sparse = abs(raw), common is not None
        looks = [look_at(value, expected, noise * doubt * back, size, sparse=sparse)]
        most, root = self._most_short(noise), math.sqrt(noise)
        for which, contrast in enumerate(self._contrasts):
            short, long = contrast.with_next(rest, most[which])
            due = doubt * (noise if which == 0 else root)
            if common is not None and _between(common, short + season, long + season):
                due *= _RETURN
            looks.append(look_at(short + season, long + season, due, size, sparse=sparse))
        level = self._level.look(rest, season, size, sparse=sparse)
        hours = None
        if not self._next.wanders:
            hours = self._hours.look(time, value, self._budget.per_day, self._level.most, doubt * root, sparse=sparse)
        scatter = self._noise.look(looks[0], self._usual_size(), size) if doubt < _SETTLED else None
        return Sight(place, season, noise, looks, level, hours, scatter)

    def _after_gap(self, time: float) -> float:
        """Return the added uncertainty of the next value after a gap."""
        if self._time is None or self._cadence.interval is None:
            return 1.0
        intervals = (time - self._time) / self._cadence.interval
        return min(math.sqrt(intervals), _MAX_AFTER_GAP) if intervals > _GAP else 1.0

    def _usual_size(self) -> float:
        """Return the usual size of a deviation over its noise, 0 if unknown."""
        return self._channels[0].scale if self._seen > _TRUSTED else 0.0

    def _most_short(self, noise: float) -> tuple[float, float]:
        if self._seen <= _TRUSTED:
            return math.inf, math.inf
        usual = self._channels[0].scale * noise
        return _MAX_SHORT[0] * usual, _MAX_SHORT[1] * usual

    def _judge(self, time: float, value: float, sight: Sight) -> Verdict:
        if self._seen < _COLD:
            return _COLD_VERDICT
        (shown, share), most = self._trust.of(time, self._seen, self._budget.per_day), math.log10(self._seen) + _BEYOND
        scores = {
            name: share * min(channel.score(look, shown, target), most / target)
            for name, channel, look, target in zip(
                CHANNELS, self._channels, sight.looks, self._budget.looks, strict=False
            )
        }
        scores["level"] = share * self._level.score(sight.level, shown, self._budget.level, _BEYOND)
        if sight.hours is not None:
            scores["same_hours"] = share * self._hours.score(sight.hours, shown, self._budget.hours, _BEYOND)
        if sight.scatter is not None:
            scores["noise"] = share * self._noise.score(sight.scatter, shown, self._budget.noise, _BEYOND)
        # The level and the same hours look at the same values: that both are high is no more than one of them.
        less = min(scores["level"], scores.get("same_hours", 0.0))
        powers = sum([(one * one * one) ** 2 for one in scores.values()]) - (less * less * less) ** 2
        together = max(0.0, powers) ** (1.0 / _AGREEMENT)
        scores["flatline"] = (
            shown * share * self._flatline.surprise(value, self._budget.per_day) / self._budget.any_channel
        )
        score = max(together, *scores.values())
        if score <= 1.0:
            return Verdict(score, False, (), scores, True)
        signals = tuple(
            self._signal(channel, time, value, sight, score) for channel, score in scores.items() if score > 1.0
        )
        return Verdict(score, True, signals or (self._agreement(time, sight, scores, score),), scores, True)

    def _signal(self, channel: str, time: float, value: float, sight: Sight, score: float) -> Signal:
        look = sight.of(channel)
        if channel == "noise":
            below, above = self._noise.bounds(look, self._budget.noise)
        elif channel == "level":
            below, above = self._level.bounds(look, self._budget.level)
        elif channel == "same_hours":
            below, above = self._hours.bounds(look, self._budget.hours)
        else:
            which = 0 if channel == "flatline" else CHANNELS.index(channel)
            below, above = self._channels[which].bounds(look, self._budget.looks[which])
        observed, expected, lower, upper = look.observed, look.expected, look.expected + below, look.expected + above
        if channel in {"spike", "flatline"}:
            restored = sight.place.restored
            observed, expected, lower, upper = value, restored(expected), restored(lower), restored(upper)
        return value_signal(channel, time, score, observed=observed, expected=expected, lower=lower, upper=upper)

    def _agreement(self, time: float, sight: Sight, scores: Mapping[str, float], score: float) -> Signal:
        """Return the signal of channels that are an alarm only together, with the range of the highest of them."""
        channel = max(scores, key=lambda channel: (channel != "flatline", scores[channel]))
        look, restored = sight.of(channel), sight.place.restored if channel == "spike" else float
        # What it would take beside the others: about this share of the deviation.
        allowed = abs(look.observed - look.expected) / score
        return value_signal(
            "agreement",
            time,
            score,
            observed=restored(look.observed),
            expected=restored(look.expected),
            lower=restored(look.expected - allowed),
            upper=restored(look.expected + allowed),
        )

    def _learn(self, time: float, value: float, sight: Sight, verdict: Verdict) -> None:
        place, season, noise, looks, level, hours, scatter = sight
        raw, value = value, place.reduced(value)
        usual = self._channels[0].scale * noise
        trusted = self._seen > _TRUSTED
        rest = value - season
        most_short = self._most_short(noise)
        for contrast, channel, most in zip(self._contrasts, self._channels[1:], most_short, strict=True):
            most_long = _MAX_LONG * max(channel.scale, usual) if trusted else math.inf
            contrast.learn(rest, most, most_long)
        error = abs(looks[0].deviation)
        bounded = min(error, 6.0 * usual) if trusted and usual > 0.0 else error
        if scatter is not None:
            self._noise.learn(looks[0], scatter, self._usual_size(), self._budget.noise)
        self._hours.learn(time, value, self._budget.per_day, self._level.most, hours, target=self._budget.hours)
        self._level.learn(rest, level, self._budget.level)
        for channel, look, target in zip(self._channels, looks, self._budget.looks, strict=True):
            channel.learn(look, target)
        self._next.learn(value, season, self._flatline.common, usual)
        self._flatline.learn(raw)
        self._season.learn(time, value, bounded, self._budget.per_day)
        if verdict.warm:
            self._trust.learn(time, verdict.score, self._budget.per_day, self._budget.allowed)
        self._seen += 1

    def _learn_batches(self, time: float, value: float, sight: Sight) -> None:
        found = self._batches.learn(time, value, sight.season, self._budget.per_day, sight.place)
        if found is None:
            return
        if found == BY_PERIOD:
            # Everything learned is of batches and other values alike.
            self._begin()
            return
        for channel in self._channels:
            channel.forget_bursts()
        self._noise.forget_bursts()
        self._level.forget_bursts()
        self._hours.forget_bursts()


def _between(one: float, value: float, other: float) -> bool:
    return one <= value < other or other < value <= one
