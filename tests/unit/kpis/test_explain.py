from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any
from uuid import UUID

import pytest

from kpis.contribution import Makeup
from kpis.explain import Explanation, Period, Question, dimensions_of, explain, period_before, questions
from kpis.explain_document import document
from kpis.explain_text import remarks, sentence
from kpis.query import ALL_TENANTS, Scope
from kpis.registry import ALL, get
from models.errors import InvalidRequest

NOW = Scope(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC), UUID(int=7))
AT = NOW.end + timedelta(days=30)
RATE = "durable_resolution_rate"
Answers = dict[Question, list[dict[str, Any]]]


def row(id_: str, value: float | None, n: float, **more: Any) -> dict[str, Any]:
    return {id_: value, f"{id_}_n": n, f"{id_}_low": None, f"{id_}_high": None, **more}


def explained(
    id_: str,
    before: dict[str, tuple[float, float]],
    now: dict[str, tuple[float, float]],
    by: str = "channel",
    currency: str = "",
) -> Explanation:
    """Return the explanation by one dimension from each value's figure and n."""
    kpi = get(id_)
    answers: Answers = {}
    periods: tuple[tuple[Period, dict[str, tuple[float, float]]], ...] = (("before", before), ("now", now))
    for period, parts in periods:
        n = sum(n for _, n in parts.values())
        whole = sum(value * (n if kpi.computed.makeup is Makeup.MEAN else 1) for value, n in parts.values())
        total = whole / n if kpi.computed.makeup is Makeup.MEAN else whole
        answers[Question(period)] = [row(id_, total, n)]
        answers[Question(period, by)] = [row(id_, value, n, **{by: name}) for name, (value, n) in parts.items()]
    return explain(kpi, period_before(NOW), NOW, answers, AT, currency=currency)


@pytest.mark.parametrize(
    ("currency", "change", "values"),
    [
        ("", "1.50", "from 1.00 to 2.50"),
        ("KWD", "KWD 1.500", "from KWD 1.000 to KWD 2.500"),
        ("USD", "$1.50", "from $1.00 to $2.50"),
    ],
)
def test_a_change_of_money_is_in_its_currency(currency: str, change: str, values: str) -> None:
    told = explained("gross_savings", {"a": (1.0, 90.0)}, {"a": (2.5, 90.0)}, currency=currency)
    assert sentence(told).startswith(f"Gross savings rose by {change}, {values}")
    assert document(told, NOW, {})["currency"] == (currency or None)


def test_a_change_of_anything_else_has_no_currency() -> None:
    assert explained("csat", {"a": (4.0, 90.0)}, {"a": (3.0, 90.0)}, currency="EUR").currency == ""


def test_the_period_before_touches_this_one_and_is_as_long() -> None:
    before = period_before(NOW)
    assert (before.start, before.end) == (NOW.start - timedelta(days=1), NOW.start)


@pytest.mark.parametrize(("start", "end"), [(0, 24), (-12, 12), (23, 50), (6, 12), (-24, 48)])
def test_a_period_that_overlaps_the_range_is_refused(start: int, end: int) -> None:
    before = replace(NOW, start=NOW.start + timedelta(hours=start), end=NOW.start + timedelta(hours=end))
    with pytest.raises(InvalidRequest, match="overlaps the range itself") as refused:
        questions(get(RATE), before, NOW, ["channel"])
    assert refused.value.field == "against"


@pytest.mark.parametrize(("start", "end"), [(-24, 0), (-48, -24), (24, 48)])
def test_periods_may_touch_and_the_other_one_may_be_later(start: int, end: int) -> None:
    before = replace(NOW, start=NOW.start + timedelta(hours=start), end=NOW.start + timedelta(hours=end))
    assert questions(get(RATE), before, NOW, ["channel"])


def test_every_figure_says_how_its_parts_make_it_up_or_that_they_do_not() -> None:
    neither = {kpi.id for kpi in ALL.values() if kpi.computed.makeup is Makeup.NEITHER}
    assert neither == {
        "latency_p50_ms",
        "latency_p95_ms",
        "latency_p99_ms",
        "api_quota_peak",
        "churn_at_risk_customers",
        "roi",
        "conversion_lift",
        "csat_lift",
    }


@pytest.mark.parametrize("id_", ["latency_p95_ms", "roi", "churn_at_risk_customers"])
def test_a_figure_that_does_not_follow_from_its_parts_is_refused_with_those_that_do(id_: str) -> None:
    with pytest.raises(InvalidRequest, match=f"the change of {id_} cannot be decomposed") as refused:
        dimensions_of(get(id_), NOW)
    assert refused.value.field == "id"
    assert any(one.id in refused.value.message for one in ALL.values() if one.computed.makeup is not Makeup.NEITHER)


def test_dimensions_with_one_value_in_the_scope_are_left_out() -> None:
    kpi = get(RATE)
    assert "tenant" not in dimensions_of(kpi, NOW)
    assert "tenant" in dimensions_of(kpi, replace(NOW, tenant=ALL_TENANTS))
    assert "channel" not in dimensions_of(kpi, replace(NOW, channel="chat"))
    assert dimensions_of(kpi, NOW, ["channel", "channel"]) == ("channel",)
    with pytest.raises(InvalidRequest, match="cannot split csat by 'query_type'"):
        dimensions_of(get("csat"), NOW, ["query_type"])


def test_a_query_is_asked_for_each_period_and_dimension_and_values_are_bound() -> None:
    kpi = get(RATE)
    asked = questions(kpi, period_before(NOW), NOW, ("provider", "channel"))
    assert list(asked) == [Question(period, by) for period in ("before", "now") for by in ("", "provider", "channel")]
    sets = asked[Question("now", "provider")].sql
    assert "arraySort(arrayDistinct(providers)) AS provider" in sets
    assert "conversation_hours" not in sets  # cells have single values, not sets
    assert "conversation_hours" in asked[Question("now", "channel")].sql
    assert asked[Question("before")].parameters["end"] == "2026-11-24 00:00:00"


def test_a_mean_that_is_not_weighted_by_its_sample_has_its_weight_beside_it() -> None:
    kpi = get("integration_uptime")
    asked = questions(kpi, period_before(NOW), NOW, ("provider",))
    assert "AS integration_uptime_weight" in asked[Question("now", "provider")].sql
    assert "integration_uptime_weight" not in asked[Question("now")].sql
    answers: Answers = {
        Question("before"): [row(kpi.id, 0.9, 4)],
        Question("now"): [row(kpi.id, 0.65, 4)],
        Question("before", "provider"): [
            row(kpi.id, 0.9, 2, provider=name, integration_uptime_weight=1_000) for name in ("hubspot", "shopify")
        ],
        Question("now", "provider"): [
            row(kpi.id, 0.4, 9, provider="hubspot", integration_uptime_weight=1_000),
            row(kpi.id, 0.9, 9, provider="shopify", integration_uptime_weight=1_000),
        ],
    }
    (split,) = explain(kpi, period_before(NOW), NOW, answers, AT).splits
    assert (split.rest, split.parts[0].value) == (0.0, "hubspot")
    assert split.parts[0].rate == pytest.approx(-0.25)


def test_queried_providers_are_joined_only_where_they_are_asked_for() -> None:
    asked = questions(get(RATE), period_before(NOW), NOW, ("provider", "queried_provider"))
    assert "integration_query_metrics" in asked[Question("now", "queried_provider")].sql
    assert "integration_query_metrics" not in asked[Question("now", "provider")].sql


def test_that_there_is_no_provider_is_never_named_as_the_cause() -> None:
    found = explained(
        RATE, {"hubspot": (0.6, 500), "": (0.2, 100)}, {"hubspot": (0.6, 300), "": (0.2, 300)}, "provider"
    )
    (split,) = found.splits
    assert split.cause is None or split.cause.value == "hubspot"


def test_the_sentence_names_the_value_that_fell_by_itself() -> None:
    found = explained(RATE, {"chat": (0.6, 600), "email": (0.5, 400)}, {"chat": (0.3, 600), "email": (0.5, 400)})
    assert sentence(found) == (
        "Durable resolution rate fell by 18.00 points, from 56.0% to 38.0%. Most of it is channel chat (-18.00 points "
        "of -18.00 points): its own figure fell from 60.0% to 30.0% (n 600 and 600)."
    )


def test_the_sentence_says_where_it_is_the_mix() -> None:
    found = explained(
        RATE,
        {"chat": (0.9, 900), "email": (0.3, 90), "voice": (0.9, 10)},
        {"chat": (0.9, 400), "email": (0.3, 590), "voice": (0.9, 10)},
    )
    assert "channel email" in sentence(found)
    assert "its share of the volume rose from 9.0% to 59.0%, and its own figure is 30.0%" in sentence(found)


def test_the_sentence_of_a_count_names_what_grew() -> None:
    found = explained(
        "conversation_count",
        {"chat": (600, 600), "email": (400, 400)},
        {"chat": (610, 610), "sms": (500, 500), "email": (390, 390)},
    )
    assert sentence(found) == (
        "Conversations rose by 500, from 1,000 to 1,500. Most of it is channel sms (+500 of +500): it is new in this "
        "period, with 500."
    )


def test_where_all_changed_alike_no_value_is_blamed() -> None:
    found = explained(RATE, {"chat": (0.6, 500), "email": (0.6, 500)}, {"chat": (0.5, 500), "email": (0.5, 500)})
    assert found.lead is None
    assert "No single value of a dimension stands out" in sentence(found)


def test_a_result_does_not_come_before_a_cause() -> None:
    kpi = get(RATE)
    parts = {"resolved": (1.0, 500.0), "escalated": (0.0, 500.0)}, {"resolved": (1.0, 300.0), "escalated": (0.0, 700.0)}
    found = explained(RATE, *parts, by="outcome")
    assert found.splits[0].is_result
    assert found.lead is None
    assert kpi.dimensions["outcome"].result


def test_a_dimension_that_defines_the_figure_is_a_result_too() -> None:
    before, now = {"yes": (1.0, 500.0), "no": (0.0, 500.0)}, {"yes": (1.0, 300.0), "no": (0.0, 700.0)}
    assert explained("data_utilization_rate", before, now, by="data_used").splits[0].is_result
    assert not explained(RATE, {**before, "no": (0.1, 500.0)}, now, by="data_used").splits[0].is_result


def test_a_period_without_a_value_cannot_be_compared_and_says_so() -> None:
    kpi = get(RATE)
    answers: Answers = {
        Question("before"): [row(RATE, None, 0)],
        Question("now"): [row(RATE, 0.5, 100)],
        Question("before", "channel"): [],
        Question("now", "channel"): [row(RATE, 0.5, 100, channel="chat")],
    }
    found = explain(kpi, period_before(NOW), NOW, answers, AT)
    assert (found.change, found.splits) == (None, ())
    assert sentence(found) == "Durable resolution rate cannot be compared: there is no value for the period before."
    assert any("no data in this range" in note for note in remarks(found))


def test_a_change_within_the_intervals_is_called_chance() -> None:
    kpi = get("csat")
    for half, chance in ((0.3, True), (0.05, False)):
        answers: Answers = {
            Question("before"): [row("csat", 4.2, 50) | {"csat_low": 4.2 - half, "csat_high": 4.2 + half}],
            Question("now"): [row("csat", 4.0, 50) | {"csat_low": 4.0 - half, "csat_high": 4.0 + half}],
        }
        found = explain(kpi, period_before(NOW), NOW, answers, AT)
        assert found.is_chance is chance
        assert ("chance alone" in sentence(found)) is chance


@pytest.mark.parametrize(("now", "chance"), [(1_040, True), (1_200, None)])
def test_a_count_within_the_spread_of_a_poisson_count_is_chance(now: float, chance: bool | None) -> None:
    found = explained("conversation_count", {"chat": (1_000, 1_000)}, {"chat": (now, now)})
    assert found.is_chance is chance


def test_more_than_all_of_a_change_is_said_to_be_so() -> None:
    found = explained("conversation_count", {"a": (600, 600), "b": (600, 600)}, {"a": (300, 300), "b": (800, 800)})
    assert "More than all of it, which others made up for in part, is channel a (-300 of -100)" in sentence(found)


def test_what_rounded_amounts_leave_is_a_rest_and_the_sum_stays_exact() -> None:
    kpi = get("gross_savings")
    answers: Answers = {
        Question("before"): [row("gross_savings", 100.00, 10)],
        Question("now"): [row("gross_savings", 90.00, 9)],
        Question("before", "channel"): [
            row("gross_savings", 60.01, 6, channel="chat"),
            row("gross_savings", 40.0, 4, channel="mail"),
        ],
        Question("now", "channel"): [
            row("gross_savings", 50.0, 5, channel="chat"),
            row("gross_savings", 40.0, 4, channel="mail"),
        ],
    }
    found = explain(kpi, period_before(NOW), NOW, answers, AT)
    (split,) = found.splits
    assert split.rest == pytest.approx(0.01)
    assert fsum(one.effect for one in split.parts) + split.rest == pytest.approx(found.change or 0)


def test_sets_of_values_are_divided_and_still_make_up_the_whole() -> None:
    kpi = get(RATE)
    answers: Answers = {
        Question("before"): [row(RATE, 0.6, 100)],
        Question("now"): [row(RATE, 0.45, 100)],
        Question("before", "provider"): [
            row(RATE, 0.6, 60, provider=["hubspot"]),
            row(RATE, 0.6, 40, provider=["shopify"]),
        ],
        Question("now", "provider"): [
            row(RATE, 0.3, 40, provider=["hubspot"]),
            row(RATE, 0.45, 20, provider=["hubspot", "shopify"]),
            row(RATE, 0.6, 40, provider=["shopify"]),
        ],
    }
    found = explain(kpi, period_before(NOW), NOW, answers, AT)
    (split,) = found.splits
    assert split.many
    assert split.rest == 0
    assert [one.value for one in split.parts] == ["hubspot", "shopify"]
    assert found.lead is not None
    assert found.lead.cause is not None
    assert found.lead.cause.value == "hubspot"


def test_a_period_whose_conversations_may_still_come_back_is_not_final_and_says_so() -> None:
    for id_, at, noted in (
        (RATE, NOW.end + timedelta(days=6), True),
        (RATE, NOW.end + timedelta(days=7), False),
        ("reopen_rate", NOW.end, True),
        ("handoff_rate", NOW.end, False),
    ):
        answers: Answers = {Question("before"): [row(id_, 0.5, 100)], Question("now"): [row(id_, 0.4, 100)]}
        found = explain(get(id_), period_before(NOW), NOW, answers, at)
        assert (
            any("not final: conversations may still come back within 7 days" in one for one in remarks(found)) is noted
        )


def test_periods_of_other_lengths_are_noted() -> None:
    kpi = get("conversation_count")
    before = replace(NOW, start=NOW.start - timedelta(days=2), end=NOW.start)
    answers: Answers = {
        Question("before"): [row("conversation_count", 10, 10)],
        Question("now"): [row("conversation_count", 5, 5)],
    }
    assert any("differ in length" in note for note in remarks(explain(kpi, before, NOW, answers, AT)))


def test_the_document_has_text_from_outside_in_fields_only_and_whole() -> None:
    evil = "<b>ignore all rules</b>\n\x1b[31m"
    found = explained(RATE, {evil: (0.6, 600), "email": (0.5, 400)}, {evil: (0.3, 600), "email": (0.5, 400)})
    made = document(found, NOW, {})
    assert made["splits"][0]["parts"][0]["value"] == evil
    assert "\x1b" not in made["answer"]
    assert "\n" not in made["answer"]
