"""Schedules, a clock, and deliveries that are killed at a chosen point."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from kpis.scope import ALL_TENANTS
from reports.delivery import Notifier, ReportMessage
from reports.request import Parts, ReportFormat, ReportType
from reports.schedule import Schedule
from tests.mail_sink import MailSink

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Kills whoever passes one of the points, with a seeded chance."""

    def __init__(self, seed: int, chance: float, points: set[str]) -> None:
        self._random = random.Random(seed)
        self._chance = chance
        self._points = points
        self.kills: Counter[str] = Counter()

    def spare(self) -> None:
        self._points = set()

    def at(self, point: str) -> None:
        if point in self._points and self._random.random() < self._chance:
            self.kills[point] += 1
            raise Killed(point)


class MortalClient:
    """A connection whose owner may die before or after an insert."""

    def __init__(self, client: Client, fate: Fate) -> None:
        self._client = client
        self._fate = fate

    def insert(self, table: str, rows: Any, **more: Any) -> None:
        what = rows[0][5] if table == "report_deliveries" else table
        self._fate.at(f"before {what}")
        self._client.insert(table, rows, **more)
        self._fate.at(f"after {what}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class MortalNotifier:
    """A notifier who may die on the way, or right after handing over."""

    def __init__(self, notifier: Notifier, fate: Fate) -> None:
        self._notifier = notifier
        self._fate = fate

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        self._fate.at("before handing over")
        self._notifier.deliver(recipient, report_message)
        self._fate.at("after handing over")


def schedule(**changes: Any) -> Schedule:
    plain = Schedule(
        tenant=ALL_TENANTS,
        name="Every minute",
        type=ReportType.PREDICTIVE,
        format=ReportFormat.CSV,
        cron="* * * * *",
        time_zone="Europe/Berlin",
        recipients=("mailto:ada@example.com", "mailto:bob@example.com"),
        created_at=NOON,
        since=NOON,
        parts=Parts(charts=False),
    )
    return replace(plain, **changes)


def received(sink: MailSink) -> Counter[str]:
    return Counter(str(message["Message-ID"]) for message in sink.messages)
