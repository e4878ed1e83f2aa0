"""Ranks recommendations by expected value, from probabilities and the measured effects of earlier ones.

Expected value is the probability times the money at stake times the effect of the action. The effect is measured: of
the customers who were recommended an action, how many fewer left (or how many more bought) than their probabilities
said. Probabilities are calibrated, so that what they said is what would have happened otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from kpis.currency import KEPT_DIGITS
from kpis.display import of_one_tenant, shown
from kpis.kpi import Unit
from models.counting import counted
from models.insights import Insight

MAX_A_WEEK: Final = 10
"""New recommendations of a tenant in a calendar week (UTC), churn and upsell together: nobody calls more."""
MAX_OF_ONE_MODEL: Final = 8
"""Of these, those of churn alone or of upsell alone."""
EXPLORED: Final = 2
"""Of these, at most so many are chosen because little is known of their action."""

# Believed of an action before any outcome: that it changes what happens by a tenth, as from so many events.
_PRIOR_EFFECT, _PRIOR_EVENTS = 0.1, 10.0
# An action of which so many events were expected is no exploration any more.
_KNOWN_EVENTS: Final = 20.0
# The normal distribution's 95th percentile: an interval of 90 %.
_Z: Final = 1.6449


class RecommendationResult(NamedTuple):
    """What became of somebody who was recommended an action: ``happened`` is what the model had foretold."""

    action: str
    probability: float
    happened: bool


class Effect(NamedTuple):
    """By what share an action changes what it is meant to change, with an interval of 90 %.

    ``cases`` are the outcomes it rests on; ``expected`` is how many events their probabilities foretold.
    """

    share: float
    low: float
    high: float
    cases: int
    expected: float

    @property
    def is_known(self) -> bool:
        """Whether outcomes say more than what was believed beforehand."""
        return self.expected >= _KNOWN_EVENTS


class Candidate(NamedTuple):
    """Somebody who stands out: ``money`` is at stake (``None`` where unknown), ``action`` what would be done."""

    user_id: UUID
    customer_id: str
    action: str
    probability: float
    money: float | None


class Recommendation(NamedTuple):
    """A candidate who was chosen; ``expected_value`` is in the tenant's currency, ``None`` where no money is known.

    ``explores`` says that it was chosen to learn what its action does.
    """

    user_id: UUID
    customer_id: str
    recommended_at: datetime
    action: str
    probability: float
    money: float | None
    effect: float
    expected_value: float | None
    explores: bool


def effects(results: Iterable[RecommendationResult], actions: Iterable[str], *, prevents: bool) -> dict[str, Effect]:
    """Return the effect of each action, from what became of those who were recommended it.

    Parameters
    ----------
    results
        Outcomes of recommendations whose time is over.
    actions
        All actions there are; one without outcomes has the effect that is believed beforehand.
    prevents
        Whether actions are to prevent what is foretold (leaving) or to bring it about (buying).
    """
    happened: dict[str, int] = defaultdict(int)
    foretold: dict[str, float] = defaultdict(float)
    cases: dict[str, int] = defaultdict(int)
    for one in results:
        happened[one.action] += one.happened
        foretold[one.action] += one.probability
        cases[one.action] += 1
    names = sorted({*actions, *cases})
    return {name: _effect(happened[name], foretold[name], cases[name], prevents=prevents) for name in names}


def _effect(happened: int, foretold: float, cases: int, *, prevents: bool) -> Effect:
    # Events are Poisson around the ratio times what was foretold, and the ratio is Gamma: its posterior is Gamma, too.
    sign = -1.0 if prevents else 1.0
    shape = _PRIOR_EVENTS * (1.0 + sign * _PRIOR_EFFECT) + happened
    rate = _PRIOR_EVENTS + foretold
    ends = sorted(sign * (_gamma_quantile(shape, z) / rate - 1.0) for z in (-_Z, _Z))
    return Effect(sign * (shape / rate - 1.0), ends[0], ends[1], cases, foretold)


def _gamma_quantile(shape: float, z: float) -> float:
    """Return the quantile of a gamma distribution whose normal one is ``z`` (Wilson and Hilferty's approximation)."""
    return float(shape * max(1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape**0.5), 0.0) ** 3)


def worth(candidate: Candidate, effect: float) -> float | None:
    """Return the expected value of acting, 0 where the action does harm, ``None`` where no money is known."""
    return None if candidate.money is None else candidate.probability * candidate.money * max(effect, 0.0)


def choose(
    candidates: Sequence[Candidate], known: Mapping[str, Effect], room: Mapping[UUID, int], at: datetime
) -> list[Recommendation]:
    """Return whom to recommend, by tenant the most valuable first, at most ``room`` of each.

    The last places, up to ``EXPLORED``, go to actions of which little is known, ranked by what they may be worth at
    best. Where no money is known, the likeliest come first.
    """
    by_tenant: dict[UUID, list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_tenant[one.user_id].append(one)
    chosen = []
    for user_id, of_tenant in sorted(by_tenant.items()):
        places = max(0, room.get(user_id, MAX_OF_ONE_MODEL))
        explored = min(EXPLORED, places // 4)
        ranked = sorted(of_tenant, key=lambda one: _rank(one, known[one.action].share))
        best = ranked[: places - explored]
        unknown = [one for one in ranked[places - explored :] if not known[one.action].is_known]
        tried = sorted(unknown, key=lambda one: _rank(one, known[one.action].high))[:explored]
        rest = [one for one in ranked[places - explored :] if one not in tried][: explored - len(tried)]
        chosen += [_recommended(one, known[one.action], at, explores=False) for one in [*best, *rest]]
        chosen += [_recommended(one, known[one.action], at, explores=True) for one in tried]
    return chosen


def _rank(one: Candidate, effect: float) -> tuple[bool, float, float, str]:
    value = worth(one, effect)
    return value is None, -(value or 0.0), -one.probability, one.customer_id


def _recommended(one: Candidate, effect: Effect, at: datetime, *, explores: bool) -> Recommendation:
    value = worth(one, effect.share)
    rounded = None if value is None else round(value, KEPT_DIGITS)
    return Recommendation(
        one.user_id, one.customer_id, at, one.action, one.probability, one.money, effect.share, rounded, explores
    )


def told(insight: Insight, one: Recommendation, effect: Effect, currency: str) -> Insight:
    """Return an insight with what acting on it is expected to be worth; ``currency`` is the tenant's, or empty."""
    summary = f"{insight.summary} {_in_words(one, effect, currency)}"
    return insight._replace(summary=summary, predicted_value=one.expected_value)


def _in_words(one: Recommendation, effect: Effect, currency: str) -> str:
    """Return how the expected value comes about, and on what the effect rests."""
    rests = (
        f"measured on {counted(effect.cases, 'outcome')}, {effect.low:.0%} to {effect.high:.0%}"
        if effect.is_known
        else f"assumed, until more than {counted(effect.cases, 'outcome')} are known"
    )
    words = f"The action changes the outcome by {max(one.effect, 0.0):.0%} ({rests})."
    if one.expected_value is not None and one.money is not None:
        words += (
            f" Acting is expected to be worth {of_one_tenant(one.expected_value, currency)}: {one.probability:.0%} of "
            f"{shown(Unit.MONEY, one.money, currency)} at stake, times that effect."
        )
    if one.explores:
        words += " This is an exploration: it is recommended to learn what the action does."
    return words
