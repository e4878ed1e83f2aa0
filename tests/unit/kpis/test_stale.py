"""Saying how far figures are behind."""

from __future__ import annotations

import pytest

from kpis.stale import uncounted


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, ""), (60, ""), (61, "the last 2 minutes"), (180, "the last 3 minutes")]
)
def test_figures_that_are_behind_say_by_how_many_minutes(seconds: int, words: str) -> None:
    assert uncounted(seconds).startswith(words)
    assert bool(uncounted(seconds)) is bool(words)
