"""Performance anomalies of one series: errors, volume and latency per interval, each against its own history.

Use it like any river detector, or in one pass::

    detector = PerformanceDetector()
    verdict = detector.process_one(
        {"time": 1_767_225_600, "count": 42, "errors": 1, "log_latency_sum": 231.0, "log_latency_squares": 1290.4}
    )
    for signal in verdict.signals: ...

A value that is missing, ``None`` or not finite is unknown, which differs from 0; an interval that is not passed was not
observed. Pass the silent intervals of a series too, with a count of 0, so that silence is detected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from river.base import AnomalyDetector

from detectors.incidents.signals import Signal
from detectors.performance import error_channel as errors
from detectors.performance import latency_channel as latency
from detectors.performance import volume_channel as volume
from detectors.performance.alarm import Alarm
from detectors.performance.error_channel import ErrorChannel
from detectors.performance.intervals import INSTANT, LONG, SHORT, IntervalCounts, Recent, Window
from detectors.performance.latency_channel import LatencyChannel
from detectors.performance.recurring_alarms import RecurringAlarms
from detectors.performance.volume_channel import NOTHING, VolumeChannel
from detectors.tail_probability import deviation_of
from detectors.validation import errors_of, index_of, known, latency_of
from models.counting import counted

THRESHOLDS: Final[dict[str, float]] = {
    "errors": errors.THRESHOLD,
    "volume": volume.THRESHOLD,
    "latency": latency.THRESHOLD,
}
"""By channel: the threshold of -log10 p, from a budget of 0.02 false alarms per series and day."""

_UNITS: Final = {"errors": "%", "volume": "per minute", "latency": "ms"}
_DETAILS: Final = {
    "errors": "{window.errors:.0f} of {window.known:.0f} failed within {span}",
    "volume": "{window.events:.0f} within {span}",
    "latency": "{answers} within {span}",
}
_SHORT_MINUTES: Final = 5.0
_INSTANT_IN_SHORT: Final = 0.6
_LONG_IN_SHORT: Final = 3
_MAX_SHORT: Final = 5
# Learning rate during an alarm, and the time after which an anomaly is accepted as the new normal.
_DOUBTED_WEIGHT: Final = 0.02
_PATIENCE_HOURS: Final = 12.0
_PATIENCE_WINDOWS: Final = 8


class Verdict(NamedTuple):
    """The result for one interval.

    Attributes
    ----------
    score
        The largest of ``scores``; above 1 is anomalous.
    is_anomaly
        Whether it is.
    signals
        One for each channel above its threshold.
    scores
        By channel, -log10 p divided by its threshold; empty where nothing is unusual.
    warm
        Whether the baselines are warm; before that a score of 0 has no meaning.
    """

    score: float
    is_anomaly: bool
    signals: tuple[Signal, ...]
    scores: Mapping[str, float]
    warm: bool


_QUIET_VERDICT: Final = Verdict(0.0, False, (), {}, True)
_COLD_VERDICT: Final = Verdict(0.0, False, (), {}, False)


class _Finding(NamedTuple):
    channel: str
    score: float
    which: int
    window: Window
    accumulated: bool = False


_Following = tuple[tuple[float, Window], tuple[float, Window]]
"""CUSUM of fewer and of more calls after the current interval."""


class _Assessment(NamedTuple):
    verdict: Verdict
    windows: Sequence[Window]
    loud: Sequence[str]  # channels above their threshold, recurring alarms included
    following: _Following | None


class PerformanceDetector(AnomalyDetector):
    """Count-aware anomaly detector with a threshold per channel.

    Errors are judged by an overdispersed Poisson tail against a slow error rate, volume (in both directions) against
    the profile of the week times a fast level, and the mean of ln(1 + ms) against its usual value at this hour; each
    over the last 5 and the last 15 minutes. Baselines learn only intervals that have left both windows, and hardly
    anything during an alarm.

    ``score_one`` returns 0 or more, above 1 means anomalous. While cold it scores 0 (see ``Verdict.warm``): errors and
    latency need 150 events, volume a day.

    Parameters
    ----------
    interval
        Length of an interval; ``None`` is a minute. The windows are 5 and 15 minutes, at most 5 and 15
        intervals, at least 1 and 3.

    Examples
    --------
    >>> from detectors.performance.detector import PerformanceDetector
    >>> detector = PerformanceDetector()
    >>> quiet = {"count": 40, "errors": 1, "log_latency_sum": 220.0, "log_latency_squares": 1220.0}
    >>> for minute in range(120):
    ...     detector.learn_one({"time": 60 * minute, **quiet})
    >>> detector.score_one({"time": 60 * 120, **quiet, "errors": 30}) > 1
    True
    """

    def __init__(self, interval: timedelta | None = None) -> None:
        self.interval = interval
        self._seconds = 60.0 if interval is None else interval.total_seconds()
        hours = self._seconds / 3600.0
        short = max(1, min(_MAX_SHORT, int(_SHORT_MINUTES * 60.0 / self._seconds)))
        self._lengths = (max(1, round(_INSTANT_IN_SHORT * short)), short, _LONG_IN_SHORT * short)
        long_hours = self._lengths[-1] * hours
        self._alarm = Alarm(max(_PATIENCE_HOURS, _PATIENCE_WINDOWS * long_hours) / hours)
        self._recent = Recent(self._lengths)
        self._habits = RecurringAlarms(THRESHOLDS)
        self._thresholds = THRESHOLDS

        def decay(half_life_hours: float) -> float:
            # A level that adapts faster than a few long windows would follow the anomaly itself.
            return float(0.5 ** (hours / max(half_life_hours, 4.0 * long_hours)))

        self._errors = ErrorChannel(decay(errors.HALF_LIFE_HOURS), decay(errors.FAST_HALF_LIFE_HOURS))
        self._latency = LatencyChannel(decay(latency.HALF_LIFE_HOURS), decay(latency.FAST_HALF_LIFE_HOURS))
        self._volume = VolumeChannel(decay(volume.SLOW_HALF_LIFE_HOURS), decay(volume.FAST_HALF_LIFE_HOURS))
        self._busy_index = 0
        self._learned_index = 0
        self._learned_calls_index = 0

    def set_thresholds(self, thresholds: Mapping[str, float]) -> None:
        """Alarm at other thresholds (of ``THRESHOLDS``) from the next interval on; they are no part of the state."""
        self._thresholds = {channel: thresholds[channel] for channel in THRESHOLDS}
        self._volume.set_threshold(self._thresholds["volume"])

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how anomalous an interval is, without learning: above 1 is anomalous."""
        interval = self._interval(x)
        return 0.0 if interval is None else self._assess(interval).verdict.score

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn from an interval; one that is not newer than the last is ignored."""
        self.process_one(x)

    def process_one(self, x: Mapping[Any, Any]) -> Verdict:
        """Score an interval, then learn from it; one that is not newer than the last is ignored."""
        interval = self._interval(x)
        if interval is None:
            return _COLD_VERDICT
        assessment = self._assess(interval)
        self._learn(interval, assessment)
        return assessment.verdict

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values; floats survive JSON exactly."""
        return {
            "interval": self._seconds,
            "recent": self._recent.to_state(),
            "errors": self._errors.to_state(),
            "latency": self._latency.to_state(),
            "volume": self._volume.to_state(),
            "habits": self._habits.to_state(),
            "busy": self._busy_index,
            "learned": [self._learned_index, self._learned_calls_index],
            "alarm": self._alarm.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> PerformanceDetector:
        """Return a detector restored exactly from ``to_state``."""
        detector = cls(timedelta(seconds=state["interval"]))
        detector._recent.restore(state["recent"])
        detector._errors.restore(state["errors"])
        detector._latency.restore(state["latency"])
        detector._volume.restore(state["volume"])
        detector._habits.restore(state["habits"])
        detector._busy_index = state["busy"]
        detector._learned_index, detector._learned_calls_index = state["learned"]
        detector._alarm.restore(state["alarm"])
        return detector

    def _interval(self, x: Mapping[Any, Any]) -> IntervalCounts | None:
        index, count = index_of(x, self._seconds), known(x.get("count"))
        if index is None or count is None or count < 0.0:
            return None
        last = self._recent.last_number
        if last is not None and index <= last:
            return None
        middle = (index + 0.5) * self._seconds
        hour = int(middle // 3600)
        usual, doubt = self._volume.usual(hour, middle / 3600.0 - hour)
        if count == 0.0:
            return IntervalCounts(index, hour, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, usual, doubt)
        return IntervalCounts(
            index,
            hour,
            count,
            *errors_of(x, count),
            *latency_of(x, count, self._latency.variance),
            usual,
            doubt,
        )

    def _assess(self, interval: IntervalCounts) -> _Assessment:
        silent = interval.events == 0.0 and interval.number - self._busy_index >= self._lengths[-1]
        if silent and self._volume.level(interval.hour) * interval.usual * self._lengths[-1] < 1.0:
            return _Assessment(_QUIET_VERDICT if self._errors.warm else _COLD_VERDICT, (), (), None)
        windows = self._recent.windows(interval)
        warm = self._errors.warm or self._volume.warm(interval.hour)
        if not warm:
            return _Assessment(_COLD_VERDICT, windows, (), None)
        following = self._volume.next_accumulated(interval)
        findings = [*self._findings(interval.hour, windows), *self._accumulated(interval.hour, following)]
        if not findings:
            return _Assessment(_QUIET_VERDICT, windows, (), following)
        bar = self._alarm.bar(interval.number)
        loudest = {one.channel: one for one in sorted(findings, key=lambda one: one.score)}
        scores = {channel: one.score / (bar * self._thresholds[channel]) for channel, one in loudest.items()}
        loud = [channel for channel, score in scores.items() if score > 1.0]
        alarming = [channel for channel in loud if not self._habits.has(channel, interval.hour)]
        for channel in loud:
            if channel not in alarming:
                del scores[channel]
        score = max(scores.values(), default=0.0)
        signals = tuple(self._signal(loudest[channel], bar, interval) for channel in alarming)
        return _Assessment(Verdict(score, score > 1.0, signals, scores, warm), windows, loud, following)

    def _accumulated(self, hour: int, following: _Following) -> list[_Finding]:
        if following is NOTHING:
            return []
        scored = [(self._volume.accumulated_score(one, hour), one[1]) for one in following if one[0] > 0.0]
        return [_Finding("volume", score, LONG, window, accumulated=True) for score, window in scored if score > 0.0]

    def _findings(self, hour: int, windows: Sequence[Window]) -> list[_Finding]:
        found: list[_Finding] = []
        longest = windows[LONG]
        failing = self._errors.may_score(longest)
        slow = self._latency.may_score(longest)
        busy = self._volume.may_score(longest, hour)
        if failing:
            scores = self._errors.scores(windows)
            found += [_Finding("errors", score, which, windows[which]) for which, score in scores]
        if slow:
            scores = self._latency.scores(windows, hour)
            found += [_Finding("latency", score, which, windows[which]) for which, score in scores]
        if busy:
            scores = self._volume.scores(windows, hour)
            found += [_Finding("volume", score, which, windows[which]) for which, score in scores]
        return found

    def _learn(self, interval: IntervalCounts, assessment: _Assessment) -> None:
        verdict, windows, loud, following = assessment
        index = interval.number
        self._habits.note(interval.hour, loud)
        if interval.events > 0.0:
            self._busy_index = index
        if verdict.is_anomaly and self._alarm.sound(index):
            self._accept({signal.channel for signal in verdict.signals})
        for ripe in self._recent.add(interval):
            weight = _DOUBTED_WEIGHT if self._alarm.doubts(ripe.number) else 1.0
            part = (ripe.number + 0.5) * self._seconds / 3600.0 - ripe.hour
            self._volume.learn(ripe, part, ripe.number - self._learned_index, weight)
            self._learned_index = ripe.number
            if ripe.events > 0.0:
                steps = ripe.number - self._learned_calls_index
                self._errors.learn(ripe, steps, weight)
                self._latency.learn(ripe, steps, weight)
                self._learned_calls_index = ripe.number
        if following is not None:
            self._volume.keep(following)
        self._calibrate(interval, windows, _DOUBTED_WEIGHT if verdict.is_anomaly else 1.0)

    def _calibrate(self, interval: IntervalCounts, windows: Sequence[Window], weight: float) -> None:
        if interval.number % self._lengths[SHORT]:
            return  # the long window is three short ones
        for which, window in enumerate(windows):
            if which == INSTANT:
                continue
            length = self._lengths[which]
            # Non-overlapping windows without gaps.
            if interval.number % length == 0 and window.intervals == length:
                self._errors.calibrate(window, which, weight)
                self._latency.calibrate(window, which, interval.hour, weight)
                self._volume.calibrate(window, which, interval.hour, weight)

    def _accept(self, channels: set[str]) -> None:
        if "errors" in channels:
            self._errors.forget()
        if "latency" in channels:
            self._latency.forget()
        if "volume" in channels:
            self._volume.accept()

    def _signal(self, finding: _Finding, bar: float, interval: IntervalCounts) -> Signal:
        channel, score, which, window, accumulated = finding
        length = window.intervals if accumulated else self._lengths[which]
        minutes = length * self._seconds / 60.0
        threshold = bar * self._thresholds[channel]
        # A CUSUM has no confidence interval of one window: its range is the minimum effect.
        z = 0.0 if accumulated else deviation_of(threshold)
        values = self._range(channel, which, interval.hour, window, z)
        observed, expected, lower, upper = values
        return Signal(
            channel=channel,
            at=datetime.fromtimestamp(interval.number * self._seconds, UTC),
            score=score,
            threshold=threshold,
            observed=observed,
            expected=expected,
            lower=lower,
            upper=upper,
            unit=_UNITS[channel],
            detail=_DETAILS[channel].format(
                window=window,
                span=counted(minutes, "minute", shown=f"{minutes:g}"),
                answers=counted(round(window.timed), "answer"),
            ),
        )

    def _range(self, channel: str, which: int, hour: int, window: Window, z: float) -> tuple[float, ...]:
        """Return the observed and expected value and the range of ``z`` deviations, in the channel's unit."""
        if channel == "errors":
            low, high = self._errors.bounds(window, which, z)
            percent = 100.0 / window.known
            return window.errors * percent, 100.0 * self._errors.rate, low * percent, high * percent
        if channel == "latency":
            low, high = self._latency.bounds(window, which, hour, z)
            mean, expected = window.log_sum / window.timed, self._latency.expected(hour)
            return math.expm1(mean), math.expm1(expected), math.expm1(low), math.expm1(high)
        low, high = self._volume.bounds(window, which, hour, z)
        minutes = window.intervals * self._seconds / 60.0
        expected, _, _ = self._volume.expected(window, hour)
        return window.events / minutes, expected / minutes, low / minutes, high / minutes
