"""The leader's jobs with their dependencies: settings, environment, clock."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from dotenv import dotenv_values

from cli.console import log_to_stderr
from cli.custom_figures import register_figures
from cli.settings import Settings
from dashboards.alerts.insight_labels import alert_labels
from detectors.thresholds import Goals
from jobs.grafana_alertmanager import Alertmanager
from jobs.privacy import privacy_jobs
from jobs.registry import leader_jobs
from jobs.silences import silence_job
from jobs.thresholds import threshold_job
from reports.delivery import ChannelNotifier
from reports.finding_messages import FindingMessages, LinkSettings
from reports.schedule_job import report_job
from reports.schedule_runner import ScheduleRunner
from reports.webhook import AddressGuard
from storage.clickhouse_detectors import ClickHouseDetectors
from storage.insight_links import LinkSigner
from streams.clock import CarriedClock
from streams.grafana_live import LivePush
from streams.job import Job
from streams.pseudonyms import Pseudonymiser

log = logging.getLogger(__name__)


def every_job(config: Settings) -> tuple[Job, ...]:
    """Return all jobs in the order of ``romashka jobs run --all``."""
    live = _live_push(config)
    clock = CarriedClock()
    return (
        *leader_jobs(config.clickhouse, config.secret),
        *privacy_jobs(Pseudonymiser(config.secret, config.pseudonym_key_id, old_keys=config.old_keys)),
        report_job(schedule_runner(config, clock), clock.tell),
        *([live.job()] if live is not None else []),
        *([finding_messages(config).job()] if config.finding_recipients else []),
        *_silence_jobs(config),
        *_threshold_jobs(config),
    )


def _threshold_jobs(config: Settings) -> list[Job]:
    """Return the job that sets thresholds by verdicts; none unless it is switched on."""
    if not config.tune_thresholds:
        return []
    goals = Goals(config.false_alarm_budget, config.recall_floor)
    return [threshold_job(partial(ClickHouseDetectors, config.clickhouse), goals, config.secret)]


def _silence_jobs(config: Settings) -> list[Job]:
    """Return the job that keeps silences in Grafana; none where no Grafana and token are set."""
    token = config.grafana_silence_token.get_secret_value()
    if not config.grafana_url or not token:
        return []
    return [silence_job(Alertmanager(config.grafana_url, token), alert_labels)]


def finding_messages(config: Settings) -> FindingMessages:
    """Return what sends messages about findings."""
    links = LinkSettings(LinkSigner(config.secret), config.api_public_url, config.link_days)
    return FindingMessages(_notifier(config), config.finding_recipients, links)


def _live_push(config: Settings) -> LivePush | None:
    """Return the push of live figures; ``None`` where no Grafana is set."""
    token, url = config.grafana_live_token.get_secret_value(), config.grafana_live_url
    if not url and token and config.grafana_url:
        log.warning(
            "ROMASHKA_GRAFANA_URL pushes no live figures from the next release on; set ROMASHKA_GRAFANA_LIVE_URL"
        )
        url = config.grafana_url
    return LivePush(url, token) if url else None


def jobs_of_a_process(config: Settings) -> tuple[Job, ...]:
    """Return all jobs, for a new process, with logging set up as in the worker; reports have the figures of its own."""
    log_to_stderr(config.log_format)
    register_figures()
    return every_job(config)


def schedule_runner(config: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ScheduleRunner:
    """Return what sends scheduled reports."""
    return ScheduleRunner(config.reports_dir, _notifier(config), clock)


def _notifier(config: Settings) -> ChannelNotifier:
    variables = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return ChannelNotifier(config.mail, variables | os.environ, AddressGuard(config.webhook_exceptions))
