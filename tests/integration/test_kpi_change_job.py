"""The job that looks for changes of key figures, on stored windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from jobs import kpi_changes as kpi_change_job_module
from jobs import roll_ups
from jobs.kpi_changes import FIGURES, kpi_change_job, kpi_changes
from jobs.needs import read_series
from kpis.registry import get
from kpis.tenant_series import days_of, integrations_query
from models.query import Query
from models.rows import QUERY_WINDOWS
from sinks.clickhouse import ClickHouseSink
from storage import tenant_slices
from storage.backlog import Backlog
from storage.connection import ClickHouseAddress, connect

pytestmark = pytest.mark.stack

_NOW: Final = datetime.now(UTC).replace(hour=13, minute=30, second=0, microsecond=0)
_TODAY: Final = _NOW.replace(hour=0, minute=0)
_DAYS: Final = 60
_STEADY, _BROKEN = UUID(int=1), UUID(int=2)
_NONE: Final = Decimal(0)


def _window(tenant: UUID, at: datetime, queries: int, successes: int) -> dict[str, Any]:
    return {
        "user_id": tenant.bytes,
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "window_start": at,
        "topic_epoch": 1,
        "partition": 0,
        "chunk_id": 0,
        "version": 1,
        "queries": queries,
        "successes": successes,
        "response_time_ms_sum": 200 * queries,
        "response_time_histogram": {"buckets": [100], "counts": [queries]},
        "data_freshness_hours_sum": _NONE,
        "data_freshness_hours_count": 0,
        "ai_confidence_score_sum": _NONE,
        "ai_confidence_score_count": 0,
        "customer_satisfaction_impact_sum": _NONE,
        "customer_satisfaction_impact_count": 0,
    }


def _windows() -> pa.RecordBatch:
    """Two tenants; the success rate of one falls yesterday at midnight."""
    rng = np.random.default_rng(5)
    rows = []
    for hour in range(-_DAYS * 24, 13):
        at = _TODAY + timedelta(hours=hour)
        for tenant in (_STEADY, _BROKEN):
            good = 0.80 if tenant == _BROKEN and hour >= -24 else 0.96
            rows.append(_window(tenant, at, 200, int(rng.binomial(200, good))))
    return pa.RecordBatch.from_pylist(rows, schema=QUERY_WINDOWS)


def test_a_real_drop_is_one_insight_and_the_same_at_every_run(database: ClickHouseAddress) -> None:
    ClickHouseSink(database).write("query_windows", _windows())
    with connect(database) as client:
        found = kpi_changes(client, _NOW, [get("query_success_rate")])
        again = kpi_changes(client, _NOW + timedelta(minutes=15), [get("query_success_rate")])
    (insight,) = found
    assert again == found
    assert (insight.user_id, insight.kind, insight.status) == (_BROKEN, "query_success_rate", "open")
    assert insight.started_at == _TODAY - timedelta(days=1)
    assert insight.updated_at == _TODAY + timedelta(hours=12)
    assert insight.observed == pytest.approx(0.80, abs=0.02)
    assert insight.expected == pytest.approx(0.96, abs=0.01)


def test_a_tenant_that_ingestion_is_behind_with_has_no_changes_and_no_forecasts(
    database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = frozenset({_BROKEN})
    monkeypatch.setattr(kpi_change_job_module, "read_backlog", lambda *_: Backlog(None, behind))
    ClickHouseSink(database).write("query_windows", _windows())
    with connect(database) as client:
        assert kpi_changes(client, _NOW, [get("query_success_rate")]) == []
        for left_out, forecast in ((behind, {_STEADY}), (frozenset[UUID](), {_STEADY, _BROKEN})):
            series = [one for some in read_series(client, _TODAY, left_out) for one in some]
            assert {one.link.user_id for one in series} == forecast


def test_an_empty_database_has_no_changes(database: ClickHouseAddress) -> None:
    job = kpi_change_job()
    assert job.every == timedelta(minutes=15)
    assert {get(id_).id for id_ in FIGURES} == set(FIGURES)
    with connect(database) as client:
        assert list(job.run(client, _NOW)) == []


def test_who_has_too_little_volume_is_never_read_and_slices_change_nothing(
    database: ClickHouseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = [_window(UUID(int=number), _TODAY - timedelta(days=number % 50), 2, 1) for number in range(10, 500)]
    ClickHouseSink(database).write("query_windows", _windows())
    ClickHouseSink(database).write("query_windows", pa.RecordBatch.from_pylist(strangers, schema=QUERY_WINDOWS))
    read: list[set[UUID]] = []

    def noted(kpis: Any, start: Any, end: Any, tenants: Any) -> Query:
        read.append(set(tenants))
        return days_of(kpis, start, end, tenants)

    with connect(database) as client:
        together = kpi_changes(client, _NOW, [get("query_success_rate")])
        monkeypatch.setattr(kpi_change_job_module, "days_of", noted)
        monkeypatch.setattr(kpi_change_job_module, "_TENANTS_AT_ONCE", 1)
        roll_ups.refresh(client)  # by whose tenants the slices are
        monkeypatch.setattr(tenant_slices, "ROWS", 200)
        slices = tenant_slices.tenant_slices(client, integrations_query(_TODAY - timedelta(days=60)))
        assert len(slices) > 5
        assert kpi_changes(client, _NOW, [get("query_success_rate")]) == together
    assert read == [{_STEADY}, {_BROKEN}]
