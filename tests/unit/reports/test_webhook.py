"""Webhooks are not a way into the inside of our network."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models.errors import RomashkaError, SettingsError, Unreachable
from reports.delivery import ChannelNotifier, ReportMessage
from reports.webhook import AddressGuard, masked, post, webhook_parts

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 - nothing listens there
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
]


def at(*addresses: str) -> AddressGuard:
    return AddressGuard(resolve=lambda host, port: addresses)


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_called_whatever_name_it_has(address: str) -> None:
    with pytest.raises(SettingsError, match="ROMASHKA_WEBHOOK_PRIVATE_HOSTS"):
        at(address).address("hooks.example.com", 443)
    with pytest.raises(SettingsError):
        at("93.184.215.14", address).address("hooks.example.com", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost"])
def test_no_other_spelling_of_this_machine_is_called(host: str) -> None:
    with pytest.raises(RomashkaError):
        AddressGuard().address(host, 80)


def test_a_public_address_is_called_and_the_connection_goes_to_the_one_that_was_checked() -> None:
    assert at("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c").address("a.example", 443) == "93.184.215.14"


def test_exceptions_are_names_addresses_and_networks() -> None:
    names = {"Hooks.internal": "10.9.9.9"}
    guard = AddressGuard(["hooks.internal", "10.1.2.0/24", "::1"], lambda host, port: [names.get(host, host)])
    assert guard.address("Hooks.internal", 443) == "10.9.9.9"
    assert guard.address("10.1.2.9", 443) == "10.1.2.9"
    assert guard.address("::1", 443) == "::1"
    with pytest.raises(SettingsError):
        guard.address("10.1.3.9", 443)
    with pytest.raises(SettingsError, match="neither a host nor a network"):
        AddressGuard(["10.0.0.0/99"])


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x", "https://", "https://[", "https://a:b/", "https://a /b"]
)
def test_only_addresses_of_the_web_are_webhooks(url: str) -> None:
    with pytest.raises(SettingsError):
        webhook_parts(url)


class Inside(BaseHTTPRequestHandler):
    """Answers what the test says, and remembers who came."""

    seen: list[tuple[str, dict[str, str], Any]]
    status = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1/inside")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def inside() -> Iterator[tuple[type[Inside], int]]:
    handler = type("Handler", (Inside,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield handler, server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def report_message(tmp_path: Path) -> ReportMessage:
    file = tmp_path / "report.csv"
    file.write_text("id,value\r\n")
    return ReportMessage("abc.1", "Weekly", "All is well.", file, "weekly.csv", "text/csv")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_elsewhere(inside: tuple[type[Inside], int], status: int) -> None:
    handler, port = inside
    handler.status = status
    with pytest.raises(Unreachable, match=f"answers {status} and sends us elsewhere"):
        post(AddressGuard(["127.0.0.1"]), f"http://127.0.0.1:{port}/hook", {}, "id", 5)
    assert [path for path, _, _ in handler.seen] == ["/hook"]


def test_the_name_is_told_but_not_resolved_again(inside: tuple[type[Inside], int]) -> None:
    handler, port = inside
    guard = AddressGuard(["hooks.internal"], lambda host, asked: ["127.0.0.1"])
    post(guard, f"http://hooks.internal:{port}/a?b=c", {"x": 1}, "id", 5)
    ((path, headers, body),) = handler.seen
    assert (path, headers["Host"], headers["Idempotency-Key"], body) == (
        "/a?b=c",
        f"hooks.internal:{port}",
        "id",
        {"x": 1},
    )


@pytest.mark.parametrize("scheme", ["http", "HTTP", "json"])
def test_this_machine_gets_no_report_by_any_kind_of_address(
    inside: tuple[type[Inside], int], report_message: ReportMessage, scheme: str
) -> None:
    handler, port = inside
    variables = {"ROMASHKA_TO_X": f"{scheme}://127.0.0.1:{port}/s3cret"}
    with pytest.raises(SettingsError, match="inside a private network") as refused:
        ChannelNotifier(None, variables).deliver("env:ROMASHKA_TO_X", report_message)
    assert "s3cret" not in str(refused.value)
    assert handler.seen == []
    ChannelNotifier(None, variables, AddressGuard(["127.0.0.1"])).deliver("env:ROMASHKA_TO_X", report_message)
    ((_, _, body),) = handler.seen
    assert body["attachments"][0]["filename"] == "weekly.csv"


def test_a_list_shows_of_a_webhook_its_host_alone() -> None:
    assert masked("https://u:p@hooks.example.com:8443/s3cret?token=x") == "https://hooks.example.com:8443/…"
    assert masked("HTTPS://hooks.example.com/s3cret") == "https://hooks.example.com/…"
    assert masked("mailto:ada@example.com") == "mailto:ada@example.com"
    assert masked("env:ROMASHKA_TO_SLACK") == "env:ROMASHKA_TO_SLACK"


def _first_bytes(taken: bytes) -> Iterator[bytes]:
    """Yield a status line and then a header that never ends."""
    yield b"HTTP/1.1 503 Later\r\nX: "
    while True:
        time.sleep(0.05)
        yield b"x"


def _only_continue(taken: bytes) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("answers", [_first_bytes, _only_continue])
def test_an_answer_that_never_ends_is_ended(answers: Callable[[bytes], Iterator[bytes]]) -> None:
    """Each byte began the time-out anew: a thread of the leader was held for good, with 100 Continue at full speed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for piece in answers(connection.recv(65_536)):
                    connection.sendall(piece)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        failures: list[BaseException] = []

        def send() -> None:
            try:
                post(AddressGuard(["127.0.0.1"]), url, {}, "id", 0.5)
            except Unreachable as error:
                failures.append(error)

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        sending.join(10)
    assert not sending.is_alive()
    assert len(failures) == 1


def test_user_and_password_are_sent_as_they_were_before_they_were_written_into_the_url(
    inside: tuple[type[Inside], int],
) -> None:
    handler, port = inside
    post(AddressGuard(["127.0.0.1"]), f"http://ada%40x:p%3A%20п@127.0.0.1:{port}/", {}, "id", 5)
    ((_, headers, _),) = handler.seen
    kind, _, packed = headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(packed).decode()) == ("Basic", "ada@x:p: п")


def test_a_host_in_any_script_is_called_as_the_dns_has_it(inside: tuple[type[Inside], int]) -> None:
    handler, port = inside
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    post(AddressGuard(["Bücher.example"], resolve), f"http://bücher.example:{port}/", {}, "id", 5)
    ((_, headers, _),) = handler.seen
    assert (asked, headers["Host"]) == (["xn--bcher-kva.example"], f"xn--bcher-kva.example:{port}")
