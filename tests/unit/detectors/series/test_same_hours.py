"""The mean of three hours is compared with these hours of earlier days."""

from __future__ import annotations

import json
import math
import random

import pytest

from detectors.series.detector import ValueDetector
from detectors.series.same_hours import SameHours
from tests.unit.detectors.series.test_detector import noise

MONDAY = 1_767_571_200.0
FIVE_MINUTES = 300.0
A_DAY = 288
HOUR = 3600.0


def counts(seed: int, days: int, doubled: range) -> list[float]:
    """Return small counts with a season of the day, nearly doubled for some values."""
    rng, values = random.Random(seed), []
    for n in range(days * A_DAY):
        mean = 2.0 * (0.8 - 0.5 * math.cos((n % A_DAY / 12 - 3) * math.pi / 12)) * (1.9 if n in doubled else 1.0)
        count, left, product = 0, math.exp(-mean), rng.random()
        while product > left:
            product *= rng.random()
            count += 1
        values.append(float(count))
    return values


@pytest.mark.parametrize("seed", [2, 7])
def test_twice_the_usual_of_these_hours_is_found_within_three(seed: int) -> None:
    begins = 10 * A_DAY + 120
    detector, found = ValueDetector(), dict[int, set[str]]()
    for n, value in enumerate(counts(seed, 11, range(begins, begins + 80))):
        verdict = detector.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value})
        if verdict.is_anomaly and n >= 5 * A_DAY:
            found[n] = {signal.channel for signal in verdict.signals}
    assert begins <= min(found) < begins + 36
    (first, *_) = [n for n, channels in found.items() if "same_hours" in channels]
    assert first < begins + 36


def test_an_hour_is_known_after_two_days_and_not_soon_after_a_gap() -> None:
    hours = SameHours()

    def look(time: float) -> bool:
        return hours.look(time, 5.0, 24.0 * 12, 10.0, 1.0, sparse=False) is not None

    def learn(time: float) -> None:
        hours.learn(time, 5.0, 24.0 * 12, 10.0, None, target=4.0)

    for n in range(3 * A_DAY):
        time = MONDAY + FIVE_MINUTES * n
        assert look(time) == (n > 2 * A_DAY)
        learn(time)
    back = MONDAY + 3 * A_DAY * FIVE_MINUTES + 5 * HOUR
    seen = []
    for n in range(60):
        seen.append(look(back + FIVE_MINUTES * n))
        learn(back + FIVE_MINUTES * n)
    assert seen == [n >= 36 for n in range(60)]


@pytest.mark.parametrize("interval", [60.0, HOUR])
def test_values_by_the_minute_or_the_hour_are_not_compared(interval: float) -> None:
    detector = ValueDetector()
    for n, value in enumerate(noise(5000)):
        assert "same_hours" not in detector.process_one({"time": MONDAY + interval * n, "value": value}).scores


def test_a_number_far_from_zero_keeps_its_last_digits() -> None:
    detector, plain = ValueDetector(), ValueDetector()
    for n, value in enumerate(noise(4 * A_DAY)):
        one = plain.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value})
        far = detector.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value + 1e9})
        assert far.scores.get("same_hours", 0.0) == pytest.approx(one.scores.get("same_hours", 0.0), abs=1e-3)


def test_a_state_without_same_hours_is_quiet_until_it_learned_them() -> None:
    detector = ValueDetector()
    for n, value in enumerate(noise(5 * A_DAY)):
        detector.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value})
    state = json.loads(json.dumps(detector.to_state()))
    del state["hours"]
    restored = ValueDetector.from_state(state)
    for n, value in enumerate(noise(3 * A_DAY, 2), 5 * A_DAY):
        verdict = restored.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value})
        assert ("same_hours" in verdict.scores) == (n > 7 * A_DAY)


@pytest.mark.parametrize(
    ("interval", "share"), [(300.0, 0.08 / 288), (1800.0, 6.4e-4), (3600.0, 1.25e-3), (86_400.0, 1.5e-3)]
)
def test_values_by_the_hour_are_asked_for_a_larger_share_and_half_hours_are_not(interval: float, share: float) -> None:
    detector = ValueDetector()
    for n, value in enumerate(noise(30)):
        detector.process_one({"time": MONDAY + interval * n, "value": value})
    assert detector._budget.allowed == pytest.approx(share)
