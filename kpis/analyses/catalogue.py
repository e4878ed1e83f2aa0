"""Registry of analyses by name: the SQL, and the function that completes the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from kpis.analyses import attribution, gaps, impact, incident_cost, journey, lift, places, savings
from kpis.experiments.lifts import lifts
from kpis.kpi import Area
from kpis.scope import Scope
from kpis.sql.dialect import Bound
from kpis.sql.query_context import QueryContext
from models.errors import InvalidRequest, SettingsError
from models.query import Query

Rows = list[dict[str, Any]]
CONVERSATION_FILTERS: Final = frozenset({"provider", "channel", "country", "segment"})
"""The dimensions that narrow conversations."""


def _as_they_are(rows: Sequence[Mapping[str, Any]]) -> Rows:
    return [dict(row) for row in rows]


class Analysis(NamedTuple):
    """A table: ``sql`` builds its statement (in any dialect), ``finish`` completes the rows for display.

    ``area`` is the part of the dashboard that it belongs to; who may see that part may see it. ``filters`` are the
    dimensions that narrow it.
    """

    name: str
    meaning: str
    area: Area
    sql: Callable[[QueryContext], str]
    finish: Callable[[Sequence[Mapping[str, Any]]], Rows] = _as_they_are
    filters: frozenset[str] = CONVERSATION_FILTERS

    def query(self, scope: Scope) -> Query:
        """Return the query; its rows go to ``finish``.

        Raises
        ------
        InvalidRequest
            The scope has a filter that does not narrow the analysis, or lacks one that it needs.
        """
        for name in scope.filters:
            if name not in self.filters:
                there = ", ".join(sorted(self.filters)) or "nothing"
                raise InvalidRequest(
                    name, f"the analysis {self.name} cannot be narrowed by it; expected one of {there}"
                )
        dialect = Bound(scope)
        return Query(self.sql(QueryContext(dialect)), dialect.parameters)


ANALYSES: Final[Mapping[str, Analysis]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Analysis(
                "savings", "durable resolutions and what they saved", Area.BUSINESS, savings.savings, savings.apart
            ),
            Analysis(
                "attribution",
                "influenced revenue by integration",
                Area.BUSINESS,
                attribution.shared_out,
                filters=frozenset(),
            ),
            Analysis(
                "incremental", "revenue that data added", Area.BUSINESS, attribution.earnings, attribution.incremental
            ),
            Analysis("conversion", "conversion with and without data", Area.BUSINESS, lift.strata, lift.conversion),
            Analysis("satisfaction", "ratings with and without data", Area.BUSINESS, lift.strata, lift.satisfaction),
            Analysis(
                "lift",
                "causal, adjusted and plain lift",
                Area.BUSINESS,
                lifts,
                filters=CONVERSATION_FILTERS - {"provider"},
            ),
            Analysis(
                "impact", "business impact by period, as stored", Area.BUSINESS, impact.stored, filters=frozenset()
            ),
            Analysis("gaps", "what the AI lacked, and what to do", Area.CONVERSATIONS, gaps.gaps, gaps.ranked),
            Analysis(
                "journey", "steps between stages, with touchpoints", Area.CONVERSATIONS, journey.edges, journey.sankey
            ),
            Analysis("drop-off", "stages, and who did not go on", Area.CONVERSATIONS, journey.nodes, journey.drop_off),
            Analysis(
                "fault-cost",
                "what an integration's fault cost",
                Area.BUSINESS,
                incident_cost.fault,
                incident_cost.cost,
                frozenset({"provider"}),
            ),
            Analysis("geography", "conversations by country", Area.CONVERSATIONS, places.geography, places.with_bounds),
            Analysis("channels", "conversations by channel", Area.CONVERSATIONS, places.channels, places.with_bounds),
            Analysis(
                "segments", "conversations by customer segment", Area.CONVERSATIONS, places.segments, places.with_bounds
            ),
        )
    }
)


def get(name: str) -> Analysis:
    """Return an analysis by its name, or raise ``SettingsError`` that lists them."""
    if name not in ANALYSES:
        raise SettingsError(f"there is no analysis '{name}'; expected one of {', '.join(ANALYSES)}")
    return ANALYSES[name]
