"""Scores the customers of a slice of tenants, stores the scores, and returns the insights of their episodes.

A slice of whole tenants is read once. One in parts, which is that of a large tenant, is read twice: which of a tenant's
customers begin an episode is decided between, over all parts; everything else is decided of each customer by itself.
So the results are the same, however many slices and parts there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from clickhouse_connect.driver.client import Client

from detectors.customers.customer_features import CustomerFacts
from detectors.customers.customer_scores import (
    Bounds,
    CustomerScore,
    Key,
    advance,
    beginners,
    bounds_for,
    first_of,
    recently_ended,
    staying,
)
from detectors.customers.delayed_model import Counts, ExplainableModel, Features
from detectors.customers.labels import slots
from detectors.customers.recommendations import Candidate, Effect, choose, told
from jobs.customer_subject import Subject, read_facts
from models.insights import Insight
from models.tenant_slice import TenantSlice
from storage.label_store import LabelStore
from storage.recommendation_store import RecommendationStore

EVERY: Final = timedelta(days=7)
# An ended episode is reported again for this long, in case the run that ended it was interrupted.
_TELL_AGAIN: Final = timedelta(days=7)


class _Customers(NamedTuple):
    """Facts, features (where a model scores) and scores of customers, and their scores before."""

    facts: Mapping[Key, CustomerFacts]
    features: Mapping[Key, Features]
    scores: Mapping[Key, float]
    before: Mapping[Key, CustomerScore]


@dataclass(frozen=True)
class Unscored:
    """Customers without a probability: those that ``by_rule`` stand out, nobody where it is ``None``.

    ``prior`` is what is known of the usual share; ``behind`` are tenants that are left out.
    """

    client: Client
    store: LabelStore
    behind: Collection[UUID]
    at: datetime
    prior: float
    by_rule: Counts | None = None

    @property
    def bounds(self) -> Bounds:
        """The scores at which an episode begins and ends."""
        return Bounds(enter=self.prior, leave=self.prior)

    def of(self, subject: Subject, within: TenantSlice) -> Iterator[Insight]:
        """Score the customers of a slice; yield the insights."""
        subject = subject.of(within)
        whole = self._read(subject, within) if within.parts == 1 else None
        open_, found, facts = Counter[UUID](), dict[Key, float](), dict[Key, CustomerFacts]()
        for part in within.split():
            now = whole or self._read(subject, part)
            open_ += staying(now.before, now.scores, self.bounds)
            for key in beginners(now.before, now.scores, self.bounds, self.at):
                found[key], facts[key] = now.scores[key], now.facts[key]
        first = {key: facts[key] for key in first_of(found, open_)}
        chosen = self._chosen(subject, first, found, within)
        for part in within.split():
            now = whole or self._read(subject, part)
            yield from self._advanced(subject, now, chosen, part)

    def _advanced(
        self, subject: Subject, now: _Customers, chosen: Collection[Key], part: TenantSlice
    ) -> Iterator[Insight]:
        advanced = advance(now.before, now.scores, self.prior, self.bounds, self.at, chosen=chosen)
        standings = self._kept(advanced)
        self.store.add_standings(standings)
        open_ = [one for one in standings if one.is_open and (one.user_id, one.customer_id) in now.facts]
        yield from self._opened(subject, open_, now, part)
        yield from (subject.closed(one) for one in recently_ended(standings, self.at - _TELL_AGAIN))

    def _read(self, subject: Subject, part: TenantSlice) -> _Customers:
        facts = {(one.user_id, one.customer_id): one for one in read_facts(self.client, self.at, self.behind, part)}
        features, scores = self._scored(subject, facts)
        return _Customers(facts, features, scores, self.store.within(part).standings())

    def _scored(
        self, subject: Subject, facts: Mapping[Key, CustomerFacts]
    ) -> tuple[Mapping[Key, Features], Mapping[Key, float]]:
        rule = subject.unlearned if self.by_rule is not None else None
        stands_out = {key for key, one in facts.items() if rule is not None and rule(one, self.at)}
        return {}, {key: self.prior if key in stands_out else 0.0 for key in facts}

    def _chosen(
        self,
        subject: Subject,  # noqa: ARG002 - only a model needs it
        first: Mapping[Key, CustomerFacts],
        scores: Mapping[Key, float],  # noqa: ARG002 - as above
        within: TenantSlice,  # noqa: ARG002 - as above
    ) -> Collection[Key]:
        """Return who begins an episode, of those who may."""
        return set(first)

    def _kept(self, standings: Sequence[CustomerScore]) -> list[CustomerScore]:
        """Return the scores that are stored: of customers with a past or present episode, without a probability."""
        return [one._replace(probability=None) for one in standings if one.started_at is not None]

    def _opened(
        self,
        subject: Subject,
        open_: Sequence[CustomerScore],
        now: _Customers,
        part: TenantSlice,  # noqa: ARG002 - only a model needs it
    ) -> Iterator[Insight]:
        if self.by_rule is not None and subject.unlearned_opened is not None:
            for one in open_:
                yield subject.unlearned_opened(one, now.facts[one.user_id, one.customer_id], self.by_rule)


@dataclass(frozen=True, kw_only=True)
class Scored(Unscored):
    """Customers with the probability of a model, of whom the most valuable are recommended."""

    model: ExplainableModel
    recommended: RecommendationStore
    effects: Mapping[str, Effect]

    @property
    def bounds(self) -> Bounds:
        """The probabilities at which an episode begins and ends."""
        return bounds_for(self.prior)

    def _scored(
        self, subject: Subject, facts: Mapping[Key, CustomerFacts]
    ) -> tuple[Mapping[Key, Features], Mapping[Key, float]]:
        features = {key: subject.features(one, self.at) for key, one in facts.items()}
        return features, {key: self.model.predict_proba_one(x)[True] for key, x in features.items()}

    def _chosen(
        self,
        subject: Subject,
        first: Mapping[Key, CustomerFacts],
        scores: Mapping[Key, float],
        within: TenantSlice,
    ) -> Collection[Key]:
        candidates = []
        for key, facts in first.items():
            why = self.model.contributions(subject.features(facts, self.at))
            action = subject.action(facts, why, self.at)
            candidates.append(Candidate(*key, action, scores[key], subject.at_stake(facts, self.at)))
        recommended = self.recommended.within(within)
        new = choose(candidates, self.effects, recommended.room(_week_of(self.at), self.at), self.at)
        recommended.add(new)
        return {(one.user_id, one.customer_id) for one in new}

    def _kept(self, standings: Sequence[CustomerScore]) -> list[CustomerScore]:
        return list(standings)

    def _opened(
        self, subject: Subject, open_: Sequence[CustomerScore], now: _Customers, part: TenantSlice
    ) -> Iterator[Insight]:
        since = min((one.started_at for one in open_ if one.started_at is not None), default=self.at)
        recommended = self.recommended.within(part).since(since)
        reasons = {(one.user_id, one.customer_id, one.recommended_at): one for one in recommended}
        for one in open_:
            key = (one.user_id, one.customer_id)
            insight = subject.opened(one, now.facts[key], self.model.contributions(now.features[key]))
            insight = insight._replace(model_version=self.model.version)
            reason = reasons.get((*key, one.started_at or self.at))
            # An action of another version may be unknown.
            effect = None if reason is None else self.effects.get(reason.action)
            if reason is not None and effect is not None:
                insight = told(insight, reason, effect, now.facts[key].currency)
            yield insight


def _week_of(at: datetime) -> datetime:
    return slots(at - 2 * EVERY, at, EVERY, 1)[0]
