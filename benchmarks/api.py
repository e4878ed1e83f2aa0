"""Latency of ``GET /v1/dashboards/executive`` with 50 concurrent clients: ``python -m benchmarks.api``.

Thirty days of simulated traffic in the embedded ClickHouse; the API in a separate process, as ``romashka api`` serves
it; in this process, 50 connections in a closed loop without think time: each sends its next request as soon as it has
the response, which is the highest load of 50 clients. All data is deleted at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

from api.keys import KeySigner, new_key, save
from api.roles import Role
from embedded.database import Database
from jobs.roll_ups import refresh
from kpis.rollups.freshness import MARGIN_SECONDS
from simulator.scenario import Scenario, rate_for
from simulator.tenants import DEFAULT_TENANTS
from sinks.clickhouse import ClickHouseSink
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from tests.loading import Loader

_SECRET: Final = os.urandom(32)
_SPAN: Final = timedelta(days=30)
_PATH: Final = "/v1/dashboards/executive"


def main() -> None:
    """Load the events, start the API, measure and print the latencies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50, help="number of concurrent connections")
    parser.add_argument("--seconds", type=float, default=20, help="duration of the measurement")
    parser.add_argument("--queries", type=int, default=100_000, help="number of query events to load")
    options = parser.parse_args()
    with Database() as database, tempfile.TemporaryDirectory() as folder:
        address = ClickHouseAddress(database.url, "benchmark")
        key = _fill(address, options.queries)
        server, url = _serve(address, Path(folder))
        try:
            _report(url, key, options.clients, options.seconds)
        finally:
            server.terminate()
            server.wait(20)


def _fill(address: ClickHouseAddress, queries: int) -> str:
    """Write 30 days of events as a worker would; return the API key of an administrator of all tenants."""
    migrate(address)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rate = rate_for(queries, _SPAN, DEFAULT_TENANTS)
    scenario = Scenario(seed=1, start=end - _SPAN, end=end, tenants=DEFAULT_TENANTS, rate=rate)
    Loader(ClickHouseSink(address), end).load(message for part in scenario.history() for message in part)
    key, shown = new_key(Role.ADMIN, None, "benchmark", end)
    with connect(address, answer_seconds=600) as client:
        refresh(client)
        client.command(
            "INSERT INTO rollup_progress (rollup, reflects, took_ms) "
            f"SELECT rollup, now64(3, 'UTC') + INTERVAL {MARGIN_SECONDS} SECOND, 0 FROM rollup_progress FINAL"
        )
        save(client, key, KeySigner(_SECRET))
    return shown


def _serve(address: ClickHouseAddress, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the API; return its process and its URL."""
    env = {
        **os.environ,
        "ROMASHKA_CLICKHOUSE_URL": address.url,
        "ROMASHKA_CLICKHOUSE_DATABASE": address.database,
        "ROMASHKA_PSEUDONYM_KEY": base64.b64encode(_SECRET).decode(),
        "ROMASHKA_API_PORT": "0",
        "ROMASHKA_API_REQUESTS_PER_MINUTE": "6000000",
        "ROMASHKA_REPORTS_DIR": str(folder),
    }
    command = [str(Path(sys.executable).with_name("romashka")), "api"]
    server = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    for line in server.stderr or ():
        if found := re.search(r"http://[\d.]+:\d+", line):
            return server, found[0]
    raise SystemExit("the API did not start")


def _report(url: str, key: str, clients: int, seconds: float) -> None:
    began = time.perf_counter()
    first = asyncio.run(_ask(url, key, 1, 0))
    print(f"first response, empty cache: {first[0] * 1000:,.0f} ms")
    took = sorted(asyncio.run(_ask(url, key, clients, seconds)))
    cuts = quantiles(took, n=100)
    print(
        f"{clients} clients, {seconds:.0f} s: {len(took) / seconds:,.0f} responses/s, p50 {cuts[49] * 1000:.1f} ms, "
        f"p95 {cuts[94] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms, max {took[-1] * 1000:.1f} ms "
        f"({time.perf_counter() - began:.0f} s)"
    )


async def _ask(url: str, key: str, clients: int, seconds: float) -> list[float]:
    """Return the latency of each request, in seconds."""
    until = time.perf_counter() + seconds
    parts = await asyncio.gather(*(_client(url, key, until) for _ in range(clients)))
    return [one for part in parts for one in part]


async def _client(url: str, key: str, until: float) -> list[float]:
    """Send requests on one connection until ``until``, without a client library: it would be slower than the server."""
    host = urlsplit(url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port, limit=4_000_000)
    request = f"GET {_PATH} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    took: list[float] = []
    while not took or time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise SystemExit(f"unexpected response: {head!r}")
        await reader.readexactly(int(length[1]))
        took.append(time.perf_counter() - began)
    writer.close()
    return took


if __name__ == "__main__":
    main()
