from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from kpis.text import columns, distinct, printable, shortened, wrappable

FAMILY = "👩‍👩‍👧‍👦"
MIXED = st.text(
    st.sampled_from([*"ab 中", "😀", "\u200d", "\ufe0f", "🇩", "🇪", "e", "\u0301", "ก", "ำ", "ह", "ि", "ع"]), max_size=40
)


@settings(deadline=None, max_examples=200)
@given(MIXED, st.integers(4, 20))
def test_a_text_is_cut_between_graphemes_and_fits(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert columns(short) <= limit
    if short != text:
        kept = short.removesuffix("…")
        assert list(iter_graphemes(kept)) == list(iter_graphemes(text))[: len(list(iter_graphemes(kept)))]


@settings(deadline=None, max_examples=200)
@given(st.lists(MIXED | st.text(max_size=40), max_size=8))
def test_shortened_texts_that_differ_stay_apart(texts: list[str]) -> None:
    short = distinct(texts, 10)
    assert set(short) == set(texts)
    assert len(set(short.values())) == len(short)


def test_an_emoji_of_several_parts_stays_whole() -> None:
    assert shortened(FAMILY * 3, 5) == FAMILY * 2 + "…"
    assert shortened("🇩🇪🇫🇷🇲🇹", 5) == "🇩🇪🇫🇷…"


@pytest.mark.parametrize(
    "code", [0, 9, 10, 0x7F, 0x85, 0x9B, 0x2028, 0x2029, 0x202E, 0x2066, 0xD83D, 0xFDD0, 0xFFFE, 0x1FFFF]
)
def test_what_no_file_can_hold_is_replaced(code: int) -> None:
    assert printable(f"a{chr(code)}b") == "a\ufffdb"


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_what_is_left_is_no_control_and_no_half_of_a_pair(text: str) -> None:
    assert {unicodedata.category(letter) for letter in printable(text)}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


def test_only_long_words_may_be_broken() -> None:
    assert wrappable("short words stay", 10) == "short words stay"
    assert wrappable("abcd ef", 3) == "a\u200bb\u200bc\u200bd ef"
