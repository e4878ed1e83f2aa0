"""Churn: customers who are likely to leave, with reasons and actions.

A customer has left who cancels, or who does not return within 30 days. Thirty days is the shortest horizon that is
longer than the usual gap between visits of nearly all customers of a chat, and short enough that a model has its first
labels after a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp
from statistics import NormalDist
from typing import Final, NamedTuple
from uuid import UUID

from detectors.customers.customer_features import CustomerFacts, common_features
from detectors.customers.customer_scores import CustomerScore, episode_of
from detectors.customers.delayed_model import MIN_LABELS, MIN_MOMENTS, VERSION, Counts
from detectors.customers.labels import Task
from detectors.insight_factory import InsightPeriod, Values, new_insight
from detectors.tail_probability import count_bound, count_deviation
from kpis.display import of_one_tenant, shown
from kpis.kpi import Unit
from models.counting import counted
from models.insights import Insight, Severity

CHURN: Final = Task("churn", timedelta(days=30), ("cancelled",), silence=True)

# Maximum number of factors shown; further ones change the odds little.
_MAX_FACTORS: Final = 4
_MIN_CONTRIBUTION: Final = 0.1
_NEW_DAYS: Final = 60
# Without a model: the probability below which a silence is too long for the customer's usual gap.
_OVERDUE_CHANCE: Final = 0.005
_OVERDUE_VISITS: Final = 4
# A wave: at least this many at once, 50 % above the usual number, and significant.
_MIN_WAVE, _WAVE_RATIO, _WAVE_DEVIATIONS = 5, 1.5, 4.0

_ACTIONS: Final = {
    "silence": "Write to them about their last open matter before offering anything.",
    "fewer": "Ask what changed: they come less often than they used to.",
    "satisfaction": "Have a person call them: their satisfaction fell.",
    "unresolved": "Go through their unresolved conversations and close what is open.",
    "slow": "Route them to a person first: their matters take long.",
    "failures": "Repair the integration queries that failed in their conversations, and tell them so.",
    "value": "Show them what they have not tried yet: they use less than others.",
    "new": "Offer help with the first steps: they are new and have seen little yet.",
}


ACTIONS: Final = tuple(_ACTIONS)
"""The topics of all actions."""


class Reason(NamedTuple):
    """A group of related features, and its text for this customer."""

    topic: str
    features: tuple[str, ...]
    words: str


def churn_features(facts: CustomerFacts, at: datetime) -> dict[str, float]:
    """Return the features of the model (docs/models/churn.md)."""
    return common_features(facts, at)


def factors(facts: CustomerFacts, contributions: Mapping[str, float], at: datetime) -> list[tuple[str, str]]:
    """Return the factors that raise this customer's risk, strongest first: (topic, text)."""
    weighed = [(sum(contributions.get(name, 0.0) for name in one.features), one) for one in _reasons(facts, at)]
    found = sorted((pair for pair in weighed if pair[0] >= _MIN_CONTRIBUTION), key=lambda pair: -pair[0])
    return [(reason.topic, reason.words) for _, reason in found[:_MAX_FACTORS]]


def overdue(facts: CustomerFacts, at: datetime) -> bool:
    """Whether the silence is improbably long for the customer's usual gap; needs no labels."""
    return facts.visits >= _OVERDUE_VISITS and exp(-facts.silent_days(at) / facts.usual_gap_days) < _OVERDUE_CHANCE


def at_stake(facts: CustomerFacts, at: datetime) -> float | None:
    """Return the money of 30 days that leaves with a customer, in the tenant's currency; ``None`` if there was none."""
    return facts.value / max((at - facts.first_at) / timedelta(days=30), 1.0) if facts.value > 0 else None


def action_for(facts: CustomerFacts, contributions: Mapping[str, float], at: datetime) -> str:
    """Return the topic of the action that the strongest reason asks for."""
    return next((topic for topic, _ in factors(facts, contributions, at)), "silence")


def risk(standing: CustomerScore, facts: CustomerFacts, contributions: Mapping[str, float]) -> Insight:
    """Return the insight of a customer whose episode is open."""
    at, probability = standing.scored_at, standing.probability or 0.0
    found = factors(facts, contributions, at)
    actions = [_ACTIONS[topic] for topic, _ in found] or [_ACTIONS["silence"]]
    worth = at_stake(facts, at)
    money = "" if worth is None else f" So far they brought {of_one_tenant(worth, facts.currency)} in 30 days."
    return _insight(
        standing,
        title=f"{_name(facts.customer_id)} may leave ({probability:.0%} within {CHURN.horizon.days} days)",
        summary=f"The usual risk of your customers is {standing.prior:.0%}.{money}",
        observed=round(facts.silent_days(at), 1),
        expected=round(facts.usual_gap_days, 1),
        factors=[words for _, words in found],
        actions=actions[:2],
    )


def unlearned(standing: CustomerScore, facts: CustomerFacts, counts: Counts) -> Insight:
    """Return the insight of an overdue customer while there are too few labels for a model; without a probability."""
    at = standing.scored_at
    words = _silence(facts, at)
    return _insight(
        standing,
        kind="overdue_customer",
        title=f"{_name(facts.customer_id)} is overdue: {words}",
        summary=(
            f"The model knows too little for a probability: it has {counted(counts.labels, 'label')} of "
            f"{counted(counts.moments, 'week')} and needs {MIN_LABELS} of {MIN_MOMENTS}. At this "
            "customer's pace so long a silence is rare."
        ),
        observed=round(facts.silent_days(at), 1),
        expected=round(facts.usual_gap_days, 1),
        factors=[words],
        actions=[_ACTIONS["silence"]],
    )


def closed(standing: CustomerScore) -> Insight:
    """Return the insight of a customer whose episode ended."""
    name = _name(standing.customer_id)
    if standing.ended == "recovered":
        return _insight(
            standing, title=f"{name} is no longer at risk of leaving", summary="The risk fell back to the usual."
        )
    silent = f"They cancelled, or have been silent for {CHURN.horizon.days} days and count as gone."
    return _insight(standing, title=f"{name} has left", summary=silent)


def wave(user_id: UUID, at_risk: int, customers: int, usual_share: float, at: datetime) -> Insight | None:
    """Return an insight where significantly more of a tenant's customers are at risk than usual, else ``None``.

    ``usual_share`` is the share at risk in the weeks before; ``at`` the beginning of this week.
    """
    expected = max(usual_share * customers, 0.5)
    deviation = count_deviation(at_risk, expected, 0.0)
    if at_risk < max(_MIN_WAVE, _WAVE_RATIO * expected) or deviation < _WAVE_DEVIATIONS:
        return None
    return new_insight(
        InsightPeriod("churn_risk", user_id, "wave", at),
        kind="churn_wave",
        severity="critical",
        title=f"{at_risk} of {counted(customers, 'customer')} at risk at once, usually {expected:.0f}",
        summary="Many customers became likely to leave in the same week: look for one cause before calling each.",
        confidence=NormalDist().cdf(deviation),
        model_version=VERSION,
        values=Values(
            observed=float(at_risk),
            expected=round(expected, 1),
            lower=count_bound(expected, 0.0, -2.6),
            upper=count_bound(expected, 0.0, 2.6),
            unit="customers",
            predicted=float(at_risk),
        ),
        factors=(f"{at_risk / customers:.0%} of the customers are at risk, usually {usual_share:.0%}",),
        actions=(
            "Compare with integration incidents, prices and releases of the last weeks.",
            "Answer the common cause in one message rather than case by case.",
        ),
    )


def _insight(
    standing: CustomerScore,
    *,
    title: str,
    summary: str,
    kind: str = "churn_risk",
    observed: float | None = None,
    expected: float | None = None,
    factors: Sequence[str] = (),
    actions: Sequence[str] = (),
) -> Insight:
    return new_insight(
        episode_of(standing, "churn_risk"),
        kind=kind,
        severity=_severity(standing.probability),
        title=title,
        summary=summary,
        confidence=standing.probability,
        model_version=VERSION,
        values=Values(observed, expected, unit="days since the last visit"),
        factors=factors,
        actions=actions,
    )


def _severity(probability: float | None) -> Severity:
    if probability is None:
        return "info"
    return "critical" if probability >= 0.8 else "warning" if probability >= 0.4 else "info"


def _reasons(facts: CustomerFacts, at: datetime) -> list[Reason]:
    age = (at - facts.first_at) / timedelta(days=1)
    known = [
        Reason("silence", ("recency", "overdue"), _silence(facts, at)),
        Reason(
            "fewer",
            ("visits_30d", "visits_90d", "frequency"),
            f"{_times(facts.visits_30d)} in the last 30 days, {_times(facts.visits_before_30d)} in the 30 before",
        ),
        Reason(
            "unresolved",
            ("unresolved",),
            f"left unresolved: {counted(facts.unresolved_90d, 'conversation')} of 90 days",
        ),
        Reason(
            "failures", ("failures",), f"failed for them in 90 days: {counted(facts.failures_90d, 'integration query')}"
        ),
        Reason(
            "value",
            ("value",),
            f"brought {shown(Unit.MONEY, facts.value / facts.visits, facts.currency)} a visit, "
            f"others {shown(Unit.MONEY, facts.usual_value_per_visit, facts.currency)}",
        ),
    ]
    if age < _NEW_DAYS:
        known.append(Reason("new", ("age",), f"first seen {counted(round(age), 'day')} ago"))
    if facts.satisfaction is not None and facts.satisfaction_before is not None:
        words = f"satisfaction {facts.satisfaction:.1f} in the last 30 days, {facts.satisfaction_before:.1f} before"
        known.append(Reason("satisfaction", ("satisfaction_trend",), words))
    if facts.resolution_minutes is not None:
        known.append(
            Reason(
                "slow",
                ("resolution",),
                f"solving takes {counted(round(facts.resolution_minutes), 'minute')} on average",
            )
        )
    return known


def _silence(facts: CustomerFacts, at: datetime) -> str:
    silent = f"no visit for {counted(round(facts.silent_days(at)), 'day')}"
    return silent if facts.visits < 2 else f"{silent}, usually every {max(facts.usual_gap_days, 1):.0f}"


def _times(count: int) -> str:
    return counted(count, "visit") if count else "no visit"


def _name(customer_id: str) -> str:
    # A pseudonym is its key's id, a dot and 32 digits: the first few tell customers of a tenant apart.
    return f"Customer {customer_id.rpartition('.')[2][:8]}" if customer_id else "This tenant"
