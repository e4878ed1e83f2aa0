"""Forecasts of the simulator's integrations: ours, river's, and last week's value, on seeds not used for tuning."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from river import time_series

from benchmarks.report import Sheet
from detectors.forecast import HOURS, WEEK, Floats, expected, forecast
from models.topics import QUERIES
from simulator.scenario import Scenario, rate_for

SEEDS: Final = (901, 902)
_WEEKS: Final = 6
_START: Final = datetime(2026, 3, 2, tzinfo=UTC)
_EVENTS: Final = 250_000
_OURS: Final = "week profile (ours)"


class Series(NamedTuple):
    """Counts an hour of one integration: what was known, and the week that came."""

    name: str
    known: Floats
    came: Floats


def sheet() -> Sheet:
    """Return errors against last week's value (MASE) and the coverage of our range."""
    volume = [one for seed in SEEDS for one in series(seed, errors=False)]
    failed = [one for seed in SEEDS for one in series(seed, errors=True)]
    covered = [f"{np.mean([_covered(one) for one in group]):.1%}" for group in (volume, failed)]
    rows = [
        (
            name,
            *(f"{np.mean([_mase(one, method(one.known)) for one in group]):.3f}" for group in (volume, failed)),
            *(covered if name == _OURS else ("", "")),
        )
        for name, method in _METHODS.items()
    ]
    return Sheet(
        f"Seven days ahead, hour by hour, {len(volume)} integrations of {len(SEEDS)} seeds",
        ("method", "MASE queries", "MASE errors", "in the 90 % range: queries", "errors"),
        rows,
    )


def series(seed: int, *, errors: bool) -> list[Series]:
    """Return six weeks and the week after of each integration of a scenario, with incidents."""
    end = _START + timedelta(weeks=_WEEKS + 1)
    span = end - _START
    scenario = Scenario(seed=seed, start=_START, end=end, rate=rate_for(_EVENTS, span), incidents_per_day=0.5)
    counts: dict[str, Floats] = defaultdict(lambda: np.zeros((_WEEKS + 1) * WEEK))
    for messages in scenario.history():
        for topic, _, value in messages:
            if topic != QUERIES.name:
                continue
            event = json.loads(value)
            hour = (datetime.fromisoformat(event["created_at"]) - _START) // timedelta(hours=1)
            counts[f"{event['user_id']}/{event['integration_provider']}"][hour] += not (
                errors and event["query_success"]
            )
    known = _WEEKS * WEEK
    return [Series(name, values[:known], values[known:]) for name, values in sorted(counts.items())]


def last_week(known: Floats) -> Floats:
    """Return last week's values."""
    return known[-HOURS:]


def holt_winters(known: Floats) -> Floats:
    """Return the forecast of river's Holt-Winters with a season of a week."""
    model = time_series.HoltWinters(alpha=0.05, beta=0.001, gamma=0.2, seasonality=WEEK)  # type: ignore[no-untyped-call]  # unannotated in river
    # It divides by the first level, which may be zero.
    return _river(model, known + 1.0) - 1.0


def snarimax(known: Floats) -> Floats:
    """Return the forecast of river's SNARIMAX with a season of a day."""
    return _river(time_series.SNARIMAX(p=2, d=0, q=1, m=24, sp=3, sq=1), np.sqrt(known)) ** 2


def _river(model: time_series.base.Forecaster, known: Floats) -> Floats:
    for value in known.tolist():
        model.learn_one(value)
    found: Floats = np.clip(np.array(model.forecast(horizon=HOURS), dtype=np.float64), 0.0, 10 * known.max() + 1.0)
    return found


def _mase(one: Series, value: Floats) -> float:
    naive = np.abs(one.known[WEEK:] - one.known[:-WEEK]).mean()
    return float(np.abs(one.came - value).mean() / max(naive, 1e-9))


def _covered(one: Series) -> float:
    found = forecast(one.known)
    assert found is not None  # noqa: S101 - six weeks are enough
    return float(((one.came >= found.lower) & (one.came <= found.upper)).mean())


_METHODS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "last week's value": last_week,
    "Holt-Winters (river)": holt_winters,
    "SNARIMAX (river)": snarimax,
    _OURS: lambda known: expected(known, HOURS),
}
