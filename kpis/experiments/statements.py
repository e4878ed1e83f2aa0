"""The statements of experiments. Sums leave ClickHouse, never events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from kpis.experiments.assignment import CELL_CONCENTRATION, RARE
from kpis.experiments.metrics import WINSORISED_AT
from kpis.scope import Scope
from kpis.sources import conversations
from kpis.sql.dialect import Bound, Dialect
from kpis.sql.query_context import QueryContext
from kpis.sql.templates import Templates
from models.query import Query

BEFORE_DAYS: Final = 28
"""Days before an experiment from which the value of a customer is taken."""
SQL: Final = Templates("kpis.experiments", "experiments.sql")
# A conversation ends at most so long after its entry, before the days begin in which it may return.
_END_HOURS: Final = 24


def known(scope: Scope) -> Query:
    """Return the query of every experiment of the scope's tenant and its arms; the range does not matter."""
    dialect = Bound(scope)
    return Query(SQL.render("known", tenant=dialect.tenant("user_id")), dialect.parameters)


def daily_sums(scope: Scope, experiment: str) -> Query:
    """Return the query of an experiment's sums by day, arm, stage, segment and metric.

    Parameters
    ----------
    scope
        Begins where the experiment does; ``BEFORE_DAYS`` before it are the pre-period.
    """
    dialect = Bound(scope)
    asked = QueryContext(dialect)
    earlier = conversations.facts(
        replace(asked, dialect=dialect.over(f"({dialect.start} - toIntervalDay({BEFORE_DAYS}))", dialect.start))
    )
    before = {
        name: SQL.render("before", keys=keys, facts=earlier, known=known_)
        for name, keys, known_ in (
            ("customers", "user_id, customer_id", "customer_id != ''"),
            ("segments", "user_id, customer_segment", "true"),
            ("tenants", "user_id", "true"),
        )
    }
    sql = SQL.render(
        "sums",
        quantile=str(WINSORISED_AT),
        settled=settled(dialect),
        facts=conversations.facts(asked),
        assigned=assigned(dialect, "experiment = {experiment:String}"),
        **before,
    )
    return Query(sql, {**dialect.parameters, "experiment": experiment})


def shares_by_day(scope: Scope, experiment: str, shares: Mapping[str, float]) -> Query:
    """Return the query of the evidence against the planned shares by day, of each tenant's day by itself."""
    dialect = Bound(scope)
    sql = SQL.render(
        "shares_by_day",
        factor=bayes_factor("counts", "shares", CELL_CONCENTRATION),
        few=few("factor"),
        facts=conversations.facts(QueryContext(dialect)),
        assigned=assigned(dialect, "experiment = {experiment:String}"),
    )
    given = {"experiment": experiment, "arms": list(shares), "shares": list(shares.values())}
    return Query(sql, {**dialect.parameters, **given})


def bayes_factor(counts: str, shares: str, concentration: float) -> str:
    """Return ``assignment.log_bayes_factor`` as SQL; both are maps by arm."""
    factor = SQL.render("bayes_factor", counts=counts, shares=shares, concentration=str(concentration))
    return f"({factor})"


def few(factor: str) -> str:
    """Return what a cell adds to ``DayOfShares.few`` as SQL."""
    return f"({SQL.render('few', factor=factor, rare=str(RARE))})"


def baseline(scope: Scope) -> Query:
    """Return the query of each metric's mean and variance in the range."""
    dialect = Bound(scope)
    facts = conversations.facts(QueryContext(dialect))
    sql = SQL.render("baseline", quantile=str(WINSORISED_AT), settled=settled(dialect), facts=facts)
    return Query(sql, dialect.parameters)


def assigned(dialect: Dialect, those: str) -> str:
    """Return the subquery of conversations by experiment and arm."""
    return SQL.render("assigned", tenant=dialect.tenant("user_id"), those=those, start=dialect.start)


def settled(dialect: Dialect) -> str:
    """Return the time before which a conversation came in whose durability cannot change any more."""
    return f"({dialect.now} - toIntervalDay({dialect.durable_days}) - toIntervalHour({_END_HOURS}))"


def from_first(scope: Scope, first_seen: datetime) -> Scope:
    """Return the scope of an experiment: from the day before its first event on, because an entry precedes events."""
    start = first_seen.replace(tzinfo=UTC, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return replace(scope, start=min(start, scope.end))
