"""Needs of tenants: missing data and integrations, more capacity, a larger plan.

Insights are per week: they begin on its Monday and end with it unless they are found again.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from statistics import NormalDist
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from detectors.forecast import VERSION as FORECAST_VERSION
from detectors.forecast import WEEK, Floats, Forecast
from detectors.insight_factory import InsightPeriod, Values, new_insight
from detectors.tail_probability import count_deviation
from models.counting import counted
from models.insights import Insight
from models.nearest_rank import nearest_rank_of
from models.query import Query
from models.tenant_slice import ALL, TENANTS, TenantSlice

VERSION: Final = "needs-1"

MAX_PER_TENANT: Final = 5
_MIN_CONVERSATIONS, _MIN_SHARE = 5, 0.01
# Format of a gap label; other text is used unchanged.
_LABEL: Final = re.compile(r"^(?P<provider>[a-z][a-z0-9_-]*):\s*(?P<subject>[^()]+?)\s*(?:\((?P<reason>[^)]+)\))?$")
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]*")
# Minimum growth: 25 % above the mean of the weeks before, and four of their standard deviations.
_GROWTH, _DEVIATIONS = 1.25, 4.0
_MIN_WEEKLY: Final = 100.0
_MIN_HOURLY: Final = 20.0

_MENTIONS: Final = """
SELECT user_id, 1 + sum(length(knowledge_gaps_identified)) AS rows FROM conversation_intelligence
WHERE created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 60 DAY AND created_at < {at:DateTime64(3, 'UTC')}
GROUP BY user_id
"""
_GAPS: Final = """
SELECT user_id, toString(gap) AS label,
    uniqExactIf(conversation_id, created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY) AS conversations,
    uniqExactIf(conversation_id, created_at < {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY) AS before
FROM conversation_intelligence FINAL
ARRAY JOIN arrayDistinct(knowledge_gaps_identified) AS gap
WHERE [tenants] AND created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 60 DAY AND created_at < {at:DateTime64(3, 'UTC')}
GROUP BY user_id, gap
""".replace("[tenants]", TENANTS)
_CONVERSATIONS: Final = """
SELECT user_id,
    uniqExactIf(conversation_id, created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 30 DAY) AS conversations,
    groupUniqArrayArray(data_types_accessed) AS accessed,
    min(created_at) <= {at:DateTime64(3, 'UTC')} - INTERVAL 59 DAY AS has_before
FROM conversation_intelligence
WHERE [tenants] AND created_at >= {at:DateTime64(3, 'UTC')} - INTERVAL 60 DAY
    AND created_at < {at:DateTime64(3, 'UTC')}
GROUP BY user_id
""".replace("[tenants]", TENANTS)
_USAGE: Final = f"""
SELECT user_id, toString(integration_provider) AS integration_provider,
    toFloat64({nearest_rank_of("groupArray(api_rate_limit_usage)", 0.95)}) AS usage
FROM integration_health_history
WHERE user_id IN {{tenants:Array(UUID)}} AND created_at >= {{at:DateTime64(3, 'UTC')}} - INTERVAL 14 DAY
    AND created_at < {{at:DateTime64(3, 'UTC')}} AND api_rate_limit_usage IS NOT NULL
GROUP BY user_id, integration_provider
"""  # noqa: S608 - our own


class Link(NamedTuple):
    """One tenant's connection to one provider; the provider is empty where a need names none."""

    user_id: UUID
    provider: str


class Gap(NamedTuple):
    """A parsed gap label; ``provider`` is empty where the label names none."""

    provider: str
    subject: str
    reason: str


class Asked(NamedTuple):
    """Number of conversations with a label in the last 30 days, and in the 30 days before."""

    label: str
    conversations: int
    before: int


class Tenant(NamedTuple):
    """A tenant's connected providers, and the data types that its conversations had access to.

    ``has_before`` says that its history covers 60 days, so that there is a trend.
    """

    user_id: UUID
    connected: frozenset[str]
    accessed: frozenset[str]
    conversations: int
    has_before: bool


def mentions_query(at: datetime) -> Query:
    """Return the query of how many gaps a tenant's conversations of 60 days name: ``rows``, one more at least."""
    return Query(_MENTIONS, {"at": at})


def gaps_query(at: datetime, within: TenantSlice = ALL) -> Query:
    """Return the query of conversations per tenant and knowledge gap in 30 days, and in the 30 before."""
    return Query(_GAPS, {"at": at, **within.parameters})


def conversations_query(at: datetime, within: TenantSlice = ALL) -> Query:
    """Return the query of conversations per tenant in 30 days, and of the data types they had access to."""
    return Query(_CONVERSATIONS, {"at": at, **within.parameters})


def usage_query(at: datetime, tenants: Collection[UUID]) -> Query:
    """Return the query of the 95th percentile of rate-limit usage per integration of some tenants over two weeks."""
    return Query(_USAGE, {"at": at, "tenants": sorted(tenants)})


def read(label: str, providers: Collection[str]) -> Gap:
    """Return a parsed label: ``provider: subject (reason)``, or free text that may name a known provider."""
    text = " ".join(label.split())
    if found := _LABEL.match(text):
        return Gap(found["provider"], found["subject"].strip(), found["reason"] or "")
    lowered = text.casefold()
    named = next((word for word in _WORD.findall(lowered) if word in providers), "")
    return Gap(named, lowered, "")


def needs(tenant: Tenant, asked: Sequence[Asked], providers: Collection[str], at: datetime) -> list[Insight]:
    """Return the needs of a tenant, by number of conversations; ``at`` is the start of the week.

    Labels of a provider that is not connected form one need. A data type that conversations had access to is not
    missing, even where a single record was not found.
    """
    groups: dict[tuple[str, str], list[tuple[Gap, Asked]]] = defaultdict(list)
    for one in asked:
        gap = read(one.label, providers)
        lacks_provider = gap.provider != "" and gap.provider not in tenant.connected
        if lacks_provider or gap.subject not in tenant.accessed:
            groups[gap.provider, "" if lacks_provider else gap.subject].append((gap, one))
    counted = [(key, _total(tenant, members), members) for key, members in groups.items()]
    ranked = sorted(counted, key=lambda one: (-one[1], one[0]))
    least = max(_MIN_CONVERSATIONS, _MIN_SHARE * tenant.conversations)
    return [_need(tenant, key, members, at) for key, total, members in ranked if total >= least][:MAX_PER_TENANT]


def growth(link: Link, history: Floats, coming: Forecast, at: datetime) -> Insight | None:
    """Return an insight where an integration is used far more than in the weeks before, else ``None``.

    ``history`` has hourly counts, oldest first, of at least five weeks.
    """
    if len(history) < 5 * WEEK:
        return None
    weeks = history[-5 * WEEK :].reshape(5, WEEK).sum(axis=1)
    before, last = weeks[:4], float(weeks[4])
    usual = float(before.mean())
    spread = float(before.std(ddof=1)) + 0.05 * usual
    deviations = (last - usual) / max(spread, 1e-9)
    if usual < _MIN_WEEKLY or last < _GROWTH * usual or deviations < _DEVIATIONS:
        return None
    next_week = float(coming.value.sum())
    provider = link.provider
    return new_insight(
        _episode(link, f"growth/{provider}", at),
        kind="usage_growth",
        severity="info",
        title=f"{provider} is used {last / usual - 1:.0%} more than in the weeks before",
        summary=(
            f"{counted(round(last), 'query')} last week, {usual:,.0f} a week before; "
            f"expected next week: {next_week:,.0f}."
        ),
        confidence=_student(deviations),
        values=Values(last, usual, float(before.min()), float(before.max()), "queries a week", round(next_week, 2)),
        factors=(f"{counted(round(last), 'query')} last week, at most {before.max():,.0f} in the four weeks before",),
        actions=(f"Check that the plan and the rate limit of {provider} fit this volume.",),
        model_version=FORECAST_VERSION,
    )


def capacity(link: Link, usage: float, history: Floats, coming: Forecast, at: datetime) -> Insight | None:
    """Return an insight where the rate limit will likely be reached within seven days, else ``None``.

    ``usage`` is the share of the limit used in busy hours of the last two weeks. It is assumed to grow in proportion to
    the queries of busy hours.
    """
    busy = float(np.quantile(history[-2 * WEEK :], 0.95))
    if busy < _MIN_HOURLY:
        return None
    hour = int(np.argmax(coming.value))
    peak, upper = coming.value[hour] / busy * usage, coming.upper[hour] / busy * usage
    spread = max(float(upper - peak) / 1.645, 1e-6)
    chance = 1.0 - NormalDist(float(peak), spread).cdf(1.0)
    if chance < 0.5:
        return None
    provider = link.provider
    return new_insight(
        _episode(link, f"capacity/{provider}", at),
        kind="rate_limit_capacity",
        severity="warning",
        title=f"{provider} will likely reach its rate limit within seven days",
        summary=(
            f"Busy hours use {usage:.0%} of the limit at {counted(round(busy), 'query')}; the busiest hour of the next "
            f"seven days is expected to have {coming.value[hour]:,.0f}, {peak:.0%} of the limit."
        ),
        confidence=chance,
        values=Values(usage, 1.0, None, float(upper), "share of the rate limit", round(float(peak), 4)),
        factors=(f"busy hours already use {usage:.0%} of the limit",),
        actions=(
            f"Ask {provider} for a higher limit, or cache what is asked for most.",
            "Move syncs out of the busiest hours.",
        ),
        model_version=FORECAST_VERSION,
    )


def _need(tenant: Tenant, key: tuple[str, str], members: Sequence[tuple[Gap, Asked]], at: datetime) -> Insight:
    provider, subject = key
    total, share = _total(tenant, members), _total(tenant, members) / max(tenant.conversations, 1)
    before = sum(one.before for _, one in members)
    trend = f", {before} in the 30 before" if tenant.has_before else ""
    subjects = sorted({gap.subject for gap, _ in members})
    reasons = sorted({gap.reason for gap, _ in members if gap.reason})
    connect = subject == ""
    what = f"a connection to {provider}" if connect else f"{subject} from {provider}" if provider else subject
    action = (
        f"Connect {provider}."
        if connect
        else f"Make {subject} available{f' in {provider}' if provider else ''}{f': {reasons[0]}' if reasons else ''}."
    )
    return new_insight(
        _episode(Link(tenant.user_id, provider), f"need/{provider}/{subject}", at),
        kind="missing_provider" if connect else "missing_data",
        severity="info",
        title=f"{counted(total, 'conversation')} needed {what}",
        summary=f"{share:.1%} of the conversations of 30 days met this gap{trend}.",
        # Confidence that more than 1 % of conversations meet the gap.
        confidence=NormalDist().cdf(count_deviation(total, max(_MIN_SHARE * tenant.conversations, 0.5), 0.0)),
        values=Values(
            float(total),
            float(before) if tenant.has_before else None,
            unit="conversations in 30 days",
            predicted=float(total),
        ),
        factors=tuple(f"asked for: {one}" for one in subjects[:3]) + tuple(f"reason: {one}" for one in reasons[:2]),
        actions=(action,),
        model_version=VERSION,
    )


def _student(deviations: float) -> float:
    """Return how unlikely so high a week is after four others: Student's t with three degrees of freedom."""
    scaled = deviations / math.sqrt(3.0)
    return 0.5 + (scaled / (1.0 + scaled * scaled) + math.atan(scaled)) / math.pi


def _total(tenant: Tenant, members: Sequence[tuple[Gap, Asked]]) -> int:
    # A conversation with two labels of a need counts twice; the sum is capped at the number of conversations.
    return min(sum(one.conversations for _, one in members), tenant.conversations)


def _episode(link: Link, subject: str, at: datetime) -> InsightPeriod:
    return InsightPeriod("integration_need", link.user_id, subject, at, provider=link.provider)
