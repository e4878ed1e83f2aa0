"""How Grafana makes a tile of an answer that it shares with others."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.models import dashboard

from dashboards.panel import Tile
from dashboards.tiles import texts
from kpis.registry import get

_SETTINGS: Final = {
    "says": "displayName",
    "lowest": "min",
    "highest": "max",
    "unit": "unit",
    "colour": "color",
}
"""Column after the figure's id → the setting of the field that it becomes."""


def transformations(tile: Tile) -> tuple[dashboard.DataTransformerConfig, ...]:
    """Return what makes one tile of the group's answer: settings of its column, and no other column."""
    id_ = tile.kpi
    mappings = [
        {"fieldName": name, "handlerKey": _SETTINGS[name.removeprefix(f"{id_}_")], "reducerId": "lastNotNull"}
        for name in (*texts(get(id_)), f"{id_}_lowest", f"{id_}_highest")
    ]
    settings = {"configRefId": "A", "applyTo": {"id": "byName", "options": id_}, "mappings": mappings}
    return (
        dashboard.DataTransformerConfig(id_val="configFromData", options=settings),
        dashboard.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": ["time", id_]}}),
    )
