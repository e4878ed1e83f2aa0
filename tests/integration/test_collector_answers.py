"""Every answer that docs/producers.md promises, of a collector that runs as it is deployed."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Message

from collector.access import add_producer_key
from collector.body import MAX_BODY_BYTES, MAX_PLAIN_BYTES
from storage.connection import ClickHouseAddress, connect
from streams.kafka import KafkaAddress, create_topics
from tests.integration.test_collector import QUERIES, collecting
from tests.kafka_topic import records
from tests.spare_databases import SpareDatabases
from tests.unit.collector.sending import ACME, BOREAS, query
from tests.worker_process import SECRET, environment

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.kafka]
_HEAD = b"POST /v1/events?topic=queries HTTP/1.1\r\nHost: x\r\n"
_TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


class Running(NamedTuple):
    """A collector, what it writes to, and how to make keys for it."""

    url: str
    kafka: KafkaAddress
    database: ClickHouseAddress

    def client(self) -> httpx.Client:
        """Return a client with a key of its own, for the tenant Acme."""
        with connect(self.database) as connection:
            _, key = add_producer_key(
                connection, SECRET, tenants=[ACME], all_tenants=False, topics=[], label="t", now=datetime.now(UTC)
            )
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.fixture(scope="module")
def collector(kafka_bootstrap: str, spare_databases: SpareDatabases) -> Iterator[Running]:
    kafka, database = KafkaAddress(kafka_bootstrap), spare_databases.lend()
    create_topics(kafka)
    limits = {"ROMASHKA_COLLECTOR_EVENTS_PER_SECOND": "50", "ROMASHKA_COLLECTOR_BODY_SECONDS": "0.5"}
    with collecting({**environment(kafka, database, "unused"), **limits}, "collector") as url:
        yield Running(url, kafka, database)


def event(**fields: Any) -> dict[str, Any]:
    return query(**{"created_at": datetime.now(UTC).isoformat(), **fields})


def in_kafka(collector: Running, sent: dict[str, Any]) -> list[Message]:
    """Return the messages with this event's id: the topic also holds what other tests sent, broken JSON too."""
    return [
        message
        for message in records(collector.kafka.bootstrap, QUERIES, whole=True)
        if sent["event_id"].encode() in (message.value() or b"")
    ]


def test_an_accepted_event_is_in_kafka_with_its_trace_and_a_repeat_is_accepted_again(collector: Running) -> None:
    one = event()
    with collector.client() as client:
        for _ in range(2):
            answer = client.post("/v1/events?topic=queries", json=one, headers={"traceparent": _TRACE})
            assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    found = [(message.key(), message.headers()) for message in in_kafka(collector, one)]
    assert found == [(str(ACME).encode(), [("traceparent", _TRACE.encode())])] * 2  # one event_id: it counts once


def test_a_line_that_is_no_json_costs_nothing_but_itself(collector: Running) -> None:
    good = [event(), event()]
    body = "\n".join([json.dumps(good[0]), '{"event_id": ', json.dumps(good[1])]).encode()
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    with collector.client() as client:
        answer = client.post("/v1/events?topic=queries", content=gzip.compress(body, mtime=0), headers=headers)
    assert answer.status_code == 202
    assert [one.get("reason") for one in answer.json()["events"]] == [None, "invalid_json", None]
    assert [len(in_kafka(collector, one)) for one in good] == [1, 1]


def test_a_wrong_key_and_a_foreign_tenant_are_refused_and_reach_nothing(collector: Running) -> None:
    wrong, foreign = event(), event(user_id=str(BOREAS))
    with collector.client() as client:
        answers = [
            client.post("/v1/events?topic=queries", json=wrong, headers={"Authorization": "Bearer rmk_wrong"}),
            client.post("/v1/events?topic=queries", json=wrong, headers={"Authorization": ""}),
            client.post("/v1/events?topic=queries", json=foreign),
        ]
    assert [answer.status_code for answer in answers] == [401, 401, 403]
    assert answers[2].json()["events"][0]["reason"] == "foreign_tenant"
    assert in_kafka(collector, wrong) == in_kafka(collector, foreign) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), {}, 413),
        (gzip.compress(b" " * (MAX_PLAIN_BYTES + 1)), {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(gzip.compress(b" " * 64 * MAX_PLAIN_BYTES)), {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}")[:-3], {"Content-Encoding": "gzip"}, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (b"{", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ],
    ids=["too large", "gzip bomb", "gzip within gzip", "cut gzip", "no gzip", "cut JSON", "another type"],
)
def test_a_body_that_cannot_be_taken_is_answered_by_its_kind(
    collector: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    with collector.client() as client:
        answer = client.post(
            "/v1/events?topic=queries", content=body, headers={"Content-Type": "application/json", **headers}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert client.post("/v1/events?topic=queries", json=event()).status_code == 202  # the next is served


def test_more_events_than_agreed_are_put_off_and_taken_after_the_time_told(collector: Running) -> None:
    with collector.client() as client:
        assert client.post("/v1/events?topic=queries", json=[event() for _ in range(120)]).status_code == 202
        late = client.post("/v1/events?topic=queries", json=event())
        assert (late.status_code, late.headers["retry-after"]) == (429, "1")
        time.sleep(1)
        assert client.post("/v1/events?topic=queries", json=event()).status_code == 202


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (_HEAD + b"Authorization: Bearer %s\r\nContent-Length: 9\r\n\r\n{", b"too-slow"),
        (_HEAD + b"X-Slow: ", b"408"),
        (b"", b"408"),
    ],
    ids=["its body", "its head", "nothing at all"],
)
def test_a_client_that_sends_a_byte_at_a_time_is_given_up(collector: Running, start: bytes, said: bytes) -> None:
    with collector.client() as client:
        key = client.headers["Authorization"].removeprefix("Bearer ").encode()
    where = urlsplit(collector.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30) as slow:
        slow.sendall(start.replace(b"%s", key))
        slow.settimeout(0.1)
        began, answer = time.monotonic(), b""
        while time.monotonic() - began < 25:
            try:
                slow.sendall(b"x" if start else b"")
                got = slow.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not got:
                break
            answer += got
    assert time.monotonic() - began < 20
    assert answer.startswith(b"HTTP/1.1 408")
    assert said in answer


def test_while_kafka_is_away_nothing_is_accepted(collector: Running, kafka_bootstrap: str) -> None:
    away = {
        **environment(KafkaAddress("127.0.0.1:1"), collector.database, "unused"),
        "ROMASHKA_COLLECTOR_DELIVERY_SECONDS": "1",
    }
    one = event(event_id=str(uuid4()))
    with collecting(away, "collector") as url, collector.client() as client:
        answer = client.post(f"{url}/v1/events?topic=queries", json=one)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["events"][0]["reason"] == "not_acknowledged"
    assert in_kafka(collector, one) == []
