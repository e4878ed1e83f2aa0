"""What the collector answers, with fakes for Kafka and ClickHouse."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.body import MAX_BODY_BYTES, MAX_EVENTS, MAX_PLAIN_BYTES, MAX_VALUE_LENGTH, Item, items
from collector.intake import Intake
from models.events import MAX_EVENT_BYTES
from tests.unit.collector.sending import ACME, BOREAS, NOW, Setup, query


async def test_one_event_is_accepted_and_keyed_by_its_tenant() -> None:
    setup = Setup()
    event = query(user_id=str(BOREAS).upper())
    answer = await setup.send(event, "everyone")
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "rejected": 0,
        "events": [{"status": "accepted", "event_id": event["event_id"]}],
    }
    [(message, headers)] = setup.publisher.published
    assert (message.topic, message.key, headers) == ("integration.queries.v1", str(BOREAS).encode(), ())
    assert json.loads(message.value) == event


async def test_each_event_of_a_batch_gets_its_own_verdict_in_order() -> None:
    setup = Setup()
    events = [query(), query(response_time_ms=-1), query(created_at="2026-03-01T12:06:00Z"), query(BOREAS), query()]
    answer = await setup.send(events)
    assert answer.status_code == 202
    verdicts = answer.json()["events"]
    assert [one.get("reason") for one in verdicts] == [None, "out_of_range", "in_the_future", "foreign_tenant", None]
    assert [one.get("stage") for one in verdicts] == [None, "validate", "time", "access", None]
    assert [json.loads(message.value)["event_id"] for message, _ in setup.publisher.published] == [
        events[0]["event_id"],
        events[4]["event_id"],
    ]


@pytest.mark.parametrize("field", ["event_id", "user_id", "conversation_id"])
@pytest.mark.parametrize("value", [str(UUID(int=0)), str(UUID(int=2**128 - 1))])
async def test_an_id_that_stands_for_none_is_refused_by_name_also_with_a_key_for_every_tenant(
    field: str, value: str
) -> None:
    setup = Setup()
    answer = await setup.send(query() | {field: value}, "everyone")
    assert answer.status_code == 422
    [verdict] = answer.json()["events"]
    assert (verdict["reason"], verdict["detail"].split(":")[0]) == ("not_allowed", field)
    assert setup.publisher.published == []


async def test_a_rejection_never_shows_the_value() -> None:
    answer = await Setup().send(query(query_type="olha.k@example.com\n"))
    assert answer.status_code == 422
    assert "olha" not in answer.text


@pytest.mark.parametrize(("given", "missing"), [("experiment", "arm"), ("arm", "experiment")])
async def test_an_experiment_without_an_arm_is_refused_by_name(given: str, missing: str) -> None:
    event = {"event_id": str(UUID(int=9)), "user_id": str(ACME), "created_at": NOW.isoformat()}
    event |= {"conversation_id": str(UUID(int=5)), given: "x"}
    answer = await Setup().send(event, topic="intelligence")
    assert answer.status_code == 422
    [verdict] = answer.json()["events"]
    assert (verdict["reason"], verdict["detail"].split(":")[0]) == ("missing_field", missing)
    accepted = await Setup().send({**event, missing: "y"}, topic="intelligence")
    assert accepted.status_code == 202


async def test_events_of_several_topics_come_with_their_topic() -> None:
    setup = Setup()
    health = {
        **{name: query()[name] for name in ("event_id", "user_id", "created_at", "integration_provider")},
        **dict.fromkeys(("sync_success_rate", "error_rate", "data_freshness_score", "api_rate_limit_usage"), 0.5),
        "sync_status": "healthy",
        "last_sync_at": "2026-03-01T11:59:00+00:00",
    }
    body = [
        {"topic": "queries", "event": query()},
        {"topic": "integration.health.v1", "event": health},
        {"topic": "nothing", "event": query()},
        query(),
        7,
    ]
    answer = await setup.send(body, topic=None)
    reasons = [one.get("reason") for one in answer.json()["events"]]
    assert reasons == [None, None, "not_allowed", "missing_field", "missing_field"]
    assert [message.topic for message, _ in setup.publisher.published] == [
        "integration.queries.v1",
        "integration.health.v1",
    ]


@pytest.mark.parametrize("pack", [False, True])
async def test_ndjson_is_taken_line_by_line_with_gzip_or_without(pack: bool) -> None:
    lines = b"\n".join([json.dumps(query()).encode(), b"{broken", b"", json.dumps(query()).encode()])
    encoding = {"Content_Encoding": "gzip"} if pack else {}
    answer = await Setup().send(
        gzip.compress(lines, mtime=0) if pack else lines, Content_Type="application/x-ndjson; charset=utf-8", **encoding
    )
    assert answer.status_code == 202
    assert [one.get("reason") for one in answer.json()["events"]] == [None, "invalid_json", None]


@pytest.mark.parametrize(
    ("key", "status", "kind"), [("", 401, "wrong-key"), ("nobody", 401, "wrong-key"), ("viewer", 403, "wrong-role")]
)
async def test_who_may_not_send_is_told_so(key: str, status: int, kind: str) -> None:
    answer = await Setup().send(query(), key)
    assert answer.status_code == status
    assert answer.json()["type"].endswith(kind)


async def test_a_foreign_tenant_and_a_foreign_topic_are_refused() -> None:
    setup = Setup()
    tenant = await setup.send(query(BOREAS))
    topic = await setup.send([query()], "queries", topic="outcomes")
    assert (tenant.status_code, topic.status_code) == (403, 403)
    assert tenant.json()["events"][0]["reason"] == "foreign_tenant"
    assert topic.json()["events"][0]["reason"] == "foreign_topic"
    assert setup.publisher.published == []


async def test_guessing_keys_is_slowed_down() -> None:
    setup = Setup()
    answers = [(await setup.send(query(), f"guess-{n}")).status_code for n in range(40)]
    assert answers[0] == 401
    assert answers[-1] == 429


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), {}, 413),
        (gzip.compress(b" " * (MAX_PLAIN_BYTES + 1)), {"Content_Encoding": "gzip"}, 413),
        (b"[" + b"1," * MAX_EVENTS + b"1]", {}, 413),
        (gzip.compress(b"{}", mtime=0)[:-4], {"Content_Encoding": "gzip"}, 400),
        (b"{}", {"Content_Encoding": "gzip"}, 400),
        (b"{}", {"Content_Encoding": "br"}, 415),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"[" * 100_000, {}, 400),
        (b"[1,]", {}, 400),
        (b"[,1]", {}, 400),
        (b"[1", {}, 400),
        (b"[1]]", {}, 400),
        (b"{} {}", {}, 400),
        (b"\xff", {}, 400),
        (b"", {}, 400),
        (b"9" * 5_000, {}, 422),
        (b"{}", {}, 422),
        (b'{"user_id": "\\ud800"}', {}, 422),
    ],
)
async def test_a_body_that_cannot_be_taken_is_answered_by_its_kind(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await Setup().send(body, **headers)
    assert answer.status_code == status


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode), ndjson=st.booleans())
def test_no_body_is_a_fault_of_ours(body: bytes, ndjson: bool) -> None:
    kind = "application/x-ndjson" if ndjson else "application/json"
    answer = asyncio.run(Setup().send(body, topic=None, Content_Type=kind))
    assert answer.status_code in {202, 400, 422}


async def test_a_slow_client_is_given_up() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    setup = Setup(limits={"body_seconds": 0.05})
    async with setup.client() as client:
        answer = await client.post(
            "/v1/events?topic=queries", content=slowly(), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 408
    assert answer.headers["connection"] == "close"


async def test_nothing_is_accepted_that_kafka_did_not_acknowledge() -> None:
    setup = Setup()
    setup.publisher.down = True
    answer = await setup.send([query(), query(response_time_ms="slow")])
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert [one["reason"] for one in answer.json()["events"]] == ["not_acknowledged", "wrong_type"]


async def test_more_events_than_agreed_are_put_off_and_told_until_when() -> None:
    setup = Setup(limits={"events_per_second": 10})
    assert (await setup.send([query()] * 40)).status_code == 202
    late = await setup.send(query())
    assert late.status_code == 429
    assert late.headers["retry-after"] == "2"
    assert (await setup.send(query(BOREAS), "everyone")).status_code == 202
    setup.seconds += 2.1
    assert (await setup.send(query())).status_code == 202


async def test_too_much_under_way_at_once_is_put_off() -> None:
    answer = await Setup(limits={"in_flight_bytes": 10}).send(query())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_one_producer_cannot_hold_the_room_of_the_others() -> None:
    setup = Setup(limits={"in_flight_bytes": 4_000, "body_seconds": 5.0})
    going = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        await going.wait()
        yield b""

    async with setup.client() as client:
        headers = {"Content-Type": "application/json", "Content-Length": "1500"}
        held = [
            asyncio.create_task(client.post("/v1/events?topic=queries", content=stalled(), headers=headers))
            for _ in range(3)
        ]
        await asyncio.sleep(0.05)
        other = await setup.send(query(BOREAS), "everyone")
        going.set()
        statuses = [(await one).status_code for one in held]
    assert other.status_code == 202
    assert sorted(statuses) == [400, 503, 503]
    assert (await setup.send(query())).status_code == 202


class _CountedZlib:
    """``zlib`` that counts the bytes that it is handed."""

    def __init__(self) -> None:
        self.handed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(zlib, name)

    def decompressobj(self, window: int) -> _CountedZlib._Member:
        return self._Member(self, zlib.decompressobj(window))

    class _Member:
        def __init__(self, counted: _CountedZlib, member: Any) -> None:
            self._counted = counted
            self._member = member

        def __getattr__(self, name: str) -> Any:
            return getattr(self._member, name)

        def decompress(self, piece: bytes) -> bytes:
            self._counted.handed += len(piece)
            unpacked: bytes = self._member.decompress(piece)
            return unpacked


async def test_a_gzip_body_of_many_empty_members_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """zlib copies what follows a member's end: each of them copied the rest of the body."""
    members = 2_000
    packed = gzip.compress(b"", mtime=0) * members + gzip.compress(json.dumps(query()).encode(), mtime=0)
    counted = _CountedZlib()
    monkeypatch.setattr("collector.body.zlib", counted)
    answer = await Setup().send(packed, Content_Encoding="gzip")
    assert answer.status_code == 202
    assert len(packed) <= counted.handed <= (members + 2) * 1_024


async def test_another_producer_is_answered_while_a_body_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One array of 16 MiB held up everybody for two seconds."""
    setup = Setup()
    began, answered = threading.Event(), threading.Event()

    def parsed(body: bytes, media_type: str, topic: str | None) -> list[Item]:
        found = items(body, media_type, topic)
        if len(found) == 2:
            began.set()
            assert answered.wait(10)
        return found

    monkeypatch.setattr("collector.app.items", parsed)
    large = asyncio.create_task(setup.send([query(), query()]))
    assert await asyncio.to_thread(began.wait, 10)
    assert (await setup.send(query(BOREAS), "everyone")).status_code == 202
    answered.set()
    assert (await large).status_code == 202


async def test_a_value_far_larger_than_an_event_is_not_parsed_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser holds up every thread until it returns: of empty arrays in 16 MiB for three seconds."""
    lengths: list[int] = []

    class Counted(json.JSONDecoder):
        def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
            lengths.append(len(s) - idx)
            return super().raw_decode(s, idx)

    monkeypatch.setattr("collector.body._DECODER", Counted())
    nested = "[" + "[]," * MAX_VALUE_LENGTH + "1]"
    for body in (f"[{nested}]", nested, f'{{"topic": "queries", "event": {nested}}}'):
        packed = gzip.compress(body.encode(), mtime=0)
        answer = await Setup().send(packed, topic=None if "topic" in body else "queries", Content_Encoding="gzip")
        assert answer.status_code in {400, 413}
    lines = await Setup().send(
        gzip.compress(f'{{"event": {nested}}}\n'.encode()),
        topic=None,
        Content_Type="application/x-ndjson",
        Content_Encoding="gzip",
    )
    assert lines.status_code == 413
    assert 0 < max(lengths) <= MAX_VALUE_LENGTH


async def test_events_of_a_long_body_are_read_as_those_of_a_short_one() -> None:
    events = [query(query_type="ä" * 100), query(query_type="x" * (MAX_EVENT_BYTES + 1)), query()]
    blanks = " " * (2 * MAX_VALUE_LENGTH)
    body = "[" + f"{blanks},".join(json.dumps(one, ensure_ascii=False) for one in events) + "]"
    setup = Setup()
    answer = await setup.send(gzip.compress(body.encode()), Content_Encoding="gzip")
    assert [one["status"] for one in answer.json()["events"]] == ["accepted", "rejected", "accepted"]
    assert [json.loads(message.value) for message, _ in setup.publisher.published] == [events[0], events[2]]


@pytest.mark.parametrize(
    ("events", "batches"), [([query()] * MAX_EVENTS, 2), ([query(query_type="x" * 400_000)] * 6, 2)]
)
async def test_others_are_answered_between_batches_of_a_request(
    events: list[dict[str, Any]], batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = Setup(limits={"events_per_second": 100_000})
    seen: list[str] = []
    judge = Intake._judge

    def judged(self: Intake, *arguments: Any) -> Any:
        seen.append("batch")
        asyncio.get_running_loop().call_soon(seen.append, "others")
        return judge(self, *arguments)

    monkeypatch.setattr(Intake, "_judge", judged)
    await setup.send(gzip.compress(json.dumps(events).encode()), Content_Encoding="gzip")
    assert seen == ["batch", "others"] * batches


async def test_blank_lines_are_not_made_into_a_list_before_they_are_counted() -> None:
    setup = Setup()
    packed = gzip.compress(json.dumps(query()).encode() + b"\n" * (MAX_PLAIN_BYTES - 1_000), mtime=0)
    tracemalloc.start()
    try:
        answer = await setup.send(packed, Content_Type="application/x-ndjson", Content_Encoding="gzip")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.json()["accepted"] == 1
    assert most < 5 * MAX_PLAIN_BYTES


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
async def test_a_byte_order_mark_before_the_first_event_is_no_part_of_it(media_type: str) -> None:
    answer = await Setup().send(b"\xef\xbb\xbf" + json.dumps(query()).encode(), Content_Type=media_type)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)


@pytest.mark.parametrize("topic", ["queries", None])
async def test_a_number_of_thousands_of_digits_refuses_its_event_alone(topic: str | None) -> None:
    bad = json.dumps(query(data_freshness_hours=1)).replace('hours": 1', 'hours": ' + "9" * 5_000)
    events = [bad, json.dumps(query())]
    if topic is None:
        events = [f'{{"topic": "queries", "event": {event}}}' for event in events]
    answer = await Setup().send(f"[{','.join(events)}]".encode(), topic=topic)
    assert answer.status_code == 202
    first, second = answer.json()["events"]
    assert (first["status"], second["status"]) == ("rejected", "accepted")


@pytest.mark.parametrize("days", ["0", "91", "000", "007", "0000019999999", "+7", "7.0", "\u0667"])
async def test_days_of_rejections_are_1_to_90(days: str) -> None:
    async with Setup().client() as client:
        answer = await client.get("/v1/dead-letters", params={"days": days})
    assert (answer.status_code, answer.json()["detail"]) == (422, "days: expected a number from 1 to 90")


async def test_keys_hold_for_ten_minutes_while_clickhouse_is_away() -> None:
    setup = Setup()
    assert (await setup.send(query())).status_code == 202
    setup.keys_are_readable = False
    setup.seconds += 599
    assert (await setup.send(query())).status_code == 202
    assert (await setup.send(query(), "everyone")).status_code == 503
    setup.seconds += 2
    assert (await setup.send(query())).status_code == 503


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({}, []),
        ({"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}, ["traceparent"]),
        (
            {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "tracestate": "x=1"},
            ["traceparent", "tracestate"],
        ),
        ({"traceparent": "nonsense", "tracestate": "x=1"}, []),
    ],
)
async def test_the_trace_context_goes_along_as_kafka_headers(headers: dict[str, str], kept: list[str]) -> None:
    setup = Setup()
    await setup.send(query(), **headers)
    [(_, sent)] = setup.publisher.published
    assert [name for name, _ in sent] == kept


async def test_cors_is_off_unless_configured() -> None:
    origin = {"Origin": "https://app.example.com"}
    async with Setup().client("", **origin) as client:
        off = await client.options("/v1/events")
    assert off.status_code == 405
    async with Setup(cors_origins=["https://app.example.com"]).client("", **origin) as client:
        on = await client.options("/v1/events")
    assert (on.status_code, on.headers["access-control-allow-origin"]) == (204, "https://app.example.com")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/events", 405), ("POST", "/v1/nothing", 404)])
async def test_other_addresses_and_methods_are_problems(method: str, path: str, status: int) -> None:
    async with Setup().client() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_counts_are_kept_by_reason() -> None:
    setup = Setup()
    await setup.send([query(), query(response_time_ms=-1), query(response_time_ms=-2)])
    samples: dict[Any, float] = {
        (sample.name, sample.labels.get("reason")): sample.value
        for family in setup.collector.metrics.registry.collect()
        for sample in family.samples
    }
    assert samples["romashka_collector_accepted_events_total", None] == 1
    assert samples["romashka_collector_rejected_events_total", "out_of_range"] == 2


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "/v1/events?topic=queries&topic=health", "topic: is given more than once"),
        ("POST", "/v1/events?topics=queries", "topics: there is no such parameter; expected topic"),
        ("GET", "/v1/dead-letters?day=30", "day: there is no such parameter; expected days"),
        ("GET", "/v1/dead-letters?days=3&days=30", "days: is given more than once"),
    ],
)
async def test_a_parameter_that_is_unknown_or_given_twice_is_refused(method: str, path: str, said: str) -> None:
    async with Setup().client() as client:
        answer = await client.request(method, path, json=[query()] if method == "POST" else None)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
