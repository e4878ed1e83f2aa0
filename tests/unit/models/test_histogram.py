"""What a histogram says of few values, where its behaviour can be read off."""

from __future__ import annotations

import numpy as np
import pytest

from models.histogram import GAMMA, ZERO_BUCKET, buckets_of, quantile, value_of


def _quantile(histogram: dict[int, int], q: float) -> float | None:
    buckets, counts = list(histogram), list(histogram.values())
    return quantile(np.array(buckets, dtype=np.int16), np.array(counts, dtype=np.uint64), q)


@pytest.mark.parametrize(("value", "bucket"), [(0, ZERO_BUCKET), (1, 0), (2, 70), (100, 463), (2**31 - 1, 2160)])
def test_a_value_falls_in_its_bucket(value: int, bucket: int) -> None:
    assert buckets_of(np.array([value])).tolist() == [bucket]


@pytest.mark.parametrize("bucket", [ZERO_BUCKET, 0, 463, 2160])
def test_the_value_a_bucket_stands_for_falls_in_it(bucket: int) -> None:
    assert value_of(bucket) <= GAMMA**bucket or bucket == ZERO_BUCKET
    assert value_of(bucket) > GAMMA ** (bucket - 1) or bucket == ZERO_BUCKET


def test_zero_stands_for_itself() -> None:
    assert value_of(ZERO_BUCKET) == 0.0


def test_no_values_have_no_quantile() -> None:
    assert _quantile({}, 0.5) is None
    assert _quantile({463: 0}, 0.5) is None


@pytest.mark.parametrize(("q", "bucket"), [(0.0, 70), (0.49, 70), (0.5, 463), (0.99, 463), (1.0, 463)])
def test_the_quantile_is_at_rank_q_times_the_number_less_one(q: float, bucket: int) -> None:
    assert _quantile({70: 2, 463: 3}, q) == value_of(bucket)


def test_counts_beyond_32_bits_are_counted() -> None:
    assert _quantile({70: 2**40, 463: 1}, 0.999) == value_of(70)
