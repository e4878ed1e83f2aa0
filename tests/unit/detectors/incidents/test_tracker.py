"""One incident is one finding, from its first signal to its end."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

from detectors.incidents.tracker import QUIET_MINUTES, REOPEN_MINUTES, IncidentTracker
from models.insights import Insight

from ..signals import START, TENANT, errors, failing, latency, minute, stale, tracker


def _run(one: IncidentTracker, spoken: range, kinds: dict[str, int] | None = None) -> list[Insight]:
    told = []
    for number in spoken:
        told += one.update(minute(number), [errors(minute(number))], kinds or {"auth": 5})
    return told


def _quiet(one: IncidentTracker, numbers: range) -> list[Insight]:
    return [insight for number in numbers for insight in one.update(minute(number), [], {})]


def test_quiet_minutes_make_no_incident() -> None:
    one = tracker()
    assert _quiet(one, range(120)) == []
    assert one.open_insights() == []


def test_the_first_signal_opens_an_incident_at_once() -> None:
    (insight,) = _run(tracker(), range(1))
    assert (insight.status, insight.started_at, insight.ended_at) == ("open", START, None)
    assert (insight.user_id, insight.integration_provider) == (TENANT, "hubspot")


def test_an_incident_that_goes_on_unchanged_is_told_once() -> None:
    assert len(_run(tracker(), range(60))) == 1


def test_ten_quiet_minutes_close_it_at_its_last_signal() -> None:
    one = tracker()
    _run(one, range(5))
    assert _quiet(one, range(5, 4 + QUIET_MINUTES)) == []
    (closed,) = _quiet(one, range(4 + QUIET_MINUTES, 60))
    assert (closed.status, closed.ended_at) == ("closed", minute(4))
    assert one.open_insights() == []


def test_a_short_silence_does_not_end_it() -> None:
    one = tracker()
    told = _run(one, range(3)) + _quiet(one, range(3, 9)) + _run(one, range(9, 12))
    assert [insight.status for insight in told] == ["open"]


def test_the_same_channel_soon_after_its_end_is_the_same_finding() -> None:
    one = tracker()
    told = _run(one, range(3)) + _quiet(one, range(3, 25)) + _run(one, range(25, 28)) + _quiet(one, range(28, 60))
    assert [insight.status for insight in told] == ["open", "closed", "open", "closed"]
    assert len({insight.id for insight in told}) == 1


def test_much_later_it_is_another_finding() -> None:
    one = tracker()
    later = 3 + REOPEN_MINUTES + QUIET_MINUTES
    told = _run(one, range(3)) + _quiet(one, range(3, later)) + _run(one, range(later, later + 1))
    assert len({insight.id for insight in told}) == 2


def test_everything_concurrent_is_one_finding_and_each_new_channel_is_news() -> None:
    one = tracker()
    told = one.update(minute(0), [latency(minute(0))], {})
    told += one.update(minute(1), [latency(minute(1)), errors(minute(1))], {"provider_down": 9})
    told += one.update(minute(2), [errors(minute(2)), failing(minute(2))], {"provider_down": 9})
    assert len(told) == 3
    assert len({insight.id for insight in told}) == 1
    assert told[-1].kind == "provider_outage"
    assert len(told[-1].contributing_factors) == 4


def test_a_worse_peak_is_news_but_not_every_minute() -> None:
    one = tracker()
    told = []
    for number in range(10):
        told += one.update(minute(number), [errors(minute(number), percent=5.0 + 4.0 * number)], {"auth": 5})
    moments = [insight.updated_at for insight in told]
    assert 2 <= len(told) <= 3
    assert all(after - before >= timedelta(minutes=5) for before, after in pairwise(moments))


def test_what_was_observed_is_the_worst_of_it() -> None:
    one = tracker()
    for number, percent in enumerate((5.0, 60.0, 8.0)):
        one.update(minute(number), [errors(minute(number), percent=percent)], {})
    (insight,) = one.open_insights()
    assert insight.observed == 60.0
    assert insight.severity == "critical"


def test_a_health_channel_holds_it_open_until_the_sync_recovers() -> None:
    one = tracker()
    told = []
    for number in range(240):
        told += one.update(minute(number), [stale(minute(number), hours=1 + number / 60)], {})
    assert all(insight.status == "open" for insight in told)
    assert len(told) < 8
    (closed,) = _quiet(one, range(240, 300))
    assert closed.ended_at == minute(239)


def test_the_same_minutes_again_tell_nothing_new() -> None:
    one = tracker()
    first = _run(one, range(20))
    assert _run(one, range(20)) == []
    again = tracker()
    assert _run(again, range(20)) == first


def test_ordinary_errors_before_it_do_not_name_it() -> None:
    one = tracker()
    for number in range(600):
        one.update(minute(number), [], {"timeout": 3})
    for number in range(600, 620):
        one.update(minute(number), [errors(minute(number))], {"timeout": 3, "schema": 4})
    (insight,) = one.open_insights()
    assert "changed its fields" in insight.title


def test_failures_just_before_the_first_signal_count_as_its_own() -> None:
    one = tracker()
    for number in range(3):
        one.update(minute(number), [], {"auth": 20})
    (insight,) = one.update(minute(3), [errors(minute(3))], {})
    assert "token" in insight.title


def test_a_restored_tracker_goes_on_with_the_same_incident() -> None:
    one = tracker()
    _run(one, range(7))
    restored = IncidentTracker.from_state(json.loads(json.dumps(one.to_state())))
    assert restored.open_insights() == one.open_insights()
    later = [_run(each, range(7, 9)) + _quiet(each, range(9, 40)) for each in (one, restored)]
    assert later[0] == later[1]
    assert restored.to_state() == one.to_state()


def test_the_state_is_small_with_every_channel_speaking() -> None:
    one = tracker()
    kinds = dict.fromkeys(("auth", "schema", "timeout", "unknown", "permission", "not_found", "rate_limit"), 3)
    for number in range(300):
        at = minute(number)
        one.update(at, [errors(at), latency(at), stale(at), failing(at)], kinds)
    assert len(json.dumps(one.to_state())) < 4_000
