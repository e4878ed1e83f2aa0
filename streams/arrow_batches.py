"""Valid events become columns: one Arrow batch per table, built a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.events import AnyEvent
from models.rows import LABEL, LABELS, MONEY, SCORE, UUID
from models.sync_status import Vocabulary
from streams.decode import RecordSource
from streams.pseudonyms import Pseudonymiser

_MONEY_STEP: Final = Decimal(1).scaleb(-MONEY.scale)


def to_batch(
    events: Sequence[AnyEvent],
    offsets: Sequence[int],
    schema: pa.Schema,
    source: RecordSource,
    pseudonymiser: Pseudonymiser,
) -> pa.RecordBatch:
    """Return the rows of ``events`` under ``schema`` (one of ``models.rows``), in the same order."""
    n = len(events)
    users = [event["user_id"].bytes for event in events]
    given: dict[str, Any] = {
        "topic_epoch": pa.array(np.full(n, source.topic_epoch, dtype=np.uint64)),
        "kafka_partition": pa.array(np.full(n, source.partition, dtype=np.int32)),
        "kafka_offset": pa.array(np.asarray(offsets, dtype=np.int64)),
        "user_id": pa.array(users, UUID),
        "customer_id": _customers(users, events, pseudonymiser),
    }
    columns = [given[f.name] if f.name in given else _column(events, f.name, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def with_meanings(rows: pa.RecordBatch, vocabulary: Vocabulary) -> pa.RecordBatch:
    """Return rows with status and error words replaced by their meanings; unmapped words stay."""
    meanings = {"sync_status": vocabulary.sync_status, "error_kind": vocabulary.error_kind}
    for name in rows.schema.names:
        if name in meanings:
            encoded = rows[name].dictionary_encode()
            words = [meanings[name](str(word)) if word else "" for word in encoded.dictionary.to_pylist()]
            column = pa.array(words, LABEL).take(encoded.indices)
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return rows


def _customers(users: Sequence[bytes], events: Sequence[AnyEvent], pseudonymiser: Pseudonymiser) -> pa.Array[Any]:
    pseudonym = pseudonymiser.pseudonym
    names = [
        "" if (customer := event.get("customer_id")) is None else pseudonym(user, customer)
        for user, event in zip(users, events, strict=True)
    ]
    return pa.array(names, LABEL)


def _column(events: Sequence[AnyEvent], name: str, kind: pa.DataType) -> pa.Array[Any]:
    values = [event.get(name) for event in events]
    if kind == UUID:
        return pa.array([value.bytes for value in values if value is not None], kind)
    if kind == LABEL:
        return pa.array([value or "" for value in values], kind)
    if kind == LABELS:
        return pa.array([value or [] for value in values], kind)
    if kind == SCORE:
        return score_column(np.array(values, dtype=np.float64))
    if kind == MONEY:
        kept = [value if value is None else value.quantize(_MONEY_STEP, ROUND_HALF_EVEN) for value in values]
        return pa.array(kept, kind)
    return pa.array(values, kind)


def score_column(values: npt.NDArray[np.float64]) -> pa.Array[Any]:
    """Return floats as decimals of four places; NaN becomes null."""
    missing = np.isnan(values)
    scaled = np.rint(np.where(missing, 0.0, values) * 10_000).astype(np.int64)
    return decimal_column(scaled, SCORE, missing)


def decimal_column(
    scaled: npt.NDArray[np.int64], kind: pa.Decimal128Type[Any, Any], missing: npt.NDArray[np.bool_] | None = None
) -> pa.Array[Any]:
    """Return integers, already multiplied by the scale, as a decimal column without going through Python objects."""
    words = np.empty((len(scaled), 2), dtype=np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63  # sign extension into the upper half of the 128 bits
    validity = None
    if missing is not None and missing.any():
        validity = pa.py_buffer(np.packbits(~missing, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(scaled), [validity, pa.py_buffer(words.data)])


def decimals_scaled(column: pa.Array[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the inverse of ``decimal_column``: the scaled integers (0 where null) and the null mask."""
    data = cast("memoryview", column.buffers()[1])
    words = np.frombuffer(data, dtype=np.int64).reshape(-1, 2)[column.offset : column.offset + len(column), 0]
    missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
    return np.where(missing, 0, words), missing
