"""``romashka jobs``: lists the leader's jobs and runs them manually."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import typer

from cli.console import err, out, table
from cli.settings import Settings, settings
from models.errors import RomashkaError, SettingsError
from models.insight_message import key_of, value_of
from models.insights import Insight
from models.topics import INSIGHTS
from sinks.clickhouse import ClickHouseSink
from sinks.insight_rows import insight_rows, latest
from storage.connection import ClickHouseAddress, connect
from streams.bulk_producer import BulkProducer, OutgoingMessage
from streams.job import Job, JobPostponed

app = typer.Typer(help="The leader's periodic jobs: list and run them.", no_args_is_help=True)

_ANSWER_SECONDS = 300


class JobResult(NamedTuple):
    """The result of one run of a job; ``failure`` is empty on success for all tenants."""

    job: Job
    insights: int
    seconds: float
    failure: str = ""


@app.command("list")
def list_() -> None:
    """List the jobs and their intervals.

    Example: `romashka jobs list`
    """
    config = settings()
    rows = [(job.name, job.every) for job in _jobs(config)]
    out.print(table("Jobs of the leading worker", ("job", "every"), rows))


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Name of the job; see romashka jobs list")] = "",
    every: Annotated[bool, typer.Option("--all", help="Run every job, one after another")] = False,
) -> None:
    """Run a job now, and print its findings. Idempotent.

    Example: `romashka jobs run --all`
    """
    config = settings()
    jobs = _jobs(config)
    if every == bool(name):
        raise SettingsError("name one job, or give --all; see 'romashka jobs list'")
    chosen = [job for job in jobs if every or job.name == name]
    if not chosen:
        raise SettingsError(f"there is no job '{name}'; there are {', '.join(job.name for job in jobs)}")
    with BulkProducer(config.kafka) as producer, err.status("") as status:
        done = []
        for job in chosen:
            status.update(f"{job.name} ...")
            done.append(run_job(job, config.clickhouse, producer))
    rows = [(one.job.name, f"{one.seconds:.1f}", one.insights, one.failure or "done") for one in done]
    out.print(table("Jobs", ("job", "seconds", "insights", "outcome"), rows, right=("seconds", "insights")))
    if any(one.failure for one in done):
        raise RomashkaError("not every job could be done; the table says why")


def run_job(job: Job, address: ClickHouseAddress, producer: BulkProducer) -> JobResult:
    """Run a job, write and publish its insights."""
    started, left_out = time.monotonic(), ""
    try:
        with connect(address, answer_seconds=_ANSWER_SECONDS) as client:
            try:
                insights = job.once(client, datetime.now(UTC))
            except JobPostponed as error:
                if error.insights is None:
                    raise
                insights, left_out = error.insights, str(error)
        found = latest(insights)
        _tell(found, address, producer)
        if job.confirm is not None and not left_out:
            job.confirm()
    except RomashkaError as error:
        return JobResult(job, 0, time.monotonic() - started, str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one job is a line of the table; the others still run
        return JobResult(job, 0, time.monotonic() - started, f"unexpected {type(error).__name__}: {error}")
    return JobResult(job, len(found), time.monotonic() - started, left_out)


def _tell(insights: Sequence[Insight], address: ClickHouseAddress, producer: BulkProducer) -> None:
    if not insights:
        return
    ClickHouseSink(address).write("predictive_insights", insight_rows(insights))
    for one in insights:
        producer.send(OutgoingMessage(INSIGHTS.name, key_of(one).encode(), value_of(one)))
    producer.flush()


def _jobs(config: Settings) -> tuple[Job, ...]:
    # Slow imports.
    from cli.leader_jobs import every_job  # noqa: PLC0415 - its imports take a second

    return every_job(config)
