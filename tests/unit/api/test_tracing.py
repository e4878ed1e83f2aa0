"""A request is a span below its caller's, and ClickHouse hears of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api.pool import Pool
from api.tracing import TracingMiddleware
from storage.connection import ClickHouseAddress
from storage.otel import OtelSpans

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class FakeClient(SimpleNamespace):
    """What the pool does with a connection."""

    def set_client_setting(self, name: str, value: object) -> None: ...

    def close(self) -> None: ...


def context(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def ask(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> tuple[dict[str, Any], FakeClient]:
    client = FakeClient(headers={"User-Agent": "ours"})
    monkeypatch.setattr("api.pool.connect", lambda *_, **__: client)
    spans = OtelSpans("test", SimpleSpanProcessor(exporter))
    pool = Pool(ClickHouseAddress("http://127.0.0.1:1", "d"), spans=spans)

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(await pool.run(lambda one: dict(cast(Any, one).headers)))

    app = Starlette(routes=[Route("/v1/things/{id}", answer)])
    app.add_middleware(TracingMiddleware, spans=spans)
    with TestClient(app) as caller:
        sent: dict[str, Any] = caller.get("/v1/things/7", headers=headers).json()
    pool.close()
    return sent, client


def test_the_callers_trace_goes_through_to_clickhouse(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, client = ask(exporter, monkeypatch, {"traceparent": f"00-{TRACE}-{CALLER}-01"})
    work, request = exporter.get_finished_spans()
    assert (work.name, request.name) == ("clickhouse", "GET")
    assert f"{request.parent.span_id:016x}" == CALLER if request.parent else False
    assert work.parent is not None
    assert work.parent.span_id == context(request).span_id
    assert {f"{context(span).trace_id:032x}" for span in (work, request)} == {TRACE}
    assert sent["traceparent"] == f"00-{TRACE}-{context(work).span_id:016x}-01"
    assert client.headers == {"User-Agent": "ours"}, "the connection is as it was"
    attributes = dict(request.attributes or {})
    assert attributes["http.response.status_code"] == 200
    assert attributes["http.request.method"] == "GET"
    assert "7" not in str(attributes), "no id of what was asked for"


@pytest.mark.parametrize("given", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{CALLER}-01"}])
def test_without_a_usable_caller_it_begins_a_trace(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    sent, _ = ask(exporter, monkeypatch, given)
    work, request = exporter.get_finished_spans()
    assert request.parent is None
    assert sent["traceparent"].split("-")[1] == f"{context(work).trace_id:032x}"


def test_a_caller_that_records_nothing_is_followed(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, _ = ask(exporter, monkeypatch, {"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert exporter.get_finished_spans() == ()
    assert sent["traceparent"].endswith("-00")
