from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from simulator.catalogue import ERROR_KINDS
from simulator.disturbances import Disturbances
from simulator.incidents import SimulatedIncident
from simulator.syncs import JobLog, Jobs, run_day
from simulator.tenants import DEFAULT_TENANTS
from simulator.times import DAY_MS, HOUR_MS, from_ms

TENANT = DEFAULT_TENANTS[0]
DAY = 20_500
NOON = from_ms(DAY * DAY_MS) + timedelta(hours=12)
QUIET = Disturbances(TENANT, ())


def _day(*incidents: SimulatedIncident) -> Jobs:
    return run_day(1, TENANT, DAY, Disturbances(TENANT, incidents))


def test_every_link_syncs_at_its_own_pace() -> None:
    jobs = _day()
    runs = np.bincount(jobs.link).tolist()
    assert runs == [24 * 60 // link.sync_minutes for link in TENANT.links]
    assert np.all(np.diff(jobs.finished) >= 0)
    assert np.all(jobs.finished > jobs.started)
    assert jobs.succeeded.mean() > 0.97


def test_one_job_a_day_is_a_full_one_that_brings_more() -> None:
    jobs = _day()
    assert np.bincount(jobs.link[jobs.full]).tolist() == [1] * len(TENANT.links)
    assert jobs.records[jobs.full].mean() > 3 * jobs.records[~jobs.full].mean()


def test_an_interrupted_job_does_not_move_the_last_sync() -> None:
    outage = SimulatedIncident("o", "provider_outage", "shopify", None, NOON, NOON + timedelta(hours=3), 1.0)
    log = JobLog([run_day(1, TENANT, DAY - 1, QUIET), _day(outage)], DAY - 1, len(TENANT.links))
    failed = log.jobs.where(~log.jobs.succeeded & (log.jobs.link == 0) & (log.jobs.started >= DAY * DAY_MS))
    assert len(failed.link) > 12
    assert not failed.useful.any()
    assert {ERROR_KINDS[kind] for kind in failed.error_kind.tolist()} <= {"provider_down", "timeout"}
    assert np.all(log.last_sync_at(failed.link, failed.finished) < failed.finished)


def test_both_forms_of_a_stale_sync_claim_success_and_bring_nothing() -> None:
    end = DAY * DAY_MS + 18 * HOUR_MS
    for form, stands_still in (("standstill", True), ("empty", False)):
        stale = SimulatedIncident("s", "stale_sync", "shopify", TENANT.id, NOON, NOON + timedelta(hours=6), 0.5, form)
        log = JobLog([run_day(1, TENANT, DAY - 1, QUIET), _day(stale)], DAY - 1, len(TENANT.links))
        hit = log.jobs.where(log.jobs.stale)
        assert len(hit.link) == 36
        assert hit.succeeded.all()
        assert not hit.useful.any()
        assert hit.records.sum() == 0
        link, at = np.array([0]), np.array([end])
        assert log.age_hours(link, at)[0] > 5.9
        assert ((at - log.last_sync_at(link, at))[0] > 5.9 * HOUR_MS) == stands_still


def test_a_renamed_field_rejects_records_rather_than_jobs() -> None:
    burst = SimulatedIncident("b", "error_burst", "shopify", TENANT.id, NOON, NOON + timedelta(hours=3), 1.0, "schema")
    jobs = _day(burst)
    hit = jobs.where((jobs.link == 0) & (jobs.started >= DAY * DAY_MS + 12 * HOUR_MS))
    during = hit.where(hit.started < DAY * DAY_MS + 15 * HOUR_MS)
    assert during.succeeded.mean() > 0.9
    assert during.records_failed.sum() > 0.3 * during.records.sum()


def test_age_grows_between_jobs_and_starts_again() -> None:
    log = JobLog([run_day(1, TENANT, DAY - 1, QUIET), _day()], DAY - 1, len(TENANT.links))
    at = DAY * DAY_MS + np.arange(0, 20 * HOUR_MS, 60_000)
    for place, link in enumerate(TENANT.links):
        age = log.age_hours(np.full(len(at), place), at)
        assert age.min() >= 0
        # A job may fail once in a while, and a full one takes longer.
        assert age.max() < 3 * link.sync_minutes / 60
        assert np.quantile(age, 0.9) < 1.1 * link.sync_minutes / 60


def test_success_rate_counts_the_jobs_of_the_window() -> None:
    outage = SimulatedIncident("o", "provider_outage", "shopify", None, NOON, NOON + timedelta(hours=3), 1.0)
    jobs = _day(outage)
    log = JobLog([jobs], DAY, len(TENANT.links))
    begin, end = np.array([DAY * DAY_MS + 12 * HOUR_MS]), np.array([DAY * DAY_MS + 15 * HOUR_MS])
    inside = jobs.where((jobs.link == 0) & (jobs.finished > begin[0]) & (jobs.finished <= end[0]))
    assert log.success_rate(np.array([0]), begin, end)[0] == pytest.approx(inside.succeeded.mean())
