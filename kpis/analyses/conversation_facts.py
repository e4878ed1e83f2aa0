"""The conversations of an analysis.

Facts and derived states (durable, returned) are those of the figures (``kpis.sources.conversations``), so that a table
and a tile agree. Everything about a conversation counts at its entry: a later refund lowers the revenue of the day of
the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kpis.sources import conversations
from kpis.sql.dialect import Dialect
from kpis.sql.query_context import QueryContext


@dataclass(frozen=True)
class RangeOverride:
    """A dialect with another range, for example the previous period.

    Parameters
    ----------
    of
        The original dialect.
    start, end
        The range, as SQL expressions.
    narrowed
        Whether the original filters apply.
    """

    of: Dialect
    start: str
    end: str
    narrowed: bool = True

    @property
    def now(self) -> str:
        """The question's."""
        return self.of.now

    @property
    def time_zone(self) -> str:
        """The question's."""
        return self.of.time_zone

    @property
    def durable_days(self) -> str:
        """The question's."""
        return self.of.durable_days

    @property
    def hours_fit(self) -> bool:
        """The question's."""
        return self.of.hours_fit

    @property
    def days_fit(self) -> bool:
        """The question's."""
        return self.of.days_fit

    @property
    def ends_on_hours(self) -> bool:
        """``False``: the range is an expression."""
        return False

    @property
    def filters(self) -> tuple[str, ...]:
        """The question's, where it is narrowed."""
        return self.of.filters if self.narrowed else ()

    def unnarrowed(self, name: str) -> str:
        """Return the question's expression."""
        return self.of.unnarrowed(name)

    def by_one_value(self, name: str) -> str:
        """Return the question's expression."""
        return self.of.by_one_value(name)

    def tenant(self, column: str) -> str:
        """Return the question's predicate."""
        return self.of.tenant(column)

    def one_of(self, name: str, column: str) -> str:
        """Return the question's predicate."""
        return self.of.one_of(name, column)

    def any_of(self, name: str, column: str) -> str:
        """Return the question's predicate."""
        return self.of.any_of(name, column)

    @property
    def parameters(self) -> dict[str, Any]:
        """The question's."""
        return self.of.parameters


def period_before(dialect: Dialect) -> str:
    """Return the start of the period of the same length just before the range."""
    return f"({dialect.start} - toIntervalSecond(dateDiff('second', {dialect.start}, {dialect.end})))"


def conversations_of(asked: QueryContext, over: Dialect | None = None, name: str = "conversations") -> str:
    """Return a common table expression: the facts of conversations.

    Parameters
    ----------
    over
        A dialect with another range than that of the analysis.
    name
        Name of the expression.
    """
    return f"{name} AS (SELECT * FROM {conversations.facts(replace(asked, dialect=over or asked.dialect))})"
