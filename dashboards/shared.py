"""One statement for several panels: the first asks, the others show other columns of its answer.

A tab that refreshes every few seconds must not ask as often as it has panels. Grafana's data source "-- Dashboard --"
gives a panel the answer of another one of the same dashboard.
"""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards import amounts
from dashboards.panel import Panel, PanelType

SOURCE: Final = DataSourceRef(type_val="datasource", uid="-- Dashboard --")
_ON_TIME: Final = frozenset({PanelType.TIME_SERIES, PanelType.TIME_BARS})


class SharedQuery(Dataquery):
    """Shows what another panel of the dashboard asked."""

    def __init__(self, ref: str, panel: int) -> None:
        self._ref = ref
        self._panel = panel

    def to_json(self) -> dict[str, Any]:
        """Return the query as Grafana's editor would save it."""
        return {
            "refId": self._ref,
            "datasource": {"type": "datasource", "uid": "-- Dashboard --"},
            "panelId": self._panel,
            "withTransforms": False,
        }


class Share(Builder[SharedQuery]):
    """What the SDK's builders take for a query."""

    def __init__(self, ref: str, panel: int) -> None:
        self._query = SharedQuery(ref, panel)

    def build(self) -> SharedQuery:
        """Return the query."""
        return self._query


def is_shown(panel: Panel) -> bool:
    """Whether a panel shows what another one asks."""
    if panel.tile is not None:
        return panel.tile.asks != panel.id
    return any(ask.shared is not None and ask.shared.panel != panel.id for ask in panel.asks.values())


def own(panel: Panel) -> list[dashboard.DataTransformerConfig]:
    """Return what leaves a panel its own rows and columns of a shared answer."""
    lines = _lines(panel)
    if lines is None:
        return []
    time = ["time"] if panel.picture in _ON_TIME else []
    settings = amounts.SETTINGS if amounts.amounts(panel) else ()
    names = [*time, *lines, *panel.by, *(column.name for column in panel.columns), *settings]
    columns = {"include": {"names": list(dict.fromkeys(names))}}
    has_line = {"type": "include", "match": "all", "filters": [_is_there(name) for name in lines]}
    rows = [dashboard.DataTransformerConfig(id_val="filterByValue", options=has_line)] if lines else []
    return [*rows, dashboard.DataTransformerConfig(id_val="filterFieldsByName", options=columns)]


def series(panel: Panel) -> list[dashboard.DataTransformerConfig]:
    """Return what makes a line of the rows of each label of a shared answer."""
    lines = _lines(panel)
    if lines is None or panel.picture not in _ON_TIME:
        return []
    return [amounts.labelled([*lines, *panel.by])]


def _lines(panel: Panel) -> list[str] | None:
    """Return the columns that tell a chart's rows from others, ``None`` where nothing is shared."""
    shared = [ask.shared for ask in panel.asks.values() if ask.shared is not None]
    return [one.line for one in shared if one.line] if shared else None


def _is_there(name: str) -> dict[str, Any]:
    return {"fieldName": name, "config": {"id": "isNotNull", "options": {}}}
