"""Webhooks that misbehave in every way: each is told apart, and none keeps the others from their report."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from models.errors import RomashkaError
from reports import delivery
from reports.delivery import ChannelNotifier
from reports.delivery_log import DeliveryLog
from reports.schedule_runner import ScheduleRunner
from reports.schedule_state import state
from reports.schedule_store import put_schedule, schedules
from reports.webhook import AddressGuard
from storage.connection import ClickHouseAddress, connect
from tests.deliveries import NOON, Clock, schedule

pytestmark = [
    pytest.mark.stack,
    # Apprise looks for a module of the standard library that Python 3.13 has no more.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

Answer = Callable[[socket.socket], None]
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _request(connection: socket.socket) -> None:
    """Read a request with its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65_536)


def _says(*parts: bytes, pause: float = 0.0) -> Answer:
    def answer(connection: socket.socket) -> None:
        _request(connection)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return answer


def _endless(connection: socket.socket) -> None:
    _request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with suppress(OSError):
        while True:
            connection.sendall(b"4\r\nmore\r\n")


def _silent(connection: socket.socket) -> None:
    connection.settimeout(20)
    with suppress(OSError):
        while connection.recv(65_536):
            pass


# What it does → whether the report counts as delivered.
_HOOKS: Final[dict[str, tuple[Answer, bool]]] = {
    "takes it": (_says(_OK), True),
    "takes it without a word": (_says(b"HTTP/1.1 204 No Content\r\n\r\n"), True),
    "takes it and never ends its answer": (_endless, True),
    "hangs up at once": (lambda connection: None, False),
    "hangs up after the request": (_request, False),
    "never answers": (_silent, False),
    "drips its answer": (_says(*[bytes([one]) for one in _OK * 3], pause=0.5), False),
    "is no web server": (_says(b"220 mail.example.com ESMTP\r\n"), False),
    "has an endless header": (_says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), False),
    "sends elsewhere": (
        _says(b"HTTP/1.1 308 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        False,
    ),
    "is overloaded": (_says(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), False),
    "answers with a number nobody knows": (_says(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), False),
}


@contextmanager
def listening(answer: Answer) -> Iterator[int]:
    """Answer every connection so; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                answer(connection)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.long
def test_each_webhook_is_told_apart_and_none_keeps_another_from_its_report(
    database: ClickHouseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ANSWER_SECONDS", 3)
    clock = Clock()
    clock.now += timedelta(hours=1)
    with ExitStack() as stack:
        client = stack.enter_context(connect(database))
        hooks = {}
        for number, (name, (answer, _)) in enumerate(_HOOKS.items()):
            variable = f"ROMASHKA_TO_HOOK_{number}"
            hooks[variable] = f"http://127.0.0.1:{stack.enter_context(listening(answer))}/hook"
            put_schedule(client, schedule(name=name, recipients=(f"env:{variable}",), cron="0 * * * *"), NOON)
        notifier = ChannelNotifier(None, hooks, AddressGuard(["127.0.0.1"]))
        began = time.monotonic()
        with pytest.raises(RomashkaError, match="not delivered: "):
            ScheduleRunner(tmp_path, notifier, clock, timeout_seconds=8).run(client)
        assert time.monotonic() - began < 60
        statuses = DeliveryLog(client).statuses(NOON)
        told = {one.name: state(one, statuses, clock.now) for one in schedules(client)}
    assert {name: how == "ok" for name, how in told.items()} == {name: taken for name, (_, taken) in _HOOKS.items()}
    assert all("did not take the report" in how or "hangs" in how for how in told.values() if how != "ok"), told
