"""Two real workers, a report due every minute, and one of them killed at random all the while.

It takes the minutes that it is told to, and up to ten more until the lease of a killed worker is over::

    ROMASHKA_TEST_SCHEDULE_MINUTES=10 pytest -o log_cli=true --log-cli-level=INFO tests/faults/test_schedule_kills.py

The same with a clock that jumps, and kills at every point of the work, is in ``tests/integration/test_schedules.py``.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter
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
from tests.mail_sink import MailSink
from tests.worker_process import WorkerProcess, wait_for

log = logging.getLogger(__name__)

MINUTES: Final = float(os.environ.get("ROMASHKA_TEST_SCHEDULE_MINUTES", "0"))
RECIPIENTS: Final = ("mailto:ada@example.com", "mailto:bob@example.com")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(int(MINUTES * 60) + 1_200),
    pytest.mark.skipif(not MINUTES, reason="takes its minutes: set ROMASHKA_TEST_SCHEDULE_MINUTES=10"),
]


def test_each_period_is_delivered_once_while_one_of_two_workers_is_killed_at_random(
    env: dict[str, str], database: ClickHouseAddress, tmp_path: Path
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
    log.info("%d periods, %d deliveries, %d kills, %d repeats", len(due), len(ids), kills, repeats)
    assert len(due) >= int(MINUTES)
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
