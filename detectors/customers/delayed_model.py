"""The model of churn and upsell: scaled logistic regression that learns labels in the order of their due dates.

It is a function of the queue of labels: the same queue gives the same model bit by bit, so only the queue is stored.
River's classifiers are compared on the same path (``replay`` takes any).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from river import base, compose, forest, linear_model, optim, preprocessing

from detectors.customers.labels import Label, Snapshot, in_order, once

VERSION: Final = "logistic-1"
FOREST_VERSION: Final = "forest-1"
# Minimum number of labels: about twenty of the rarer class and ten per feature; below that the weights are noise.
MIN_LABELS: Final = 200
MIN_OF_EACH: Final = 20
# Minimum number of snapshot times: labels of one time do not generalise to the next week.
MIN_MOMENTS: Final = 4
# Probabilities of the challenger are kept this far from 0 and 1.
_MIN_PROBABILITY: Final = 1e-3

Features = dict[str, float]


class Classifier(Protocol):
    """The interface of a river classifier that ``replay`` needs."""

    def learn_one(self, x: Features, y: bool) -> None:
        """Learn one label."""

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""


class Judged(NamedTuple):
    """A labelled prediction; ``prior`` is the share of positives learned by the time it was made."""

    snapshot: Snapshot
    probability: float
    prior: float
    positive: bool


@dataclass(slots=True)
class Counts:
    """Numbers of learned labels and of their snapshot times."""

    labels: int = 0
    positives: int = 0
    _moments: set[datetime] = field(default_factory=set)

    def add(self, label: Label) -> None:
        """Count one label."""
        self.labels += 1
        self.positives += label.positive
        self._moments.add(label.snapshot.at)

    @property
    def moments(self) -> int:
        """Number of snapshot times."""
        return len(self._moments)

    @property
    def ready(self) -> bool:
        """Whether there are enough labels for a reliable probability."""
        rarer = min(self.positives, self.labels - self.positives)
        return self.labels >= MIN_LABELS and rarer >= MIN_OF_EACH and self.moments >= MIN_MOMENTS

    @property
    def prior(self) -> float:
        """The share of positives; 0.5 without labels."""
        return (self.positives + 1) / (self.labels + 2)


class ExplainableModel(Protocol):
    """A model that is used for decisions, with feature contributions."""

    version: str

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""

    def contributions(self, x: Features) -> Features:
        """Return how far each feature moves the log-odds from those of the average customer."""


class Replayed(NamedTuple):
    """Predictions made after there were enough labels, and the final counts."""

    judged: list[Judged]
    counts: Counts


class DelayedModel(base.Classifier):
    """Scaled logistic regression with feature contributions.

    Learning rates shrink as labels arrive (AdaGrad, and 0.3/√n for the intercept): measured to be better calibrated
    than constant steps, with few labels and with many (benchmarks/detection/churn.py).
    """

    version = VERSION

    def __init__(self) -> None:
        self._scaler = preprocessing.StandardScaler()
        self._regression = linear_model.LogisticRegression(
            optimizer=optim.AdaGrad(0.1), intercept_lr=optim.schedulers.InverseScaling(0.3, 0.5)
        )
        self._pipeline = compose.Pipeline(self._scaler, self._regression)

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn one label."""
        self._pipeline.learn_one(x, y)

    def predict_proba_one(self, x: dict[Any, Any], **_: Any) -> dict[Any, float]:
        """Return the probability of each class; ``Counts.ready`` says whether to trust it."""
        found: dict[Any, float] = self._pipeline.predict_proba_one(x)
        return found

    def contributions(self, x: Features) -> Features:
        """Return each feature's contribution to the log-odds, relative to the average customer."""
        scaled: Features = self._scaler.transform_one(x)  # type: ignore[no-untyped-call]  # river leaves it unannotated
        weights = self._regression.weights
        return {name: float(weights.get(name, 0.0) * value) for name, value in scaled.items()}


class PromotedChallenger:
    """A promoted challenger; contributions are those of the linear model on the same labels."""

    version = FOREST_VERSION

    def __init__(self, decides: Classifier, explains: DelayedModel) -> None:
        self._decides = decides
        self._explains = explains

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""
        positive = min(max(self._decides.predict_proba_one(x).get(True, 0.0), _MIN_PROBABILITY), 1.0 - _MIN_PROBABILITY)
        return {True: positive, False: 1.0 - positive}

    def contributions(self, x: Features) -> Features:
        """Return how far each feature moves the log-odds of the linear model."""
        return self._explains.contributions(x)


def challenger() -> Classifier:
    """Return the challenger forest; it is promoted only on delayed-label log loss (``calibration.better_than``)."""
    model: Classifier = forest.AMFClassifier(n_estimators=10, use_aggregation=True, seed=1)
    return model


def replay(labels: Sequence[Label], model: Classifier) -> Replayed:
    """Train a model on labels at their due dates; return its prediction for each snapshot at its time.

    Order and duplicates of labels do not matter.
    """
    counts, judged = Counts(), []
    labels = once(labels)
    truth = {(one.snapshot.user_id, one.snapshot.customer_id, one.snapshot.at): one.positive for one in labels}
    for snapshot, label in in_order(labels):
        if label is not None:
            model.learn_one(label.snapshot.features, label.positive)
            counts.add(label)
        elif snapshot is not None and counts.ready:
            probability = model.predict_proba_one(snapshot.features).get(True, 0.0)
            positive = truth[snapshot.user_id, snapshot.customer_id, snapshot.at]
            judged.append(Judged(snapshot, probability, counts.prior, positive))
    return Replayed(judged, counts)
