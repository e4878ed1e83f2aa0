"""Fonts of texts in charts: Typst uses one font for a text of an SVG, without fallback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from itertools import groupby
from typing import Final

_TEXT: Final = re.compile(r"(<text [^>]*>)([^<]*)")
_FONTS: Final = [
    (re.compile(pattern), font)
    for pattern, font in (
        (
            "[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]",
            "Noto Sans CJK SC",
        ),
        ("[\u0590-\u05ff\ufb1d-\ufb4f]", "Noto Sans Hebrew"),
        ("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff]", "Noto Sans Arabic"),
        ("[\u0900-\u097f]", "Noto Sans Devanagari"),
        ("[\u0980-\u09ff]", "Noto Sans Bengali"),
        ("[\u0a00-\u0a7f]", "Noto Sans Gurmukhi"),
        ("[\u0a80-\u0aff]", "Noto Sans Gujarati"),
        ("[\u0b00-\u0b7f]", "Noto Sans Oriya"),
        ("[\u0b80-\u0bff]", "Noto Sans Tamil"),
        ("[\u0c00-\u0c7f]", "Noto Sans Telugu"),
        ("[\u0c80-\u0cff]", "Noto Sans Kannada"),
        ("[\u0d00-\u0d7f]", "Noto Sans Malayalam"),
        ("[\u0d80-\u0dff]", "Noto Sans Sinhala"),
        ("[\u0e00-\u0e7f]", "Noto Sans Thai"),
        ("[\u0e80-\u0eff]", "Noto Sans Lao"),
        ("[\u1000-\u109f]", "Noto Sans Myanmar"),
        ("[\u0530-\u058f]", "Noto Sans Armenian"),
        ("[\u10a0-\u10ff]", "Noto Sans Georgian"),
        ("[\u1200-\u139f]", "Noto Sans Ethiopic"),
        ("[\u1780-\u17ff]", "Noto Sans Khmer"),
        ("[\u2190-\u2bff\u200d\ufe0f\U0001f000-\U0001faff]", "Noto Emoji"),
    )
]
# In an SVG a variable font has its thinnest weight; a stroke makes it as heavy as the others.
_THIN: Final = {"Noto Sans CJK SC", "Noto Emoji"}


def with_fonts(svg: str) -> str:
    """Return a chart in which every run of a script has a font with its glyphs."""
    return _TEXT.sub(lambda found: found[1] + "".join(_runs(found[2])), svg)


def _runs(content: str) -> Iterator[str]:
    for font, letters in groupby(unescape(content), _font):
        run = escape("".join(letters))
        rim = ' stroke="#444" stroke-width="0.4"' if font in _THIN else ""
        yield run if font is None else f'<tspan font-family="{font}"{rim}>{run}</tspan>'


def _font(letter: str) -> str | None:
    return next((font for pattern, font in _FONTS if pattern.match(letter)), None)
