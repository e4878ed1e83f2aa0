"""Limits the number of new tenants per hour.

A faulty producer that invents tenants would otherwise create rows, windows, series and states without bound. New
tenants are recorded in ClickHouse before their events count, so all workers share one limit and a restart changes
nothing. Messages of tenants beyond the limit become dead letters and can be replayed later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pyarrow as pa

from models.counting import counted
from models.dead_letters import DeadLetter
from models.keys import key_of
from models.rows import KNOWN_TENANTS
from sinks.sink import Sink
from streams.decode import Record, RecordSource
from streams.metrics import Metrics
from streams.retry_policy import RetryPolicy

WITHIN: Final = timedelta(hours=1)
STAGE: Final = "tenant"
REASON: Final = "too_many_new_tenants"
_REMEMBERED: Final = 100_000


class TenantLimit:
    """Separates messages of accepted tenants from those beyond the limit.

    Parameters
    ----------
    sink
        Stores known tenants.
    most
        Maximum number of new tenants per hour, over all workers; 0: any number. All are recorded in either case.
    remembered
        Size of the cache of known tenants; others are looked up.
    """

    def __init__(
        self, sink: Sink, retry_policy: RetryPolicy, metrics: Metrics, *, most: int, remembered: int = _REMEMBERED
    ) -> None:
        self._sink = sink
        self._retry_policy = retry_policy
        self._metrics = metrics
        self._most = most
        self._remembered = remembered
        self._known: OrderedDict[bytes, None] = OrderedDict()

    async def refused(self, keys: Set[bytes | None], now: datetime) -> Set[bytes]:
        """Note the new tenants among the keys of records, up to the limit; return the keys of those beyond it.

        Keys that cannot be a tenant's are not among them: the decoder rejects their records.

        Raises
        ------
        SinkRejected
            ClickHouse refuses to read or record tenants.
        """
        strangers = [key for key in keys if key is not None and not self._remembers(key) and _tenant(key) is not None]
        return await self._refused(strangers, now) if strangers else frozenset()

    def split(
        self, records: Sequence[Record], source: RecordSource, refused: Set[bytes]
    ) -> tuple[Sequence[Record], list[DeadLetter]]:
        """Return the records of accepted tenants, in order, and dead letters for the others."""
        if not refused:
            return records, []
        letters = [self._letter(record, source) for record in records if record.key in refused]
        return [record for record in records if record.key not in refused], letters

    async def _refused(self, keys: Sequence[bytes], now: datetime) -> set[bytes]:
        """Record new tenants up to the limit; return the keys of the others."""
        tenants = {key: UUID(key.decode()).bytes for key in sorted(keys)}
        found = await self._retry_policy.until_done(self._sink.known_tenants, list(tenants.values()), now - WITHIN)
        new = [key for key, tenant in tenants.items() if tenant not in found.known]
        admitted = new[: max(self._most - found.new, 0)] if self._most else new
        if admitted:
            rows = [{"user_id": tenants[key], "first_seen": now} for key in admitted]
            batch = pa.RecordBatch.from_pylist(rows, schema=KNOWN_TENANTS)
            await self._retry_policy.until_done(self._sink.write, "known_tenants", batch)
            self._metrics.new_tenants.inc(len(admitted))
        refused = set(new[len(admitted) :])
        for key in tenants.keys() - refused:
            self._known[key] = None
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return refused

    def _remembers(self, key: bytes) -> bool:
        if key not in self._known:
            return False
        self._known.move_to_end(key)
        return True

    def _letter(self, record: Record, source: RecordSource) -> DeadLetter:
        detail = (
            f"the tenant is new, beside {counted(self._most, 'other')} of this hour; raise "
            "ROMASHKA_NEW_TENANTS_PER_HOUR if they are real, then replay"
        )
        return DeadLetter(
            topic=source.topic,
            topic_epoch=source.topic_epoch,
            partition=source.partition,
            offset=record.offset,
            stage=STAGE,
            reason=REASON,
            detail=detail,
            key=record.key or b"",
            raw=record.value or b"",
        )


def _tenant(key: bytes) -> UUID | None:
    """Return the tenant of a key, ``None`` where it is not a UUID in canonical spelling."""
    try:
        tenant = UUID(key.decode("ascii"))
    except ValueError:
        return None
    return tenant if key_of(tenant) == key else None
