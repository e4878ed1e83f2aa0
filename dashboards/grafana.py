"""A tab as Grafana's dashboard JSON (schema of grafana-foundation-sdk 0.0.21, served by Grafana 11.6 and newer)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards import live, marks, prometheus, variables
from dashboards.clickhouse import Query, source
from dashboards.panel import Ask, Column, Link, Origin, Panel, Picture, Tab, Thresholds
from dashboards.pictures import Drawing, drawing
from dashboards.units import FORMATS
from kpis.dialect import Grafana

TAG: Final = "romashka-ia"
_COLOURS: Final = {"ok": "green", "warning": "orange", "critical": "red", "neutral": "text"}
_NUMBERS: Final = frozenset({Picture.STAT, Picture.GAUGE, Picture.BAR_GAUGE})
_BAND: Final = ("lower", "upper")


def render(tab: Tab) -> str:
    """Return the dashboard's file."""
    return json.dumps(build(tab), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def build(tab: Tab) -> dashboard.Dashboard:
    """Return the dashboard."""
    built = (
        builders.Dashboard(tab.title)
        .uid(tab.uid)
        .description(tab.about)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time(tab.span, "now")
        .refresh(tab.refresh)
        .timepicker(builders.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m"]))
        .link(_tabs())
        .variables(list(variables.of(tab)))
        .annotations(marks.all_marks())
    )
    for row in tab.rows:
        built.with_row(builders.Row(row.title))
        for panel in row.panels:
            built.with_panel(_panel(panel, tab))
    return _numbered(built.build(), tab)


def statement(ask: Ask, tab: Tab) -> str:
    """Return what Grafana sends, macros and variables included."""
    named = tuple(name for name in ("tenant", *tab.variables) if name == "tenant" or name in ask.filters)
    return ask.render(Grafana(variables=named))


def _numbered(built: dashboard.Dashboard, tab: Tab) -> dashboard.Dashboard:
    # Rows need ids too; panels keep theirs, which links and alerts name.
    headings = iter(range(1000, 1000 + len(tab.rows)))
    for one in built.panels or []:
        if isinstance(one, dashboard.RowPanel):
            one.id_val = next(headings)
    return built


def _tabs() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Tabs")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )


def _panel(panel: Panel, tab: Tab) -> builders.Panel:
    drawn = drawing(panel)
    kept = ("datasource", "tenant", *tab.variables)
    built = (
        builders.Panel()
        .id(panel.id)
        .type(drawn.type)
        .title(panel.title)
        .description(_description(panel, tab))
        .datasource(_source(panel))
        .height(panel.height)
        .span(panel.width)
        .options(drawn.options)
        .targets([_target(ref, ask, panel, tab, drawn) for ref, ask in panel.asks.items()])
        .transformations(list(drawn.transformations))
        .field_config(
            dashboard.FieldConfigSource(
                defaults=_defaults(panel, drawn.custom),
                overrides=[override for column in panel.columns for override in _overrides(column, panel, kept)],
            )
        )
    )
    return built if panel.link is None else built.links([_link(panel.link, kept)])


def _source(panel: Panel) -> DataSourceRef:
    if panel.is_live:
        return live.source()
    return prometheus.source() if panel.origin is Origin.METRICS else source()


def _target(ref: str, ask: Ask, panel: Panel, tab: Tab, drawn: Drawing) -> Builder[Dataquery]:
    if ask.pushed:
        return live.Listen(ref, ask.pushed)
    if ask.origin is Origin.METRICS:
        return prometheus.query(ref, statement(ask, tab), ask.legend, panel.picture)
    return Query(ref, statement(ask, tab), drawn.frame)


def _description(panel: Panel, tab: Tab) -> str:
    shared = frozenset.intersection(*(ask.filters for ask in panel.asks.values()))
    ignored = [variables.LABELS[name] for name in tab.variables if name not in shared]
    return panel.description + (f" Not narrowed by: {', '.join(ignored).lower()}." if ignored else "")


def _defaults(panel: Panel, custom: Any) -> dashboard.FieldConfig:
    format_ = FORMATS[panel.unit] if panel.unit is not None else None
    return dashboard.FieldConfig(
        display_name=_labels(panel) if panel.by and not _several(panel) else None,
        unit=format_.unit if format_ else "none",
        decimals=format_.decimals if format_ else None,
        no_value=panel.no_data,
        thresholds=_steps(panel.thresholds),
        color=dashboard.FieldColor(
            mode=dashboard.FieldColorModeId.THRESHOLDS
            if panel.thresholds and panel.picture in _NUMBERS
            else dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME
        ),
        custom=custom,
    )


def _steps(thresholds: Thresholds | None) -> dashboard.ThresholdsConfig:
    """Return colours from low to high; the first step has no lower end."""
    steps: list[tuple[float | None, str]] = [(None, "green")]
    if thresholds is not None:
        lines = [("warning", thresholds.warning), ("critical", thresholds.critical)]
        drawn = [(value, _COLOURS[name]) for name, value in lines if value is not None]
        if thresholds.good == "down":
            steps += drawn
        elif thresholds.good == "up" and drawn:
            colours = [colour for _, colour in reversed(drawn)]
            steps = list(zip([None, *(value for value, _ in reversed(drawn))], [*colours, "green"], strict=True))
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE, steps=[dashboard.Threshold(value, colour) for value, colour in steps]
    )


def _labels(panel: Panel) -> str:
    """Return the name of a series, or of a row that is drawn as a number: what its labels are there."""
    of_rows = panel.picture in _NUMBERS and not panel.is_live
    where = "__data.fields" if of_rows else "__field.labels"
    return " · ".join(f"${{{where}.{name}}}" for name in panel.by)


def _several(panel: Panel) -> bool:
    """Whether labels alone do not tell the numbers apart."""
    return sum(column.name not in panel.by for column in panel.columns) > 1


def _overrides(
    column: Column, panel: Panel, kept: Sequence[str]
) -> Iterator[dashboard.DashboardFieldConfigSourceOverrides]:
    if properties := _properties(column, panel, kept):
        yield dashboard.DashboardFieldConfigSourceOverrides(
            matcher=dashboard.MatcherConfig(id_val="byName", options=column.name),
            properties=[dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()],
        )


def _properties(column: Column, panel: Panel, kept: Sequence[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if not panel.by:
        properties["displayName"] = column.title
    elif _several(panel):
        properties["displayName"] = f"{_labels(panel)} · {column.title}"
    if column.hidden:
        properties["custom.hidden"] = True
    if column.unit is not None:
        properties |= {"unit": FORMATS[column.unit].unit, "decimals": FORMATS[column.unit].decimals}
    if column.thresholds is not None:
        properties["thresholds"] = _steps(column.thresholds)
    if column.states or column.blank:
        properties["mappings"] = [_mapping(column)]
    if panel.picture is Picture.TABLE and (column.thresholds is not None or column.states):
        properties["custom.cellOptions"] = {"type": "color-text"}
    if column.link is not None:
        properties["links"] = [{"title": column.link.title, "url": address(column.link, kept)}]
    if column.name.endswith(_BAND):
        properties |= _band(column.name)
    return properties


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


def address(link: Link, kept: Sequence[str]) -> str:
    """Return a link's path: the range, what is chosen on the page (variables ``kept``), and what the row is about."""
    row = "".join(f"&var-{name}=${{__data.fields.{column}}}" for name, column in link.variables.items())
    chosen = "".join(f"&${{{name}:queryparam}}" for name in kept if name not in link.variables)
    panel = "" if link.panel is None else f"&viewPanel={link.panel}"
    return f"/d/{link.tab}?${{__url_time_range}}{chosen}{row}{panel}"


def _link(link: Link, kept: Sequence[str]) -> builders.DashboardLink:
    return builders.DashboardLink(link.title).type(dashboard.DashboardLinkType.LINK).url(address(link, kept))
