"""Detectors' states and history, read from ClickHouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Literal
from uuid import UUID

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.health.detector import HealthFacts
from detectors.thresholds import ThresholdChange, ThresholdSchedule
from models.errors import SinkUnavailable, Unreachable
from models.minutes import MinuteCounts, Series
from storage.clickhouse_errors import reason_of
from storage.connection import ClickHouseAddress, connect
from storage.detector_store import History, StoredState, health_facts

_THRESHOLDS: Final = """
SELECT user_id, toString(detector) AS detector, value, effective_from, version FROM detector_thresholds FINAL
"""
_STATES: Final = """
SELECT user_id, integration_provider, version, state FROM detector_states FINAL WHERE {condition}
"""
_AT_HOME: Final = """
partition >= 0 AND kafkaMurmurHash(toString(user_id)) % {partitions:UInt32} = {partition:UInt32}
"""
# The pairs as two arrays of equal length: ClickHouse finds them by the sorting key.
_OF_SERIES: Final = """
(user_id, integration_provider) IN (
    SELECT arrayJoin(arrayZip({users:Array(UUID)}, {providers:Array(String)}))
)
"""
_MINUTES: Final = (
    """
SELECT user_id, integration_provider, toUnixTimestamp(toStartOfMinute(created_at)) AS minute,
       count() AS queries, countIf(NOT query_success) AS errors,
       sum(log1p(response_time_ms)) AS log_sum, sum(pow(log1p(response_time_ms), 2)) AS log_squares,
       sumMapIf([toString(error_kind)], [toUInt64(1)], NOT query_success AND error_kind != '') AS kinds
FROM integration_query_metrics FINAL
WHERE created_at >= {since:DateTime64(3, 'UTC')} AND created_at < {until:DateTime64(3, 'UTC')} AND """
    + _OF_SERIES
    + "GROUP BY ALL ORDER BY minute"
)
_HEALTH: Final = (
    """
SELECT user_id, integration_provider, created_at, sync_status, last_sync_at, sync_success_rate, error_rate,
       data_freshness_score, api_rate_limit_usage, sync_job_id, records_synced, records_failed, duration_ms, error_kind
FROM integration_health_history FINAL
WHERE created_at >= {since:DateTime64(3, 'UTC')} AND """
    + _OF_SERIES
    + "ORDER BY created_at"
)


class ClickHouseDetectors:
    """A ``storage.detector_store.DetectorStore`` over a connection of its own; it connects at the first use."""

    def __init__(self, address: ClickHouseAddress) -> None:
        self._address = address
        self._client: Client | None = None
        self._lock = Lock()

    def thresholds(self) -> ThresholdSchedule:
        """Return the thresholds that were changed (see ``DetectorStore``)."""
        return ThresholdSchedule(ThresholdChange(**row) for row in self._ask(_THRESHOLDS, {}, aware=True))

    def states(self, partition: int) -> list[StoredState]:
        """Return a partition's states (see ``DetectorStore``)."""
        return self._states("partition = {partition:Int32}", {"partition": partition})

    def states_at_home(self, partition: int, partitions: int) -> list[StoredState]:
        """Return the states of a partition's tenants (see ``DetectorStore``)."""
        return self._states(_AT_HOME, {"partition": partition, "partitions": partitions})

    def states_of(self, series: Sequence[Series]) -> list[StoredState]:
        """Return the states of series (see ``DetectorStore``)."""
        return self._states(_OF_SERIES, _parameters(series))

    def history(self, series: Sequence[Series], since: datetime, until: datetime) -> History:
        """Return the history of series (see ``DetectorStore``)."""
        return History(self.minutes_of(series, since, until), self.health(series, since))

    def minutes_of(
        self, series: Sequence[Series], since: datetime, until: datetime
    ) -> dict[Series, list[tuple[datetime, MinuteCounts]]]:
        """Return the minutes of series (see ``DetectorStore``)."""
        parameters = {**_parameters(series), "since": since, "until": until}
        minutes: dict[Series, list[tuple[datetime, MinuteCounts]]] = {}
        for row in self._ask(_MINUTES, parameters):
            start = datetime.fromtimestamp(row["minute"], UTC)
            minutes.setdefault(_series(row), []).append((start, _counts(row)))
        return minutes

    def health(self, series: Sequence[Series], since: datetime) -> dict[Series, list[HealthFacts]]:
        """Return the health events of series (see ``DetectorStore``)."""
        health: dict[Series, list[HealthFacts]] = {}
        for row in self._ask(_HEALTH, {**_parameters(series), "since": since}):
            health.setdefault(_series(row), []).append(health_facts(row))
        return health

    def _states(self, condition: str, parameters: dict[str, Any]) -> list[StoredState]:
        rows = self._ask(_STATES.format(condition=condition), parameters, {"state": "bytes"})
        return [StoredState(_series(row), row["version"], row["state"]) for row in rows]

    def _ask(
        self,
        sql: str,
        parameters: dict[str, Any],
        formats: dict[str, str | dict[str, str]] | None = None,
        *,
        aware: bool = False,
    ) -> list[dict[str, Any]]:
        zone: Literal["aware", "naive_utc"] = "aware" if aware else "naive_utc"
        try:
            with self._lock:
                if self._client is None:
                    self._client = connect(self._address)
                found = self._client.query(
                    sql, parameters=parameters, column_formats=formats, tz_mode=zone, query_tz="UTC"
                )
                return list(found.named_results())
        except (ClickHouseError, Unreachable) as error:
            self._client = None
            reason = reason_of(error)
            raise SinkUnavailable(
                f"ClickHouse at {self._address.url} could not read back what detectors need: {reason}"
            ) from error


def _series(row: dict[str, Any]) -> Series:
    return row["user_id"].bytes, row["integration_provider"]


def _parameters(series: Sequence[Series]) -> dict[str, Any]:
    return {"users": [UUID(bytes=user) for user, _ in series], "providers": [provider for _, provider in series]}


def _counts(row: dict[str, Any]) -> MinuteCounts:
    names, counts = row["kinds"]
    return MinuteCounts(
        row["queries"], row["errors"], row["log_sum"], row["log_squares"], dict(zip(names, counts, strict=True))
    )
