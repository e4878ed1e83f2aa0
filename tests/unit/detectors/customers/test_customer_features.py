"""Facts of a customer become features."""

from __future__ import annotations

import math

import pytest

from detectors.customers.customer_features import CustomerFacts, common_features, facts_query
from tests.unit.detectors.customer_samples import AT, DAY, customer


def test_silence_is_set_against_the_customers_own_pace() -> None:
    quick = common_features(customer(), AT)
    slow = common_features(customer(visits=4), AT)
    assert quick["recency"] == slow["recency"] == pytest.approx(math.log(25))
    assert quick["overdue"] == pytest.approx(math.log1p(24 / 6))
    assert slow["overdue"] < quick["overdue"]


def test_value_is_relative_to_the_tenants_own_so_that_currencies_do_not_matter() -> None:
    dollars = customer()
    rupees = customer(value=500.0 * 90, usual_value_per_visit=20.0 * 90)
    assert common_features(dollars, AT) == common_features(rupees, AT)


def test_a_tenant_without_values_has_no_value_rather_than_an_error() -> None:
    assert common_features(customer(value=0.0, usual_value_per_visit=0.0), AT)["value"] == 0.0


def test_a_trend_needs_both_sides() -> None:
    assert common_features(customer(satisfaction=2.0), AT)["satisfaction_trend"] == 0.0
    both = customer(satisfaction=2.0, satisfaction_before=4.0)
    assert common_features(both, AT)["satisfaction_trend"] == -2.0


def test_every_feature_is_finite_for_a_first_visit() -> None:
    fresh = customer(first_at=AT - 0.01 * DAY, last_at=AT - 0.01 * DAY, visits=1, visits_30d=1, visits_90d=1)
    assert all(math.isfinite(value) for value in common_features(fresh, AT).values())


def test_a_mean_of_nothing_in_a_row_is_nothing() -> None:
    row = customer()._asdict() | {"satisfaction": math.nan, "resolution_minutes": math.nan, "more": 1}
    facts = CustomerFacts.of_row(row)
    assert facts.satisfaction is None
    assert facts.resolution_minutes is None


def test_the_moment_is_bound_and_not_pasted() -> None:
    query = facts_query(AT)
    assert query.parameters["at"] == AT
    assert "2026" not in query.sql
