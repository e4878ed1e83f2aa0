"""What several tabs are made of: a number in a tile, a figure over time, rows of an analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dashboards import tiles
from dashboards.panel import Column, Panel, PanelLink, PanelQuery, PanelType, Shared, Tile
from dashboards.panel_queries import column, series, split, thresholds
from dashboards.tabs import names
from kpis.analyses.catalogue import CONVERSATION_FILTERS
from kpis.kpi import Unit
from kpis.registry import get
from kpis.scope import FILTERS, Interval
from kpis.sql.conditions import ATTENTION, attention, handling, handling_join
from kpis.sql.dialect import Dialect
from kpis.sql.query_context import QueryContext
from models.sync_status import Condition, words_of

ITS_HEALTH: Final = PanelLink("Its health", names.HEALTH, {"provider": "provider"})
"""From a row with a column ``provider``, which is ``all`` where the row is about none."""
PROVIDER: Final = "if(integration_provider = '', 'all', integration_provider) AS provider"
SEVERITIES: Final = {"critical": "critical", "warning": "warning", "info": "neutral"}
UNLESS_ASKED: Final = "unless a red mark says that the query failed"
"""After good news that an empty answer means: Grafana says the same where there was no answer."""
EMPTY: Final = "Nothing in this range"
TILE_HEIGHT: Final = 4
_WITH_CHANGE: Final = 8
"""Width from which a tile has its words, its figure and the change beside each other; else they stand on lines."""
UNSET: Final = "Choose one tenant, and set its costs: romashka tenant settings set"


def tile(
    id_: int, question: str, kpi: str, *, link: PanelLink | None = None, width: int = 8, no_data: str = EMPTY
) -> Panel:
    """Return one figure of the registry as a large number, named as it is there and coloured by its thresholds."""
    about = get(kpi)
    filters = frozenset(about.dimensions) & frozenset(FILTERS)
    before = f"{about.title}, before"
    return Panel(
        id=id_,
        title=about.title,
        description=f"{question} {about.meaning} The change is relative to the period of the same length before.",
        picture=PanelType.STAT,
        asks={"A": PanelQuery(filters, lambda dialect: tiles.compared(kpi, dialect))},
        no_data=no_data,
        width=width,
        height=TILE_HEIGHT if width >= _WITH_CHANGE else TILE_HEIGHT + 1,
        unit=about.unit,
        thresholds=thresholds(kpi),
        columns=(column(kpi), Column(f"{kpi}_before", before, about.unit)),
        link=link,
        tile=Tile(kpi, (kpi,), id_, Interval.DAY),
    )


def together(*panels: Panel, every: Interval = Interval.DAY, charted: str = "") -> tuple[Panel, ...]:
    """Return tiles of which those that the same variables narrow ask one statement; ``every`` steps their lines.

    ``charted`` is a figure whose steps a chart shows, too (``drawn``).
    """
    groups: dict[tuple[frozenset[str], bool], list[Panel]] = {}
    for panel in panels:
        if panel.tile is not None:
            groups.setdefault((panel.asks["A"].filters, get(panel.tile.kpi).has_total), []).append(panel)
    asking = {one.id: group for group in groups.values() for one in group}
    figures = {id_: tuple(one.tile.kpi for one in group if one.tile is not None) for id_, group in asking.items()}
    return tuple(
        replace(panel, tile=Tile(panel.tile.kpi, group, asking[panel.id][0].id, every, charted in group))
        for panel in panels
        if panel.tile is not None and (group := figures[panel.id])
    )


def trend(
    id_: int,
    title: str,
    description: str,
    *kpis: str,
    every: Interval,
    by: tuple[str, ...] = (),
    width: int = 12,
    height: int = 8,
    bars: bool = False,
    link: PanelLink | None = None,
) -> Panel:
    """Return figures of one unit over time; ``by`` draws a line for each value of a dimension."""
    first = get(kpis[0])
    return Panel(
        id=id_,
        title=title,
        description=description,
        picture=PanelType.TIME_BARS if bars else PanelType.TIME_SERIES,
        asks={"A": series(*kpis, every=every, by=by)},
        no_data=EMPTY,
        width=width,
        height=height,
        unit=first.unit,
        thresholds=thresholds(kpis[0]) if len(kpis) == 1 and not bars else None,
        columns=tuple(column(id_) for id_ in kpis),
        link=link,
        stacked=bars,
        by=by,
    )


def drawn(trend: Panel, asked: Panel) -> Panel:
    """Return figures over time that Grafana takes from the answer of their tile, whose steps they are.

    Days that do not lie within the range as a whole are left out.
    """
    if asked.tile is None:
        raise ValueError(f"panel {asked.id} is no tile")
    tile, ask = asked.tile, trend.asks["A"]
    shared = Shared(tile.asks, lambda dialect: tiles.statement(tile, dialect), tiles.LINE)
    return replace(trend, asks={"A": replace(ask, shared=shared)}, no_data="No whole day with data in this range")


def split_figure(id_: int, kpi: str, by: Sequence[str], *, picture: PanelType, width: int, limit: int) -> Panel:
    """Return a figure by dimensions, as bars or as a table, the largest first."""
    about = get(kpi)
    shown = [name.replace("_", " ") for name in by]
    return Panel(
        id=id_,
        title=f"{about.title} by {' and '.join(shown)}",
        description=f"Where is it high, where low? {about.meaning}",
        picture=picture,
        asks={"A": split(kpi, by=by, limit=limit)},
        no_data=EMPTY,
        width=width,
        height=8,
        unit=about.unit,
        columns=(*(Column(name, text.capitalize()) for name, text in zip(by, shown, strict=True)), column(kpi)),
    )


def analysed(
    sql: Callable[[QueryContext], str], shown: str, filters: frozenset[str] = CONVERSATION_FILTERS
) -> PanelQuery:
    """Ask for rows of an analysis (``kpis.analyses``); ``shown`` is the SELECT over them, ``{rows}`` their table."""

    def render(dialect: Dialect) -> str:
        return shown.format(rows=f"({sql(QueryContext(dialect))})")

    return PanelQuery(filters, render)


def tenant_name(column: str) -> str:
    """Return what people call the tenant of a column: its display name, else the first eight characters of its id."""
    known = "(SELECT mapFromArrays(groupArray(user_id), groupArray(display_name)) FROM tenant_names FINAL)"
    return f"if({known}[{column}] = '', substring(toString({column}), 1, 8), {known}[{column}])"


def tenant_and_id(column: str) -> str:
    """Return the columns ``tenant``, what people call the tenant of a column, and ``tenant_id``, the id behind it."""
    return f"{tenant_name(column)} AS tenant, toString({column}) AS tenant_id"


def tenant_columns(tab: str, width: int | None = None) -> tuple[Column, Column]:
    """Return how the columns of ``tenant_and_id`` are shown: a name that leads to the tab of that tenant alone."""
    only = PanelLink("Only this tenant", tab, {"tenant": "tenant_id"})
    return Column("tenant", "Tenant", width=width, link=only), Column("tenant_id", "Tenant id", hidden=True)


def of_links(dialect: Dialect) -> str:
    """Return the predicate of tenant and, where the dialect has it, provider, for tables with a row per link."""
    if "provider" not in dialect.filters:
        return dialect.tenant("user_id")
    return f"{dialect.tenant('user_id')} AND {dialect.one_of('provider', 'integration_provider')}"


def findings(where: str, limit: int = 50) -> PanelQuery:
    """Ask for insights, the newest first; ``where`` narrows them further."""

    def render(dialect: Dialect) -> str:
        return f"""
SELECT severity, integration_provider, title, summary,
    arrayElement(recommended_actions, 1) AS action, {handling("i", dialect)} AS handling,
    started_at, ended_at, {PROVIDER}, toString(i.id) AS finding
FROM predictive_insights AS i FINAL
{handling_join("i", dialect)}
WHERE {of_links(dialect)} AND started_at < {dialect.end}
    AND (status = 'open' OR ended_at >= {dialect.start}) AND {where}
ORDER BY status = 'open' DESC, started_at DESC
LIMIT {limit}"""

    return PanelQuery(frozenset({"provider"}), render)


def needing_attention(limit: int = 20) -> PanelQuery:
    """Ask for what needs attention at the end of the range, the gravest first: what ``open_incidents`` counts."""

    def render(dialect: Dialect) -> str:
        provider = (
            f" AND {dialect.one_of('provider', 'i.integration_provider')}" if "provider" in dialect.filters else ""
        )
        return f"""
SELECT i.severity AS severity, i.integration_provider AS integration_provider, i.title AS title,
    i.summary AS summary, arrayElement(i.recommended_actions, 1) AS action, {handling("i", dialect)} AS handling,
    i.started_at AS started_at, {PROVIDER}, toString(i.id) AS finding
FROM predictive_insights AS i FINAL
{handling_join("i", dialect)}
WHERE {dialect.tenant("i.user_id")} AND i.insight_type IN {ATTENTION} AND {attention(dialect, "i")}{provider}
ORDER BY severity = 'critical' DESC, started_at DESC
LIMIT {limit}"""

    return PanelQuery(frozenset({"provider"}), render)


_COLOURS: Final = {
    Condition.HEALTHY: "ok",
    Condition.RUNNING: "neutral",
    Condition.DEGRADED: "warning",
    Condition.FAILED: "critical",
    Condition.PAUSED: "neutral",
}
STATES: Final = {word: colour for condition, colour in _COLOURS.items() for word in words_of(condition)}
"""Words for the state of a sync → how it is coloured."""
SYNC_COLUMNS: Final = (
    Column("at", "When", moment="minute"),
    Column(
        "integration_provider",
        "Integration",
        width=110,
        link=PanelLink("Its health", names.HEALTH, {"provider": "integration_provider"}),
    ),
    Column("sync_status", "Reports", states=STATES),
    Column("records_synced", "Records", Unit.COUNT),
    Column("records_failed", "Failed", Unit.COUNT),
    Column("duration_ms", "Took", Unit.MILLISECONDS),
    Column("error_kind", "Error", width=130),
)
FINDING_COLUMNS: Final = (
    Column("severity", "Severity", states=SEVERITIES, width=110),
    Column("integration_provider", "Integration", width=110, link=ITS_HEALTH, blank="several"),
    Column("title", "What", wrap=True, link=PanelLink("Respond", "", finding="finding")),
    Column("summary", "Seen", wrap=True),
    Column("action", "What to do", wrap=True),
    Column("handling", "Handling", blank="nobody yet", hidden=True, wrap=True),
    Column("started_at", "Since", moment="minute"),
    Column("ended_at", "Until", moment="minute"),
    Column("provider", "Integration", hidden=True),
    Column("finding", "Id", hidden=True),
)
_OF_OPEN: Final[Mapping[str, dict[str, Any]]] = {
    "ended_at": {"hidden": True, "moment": ""},
    "handling": {"hidden": False},
}
OPEN_COLUMNS: Final = tuple(replace(column, **_OF_OPEN.get(column.name, {})) for column in FINDING_COLUMNS)
"""Of findings that have no end: who takes care of them instead."""
