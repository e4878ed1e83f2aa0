"""Episodes of customers: from scores to customers whose probability is far above the base rate.

An episode begins when a probability exceeds ``enter`` and ends when it falls below ``leave`` (hysteresis) or the
customer is gone. The result depends only on stored scores and new probabilities, so a repeated run gives the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from detectors.insight_factory import InsightPeriod
from models.insights import InsightType

Key = tuple[UUID, str]
Ended = Literal["", "recovered", "gone"]
# Maximum number of open episodes per tenant: a team cannot contact more.
MAX_PER_TENANT: Final = 20
# Odds ratio to the average customer.
_ENTER_ODDS, _LEAVE_ODDS = 3.0, 2.0
# Minimum probability: below it nearly every contact would be a false alarm.
_LEAST = 0.1


class CustomerScore(NamedTuple):
    """A customer's score: a row of ``customer_scores``. Without an episode both times are ``None``.

    Without a trained model there is no ``probability``.
    """

    user_id: UUID
    customer_id: str
    scored_at: datetime
    probability: float | None
    prior: float
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended: Ended = ""

    @property
    def is_open(self) -> bool:
        """Whether an episode is open."""
        return self.started_at is not None and self.ended_at is None


def episode_of(score: CustomerScore, insight_type: InsightType) -> InsightPeriod:
    """Return the customer's episode; a score without one stands for an episode that begins with it."""
    return InsightPeriod(
        insight_type,
        score.user_id,
        subject=score.customer_id,
        started_at=score.started_at or score.scored_at,
        updated_at=score.ended_at or score.scored_at,
        ended_at=score.ended_at,
        customer_id=score.customer_id,
    )


class Bounds(NamedTuple):
    """Thresholds at which an episode begins and ends."""

    enter: float
    leave: float


def bounds_for(prior: float) -> Bounds:
    """Return the thresholds for a base rate ``prior``."""
    return Bounds(_raised(prior, _ENTER_ODDS), min(_raised(prior, _LEAVE_ODDS), 0.9 * _raised(prior, _ENTER_ODDS)))


def advance(
    before: Mapping[Key, CustomerScore],
    scores: Mapping[Key, float],
    prior: float,
    bounds: Bounds,
    at: datetime,
    *,
    chosen: Collection[Key] | None = None,
) -> list[CustomerScore]:
    """Return the scores at ``at`` of customers that were scored or had an open episode.

    Of those that may begin an episode (``beginners``) only the ``chosen`` do; all of them if ``chosen`` is ``None``.
    ``before`` are the latest scores; those of ``at`` itself, from an earlier run, are kept.
    """
    standings = []
    begin = set(beginners(before, scores, bounds, at) if chosen is None else chosen)
    for key in sorted(scores, key=lambda one: (-scores[one], one)):
        old = before.get(key)
        standing = CustomerScore(*key, at, scores[key], prior)
        if old is not None and old.scored_at >= at:
            standing = old
        elif old is not None and old.is_open:
            kept = scores[key] >= bounds.leave
            standing = standing._replace(started_at=old.started_at)
            standing = standing if kept else standing._replace(ended_at=at, ended="recovered")
        elif key in begin:
            standing = standing._replace(started_at=at)
        elif old is not None:
            standing = standing._replace(started_at=old.started_at, ended_at=old.ended_at, ended=old.ended)
        standings.append(standing)
    gone = [old for key, old in before.items() if old.is_open and key not in scores and old.scored_at < at]
    return standings + [old._replace(scored_at=at, ended_at=at, ended="gone") for old in gone]


def beginners(
    before: Mapping[Key, CustomerScore], scores: Mapping[Key, float], bounds: Bounds, at: datetime
) -> list[Key]:
    """Return who may begin an episode at ``at``, by descending score, up to the limit of each tenant."""
    room, found = {user_id: MAX_PER_TENANT - many for user_id, many in staying(before, scores, bounds).items()}, []
    for key in sorted(scores, key=lambda one: (-scores[one], one)):
        old = before.get(key)
        is_settled = old is not None and (old.is_open or old.scored_at >= at)
        if is_settled or scores[key] < bounds.enter or room.get(key[0], MAX_PER_TENANT) <= 0:
            continue
        room[key[0]] = room.get(key[0], MAX_PER_TENANT) - 1
        found.append(key)
    return found


def staying(before: Mapping[Key, CustomerScore], scores: Mapping[Key, float], bounds: Bounds) -> Counter[UUID]:
    """Return how many episodes of each tenant stay open."""
    return Counter(key[0] for key, old in before.items() if old.is_open and scores.get(key, 0.0) >= bounds.leave)


def first_of(found: Mapping[Key, float], open_: Mapping[UUID, int]) -> list[Key]:
    """Return who may begin an episode of all that the parts of a tenant's customers have found (``beginners``).

    ``open_`` is how many episodes stay open, over all parts.
    """
    chosen: dict[UUID, int] = {}
    first = []
    for key in sorted(found, key=lambda one: (-found[one], one)):
        chosen[key[0]] = chosen.get(key[0], open_.get(key[0], 0)) + 1
        if chosen[key[0]] <= MAX_PER_TENANT:
            first.append(key)
    return first


def _raised(prior: float, by: float) -> float:
    odds = by * prior / (1.0 - prior)
    return max(odds / (1.0 + odds), _LEAST)


def recently_ended(standings: Sequence[CustomerScore], since: datetime) -> list[CustomerScore]:
    """Return the scores whose episode ended since a time: reported again, in case that run was interrupted."""
    return [one for one in standings if one.ended_at is not None and one.ended_at >= since]
