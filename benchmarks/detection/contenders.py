"""Ours, river's stock detectors and the burn-rate rule: each turns a series into a score per minute."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from river import anomaly, linear_model, preprocessing, stats, time_series

from benchmarks.detection.series import LabelledSeries
from detectors.performance.detector import PerformanceDetector
from simulator.arrays import Floats

# river leaves many of its methods without annotations: where one of its models is called, it is Any.
Step = Callable[[dict[str, Any]], float]


@dataclass(frozen=True)
class Contender:
    """A detector under test; ``threshold`` is its own, ``None`` where hindsight sets it."""

    name: str
    start: Callable[[], Step]
    threshold: float | None = None

    def run(self, series: LabelledSeries) -> tuple[Floats, float]:
        """Return the score of each minute (0 where it was lost), made before that minute was learned, and seconds."""
        step, scores = self.start(), np.zeros(series.minutes)
        observations = list(series.observations())
        began = time.process_time()
        for minute, x in observations:
            scores[minute] = step(x)
        return scores, time.process_time() - began


def _ours() -> Step:
    detector = PerformanceDetector()
    return lambda x: detector.process_one(x).score


class _Features:
    """Count, error rate and mean log latency of the last five minutes."""

    def __init__(self) -> None:
        self._window: deque[tuple[float, float, float]] = deque(maxlen=5)

    def of(self, x: dict[str, Any]) -> dict[str, float]:
        self._window.append((x["count"], x["errors"], x["log_latency_sum"]))
        count, errors, logs = (sum(part) for part in zip(*self._window, strict=True))
        return {"count": math.log1p(count), "errors": errors / max(count, 1), "latency": logs / max(count, 1)}


class _Residuals:
    """The same, less their usual value at this hour of the day, over their usual deviation from it; 0 to 1."""

    def __init__(self) -> None:
        self._features = _Features()
        self._usual = {
            (name, hour): stats.EWMean(0.01) for name in ("count", "errors", "latency") for hour in range(24)
        }
        self._squares = {name: stats.EWMean(0.0005) for name in ("count", "errors", "latency")}

    def of(self, x: dict[str, Any]) -> dict[str, float]:
        hour = x["time"] // 3600 % 24
        residuals = {}
        for name, value in self._features.of(x).items():
            usual, squares = self._usual[name, hour], self._squares[name]
            off = value - usual.get()
            z = off / math.sqrt(squares.get() + 1e-6)
            residuals[name] = 1.0 / (1.0 + math.exp(-max(min(z / 3.0, 20.0), -20.0)))
            usual.update(value)
            squares.update(off * off)
        return residuals


def _trees_on_raw() -> Step:
    features = _Features()
    scale: Any = preprocessing.MinMaxScaler()
    trees: Any = anomaly.HalfSpaceTrees(seed=1)

    def step(x: dict[str, Any]) -> float:
        raw = features.of(x)
        scale.learn_one(raw)
        scaled = scale.transform_one(raw)
        score = float(trees.score_one(scaled))
        trees.learn_one(scaled)
        return score

    return step


def _trees_on_residuals() -> Step:
    residuals = _Residuals()
    trees: Any = anomaly.HalfSpaceTrees(seed=1)

    def step(x: dict[str, Any]) -> float:
        scaled = residuals.of(x)
        score = float(trees.score_one(scaled))
        trees.learn_one(scaled)
        return score

    return step


def _gaussian() -> Step:
    features = _Features()
    gaussian: Any = anomaly.GaussianScorer
    scorers = {name: gaussian(grace_period=1440) for name in ("count", "errors", "latency")}

    def step(x: dict[str, Any]) -> float:
        score = 0.0
        for name, value in features.of(x).items():
            score = max(score, float(scorers[name].score_one(None, value)))
            scorers[name].learn_one(None, value)
        return score

    return step


def _predictive() -> Step:
    features = _Features()

    def detector() -> Any:
        regressor = preprocessing.StandardScaler() | linear_model.LinearRegression()
        forecaster = time_series.SNARIMAX(p=5, d=0, q=2, regressor=regressor)
        return anomaly.PredictiveAnomalyDetection(forecaster, n_std=6.0, warmup_period=1440)

    detectors = {name: detector() for name in ("errors", "latency")}

    def step(x: dict[str, Any]) -> float:
        values, score = features.of(x), 0.0
        for name, one in detectors.items():
            score = max(score, float(one.score_one(None, values[name])))
            one.learn_one(None, values[name])
        return score

    return step


def _burn_rate() -> Step:
    minutes: deque[tuple[float, float]] = deque(maxlen=60)

    def step(x: dict[str, Any]) -> float:
        minutes.append((x["count"], x["errors"]))
        rates = []
        for length in (5, 60):
            window = list(minutes)[-length:]
            count = sum(part[0] for part in window)
            rates.append(sum(part[1] for part in window) / count if count >= 5 else 0.0)
        return min(rates)

    return step


OURS: Final = Contender("PerformanceDetector", _ours, threshold=1.0)
STOCK: Final = (
    Contender("HalfSpaceTrees, raw", _trees_on_raw),
    Contender("HalfSpaceTrees, residuals", _trees_on_residuals),
    Contender("GaussianScorer, three metrics", _gaussian),
    Contender("PredictiveAnomalyDetection, SNARIMAX", _predictive),
    Contender("burn rate, 5 and 60 minutes", _burn_rate),
)
