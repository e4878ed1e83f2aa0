"""Runs a worker: starts its parts, waits, and stops them so that nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError
from faust.types import TP

from detectors.state import StateSigner
from models.errors import PortInUse, RomashkaError
from models.sync_status import DEFAULT_VOCABULARY, Vocabulary
from models.topics import ALL, QUERIES
from sinks.clickhouse import ClickHouseSink
from sinks.dead_letters import DeadLetterRows
from sinks.migrations import require_current
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.connection import ClickHouseAddress, connect
from storage.fingerprints import require_secrets
from storage.payload_cipher import PayloadCipher
from storage.server_time import server_time
from storage.spans import Spans
from streams.app import AnalyticsApp, attach, build_app, sender
from streams.clock import ClockWatch, SteadyClock
from streams.delivery import Limits, Partition
from streams.detection.detection import Detection
from streams.detection.series_states import SeriesStates
from streams.gauges import GAUGE_SECONDS, INGEST_NAMES, SILENCE_SECONDS, Gauges
from streams.health import WorkerHealth, serve
from streams.insight_publisher import InsightPublisher
from streams.java_partitioner import home_partitions
from streams.job import JobLimits
from streams.job_process import JobFactory, JobProcess, preload, schedules
from streams.job_runner import JobRunner
from streams.kafka import GroupTiming, KafkaAddress, messages_at, missing_topics, partition_count, topic_epochs
from streams.kafka_reasons import check_worker_client
from streams.kafka_rights import RIGHTS_ERRORS, KafkaRightsLost, check_worker_rights
from streams.layout_keeper import LayoutKeeper
from streams.layout_markers import LayoutMarkers
from streams.layouts import begin_layouts
from streams.metrics import Metrics
from streams.pipeline import Pipeline
from streams.placement import Moving
from streams.pseudonyms import Pseudonymiser
from streams.publishing import Publisher
from streams.record_reader import IS_COMPILED, NOT_COMPILED
from streams.screening import LabelScreen
from streams.topic_recreation import watch_epochs
from streams.traced_pipeline import TracedPipeline
from streams.watchdog import watch

log = logging.getLogger(__name__)

_CRASH_CHECK_SECONDS: Final = 0.5
# Told to stop while Kafka is away, a worker does not wait for it: it is gone within eight seconds, and supervisors kill
# after ten.
_MAX_STOP_SECONDS: Final = 7.0


# The worker that holds this partition does the periodic jobs: there is always one, and one only.
_LEADS: Final = TP(QUERIES.name, 0)
_JOB_ANSWER_SECONDS: Final = 300
# More than there are: a thread waits for each, and is made when its job first runs.
_MAX_JOBS: Final = 64


# Background tasks of the worker; an exception in one ends the worker.
Beside = Callable[[], Coroutine[Any, Any, None]]


class WorkerConfig(NamedTuple):
    """Configuration of a worker.

    ``jobs`` makes the leader's jobs, in their own processes, which load ``job_modules`` at startup;
    ``metrics_port`` 0 picks a free port; ``wall`` is the machine's clock, in seconds since 1970;
    ``spans`` makes the spans of batches, ``None``: no traces.
    """

    kafka: KafkaAddress
    clickhouse: ClickHouseAddress
    secret: bytes
    key_id: str
    group: str
    timing: GroupTiming
    limits: Limits
    jobs: JobFactory
    metrics_port: int
    metrics_host: str = "127.0.0.1"
    vocabulary: Vocabulary = DEFAULT_VOCABULARY
    new_tenants_per_hour: int = 0
    screen_labels: bool = False
    old_keys: Sequence[tuple[str, bytes]] = ()
    job_limits: JobLimits = JobLimits()
    job_modules: Sequence[str] = ()
    wall: Callable[[], float] = time.time
    spans: Spans | None = None


async def run_worker(config: WorkerConfig) -> None:
    """Run until SIGTERM or SIGINT, then drain, commit and return.

    Raises
    ------
    RomashkaError
        Startup failed or the worker cannot continue; only durable offsets have been committed.
    """
    if not IS_COMPILED:
        log.warning(NOT_COMPILED)
    # Including the topics it writes to: without one of them it would stall later.
    epochs = await asyncio.to_thread(topic_epochs, config.kafka, ALL)
    await check_worker_client(config.kafka)
    await asyncio.to_thread(check_worker_rights, config.kafka, config.group)
    partitions = await asyncio.to_thread(partition_count, config.kafka, QUERIES)
    await asyncio.to_thread(require_current, config.clickhouse)
    sink = ClickHouseSink(config.clickhouse)
    await asyncio.to_thread(begin_layouts, sink, epochs[QUERIES.name], partitions)
    metrics = Metrics()
    clock = SteadyClock(config.wall)
    clocks = ClockWatch(clock, partial(server_time, config.clickhouse), metrics)
    await asyncio.to_thread(clocks.begin)
    await asyncio.to_thread(_require_secrets, config, clock())
    app = build_app(config.group, config.kafka, config.timing)
    app.failure = asyncio.get_running_loop().create_future()
    publisher = Publisher(sender(app), metrics)
    secrets = [config.secret, *(secret for _, secret in config.old_keys)]
    pipeline = (Pipeline if config.spans is None else partial(TracedPipeline, config.spans))(
        sink,
        metrics,
        Pseudonymiser(config.secret, config.key_id, old_keys=config.old_keys),
        DeadLetterRows(PayloadCipher(config.secret)),
        epochs=epochs,
        publish=publisher.dead_letters,
        clock=clock,
        limits=config.limits,
        moving=Moving(partitions, home_partitions, publisher.moved, LayoutMarkers(secrets)),
        vocabulary=config.vocabulary,
        new_tenants_per_hour=config.new_tenants_per_hour,
        screen=LabelScreen() if config.screen_labels else None,
        read_again=partial(_read_again, config.kafka),
    )
    attach(app, pipeline)
    detection, jobs = _detection(config, app, pipeline, publisher, metrics)
    health = WorkerHealth()
    try:
        server = serve(config.metrics_host, config.metrics_port, metrics.registry, health)
    except OSError as error:
        raise PortInUse(
            f"port {config.metrics_port} on {config.metrics_host} cannot serve the metrics ({error.strerror}); set "
            "ROMASHKA_METRICS_PORT to a free one, or to 0 for any"
        ) from error
    try:
        metrics_url = f"http://{config.metrics_host}:{server.server_port}/metrics"
        beside: list[Beside] = [
            detection.run,
            jobs.run,
            health.run,
            clocks.run,
            partial(
                watch_epochs, partial(topic_epochs, config.kafka, ALL), {name: epochs[name] for name in INGEST_NAMES}
            ),
        ]
        if pipeline.placement is not None:
            watched = ClickHouseSink(config.clickhouse)  # its own connection: a long insert must not delay it
            rejoin = app.batches.join_again
            beside.append(LayoutKeeper(pipeline, pipeline.placement, watched, epochs[QUERIES.name], rejoin).run)
        gauges = Gauges(app, metrics)
        beside.append(partial(_tell_silence, gauges, partial(missing_topics, config.kafka)))
        await _run(app, pipeline, beside, gauges=gauges, health=health, metrics_url=metrics_url)
    except KafkaRightsLost as lost:
        # Kafka's client names the topic or group, but not the right; by now it may have been given back.
        await asyncio.to_thread(check_worker_rights, config.kafka, config.group)
        raise RomashkaError(str(lost)) from lost
    finally:
        server.stop()


async def _read_again(
    kafka: KafkaAddress, partition: Partition, offsets: Sequence[int]
) -> Mapping[int, tuple[bytes, bytes]]:
    return await asyncio.to_thread(messages_at, kafka, partition, offsets)


def _require_secrets(config: WorkerConfig, now: datetime) -> None:
    with connect(config.clickhouse) as client:
        require_secrets(client, [*config.old_keys, (config.key_id, config.secret)], now)


def _detection(
    config: WorkerConfig,
    app: AnalyticsApp,
    pipeline: Pipeline,
    publisher: Publisher,
    metrics: Metrics,
) -> tuple[Detection, JobRunner]:
    """Create the detectors of this worker's partitions and the leader's jobs."""
    sink = ClickHouseSink(config.clickhouse)  # a separate connection: a long insert of events must not delay insights
    insight_publisher = InsightPublisher(sink, pipeline.retry_policy, metrics, publisher.insights)
    detection = Detection(
        pipeline,
        store=ClickHouseDetectors(config.clickhouse),
        sink=sink,
        states=SeriesStates(StateSigner(config.secret), metrics),
        insight_publisher=insight_publisher,
        metrics=metrics,
    )
    preload(config.job_modules)
    connection = partial(connect, config.clickhouse, answer_seconds=_JOB_ANSWER_SECONDS)
    runner = JobRunner(
        partial(schedules, config.jobs),
        execution=lambda job: JobProcess(job.name, config.jobs, connection, config.job_limits),
        connect=connection,
        leads=lambda: _LEADS in app.batches.assignment(),
        insight_publisher=insight_publisher,
        metrics=metrics,
        clock=lambda: pipeline.now,
        executor=ThreadPoolExecutor(_MAX_JOBS, thread_name_prefix="job"),
    )
    return detection, runner


async def _run(
    app: AnalyticsApp,
    pipeline: Pipeline,
    beside: Sequence[Beside],
    *,
    gauges: Gauges,
    health: WorkerHealth,
    metrics_url: str,
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    delivery = asyncio.create_task(pipeline.delivery.run())
    watched = threading.Event()
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(app.start())
    await asyncio.wait([stopping, starting], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        log.info("stopping before Kafka answered: nothing was read")
        return
    await starting
    health.started(
        {
            "Kafka is not heard of": lambda: not gauges.silent,
            "ClickHouse does not take what is written": lambda: not pipeline.retry_policy.waiting,
        }
    )
    log.info("worker ready; metrics at %s", metrics_url)
    watch(gauges.standing, watched)
    measuring = asyncio.create_task(gauges.run())
    crash = asyncio.create_task(_crash_of(app))
    others = [asyncio.create_task(work()) for work in beside]
    vital: list[asyncio.Future[Any]] = [app.failure, delivery, measuring, crash, *others]
    await asyncio.wait([stopping, *vital], return_when=asyncio.FIRST_COMPLETED)
    # On a fatal error nothing more is committed: rows that are not durable are read again.
    await _raise_fatal(vital, crash)
    health.stopping()
    log.info("stopping: writing what was taken in, then committing")
    watched.set()
    try:
        async with asyncio.timeout(_MAX_STOP_SECONDS):
            await app.stop()
    except TimeoutError:
        log.warning("Kafka did not take the commit within %.0f s; what it covers is read again", _MAX_STOP_SECONDS)
        return
    for task in (delivery, measuring, crash, *others):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _tell_silence(gauges: Gauges, ask: Callable[[], object]) -> None:
    """Log why Kafka does not answer, once for each outage; its client retries silently."""
    while True:
        await asyncio.sleep(GAUGE_SECONDS)
        if not gauges.silent:
            continue
        try:
            await asyncio.to_thread(ask)
        except RomashkaError as error:
            log.warning("Kafka was not heard of for %.0f s: %s", SILENCE_SECONDS, error)
        while gauges.silent:  # noqa: ASYNC110 - Faust offers no event
            await asyncio.sleep(GAUGE_SECONDS)


async def _raise_fatal(tasks: Sequence[asyncio.Future[Any]], crash: asyncio.Future[Any]) -> None:
    """Raise the error that ended one of the tasks, if one has ended.

    A crash of Kafka's client ends its event loop, and what waits for that is cancelled or fails: that is not the cause.

    Raises
    ------
    KafkaRightsLost
        This user may no longer do what a worker does.
    """
    ended = [task for task in tasks if task.done()]
    if not ended:
        return
    if all(task.cancelled() or not isinstance(task.exception(), RomashkaError) for task in ended):
        await asyncio.wait([crash], timeout=2 * _CRASH_CHECK_SECONDS)
    for task in [crash] * crash.done() + [task for task in ended if not task.cancelled()]:
        if isinstance(error := task.exception(), KafkaError):
            raise _gave_up(error) from error
        task.result()
    raise RomashkaError("the Kafka client ended by itself; start the worker again, it goes on from what was committed")


async def _crash_of(app: AnalyticsApp) -> None:
    """Raise when one of Faust's own services has crashed; Faust has no event to wait for."""
    while (reason := app.given_up) is None:  # noqa: ASYNC110
        await asyncio.sleep(_CRASH_CHECK_SECONDS)
    raise _gave_up(reason) from reason


def _gave_up(reason: BaseException) -> Exception:
    if isinstance(reason, RIGHTS_ERRORS):
        return KafkaRightsLost(reason)
    return RomashkaError(
        f"the Kafka client gave up ({type(reason).__name__}: {reason}); start the worker again, it goes on from the "
        "committed offsets"
    )
