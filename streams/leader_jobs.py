"""Every job of the leader, put together."""

from __future__ import annotations

from detectors.state import StateSeal
from sinks.clickhouse import ClickHouseSink
from sinks.clickhouse_detectors import ClickHouseDetectors
from sinks.connection import ClickHouseAddress
from streams import customer_jobs, impact_jobs
from streams.jobs import Job
from streams.kpi_change_job import kpi_change_job
from streams.provider_job import ProviderJob
from streams.rollup_job import ROLLUPS


def leader_jobs(address: ClickHouseAddress, secret: bytes) -> tuple[Job, ...]:
    """Return the jobs in the order of ``romashka jobs run --all``: what others build on comes first."""
    providers = ProviderJob(ClickHouseDetectors(address), ClickHouseSink(address), StateSeal(secret))
    return (ROLLUPS, providers.job(), kpi_change_job(), *impact_jobs.JOBS, *customer_jobs.JOBS)
