"""The definition of a key figure, from which command line, panels, alerts, reports and docs are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal, NamedTuple

from kpis.contribution import Makeup
from kpis.dimension import Dimension
from kpis.sql.query_context import QueryContext

Direction = Literal["up", "down", "neutral"]
ThresholdStatus = Literal["ok", "warning", "critical"]


class Unit(StrEnum):
    """The unit of a value; docs and JSON use these words."""

    COUNT = "count"
    RATIO = "ratio"
    """A share, 0 to 1, shown in percent; a difference of shares too."""
    MONEY_RATIO = "money ratio"
    """Money by money, for example a return of 1.8 for every 1 spent, shown in percent (180 %)."""
    SCORE = "score"
    """A number without a unit, for example a score from -1 to 1."""
    MILLISECONDS = "ms"
    MINUTES = "minutes"
    HOURS = "hours"
    STARS = "stars"
    """Satisfaction from 1 to 5; a difference of stars too."""
    MONEY = "money"
    """The tenant's own currency; amounts of several tenants add up where all have the same (``kpis.currency``)."""


class Area(StrEnum):
    """The part of the dashboard that a figure belongs to."""

    MONITORING = "real-time monitoring"
    AI_PERFORMANCE = "AI performance"
    BUSINESS = "business impact"
    CONVERSATIONS = "conversation intelligence"
    PREDICTIVE = "predictive analytics"


@dataclass(frozen=True, eq=False)
class Source:
    """Rows that figures are aggregated from.

    ``relation`` returns a parenthesised subquery over deduplicated data, already narrowed to the scope's tenant, range
    and filters, with the columns that the dimensions name and a time column ``at`` (the moment a row counts for).

    A source with ``columns`` returns those of ``QueryContext.reads`` only, because a statement with all of them takes
    twice as long to plan; every figure over it declares the columns that it reads.
    """

    name: str
    about: str
    dimensions: Mapping[str, Dimension]
    relation: Callable[[QueryContext], str]
    parts_at_cut: bool = False
    """Whether no row lies on both sides of ``QueryContext.cut``."""
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Aggregate:
    """A figure that aggregates the rows of a source.

    ``value`` and ``n`` are SQL aggregates over the source's columns; ``value`` is NULL where the denominator is zero.
    ``low`` and ``high`` are 95 % confidence bounds, where there are any. ``columns`` are those that the four read.
    ``makeup`` is how the figures of parts make up that of the whole; ``weight`` is the volume of a part of a mean where
    that is not ``n``.

    Raises
    ------
    ValueError
        The source returns only the columns that are read, and none is declared, or one that it does not have.
    """

    source: Source
    value: str
    n: str
    low: str = ""
    high: str = ""
    columns: frozenset[str] = frozenset()
    makeup: Makeup = Makeup.NEITHER
    weight: str = ""

    def __post_init__(self) -> None:
        """Reject columns that the source does not have."""
        known = self.source.columns
        if known and not (self.columns and self.columns <= known):
            raise ValueError(f"{self.value}: expected columns among {', '.join(sorted(known))}")


@dataclass(frozen=True, eq=False)
class Statement:
    """A figure with its own statement, where one aggregate is not enough.

    ``render`` returns a SELECT with exactly the columns of ``QueryContext.columns`` (the dimensions of ``by``, then
    ``time`` if ``every``) followed by ``value, n, low, high, note``; ``note`` is text, usually empty, that says why a
    value is missing or uncertain. Without ``by`` and ``every`` there is one row.

    ``together`` renders several figures of one family at once, by their ids: for each figure the columns ``<id>``,
    ``<id>_n``, ``<id>_low``, ``<id>_high`` and ``<id>_note`` instead. ``has_total`` is false where the figure of a
    range is not an aggregate over its steps (``QueryContext.total``). ``makeup`` is as of ``Aggregate``.
    """

    dimensions: Mapping[str, Dimension]
    render: Callable[[QueryContext], str]
    together: Callable[[QueryContext, Sequence[str]], str] | None = None
    has_total: bool = True
    parts_at_cut: bool = False
    """Whether it tells what lies before ``QueryContext.cut`` from what lies after it."""
    makeup: Makeup = Makeup.NEITHER


class DefinitionChange(NamedTuple):
    """A new version of a definition: its date, and the previous definition."""

    version: int
    since: date
    what: str


@dataclass(frozen=True, eq=False)
class Kpi:
    """A key figure, defined once.

    Parameters
    ----------
    id
        Stable identifier, used by stored results, links and alerts.
    title, meaning
        Title, and a description in plain language that names exclusions.
    direction
        Which direction is better.
    minimum_volume
        Below this ``n`` the value is shown with "too little data", and no alert fires.
    warning, critical
        Thresholds in the bad direction; ``None`` where there is none.
    changes
        History of the definition, oldest first. Figures are computed from events, so the present definition applies to
        every range; numbers recorded before a change may differ.
    """

    id: str
    title: str
    meaning: str
    unit: Unit
    direction: Direction
    area: Area
    computed: Aggregate | Statement
    minimum_volume: int = 1
    warning: float | None = None
    critical: float | None = None
    changes: tuple[DefinitionChange, ...] = ()

    @property
    def version(self) -> int:
        """The version of the definition, 1 at first."""
        return self.changes[-1].version if self.changes else 1

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """The dimensions it can be split and filtered by."""
        return self.computed.source.dimensions if isinstance(self.computed, Aggregate) else self.computed.dimensions

    @property
    def has_interval(self) -> bool:
        """Whether it has bounds."""
        return isinstance(self.computed, Statement) or bool(self.computed.low)

    @property
    def has_total(self) -> bool:
        """Whether a series can include the figure of its whole range (``QueryContext.total``)."""
        return isinstance(self.computed, Aggregate) or self.computed.has_total

    def below_minimum_volume(self, n: float | None) -> bool:
        """Whether ``n`` is too little data to trust the value."""
        return n is None or n < self.minimum_volume

    def state(self, value: float | None, n: float | None) -> ThresholdStatus | Literal["unknown"]:
        """Return the threshold status of a value; ``unknown`` where there is none, or too little data."""
        if value is None or self.below_minimum_volume(n):
            return "unknown"
        return threshold_status(value, self.direction, self.warning, self.critical)


def threshold_status(
    value: float, direction: Direction, warning: float | None, critical: float | None
) -> ThresholdStatus:
    """Return the status: ``warning`` and ``critical`` begin at their thresholds, in the bad direction."""

    def beyond(line: float | None) -> bool:
        return line is not None and (value >= line if direction == "down" else value <= line)

    return "critical" if beyond(critical) else "warning" if beyond(warning) else "ok"
