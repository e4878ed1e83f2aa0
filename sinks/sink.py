"""The interface between the stream and the database; tests/contracts checks the real sink and the fake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from models.layouts import Layouts
from models.measures import QUERY_MEASURES

# Columns read back for a resuming partition: to recognise repeats and to rebuild the start of a chunk.
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
    """Offsets [``first``, ``end``) of one partition of the query topic in one topic epoch."""

    topic_epoch: int
    partition: int
    first: int
    end: int


class HomeRange(NamedTuple):
    """Offsets of one partition, of the tenants whose home is ``home`` when keys are spread over ``partitions``."""

    offsets: StoredRange
    partitions: int
    home: int


class KnownTenants(NamedTuple):
    """The known ones among some tenants (bytes of their UUIDs), and the number of recently new tenants."""

    known: frozenset[bytes]
    new: int


class Sink(Protocol):
    """Writes rows durably. Every call blocks; writing the same batch again changes nothing for readers."""

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Make every row of ``batch`` (a schema of ``models.rows.WRITTEN``) durable, or raise.

        Raises
        ------
        SinkUnavailable
            Not now; the identical batch may be written again.
        RowsRefused
            Permanently, because of some of the rows.
        SinkRejected
            Permanent failure; it needs an operator.
        """

    def stored_queries(self, wanted: StoredRange) -> pa.RecordBatch:
        """Return the stored queries of a range, ascending by offset, with ``STORED_QUERY_COLUMNS``.

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """

    def known_tenants(self, tenants: Sequence[bytes], since: datetime) -> KnownTenants:
        """Return which of some tenants are in ``known_tenants``, and how many were new since ``since``.

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """

    def stored_ids(self, wanted: HomeRange) -> frozenset[bytes]:
        """Return the event ids of the stored queries of a range.

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """

    def layouts(self, topic_epoch: int) -> Layouts:
        """Return the layouts of the query topic (``topic_layouts``).

        Raises
        ------
        SinkUnavailable
            Not now; ask again.
        """
