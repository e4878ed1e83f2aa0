"""Parts of a generated dashboard."""

from __future__ import annotations

from typing import Any

Dashboard = dict[str, Any]


def panels(built: Dashboard) -> list[Dashboard]:
    """Every panel, those of collapsed rows included."""
    every = [one for panel in built["panels"] for one in (panel, *panel.get("panels", ()))]
    return [panel for panel in every if panel["type"] != "row"]


def overrides(panel: Dashboard) -> dict[str, Dashboard]:
    """Return the properties of a panel's overrides by the column that they are for."""
    return {
        one["matcher"]["options"]: {property_["id"]: property_["value"] for property_ in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }
