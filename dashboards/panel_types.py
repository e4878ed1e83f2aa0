"""How Grafana draws each picture: the panel type, its options, and what it does to every field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from grafana_foundation_sdk.models import (
    barchart,
    bargauge,
    common,
    dashboard,
    gauge,
    geomap,
    heatmap,
    stat,
    statetimeline,
    timeseries,
)

from dashboards import tile_queries
from dashboards.clickhouse import Frame
from dashboards.column_widths import is_long, is_searched
from dashboards.panel import Column, Panel, PanelType, Tile
from dashboards.units import FORMATS
from kpis.kpi import Direction, Unit
from kpis.registry import get

_NARROWEST: Final = 70
"""Pixels of a table's column; Grafana's 150 pushes the last columns of most tables off the screen."""
_WIDE: Final = 12
_LEGEND: Final = common.VizLegendOptions(
    calcs=[], display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM, show_legend=True
)
_ALL_ROWS: Final = common.ReduceDataOptions(values=True, calcs=["lastNotNull"], fields="", limit=50)
_LAST: Final = common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields="")
_CHANGES: Final[dict[Direction, common.PercentChangeColorMode]] = {
    "up": common.PercentChangeColorMode.STANDARD,
    "down": common.PercentChangeColorMode.INVERTED,
    "neutral": common.PercentChangeColorMode.SAME_AS_VALUE,
}
_TOOLTIP: Final = common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING)


class Drawing(NamedTuple):
    """What a picture is in Grafana; ``custom`` configures every field, ``transformations`` prepare the rows."""

    type: str
    options: Any
    custom: Any
    frame: Frame
    transformations: tuple[dashboard.DataTransformerConfig, ...] = ()


def drawing(panel: Panel) -> Drawing:
    """Return how a panel is drawn."""
    return _DRAWINGS[panel.picture](panel)


def _lines(panel: Panel) -> Drawing:
    custom = common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_interpolation=common.LineInterpolation.LINEAR,
        line_width=2,
        # Areas of several lines would lie on top of each other and hide them.
        fill_opacity=20 if panel.stacked else 0 if panel.by else 8,
        show_points=common.VisibilityMode.AUTO,
        span_nulls=False,
        # Of nothing but zeros Grafana would draw an axis up to 100: for a share that is 10,000 %.
        axis_soft_max=0.1 if panel.unit is Unit.RATIO else None,
        stacking=_stacking(panel),
        thresholds_style=_threshold_lines(panel),
    )
    return Drawing("timeseries", timeseries.Options(legend=_legend(panel), tooltip=_TOOLTIP), custom, Frame.TIME_SERIES)


def _legend(panel: Panel) -> common.VizLegendOptions:
    """Return a legend with what a reader would otherwise guess from a line: its last value and its mean."""
    calcs = ["lastNotNull", "mean"] if panel.width >= _WIDE and panel.span is None else []
    return common.VizLegendOptions(
        calcs=calcs,
        display_mode=common.LegendDisplayMode.LIST,
        placement=common.LegendPlacement.BOTTOM,
        show_legend=True,
    )


def _time_bars(panel: Panel) -> Drawing:
    custom = common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.BARS,
        fill_opacity=80,
        line_width=0,
        axis_soft_min=0,  # a bar says its value by its height
        stacking=_stacking(panel),
        thresholds_style=_threshold_lines(panel),
    )
    return Drawing("timeseries", timeseries.Options(legend=_LEGEND, tooltip=_TOOLTIP), custom, Frame.TIME_SERIES)


def _stat(panel: Panel) -> Drawing:
    # A stream has a past: its last value counts, the others are a line behind it.
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.AREA if panel.is_live else common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        text_mode=common.BigValueTextMode.AUTO,
        wide_layout=True,
        reduce_options=_LAST if panel.is_live else _ALL_ROWS,
    )
    if panel.tile is not None:
        return _tile(panel.tile)
    return _cards(panel, panel.card) if panel.card else Drawing("stat", options, {}, Frame.TABLE)


def _tile(tile: Tile) -> Drawing:
    direction = get(tile.kpi).direction
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.AREA,
        color_mode=common.BigValueColorMode.VALUE,
        text_mode=common.BigValueTextMode.VALUE_AND_NAME,
        wide_layout=True,
        show_percent_change=True,
        percent_change_color_mode=_CHANGES[direction],
        # The last row and not the last number: without a figure there is none.
        reduce_options=common.ReduceDataOptions(values=False, calcs=["last"], fields=""),
        text=common.VizTextDisplayOptions(title_size=13, value_size=28, percent_size=14),
    )
    return Drawing("stat", options, {}, Frame.TABLE, tile_queries.transformations(tile))


def _cards(panel: Panel, state: Column) -> Drawing:
    """Draw a card for each row: its label over its state, on the state's colour.

    A stat panel names texts by their field alone, so every row becomes a field of its own.
    """
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.BACKGROUND_SOLID,
        text_mode=common.BigValueTextMode.VALUE_AND_NAME,
        wide_layout=False,
        orientation=common.VizOrientation.VERTICAL,
        reduce_options=common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields="/.*/"),
        text=common.VizTextDisplayOptions(title_size=14, value_size=20),
    )
    parts = [
        {"fieldName": name, "handlerKey": f"field.{part}"}
        for name, part in ((panel.by[0], "name"), (state.name, "value"))
    ]
    rows = dashboard.DataTransformerConfig(id_val="rowsToFields", options={"mappings": parts})
    return Drawing("stat", options, {}, Frame.TABLE, (rows,))


def _alerts(_: Panel) -> Drawing:
    """Draw Grafana's own list; the SDK has no module for it."""
    options = {
        "viewMode": "list",
        "datasource": "-- Grafana --",  # and not the rules of Prometheus, which come as alerts of Grafana
        "groupMode": "default",
        "maxItems": 20,
        "sortOrder": 3,  # by importance
        "dashboardAlerts": False,
        "alertName": "",
        "alertInstanceLabelFilter": "",
        "stateFilter": {"firing": True, "pending": True, "recovering": True, "noData": True, "error": True},
    }
    return Drawing("alertlist", options, {}, Frame.TABLE)


def _gauge(_: Panel) -> Drawing:
    return Drawing("gauge", gauge.Options(reduce_options=_ALL_ROWS), {}, Frame.TABLE)


def _bar_gauge(panel: Panel) -> Drawing:
    options = bargauge.Options(
        display_mode=common.BarGaugeDisplayMode.BASIC,
        orientation=common.VizOrientation.HORIZONTAL,
        reduce_options=_ALL_ROWS,
        show_unfilled=True,
        # Above its bar a name has all of the width; beside it a quarter.
        name_placement=common.BarGaugeNamePlacement.TOP
        if panel.unit is Unit.COUNT
        else common.BarGaugeNamePlacement.AUTO,
        min_viz_width=8,
        min_viz_height=16,
        max_viz_height=300,
    )
    return Drawing("bargauge", options, {}, Frame.TABLE)


def _bars(panel: Panel) -> Drawing:
    options = barchart.Options(
        orientation=common.VizOrientation.HORIZONTAL,
        x_tick_label_rotation=0,
        x_tick_label_max_length=32,
        stacking=common.StackingMode.NORMAL if panel.stacked else common.StackingMode.NONE,
        show_value=common.VisibilityMode.AUTO,
        bar_width=0.9,
        group_width=0.8,
        legend=_LEGEND,
        tooltip=_TOOLTIP,
        full_highlight=False,
    )
    return Drawing(
        "barchart", options, barchart.FieldConfig(fill_opacity=80, line_width=0, axis_soft_min=0), Frame.TABLE
    )


def _table(panel: Panel) -> Drawing:
    # The SDK knows neither wrapped headings nor where Grafana 12 keeps pagination.
    custom = {
        "align": "auto",
        # Words that do not fit stand on several lines; Grafana would cut them.
        "cellOptions": {"type": "auto", "wrapText": True},
        "filterable": is_searched(panel),
        "inspect": False,
        "minWidth": _NARROWEST,
        "wrapHeaderText": True,
    }
    options = {"showHeader": True, "cellHeight": "sm", "enablePagination": is_long(panel), "frameIndex": 0}
    return Drawing("table", options, custom, Frame.TABLE)


def _state_timeline(panel: Panel) -> Drawing:
    options = statetimeline.Options(
        show_value=common.VisibilityMode.NEVER, row_height=0.85, merge_values=True, legend=_LEGEND, tooltip=_TOOLTIP
    )
    # States are texts, of which the plugin makes no series: the rows become one for each set of labels here.
    split = dashboard.DataTransformerConfig(
        id_val="partitionByValues",
        options={"fields": list(panel.by), "keepFields": False, "naming": {"asLabels": True}},
    )
    custom = statetimeline.FieldConfig(fill_opacity=80, line_width=0)
    return Drawing("state-timeline", options, custom, Frame.TABLE, (split,))


def _heatmap(panel: Panel) -> Drawing:
    options = heatmap.Options(
        calculate=False,
        color=heatmap.HeatmapColorOptions(
            mode=heatmap.HeatmapColorMode.SCHEME,
            scheme="Blues",
            fill="dark-blue",
            exponent=0.5,
            steps=32,
            reverse=False,
        ),
        cell_gap=1,
        y_axis=heatmap.YAxisConfig(unit=FORMATS[panel.unit].unit if panel.unit else "short"),
        rows_frame=heatmap.RowsHeatmapOptions(layout=common.HeatmapCellLayout.LE),
        legend=heatmap.HeatmapLegend(show=True),
        tooltip=heatmap.HeatmapTooltip(mode=common.TooltipDisplayMode.SINGLE, y_histogram=True),
    )
    return Drawing("heatmap", options, heatmap.FieldConfig(), Frame.TIME_SERIES)


def _node_graph(_: Panel) -> Drawing:
    return Drawing("nodeGraph", {"zoomMode": "cooperative"}, {}, Frame.TABLE)


def _geomap(panel: Panel) -> Drawing:
    country, size = panel.columns[0].name, panel.columns[1].name
    options = geomap.Options(
        # "fit" shows Antarctica where the layer's rows come after the map was drawn.
        view=geomap.MapViewConfig(id_val="coords", lat=35, lon=10, zoom=2, all_layers=True),
        controls=geomap.ControlsOptions(show_zoom=True, mouse_wheel_zoom=False, show_attribution=True),
        # Drawn from the shapes that Grafana ships: a page of an inner network must not call tile servers.
        basemap=common.MapLayerOptions(
            type_val="geojson",
            name="Outlines",
            config={
                "src": "public/maps/countries.geojson",
                "rules": [],
                "style": {"color": {"fixed": "text"}, "opacity": 0.1},
            },
        ),
        layers=[
            common.MapLayerOptions(
                type_val="markers",
                name="Countries",
                location=common.FrameGeometrySource(
                    mode=common.FrameGeometrySourceMode.LOOKUP,
                    lookup=country,
                    gazetteer="public/gazetteer/countries.json",
                ),
                config={
                    "showLegend": False,
                    "style": {
                        "color": {"fixed": "blue"},
                        "opacity": 0.7,
                        "size": {"field": size, "fixed": 5, "min": 4, "max": 30},
                        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                    },
                },
                tooltip=True,
            )
        ],
        tooltip=geomap.TooltipOptions(mode=geomap.TooltipMode.DETAILS),
    )
    return Drawing("geomap", options, {}, Frame.TABLE)


def _stacking(panel: Panel) -> common.StackingConfig:
    mode = common.StackingMode.NORMAL if panel.stacked else common.StackingMode.NONE
    return common.StackingConfig(mode=mode, group="A")


def _threshold_lines(panel: Panel) -> common.GraphThresholdsStyleConfig:
    shown = panel.thresholds is not None and panel.thresholds.critical is not None
    mode = common.GraphThresholdsStyleMode.DASHED if shown else common.GraphThresholdsStyleMode.OFF
    return common.GraphThresholdsStyleConfig(mode=mode)


_DRAWINGS: Final[dict[PanelType, Callable[[Panel], Drawing]]] = {
    PanelType.STAT: _stat,
    PanelType.GAUGE: _gauge,
    PanelType.BAR_GAUGE: _bar_gauge,
    PanelType.TIME_SERIES: _lines,
    PanelType.TIME_BARS: _time_bars,
    PanelType.BARS: _bars,
    PanelType.TABLE: _table,
    PanelType.STATE_TIMELINE: _state_timeline,
    PanelType.HEATMAP: _heatmap,
    PanelType.NODE_GRAPH: _node_graph,
    PanelType.GEOMAP: _geomap,
    PanelType.ALERTS: _alerts,
}
