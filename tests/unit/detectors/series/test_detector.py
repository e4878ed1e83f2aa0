from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from river import checks

from detectors.series.detector import ValueDetector
from detectors.state import MAX_BYTES, StateSigner

MONDAY = 1_577_664_000.0
FIVE_MINUTES = 300.0


def noise(size: int, seed: int = 1, level: float = 20.0, deviation: float = 2.0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(level, deviation) for _ in range(size)]


def anomalous(values: list[float], interval: float = FIVE_MINUTES, detector: ValueDetector | None = None) -> list[int]:
    detector = detector or ValueDetector()
    return [
        n
        for n, value in enumerate(values)
        if detector.process_one({"time": MONDAY + n * interval, "value": value}).is_anomaly
    ]


def labelled(_model: ValueDetector, scale: int = 1) -> Iterator[list[tuple[dict[str, float], bool]]]:
    values = noise(200 * scale)
    spikes = range(60, len(values), 70)
    yield [
        ({"time": n * FIVE_MINUTES, "value": value + 40.0 * (n in spikes)}, n in spikes)
        for n, value in enumerate(values)
    ]


def test_rivers_own_checks_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    # River's own data for anomaly detectors are downloaded, and have neither time nor value.
    monkeypatch.setattr(checks, "_yield_datasets", labelled)
    checks.check_estimator(ValueDetector())


@pytest.mark.parametrize("seed", range(4))
def test_plain_noise_is_quiet(seed: int) -> None:
    assert anomalous(noise(3000, seed)) == []


def test_a_spike_is_found_at_once_and_only_it() -> None:
    values = noise(1500)
    values[1000] = 60.0
    found = anomalous(values)
    assert found[0] == 1000
    assert found[-1] < 1012


@pytest.mark.parametrize("step", [-15.0, 15.0])
def test_a_new_level_is_found_and_then_taken_for_normal(step: float) -> None:
    found = anomalous([value + step * (n >= 1000) for n, value in enumerate(noise(3000))])
    assert 1000 <= found[0] < 1006
    assert found[-1] < 1300


def test_a_day_that_comes_every_day_is_quiet_and_a_missing_noon_is_not() -> None:
    def requests(n: int) -> float:
        return 100 + 80 * math.sin(2 * math.pi * n / 288)

    values = [requests(n) + rest for n, rest in enumerate(noise(288 * 8, 3, 0.0, 4.0))]
    assert anomalous(values) == []
    noon = range(288 * 7 + 50, 288 * 7 + 90)
    found = anomalous([20.0 if n in noon else value for n, value in enumerate(values)])
    assert found[0] in range(noon.start, noon.start + 6)


def test_a_change_after_a_constant_stretch_is_found() -> None:
    assert anomalous([5.0] * 300 + [5.1] * 3)[0] == 300


def test_a_sensor_that_sticks_is_found() -> None:
    values = noise(1500)
    values[1000:1060] = [values[1000]] * 60
    found = anomalous(values)
    assert found
    assert all(1000 < n < 1060 for n in found)


def test_noise_that_grows_within_the_range_of_values_is_found() -> None:
    rng, detector, found = random.Random(4), ValueDetector(), []
    for n in range(2000):
        value = rng.gauss(20.0, 1.0) + (rng.choice([-6.0, 6.0]) if rng.random() < 0.02 else 0.0)
        if 1500 <= n < 1540:
            value = 20.0 + rng.choice([-4.5, 4.5])
        for signal in detector.process_one({"time": MONDAY + n * FIVE_MINUTES, "value": value}).signals:
            found.append((n, signal.channel))
            assert signal.observed > signal.upper > signal.expected
    # Where the noise alone is not quite enough, it is with the means that it moves.
    assert "noise" in {channel for _, channel in found} <= {"noise", "agreement"}
    assert found[0][0] in range(1501, 1520)
    assert found[-1][0] < 1560


def test_noise_that_ceases_within_the_range_of_values_is_found() -> None:
    rng, detector, found = random.Random(4), ValueDetector(), []
    for n in range(2500):
        value = 20.0 + rng.gauss(0.0, 0.1 if 2000 <= n < 2060 else 1.0)
        for signal in detector.process_one({"time": MONDAY + n * FIVE_MINUTES, "value": value}).signals:
            found.append((n, signal.channel))
            assert 0.0 <= signal.observed < signal.lower < signal.expected
    assert found[0][0] in range(2010, 2060)
    assert {channel for _, channel in found} <= {"noise", "agreement"}
    assert "noise" in {channel for _, channel in found}
    assert found[-1][0] < 2080


def test_a_state_of_the_version_before_says_nothing_about_less_noise_until_it_learned_ratios() -> None:
    detector = ValueDetector()
    anomalous(noise(600), detector=detector)
    old = json.loads(json.dumps(detector.to_state()))
    del old["noise"]["ratios"]
    taken_over = ValueDetector.from_state(old)
    tail = taken_over.to_state()["noise"]["channel"]
    assert tail[3] == ValueDetector().to_state()["noise"]["channel"][3]
    assert tail[:3] == old["noise"]["channel"][:3]
    # The same value for long is far less noise than usual.
    for n in range(600, 640):
        x = {"time": MONDAY + n * FIVE_MINUTES, "value": 20.0 + 0.01 * (n % 2)}
        assert taken_over.process_one(x).scores["noise"] == 0.0 or n < 603
    assert taken_over.to_state()["noise"]["ratios"] == 40


def test_bursts_do_not_hide_a_move_from_the_mean_of_two_dozen_values() -> None:
    rng, detector, found = random.Random(12), ValueDetector(), []
    for n in range(2600):
        burst = rng.uniform(15.0, 25.0) if rng.random() < 0.04 else 0.0
        value = rng.gauss(20.0, 1.0) + burst + 2.5 * (2500 <= n < 2540)
        x = {"time": MONDAY + n * FIVE_MINUTES, "value": value}
        found += [(n, signal.channel) for signal in detector.process_one(x).signals]
    assert found[0][0] >= 2500
    assert next(n for n, channel in found if channel == "slow_shift") in range(2500, 2510)


def test_a_state_of_the_version_before_goes_on_and_learns_the_usual_noise_anew() -> None:
    detector = ValueDetector()
    anomalous(noise(600), detector=detector)
    old = json.loads(json.dumps(detector.to_state()))
    del old["noise"]
    taken_over = ValueDetector.from_state(old)
    for n, value in enumerate(noise(120, 9), 600):
        x = {"time": MONDAY + n * FIVE_MINUTES, "value": value}
        here, there = taken_over.process_one(x).scores, detector.process_one(x).scores
        assert {**here, "noise": 0.0} == {**there, "noise": 0.0}
        assert n >= 640 or here["noise"] == 0.0
    assert taken_over.to_state()["noise"]["channel"][1] == 120


def test_channels_near_their_thresholds_are_an_alarm_together_and_it_says_so() -> None:
    rng, found = random.Random(6), []
    values = [rng.gauss(20.0, 1.0) for _ in range(2000)]
    for n in range(1500, 1530):
        values[n] += 2.0 * rng.choice([-0.4, 1.5])
    detector = ValueDetector()
    for n, value in enumerate(values):
        verdict = detector.process_one({"time": MONDAY + n * FIVE_MINUTES, "value": value})
        if verdict.is_anomaly and max(verdict.scores.values()) <= 1.0:
            (signal,) = verdict.signals
            assert signal.channel == "agreement"
            assert signal.score == verdict.score > max(verdict.scores.values())
            assert signal.lower < signal.expected < signal.upper
            assert not signal.lower <= signal.observed <= signal.upper
            found.append(n)
    assert found
    assert all(1500 <= n < 1560 for n in found)


def test_a_small_move_that_stays_is_found_behind_spikes_by_the_level() -> None:
    rng, detector, found = random.Random(9), ValueDetector(), []
    for n in range(3200):
        value = rng.gauss(20.0, 1.0) + (
            rng.choice([-1.0, 1.0]) * rng.uniform(8.0, 20.0) if rng.random() < 0.05 else 0.0
        )
        x = {"time": MONDAY + n * FIVE_MINUTES, "value": value + 1.7 * (n >= 2400)}
        found += [(n, signal.channel) for signal in detector.process_one(x).signals]
    assert found
    assert found[0][0] in range(2400, 2500)
    assert "level" in {channel for _, channel in found}


def test_a_state_without_the_level_goes_on_and_learns_it_anew() -> None:
    detector = ValueDetector()
    anomalous(noise(600), detector=detector)
    old = json.loads(json.dumps(detector.to_state()))
    del old["level"]
    del old["trust"][2:]
    taken_over = ValueDetector.from_state(old)
    for n, value in enumerate(noise(120, 9), 600):
        x = {"time": MONDAY + n * FIVE_MINUTES, "value": value}
        here, there = taken_over.process_one(x).scores, detector.process_one(x).scores
        assert {**here, "level": 0.0} == {**there, "level": 0.0}
        assert n >= 640 or here["level"] == 0.0
    assert taken_over.to_state()["level"]["distance"][1] == 120


def test_both_tails_of_a_random_walk_have_steps_of_one_size() -> None:
    rng, detector, value = random.Random(3), ValueDetector(), 100.0
    for n in range(3000):
        value += rng.gauss(0.0, 1.0)
        detector.process_one({"time": MONDAY + n * 60.0, "value": value})
    # Of a normal distribution with deviation 1, whose deviations from the last value are what it is: 0.8 on average.
    assert detector.to_state()["channels"][0][0][0] == pytest.approx(0.8, rel=0.15)


def test_bursts_that_come_again_and_again_are_normal_and_a_far_higher_one_is_not() -> None:
    rng = random.Random(5)
    values = [rng.expovariate(1.0) + (rng.uniform(50, 80) if n % 37 == 0 else 0.0) for n in range(4000)]
    values[3500] = 400.0
    found = anomalous(values)
    assert 3500 in found
    assert len([n for n in found if 600 < n < 3500]) <= 1


def test_gaps_teach_nothing_and_alarm_nothing() -> None:
    values = noise(1200)
    for n in (*range(500, 620), 700, 702):
        values[n] = math.nan
    detector = ValueDetector()
    assert anomalous(values, detector=detector) == []
    before = detector.to_state()
    for x in ({"time": 2e9}, {"time": 2e9, "value": None}, {"value": 3.0}, {"time": 2e9, "value": math.inf}):
        assert detector.process_one(x).score == 0.0
    assert detector.to_state() == before


def test_a_value_that_is_not_newer_changes_nothing() -> None:
    detector = ValueDetector()
    anomalous(noise(100), detector=detector)
    before = detector.to_state()
    assert not detector.process_one({"time": MONDAY, "value": 1e9}).is_anomaly
    assert detector.to_state() == before


def test_the_first_values_are_not_judged() -> None:
    detector = ValueDetector()
    verdicts = [detector.process_one({"time": n * 60.0, "value": float(n % 3)}) for n in range(60)]
    assert [verdict.warm for verdict in verdicts] == [False] * 40 + [True] * 20


def test_score_one_does_not_learn_and_agrees_with_process_one() -> None:
    one, other = ValueDetector(timedelta(minutes=5)), ValueDetector(timedelta(minutes=5))
    for n, value in enumerate(noise(400)):
        x = {"time": n * FIVE_MINUTES, "value": value}
        score = one.score_one(x)
        one.learn_one(x)
        assert score == other.process_one(x).score
    assert one.to_state() == other.to_state()


def test_a_signal_says_what_was_seen_and_what_was_expected() -> None:
    detector = ValueDetector()
    anomalous(noise(1000), detector=detector)
    (signal, *_) = detector.process_one({"time": MONDAY + 1000 * FIVE_MINUTES, "value": 90.0}).signals
    assert signal.channel == "spike"
    assert signal.observed == 90.0
    assert 17 < signal.expected < 23
    assert signal.lower < signal.expected < signal.upper < 90.0
    assert signal.score > signal.threshold
    assert signal.at.timestamp() == MONDAY + 1000 * FIVE_MINUTES


def test_the_state_of_a_long_series_stays_small() -> None:
    detector = ValueDetector()
    rng = random.Random(1)
    anomalous([rng.lognormvariate(0, 1) * (2 + math.sin(n / 46)) for n in range(288 * 21)], detector=detector)
    sealed = StateSigner(b"sixteen bytes at least").seal(detector.to_state(), "place")
    assert len(sealed) <= MAX_BYTES
    assert ValueDetector.from_state(json.loads(json.dumps(detector.to_state()))).to_state() == detector.to_state()
