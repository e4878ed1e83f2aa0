"""Scheduled reports on a real ClickHouse and by a real mail server: each period to each recipient once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client

from kpis.scope import ALL_TENANTS
from models.errors import RomashkaError, SettingsError
from reports.delivery import ChannelNotifier, Notifier, ReportMessage
from reports.delivery_log import LEASE, MAX_ATTEMPTS, DeliveryKey, DeliveryLog
from reports.mail import MailServer
from reports.request import ReportFormat
from reports.schedule import Missed, Schedule, recipient_key
from reports.schedule_runner import Made, ScheduleRunner
from reports.schedule_state import state
from reports.schedule_store import find, put_schedule, schedules
from reports.webhook import AddressGuard
from storage.connection import ClickHouseAddress, connect
from tests.deliveries import MINUTE, NOON, Clock, Fate, Killed, MortalClient, MortalNotifier, received, schedule
from tests.mail_sink import MailSink

pytestmark = [
    pytest.mark.stack,
    # Apprise looks for a module of the standard library that Python 3.13 has no more.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as running:
        yield running


@pytest.fixture
def client(database: ClickHouseAddress) -> Iterator[Client]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def notifier(sink: MailSink) -> ChannelNotifier:
    return ChannelNotifier(MailServer("127.0.0.1", sink.port, "Reports <reports@example.com>", security="none"), {})


def test_a_report_arrives_by_mail_with_its_file_and_a_summary(
    client: Client, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path
) -> None:
    put_schedule(client, schedule(recipients=("mailto:ada@example.com",), format=ReportFormat.PDF), NOON)
    clock = Clock()
    runner = ScheduleRunner(tmp_path, notifier, clock)
    assert runner.run(client) == 0
    clock.now += MINUTE

    assert runner.run(client) == 1
    assert runner.run(client) == 0

    (message,) = sink.messages
    assert (message["To"], message["From"]) == ("ada@example.com", "Reports <reports@example.com>")
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "every-minute-2026-11-02-1301.pdf"
    assert attached.get_content().startswith(b"%PDF-")
    body = message.get_body(("plain",))
    assert body is not None
    assert "The detectors found nothing unusual." in body.get_content()
    made = client.query("SELECT config_id, format FROM generated_reports FINAL").result_rows
    assert [tuple(row) for row in made] == [(schedule().id, "pdf")]


def test_of_many_who_claim_an_attempt_at_once_one_gets_it(database: ClickHouseAddress) -> None:
    place = DeliveryKey(uuid4(), NOON, "key")
    start = threading.Barrier(8)

    def claim(_: int) -> bool:
        with connect(database) as client:
            start.wait()
            return DeliveryLog(client).claim(uuid4(), place, 1, NOON) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


@pytest.mark.long
def test_two_workers_one_killed_at_random_deliver_each_period_once(
    database: ClickHouseAddress, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path
) -> None:
    """Killed anywhere but between the mail server's last word and our note of it; that is the next test."""
    fate = Fate(1, 0.2, _points() - {"after handing over", "before sent"})

    _minutes(10, database, MortalNotifier(notifier, fate), fate, tmp_path)

    assert sum(fate.kills.values()) > 5
    assert len(received(sink)) == 20
    assert set(received(sink).values()) == {1}


def test_a_worker_killed_before_it_could_note_the_delivery_repeats_it_under_the_same_id(
    database: ClickHouseAddress, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path
) -> None:
    fate = Fate(3, 0.3, {"after handing over", "before sent"})

    _minutes(3, database, MortalNotifier(notifier, fate), fate, tmp_path)

    repeats = sum(received(sink).values()) - 6
    assert len(received(sink)) == 6, "a receiver that knows message ids has each once"
    assert repeats == sum(fate.kills.values()) > 0


def _points() -> set[str]:
    things = ("claimed", "sent", "generated_reports", "handing over")
    return {f"{when} {what}" for when in ("before", "after") for what in things}


def _minutes(minutes: int, database: ClickHouseAddress, notifier: Notifier, fate: Fate, folder: Path) -> None:
    """Let two workers run beside each other every minute; then as long as anything is left to do."""
    with connect(database) as first, connect(database) as second:
        put_schedule(first, schedule(), NOON)
        clock = Clock()
        workers = [
            (ScheduleRunner(folder, notifier, clock), MortalClient(first, fate)),
            (ScheduleRunner(folder, notifier, clock), MortalClient(second, fate)),
        ]

        def work(place: int) -> None:
            runner, connection = workers[place]
            try:
                runner.run(connection)  # type: ignore[arg-type] # it is one, but for what it may do to its owner
            except Killed:
                workers[place] = (ScheduleRunner(folder, notifier, clock), connection)

        with ThreadPoolExecutor(2) as pool:
            for minute in range(1, minutes + 1):
                clock.now = NOON + MINUTE * minute
                list(pool.map(work, (0, 1)))
            fate.spare()
            list(pool.map(work, (0, 1)))
            put_schedule(first, schedule(cron="0 0 1 1 *"), NOON + MINUTE)  # no new periods from here on
            for _ in range(MAX_ATTEMPTS):
                clock.now += LEASE
                list(pool.map(work, (0, 1)))


def test_a_worker_that_comes_back_after_its_lease_does_not_send(
    client: Client, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path
) -> None:
    put_schedule(client, schedule(recipients=("mailto:ada@example.com",), missed=Missed.SKIP), NOON)
    clock = Clock()
    clock.now += MINUTE
    place = DeliveryKey(schedule().id, clock.now, recipient_key("mailto:ada@example.com"))
    asleep = DeliveryLog(client).claim(uuid4(), place, 1, clock.now)
    assert asleep is not None
    assert DeliveryLog(client).holds(asleep, clock.now)

    clock.now += LEASE
    ScheduleRunner(tmp_path, notifier, clock).run(client)

    assert not DeliveryLog(client).holds(asleep, clock.now)
    assert not DeliveryLog(client).holds(asleep, clock.now - LEASE), "not by a clock that stood still either"
    assert Counter(received(sink).values()) == Counter({1: 2}), "the period that was begun, and the newest"


def test_a_refused_delivery_is_tried_again_with_growing_pauses_and_seen(
    client: Client, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path
) -> None:
    put_schedule(client, schedule(recipients=("mailto:ada@example.com",), cron="0 * * * *"), NOON - MINUTE)
    clock = Clock()
    clock.now += timedelta(hours=1)
    runner = ScheduleRunner(tmp_path, notifier, clock)
    sink.refuses = True

    with pytest.raises(RomashkaError, match=r"not delivered: 1 report, .*refuses the recipient \(550\)"):
        runner.run(client)
    assert runner.run(client) == 0, "not before the pause is over"
    clock.now += MINUTE
    with pytest.raises(RomashkaError):
        runner.run(client)
    clock.now += MINUTE
    assert runner.run(client) == 0, "the second pause is longer"
    (status,) = DeliveryLog(client).statuses(NOON).values()
    assert (status.state, status.attempts, status.until) == ("failed", 2, clock.now + MINUTE)
    sink.refuses = False
    clock.now += MINUTE

    assert runner.run(client) == 1
    assert list(received(sink).values()) == [1]


class TroubledNotifier:
    """Fails for one recipient in a way that nobody expects, hangs for another, and hands over to all others."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self.woken = threading.Event()

    def deliver(self, recipient: str, report_message: ReportMessage) -> None:
        if "broken" in recipient:
            raise ValueError("a secret address")
        if "hangs" in recipient:
            self.woken.wait(60)
        self._notifier.deliver(recipient, report_message)


def test_a_schedule_that_fails_or_hangs_holds_up_no_other_and_says_why(
    client: Client, notifier: ChannelNotifier, sink: MailSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("A report that fails", "B report that hangs", "C recipient that fails", "D recipient that hangs", "E fine")
    to = ("ada", "ada", "broken", "hangs", "ada")
    for name, who in zip(names, to, strict=True):
        recipients = (f"mailto:{who}@example.com", "mailto:bob@example.com")
        put_schedule(client, schedule(name=name, recipients=recipients, cron="0 * * * *"), NOON)
    client.command(
        "INSERT INTO scheduled_reports (id, user_id, name, type, format, schedule_config, recipients, filters, "
        "template_config, is_active, created_at, updated_at) SELECT generateUUIDv4(), user_id, 'F of another version', "
        "type, format, '{}', recipients, filters, template_config, is_active, created_at, updated_at "
        "FROM scheduled_reports LIMIT 1"
    )
    troubled = TroubledNotifier(notifier)

    def made(runner: ScheduleRunner, client: Client, wanted: Schedule, period: datetime) -> Made:
        if wanted.name == names[0]:
            raise RuntimeError("in the middle of a report")
        if wanted.name == names[1]:
            troubled.woken.wait(60)
        return Made(report, "All is well.")

    report = tmp_path / "report.csv"
    report.write_text("id\r\n")
    monkeypatch.setattr(ScheduleRunner, "_made", made)
    clock = Clock()
    clock.now += timedelta(hours=1)
    runner = ScheduleRunner(tmp_path, troubled, clock, timeout_seconds=4)

    with pytest.raises(RomashkaError, match="not delivered: 7 reports"):
        runner.run(client)

    told = Counter((str(message["Subject"]).partition(",")[0], str(message["To"])) for message in sink.messages)
    assert told == Counter(
        {(names[2], "bob@example.com"): 1, (names[3], "bob@example.com"): 1}
        | {(names[4], f"{who}@example.com"): 1 for who in ("ada", "bob")}
    )
    statuses = DeliveryLog(client).statuses(NOON)
    states = {one.name: state(one, statuses, clock.now) for one in schedules(client)}
    assert "RuntimeError" in states[names[0]]
    assert "hangs" in states[names[1]]
    assert "next at 2026-11-02 14:01 Europe/Berlin" in states[names[2]]
    assert "secret" not in states[names[2]]
    assert "hangs" in states[names[3]]
    assert states[names[4]] == "ok"
    troubled.woken.set()


def test_a_webhook_gets_the_file_and_a_key_that_repeats_share(client: Client, tmp_path: Path) -> None:
    requests: list[tuple[dict[str, str], dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((dict(self.headers), json.loads(body)))
            self.send_response(200 if len(requests) > 1 else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        # A daemon: where the test fails, it must not keep the run from ending.
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        hook = f"http://127.0.0.1:{server.server_port}/hooks/reports"
        put_schedule(client, schedule(recipients=("env:ROMASHKA_TO_HOOK",), cron="0 * * * *"), NOON)
        clock = Clock()
        clock.now += timedelta(hours=1)
        runner = ScheduleRunner(
            tmp_path, ChannelNotifier(None, {"ROMASHKA_TO_HOOK": hook}, AddressGuard(["127.0.0.1"])), clock
        )
        with pytest.raises(RomashkaError, match="env:ROMASHKA_TO_HOOK did not take the report"):
            runner.run(client)
        clock.now += MINUTE
        assert runner.run(client) == 1
        server.shutdown()
        serving.join()

    (refused, _), (taken, content) = requests
    assert refused["Idempotency-Key"] == taken["Idempotency-Key"]
    assert content["title"].startswith("Every minute, ")
    assert content["attachments"][0]["filename"] == "every-minute-2026-11-02-1400.csv"


def test_a_schedule_survives_the_database_and_can_be_paused_and_removed(client: Client) -> None:
    kept = schedule(integrations=("hubspot",), missed=Missed.SKIP, covers="4w")
    put_schedule(client, kept, NOON)
    assert find(client, "Every minute") == kept
    put_schedule(client, replace(kept, active=False), NOON + MINUTE)
    assert not find(client, "Every minute", ALL_TENANTS).active
    put_schedule(client, kept, NOON + 2 * MINUTE, removed=True)
    assert list(schedules(client)) == []
    with pytest.raises(SettingsError, match="no schedule 'Every minute'"):
        find(client, "Every minute")


def test_two_tenants_may_have_a_name_and_are_told_apart(client: Client) -> None:
    for tenant in (ALL_TENANTS, uuid4()):
        put_schedule(client, schedule(tenant=tenant), NOON)
    with pytest.raises(SettingsError, match="tenant: 2 tenants have a schedule"):
        find(client, "Every minute")
    assert find(client, "Every minute", ALL_TENANTS).tenant is ALL_TENANTS
