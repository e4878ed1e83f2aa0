"""The fast path: decodes clean batches column by column, without a Python object for each event.

``streams.decode`` is the definition of a valid event. This module applies the same rules column by column with Arrow's
JSON reader, for batches in which every message is one JSON object with known fields, canonical UUIDs, ISO-8601 times
and values in range. For any other batch ``to_batch`` returns ``None``; the caller halves the batch until the unusual
messages are isolated and passes those to the decoder (docs/adr/0021-columnar-path.md).

Every distinct text of a column is validated once by the contract's own validator. A differential test
(tests/properties/test_columnar.py) checks that both paths give the same rows.
"""

from __future__ import annotations

import binascii
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Required, Union, cast, get_args, get_origin, get_type_hints

import annotated_types
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from models.events import EXPERIMENT_FIELDS, MAX_EVENT_BYTES
from models.rows import LABEL, LABELS, MONEY, SCORE, TIME, UUID
from models.topics import Topic
from streams.arrow_batches import score_column
from streams.decode import MAX_AGES, Record, time_bounds
from streams.pseudonyms import Pseudonymiser

# Up to six decimals, a float represents money exactly (15 significant digits); more decimals are unusual.
_EXACT_MONEY: Final = pa.decimal128(38, 6)
_READ_AS: Final[dict[pa.DataType, pa.DataType]] = {
    UUID: pa.string(),
    LABEL: pa.string(),
    LABELS: pa.list_(pa.string()),
    TIME: pa.string(),
    SCORE: pa.float64(),
    MONEY: _EXACT_MONEY,
    pa.bool_(): pa.bool_(),
    pa.uint32(): pa.int64(),
}
_TIME_PATTERN: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
_MICROSECONDS: Final = pa.timestamp("us", "UTC")
_UUID_LENGTH: Final = 36
_DASHES: Final = np.array([8, 13, 18, 23])


class _Unusual(Exception):
    """The batch needs the decoder."""


class _Field(NamedTuple):
    """One field of the contract: column type, bounds and validator."""

    name: str
    kind: pa.DataType
    required: bool
    low: Any
    high: Any
    most: int | None
    checked: Callable[[list[str]], list[str]]


class ColumnarReader:
    """Turns clean batches of one topic into rows.

    Parameters
    ----------
    topic
        Defines the contract.
    schema
        The rows to make, one of ``models.rows``.
    """

    def __init__(self, topic: Topic, schema: pa.Schema, pseudonymiser: Pseudonymiser) -> None:
        hints = get_type_hints(topic.event, include_extras=True)
        required = frozenset(TypeAdapter(topic.event).json_schema()["required"])
        self._schema = schema
        self._pseudonymiser = pseudonymiser
        self._fields = [_field(f.name, f.type, hints[f.name], f.name in required) for f in schema if f.name in hints]
        self._times = [name for name in MAX_AGES if name in hints]
        self._options = pj.ParseOptions(
            explicit_schema=pa.schema([(field.name, _READ_AS[field.kind]) for field in self._fields]),
            newlines_in_values=False,
            unexpected_field_behavior="error",
        )

    def to_batch(
        self, records: Sequence[Record], topic_epoch: int, partitions: npt.NDArray[np.int32], *, now: datetime
    ) -> pa.RecordBatch | None:
        """Return the rows of ``records`` in their order, or ``None`` where any of them is unusual.

        Parameters
        ----------
        partitions
            The partition of each record.
        """
        try:
            columns = self._columns(self._read(records), now)
        except (_Unusual, pa.ArrowInvalid, ValidationError):
            return None
        n = len(records)
        columns["topic_epoch"] = pa.array(np.full(n, topic_epoch, dtype=np.uint64))
        columns["kafka_partition"] = pa.array(partitions)
        columns["kafka_offset"] = pa.array(np.fromiter((record.offset for record in records), np.int64, n))
        return pa.RecordBatch.from_arrays([columns[f.name] for f in self._schema], schema=self._schema)

    def _read(self, records: Sequence[Record]) -> dict[str, pa.Array[Any]]:
        values = [record.value or b"" for record in records]
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        # Before they are joined, which would hold huge ones twice.
        if lengths.min() < len("{}") or lengths.max() > MAX_EVENT_BYTES:
            raise _Unusual
        joined = b"\n".join(values)
        _check_bytes(joined, lengths)
        read = pj.ReadOptions(use_threads=False, block_size=len(joined) + 1)
        table = pj.read_json(io.BytesIO(joined), read_options=read, parse_options=self._options)
        if table.num_rows != len(values) or not _keyed_by_tenant(records, table["user_id"]):
            raise _Unusual
        return {
            name: cast("pa.Array[Any]", column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
            for name, column in zip(table.column_names, table.columns, strict=True)
        }

    def _columns(self, table: dict[str, pa.Array[Any]], now: datetime) -> dict[str, pa.Array[Any]]:
        columns: dict[str, pa.Array[Any]] = {}
        bounds = {name: (earliest, latest) for name, earliest, latest in time_bounds(self._times, now)}
        for field in self._fields:
            column = table[field.name]
            if field.required and column.null_count:
                raise _Unusual
            if field.name == "customer_id":
                columns[field.name] = self._customers(columns["user_id"], column, field)
            elif field.name in bounds:
                columns[field.name] = _times(column, *bounds[field.name])
            else:
                columns[field.name] = _MAKERS[field.kind](column, field)
        if columns.keys() >= set(EXPERIMENT_FIELDS):
            experiment, arm = (pc.equal(columns[name], pa.scalar("")) for name in EXPERIMENT_FIELDS)
            if not experiment.equals(arm):  # one without the other
                raise _Unusual
        return columns

    def _customers(self, users: pa.Array[Any], column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
        """Return the pseudonyms: one for each distinct customer of each tenant."""
        tenants = users.dictionary_encode()
        customers = column.dictionary_encode()
        width = len(customers.dictionary) + 1  # the last index means: not given
        which = customers.indices.fill_null(width - 1).to_numpy().astype(np.int64)
        pairs = pa.array(tenants.indices.to_numpy().astype(np.int64) * width + which).dictionary_encode()
        tenant, customer = np.divmod(pairs.dictionary.to_numpy(), width)
        tenant_ids = tenants.dictionary.to_pylist()
        names = [*field.checked(cast("list[str]", customers.dictionary.to_pylist())), None]
        pseudonym = self._pseudonymiser.pseudonym
        distinct = [
            "" if (name := names[one]) is None else pseudonym(tenant_ids[of], name)
            for of, one in zip(tenant.tolist(), customer.tolist(), strict=True)
        ]
        return pa.array(distinct, LABEL).take(pairs.indices)


def _field(name: str, kind: pa.DataType, hint: Any, required: bool) -> _Field:
    """Return a field with its bounds and the validator of its texts, from the contract."""
    inner = _bare(hint)
    limits = _limits(inner)
    text = _element(inner) if kind == LABELS else inner
    return _Field(
        name,
        kind,
        required,
        limits.get("ge"),
        limits.get("le"),
        limits.get("max_length"),
        _validator(text) if kind in {LABEL, LABELS} else list,
    )


def _bare(hint: Any) -> Any:
    """Return an annotation without ``Required`` and without ``None``."""
    if get_origin(hint) is Required:
        return _bare(get_args(hint)[0])
    options = [option for option in get_args(hint) if option is not type(None)]
    return options[0] if get_origin(hint) in {Union, UnionType} else hint


def _element(hint: Any) -> Any:
    listed = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_args(listed)[0]


def _limits(hint: Any) -> dict[str, Any]:
    """Return the bounds that an annotation declares."""
    found: dict[str, Any] = {}
    for mark in getattr(hint, "__metadata__", ()):
        for one in mark.metadata if isinstance(mark, FieldInfo) else (mark,):
            match one:
                case annotated_types.Ge():
                    found["ge"] = one.ge
                case annotated_types.Le():
                    found["le"] = one.le
                case annotated_types.MaxLen():
                    found["max_length"] = one.max_length
    return found


def _validator(hint: Any) -> Callable[[list[str]], list[str]]:
    """Return what validates texts; all at once, because a call costs more than a text."""
    adapter: TypeAdapter[list[str]] = TypeAdapter(list[hint])
    return partial(adapter.validate_python, strict=True)


def _keyed_by_tenant(records: Sequence[Record], users: pa.ChunkedArray[Any]) -> bool:
    """Whether every key equals the tenant in the message, in canonical spelling."""
    keys = pa.array([record.key for record in records], pa.binary())
    same = pc.all(pc.equal(keys, users.cast(pa.binary())), skip_nulls=False).as_py()
    return bool(same) and all(text == text.lower() for text in map(str, users.unique().to_pylist()))


def _check_bytes(joined: bytes, lengths: npt.NDArray[np.int64]) -> None:
    """Reject input that JSON readers treat differently, and messages that are not one object each.

    The former are line breaks within a message, NUL, numeric escapes and other encodings. The latter: only when every
    message begins and ends as an object do equal numbers of rows and messages mean one row each, in order.
    """
    octets = np.frombuffer(joined, np.uint8)
    ends = np.cumsum(lengths + 1) - 1  # of each message: the place behind it
    if (octets[ends - lengths] != ord("{")).any() or (octets[ends - 1] != ord("}")).any():
        raise _Unusual
    # Arrow's reader rejects other control characters within a text; outside of texts both readers do.
    if np.count_nonzero(octets == ord("\n")) != len(lengths) - 1 or b"\0" in joined:
        raise _Unusual
    # Few messages have a backslash at all, and one character is found much faster than two.
    if b"\\" in joined and b"\\u" in joined:
        raise _Unusual
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            raise _Unusual from None


def _scores(column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
    values = column.to_numpy(zero_copy_only=False)  # NaN where not given
    if np.count_nonzero(np.isnan(values)) != column.null_count or ((values < field.low) | (values > field.high)).any():
        raise _Unusual
    return score_column(values)


def _money(column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
    _check_between(column, field.low, field.high)
    return pc.round(column, MONEY.scale, "half_to_even").cast(MONEY, safe=False)


def _whole_numbers(column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
    _check_between(column, field.low, field.high)
    return column.cast(pa.uint32())


def _as_it_is(column: pa.Array[Any], _: _Field) -> pa.Array[Any]:
    return column


def _check_between(column: pa.Array[Any], low: Any, high: Any) -> None:
    """Reject a column with a value outside its bounds."""
    found: Any = pc.min_max(column).as_py()
    if found["min"] is not None and not (low <= found["min"] and found["max"] <= high):
        raise _Unusual


def _labels(column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
    texts = cast("list[str]", column.drop_null().unique().to_pylist())
    values = field.checked(texts)
    if values != texts:
        column = pa.array(values, LABEL).take(column.dictionary_encode().indices)
    return column.fill_null("") if column.null_count else column


def _lists(column: pa.Array[Any], field: _Field) -> pa.Array[Any]:
    lists = cast("pa.ListArray[Any]", column)
    values = lists.flatten()
    if values.null_count or (
        field.most is not None and (pc.max(pc.list_value_length(lists)).as_py() or 0) > field.most
    ):
        raise _Unusual
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), pa.int32())
    return pa.ListArray.from_arrays(offsets, _labels(values, field))


def _times(column: pa.Array[Any], earliest: datetime, latest: datetime) -> pa.Array[Any]:
    if not pc.all(pc.match_substring_regex(column, _TIME_PATTERN)).as_py() and len(column) > column.null_count:
        raise _Unusual
    times = column.cast(_MICROSECONDS).cast(pa.int64())
    # As numbers: the years 0 and 10000, which an offset may reach, are no datetime of Python's.
    _check_between(times, *(pa.scalar(bound, _MICROSECONDS).value for bound in (earliest, latest)))
    return pc.divide(times, 1_000).cast(TIME)


def _uuids(column: pa.Array[Any], _: _Field) -> pa.Array[Any]:
    """Return UUIDs in their canonical form as 16 bytes each."""
    n = len(column)
    offsets, data = column.buffers()[1:]
    if offsets is None or data is None:
        raise _Unusual
    bounds = np.frombuffer(cast("memoryview", offsets), np.int32)[column.offset : column.offset + n + 1]
    if not (np.diff(bounds) == _UUID_LENGTH).all():
        raise _Unusual
    texts = np.frombuffer(cast("memoryview", data), np.uint8)[bounds[0] : bounds[-1]].reshape(-1, _UUID_LENGTH)
    if (texts[:, _DASHES] != ord("-")).any():
        raise _Unusual
    try:
        octets = binascii.unhexlify(texts.tobytes().replace(b"-", b""))
    except binascii.Error:
        raise _Unusual from None
    if len(octets) != n * UUID.byte_width:  # a dash where a digit belongs
        raise _Unusual
    halves = np.frombuffer(octets, np.uint64).reshape(-1, 2)
    if not (halves[:, 0] | halves[:, 1]).all() or not (~(halves[:, 0] & halves[:, 1])).all():
        raise _Unusual  # the nil or the max UUID
    return pa.Array.from_buffers(UUID, n, [None, pa.py_buffer(octets)])


_MAKERS: Final[dict[pa.DataType, Callable[[pa.Array[Any], _Field], pa.Array[Any]]]] = {
    UUID: _uuids,
    LABEL: _labels,
    LABELS: _lists,
    SCORE: _scores,
    MONEY: _money,
    pa.uint32(): _whole_numbers,
    pa.bool_(): _as_it_is,
}
