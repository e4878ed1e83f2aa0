"""Batches at fixed times of the day are expected, and values between them are judged without them."""

from __future__ import annotations

import json
import random

import pytest

from detectors.series.batches import Batches
from detectors.series.detector import ValueDetector

MONDAY = 1_767_571_200.0
FIVE_MINUTES = 300
A_DAY = 288


def with_batches(days: int, every: int, seed: int = 0, height: float = 100.0) -> list[float]:
    """Return values about 1 with a batch about ``height`` at the beginning of every period, 1 in 20 of them missing."""
    rng = random.Random(seed)
    values = []
    for n in range(days * A_DAY):
        batch = height * rng.uniform(0.6, 1.2) if n % every == 0 and rng.random() < 0.95 else 0.0
        values.append(rng.expovariate(1.0) + batch)
    return values


def alarms(values: list[float], detector: ValueDetector | None = None, since: int = 0) -> list[int]:
    detector = detector or ValueDetector()
    rows = [{"time": MONDAY + FIVE_MINUTES * n, "value": value} for n, value in enumerate(values)]
    return [n for n, row in enumerate(rows) if detector.process_one(row).is_anomaly and n >= since]


@pytest.mark.parametrize("every", [12, 36, 288])
def test_a_spike_between_batches_and_far_below_them_is_found_and_batches_are_not(every: int) -> None:
    values = with_batches(10, every)
    at = 9 * A_DAY + 77
    values[at] += 25.0
    values[at + 1] += 25.0
    found = alarms(values, since=5 * A_DAY)
    assert set(found) & {at, at + 1}
    assert [n for n in found if not at <= n < at + 12] == []


def test_a_batch_many_times_as_high_as_others_is_found() -> None:
    values = with_batches(8, 12)
    values[7 * A_DAY + 24] = 2000.0
    assert 7 * A_DAY + 24 in alarms(values)


def test_the_signal_of_a_batch_has_its_value_and_the_range_of_batches() -> None:
    detector = ValueDetector()
    alarms(with_batches(7, 12), detector)
    verdict = detector.process_one({"time": MONDAY + FIVE_MINUTES * 7 * A_DAY, "value": 2000.0})
    (signal,) = [one for one in verdict.signals if one.channel == "spike"]
    assert signal.observed == 2000.0
    assert 60.0 < signal.expected < 120.0
    assert signal.lower < signal.expected < 120.0 < signal.upper < 2000.0


def test_zeros_that_go_on_over_missing_batches_are_one_flat_line() -> None:
    values = with_batches(8, 12)
    values[7 * A_DAY : 7 * A_DAY + 80] = [0.0] * 80
    detector = ValueDetector()
    alarms(values[: 7 * A_DAY + 60], detector)
    verdict = detector.process_one({"time": MONDAY + FIVE_MINUTES * (7 * A_DAY + 60), "value": 0.0})
    assert verdict.scores["flatline"] > 1.0


def test_batches_that_cease_are_forgotten() -> None:
    values = with_batches(5, 12) + with_batches(4, 10**9)
    values[8 * A_DAY + 24] = 100.0
    assert 8 * A_DAY + 24 in alarms(values)


def test_what_is_high_for_hours_or_at_any_time_is_no_batch() -> None:
    rng = random.Random(3)
    hours = [rng.gauss(20.0 if 96 <= n % A_DAY < 132 else 5.0, 0.5) for n in range(8 * A_DAY)]
    bursts = [rng.expovariate(1.0) + (50.0 if rng.random() < 0.02 else 0.0) for _ in range(8 * A_DAY)]
    for values in (hours, bursts):
        batches = Batches()
        for n, value in enumerate(values):
            time = MONDAY + FIVE_MINUTES * n
            place = batches.place(time, 0.0, 288.0)
            assert (place.offset, place.factor) == (0.0, 1.0)
            assert batches.learn(time, value, 0.0, 288.0, place) is None


@pytest.mark.parametrize("interval", [60, 3600])
def test_values_more_often_than_slots_or_once_an_hour_have_no_batches(interval: int) -> None:
    batches = Batches()
    for n in range(3000):
        place = batches.place(MONDAY + interval * n, 0.0, 86_400 / interval)
        assert place.predicted is None
        assert batches.learn(MONDAY + interval * n, 50.0 * (n % 12 == 0), 0.0, 86_400 / interval, place) is None


def test_a_restored_state_knows_the_same_batches() -> None:
    values = with_batches(6, 36)
    whole, first = ValueDetector(), ValueDetector()
    alarms(values, whole)
    alarms(values[:1000], first)
    restored = ValueDetector.from_state(json.loads(json.dumps(first.to_state())))
    for n, value in enumerate(values[1000:], 1000):
        restored.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value})
    assert restored.to_state() == whole.to_state()


def test_a_state_without_batches_and_same_hours_goes_on_and_learns_them() -> None:
    values = with_batches(12, 12)
    first = ValueDetector()
    alarms(values[: 4 * A_DAY], first)
    state = first.to_state()
    del state["batches"], state["hours"]
    detector = ValueDetector.from_state(json.loads(json.dumps(state)))
    at = 11 * A_DAY + 77
    values[at] += 25.0
    values[at + 1] += 25.0
    found = []
    for n, value in enumerate(values[4 * A_DAY :], 4 * A_DAY):
        if detector.process_one({"time": MONDAY + FIVE_MINUTES * n, "value": value}).is_anomaly:
            found.append(n)
    assert set(found) & {at, at + 1}
