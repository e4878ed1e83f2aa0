"""Spans by OpenTelemetry's SDK. Imported only where traces are on: the SDK is not loaded otherwise."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Thread
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from storage.spans import Attribute, Span

log = logging.getLogger(__name__)
CLOSE_SECONDS: Final = 2.0
"""How long stopping waits for traces to be sent: an endpoint that is away must not hold up a deployment."""
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class OtelSpan:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def end(self, **attributes: Attribute) -> None:
        """Add attributes and end it; a second time does nothing."""
        if self.span.is_recording():
            self.span.set_attributes(attributes)
            self.span.end()


class OtelSpans:
    """Makes spans of one program (see ``storage.spans.Spans``).

    Parameters
    ----------
    service
        The program's name, for example ``romashka-worker``.
    processor
        What ended spans go to.
    share
        Share of traces that are recorded, 0 to 1; a trace that a caller began is recorded where the caller says so.
    """

    def __init__(self, service: str, processor: SpanProcessor, share: float = 1.0) -> None:
        sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}), sampler=sampler, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("romashka")
        self._entered: ContextVar[OtelSpan | None] = ContextVar("entered span", default=None)

    def start(
        self, name: str, *, parent: Span | None = None, links: Sequence[Span] = (), **attributes: Attribute
    ) -> OtelSpan:
        """Start a span (see ``storage.spans.Spans``)."""
        above = parent if isinstance(parent, OtelSpan) else self._entered.get()
        context = None if above is None else trace.set_span_in_context(above.span)
        linked = [trace.Link(one.span.get_span_context()) for one in links if isinstance(one, OtelSpan)]
        return OtelSpan(self._tracer.start_span(name, context=context, links=linked, attributes=attributes))

    def request(self, name: str, headers: Mapping[str, str], **attributes: Attribute) -> OtelSpan:
        """Start the span of a request (see ``storage.spans.Spans``)."""
        context = _PROPAGATOR.extract(dict(headers))
        return OtelSpan(
            self._tracer.start_span(name, context=context, kind=trace.SpanKind.SERVER, attributes=attributes)
        )

    @contextmanager
    def entered(self, span: Span) -> Iterator[None]:
        """Make a span the parent of those that start within."""
        token = self._entered.set(span if isinstance(span, OtelSpan) else None)
        try:
            yield
        finally:
            self._entered.reset(token)

    def current(self) -> OtelSpan | None:
        """Return the entered span."""
        return self._entered.get()

    def headers(self) -> dict[str, str]:
        """Return ``traceparent`` and ``tracestate`` of the entered span."""
        given: dict[str, str] = {}
        if (span := self._entered.get()) is not None:
            _PROPAGATOR.inject(given, trace.set_span_in_context(span.span))
        return given

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Send what has ended, and stop; after ``timeout`` seconds what is left is lost."""
        closing = Thread(target=self._provider.shutdown, name="traces are sent", daemon=True)
        closing.start()
        closing.join(timeout)
        if closing.is_alive():
            log.warning("the last traces are lost: they were not taken within %g s", timeout)


class SaidOnce(SpanExporter):
    """Exports spans and logs once when they are refused, and once when they are taken again.

    Parameters
    ----------
    exporter
        What exports; its own log would repeat itself with every batch.
    endpoint
        Named in the log.
    """

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._is_refused = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch; one that is refused is lost."""
        result = self._exporter.export(spans)
        is_refused = result is not SpanExportResult.SUCCESS
        if is_refused and not self._is_refused:
            log.warning(
                "traces are lost, everything else goes on: %s does not take them; check ROMASHKA_OTLP_ENDPOINT and "
                "that the collector runs (the reason with ROMASHKA_DEBUG=1)",
                self._endpoint,
            )
        elif self._is_refused and not is_refused:
            log.warning("%s takes traces again", self._endpoint)
        self._is_refused = is_refused
        return result

    def shutdown(self) -> None:
        """Stop."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what is left; return whether it was in time."""
        return self._exporter.force_flush(timeout_millis)


def exported(service: str, endpoint: str, share: float) -> OtelSpans:
    """Return spans that are sent to an OTLP endpoint over HTTP, in batches, in a thread of their own."""
    return OtelSpans(service, BatchSpanProcessor(SaidOnce(OTLPSpanExporter(endpoint=endpoint), endpoint)), share)
