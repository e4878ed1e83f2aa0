"""Detects outages of a provider over all tenants and groups their incidents into one insight.

It evaluates each provider's minutes over all tenants and correlates the tenants' open incidents. It works in event
time, up to the minute that the detectors of every partition have passed, so that a bulk load of history gives the same
result as live traffic. Its state between runs is in ``detector_states``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from detectors.incidents.correlation import ProviderGroups, ProviderPulse
from detectors.performance.detector import PerformanceDetector
from detectors.state import StateSigner
from models.errors import StateRefused
from models.insights import ALL_TENANTS_ID, Insight
from models.minutes import Series, place_of
from sinks.insight_rows import latest
from sinks.sink import Sink
from storage.detector_store import NO_PARTITION, DetectorStore, SavedState, StoredState, state_rows
from storage.insight_store import InsightFilter, stored_insights
from storage.reading import query_rows
from streams.detection.series_monitor import MINUTE
from streams.job import Job

log = logging.getLogger(__name__)

_EVERY: Final = timedelta(seconds=5)
_HISTORY: Final = timedelta(days=28)
# History is processed in slices, so that memory and time are bounded.
_SLICE: Final = timedelta(days=1)
# The row with the state of all providers.
_PLACE: Final[Series] = (ALL_TENANTS_ID.bytes, "")

# The minute that the detectors of every partition have passed; abandoned partitions are ignored.
_PASSED: Final = """
SELECT min(passed) AS passed, count() AS partitions FROM (
    SELECT partition, max(scored_through) AS passed FROM detector_states FINAL
    WHERE partition >= 0 GROUP BY partition HAVING max(saved_at) > now() - INTERVAL 10 MINUTE
)
"""
# Partitions with stored queries and without detector states yet: their incidents are pending.
_AWAITED: Final = """
SELECT count() AS partitions FROM (
    SELECT DISTINCT partition FROM query_windows WHERE window_start >= now() - INTERVAL 28 DAY
)
WHERE partition NOT IN (SELECT partition FROM detector_states)
"""
_TENANTS: Final = """
SELECT integration_provider, uniqExact(user_id) AS tenants FROM detector_states WHERE partition >= 0
GROUP BY integration_provider
"""
_MINUTES: Final = """
SELECT integration_provider, toUnixTimestamp(toStartOfMinute(created_at)) AS minute,
       count() AS queries, countIf(NOT query_success) AS errors,
       sum(log1p(response_time_ms)) AS log_sum, sum(pow(log1p(response_time_ms), 2)) AS log_squares
FROM integration_query_metrics FINAL
WHERE created_at >= {since:DateTime64(3, 'UTC')} AND created_at < {until:DateTime64(3, 'UTC')}
GROUP BY integration_provider, minute
SETTINGS use_skip_indexes_if_final = 1
"""
_FIRST: Final = """
SELECT min(created_at) AS first FROM integration_query_metrics WHERE created_at >= {since:DateTime64(3, 'UTC')}
"""
_SILENT: Final[dict[str, Any]] = {"queries": 0, "errors": 0, "log_sum": 0.0, "log_squares": 0.0}


class ProviderWatch:
    """State of all providers: a detector for each, and the groups of tenants' incidents.

    ``through`` is the start of the last evaluated minute.
    """

    def __init__(self) -> None:
        self.through: datetime | None = None
        self.saved = 0
        self.groups = ProviderGroups()
        self.detectors: dict[str, PerformanceDetector] = {}

    def minute(
        self, start: datetime, counts: dict[str, dict[str, Any]], incidents: Sequence[Insight], tenants: dict[str, int]
    ) -> list[Insight]:
        """Evaluate a minute: each provider's ``counts``, and the tenants' ``incidents`` that are open at its end."""
        for provider in counts:
            self.detectors.setdefault(provider, PerformanceDetector())
        pulses = {}
        for provider, detector in self.detectors.items():
            found = counts.get(provider, _SILENT)
            verdict = detector.process_one(
                {
                    "time": start.timestamp(),
                    "count": found["queries"],
                    "errors": found["errors"],
                    "log_latency_sum": found["log_sum"],
                    "log_latency_squares": found["log_squares"],
                }
            )
            pulses[provider] = ProviderPulse(tenants.get(provider, 0), verdict.signals)
        self.through = start
        return self.groups.update(incidents, pulses, start + MINUTE)


class ProviderJob:
    """The job; see the module.

    Parameters
    ----------
    detectors
        Reads states; ``sink`` writes them.
    """

    def __init__(self, detectors: DetectorStore, sink: Sink, seal: StateSigner) -> None:
        self._detectors = detectors
        self._sink = sink
        self._seal = seal
        self._judged: ProviderWatch | None = None

    def job(self) -> Job:
        """Return the job."""
        return Job("providers", _EVERY, self.run, self.confirm, stays=True)

    def run(self, client: Client, _now: datetime) -> list[Insight]:
        """Evaluate every minute that all partitions have passed; return the groups that are new, changed or closed."""
        self._judged = None
        passed = _passed(client)
        if passed is None:
            return []
        watch = self._loaded()
        if watch.through is None and query_rows(client, _AWAITED, {})[0]["partitions"]:
            return []
        oldest = passed - _HISTORY
        first = _first_minute(client, oldest) if watch.through is None else max(watch.through + MINUTE, oldest)
        news: list[Insight] = []
        for since, until in _slices(first, passed + MINUTE):
            news += _judge(client, watch, since, until)
        self._judged = watch if first <= passed else None
        return latest(news)

    def confirm(self) -> None:
        """Save the state of the last run, after its insights were published."""
        watch, self._judged = self._judged, None
        if watch is None or watch.through is None:
            return
        watch.saved += 1
        known: dict[str, dict[str, Any]] = {name: one.to_state() for name, one in watch.detectors.items()}
        known[_PLACE[1]] = {"groups": watch.groups.to_state(), "saved": watch.saved}
        states = []
        for provider, state in known.items():
            series = (ALL_TENANTS_ID.bytes, provider)
            stamped = {**state, "through": int(watch.through.timestamp())}
            sealed = self._seal.seal(stamped, place_of(series))
            states.append(SavedState(series, NO_PARTITION, watch.through, watch.saved, sealed))
        self._sink.write("detector_states", state_rows(states))

    def _loaded(self) -> ProviderWatch:
        """Return the newest valid generation of the state; an empty state where there is none."""
        generations: dict[int, dict[str, dict[str, Any]]] = {}
        for stored in self._detectors.states(NO_PARTITION):
            self._open(stored, generations.setdefault(stored.version, {}))
        for _, found in sorted(generations.items(), reverse=True):
            if _PLACE[1] not in found:
                continue
            try:
                return _restored(found)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                # Signed correctly, but with other content: another version of the program wrote it.
                log.error("the state of the providers is of other detectors than these (%r)", error)  # noqa: TRY400
        return ProviderWatch()

    def _open(self, stored: StoredState, into: dict[str, dict[str, Any]]) -> None:
        try:
            into[stored.series[1]] = self._seal.open(stored.sealed, place_of(stored.series))
        except StateRefused as error:
            log.error("%s; going on without it", error)  # noqa: TRY400 - its message says it all


def _restored(found: dict[str, dict[str, Any]]) -> ProviderWatch:
    watch = ProviderWatch()
    summary = found[_PLACE[1]]
    watch.through = datetime.fromtimestamp(summary["through"], UTC)
    watch.saved = summary["saved"]
    watch.groups = ProviderGroups.from_state(summary["groups"])
    watch.detectors = {name: PerformanceDetector.from_state(state) for name, state in found.items() if name}
    return watch


def _judge(client: Client, watch: ProviderWatch, since: datetime, until: datetime) -> list[Insight]:
    """Evaluate the minutes in [``since``, ``until``)."""
    span = {"since": since, "until": until}
    counts: dict[int, dict[str, dict[str, Any]]] = {}
    for row in query_rows(client, _MINUTES, span):
        counts.setdefault(row["minute"], {})[row["integration_provider"]] = row
    tenants = {row["integration_provider"]: row["tenants"] for row in query_rows(client, _TENANTS, {})}
    wanted = InsightFilter(insight_type="performance_anomaly", since=since, until=until)
    incidents = [one for one in stored_insights(client, wanted) if one.user_id != ALL_TENANTS_ID]
    news: list[Insight] = []
    start = since
    while start < until:
        end = start + MINUTE
        going_on = [
            one._replace(status="open", ended_at=None)
            for one in incidents
            if one.started_at < end and (one.ended_at is None or one.ended_at >= start)
        ]
        news += watch.minute(start, counts.get(int(start.timestamp()), {}), going_on, tenants)
        start = end
    return news


def _slices(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + _SLICE, until)
        yield since, end
        since = end


def _passed(client: Client) -> datetime | None:
    (row,) = query_rows(client, _PASSED, {})
    return row["passed"].replace(tzinfo=UTC) if row["partitions"] else None


def _first_minute(client: Client, since: datetime) -> datetime:
    """Return the first stored minute, or ``since`` where that is earlier."""
    (row,) = query_rows(client, _FIRST, {"since": since})
    first: datetime = row["first"].replace(tzinfo=UTC, second=0, microsecond=0)
    return max(first, since)
