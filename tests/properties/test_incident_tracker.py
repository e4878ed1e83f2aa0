"""Whatever the signals: a tracker and a health detector never lose the thread."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from detectors.health.detector import HealthDetector, HealthFacts
from detectors.incidents.signals import Signal
from detectors.incidents.tracker import QUIET_MINUTES, IncidentTracker
from models.insights import Insight
from tests.unit.detectors import signals as make
from tests.unit.detectors.signals import START, minute, tracker

_MAKERS = (
    make.errors,
    make.latency,
    make.stale,
    make.empty,
    make.failing,
    make.interrupted,
    make.quota,
    lambda at: make.volume(at, 2.0),
)
_ERROR_KINDS = st.dictionaries(
    st.sampled_from(["auth", "schema", "timeout", "provider_down", "not_found"]), st.integers(0, 50), max_size=3
)
# Minutes: which channels speak, and how queries fail.
_MINUTES = st.lists(
    st.tuples(st.frozensets(st.integers(0, len(_MAKERS) - 1), max_size=3), _ERROR_KINDS), min_size=1, max_size=90
)
Minutes = list[tuple[frozenset[int], dict[str, int]]]


def _told(one: IncidentTracker, minutes: Minutes, first: int = 0) -> list[Insight]:
    told = []
    for number, (speaking, kinds) in enumerate(minutes, start=first):
        told += one.update(minute(number), _signals(speaking, number), kinds)
    return told


def _signals(speaking: frozenset[int], number: int) -> list[Signal]:
    return [_MAKERS[which](minute(number)) for which in sorted(speaking)]


@given(_MINUTES)
def test_every_finding_is_closed_once_it_is_quiet(minutes: Minutes) -> None:
    one = tracker()
    told = _told(one, [*minutes, *[(frozenset[int](), dict[str, int]())] * QUIET_MINUTES])
    newest = {insight.id: insight for insight in told}
    assert all(insight.status == "closed" for insight in newest.values())
    assert one.open_insights() == []
    assert bool(newest) == any(speaking for speaking, _ in minutes)


@given(_MINUTES)
def test_findings_do_not_overlap_and_never_change_their_beginning(minutes: Minutes) -> None:
    told = _told(tracker(), [*minutes, *[(frozenset[int](), dict[str, int]())] * QUIET_MINUTES])
    begun = {insight.id: insight.started_at for insight in told}
    assert all(begun[insight.id] == insight.started_at for insight in told)
    closed = sorted({insight.id: (insight.started_at, insight.ended_at or START) for insight in told}.values())
    assert all(start <= end for start, end in closed)
    assert all(before[1] < after[0] for before, after in pairwise(closed))


@given(_MINUTES)
def test_minutes_told_three_times_give_the_same_findings(minutes: Minutes) -> None:
    once, thrice = tracker(), tracker()
    told = _told(once, minutes)
    repeated: list[Insight] = []
    for number, (speaking, kinds) in enumerate(minutes):
        for _ in range(3):
            repeated += thrice.update(minute(number), _signals(speaking, number), kinds)
    assert repeated == told
    assert thrice.to_state() == once.to_state()


@given(_MINUTES, st.integers(0, 90))
def test_a_tracker_restored_at_any_minute_tells_the_same(minutes: Minutes, cut: int) -> None:
    whole, part = tracker(), tracker()
    told = _told(whole, minutes)
    before = _told(part, minutes[:cut])
    restored = IncidentTracker.from_state(json.loads(json.dumps(part.to_state())))
    assert before + _told(restored, minutes[cut:], first=len(minutes[:cut])) == told
    assert restored.to_state() == whole.to_state()


_FACTS = st.builds(
    HealthFacts,
    at=st.integers(0, 600).map(minute),
    sync_status=st.sampled_from(["healthy", "failed", "syncing", "paused", "?"]),
    last_sync_at=st.none() | st.integers(0, 600).map(minute),
    sync_success_rate=st.none() | st.floats(0, 1),
    api_rate_limit_usage=st.none() | st.floats(0, 1),
    sync_job_id=st.none() | st.sampled_from(["a", "b", "c", "d", "e", "f"]),
    records_synced=st.none() | st.integers(0, 500),
    records_failed=st.none() | st.integers(0, 500),
    error_kind=st.none() | st.sampled_from(["auth", "timeout"]),
)


@given(st.lists(_FACTS, max_size=60), st.integers(0, 60))
def test_a_health_detector_takes_anything_and_is_restored_exactly(events: list[HealthFacts], cut: int) -> None:
    whole, part = HealthDetector(), HealthDetector()
    for event in events[:cut]:
        part.observe(event)
    restored = HealthDetector.from_state(json.loads(json.dumps(part.to_state())))
    for place, event in enumerate(events):
        found = whole.observe(event)
        if place >= cut:
            assert restored.observe(event) == found
    at = START + timedelta(days=1)
    assert restored.tick(at, 5, 2, {"not_found": 2}) == whole.tick(at, 5, 2, {"not_found": 2})
    assert json.dumps(restored.to_state()) == json.dumps(whole.to_state())
