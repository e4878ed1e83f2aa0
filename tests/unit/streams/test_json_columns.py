"""The compiled reader alone."""

from __future__ import annotations

import sys
import threading
from itertools import product

import pytest

from streams.record_reader import NOT_COMPILED

json_columns = pytest.importorskip("streams.json_columns", reason=NOT_COMPILED)

_BOUNDS = bytes.fromhex("207f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")
"""First and last bytes of every range in the table of well-formed UTF-8, and those beside them."""


def _unusual(messages: list[bytes]) -> list[bool]:
    """Return which messages are unusual; they have one field "a", which is a text."""
    field = (b"a", json_columns.TEXT, True, 0.0, 0.0)
    read = json_columns.read_columns(tuple(messages), tuple(b"" for _ in messages), (field,), -1, 1_000)
    return [bool(one) for one in read[1]]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_text_is_usual_just_where_python_decodes_it_as_utf8() -> None:
    texts = [bytes(some) for length in (1, 2, 3) for some in product(_BOUNDS, repeat=length)]
    texts += [bytes(some) for some in product(b"\xf0\xf1\xf3\xf4", _BOUNDS, _BOUNDS, b"\x7f\x80\xbf\xc0")]
    found = _unusual([b'{"a":"' + text + b'"}' for text in texts])
    assert [text for text, unusual in zip(texts, found, strict=True) if unusual == _is_utf8(text)] == []
    assert 0 < sum(found) < len(texts)


def test_every_character_is_usual_and_no_surrogate() -> None:
    points = [
        *range(0x20, 0x22),
        *range(0x23, 0x5C),
        *range(0x5D, 0x3000),
        *range(0xD700, 0xE100),
        *range(0xFF00, 0x10100),
    ]
    points += range(sys.maxunicode - 0xFF, sys.maxunicode + 1)
    found = _unusual([b'{"a":"' + chr(point).encode("utf-8", "surrogatepass") + b'"}' for point in points])
    assert [point for point, unusual in zip(points, found, strict=True) if unusual] == list(range(0xD800, 0xE000))


def test_other_threads_run_while_messages_are_read() -> None:
    messages = [b'{"a":"' + b"x" * 900 + b'"}'] * 100_000
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)  # a thread that keeps the interpreter's lock is not interrupted
    try:
        assert any(_turns_beside(messages) > 3 for _ in range(10))  # a busy machine may not let both run at once
    finally:
        sys.setswitchinterval(before)


def _turns_beside(messages: list[bytes]) -> int:
    """Return how often this thread had its turn while another read messages."""
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        begun.set()
        _unusual(messages)
        ended.set()

    reading = threading.Thread(target=read)
    reading.start()
    begun.wait()
    turns = 0
    while not ended.wait(0.001):
        turns += 1
    reading.join()
    return turns
