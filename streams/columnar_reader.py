"""The fast path: decodes messages column by column, without a Python object for each event.

``streams.decode`` is the definition of a valid event. This module applies the same rules column by column to what
``json_columns.c`` reads, where a message is one JSON object with distinct fields, canonical UUIDs, ISO-8601 times and
values in range. Any other message is unusual, and the caller passes it to the decoder
(docs/adr/0067-compiled-reader.md).

Every distinct text of a column is validated once by the contract's own validator. A differential test
(tests/properties/test_columnar.py) checks that both paths give the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Required, Union, cast, get_args, get_origin, get_type_hints

import annotated_types
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from models.events import EXPERIMENT_FIELDS, MAX_EVENT_BYTES
from models.rows import LABEL, LABELS, MONEY, SCORE, TIME, UUID
from models.topics import Topic
from streams import json_columns
from streams.decode import MAX_AGES, Record, time_bounds
from streams.pseudonyms import Pseudonymiser

_READ_AS: Final[dict[pa.DataType, int]] = {
    UUID: json_columns.UUID,
    LABEL: json_columns.TEXT,
    LABELS: json_columns.TEXTS,
    TIME: json_columns.TIME,
    SCORE: json_columns.SCORE,
    MONEY: json_columns.MONEY,
    pa.bool_(): json_columns.FLAG,
    pa.uint32(): json_columns.WHOLE,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ColumnarRows(NamedTuple):
    """The rows of the usual records of a batch, and which records are left to the decoder.

    Attributes
    ----------
    rows
        One for each record that is not unusual, in their order.
    is_unusual
        For each record whether it needs the decoder.
    unknown_fields
        Number of fields that the contract does not have, of the others.
    """

    rows: pa.RecordBatch
    is_unusual: npt.NDArray[np.bool_]
    unknown_fields: int


class _Column(NamedTuple):
    """What ``json_columns.read_columns`` returns for a field."""

    valid: bytes | None
    values: bytes
    texts: bytes
    items: bytes


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
    """Turns messages of one topic into rows.

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
        self._key = [field.name for field in self._fields].index("user_id")
        self._times = [name for name in MAX_AGES if name in hints]

    def read(
        self, records: Sequence[Record], topic_epoch: int, partitions: npt.NDArray[np.int32], *, now: datetime
    ) -> ColumnarRows:
        """Return the rows of those records that are not unusual.

        Parameters
        ----------
        partitions
            The partition of each record.
        """
        n = len(records)
        messages, keys = tuple([record.value for record in records]), tuple([record.key for record in records])
        read = json_columns.read_columns(messages, keys, self._read_as(now), self._key, MAX_EVENT_BYTES)
        is_unusual = np.frombuffer(read[1], np.bool_).copy()
        columns = self._columns([_Column(*one) for one in read[0]], is_unusual)
        columns["topic_epoch"] = pa.array(np.full(n, topic_epoch, dtype=np.uint64))
        columns["kafka_partition"] = pa.array(partitions)
        columns["kafka_offset"] = pa.array(np.fromiter((record.offset for record in records), np.int64, n))
        rows = pa.RecordBatch.from_arrays([columns[f.name] for f in self._schema], schema=self._schema)
        unknown_fields = np.frombuffer(read[2], np.uint8)
        if is_unusual.any():
            usual = ~is_unusual
            rows, unknown_fields = rows.filter(pa.array(usual)), unknown_fields[usual]
        return ColumnarRows(rows, is_unusual, int(unknown_fields.sum()))

    def _read_as(self, now: datetime) -> tuple[tuple[bytes, int, bool, float, float], ...]:
        bounds = {name: (earliest, latest) for name, earliest, latest in time_bounds(self._times, now)}
        return tuple(
            (field.name.encode(), _READ_AS[field.kind], field.required, *_bounds(field, bounds.get(field.name)))
            for field in self._fields
        )

    def _columns(self, read: Sequence[_Column], is_unusual: npt.NDArray[np.bool_]) -> dict[str, pa.Array[Any]]:
        """Return the columns; sets ``is_unusual`` where a text is not valid, or an experiment without its arm."""
        n = len(is_unusual)
        columns: dict[str, pa.Array[Any]] = {}
        for field, column in zip(self._fields, read, strict=True):
            if field.name == "customer_id":
                columns[field.name] = self._customers(columns["user_id"], _texts(column, n), field, is_unusual)
            elif field.kind == LABEL:
                columns[field.name], is_invalid = _validated(_texts(column, n), field)
                is_unusual |= is_invalid
            elif field.kind == LABELS:
                columns[field.name] = _lists(column, field, is_unusual)
            else:
                valid = None if column.valid is None else pa.py_buffer(column.valid)
                columns[field.name] = pa.Array.from_buffers(field.kind, n, [valid, pa.py_buffer(column.values)])
        if columns.keys() >= set(EXPERIMENT_FIELDS):
            experiment, arm = (_is_empty(columns[name]) for name in EXPERIMENT_FIELDS)
            is_unusual |= experiment != arm  # one without the other
        return columns

    def _customers(
        self, users: pa.Array[Any], column: pa.Array[Any], field: _Field, is_unusual: npt.NDArray[np.bool_]
    ) -> pa.Array[Any]:
        """Return the pseudonyms: one for each distinct customer of each tenant, "" where there is none."""
        tenants = users.dictionary_encode()
        customers = column.dictionary_encode()
        of_customers = customers.indices.to_numpy()
        names = _checked(cast("list[str]", customers.dictionary.to_pylist()), field)
        is_unusual |= _is_none(names)[of_customers]
        width = len(names)
        pairs = pa.array(tenants.indices.to_numpy().astype(np.int64) * width + of_customers).dictionary_encode()
        tenant, customer = np.divmod(pairs.dictionary.to_numpy(), width)
        tenant_ids = tenants.dictionary.to_pylist()
        pseudonym = self._pseudonymiser.pseudonym
        distinct = [
            pseudonym(tenant_ids[of], name) if (name := names[one]) else ""
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


def _checked(texts: list[str], field: _Field) -> list[str | None]:
    """Return texts as the contract's validator has them, ``None`` where not valid; "" stands for a missing one."""
    given = [text for text in texts if text]
    try:
        values: list[str | None] = [*field.checked(given)]
    except ValidationError:
        values = [_valid(text, field) for text in given]
    found = dict(zip(given, values, strict=True))
    return [found.get(text, "") for text in texts]


def _valid(text: str, field: _Field) -> str | None:
    try:
        return field.checked([text])[0]
    except ValidationError:
        return None


def _is_none(values: Sequence[object]) -> npt.NDArray[np.bool_]:
    return np.fromiter((value is None for value in values), np.bool_, len(values))


def _is_empty(column: pa.Array[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.equal(column, pa.scalar("")).to_numpy(zero_copy_only=False))


def _bounds(field: _Field, times: tuple[datetime, datetime] | None) -> tuple[float, float]:
    """Return the least and greatest value of a field in the unit of ``json_columns``; 0 where it has none."""
    if times is not None:
        # As numbers: the years 0 and 10000, which an offset may reach, are no datetime of Python's.
        earliest, latest = ((moment - _EPOCH) / timedelta(microseconds=1) for moment in times)
        return earliest, latest
    if field.kind == LABELS:
        return 0.0, math.inf if field.most is None else float(field.most)
    unit = 10**MONEY.scale if field.kind == MONEY else 1
    return float((field.low or 0) * unit), float((field.high or 0) * unit)


def _texts(column: _Column, n: int) -> pa.Array[Any]:
    """Return texts, "" where missing."""
    return pa.StringArray.from_buffers(n, pa.py_buffer(column.values), pa.py_buffer(column.texts))


def _validated(column: pa.Array[Any], field: _Field) -> tuple[pa.Array[Any], npt.NDArray[np.bool_] | bool]:
    """Return texts as the contract's validator has them, and where they are not valid."""
    texts = cast("list[str]", column.unique().to_pylist())
    values = _checked(texts, field)
    if values == texts:
        return column, False
    encoded = column.dictionary_encode()
    of_values = encoded.indices.to_numpy()
    valid = pa.array([value or "" for value in values], LABEL)
    return valid.take(encoded.indices), _is_none(values)[of_values]


def _lists(column: _Column, field: _Field, is_unusual: npt.NDArray[np.bool_]) -> pa.Array[Any]:
    offsets = np.frombuffer(column.values, np.int32)
    texts = pa.StringArray.from_buffers(int(offsets[-1]), pa.py_buffer(column.items), pa.py_buffer(column.texts))
    values, is_invalid = _validated(texts, field)
    if is_invalid is not False:
        is_unusual[np.repeat(np.arange(len(is_unusual)), np.diff(offsets))[is_invalid]] = True
    lists = pa.Array.from_buffers(LABELS, len(is_unusual), [None, pa.py_buffer(column.values)], children=[values])
    return cast("pa.Array[Any]", lists)
