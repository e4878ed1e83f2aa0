"""Whatever fails, whenever a rebalance comes: every row is written, and nothing is safe that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import SinkUnavailable
from streams.delivery import Limits
from tests.unit.streams.delivering import PARTITION, Place
from tests.unit.streams.virtual_time import in_virtual_time

_LIMITS = Limits(flush_rows=10, flush_seconds=1.0, max_rows=15)
_LARGEST_PUT = 9


class Put(NamedTuple):
    """That many records are read from where the partition stands."""

    records: int


class Fail(NamedTuple):
    """The next writes fail."""

    times: int


class Pass(NamedTuple):
    """Time passes."""

    seconds: float


class Rebalance(NamedTuple):
    """The partition is taken away and given back: reading starts again from what was committed."""


Step = Put | Fail | Pass | Rebalance
_steps = st.lists(
    st.builds(Put, st.integers(1, _LARGEST_PUT))
    | st.builds(Fail, st.integers(1, 3))
    | st.builds(Pass, st.sampled_from([0.0, 0.1, 0.6, 1.0, 5.0]))
    | st.builds(Rebalance),
    max_size=40,
)


class Worker:
    """Reads a partition's log from offset 0 on and commits what delivery says is safe."""

    def __init__(self) -> None:
        self.place = Place(_LIMITS)
        self.position = 0
        self.committed = 0

    async def take(self, step: Step) -> None:
        """Do one step, then commit."""
        match step:
            case Put(records):
                await self.place.delivery.capacity()
                self._put(range(self.position, self.position + records))
            case Fail(times):
                self.place.sink.fail_next([SinkUnavailable("away")] * times)
            case Pass(seconds):
                await asyncio.sleep(seconds)
            case Rebalance():
                self.place.delivery.forget()
                self.position = self.committed
        self.commit()

    def commit(self) -> None:
        """Commit what is safe; it never goes back, everything before it is durable, and what waits is bounded."""
        waiting = self.place.metrics.registry.get_sample_value("romashka_pending_rows")
        assert waiting is not None
        assert waiting < _LIMITS.max_rows + _LARGEST_PUT
        safe = self.place.delivery.safe(PARTITION)
        if safe is not None:
            assert safe >= self.committed
            self.committed = safe
        durable = {row["kafka_offset"] for row in self.place.sink.rows("integration_query_metrics")}
        durable |= {row["offset"] for row in self.place.sink.rows("dead_letters")}
        assert set(range(self.committed)) <= durable

    def _put(self, offsets: range) -> None:
        bad = [offset for offset in offsets if _is_bad(offset)]
        self.place.put(*(offset for offset in offsets if offset not in bad), rejected=bad)
        self.position = offsets.stop


def _is_bad(offset: int) -> bool:
    return offset % 5 == 4


@in_virtual_time
async def _play(steps: Sequence[Step]) -> Worker:
    worker = Worker()
    async with worker.place.running():
        for step in steps:
            await worker.take(step)
        assert await worker.place.delivery.drain(3600)
        worker.commit()
    return worker


@settings(deadline=None, max_examples=40)
@given(_steps)
def test_after_any_failures_and_rebalances_everything_that_was_read_is_durable_or_read_again(
    steps: list[Step],
) -> None:
    worker = _play(steps)
    assert worker.committed == worker.position


@settings(deadline=None, max_examples=40)
@given(_steps)
def test_without_a_rebalance_every_row_is_written_exactly_once_and_in_order(steps: list[Step]) -> None:
    worker = _play([step for step in steps if not isinstance(step, Rebalance)])
    letters = [row["offset"] for batch in worker.place.published for row in batch.to_pylist()]
    assert letters == [offset for offset in range(worker.position) if _is_bad(offset)]
    assert worker.place.offsets == [offset for offset in range(worker.position) if not _is_bad(offset)]
