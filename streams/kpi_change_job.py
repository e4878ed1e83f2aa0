"""Significant changes of key figures against their own past, looked for every quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from clickhouse_connect.driver.client import Client

from detectors.kpi_change import HISTORY_DAYS, Floats
from detectors.kpi_findings import Look, findings
from kpis.kpi import Kpi
from kpis.query import figures
from kpis.registry import get
from kpis.scope import ALL_TENANTS, Interval, Scope
from models.insights import Insight
from sinks.reading import ask
from streams.jobs import Job

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
# Until then a day's value still moves in one direction: conversations may come back. Judged only when it is final.
_FINAL_AFTER: Final = {"durable_resolution_rate": 7 * _DAY}
# Complete days that are judged, so that a change keeps the day it began on.
_JUDGED_DAYS: Final = 14
# Days before it that a part of a day is compared with, and after how many hours it is looked at.
_PARTIAL_HISTORY_DAYS: Final = 27
_HOURS: Final = (6, 12, 18)
# Events may still come for an hour that just ended.
_SETTLED_AFTER: Final = timedelta(minutes=10)


def kpi_change_job(ids: Sequence[str] = FIGURES) -> Job:
    """Return the job that looks for changes of these key figures, per tenant and in days of UTC."""
    kpis = [get(id_) for id_ in ids]
    return Job("kpi-changes", EVERY, lambda client, now: kpi_changes(client, now, kpis))


def kpi_changes(client: Client, now: datetime, kpis: Sequence[Kpi]) -> list[Insight]:
    """Return the changes that the stored figures show; the same data gives the same insights.

    Raises
    ------
    Unreachable
        ClickHouse does not answer.
    """
    settled = now.astimezone(UTC) - _SETTLED_AFTER
    today = settled.replace(hour=0, minute=0, second=0, microsecond=0)
    days = Scope(today - (HISTORY_DAYS + _JUDGED_DAYS) * _DAY, today, ALL_TENANTS)
    hours = Scope(today - (_PARTIAL_HISTORY_DAYS + 1) * _DAY, today + _DAY, ALL_TENANTS)
    daily = _Series(client, kpis, days, Interval.DAY, settled)
    hourly = _Series(client, kpis, hours, Interval.HOUR, settled)
    tenants = sorted({*daily.tenants, *hourly.tenants})
    if not tenants:
        return []
    looks = [*_complete(daily, tenants, today), *_partial(hourly, tenants, today, settled)]
    return findings(kpis, tenants, sorted(looks, key=lambda look: look.at))


class _Series:
    """Values and counts of figures in steps of time, by tenant."""

    def __init__(self, client: Client, kpis: Sequence[Kpi], scope: Scope, every: Interval, now: datetime) -> None:
        self.kpis = kpis
        self._start = scope.start
        self._step = _DAY if every is Interval.DAY else _HOUR
        self._now = now
        self.steps = (scope.end - scope.start) // self._step
        query = figures([kpi.id for kpi in kpis], scope, by=("tenant",), every=every)
        self._rows: dict[UUID, list[Mapping[str, Any]]] = {}
        for row in ask(client, query.sql, query.parameters):
            self._rows.setdefault(row["tenant"], []).append(row)

    @property
    def tenants(self) -> set[UUID]:
        """Tenants that have any."""
        return set(self._rows)

    def table(self, kpi: Kpi, tenants: Sequence[UUID]) -> tuple[Floats, Floats]:
        """Return values (NaN where there is none) and counts; shape (tenants, steps)."""
        values = np.full((len(tenants), self.steps), np.nan)
        counts = np.zeros((len(tenants), self.steps))
        for place, tenant in enumerate(tenants):
            for row in self._rows.get(tenant, ()):
                step = (_aware(row["time"]) - self._start) // self._step
                if row[kpi.id] is not None and 0 <= step < self.steps:
                    values[place, step] = float(row[kpi.id])
                    counts[place, step] = float(row[f"{kpi.id}_n"] or 0)
        final = (self._now - _FINAL_AFTER.get(kpi.id, timedelta()) - self._start) // self._step
        values[:, max(final, 0) :] = np.nan
        return values, counts


def _complete(daily: _Series, tenants: Sequence[UUID], today: datetime) -> Iterator[Look]:
    """Yield a look at each of the last complete days."""
    tables = {kpi.id: daily.table(kpi, tenants) for kpi in daily.kpis}
    for ago in range(_JUDGED_DAYS, 0, -1):
        upto = daily.steps - ago + 1
        values = {id_: table[0][:, :upto] for id_, table in tables.items()}
        counts = {id_: table[1][:, :upto] for id_, table in tables.items()}
        yield Look(today - ago * _DAY, today - (ago - 1) * _DAY, values, counts)


def _partial(hourly: _Series, tenants: Sequence[UUID], today: datetime, settled: datetime) -> Iterator[Look]:
    """Yield looks at the first quarters of yesterday and of today, as far as they are over."""
    tables = {kpi.id: hourly.table(kpi, tenants) for kpi in hourly.kpis}
    for ago in (1, 0):
        for hours in _HOURS:
            at = today - ago * _DAY + hours * _HOUR
            if at > settled:
                return
            parts = {id_: _first_hours(*table, hours, ago) for id_, table in tables.items()}
            values = {id_: part[0] for id_, part in parts.items()}
            counts = {id_: part[1] for id_, part in parts.items()}
            yield Look(today - ago * _DAY, at, values, counts)


def _first_hours(values: Floats, counts: Floats, hours: int, ago: int) -> tuple[Floats, Floats]:
    """Return the mean of each day's first hours, weighted by count, for the days until ``ago`` days before the last."""
    days = values.shape[1] // 24 - ago
    shape = (values.shape[0], -1, 24)
    weights = np.where(np.isfinite(values), counts, 0.0).reshape(shape)[:, :days, :hours]
    known = np.nan_to_num(values).reshape(shape)[:, :days, :hours]
    total = weights.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (known * weights).sum(axis=2) / total, np.nan), total


def _aware(moment: datetime) -> datetime:
    """Return a moment of ClickHouse, which tells UTC without saying so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
