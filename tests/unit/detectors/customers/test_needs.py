"""What tenants lack, outgrow, and will run out of."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from detectors.customers.needs import MAX_PER_TENANT, Asked, Gap, Link, Tenant, capacity, growth, needs, read
from detectors.forecast import HOURS, WEEK, Forecast
from models.insights import Insight
from simulator.gaps import label
from tests.unit.detectors.customer_samples import AT

PROVIDERS = {"shopify", "hubspot"}
TENANT = Tenant(UUID(int=1), frozenset({"shopify"}), frozenset({"orders"}), 1_000, has_before=True)
LINK = Link(UUID(int=1), "shopify")


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        (
            label("shopify", "return_policy", "missing content"),
            Gap("shopify", "return_policy", "missing content"),
        ),
        ("jira: bug_status (not connected)", Gap("jira", "bug_status", "not connected")),
        ("hubspot: loyalty tier", Gap("hubspot", "loyalty tier", "")),
        ("No  Shopify size guide", Gap("shopify", "no shopify size guide", "")),
        ("customer's birthday", Gap("", "customer's birthday", "")),
    ],
)
def test_labels_are_read_in_their_form_and_as_free_text(text: str, gap: Gap) -> None:
    assert read(text, PROVIDERS) == gap


def found(*asked: Asked) -> list[Insight]:
    return needs(TENANT, asked, PROVIDERS, AT)


def test_a_provider_that_is_not_connected_is_one_need_whatever_was_asked_of_it() -> None:
    [need] = found(Asked("jira: bug_status (not connected)", 30, 10), Asked("jira: sprints (not connected)", 12, 5))
    assert (need.kind, need.integration_provider, need.observed, need.expected) == ("missing_provider", "jira", 42, 15)
    assert need.recommended_actions == ("Connect jira.",)


def test_data_that_conversations_had_access_to_is_not_lacking() -> None:
    assert found(Asked("shopify: orders (missing content)", 300, 0)) == []


def test_the_need_of_most_conversations_comes_first_and_few_are_none() -> None:
    names = [
        one.title
        for one in found(
            Asked("shopify: size_guide (missing content)", 40, 0),
            Asked("shopify: gift_cards (field not synced)", 90, 0),
            Asked("shopify: rare_thing (missing content)", 9, 0),
        )
    ]
    assert names == [
        "90 conversations needed gift_cards from shopify",
        "40 conversations needed size_guide from shopify",
    ]


def test_a_tenant_is_told_of_a_bounded_number() -> None:
    assert len(found(*(Asked(f"shopify: thing_{n} (missing content)", 50 + n, 0) for n in range(9)))) == MAX_PER_TENANT


def test_a_trend_needs_a_history_that_covers_it() -> None:
    [need] = needs(TENANT._replace(has_before=False), [Asked("slot machine", 50, 0)], PROVIDERS, AT)
    assert need.expected is None
    assert "before" not in need.summary


def constant(value: float, upper: float) -> Forecast:
    return Forecast(np.full(HOURS, value), np.zeros(HOURS), np.full(HOURS, upper))


def test_growth_is_told_when_it_is_large_against_the_weeks_before() -> None:
    history = np.full(5 * WEEK, 10.0)
    history[-WEEK:] = 16.0
    insight = growth(LINK, history, constant(16, 20), AT)
    assert insight is not None
    assert (insight.kind, insight.observed, insight.expected) == ("usage_growth", 16.0 * WEEK, 10.0 * WEEK)
    assert insight.predicted_value == 16.0 * WEEK
    assert (insight.confidence_score or 0.0) > 0.95


@pytest.mark.parametrize("weeks", [(10, 10, 10, 10, 11), (5, 15, 5, 15, 16), (0.1, 0.1, 0.1, 0.1, 0.3)])
def test_growth_that_is_small_or_usual_is_not_told(weeks: tuple[float, ...]) -> None:
    history = np.repeat(np.array(weeks, dtype=np.float64), WEEK)
    assert growth(LINK, history, constant(16, 20), AT) is None


def test_a_limit_that_will_be_reached_is_told_before() -> None:
    insight = capacity(LINK, 0.8, np.full(2 * WEEK, 100.0), constant(140, 160), AT)
    assert insight is not None
    assert insight.predicted_value == pytest.approx(1.12)
    assert insight.severity == "warning"


def test_a_limit_with_room_and_a_quiet_integration_are_not() -> None:
    assert capacity(LINK, 0.5, np.full(2 * WEEK, 100.0), constant(140, 160), AT) is None
    assert capacity(LINK, 0.9, np.full(2 * WEEK, 2.0), constant(9, 20), AT) is None


def test_what_is_found_again_in_the_same_week_is_the_same_insight() -> None:
    one, other = (found(Asked("jira: bugs (not connected)", n, 0))[0] for n in (30, 40))
    assert one.id == other.id
