"""The simulator's history in a database, as the worker would have stored it, and what really happened behind it."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from models.errors import RomashkaError
from models.rows import HEALTH, INTELLIGENCE, OUTCOMES, QUERY_METRICS
from models.topics import HEALTH as HEALTH_TOPIC
from models.topics import INTELLIGENCE as INTELLIGENCE_TOPIC
from models.topics import OUTCOMES as OUTCOMES_TOPIC
from models.topics import QUERIES, Topic
from simulator.scenario import Scenario
from sinks.clickhouse import ClickHouseSink
from storage.connection import ClickHouseAddress
from streams.arrow_batches import to_batch
from streams.decode import Decoder, RecordSource
from streams.pseudonyms import Pseudonymiser
from streams.windows import Chunk

_PSEUDONYMS: Final = Pseudonymiser(b"for the benchmark only", "bench")
_STORED: Final[tuple[tuple[Topic, str, pa.Schema], ...]] = (
    (QUERIES, "integration_query_metrics", QUERY_METRICS),
    (OUTCOMES_TOPIC, "conversation_outcomes", OUTCOMES),
    (HEALTH_TOPIC, "integration_health_history", HEALTH),
    (INTELLIGENCE_TOPIC, "conversation_intelligence", INTELLIGENCE),
)


class _Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def store(scenario: Scenario, address: ClickHouseAddress, step: timedelta = timedelta(days=10)) -> None:
    """Write the history of a scenario through the worker's own decoder, columns, windows and sink."""
    sink, offsets = ClickHouseSink(address), defaultdict[str, int](int)
    decoders = {topic.name: Decoder(topic) for topic, _, _ in _STORED}
    for chunk_id, messages in enumerate(scenario.history(step)):
        for topic, table, schema in _STORED:
            values = [(key, value) for name, key, value in messages if name == topic.name]
            first = offsets[topic.name]
            offsets[topic.name] += len(values)
            records = [_Record(first + number, *pair) for number, pair in enumerate(values)]
            source = RecordSource(topic.name, 1, 0)
            decoded = decoders[topic.name].decode(records, source, now=scenario.end)
            if decoded.rejected:
                raise RomashkaError(f"the simulator made no valid event: {decoded.rejected[0].detail}")
            batch = to_batch(decoded.events, decoded.offsets, schema, source, _PSEUDONYMS)
            if batch.num_rows == 0:
                continue
            sink.write(table, batch)
            if topic is QUERIES:
                chunk = Chunk(source, chunk_id)
                chunk.add(batch)
                windows = chunk.take_changed()
                if windows is not None:
                    sink.write("query_windows", windows)


def pseudonym(user_id: UUID, customer_id: str) -> str:
    """Return the name under which a customer is stored."""
    return _PSEUDONYMS.pseudonym(user_id.bytes, customer_id)
