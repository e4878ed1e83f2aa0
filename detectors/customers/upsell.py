"""Upsell: customers who are likely to buy more, and tenants that could use another integration.

The label of a customer is an outcome ``upsold`` within 30 days; conversions are a feature, because a first sale is not
yet more of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from math import log, log1p
from typing import Final, NamedTuple
from uuid import UUID

from detectors.customers.calibration import share_interval
from detectors.customers.customer_features import CustomerFacts, common_features
from detectors.customers.customer_scores import CustomerScore, episode_of
from detectors.customers.delayed_model import VERSION
from detectors.customers.labels import Task
from detectors.insight_factory import InsightPeriod, Values, new_insight
from kpis.currency import KEPT_DIGITS
from kpis.display import of_one_tenant
from models.counting import counted
from models.insights import Insight
from models.nearest_rank import nearest_rank_of
from models.query import Query
from models.tenant_slice import ALL, TENANTS, TenantSlice

UPSELL: Final = Task("upsell", timedelta(days=30), ("upsold",), silence=False)

_MAX_FACTORS: Final = 3
_MIN_CONTRIBUTION: Final = 0.1
# A provider is proposed with at least this many similar tenants, if the lower end of the 90 % interval of the share
# that uses it is at least one half.
_MIN_TENANTS, _MIN_SHARE, _MIN_ALIKE = 5, 0.5, 0.34
_MAX_PROVIDERS: Final = 2
# A larger plan is proposed above this share of the rate limit in busy hours and this growth in four weeks.
_PRESSURE, _GROWTH = 0.8, 1.1

_ACTIONS: Final = {
    "growth": "Offer the next larger plan while their use grows.",
    "bought": "Propose what goes with what they bought.",
    "intent": "Follow up on the offer they asked about.",
    "content": "Ask them for more now: they are content.",
}

ACTIONS: Final = (*_ACTIONS, "similar")
"""The topics of all actions."""
_OTHERWISE: Final = "Offer what similar customers bought."

_VALUES: Final = f"""
SELECT user_id, toFloat64({nearest_rank_of("groupArray(business_value_generated)", 0.5)}) AS typical, count() AS sales
FROM conversation_outcomes FINAL
WHERE {TENANTS} AND outcome_type = 'upsold' AND business_value_generated > 0
    AND created_at < {{at:DateTime64(3, 'UTC')}}
GROUP BY user_id
"""  # noqa: S608 - our own
_CONNECTED: Final = f"""
SELECT user_id, toString(integration_provider) AS provider, max(created_at) AS seen_at
FROM integration_health_history
WHERE created_at >= {{at:DateTime64(3, 'UTC')}} - INTERVAL 30 DAY AND created_at < {{at:DateTime64(3, 'UTC')}}
    AND {TENANTS} AND user_id NOT IN {{behind:Array(UUID)}}
GROUP BY user_id, integration_provider
UNION DISTINCT
SELECT user_id, toString(integration_provider) AS provider, max(created_at) AS seen_at
FROM integration_query_metrics
WHERE created_at >= {{at:DateTime64(3, 'UTC')}} - INTERVAL 30 DAY AND created_at < {{at:DateTime64(3, 'UTC')}}
    AND {TENANTS} AND user_id NOT IN {{behind:Array(UUID)}}
GROUP BY user_id, integration_provider
"""  # noqa: S608 - our own
_PROVIDERS: Final = """
SELECT DISTINCT toString(integration_provider) AS provider FROM integration_health_history
WHERE created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY AND created_at < {at:DateTime64(3, 'UTC')}
UNION DISTINCT
SELECT DISTINCT toString(integration_provider) AS provider FROM integration_query_metrics
WHERE created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY AND created_at < {at:DateTime64(3, 'UTC')}
"""
# Windows stand for the queries: there are fewer of them.
_CONNECTIONS: Final = """
SELECT user_id, uniqExact(provider) AS rows
FROM
(
    SELECT user_id, toString(integration_provider) AS provider FROM integration_health_history
    WHERE created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY AND created_at < {at:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT user_id, toString(integration_provider) AS provider FROM query_windows
    WHERE window_start >= {at:DateTime64(3, 'UTC')} - INTERVAL 56 DAY AND window_start < {at:DateTime64(3, 'UTC')}
)
GROUP BY user_id
"""
_USE: Final = f"""
WITH {{at:DateTime64(3, 'UTC')}} AS at,
limits AS
(
    SELECT user_id, integration_provider,
        toFloat64({nearest_rank_of("groupArray(api_rate_limit_usage)", 0.95)}) AS limit_usage
    FROM integration_health_history
    WHERE {TENANTS} AND created_at >= at - INTERVAL 14 DAY AND created_at < at AND api_rate_limit_usage IS NOT NULL
    GROUP BY user_id, integration_provider
)
SELECT user_id, toString(integration_provider) AS provider, any(limits.limit_usage) AS limit_usage,
    sumIf(w.queries, w.window_start >= at - INTERVAL 28 DAY) AS queries,
    sumIf(w.queries, w.window_start < at - INTERVAL 28 DAY) AS queries_before,
    min(w.window_start) < at - INTERVAL 55 DAY AS covered
FROM
(
    SELECT * FROM query_windows FINAL
    WHERE {TENANTS} AND window_start >= at - INTERVAL 56 DAY AND window_start < at
        AND user_id NOT IN {{behind:Array(UUID)}}
) AS w
INNER JOIN limits USING (user_id, integration_provider)
GROUP BY user_id, integration_provider
"""  # noqa: S608 - our own


class Use(NamedTuple):
    """A tenant's use of an integration: queries of four weeks and of the four before, and rate-limit usage.

    ``limit_usage`` is the 95th percentile over two weeks; ``covered`` says that the history covers eight weeks.
    """

    user_id: UUID
    provider: str
    limit_usage: float
    queries: int
    queries_before: int
    covered: bool


class Typical(NamedTuple):
    """The median value of a tenant's own upsells, and their number."""

    value: float
    sales: int


def values_query(at: datetime, within: TenantSlice = ALL) -> Query:
    """Return the query of each tenant's median upsell value, from its own sales before a time."""
    return Query(_VALUES, {"at": at, **within.parameters})


def connections_query(at: datetime) -> Query:
    """Return the query of the number of providers (``rows``) that each tenant used in the weeks before a time."""
    return Query(_CONNECTIONS, {"at": at})


def providers_query(at: datetime) -> Query:
    """Return the query of the providers that any tenant used in the 30 days before a time."""
    return Query(_PROVIDERS, {"at": at})


def connected_query(at: datetime, behind: Collection[UUID] = (), within: TenantSlice = ALL) -> Query:
    """Return the query of the providers each tenant used in the 30 days before a time, but of those ``behind``."""
    return Query(_CONNECTED, {"at": at, **within.parameters, "behind": sorted(within.among(behind))})


def use_query(at: datetime, behind: Collection[UUID] = (), within: TenantSlice = ALL) -> Query:
    """Return the query of ``Use`` for each integration with a rate limit, but of the tenants ``behind``."""
    return Query(_USE, {"at": at, **within.parameters, "behind": sorted(within.among(behind))})


def upsell_features(facts: CustomerFacts, at: datetime) -> dict[str, float]:
    """Return the features of the model: the common ones, growth, earlier purchases, and intent."""
    intent = 0.1 if facts.conversion_probability is None else facts.conversion_probability
    return {
        **common_features(facts, at),
        "growth": log((facts.visits_30d + 1.0) / (facts.visits_before_30d + 1.0)),
        "upsells": log1p(facts.upsells),
        "conversions": log1p(facts.conversions),
        "intent": intent,
        "satisfaction": 3.5 if facts.satisfaction is None else facts.satisfaction,
    }


def factors(facts: CustomerFacts, contributions: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the factors that raise this customer's probability, strongest first: (topic, text)."""
    known = [
        (
            ("growth", "visits_30d", "visits_90d", "frequency"),
            (
                "growth",
                f"{counted(facts.visits_30d, 'visit')} in the last 30 days, {facts.visits_before_30d} in the 30 before",
            ),
        ),
        (
            ("upsells", "conversions", "value"),
            (
                "bought",
                (
                    f"bought {counted(facts.conversions + facts.upsells, 'time')}, "
                    f"{facts.upsells} of them more than before"
                ),
            ),
        ),
    ]
    if facts.satisfaction is not None:
        words = f"satisfaction {facts.satisfaction:.1f} of 5 in the last 30 days"
        known.append((("satisfaction", "satisfaction_trend"), ("content", words)))
    if facts.conversion_probability is not None:
        words = f"conversations of 30 days led to a sale with {facts.conversion_probability:.0%} on average"
        known.append((("intent",), ("intent", words)))
    weighed = [(sum(contributions.get(name, 0.0) for name in names), said) for names, said in known]
    found = sorted((pair for pair in weighed if pair[0] >= _MIN_CONTRIBUTION), key=lambda pair: -pair[0])
    return [said for _, said in found[:_MAX_FACTORS]]


def action_for(facts: CustomerFacts, contributions: Mapping[str, float]) -> str:
    """Return the topic of the action that the strongest reason asks for."""
    return next((topic for topic, _ in factors(facts, contributions)), "similar")


def opportunity(
    standing: CustomerScore, facts: CustomerFacts, contributions: Mapping[str, float], typical: Typical | None
) -> Insight:
    """Return the insight of an open episode; without earlier upsells of the tenant it has no expected value."""
    found, probability = factors(facts, contributions), standing.probability or 0.0
    name = f"Customer {facts.customer_id.rpartition('.')[2][:8]}" if facts.customer_id else "This tenant"
    worth = "No upsell of yours has a value yet, so none is expected here."
    if typical is not None:
        median = f"{of_one_tenant(typical.value, facts.currency)} (median of {typical.sales})"
        worth = f"Your upsells are worth {median}; that times the chance is expected."
    return _insight(
        standing,
        title=f"{name} is likely to buy more ({probability:.0%} within {UPSELL.horizon.days} days)",
        summary=f"The usual chance of your customers is {standing.prior:.0%}. {worth}",
        expected_value=None if typical is None else round(probability * typical.value, KEPT_DIGITS),
        factors=[words for _, words in found],
        actions=[_ACTIONS[topic] for topic, _ in found][:2] or [_OTHERWISE],
    )


def closed(standing: CustomerScore) -> Insight:
    """Return the insight of a customer whose episode ended."""
    why = {"recovered": "The chance fell back to the usual.", "gone": "They left, or have been silent for a month."}
    return _insight(standing, title="An upsell opportunity has passed", summary=why[standing.ended])


def larger_plan(use: Use, at: datetime) -> Insight | None:
    """Return an insight where a tenant's use approaches a rate limit, else ``None``; ``at`` starts the period."""
    if not use.covered or use.limit_usage < _PRESSURE or use.queries < _GROWTH * max(use.queries_before, 1):
        return None
    growth = use.queries / max(use.queries_before, 1) - 1.0
    return new_insight(
        InsightPeriod("upsell_opportunity", use.user_id, f"plan/{use.provider}", at, provider=use.provider),
        kind="larger_plan",
        severity="info",
        title=f"Use of {use.provider} grows into its rate limit",
        summary="A plan with a higher limit would carry the growth; nothing is known of what it is worth.",
        confidence=None,  # no model, so no probability
        model_version=VERSION,
        values=Values(use.limit_usage, _PRESSURE, unit="share of the rate limit"),
        factors=(
            f"busy hours use {use.limit_usage:.0%} of the rate limit",
            f"{counted(use.queries, 'query')} in four weeks, {growth:.0%} more than in the four before",
        ),
        actions=(f"Offer the next larger plan for {use.provider}.",),
    )


class ProviderProposal(NamedTuple):
    """A provider that similar tenants use: by what share of them, weighted by similarity, and by how many.

    ``span`` is the 90 % interval of the share without weights.
    """

    provider: str
    share: float
    using: int
    alike: int
    span: tuple[float, float]


def proposals(sets: Mapping[frozenset[str], int]) -> dict[frozenset[str], list[ProviderProposal]]:
    """Return what to propose to a tenant with each set of providers, from the number of tenants with each set.

    Similarity is the Jaccard index of the providers used, so it is the same for all tenants with the same set: the work
    grows with the number of different sets squared, not with that of tenants.
    """
    found = {}
    for own in sorted(sets, key=sorted):
        # Of the tenants with the same set, each is alike all but itself.
        alike = {
            theirs: (len(own & theirs) / len(own | theirs), many - (theirs == own))
            for theirs, many in sorted(sets.items(), key=lambda one: sorted(one[0]))
            if len(own & theirs) / len(own | theirs) >= _MIN_ALIKE
        }
        tenants = sum(many for _, many in alike.values())
        if tenants < _MIN_TENANTS:
            continue
        total = sum(weight * many for weight, many in alike.values())
        of_own = []
        for provider in {provider for theirs in alike for provider in theirs} - own:
            with_it = [alike[theirs] for theirs in alike if provider in theirs]
            using = sum(many for _, many in with_it)
            share = sum(weight * many for weight, many in with_it) / total
            of_own.append(ProviderProposal(provider, share, using, tenants, share_interval(using, tenants)))
        best = [one for one in of_own if min(one.share, one.span[0]) >= _MIN_SHARE]
        found[own] = sorted(best, key=lambda one: (-one.share, one.provider))[:_MAX_PROVIDERS]
    return {own: best for own, best in found.items() if best}


def unconnected(
    connected: Mapping[UUID, frozenset[str]],
    proposed: Mapping[frozenset[str], Sequence[ProviderProposal]],
    at: datetime,
) -> list[Insight]:
    """Return insights about providers that a tenant lacks and most similar tenants use; ``at`` starts the period."""
    return [_missing(user_id, own, one, at) for user_id, own in connected.items() for one in proposed.get(own, ())]


def _missing(user_id: UUID, own: frozenset[str], one: ProviderProposal, at: datetime) -> Insight:
    provider, span, similar = one.provider, one.span, counted(one.alike, "similar tenant")
    return new_insight(
        InsightPeriod("upsell_opportunity", user_id, provider, at, provider=provider),
        kind="unconnected_provider",
        severity="info",
        title=f"{provider} is not connected, but {one.using} of {similar} use it",
        summary=(
            f"Similar: {counted(one.alike, 'tenant')} with most of {', '.join(sorted(own))}. Of all such tenants, "
            f"{span[0]:.0%} to {span[1]:.0%} would use it, as far as {one.alike} can tell."
        ),
        confidence=None,
        model_version=VERSION,
        values=Values(0.0, round(one.share, 4), round(span[0], 4), round(span[1], 4), "share of similar tenants"),
        factors=(f"{one.using} of {similar} use {provider}",),
        actions=(f"Propose to connect {provider}, and say what it brought similar tenants.",),
    )


def _insight(
    standing: CustomerScore,
    *,
    title: str,
    summary: str,
    expected_value: float | None = None,
    factors: Sequence[str] = (),
    actions: Sequence[str] = (),
) -> Insight:
    return new_insight(
        episode_of(standing, "upsell_opportunity"),
        kind="likely_upsell",
        severity="info",
        title=title,
        summary=summary,
        confidence=standing.probability,
        model_version=VERSION,
        values=Values(unit="tenant's currency", predicted=expected_value),
        factors=factors,
        actions=actions,
    )
