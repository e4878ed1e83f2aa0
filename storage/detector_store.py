"""The interface of detectors to the database: saved states, and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from detectors.health.detector import HealthFacts
from detectors.thresholds import ThresholdSchedule
from models.minutes import MinuteCounts, Series
from models.rows import DETECTOR_STATES

# The partition number of the leader's states about all tenants.
NO_PARTITION = -1
_SLOTS = 2


class StoredState(NamedTuple):
    """One generation of a series' state; the highest ``version`` is the newest."""

    series: Series
    version: int
    sealed: bytes


class History(NamedTuple):
    """History of series: minutes with queries, and health events, each in time order."""

    minutes: Mapping[Series, Sequence[tuple[datetime, MinuteCounts]]]
    health: Mapping[Series, Sequence[HealthFacts]]


class DetectorStore(Protocol):
    """Reads stored states and history. Every call blocks, and raises ``SinkUnavailable`` for temporary failures."""

    def thresholds(self) -> ThresholdSchedule:
        """Return the thresholds that were changed."""

    def states(self, partition: int) -> list[StoredState]:
        """Return every generation of the states that were last saved for a partition."""

    def states_at_home(self, partition: int, partitions: int) -> list[StoredState]:
        """Return every generation of the states of the tenants whose home is a partition, wherever they were saved.

        ``partitions`` is over how many keys are spread; states of the leader's jobs are left out.
        """

    def states_of(self, series: Sequence[Series]) -> list[StoredState]:
        """Return every generation of the states of these series."""

    def history(self, series: Sequence[Series], since: datetime, until: datetime) -> History:
        """Return the history of series since ``since``: minutes before ``until``, and all health events.

        Health events are read from Kafka ahead of their minutes and are not read again.
        """

    def minutes_of(
        self, series: Sequence[Series], since: datetime, until: datetime
    ) -> Mapping[Series, Sequence[tuple[datetime, MinuteCounts]]]:
        """Return the minutes with queries of these series from ``since`` to before ``until``, ascending."""

    def health(self, series: Sequence[Series], since: datetime) -> Mapping[Series, Sequence[HealthFacts]]:
        """Return the health events of these series from ``since`` on, ascending in time."""


def version_of(scored_through: datetime, saved: int) -> int:
    """Return the version of a state: the last minute that was scored, then how often it was saved."""
    return (int(scored_through.timestamp()) // 60) << 32 | saved


class SavedState(NamedTuple):
    """A state to save; ``saved`` is the number of saves of this series."""

    series: Series
    partition: int
    scored_through: datetime
    saved: int
    sealed: bytes


def state_rows(states: Sequence[SavedState]) -> pa.RecordBatch:
    """Return rows of ``models.rows.DETECTOR_STATES``; successive saves alternate between the two slots."""
    rows = [
        {
            "user_id": one.series[0],
            "integration_provider": one.series[1],
            "slot": one.saved % _SLOTS,
            "version": version_of(one.scored_through, one.saved),
            "partition": one.partition,
            "scored_through": one.scored_through,
            "state": one.sealed,
        }
        for one in states
    ]
    return pa.RecordBatch.from_pylist(rows, schema=DETECTOR_STATES)


def health_facts(row: dict[str, Any]) -> HealthFacts:
    """Return a row of the health tables (``models.rows.HEALTH``) as detectors take it."""
    return HealthFacts(
        at=row["created_at"].replace(tzinfo=UTC),
        sync_status=row["sync_status"],
        last_sync_at=None if row["last_sync_at"] is None else row["last_sync_at"].replace(tzinfo=UTC),
        sync_success_rate=_number(row["sync_success_rate"]),
        error_rate=_number(row["error_rate"]),
        data_freshness_score=_number(row["data_freshness_score"]),
        api_rate_limit_usage=_number(row["api_rate_limit_usage"]),
        sync_job_id=row["sync_job_id"] or None,
        records_synced=row["records_synced"],
        records_failed=row["records_failed"],
        duration_ms=row["duration_ms"],
        error_kind=row["error_kind"] or None,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
