"""A tab as Grafana's dashboard JSON (schema of grafana-foundation-sdk 0.0.21, for Grafana 12.1 and newer)."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards import (
    amounts,
    chart_annotations,
    fields,
    grafana_live,
    prometheus,
    shared,
    tiles,
    time_ranges,
    variables,
)
from dashboards.clickhouse import Frame, QueryBuilder, source
from dashboards.links import API, link, to_tabs
from dashboards.panel import WIDTH, Origin, Panel, PanelQuery, PanelType, Tab
from dashboards.panel_types import Drawing, drawing
from kpis.sql.dialect import Grafana
from models.objectives import API_ADDRESS

TAG: Final = "romashka-ia"


def render(tab: Tab, api: str = API_ADDRESS) -> str:
    """Return the dashboard's file; ``api`` is the address of the API as people reach it."""
    file: dict[str, Any] = json.loads(json.dumps(build(tab), cls=JSONEncoder))
    # The SDK always writes a placement into these, and Grafana 12.3 draws them at the top only where there is none.
    for one in (*file["links"], *file["annotations"]["list"]):
        one.pop("placement", None)
    return json.dumps(file, indent=2, ensure_ascii=False).replace(API, api.rstrip("/")) + "\n"


def build(tab: Tab) -> dashboard.Dashboard:
    """Return the dashboard."""
    built = (
        builders.Dashboard(tab.title)
        .uid(tab.uid)
        .description(tab.about)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .week_start("monday")  # as last-week, and the weeks of a series; without it Grafana takes the browser's
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time(*time_ranges.up_to_now(tab.span))
        .refresh(tab.refresh)
        .timepicker(_time_picker(tab))
        .links(to_tabs(tab))
        .variables(list(variables.of(tab)))
        .annotations(chart_annotations.of(tab))
    )
    for row in tab.rows:
        heading = builders.Row(row.title)
        built.with_row(heading)
        for panel in row.panels:
            (heading if row.collapsed else built).with_panel(_panel(panel, tab))
    return _numbered(built.build(), tab)


def _time_picker(tab: Tab) -> builders.TimePicker:
    picker = builders.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m"])
    return picker.quick_ranges(time_ranges.quick_ranges(tab.span))


def statement(panel: Panel, ask: PanelQuery, tab: Tab) -> str:
    """Return what Grafana sends, macros and variables included."""
    dialect = _dialect(ask, tab)
    return amounts.statement(panel, ask.render(dialect), dialect)


def _dialect(ask: PanelQuery, tab: Tab) -> Grafana:
    return Grafana(variables=("tenant", *(name for name in tab.variables if name in ask.filters)))


def _numbered(built: dashboard.Dashboard, tab: Tab) -> dashboard.Dashboard:
    # Rows need ids too; panels keep theirs, which links and alerts name.
    headings = iter(range(1000, 1000 + len(tab.rows)))
    for one in built.panels or []:
        if isinstance(one, dashboard.RowPanel):
            one.id_val = next(headings)
            _place(one)
    return built


def _place(row: dashboard.RowPanel) -> None:
    """Put the panels of a collapsed row where they stand when it is opened; the SDK leaves all of them on one spot."""
    x, y, height = 0, (row.grid_pos or dashboard.GridPos()).y + 1, 0
    for panel in row.panels:
        place = panel.grid_pos or dashboard.GridPos()
        if x + place.w > WIDTH:
            x, y, height = 0, y + height, 0
        panel.grid_pos = dashboard.GridPos(x=x, y=y, w=place.w, h=place.h)
        x, height = x + place.w, max(height, place.h)


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
        .transformations(
            [*shared.own(panel), *amounts.transformations(panel), *shared.series(panel), *drawn.transformations]
        )
        .field_config(
            dashboard.FieldConfigSource(
                defaults=fields.defaults(panel, drawn.custom), overrides=list(fields.overrides(panel, kept))
            )
        )
    )
    if panel.span is not None:
        length, shift = panel.span
        built.time_from(length).time_shift(shift).hide_time_override(True)
    return built if panel.link is None else built.links([link(panel.link, kept)])


def _source(panel: Panel) -> DataSourceRef:
    if panel.is_live or panel.picture is PanelType.ALERTS:
        return grafana_live.source()
    if shared.is_shown(panel):
        return shared.SOURCE
    return prometheus.source() if panel.origin is Origin.METRICS else source()


def _target(ref: str, ask: PanelQuery, panel: Panel, tab: Tab, drawn: Drawing) -> Builder[Dataquery]:
    if ask.pushed:
        return grafana_live.Listen(ref, ask.pushed)
    if panel.tile is not None:
        return _answered(ref, panel, panel.tile.asks, tiles.statement(panel.tile, _dialect(ask, tab)))
    if ask.shared is not None:
        return _answered(ref, panel, ask.shared.panel, ask.shared.render(_dialect(ask, tab)))
    if ask.origin is Origin.METRICS:
        return prometheus.query(ref, statement(panel, ask, tab), ask.legend, panel.picture)
    return QueryBuilder(ref, statement(panel, ask, tab), Frame.TABLE if amounts.on_time(panel) else drawn.frame)


def _answered(ref: str, panel: Panel, asking: int, sql: str) -> Builder[Dataquery]:
    """Return the question that several panels share, of the panel that asks it; the answer of that one, of others."""
    return QueryBuilder(ref, sql, Frame.TABLE) if asking == panel.id else shared.Share(ref, asking)


def _description(panel: Panel, tab: Tab) -> str:
    by_all = [ask.filters for ask in panel.asks.values()]
    narrows = frozenset.intersection(*by_all) if by_all else frozenset()
    ignored = [variables.LABELS[name] for name in tab.variables if name not in narrows]
    narrowed = f" Not narrowed by: {', '.join(ignored).lower()}." if ignored else ""
    dash = f" A dash: {panel.no_data}." if panel.picture is PanelType.STAT else ""
    return panel.description + narrowed + dash
