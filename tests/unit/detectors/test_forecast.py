"""Forecasts of the next seven days."""

from __future__ import annotations

import numpy as np

from detectors.forecast import HOURS, WEEK, Floats, expected, forecast


def rhythm(weeks: int, seed: int = 1, level: float = 30.0) -> Floats:
    """Poisson counts with a day and a week in them."""
    hours = np.arange(weeks * WEEK)
    busy = (1.2 + np.sin(2 * np.pi * hours / 24)) * np.where(hours // 24 % 7 < 5, 1.0, 0.4)
    return np.random.default_rng(seed).poisson(level * busy).astype(np.float64)


def test_less_than_three_weeks_give_no_forecast() -> None:
    assert forecast(rhythm(3)[:-1]) is None
    assert forecast(rhythm(3)) is not None


def test_it_beats_last_weeks_value() -> None:
    history = rhythm(7)
    known, came = history[:-WEEK], history[-WEEK:]
    ours, naive = np.abs(expected(known, HOURS) - came).mean(), np.abs(known[-HOURS:] - came).mean()
    assert ours < 0.85 * naive


def test_the_range_holds_about_nine_in_ten() -> None:
    covered = []
    for seed in range(5):
        history = rhythm(7, seed)
        found = forecast(history[:-WEEK])
        assert found is not None
        covered.append(np.mean((history[-WEEK:] >= found.lower) & (history[-WEEK:] <= found.upper)))
    assert 0.85 <= np.mean(covered) <= 0.97


def test_it_follows_a_new_level_half_way_at_once() -> None:
    history = rhythm(6)
    history[-WEEK:] *= 2
    before = expected(history[:-WEEK], HOURS).sum()
    assert 1.3 * before < expected(history, HOURS).sum() < 1.9 * before


def test_an_incident_of_hours_does_not_become_the_rhythm() -> None:
    history = rhythm(6)
    burst = history.copy()
    burst[-100:-97] += 5_000
    assert expected(burst, HOURS).sum() < 1.1 * expected(history, HOURS).sum()


def test_silence_is_forecast_as_silence() -> None:
    found = forecast(np.zeros(4 * WEEK))
    assert found is not None
    assert found.value.max() < 0.01
    assert found.lower.min() == 0.0
    assert (found.upper >= found.value).all()


def test_the_range_does_not_get_narrower_with_distance() -> None:
    found = forecast(rhythm(8))
    assert found is not None
    scaled = (found.upper - found.value) / np.sqrt(found.value + 1.0)
    assert (np.diff(scaled.reshape(7, 24).max(axis=1)) >= -1e-9).all()


def test_what_comes_later_changes_no_earlier_forecast() -> None:
    history = rhythm(8)
    longer = np.concatenate([history, rhythm(1, seed=9)])
    one, other = forecast(history), forecast(longer[: len(history)])
    assert one is not None
    assert other is not None
    assert (one.value == other.value).all()
