"""The collector as an ASGI application: standalone, or within the API process."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from clickhouse_connect.driver.client import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.problems import ApiError, unreachable
from api.rate_limit import MemoryLimiter, RequestRate
from collector.access import Access, Producer
from collector.body import MAX_BODY_BYTES, TOPICS, Item, items, plain_body
from collector.intake import UNACKNOWLEDGED, EventResult, Intake
from collector.limits import EventQuota, InFlight
from collector.metrics import CollectorMetrics
from collector.otlp import PROTOBUF_TYPE, mapped, status_response, trace_request
from collector.publisher import EventPublisher
from collector.rejections import Rejections, read_rejections
from kpis.text import printable
from models.errors import Unreachable

log = logging.getLogger(__name__)
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,400})?")
_MAX_TRACESTATE: Final = 512
_MAX_DAYS: Final = 90
_TRACES: Final = "/v1/traces"
_UNAUTHENTICATED: Final = RequestRate(per_minute=60, burst=30)
_FLUSH_SECONDS: Final = 5.0
_SECURITY_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_CORS_METHODS: Final = "GET, POST"
_CORS_HEADERS: Final = "Authorization, Content-Encoding, Content-Type, X-Request-ID, traceparent, tracestate"

Answer = TypeVar("Answer")


class DatabaseRunner(Protocol):
    """Runs blocking work with a connection to ClickHouse; the API's pool is one."""

    async def run(self, work: Callable[[Client], Answer]) -> Answer:
        """Return the result of ``work``; raises ``Unreachable``."""


@dataclass(frozen=True)
class CollectorLimits:
    """Limits of one process.

    Parameters
    ----------
    events_per_second
        Of one producer, on average.
    body_seconds
        How long a client may take to send its body.
    in_flight_bytes
        Of all requests under way.
    """

    events_per_second: float = 20_000
    body_seconds: float = 10.0
    in_flight_bytes: int = 64 * 1024 * 1024


class Collector:
    """Accepts events over HTTP and responds once Kafka has acknowledged them.

    Parameters
    ----------
    cors_origins
        Origins whose pages may send; none unless configured.
    """

    def __init__(
        self,
        access: Access,
        publisher: EventPublisher,
        database: DatabaseRunner,
        *,
        limits: CollectorLimits = CollectorLimits(),
        cors_origins: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.metrics = CollectorMetrics()
        self.rejections = Rejections()
        self._access = access
        self._publisher = publisher
        self._database = database
        self._intake = Intake(publisher)
        self._limits = limits
        self._quota = EventQuota(limits.events_per_second, clock)
        self._in_flight = InFlight(limits.in_flight_bytes)
        self._unauthenticated = MemoryLimiter(clock)
        self._cors_origins = frozenset(cors_origins)
        self._clock = clock
        self._now = now
        self._routes: Mapping[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
            "/v1/events": ("POST", self._events),
            _TRACES: ("POST", self._traces),
            "/v1/dead-letters": ("GET", self._dead_letters),
        }

    @property
    def paths(self) -> frozenset[str]:
        """The paths that it serves."""
        return frozenset(self._routes)

    async def run(self) -> None:
        """Write the counts of rejections until cancelled; failed writes are retried."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self._write_rejections()

    async def close(self) -> None:
        """Deliver pending events and write the last counts."""
        await asyncio.to_thread(self._publisher.close)
        await self._write_rejections()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to one of ``paths``."""
        request = Request(scope, receive)
        given = request.headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        began = self._clock()
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except ApiError as refused:
            response = _error_response(request, refused, request_id)
        except Unreachable as error:
            response = _error_response(request, unreachable(error), request_id)
        except Exception:
            log.exception("request %s failed", request_id)
            detail = f"something failed that should not; tell us the request id {request_id}"
            response = _error_response(request, ApiError(500, "fault", detail), request_id)
        path = scope["path"] if scope["path"] in self._routes else "other"
        self.metrics.requests.labels(path, str(response.status_code)).inc()
        self.metrics.seconds.labels(path).observe(self._clock() - began)
        response.headers.update({**_SECURITY_HEADERS, "X-Request-ID": request_id, **self._cors(request)})
        if response.status_code in {408, 413}:
            response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        method, route = self._routes.get(request.url.path, ("", None))
        if route is None:
            raise ApiError(404, "unknown-address", f"there is nothing at {request.url.path}")
        if request.method == "OPTIONS" and self._cors(request):
            return Response(
                status_code=204,
                headers={
                    "Access-Control-Allow-Methods": _CORS_METHODS,
                    "Access-Control-Allow-Headers": _CORS_HEADERS,
                    "Access-Control-Max-Age": "600",
                },
            )
        if request.method != method:
            detail = f"{request.url.path} does not take {request.method}"
            raise ApiError(405, "wrong-method", detail, headers={"Allow": method})
        return await route(request)

    async def _events(self, request: Request) -> Response:
        producer = await self._admit(request)
        topic = _parameter(request, "topic")
        if topic is not None and topic not in TOPICS:
            raise ApiError(422, "wrong-value", f"topic: expected one of {', '.join(TOPICS)}")
        with self._in_flight.hold(producer.name, _declared(request)):
            body = await self._body(request)
            # In a thread, as unpacking is: one array of 16 MiB takes seconds, in which others are answered too.
            found = await asyncio.to_thread(items, body, _media_type(request), topic)
            verdicts = await self._take(producer, found, request)
        return _verdict_response(verdicts)

    async def _traces(self, request: Request) -> Response:
        producer = await self._admit(request)
        media_type = _media_type(request)
        with self._in_flight.hold(producer.name, _declared(request)):
            body = await self._body(request)
            # Thousands of spans take a second, in which others are answered too.
            spans = await asyncio.to_thread(lambda: mapped(trace_request(body, media_type)))
            for reason, count in spans.unmapped.items():
                self.metrics.unmapped_spans.labels(reason).inc(count)
            verdicts = await self._take(producer, spans.items, request)
        if any(verdict.reason == UNACKNOWLEDGED for verdict in verdicts):
            raise _kafka_away()
        rejected = [verdict for verdict in verdicts if verdict.reason]
        for verdict in rejected:
            self.metrics.unmapped_spans.labels(verdict.reason).inc()
        not_mapped = {reason: count for reason, count in spans.unmapped.items() if reason != "not_a_tool_call"}
        reasons = [f"{reason} ({count})" for reason, count in not_mapped.items()]
        reasons += sorted({f"{verdict.reason}: {verdict.detail}" for verdict in rejected})
        return _trace_response(media_type, len(rejected) + sum(not_mapped.values()), "; ".join(reasons)[:1_000])

    async def _dead_letters(self, request: Request) -> Response:
        producer = await self._admit(request)
        text = _parameter(request, "days") or "7"
        if not re.fullmatch("[1-9][0-9]?", text) or int(text) > _MAX_DAYS:
            raise ApiError(422, "wrong-value", f"days: expected a number from 1 to {_MAX_DAYS}")
        await self._database.run(self.rejections.write)
        rows = await self._database.run(lambda client: read_rejections(client, producer.name, int(text)))
        return _json(200, {"days": int(text), "events": sum(row["events"] for row in rows), "reasons": rows})

    async def _admit(self, request: Request) -> Producer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            return await self._access.producer(token.strip() if scheme.lower() == "bearer" else "")
        except ApiError as refused:
            address = request.client.host if request.client else "unknown"
            if refused.status == 401 and await self._unauthenticated.take(address, _UNAUTHENTICATED):
                raise ApiError(
                    429, "too-many", "too many wrong keys from this address", headers={"Retry-After": "60"}
                ) from None
            raise

    async def _body(self, request: Request) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MAX_BODY_BYTES:
                        raise _too_large()
                    chunks.append(chunk)
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.body_seconds:g} s; send the same again"
            raise ApiError(408, "too-slow", detail) from None
        encoding = request.headers.get("content-encoding", "").lower()
        return await asyncio.to_thread(plain_body, b"".join(chunks), encoding)  # unpacking would hold up the others

    async def _take(self, producer: Producer, found: Sequence[Item], request: Request) -> list[EventResult]:
        self._quota.take(producer.name, len(found))
        now = self._now()
        verdicts = await self._intake.take(producer, found, _trace_headers(request), now=now)
        self.metrics.count(verdicts)
        self.rejections.note(producer.name, verdicts, now)
        if any(not verdict.reason for verdict in verdicts):
            self.metrics.kafka_up.set(1)
        if any(verdict.reason == UNACKNOWLEDGED for verdict in verdicts):
            self.metrics.kafka_up.set(0)
        return verdicts

    async def _write_rejections(self) -> None:
        try:
            await self._database.run(self.rejections.write)
        except (Unreachable, ApiError) as error:
            log.warning("the counts of rejected events cannot be written: %s", error)
        else:
            self.rejections.forget_before(self._now().date() - timedelta(days=1))

    def _cors(self, request: Request) -> dict[str, str]:
        origin = request.headers.get("origin", "")
        if origin not in self._cors_origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Retry-After, X-Request-ID",
            "Vary": "Origin",
        }


def _error_response(request: Request, refused: ApiError, request_id: str) -> Response:
    """Return an error in the format of the path: a problem (RFC 9457), or an OTLP status."""
    if request.url.path == _TRACES:
        return status_response(refused, _media_type(request))
    return refused.response(request_id)


def _parameter(request: Request, name: str) -> str | None:
    """Return the value of the one parameter of a route; refuses others, and one that is given twice."""
    given = request.query_params.multi_items()
    if unknown := next((other for other, _ in given if other != name), None):
        raise ApiError(422, "wrong-value", f"{printable(unknown[:64])}: there is no such parameter; expected {name}")
    if len(given) > 1:
        raise ApiError(422, "wrong-value", f"{name}: is given more than once; expected one value")
    return given[0][1] if given else None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _declared(request: Request) -> int:
    """Return the bytes to reserve for a body; without a length the maximum."""
    text = request.headers.get("content-length")
    if text is None:
        return MAX_BODY_BYTES
    if not text.isascii() or not text.isdecimal() or len(text) > 12 or int(text) > MAX_BODY_BYTES:
        raise _too_large()
    return int(text)


def _too_large() -> ApiError:
    return ApiError(413, "too-large", f"a body may have {MAX_BODY_BYTES} bytes; send fewer events at once")


def _kafka_away() -> ApiError:
    detail = "Kafka did not acknowledge all of it; send the same again, what was taken is counted once"
    return ApiError(503, "kafka-away", detail, headers={"Retry-After": "5"})


def _trace_headers(request: Request) -> list[tuple[str, str | bytes | None]]:
    parent, state = request.headers.get("traceparent", ""), request.headers.get("tracestate", "")
    if not _TRACEPARENT.fullmatch(parent):
        return []
    headers: list[tuple[str, str | bytes | None]] = [("traceparent", parent.encode())]
    if state and len(state) <= _MAX_TRACESTATE:
        headers.append(("tracestate", state.encode("latin-1")))
    return headers


def _verdict_response(verdicts: Sequence[EventResult]) -> Response:
    accepted = sum(not verdict.reason for verdict in verdicts)
    body = {
        "accepted": accepted,
        "rejected": len(verdicts) - accepted,
        "events": [verdict.as_json() for verdict in verdicts],
    }
    if any(verdict.reason == UNACKNOWLEDGED for verdict in verdicts):
        return _json(503, body, {"Retry-After": "5"})
    if accepted or not verdicts:
        return _json(202, body)
    return _json(403 if all(verdict.stage == "access" for verdict in verdicts) else 422, body)


def _trace_response(media_type: str, rejected: int, message: str) -> Response:
    if media_type == PROTOBUF_TYPE:
        answer = ExportTraceServiceResponse()
        if rejected:
            answer.partial_success.rejected_spans = rejected
            answer.partial_success.error_message = message
        return Response(answer.SerializeToString(), 200, media_type=PROTOBUF_TYPE)
    partial: dict[str, Any] = {"rejectedSpans": str(rejected), "errorMessage": message}
    return _json(200, {"partialSuccess": partial} if rejected else {})


def _json(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(to_json(body), status, headers, "application/json")
