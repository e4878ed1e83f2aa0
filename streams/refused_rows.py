"""Rows that ClickHouse refuses for ever: found by halving the batch and made dead letters; all others are written.

A batch is one insert, so one bad row keeps all of it out. Halved again and again, a bad row among n costs some
2 log2(n) inserts. Where very many are refused and none is taken, not the rows are at fault but the table: then the
worker stops as it does for a wrong schema.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import pyarrow as pa

from models.dead_letters import DeadLetter
from models.errors import RowsRefused, SinkRejected

STAGE: Final = "store"
# So many refused rows, and none that was taken, are no bad rows.
_ALL_REFUSED: Final = 50

Partition = tuple[str, int]
# Key and value of messages by their offsets; those that Kafka does not have any more are left out.
ReadAgain = Callable[[Partition, Sequence[int]], Awaitable[Mapping[int, tuple[bytes, bytes]]]]
Write = Callable[[str, pa.RecordBatch], Awaitable[None]]


class Refused(NamedTuple):
    """A row that was refused: where its message lies, and ClickHouse's reason."""

    partition: Partition
    topic_epoch: int
    offset: int
    event_id: bytes
    reason: str
    detail: str


async def written(write: Write, table: str, topic: str, batch: pa.RecordBatch) -> list[Refused]:
    """Write a batch without the rows that are refused; return those.

    Raises
    ------
    SinkRejected
        So many are refused, and none is taken, that the table must be at fault.
    """
    refused: list[Refused] = []
    taken = 0
    waiting = [batch]
    while waiting:
        part = waiting.pop()
        try:
            await write(table, part)
        except RowsRefused as error:
            if part.num_rows > 1:
                half = part.num_rows // 2
                waiting += [part.slice(half), part.slice(0, half)]
                continue
            refused.append(_refused(part, topic, error))
            if len(refused) >= _ALL_REFUSED and not taken:
                raise SinkRejected(str(error)) from error
        else:
            taken += part.num_rows
    return refused


async def dead_letters(refused: Sequence[Refused], read_again: ReadAgain) -> list[DeadLetter]:
    """Return a dead letter for each message, with its bytes as Kafka has them."""
    by_partition: dict[Partition, dict[int, Refused]] = {}
    for one in refused:
        by_partition.setdefault(one.partition, {}).setdefault(one.offset, one)
    letters = []
    for partition, rows in by_partition.items():
        messages = await read_again(partition, sorted(rows))
        for offset, one in sorted(rows.items()):
            key, raw = messages.get(offset, (b"", b""))
            gone = "" if offset in messages else "; Kafka does not have the message any more"
            letters.append(
                DeadLetter(
                    topic=partition[0],
                    topic_epoch=one.topic_epoch,
                    partition=partition[1],
                    offset=offset,
                    stage=STAGE,
                    reason=one.reason,
                    detail=f"ClickHouse refuses the row: {one.detail}{gone}",
                    key=key,
                    raw=raw,
                )
            )
    return letters


def _refused(row: pa.RecordBatch, topic: str, error: RowsRefused) -> Refused:
    (found,) = row.select(["kafka_partition", "topic_epoch", "kafka_offset", "event_id"]).to_pylist()
    partition = (topic, found["kafka_partition"])
    return Refused(
        partition, found["topic_epoch"], found["kafka_offset"], found["event_id"], error.reason, error.detail
    )
