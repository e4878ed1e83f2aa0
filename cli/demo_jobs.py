"""Runs the leader's infrequent jobs once for the demo: ``python -m cli.demo_jobs``.

The leader ran them at startup, before there was any history. It continues to run the frequent ones.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client

from cli.commands.jobs import run_job
from cli.settings import settings
from jobs import business_impact, customers
from jobs.kpi_changes import kpi_change_job
from jobs.roll_ups import ROLLUPS, refresh
from models.insights import Insight
from streams.bulk_producer import BulkProducer


def _roll_up(client: Client, now: datetime) -> Sequence[Insight]:  # noqa: ARG001 - the database's clock decides
    refresh(client)  # all of them, due or not: the other jobs depend on them
    return ()


_JOBS: Final = (ROLLUPS._replace(run=_roll_up), kpi_change_job(), *business_impact.JOBS, *customers.JOBS)


def main() -> None:
    """Run them in sequence; exit with 1 and a line on stderr if one failed."""
    config = settings()
    with BulkProducer(config.kafka) as producer:
        done = [run_job(job, config.clickhouse, producer) for job in _JOBS]
    if failed := [f"{one.job.name}: {one.failure}" for one in done if one.failure]:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    main()
