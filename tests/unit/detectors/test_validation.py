from __future__ import annotations

import math

import pytest

from detectors.validation import errors_of, index_of, known, latency_of


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, 1e200])
def test_what_is_missing_or_absurd_is_not_known(value: float | None) -> None:
    assert known(value) is None


def test_numbers_are_known() -> None:
    assert [known(0), known(-2), known(3.5)] == [0.0, -2.0, 3.5]


def test_times_lie_in_numbered_intervals() -> None:
    assert index_of({"time": 3_599.9}, 60.0) == 59
    assert index_of({"time": -1}, 60.0) is None
    assert index_of({"time": 1e14}, 60.0) is None
    assert index_of({}, 60.0) is None


def test_no_more_calls_fail_than_came() -> None:
    assert errors_of({"errors": 12}, 10.0) == (10.0, 10.0)
    assert errors_of({"errors": -1}, 10.0) == (10.0, 0.0)
    assert errors_of({}, 10.0) == (0.0, 0.0)


def test_squares_that_are_missing_are_those_of_the_usual_scatter() -> None:
    assert latency_of({"log_latency_sum": 50.0}, 10.0, 0.4) == (10.0, 50.0, 250.0 + 0.4 * 9)
    assert latency_of({"log_latency_sum": 50.0, "log_latency_squares": 260.0}, 10.0, 0.4) == (10.0, 50.0, 260.0)


def test_squares_are_never_less_than_the_mean_allows() -> None:
    assert latency_of({"log_latency_sum": 50.0, "log_latency_squares": 1.0}, 10.0, 0.4) == (10.0, 50.0, 250.0)


def test_a_time_beyond_all_bounds_was_not_measured() -> None:
    assert latency_of({"log_latency_sum": 1e6}, 10.0, 0.4) == (0.0, 0.0, 0.0)
