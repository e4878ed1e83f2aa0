"""An incident's kind, severity and words follow from its evidence."""

from __future__ import annotations

import pytest

from detectors.incidents.formatting import number, provider_name, span
from detectors.incidents.kinds import KINDS, actions_for
from detectors.incidents.signals import Signal

from ..signals import empty, errors, failing, interrupted, last, latency, minute, quota, stale, volume

_AT = minute(0)


@pytest.mark.parametrize(
    ("signals", "kinds", "kind"),
    [
        ([errors(_AT)], {"provider_down": 60, "timeout": 25}, "provider_outage"),
        ([errors(_AT), latency(_AT)], {"provider_down": 60, "timeout": 25}, "provider_outage"),
        ([errors(_AT, percent=70.0), latency(_AT)], {"timeout": 50}, "provider_outage"),
        ([errors(_AT), latency(_AT, ms=450.0)], {"timeout": 50}, "latency_creep"),
        ([errors(_AT)], {"timeout": 50}, "error_burst"),
        ([errors(_AT), failing(_AT)], {"auth": 50, "timeout": 2}, "error_burst"),
        ([errors(_AT)], {"schema": 50}, "error_burst"),
        ([errors(_AT)], {}, "error_burst"),
        ([errors(_AT)], {"rate_limit": 50}, "rate_limit_exhaustion"),
        ([errors(_AT), quota(_AT)], {"rate_limit": 50}, "rate_limit_exhaustion"),
        ([errors(_AT), quota(_AT)], {"auth": 50}, "error_burst"),
        ([quota(_AT)], {}, "rate_limit_exhaustion"),
        ([quota(_AT), volume(_AT, 90.0)], {}, "rate_limit_exhaustion"),
        ([stale(_AT)], {}, "stale_sync"),
        ([stale(_AT), errors(_AT)], {"not_found": 50}, "stale_sync"),
        ([empty(_AT), errors(_AT)], {"not_found": 50}, "empty_sync"),
        ([stale(_AT), errors(_AT)], {"provider_down": 50}, "provider_outage"),
        ([errors(_AT)], {"not_found": 50}, "error_burst"),
        ([interrupted(_AT)], {}, "interrupted_sync"),
        ([failing(_AT)], {}, "sync_failing"),
        ([volume(_AT, 2.0)], {}, "volume_drop"),
        ([volume(_AT, 90.0)], {}, "volume_surge"),
        ([latency(_AT, ms=700.0)], {}, "latency"),
        ([latency(_AT, ms=450.0)], {}, "latency_creep"),
    ],
)
def test_the_kind_follows_from_what_spoke_and_how_queries_fail(
    signals: list[Signal], kinds: dict[str, int], kind: str
) -> None:
    insight = last({0: signals}, kinds)
    assert insight.kind == kind
    assert insight.title
    assert insight.recommended_actions


def test_a_step_in_latency_is_no_creep() -> None:
    at_once = {number: [latency(minute(number), ms=600.0 if number > 3 else 420.0)] for number in range(60)}
    assert last(at_once).kind == "latency"


def test_latency_that_keeps_rising_is_a_creep() -> None:
    rising = {number: [latency(minute(number), ms=420.0 + 8.0 * number)] for number in range(60)}
    assert last(rising).kind == "latency_creep"


@pytest.mark.parametrize(
    ("signal", "kinds", "severity"),
    [
        (errors(_AT, percent=12.0), {"auth": 9}, "warning"),
        (errors(_AT, percent=50.0), {"auth": 9}, "critical"),
        (latency(_AT, ms=430.0), {}, "info"),
        (latency(_AT, ms=700.0), {}, "warning"),
        (latency(_AT, ms=1_300.0), {}, "critical"),
        (volume(_AT, 90.0), {}, "info"),
        (volume(_AT, 12.0), {}, "warning"),
        (volume(_AT, 1.0), {}, "critical"),
        (stale(_AT, hours=1.0), {}, "warning"),
        (stale(_AT, hours=7.0), {}, "critical"),
        (quota(_AT), {}, "warning"),
    ],
)
def test_severity_has_stated_rules(signal: Signal, kinds: dict[str, int], severity: str) -> None:
    assert last({0: [signal]}, kinds).severity == severity


def test_the_summary_says_what_was_seen_what_was_expected_since_when_and_why() -> None:
    insight = last({0: [errors(_AT)]}, {"auth": 23, "timeout": 1})
    assert insight.title == "HubSpot refuses our token: 12 % of queries fail"
    assert insight.summary == (
        "HubSpot answers 12 % of queries with errors, expected 0.8 to 2.1 %; since 2026-01-15 10:42 UTC; mostly auth."
    )
    assert (insight.observed, insight.expected, insight.lower, insight.upper, insight.unit) == (
        12.0,
        1.2,
        0.8,
        2.1,
        "%",
    )
    assert "Seen: 24 of 200 failed within 5 minutes." in insight.contributing_factors
    assert "Additional failures by kind: auth 96 %." in insight.contributing_factors


def test_a_closed_incident_says_from_when_to_when() -> None:
    insight = last({number: [errors(minute(number))] for number in range(5)}, {"auth": 3}, until=30)
    assert insight.status == "closed"
    assert "from 2026-01-15 10:42 to 10:46 UTC" in insight.summary


def test_a_quota_says_how_long_it_lasts() -> None:
    insight = last({0: [quota(_AT)]})
    assert insight.title == "The API quota of HubSpot is running out"
    assert "at this pace it is used up in 25 minutes" in insight.summary
    gone = last({0: [quota(_AT, percent=100.0, left="0")]})
    assert gone.title == "The API quota of HubSpot is used up"


def test_confidence_grows_with_the_score_and_with_agreeing_channels() -> None:
    barely = last({0: [errors(_AT, score=5.0)]}).confidence_score or 0.0
    clearly = last({0: [errors(_AT, score=8.0)]}).confidence_score or 0.0
    agreeing = last({0: [errors(_AT, score=5.0), failing(_AT)]}).confidence_score or 0.0
    assert barely == pytest.approx(0.5)
    assert barely < agreeing < clearly <= 0.99


def test_every_kind_of_error_has_advice_of_its_own() -> None:
    advice = {kind: actions_for("error_burst", kind, "HubSpot") for kind in ("auth", "schema", "permission", "")}
    assert len(set(advice.values())) == 4
    assert all("{" not in sentence for sentences in advice.values() for sentence in sentences)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.123, "0.12"), (2.06, "2.1"), (12.4, "12"), (1234.5, "1,234"), (9.97, "10")]
)
def test_numbers_have_two_digits_or_so(value: float, text: str) -> None:
    assert number(value) == text


def test_spans_are_told_in_the_unit_that_suits_them() -> None:
    assert [span(hours) for hours in (0.01, 0.25, 2.0, 72.0)] == ["1 minute", "15 minutes", "2 hours", "3 days"]


def test_any_provider_can_be_written() -> None:
    assert provider_name("hubspot") == "HubSpot"
    assert provider_name("acme_crm-eu") == "Acme Crm Eu"


def test_every_kind_of_incident_says_what_to_do_and_keeps_to_the_channels_that_can_speak() -> None:
    spoken = {
        "errors",
        "latency",
        "volume",
        "rate_limit",
        "stale_sync",
        "empty_sync",
        "sync_interrupted",
        "sync_failing",
    }
    for kind in KINDS.values():
        assert kind.channels, kind.id
        assert set(kind.channels) <= spoken, kind.id
        assert kind.actions, kind.id
        assert all("{" not in action for action in actions_for(kind.id, "", "HubSpot")), kind.id
