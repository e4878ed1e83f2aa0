from __future__ import annotations

from kpis.analyses.journey import drop_off, sankey


def test_an_edge_names_its_touchpoints_most_first() -> None:
    (edge,) = sankey(
        [
            {
                "user_id": "t",
                "source": "consideration",
                "target": "purchase",
                "conversations": 10,
                "customers": 8,
                "data_used": 5,
                "integrations": ["shopify", "hubspot"],
                "touches": [4, 2],
            }
        ]
    )
    assert edge["touchpoints"] == "shopify 4, hubspot 2"
    assert edge["data_used_rate"] == 0.5


def test_a_drop_off_rate_counts_only_those_whose_time_to_come_back_is_over() -> None:
    some, none = drop_off([
        {"stage": "purchase", "conversations": 90, "followed_up": 40, "dropped_off": 10},
        {"stage": "advocacy", "conversations": 3, "followed_up": 0, "dropped_off": 0},
    ])  # fmt: skip
    assert some["drop_off_rate"] == 0.25
    assert some["lower"] < 0.25 < some["upper"]
    assert (none["drop_off_rate"], none["lower"], none["upper"]) == (None, None, None)
