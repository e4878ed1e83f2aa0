"""Saying how far figures are behind."""

from __future__ import annotations

import pytest

from kpis.rollups.freshness import uncounted


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(0, ""), (1, "1 second "), (60, "60 seconds "), (61, "2 minutes "), (180, "3 minutes ")],
)
def test_figures_that_are_behind_say_by_how_much(seconds: int, span: str) -> None:
    words = uncounted(seconds)
    assert f"in the last {span}" in words if span else words == ""
