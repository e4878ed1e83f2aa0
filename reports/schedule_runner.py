"""Sends every report that is due, to each recipient once: what the leading worker does every few seconds."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
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
from reports.delivery_log import Claim, Journal, Place, Standing, next_attempt
from reports.render import render
from reports.schedule import LOOK_BACK, Schedule, recipient_key
from reports.schedule_store import owner, readable
from reports.schedule_workers import Delivery, Task, Workers
from reports.store import save

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 4
_PATIENCE_SECONDS: Final = 90.0


class Made(NamedTuple):
    """A report's file and what it says in short."""

    file: Path
    text: str


class ScheduleRunner:
    """Works through the schedules, each recipient of each in a thread of its own: none holds up another.

    Parameters
    ----------
    folder
        Where reports are kept.
    clock
        Returns now, in UTC; asked again before each sending, because making a report takes time.
    patience
        Seconds after which a delivery that does not end is noted as failed, and waited for no longer.
    """

    def __init__(
        self, folder: Path, notifier: Notifier, clock: Callable[[], datetime], *, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self._folder = folder
        self._courier = notifier
        self._clock = clock
        self._workers = Workers(_AT_ONCE, patience)
        self._unnoted: list[Claim] = []
        self._noting = Lock()
        self._making: defaultdict[UUID, Lock] = defaultdict(Lock)

    def run(self, client: Client) -> int:
        """Send what is due; return how many were handed over.

        Raises
        ------
        RomashkaError
            Some could not be; the others were. The journal knows each, and when it is tried again.
        """
        now = self._clock()
        self._note(client)
        standings = Journal(client).standings(now - LOOK_BACK)
        found, failures, _ = readable(client)
        tasks = [
            task
            for schedule in found
            if schedule.active
            for task in self._tasks(client, schedule, standings, schedule.due(now))
        ]
        # Who failed before comes last: the others are on time also when there are more troubles than threads.
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
        standings: Mapping[Place, Standing],
    ) -> tuple[int, list[str]]:
        """Send the report of a period to whoever should have it; return how many got it, and what failed."""
        return self._workers.run(list(self._tasks(client, schedule, standings, [period])))

    def _tasks(
        self, client: Client, schedule: Schedule, standings: Mapping[Place, Standing], due: Sequence[datetime]
    ) -> Iterator[Task]:
        """Yield what there is to do for each recipient.

        Periods that are not due are only gone on with where they were begun: who became a recipient later gets no
        reports of the time before.
        """
        for recipient in dict.fromkeys(schedule.recipients):
            key = recipient_key(recipient)
            mine = {
                place.period: one
                for place, one in standings.items()
                if (place.schedule, place.key) == (schedule.id, key)
            }
            deliveries = [
                Delivery(schedule, recipient, Place(schedule.id, period, key), mine.get(period))
                for period in sorted({*due, *mine})
                if next_attempt(mine.get(period), self._clock()) is not None
            ]
            if deliveries:
                yield Task(
                    (schedule.id, key),
                    deliveries,
                    lambda delivery: self._attempt(client, delivery),
                    lambda delivery, reason: self._give_up(client, delivery, reason),
                    any(one.standing is not None for one in deliveries),
                )

    def _attempt(self, client: Client, delivery: Delivery) -> bool:
        """Hand one report over; return whether it was, ``False`` where another does it.

        Raises
        ------
        RomashkaError
            It could not be; says why. So does the journal.
        """
        now = self._clock()
        attempt = next_attempt(delivery.standing, now)
        schedule = delivery.schedule
        claim = None if attempt is None else Journal(client).claim(owner(schedule), delivery.place, attempt, now)
        if claim is None:
            return False
        delivery.claim = claim
        try:
            delivered = self._deliver(client, schedule, claim, delivery.recipient)
        except Exception as error:
            reason = str(error) if isinstance(error, RomashkaError) else _unexpected(error)
            if not isinstance(error, RomashkaError):
                _LOG.exception("the report '%s' could not be made or sent", schedule.name)
            Journal(client).failed(claim, self._clock(), reason)
            raise RomashkaError(f"{delivery}: {reason}") from error
        self._note(client)
        return delivered

    def _give_up(self, client: Client, delivery: Delivery, reason: str) -> None:
        """Note that a delivery did not end; its thread may not send any more when it wakes up."""
        if delivery.claim is not None:
            Journal(client).failed(delivery.claim, self._clock(), reason)

    def _deliver(self, client: Client, schedule: Schedule, claim: Claim, recipient: str) -> bool:
        with self._making[schedule.id]:
            made = self._made(client, schedule, claim.place.period)
        if not Journal(client).holds(claim, self._clock()):
            return False  # it took so long that another has begun, or may begin before this would be over
        self._courier.deliver(recipient, _parcel(schedule, claim.place, made))
        self._unnoted.append(claim)
        return True

    def _note(self, client: Client) -> None:
        """Write down what was handed over. What ClickHouse does not take now is kept for the next time."""
        with self._noting:
            while self._unnoted:
                Journal(client).sent(self._unnoted[0], self._clock())
                del self._unnoted[0]

    def _made(self, client: Client, schedule: Schedule, period: datetime) -> Made:
        """Return the report of a period; what this machine has made already is taken again."""
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
        _write(words, text.encode())  # last: where it is, everything is
        return Made(file, text)


def _unexpected(error: Exception) -> str:
    """Return what is said of an error that nobody expected: its text may hold anything."""
    return f"it could not be made or sent ({type(error).__name__}); the log of the workers has more"


def _parcel(schedule: Schedule, place: Place, made: Made) -> ReportMessage:
    plain = "".join(letter if letter.isalnum() else "-" for letter in schedule.name.lower())
    return ReportMessage(
        id=place.message_id,
        subject=f"{schedule.name}, {_span(schedule, place.period)}",
        text=made.text,
        file=made.file,
        file_name=f"{plain}-{place.period:%Y-%m-%d-%H%M}.{schedule.format}",
        media_type=schedule.format.media_type,
    )


def _span(schedule: Schedule, period: datetime) -> str:
    start, end = schedule.range(period)
    first = start.astimezone(zone(schedule.time_zone))
    return f"{first:%Y-%m-%d %H:%M} to {local(end, schedule.time_zone)}"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")  # two workers may share the folder
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot write {path} ({error.strerror}); check ROMASHKA_REPORTS_DIR") from error
