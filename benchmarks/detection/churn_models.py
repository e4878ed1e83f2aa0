"""What the churn model is set beside, on the same late labels: challengers, survival, recency alone, the prior."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import expm1
from statistics import fmean
from typing import Any, Final

from river import compose, linear_model, optim, preprocessing

from benchmarks.report import Sheet
from detectors.customers.calibration import Quality, better_than, quality
from detectors.customers.delayed_model import Classifier, DelayedModel, Features, Judged, challenger, replay
from detectors.customers.labels import Label

# A cell of the survival table is drawn towards the cell of all customers with as many visits, as by so many of them.
_DRAWN: Final = 20.0


class Recency:
    """Logistic regression on the days since the last visit alone."""

    def __init__(self) -> None:
        self._pipeline: Any = compose.Pipeline(
            preprocessing.StandardScaler(),
            linear_model.LogisticRegression(
                optimizer=optim.AdaGrad(0.1), intercept_lr=optim.schedulers.InverseScaling(0.3, 0.5)
            ),
        )

    def learn_one(self, x: Features, y: bool) -> None:
        """Learn one label."""
        self._pipeline.learn_one({"recency": x["recency"]}, y)

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""
        found: dict[Any, float] = self._pipeline.predict_proba_one({"recency": x["recency"]})
        return found


class SurvivalTable:
    """Time to churn without a shape: of customers with as many visits and as long a silence, how many never came again.

    Silence counts in multiples of the customer's own usual gap; what few have seen leans on all with as many visits.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._visits: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._all = [1.0, 2.0]

    def learn_one(self, x: Features, y: bool) -> None:
        """Learn one label."""
        cell = _cell(x)
        for one in (self._cells[cell], self._visits[cell[0]], self._all):
            one[0] += y
            one[1] += 1.0

    def predict_proba_one(self, x: Features) -> dict[Any, float]:
        """Return the probability of each class."""
        cell = _cell(x)
        share = self._all[0] / self._all[1]
        for left, seen in (self._visits[cell[0]], self._cells[cell]):
            share = (left + _DRAWN * share) / (seen + _DRAWN)
        return {True: share, False: 1.0 - share}


def _cell(x: Features) -> tuple[int, int]:
    return int(2.0 * x["frequency"]), int(3.0 * min(x["overdue"], 4.0)) if expm1(x["overdue"]) > 0 else 0


OURS: Final = "scaled logistic regression (ours)"
MODELS: Final[Mapping[str, Callable[[], Classifier]]] = {
    OURS: DelayedModel,
    "AMF (the challenger)": challenger,
    "survival by visits and silence": SurvivalTable,
    "recency alone": Recency,
}
COLUMNS: Final = ("model", "AUC", "log loss", "Brier", "calibration error", "better than ours", "µs a call")


def compared(title: str, samples: Sequence[Sequence[Label]]) -> Sheet:
    """Return each model and the prior over samples (seeds): the mean, and from the lowest to the highest of them."""
    judged: dict[str, list[list[Judged]]] = {}
    micros: dict[str, float] = {}
    for name, make in MODELS.items():
        began = time.process_time()
        judged[name] = [replay(labels, make()).judged for labels in samples]
        micros[name] = (time.process_time() - began) / (2 * sum(map(len, samples))) * 1e6
    judged["the prior"] = [[one._replace(probability=one.prior) for one in sample] for sample in judged[OURS]]
    rows = []
    for name, found in judged.items():
        wins = sum(better_than(ours, theirs) for ours, theirs in zip(judged[OURS], found, strict=True))
        proved = "" if name == OURS else f"{wins} of {len(samples)}"
        rows.append((name, *_figures([known_quality(one) for one in found]), proved, f"{micros.get(name, 0.0):.0f}"))
    return Sheet(title, COLUMNS, rows)


def _figures(found: Sequence[Quality]) -> list[str]:
    return [
        _over([one.auc or 0.5 for one in found], 3),
        _over([one.log_loss for one in found], 4),
        _over([one.brier for one in found], 4),
        _over([one.calibration_error for one in found], 4),
    ]


def _over(values: Sequence[float], digits: int) -> str:
    return f"{fmean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def known_quality(judged: Sequence[Judged]) -> Quality:
    """Return the quality of predictions; raises ``ValueError`` where they are too few to tell."""
    found = quality(judged)
    if found is None:
        raise ValueError(f"{len(judged)} predictions are too few to judge a model; give the benchmark more data")
    return found
