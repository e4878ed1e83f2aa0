"""What the stream needs of a database, kept by the real one and by the fake alike (tests/contracts)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from models.measures import QUERY_MEASURES

# What a resuming partition is given back: enough to recognise repeats and to rebuild the head of a chunk.
STORED_QUERY_COLUMNS: Final = (
    "event_id",
    "user_id",
    "integration_provider",
    "query_type",
    "created_at",
    "query_success",
    "response_time_ms",
    *QUERY_MEASURES,
    "kafka_offset",
)


class StoredRange(NamedTuple):
    """Offsets of one partition of one incarnation of the query topic: from ``first`` up to, not including, ``end``."""

    topic_epoch: int
    partition: int
    first: int
    end: int


class KnownTenants(NamedTuple):
    """Which tenants (bytes of their UUIDs) of those that were asked about are known, and how many are new of late."""

    known: frozenset[bytes]
    new: int


class Sink(Protocol):
    """Takes rows durably. Every call blocks; writing the same batch again changes nothing that a reader sees."""

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Make every row of ``batch`` (a schema of ``models.rows.WRITTEN``) durable, or raise.

        Raises
        ------
        SinkUnavailable
            Not now; the identical batch may be written again.
        SinkRejected
            Never; a person has to look at it.
        """

    def stored_queries(self, wanted: StoredRange) -> pa.RecordBatch:
        """Return the stored queries of a range, ascending by offset, with ``STORED_QUERY_COLUMNS``.

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """

    def known_tenants(self, tenants: Sequence[bytes], since: datetime) -> KnownTenants:
        """Return which of some tenants are in ``known_tenants``, and how many there were new ``since`` a moment.

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """
