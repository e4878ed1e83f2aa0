"""The fake of ``storage.clickhouse_detectors``: reads from a ``MemorySink``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from detectors.health.detector import HealthFacts
from detectors.thresholds import UNCHANGED, ThresholdSchedule
from models.minutes import MinuteCounts, Series
from sinks.memory import MemorySink, home_of
from storage.detector_store import History, StoredState, health_facts


class MemoryDetectors:
    """A ``storage.detector_store.DetectorStore`` over a sink in memory."""

    def __init__(self, sink: MemorySink) -> None:
        self._sink = sink
        self.schedule = UNCHANGED

    def thresholds(self) -> ThresholdSchedule:
        """Return the thresholds that were changed (see ``DetectorStore``)."""
        return self.schedule

    def states(self, partition: int) -> list[StoredState]:
        """Return a partition's states (see ``DetectorStore``)."""
        return self._states(lambda row: bool(row["partition"] == partition))

    def states_at_home(self, partition: int, partitions: int) -> list[StoredState]:
        """Return the states of a partition's tenants (see ``DetectorStore``)."""
        return self._states(
            lambda row: bool(row["partition"] >= 0 and home_of(row["user_id"], partitions) == partition)
        )

    def states_of(self, series: Sequence[Series]) -> list[StoredState]:
        """Return the states of series (see ``DetectorStore``)."""
        wanted = set(series)
        return self._states(lambda row: _series(row) in wanted)

    def history(self, series: Sequence[Series], since: datetime, until: datetime) -> History:
        """Return the history of series (see ``DetectorStore``)."""
        return History(self.minutes_of(series, since, until), self.health(series, since))

    def minutes_of(
        self, series: Sequence[Series], since: datetime, until: datetime
    ) -> dict[Series, list[tuple[datetime, MinuteCounts]]]:
        """Return the minutes of series (see ``DetectorStore``)."""
        minutes: dict[Series, dict[datetime, MinuteCounts]] = {}
        for row in self._rows("integration_query_metrics", series, since, until):
            start = row["created_at"].replace(second=0, microsecond=0)
            _count(minutes.setdefault(_series(row), {}).setdefault(start, MinuteCounts()), row)
        return {one: sorted(found.items()) for one, found in minutes.items()}

    def health(self, series: Sequence[Series], since: datetime) -> dict[Series, list[HealthFacts]]:
        """Return the health events of series (see ``DetectorStore``)."""
        health: dict[Series, list[HealthFacts]] = {}
        for row in self._rows("integration_health_history", series, since, None):
            health.setdefault(_series(row), []).append(health_facts(row))
        return health

    def _rows(
        self, table: str, series: Sequence[Series], since: datetime, until: datetime | None
    ) -> list[dict[str, Any]]:
        wanted = set(series)
        found = [row for row in self._sink.rows(table) if row["created_at"] >= since and _series(row) in wanted]
        before = [row for row in found if until is None or row["created_at"] < until]
        return sorted(before, key=lambda row: row["created_at"])

    def _states(self, is_wanted: Callable[[dict[str, Any]], bool]) -> list[StoredState]:
        rows = filter(is_wanted, self._sink.rows("detector_states"))
        return [StoredState(_series(row), row["version"], row["state"]) for row in rows]


def _count(counts: MinuteCounts, row: dict[str, Any]) -> None:
    log = math.log1p(row["response_time_ms"])
    counts.queries += 1
    counts.log_latency_sum += log
    counts.log_latency_squares += log * log
    if not row["query_success"]:
        counts.errors += 1
        if kind := row["error_kind"]:
            counts.error_kinds[kind] = counts.error_kinds.get(kind, 0) + 1


def _series(row: dict[str, Any]) -> Series:
    return row["user_id"], row["integration_provider"]
