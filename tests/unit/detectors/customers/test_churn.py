"""Churn insights: factors in words, honest confidence, ids that do not change."""

from __future__ import annotations

import pytest
from river import checks

from detectors.customers import churn
from detectors.customers.customer_scores import CustomerScore
from detectors.customers.delayed_model import Counts, DelayedModel
from tests.unit.detectors.customer_samples import AT, DAY, TENANT, customer

STARTED = AT - 2 * DAY
OPEN = CustomerScore(TENANT, customer().customer_id, AT, 0.62, 0.2, STARTED)


def test_factors_are_said_in_the_customers_own_figures_the_strongest_first() -> None:
    facts = customer(satisfaction=2.1, satisfaction_before=4.2)
    why = {"recency": 0.4, "overdue": 0.6, "satisfaction_trend": 0.5, "visits_30d": 0.2, "age": -1.0}
    insight = churn.risk(OPEN, facts, why)
    assert insight.contributing_factors == (
        "no visit for 24 days, usually every 6",
        "satisfaction 2.1 in the last 30 days, 4.2 before",
        "1 visit in the last 30 days, 5 visits in the 30 before",
    )
    assert len(insight.recommended_actions) == 2


def test_what_lowers_the_risk_is_no_factor() -> None:
    assert churn.risk(OPEN, customer(), {"recency": -2.0}).contributing_factors == ()


def test_the_figures_say_probability_prior_silence_and_pace() -> None:
    insight = churn.risk(OPEN, customer(), {})
    assert insight.confidence_score == 0.62
    assert (insight.observed, insight.expected) == (24.0, 6.0)
    assert "20%" in insight.summary
    assert insight.severity == "warning"


@pytest.mark.parametrize(
    ("currency", "brought", "a_visit"),
    [
        ("KWD", "KWD 104.167 in 30 days.", "brought KWD 20.000 a visit, others KWD 20.000"),
        ("JPY", "¥104 in 30 days.", "brought ¥20 a visit, others ¥20"),
        ("EUR", "€104.17 in 30 days.", "brought €20.00 a visit, others €20.00"),
        ("", "104.17 in the tenant's currency in 30 days.", "brought 20.00 a visit, others 20.00"),
    ],
)
def test_money_is_in_the_tenants_currency_and_the_digits_of_it(currency: str, brought: str, a_visit: str) -> None:
    insight = churn.risk(OPEN, customer(currency=currency), {"value": 1.0})
    assert insight.summary.endswith(f"So far they brought {brought}")
    assert insight.contributing_factors == (a_visit,)


def test_an_episode_keeps_its_id_while_it_develops_and_ends() -> None:
    later = OPEN._replace(scored_at=AT + DAY, probability=0.7)
    ended = later._replace(ended_at=AT + DAY, ended="recovered")
    first, second, last = churn.risk(OPEN, customer(), {}), churn.risk(later, customer(), {}), churn.closed(ended)
    assert first.id == second.id == last.id
    assert first.started_at == second.started_at == last.started_at == STARTED
    assert (first.status, last.status, last.ended_at) == ("open", "closed", AT + DAY)


def test_who_left_is_said_to_have_left() -> None:
    gone = churn.closed(OPEN._replace(ended_at=AT, ended="gone"))
    assert "has left" in gone.title


def test_another_episode_is_another_insight() -> None:
    again = OPEN._replace(started_at=AT)
    assert churn.risk(OPEN, customer(), {}).id != churn.risk(again, customer(), {}).id


def test_without_a_model_it_says_what_it_lacks_and_has_no_probability() -> None:
    insight = churn.unlearned(OPEN._replace(probability=None), customer(), Counts())
    assert insight.kind == "overdue_customer"
    assert insight.confidence_score is None
    assert "%" not in insight.title + insight.summary
    assert "0 labels of 0 weeks and needs 200 of 4" in insight.summary
    assert insight.severity == "info"


def test_overdue_is_who_is_silent_for_far_longer_than_usual() -> None:
    assert not churn.overdue(customer(), AT)
    assert churn.overdue(customer(last_at=AT - 29 * DAY, visits=40), AT)
    assert not churn.overdue(customer(last_at=AT - 29 * DAY, visits=3), AT)


def test_a_tenant_that_names_no_customers_is_called_so() -> None:
    assert churn.risk(OPEN, customer(customer_id=""), {}).title.startswith("This tenant")


def test_a_wave_is_many_more_than_usual_and_not_a_few() -> None:
    assert churn.wave(TENANT, 12, 300, 0.03, AT) is None
    assert churn.wave(TENANT, 3, 10, 0.02, AT) is None
    found = churn.wave(TENANT, 40, 300, 0.03, AT)
    assert found is not None
    assert (found.kind, found.observed, found.expected) == ("churn_wave", 40.0, 9.0)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 9.0 < found.upper < 40.0


def test_the_model_passes_rivers_own_checks() -> None:
    for check in checks.yield_checks(DelayedModel()):
        check(DelayedModel())
