from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.incidents.kinds import KINDS
from detectors.performance.detector import THRESHOLDS
from detectors.thresholds import (
    DEFAULTS,
    UNCHANGED,
    Goals,
    Recall,
    ThresholdChange,
    ThresholdSchedule,
    VerdictEvidence,
    Verdicts,
    bounds_of,
    checked_threshold,
    detector_of,
    effective,
    false_alarm_rate,
    propose,
)
from models.errors import InvalidRequest
from models.insights import ALL_TENANTS_ID

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TENANT, OTHER = UUID(int=1), UUID(int=2)
BOUNDS = bounds_of("errors")
GOALS = Goals(budget=1.0, recall_floor=0.9)
NOISY = Verdicts(findings=24, real=1, false_alarms=15, known=1, weeks=4.0)
QUIET = Verdicts(findings=1, real=1, false_alarms=0, known=0, weeks=4.0)
CALM = Verdicts(findings=10, real=9, false_alarms=1, known=0, weeks=40.0)


def all_found(_: float) -> Recall:
    return Recall(10, 10)


def counts(largest: int) -> st.SearchStrategy[Verdicts]:
    number = st.integers(0, largest)
    return st.builds(
        lambda real, false, known, more, weeks: Verdicts(real + false + known + more, real, false, known, weeks),
        *(number, number, number, number, st.floats(0, 60)),
    )


def test_a_noisy_tenant_gets_a_higher_threshold_with_the_reason_in_words() -> None:
    proposal = propose(VerdictEvidence(NOISY, CALM.plus(NOISY)), 5.4, BOUNDS, GOALS, all_found)
    assert 5.4 < proposal.new <= 5.4 + 1.5
    assert proposal.rate.low > 1.0
    assert "false alarms a week" in proposal.reason
    assert "budget 1" in proposal.reason
    assert "10 of 10 confirmed findings in replay" in proposal.reason


def test_a_threshold_is_raised_only_as_far_as_confirmed_findings_are_still_found() -> None:
    def replay(threshold: float) -> Recall:
        return Recall(10 if threshold <= 5.75 else 8, 10)

    proposal = propose(VerdictEvidence(NOISY, CALM.plus(NOISY)), 5.4, BOUNDS, GOALS, replay)
    assert 5.4 < proposal.new <= 5.75
    blind = propose(VerdictEvidence(NOISY, CALM.plus(NOISY)), 5.4, BOUNDS, GOALS, lambda _: Recall(1, 10))
    assert not blind.is_change
    assert "finds only 1 of 10 confirmed findings" in blind.reason


def test_a_raised_threshold_comes_back_where_there_is_room_or_it_has_become_blind() -> None:
    back = propose(VerdictEvidence(QUIET, QUIET.plus(CALM)), 6.4, BOUNDS, Goals(3.0, 0.9), all_found)
    assert (back.new, back.is_change) == (6.1, True)
    assert "there is room to find more" in back.reason
    blind = propose(VerdictEvidence(NOISY, CALM), 6.4, BOUNDS, Goals(20.0, 0.9), lambda _: Recall(5, 10))
    assert blind.new < 6.4
    at_home = propose(VerdictEvidence(QUIET, QUIET), 5.4, BOUNDS, Goals(3.0, 0.9), all_found)
    assert not at_home.is_change, "it does not go below what it ships with by itself"


def test_the_recall_of_few_confirmed_findings_is_shrunk_to_that_at_all_tenants() -> None:
    assert Recall(1, 1).share == Recall().share == 1.0
    assert Recall(1, 1, usual=0.4).share == pytest.approx(0.5)
    assert Recall(45, 45, usual=0.4).share > 0.9
    few = propose(VerdictEvidence(NOISY, CALM.plus(NOISY)), 5.4, BOUNDS, GOALS, lambda _: Recall(1, 1, usual=0.5))
    assert not few.is_change
    assert "1 of 1 confirmed finding (50% at all tenants)" in few.reason


def test_little_evidence_changes_nothing() -> None:
    new = Verdicts(findings=3, real=0, false_alarms=3, known=0, weeks=0.9)
    young = propose(VerdictEvidence(new, new), 5.4, BOUNDS, GOALS, all_found)
    assert not young.is_change
    assert young.reason == "less than a week of data at this threshold"  # which may never have changed
    one = Verdicts(findings=2, real=0, false_alarms=2, known=0, weeks=1.1)
    assert not propose(VerdictEvidence(one, one.plus(CALM)), 5.4, BOUNDS, GOALS, all_found).is_change


@settings(max_examples=200)
@given(own=counts(60), others=counts(300), current=st.floats(BOUNDS.low, BOUNDS.high), limit=st.floats(4, 11))
def test_no_verdicts_lead_beyond_the_bounds_or_below_the_floor(
    own: Verdicts, others: Verdicts, current: float, limit: float
) -> None:
    def replay(threshold: float) -> Recall:
        return Recall(20 if threshold <= limit else 10, 20)

    proposal = propose(VerdictEvidence(own, own.plus(others)), current, BOUNDS, GOALS, replay)
    assert BOUNDS.low <= proposal.new <= BOUNDS.high
    assert proposal.reason
    assert proposal.new <= current or replay(proposal.new).share >= GOALS.recall_floor
    assert proposal.rate.low <= proposal.rate.value <= proposal.rate.high + 1e-9


@settings(max_examples=100)
@given(own=counts(40), kind=counts(200))
def test_more_false_alarms_are_never_a_lower_rate(own: Verdicts, kind: Verdicts) -> None:
    whole = own.plus(kind)
    more = Verdicts(1, 0, 1, 0, 0.0)
    assert false_alarm_rate(own.plus(more), whole).value >= false_alarm_rate(own, whole).value - 1e-9


def test_a_tenant_with_few_verdicts_is_judged_by_its_kind() -> None:
    few = Verdicts(findings=4, real=0, false_alarms=0, known=0, weeks=4.0)
    at_good, at_bad = (false_alarm_rate(few, Verdicts(100, real, 100 - real, 0, 100.0)).value for real in (95, 5))
    assert at_good < 0.2
    assert at_bad > 0.7


def test_a_minute_is_judged_by_the_threshold_of_its_time() -> None:
    schedule = ThresholdSchedule(
        [
            ThresholdChange(TENANT, "errors", 6.0, NOW, 1),
            ThresholdChange(TENANT, "errors", 7.0, NOW + timedelta(hours=1), 2),
            ThresholdChange(ALL_TENANTS_ID, "latency", 8.0, NOW, 1),
            ThresholdChange(OTHER, "latency", 9.0, NOW, 1),
            ThresholdChange(OTHER, "no such detector", 1.0, NOW, 1),
            ThresholdChange(OTHER, "volume", 1_000.0, NOW, 1),
        ]
    )
    before = NOW - timedelta(minutes=1)
    assert schedule.at(TENANT, before) == DEFAULTS
    assert schedule.at(TENANT, NOW)["errors"] == 6.0
    assert schedule.at(TENANT, NOW + timedelta(hours=2))["errors"] == 7.0
    assert schedule.at(TENANT, NOW)["latency"] == 8.0
    assert schedule.at(OTHER, NOW)["latency"] == 9.0
    assert schedule.at(OTHER, NOW)["volume"] == bounds_of("volume").high
    assert schedule.next_change(TENANT, before) == NOW
    assert schedule.next_change(TENANT, NOW) == NOW + timedelta(hours=1)
    assert schedule.next_change(UUID(int=9), NOW) is None
    assert UNCHANGED.at(TENANT, NOW) is DEFAULTS


def test_the_later_change_holds_where_the_clocks_of_two_hosts_differ() -> None:
    ahead, right = NOW + timedelta(hours=3), NOW + timedelta(minutes=5)
    schedule = ThresholdSchedule(
        [ThresholdChange(TENANT, "errors", 9.0, ahead, 1), ThresholdChange(TENANT, "errors", 6.0, right, 2)]
    )
    for moment in (right, ahead - timedelta(minutes=1), ahead, ahead + timedelta(days=9)):
        assert schedule.at(TENANT, moment)["errors"] == 6.0
    assert schedule.at(TENANT, NOW) == DEFAULTS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e300])
def test_no_stored_value_makes_a_detector_silent_or_deafening(value: float) -> None:
    low, high, _ = bounds_of("errors")
    stored = ThresholdSchedule([ThresholdChange(TENANT, "errors", value, NOW)])
    assert low <= stored.at(TENANT, NOW)["errors"] <= high
    with pytest.raises(InvalidRequest):
        checked_threshold("errors", value)


def test_the_defaults_are_those_of_the_detectors() -> None:
    assert {name: DEFAULTS[name] for name in THRESHOLDS} == THRESHOLDS


def test_every_kind_of_finding_has_a_detector_with_bounds_around_its_threshold() -> None:
    for kind in KINDS:
        detector = detector_of(kind)
        assert detector is not None
        low, high, default = bounds_of(detector)
        assert low <= default == DEFAULTS[detector] < high
        assert checked_threshold(detector, default) == default
    assert detector_of("csat") is None
    with pytest.raises(InvalidRequest, match="expected one of errors"):
        bounds_of("error")
    with pytest.raises(InvalidRequest, match=r"expected 4\.59 to 10\.26; the default of errors is 5\.4"):
        checked_threshold("errors", 3.0)


def test_a_change_holds_from_a_whole_minute_that_every_worker_still_has_before_it() -> None:
    assert effective(NOW + timedelta(seconds=59)) == NOW + timedelta(minutes=3)
