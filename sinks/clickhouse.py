"""The real sink: Arrow batches into ClickHouse over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Final, cast
from uuid import UUID

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from models.counting import counted
from models.errors import RowsRefused, SinkRejected, SinkUnavailable, Unreachable
from models.layouts import Layouts, layouts_of
from models.rows import QUERY_METRICS
from sinks.sink import STORED_QUERY_COLUMNS, HomeRange, KnownTenants, StoredRange
from storage.clickhouse_errors import Remedy, name_of, reason_of, remedy_of
from storage.connection import ClickHouseAddress, connect

# Back-filled events may be years apart: one insert may touch any number of monthly partitions. What repeats within an
# insert is left to the merges, as what repeats in two is: to look for it costs a fifth of the insert.
_INSERT_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "optimize_on_insert": 0}

# What the next reader must see where tables are replicated: it reads with ``select_sequential_consistency``.
_SEQUENTIAL_INSERTS: Final = {**_INSERT_SETTINGS, "insert_quorum_parallel": 0}

# Not FINAL, which would have to merge the whole table: the index on offsets finds the few granules that matter, and
# rows written twice are deduplicated here.
_STORED_SQL: Final = f"""
SELECT {", ".join(STORED_QUERY_COLUMNS)}
FROM integration_query_metrics
WHERE topic_epoch = {{epoch:UInt64}} AND kafka_partition = {{partition:Int32}}
  AND kafka_offset >= {{first:Int64}} AND kafka_offset < {{end:Int64}}
ORDER BY kafka_offset
LIMIT 1 BY event_id
"""  # noqa: S608 - the columns are our own constants; every value is a bound parameter
# ``kafkaMurmurHash`` is the hash of Kafka's Java client, which defines the home partition.
_IDS_SQL: Final = """
SELECT DISTINCT event_id
FROM integration_query_metrics
WHERE topic_epoch = {epoch:UInt64} AND kafka_partition = {partition:Int32}
  AND kafka_offset >= {first:Int64} AND kafka_offset < {end:Int64}
  AND kafkaMurmurHash(toString(user_id)) % {partitions:UInt32} = {home:UInt32}
"""
_LAYOUTS_SQL: Final = """
SELECT generation, event, partition, boundary, partitions FROM topic_layouts
WHERE topic_epoch = {epoch:UInt64}
GROUP BY generation, event, partition, boundary, partitions
ORDER BY min(noted_at), generation, event, partition, boundary, partitions
"""
# Whoever reads a layout must see it as soon as it was written; these matter where tables are replicated.
_SEQUENTIAL: Final = {"select_sequential_consistency": 1}
# In the statement's body, because a URL cannot hold thousands of them. The literals are made from bytes.
_KNOWN_SQL: Final = "SELECT DISTINCT user_id FROM known_tenants WHERE user_id IN ({some})"
_NEW_SQL: Final = "SELECT uniqExact(user_id) FROM known_tenants WHERE first_seen >= {since:DateTime('UTC')}"
_TENANTS_PER_STATEMENT: Final = 4_000
_STORED_SCHEMA: Final = pa.schema([QUERY_METRICS.field(name) for name in STORED_QUERY_COLUMNS])


class ClickHouseSink:
    """Writes to one database, one statement at a time whatever the threads that call it.

    It connects at first use and reconnects after a failure, so a worker can start before its database.
    """

    def __init__(self, address: ClickHouseAddress) -> None:
        self._address = address
        self._client: Client | None = None
        self._lock = Lock()

    def write(self, table: str, batch: pa.RecordBatch) -> None:
        """Insert a batch (see ``sinks.sink.Sink``)."""
        settings = _SEQUENTIAL_INSERTS if table == "topic_layouts" else _INSERT_SETTINGS
        try:
            with self._lock:
                self._connected().insert_arrow(table, pa.Table.from_batches([batch]), settings=settings)
        except (ClickHouseError, Unreachable) as error:
            raise self._failure(error, f"insert {counted(batch.num_rows, 'row')} into {table}") from error

    def stored_queries(self, wanted: StoredRange) -> pa.RecordBatch:
        """Return stored queries (see ``sinks.sink.Sink``)."""
        if wanted.first >= wanted.end:  # at the log's start, for every partition in turn
            return pa.RecordBatch.from_pylist([], schema=_STORED_SCHEMA)
        parameters = dict(zip(("epoch", "partition", "first", "end"), wanted, strict=True))
        try:
            with self._lock:
                found = self._connected().query_arrow(_STORED_SQL, parameters=parameters)
        except (ClickHouseError, Unreachable, pa.ArrowInvalid) as error:  # the last: a truncated response
            raise self._failure(error, "read back stored queries") from error
        batches = found.cast(_STORED_SCHEMA).combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=_STORED_SCHEMA)

    def known_tenants(self, tenants: Sequence[bytes], since: datetime) -> KnownTenants:
        """Return which tenants are known (see ``sinks.sink.Sink``)."""
        known: set[bytes] = set()
        try:
            with self._lock:
                client = self._connected()
                for start in range(0, len(tenants), _TENANTS_PER_STATEMENT):
                    some = ", ".join(f"'{UUID(bytes=one)}'" for one in tenants[start : start + _TENANTS_PER_STATEMENT])
                    known.update(row[0].bytes for row in client.query(_KNOWN_SQL.format(some=some)).result_rows)
                (new,) = client.query(_NEW_SQL, parameters={"since": f"{since:%Y-%m-%d %H:%M:%S}"}).result_rows[0]
        except (ClickHouseError, Unreachable) as error:
            raise self._failure(error, "say which tenants are known") from error
        return KnownTenants(frozenset(known), int(new))

    def stored_ids(self, wanted: HomeRange) -> frozenset[bytes]:
        """Return ids of stored queries (see ``sinks.sink.Sink``)."""
        parameters = dict(zip(("epoch", "partition", "first", "end"), wanted.offsets, strict=True))
        parameters |= {"partitions": wanted.partitions, "home": wanted.home}
        try:
            with self._lock:
                found = self._connected().query_arrow(_IDS_SQL, parameters=parameters)
        except (ClickHouseError, Unreachable, pa.ArrowInvalid) as error:
            raise self._failure(error, "read back the ids of stored queries") from error
        ids = found["event_id"].cast(QUERY_METRICS.field("event_id").type).to_pylist()
        return frozenset(cast("list[bytes]", ids))

    def layouts(self, topic_epoch: int) -> Layouts:
        """Return the layouts of the query topic (see ``sinks.sink.Sink``)."""
        try:
            with self._lock:
                found = self._connected().query(_LAYOUTS_SQL, parameters={"epoch": topic_epoch}, settings=_SEQUENTIAL)
                return layouts_of(found.named_results())
        except (ClickHouseError, Unreachable) as error:
            raise self._failure(error, "read the topic's layouts") from error

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._address)
        return self._client

    def _failure(
        self, error: ClickHouseError | Unreachable | pa.ArrowInvalid, doing: str
    ) -> SinkRejected | SinkUnavailable:
        self._client = None
        if isinstance(error, Unreachable):
            return SinkUnavailable(str(error))
        reason = reason_of(error)
        remedy = remedy_of(error.code) if isinstance(error, DatabaseError) else Remedy.RETRY
        if remedy is not Remedy.RETRY:
            said = (
                f"ClickHouse will not {doing}: {reason}. Compare the schema with 'romashka doctor', "
                "run 'romashka migrate', then start the worker again; nothing was committed."
            )
            if remedy is Remedy.REFUSE_ROWS and isinstance(error, DatabaseError) and error.code is not None:
                name = name_of(error.code)
                return RowsRefused(said, name, f"{name.replace('_', ' ')} (code {error.code})")
            return SinkRejected(said)
        return SinkUnavailable(f"ClickHouse at {self._address.url} could not {doing}: {reason}")
