"""The registry of the leader's jobs."""

from __future__ import annotations

from detectors.state import StateSigner
from jobs import business_impact, customers
from jobs.kpi_changes import kpi_change_job
from jobs.provider_outages import ProviderJob
from jobs.roll_ups import ROLLUPS
from jobs.second_opinions import SecondOpinions
from sinks.clickhouse import ClickHouseSink
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress
from streams.job import Job


def leader_jobs(address: ClickHouseAddress, secret: bytes) -> tuple[Job, ...]:
    """Return the jobs in the order of ``romashka jobs run --all``: dependencies first."""
    providers = ProviderJob(ClickHouseDetectors(address), ClickHouseSink(address), StateSigner(secret))
    opinions = SecondOpinions(ClickHouseDetectors(address), ClickHouseSink(address))
    return (
        ROLLUPS,
        providers.job(),
        opinions.job(),
        kpi_change_job(),
        *business_impact.JOBS,
        *customers.JOBS,
    )
