"""Values of a call as JSON text. What is valid is remembered, where the same few values come again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from json.encoder import encode_basestring
from typing import Final
from uuid import UUID

from romashka_tracker.wire import number, uuid_text

# Tenants, conversations, providers, labels; beyond that the oldest are forgotten with the rest.
_REMEMBERED: Final = 1_024

JsonText = Callable[[object], str | None]


class Texts(dict[str, str | None]):
    """The JSON of texts that match a constraint, ``None`` for those that do not; only the former are remembered.

    Parameters
    ----------
    pattern
        As in JSON Schema: found anywhere, ``$`` is the end of the text.
    shortest, longest
        Numbers of characters.
    choices
        The only texts that are allowed; ``None``: all that match.
    """

    def __init__(
        self, pattern: str = "", shortest: int = 0, longest: int | None = None, choices: tuple[str, ...] | None = None
    ) -> None:
        super().__init__()
        self._search = re.compile(pattern.replace("$", r"\Z")).search
        self._shortest = shortest
        self._longest = longest
        self._choices = choices

    def __missing__(self, text: str) -> str | None:
        written = self.write(text)
        if written is not None:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = written
        return written

    def write(self, text: str) -> str | None:
        """Return the JSON of a text without remembering it."""
        if self._longest is not None and len(text) > self._longest:
            return None
        if len(text) < self._shortest or not self._search(text):
            return None
        if self._choices is not None and text not in self._choices:
            return None
        try:
            text.encode()
        except UnicodeEncodeError:  # half a surrogate pair
            return None
        return encode_basestring(text)


class Ids(dict[int | str, str | None]):
    """The usual text of UUIDs, by their number or by a spelling; ``None`` where it is none or does not match.

    Parameters
    ----------
    pattern
        What the contract asks of the text besides being a UUID.
    """

    def __init__(self, pattern: str = "") -> None:
        super().__init__()
        self._search = re.compile(pattern).search

    def __missing__(self, key: int | str) -> str | None:
        text = self.write(UUID(int=key) if isinstance(key, int) else key)
        if text is not None:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[key] = text
        return text

    def write(self, value: UUID | str) -> str | None:
        """Return the usual text without remembering it."""
        text = uuid_text(value)
        return text if text is not None and self._search(text) else None


texts = cache(Texts)
ids = cache(Ids)


def listed(items: Texts, longest: int) -> JsonText:
    """Return what writes a list of texts."""

    def write(value: object) -> str | None:
        if type(value) is not list and type(value) is not tuple:
            return None
        if len(value) > longest:
            return None
        written = [items[item] if type(item) is str else None for item in value]
        return None if None in written else f"[{','.join(map(str, written))}]"

    return write


def decimal(value: object, low: float, high: float) -> float | None:
    """Return a ``Decimal`` within bounds as the nearest float; ``None`` for anything else."""
    if type(value) is not Decimal:
        return None
    converted = number(value)
    return converted if converted is not None and low <= converted <= high else None
