"""Display of external texts: non-printable characters replaced, cut between graphemes, with break opportunities."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from wcwidth import iter_graphemes, width

_ELLIPSIS: Final = "…"
_ZERO_WIDTH_SPACE: Final = "\u200b"
# Controls (C0, DEL, C1), line separators, overrides of the direction, halves of surrogate pairs and noncharacters:
# fonts lack them, XML does not allow the last, and terminals or log readers misinterpret the others.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)


def printable(text: str) -> str:
    """Return a text with U+FFFD in place of every character that cannot be printed."""
    return _UNPRINTABLE.sub("\ufffd", text)


def columns(text: str) -> int:
    """Return the display width of a text in columns: one for a Latin letter, two for a Chinese one or an emoji."""
    return sum(_columns(grapheme) for grapheme in iter_graphemes(text))


def shortened(text: str, limit: int) -> str:
    """Return the text, or its beginning with an ellipsis where it is wider than ``limit`` columns.

    A grapheme (a letter with its accents, an emoji with its skin tone, a flag) is never cut in two.
    """
    if columns(text) <= limit:
        return text
    kept, taken = [], 0
    for grapheme in iter_graphemes(text):
        taken += _columns(grapheme)
        if taken > limit - 1:
            break
        kept.append(grapheme)
    return "".join(kept).rstrip() + _ELLIPSIS


def distinct(texts: Iterable[str], limit: int) -> dict[str, str]:
    """Return each text shortened; duplicates after shortening are numbered."""
    short: dict[str, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(texts):
        found, number = shortened(printable(text), limit), 1
        while found in taken:
            number += 1
            mark = f" ({number})"
            found = shortened(printable(text), limit - len(mark)) + mark
        taken.add(found)
        short[text] = found
    return short


def wrappable(text: str, limit: int) -> str:
    """Return a text in which a word wider than ``limit`` columns may be broken between any two graphemes."""
    if columns(text) <= limit:
        return text
    return "".join(
        _ZERO_WIDTH_SPACE.join(iter_graphemes(word)) if columns(word) > limit else word
        for word in re.split(r"(\s+)", text)
    )


def _columns(grapheme: str) -> int:
    return max(width(grapheme), 1)
