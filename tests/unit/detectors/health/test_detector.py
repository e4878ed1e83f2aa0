"""What health events really say: useless, failing, interrupted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from detectors.health.detector import HealthDetector, HealthFacts

from ..health_events import EVERY, NOON, channels, event, quiet_minute, settled


def test_an_ordinary_day_says_nothing() -> None:
    detector = settled()
    for minute in range(1, 16):
        assert quiet_minute(detector, NOON + timedelta(minutes=minute)) == ()


def test_a_last_sync_that_stands_still_behind_a_healthy_status_is_stale() -> None:
    detector = settled()
    found = {}
    for job in range(1, 9):
        at = NOON + job * EVERY
        detector.observe(event(at, last_sync_at=NOON, records_synced=0))
        found[job] = channels(quiet_minute(detector, at + timedelta(minutes=1)))
    assert found[1] == set()
    assert found[3] == {"stale_sync"}
    assert found[8] == {"stale_sync"}


def test_staleness_is_told_in_hours_against_the_usual_interval() -> None:
    detector = settled()
    (signal,) = quiet_minute(detector, NOON + timedelta(hours=5))
    assert signal.channel == "stale_sync"
    assert (signal.observed, signal.unit) == (5.0, "hours")
    assert signal.expected == pytest.approx(0.25)
    assert signal.expected < signal.upper < signal.observed
    assert signal.score > signal.threshold


def test_silence_ages_the_data_too() -> None:
    detector = settled()
    assert quiet_minute(detector, NOON + timedelta(minutes=20)) == ()
    assert channels(quiet_minute(detector, NOON + timedelta(hours=2))) == {"stale_sync"}


def test_where_the_last_sync_is_never_told_a_success_is_taken_for_it() -> None:
    detector = settled(last_sync_at=None)
    assert quiet_minute(detector, NOON + timedelta(minutes=20)) == ()
    assert channels(quiet_minute(detector, NOON + timedelta(hours=2))) == {"stale_sync"}


def test_a_running_job_does_not_bring_data_up_to_date() -> None:
    detector = settled()
    for job in range(1, 5):
        at = NOON + job * EVERY
        detector.observe(event(at, sync_status="running", sync_job_id="hanging", last_sync_at=at))
    after = event(NOON + 5 * EVERY, last_sync_at=NOON, records_synced=0)
    assert channels(detector.observe(after)) == {"stale_sync"}


def test_a_sync_that_moves_again_is_well_again() -> None:
    detector = settled()
    quiet_minute(detector, NOON + timedelta(hours=2))
    assert detector.observe(event(NOON + timedelta(hours=2, minutes=5))) == ()


def test_jobs_that_succeed_without_records_are_empty() -> None:
    detector = settled()
    found = [channels(detector.observe(event(NOON + job * EVERY, records_synced=0))) for job in range(1, 6)]
    assert found[0] == set()
    assert found[4] == {"empty_sync"}


def test_queries_that_find_nothing_make_empty_jobs_suspicious_sooner() -> None:
    alone, supported = settled(), settled()
    needed = {}
    for name, detector, missed in (("alone", alone, 0), ("supported", supported, 3)):
        for job in range(1, 9):
            at = NOON + job * EVERY
            detector.observe(event(at, records_synced=0))
            if "empty_sync" in channels(detector.tick(at, 20, missed, {"not_found": missed})):
                needed[name] = job
                break
    assert needed["supported"] < needed["alone"]


def test_an_integration_whose_nights_are_empty_is_not_told_of_every_night() -> None:
    detector = HealthDetector()
    nights_told = []
    for day in range(30):
        told = False
        for job in range(96):
            at = NOON + timedelta(days=day) + job * EVERY
            records = 0 if 40 <= job < 64 else 300
            told |= "empty_sync" in channels(detector.observe(event(at, records_synced=records)))
        nights_told.append(told)
    assert sum(nights_told[15:]) == 0


def test_an_integration_that_syncs_in_office_hours_is_not_stale_every_night() -> None:
    detector = HealthDetector()
    told = []
    for day in range(12):
        for job in range(40):
            detector.observe(event(NOON + timedelta(days=day) + job * EVERY))
        told.append("stale_sync" in channels(quiet_minute(detector, NOON + timedelta(days=day, hours=23))))
    assert any(told[:3])
    assert not any(told[5:])


@pytest.mark.parametrize(
    "facts",
    [
        {"sync_status": "failed", "error_kind": "auth"},
        {"sync_status": "ERROR"},
        {"records_failed": 120, "sync_status": "degraded"},
    ],
)
def test_jobs_that_fail_one_after_another_are_told(facts: dict[str, Any]) -> None:
    detector = settled()
    found = [channels(detector.observe(event(NOON + job * EVERY, **facts))) for job in range(1, 5)]
    assert found[0] == set()
    assert "sync_failing" in found[3]


def test_a_failing_sync_says_with_which_error() -> None:
    detector = settled()
    failed = {"sync_status": "failing", "error_kind": "auth", "last_sync_at": NOON}
    for job in range(1, 5):
        signals = detector.observe(event(NOON + job * EVERY, **failed))
    (signal,) = signals
    assert (signal.channel, signal.detail, signal.unit) == ("sync_failing", "auth", "%")


def test_a_success_rate_that_falls_is_failing_where_nothing_is_told_of_jobs() -> None:
    only_rates: dict[str, Any] = {
        "sync_job_id": None,
        "records_synced": None,
        "records_failed": None,
        "duration_ms": None,
    }
    detector = settled(**only_rates)
    found = [
        channels(detector.observe(event(NOON + job * EVERY, sync_success_rate=0.4, **only_rates)))
        for job in range(1, 5)
    ]
    assert "sync_failing" in found[-1]


def test_one_failed_job_is_no_news() -> None:
    detector = settled()
    assert detector.observe(event(NOON + EVERY, sync_status="failed", last_sync_at=NOON)) == ()
    assert detector.observe(event(NOON + 2 * EVERY)) == ()


def test_a_job_that_never_ends_is_interrupted_and_never_a_success() -> None:
    detector = settled()
    begun = event(NOON + EVERY, sync_status="syncing", sync_job_id="full", records_synced=None, last_sync_at=NOON)
    assert detector.observe(begun) == ()
    assert quiet_minute(detector, NOON + timedelta(minutes=70)) == ()
    assert channels(quiet_minute(detector, NOON + timedelta(hours=2))) == {"sync_interrupted"}


def test_a_job_that_ends_is_not_interrupted() -> None:
    detector = settled()
    detector.observe(event(NOON + EVERY, sync_status="syncing", sync_job_id="full", last_sync_at=NOON))
    detector.observe(event(NOON + 2 * EVERY, sync_job_id="full"))
    assert "sync_interrupted" not in channels(quiet_minute(detector, NOON + timedelta(hours=8)))


def test_a_paused_integration_is_left_alone() -> None:
    detector = settled()
    detector.observe(event(NOON + EVERY, sync_status="paused", last_sync_at=NOON, records_synced=None))
    assert quiet_minute(detector, NOON + timedelta(days=2)) == ()


def test_the_same_event_again_or_an_older_one_changes_nothing() -> None:
    detector = settled()
    detector.observe(event(NOON + EVERY, records_synced=0))
    state = detector.to_state()
    detector.observe(event(NOON + EVERY, records_synced=0))
    detector.observe(event(NOON - EVERY, sync_status="failed"))
    assert detector.to_state() == state


def test_an_event_that_says_nothing_is_fine() -> None:
    detector = HealthDetector()
    for job in range(50):
        assert detector.observe(HealthFacts(NOON + job * EVERY, "whatever")) == ()
    assert quiet_minute(detector, NOON + timedelta(days=1)) == ()


def test_a_restored_detector_says_the_same() -> None:
    detector = settled()
    detector.observe(event(NOON + EVERY, sync_status="syncing", sync_job_id="full"))
    detector.tick(NOON + EVERY, 40, 7, {"not_found": 7})
    restored = HealthDetector.from_state(json.loads(json.dumps(detector.to_state())))
    for job in range(2, 40):
        at = NOON + job * EVERY
        new = event(at, records_synced=0, api_rate_limit_usage=min(job / 20, 1.0))
        assert restored.observe(new) == detector.observe(new)
        assert restored.tick(at, 10, 3, {"not_found": 3}) == detector.tick(at, 10, 3, {"not_found": 3})
    assert restored.to_state() == detector.to_state()


def test_the_state_is_small() -> None:
    detector = settled(jobs=400)
    for job in range(1, 9):
        detector.observe(event(NOON + job * 4 * EVERY, sync_status="syncing", sync_job_id=f"full-{job}" + "x" * 100))
    assert len(json.dumps(detector.to_state())) < 4_000
