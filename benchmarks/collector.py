"""Throughput and latency of one collector process on one core: ``python -m benchmarks.collector``.

The embedded broker and ClickHouse, and ``romashka collector`` in a separate process that is pinned to one core. First
the maximum throughput in batches of 100 on eight connections (closed loop); then 1,000 requests per second with one
event each in an open loop: requests are sent on schedule even if earlier ones have no response yet, which avoids
coordinated omission. An event counts when Kafka has acknowledged it. All data is deleted at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psutil

from collector.access import add_producer_key
from embedded.broker import Broker
from embedded.database import Database
from sinks.migrations import migrate
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics

_SECRET: Final = os.urandom(32)
_BATCH: Final = 100
_CONNECTIONS: Final = 8
_RATE: Final = 1_000
_RATE_CONNECTIONS: Final = 50


class _Target(NamedTuple):
    url: str
    key: str
    process: psutil.Process


def main() -> None:
    """Start the collector, measure and print throughput and latency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="Duration of each measurement")
    parser.add_argument("--core", type=int, default=0, help="Number of the core that the collector is pinned to")
    options = parser.parse_args()
    with _serving(options.core) as target:
        asyncio.run(_throughput(target, 2))  # warm-up
        asyncio.run(_report_throughput(target, options.seconds))
        asyncio.run(_report_latency(target, options.seconds))


@contextmanager
def _serving(core: int) -> Iterator[_Target]:
    with Broker() as broker, Database() as database:
        address = ClickHouseAddress(database.url, "benchmark")
        migrate(address)
        create_topics(KafkaAddress(broker.bootstrap))
        with connect(address) as client:
            key = add_producer_key(
                client,
                _SECRET,
                tenants=[],
                all_tenants=True,
                topics=[],
                label="benchmark",
                now=datetime.now(UTC),
            )[1]
        env = {
            **os.environ,
            "ROMASHKA_KAFKA_BOOTSTRAP": broker.bootstrap,
            "ROMASHKA_CLICKHOUSE_URL": address.url,
            "ROMASHKA_CLICKHOUSE_DATABASE": address.database,
            "ROMASHKA_PSEUDONYM_KEY": base64.b64encode(_SECRET).decode(),
            "ROMASHKA_COLLECTOR_EVENTS_PER_SECOND": "1e9",
        }
        command = [str(Path(sys.executable).with_name("romashka")), "collector", "--port", "0"]
        server = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        try:
            process = psutil.Process(server.pid)
            if hasattr(process, "cpu_affinity"):
                process.cpu_affinity([core])
            yield _Target(_url_of(server), key, process)
        finally:
            server.terminate()
            server.communicate(timeout=30)


def _url_of(server: subprocess.Popen[str]) -> str:
    for line in server.stderr or ():
        if found := re.search(r"(http://[\d.]+:\d+)/v1/events", line):
            return found[1]
    raise SystemExit("the collector did not start")


async def _report_throughput(target: _Target, seconds: float) -> None:
    began, busy = time.perf_counter(), _busy(target)
    events = await _throughput(target, seconds)
    took, used = time.perf_counter() - began, _busy(target) - busy
    print(
        f"batches of {_BATCH}: {events:,} events in {took:.1f} s = {events / took:,.0f}/s with {used / took:.0%} of a "
        f"core; {used / events * 1e6:.1f} us of CPU time per event = {events / used:,.0f}/s on a full core"
    )


async def _report_latency(target: _Target, seconds: float) -> None:
    began, busy = time.perf_counter(), _busy(target)
    took = sorted(await _at_rate(target, seconds))
    spent, used = time.perf_counter() - began, _busy(target) - busy
    cuts = quantiles(took, n=100)
    print(
        f"{_RATE:,} requests/s: {len(took):,} responses in {spent:.1f} s, p50 {cuts[49] * 1000:.1f} ms, "
        f"p95 {cuts[94] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms, max {took[-1] * 1000:.1f} ms; "
        f"{used / spent:.0%} of a core, {used / len(took) * 1e6:.0f} us per request; load {os.getloadavg()[0]:.1f}"
    )


def _busy(target: _Target) -> float:
    times = target.process.cpu_times()
    return float(times.user + times.system)


async def _throughput(target: _Target, seconds: float) -> int:
    until = time.perf_counter() + seconds
    request = _request(target, _BATCH)
    counts = await asyncio.gather(*(_send_until(target, request, until) for _ in range(_CONNECTIONS)))
    return sum(counts)


async def _send_until(target: _Target, request: bytes, until: float) -> int:
    reader, writer = await _connected(target)
    sent = 0
    while time.perf_counter() < until:
        writer.write(request)
        await _answer(reader)
        sent += _BATCH
    writer.close()
    return sent


async def _at_rate(target: _Target, seconds: float) -> list[float]:
    """Return the latency of each request in seconds, measured from its scheduled send time."""
    request = _request(target, 1)
    free = deque([await _connected(target) for _ in range(_RATE_CONNECTIONS)])
    took: list[float] = []
    due: asyncio.Queue[float] = asyncio.Queue()

    async def work() -> None:
        reader, writer = free.popleft()
        while (at := await due.get()) >= 0:
            writer.write(request)
            await _answer(reader)
            took.append(time.perf_counter() - at)
        writer.close()

    workers = [asyncio.create_task(work()) for _ in range(_RATE_CONNECTIONS)]
    began, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        while sent < elapsed * _RATE:
            due.put_nowait(began + sent / _RATE)
            sent += 1
        await asyncio.sleep(0.001)
    for _ in workers:
        due.put_nowait(-1)
    await asyncio.gather(*workers)
    return took


async def _connected(target: _Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host = urlsplit(target.url)
    return await asyncio.open_connection(host.hostname, host.port)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if not head.startswith(b"HTTP/1.1 202") or length is None:
        raise SystemExit(f"not accepted: {head!r}")
    await reader.readexactly(int(length[1]))


def _request(target: _Target, events: int) -> bytes:
    body = b"\n".join(_events(events))
    host = urlsplit(target.url).netloc
    head = (
        f"POST /v1/events?topic=queries HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {target.key}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _events(count: int) -> Sequence[bytes]:
    tenants = [str(uuid4()) for _ in range(10)]
    return [
        json.dumps(
            {
                "event_id": str(uuid4()),
                "user_id": tenants[n % len(tenants)],
                "created_at": datetime.now(UTC).isoformat(),
                "conversation_id": str(uuid4()),
                "integration_provider": "hubspot",
                "query_type": "contact_lookup",
                "query_success": True,
                "response_time_ms": 250,
                "data_freshness_hours": 2.0,
                "ai_confidence_score": 0.95,
                "customer_satisfaction_impact": 0.8,
                "customer_id": "c-1042",
                "channel": "web",
                "country": "DE",
            }
        ).encode()
        for n in range(count)
    ]


if __name__ == "__main__":
    main()
