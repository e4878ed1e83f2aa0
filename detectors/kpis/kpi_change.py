"""Tests key figures for changes against their own history: the same weekday, and the days before.

Many figures of many tenants are tested every day, so the false discovery rate is controlled over all of them
(Benjamini-Hochberg); a change must also be large enough and based on enough data.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HISTORY_DAYS: Final = 56
"""Days of history in the comparison."""
LOOKS_PER_DAY: Final = 4
"""Number of tests of a day: after each of its first quarters, and when it is complete. Each gets a share of the
rate."""

FALSE_DISCOVERY_RATE: Final = 0.02
DISCOVERY_RATE: Final = FALSE_DISCOVERY_RATE / LOOKS_PER_DAY
"""The false discovery rate of one test."""
FEWEST_DAYS: Final = 14
"""Minimum number of days of history with enough volume."""
# The level is the median of two weeks: a lasting change is significant for about one week.
_LEVEL_DAYS, _AROUND_DAYS, _WEEK = 14, 7, 7
# Variance of a median relative to that of a mean.
_MEDIAN_VARIANCE: Final = 1.57
# Factor from the median absolute deviation to a standard deviation, and the efficiency of that estimate.
_MAD_TO_DEVIATION, _MAD_EFFICIENCY = 1.4826, 0.37
_WEEKDAYS_ESTIMATED: Final = 4.0
_MAX_FREEDOM: Final = 30.0
_ORDINARY_DEVIATIONS: Final = 2.58
# Minimum relative standard deviation.
_MIN_DEVIATION: Final = 0.005
# Minimum relevant change.
_RELATIVE_CHANGE, _SHARE_CHANGE, _SHARE_RELATIVE = 0.05, 0.01, 0.10


class JudgedDay(NamedTuple):
    """The last day of each series against the days before it; arrays of shape (series,).

    ``observed`` is compared with ``expected``; normal days lie between ``lower`` and ``upper``; ``deviation`` is one
    standard deviation, ``p`` the two-sided p-value: 1 where there is too little data.
    """

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    deviation: Floats
    p: Floats


def judge(values: Floats, counts: Floats, *, share: bool, minimum_volume: float) -> JudgedDay:
    """Test the last day of daily series of one figure.

    Parameters
    ----------
    values
        Shape (series, days), oldest first, consecutive days, NaN where there is none; the last column is the tested
        day.
    counts
        The sample size of each value (the figure's ``n``), same shape.
    share
        Whether values are shares, 0 to 1: their variance is at least binomial.
    minimum_volume
        Days with a smaller count are treated as missing.
    """
    usable = np.where(counts >= minimum_volume, values, np.nan)[:, -HISTORY_DAYS - 1 :]
    past, observed = usable[:, :-1], usable[:, -1]
    offsets = _weekday_offsets(past)
    flat = past - _by_day(offsets, past.shape[1])
    # The tested day has the weekday of seven days ago.
    level = _median(flat[:, -_LEVEL_DAYS:])
    expected = level + offsets[:, (past.shape[1]) % _WEEK]
    deviation, freedom = _scatter(flat, counts[:, -HISTORY_DAYS - 1 :])
    floor = np.abs(expected) * _MIN_DEVIATION
    if share:
        clipped = np.clip(expected, 0.001, 0.999)
        floor = np.sqrt(clipped * (1.0 - clipped) / np.maximum(counts[:, -1], 1.0))
    deviation = np.maximum(deviation, floor)
    known = np.isfinite(observed) & np.isfinite(expected) & np.isfinite(deviation) & (deviation > 0)
    known &= np.isfinite(past).sum(axis=1) >= FEWEST_DAYS
    scale = np.where(known, deviation, 1.0)
    t = np.where(known, np.abs(observed - expected) / scale, 0.0)
    lower, upper = expected - _ORDINARY_DEVIATIONS * deviation, expected + _ORDINARY_DEVIATIONS * deviation
    if share:
        lower, upper = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    return JudgedDay(observed, expected, lower, upper, deviation, _two_sided(t, freedom))


def matters(judged: JudgedDay, *, share: bool) -> Bools:
    """Return which changes are large enough to report."""
    size = np.abs(judged.observed - judged.expected)
    if share:
        rarer = np.clip(np.minimum(judged.expected, 1.0 - judged.expected), 0.0, 1.0)
        return np.asarray(size >= np.maximum(_SHARE_CHANGE, _SHARE_RELATIVE * rarer))
    return np.asarray(size >= _RELATIVE_CHANGE * np.abs(judged.expected))


def significant_below(rare: Floats, tests: int, rate: float = DISCOVERY_RATE) -> float:
    """Return the probability up to which the tests of one look are significant (Benjamini and Hochberg, 1995).

    The expected share of false positives is at most ``rate``.

    Parameters
    ----------
    rare
        Every p-value of the test that is at most ``rate``; others are never significant.
    tests
        Number of tests. The result is negative where nothing is significant.
    """
    ordered = np.sort(rare)
    under = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / max(tests, 1))
    return float(ordered[under[-1]]) if len(under) else -1.0


def discoveries(p: Floats, rate: float = DISCOVERY_RATE) -> Bools:
    """Return the significant ones among all tests of one time; p = 1 means not tested."""
    return np.asarray(p <= significant_below(p[p <= rate], int((p < 1.0).sum()), rate))


def _weekday_offsets(past: Floats) -> Floats:
    """Return the weekday effect relative to the surrounding days; shape (series, 7).

    Place 0 is that of the first column.
    """
    padding = np.full((past.shape[0], _AROUND_DAYS // 2), np.nan)
    padded = np.concatenate([padding, past, padding], axis=1)
    around = _median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND_DAYS, axis=1))
    beside = past - around
    noise = (_MAD_TO_DEVIATION * np.nan_to_num(_median(np.abs(beside)))) ** 2
    offsets = np.zeros((past.shape[0], _WEEK))
    for place in range(min(_WEEK, past.shape[1])):
        own = beside[:, place::_WEEK]
        known = np.isfinite(own).sum(axis=1)
        offset = np.nan_to_num(_median(own))
        # James-Stein shrinkage: most weekdays do not differ.
        by_chance = _MEDIAN_VARIANCE * noise / np.maximum(known, 1) / np.maximum(offset**2, 1e-300)
        offsets[:, place] = offset * np.maximum(1.0 - by_chance, 0.0)
    return offsets


def _by_day(offsets: Floats, days: int) -> Floats:
    return offsets[:, np.arange(days) % _WEEK]


def _scatter(flat: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return the standard deviation of a day around the previous level, and its degrees of freedom."""
    days = flat.shape[1]
    if days <= _LEVEL_DAYS:
        before = np.broadcast_to(_median(flat)[:, None], flat.shape)
        ahead = flat - before
    else:
        windows = np.lib.stride_tricks.sliding_window_view(flat[:, :-1], _LEVEL_DAYS, axis=1)
        ahead = flat[:, _LEVEL_DAYS:] - _median(windows)
    known = np.isfinite(ahead).sum(axis=1)
    spread = _MAD_TO_DEVIATION * _median(np.abs(ahead))
    spread = spread * np.sqrt(known / np.maximum(known - _WEEKDAYS_ESTIMATED, 1.0))
    # A day with less data has a larger variance.
    usual = _median(np.where(np.isfinite(flat), counts[:, :-1], np.nan))
    thin = np.sqrt(np.maximum(usual / np.maximum(counts[:, -1], 1.0), 1.0))
    return spread * thin, np.clip(_MAD_EFFICIENCY * known, 2.0, _MAX_FREEDOM)


def _median(values: Floats) -> Floats:
    """Return the median over the last axis, ignoring NaN; NaN where all are."""
    ordered = np.sort(values, axis=-1)
    known = np.isfinite(values).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0), axis=-1)
    high = np.take_along_axis(ordered, np.minimum(known // 2, ordered.shape[-1] - 1), axis=-1)
    middle: Floats = np.where(known > 0, (low + high) / 2.0, np.nan)[..., 0]
    return middle


def _two_sided(t: Floats, freedom: Floats) -> Floats:
    """Return the two-sided tail of Student's t, by Wallace's approximation (within some percent)."""
    factor = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    z = factor * np.sqrt(freedom * np.log1p(t * t / freedom))
    return np.array([math.erfc(one / math.sqrt(2.0)) for one in z.tolist()])
