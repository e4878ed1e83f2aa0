"""Probabilities in tenths beside what came true, and how far a share of few can be believed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from detectors.customers.calibration import better_than_prior, quality, share_interval
from detectors.customers.delayed_model import Judged
from detectors.customers.labels import Snapshot

AT = datetime(2026, 3, 2, tzinfo=UTC)


def judged(number: int, probability: float, *, positive: bool) -> Judged:
    snapshot = Snapshot(UUID(int=1), f"c{number}", AT, AT + timedelta(days=30), {})
    return Judged(snapshot, probability, 0.2, positive)


def test_tenths_go_from_the_lowest_to_the_highest_and_count_what_came_true() -> None:
    found = quality([judged(n, n / 100, positive=n >= 80) for n in range(100)])
    assert found is not None
    assert [one.positives for one in found.bins] == [0] * 8 + [10] * 2
    assert [one.size for one in found.bins] == [10] * 10
    assert found.bins[0].predicted < found.bins[-1].predicted
    for one in found.bins:
        lower, upper = one.interval
        assert lower <= one.observed <= upper


@pytest.mark.parametrize(("count", "size", "lower", "upper"), [(4, 4, 0.59, 1.0), (400, 400, 0.99, 1.0), (0, 0, 0, 1)])
def test_a_share_of_few_says_little(count: int, size: int, lower: float, upper: float) -> None:
    found = share_interval(count, size)
    assert found[0] == pytest.approx(lower, abs=0.01)
    assert found[1] == pytest.approx(upper, abs=0.01)


def test_a_model_is_better_than_the_prior_only_where_that_is_no_chance() -> None:
    rng = random.Random(3)
    shares = [rng.uniform(0.02, 0.6) for _ in range(600)]
    told = [judged(n, share, positive=rng.random() < share) for n, share in enumerate(shares)]
    assert better_than_prior(told)
    shuffled = [one._replace(probability=shares[n - 1]) for n, one in enumerate(told)]
    assert not better_than_prior(shuffled)
    assert not better_than_prior([one._replace(probability=one.prior) for one in told])
    assert not better_than_prior(told[:40])


def test_predictions_of_one_customer_count_as_one() -> None:
    lucky = [judged(n % 40, 0.9, positive=True) for n in range(4_000)]
    assert not better_than_prior(lucky)


def test_a_certainty_that_was_wrong_costs_much_and_breaks_nothing() -> None:
    assert not better_than_prior([judged(n, 1.0, positive=n % 2 == 0) for n in range(60)])
    assert not better_than_prior([judged(n, 0.0, positive=n % 2 == 0) for n in range(60)])
