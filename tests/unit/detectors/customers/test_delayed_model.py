"""The model that learns late labels, and the figures it is judged by."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from math import log
from uuid import UUID

import pytest

from detectors.customers.calibration import quality
from detectors.customers.delayed_model import DelayedModel, Judged, replay
from detectors.customers.labels import Label, Snapshot

AT = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


def history(weeks: int, people: int = 80) -> list[Label]:
    """Customers who leave the more likely the longer they are silent."""
    rng = random.Random(3)
    labels = []
    for week in range(weeks):
        for person in range(people):
            at, silent = AT + week * WEEK, rng.random()
            snapshot = Snapshot(UUID(int=1), f"c{person}", at, at + 4 * WEEK, {"silent": silent, "noise": rng.random()})
            labels.append(Label(snapshot, rng.random() < 0.05 + 0.7 * silent, at + 4 * WEEK))
    return labels


def test_it_learns_what_matters_and_is_calibrated() -> None:
    found = quality(replay(history(30), DelayedModel()).judged)
    assert found is not None
    assert found.auc is not None
    assert found.auc > 0.68
    assert found.improvement > 0.08
    assert found.calibration_error < 0.06


def test_nothing_is_predicted_before_labels_of_four_moments_have_arrived() -> None:
    judged = replay(history(20), DelayedModel()).judged
    assert min(one.snapshot.at for one in judged) == AT + 7 * WEEK


def test_too_few_labels_give_no_prediction_at_all() -> None:
    few = replay(history(3), DelayedModel())
    assert few.judged == []
    assert not few.counts.ready
    assert (few.counts.labels, few.counts.moments) == (240, 3)


def test_the_same_queue_gives_the_same_model_bit_by_bit() -> None:
    one, other = DelayedModel(), DelayedModel()
    first, second = replay(history(12), one), replay(list(reversed(history(12))), other)
    assert first.judged == second.judged
    x = {"silent": 0.9, "noise": 0.1}
    assert one.predict_proba_one(x) == other.predict_proba_one(x)


def test_labels_that_come_later_change_no_earlier_prediction() -> None:
    labels = history(14)
    before = {
        (one.snapshot.customer_id, one.snapshot.at): one for one in replay(labels[: 80 * 10], DelayedModel()).judged
    }
    after = {(one.snapshot.customer_id, one.snapshot.at): one for one in replay(labels, DelayedModel()).judged}
    assert before
    assert all(after[key] == one for key, one in before.items())


def test_contributions_add_up_to_the_log_odds() -> None:
    model = DelayedModel()
    replay(history(12), model)
    low, high = ({"silent": silent, "noise": 0.5} for silent in (0.1, 0.9))
    assert model.contributions(high)["silent"] > 0.5
    assert model.contributions(low)["silent"] < 0.0
    odds = [log(p[True] / p[False]) for p in (model.predict_proba_one(x) for x in (low, high))]
    sums = [sum(model.contributions(x).values()) for x in (low, high)]
    assert odds[1] - odds[0] == pytest.approx(sums[1] - sums[0])


def judged(pairs: list[tuple[float, bool]]) -> list[Judged]:
    snapshot = Snapshot(UUID(int=1), "c", AT, AT + WEEK, {})
    return [Judged(snapshot, probability, 0.5, positive) for probability, positive in pairs]


def test_a_perfect_ranking_has_an_auc_of_one_and_ties_one_half() -> None:
    perfect = quality(judged([(0.1, False), (0.2, False), (0.9, True)]))
    tied = quality(judged([(0.3, False), (0.3, True)]))
    assert perfect is not None
    assert tied is not None
    assert (perfect.auc, tied.auc) == (1.0, 0.5)


def test_the_brier_score_stands_beside_that_of_the_prior() -> None:
    found = quality(judged([(0.0, False), (1.0, True)]))
    assert found is not None
    assert (found.brier, found.brier_of_prior, found.improvement) == (0.0, 0.25, 1.0)
    assert found.calibration_error == 0.0


def test_one_class_alone_has_no_auc() -> None:
    found = quality(judged([(0.4, True)]))
    assert found is not None
    assert found.auc is None
    assert found.calibration_error == pytest.approx(0.6)


def test_no_predictions_have_no_figures() -> None:
    assert quality([]) is None
