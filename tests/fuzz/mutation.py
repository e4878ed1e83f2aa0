"""Damage to bytes, JSON and text that a seed decides: the same seed, the same inputs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

# Tokens that parsers have stumbled over.
_TOKENS: Final = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"01", b"9223372036854775808", b"0.1e-999", b'""', b"{}",
    b"[]", b"[" * 300, b'{"a":' * 200, b"\\u0000", b"\\ud800", b"\\", b'"', b",", b":", b"\x00", b"\xff", b"\xc3\x28",
    b"\xef\xbb\xbf", b"\xf0\x9f\x92\xa9", b"\n", b"\r\n", b"%00", b"%2e%2e/", b"' OR 1=1 --", b"\x1b[2J",
    b"\xe2\x80\xae", b"20260101", b"2026-13-45T99:99:99Z", b"1970-01-01", b"9999-12-31T23:59:60+99:99", b"1e9",
    b"'", b"$(id)", b"\x85",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -1e-308, 2**31, 2**63, 10**40, "", " ", "x", "x" * 200, "\x00", "\ud7ff",
    "é", "👩‍💻", "0", "1.0", "true", "null", [], {}, [1], {"a": 1}, "2026-01-15T11:59:30Z", "2026-01-15", "hubspot",
    "00000000-0000-0000-0000-000000000000", "{5d0c7e5e-55a5-4b9c-8a55-1c2d3e4f5a6b}", "urn:uuid:5d0c7e5e", "12.345",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z",
)  # fmt: skip


class Mutator:
    """Makes inputs from good ones."""

    def __init__(self, seed: int | str) -> None:
        self.rng = random.Random(seed)
        self._ways: Sequence[Callable[[bytes], bytes]] = (
            self._flip,
            self._cut,
            self._splice,
            self._insert,
            self._repeat,
            self._swap,
        )

    def damaged(self, good: bytes) -> bytes:
        """Return bytes that are no longer quite what they were."""
        for _ in range(self.rng.randint(1, 4)):
            good = self.rng.choice(self._ways)(good)
        return good

    def changed(self, event: dict[str, Any]) -> bytes:
        """Return an event as JSON with fields that are missing, added, doubled or of another kind."""
        changed = dict(event)
        for _ in range(self.rng.randint(1, 3)):
            name = self.rng.choice(list(changed) or ["x"])
            match self.rng.randrange(4):
                case 0:
                    changed.pop(name, None)
                case 1:
                    changed[name] = self.rng.choice(_VALUES)
                case 2:
                    changed[name.upper() if self.rng.random() < 0.5 else f"{name} "] = self.rng.choice(_VALUES)
                case _:
                    changed[name] = [changed.get(name)]
        text = json.dumps(changed, ensure_ascii=self.rng.random() < 0.5, indent=self.rng.choice((None, None, None, 1)))
        if self.rng.random() < 0.1:
            text = f'{{"event_id": {json.dumps(self.rng.choice(_VALUES))}, {text[1:]}'
        return text.encode("utf-8", "surrogatepass")

    def of(self, event: dict[str, Any]) -> bytes:
        """Return an event, damaged as JSON or as bytes."""
        changed = self.changed(event) if self.rng.random() < 0.6 else json.dumps(event).encode()
        return self.damaged(changed) if self.rng.random() < 0.6 else changed

    def _place(self, text: bytes) -> int:
        return self.rng.randint(0, len(text))

    def _flip(self, text: bytes) -> bytes:
        if not text:
            return b"\x00"
        place = self.rng.randrange(len(text))
        return text[:place] + bytes([text[place] ^ (1 << self.rng.randrange(8))]) + text[place + 1 :]

    def _cut(self, text: bytes) -> bytes:
        return text[: self._place(text)] if self.rng.random() < 0.5 else text[self._place(text) :]

    def _splice(self, text: bytes) -> bytes:
        one, other = sorted((self._place(text), self._place(text)))
        return text[:one] + text[other:]

    def _insert(self, text: bytes) -> bytes:
        place = self._place(text)
        return text[:place] + self.rng.choice(_TOKENS) + text[place:]

    def _repeat(self, text: bytes) -> bytes:
        one, other = sorted((self._place(text), self._place(text)))
        return text[:other] + text[one : min(other, one + 300)] + text[other:]

    def _swap(self, text: bytes) -> bytes:
        one, other = self._place(text), self._place(text)
        return text[:one] + text[other : other + 8] + text[one:]
