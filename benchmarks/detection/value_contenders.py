"""River's stock detectors over one series, scored before they learn, as anyone would put them to use.

River leaves many of its methods without annotations: where one of its models is called, it is Any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from river import anomaly, linear_model, optim, preprocessing, time_series

from benchmarks.detection.value_series import DAY, Series
from detectors.series.detector import ValueDetector

Scores = list[float]
_WINDOW: Final = 250
_LONGEST_SEASON: Final = 288


def ours(series: Series) -> Scores:
    """``ValueDetector``."""
    detector = ValueDetector()
    pairs = zip(series.times, series.values, strict=True)
    return [detector.process_one({"time": time, "value": value}).score for time, value in pairs]


def gaussian(series: Series) -> Scores:
    """``GaussianScorer`` over all that went before: its sliding window loses the variance to rounding and fails."""
    scorer: Any = anomaly.GaussianScorer
    return _supervised(scorer(grace_period=_WINDOW), series)


def half_space_trees(series: Series) -> Scores:
    """``HalfSpaceTrees`` on value and change, scaled by what was seen so far."""
    return _unsupervised(_trees(), series)


def quantile_filter(series: Series) -> Scores:
    """``QuantileFilter`` around the trees: 1 beyond the 99.95th percentile of their scores, else 0."""
    scaler: Any = preprocessing.MinMaxScaler()
    detector: Any = anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=1, window_size=_WINDOW), q=0.9995)
    scores, before = [], series.values[0]
    for value in series.values:
        x = {"value": value, "change": value - before}
        scaler.learn_one(x)
        scaled = scaler.transform_one(x)
        scores.append(float(detector.classify(detector.score_one(scaled))))
        detector.learn_one(scaled)
        before = value
    return scores


def snarimax(series: Series) -> Scores:
    """``PredictiveAnomalyDetection`` with ``SNARIMAX``."""
    forecaster: Any = time_series.SNARIMAX
    model = forecaster(
        p=3, d=1, q=1, regressor=preprocessing.StandardScaler() | linear_model.LinearRegression(optim.SGD(0.005))
    )
    return _supervised(anomaly.PredictiveAnomalyDetection(model, n_std=6.0, warmup_period=_WINDOW), series)


def holt_winters(series: Series) -> Scores:
    """``PredictiveAnomalyDetection`` with ``HoltWinters``, a day long where that is not too much."""
    interval = series.times[1] - series.times[0]
    day = min(_LONGEST_SEASON, max(7, round(DAY / interval)))
    forecaster: Any = time_series.HoltWinters
    model = forecaster(alpha=0.3, beta=0.05, gamma=0.1, seasonality=day)
    detector: Any = anomaly.PredictiveAnomalyDetection(model, n_std=6.0, warmup_period=day + _WINDOW)
    # Forecasts begin when a whole season was seen.
    for value in series.values[: day + 1]:
        detector.learn_one(None, value)
    return [0.0] * (day + 1) + _supervised(detector, series, day + 1)


CONTENDERS: Final[Mapping[str, Callable[[Series], Scores]]] = {
    "ValueDetector": ours,
    "GaussianScorer": gaussian,
    "HalfSpaceTrees": half_space_trees,
    "QuantileFilter + HalfSpaceTrees": quantile_filter,
    "PredictiveAnomalyDetection + SNARIMAX": snarimax,
    "PredictiveAnomalyDetection + HoltWinters": holt_winters,
}


def _trees() -> Any:
    return preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1, window_size=_WINDOW)


def _unsupervised(detector: Any, series: Series) -> Scores:
    scores, before = [], series.values[0]
    for value in series.values:
        x = {"value": value, "change": value - before}
        scores.append(float(detector.score_one(x)))
        detector.learn_one(x)
        before = value
    return scores


def _supervised(detector: Any, series: Series, start: int = 0) -> Scores:
    scores = []
    for value in series.values[start:]:
        scores.append(float(detector.score_one(None, value)))
        detector.learn_one(None, value)
    return scores
