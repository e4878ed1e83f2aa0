"""Clients that hold connections open and send nothing keep nobody else from being answered, at a limit of 256 files."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from storage.connection import ClickHouseAddress
from streams.kafka import KafkaAddress, create_topics
from tests.worker_process import PATIENCE, ROMASHKA, environment

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(240)]

FILES, CONNECTIONS = 256, 300
HEAD = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = b"POST /v1/events?topic=queries HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"


@contextmanager
def _serving(env: dict[str, str], command: str) -> Iterator[tuple[str, int]]:
    """Run a command that serves, with few files; yields its address and its process id."""
    limited = f"ulimit -n {FILES} && exec {ROMASHKA} {command} --port 0"
    with subprocess.Popen(["bash", "-c", limited], env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if " on http://" in line)
            yield line.split(" on ")[1].split("/v1")[0], process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("start", [b"", HEAD, BODY], ids=["nothing", "half a head", "half a body"])
@pytest.mark.parametrize("command", ["api", "collector"])
def test_others_are_answered_while_three_hundred_connections_send_nothing(
    command: str, start: bytes, kafka: KafkaAddress, database: ClickHouseAddress
) -> None:
    create_topics(kafka)
    with _serving(environment(kafka, database, "unused"), command) as (url, pid), ExitStack() as stack:
        address = urlsplit(url)
        for _ in range(CONNECTIONS):
            one = stack.enter_context(socket.create_connection((address.hostname or "", address.port or 0), timeout=10))
            one.sendall(start)
        for _ in range(20):
            began = time.monotonic()
            assert httpx.get(f"{url}/v1/health/live", timeout=10 * PATIENCE).status_code == 200
            assert time.monotonic() - began < 5 * PATIENCE
        assert psutil.Process(pid).num_fds() < FILES
