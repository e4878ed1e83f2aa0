"""A worker's part in a change of the layout (docs/adr/0046-more-partitions.md).

It notes which of its partitions are stored up to where the next layout begins, and joins its group again once that
layout is in force: every partition then resumes from its committed offset, and knows the new layout.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import pyarrow as pa

from models.errors import SinkUnavailable
from models.layouts import DRAINED
from models.rows import TOPIC_LAYOUTS
from models.topics import QUERIES
from sinks.sink import Sink
from streams.pipeline import Pipeline
from streams.placement import Hold, Placement

log = logging.getLogger(__name__)

_STEP_SECONDS: Final = 1.0
# Without a marker in sight the layouts are read this often.
_LOOK_SECONDS: Final = 10.0
# A worker that is still behind after joining again does so again.
_AGAIN_SECONDS: Final = 30.0


class LayoutKeeper:
    """Runs beside ingestion.

    Parameters
    ----------
    rejoin
        Makes the worker ask Kafka for its partitions and join its group again.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        placement: Placement,
        sink: Sink,
        topic_epoch: int,
        rejoin: Callable[[], Awaitable[None]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pipeline = pipeline
        self._placement = placement
        self._sink = sink
        self._topic_epoch = topic_epoch
        self._rejoin = rejoin
        self._monotonic = monotonic
        self._noted: set[tuple[int, Hold]] = set()
        self._told: set[tuple[int, Hold]] = set()
        self._generation: int | None = None
        self._looked = self._rejoined = float("-inf")

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Note what is drained, and look whether a new layout is in force."""
        holds = dict(self._placement.holds)
        for partition, hold in holds.items():
            await self._note(partition, hold)
        now = self._monotonic()
        if not holds and now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            found = await asyncio.to_thread(self._sink.layouts, self._topic_epoch)
        except SinkUnavailable:
            return  # the delivery reports it
        before = found.generation if self._generation is None else self._generation
        self._generation = found.generation
        behind = self._placement.behind(found.generation) and now - self._rejoined >= _AGAIN_SECONDS
        if found.generation > before or behind:
            self._rejoined = now
            log.info("layout %d of topic %s is in force: joining the group again", found.generation, QUERIES.name)
            await self._rejoin()

    async def _note(self, partition: int, hold: Hold) -> None:
        if (partition, hold) not in self._told:
            self._told.add((partition, hold))
            log.info(
                "partition %d waits at offset %d for layout %d ('romashka topics grow' opens it)",
                partition,
                hold.boundary,
                hold.generation,
            )
        durable = self._pipeline.durable_offset((QUERIES.name, partition))
        if (partition, hold) in self._noted or durable is None or durable <= hold.boundary:
            return
        row = {
            "topic_epoch": self._topic_epoch,
            "generation": hold.generation,
            "event": DRAINED,
            "partition": partition,
            "boundary": hold.boundary,
            "partitions": 0,
        }
        batch = pa.RecordBatch.from_pylist([row], schema=TOPIC_LAYOUTS)
        await self._pipeline.retry_policy.until_done(self._sink.write, "topic_layouts", batch)
        self._noted.add((partition, hold))
