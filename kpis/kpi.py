"""What a key figure is: one definition from which the command line, panels, alerts, reports and docs are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal, NamedTuple

from kpis.dimension import Dimension
from kpis.sql.query_context import QueryContext

Good = Literal["up", "down", "neutral"]
ThresholdStatus = Literal["ok", "warning", "critical"]


class Unit(StrEnum):
    """What a value is measured in; the words are those that docs and JSON use."""

    COUNT = "count"
    RATIO = "ratio"
    """A share, 0 to 1, shown in percent; a difference of shares too."""
    MONEY_RATIO = "money ratio"
    """Money by money, for example a return of 1.8 for every 1 spent, shown in percent (180 %)."""
    SCORE = "score"
    """A number without a unit, for example the AI's own judgement from -1 to 1."""
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
    """

    name: str
    about: str
    dimensions: Mapping[str, Dimension]
    relation: Callable[[QueryContext], str]


@dataclass(frozen=True, eq=False)
class Aggregate:
    """Computed by aggregating the rows of a source.

    ``value`` and ``n`` are SQL aggregates over the source's columns; ``value`` is NULL where there is nothing to divide
    by. ``low`` and ``high`` bound the value with 95 % confidence, where that means something.
    """

    source: Source
    value: str
    n: str
    low: str = ""
    high: str = ""


@dataclass(frozen=True, eq=False)
class Statement:
    """Computed by a statement of its own, where one aggregate does not do.

    ``render`` returns a SELECT with exactly the columns that ``Asked.columns`` names (the dimensions of ``by``, then
    ``time`` if ``every``) followed by ``value, n, low, high, note``; ``note`` is text, empty where all is well, that
    says in plain words why a value is missing or to be taken with care. Without ``by`` and ``every`` there is one row.

    ``together`` renders several figures of one family at once, by their ids: for each figure the columns ``<id>``,
    ``<id>_n``, ``<id>_low``, ``<id>_high`` and ``<id>_note`` instead. ``has_total`` is false where the figure of a
    range is no aggregate of what its steps are made of (``Asked.total``).
    """

    dimensions: Mapping[str, Dimension]
    render: Callable[[QueryContext], str]
    together: Callable[[QueryContext, Sequence[str]], str] | None = None
    has_total: bool = True


class Change(NamedTuple):
    """A definition's new version: since when it holds, and what was different before."""

    version: int
    since: date
    what: str


@dataclass(frozen=True, eq=False)
class Kpi:
    """A key figure, defined once.

    Parameters
    ----------
    id
        Stable: stored results, links and alerts name it.
    title, meaning
        For people; the meaning in plain language, with what is left out.
    good
        Which direction is better.
    minimum_volume
        Below this ``n`` the value is shown with "too little data", and no alert fires.
    warning, critical
        Where the value becomes a worry, in the bad direction; ``None`` where there is no such line.
    changes
        How the definition came to be, oldest first. Figures are computed from what happened, so the present definition
        is the one that counts for every range; numbers that were noted down before a change may differ.
    """

    id: str
    title: str
    meaning: str
    unit: Unit
    good: Good
    area: Area
    computed: Aggregate | Statement
    minimum_volume: int = 1
    warning: float | None = None
    critical: float | None = None
    changes: tuple[Change, ...] = ()

    @property
    def version(self) -> int:
        """The version of the definition, 1 at first."""
        return self.changes[-1].version if self.changes else 1

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """What it can be split by and narrowed to."""
        return self.computed.source.dimensions if isinstance(self.computed, Aggregate) else self.computed.dimensions

    @property
    def has_interval(self) -> bool:
        """Whether it comes with bounds."""
        return isinstance(self.computed, Statement) or bool(self.computed.low)

    @property
    def has_total(self) -> bool:
        """Whether a series can come with the figure of its whole range (``Asked.total``)."""
        return isinstance(self.computed, Aggregate) or self.computed.has_total

    def is_thin(self, n: float | None) -> bool:
        """Whether ``n`` is too little data to trust the value."""
        return n is None or n < self.minimum_volume

    def state(self, value: float | None, n: float | None) -> ThresholdStatus | Literal["unknown"]:
        """Return how worrying a value is; ``unknown`` where there is none, or too little data."""
        if value is None or self.is_thin(n):
            return "unknown"
        return threshold_status(value, self.good, self.warning, self.critical)


def threshold_status(value: float, good: Good, warning: float | None, critical: float | None) -> ThresholdStatus:
    """Return how worrying a value is: ``warning`` and ``critical`` begin at their lines, in the bad direction."""

    def beyond(line: float | None) -> bool:
        return line is not None and (value >= line if good == "down" else value <= line)

    return "critical" if beyond(critical) else "warning" if beyond(warning) else "ok"
