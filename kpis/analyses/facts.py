"""The conversations that an analysis is about, with the money that they brought.

Facts and verdicts (durable, returned) are those of the figures (``kpis.sources.conversations``), so that a table and a
card never disagree. A conversation belongs to the moment its demand came in, and so does all that is known of it: a
refund that comes later lowers what the day of the conversation earned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kpis.asked import Asked
from kpis.dialect import Dialect
from kpis.sources import conversations


@dataclass(frozen=True)
class Over:
    """A dialect over another range than its own, for example with the period before.

    Parameters
    ----------
    of
        The question's dialect.
    start, end
        The range, as SQL expressions.
    narrowed
        Whether the question's filters hold.
    unless
        A constant expression; where it is true there is nothing in the range.
    """

    of: Dialect
    start: str
    end: str
    narrowed: bool = True
    unless: str = "false"

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
        """Return the question's predicate, false where ``unless`` is true."""
        return self.of.tenant(column) if self.unless == "false" else f"({self.of.tenant(column)} AND NOT {self.unless})"

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


def conversations_of(asked: Asked, over: Dialect | None = None, name: str = "conversations") -> str:
    """Return a common table expression: the facts of conversations with ``sales``, ``refunds`` and ``net_value``.

    Parameters
    ----------
    over
        Other conversations than those the question is about.
    name
        What the expression is called.
    """
    dialect = over or asked.dialect
    facts = conversations.facts(replace(asked, dialect=dialect))
    return f"""
{name} AS
(
    SELECT
        facts.*,
        toDecimal128(money.sales, 2) AS sales,
        toDecimal128(money.refunds, 2) AS refunds,
        sales - refunds AS net_value
    FROM {facts} AS facts
    LEFT JOIN
    (
        SELECT
            user_id,
            conversation_id,
            sum(if(outcome_type = 'refunded', 0, assumeNotNull(business_value_generated))) AS sales,
            sum(if(outcome_type = 'refunded', assumeNotNull(business_value_generated), 0)) AS refunds
        FROM conversation_outcomes FINAL
        WHERE {dialect.tenant("user_id")} AND created_at >= {dialect.start} AND business_value_generated > 0
        GROUP BY user_id, conversation_id
    ) AS money USING (user_id, conversation_id)
)"""
