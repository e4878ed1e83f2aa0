"""What is fuzzed: each target takes a mutator, tries some inputs, and returns how many; it raises where one breaks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.services import Configuration
from embedded.errors import QueryFailed
from embedded.request import read_query
from embedded.statements import read_statement
from models.rows import WRITTEN
from models.sync_status import DEFAULT_VOCABULARY
from models.topics import INGEST, Topic
from storage.connection import ClickHouseAddress
from streams.arrow_batches import to_batch, with_meanings
from streams.decode import Decoder
from streams.pseudonyms import Pseudonymiser
from streams.record_reader import Batch, RecordReader
from streams.topic_processor import TABLES
from tests.examples.corpus import VALID
from tests.examples.events import NOW, SECRET, Record, source
from tests.fuzz.mutation import Mutator
from tests.unit.collector.sending import Setup, query

Target = Callable[[Mutator], Awaitable[int]]

_BATCH: Final = 128
_DAMAGED: Final = (0.01, 0.06, 0.5, 1.0)
_REQUESTS: Final = 25
_PSEUDONYMISER: Final = Pseudonymiser(SECRET, "k1")


async def events_to_rows(mutator: Mutator) -> int:
    """Both ways from bytes to rows: neither raises, and they agree on rows, dead letters and unknown fields.

    The batch is of one topic: examples of it, and some, by the round few or all, damaged; those count as inputs.
    """
    topic = mutator.rng.choice(INGEST)
    schema = WRITTEN[TABLES[topic][0]]
    share = mutator.rng.choice(_DAMAGED)
    whole = [number > 0 and mutator.rng.random() >= share for number in range(_BATCH)]
    mutator.rng.shuffle(whole)
    records = [_record(mutator, topic, offset, whole=intact) for offset, intact in enumerate(whole)]
    found = RecordReader(topic, schema, _PSEUDONYMISER).read([Batch(source(topic), records)], now=NOW)
    (read,) = found.batches
    decoded = _decoder(topic).decode(records, source(topic), now=NOW)
    assert read.rejected == decoded.rejected
    assert found.unknown_fields == decoded.unknown_fields
    assert len(decoded.events) + len(decoded.rejected) == _BATCH
    if not decoded.events:
        assert read.rows is None
    else:
        rows = to_batch(decoded.events, decoded.offsets, schema, source(topic), _PSEUDONYMISER)
        assert read.rows is not None
        assert read.rows.equals(with_meanings(rows, DEFAULT_VOCABULARY))
    return whole.count(False)


def _record(mutator: Mutator, topic: Topic, offset: int, *, whole: bool) -> Record:
    key, event = mutator.rng.choice(_examples(topic))
    if whole:
        return Record(offset, key, json.dumps(event).encode())
    match mutator.rng.random():
        case chance if chance < 0.02:
            return Record(offset, mutator.damaged(key), json.dumps(event).encode())
        case chance if chance < 0.021:
            return Record(offset, key, None)
    return Record(offset, key, mutator.of(event))


@cache
def _examples(topic: Topic) -> list[tuple[bytes, dict[str, Any]]]:
    events = [json.loads(example.value) for example in VALID if example.topic == topic]
    return [(str(one["user_id"]).encode(), one) for one in events]


@cache
def _decoder(topic: Topic) -> Decoder:
    return Decoder(topic)


async def http_front(mutator: Mutator) -> int:
    """The embedded database's HTTP interface: a request is read, or refused with an error of ClickHouse's."""
    statement = mutator.damaged(b'INSERT INTO d.t SETTINGS x = 1 FORMAT JSONEachRow {"a": 1}')
    body = gzip.compress(statement, 1) if mutator.rng.random() < 0.3 else statement
    encoding = mutator.rng.choice(("", "gzip", "lz4", "zstd", "br", "deflate", "\x00"))
    names = ("query", "database", "param_x", "readonly", "session_id", "session_timeout", "client_protocol_version")
    parameters = {
        mutator.rng.choice((*names, mutator.damaged(b"max_threads").decode("utf-8", "replace"))): mutator.damaged(
            b"SELECT {x:Int32} FROM t"
        ).decode("utf-8", mutator.rng.choice(("replace", "surrogateescape")))
        for _ in range(mutator.rng.randint(0, 4))
    }
    headers = {"Content-Encoding": encoding, "Accept-Encoding": mutator.damaged(b"gzip;q=0.5, lz4").decode("latin-1")}
    try:
        query_ = read_query(mutator.rng.choice(("GET", "POST")), parameters, headers, mutator.damaged(body))
        read_statement(query_.text)
    except QueryFailed:
        return 1  # refused as ClickHouse refuses
    return 1


@cache
def _collector() -> Setup:
    return Setup(limits={"events_per_second": 1e12})


async def collector(mutator: Mutator) -> int:
    """The collector: every request is answered, never by 500, and each event of a batch has its verdict."""
    setup = _collector()
    setup.seconds += 60.0  # its rates are per minute
    setup.publisher.published.clear()
    good = query()
    events = [mutator.of(good) if mutator.rng.random() < 0.5 else json.dumps(good).encode() for _ in range(8)]
    line = mutator.rng.random() < 0.5
    body = b"\n".join(events) if line else b"[" + b",".join(events) + b"]"
    if mutator.rng.random() < 0.2:
        body = mutator.damaged(gzip.compress(body, 1)) if mutator.rng.random() < 0.5 else gzip.compress(body, 1)
    headers = {
        "Content-Type": mutator.rng.choice(("application/json", "application/x-ndjson", "text/plain", "")),
        "Authorization": "Bearer acme" if mutator.rng.random() < 0.9 else "Bearer " + "x" * mutator.rng.randint(0, 99),
        "Content-Encoding": mutator.rng.choice(("", "", "", "gzip", "br")),
        "traceparent": mutator.damaged(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").hex(),
    }
    path = mutator.rng.choice(("/v1/events", "/v1/events", "/v1/events", "/v1/traces", "/v1/dead-letters"))
    transport = httpx.ASGITransport(app=setup.collector, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
        answer = await client.post(
            path, params={"topic": mutator.rng.choice(("queries", "health", "x"))}, content=body, headers=headers
        )
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code == 202 and path == "/v1/events":
        told = answer.json()
        assert told["accepted"] + told["rejected"] == len(told["events"])
        assert told["accepted"] == len(setup.publisher.published)
    return 8


@cache
def _api(database: ClickHouseAddress) -> tuple[FastAPI, tuple[str, ...]]:
    app = create_app(Configuration(database, b"0" * 32, Path("nowhere")))
    return app, tuple(app.openapi()["paths"])


async def api(database: ClickHouseAddress, mutator: Mutator) -> int:
    """The API before its doors: whatever a stranger asks is answered, and never by 500."""
    app, paths = _api(database)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            for _ in range(_REQUESTS):
                answer = await client.send(_request(client, mutator, paths))
                assert answer.status_code < 500, (answer.status_code, answer.text)
    return _REQUESTS


def _request(client: httpx.AsyncClient, mutator: Mutator, paths: Sequence[str]) -> httpx.Request:
    path = mutator.rng.choice(paths).replace("{", "").replace("}", "").encode()
    asked = quote(mutator.damaged(path) if mutator.rng.random() < 0.5 else path, safe="/%?=&.")
    given = {
        "Authorization": mutator.damaged(b"Bearer rmk_abcdefghijklmnopqrstuvwxyz").decode("latin-1"),
        "Content-Type": mutator.rng.choice(("application/json", "text/plain")),
        "X-Forwarded-For": mutator.damaged(b"203.0.113.7, 10.0.0.1").decode("latin-1"),
    }
    headers = {name: "".join(c for c in value if " " <= c <= "~") for name, value in given.items()}
    method = mutator.rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
    body = mutator.damaged(b'{"name": "x"}')
    return client.build_request(method, "/" + asked.lstrip("/"), content=body, headers=headers)


NAMES: Final = ("decoder and columns, four topics", "HTTP front of the embedded database", "collector", "API")
_SHARES: Final = (0.3, 0.33, 0.33, 0.04)


def targets(database: ClickHouseAddress) -> dict[str, tuple[Target, float]]:
    """Return by name each target and its share of the time; ``database`` is a migrated one for the API."""
    ways: tuple[Target, ...] = (events_to_rows, http_front, collector, partial(api, database))
    return {name: (way, share) for name, way, share in zip(NAMES, ways, _SHARES, strict=True)}
