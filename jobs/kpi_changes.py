"""Detects significant changes of key figures against their own history, every quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.kpis.kpi_change import FEWEST_DAYS, HISTORY_DAYS, Floats
from detectors.kpis.kpi_findings import ChangeSearch, DailySeries
from kpis.kpi import Kpi
from kpis.registry import get
from kpis.tenant_series import days_of, first_hours_of, integrations_query, tenants_with_volume
from models.insights import Insight
from storage.backlog import read_backlog
from storage.reading import query_rows
from storage.tenant_slices import tenant_slices
from streams.job import Job

FIGURES: Final = (
    "query_success_rate",
    "latency_p95_ms",
    "durable_resolution_rate",
    "csat",
    "conversion_rate",
    "data_utilization_rate",
    "handoff_rate",
)
EVERY: Final = timedelta(minutes=15)

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
# Days until a value is final: conversations may still be reopened. Only final values are tested.
_FINAL_AFTER: Final = {"durable_resolution_rate": 7 * _DAY}
# Number of complete days that are tested, so that a change keeps its first day.
_JUDGED_DAYS: Final = 14
# Days that a part of a day is compared with, and the hours after which it is tested.
_PARTIAL_HISTORY_DAYS: Final = 27
_HOURS: Final = (6, 12, 18)
# Number of tenants per batch.
_TENANTS_AT_ONCE: Final = 100
# Allowed lateness of events of an hour that just ended.
_SETTLED_AFTER: Final = timedelta(minutes=10)


def kpi_change_job(ids: Sequence[str] = FIGURES) -> Job:
    """Return the job that detects changes of these key figures, per tenant and UTC day."""
    kpis = [get(id_) for id_ in ids]
    return Job("kpi-changes", EVERY, lambda client, now: kpi_changes(client, now, kpis), waits_for_backlog=True)


def kpi_changes(client: Client, now: datetime, kpis: Sequence[Kpi]) -> list[Insight]:
    """Return the changes in the stored figures; deterministic. Only tenants with enough volume are read, in batches.

    Tenants that ingestion is behind with are left out.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    settled = now.astimezone(UTC) - _SETTLED_AFTER
    today = settled.replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - (HISTORY_DAYS + _JUDGED_DAYS) * _DAY
    behind = read_backlog(client, now).behind
    search = ChangeSearch(kpis)
    for within in tenant_slices(client, integrations_query(first)):
        enough = tenants_with_volume(kpis, first, settled, FEWEST_DAYS, within)
        tenants: list[UUID] = [row["tenant"] for row in query_rows(client, *enough) if row["tenant"] not in behind]
        for start in range(0, len(tenants), _TENANTS_AT_ONCE):
            some = tenants[start : start + _TENANTS_AT_ONCE]
            looks = [*_complete(client, kpis, some, today, settled), *_partial(client, kpis, some, today, settled)]
            search.add(some, sorted(looks, key=lambda look: look.at))
    return search.findings()


class _Table:
    """Values (NaN where there is none) and counts of figures; arrays of shape (tenants, days)."""

    def __init__(self, kpis: Sequence[Kpi], tenants: Sequence[UUID], days: int) -> None:
        self._rows = {tenant: row for row, tenant in enumerate(tenants)}
        self._days = days
        self.values = {kpi.id: np.full((len(tenants), days), np.nan) for kpi in kpis}
        self.counts = {kpi.id: np.zeros((len(tenants), days)) for kpi in kpis}

    def put(self, tenant: UUID, day: int, id_: str, value: Any, count: Any) -> None:
        """Set one value, if it is not NULL and its day is in the table."""
        if value is not None and 0 <= day < self._days:
            row = self._rows[tenant]
            self.values[id_][row, day] = float(value)
            self.counts[id_][row, day] = float(count or 0)

    def until(self, days: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return values and counts of the first days."""
        values = {id_: table[:, :days] for id_, table in self.values.items()}
        return values, {id_: table[:, :days] for id_, table in self.counts.items()}


def _complete(
    client: Client, kpis: Sequence[Kpi], tenants: Sequence[UUID], today: datetime, settled: datetime
) -> Iterator[DailySeries]:
    """Yield one test for each of the last complete days."""
    start = today - (HISTORY_DAYS + _JUDGED_DAYS) * _DAY
    days = (today - start) // _DAY
    table = _Table(kpis, tenants, days)
    for row in query_rows(client, *days_of(kpis, start, today, tenants)):
        day = (_aware(row["time"]) - start) // _DAY
        for kpi in kpis:
            table.put(row["tenant"], day, kpi.id, row[kpi.id], row[f"{kpi.id}_n"])
    for kpi in kpis:
        table.values[kpi.id][:, max((_final(kpi, settled) - start) // _DAY, 0) :] = np.nan
    for ago in range(_JUDGED_DAYS, 0, -1):
        yield DailySeries(today - ago * _DAY, today - (ago - 1) * _DAY, *table.until(days - ago + 1))


def _partial(
    client: Client, kpis: Sequence[Kpi], tenants: Sequence[UUID], today: datetime, settled: datetime
) -> Iterator[DailySeries]:
    """Yield tests of the completed quarters of yesterday and of today."""
    start, end = today - (_PARTIAL_HISTORY_DAYS + 1) * _DAY, today + _DAY
    days = (end - start) // _DAY
    tables = {hours: _Table(kpis, tenants, days) for hours in _HOURS}
    # Whole hours only: the current one is incomplete.
    final = {kpi.id: start + (_final(kpi, settled) - start) // _HOUR * _HOUR for kpi in kpis}
    for row in query_rows(client, *first_hours_of(kpis, start, end, tenants, hours=_HOURS, final=final)):
        day = (_aware(row["day"]) - start) // _DAY
        for hours, table in tables.items():
            for kpi in kpis:
                name = f"{kpi.id}_{hours}"
                table.put(row["tenant"], day, kpi.id, row[name], row[f"{name}_n"])
    for ago in (1, 0):
        for hours in _HOURS:
            at = today - ago * _DAY + hours * _HOUR
            if at > settled:
                return
            yield DailySeries(today - ago * _DAY, at, *tables[hours].until(days - ago))


def _final(kpi: Kpi, settled: datetime) -> datetime:
    """Return the time up to which the values of a figure are final."""
    return settled - _FINAL_AFTER.get(kpi.id, timedelta())


def _aware(moment: datetime) -> datetime:
    """Return a naive time of ClickHouse as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
