"""Verdicts in plain words."""

from __future__ import annotations

import pytest

from kpis.experiments.metrics import METRICS
from kpis.experiments.moments import EffectEstimate
from kpis.experiments.verdict import verdict


def _said(metric: str, low: float | None, high: float | None, p: float = 0.001, n: int = 500) -> str:
    middle = None if low is None or high is None else (low + high) / 2
    found = EffectEstimate(middle, middle, low, high, p, 0.0, n, n)
    return verdict(METRICS[metric], found, p, METRICS[metric].margin)


@pytest.mark.parametrize(
    ("metric", "low", "high", "p", "words"),
    [
        ("conversion", 0.031, 0.084, 0.001, "better by 3.1 to 8.4 points"),
        ("conversion", -0.084, -0.031, 0.001, "worse by 3.1 to 8.4 points"),
        ("csat", 0.102, 0.304, 0.01, "better by 0.10 to 0.30 stars"),
        ("value", 1.5, 1_234.5, 0.01, "better by 1.50 to 1,234.50"),
        ("conversion", -0.012, 0.0193, 0.7, "no effect larger than 2.0 points"),
        ("conversion", -0.0121, 0.0104, 0.7, "no effect larger than 1.3 points"),
        ("csat", -0.05, 0.03, 0.7, "no effect larger than 0.05 stars"),
        ("conversion", -0.012, 0.034, 0.3, "not yet clear: between -1.2 and 3.4 points"),
        ("conversion", -0.0001, 0.034, 0.06, "not yet clear: between 0.0 and 3.4 points"),
        ("conversion", 0.001, 0.05, 0.08, "not yet clear: beyond zero by itself, but one of several comparisons"),
        ("conversion", -0.05, -0.001, 0.08, "not yet clear: beyond zero by itself, but one of several comparisons"),
    ],
)
def test_an_interval_is_said_in_words(metric: str, low: float, high: float, p: float, words: str) -> None:
    assert _said(metric, low, high, p) == words


@pytest.mark.parametrize(
    ("currency", "words"),
    [
        ("EUR", "better by €1.50 to €1,234.50"),
        ("JPY", "better by ¥2 to ¥1,234"),
        ("KWD", "better by KWD 1.500 to KWD 1,234.500"),
    ],
)
def test_a_difference_of_money_is_in_its_currency(currency: str, words: str) -> None:
    found = EffectEstimate(2.0, 2.0, 1.5, 1_234.5, 0.001, 0.0, 500, 500)
    assert verdict(METRICS["value"], found, 0.001, 0.05, currency) == words
    small = EffectEstimate(0.0, 0.0, -0.0121, 0.0, 0.7, 0.0, 500, 500)
    largest = {"EUR": "€0.02", "JPY": "¥1", "KWD": "KWD 0.013"}[currency]
    assert verdict(METRICS["value"], small, 0.7, 5.0, currency) == f"no effect larger than {largest}"


def test_too_little_data_says_how_much_there_is() -> None:
    assert _said("csat", None, None, 1.0, 12) == "not yet clear: 12 conversations in the smaller arm, 30 are needed"
    assert _said("csat", None, None, 1.0) == "not yet clear: everybody has the same value"
