from __future__ import annotations

from typing import Any

import pytest

from kpis.analyses.attribution import incremental


def row(stage: str, *, used: bool, count: int, each: float) -> dict[str, Any]:
    return {
        "user_id": "t",
        "stage": stage,
        "channel": "email",
        "data_used": used,
        "conversations": count,
        "earned": count * each,
        "earned_squares": count * (each * each + 9.0),
    }


def test_incremental_revenue_is_what_those_with_data_earned_beyond_their_like() -> None:
    (found,) = incremental([
        row("awareness", used=True, count=100, each=2.0),
        row("awareness", used=False, count=300, each=2.0),
        row("purchase", used=True, count=300, each=30.0),
        row("purchase", used=False, count=100, each=20.0),
    ])  # fmt: skip
    # Only at purchase does data add anything: 10 for each of 300. The plain difference would be 16.5 for each of 400.
    assert found["incremental_revenue"] == pytest.approx(3000.0)
    assert found["incremental_lower"] < 3000 < found["incremental_upper"]
    assert (found["with_data"], found["without_data"]) == (400, 400)


def test_too_little_to_compare_shows_no_amount_and_says_so() -> None:
    (found,) = incremental([row("purchase", used=True, count=300, each=30.0)])
    assert found["incremental_revenue"] is None
    assert "too little data" in found["note"]
