"""Quality of predicted probabilities: ranking (AUC), error (Brier score) and calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import log, sqrt
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from detectors.customers.delayed_model import Judged

BINS: Final = 10


class Bin(NamedTuple):
    """A decile of the predictions: mean predicted probability, observed share, size."""

    predicted: float
    observed: float
    size: int

    @property
    def positives(self) -> int:
        """Number of predictions in the bin whose label was positive."""
        return round(self.observed * self.size)

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % confidence interval of the true share."""
        return share_interval(self.positives, self.size)


class Quality(NamedTuple):
    """Quality of a model over its labelled predictions; ``auc`` is ``None`` where only one class occurred.

    ``brier_of_prior`` and ``log_loss_of_prior`` are those of always predicting the share of positives seen so far;
    ``calibration_error`` is the mean distance of predicted and observed over ten bins of equal size.
    """

    predictions: int
    positives: int
    auc: float | None
    brier: float
    brier_of_prior: float
    calibration_error: float
    bins: tuple[Bin, ...]
    log_loss: float
    log_loss_of_prior: float

    @property
    def improvement(self) -> float:
        """Brier skill score against the base rate."""
        return 1.0 - self.brier / self.brier_of_prior


# The normal distribution's 95th percentile: an interval of 90 %.
_Z: Final = 1.6449


def share_interval(count: int, size: int) -> tuple[float, float]:
    """Return the 90 % Wilson interval of ``count`` of ``size``; (0, 1) where ``size`` is 0."""
    if size == 0:
        return 0.0, 1.0
    share, square = count / size, _Z * _Z
    middle = share + square / (2 * size)
    half = _Z * sqrt(share * (1 - share) / size + square / (4 * size * size))
    return max(0.0, (middle - half) / (1 + square / size)), min(1.0, (middle + half) / (1 + square / size))


# Predictions of one customer in several weeks are correlated, so the sample size is the number of customers.
_MIN_CUSTOMERS: Final = 50
_MIN_PROBABILITY: Final = 1e-6


def better_than_prior(judged: Sequence[Judged]) -> bool:
    """Whether log loss is significantly below that of the base rate (5 % level).

    A paired test over customers on the same snapshots.
    """
    return _gains((one, one.prior, one.probability) for one in judged)


def better_than(champion: Sequence[Judged], challenger: Sequence[Judged]) -> bool:
    """Whether a challenger's log loss is below the champion's, by more than chance (one in twenty).

    A paired test over customers of what both said of the same snapshots, each before its label was known.
    """
    said = {_key(one): one.probability for one in champion}
    return _gains((one, said[_key(one)], one.probability) for one in challenger if _key(one) in said)


def _key(one: Judged) -> tuple[UUID, str, datetime]:
    return one.snapshot.user_id, one.snapshot.customer_id, one.snapshot.at


def _gains(pairs: Iterable[tuple[Judged, float, float]]) -> bool:
    """Whether the second probability has the smaller log loss, by more than chance over customers."""
    gained: dict[tuple[UUID, str], float] = {}
    for one, before, after in pairs:
        key = (one.snapshot.user_id, one.snapshot.customer_id)
        gain = _log_loss(before, positive=one.positive) - _log_loss(after, positive=one.positive)
        gained[key] = gained.get(key, 0.0) + gain
    if len(gained) < _MIN_CUSTOMERS:
        return False
    gains = np.array(list(gained.values()))
    return float(gains.mean()) > _Z * float(gains.std(ddof=1)) / sqrt(len(gains))


def _log_loss(probability: float, *, positive: bool) -> float:
    said = probability if positive else 1.0 - probability
    return -log(min(max(said, _MIN_PROBABILITY), 1.0))


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
        log_loss=sum(_log_loss(one.probability, positive=one.positive) for one in judged) / len(judged),
        log_loss_of_prior=sum(_log_loss(one.prior, positive=one.positive) for one in judged) / len(judged),
    )


def _auc(predicted: npt.NDArray[np.float64], true: npt.NDArray[np.float64], positives: int) -> float | None:
    negatives = len(true) - positives
    if positives == 0 or negatives == 0:
        return None
    # The mean rank of ties.
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[true == 1.0].sum() - positives * (positives + 1) / 2) / (positives * negatives))
