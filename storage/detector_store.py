"""What detectors need of a database: their saved states, and the history behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from detectors.health.detector import HealthFacts
from models.minutes import MinuteCounts, Series
from models.rows import DETECTOR_STATES

# The partition of what a leader keeps about all tenants.
NO_PARTITION = -1
_SLOTS = 2


class StoredState(NamedTuple):
    """One generation of a series' state; the highest ``version`` is the newest."""

    series: Series
    version: int
    sealed: bytes


class History(NamedTuple):
    """What happened to series: minutes that had queries, and health events, each ascending in time."""

    minutes: Mapping[Series, Sequence[tuple[datetime, MinuteCounts]]]
    health: Mapping[Series, Sequence[HealthFacts]]


class DetectorStore(Protocol):
    """Gives back what was stored. Every call blocks, and raises ``SinkUnavailable`` where it may be tried again."""

    def states(self, partition: int) -> list[StoredState]:
        """Return every generation of the states that were last saved for a partition."""

    def states_of(self, series: Sequence[Series]) -> list[StoredState]:
        """Return every generation of the states of these series."""

    def history(self, series: Sequence[Series], since: datetime, until: datetime) -> History:
        """Return what is stored of these series from ``since`` on: minutes before ``until``, health events to the last.

        Health events are read from Kafka ahead of the minutes that they belong to, and are not read again.
        """


def version_of(scored_through: datetime, saved: int) -> int:
    """Return the version of a state: the last minute that was scored, then how often it was saved."""
    return (int(scored_through.timestamp()) // 60) << 32 | saved


class SavedState(NamedTuple):
    """A state to be kept; ``saved`` counts how often this series was."""

    series: Series
    partition: int
    scored_through: datetime
    saved: int
    sealed: bytes


def state_rows(states: Sequence[SavedState]) -> pa.RecordBatch:
    """Return rows of ``models.rows.DETECTOR_STATES``; successive saves take turns in the two slots."""
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
