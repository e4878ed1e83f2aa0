"""The model behind churn and upsell: scaled logistic regression that learns labels in the order in which they are due.

It is a function of the queue of labels: working through the same queue gives the same model bit by bit, so the queue is
all that has to be kept. River's classifiers are compared on the same path (``replay`` takes any).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from river import base, compose, forest, linear_model, optim, preprocessing

from detectors.customers.labels import Label, Snapshot, in_order

VERSION: Final = "logistic-1"
# About twenty of the rarer class and ten labels for each feature: below that the weights are noise.
MIN_LABELS: Final = 200
MIN_OF_EACH: Final = 20
# Labels of one moment tell nothing of what changes with time: a model of them fails a week later.
MIN_MOMENTS: Final = 4

Features = dict[str, float]


class Classifier(Protocol):
    """What ``replay`` needs of a river classifier."""

    def learn_one(self, x: Features, y: bool) -> None:
        """Learn one label."""

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""


class Judged(NamedTuple):
    """A prediction beside what became true; ``prior`` is the share of positives learned by the time it was made."""

    snapshot: Snapshot
    probability: float
    prior: float
    positive: bool


class Counts:
    """How many labels have been learned, and of how many moments."""

    def __init__(self) -> None:
        self.labels = 0
        self.positives = 0
        self._moments: set[datetime] = set()

    def add(self, label: Label) -> None:
        """Count one."""
        self.labels += 1
        self.positives += label.positive
        self._moments.add(label.snapshot.at)

    @property
    def moments(self) -> int:
        """Of how many moments the labels are."""
        return len(self._moments)

    @property
    def ready(self) -> bool:
        """Whether there are enough labels for a probability that can be trusted."""
        rarer = min(self.positives, self.labels - self.positives)
        return self.labels >= MIN_LABELS and rarer >= MIN_OF_EACH and self.moments >= MIN_MOMENTS

    @property
    def prior(self) -> float:
        """The share of positives; one half of nothing."""
        return (self.positives + 1) / (self.labels + 2)


class Replayed(NamedTuple):
    """The predictions that were made once there were enough labels, and how many labels were learned in the end."""

    judged: list[Judged]
    counts: Counts


class DelayedModel(base.Classifier):
    """Scaled logistic regression that can say what moved it.

    Steps shrink as labels come in (AdaGrad, and 0.3/√n for the intercept): measured to be better calibrated than
    constant steps, with few labels and with many (benchmarks/detection/churn.py).
    """

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
        """Return how far each feature moves the log-odds from those of the average customer."""
        scaled: Features = self._scaler.transform_one(x)  # type: ignore[no-untyped-call]  # river leaves it unannotated
        weights = self._regression.weights
        return {name: float(weights.get(name, 0.0) * value) for name, value in scaled.items()}


def challenger() -> Classifier:
    """Return the forest that is watched beside the model and never decides: it costs twenty times as much."""
    model: Classifier = forest.AMFClassifier(n_estimators=10, use_aggregation=True, seed=1)
    return model


def replay(labels: Sequence[Label], model: Classifier) -> Replayed:
    """Teach a model labels as they fell due, and return what it predicted of each snapshot at its moment."""
    counts, judged = Counts(), []
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
