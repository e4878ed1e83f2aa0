"""A batch is one trace from the poll until its rows are durable, and nothing of it is made where traces are off."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from models.topics import OUTCOMES, QUERIES
from storage.otel import OtelSpans
from streams.pipeline import Pipeline
from streams.traced_pipeline import TracedPipeline
from tests.unit.streams.pipeline_worker import PARTITION, Worker, bad_record, record_of, theirs
from tests.unit.streams.virtual_time import in_virtual_time


class Traced:
    """A worker with traces, and what was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.spans = OtelSpans("test", SimpleSpanProcessor(self._exporter))
        self.worker = Worker(new_pipeline=partial(TracedPipeline, self.spans))

    def ended(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]


def _context(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def _id(span: ReadableSpan) -> int:
    return _context(span).span_id


def _parent(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


@in_virtual_time
async def test_a_batch_ends_when_it_is_durable_with_its_decoding_flush_and_inserts() -> None:
    traced = Traced()
    await traced.worker.read(QUERIES, [record_of(QUERIES, 1), record_of(QUERIES, 2), bad_record(3)])
    assert traced.ended("batch") == []
    await traced.worker.flush()
    (batch,) = traced.ended("batch")
    (decode,), (flush,) = traced.ended("decode"), traced.ended("flush")
    assert dict(batch.attributes or {}) == {
        "topic": QUERIES.name,
        "partitions": 1,
        "messages": 3,
        "outcome": "durable",
    }
    assert _parent(decode) == _parent(flush) == _id(batch)
    inserts = {(span.attributes or {})["table"]: span for span in traced.ended("insert")}
    assert inserts.keys() == {"integration_query_metrics", "query_windows", "dead_letters"}
    assert {_parent(span) for span in inserts.values()} == {_id(flush)}
    assert (inserts["integration_query_metrics"].attributes or {})["rows"] == 2
    assert {_context(span).trace_id for span in (decode, flush, *inserts.values())} == {_context(batch).trace_id}
    assert (batch.end_time or 0) >= (flush.end_time or 0)


@in_virtual_time
async def test_batches_that_are_written_together_share_one_flush_that_names_them_all() -> None:
    traced = Traced()
    await traced.worker.read(QUERIES, [record_of(QUERIES, number) for number in range(50)])
    await traced.worker.read(OUTCOMES, [record_of(OUTCOMES, 1)])
    await traced.worker.flush()
    (flush,) = traced.ended("flush")
    batches = traced.ended("batch")
    assert len(batches) == 2
    assert {link.context.span_id for link in flush.links} == {_id(one) for one in batches}


@in_virtual_time
async def test_what_is_read_again_elsewhere_ends_as_skipped_or_dropped() -> None:
    traced = Traced()
    await traced.worker.read(QUERIES, [record_of(QUERIES, 1)])
    await traced.worker.pipeline.handle({(QUERIES.name, PARTITION): [record_of(QUERIES, 2)]}, theirs)
    traced.worker.pipeline.forget()
    outcomes = [str((span.attributes or {})["outcome"]) for span in traced.ended("batch")]
    assert outcomes == ["skipped", "dropped: the partition was reassigned"]


@in_virtual_time
async def test_spans_of_a_failed_flush_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = Traced()

    def refuse(table: str, batch: object) -> None:
        if table == "conversation_outcomes":
            raise ValueError(table)

    monkeypatch.setattr(traced.worker.sink, "write", refuse)
    await traced.worker.read(OUTCOMES, [record_of(OUTCOMES, 1)])
    with pytest.raises(ValueError, match="conversation_outcomes"):
        await traced.worker.pipeline.delivery.run()
    assert [(span.attributes or {})["outcome"] for span in (*traced.ended("flush"), *traced.ended("batch"))] == [
        "failed",
        "failed",
    ]


def test_a_worker_without_traces_is_the_plain_pipeline() -> None:
    assert type(Worker().pipeline) is Pipeline


def test_the_sdk_of_traces_is_not_loaded_where_they_are_off() -> None:
    """Redis's client loads that of metrics by itself, where it is installed."""
    program = (
        "import sys; import cli.api_server, streams.worker; from cli.settings import Settings; "
        "from cli.tracing import spans_of; assert spans_of(Settings(), 'x') is None; "
        "sys.exit(any(name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", program], timeout=120, check=False).returncode == 0
