"""The benchmark's judge counts as the tracker of episodes does, and the synthetic world is reproducible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.detection import synthetic
from benchmarks.detection.judge import BUDGET, WARM_DAYS, episodes, judge, within_budget
from benchmarks.detection.series import DAY, Label, LabelledSeries
from detectors.performance.episodes import EpisodeTracker
from simulator.arrays import Floats

START = datetime(2026, 1, 5, tzinfo=UTC)
FIRST = WARM_DAYS * DAY


def _series(labels: tuple[Label, ...], days: int = WARM_DAYS + 2) -> LabelledSeries:
    nothing = np.zeros(days * DAY)
    none = nothing.astype(np.int64)
    return LabelledSeries("test", 40.0, 0, none, none, nothing, nothing, labels)


def _scores(hot: list[int], days: int = WARM_DAYS + 2) -> Floats:
    scores = np.zeros(days * DAY)
    scores[hot] = 2.0
    return scores


def test_the_judge_and_the_tracker_see_the_same_episodes() -> None:
    scores = np.zeros((WARM_DAYS + 1) * DAY)
    hot = FIRST + np.flatnonzero(np.random.default_rng(3).random(DAY) < 0.08)
    scores[hot] = 1.5
    tracker = EpisodeTracker()
    changes = [
        change
        for minute in range(FIRST, len(scores))
        for change in tracker.observe(START + timedelta(minutes=minute), scores[minute])
    ]
    closed = [change for change in changes if not change.is_open]
    closed += [tracker.current] if tracker.current else []
    spans = [
        ((one.start - START) // timedelta(minutes=1), (one.end - START) // timedelta(minutes=1) - 1) for one in closed
    ]
    assert episodes(scores, 1.0) == spans


def test_an_incident_is_found_late_or_soon_and_other_episodes_are_false_alarms() -> None:
    series = _series((Label("outage", FIRST + 100, FIRST + 130), Label("creep", FIRST + 600, FIRST + 700)))
    outcome = judge([series], [_scores([FIRST + 103, FIRST + 104, FIRST + 300])], 1.0)
    assert outcome.recall == pytest.approx(0.5)
    assert outcome.delay == 4.0
    assert outcome.false_alarms == 1
    assert outcome.false_alarms_per_day == pytest.approx(0.5)


def test_nothing_in_the_warm_days_counts() -> None:
    assert judge([_series(())], [_scores([10, 2000])], 1.0).false_alarms == 0


def test_hindsight_finds_a_threshold_within_the_budget() -> None:
    series = [_series((Label("outage", FIRST + 100, FIRST + 130),))] * 10
    scores = [np.random.default_rng(n).random(series[0].minutes) for n in range(10)]
    for one in scores:
        one[FIRST + 105] = 5.0
    outcome = judge(series, scores, within_budget(series, scores))
    assert outcome.false_alarms_per_day <= BUDGET
    assert outcome.recall == 1.0


@pytest.mark.parametrize("trait", synthetic.TRAITS)
def test_the_same_seed_makes_the_same_series(trait: str) -> None:
    one, other = (synthetic.draw(5, 8.0, days=8, warm_days=3, per_day=1.0, trait=trait) for _ in range(2))
    assert one.labels == other.labels
    assert one.lost == other.lost
    assert np.array_equal(one.counts, other.counts)
    assert np.array_equal(one.log_squares, other.log_squares)
    assert (one.errors <= one.counts).all()
    assert (one.log_squares * np.maximum(one.counts, 1) >= one.log_sums**2 - 1e-6).all()
    assert 4.0 < one.counts.mean() < 16.0


def test_every_kind_of_incident_occurs() -> None:
    drawn = [synthetic.draw(seed, 8.0, days=12, warm_days=3, per_day=2.0, trait="plain") for seed in range(6)]
    assert {label.kind for one in drawn for label in one.labels} == set(synthetic.KINDS)
