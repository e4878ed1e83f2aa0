from __future__ import annotations

from typing import Any

import pytest

from kpis.analyses.gaps import ranked, trend


def row(
    label: str, conversations: int, *, lost: float = 0.0, before: int = 0, kind: str = "other", where: str = ""
) -> Any:
    return {
        "label": label,
        "conversations": conversations,
        "lost_value": lost,
        "conversations_before": before,
        "gap_type": kind,
        "integration": where,
    }


def test_gaps_that_touch_more_come_first_and_money_decides_between_equals() -> None:
    rows = ranked([row("small", 3), row("cheap", 9, lost=1.0), row("dear", 9, lost=500.0)])
    assert [one["label"] for one in rows] == ["dear", "cheap", "small"]


def test_what_to_do_names_the_integration() -> None:
    (one,) = ranked([row("shopify: size (field not synced)", 4, kind="field not synced", where="shopify")])
    assert one["what_to_do"] == "add the field to the sync of shopify"


def test_free_text_is_ranked_too() -> None:
    (one,) = ranked([row("nobody knows the opening hours", 4)])
    assert "name what is missing" in one["what_to_do"]


@pytest.mark.parametrize(("now", "before", "is_"), [
    (5, 0, "new"), (0, 5, "gone"), (12, 10, "steady"), (10, 12, "steady"), (40, 10, "rising"), (10, 40, "falling"),
])  # fmt: skip
def test_a_trend_is_only_called_so_beyond_chance(now: int, before: int, is_: str) -> None:
    assert trend(now, before) == is_


def test_a_change_from_nothing_has_no_percentage() -> None:
    assert ranked([row("a", 5)])[0]["change"] is None
    assert ranked([row("a", 5, before=10)])[0]["change"] == -0.5
