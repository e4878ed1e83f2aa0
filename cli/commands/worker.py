"""``romashka worker``."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from cli.console import log_to_stderr
from cli.settings import Settings, settings
from cli.tracing import spans_of
from models.errors import RomashkaError
from streams.watchdog import EXIT_CODE

if TYPE_CHECKING:
    from streams.job import Job
    from streams.worker import WorkerConfig

log = logging.getLogger(__name__)

_COLLECT_AFTER = (50_000, 20, 100)


def run() -> None:
    """Consume the topics and write to ClickHouse until stopped. Run several: they share the partitions.

    Example: `ROMASHKA_PSEUDONYM_KEY=$(openssl rand -base64 32) romashka worker`

    Stop it with Ctrl-C or SIGTERM: it writes what it has taken in, commits, and leaves.
    """
    config = settings()
    log_to_stderr(config.log_format)
    asyncio.run(_run(config))


def worker_config(config: Settings) -> WorkerConfig:
    """Return what a worker of this installation needs to know."""
    # Faust takes seconds to import, and every command imports this module.
    from streams.worker import WorkerConfig  # noqa: PLC0415

    return WorkerConfig(
        kafka=config.kafka,
        clickhouse=config.clickhouse,
        secret=config.secret,
        key_id=config.pseudonym_key_id,
        group=config.kafka_group,
        timing=config.timing,
        limits=config.limits,
        jobs=partial(_jobs, config),
        new_tenants_per_hour=config.new_tenants_per_hour,
        screen_labels=config.screen_labels,
        old_keys=config.old_keys,
        job_limits=config.job_limits,
        job_modules=("cli.leader_jobs", "cli.main"),
        metrics_port=config.metrics_port,
        metrics_host=config.metrics_host,
        vocabulary=config.vocabulary,
        spans=spans_of(config, "romashka-worker"),
    )


async def _run(config: Settings) -> None:
    from streams.worker import run_worker  # noqa: PLC0415 - as above

    worker = worker_config(config)
    # A batch is tens of thousands of objects without cycles: at Python's default the collector walks over them again
    # and again, for a quarter of the processor time per event. What was imported is left out of its rounds altogether.
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        await run_worker(worker)
    except RomashkaError as error:
        _leave(1, str(error))
    except Exception as error:
        log.debug("unexpected", exc_info=True)
        _leave(EXIT_CODE, f"unexpected {type(error).__name__}: {error}; run with ROMASHKA_DEBUG=1 and report it")
    log.info("stopped")
    if worker.spans is not None:
        worker.spans.close()
    _leave(0)


def _jobs(config: Settings) -> Sequence[Job]:
    """Return the leader's jobs; called only in their processes, because the imports take seconds and memory."""
    from cli.leader_jobs import jobs_of_a_process  # noqa: PLC0415 - takes seconds and memory

    return jobs_of_a_process(config)


def _leave(code: int, message: str = "") -> NoReturn:
    if message:
        log.critical("%s", message)
    logging.shutdown()
    os._exit(code)  # a hanging client thread, for example in an insert, must not keep the process alive
