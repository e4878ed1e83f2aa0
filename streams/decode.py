"""Decodes and validates message bytes: valid events, or rejections with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from models.counting import counted
from models.dead_letters import DeadLetter
from models.errors import EventRejected
from models.events import EXPERIMENT_FIELDS, MAX_EVENT_BYTES, AnyEvent
from models.keys import key_of
from models.retention import EVENT_RETENTION, MAX_AHEAD, MAX_SYNC_AGE
from models.topics import Topic

# Maximum age of each time field.
MAX_AGES: Final[dict[str, timedelta]] = {
    "created_at": EVENT_RETENTION,
    "opened_at": EVENT_RETENTION,
    "last_sync_at": MAX_SYNC_AGE,
}

_REASONS: Final = {
    "json_invalid": "invalid_json",
    "missing": "missing_field",
    "dict_type": "not_an_object",
    "literal_error": "not_allowed",
    "placeholder": "not_allowed",
    "finite_number": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_pattern_mismatch": "wrong_format",
    "string_too_short": "out_of_range",
    "string_too_long": "out_of_range",
    "too_long": "out_of_range",
    "timezone_aware": "wrong_format",
    "datetime_parsing": "wrong_format",
    "datetime_from_date_parsing": "wrong_format",
    "uuid_parsing": "wrong_format",
    "decimal_parsing": "wrong_format",
}


# Name of a time field, its earliest and its latest value.
_Bounds = tuple[str, datetime, datetime]


class Record(Protocol):
    """The parts of a Kafka record that are used here."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def key(self) -> bytes | None:
        """Key bytes."""

    @property
    def value(self) -> bytes | None:
        """Value bytes, ``None`` for a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers."""


class RecordSource(NamedTuple):
    """The origin of records. ``topic_epoch`` distinguishes a topic from an earlier one of the same name."""

    topic: str
    topic_epoch: int
    partition: int


class Decoded(NamedTuple):
    """The outcome of one batch: ``events[i]`` came from ``offsets[i]``; both keep the log's order."""

    events: list[AnyEvent]
    offsets: list[int]
    rejected: list[DeadLetter]
    unknown_fields: int


class Decoder:
    """Validates the values of one topic. Never raises on input: an invalid message becomes a dead letter.

    Parameters
    ----------
    keyed
        Whether the records have their keys already; ``False`` skips the check of the key.
    """

    def __init__(self, topic: Topic, *, keyed: bool = True) -> None:
        self._keyed = keyed
        adapter: TypeAdapter[AnyEvent] = TypeAdapter(topic.event)
        self._validate = adapter.validator.validate_json
        properties = adapter.json_schema()["properties"]
        self._known = frozenset(properties)
        self._expected = {name: _expectation(schema) for name, schema in properties.items()}
        self._times = [name for name in MAX_AGES if name in properties]
        self._in_experiments = set(EXPERIMENT_FIELDS) <= self._known

    def decode(self, records: Sequence[Record], source: RecordSource, *, now: datetime) -> Decoded:
        """Validate a batch.

        Each value is validated on its own: joining a batch into one JSON array is no faster and would let a crafted
        message change its neighbours (docs/adr/0002-decoding.md).
        """
        bounds = time_bounds(self._times, now)
        events: list[AnyEvent] = []
        offsets: list[int] = []
        rejected: list[DeadLetter] = []
        for record in records:
            try:
                events.append(self._event(record, bounds))
            except EventRejected as error:
                rejected.append(_dead_letter(record, source, error))
            else:
                offsets.append(record.offset)
        known = self._known
        unknown = sum(len(event.keys() - known) for event in events if not known.issuperset(event))
        return Decoded(events, offsets, rejected, unknown)

    def _event(self, record: Record, bounds: Sequence[_Bounds]) -> AnyEvent:
        value = record.value
        if not value:
            raise EventRejected("decode", "empty", "the message has no value; expected one JSON object")
        if len(value) > MAX_EVENT_BYTES:
            size = counted(len(value), "byte", shown=str(len(value)))
            detail = f"the message has {size}; expected at most {MAX_EVENT_BYTES}"
            raise EventRejected("size", "too_large", detail)
        try:
            event = cast("AnyEvent", self._validate(value))
        except ValidationError as error:
            raise self._rejection(error) from None
        if self._in_experiments:
            _check_experiment(event)
        if self._keyed and record.key != key_of(event["user_id"]):
            raise EventRejected(
                "key",
                "wrong_key",
                "the message's key is not its tenant; expected the user_id in lower case with dashes, so that a "
                "tenant's events share a partition",
            )
        for name, earliest, latest in bounds:
            moment = event.get(name)
            if moment is not None and not earliest <= moment <= latest:
                raise _out_of_time(name, ahead=moment > latest)
        return event

    def _rejection(self, error: ValidationError) -> EventRejected:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        kind = first["type"]
        stage = "decode" if kind == "json_invalid" else "validate"
        reason = _REASONS.get(kind, "wrong_type" if kind.endswith("_type") else "not_valid")
        return EventRejected(stage, reason, self._detail(first))

    def _detail(self, first: ErrorDetails) -> str:
        location = first["loc"]
        if not location:
            invalid = first["type"] == "json_invalid"
            return "the message is not valid JSON in UTF-8" if invalid else "the message is not one JSON object"
        field = str(location[0])
        if first["type"] == "missing":
            return f"{field}: is missing; expected {self._expected[field]}"
        return f"{field}: expected {self._expected[field]}"


def _check_experiment(event: AnyEvent) -> None:
    missing = [name for name in EXPERIMENT_FIELDS if event.get(name) is None]
    if len(missing) == 1:
        (given,) = set(EXPERIMENT_FIELDS) - set(missing)
        detail = f"{missing[0]}: is missing; expected experiment and arm together, and {given} is given"
        raise EventRejected("validate", "missing_field", detail)


def time_bounds(names: Iterable[str], now: datetime) -> list[_Bounds]:
    """Return the earliest and the latest allowed value of some time fields."""
    return [(name, now - MAX_AGES[name], now + MAX_AHEAD) for name in names]


def _out_of_time(name: str, *, ahead: bool) -> EventRejected:
    if ahead:
        minutes = MAX_AHEAD // timedelta(minutes=1)
        detail = f"{name}: is more than {counted(minutes, 'minute')} ahead of our clock; check the producer's"
        return EventRejected("time", "in_the_future", detail)
    days = MAX_AGES[name].days
    kept = "events are kept no longer" if MAX_AGES[name] == EVENT_RETENTION else "leave out what is not known"
    return EventRejected("time", "too_old", f"{name}: is more than {counted(days, 'day', shown=str(days))} ago; {kept}")


def _expectation(schema: dict[str, Any]) -> str:
    """Return a description of a field's valid values, from its JSON Schema."""
    if "description" in schema:
        words = _lowered(schema["description"])
        if schema.get("format") == "uuid":
            return f"a UUID: {words}"
        return f"{words}, each {_expectation(schema['items'])}" if "items" in schema else words
    if "anyOf" in schema:
        return " or ".join(_expectation(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    return {"boolean": "true or false"}.get(schema["type"], str(schema["type"]))


def _lowered(sentence: str) -> str:
    # "Whole milliseconds" is lower-cased within a sentence, "ISO-8601" is not.
    return sentence if sentence[1:2].isupper() else sentence[0].lower() + sentence[1:]


def _dead_letter(record: Record, source: RecordSource, error: EventRejected) -> DeadLetter:
    return DeadLetter(
        topic=source.topic,
        topic_epoch=source.topic_epoch,
        partition=source.partition,
        offset=record.offset,
        stage=error.stage,
        reason=error.reason,
        detail=error.detail,
        key=record.key or b"",
        raw=record.value or b"",
    )
