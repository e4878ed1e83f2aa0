"""Integrations and their sync jobs, from what connectors report."""

from __future__ import annotations

from typing import Final

from kpis.contribution import Makeup
from kpis.kpi import Aggregate, Area, Kpi, Unit
from kpis.sources.health import HEALTH_REPORTS, STATES, SYNC_JOBS
from kpis.sql.conditions import is_one_of
from kpis.sql.formulas import ROWS, Term, mean, share, summed, total
from models.sync_status import Condition

_UNFINISHED: Final = is_one_of("last_status", Condition.RUNNING, Condition.PAUSED)
_SUCCEEDED: Final = is_one_of("last_status", Condition.HEALTHY, Condition.DEGRADED)
_ENDED: Final = is_one_of("last_status", Condition.HEALTHY, Condition.DEGRADED, Condition.FAILED)

KPIS: Final = (
    Kpi(
        id="integration_uptime",
        title="Integration uptime",
        meaning=(
            "Share of the observed time in which integrations worked. A reported state holds until the next "
            "report, at most a day, and while a sync is running. Paused, unknown states and time without "
            "reports count as neither. n: the number of reports. In a series, a state counts in the step in "
            "which it begins."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.MONITORING,
        computed=Aggregate(
            STATES,
            "sumIf(lasted_ms, up) / nullIf(sumIf(lasted_ms, up OR down), 0)",
            "countIf(lasted_ms > 0 AND (up OR down))",
            makeup=Makeup.MEAN,
            weight="sumIf(lasted_ms, up OR down)",
        ),
        minimum_volume=5,
        warning=0.99,
        critical=0.95,
    ),
    Kpi(
        id="sync_success_rate",
        title="Sync success rate",
        meaning=(
            "Share of sync jobs that succeeded among those that succeeded or failed. A job whose last status is"
            " running, paused or unknown is neither: an interrupted job is not a success. Statuses: "
            "models/sync_status.py, and ROMASHKA_SYNC_WORDS."
        ),
        unit=Unit.RATIO,
        direction="up",
        area=Area.MONITORING,
        computed=share(Term(f"countIf({_SUCCEEDED})"), Term(f"countIf({_ENDED})")).over(SYNC_JOBS),
        minimum_volume=5,
        warning=0.95,
        critical=0.8,
    ),
    Kpi(
        id="sync_job_count",
        title="Sync jobs",
        meaning="Number of sync jobs that reported during the range, finished or not.",
        unit=Unit.COUNT,
        direction="neutral",
        area=Area.MONITORING,
        computed=total(ROWS, ROWS).over(SYNC_JOBS),
    ),
    Kpi(
        id="unfinished_sync_jobs",
        title="Sync jobs without an end",
        meaning="Number of sync jobs whose last status is running or paused: in progress, or interrupted.",
        unit=Unit.COUNT,
        direction="down",
        area=Area.MONITORING,
        computed=total(Term(f"countIf({_UNFINISHED})"), ROWS).over(SYNC_JOBS),
    ),
    Kpi(
        id="records_failed_rate",
        title="Records that did not sync",
        meaning="Share of the records of sync jobs that failed.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.MONITORING,
        computed=share(summed("failed"), summed("synced") + summed("failed")).over(SYNC_JOBS),
        minimum_volume=100,
        warning=0.02,
        critical=0.1,
    ),
    Kpi(
        id="sync_duration_ms",
        title="Duration of sync jobs",
        meaning="Mean duration of sync jobs; jobs that do not report it are excluded.",
        unit=Unit.MILLISECONDS,
        direction="down",
        area=Area.MONITORING,
        computed=mean("duration").over(SYNC_JOBS),
        minimum_volume=5,
    ),
    Kpi(
        id="api_quota_peak",
        title="API quota used, peak",
        meaning="Highest reported usage of a provider's rate limit.",
        unit=Unit.RATIO,
        direction="down",
        area=Area.MONITORING,
        computed=Aggregate(HEALTH_REPORTS, "toFloat64(maxOrNull(api_rate_limit_usage))", "count(api_rate_limit_usage)"),
        warning=0.8,
        critical=0.95,
    ),
)
