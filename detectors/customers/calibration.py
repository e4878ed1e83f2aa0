"""How good probabilities are: ranking, error, and whether 20 % means one in five."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from detectors.customers.delayed_model import Judged

BINS: Final = 10


class Bin(NamedTuple):
    """A tenth of the predictions, from the lowest to the highest: what was predicted and what came true."""

    predicted: float
    observed: float
    size: int

    @property
    def positives(self) -> int:
        """Number of predictions in the bin whose label was positive."""
        return round(self.observed * self.size)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, nine times of ten."""
        return share_interval(self.positives, self.size)


class Quality(NamedTuple):
    """Figures of a model over its judged predictions; ``auc`` is ``None`` where only one class came true.

    ``brier`` stands beside ``brier_of_prior``, that of always saying the share of positives seen so far;
    ``calibration_error`` is the mean distance of predicted and observed over ten bins of equal size.
    """

    predictions: int
    positives: int
    auc: float | None
    brier: float
    brier_of_prior: float
    calibration_error: float
    bins: tuple[Bin, ...]

    @property
    def improvement(self) -> float:
        """How much smaller the Brier score is than that of the prior, as a share of it."""
        return 1.0 - self.brier / self.brier_of_prior


# The normal distribution's 95th percentile: an interval of 90 %.
_Z: Final = 1.6449


def share_interval(count: int, size: int) -> tuple[float, float]:
    """Return the interval (90 %, Wilson's) of a share of which ``count`` of ``size`` were seen; all of nothing."""
    if size == 0:
        return 0.0, 1.0
    share, square = count / size, _Z * _Z
    middle = share + square / (2 * size)
    half = _Z * sqrt(share * (1 - share) / size + square / (4 * size * size))
    return max(0.0, (middle - half) / (1 + square / size)), min(1.0, (middle + half) / (1 + square / size))


# Of one customer, predictions of several weeks are nearly one: customers are what is counted, and there must be some.
_MIN_CUSTOMERS: Final = 50
_MIN_PROBABILITY: Final = 1e-6


def better_than_prior(judged: Sequence[Judged]) -> bool:
    """Whether log loss is below that of always saying the share seen so far, by more than chance (one in twenty).

    A paired test over customers of what both said of the same snapshots at the same time.
    """
    gained: dict[tuple[UUID, str], float] = {}
    for one in judged:
        key = (one.snapshot.user_id, one.snapshot.customer_id)
        gain = _log_loss(one.prior, positive=one.positive) - _log_loss(one.probability, positive=one.positive)
        gained[key] = gained.get(key, 0.0) + gain
    if len(gained) < _MIN_CUSTOMERS:
        return False
    gains = np.array(list(gained.values()))
    return float(gains.mean()) > _Z * float(gains.std(ddof=1)) / sqrt(len(gains))


def _log_loss(probability: float, *, positive: bool) -> float:
    said = probability if positive else 1.0 - probability
    return -log(max(said, _MIN_PROBABILITY))


def quality(judged: Sequence[Judged]) -> Quality | None:
    """Return the figures; ``None`` where nothing was predicted."""
    if not judged:
        return None
    predicted = np.array([one.probability for one in judged])
    prior = np.array([one.prior for one in judged])
    true = np.array([one.positive for one in judged], dtype=np.float64)
    positives = int(true.sum())
    bins = [
        Bin(float(predicted[part].mean()), float(true[part].mean()), len(part))
        for part in np.array_split(np.argsort(predicted, kind="stable"), BINS)
        if len(part) > 0
    ]
    return Quality(
        predictions=len(judged),
        positives=positives,
        auc=_auc(predicted, true, positives),
        brier=float(np.mean((predicted - true) ** 2)),
        brier_of_prior=float(np.mean((prior - true) ** 2)),
        calibration_error=sum(abs(one.predicted - one.observed) * one.size for one in bins) / len(judged),
        bins=tuple(bins),
    )


def _auc(predicted: npt.NDArray[np.float64], true: npt.NDArray[np.float64], positives: int) -> float | None:
    negatives = len(true) - positives
    if positives == 0 or negatives == 0:
        return None
    # The mean rank of those that were predicted alike.
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[true == 1.0].sum() - positives * (positives + 1) / 2) / (positives * negatives))
