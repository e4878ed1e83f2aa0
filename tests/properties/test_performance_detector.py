"""Whatever it is told, the detector never fails, and a restored one goes on exactly as the other would have."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.performance.detector import PerformanceDetector

MONDAY = 1_767_571_200

_numbers = st.one_of(
    st.none(),
    st.integers(-2, 10_000),
    st.floats(allow_nan=True, allow_infinity=True, width=32),
)
_wild = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("time", "count", "errors", "log_latency_sum", "log_latency_squares"), _numbers),
)


@st.composite
def _minutes(draw: st.DrawFn, least: int = 0, most: int = 40) -> list[dict[str, Any]]:
    """Return minutes in order, with gaps, silence, missing values, and now and then a very bad one."""
    time, minutes = MONDAY, []
    for _ in range(draw(st.integers(least, most))):
        time += 60 * draw(st.sampled_from([1, 1, 1, 1, 2, 20, 700]))
        count = draw(st.sampled_from([0, 1, 8, 40, 45, 300]))
        log = draw(st.floats(4.0, 9.0))
        minute: dict[str, Any] = {"time": time, "count": count}
        if draw(st.integers(0, 9)) > 0:
            minute["errors"] = draw(st.integers(0, count))
            minute |= {"log_latency_sum": count * log, "log_latency_squares": count * (log * log + 0.3)}
        minutes.append(minute)
    return minutes


def _warm() -> PerformanceDetector:
    detector = PerformanceDetector()
    for minute in range(1500):
        count = 30 + minute % 17
        detector.learn_one(
            {
                "time": MONDAY - 60 * (1500 - minute),
                "count": count,
                "errors": int(minute % 3 == 0),
                "log_latency_sum": 5.5 * count,
                "log_latency_squares": (5.5**2 + 0.3) * count,
            }
        )
    return detector


_WARM_STATE = json.dumps(_warm().to_state())


def _through_json(detector: PerformanceDetector) -> PerformanceDetector:
    return PerformanceDetector.from_state(json.loads(json.dumps(detector.to_state())))


@settings(max_examples=30, deadline=None)
@given(before=_minutes(), after=_minutes(least=1))
def test_a_restored_detector_scores_bit_identically(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    detector = PerformanceDetector.from_state(json.loads(_WARM_STATE))
    for minute in before:
        detector.learn_one(minute)
    restored = _through_json(detector)
    later = before[-1]["time"] - MONDAY if before else 0
    for minute in after:
        moved = minute | {"time": minute["time"] + later}
        assert restored.score_one(moved) == detector.score_one(moved)
        assert restored.process_one(moved) == detector.process_one(moved)
    assert restored.to_state() == detector.to_state()


@settings(max_examples=30, deadline=None)
@given(minutes=st.lists(_wild, max_size=20), seconds=st.sampled_from([1, 60, 300, 3600, 86_400]))
def test_nothing_it_is_told_makes_it_fail(minutes: list[dict[str, Any]], seconds: int) -> None:
    detector = PerformanceDetector(timedelta(seconds=seconds))
    for minute in minutes:
        verdict = detector.process_one(minute)
        assert math.isfinite(verdict.score)
        assert verdict.score >= 0.0
        assert verdict.is_anomaly == (verdict.score > 1.0) == bool(verdict.signals)


@settings(max_examples=30, deadline=None)
@given(minutes=_minutes(least=1))
def test_every_signal_lies_outside_its_range_and_beyond_its_threshold(minutes: list[dict[str, Any]]) -> None:
    detector = PerformanceDetector.from_state(json.loads(_WARM_STATE))
    for minute in minutes:
        for signal in detector.process_one(minute).signals:
            assert signal.score > signal.threshold
            assert signal.lower <= signal.expected <= signal.upper
            assert signal.observed < signal.lower or signal.observed > signal.upper


@settings(max_examples=20, deadline=None)
@given(minutes=_minutes(least=20))
def test_the_state_stays_small(minutes: list[dict[str, Any]]) -> None:
    detector = PerformanceDetector.from_state(json.loads(_WARM_STATE))
    for minute in minutes:
        detector.learn_one(minute)
    compact = json.dumps(detector.to_state(), separators=(",", ":")).encode()
    assert len(zstandard.compress(compact)) < 4_000 - 200  # the seal needs some of it
