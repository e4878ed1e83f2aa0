"""Detects silent sync failures, failing and interrupted syncs, and exhausted quotas from health events.

It does not rely on the reported status. A running sync has not succeeded, and one that reports success while
``last_sync_at`` does not advance or no records arrive is worse than a failing one, because nobody notices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple

from detectors.ewma import EwmaMoments
from detectors.health.cusum import Cusum
from detectors.health.query_usefulness import Usefulness
from detectors.health.rate_limit import QuotaWatch
from detectors.health.sync import RunningJobs, SyncCadence
from detectors.health.sync_signals import empty_signal, failing_signal, interrupted_signal, quota_signal, stale_signal
from detectors.incidents.signals import Signal
from models.sync_status import Condition, condition_of

FAILING_THRESHOLD: Final = 3.0
EMPTY_THRESHOLD: Final = 3.5
# Share of bad jobs while something is wrong.
_FAILING_SHARE, _EMPTY_SHARE = 0.6, 0.9
_FAILING_AGAIN, _EMPTY_AGAIN = 0.1, 0.25
# A job counts as empty with less than a twentieth of the usual records, and far fewer than in quiet hours.
_THIN, _THIN_DEVIATIONS = 0.05, 3.5
_WARM_JOBS: Final = 8
_JOB_MEMORY: Final = 200
# A job is bad above this share of rejected records, if it is also this multiple of the usual share.
_REJECTED_SHARE, _REJECTED_TIMES, _MIN_REJECTED = 0.1, 5.0, 5
_RATE_FALLEN, _RATE_DEVIATIONS = 0.15, 4.0
_MAX_SEEN: Final = 8


class HealthFacts(NamedTuple):
    """One health event of one tenant and provider; ``None`` (or ``""`` for text) means not given."""

    at: datetime
    sync_status: str
    last_sync_at: datetime | None = None
    sync_success_rate: float | None = None
    error_rate: float | None = None
    data_freshness_score: float | None = None
    api_rate_limit_usage: float | None = None
    sync_job_id: str | None = None
    records_synced: int | None = None
    records_failed: int | None = None
    duration_ms: int | None = None
    error_kind: str | None = None


class HealthDetector:
    """Monitors the health events of one tenant and provider, in event-time order.

    An older or repeated event changes nothing (an older one may still end a running job). Every channel needs a
    warm-up: about eight syncs, and a day of quota reports.
    """

    def __init__(self) -> None:
        self._newest = float("-inf")
        self._seen: list[str] = []
        self._condition = Condition.UNKNOWN
        self._last_job = ""
        self._job_error = ""
        self._tells_last_sync = False
        self._records = EwmaMoments()  # of ln(1 + records)
        self._brought = 0
        self._rejects = EwmaMoments()
        self._success_rate = EwmaMoments()
        self._failing = Cusum(_FAILING_SHARE, FAILING_THRESHOLD, _FAILING_AGAIN)
        self._empty = Cusum(_EMPTY_SHARE, EMPTY_THRESHOLD, _EMPTY_AGAIN)
        self._cadence = SyncCadence()
        self._running = RunningJobs()
        self._quota = QuotaWatch()
        self._useful = Usefulness()

    def observe(self, event: HealthFacts) -> tuple[Signal, ...]:
        """Add the next health event; return the present signals."""
        at = event.at.timestamp()
        condition = condition_of(event.sync_status)
        job = event.sync_job_id or ""
        if condition is not Condition.RUNNING:
            self._running.end(job, at)
        if not self._is_new(at, f"{job}/{event.sync_status}"):
            return ()
        self._condition = condition
        if condition is Condition.RUNNING:
            self._running.begin(job, at)
        elif condition is not Condition.PAUSED and (not job or job != self._last_job):
            self._last_job = job
            self._judge_job(event, condition)
        if condition is not Condition.RUNNING:
            self._note_sync(event, condition)
        if event.api_rate_limit_usage is not None:
            self._quota.observe(at, event.api_rate_limit_usage)
        return self._standing(event.at)

    def tick(self, at: datetime, queries: int, errors: int, error_kinds: Mapping[str, int]) -> tuple[Signal, ...]:
        """Advance time; return all signals at ``at``, new or not.

        ``queries``, ``errors`` and ``error_kinds`` are those since the last tick: not-found errors support the
        suspicion of stale data.
        """
        now = at.timestamp()
        self._running.give_up(now)
        suspected = self._empty.alarming or stale_signal(at, self._condition, self._cadence, 0.0) is not None
        self._useful.learn(now, max(queries, errors), error_kinds.get("not_found", 0), suspected=suspected)
        return self._standing(at)

    def _is_new(self, at: float, fingerprint: str) -> bool:
        if at < self._newest or (at == self._newest and fingerprint in self._seen):
            return False
        self._seen = [*(self._seen if at == self._newest else []), fingerprint][-_MAX_SEEN:]
        self._newest = at
        return True

    def _judge_job(self, event: HealthFacts, condition: Condition) -> None:
        failed = condition is Condition.FAILED or self._many_rejected(event) or self._rate_fell(event)
        self._failing.learn(failed)
        if failed:
            self._job_error = event.error_kind or ("schema" if event.records_failed else "")
            return
        if event.records_synced is not None and self._claims_new_data(event):
            self._judge_records(event.records_synced)

    def _note_sync(self, event: HealthFacts, condition: Condition) -> None:
        """Update the time of the last sync; where it is never reported, a success counts as one."""
        at = event.at.timestamp()
        if event.last_sync_at is not None:
            self._tells_last_sync = True
            self._cadence.advance(min(event.last_sync_at.timestamp(), at))
        elif condition is Condition.HEALTHY and not self._tells_last_sync:
            self._cadence.advance(at)

    def _judge_records(self, records: int) -> None:
        level, value = self._records, math.log1p(records)
        if level.count < _WARM_JOBS:
            level.learn(value, _JOB_MEMORY)
            return
        few = value < level.mean - _THIN_DEVIATIONS * level.deviation and records < _THIN * math.exp(level.mean)
        thin = records == 0 or few
        self._empty.learn(thin)
        self._brought = records
        if not thin:
            level.learn(value, _JOB_MEMORY)

    def _claims_new_data(self, event: HealthFacts) -> bool:
        """Whether the event reports fresh data; otherwise ``stale_sync`` covers it."""
        last = self._cadence.last
        return event.last_sync_at is None or last is None or event.last_sync_at.timestamp() > last

    def _many_rejected(self, event: HealthFacts) -> bool:
        if event.records_failed is None:
            return False
        share = event.records_failed / max(event.records_synced or 0, event.records_failed, 1)
        usual = self._rejects
        many = event.records_failed >= _MIN_REJECTED and share > max(_REJECTED_SHARE, _REJECTED_TIMES * usual.mean)
        if not many:
            usual.learn(share, _JOB_MEMORY)
        return many

    def _rate_fell(self, event: HealthFacts) -> bool:
        """Whether the success rate fell, for events without job details."""
        rate, usual = event.sync_success_rate, self._success_rate
        if rate is None or event.sync_job_id or event.records_synced is not None:
            return False
        fallen = usual.count >= _WARM_JOBS and rate < usual.mean - max(_RATE_FALLEN, _RATE_DEVIATIONS * usual.deviation)
        if not fallen:
            usual.learn(rate, _JOB_MEMORY)
        return fallen

    def _standing(self, at: datetime) -> tuple[Signal, ...]:
        missing = self._useful.support
        found = (
            stale_signal(at, self._condition, self._cadence, missing),
            empty_signal(at, self._empty, self._records, self._brought, missing),
            failing_signal(at, self._failing, self._job_error),
            interrupted_signal(at, self._running, self._cadence),
            quota_signal(at, self._quota),
        )
        return tuple(signal for signal in found if signal is not None)

    def to_state(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "newest": None if self._newest == float("-inf") else self._newest,
            "seen": list(self._seen),
            "condition": self._condition.value,
            "last_job": self._last_job,
            "job_error": self._job_error,
            "tells_last_sync": self._tells_last_sync,
            "records": asdict(self._records),
            "brought": self._brought,
            "rejects": asdict(self._rejects),
            "success_rate": asdict(self._success_rate),
            "failing": self._failing.to_state(),
            "empty": self._empty.to_state(),
            "cadence": self._cadence.to_state(),
            "running": self._running.to_state(),
            "quota": self._quota.to_state(),
            "useful": self._useful.to_state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> HealthDetector:
        """Return a detector restored from this state."""
        one = cls()
        one._newest = float("-inf") if state["newest"] is None else state["newest"]
        one._seen = list(state["seen"])
        one._condition = Condition(state["condition"])
        one._last_job = state["last_job"]
        one._job_error = state["job_error"]
        one._tells_last_sync = state["tells_last_sync"]
        one._records = EwmaMoments(**state["records"])
        one._brought = state["brought"]
        one._rejects = EwmaMoments(**state["rejects"])
        one._success_rate = EwmaMoments(**state["success_rate"])
        one._failing = Cusum.from_state(state["failing"])
        one._empty = Cusum.from_state(state["empty"])
        one._cadence = SyncCadence.from_state(state["cadence"])
        one._running = RunningJobs.from_state(state["running"])
        one._quota = QuotaWatch.from_state(state["quota"])
        one._useful = Usefulness.from_state(state["useful"])
        return one
