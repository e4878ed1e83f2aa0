"""Health reports of connectors after each sync job."""

from __future__ import annotations

from typing import Final

from kpis.dimension import Dimension
from kpis.kpi import Source
from kpis.sql.conditions import is_one_of
from kpis.sql.query_context import QueryContext
from models.sync_status import Condition

DIMENSIONS: Final = {
    "tenant": Dimension("user_id"),
    "provider": Dimension("integration_provider"),
    "status": Dimension("sync_status", result=True),
    "error_kind": Dimension("error_kind", result=True),
}


def _reports(asked: QueryContext) -> str:
    return (
        "(SELECT *, created_at AS at FROM integration_health_history FINAL "
        f"WHERE {asked.where(DIMENSIONS)} AND {asked.between('created_at')})"
    )


HEALTH_REPORTS: Final = Source("health reports", "health events, each counted once", DIMENSIONS, _reports)


_LOOK_BACK: Final = "INTERVAL 1 DAY"


def _states(asked: QueryContext) -> str:
    """Return how long each report's state lasted: until the next report, at most a day, within the range."""
    before = f"{asked.dialect.start} - {_LOOK_BACK}"
    # A running job has no result yet: the state before it still applies.
    judged = f"NOT {is_one_of('sync_status', Condition.RUNNING)}"
    reports = (
        "SELECT user_id, integration_provider, sync_status, created_at, leadInFrame(created_at, 1, "
        "created_at + INTERVAL 1 DAY) OVER (PARTITION BY user_id, integration_provider ORDER BY created_at, event_id "
        "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_at FROM integration_health_history FINAL "
        f"WHERE {asked.where(_LINKS)} AND created_at >= {before} AND created_at < {asked.dialect.end} AND {judged}"
    )
    begin = f"greatest(created_at, toDateTime64({asked.dialect.start}, 3, 'UTC'))"
    end = (
        f"least(next_at, created_at + INTERVAL 1 DAY, toDateTime64({asked.dialect.end}, 3, 'UTC'), "
        f"greatest({asked.dialect.now}, created_at))"
    )
    return (
        f"(SELECT user_id, integration_provider, {begin} AS at, "
        f"greatest(0, dateDiff('millisecond', {begin}, {end})) AS lasted_ms, "
        f"{is_one_of('sync_status', Condition.HEALTHY, Condition.DEGRADED)} AS up, "
        f"{is_one_of('sync_status', Condition.FAILED)} AS down "
        f"FROM ({reports}) WHERE {end} > {asked.dialect.start})"
    )


def _jobs(asked: QueryContext) -> str:
    """Return sync jobs by their last report; a connector without job ids has a job for each report."""
    return (
        "(SELECT user_id, integration_provider, max(created_at) AS at, "
        "argMax(sync_status, (created_at, event_id)) AS last_status, "
        "argMax(ifNull(records_synced, 0), (created_at, event_id)) AS synced, "
        "argMax(ifNull(records_failed, 0), (created_at, event_id)) AS failed, "
        "argMax(duration_ms, (created_at, event_id)) AS duration "
        f"FROM integration_health_history FINAL WHERE {asked.where(_LINKS)} AND {asked.between('created_at')} "
        "GROUP BY user_id, integration_provider, if(sync_job_id = '', toString(event_id), sync_job_id))"
    )


_LINKS: Final = {name: DIMENSIONS[name] for name in ("tenant", "provider")}

STATES: Final = Source("integration states", "how long each reported state of an integration lasted", _LINKS, _states)
SYNC_JOBS: Final = Source("sync jobs", "sync jobs, each by its last report", _LINKS, _jobs)
