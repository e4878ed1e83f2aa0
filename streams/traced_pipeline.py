"""A pipeline whose batches are traced from the poll until they are durable. Used only where traces are on.

One span ``batch`` for the records of one poll and partition, with ``decode`` below it; one span ``flush`` for the
batches that are written together, with an ``insert`` for each table below it. A flush belongs to the trace of its first
batch and links to all of them. No span is made for an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from models.dead_letters import DeadLetter
from storage.spans import Span, Spans
from streams.decode import Record, RecordSource
from streams.delivery import Delivery, Partition
from streams.pipeline import Pipeline
from streams.topic_processor import Prepared


class TracedDelivery(Delivery):
    """Ends the span of a batch when its rows are durable."""

    def __init__(self, spans: Spans, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._spans = spans
        self._open: list[Span] = []

    def put(self, partition: Partition, last_offset: int, prepared: Prepared) -> None:
        """Add a batch, whose span is the entered one."""
        super().put(partition, last_offset, prepared)
        if (span := self._spans.current()) is not None:
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

    async def handle(self, partition: Partition, records: Sequence[Record], still_ours: Callable[[], bool]) -> None:
        """Process the records of a resumed partition (see ``Pipeline.handle``)."""
        topic, number = partition
        first, last = records[0].offset, records[-1].offset
        span = self._spans.start(
            "batch", topic=topic, partition=number, messages=len(records), first_offset=first, last_offset=last
        )
        try:
            with self._spans.entered(span):
                waiting = self._spans.start("wait for room")
                await self.delivery.capacity()
                waiting.end()
                await super().handle(partition, records, still_ours)
        finally:
            if not self._traced.waits_for(span):
                span.end(outcome="skipped")

    def _prepare(self, admitted: Sequence[Record], source: RecordSource, refused: Sequence[DeadLetter]) -> Prepared:
        decode = self._spans.start("decode")
        prepared = super()._prepare(admitted, source, refused)
        decode.end(dead_letters=len(prepared.dead_letters))
        return prepared
