"""Sends every report that is due, to each recipient once: what the leading worker does every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from models.errors import RomashkaError, SettingsError
from reports.compose import compose
from reports.delivery import Courier, Parcel
from reports.delivery_journal import Claim, Journal, Place, Standing, next_attempt
from reports.render import render
from reports.schedule import LOOK_BACK, Schedule, recipient_key
from reports.schedule_store import owner, schedules
from reports.store import save


class Made(NamedTuple):
    """A report's file and what it says in short."""

    file: Path
    text: str


class ScheduleRunner:
    """Works through the schedules.

    Parameters
    ----------
    folder
        Where reports are kept.
    clock
        Returns now, in UTC; asked again before each sending, because making a report takes time.
    """

    def __init__(self, folder: Path, courier: Courier, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._courier = courier
        self._clock = clock
        self._unnoted: list[Claim] = []

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
        sent, failures = 0, []
        for schedule in schedules(client):
            if not schedule.active:
                continue
            due = schedule.due(now)
            begun = {place.period for place in standings if place.schedule == schedule.id}
            for period in sorted({*due, *begun}):
                delivered, failed = self.send(client, schedule, period, standings, fresh=period in due)
                sent += delivered
                failures += failed
        if failures:
            raise RomashkaError(
                f"{len(failures)} reports could not be delivered, {failures[0]}; see 'romashka schedule list'"
            )
        return sent

    def send(
        self,
        client: Client,
        schedule: Schedule,
        period: datetime,
        standings: Mapping[Place, Standing],
        *,
        fresh: bool = True,
    ) -> tuple[int, list[str]]:
        """Send the report of a period to whoever should have it; return how many got it, and what failed.

        Where the period is not ``fresh``, only what was begun is gone on with: who became a recipient later gets no
        reports of the time before.
        """
        sent, failures = 0, []
        for recipient in dict.fromkeys(schedule.recipients):
            place = Place(schedule.id, period, recipient_key(recipient))
            now = self._clock()
            standing = standings.get(place)
            attempt = next_attempt(standing, now) if fresh or standing is not None else None
            if attempt is None:
                continue
            claim = Journal(client).claim(owner(schedule), place, attempt, now)
            if claim is None:
                continue
            try:
                delivered = self._deliver(client, schedule, claim, recipient)
            except RomashkaError as error:
                Journal(client).failed(claim, self._clock(), str(error))
                failures.append(f"'{schedule.name}' of {period:%Y-%m-%d %H:%M} UTC: {error}")
                continue
            sent += delivered
            self._note(client)
        return sent, failures

    def _deliver(self, client: Client, schedule: Schedule, claim: Claim, recipient: str) -> bool:
        made = self._made(client, schedule, claim.place.period)
        if not Journal(client).holds(claim, self._clock()):
            return False  # it took so long that another has begun, or may begin before this would be over
        self._courier.deliver(recipient, _parcel(schedule, claim.place, made))
        self._unnoted.append(claim)
        return True

    def _note(self, client: Client) -> None:
        """Write down what was handed over. What ClickHouse does not take now is kept for the next time."""
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


def _parcel(schedule: Schedule, place: Place, made: Made) -> Parcel:
    plain = "".join(letter if letter.isalnum() else "-" for letter in schedule.name.lower())
    return Parcel(
        id=place.message_id,
        subject=f"{schedule.name}, {_span(schedule, place.period)}",
        text=made.text,
        file=made.file,
        file_name=f"{plain}-{place.period:%Y-%m-%d-%H%M}.{schedule.format}",
        media_type=schedule.format.media_type,
    )


def _span(schedule: Schedule, period: datetime) -> str:
    request = schedule.request(period)
    return f"{request.start:%Y-%m-%d %H:%M} to {request.end:%Y-%m-%d %H:%M} UTC"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")  # two workers may share the folder
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot write {path} ({error.strerror}); check ROMASHKA_REPORTS_DIR") from error
