"""A model that is restarted, upgraded, or fed every label three times gives the same scores."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.customers.calibration import better_than
from detectors.customers.delayed_model import (
    FOREST_VERSION,
    Classifier,
    DelayedModel,
    Judged,
    PromotedChallenger,
    challenger,
    replay,
)
from detectors.customers.labels import Label, Snapshot, once, some

AT = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


def queue(seed: int, weeks: int = 7, people: int = 50) -> list[Label]:
    rng, labels = random.Random(seed), []
    for week in range(weeks):
        for person in range(people):
            at, silent = AT + week * WEEK, rng.random()
            features = {"silent": silent, "noise": rng.random()}
            snapshot = Snapshot(UUID(int=1 + person % 3), f"c{person}", at, at + WEEK, features)
            labels.append(Label(snapshot, rng.random() < 0.05 + 0.7 * silent, at + WEEK))
    return labels


@pytest.mark.parametrize("make", [DelayedModel, challenger], ids=["champion", "challenger"])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_the_same_labels_give_the_same_scores_after_a_restart_and_when_fed_three_times(
    make: Callable[[], Classifier], seed: int, order: random.Random
) -> None:
    labels = queue(seed)
    thrice = labels * 3
    order.shuffle(thrice)
    before, after = make(), make()
    assert replay(thrice, after) == replay(labels, before)
    x = {"silent": 0.7, "noise": 0.2}
    assert after.predict_proba_one(x) == before.predict_proba_one(x)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_labels_of_a_version_that_saw_other_features_are_learned_from_all_the_same(seed: int) -> None:
    """An upgrade adds a feature: what was queued before has none of it, and both go through one queue."""
    old = queue(seed)
    new = [
        one._replace(snapshot=one.snapshot._replace(features={**one.snapshot.features, "added": 0.5})) for one in old
    ]
    mixed = [a if a.snapshot.at < AT + 3 * WEEK else b for a, b in zip(old, new, strict=True)]
    one, other = DelayedModel(), DelayedModel()
    assert replay(mixed, one).judged == replay(list(reversed(mixed)), other).judged
    x = {"silent": 0.9, "noise": 0.1}
    assert one.predict_proba_one(x) == other.predict_proba_one(x)
    assert 0.0 < one.predict_proba_one({**x, "added": 0.5})[True] < 1.0


def test_the_challenger_sees_all_labels_of_some_customers_and_the_same_ones_as_more_come() -> None:
    labels = queue(1, weeks=8)
    few, fewer = some(labels, 150), some(labels[: 50 * 6], 150)
    assert 0 < len(few) <= 250
    people = {(one.snapshot.user_id, one.snapshot.customer_id) for one in few}
    assert len(few) == 8 * len(people)
    assert {(one.snapshot.user_id, one.snapshot.customer_id) for one in fewer} >= people
    assert once(labels * 2) == labels


def judged(labels: list[Label], say: Callable[[Label], float]) -> list[Judged]:
    return [Judged(one.snapshot, say(one), 0.4, one.positive) for one in labels]


def test_a_challenger_is_promoted_only_where_its_log_loss_is_smaller_beyond_chance() -> None:
    labels = queue(3, weeks=6, people=120)
    flat = judged(labels, lambda _: 0.4)
    good = judged(labels, lambda one: 0.05 + 0.7 * one.snapshot.features["silent"])
    rng = random.Random(5)
    noisy = judged(labels, lambda _: min(max(0.4 + rng.gauss(0.0, 0.001), 0.01), 0.99))
    assert better_than(flat, good)
    assert not better_than(good, flat)
    assert not better_than(flat, flat)
    assert not better_than(flat, noisy)
    few = [one for one in good if one.snapshot.customer_id in {f"c{n}" for n in range(20)}]
    assert not better_than(flat, few), "twenty customers prove nothing"


def test_a_promoted_challenger_decides_and_the_linear_model_says_why() -> None:
    labels = queue(2)
    forest, linear = challenger(), DelayedModel()
    replay(labels, forest)
    replay(labels, linear)
    promoted = PromotedChallenger(forest, linear)
    x = {"silent": 0.9, "noise": 0.1}
    assert promoted.predict_proba_one(x)[True] == pytest.approx(forest.predict_proba_one(x)[True])
    assert sum(promoted.predict_proba_one(x).values()) == pytest.approx(1.0)
    assert promoted.contributions(x) == linear.contributions(x)
    assert promoted.version == FOREST_VERSION
    assert 0.0 < PromotedChallenger(challenger(), linear).predict_proba_one(x)[True] < 1.0
