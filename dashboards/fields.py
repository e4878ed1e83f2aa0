"""How the fields of an answer are shown in Grafana: names, units, colours, widths, bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from grafana_foundation_sdk.models import dashboard

from dashboards import amounts
from dashboards.column_widths import needed, widths
from dashboards.links import address
from dashboards.palette import PROVIDERS
from dashboards.panel import Column, Panel, PanelType, Thresholds
from dashboards.units import FORMATS
from kpis.kpi import Unit

NUMBERS: Final = frozenset({PanelType.STAT, PanelType.GAUGE, PanelType.BAR_GAUGE})
_COLOURS: Final = {"ok": "green", "warning": "orange", "critical": "red", "neutral": "text"}
_BAND: Final = ("lower", "upper")
_DASH: Final = "-"
_GREY: Final = "text"
_MOMENTS: Final = {"minute": "YYYY-MM-DD HH:mm", "day": "YYYY-MM-DD"}
_BY_PROVIDER: Final = ("provider", "integration")


def defaults(panel: Panel, custom: Any) -> dashboard.FieldConfig:
    """Return what holds for every field of a panel."""
    # A heat map's cells are counts: the unit is that of its rows, which the axis has.
    format_ = FORMATS[panel.unit] if panel.unit is not None and panel.picture is not PanelType.HEATMAP else None
    of_stat = panel.picture is PanelType.STAT
    if panel.card is not None:
        return _of_cards(panel.card, panel.no_data)
    return dashboard.FieldConfig(
        display_name=_labels(panel) if panel.by and not _several(panel) else None,
        unit=format_.unit if format_ else "none",
        decimals=_decimals(panel),
        no_value=_DASH if of_stat and not panel.is_live else amounts.no_data(panel),
        mappings=[_nothing()] if of_stat or panel.picture is PanelType.BAR_GAUGE else None,
        thresholds=steps(panel.thresholds),
        color=_colours(panel),
        custom=custom,
    )


def _decimals(panel: Panel) -> int | None:
    # An amount in a tile is shortened to thousands and millions: 16.8 K rather than 17 K.
    shortened = panel.picture is PanelType.HEATMAP or (panel.tile is not None and panel.unit is Unit.MONEY)
    return None if panel.unit is None or shortened else FORMATS[panel.unit].decimals


def _colours(panel: Panel) -> dashboard.FieldColor:
    """Return how values are coloured: by their lines; bars without any have one colour, which says nothing."""
    if panel.picture not in NUMBERS:
        return dashboard.FieldColor(mode=dashboard.FieldColorModeId.PALETTE_CLASSIC)
    if panel.thresholds or panel.picture is PanelType.STAT:
        return dashboard.FieldColor(mode=dashboard.FieldColorModeId.THRESHOLDS)
    return dashboard.FieldColor(mode=dashboard.FieldColorModeId.FIXED, fixed_color="blue")


def _of_cards(state: Column, no_data: str) -> dashboard.FieldConfig:
    return dashboard.FieldConfig(
        unit="none",
        no_value=no_data,
        mappings=[
            dashboard.ValueMap(
                options={
                    text: dashboard.ValueMappingResult(color=_COLOURS[how], index=place)
                    for place, (text, how) in enumerate(state.states.items())
                }
            )
        ],
        thresholds=steps(None),
        color=dashboard.FieldColor(mode=dashboard.FieldColorModeId.THRESHOLDS),
    )


def steps(thresholds: Thresholds | None) -> dashboard.ThresholdsConfig:
    """Return colours from low to high; the first step has no lower end. Without a line to cross there is no green."""
    coloured: list[tuple[float | None, str]] = [(None, _GREY)]
    if thresholds is not None:
        lines = [("warning", thresholds.warning), ("critical", thresholds.critical)]
        drawn = [(value, _COLOURS[name]) for name, value in lines if value is not None]
        if thresholds.direction == "down" and drawn:
            coloured = [(None, "green"), *drawn]
        elif thresholds.direction == "up" and drawn:
            colours = [colour for _, colour in reversed(drawn)]
            coloured = list(zip([None, *(value for value, _ in reversed(drawn))], [*colours, "green"], strict=True))
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE, steps=[dashboard.Threshold(value, colour) for value, colour in coloured]
    )


def overrides(panel: Panel, kept: Sequence[str]) -> Iterator[dashboard.DashboardFieldConfigSourceOverrides]:
    """Return what holds for single fields: columns by name, and lines of providers by theirs."""
    if panel.by and panel.by[0] in _BY_PROVIDER and panel.picture in {PanelType.TIME_SERIES, PanelType.TIME_BARS}:
        for name, colour in PROVIDERS.items():
            # Grafana matches the name that a field has before displayName: the figure's and the label's.
            yield _override("byRegexp", f"/\\b{name}\\b/", {"color": {"mode": "fixed", "fixedColor": colour}})
    # A tile's settings come with its answer, and an override would win over them; a card is named by its row's label.
    wide = widths(panel) if panel.picture is PanelType.TABLE else {}
    for column in () if panel.tile is not None or panel.card else panel.columns:
        properties = _properties(column, panel, kept)
        if column.name in wide:
            properties["custom.width"] = wide[column.name]
        if properties:
            yield _override("byName", column.name, properties)


def _override(matcher: str, what: str, properties: dict[str, Any]) -> dashboard.DashboardFieldConfigSourceOverrides:
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val=matcher, options=what),
        properties=[dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()],
    )


def _labels(panel: Panel) -> str:
    """Return the name of a series, or of a row that is drawn as a number: what its labels are there."""
    of_rows = panel.picture in NUMBERS and not panel.is_live
    where = "__data.fields" if of_rows else "__field.labels"
    return " · ".join(f"${{{where}.{name}}}" for name in panel.by)


def _several(panel: Panel) -> bool:
    """Whether labels alone do not tell the numbers apart."""
    return sum(column.name not in panel.by for column in panel.columns) > 1


def _properties(column: Column, panel: Panel, kept: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if not panel.by:
        properties["displayName"] = column.title
    elif _several(panel):
        properties["displayName"] = f"{_labels(panel)} · {column.title}"
    if column.hidden and panel.picture is PanelType.TABLE:
        properties["custom.hidden"] = True  # which Grafana 12 takes for its own "hideFrom.viz"
    elif column.hidden:
        properties["custom.hideFrom"] = {"viz": True, "legend": True, "tooltip": True}
    properties |= _unit(column)
    if column.thresholds is not None:
        properties["thresholds"] = _plain(steps(column.thresholds))
    if column.states or column.blank:
        properties["mappings"] = [_mapping(column)]
    if panel.picture is PanelType.TABLE:
        properties |= _cell(column)
        properties["custom.minWidth"] = needed(column, panel)
    if column.link is not None:
        properties["links"] = [{"title": column.link.title, "url": address(column.link, kept)}]
    if column.name.endswith(_BAND):
        properties |= _band(column.name)
    return properties


def _unit(column: Column) -> dict[str, Any]:
    # An override would win over what the answer says of an amount.
    if column.unit is None or column.unit is Unit.MONEY:
        return {}
    format_ = FORMATS[column.unit]
    return {"unit": format_.unit} | ({} if format_.decimals is None else {"decimals": format_.decimals})


def _cell(column: Column) -> dict[str, Any]:
    """Return how a cell of a table is drawn. Without ``noValue`` of its own a NULL would say the panel's sentence."""
    properties: dict[str, Any] = {"noValue": _DASH}
    lines = column.thresholds is not None and len(steps(column.thresholds).steps) > 1
    if column.states or lines:
        properties["custom.cellOptions"] = {"type": "color-text"}
        properties["color"] = {"mode": "thresholds"}
    if column.states:
        properties["thresholds"] = _plain(steps(None))
    if column.wrap:
        properties["custom.cellOptions"] = {"type": "auto", "wrapText": True}
    if column.moment:
        # In the reader's own time zone.
        properties["unit"] = f"time:{_MOMENTS[column.moment]}"
    return properties


def _plain(thresholds: dashboard.ThresholdsConfig) -> dict[str, Any]:
    return {
        "mode": thresholds.mode,
        "steps": [{"value": step.value, "color": step.color} for step in thresholds.steps],
    }


def _band(name: str) -> dict[str, Any]:
    """Return how an edge of a band is drawn: no line of its own, the room between both filled."""
    edge = {
        "color": {"mode": "fixed", "fixedColor": "semi-dark-blue"},
        "custom.lineWidth": 0,
        "custom.fillOpacity": 0,
        "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
    }
    if name.endswith("upper"):
        return {**edge, "custom.fillBelowTo": name.removesuffix("upper") + "lower", "custom.fillOpacity": 20}
    return edge


def _nothing() -> dashboard.ValueMapping:
    """Return the mapping of no number to a grey dash; the panel's description says what it means."""
    return dashboard.SpecialValueMap(
        options=dashboard.DashboardSpecialValueMapOptions(
            match=dashboard.SpecialValueMatch.NULL_AND_NAN,
            result=dashboard.ValueMappingResult(text=_DASH, color=_GREY, index=0),
        )
    )


def _mapping(column: Column) -> dict[str, Any]:
    if column.blank:
        return {"type": "special", "options": {"match": "empty", "result": {"text": column.blank, "index": 0}}}
    return {
        "type": "value",
        "options": {
            text: {"color": _COLOURS[state], "index": place}
            for place, (text, state) in enumerate(column.states.items())
        },
    }
