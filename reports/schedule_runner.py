"""Sends every due report to each recipient once; the leader runs it every few seconds."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from kpis.display import local
from kpis.scope import zone
from models.counting import counted
from models.errors import RomashkaError, SettingsError
from reports.compose import compose
from reports.delivery import Notifier, ReportMessage
from reports.delivery_log import Claim, DeliveryKey, DeliveryLog, DeliveryStatus, next_attempt
from reports.files import complete_file
from reports.render import render
from reports.schedule import LOOK_BACK, Schedule, recipient_key
from reports.schedule_store import owner, readable
from reports.schedule_workers import DeliveryQueue, DeliveryTask, Workers
from reports.store import save

log = logging.getLogger(__name__)
_AT_ONCE: Final = 4
_TIMEOUT_SECONDS: Final = 90.0


class Made(NamedTuple):
    """A report's file and its summary."""

    file: Path
    text: str


class ScheduleRunner:
    """Processes the schedules, each recipient in its own thread, so that none delays another.

    Parameters
    ----------
    folder
        The folder of reports.
    clock
        Returns the current time in UTC; read again before each delivery, because making a report takes time.
    timeout_seconds
        Time limit of a delivery in seconds; after it the delivery is recorded as failed and abandoned.
    """

    def __init__(
        self,
        folder: Path,
        notifier: Notifier,
        clock: Callable[[], datetime],
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._folder = folder
        self._notifier = notifier
        self._clock = clock
        self._workers = Workers(_AT_ONCE, timeout_seconds)
        self._unnoted: list[Claim] = []
        self._noting = Lock()
        self._making: defaultdict[UUID, Lock] = defaultdict(Lock)

    def run(self, client: Client) -> int:
        """Send due reports; return the number of deliveries.

        Raises
        ------
        RomashkaError
            Some deliveries failed; the others succeeded. The delivery log has each, and the next attempt.
        """
        now = self._clock()
        self._note(client)
        statuses = DeliveryLog(client).statuses(now - LOOK_BACK)
        found, failures, _ = readable(client)
        tasks = [
            task
            for schedule in found
            if schedule.active
            for task in self._tasks(client, schedule, statuses, schedule.due(now))
        ]
        # Recipients with failures come last, so that the others are on time even with many failures.
        sent, failed = self._workers.run(sorted(tasks, key=lambda task: task.failed_before))
        failures += failed
        if failures:
            raise RomashkaError(
                f"not delivered: {counted(len(failures), 'report')}, {failures[0]}; see 'romashka schedule list'"
            )
        return sent

    def send(
        self,
        client: Client,
        schedule: Schedule,
        period: datetime,
        statuses: Mapping[DeliveryKey, DeliveryStatus],
    ) -> tuple[int, list[str]]:
        """Send the report of a period to its recipients; return the number of deliveries, and the failures."""
        return self._workers.run(list(self._tasks(client, schedule, statuses, [period])))

    def _tasks(
        self,
        client: Client,
        schedule: Schedule,
        statuses: Mapping[DeliveryKey, DeliveryStatus],
        due: Sequence[datetime],
    ) -> Iterator[DeliveryTask]:
        """Yield the tasks of each recipient.

        Periods that are not due are continued only where they were started: new recipients get no earlier reports.
        """
        for recipient in dict.fromkeys(schedule.recipients):
            key = recipient_key(recipient)
            mine = {
                place.period: one
                for place, one in statuses.items()
                if (place.schedule, place.key) == (schedule.id, key)
            }
            deliveries = [
                DeliveryQueue(schedule, recipient, DeliveryKey(schedule.id, period, key), mine.get(period))
                for period in sorted({*due, *mine})
                if next_attempt(mine.get(period), self._clock()) is not None
            ]
            if deliveries:
                yield DeliveryTask(
                    (schedule.id, key),
                    deliveries,
                    lambda delivery: self._attempt(client, delivery),
                    lambda delivery, reason: self._give_up(client, delivery, reason),
                    any(one.status is not None for one in deliveries),
                )

    def _attempt(self, client: Client, delivery: DeliveryQueue) -> bool:
        """Deliver one report; return whether it was delivered, ``False`` where another worker does it.

        Raises
        ------
        RomashkaError
            It failed; says why, as does the delivery log.
        """
        now = self._clock()
        attempt = next_attempt(delivery.status, now)
        schedule = delivery.schedule
        claim = None if attempt is None else DeliveryLog(client).claim(owner(schedule), delivery.place, attempt, now)
        if claim is None:
            return False
        delivery.claim = claim
        try:
            delivered = self._deliver(client, schedule, claim, delivery.recipient)
        except Exception as error:
            reason = str(error) if isinstance(error, RomashkaError) else _unexpected(error)
            if not isinstance(error, RomashkaError):
                log.exception("the report '%s' could not be made or sent", schedule.name)
            DeliveryLog(client).failed(claim, self._clock(), reason)
            raise RomashkaError(f"{delivery}: {reason}") from error
        self._note(client)
        return delivered

    def _give_up(self, client: Client, delivery: DeliveryQueue, reason: str) -> None:
        """Record an abandoned delivery; its thread may not send later."""
        if delivery.claim is not None:
            DeliveryLog(client).failed(delivery.claim, self._clock(), reason)

    def _deliver(self, client: Client, schedule: Schedule, claim: Claim, recipient: str) -> bool:
        with self._making[schedule.id]:
            made = self._made(client, schedule, claim.place.period)
        if not DeliveryLog(client).holds(claim, self._clock()):
            return False  # the claim has expired, or would expire during the delivery
        self._notifier.deliver(recipient, _parcel(schedule, claim.place, made))
        self._unnoted.append(claim)
        return True

    def _note(self, client: Client) -> None:
        """Record a delivery. A record that ClickHouse rejects now is retried at the next run."""
        with self._noting:
            while self._unnoted:
                DeliveryLog(client).sent(self._unnoted[0], self._clock())
                del self._unnoted[0]

    def _made(self, client: Client, schedule: Schedule, period: datetime) -> Made:
        """Return the report of a period; a file that exists on this machine is reused."""
        request = schedule.request(period)
        name = f"{schedule.type}-{period:%Y%m%dT%H%M%S}-{sha256(repr(request).encode()).hexdigest()[:8]}"
        file = self._folder / str(schedule.id) / f"{name}.{request.format}"
        words = file.with_suffix(".txt")
        if file.exists() and words.exists():
            return Made(file, words.read_text(encoding="utf-8"))
        began = time.monotonic()
        report = compose(client, request, self._clock())
        content = render(report)
        text = "\n\n".join((f"{schedule.name}: {report.tenant}, {_span(schedule, period)}", *report.summary)) + "\n"
        _write(file, content)
        took = round((time.monotonic() - began) * 1000)
        save(client, report, file, took_ms=took, size=len(content), schedule=schedule.id)
        _write(words, text.encode())  # last: its existence means that everything is stored
        return Made(file, text)


def _unexpected(error: Exception) -> str:
    """Return the message for an unexpected error, without its text, which may contain secrets."""
    return f"it could not be made or sent ({type(error).__name__}); the log of the workers has more"


def _parcel(schedule: Schedule, place: DeliveryKey, made: Made) -> ReportMessage:
    fired = place.period.astimezone(zone(schedule.time_zone))
    plain = "".join(letter if letter.isalnum() else "-" for letter in schedule.name.lower())
    return ReportMessage(
        id=place.message_id,
        subject=f"{schedule.name}, {_span(schedule, place.period)}",
        text=made.text,
        file=made.file,
        file_name=f"{plain}-{fired:%Y-%m-%d-%H%M}.{schedule.format}",
        media_type=schedule.format.media_type,
    )


def _span(schedule: Schedule, period: datetime) -> str:
    start, end = schedule.range(period)
    first = start.astimezone(zone(schedule.time_zone))
    return f"{first:%Y-%m-%d %H:%M} to {local(end, schedule.time_zone)}"


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with complete_file(path) as target:
            target.write(content)
    except OSError as error:
        raise SettingsError(f"cannot write {path} ({error.strerror}); check ROMASHKA_REPORTS_DIR") from error
