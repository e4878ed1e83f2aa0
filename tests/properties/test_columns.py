"""Numbers survive the way into columns and back, with their gaps, in slices too."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rows import MONEY, SCORE
from streams.arrow_batches import decimal_column, decimals_scaled, score_column

_integers = st.integers(-(2**63), 2**63 - 1)
_floats = st.none() | st.floats(-1_000_000, 1_000_000)


def _floats_with_gaps(values: list[float | None]) -> np.typing.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@settings(deadline=None)
@given(st.lists(_integers))
def test_every_64_bit_integer_is_the_decimal_it_stands_for(scaled: list[int]) -> None:
    column = decimal_column(np.array(scaled, dtype=np.int64), SCORE)
    column.validate(full=False)
    assert column.to_pylist() == [Decimal(value).scaleb(-4) for value in scaled]


@settings(deadline=None)
@given(st.lists(_integers))
def test_money_has_four_decimals(scaled: list[int]) -> None:
    column = decimal_column(np.array(scaled, dtype=np.int64), MONEY)
    assert column.to_pylist() == [Decimal(value).scaleb(-4) for value in scaled]


@settings(deadline=None)
@given(st.lists(_floats))
def test_scores_are_rounded_to_four_decimals_and_gaps_stay_gaps(values: list[float | None]) -> None:
    expected = [None if value is None else Decimal(round(value * 10_000)).scaleb(-4) for value in values]
    assert score_column(_floats_with_gaps(values)).to_pylist() == expected


@settings(deadline=None)
@given(values=st.lists(_floats), start=st.integers(0, 20), length=st.integers(0, 20))
def test_reading_a_slice_of_a_column_gives_back_its_integers_and_gaps(
    values: list[float | None], start: int, length: int
) -> None:
    start = min(start, len(values))
    part = values[start : start + length]
    scaled, missing = decimals_scaled(score_column(_floats_with_gaps(values)).slice(start, length))
    assert missing.tolist() == [value is None for value in part]
    assert scaled.tolist() == [0 if value is None else round(value * 10_000) for value in part]
