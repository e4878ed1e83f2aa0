"""The Prometheus data source's queries: the worker's own metrics."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from dashboards.panel import PanelType

PLUGIN: Final = "prometheus"
_NOW: Final = {PanelType.STAT, PanelType.GAUGE, PanelType.BAR_GAUGE}


def source() -> DataSourceRef:
    """Return a reference to the Prometheus that is chosen on the dashboard."""
    return DataSourceRef(type_val=PLUGIN, uid="${prometheus}")


def query(ref: str, expression: str, legend: str, picture: PanelType) -> Dataquery:
    """Return the query of a panel: the last values for numbers, the whole range for what has a time axis."""
    built = (
        Dataquery()
        .ref_id(ref)
        .datasource(source())
        .editor_mode(QueryEditorMode.CODE)
        .expr(expression)
        .legend_format(legend or "__auto")
        .format(PromQueryFormat.TIME_SERIES)
    )
    return built.instant() if picture in _NOW else built.range()
