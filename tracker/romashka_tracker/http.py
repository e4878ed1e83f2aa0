"""The transport through the HTTP collector, for programs without access to Kafka."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import logging
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from romashka_tracker.errors import NotDelivered, TrackerClosed, TrackerError, Unreachable
from romashka_tracker.transport import Message

log = logging.getLogger("romashka_tracker")

_REQUEST_SECONDS: Final = 20.0
_MAX_EVENTS: Final = 500
_MAX_BYTES: Final = 1024 * 1024
_MAX_WAIT_SECONDS: Final = 30.0
_UNACKNOWLEDGED: Final = "not_acknowledged"
# What fits into a header and into a request line.
_VISIBLE: Final = re.compile(r"[!-~]+")


class _Answer(NamedTuple):
    status: int
    body: Any
    retry_after: float


class HttpTransport:
    """Sends messages to the HTTP collector, which answers once every in-sync replica of Kafka has them.

    An event that the collector rejects for good is logged with its reason, counted in ``rejected`` and not sent again.

    Parameters
    ----------
    url
        The collector's address, for example ``https://collector.example.com``.
    key
        A key of the role ``producer``.
    ssl_context
        How to check the collector's certificate; the system's way where it is left out.

    Raises
    ------
    TrackerError
        No request could be made of the address or the key: told here, because sending would fail for ever.
    """

    def __init__(self, url: str, key: str, *, ssl_context: ssl.SSLContext | None = None) -> None:
        scheme, host, port, path = _address(url)
        if not _VISIBLE.fullmatch(key):
            # Not even the length: it is a secret. The usual cause is the line break at the end of a file.
            raise TrackerError(
                "The collector's key must be visible ASCII characters without blanks and line breaks; where it is read "
                "from a file, strip it."
            )
        self._host, self._port, self._secure = host, port, scheme == "https"
        self._url = f"{scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
        self._path = path.rstrip("/") + "/v1/events?topic="
        self._key = key
        self._ssl_context = ssl_context
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._wait_seconds: dict[str, float] = {}
        self._connected: set[str] = set()
        self._closed = False
        self.rejected = 0

    async def connect(self, topic: str) -> None:
        """Check that the collector answers and takes the key."""
        self._check_open(topic)
        if topic not in self._connected:
            self._check_answer(await self._post(topic, b""), topic)
            self._connected.add(topic)

    async def send(self, topic: str, batch: Sequence[Message]) -> None:
        """Deliver a batch, one request after the other."""
        await self.connect(topic)
        await asyncio.sleep(self._wait_seconds.pop(topic, 0.0))
        for start, end in _requests(batch):
            try:
                answer = await self._post(topic, b"\n".join(message.value for message in batch[start:end]))
                self._check_answer(answer, topic)
            except Unreachable as error:
                if not start:
                    raise
                raise NotDelivered(str(error), range(start, len(batch))) from None
            self._check_open(topic)
            undelivered = self._unacknowledged(topic, answer, end - start)
            if undelivered:
                positions = [start + position for position in undelivered]
                raise NotDelivered(
                    f"The collector at {self._url} did not take all of {topic}.",
                    [*_from_same_keys(batch[:end], positions), *range(end, len(batch))],
                )

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        while self._connections:
            self._connections.popitem()[1].close()

    def _check_open(self, topic: str) -> None:
        if self._closed:
            raise TrackerClosed(f"This transport is closed: it cannot send to {topic}.")

    def _check_answer(self, answer: _Answer, topic: str) -> None:
        """Raise ``Unreachable`` unless the answer has a verdict on each event."""
        if answer.retry_after:
            self._wait_seconds[topic] = answer.retry_after
        if isinstance(answer.body, dict) and isinstance(answer.body.get("events"), list):
            return
        detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
        reason = detail if isinstance(detail, str) else "no reason given"
        raise Unreachable(f"The collector at {self._url} answers {answer.status} for {topic}: {reason}")

    def _unacknowledged(self, topic: str, answer: _Answer, count: int) -> list[int]:
        verdicts = answer.body["events"]
        if len(verdicts) != count:
            raise Unreachable(f"The collector at {self._url} answers for {len(verdicts)} of the {count} events sent.")
        rejected = [verdict for verdict in verdicts if verdict.get("status") != "accepted"]
        undelivered = [at for at, verdict in enumerate(verdicts) if verdict.get("reason") == _UNACKNOWLEDGED]
        final = [verdict for verdict in rejected if verdict.get("reason") != _UNACKNOWLEDGED]
        if final:
            self.rejected += len(final)
            reasons = sorted({f"{verdict.get('reason')} ({verdict.get('detail')})" for verdict in final})
            log.warning("The collector rejected %d events for %s: %s", len(final), topic, "; ".join(reasons)[:500])
        return undelivered

    async def _post(self, topic: str, body: bytes) -> _Answer:
        lock = self._locks.setdefault(topic, threading.Lock())
        return await asyncio.to_thread(self._post_now, topic, body, lock)

    def _post_now(self, topic: str, body: bytes, lock: threading.Lock) -> _Answer:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
        }
        packed = gzip.compress(body, compresslevel=1, mtime=0)
        with lock:
            connection = self._connections.pop(topic, None) or self._new_connection()
            try:
                connection.request("POST", self._path + quote(topic, safe=""), packed, headers)
                response = connection.getresponse()
                answer = _Answer(response.status, _parsed(response.read()), _seconds(response.headers))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise Unreachable(
                    f"No collector answers at {self._url} ({type(error).__name__}). Check the address and that it runs."
                ) from None
            if self._closed:
                connection.close()
            else:
                self._connections[topic] = connection
        return answer

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = self._ssl_context or ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=_REQUEST_SECONDS, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=_REQUEST_SECONDS)


def _address(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path of an address that requests can be sent to."""
    wrong = TrackerError(
        "The collector's address must be http://host:port or https://host:port, and a path where it has one."
    )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        named = host.encode("idna").decode()  # as a connection does
    except ValueError:
        raise wrong from None
    usual = parts.scheme in {"http", "https"} and parts.username is None and not parts.query and not parts.fragment
    if not usual or not _VISIBLE.fullmatch(named) or not _VISIBLE.fullmatch(parts.path or "/") or port == 0:
        raise wrong
    return parts.scheme, host, port, parts.path


def _requests(batch: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Yield from where to where each request goes: bounded in events and bytes, one event at least."""
    start = size = 0
    for position, message in enumerate(batch):
        if position > start and (position - start == _MAX_EVENTS or size + len(message.value) > _MAX_BYTES):
            yield start, position
            start, size = position, 0
        size += len(message.value) + 1
    if batch:
        yield start, len(batch)


def _from_same_keys(batch: Sequence[Message], undelivered: Sequence[int]) -> list[int]:
    """Return the positions to send again: of each key, from the first that failed, so that the order is kept."""
    first: dict[bytes, int] = {}
    for position in undelivered:
        first.setdefault(batch[position].key, position)
    return [at for at, message in enumerate(batch) if message.key in first and at >= first[message.key]]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _seconds(headers: http.client.HTTPMessage) -> float:
    text = headers.get("Retry-After", "0")
    return min(float(text), _MAX_WAIT_SECONDS) if text.isascii() and text.isdecimal() else 0.0
