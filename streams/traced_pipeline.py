"""A pipeline whose batches are traced from the poll until they are durable. Used only where traces are on.

One span ``batch`` for the records of one poll and topic, with ``decode`` below it; one span ``flush`` for the
batches that are written together, with an ``insert`` for each table below it. A flush belongs to the trace of its first
batch and links to all of them. No span is made for an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from storage.spans import Span, Spans
from streams.decode import Record
from streams.delivery import Delivery, Partition
from streams.pipeline import Pipeline
from streams.topic_processor import Admitted, Prepared


class TracedDelivery(Delivery):
    """Ends the span of a batch when its rows are durable."""

    def __init__(self, spans: Spans, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._spans = spans
        self._open: list[Span] = []

    def put(self, partition: Partition, last_offset: int, prepared: Prepared) -> None:
        """Add what was polled of a partition; the batch's span is the entered one."""
        super().put(partition, last_offset, prepared)
        span = self._spans.current()
        if span is not None and not self.waits_for(span):  # one for all partitions of a poll
            self._open.append(span)

    def waits_for(self, span: Span) -> bool:
        """Whether a batch's rows are not being written yet."""
        return any(one is span for one in self._open)

    def forget(self) -> None:
        """Drop the state of every partition."""
        super().forget()
        self._end("dropped: the partition was reassigned")

    async def _flush(self) -> None:
        taken, self._open = self._open, []
        flush = self._spans.start("flush", parent=taken[0] if taken else None, links=taken, batches=len(taken))
        outcome = "failed"
        try:
            with self._spans.entered(flush):
                await super()._flush()
            outcome = "durable"
        finally:
            flush.end(outcome=outcome)
            for span in taken:
                span.end(outcome=outcome)

    async def _write(self, table: str, batch: pa.RecordBatch) -> None:
        insert = self._spans.start("insert", table=table, rows=batch.num_rows)
        try:
            await super()._write(table, batch)
        finally:
            insert.end()

    def _end(self, outcome: str) -> None:
        for span in self._open:
            span.end(outcome=outcome)
        self._open = []


class TracedPipeline(Pipeline):
    """Starts the span of a batch."""

    def __init__(self, spans: Spans, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named, new_delivery=partial(self._new_delivery, spans))
        self._spans = spans

    def _new_delivery(self, spans: Spans, *args: Any, **named: Any) -> Delivery:
        self._traced = TracedDelivery(spans, *args, **named)
        return self._traced

    async def handle(self, batches: Mapping[Partition, Sequence[Record]], still_ours: Callable[[], bool]) -> None:
        """Process records of one topic (see ``Pipeline.handle``)."""
        topic = next(iter(batches))[0]
        messages = sum(map(len, batches.values()))
        span = self._spans.start("batch", topic=topic, partitions=len(batches), messages=messages)
        try:
            with self._spans.entered(span):
                waiting = self._spans.start("wait for room")
                await self.delivery.capacity()
                waiting.end()
                await super().handle(batches, still_ours)
        finally:
            if not self._traced.waits_for(span):
                span.end(outcome="skipped")

    def _prepare(self, topic: str, batches: Sequence[Admitted]) -> list[Prepared]:
        decode = self._spans.start("decode")
        prepared = super()._prepare(topic, batches)
        decode.end(dead_letters=sum(len(one.dead_letters) for one in prepared))
        return prepared
