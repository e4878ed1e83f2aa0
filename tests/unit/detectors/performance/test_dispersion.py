from __future__ import annotations

import numpy as np
import pytest

from detectors.performance.dispersion import Dispersion


def _learned(clusters: float, between: float, rng: np.random.Generator) -> Dispersion:
    dispersion = Dispersion(1.2, 0.05)
    for _ in range(1500):
        size = float(rng.uniform(5.0, 300.0))
        scale = rng.gamma(1.0 / between, between) if between else 1.0
        count = clusters * rng.poisson(size * scale / clusters)
        dispersion.learn(size, (count - size) ** 2 / size, 1.0)
    return dispersion


def test_plain_chance_is_recognised() -> None:
    dispersion = _learned(1.0, 0.0, np.random.default_rng(1))
    assert dispersion.within == pytest.approx(1.0, abs=0.25)
    assert dispersion.between < 0.01


@pytest.mark.parametrize("size", [30.0, 100.0, 250.0])
def test_clusters_and_an_uncertain_level_are_learned_for_windows_of_every_size(size: float) -> None:
    dispersion = _learned(3.0, 0.05, np.random.default_rng(2))
    assert dispersion.within + dispersion.between * size == pytest.approx(3.0 + 0.05 * size, rel=0.4)


def test_scatter_a_hundred_times_what_was_believed_is_learned_within_a_day() -> None:
    dispersion, rng = Dispersion(1.2, 0.05), np.random.default_rng(4)
    for _ in range(288):
        dispersion.learn(50.0, float(300.0 * rng.chisquare(1)), 1.0)
    assert dispersion.within + dispersion.between * 50.0 > 200.0


def test_one_wild_window_changes_little() -> None:
    dispersion = _learned(1.0, 0.02, np.random.default_rng(3))
    before = dispersion.within + 100.0 * dispersion.between
    dispersion.learn(100.0, 1e9, 1.0)
    assert dispersion.within + 100.0 * dispersion.between < 1.3 * before


def test_it_is_never_less_than_chance() -> None:
    dispersion = Dispersion(1.5, 0.05)
    for size in range(1, 2000):
        dispersion.learn(float(size % 100 + 1), 0.0, 1.0)
    assert dispersion.within >= 1.0
    assert dispersion.between >= 0.0
