"""Spans of tool calls as query events, through the collector's address for traces."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from collector.otlp import MAX_SPANS, Mapped, mapped, trace_request
from tests.unit.collector.sending import ACME, NOW, Setup

_END = int(NOW.timestamp()) * 1_000_000_000
_GOOD: dict[str, Any] = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "hubspot.contact_lookup",
    "gen_ai.conversation.id": "conv-7",
    "romashka.user_id": str(ACME),
    "romashka.ai_confidence_score": 0.9,
    "romashka.data_freshness_hours": 2,
}


def _span(
    attributes: dict[str, Any], *, name: str = "execute_tool hubspot.contact_lookup", failed: bool = False
) -> Span:
    values = {
        name: AnyValue(string_value=value)
        if isinstance(value, str)
        else AnyValue(int_value=value)
        if isinstance(value, int)
        else AnyValue(double_value=value)
        for name, value in attributes.items()
    }
    return Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        name=name,
        start_time_unix_nano=_END - 250_000_000,
        end_time_unix_nano=_END,
        attributes=[KeyValue(key=key, value=value) for key, value in values.items()],
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
    )


def _request(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def _event(span: Span) -> dict[str, Any]:
    [item] = mapped(_request(span)).items
    event: dict[str, Any] = json.loads(item.value)
    return event


def _hexadecimal(request: ExportTraceServiceRequest) -> bytes:
    """Return a request as OTLP's JSON, which has ids in hexadecimal."""
    document = MessageToDict(request)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span["traceId"], span["spanId"] = (b"t" * 16).hex(), (b"s" * 8).hex()
    return json.dumps(document).encode()


@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json"])
async def test_a_tool_call_becomes_the_same_event_from_either_encoding(kind: str) -> None:
    setup = Setup()
    request = _request(_span(_GOOD))
    body = request.SerializeToString() if kind == "application/x-protobuf" else _hexadecimal(request)
    async with setup.client() as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    [(message, _)] = setup.publisher.published
    event = json.loads(message.value)
    assert event == _event(_span(_GOOD))
    assert {name: event[name] for name in ("integration_provider", "query_type", "query_success")} == {
        "integration_provider": "hubspot",
        "query_type": "contact_lookup",
        "query_success": True,
    }
    assert (event["response_time_ms"], event["ai_confidence_score"], event["data_freshness_hours"]) == (250, 0.9, 2)


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("429", "rate_limit"),
        ("401", "auth"),
        ("503", "provider_down"),
        ("TimeoutError", "timeout"),
        ("ValueError", "unknown"),
    ],
)
def test_a_failed_call_says_what_kind_of_error_it_was(error_type: str, kind: str) -> None:
    event = _event(_span({**_GOOD, "error.type": error_type}, failed=True))
    assert (event["query_success"], event["error_kind"]) == (False, kind)


@pytest.mark.parametrize(
    ("attributes", "name", "reason"),
    [
        ({"gen_ai.operation.name": "chat"}, "chat gpt", "not_a_tool_call"),
        ({"romashka.user_id": ""}, "execute_tool x", "no_tenant"),
        ({"romashka.user_id": "acme"}, "execute_tool x", "no_tenant"),
        ({"gen_ai.tool.name": "lookup"}, "execute_tool lookup", "no_provider"),
    ],
)
async def test_what_cannot_be_mapped_is_counted_by_reason(attributes: dict[str, str], name: str, reason: str) -> None:
    setup = Setup()
    body = _request(_span({**_GOOD, **attributes}, name=name)).SerializeToString()
    async with setup.client() as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/x-protobuf"})
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == (0 if reason == "not_a_tool_call" else 1)
    counted = setup.collector.metrics.registry.get_sample_value(
        "romashka_collector_unmapped_spans_total", {"reason": reason}
    )
    assert counted == 1
    assert setup.publisher.published == []


async def test_spans_that_kafka_did_not_acknowledge_are_to_be_sent_again() -> None:
    setup = Setup()
    setup.publisher.down = True
    async with setup.client() as client:
        answer = await client.post(
            "/v1/traces",
            content=_request(_span(_GOOD)).SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("body", [b"[1]", b"{", b'{"resourceSpans": 7}', b'{"resourceSpans": [{"scopeSpans": [7]}]}'])
async def test_a_body_that_is_no_trace_is_refused(body: bytes) -> None:
    async with Setup().client() as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_sending_a_span_again_is_the_same_event() -> None:
    first, again = _request(_span(_GOOD)), trace_request(_hexadecimal(_request(_span(_GOOD))), "application/json")
    assert mapped(first).items == mapped(again).items


@pytest.mark.parametrize(
    ("key", "body", "down", "status", "code"),
    [
        ("nobody", b"", False, 401, 16),
        ("viewer", b"", False, 403, 7),
        ("acme", b"\xff\xff", False, 400, 3),
        ("acme", _request(_span(_GOOD)).SerializeToString(), True, 503, 14),
    ],
)
async def test_errors_are_told_as_exporters_read_them(
    key: str, body: bytes, down: bool, status: int, code: int
) -> None:
    setup = Setup()
    setup.publisher.down = down
    headers = {"Content-Type": "application/x-protobuf"}
    async with setup.client(key) as client:
        answer = await client.post("/v1/traces", content=body, headers=headers)
        as_json = await client.post("/v1/traces", content=b"{", headers={"Content-Type": "application/json"})
    told = RpcStatus.FromString(answer.content)
    assert (answer.status_code, answer.headers["content-type"], told.code) == (status, headers["Content-Type"], code)
    assert told.message
    assert (as_json.headers["content-type"], as_json.json()["code"]) == (
        "application/json",
        3 if key == "acme" else code,
    )


async def test_part_of_an_export_that_is_rejected_is_told_with_its_reasons() -> None:
    setup = Setup()
    spans = [
        _span(_GOOD),
        _span({**_GOOD, "romashka.user_id": "acme"}),
        _span({**_GOOD, "romashka.ai_confidence_score": 7}),
        _span({"gen_ai.operation.name": "chat"}, name="chat gpt"),
    ]
    async with setup.client() as client:
        answer = await client.post(
            "/v1/traces",
            content=_request(*spans).SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 2)
    assert "no_tenant (1)" in partial.error_message
    assert "out_of_range: ai_confidence_score" in partial.error_message
    assert len(setup.publisher.published) == 1


@pytest.mark.parametrize(
    "change",
    [{"romashka.user_id": "0" * 32}, {"gen_ai.conversation.id": "00000000-0000-0000-0000-000000000000"}],
)
async def test_a_span_whose_ids_are_zeros_is_rejected_by_name(change: dict[str, Any]) -> None:
    setup = Setup()
    body = _request(_span({**_GOOD, **change})).SerializeToString()
    async with setup.client("everyone") as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/x-protobuf"})
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert "neither all zeros nor all f" in partial.error_message
    assert setup.publisher.published == []


@pytest.mark.parametrize("conversation", ["", "  "])
def test_a_span_without_any_id_of_a_conversation_or_of_its_own_is_no_event(conversation: str) -> None:
    blank = _span({**_GOOD, "gen_ai.conversation.id": conversation})
    assert (
        _event(blank)["conversation_id"]
        == _event(_span({**_GOOD, "gen_ai.conversation.id": (b"t" * 16).hex()}))["conversation_id"]
    )
    blank.trace_id = b"\0" * 16
    nameless = _span(_GOOD)
    nameless.span_id = b"\0" * 8
    assert mapped(_request(blank, nameless)).unmapped == {"no_conversation": 2}


async def test_half_a_surrogate_pair_costs_no_other_span_its_place() -> None:
    """JavaScript cuts a text within an emoji, and every span of the export was refused for good."""
    setup = Setup()
    whole = _hexadecimal(_request(_span(_GOOD | {"romashka.channel": "chat 💥"}))).decode()
    spans = json.loads(whole)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    cut = json.loads(whole.replace("\\ud83d\\udca5", "\\ud83d"))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": cut + spans}]}]}).encode()
    async with setup.client() as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {})
    channels = [json.loads(message.value)["channel"] for message, _ in setup.publisher.published]
    assert channels == ["chat ?", "chat 💥"]


async def test_spans_are_read_in_another_thread_so_that_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of 60 KB held the loop for three seconds, and one of 770 KB for forty."""
    threads = []

    def noting(request: ExportTraceServiceRequest) -> Mapped:
        threads.append(threading.current_thread())
        return mapped(request)

    monkeypatch.setattr("collector.app.mapped", noting)
    async with Setup().client() as client:
        headers = {"Content-Type": "application/x-protobuf"}
        answer = await client.post("/v1/traces", content=_request(_span(_GOOD)).SerializeToString(), headers=headers)
    assert answer.status_code == 200
    assert threading.main_thread() not in threads != []


async def test_more_spans_than_are_taken_at_once_are_refused_with_what_to_set() -> None:
    body = _request(*[_span({})] * (MAX_SPANS + 1)).SerializeToString()
    async with Setup().client() as client:
        answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/x-protobuf"})
    assert answer.status_code == 413
    assert "send_batch_max_size" in RpcStatus.FromString(answer.content).message
