"""Hourly forecast of the next seven days of an integration, with a 90 % prediction interval.

It is the mean of each hour of the week, weighted towards recent weeks and shrunk towards its day and its hour of day,
scaled by half of the last week's deviation. The interval comes from the errors of this method on the last two weeks of
the series. Compared with river's Holt-Winters and SNARIMAX and with last week's value (docs/models/forecast.md).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

VERSION: Final = "week-profile-1"
WEEK: Final = 168
HOURS: Final = 7 * 24
# Two weeks for a profile, and one to measure its errors.
MIN_HOURS: Final = 3 * WEEK
MAX_HOURS: Final = 8 * WEEK

_DAY: Final = 24
_HALF_LIFE_WEEKS: Final = 2.0
# Weight of the prior (day and hour of day) for an hour of the week, in observations.
_DRAWN: Final = 2.0
# Hours above this multiple of the usual count are outliers and clipped.
_WINSOR, _FEW = 4.0, 10.0
_DAMPED: Final = 0.5
_ORIGINS: Final = 14
_TAIL: Final = 0.05

Floats = npt.NDArray[np.float64]


class Forecast(NamedTuple):
    """Expected counts of the next hours with their intervals; shape (168,)."""

    value: Floats
    lower: Floats
    upper: Floats


def forecast(history: Floats) -> Forecast | None:
    """Return the forecast of the hours after ``history`` (hourly counts, oldest first).

    ``None`` with less than three weeks of history: the interval would be unreliable.
    """
    if len(history) < MIN_HOURS:
        return None
    recent = history[-MAX_HOURS:]
    value = expected(recent, HOURS)
    low, high = _errors(recent)
    scale = np.sqrt(value + 1.0)
    days = np.arange(HOURS) // _DAY
    return Forecast(value, np.maximum(0.0, value + low[days] * scale), np.maximum(value, value + high[days] * scale))


def expected(history: Floats, hours: int) -> Floats:
    """Return the expected counts of the ``hours`` after a history of at least two weeks."""
    count = len(history)
    weights = 0.5 ** ((count - 1 - np.arange(count)) // WEEK / _HALF_LIFE_WEEKS)
    whole_days = history[: count - count % _DAY].reshape(-1, _DAY)
    clipped = np.minimum(history, _WINSOR * np.resize(np.median(whole_days, axis=0), count) + _FEW)
    profile = _profile(clipped, weights)
    usual = np.resize(profile, count)[-WEEK:].sum()
    level = (clipped[-WEEK:].sum() + 1.0) / (usual + 1.0)
    coming: Floats = profile[(count + np.arange(hours)) % WEEK] * level**_DAMPED
    return coming


def _profile(history: Floats, weights: Floats) -> Floats:
    """Return the mean of each hour of the week (by position from the first hour), shrunk towards day times hour."""
    position = np.arange(len(history)) % WEEK
    total = np.bincount(position, weights * history, WEEK)
    weight = np.bincount(position, weights, WEEK)
    grid, seen = total.reshape(7, _DAY), weight.reshape(7, _DAY)
    mean = max(grid.sum() / seen.sum(), 1e-9)
    by_day = grid.sum(axis=1) / seen.sum(axis=1)
    by_hour = grid.sum(axis=0) / seen.sum(axis=0)
    drawn_to = np.outer(by_day, by_hour).ravel() / mean
    profile: Floats = (total + _DRAWN * drawn_to) / (weight + _DRAWN)
    return profile


def _errors(history: Floats) -> tuple[Floats, Floats]:
    """Return the interval of scaled errors for each of the seven days ahead, from past forecasts; shape (7,)."""
    count = len(history)
    errors: list[list[Floats]] = [[] for _ in range(7)]
    for days_back in range(1, _ORIGINS + 1):
        origin = count - days_back * _DAY
        if origin < 2 * WEEK:
            break
        ahead = min(HOURS, count - origin)
        value = expected(history[:origin], ahead)
        scaled = (history[origin : origin + ahead] - value) / np.sqrt(value + 1.0)
        for day in range(ahead // _DAY):
            errors[day].append(scaled[day * _DAY : (day + 1) * _DAY])
    ranges = [np.quantile(np.concatenate(day), [_TAIL, 1.0 - _TAIL]) for day in errors]
    # Intervals do not shrink with the horizon: a day with smaller errors takes the interval of the day before.
    low = np.minimum.accumulate([one[0] for one in ranges])
    high = np.maximum.accumulate([one[1] for one in ranges])
    return low, high
