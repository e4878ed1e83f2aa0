"""Malformations of a message, each of which makes it invalid."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from models.events import MAX_EVENT_BYTES
from models.topics import HEALTH, INTELLIGENCE, OUTCOMES, QUERIES

# A required field and a value of a type it does not take, a ranged field and a value outside, a field for NaN.
_WRONG_TYPE: Final[dict[str, tuple[str, Any]]] = {
    QUERIES.name: ("query_success", "yes"),
    OUTCOMES.name: ("integration_data_used", 1),
    HEALTH.name: ("sync_status", 5),
    INTELLIGENCE.name: ("conversation_id", 12),
}
_OUT_OF_RANGE: Final[dict[str, tuple[str, Any]]] = {
    QUERIES.name: ("response_time_ms", -1),
    OUTCOMES.name: ("customer_satisfaction_score", 5.5),
    HEALTH.name: ("error_rate", 1.5),
    INTELLIGENCE.name: ("conversion_probability", -0.1),
}
_REQUIRED: Final = ("event_id", "user_id", "created_at")


def _with(value: bytes, field: str, content: object) -> bytes:
    return json.dumps({**json.loads(value), field: content}).encode()


def _inside_a_text(value: bytes, inserted: bytes) -> bytes:
    place = value.index(b':"') + 2
    return value[:place] + inserted + value[place:]


def _truncated(_topic: str, value: bytes, rng: np.random.Generator, _now: datetime) -> bytes:
    return value[: int(rng.integers(1, len(value)))]


def _empty(_topic: str, _value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return b""


def _not_utf8(_topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _inside_a_text(value, b"\xff\xfe")


def _nul_byte(_topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _inside_a_text(value, b"\x00")


def _not_an_object(_topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return b"[" + value + b"]"


def _oversized(_topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _with(value, "padding", "x" * (MAX_EVENT_BYTES + 36 * 1024))


def _wrong_type(topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _with(value, *_WRONG_TYPE[topic])


def _out_of_range(topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _with(value, *_OUT_OF_RANGE[topic])


def _not_a_number(topic: str, value: bytes, _rng: np.random.Generator, _now: datetime) -> bytes:
    return _with(value, _OUT_OF_RANGE[topic][0], float("nan"))


def _missing_field(_topic: str, value: bytes, rng: np.random.Generator, _now: datetime) -> bytes:
    event = json.loads(value)
    del event[_REQUIRED[int(rng.integers(len(_REQUIRED)))]]
    return json.dumps(event).encode()


def _hour_ahead(_topic: str, value: bytes, _rng: np.random.Generator, now: datetime) -> bytes:
    return _with(value, "created_at", (now + timedelta(hours=1)).isoformat(timespec="milliseconds"))


def _year_ahead(_topic: str, value: bytes, _rng: np.random.Generator, now: datetime) -> bytes:
    return _with(value, "created_at", (now + timedelta(days=365)).isoformat(timespec="milliseconds"))


_BREAKERS: Final[dict[str, Callable[[str, bytes, np.random.Generator, datetime], bytes]]] = {
    "truncated": _truncated,
    "empty": _empty,
    "not_utf8": _not_utf8,
    "nul_byte": _nul_byte,
    "not_an_object": _not_an_object,
    "oversized": _oversized,
    "wrong_type": _wrong_type,
    "out_of_range": _out_of_range,
    "not_a_number": _not_a_number,
    "missing_field": _missing_field,
    "hour_ahead": _hour_ahead,
    "year_ahead": _year_ahead,
}

KINDS: Final = tuple(_BREAKERS)


def malform(kind: str, topic: str, value: bytes, rng: np.random.Generator, now: datetime) -> bytes:
    """Return a valid event's value with one malformation.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    topic, value
        The message.
    rng
        Chooses the position.
    now
        Reference time of ``hour_ahead`` and ``year_ahead``.
    """
    return _BREAKERS[kind](topic, value, rng, now)
