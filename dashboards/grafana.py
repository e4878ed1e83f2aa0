"""A tab as Grafana's dashboard JSON (schema of grafana-foundation-sdk 0.0.21, served by Grafana 11.6 and newer)."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef

from dashboards import fields, live, marks, prometheus, tiles, variables
from dashboards.clickhouse import Query, source
from dashboards.links import link, to_tabs
from dashboards.panel import Ask, Origin, Panel, Picture, Tab
from dashboards.pictures import Drawing, drawing
from kpis.dialect import Grafana

TAG: Final = "romashka-ia"


def render(tab: Tab) -> str:
    """Return the dashboard's file."""
    file: dict[str, Any] = json.loads(json.dumps(build(tab), cls=JSONEncoder))
    # The SDK always writes a placement into these, and Grafana 12.3 draws them at the top only where there is none.
    for one in (*file["links"], *file["annotations"]["list"]):
        one.pop("placement", None)
    return json.dumps(file, indent=2, ensure_ascii=False) + "\n"


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
        .time(tab.span, tab.until)
        .refresh(tab.refresh)
        .timepicker(builders.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m"]))
        .links(to_tabs(tab))
        .variables(list(variables.of(tab)))
        .annotations(marks.of(tab))
    )
    for row in tab.rows:
        built.with_row(builders.Row(row.title))
        for panel in row.panels:
            built.with_panel(_panel(panel, tab))
    return _numbered(built.build(), tab)


def statement(ask: Ask, tab: Tab) -> str:
    """Return what Grafana sends, macros and variables included."""
    return ask.render(_dialect(ask, tab))


def _dialect(ask: Ask, tab: Tab) -> Grafana:
    return Grafana(variables=("tenant", *(name for name in tab.variables if name in ask.filters)))


def _numbered(built: dashboard.Dashboard, tab: Tab) -> dashboard.Dashboard:
    # Rows need ids too; panels keep theirs, which links and alerts name.
    headings = iter(range(1000, 1000 + len(tab.rows)))
    for one in built.panels or []:
        if isinstance(one, dashboard.RowPanel):
            one.id_val = next(headings)
    return built


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
                defaults=fields.defaults(panel, drawn.custom), overrides=list(fields.overrides(panel, kept))
            )
        )
    )
    return built if panel.link is None else built.links([link(panel.link, kept)])


def _source(panel: Panel) -> DataSourceRef:
    if panel.is_live:
        return live.source()
    if panel.tile is not None and panel.tile.asks != panel.id:
        return tiles.SHARED
    return prometheus.source() if panel.origin is Origin.METRICS else source()


def _target(ref: str, ask: Ask, panel: Panel, tab: Tab, drawn: Drawing) -> Builder[Dataquery]:
    if ask.pushed:
        return live.Listen(ref, ask.pushed)
    if panel.tile is not None:
        if panel.tile.asks != panel.id:
            return tiles.Share(ref, panel.tile.asks)
        return Query(ref, tiles.statement(panel.tile, _dialect(ask, tab)), drawn.frame)
    if ask.origin is Origin.METRICS:
        return prometheus.query(ref, statement(ask, tab), ask.legend, panel.picture)
    return Query(ref, statement(ask, tab), drawn.frame)


def _description(panel: Panel, tab: Tab) -> str:
    shared = frozenset.intersection(*(ask.filters for ask in panel.asks.values()))
    ignored = [variables.LABELS[name] for name in tab.variables if name not in shared]
    narrowed = f" Not narrowed by: {', '.join(ignored).lower()}." if ignored else ""
    dash = f" A dash: {panel.no_data}." if panel.picture is Picture.STAT else ""
    return panel.description + narrowed + dash
