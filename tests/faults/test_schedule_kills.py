"""Two real workers, a report due every minute, and one of them killed at random all the while.

It takes ten minutes, and up to ten more until the lease of a killed worker is over: ``make test-faults`` runs it.

The same with a clock that jumps, and kills at every point of the work, is in ``tests/integration/test_schedules.py``.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from kpis.scope import ALL_TENANTS
from reports.delivery_log import LEASE, DeliveryKey
from reports.request import Parts, ReportFormat, ReportType
from reports.schedule import Schedule, recipient_key
from reports.schedule_store import put_schedule
from storage.connection import ClickHouseAddress, connect
from tests.faults.scale import only_in_full
from tests.mail_sink import MailSink
from tests.worker_process import WorkerProcess, wait_for

log = logging.getLogger(__name__)

MINUTES: Final = 10
RECIPIENTS: Final = ("mailto:ada@example.com", "mailto:bob@example.com")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(MINUTES * 60 + 1_200),
    only_in_full,
]


def test_each_period_is_delivered_once_while_workers_are_killed(
    env: dict[str, str],
    database: ClickHouseAddress,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    rng = random.Random(6)
    kills = 0
    with MailSink() as sink, connect(database) as client:
        env |= {
            "ROMASHKA_SMTP_HOST": "127.0.0.1",
            "ROMASHKA_SMTP_PORT": str(sink.port),
            "ROMASHKA_SMTP_SECURITY": "none",
            "ROMASHKA_SMTP_FROM": "Reports <reports@example.com>",
            "ROMASHKA_REPORTS_DIR": str(tmp_path),
        }
        with WorkerProcess(env) as first, WorkerProcess(env) as second:
            for worker in (first, second):
                worker.wait_until_ready()
            schedule = _every_minute(datetime.now(UTC))
            put_schedule(client, schedule, schedule.since)
            end = time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                time.sleep(rng.uniform(5, 55))  # the kill may come at any moment of the work
                victim = rng.choice((first, second))  # one of them leads
                victim.kill()
                victim.start()
                kills += 1
                log.info("%d kills, %d messages so far", kills, len(sink.messages))
            due = schedule.due(datetime.now(UTC))
            ids = {
                DeliveryKey(schedule.id, period, recipient_key(to)).message_id for period in due for to in RECIPIENTS
            }

            def received() -> Counter[str]:
                counted = Counter(str(message["Message-ID"]).strip("<>").split("@")[0] for message in sink.messages)
                return Counter({id_: count for id_, count in counted.items() if id_ in ids})

            # Whoever died between beginning and sending holds the delivery until the lease is over.
            wait_for(lambda: received().keys() == ids, (LEASE + timedelta(minutes=3)).total_seconds(), first.log)
    repeats = received().total() - len(ids)
    record_property("figure", f"{len(due)} periods, {len(ids)} deliveries, {kills} kills, {repeats} repeats")
    assert len(due) >= MINUTES
    # A worker that dies between the mail server's last word and its note repeats under the same id (ADR 14).
    assert repeats <= kills


def _every_minute(now: datetime) -> Schedule:
    return Schedule(
        tenant=ALL_TENANTS,
        name="Every minute",
        type=ReportType.OPERATIONAL,
        format=ReportFormat.PDF,
        cron="* * * * *",
        time_zone="Europe/Berlin",
        recipients=RECIPIENTS,
        created_at=now,
        since=now,
        parts=Parts(charts=False),
    )
