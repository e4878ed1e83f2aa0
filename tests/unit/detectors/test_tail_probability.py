from __future__ import annotations

import math

import pytest

from detectors.tail_probability import count_bound, count_deviation, deviation_of, surprise


def _exact(count: int, expected: float, excess: float) -> float:
    """Return -log10 of the probability of at least ``count``, summed term by term."""

    def log_probability(k: int) -> float:
        if excess == 0.0:
            return k * math.log(expected) - expected - math.lgamma(k + 1)
        size = 1.0 / excess
        choices = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
        return choices - size * math.log1p(expected / size) + k * math.log(expected / (size + expected))

    return -math.log10(math.fsum(math.exp(log_probability(k)) for k in range(count, count + 5_000)))


@pytest.mark.parametrize(
    ("z", "score"),
    [(-2.0, 0.00999), (0.0, 0.30103), (1.5, 1.17518), (6.0, 9.00586), (19.9, 87.692), (20.1, 89.433), (37.0, 299.242)],
)
def test_surprise_is_the_normal_tail(z: float, score: float) -> None:
    assert surprise(z) == pytest.approx(score, rel=2e-3)


def test_surprise_grows_beyond_where_probabilities_underflow() -> None:
    assert surprise(100.0) == pytest.approx(2173.87, rel=1e-3)


@pytest.mark.parametrize("score", [0.5, 4.7, 12.0])
def test_the_deviation_of_a_score_has_that_surprise(score: float) -> None:
    assert surprise(deviation_of(score)) == pytest.approx(score)


@pytest.mark.parametrize(("expected", "excess"), [(2.0, 0.0), (9.0, 0.0), (40.0, 0.02), (300.0, 0.01), (300.0, 0.1)])
def test_the_tail_of_a_count_is_near_the_exact_one(expected: float, excess: float) -> None:
    for score in (3.0, 6.0, 12.0):
        count = math.ceil(count_bound(expected, excess, deviation_of(score)))
        assert surprise(count_deviation(count, expected, excess)) == pytest.approx(
            _exact(count, expected, excess), rel=0.12
        )


def test_fewer_than_expected_deviates_downwards_and_silence_most_of_all() -> None:
    deviations = [count_deviation(count, 40.0, 0.02) for count in (40, 30, 10, 0)]
    assert deviations == sorted(deviations, reverse=True)
    assert deviations[-1] < -5.0


@pytest.mark.parametrize("z", [-3.0, 3.0, 8.0])
def test_a_bound_deviates_by_as_much_as_it_was_asked_for(z: float) -> None:
    assert count_deviation(count_bound(50.0, 0.01, z), 50.0, 0.01) == pytest.approx(z, rel=1e-6)


def test_the_lower_bound_is_zero_where_not_even_silence_is_so_surprising() -> None:
    assert count_bound(1.0, 0.0, -6.0) == pytest.approx(0.0, abs=1e-6)
