"""Who stands out now, and since when: the few customers of a tenant whose probability is far above the usual.

An episode begins when a probability passes ``enter`` and ends when it falls below ``leave`` or the customer is gone;
between the two nothing flickers. What was is read from the stored standings and what is follows from scores alone, so
doing a run again gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from detectors.insight_factory import Episode
from models.insights import InsightType

Key = tuple[UUID, str]
Ended = Literal["", "recovered", "gone"]
# An insight names this many customers of a tenant at most: nobody calls more.
MAX_PER_TENANT: Final = 20
# By how much the odds must stand above those of the average customer.
_ENTER_ODDS, _LEAVE_ODDS = 3.0, 2.0
# Below one in ten nearly every call would be for nothing, however rare the event is.
_LEAST = 0.1


class CustomerScore(NamedTuple):
    """Where a customer stands: a row of ``customer_scores``. Without an episode both times are ``None``.

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
        """Whether an episode is going on."""
        return self.started_at is not None and self.ended_at is None


def episode_of(score: CustomerScore, insight_type: InsightType) -> Episode:
    """Return the customer's episode; a score without one stands for an episode that begins with it."""
    return Episode(
        insight_type,
        score.user_id,
        subject=score.customer_id,
        started_at=score.started_at or score.scored_at,
        updated_at=score.ended_at or score.scored_at,
        ended_at=score.ended_at,
        customer_id=score.customer_id,
    )


class Bounds(NamedTuple):
    """Probabilities at which an episode begins and ends."""

    enter: float
    leave: float


def bounds_for(prior: float) -> Bounds:
    """Return the bounds for an event that happens to a share ``prior`` of customers."""
    return Bounds(_raised(prior, _ENTER_ODDS), min(_raised(prior, _LEAVE_ODDS), 0.9 * _raised(prior, _ENTER_ODDS)))


def advance(
    before: Mapping[Key, CustomerScore], scores: Mapping[Key, float], prior: float, bounds: Bounds, at: datetime
) -> list[CustomerScore]:
    """Return where everybody stands at ``at``, who was scored or had an episode open.

    ``before`` are the latest standings; those that are of ``at`` itself, because a run is repeated, stay what they are.
    """
    standings = []
    room = _room(before, scores, bounds)
    newcomers: dict[UUID, int] = {}
    for key in sorted(scores, key=lambda one: (-scores[one], one)):
        old = before.get(key)
        standing = CustomerScore(*key, at, scores[key], prior)
        if old is not None and old.scored_at >= at:
            standing = old
        elif old is not None and old.is_open:
            kept = scores[key] >= bounds.leave
            standing = standing._replace(started_at=old.started_at)
            standing = standing if kept else standing._replace(ended_at=at, ended="recovered")
        elif scores[key] >= bounds.enter and newcomers.get(key[0], 0) < room.get(key[0], MAX_PER_TENANT):
            newcomers[key[0]] = newcomers.get(key[0], 0) + 1
            standing = standing._replace(started_at=at)
        elif old is not None:
            standing = standing._replace(started_at=old.started_at, ended_at=old.ended_at, ended=old.ended)
        standings.append(standing)
    gone = [old for key, old in before.items() if old.is_open and key not in scores and old.scored_at < at]
    return standings + [old._replace(scored_at=at, ended_at=at, ended="gone") for old in gone]


def _room(before: Mapping[Key, CustomerScore], scores: Mapping[Key, float], bounds: Bounds) -> dict[UUID, int]:
    room: dict[UUID, int] = {}
    for key, old in before.items():
        if old.is_open and scores.get(key, 0.0) >= bounds.leave:
            room[key[0]] = room.get(key[0], MAX_PER_TENANT) - 1
    return room


def _raised(prior: float, by: float) -> float:
    odds = by * prior / (1.0 - prior)
    return max(odds / (1.0 + odds), _LEAST)


def recently_ended(standings: Sequence[CustomerScore], since: datetime) -> list[CustomerScore]:
    """Return those whose episode ended since a moment: said again, in case the run that ended them was cut short."""
    return [one for one in standings if one.ended_at is not None and one.ended_at >= since]
