"""The parts of a dashboard, for Grafana and for the preview in a browser (``dashboards.preview``).

A panel answers the question that its description begins with. It says what to ask ClickHouse in a dialect
(``kpis.sql.dialect``), so that what Grafana asks and what the preview asks differ in how values get in, and in nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from kpis.kpi import Direction, Unit, threshold_status
from kpis.scope import Interval
from kpis.sql.dialect import Dialect

Moment = Literal["", "minute", "day"]
WIDTH: Final = 24
"""Columns of Grafana's grid."""


class Origin(StrEnum):
    """Where a panel's data comes from: our tables, ClickHouse's query log, Prometheus, or Grafana's own alert list."""

    TABLES = "tables"
    SERVER_LOG = "server log"
    METRICS = "metrics"
    ALERTS = "alerts"


@dataclass(frozen=True)
class Shared:
    """One statement for several panels of a tab: the panel that asks it, and the statement with all their columns.

    ``line`` is a column that is NULL in the rows that are none of a chart's; empty: all are.
    """

    panel: int
    render: Callable[[Dialect], str]
    line: str = ""


@dataclass(frozen=True)
class PanelQuery:
    """One question: a statement for ClickHouse, or an expression for Prometheus.

    ``filters`` are those of the tab's variables that narrow it (the tenant always does); ``render`` returns the
    statement in a dialect that has no others. ``legend`` names the series of metrics by their labels. ``pushed`` is the
    figure's name in what the worker pushes to Grafana Live: Grafana listens instead of asking, others still ask.
    ``shared`` is a query that Grafana runs once for this panel and others; other consumers run each query.
    """

    filters: frozenset[str]
    render: Callable[[Dialect], str]
    origin: Origin = Origin.TABLES
    legend: str = ""
    pushed: str = ""
    shared: Shared | None = None


class PanelType(StrEnum):
    """How an answer is drawn.

    The columns that each expects of the answer:

    - ``STAT``: one row, a column for each number; or labels (named in ``Panel.by``) and a number.
    - ``GAUGE``, ``BAR_GAUGE``: labels (named in ``Panel.by``) and a number, or one row of numbers.
    - ``TIME_SERIES``, ``TIME_BARS``: ``time``, labels (named in ``Panel.by``) or none, numbers; ascending in time.
      Columns that end in ``lower`` and ``upper`` are drawn as a band around the one they are named for.
    - ``BARS``: a label, numbers. ``TABLE``: anything.
    - ``STATE_TIMELINE``: ``time``, labels (named in ``Panel.by``), a state (text).
    - ``HEATMAP``: ``time``, numbers named by the bucket's upper bound.
    - ``NODE_GRAPH``: query ``A`` nodes (``id``, ``title``, ``mainstat``, ``secondarystat``; where they stand in
      ``fixedx`` and ``fixedy``, pixels), ``B`` edges (``id``,
      ``source``, ``target``, ``mainstat``, ``thickness``); the statistics are texts, which Grafana draws as
      they are.
    - ``GEOMAP``: ``country`` (ISO 3166-1 alpha-2), numbers, of which the first sizes the marker.
    - ``ALERTS``: asks nothing; Grafana lists its own alerts.
    """

    STAT = "stat"
    GAUGE = "gauge"
    BAR_GAUGE = "bargauge"
    TIME_SERIES = "timeseries"
    TIME_BARS = "timebars"
    BARS = "barchart"
    TABLE = "table"
    STATE_TIMELINE = "state-timeline"
    HEATMAP = "heatmap"
    NODE_GRAPH = "nodeGraph"
    GEOMAP = "geomap"
    ALERTS = "alertlist"


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of a number; ``direction`` says which side is good."""

    direction: Direction
    warning: float | None
    critical: float | None

    def state(self, value: float | None) -> str:
        """Return ``ok``, ``warning``, ``critical``, or ``neutral`` where there is no value or no line to cross."""
        if value is None or (self.warning is None and self.critical is None):
            return "neutral"
        return threshold_status(value, self.direction, self.warning, self.critical)


@dataclass(frozen=True)
class PanelLink:
    """Where a click leads: a tab by its uid, or one panel of it, with variables from columns of the row.

    ``finding`` is the column with the id of an insight whose page it leads to instead; ``tab`` is empty then.
    """

    title: str
    tab: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variable → column."""
    panel: int | None = None
    finding: str = ""


@dataclass(frozen=True)
class Column:
    """How one column of an answer is shown.

    ``states`` colours texts: text → ``ok``, ``warning``, ``critical`` or ``neutral``. ``blank`` is what an empty text
    means. ``width`` is in pixels, for a table; without it a column takes its share. ``wrap`` breaks sentences into
    lines. ``moment`` says that a time is shown to the minute, or as a day.
    """

    name: str
    title: str
    unit: Unit | None = None
    thresholds: Thresholds | None = None
    link: PanelLink | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    hidden: bool = False
    blank: str = ""
    width: int | None = None
    wrap: bool = False
    moment: Moment = ""


@dataclass(frozen=True)
class Tile:
    """A figure of the registry in a panel of its own, with the period before, the change and a line of steps.

    ``group`` are the figures that one statement answers together, ``asks`` the id of the panel that asks it;
    ``is_drawn`` says that a chart shows their steps, too.
    """

    kpi: str
    group: tuple[str, ...]
    asks: int
    every: Interval
    is_drawn: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel.

    Parameters
    ----------
    id
        Stable and unique within its tab: alerts and links name it.
    title
        The name that teams use for what it shows.
    description
        The question that it answers, what is counted, what is left out, what to do when it looks bad.
    asks
        Reference id (``A``, ``B``, ...) → statement.
    no_data
        What an empty answer means.
    width, height
        On a grid of 24 columns; a unit of height is 30 pixels.
    by
        Columns of labels that tell the series of a time axis, or the rows that are drawn as numbers, apart, and name
        them.
    tile
        Of a ``STAT`` of the registry: what Grafana shows beside the figure (``dashboards.tiles``).
    span
        A range of its own, whatever is chosen, as Grafana's panels have it: how far it reaches (``+14d`` from now on,
        ``14d`` until now), and by how much that is shifted back.
    """

    id: int
    title: str
    description: str
    picture: PanelType
    asks: Mapping[str, PanelQuery]
    no_data: str
    width: int
    height: int
    unit: Unit | None = None
    thresholds: Thresholds | None = None
    columns: tuple[Column, ...] = ()
    link: PanelLink | None = None
    stacked: bool = False
    by: tuple[str, ...] = ()
    tile: Tile | None = None
    span: tuple[str, str] | None = None

    @property
    def origin(self) -> Origin:
        """Who answers all of its questions."""
        if self.picture is PanelType.ALERTS:
            return Origin.ALERTS
        (origin,) = {ask.origin for ask in self.asks.values()}
        return origin

    @property
    def card(self) -> Column | None:
        """The state that a ``STAT`` shows of each row as a coloured card; ``None`` where it shows numbers."""
        states = (column for column in self.columns if column.states)
        return next(states, None) if self.picture is PanelType.STAT else None

    @property
    def is_live(self) -> bool:
        """Whether Grafana listens for its figures rather than asking for them."""
        return any(ask.pushed for ask in self.asks.values())


@dataclass(frozen=True)
class PanelRow:
    """A heading over the panels that follow; those of a ``collapsed`` one ask nothing until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True)
class Tab:
    """One dashboard.

    ``variables`` are the filters that its panels take (of ``kpis.scope.FILTERS``, beside the tenant); ``audience`` is
    the folder that it is served in; ``span`` is the length of the range up to now that it opens with (a number and m, h
    or d); ``kinds`` are the insights that are marked on its time axes, ``is_marked`` whether deployments are.
    """

    uid: str
    title: str
    about: str
    rows: tuple[PanelRow, ...]
    variables: tuple[str, ...]
    audience: str
    span: str = "30d"
    refresh: str = "5m"
    kinds: tuple[str, ...] = ("performance_anomaly", "kpi_change")
    is_marked: bool = True

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in the order of reading."""
        return tuple(panel for row in self.rows for panel in row.panels)
