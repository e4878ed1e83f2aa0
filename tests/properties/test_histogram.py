"""Merged histograms are the histogram of everything, and read any quantile to within half a percent."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.histogram import GAMMA, ZERO_BUCKET, buckets_of, quantile, value_of

_values = st.lists(st.integers(0, 3) | st.integers(0, 5_000) | st.integers(0, 2**31 - 1), min_size=1, max_size=200)


def _histogram(values: list[int]) -> Counter[int]:
    return Counter(buckets_of(np.array(values, dtype=np.int64)).tolist())


def _quantile(histogram: Counter[int], q: float) -> float | None:
    buckets = sorted(histogram)
    counts = [histogram[bucket] for bucket in buckets]
    return quantile(np.array(buckets, dtype=np.int16), np.array(counts, dtype=np.uint64), q)


@settings(deadline=None)
@given(st.lists(_values, min_size=1, max_size=5))
def test_merging_the_histograms_of_parts_gives_the_histogram_of_the_whole(parts: list[list[int]]) -> None:
    merged = sum((_histogram(part) for part in parts), Counter[int]())
    assert merged == _histogram([value for part in parts for value in part])


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 0.99, 1.0])
@settings(deadline=None)
@given(values=_values)
def test_a_quantile_is_within_half_a_percent_of_the_exact_one(q: float, values: list[int]) -> None:
    exact = sorted(values)[max(1, math.ceil(q * len(values) - 1e-9)) - 1]
    assert _quantile(_histogram(values), q) == pytest.approx(exact, rel=0.005, abs=0)


@settings(deadline=None)
@given(_values)
def test_buckets_ascend_with_the_values_they_hold(values: list[int]) -> None:
    buckets = buckets_of(np.array(sorted(values), dtype=np.int64))
    assert (np.diff(buckets) >= 0).all()


def test_every_bucket_holds_the_values_around_the_one_it_stands_for() -> None:
    top = int(buckets_of(np.array([2**31 - 1]))[0])
    for bucket in range(top + 1):
        edge = GAMMA**bucket
        around = np.unique([max(1, int(edge) - 1), max(1, int(edge)), int(edge) + 1]).astype(np.int64)
        for value, found in zip(around.tolist(), buckets_of(around).tolist(), strict=True):
            assert value_of(found) == pytest.approx(value, rel=0.005)


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 100))
def test_zero_is_exact(zeros: int, others: int) -> None:
    histogram = Counter({ZERO_BUCKET: zeros, 5: others})
    assert _quantile(histogram, 0.0) == 0.0
