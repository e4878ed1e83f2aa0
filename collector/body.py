"""Splits a request's body into events: JSON or NDJSON, one or many, optional gzip, within limits."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from api.problems import ApiError
from models.events import MAX_EVENT_BYTES
from models.topics import INGEST, Topic

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
MAX_PLAIN_BYTES: Final = 16 * 1024 * 1024
MAX_EVENTS: Final = 1_000
MAX_VALUE_LENGTH: Final = 1024 * 1024
"""Characters of one value that are parsed in one go; an event has far fewer."""
JSON_TYPE: Final = "application/json"
NDJSON_TYPES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
TOPICS: Final[Mapping[str, Topic]] = {
    spelling: topic for topic in INGEST for spelling in (topic.name, topic.name.split(".")[1])
}
"""The topics by their full name and by their short one, for example ``queries``."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_LINE: Final = re.compile(rb"\S[^\n]*")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
# A small piece, as zlib copies what of it follows the end of a member; it unpacks to 1 MiB at most.
_PIECE_BYTES: Final = 1_024


def _whole_number(text: str) -> float:
    try:
        return int(text)
    except ValueError:  # more digits than Python converts: out of every field's range, which the decoder tells
        return float(text)


_DECODER: Final = json.JSONDecoder(parse_int=_whole_number)


class Item(NamedTuple):
    """One event as received. ``topic`` is the producer's name of it."""

    topic: str | None
    value: bytes


def plain_body(body: bytes, encoding: str) -> bytes:
    """Return the decompressed body.

    Raises
    ------
    ApiError
        413 where the result is too large, 415 for another encoding, 400 for invalid gzip.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise ApiError(415, "wrong-encoding", "Content-Encoding: expected gzip or none")
    unpacked = bytearray()
    member = None
    at = 0
    try:
        while at < len(body):
            member = member or zlib.decompressobj(_GZIP_WINDOW)
            piece = body[at : at + _PIECE_BYTES]
            unpacked += member.decompress(piece)
            if len(unpacked) > MAX_PLAIN_BYTES:
                raise ApiError(413, "too-large", f"the body may unpack to {MAX_PLAIN_BYTES} bytes at most; send fewer")
            at += len(piece) - len(member.unused_data)
            if member.eof:
                member = None
    except zlib.error:
        raise ApiError(400, "wrong-body", "the body is not gzip, as Content-Encoding says") from None
    if member is not None:
        raise ApiError(400, "wrong-body", "the gzip body ends too early")
    return bytes(unpacked)


def items(body: bytes, media_type: str, topic: str | None) -> list[Item]:
    """Return the events of a body, in its order.

    Parameters
    ----------
    topic
        Topic of every event; where ``None``, each is an object with ``topic`` and ``event``.

    Raises
    ------
    ApiError
        400 where the body as a whole cannot be read, 413 for too many events, 415 for another media type.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if media_type in NDJSON_TYPES:
        lines: list[bytes] = []
        for found in _LINE.finditer(body):
            _check_count(len(lines) + 1)
            lines.append(found[0])
        return [_line(line, topic) for line in lines]
    if media_type != JSON_TYPE:
        raise ApiError(415, "wrong-type", f"Content-Type: expected {JSON_TYPE} or application/x-ndjson")
    try:
        return [_item(value, text, topic) for value, text in _elements(body.decode())]
    except (ValueError, RecursionError):
        larger = f", or an event in it has more than {MAX_VALUE_LENGTH} characters"
        detail = f"the body is not valid JSON in UTF-8{larger if len(body) > MAX_VALUE_LENGTH else ''}"
        raise ApiError(400, "wrong-body", detail) from None


def _check_count(count: int) -> None:
    if count > MAX_EVENTS:
        raise ApiError(413, "too-many-events", f"a request may have {MAX_EVENTS} events; send several requests")


def _elements(text: str) -> Iterator[tuple[Any, str]]:
    """Yield each event of a JSON text as its original substring."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        value, end = _value(text, at)
        _require(_skip(text, end) == len(text))
        yield value, text[at:end]
        return
    at = _skip(text, at + 1)
    count = 0
    while text[at : at + 1] != "]" or count:
        value, end = _value(text, at)
        count += 1
        _check_count(count)
        yield value, text[at:end]
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            break
        _require(text[at : at + 1] == ",")
        at = _skip(text, at + 1)
    _require(_skip(text, at + 1) == len(text))


def _value(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where it ends; raises ``ValueError``.

    Only so much of a long text is parsed in one go: the parser lets no other thread run until it returns.
    """
    if len(text) - at <= MAX_VALUE_LENGTH:
        return _DECODER.raw_decode(text, at)
    value, length = _DECODER.raw_decode(text[at : at + MAX_VALUE_LENGTH])
    return value, at + length


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not JSON")


def _line(line: bytes, topic: str | None) -> Item:
    if topic is not None:
        return Item(topic, line)  # the decoder parses it
    if len(line) > MAX_VALUE_LENGTH:
        raise ApiError(
            413, "too-large", f"a line has more than {MAX_VALUE_LENGTH} bytes, an event {MAX_EVENT_BYTES} at most"
        )
    try:
        return _item(_DECODER.decode(line.decode()), "", topic)
    except (ValueError, RecursionError):
        return Item(None, line)


def _item(value: Any, text: str, topic: str | None) -> Item:
    if topic is None:
        if not isinstance(value, dict):
            return Item(None, b"")
        named, value = value.get("topic"), value.get("event")
        topic = named if isinstance(named, str) else None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return Item(topic, text.encode())
    except UnicodeEncodeError:
        return Item(
            topic, json.dumps(value, separators=(",", ":")).encode()
        )  # half a surrogate pair: the decoder rejects it
