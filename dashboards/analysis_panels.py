"""Analyses (``kpis.analyses``) as panels of boards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from dashboards.analysis_columns import PANELS
from dashboards.panel import Column, Panel, PanelQuery, PanelType
from dashboards.tabs.parts import tenant_and_id, tenant_columns, tenant_name
from kpis.analyses.catalogue import get
from kpis.analyses.finished import FINISHED
from kpis.sql.dialect import Dialect
from kpis.sql.fixed import Fixed
from kpis.sql.query_context import QueryContext

_QUESTIONS: Final[Mapping[str, str]] = {
    "savings": "What did durable resolutions save?",
    "attribution": "Which integration influenced how much revenue?",
    "incremental": "How much revenue did data add?",
    "conversion": "Where does data change conversion?",
    "satisfaction": "Where does data change satisfaction?",
    "lift": "What does data cause, and what only goes along with it?",
    "impact": "How does each period compare with no data at all?",
    "gaps": "What did the AI lack, and what would filling each gap be worth?",
    "journey": "How do customers move from stage to stage?",
    "drop-off": "In which stage do customers not go on?",
    "fault-cost": "What did the integration's faults in this range cost?",
    "geography": "How do conversations go in each country?",
    "channels": "How do conversations go in each channel?",
    "segments": "How do conversations of each customer segment go?",
}


class Chosen(NamedTuple):
    """What a board says of an analysis: title (empty: its meaning), fixed dimensions, order (a column) and size."""

    title: str
    where: Mapping[str, str]
    order: str
    limit: int
    width: int


def table(id_: int, name: str, board: str, chosen: Chosen) -> Panel:
    """Return an analysis as a table; ``board`` is the uid that its tenants link to."""
    how = PANELS[name]
    named = [
        *([tenant_and_id("v.user_id")] if how.by_tenant else []),
        *(f"v.{one.name} AS {one.name}" for one in how.columns),
    ]
    tenants = tenant_columns(board) if how.by_tenant else ()
    panel = _panel(id_, name, f"SELECT {', '.join(named)} FROM {{rows}} AS v", chosen)
    return replace(panel, columns=(*tenants, *how.columns))


def bars(id_: int, name: str, of: str, chosen: Chosen) -> Panel:
    """Return one column of an analysis as bars, named by its labels, and by the tenant where there are several."""
    how = PANELS[name]
    label = ", ".join(f"toString(v.{one})" for one in how.labels)
    label = f"arrayStringConcat(arrayFilter(one -> one != '', [{label}]), ', ')"
    if how.by_tenant:
        label = f"if(uniqExact(v.user_id) OVER () = 1, {label}, concat({tenant_name('v.user_id')}, ': ', {label}))"
    if not how.labels:
        label = tenant_name("v.user_id")
    sql = f"SELECT {label} AS label, v.{of} AS {of} FROM {{rows}} AS v"
    panel = _panel(id_, name, sql, chosen._replace(order=chosen.order or of))
    value = next(column for column in how.columns if column.name == of)
    shown = (Column("label", "Of", blank="not said"), replace(value, hidden=False))
    return replace(panel, picture=PanelType.BARS, height=8, columns=shown, unit=value.unit)


def _panel(id_: int, name: str, sql: str, chosen: Chosen) -> Panel:
    """Return the panel of a SELECT over an analysis, ``{rows}``, without columns."""
    how, analysis = PANELS[name], get(name)
    fixed = f", of {', '.join(chosen.where.values())}" if chosen.where else ""
    meaning = f"{analysis.meaning[:1].upper()}{analysis.meaning[1:]}{fixed}"
    order = f"v.{chosen.order} DESC NULLS LAST" if chosen.order else how.order

    def render(dialect: Dialect) -> str:
        asked = QueryContext(Fixed(dialect, chosen.where) if chosen.where else dialect)
        rows = f"({FINISHED[name](f'({analysis.sql(asked)})')})"
        return f"{sql.format(rows=rows)} ORDER BY {order} LIMIT {chosen.limit}"

    return Panel(
        id=id_,
        title=chosen.title or meaning,
        description=f"{_QUESTIONS[name]} {meaning}: the rows of 'romashka kpi analyse {name}'.",
        picture=PanelType.TABLE,
        asks={"A": PanelQuery(analysis.filters.difference(chosen.where), render)},
        no_data=how.no_data,
        width=chosen.width,
        height=9,
    )
