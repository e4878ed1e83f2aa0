"""OTLP traces: spans of tool calls, by the GenAI conventions, become query events (table: docs/producers.md)."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from starlette.responses import Response

from api.problems import ApiError
from collector.body import JSON_TYPE, Item
from models.measures import QUERY_MEASURES
from models.topics import QUERIES

PROTOBUF_TYPE: Final = "application/x-protobuf"
MAX_SPANS: Final = 20_000
_TOOL: Final = "execute_tool"
_IDS: Final = UUID("5a1d3c0e-6f0b-4d0e-9b51-0c5f3f6a7e11")
_SPLIT: Final = re.compile(r"[./:]")
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9_-]+")
_HALF_A_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HEX_IDS: Final = ("traceId", "spanId", "parentSpanId")
# Attributes that are copied to a field unchanged.
_PLAIN: Final[Mapping[str, str]] = {
    f"romashka.{name}": name
    for name in (*QUERY_MEASURES, "data_type", "customer_id", "customer_segment", "channel", "country")
}
_TENANT: Final = ("romashka.user_id", "tenant.id")
_PROVIDER: Final = ("romashka.integration_provider", "peer.service", "service.peer.name")
# google.rpc.Code by HTTP status, as that enumeration maps them.
_RPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 3, 415: 3, 422: 3, 429: 8, 500: 13, 503: 14}
_RPC_UNKNOWN: Final = 2
_STATUS_KINDS: Final = {"401": "auth", "403": "permission", "404": "not_found", "408": "timeout", "429": "rate_limit"}
_WORDS: Final = (
    ("timeout", "timeout"),
    ("deadline", "timeout"),
    ("rate", "rate_limit"),
    ("unauth", "auth"),
    ("permission", "permission"),
    ("forbidden", "permission"),
    ("notfound", "not_found"),
    ("not_found", "not_found"),
    ("connect", "provider_down"),
    ("unavailable", "provider_down"),
)


class Mapped(NamedTuple):
    """The events of a request, and the number of spans without an event, by reason."""

    items: list[Item]
    unmapped: Counter[str]


def trace_request(body: bytes, media_type: str) -> ExportTraceServiceRequest:
    """Return the request of a body.

    Raises
    ------
    ApiError
        400 where the body cannot be read, 413 for too many spans, 415 for another media type.
    """
    request = _request(body, media_type)
    count = sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    if count > MAX_SPANS:
        detail = f"a request may have {MAX_SPANS} spans; send smaller batches (send_batch_max_size of OpenTelemetry)"
        raise ApiError(413, "too-many-events", detail)
    return request


def _request(body: bytes, media_type: str) -> ExportTraceServiceRequest:
    try:
        if media_type == PROTOBUF_TYPE:
            return ExportTraceServiceRequest.FromString(body)
        if media_type == JSON_TYPE:
            message = json.loads(body)
            # A text that was cut within an emoji is no reason to lose the other spans.
            if _HALF_A_PAIR.search(body):
                message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
            _use_base64(message)
            return ParseDict(message, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise ApiError(400, "wrong-body", "the body is no OTLP ExportTraceServiceRequest") from None
    raise ApiError(415, "wrong-type", f"Content-Type: expected {PROTOBUF_TYPE} or {JSON_TYPE}")


def status_response(refused: ApiError, media_type: str) -> Response:
    """Return an OTLP error: a ``google.rpc.Status`` in the encoding of the request."""
    status = RpcStatus(code=_RPC_CODES.get(refused.status, _RPC_UNKNOWN), message=refused.detail)
    if media_type == PROTOBUF_TYPE:
        return Response(status.SerializeToString(), refused.status, refused.headers, PROTOBUF_TYPE)
    return Response(MessageToJson(status), refused.status, refused.headers, JSON_TYPE)


def mapped(request: ExportTraceServiceRequest) -> Mapped:
    """Return the query events for spans of tool calls."""
    items: list[Item] = []
    unmapped: Counter[str] = Counter()
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                event = _event(span, {**resource, **_attributes(span.attributes)})
                if isinstance(event, str):
                    unmapped[event] += 1
                else:
                    value = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace")
                    items.append(Item(QUERIES.name, value))
    return Mapped(items, unmapped)


def _event(span: Span, attributes: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return a span's event, or the reason for having none."""
    tool = str(attributes.get("gen_ai.tool.name", "") or span.name.removeprefix(_TOOL).strip())
    tenant = _uuid(_first(attributes, _TENANT))
    named = attributes.get("gen_ai.conversation.id")
    conversation = (named.strip() if isinstance(named, str) else named) or (
        span.trace_id.hex() if any(span.trace_id) else ""
    )
    provider, query_type = _provider_and_type(attributes, tool)
    ended = _ended(span)
    if attributes.get("gen_ai.operation.name") != _TOOL and not span.name.startswith(_TOOL + " "):
        return "not_a_tool_call"
    if tenant is None:
        return "no_tenant"
    if not any(span.span_id) or not conversation:  # an id of zeros is invalid (W3C trace context)
        return "no_conversation"
    if not provider or not query_type:
        return "no_provider"
    if ended is None:
        return "no_duration"
    failed = span.status.code == Status.STATUS_CODE_ERROR or bool(attributes.get("error.type"))
    event: dict[str, Any] = {
        "event_id": str(uuid5(_IDS, f"{span.trace_id.hex()}:{span.span_id.hex()}")),
        "user_id": str(tenant),
        "created_at": ended.isoformat(),
        "conversation_id": str(_uuid(conversation) or uuid5(tenant, str(conversation))),
        "integration_provider": provider,
        "query_type": query_type,
        "query_success": not failed,
        "response_time_ms": (span.end_time_unix_nano - span.start_time_unix_nano) // 1_000_000,
    }
    if failed:
        event["error_kind"] = _error_kind(str(attributes.get("error.type", "")))
    return event | {field: attributes[name] for name, field in _PLAIN.items() if name in attributes}


def _ended(span: Span) -> datetime | None:
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        return None
    try:
        return datetime.fromtimestamp(span.end_time_unix_nano / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _provider_and_type(attributes: Mapping[str, Any], tool: str) -> tuple[str, str]:
    """Return provider and query type: from their attributes, or from a tool named ``hubspot.contact_lookup``."""
    provider = str(_first(attributes, _PROVIDER) or "")
    query_type = str(attributes.get("romashka.query_type", ""))
    parts = _SPLIT.split(tool, maxsplit=1)
    if not provider and len(parts) > 1:
        provider = parts[0]
    return _NOT_IN_A_NAME.sub("_", provider.lower()).strip("_"), query_type or parts[-1]


def _error_kind(text: str) -> str:
    if text in _STATUS_KINDS:
        return _STATUS_KINDS[text]
    if re.fullmatch("5[0-9][0-9]", text):
        return "provider_down"
    lowered = text.lower()
    return next((kind for word, kind in _WORDS if word in lowered), "unknown")


def _first(attributes: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name)), None)


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in {"string_value", "bool_value", "int_value", "double_value"} else None


def _use_base64(message: Any) -> None:
    """Rewrite the ids: OTLP's JSON has them in hexadecimal, protobuf's own JSON in base64."""
    for of_resource in message.get("resourceSpans", []):
        for of_scope in of_resource.get("scopeSpans", []):
            for span in of_scope.get("spans", []):
                for name in _HEX_IDS:
                    if span.get(name):
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
                span.pop("links", None)
